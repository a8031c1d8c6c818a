"""The masks that `generate.keep` takes: zones or found ones, never a renderer's own; and the stage that reads them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from import_graph import ROOT
from ruamel.yaml import YAML
from segmenters import build_segmenter

from atelier.common.errors import UserError
from atelier.common.records import Edit, Probe, TestProbe, Zones, read_rows, write_rows
from atelier.config import Generate
from atelier.images.tensors import from_png, mask_from_png, mask_to_png, to_png
from atelier.sampling.edit import edit_probes
from atelier.sampling.plan import plan_edits
from atelier.sampling.probe_masks import collect_masks, read_zones
from stages.generate import main as generate

COLUMNS = np.indices((32, 32))[1]
EXACT, ZONE, OWN, FOUND = (width > COLUMNS for width in (8, 12, 20, 24))


def probe(number: int, kind: type = Probe, **values):
    """A probe of a random picture."""
    pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    texts = {"prompt": "make the shirt red", "garment": "shirt", "domain": "seen", "factor": "colour", "value": "red"}
    names = ("source_id", "item_id", "person_id", "source_caption", "target_caption")
    blank = dict.fromkeys(names, "") | {"mask": None, "box": None}
    return kind(**blank | texts | {"probe_id": f"p{number}", "source": to_png(pixels)} | values)


def zone(number: int, mask: np.ndarray, origin: str) -> Zones:
    return Zones(row_id=f"p{number}", tight=mask_to_png(mask), box=[0.0, 0.0, 32.0, 32.0], origin=origin)


def find(pictures, garments):
    """Find every garment in the first 24 columns, but no skirt."""
    return [FOUND & (garment != "skirt") for garment in garments]


EXACT_PNG, OWN_PNG = mask_to_png(EXACT), mask_to_png(OWN)
PROBES = [
    probe(0, mask=EXACT_PNG, exact_mask=EXACT_PNG),  # rendered, the zones are of the exact mask
    probe(1, exact_mask=EXACT_PNG),  # rendered, the zones were found
    probe(2, mask=OWN_PNG),  # photograph, the data set gave a mask
    probe(3, garment="skirt"),  # nothing is found
    probe(4, garment="", mask=OWN_PNG, exact_mask=EXACT_PNG),  # the whole picture may change
    probe(5, TestProbe, mask=OWN_PNG),  # held-out pairs have no zones
    probe(6, TestProbe, mask=EXACT_PNG, exact_mask=EXACT_PNG),
]
ZONES = [zone(0, EXACT, "given"), zone(1, ZONE, "predicted"), zone(2, OWN, "given")]


def test_a_rendered_pictures_own_mask_is_never_taken(tmp_path, capsys):
    write_rows(tmp_path / "zones.parquet", Zones, [*ZONES, zone(99, EXACT, "predicted")])
    zones = read_zones(tmp_path / "zones.parquet", PROBES)
    assert set(zones) == {"p0", "p1", "p2"}
    found = {name: mask_from_png(png) for name, png in collect_masks(PROBES, zones, find).items()}
    expected = {"p0": FOUND, "p1": ZONE, "p2": OWN, "p5": OWN, "p6": FOUND}
    assert found.keys() == expected.keys()
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name], mask)
    assert "the garment of 1 of 7 probes is not found" in capsys.readouterr().err


def test_probes_are_not_edited_without_the_masks_that_are_needed(editor):
    settings = Generate(steps=1, guidance_text=1.0, guidance_image=1.0, sweep_probes=0, sweep_text="1.0",
                        sweep_image="1.0", batch_size=2, seed=7, keep="latent")  # fmt: skip
    with pytest.raises(UserError, match=r"generate\.keep: latent needs the probes' masks"):
        next(edit_probes(editor, plan_edits(PROBES[:1], settings), "x", settings))


def run_stage(folder: Path, keep: str, *words: str):
    """Run the stage on probes 0 and 5; what it writes is `edits` and `tests`."""
    values = YAML().load(ROOT / "params.yaml")
    values["models"].update(segmenter=str(folder / "segmenter"), device="cpu", threads=1)
    values["generate"].update(steps=1, sweep_probes=0, keep=keep)
    YAML().dump(values, folder / "params.yaml")
    write_rows(folder / "probes.parquet", Probe, [dataclasses.replace(PROBES[0], noop=None)])
    write_rows(folder / "tests.parquet", TestProbe, [PROBES[5]])
    write_rows(folder / "zones.parquet", Zones, ZONES)
    paths = {"params": "params.yaml", "probes": "probes.parquet", "tests": "tests.parquet", "out": f"{keep}.parquet",
             "out-tests": f"{keep}-tests.parquet"}  # fmt: skip
    options = [f"--{name}={folder / path}" for name, path in paths.items()]
    return CliRunner().invoke(generate, [*options, "--model=baseline", *words])


def test_the_stage_composites_inside_found_masks_and_refuses_to_without_zones(
    tiny_editor_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    build_segmenter(tmp_path / "segmenter", finds="lower")
    weights = f"--weights={tiny_editor_folder}"
    refused = run_stage(tmp_path, "composite", weights)
    assert (refused.exit_code, len(refused.stderr.strip().splitlines())) == (2, 1)
    assert "generate.keep: composite needs masks; expected --zones" in refused.stderr
    assert not (tmp_path / "composite.parquet").exists()
    for keep in ("none", "composite"):
        made = run_stage(tmp_path, keep, weights, f"--zones={tmp_path / 'zones.parquet'}")
        assert made.exit_code == 0, made.output
    (plain,), (kept,) = (read_rows(tmp_path / f"{keep}-tests.parquet", Edit) for keep in ("none", "composite"))
    source, edited = from_png(PROBES[5].source), from_png(kept.edited)
    np.testing.assert_array_equal(edited[:, 20:], source[:, 20:])
    np.testing.assert_array_equal(edited[:, :16], from_png(plain.edited)[:, :16])
    (plain,), (kept,) = (read_rows(tmp_path / f"{keep}.parquet", Edit) for keep in ("none", "composite"))
    assert plain.edited == kept.edited  # this segmenter finds no shirt: everything may change
