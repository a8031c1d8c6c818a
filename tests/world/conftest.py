"""Shots for the tests of the photographic world."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from atelier.world.shards import Shards
from shoot import pack

SHOTS = Path(__file__).parent / "shots"  # two outfits of the street, one of the studio with three shots and a twin

PRODUCTS, LYING = SHOTS.parent / "products", SHOTS.parent / "lying"


@pytest.fixture(scope="session")
def make_layers() -> Callable[[int], SimpleNamespace]:
    """Make the layers of two overlapping discs of cloth in front of a coloured wall, `size` px wide."""

    def make(size: int) -> SimpleNamespace:
        rng = np.random.default_rng(0)
        y, x = np.mgrid[:size, :size] / size
        discs = [np.clip((0.28 - np.hypot(x - cx, y - 0.5)) * size, 0, 1) for cx in (0.35, 0.62)]
        alpha = np.stack([discs[0] * (1 - discs[1]), discs[1], np.zeros_like(x)], axis=-1)
        free = 1 - alpha.sum(-1, keepdims=True)
        base = free * np.array([0.3, 0.5, 0.4]) * (0.8 + 0.2 * rng.random((size, size, 1)))
        shade = 0.4 + 0.5 * x[..., None] * np.ones(3)
        cloth = np.stack([x, y, np.full_like(x, 0.5)], axis=-1)
        return SimpleNamespace(base=base, alpha=alpha, shade=shade, cloth=cloth, body=0 * x, face=0 * x)

    return make


@pytest.fixture(scope="session")
def pack_shots(tmp_path_factory) -> Callable[[Path], Shards]:
    """Pack a folder of shots."""

    def make(folder: Path) -> Shards:
        out = tmp_path_factory.mktemp("packed") / folder.name
        result = CliRunner().invoke(pack.main, [str(folder), "--out", str(out)])
        assert result.exit_code == 0, result.output
        return Shards(out)

    return make


@pytest.fixture(scope="session")
def world(pack_shots) -> Shards:
    """People in outfits."""
    return pack_shots(SHOTS)


@pytest.fixture(scope="session")
def wares_world(pack_shots) -> Shards:
    """A product of every kind for studies, and five for base models."""
    return pack_shots(PRODUCTS)


@pytest.fixture(scope="session")
def people_world(pack_shots) -> Shards:
    """People and their deformed twins: two pairs for studies, one for base models."""
    return pack_shots(LYING)


@pytest.fixture
def world_as_default(world, monkeypatch) -> Shards:
    """Let scenes be composed of the shots beside the tests."""
    monkeypatch.setenv("ATELIER_WORLD", str(world.folder))
    return world
