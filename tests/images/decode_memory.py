"""Print how many bytes per pixel it takes to decode pictures of each kind: their peak, above what was there before.

Run by test_memory.py in a process of its own: a peak is that of the whole process.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from PIL import Image

from atelier.common.errors import RefusedError
from atelier.images.decode import Picture, decode_mask, decode_picture
from atelier.images.tensors import MAX_PIXELS

SIDE = 8000
ANY = Picture(Image.new("RGB", (8, 8)), (8, 8), 1)


def png(colour: int, bits: int, channels: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Encode SIDE × SIDE pixels without holding them."""
    packer, row = zlib.compressobj(1), b"\0" + bytes([200]) * (SIDE * channels * bits // 8)
    data = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    header = struct.pack(">IIBBBBB", SIDE, SIDE, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    framed = [struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def cases() -> Iterator[tuple[str, int, bytes]]:
    """Yield a kind, its decoded bytes per pixel, and the encoded picture."""
    palette = (b"PLTE", bytes(range(256)) * 3)
    yield "I;16", 2, png(0, 16, 1)
    yield "P", 1, png(3, 8, 1, palette, (b"tRNS", bytes([0, 255])))
    yield "RGBA", 4, png(6, 8, 4)


def status(key: str) -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def measure(data: bytes, as_mask: bool) -> float:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status("VmRSS")
    with suppress(RefusedError):  # an empty mask
        decode_mask(data, ANY) if as_mask else decode_picture(data)
    return (status("VmHWM") - before) / MAX_PIXELS


if __name__ == "__main__":
    for kind, decoded, encoded in cases():
        for as_mask in (False, True):
            print(kind, decoded, round(measure(encoded, as_mask), 2))
