"""The study of anomalous images, end to end on tiny random networks, and its parts on known values."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures_cli import invoke
from import_graph import ROOT
from ruamel.yaml import YAML
from segmenters import build_segmenter

from atelier.config import read_sections
from atelier.preferences.pairs import read_pairs
from atelier.synthetic.poses import PARTS
from studies.anomaly import data, evaluate, generate, pairs, report, train
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
def done(tmp_path_factory, sd3_folder, tiny_features_folder) -> Path:
    """A folder where every stage has run once on tiny networks, the report twice."""
    folder = tmp_path_factory.mktemp("anomaly")
    params, original, runs = folder / "params.yaml", folder / "original.safetensors", folder / "runs"
    values = YAML(typ="safe").load(PARAMS) | SMALL
    segmenter = build_segmenter(folder / "parts", "leg", PARTS)
    values["base"] |= {"model": str(sd3_folder), "segmenter": str(segmenter), "features": str(tiny_features_folder)}
    values["base"]["threads"] = 1  # as the other tests
    values["teaching"] |= {"epochs": 2, "lora_rank": 2, "lr": 0.05}
    YAML().dump(values, params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        invoke(data.main, params=params, out=folder / "pictures")
        invoke(generate.main, params=params, out=original)
        for arm in ("plain", "prior"):
            invoke(train.main, params=params, arm=arm, pictures=folder / "pictures", out=runs / arm)
        invoke(evaluate.main, params=params, original=original, runs=runs, out=folder / "results")
        for number in (1, 2):
            out = folder / f"report-{number}"
            invoke(report.main, params=params, results=folder / "results", original=original, runs=runs, out=out)
        painted = runs / "plain/painted.safetensors"
        invoke(pairs.main, params=params, original=original, finetuned=painted, out=folder / "pairs")
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
    assert groups.loc[groups["system"] == "one picture", "ssim"].to_numpy() == pytest.approx(1)
    metrics = json.loads((done / "report-1/metrics.json").read_text())
    every = {"mean": 1, "ci_lo": 1, "ci_hi": 1, "n": 4, "clusters": 2}
    assert metrics["lying"]["deformed"]["levels"]["original"] == every


@pytest.mark.slow
def test_training_changes_the_images_and_prior_preservation_adds_rows(done):
    original = read_groups(done / "original.safetensors")
    plain, prior = (read_groups(done / f"runs/{arm}/painted.safetensors") for arm in ("plain", "prior"))
    assert original.keys() == plain.keys() == prior.keys()
    assert all(not torch.equal(original[key], plain[key]) for key in original)
    assert any(not torch.equal(prior[key], plain[key]) for key in original)
    for arm, rows in (("plain", 3), ("prior", 5)):
        assert json.loads((done / f"runs/{arm}/facts.json").read_text())["rows"] == rows
    assert (done / "runs/plain/adapters/pytorch_lora_weights.safetensors").exists()


@pytest.mark.slow
def test_the_pairs_are_what_survey_and_judge_read(done):
    found = read_pairs(done / "pairs/pairs.csv")
    assert [(pair.system_a, pair.system_b) for pair in found] == [("original", "fine-tuned")] * 2
    assert pd.read_csv(done / "pairs/pairs.csv")["prompt"].tolist() == [pair.prompt for pair in found]


@pytest.mark.slow
def test_no_test_prompt_is_trained_on(done):
    trained = set(pd.read_json(done / "pictures/metadata.jsonl", lines=True)["prompt"])
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
    both = {"not two legs": 6, "a part too large or too small": 6}
    assert counts == {"original": both, "plain": {"not two legs": 6}, "prior": {}}


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
