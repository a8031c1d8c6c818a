"""Memory of decoding: at most 12 bytes per pixel above the decoded size, and bounded however many threads decode."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from schema_files import as_bytes

from atelier.images import decode

ALLOWED = 12  # bytes per pixel


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read from Linux's /proc")
def test_a_picture_of_64_megapixels_costs_little_more_than_its_decoded_size():
    script = Path(__file__).with_name("decode_memory.py")
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=300)
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert [line[0] for line in lines] == ["I;16", "I;16", "P", "P", "RGBA", "RGBA"]
    for kind, decoded, peak in lines:
        assert float(decoded) <= float(peak) <= float(decoded) + ALLOWED, kind


def test_threads_decode_within_one_budget_of_pixels(monkeypatch):
    """Six pictures of 2,400 pixels at once, where 5,000 are allowed: two at a time, and all are decoded."""
    running, most, lock, flatten = [0], [0], threading.Lock(), decode.flatten
    pause = threading.Event()

    def watched(picture: Image.Image) -> Image.Image:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        pause.wait(0.05)
        with lock:
            running[0] -= 1
        return flatten(picture)

    monkeypatch.setattr(decode, "_free", 5000)
    monkeypatch.setattr(decode, "flatten", watched)
    data = as_bytes(Image.fromarray(np.zeros((40, 60), np.uint8)))
    with ThreadPoolExecutor(6) as pool:
        assert [done.pixels.size for done in pool.map(decode.decode_picture, [data] * 6)] == [(60, 40)] * 6
    assert most[0] == 2
    assert decode._free == 5000  # what failed pictures held is given back as well
    for damaged in (data[:60], b"x"):
        with pytest.raises(ValueError, match="picture"):
            decode.decode_picture(damaged)
    assert decode._free == 5000


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.parametrize("case", [(), ("mask",), ("profile",), ("profile", "mask")])
def test_an_edit_of_a_large_photo_costs_little_more_than_the_photo(tmp_path, case):
    """Three bytes per pixel are the photo; a colour profile, a mask and the edit itself are within the rest."""
    script = Path(__file__).with_name("edit_memory.py")
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, script, tmp_path, *case]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=path)
    assert 3 <= float(ran.stdout) <= 3 + ALLOWED
