"""Records of dvc.lock are used for the weights they were made with, and for no others."""

import json
import shutil
from pathlib import Path

import pytest
from import_graph import ROOT
from ruamel.yaml import YAML

from atelier.export.model_card import write_card
from atelier.export.provenance import dvc_digest, trace

FACTS = {"base": "timbrooks/instruct-pix2pix", "method": "selective", "trained_parameters": 204_885_120}
CELL = {"mean": 12.3456, "ci_lo": 11.5, "ci_hi": 13.25, "n": 8}


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """Make a repository as after `dvc repro`: files, and a dvc.lock with their digests."""
    report = {"seen": {"sources": 2, "probes": 8, "finetuned": {"clip_directional": CELL}}}
    items, triplets, edits = (f"data/{one}.parquet" for one in ("prepared/items", "pairs/triplets", "edits/finetuned"))
    files = {
        "models/finetuned/finetuned.json": "{}", "models/finetuned/trained.safetensors": "weights", items: "items",
        triplets: "triplets", edits: "edits", "metrics/evaluate.json": json.dumps(report),
        "metrics/sheets/overview.png": "picture",
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)

    def entries(paths: list[str]) -> list[dict[str, str]]:
        return [{"path": path, "hash": "md5", "md5": dvc_digest(tmp_path / path)} for path in paths]

    def stage(deps: list[str], outs: list[str], **params: dict) -> dict:
        return {"deps": entries(deps), "outs": entries(outs), "params": {"params.yaml": params}}

    stages = {
        "prepare": stage([], [items], prepare={"seen": "SaffalPoosh/x", "unseen": "fashionpedia", "size": 512}),
        "pair": stage([items], [triplets], pair={"triplets": 2000}),
        "train": stage([triplets], ["models/finetuned"], train={"lr": 1e-5, "loss": "trimap"}),
        "generate@finetuned": stage(["models/finetuned"], [edits], generate={"steps": 20, "guidance_text": 7.5}),
        "evaluate": stage([edits], ["metrics/evaluate.json", "metrics/sheets"]),
    }
    YAML().dump({"schema": "2.0", "stages": stages}, tmp_path / "dvc.lock")
    return tmp_path


@pytest.fixture(name="study")
def _study(root: Path) -> Path:
    """The same files and lock in studies/mine: a study's lock has paths from the root, and the root another lock."""
    study = root / "studies" / "mine"
    for name in ("data", "models", "metrics", "dvc.lock"):
        shutil.copytree(root / name, study / name) if (root / name).is_dir() else shutil.copy(root / name, study)
    lock = YAML(typ="safe").load(study / "dvc.lock")
    for stage in lock["stages"].values():
        for entry in (*stage["deps"], *stage["outs"]):
            entry["path"] = f"studies/mine/{entry['path']}"
        stage["params"] = {"studies/mine/params.yaml": stage["params"]["params.yaml"]}
    lock["stages"]["train"]["params"]["studies/mine/params.yaml"]["train"]["lr"] = 0.5
    YAML().dump(lock, study / "dvc.lock")
    return study


def test_a_study_s_weights_have_the_facts_of_its_own_lock(root, study):
    known, of_root = trace(study / "models/finetuned", root), trace(root / "models/finetuned", root)
    assert (known.params["train"]["lr"], of_root.params["train"]["lr"]) == (0.5, 1e-5)
    assert known.params.keys() == of_root.params.keys()
    assert known.data == of_root.data
    assert known.report == of_root.report is not None
    assert known.sheet == study / "metrics/sheets/overview.png"
    assert known.missing == ()


def test_digests_equal_those_in_dvc_lock():
    """Compare with folders that this repository's own lock names and git holds."""
    stages = YAML(typ="safe").load(ROOT / "dvc.lock")["stages"]
    recorded = {dep["path"]: dep["md5"] for stage in stages.values() for dep in stage.get("deps", [])}
    for path in ("models/base/clip", "models/base/segmenter"):
        assert dvc_digest(ROOT / path) == recorded[path]
    assert dvc_digest(ROOT / "nowhere") is None


def test_the_lock_s_weights_have_all_facts_also_as_a_copy_in_another_folder(root, tmp_path):
    known = trace(root / "models/finetuned", root)
    assert known.params["train"] == {"lr": 1e-5, "loss": "trimap"}
    assert (known.params["prepare"]["size"], known.params["pair"]["triplets"]) == (512, 2000)
    assert known.params["generate"]["steps"] == 20
    assert known.data == {"data/pairs/triplets.parquet": dvc_digest(root / "data/pairs/triplets.parquet")}
    assert known.report["seen"]["probes"] == 8
    assert known.sheet == root / "metrics/sheets/overview.png"
    assert known.missing == ()
    shutil.copytree(root / "models/finetuned", tmp_path / "copy")
    assert trace(tmp_path / "copy", root).report is not None


def test_other_weights_and_a_repository_without_a_lock_have_no_facts(root):
    (root / "models/finetuned/trained.safetensors").write_text("others")
    known = trace(root / "models/finetuned", root)
    assert (known.params, known.data, known.report, known.sheet) == ({}, {}, None, None)
    assert "dvc.lock does not know these weights" in known.missing[0]
    (root / "dvc.lock").unlink()
    assert trace(root / "models/finetuned", root).params == {}


@pytest.mark.parametrize("text", [
    "<<<<<<< HEAD\nstages: {}\n", "", "stages: 1", "stages: {train: 1}", "stages: {train: {outs: [1]}}", "[" * 2000,
    "stages: {train: {outs: {}}}", "other: {}", "a: &a [*a]",
])  # fmt: skip
def test_a_damaged_lock_gives_no_facts_and_says_so(root, text):
    (root / "dvc.lock").write_text(text)
    known = trace(root / "models/finetuned", root)
    assert (known.params, known.data, known.report, known.sheet) == ({}, {}, None, None)
    assert known.missing[0].startswith("dvc.lock ")


def test_scores_of_another_run_and_parameters_of_other_triplets_are_left_out(root):
    (root / "metrics/evaluate.json").write_text("{}")
    known = trace(root / "models/finetuned", root)
    assert known.report is None
    assert known.params["train"]["lr"] == 1e-5
    assert "metrics/evaluate.json is not of these weights" in known.missing[0]
    lock = YAML(typ="safe").load(root / "dvc.lock")
    lock["stages"]["pair"]["outs"][0]["md5"] = "0" * 32  # `pair` ran again, `train` did not
    YAML().dump(lock, root / "dvc.lock")
    params = trace(root / "models/finetuned", root).params
    assert "prepare" not in params
    assert "train" in params


def test_the_card_shows_all_facts(root):
    card = write_card(FACTS, trace(root / "models/finetuned", root), 512, adapters=False)
    for fact in (
        "base_model: timbrooks/instruct-pix2pix\n", "- trained parameters: 204,885,120\n", "- lr: 1e-05\n", "![",
        "SaffalPoosh/x (2000 triplets requested, 512 px)", f"MD5 `{dvc_digest(root / 'data/pairs/triplets.parquet')}`",
        "num_inference_steps=20, guidance_scale=7.5, image_guidance_scale=1.5, generator=noise",
        "### Seen domain: 2 images, 8 edits",
        "| **this editor** | – | 12.3 (11.5 … 13.2) |",
    ):  # fmt: skip
        assert fact in card
