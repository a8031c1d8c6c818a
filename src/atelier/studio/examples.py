"""Pictures at hand: rendered people of the kind that the embedded editor was trained on."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from atelier import scenes

SIZE = 256  # px; the embedded editor sees them at 64
SEED = 11
PICKED = ("studio", 0), ("studio", 26), ("street", 3), ("studio", 50), ("street", 8), ("street", 13)  # domain, row


def write_examples(folder: Path) -> list[Path]:
    """Render the examples into a folder as PNG files; the same files on every machine."""
    return [_write(folder / f"{domain}-{row}.png", picture) for domain, row, picture in _render()]


def _render() -> Iterator[tuple[str, int, Image.Image]]:
    for domain, row in PICKED:
        (made,) = scenes.rows(f"world:{domain}", row + 1, SEED, SIZE, start=row)
        yield domain, row, made["images" if domain == "studio" else "image"]


def _write(path: Path, picture: Image.Image) -> Path:
    picture.save(path, "PNG")
    return path
