"""The parameter decides on torch's threads, not the environment."""

import os

import pytest
import torch

from atelier.common.threads import set_threads


@pytest.mark.parametrize(("threads", "expected"), [(1, 1), (3, 3), (0, len(os.sched_getaffinity(0)))])
def test_torch_computes_with_as_many_threads_as_asked(threads, expected, monkeypatch, request):
    before = torch.get_num_threads()
    request.addfinalizer(lambda: torch.set_num_threads(before))
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    torch.set_num_threads(7)
    set_threads(threads)
    assert torch.get_num_threads() == expected
