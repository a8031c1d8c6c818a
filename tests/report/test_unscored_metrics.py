"""Tables and figures over experiments where a metric has no score in some, or in any."""

from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from atelier.report import experiment_tables as tables
from atelier.report.experiments import Experiment
from atelier.report.figures import plot_measures, plot_shares
from atelier.report.page.runs import ablations, shares

TRAIN = {"trained_share": 0.2, "best_epoch": 2, "trained_parameters": 1000, "steps": 8,
         "train_loss": {"epoch_1": 0.2}, "val_loss": {"epoch_0": 9.0, "epoch_1": 0.1}}  # fmt: skip
COSTS = {"seconds_per_step": 0.05, "peak_rss_gib": 1.0}


def experiment(name: str, *keys: str) -> Experiment:
    """Make an experiment with a mean of 7 for some metrics."""
    means = {key: {"mean": 7.0} for key in ("lpips", *keys)}
    return Experiment(name, TRAIN, {"seen": {"baseline": means, "finetuned": means}})


@pytest.mark.parametrize("keys", [(), ("clip_directional",)])
def test_a_missing_mean_is_a_dash_in_tables_of_experiments(keys):
    both = [experiment("A", *keys), experiment("B")]
    found = tables.tabulate_ablations(both), tables.tabulate_methods(both, {"A": COSTS, "B": COSTS})
    pages = tables.describe_ablations(found[0]), tables.describe_methods(found[1])
    domain = pages[1].partition("## Seen domain")[2].splitlines()
    header, *rows = [line.strip("| ").split(" | ") for line in domain if " | " in line and "---" not in line]
    assert header[0] == "directional"
    assert [row[:2] for row in rows] == [["baseline", "–"], ["A", "7.00" if keys else "–"], ["B", "–"]]
    (row,) = [line for line in pages[0].splitlines() if line.startswith("| B,")]
    assert "7.000" in row
    assert "–" in row
    assert not any("nan" in page for page in pages)


@pytest.mark.parametrize("unscored", ["some", "all", "absent"])
def test_figures_and_the_page_leave_a_missing_metric_out(page_data, tmp_path, unscored):
    def lose(table: pd.DataFrame) -> pd.DataFrame:
        if unscored == "absent":
            return table.drop(columns="clip_directional")
        return table.assign(
            clip_directional=table["clip_directional"].where(table.index > (3 if unscored == "some" else 99))
        )

    data = replace(page_data, ablations=lose(page_data.ablations), methods=lose(page_data.methods))
    plot_shares(data.ablations, data.methods, tmp_path / "shares.png")
    assert Image.open(tmp_path / "shares.png").size[0] > 100
    titles = [chart.title for chart in shares(data)["charts"]]
    assert any("leakage" in title for title in titles)
    assert any("CLIP directional" in title for title in titles) == (unscored == "some")
    assert "nan" not in str(ablations(data))
    report = {domain: {name: {} for name in ("baseline", "finetuned")} for domain in ("seen", "unseen")}
    plot_measures(report | {"networks": {}}, tmp_path / "measures.png")
