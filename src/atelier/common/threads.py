"""The number of CPU threads that torch computes with."""

import os

import torch


def set_threads(threads: int) -> None:
    """Set torch's number of threads in this process, whatever `OMP_NUM_THREADS` says; 0: all cores it may run on.

    How a sum is split over threads changes its rounding, so results depend on this number, not on the number of cores.
    """
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
