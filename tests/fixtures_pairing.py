"""Items for the tests of `pair`: a small rendered study, and photograph-like pictures of one garment."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atelier.config import Pair, Prepare
from atelier.fingerprints import fingerprint
from atelier.images import from_png, to_png
from atelier.pairing import pair_items
from atelier.pairing.recolour import recolour
from atelier.preparing import prepare_items
from atelier.records import Item, Probe, Triplet, read_rows, write_rows
from atelier.shelf import Shelf

SIZE = 48
STUDY = Prepare(
    size=SIZE, fit="letterbox", seen="world:studio", seen_schema="deepfashion", seen_rows=240,
    unseen="world:street", unseen_schema="fashionpedia", unseen_rows=24, columns="", max_refused=0.05, seed=7,
)  # fmt: skip
PAIR = Pair(triplets=60, aligned=0.7, given=0.0, probes=4, near_duplicate=2, seed=7)


@pytest.fixture(scope="session")
def prepared_items(tmp_path_factory) -> Path:
    """The file of 30 rendered garment items in 8 pictures each, and of 24 street pictures."""
    folder = tmp_path_factory.mktemp("items")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        prepare_items(STUDY, folder / "items.parquet")
    return folder / "items.parquet"


@pytest.fixture(scope="session")
def items(prepared_items: Path) -> list[Item]:
    return read_rows(prepared_items, Item)


@pytest.fixture(scope="session")
def shelf(prepared_items: Path) -> Shelf:
    return Shelf(prepared_items)


def shelve(items: Iterable[Item], folder: Path) -> Shelf:
    """A shelf of these items, from a file in a folder."""
    write_rows(folder / "items.parquet", Item, items)
    return Shelf(folder / "items.parquet")


def folded(base: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A photograph-like picture: noise all over, and in its mask a garment of one colour under folds."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[10:40, 8:36] = True
    folds = 1 + 0.25 * np.sin(np.arange(SIZE) / 3)
    picture[mask] = np.clip(np.array(base) * folds[None, :, None], 0, 255).repeat(SIZE, 0)[mask].astype(np.uint8)
    return picture, mask


def photograph(variant: str, caption: str, colour: str | None = None, **changes) -> Item:
    """A photograph of one item, its garment in a colour."""
    picture, mask = folded((120, 120, 120))
    pixels = picture if colour is None else recolour(picture, mask, colour)
    base = {
        "image_id": f"seen-{variant}", "domain": "seen", "split": "train", "item_id": "id_1", "person_id": "",
        "pose": f"{variant}_1_front", "view": "front", "gender": "woman", "garment": "shirt", "slot": "upper",
        "box": None, "scene": None,
    }  # fmt: skip
    own = {"variant": variant, "caption": caption, "image": to_png(pixels), "mask": to_png(mask.astype(np.uint8) * 255)}
    values = {**base, **own, **changes}
    return Item(**{"fingerprint": fingerprint(from_png(values["image"])), **values})


def noise(seed: int) -> np.ndarray:
    """A picture like no other: uint8 (SIZE, SIZE, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Paired:
    """What `pair` made, read back from its files."""

    triplets: list[Triplet]
    probes: list[Probe]
    report: dict[str, Any]


def pair(items: Iterable[Item], params: Pair, folder: Path) -> Paired:
    """Run `pair` on these items, in a folder."""
    write_rows(folder / "items.parquet", Item, items)
    triplets, probes = folder / "triplets.parquet", folder / "probes.parquet"
    report = pair_items(folder / "items.parquet", triplets, probes, params)
    return Paired(read_rows(triplets, Triplet), read_rows(probes, Probe), report)


@pytest.fixture(scope="session")
def paired(items: list[Item], tmp_path_factory) -> Paired:
    """The pairs of the small rendered study."""
    return pair(items, PAIR, tmp_path_factory.mktemp("pairs"))
