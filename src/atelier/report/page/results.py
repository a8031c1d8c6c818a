"""The page's sections on what was measured: key measures, paper, prompts, frontiers, no-op instructions.

Each function returns the variables of its template, or None where there is nothing to show.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from atelier.common.records import TESTS, WHOLE
from atelier.metrics.registry import EDITORS, MODEL_TITLES, MODELS, Metric, beside_paper, metric, view
from atelier.report.format import domain_label, figure, probability
from atelier.report.page.answer import describe_domain, image_kind
from atelier.report.page.charts import frontier_chart, metric_panels
from atelier.report.page.data import PageData, Row, Table, term, with_interval
from atelier.report.tables import average, describe_kinds, describe_left_out, rows_beside_paper
from atelier.stats.tables import DASH

Section = dict[str, Any]

WIDEST = 8  # metrics beside each other in a table
PROMPTS = 12  # a table by prompt with more prompts is folded
COUNTS = ("n", "source images")
FACTORS = {
    "colour": "colour prompts",
    "pattern": "pattern prompts",
    "both": "colour and pattern prompts",
    "fabric": "fabric prompts",
    "other": "other prompts for a garment",
    "variant": "prompts for the other colour way",
    WHOLE: "prompts that name no garment",
}


def measures(data: PageData) -> Section | None:
    """Return panels of the key metrics."""
    panels = metric_panels(data.domains)
    return {"panels": panels, "legend": [(model, MODEL_TITLES[model]) for model in MODELS]} if panels else None


def with_paper(data: PageData) -> Section:
    """Return each domain's main table with the paper's rows, the differences and the reference edits."""
    networks = "; ".join(f"{role.replace('_', ' ')}: {name}" for role, name in data.report.get("networks", {}).items())
    return {
        "networks": networks,
        "left_out": [
            f"{domain_label(name).capitalize()}. {text}"
            for name, domain in data.domains.items()
            if (text := " ".join(filter(None, (describe_kinds(domain), describe_left_out(domain)))))
        ],
        "tables": [_paper_table(name, domain) for name, domain in data.domains.items()],
        "folded": [_every_metric(name, domain) for name, domain in data.domains.items()],
    }


def _paper_table(name: str, domain: Mapping[str, Any]) -> Table:
    metrics = [one for one in beside_paper("page") if any(one.key in domain.get(model, {}) for model in EDITORS)]
    published, ours, framing = [], [], []
    for row in rows_beside_paper(name, domain):
        label = MODEL_TITLES.get(row.name, row.name.replace("_", " "))
        if name == TESTS and row.name == "target":
            label = "true target"
        if row.source == "paper":
            published.append(_estimates(f"paper: {row.name}", row.estimates, metrics, {}, "paper"))
        elif row.source == "editor":
            ours.append(_estimates(label, row.estimates, metrics, domain))
        else:
            framing.append(_estimates(label, row.estimates, metrics, domain, "reference"))
    ours.append(_estimates("fine-tuned − baseline", domain.get("gain", {}), metrics, domain, "gain"))
    kind = image_kind(domain)
    caption = describe_domain(name) + (f"; {kind} images" if kind else "")
    return Table(caption[0].upper() + caption[1:], _header(metrics), [published, ours, framing])


def _header(metrics: Iterable[Metric]) -> list[str]:
    return ["", *(term(one.key) for one in metrics), *COUNTS]


def _estimates(
    label: str, estimates: Mapping[str, Any], metrics: Iterable[Metric], domain: Mapping[str, Any], kind: str = ""
) -> Row:
    """Return a row of means with intervals; n and the number of source images are the largest of its estimates."""
    known = {one: estimates.get(one.key) for one in metrics}
    found = [estimate for estimate in known.values() if estimate]
    n = max((one.get("n", 0) for one in found), default=0)
    sources = max((one.get("clusters", domain.get("sources", 0)) for one in found), default=0)
    cells = [with_interval(estimate, one.decimals, kind == "gain") for one, estimate in known.items()]
    return Row(label, [*cells, str(n or DASH), str(sources or DASH)], kind)


def _every_metric(name: str, domain: Mapping[str, Any]) -> Table:
    rows = []
    for key, gain in domain.get("gain", {}).items():
        decimals = metric(key).decimals
        means = [with_interval(domain.get(model, {}).get(key), decimals) for model in EDITORS]
        tests = [probability(gain.get("p")), probability(gain.get("p_holm"))]
        counts = [str(gain.get("n", DASH)), str(gain.get("clusters", DASH))]
        rows.append(Row(term(key), [*means, with_interval(gain, decimals, True), *tests, *counts]))
    header = ["", "baseline", "fine-tuned", "difference", "p", "p (Holm)", *COUNTS]
    return Table(f"Every metric, {domain_label(name)}", header, [rows])


def by_prompt(data: PageData) -> Section | None:
    """Return both editors' means per prompt, and the differences per kind of prompt with intervals."""
    scores = data.scores[data.scores["domain"] != TESTS]  # whose instructions are each a triplet's own
    means = average(scores[scores["model"].isin(EDITORS)], "prompt")
    metrics = _widest(means.columns)
    tables = []
    for name in (name for name in data.domains if (means["domain"] == name).any()):
        groups = {
            f"“{prompt}”": [
                Row(MODEL_TITLES[record["model"]],
                    [*(figure(record[one.key], one.decimals) for one in metrics), str(record["n"])])
                for record in lines.to_dict("records")
            ]
            for prompt, lines in means[means["domain"] == name].groupby("prompt", sort=True)
        }  # fmt: skip
        header = ["", *(term(one.key) for one in metrics), "n"]
        tables.append(Table(f"Means by prompt, {name}", header, list(groups.values()), list(groups)))
    factors = [_factor_table(name, domain) for name, domain in data.domains.items()]
    short, long = ([one for one in tables if (len(one.leads) > PROMPTS) == many] for many in (False, True))
    return {"tables": [*short, *filter(None, factors)], "folded": long} if tables else None


