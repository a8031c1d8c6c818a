"""Print the peak memory of opening a photo, putting an edit into it and saving it, in bytes per pixel.

Run by test_memory.py in a process of its own for each case: a peak is that of the whole process.
"""

import sys
from pathlib import Path

import icc_profiles as icc
import numpy as np
from decode_memory import status
from PIL import Image

from atelier.images.photo import composite, from_square, open_mask, open_photograph, save

SIDE = 4000


def write(folder: Path, profile: bytes | None, side: int) -> tuple[Path, Path]:
    """Write a photo of side × side pixels and a mask of it."""
    ramp = np.linspace(0, 255, side).astype(np.uint8)
    grey = Image.fromarray(np.broadcast_to(ramp, (side, side)))
    Image.merge("RGB", [grey] * 3).save(folder / "photo.jpg", icc_profile=profile, quality=50)
    Image.fromarray(np.broadcast_to((ramp > 90) & (ramp < 160), (side, side))).save(folder / "mask.png")
    return folder / "photo.jpg", folder / "mask.png"


def edit(path: Path, mask: Path | None) -> None:
    photograph = open_photograph(path, 64)
    inside = open_mask(mask, photograph) if mask else None
    edited = composite(photograph, from_square(255 - photograph.square, photograph), inside)
    save(edited, path.with_name("edited.jpg"), photograph.profile)


if __name__ == "__main__":
    folder, *case = sys.argv[1:]
    for side in (64, SIDE):  # the small one loads what every edit needs
        photo, mask = write(Path(folder), icc.wide_rgb() if "profile" in case else None, side)
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = status("VmRSS")
        edit(photo, mask if "mask" in case else None)
    print(round((status("VmHWM") - before) / SIDE**2, 2))
