"""The study of anomalous images, end to end on tiny random networks, and its parts on known values."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from import_graph import ROOT
from ruamel.yaml import YAML
from segmenters import build_segmenter

import studies.anomaly.data
import studies.anomaly.evaluate
import studies.anomaly.generate
import studies.anomaly.pairs
import studies.anomaly.report
import studies.anomaly.train
from atelier.config import read_sections
from atelier.preferences.pairs import read_pairs
from atelier.synthetic.poses import PARTS
from studies.anomaly.config import Bootstrap, Study
from studies.anomaly.prompts import FAMILIES, draw_prompts, noise_seeds, render_prompt
from studies.anomaly.sampling import read_groups
from studies.anomaly.summary import count_faults, summarise

PARAMS = ROOT / "studies/anomaly/params.yaml"
SMALL = {
    "pictures": {"count": 3, "references": 20, "size": 32, "seed": 1},
    "painting": {"prompts": 2, "group": 2, "steps": 2, "guidance": 2.0, "batch_size": 6, "seed": 1},
    "prior": {"pictures": 2, "weight": 0.5},
    "measuring": {"draws": 50, "seed": 1},
}


@pytest.fixture(scope="module")
def params(tmp_path_factory, sd3_folder, tiny_features_folder) -> Path:
    """The study's parameters for tiny networks."""
    folder = tmp_path_factory.mktemp("anomaly")
    values = YAML(typ="safe").load(PARAMS) | SMALL
    segmenter = build_segmenter(folder / "parts", "leg", PARTS)
    values["base"] |= {"model": str(sd3_folder), "segmenter": str(segmenter), "features": str(tiny_features_folder)}
    values["base"]["threads"] = 1  # as the other tests
    values["teaching"] |= {"epochs": 2, "lora_rank": 2, "lr": 0.05}
    YAML().dump(values, folder / "params.yaml")
    return folder / "params.yaml"


