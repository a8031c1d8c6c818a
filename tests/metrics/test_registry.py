"""The registry of metrics: one entry shows a metric in every table, figure, page and card."""

import json
import re

import pytest
from import_graph import ROOT
from PIL import Image

from atelier.evaluation.summary import headline
from atelier.export.model_card import write_card
from atelier.export.provenance import Provenance
from atelier.metrics.registry import EDITORS, METRICS, PAPER_COLUMNS, Metric, beside_paper, metric
from atelier.report.figures import plot_measures
from atelier.report.format import heading
from atelier.report.page.answer import sentence
from atelier.report.paper import MAIN, Reported
from atelier.report.tables import compare_with_paper


def test_a_new_metric_needs_one_entry(monkeypatch, tmp_path):
    facts = {"short": "sparkle", "group": "Edit success", "views": "headline paper comparison figure page"}
    monkeypatch.setitem(METRICS, "sparkle", Metric("sparkle", "sparkle of the fabric", 1, 1, "lm", **facts))
    means = {"sparkle": {"mean": 4.56, "ci_lo": 1.0, "ci_hi": 9.0, "n": 4}}
    domain = {"sources": 1, "probes": 4, "rendered": True, "finetuned": means, "oracles": {}, "gain": {}}
    report = {"networks": {}, "seen": domain}
    assert headline(report) == {"seen": {"sparkle": 4.56}, "baseline": {"seen": {}}}
    ours = next(line for line in compare_with_paper(report).splitlines() if line.startswith("| **finetuned**"))
    assert ours.endswith("| 4.6 |")
    card = write_card({"base": "a/b"}, Provenance(report=report), 64, adapters=False)
    assert "| MAE to target | sparkle |" in card
    assert "| 4.56 (1 … 9) |" in card
    assert heading("sparkle") == "sparkle of the fabric, lm\N{NO-BREAK SPACE}↑"
    answer = sentence("seen", domain | {"gain": {"sparkle": {"mean": 1.0, "ci_lo": 0.5, "ci_hi": 2.0, "p_holm": 0.01}}})
    assert "improved sparkle of the fabric (+1.0)" in answer
    plot_measures(report, tmp_path / "with.png")
    monkeypatch.delitem(METRICS, "sparkle")
    plot_measures(report, tmp_path / "without.png")
    heights = [Image.open(tmp_path / f"{name}.png").height for name in ("with", "without")]
    assert heights[0] == pytest.approx(4 / 3 * heights[1], abs=1)  # the tenth panel starts a fourth row


def test_metrics_are_stored_under_their_keys_and_zones_have_their_direction():
    assert all(key == one.key and one.better in (-1, 0, 1) for key, one in METRICS.items())
    views = {word for one in METRICS.values() for word in one.views.split()}
    assert views == {
        "headline",
        "seeds",
        "paper",
        "comparison",
        "methods",
        "figure",
        "losses",
        "page",
        "prompts",
        "gallery",
    }
    assert METRICS["psnr_tight"].better == 1
    assert METRICS["psnr_tight_above_floor"].better == -1
    assert METRICS["lpips_tight_above_floor"].rests_on == ("lpips", "leakage_floor")
    assert metric("not_registered") == Metric("not_registered", "not registered")


@pytest.mark.parametrize("name", ["paper", "comparison", "page"])
def test_the_paper_s_columns_come_first_in_its_order(name):
    assert tuple(one.paper_key for one in beside_paper(name))[:4] == PAPER_COLUMNS
    assert set(PAPER_COLUMNS) <= set(Reported.__dataclass_fields__)
    assert MAIN[0].estimates() == {"clip_directional": {"mean": 7.82}, "clip_similarity": {"mean": 23.03}}


REPORT = json.loads((ROOT / "metrics" / "evaluate.json").read_text(encoding="utf-8"))
SHORTS, TITLES = ({getattr(one, name) for one in METRICS.values()} for name in ("short", "title"))
for part in (REPORT[domain][model] for domain in ("seen", "unseen") for model in EDITORS):
    part.setdefault("leakage_share_raw", part["leakage_share"])  # reports of before 2026-11-26 have none


def columns(page: str) -> set[str]:
    """Return the headings of a Markdown page's tables, and the first cells of the rows of its gains."""
    return {cell for line in re.findall(r"(?m)^\|  \| (.*) \|\n\| ---", page) for cell in line.split(" | ")}


def test_names_are_distinct_and_say_which_error_and_which_leakage():
    for names in (one.short for one in METRICS.values()), (one.title for one in METRICS.values()):
        kept = list(names)
        assert len(set(kept)) == len(kept)
        assert all(re.search("MAE|RMSE|LPIPS|CLIP", name) for name in kept if "target" in name)
        assert all(re.search("^raw|above (the )?floor", name) for name in kept if "leakage" in name)


def test_tables_and_card_name_metrics_as_the_registry_does():
    comparison = compare_with_paper(REPORT)
    assert columns(comparison) <= SHORTS
    assert {"MAE to target", "RMSE to target", "leakage above floor", "raw leakage"} <= columns(comparison)
    gains = re.findall(r"(?m)^\| ([^|*]+?)(?:, over the copy|, no-op)? \| [+-]\d", comparison)
    assert len(gains) > 60
    assert set(gains) <= TITLES
    card = write_card({"base": "a/b"}, Provenance(report=REPORT), 64, adapters=False)
    assert columns(card) <= SHORTS
    assert all(f"- {name} " in card for name in columns(card))  # its definition