def _factor_table(name: str, domain: Mapping[str, Any]) -> Table | None:
    gains = {factor: domain[factor]["gain"] for factor in FACTORS if "gain" in domain.get(factor, {})}
    metrics = _widest({key for gain in gains.values() for key in gain})
    rows = [
        Row(FACTORS[factor], [with_interval(gain.get(one.key), one.decimals, True) for one in metrics], "gain")
        for factor, gain in gains.items()
    ]
    caption = f"Fine-tuned − baseline by kind of prompt, {domain_label(name)}"
    return Table(caption, ["", *(term(one.key) for one in metrics)], [rows]) if rows else None


def _widest(available: Iterable[str]) -> list[Metric]:
    """Return the metrics of a table of limited width, the key ones first."""
    names = set(available)
    return sorted((one for one in view("prompts") if one.key in names), key=lambda one: not one.group)[:WIDEST]


def frontiers(data: PageData) -> Section | None:
    """Return edit success against preservation over both guidance scales, and the area under each curve."""
    points = data.frontier
    if points is None or points.empty:
        return None
    names = [name for name in data.domains if (points["domain"] == name).any()]
    rows = [row for name in names for row in _areas(name, data.domains[name].get("frontier", {}))]
    return {
        "charts": [frontier_chart(points[points["domain"] == name], name) for name in names],
        "legend": [(model, MODEL_TITLES[model]) for model in EDITORS],
        "tables": [Table("Area under the frontier", ["", term("area", "area"), "n"], [rows])] if rows else [],
    }


def _areas(name: str, frontier: Mapping[str, Any]) -> list[Row]:
    labels = {model: MODEL_TITLES[model] for model in EDITORS} | {"gain": "difference"}
    areas = {key: frontier[key]["area"] for key in labels if frontier.get(key, {}).get("area")}
    return [
        Row(f"{name}, {labels[key]}", [with_interval(area, 3, key == "gain"), str(area.get("n", DASH))],
            "gain" if key == "gain" else "")
        for key, area in areas.items()
    ]  # fmt: skip


def no_op(data: PageData) -> Section | None:
    """Return what the editors do when the instruction asks for what is already there."""
    tables = []
    for name, domain in data.domains.items():
        models = {model: domain["noop"][model] for model in EDITORS if domain.get("noop", {}).get(model)}
        metrics = [metric(key) for key in sorted({key for estimates in models.values() for key in estimates})[:WIDEST]]
        if metrics:
            rows = [_estimates(MODEL_TITLES[model], found, metrics, domain) for model, found in models.items()]
            tables.append(Table(f"Instructed to change nothing, {name}", _header(metrics), [rows]))
    return {"tables": tables} if tables else None
