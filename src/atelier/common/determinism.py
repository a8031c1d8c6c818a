"""The same bytes in every run on a GPU (`models.deterministic`)."""

import os

import torch


def set_deterministic(wanted: bool) -> None:
    """Let torch use deterministic algorithms alone, if `wanted`. Call before the first computation on a GPU.

    Some CUDA kernels add numbers in no fixed order. On a CPU nothing changes: its results depend on the number of
    threads alone (`threads.set_threads`).
    """
    if not (wanted and torch.cuda.is_available()):
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic with a fixed workspace only
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