def call(script, **options) -> None:
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    result = CliRunner().invoke(script.main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def done(params) -> Path:
    """A folder where every stage has run once, the report twice."""
    folder = params.parent
    original, runs = folder / "original.safetensors", folder / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        call(studies.anomaly.data, params=params, out=folder / "pictures")
        call(studies.anomaly.generate, params=params, out=original)
        for arm in ("plain", "prior"):
            call(studies.anomaly.train, params=params, arm=arm, pictures=folder / "pictures", out=runs / arm)
        call(studies.anomaly.evaluate, params=params, original=original, runs=runs, out=folder / "results")
        for number in (1, 2):
            call(studies.anomaly.report, params=params, results=folder / "results", original=original, runs=runs,
                 out=folder / f"report-{number}")  # fmt: skip
        call(studies.anomaly.pairs, params=params, original=original, finetuned=runs / "plain/painted.safetensors",
             out=folder / "pairs")  # fmt: skip
    return folder


@pytest.mark.slow
def test_the_same_scores_give_the_same_report(done):
    first, second = (sorted((done / f"report-{number}").iterdir()) for number in (1, 2))
    assert [file.name for file in first] == ["elsewhere.png", "lying.png", "metrics.json", "tables.md", "upright.png"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


@pytest.mark.slow
def test_every_image_of_every_system_is_scored(done):
    pictures, groups = (pd.read_csv(done / f"results/{name}.csv") for name in ("pictures", "groups"))
    assert set(pictures.groupby(["system", "family"]).size()) == {4}
    assert set(groups.groupby(["system", "family"]).size()) == {2}
    assert pictures["system"].nunique() == 6
    assert (pictures["deformed"] == 1).all()  # this segmenter finds only legs
    same = groups[groups["system"] == "one picture"]
    assert same["ssim"].tolist() == pytest.approx([1] * len(same))
    metrics = json.loads((done / "report-1/metrics.json").read_text())
    assert metrics["lying"]["deformed"]["levels"]["original"] == {
        "mean": 1, "ci_lo": 1, "ci_hi": 1, "n": 4, "clusters": 2
    }  # fmt: skip


@pytest.mark.slow
def test_training_changes_the_images_and_prior_preservation_adds_rows(done):
    original = read_groups(done / "original.safetensors")
    plain, prior = (read_groups(done / f"runs/{arm}/painted.safetensors") for arm in ("plain", "prior"))
    assert original.keys() == plain.keys() == prior.keys()
    assert all(not torch.equal(original[key], plain[key]) for key in original)
    assert any(not torch.equal(prior[key], plain[key]) for key in original)
    rows = [json.loads((done / f"runs/{arm}/facts.json").read_text())["rows"] for arm in ("plain", "prior")]
    assert rows == [3, 5]
    assert (done / "runs/plain/adapters/pytorch_lora_weights.safetensors").exists()


@pytest.mark.slow
def test_the_pairs_are_what_survey_and_judge_read(done):
    pairs = read_pairs(done / "pairs/pairs.csv")
    assert [(pair.system_a, pair.system_b) for pair in pairs] == [("original", "fine-tuned")] * 2
    with (done / "pairs/pairs.csv").open(newline="") as stream:
        assert [row["prompt"] for row in csv.DictReader(stream)] == [pair.prompt for pair in pairs]


@pytest.mark.slow
def test_no_test_prompt_is_trained_on(done):
    trained = {json.loads(line)["prompt"] for line in (done / "pictures/metadata.jsonl").read_text().splitlines()}
    assert len(trained) == 3
    assert trained.isdisjoint(prompt.text for prompt in draw_prompts(2, 1))


def test_prompts_are_of_their_family_and_a_longer_list_starts_with_the_shorter():
    prompts = draw_prompts(4, 7)
    assert [one.text for one in draw_prompts(10, 7) if int(one.key[-2:]) < 4] == [one.text for one in prompts]
    assert {one.family for one in prompts} == set(FAMILIES)
    for one in prompts:
        assert ("lying" in one.text) == (one.family != "upright")
        assert any(place in one.text for place in ("grass", "street")) or one.family != "lying"
        assert any(place in one.text for place in ("beach", "studio")) or one.family != "elsewhere"


def test_correct_images_of_a_prompt_have_its_text_and_differ():
    for prompt in draw_prompts(2, 7):
        made = [render_prompt(prompt, number, 3, 64) for number in range(3)]
        assert {one.prompt for one in made} == {prompt.text}
        assert not np.array_equal(made[0].pixels, made[1].pixels)
    assert len({seed for prompt in draw_prompts(3, 7) for seed in noise_seeds(prompt, 5, 7)}) == 9 * 5


def test_gains_are_paired_and_faults_are_counted_by_image():
    rows = [
        (system, "lying", f"lying-{k}", number, int(system == "original" or k == 0), faults)
        for system, faults in (("original", "1 legs; leg too small"), ("plain", "1 legs"), ("prior", None))
        for k in range(3) for number in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["system", "family", "prompt", "number", "deformed", "faults"])
    found = summarise(table, "deformed", "lying", Bootstrap(draws=200, seed=1))
    assert found["levels"]["original"]["mean"] == 1
    assert found["levels"]["plain"]["mean"] == pytest.approx(1 / 3)
    assert found["gain"]["plain"]["mean"] == pytest.approx(-2 / 3)
    assert (found["gain"]["plain"]["n"], found["gain"]["plain"]["clusters"]) == (6, 3)
    counts = {system: {k: n for k, n in kinds.items() if n} for system, kinds in count_faults(table, "lying").items()}
    assert counts == {"original": {"not two legs": 6, "a part too large or too small": 6},
                      "plain": {"not two legs": 6}, "prior": {}}  # fmt: skip


def test_the_readme_has_the_reports_figures():
    metrics = json.loads(PARAMS.with_name("results").joinpath("report/metrics.json").read_text())
    text = PARAMS.with_name("README.md").read_text()
    table = text[text.index("| | deformed") : text.index("1. **Fine-tuning")]
    rows = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]]
    families = {"lying on the grass or street": "lying", "upright": "upright", "lying elsewhere": "elsewhere"}
    names = {"original": "original", "fine-tuned": "plain", "fine-tuned, prior preservation": "prior"}
    family, checked = "", 0
    for label, deformed, count, frechet, ssim, psnr, distance in rows:
        start, _, rest = label.partition("**")
        family = families.get(start, family)
        name = (rest.rpartition(": ")[2] if rest else label).strip()
        if label.startswith("paper"):
            continue
        found, system = metrics[family], names.get(name, name.replace("renders", "").replace(" ten times", "").strip())
        level = {kind: found[kind]["levels"][system]["mean"] for kind in ("count", "frechet", "ssim", "psnr")}
        assert float(deformed.split()[0]) == round(100 * found["deformed"]["levels"][system]["mean"]), label
        for cell, value, digits in (
            (count, level["count"], 1), (frechet, level["frechet"], 2), (ssim, level["ssim"], 3),
            (psnr, level["psnr"], 1), (distance, found["to_correct"][system], 2),
        ):  # fmt: skip
            assert float(cell) == pytest.approx(value, abs=0.5001 * 10**-digits), (label, cell)
        checked += 1
    assert checked == 13


@pytest.mark.parametrize("name", ["params.yaml", "full.yaml"])
def test_both_parameter_files_are_read(name):
    chosen = read_sections(PARAMS.with_name(name), Study)
    assert chosen.teaching.method == "lora"
    assert chosen.painting.prompts == chosen.painting.group == 10  # the paper's
