"""The registry of metrics: one entry shows a metric everywhere."""

import pytest

from atelier.export.model_card import write_card
from atelier.export.provenance import Provenance
from atelier.metrics.registry import METRICS, PAPER_COLUMNS, Metric, beside_paper, metric
from atelier.report.paper import MAIN, Reported
from atelier.report.tables import compare_with_paper

NEW = Metric("sparkle", "sparkle of the fabric", 1, 1, "lm", short="sparkle", views="paper comparison figure")


def test_a_new_metric_needs_one_entry(monkeypatch):
    monkeypatch.setitem(METRICS, "sparkle", NEW)
    means = {"sparkle": {"mean": 4.56, "ci_lo": 1.0, "ci_hi": 9.0}}
    domain = {"sources": 1, "probes": 4, "rendered": True, "finetuned": means, "oracles": {}, "gain": {}}
    report = {"networks": {}, "seen": domain}
    ours = next(line for line in compare_with_paper(report).splitlines() if line.startswith("| **finetuned**"))
    assert ours.endswith("| 4.6 |")
    card = write_card({"base": "a/b"}, Provenance(report=report), 64, adapters=False)
    assert "| leakage | sparkle |" in card
    assert "| 4.56 (1 … 9) |" in card
    assert metric("sparkle").panel == "sparkle of the fabric ↑"


def test_keys_and_directions_agree_with_the_keys_they_are_stored_under():
    assert all(key == one.key and one.better in (-1, 0, 1) for key, one in METRICS.items())
    assert METRICS["psnr_tight"].better == 1
    assert METRICS["psnr_tight_above_floor"].better == -1
    assert METRICS["lpips_tight_above_floor"].rests_on == ("lpips", "leakage_floor")
    assert metric("not_registered") == Metric("not_registered", "not registered")


@pytest.mark.parametrize("name", ["paper", "comparison", "page"])
def test_the_paper_s_columns_come_first_and_in_its_order(name):
    assert tuple(one.paper_key for one in beside_paper(name))[:4] == PAPER_COLUMNS
    assert set(PAPER_COLUMNS) <= set(Reported.__dataclass_fields__)
    assert MAIN[0].estimates() == {"clip_directional": {"mean": 7.82}, "clip_similarity": {"mean": 23.03}}
