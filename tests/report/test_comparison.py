"""Costs from the log beside scores from the experiments' commits."""

import csv

import pytest
from fixtures_experiments import add_experiment, repository  # noqa: F401 - the same small repository

from atelier.common.errors import UserError
from atelier.report.comparison import collect

COSTS = {
    "selective": {"train_seconds": 20.0, "seconds_per_step": 0.05, "peak_cuda_gib": 12.5, "loss": 1.0},
    "lora": {"train_seconds": 30.0, "seconds_per_step": 0.075, "peak_cuda_gib": 9.25, "loss": 1.0},
}


def test_scores_and_costs_stand_beside_each_other(repository, tmp_path_factory):  # noqa: F811
    for name, level in (("selective", 0.1), ("lora", 0.3)):
        add_experiment(repository, name, level)
    table, text = collect(["selective", "lora"], tmp_path_factory.mktemp("out"), repository, COSTS.__getitem__)
    with table.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["experiment"], row["domain"]) for row in rows] == [
        (name, domain) for name in COSTS for domain in ("seen", "unseen")
    ]
    assert [float(rows[-1][key]) for key in ("trained_share", "train_seconds", "peak_cuda_gib")] == [0.2, 30.0, 9.25]
    assert float(rows[-1]["clip_similarity"]) == pytest.approx(3)
    assert "loss" not in rows[0]
    assert "| lora | 1,000 | 20.00% | 8 | 0.075 | 9.25 GiB CUDA |" in text.read_text()
    assert "| lora | – | 3.00 | – | – | – |" in text.read_text()


def test_an_experiment_whose_training_was_not_recorded_is_named(repository, tmp_path_factory):  # noqa: F811
    add_experiment(repository, "full", 0.1)

    def read(name: str) -> dict[str, float]:
        raise UserError(f"experiment {name}: no run")

    folder = tmp_path_factory.mktemp("out")
    with pytest.raises(UserError, match="experiment full: no run"):
        collect(["full"], folder, repository, read)
    assert not list(folder.iterdir())
