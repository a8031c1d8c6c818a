"""The results that README.md quotes are those in metrics/ and studies/, under the registry's names."""

import json
import re

import pandas as pd
import pytest
from import_graph import ROOT

from atelier.metrics.registry import METRICS
from scripts.update_readme import COLUMNS, REPORTS, markers, read_reports, update

README = (ROOT / "README.md").read_text(encoding="utf-8")
REPORT = json.loads((ROOT / "metrics" / "evaluate.json").read_text(encoding="utf-8"))
STUDY = pd.read_csv(ROOT / "studies/losses/results/scores/scores.csv")
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "studies").glob("*/README.md")]


def test_the_readme_is_up_to_date():
    assert update(README, read_reports()) == README, "after `dvc repro` run: python scripts/update_readme.py"


@pytest.mark.parametrize("name", REPORTS)
def test_the_table_has_the_means_of_the_report_under_the_registry_s_titles(name):
    titles, report = {one.title: one for one in METRICS.values()}, read_reports()[name]
    text = README.partition(markers(name)[0])[2].partition(markers(name)[1])[0]
    rows = re.findall(r"(?m)^\| (?:\*\*(\w+)\*\* \(.*?\): )?(.*?), (0–1|× 100) ([↑↓]) \| (.*) \|$", text)
    assert {"RMSE to the exact target", "MAE to the exact target"} < {title for _, title, *_ in rows}
    domain = ""
    for lead, title, unit, arrow, cells in rows:
        domain, one = lead or domain, titles[title]
        assert (unit, arrow) == (one.unit or "0–1", one.arrow)
        for model, cell in zip(COLUMNS, cells.split(" | "), strict=True):
            digits = len(cell.partition(".")[2])
            assert float(cell) == pytest.approx(report[domain][model][one.key]["mean"], abs=0.51 * 10**-digits)
    assert domain == "unseen"


def test_the_paper_s_own_pairs_give_what_the_readme_says():
    """Compare with the mean over seeds and source images of the runs with same-item pairs and the trimap loss."""
    text = " ".join(README.split())
    found = re.search(r"directional similarity (\S+) against (\S+), leakage above the floor (\S+) against (\S+) ", text)
    runs = STUDY[STUDY["run"].str.startswith("trimap-same_item-") & (STUDY["domain"] == "unseen")]
    for place, (key, digits) in enumerate({"clip_directional": 1, "leakage_share": 2}.items()):
        worse, baseline = (float(value) for value in found.groups()[2 * place : 2 * place + 2])
        assert worse == round(runs[key].mean(), digits)
        assert baseline == round(REPORT["unseen"]["baseline"][key]["mean"], digits)
        assert (worse - baseline) * METRICS[key].better < 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_calls_an_error_to_the_target_or_a_leakage_by_half_a_name(page):
    """Headings of tables: an error says MAE or RMSE, leakage says raw or above the floor."""
    for line in page.read_text(encoding="utf-8").splitlines():
        headings = re.findall(r"[^|]+", line) if re.match(r"\|.*(↑|↓|to target|leakage)", line) else []
        for text in headings:
            if re.search(r"\berror to\b|\bto (the exact )?target", text):
                assert re.search(r"\b(MAE|RMSE|LPIPS|PSNR)\b", text), text
            if re.fullmatch(r"\s*leakage\s*[↓]?\s*", text):
                raise AssertionError(f"{page.name}: leakage is raw or above the floor: {line}")


def test_every_metric_of_the_report_is_defined_in_the_docs():
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    zones = re.compile(r"(mse|psnr|ssim|lpips)_(outside|tight|context|background)_above_floor")  # one row for all
    keys = {key for domain in ("seen", "unseen") for key in REPORT[domain]["gain"]} | {"leakage_share_raw"}
    assert {key for key in keys if f"`{key}`" not in text and not zones.fullmatch(key)} == set()
