"""Collecting experiments from git references as DVC leaves them."""

import csv

import pytest
from fixtures_experiments import add_experiment, git, reports

from atelier.common.errors import UserError
from atelier.report.experiments import Experiment, collect, compare_with_paper, find_experiments, tabulate


def test_everything_is_collected_into_one_table(repository, tmp_path_factory):
    add_experiment(repository, "A", 0.1)
    add_experiment(repository, "B", 0.3)
    folder = tmp_path_factory.mktemp("out")
    csv_file, text, picture = collect(["A", "B"], folder, repository)
    rows = list(csv.DictReader(csv_file.open()))
    assert [(row["config"], row["domain"]) for row in rows] == [
        (config, domain) for config in ("baseline", "A", "B") for domain in ("seen", "unseen")
    ]
    last = rows[-1]
    assert float(last["clip_similarity"]) == pytest.approx(3)
    assert float(last["trained_share"]) == 0.2
    assert [float(last[f"train_loss_{epoch}"]) for epoch in (1, 2)] == pytest.approx([0.3, 0.15])
    assert [float(last[f"val_loss_{epoch}"]) for epoch in (1, 2)] == pytest.approx([1.3, 2.3])
    assert "| A, seen (DeepFashion2) | 20.00% | 1.00 | – |" in text.read_text()
    assert picture.stat().st_size > 1000


def test_the_newest_baseline_s_experiment_counts(repository):
    add_experiment(repository, "A", 0.1)
    git(repository, "commit", "-q", "--allow-empty", "-m", "two")
    newer = add_experiment(repository, "A", 0.2)
    git(repository, "commit", "-q", "--allow-empty", "-m", "three")  # on which no experiment is based
    assert find_experiments(["A"], repository) == {"A": newer}


def test_an_experiment_of_another_branch_does_not_count(repository):
    git(repository, "checkout", "-qb", "other")
    git(repository, "commit", "-q", "--allow-empty", "-m", "elsewhere")
    add_experiment(repository, "A", 0.1)
    git(repository, "checkout", "-q", "-")
    with pytest.raises(UserError, match="experiment A: not among"):
        find_experiments(["A"], repository)


def test_an_unfinished_experiment_is_named(repository, tmp_path):
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/C", "HEAD")
    with pytest.raises(UserError, match=r"experiment C .*no readable metrics/train\.json"):
        collect(["C"], tmp_path / "out", repository)
    assert not (tmp_path / "out").exists()


def test_the_paper_s_rows_stand_beside_ours():
    experiments = [Experiment(name, *reports(0.04)) for name in "AD"]
    text = compare_with_paper(experiments)
    assert "| A, unseen (Fashionpedia) | 20.00% | 0.40 | – | – | – | – | – | 19.43 | 9.52 | 0.409 | 0.488 |" in text
    assert "| D | 0.0400 → 0.0200 | 1.0400 → 2.0400 | 0.0415 → 0.0418 | 0.0396 → 0.0417 |" in text
    assert list(tabulate(experiments)["config"]) == ["baseline"] * 2 + ["A"] * 2 + ["D"] * 2


def test_losses_are_in_the_order_of_the_epochs_and_without_the_base():
    train = {"train_loss": {f"epoch_{n}": float(n) for n in (10, 2, 1)}, "val_loss": {"epoch_1": 5.0, "epoch_0": 1.0}}
    one = Experiment("A", train, {})
    assert one.losses("train_loss") == [1.0, 2.0, 10.0]
    assert one.losses("val_loss") == [5.0]
