"""What the report page says of each metric."""

import re

import pytest
from import_graph import ROOT

from atelier.metrics.definitions import DEFINITIONS, DIRECTIONS, define
from atelier.metrics.registry import METRICS, Metric

DOCS = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`[a-z_`, ]+`) \|.*?\| ([^|]+) \| ([↑↓·]) \|", DOCS, re.MULTILINE)
ARROWS = {"↑": 1, "↓": -1, "·": 0}


def test_every_metric_is_defined_and_nothing_else():
    assert DEFINITIONS.keys() == METRICS.keys()
    for key, one in METRICS.items():
        told = dict(define(key))
        assert told["Direction"] == DIRECTIONS[one.better]
        assert re.fullmatch(r"[A-Z].{20,}\.", told["Definition"])
        assert told["Range"]
    assert define("not_registered") == []


def test_a_metric_without_a_definition_says_nothing(monkeypatch):
    monkeypatch.setitem(METRICS, "sparkle", Metric("sparkle", "sparkle of the fabric"))
    assert define("sparkle") == []


@pytest.mark.parametrize(("names", "values", "arrow"), [row for row in ROWS if ";" not in row[1] + row[2]])
def test_ranges_and_directions_are_those_of_the_documentation(names, values, arrow):
    for name in re.findall(r"[a-z_]+", names):
        assert METRICS[name].better == ARROWS[arrow], name
        bounds = re.findall(r"−?\d+", values)
        assert [bound for bound in bounds if bound not in DEFINITIONS[name].values] == [], name
