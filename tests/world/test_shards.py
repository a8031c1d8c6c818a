"""Packing repeats byte for byte, keeps outfits together, and reading finds every shot or says what is wrong."""

import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from atelier.common.errors import UserError
from atelier.world import Scene, rows, sample_outfit, shards, shotfile
from atelier.world.shards import INDEX, Shards, original_of, part_of
from shoot import pack
from shoot.deformities import FAULTS


def test_packing_repeats_and_holds_the_files(world, tmp_path, pytestconfig):
    folder = pytestconfig.rootpath / "tests" / "world" / "shots"
    result = CliRunner().invoke(pack.main, [str(folder), "--out", str(tmp_path / "again")])
    assert "outfits with fewer than 3 shots: 25, 41" in result.output
    files = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert files == {path.name: path.read_bytes() for path in world.folder.iterdir()}
    with zipfile.ZipFile(world.folder / "shots-00.zip") as archive:
        assert archive.testzip() is None
        for path in folder.glob("*.shot"):
            assert archive.read(path.name) == path.read_bytes() == world.read(path.stem)


def test_outfits_stay_together_in_files_of_limited_size(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "MOST", 3000)
    paths = []
    for name in ("0001-0", "0001-1", "0002-0", "0002-0t", "0002-1", "0003-0"):
        paths.append(tmp_path / f"{name}.shot")
        paths[-1].write_bytes(bytes(1000))
    groups = pack.divide(paths)
    assert [path for group in groups for path in group] == paths
    assert [{path.name[:4] for path in group} for group in groups] == [{"0001"}, {"0002"}, {"0003"}]


def test_items_have_their_shots_without_twins(world):
    assert [(item.number, item.domain, item.shots) for item in world.items()] == [
        (25, "street", ("0025-2",)),
        (41, "street", ("0041-2",)),
        (42, "studio", ("0042-0", "0042-1", "0042-2")),
    ]
    assert [item.number for item in world.items("studio", 3)] == [42]
    assert world.twin("0042-0") == "0042-0t"
    assert world.twin("0042-1") is None
    assert world.facts["0042-0"]["outfit"][0]["kind"] == "trousers"
    assert world.shot("0042-0") is world.shot("0042-0")


def test_a_twin_without_its_original_is_a_shot(world, tmp_path):
    for name in ("0042-0t", "0042-1"):
        (tmp_path / f"{name}.shot").write_bytes(world.read(name))
    result = CliRunner().invoke(pack.main, [str(tmp_path), "--out", str(tmp_path / "out")])
    assert "kept as shots: 0042-0t" in result.output
    assert [item.shots for item in Shards(tmp_path / "out").items()] == [("0042-0t", "0042-1")]


def test_products_and_people_in_poses_are_packed_with_their_facts(wares_world, people_world):
    facts = wares_world.facts["p0071"]
    assert (facts["kind"], facts["view"], facts["place"], facts["twin"]) == ("bear", "standing", "studio", None)
    assert set(facts["logo"]) == {"layer", "u", "v", "width"}
    assert [shade is None for shade in facts["shades"]] == [share == 0 for share in facts["seen"]] == [False] * 3
    assert all(len(item.shots) == 1 and item.domain == "product" for item in wares_world.items())
    assert [item.shots for item in people_world.items("body")] == [("l0013",), ("l0042",), ("l0045",)]
    for item in people_world.items():
        (whole,) = item.shots
        deformed = people_world.twin(whole)
        assert (deformed, original_of(deformed), original_of(whole)) == (f"{whole}x", whole, whole)
        mine, other = people_world.facts[whole], people_world.facts[deformed]
        assert other["twin"] in FAULTS
        assert {key for key in mine if mine[key] != other[key]} <= {"twin", "seen"}


def test_a_body_and_its_twin_stay_together(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "MOST", 3000)
    paths = [tmp_path / f"{name}.shot" for name in ("l0001", "l0001x", "l0002", "l0002x")]
    for path in paths:
        path.write_bytes(bytes(1000))
    assert pack.divide(paths) == [paths[:2], paths[2:]]


def test_a_shot_of_an_unknown_domain_is_refused(make_layers, tmp_path):
    (tmp_path / "a.shot").write_bytes(shotfile.pack(make_layers(16), {"item": 0, "domain": "moon"}))
    result = CliRunner().invoke(pack.main, [str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "a shot of the domain 'moon'; one of studio, street, product, body" in result.output


def _remove(folder):
    (folder / "shots-00.zip").unlink()


def _damage(folder):
    path = folder / "shots-00.zip"
    path.write_bytes(path.read_bytes().replace(b"RIFF", b"RIFT"))


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        (_remove, "0042-0", "shots-00.zip: cannot be read: No such file"),
        (_damage, "0042-0", "damaged at shot 0042-0"),
        (lambda folder: None, "9999-0", "no shot '9999-0'; the index has 6 shots"),
        (lambda folder: (folder / INDEX).unlink(), None, "no stored shots; make them with python -m shoot.pack"),
        (lambda folder: (folder / INDEX).write_text("{}"), None, "not an index of stored shots"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(world, tmp_path, spoil, name, said):
    folder = shutil.copytree(world.folder, tmp_path / "world")
    spoil(folder)
    with pytest.raises(UserError, match=said) as caught:
        Shards(folder).shot(name)
    assert "\n" not in str(caught.value)


def test_the_folder_is_found(world, wares_world, tmp_path, monkeypatch):
    monkeypatch.delenv("ATELIER_WORLD", raising=False)
    inner = tmp_path / "studies" / "one"
    inner.mkdir(parents=True)
    shutil.copytree(world.folder, tmp_path / "data" / "world")
    monkeypatch.chdir(inner)
    assert shards.find_folder() == tmp_path / "data" / "world"
    monkeypatch.setenv("ATELIER_WORLD", str(world.folder))
    assert shards.open_world().facts == world.facts
    monkeypatch.setenv("ATELIER_PRODUCTS", str(wares_world.folder))
    assert shards.open_stored("products").facts == wares_world.facts
    assert shards.find_folder("lying") == Path(__file__).parents[2] / "data" / "lying"


def test_studies_and_base_models_share_no_outfit(world):
    parts = {item: part_of(item, ("studio", "street")[item % 2]) for item in range(300)}
    counted = Counter((item % 2, part) for item, part in parts.items())
    assert counted == {(0, "study"): 90, (0, "base"): 60, (1, "study"): 60, (1, "base"): 90}
    assert part_of(0, "product") == "study"
    shown = {Scene.from_json(row["scene"]).shot for row in rows("street", 8, 0, 32, world=world)}
    assert shown == {"0041-2"}
    trained = {sample_outfit(np.random.default_rng(n), "street", part="base", world=world).shot for n in range(8)}
    assert trained == {"0025-2"}
