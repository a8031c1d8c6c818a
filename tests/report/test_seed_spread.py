"""The spread between training seeds beside the spread over pictures: arithmetic, and collecting from experiments."""

import csv

import numpy as np
import pytest
from fixtures_experiments import repository, write_reports  # noqa: F401 - the same small repository
from scipy.stats import norm

from atelier.common.errors import UserError
from atelier.report.seed_spread import collect_seeds
from atelier.stats.bootstrap import between_seeds, over_pictures


def test_the_two_spreads_are_those_of_their_definitions():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, (4, 3))
    mean, deviation = between_seeds(values)
    for column in range(3):
        parts = values[:, column].tolist()
        centre = sum(parts) / 4
        assert mean[column] == pytest.approx(centre)
        assert deviation[column] == pytest.approx((sum((part - centre) ** 2 for part in parts) / 3) ** 0.5)
    errors = rng.uniform(0.1, 1, (4, 3))
    ends = [norm.ppf(q, loc=values, scale=errors) for q in (0.025, 0.975)]
    np.testing.assert_allclose(over_pictures(*ends), errors.mean(0))


def add_seed(folder, name: str, level: float) -> None:
    """An experiment whose evaluation has headline measures, all depending on `level`."""
    cell = {"mean": level, "ci_lo": level - 0.2, "ci_hi": level + 0.2, "n": 8, "clusters": 4}
    domain = {
        "finetuned": {"clip_directional": cell, "ssim": cell},
        "gain": {"clip_directional": cell | {"mean": level / 2, "p": 0.5}},
        "frontier": {"finetuned": {"area": cell | {"mean": level / 4}}, "gain": {"area": cell}},
    }
    write_reports(folder, name, {"train_loss": {}}, {"networks": {}, "seen": domain})


def test_seeds_are_collected_into_a_table_and_a_page(repository, tmp_path_factory):  # noqa: F811
    for name, level in (("seed-1", 1.0), ("seed-2", 1.2), ("seed-3", 1.4)):
        add_seed(repository, name, level)
    table, text = collect_seeds(["seed-1", "seed-2", "seed-3"], tmp_path_factory.mktemp("out"), repository)
    with table.open() as stream:
        rows = {(row["kind"], row["measure"]): row for row in csv.DictReader(stream)}
    assert set(rows) == {(kind, name) for kind in ("finetuned", "gain") for name in ("directional", "frontier")}
    row = rows["finetuned", "directional"]
    figures = {name: float(row[name]) for name in ("mean", "sd_seeds", "se_pictures", "ci_lo", "ci_hi")}
    assert figures == pytest.approx(
        {"mean": 1.2, "sd_seeds": 0.2, "se_pictures": 0.2 / 1.959964, "ci_lo": 1.0, "ci_hi": 1.4}, rel=1e-4
    )
    assert (row["seeds"], row["n"], row["clusters"]) == ("3", "8", "4")
    assert float(rows["gain", "directional"]["mean"]) == pytest.approx(0.6)
    assert float(rows["finetuned", "frontier"]["sd_seeds"]) == pytest.approx(0.05)
    assert "| directional, fine-tuned | 1.2 | 0.2 | 0.1 | 1 … 1.4 | 3 | 4 |" in text.read_text()


def test_one_seed_has_no_spread(repository, tmp_path):  # noqa: F811
    with pytest.raises(UserError, match="1 experiment has no spread"):
        collect_seeds(["a", "a"], tmp_path, repository)
    with pytest.raises(UserError, match="experiment a: not among"):
        collect_seeds(["a", "b"], tmp_path, repository)
