"""Prompts of one's own and given pairs from pair to report: three sets, edited and scored alike."""

from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner
from fixtures_pairs import ALL_GIVEN, Paired, given, noise, pair
from import_graph import ROOT
from ruamel.yaml import YAML
from segmenters import build_segmenter

from atelier.common.records import Edit, read_rows
from atelier.config import Evaluate, Mask, PairPrompt, read_params
from atelier.evaluation.evaluate import Inputs, evaluate, load_scorers
from atelier.evaluation.score import OF_PICTURES
from atelier.images.tensors import mask_to_png
from atelier.masks.make import mask_all
from atelier.report.tables import compare_with_paper
from stages.generate import main as generate

PROMPTS = ("make the shirt red", "make it black and white")
MODELS = ("baseline", "finetuned")
GARMENT = ("leakage_share", "lpips_outside", "delta_e", "change_inside", "clip_inside_box")


@dataclass(frozen=True)
class Run:
    paired: Paired
    edits: dict[str, list[Edit]]
    report: dict[str, Any]


@pytest.fixture(scope="module")
def run(items, tmp_path_factory, tiny_editor_folder, tiny_clip_folder, tiny_features_folder) -> Run:
    """The same editor as baseline and as fine-tuned one: whatever differs between them is the pipeline's fault."""
    folder = tmp_path_factory.mktemp("third-set")
    region = noise(0)[..., 0] < 128
    photographs = [
        given(number, "make the shirt green", mask=mask_to_png(region), caption="a man in a white shirt")
        for number in range(36)
    ]
    params = ALL_GIVEN.model_copy(
        update={"prompts": [PairPrompt(text=text) for text in PROMPTS], "triplets": 30, "test_triplets": 2, "probes": 3}
    )
    paired = pair([*photographs, *(one for one in items if one.domain == "unseen")], params, folder)
    values = YAML().load(ROOT / "params.yaml")
    networks = {"editor": tiny_editor_folder, "clip": tiny_clip_folder, "lpips": tiny_features_folder,
                "segmenter": build_segmenter(folder / "segmenter")}  # fmt: skip
    values["models"].update({name: str(path) for name, path in networks.items()}, device="cpu", threads=1)
    values["generate"].update(steps=1, sweep_probes=2, sweep_text="0.4+1.2", sweep_image="1.0")
    YAML().dump(values, folder / "params.yaml")
    settings = read_params(folder / "params.yaml")
    paths = {name: folder / f"{name}.parquet" for name in ("triplets", "probes", "tests")}
    zones = {name: folder / "zones" / f"{name}.parquet" for name in ("triplets", "probes")}
    mask_all(*(paths[name] for name in zones), *zones.values(), Mask(box_scale=1.15, min_area=0.0), settings.models)
    for model in MODELS:
        words = {"params": folder / "params.yaml", "probes": paths["probes"], "tests": paths["tests"], "model": model,
                 "weights": tiny_editor_folder, "out": folder / model,
                 "out-tests": folder / f"{model}-tests"}  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
            result = CliRunner().invoke(generate, [f"--{name}={value}" for name, value in words.items()])
        assert result.exit_code == 0, result.output
    edits, of_tests = ({model: folder / f"{model}{end}" for model in MODELS} for end in ("", "-tests"))
    inputs = Inputs(paths["probes"], zones["probes"], edits, paths["tests"], zones["triplets"], of_tests)
    found = evaluate(
        inputs, load_scorers(settings.models), Evaluate(batch_size=8, draws=100, seed=1, sheet_rows=2), "x"
    )
    return Run(paired, {model: read_rows(folder / f"{model}-tests", Edit) for model in MODELS}, found.report)


def test_test_triplets_are_edited_once_from_the_same_noise_and_scored_alike(run):
    tests = run.paired.tests
    assert [one.kind for one in tests] == ["given", "given"]
    assert [edit.probe_id for edit in run.edits["baseline"]] == [one.probe_id for one in tests]
    for first, second in zip(run.edits["baseline"], run.edits["finetuned"], strict=True):
        assert (first.edited, first.kind) == (second.edited, "edit")
    third = run.report["test_triplets"]
    assert (third["probes"], third["rendered"], third["kinds"]["given"]["probes"]) == (2, False, 2)
    for key in ("target_mae", "target_rmse", "target_lpips", "target_similarity", "clip_similarity", "leakage_share"):
        assert (third["finetuned"][key]["n"], third["gain"][key]["mean"]) == (2, 0), key
    assert third["target"]["target_mae"]["mean"] == 0
    assert third["target"]["target_similarity"]["mean"] == pytest.approx(100, abs=1e-3)
    assert "prompts" not in third
    assert "target_similarity" not in run.report["unseen"]["finetuned"]


def test_prompts_that_name_no_garment_are_measured_by_what_needs_none_and_the_table_says_so(run):
    """Of rendered pictures the other prompt has exact targets, so that a domain has both."""
    part = run.report["unseen"]
    whole = part["no_garment"]
    assert part["rendered"] is True
    assert whole == sum(one.domain == "unseen" and one.factor == "whole" for one in run.paired.probes) > 0
    assert part["finetuned"]["lpips"]["n"] == part["probes"]
    unread = part["left_out"]["clip_directional"]  # the tiny CLIP knows few words
    assert part["finetuned"]["clip_directional"]["n"] == part["probes"] - unread
    for key in GARMENT:
        assert part["finetuned"][key]["n"] == part["probes"] - whole, key
    assert part["composite"]["lpips"]["n"] == part["target"]["lpips"]["n"] == part["probes"] - whole
    assert set(OF_PICTURES) - {"clip_directional"} <= part["whole"]["gain"].keys() <= set(OF_PICTURES)
    assert part["frontier"]["baseline"]["area"]["n"] <= 2  # none of a prompt without a garment is swept
    text = compare_with_paper(run.report)
    assert f"{whole} edits by prompts that name no garment are in the means of CLIP similarity" in text
    assert "## Test triplets: 2 photographs" in text
    assert "Pairs held out from training: 2 given." in text
