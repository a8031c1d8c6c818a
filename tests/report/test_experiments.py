"""Read experiments from the commits that DVC leaves, and make tables of them."""

import csv
import itertools
import json
import statistics
import subprocess
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from dvc.repo import Repo
from PIL import Image
from scipy.stats import norm

from atelier.common.errors import UserError
from atelier.report import experiment_tables as tables
from atelier.report import seed_tables
from atelier.report.experiments import Experiment, find_experiments
from atelier.stats.bootstrap import between_seeds, over_pictures

COSTS = {
    "selective": {"train_seconds": 20.0, "seconds_per_step": 0.05, "peak_cuda_gib": 12.5, "loss": 1.0},
    "lora": {"train_seconds": 30.0, "seconds_per_step": 0.075, "peak_cuda_gib": 9.25, "loss": 1.0},
}


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.check_output(["git", *who, *arguments], cwd=folder, text=True).strip()


def reports(level: float) -> tuple[dict, dict]:
    """Return train.json and evaluate.json of a run whose values all depend on `level`."""
    train = {
        "trained_share": 0.2, "best_epoch": 2, "trained_parameters": 1000, "steps": 8,
        "train_loss": {"epoch_1": level, "epoch_2": level / 2},
        "val_loss": {"epoch_0": 9.0, "epoch_1": level + 1, "epoch_2": level + 2},
    }  # fmt: skip
    estimate = {"mean": level * 10, "ci_lo": 0, "ci_hi": 1, "n": 4}
    models = {"baseline": {"clip_similarity": estimate | {"mean": 1}}, "finetuned": {"clip_similarity": estimate}}
    return train, {"networks": {}, "seen": {"sources": 2} | models, "unseen": {"sources": 2} | models}


def seed_reports(level: float) -> tuple[dict, dict]:
    """Return the reports of a run with headline metrics that depend on `level`."""
    estimate = {"mean": level, "ci_lo": level - 0.2, "ci_hi": level + 0.2, "n": 8, "clusters": 4}
    domain = {
        "finetuned": {"clip_directional": estimate, "ssim": estimate},
        "gain": {"clip_directional": estimate | {"mean": level / 2, "p": 0.5}},
        "frontier": {"finetuned": {"area": estimate | {"mean": level / 4}}, "gain": {"area": estimate}},
    }
    return {"train_loss": {}}, {"networks": {}, "seen": domain}


def add_experiment(folder: Path, name: str, written: tuple[dict, dict]) -> str:
    """Leave what `dvc exp run -n NAME` leaves: a commit on HEAD that only refs/exps/<HEAD>/NAME points to."""
    baseline = git(folder, "rev-parse", "HEAD")
    (folder / "metrics").mkdir(exist_ok=True)
    for file, report in zip(("train.json", "evaluate.json"), written, strict=True):
        (folder / "metrics" / file).write_text(json.dumps(report))
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", f"dvc: commit experiment {name}")
    commit = git(folder, "rev-parse", "HEAD")
    git(folder, "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/{name}", commit)
    git(folder, "reset", "-q", "--hard", baseline)
    return commit


def read_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    Repo.init(str(folder)).close()
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")  # DVC keeps such references too
    return folder


def test_the_newest_baseline_s_experiment_is_chosen(repository):
    add_experiment(repository, "A", reports(0.1))
    git(repository, "commit", "-q", "--allow-empty", "-m", "two")
    newer = add_experiment(repository, "A", reports(0.2))
    git(repository, "commit", "-q", "--allow-empty", "-m", "three")  # on which no experiment is based
    assert find_experiments(["A"], repository) == {"A": newer}


def test_an_experiment_of_another_branch_or_of_a_folder_without_dvc_is_not_found(repository, tmp_path):
    git(repository, "checkout", "-qb", "other")
    git(repository, "commit", "-q", "--allow-empty", "-m", "elsewhere")
    commit = add_experiment(repository, "A", reports(0.1))
    git(repository, "checkout", "-q", "-")
    with pytest.raises(UserError, match="experiment A: not among"):
        find_experiments(["A"], repository)
    git(repository, "merge", "-q", "--no-ff", "-m", "merge", "other")
    assert find_experiments(["A"], repository) == {"A": commit}
    with pytest.raises(UserError, match=r"\A.+\Z"):  # one line: "." matches no newline
        find_experiments(["A"], tmp_path)


def test_unfinished_experiments_and_those_without_recorded_training_are_named(repository, tmp_path):
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/C", "HEAD")
    add_experiment(repository, "full", reports(0.1))
    with pytest.raises(UserError, match=r"experiment C .*no readable metrics/train\.json"):
        tables.collect_ablations({"C": "C"}, tmp_path / "out", repository)
    read = Mock(side_effect=UserError("experiment full: no run"))
    with pytest.raises(UserError, match="experiment full: no run"):
        tables.collect_methods({"full": "full"}, tmp_path / "out", repository, read)
    assert not (tmp_path / "out").exists()


