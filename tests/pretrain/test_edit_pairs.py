"""Shards of image pairs, and the sheet that shows them."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.images.tensors import to_pixels
from atelier.models.loading import load_model
from atelier.sampling.text_to_image import generate
from pretrain import edit_pairs, pair_sheet
from pretrain.edit_captions import CaptionEdit
from pretrain.edit_pairs import Settings, plan_pairs, read_shards

EDITS = [
    CaptionEdit("make the shirt blue", "a red shirt", "a blue shirt", "shirt", "colour", "blue"),
    CaptionEdit("add dots to the dress", "a red dress", "a red dotted dress", "dress", "pattern", None, "dots"),
    CaptionEdit("a skirt instead", "red trousers", "a red skirt", "trousers", "kind"),
]
SETTINGS = Settings(samples=2, steps=2, guidance=3.0, shares=(0.1, 0.9), maps="both", seed=7, batch_size=3)


def run(base, edits, out, *words: str):
    given = ["--base", str(base), "--edits", str(edits), "--out", str(out), "--samples", "2", "--steps", "2"]
    rest = ["--guidance", "3", "--seed", "7", "--batch-size", "3", "--shard-size", "4", *words]
    return CliRunner().invoke(edit_pairs.main, [*given, *rest])


@pytest.fixture(scope="module")
def edits_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("edits") / "edits.jsonl"
    path.write_text("".join(f"{json.dumps(asdict(edit))}\n" for edit in EDITS))
    return path


@pytest.fixture(scope="module")
def folder(sd_folder, edits_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("pairs") / "pairs"
    result = run(sd_folder, edits_file, out)
    assert result.exit_code == 0, result.output
    assert "pairs/s" in result.output
    return out


def test_shards_hold_every_sample_of_every_edit(folder):
    shards = list(read_shards(folder))
    assert [len(shard.records) for shard in shards] == [4, 2]
    records = [record for shard in shards for record in shard.records]
    assert [(one["number"], one["sample"]) for one in records] == [(n, s) for n in range(3) for s in range(2)]
    for record in records:
        assert {name: record[name] for name in asdict(EDITS[0])} == asdict(EDITS[record["number"]])
        assert 0.1 <= record["share"] <= 0.9
    for tensors in (shard.tensors for shard in shards):
        assert {name: (one.dtype, tuple(one.shape[1:])) for name, one in tensors.items()} == {
            "before": (torch.float16, (4, 8, 8)), "after": (torch.float16, (4, 8, 8)),
            "before_images": (torch.uint8, (32, 32, 3)), "after_images": (torch.uint8, (32, 32, 3)),
        }  # fmt: skip


def test_first_images_are_those_of_text_to_image(folder, sd_folder):
    for shard in read_shards(folder):
        prompts, seeds = ([record[name] for record in shard.records] for name in ("before", "seed"))
        expected = to_pixels(generate(load_model(sd_folder), prompts, seeds, steps=2, guidance=3.0))
        assert np.abs(expected.astype(int) - shard.tensors["before_images"].numpy()).max() <= 1


def test_a_stopped_run_goes_on_with_the_same_bytes(folder, sd_folder, edits_file, tmp_path):
    out = tmp_path / "pairs"
    shutil.copytree(folder, out)
    shutil.rmtree(out / "shard-00001")
    kept = (out / "shard-00000" / "pairs.safetensors").stat().st_mtime_ns
    assert run(sd_folder, edits_file, out).exit_code == 0
    assert digest(out) == digest(folder)
    assert (out / "shard-00000" / "pairs.safetensors").stat().st_mtime_ns == kept


@pytest.mark.parametrize(
    ("words", "named"), [(["--guidance", "4"], "guidance"), (["--shares", "0", "1", "--maps", "self"], "shares, maps")]
)
def test_shards_of_other_settings_are_not_continued(folder, sd_folder, edits_file, words, named):
    result = run(sd_folder, edits_file, folder, *words)
    assert result.exit_code == 2
    assert f"made with other {named}; give another --out" in result.output


def test_attention_of_a_transformer_is_not_replaced(sd3_folder, edits_file, tmp_path):
    result = run(sd3_folder, edits_file, tmp_path / "out")
    assert result.exit_code == 2
    assert "expected a StableDiffusionPipeline" in result.output


def test_a_file_that_holds_no_edits_is_refused(sd_folder, tmp_path):
    for text, reason in (("", "no edits"), ('{"caption": "a red shirt"}\n', ":1: not an edit")):
        (tmp_path / "edits.jsonl").write_text(text)
        result = run(sd_folder, tmp_path / "edits.jsonl", tmp_path / "out")
        assert (result.exit_code, reason in result.output) == (2, True), result.output


def test_shares_are_uniform_and_a_pairs_own():
    planned = plan_pairs(EDITS * 100, SETTINGS)
    shares = np.array([pair.share for pair in planned])
    assert shares.min() > 0.1
    assert shares.max() < 0.9
    assert np.abs(np.quantile(shares, [0.25, 0.5, 0.75]) - [0.3, 0.5, 0.7]).max() < 0.05  # 600 draws
    more = plan_pairs(EDITS * 100, replace(SETTINGS, samples=3))
    assert [pair for pair in more if pair.sample < 2] == planned
    assert len({pair.seed for pair in more}) == len(more)


def test_a_damaged_shard_and_an_empty_folder_are_refused(folder, tmp_path):
    with pytest.raises(UserError, match="no shards of pairs"):
        list(read_shards(tmp_path))
    shutil.copytree(folder, tmp_path / "pairs")
    records = tmp_path / "pairs" / "shard-00001" / "records.jsonl"
    records.write_text(records.read_text().splitlines()[0] + "\n")
    with pytest.raises(UserError, match="shard-00001: damaged"):
        list(read_shards(tmp_path / "pairs"))


def test_sheets_show_pairs_of_one_folder_or_of_several(folder, sd_folder, edits_file, tmp_path):
    fixed, other = tmp_path / "fixed", tmp_path / "other"
    assert run(sd_folder, edits_file, fixed, "--shares", "0.5", "0.5").exit_code == 0
    assert run(sd_folder, edits_file, other, "--seed", "8").exit_code == 0
    widths = {}
    for name, folders in {"one": [folder], "two": [folder, fixed]}.items():
        out = tmp_path / f"{name}.png"
        result = CliRunner().invoke(pair_sheet.main, [*map(str, folders), "--out", str(out), "--count", "5"])
        assert result.exit_code == 0, result.output
        widths[name], height = Image.open(out).size
        assert height > 5 * 128
    assert widths["two"] - widths["one"] == 2 * 134
    result = CliRunner().invoke(pair_sheet.main, [str(folder), str(other), "--out", str(tmp_path / "no.png")])
    assert result.exit_code == 2
    assert "not of the same edits, seed and settings" in result.output
