"""The study of the logo: its scores against the paper's tables, and all stages on tiny random networks."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from dvc.repo import Repo
from fixtures_cli import invoke
from fixtures_concepts import build_sd
from import_graph import ROOT
from PIL import Image
from ruamel.yaml import YAML
from safetensors.numpy import load_file

from atelier.common.errors import UserError
from atelier.config import read_sections
from atelier.synthetic.products import bad_logo_shots
from studies.logo import collect_grid, data, evaluate, paper, report, tables, train, train_detector, train_grid
from studies.logo.config import PAPER_LRS, PAPER_RANKS, Run, Study
from studies.logo.detector_data import BAD_KINDS, good_shots, read_labelled, write_labelled
from studies.logo.prompts import dreambooth_prompt, six_prompts
from studies.logo.ranking import best_epochs, best_ranks, estimates, models_of, normalise
from studies.logo.runs import settings_of

FOLDER = ROOT / "studies/logo"
SMALL = {  # enough for every part to have something to do
    "photographs": {"count": 3, "held_out": 2, "token": "red_veto_logo", "word": "VETO", "least_read": 0.0, "seed": 1},
    "labelled": {"good": 6, "bad": 5, "repainted": 0.5, "held_out": 5, "seed": 1},
    "detecting": {"copies": 2, "side": 64, "epochs": 1, "batch_size": 8, "lr": 1e-3, "threshold": 0.2, "seed": 1},
    "sampling": {"pictures": 2, "steps": 1, "guidance": 2.0, "batch_size": 12, "seed": 1},
    "ranking": {"draws": 100, "seed": 1},
    "runs": {
        "base": {"method": "base"},
        "db": {"method": "dreambooth", "lr": 1e-5},
        "ti": {"method": "textual_inversion", "lr": 1e-3},
        "four": {"method": "lora", "lr": 5e-5, "text_lr": 5e-6, "rank": 4},
        "eight": {"method": "lora", "lr": 5e-5, "text_lr": 5e-6, "rank": 8},
    },
}  # fmt: skip


def test_the_normalised_score_gives_the_papers_table_3():
    """The paper does not print the worst and best detector score of all 125 runs; these two fit its ten rows."""
    norm, detected, read = (np.array([row[k] for row in paper.LORA]) for k in (2, 3, 4))
    found = normalise(detected, read, [(0.2316, 0.7341), (0.0, read.max())])
    off = np.abs(found - norm)
    assert off[1] < 0.0035  # its table 3 has .700 here, its table 2 .696
    assert np.delete(off, 1).max() < 0.001  # three digits are printed
    assert normalise(np.array([0.2, 0.6, 0.4]), np.array([0.1, 0.1, 0.3])).tolist() == pytest.approx([0, 0.5, 0.75])
    assert normalise(np.array([0.5, 0.5]), np.array([0.0, 1.0])).tolist() == [0, 0.5]  # equal scores count 0


def scores_of(means: dict[tuple[str, int], tuple[float, float]]) -> pd.DataFrame:
    """Twelve images per model with these mean scores; the colours of two prompts are right in the first of them."""
    rows = [
        {"run": run, "epoch": epoch, "prompt": prompt, "number": number, "od": od, "ocr": ocr}
        for (run, epoch), (od, ocr) in means.items() for prompt in range(6) for number in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows).assign(memorisation=0.25)
    colour = (table["number"] == 0).astype(float).where(table["prompt"].isin([1, 2]))
    return table.assign(confidence=table["od"], letters=table["ocr"], colour_right=colour, colour_chance=colour)


def test_models_are_ranked_by_their_best_epoch():
    means = {("a", 3): (0.8, 0.2), ("a", 6): (0.8, 0.4), ("a", 9): (0.6, 0.6), ("b", 3): (0.9, 0.5)}
    scores = scores_of(means | {("base", 0): (1, 1)})
    models = models_of(scores)
    assert set(models["run"]) == {"a", "b"}  # the base model is not ranked
    best = best_epochs(models)
    assert best[["run", "epoch"]].to_numpy().tolist() == [["b", 3], ["a", 6]]  # the first of equals
    assert models["three"].tolist() == pytest.approx(((models["od"] + models["ocr"] + 0.5) / 3).tolist())
    found = estimates(scores, "a", 6, 200, 0)
    assert found["mean"] == {"mean": 0.6, "ci_lo": 0.6, "ci_hi": 0.6, "n": 12}
    assert (found["colour_right"]["mean"], found["colour_right"]["n"]) == (0.5, 4)
    assert 0 <= found["colour_right"]["ci_lo"] < 0.5 < found["colour_right"]["ci_hi"] <= 1


def test_table_4_has_the_best_pair_first_and_its_ranks_in_order():
    means = {("x4", 3): 0.2, ("x8", 3): 0.9, ("x8", 6): 0.1, ("y4", 3): 0.5, ("db", 3): 1}
    rows = [("x4", 1e-4, 5e-6, 4), ("x8", 1e-4, 5e-6, 8), ("y4", 5e-5, 5e-6, 4)]
    runs = pd.DataFrame(rows, columns=["run", "lr", "text_lr", "rank"])
    found = best_ranks(models_of(scores_of({model: (mean, mean) for model, mean in means.items()})), runs)
    assert found["lr"].tolist() == [1e-4, 5e-5]
    assert [[rank for rank, _ in ranks] for ranks in found["ranks"]] == [[8, 4], [4]]


def test_the_plan_is_the_papers_and_rates_are_multiplied_by_their_factors():
    study = read_sections(FOLDER / "params.yaml", Study)
    assert (study.photographs.count, study.teaching.every, study.sampling.pictures) == (49, 3, 8)
    assert study.labelled.good + study.labelled.bad == 210
    assert (study.detecting.copies, study.detecting.threshold) == (3, 0.7)
    assert study.photographs.least_read >= 0.95
    lora = [run for run in study.runs.values() if run.method == "lora"]
    assert {rate for run in lora for rate in (run.lr, run.text_lr)} <= set(PAPER_LRS)
    assert {run.rank for run in lora} <= set(PAPER_RANKS)
    texts = [prompt.text for prompt in six_prompts("red_veto_logo")]
    assert texts[1] == "a male model wearing a blue red_veto_logo sweater"
    assert texts[4] == "a billboard with the red_veto_logo"
    assert all("red_veto_logo" in text for text in [*texts, dreambooth_prompt("red_veto_logo")])
    assert tables.setting(lora[0]) == "5e-6, 1e-4, 16"
    own = settings_of(Run(method="lora", lr=5e-6, text_lr=1e-4, rank=16), study.teaching, study.factors, "t")
    assert own.lr == pytest.approx(5e-6 * study.factors.lora_unet)
    assert own.text_lr == pytest.approx(1e-4 * study.factors.lora_text)
    assert (own.lora_rank, own.lora_alpha) == (16, study.teaching.lora_alpha)
    own = settings_of(Run(method="textual_inversion", lr=1e-3), study.teaching, study.factors, "t")
    assert (own.placeholder, own.weight_decay) == ("t", 0)


def test_labelled_images_are_read_back_and_have_the_logo_on_every_colour(tmp_path):
    shots = good_shots(40, 3, 32)
    assert len({shot.colour for shot in shots}) > 6
    assert {"perfume", "billboard", "model", "logo"} <= {shot.subject for shot in shots}
    write_labelled(tmp_path / "some", shots, ["logo"] * 40)
    kept, kinds = read_labelled(tmp_path / "some")
    assert kinds == ["logo"] * 40
    for picture, (box,), shot in zip(kept.pictures, kept.boxes, shots, strict=True):
        assert box.tolist() == pytest.approx(shot.box, abs=1e-4)
        x1, y1, x2, y2 = (round(value) for value in box.tolist())
        inside = picture[:, y1:y2, x1:x2]
        assert (inside[0] - inside[1:].amax(0)).median() > 0.2  # red: the box holds the plate
    with pytest.raises(UserError, match="no labelled images"):
        read_labelled(tmp_path / "none")


@pytest.fixture(scope="module")
def work(tmp_path_factory, tiny_editor_folder, tiny_clip_folder) -> Path:
    """All stages but the report, on tiny networks."""
    folder = tmp_path_factory.mktemp("logo")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        build_sd(tiny_editor_folder).save_pretrained(folder / "painter")
    values = YAML(typ="safe").load(FOLDER / "params.yaml") | SMALL
    values["bases"] |= {"painter": str(folder / "painter"), "clip": str(tiny_clip_folder), "device": "cpu"}
    values["teaching"] |= {"epochs": 3, "every": 2, "batch_size": 3, "vectors": 2, "initialiser": "shirt"}
    YAML().dump(values, folder / "params.yaml")
    params, labelled, detector, runs = (folder / name for name in ("params.yaml", "labelled", "detector", "runs"))
    pictures = {name: folder / name for name in ("photographs", "held_out", "repainted")}
    invoke(data.main, params=params, **pictures, labelled=labelled, report=folder / "read.json")
    invoke(train_detector.main, params=params, labelled=labelled, out=detector, report=folder / "detector.json")
    for name, run in SMALL["runs"].items():
        invoke(train.main, params=params, **run, photographs=pictures["photographs"], out=runs / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)  # else one process per core would load torch
        invoke(evaluate.main, params=params, **pictures, detector=detector, runs=runs, out=folder / "results")
    return folder


@pytest.mark.slow
def test_every_run_has_samples_of_its_epochs_from_the_same_noise(work):
    runs = {name: load_file(work / "runs" / name / "pictures.safetensors") for name in SMALL["runs"]}
    assert {name: list(seen) for name, seen in runs.items()} == {key: ["002"] for key in runs} | {"base": ["000"]}
    assert all(seen.shape == (12, 32, 32, 3) for own in runs.values() for seen in own.values())
    for name in ("db", "four"):  # little training: the difference is what was learned, not the noise
        change = np.abs(runs[name]["002"].astype(int) - runs["base"]["000"]).mean()
        other = np.abs(runs["base"]["000"][:6].astype(int) - runs["base"]["000"][6:]).mean()
        assert 0 < change < other, name
    facts = json.loads((work / "runs/ti/facts.json").read_text())
    assert list(facts["loss"]) == ["epoch_1", "epoch_2", "epoch_3"]


@pytest.mark.slow
def test_every_generated_and_rendered_image_is_scored(work):
    scores = pd.read_csv(work / "results/scores.csv")
    counts = scores.groupby("run").size().to_dict()
    assert counts == dict.fromkeys(SMALL["runs"], 12) | {"photographs": 3, "repainted": 3, "held_out": 2}
    generated = scores[scores["prompt"] >= 0]
    assert (generated["colour_right"].notna() == generated["prompt"].isin([1, 2])).all()
    assert scores.loc[scores["run"] == "photographs", "memorisation"].tolist() == [1, 1, 1]
    assert (scores["od"] == scores["confidence"].where(scores["confidence"] >= 0.2, 0)).all()


@pytest.mark.slow
def test_the_report_is_the_same_twice_and_its_sheets_are_images(work, tmp_path):
    read = {name: work / name for name in ("results", "runs", "photographs")}
    read |= {"params": work / "params.yaml", "pictures": work / "read.json", "detector": work / "detector.json"}
    for name in ("one", "two"):
        invoke(report.main, **read, out=tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    figures = [f"{name}.png" for name in ("best", "by_epoch", "by_rank", "copies", "epochs", "losses")]
    assert files == [*figures, "metrics.json", "tables.md"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    text = (tmp_path / "one/tables.md").read_text()
    for entry in ("| DreamBooth 1", "| LoRA 2", "| Textual Inversion 3", "| the base, untaught", "5e-5, 5e-6, 4"):
        assert entry in text
    found = json.loads((tmp_path / "one/metrics.json").read_text())
    assert set(found["runs"]) == {"db", "ti", "four", "eight"}
    assert found["controls"]["photographs"]["memorisation"]["mean"] == 1
    assert np.asarray(Image.open(tmp_path / "one/best.png")).std() > 10


@pytest.mark.slow
def test_a_queue_is_collected_into_tables(work, tmp_path, monkeypatch):
    """Commits of two experiments as DVC makes them, each with the file that the grid's stage writes."""
    read = {name: work / name for name in ("photographs", "detector")} | {"params": work / "params.yaml"}
    invoke(train_grid.main, **read, grid=FOLDER / "queued/params.yaml", out=tmp_path / "grid.json")
    made = json.loads((tmp_path / "grid.json").read_text())
    assert made["settings"] == {"unet_lr": 1e-4, "text_lr": 5e-5, "rank": 8}
    assert list(made["epochs"]) == ["epoch_002"]
    monkeypatch.chdir(tmp_path)

    def git(*words: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    Repo.init(".").close()
    git("add", ".dvc")
    git("commit", "-q", "-m", "base")
    base = git("rev-parse", "HEAD")
    metrics = tmp_path / "studies/logo/queued/metrics.json"
    for name, rank, detected in (("grid-1", 4, 0.5), ("grid-2", 16, 0.9)):
        made["settings"]["rank"] = rank
        made["epochs"]["epoch_002"] |= {"od": detected, "ocr": 0.5}
        metrics.parent.mkdir(parents=True, exist_ok=True)
        metrics.write_text(json.dumps(made))
        git("add", "studies")
        git("commit", "-q", "-m", name)
        git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", "HEAD")
        git("reset", "-q", "--hard", base)
    invoke(collect_grid.main, "grid-1", "grid-2", out="collected")
    assert "16 (0.50) | 4 (0.00)" in (tmp_path / "collected/tables.md").read_text()
    models = pd.read_csv(tmp_path / "collected/models.csv")
    assert models[["run", "epoch", "od"]].to_numpy().tolist() == [["grid-1", 2, 0.5], ["grid-2", 2, 0.9]]
    result = CliRunner().invoke(collect_grid.main, ["--out", "collected", "grid-3"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_the_study_stops_if_ocr_cannot_read_the_training_images():
    logo = read_sections(FOLDER / "params.yaml", Study).photographs
    data.check(0.96, logo)
    with pytest.raises(UserError, match="VETO is read in 94% of the training images; least_read requires 95%"):
        data.check(0.94, logo)


def test_bad_kinds_are_in_the_order_of_the_renderer():
    assert len(BAD_KINDS) == 5
    plain, bare = (bad_logo_shots(10, 1, 32)[BAD_KINDS.index(kind) :: 5] for kind in ("no plate", "no word"))
    red = [(shot.pixels[..., 0] > 150) & (shot.pixels[..., 1:].max(-1) < 70) for shot in (*plain, *bare)]
    shares = [mask.mean() for mask in red]
    assert max(shares[:2]) < 0.05 or "red" in {shot.colour for shot in plain}
    assert min(shares[2:]) > 0.05
