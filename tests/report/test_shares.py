"""The figure of gains by trained share: no name covers another one or a point."""

from itertools import combinations

import pandas as pd
import pytest
from import_graph import ROOT
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from atelier.report.figures import SHARE_METRICS, draw_shares
from atelier.stats.figure import make_panels


def committed() -> pd.DataFrame:
    """The repository's own runs; gains differ from scores by a constant only, which moves no point against another."""
    tables = {"ablation": ("ablations.csv", "config"), "method": ("methods.csv", "experiment")}
    parts = [
        pd.read_csv(ROOT / "metrics" / file).assign(group=group, label=lambda table, name=name: table[name])
        for group, (file, name) in tables.items()
    ]
    points = pd.concat(parts)
    return points[points["trained_share"] > 0]


@pytest.mark.parametrize("metric", SHARE_METRICS)
@pytest.mark.parametrize("domain", ["seen", "unseen"])
def test_names_cover_neither_each_other_nor_a_point(metric, domain):
    points = committed()
    figure, (axis,) = make_panels(1, 1, 4.5, 3.2, dpi=110)
    draw_shares(axis, points[points["domain"] == domain], metric)
    figure.tight_layout()
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = {text.get_text(): text.get_window_extent(renderer) for text in axis.texts}
    assert len(boxes) == 7
    for (name, one), (other, two) in combinations(boxes.items(), 2):
        assert Bbox.intersection(one, two) is None, (name, other)
    for line in axis.lines:
        for place in line.get_xydata():
            x, y = axis.transData.transform(place)
            assert not any(box.contains(x, y) for box in boxes.values())