def test_ablations_are_collected_into_one_table(repository, tmp_path):
    short = reports(0.1)
    del short[0]["train_loss"]["epoch_2"]  # curves of one epoch and of two
    add_experiment(repository, "A", short)
    add_experiment(repository, "B", reports(0.3))
    table, text, picture = tables.collect_ablations({"A": "A", "B": "B"}, tmp_path, repository)
    rows = read_rows(table)
    expected = list(itertools.product(("baseline", "A", "B"), ("seen", "unseen")))
    assert [(row["config"], row["domain"]) for row in rows] == expected
    names = ["clip_similarity", "trained_share", "train_loss_1", "train_loss_2", "val_loss_1", "val_loss_2"]
    assert [float(rows[-1][name]) for name in names] == pytest.approx([3, 0.2, 0.3, 0.15, 1.3, 2.3])
    assert "| A, seen (DeepFashion2) | 20.00% | 1.00 | – |" in text.read_text()
    drawn = np.asarray(Image.open(picture).convert("RGB"))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 10


def test_the_paper_s_ablations_are_printed_beside_ours():
    table = tables.tabulate_ablations([Experiment(name, *reports(0.04)) for name in "AD"])
    text = tables.describe_ablations(table)
    assert (
        "| A, unseen (Fashionpedia) | 20.00% | 0.40 | – | – | – | – | – | – | – | – | 19.43 | 9.52 | 0.409 | 0.488 |"
        in text
    )
    assert "| D | 0.0400 → 0.0200 | 1.0400 → 2.0400 | 0.0415 → 0.0418 | 0.0396 → 0.0417 |" in text
    assert list(table["config"]) == ["baseline"] * 2 + ["A"] * 2 + ["D"] * 2


def test_losses_are_in_the_order_of_the_epochs_and_without_epoch_0():
    train = {"train_loss": {f"epoch_{n}": float(n) for n in (10, 2, 1)}, "val_loss": {"epoch_1": 5.0, "epoch_0": 1.0}}
    one = Experiment("A", train, {})
    assert (one.losses("train_loss"), one.losses("val_loss")) == ([1.0, 2.0, 10.0], [5.0])


def test_methods_have_their_scores_beside_their_costs(repository, tmp_path):
    add_experiment(repository, "selective", reports(0.1))
    add_experiment(repository, "lora", reports(0.3))
    table, text = tables.collect_methods({name: name for name in COSTS}, tmp_path, repository, COSTS.__getitem__)
    rows = read_rows(table)
    assert [(row["experiment"], row["domain"]) for row in rows] == list(
        itertools.product(("baseline", *COSTS), ("seen", "unseen"))
    )
    names = ["trained_share", "train_seconds", "peak_cuda_gib", "clip_similarity"]
    assert [float(rows[-1][name]) for name in names] == pytest.approx([0.2, 30.0, 9.25, 3])
    assert "loss" not in rows[0]
    for line in ("| lora | 1,000 | 20.00% | 8 | 0.075 | 9.25 GiB CUDA |", "| lora | – | 3.00 | – | – | – |"):
        assert line in text.read_text()


def test_both_spreads_agree_with_their_definitions():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, (4, 3))
    expected = [[of(column) for column in values.T.tolist()] for of in (statistics.mean, statistics.stdev)]
    np.testing.assert_allclose(between_seeds(values), expected)
    errors = rng.uniform(0.1, 1, (4, 3))
    ends = [norm.ppf(q, loc=values, scale=errors) for q in (0.025, 0.975)]
    np.testing.assert_allclose(over_pictures(*ends), errors.mean(0))


def test_seeds_are_collected_into_a_table_and_a_page_and_one_seed_has_no_spread(repository, tmp_path):
    for names, message in ((["a", "a"], "1 experiment has no spread"), (["a", "b"], "experiment a: not among")):
        with pytest.raises(UserError, match=message):
            seed_tables.collect_seeds(names, tmp_path, repository)
    levels = {"seed-1": 1.0, "seed-2": 1.2, "seed-3": 1.4}
    for name, level in levels.items():
        add_experiment(repository, name, seed_reports(level))
    table, text = seed_tables.collect_seeds(tuple(levels), tmp_path, repository)
    rows = {(row["kind"], row["measure"]): row for row in read_rows(table)}
    assert set(rows) == set(itertools.product(("finetuned", "gain"), ("directional", "frontier")))
    row = rows["finetuned", "directional"]
    values = [float(row[name]) for name in ("mean", "sd_seeds", "se_pictures", "ci_lo", "ci_hi")]
    assert values == pytest.approx([1.2, 0.2, 0.2 / 1.959964, 1.0, 1.4], rel=1e-4)
    assert (row["seeds"], row["n"], row["clusters"]) == ("3", "8", "4")
    assert float(rows["gain", "directional"]["mean"]) == pytest.approx(0.6)
    assert float(rows["finetuned", "frontier"]["sd_seeds"]) == pytest.approx(0.05)
    assert "| directional, fine-tuned | 1.2 | 0.2 | 0.1 | 1 … 1.4 | 3 | 4 |" in text.read_text()
