"""The page's sections on what was measured: the answer, beside the paper, by prompt, frontiers, no-op instructions."""

from collections.abc import Iterable, Mapping
from typing import Any

from atelier.report import paper
from atelier.report.format import DASH, MODELS, figure, heading, interval_of, mean_of, probability, wording
from atelier.report.page.answer import KEY_MEASURES, describe_domain, kind_of_picture, sentence
from atelier.report.page.charts import answer_figure, frontier_chart
from atelier.report.page.data import PageData
from atelier.report.page.html import Child, Markup, element, joined, paragraphs, row, section, table
from atelier.report.page.svg import legend
from atelier.report.tables import average

EDITORS = ("baseline", "finetuned")
CONTROLS = ("target", "composite", "copy")
BESIDE_PAPER = (
    "clip_similarity", "clip_directional", "lpips", "ssim", "lpips_outside", "leakage_share", "target_rmse",
    "right_garment",
)  # fmt: skip
PREFERRED = (*KEY_MEASURES, "lpips", "ssim", "psnr_outside", "right_garment", "change_inside", "clip_similarity")
WIDEST = 8  # measures beside each other in a table


def answer(data: PageData) -> Markup:
    """The question, a sentence per domain, and both in one figure."""
    question = (
        "Told to “make the shirt red”, an editor may redden the trousers and the wall as well. Does fine-tuning it on "
        "fashion pictures make it do what is asked, and leave the rest of the picture alone?"
    )
    rule = (
        "A difference is claimed only where its 95 % interval excludes zero and its p, corrected by Holm over all "
        "measures of the domain, is below .05."
    )
    found = [sentence(name, domain) for name, domain in data.domains.items()]
    return section(
        "answer", "The question and the answer", element("p", question, class_="lead"),
        element("ul", [element("li", text) for text in found], class_="findings"),
        element("p", rule, class_="note"), answer_figure(data.domains),
    )  # fmt: skip


def beside_paper(data: PageData) -> Markup:
    """The main table of each domain with the paper's rows, the differences, and what frames them."""
    networks = "; ".join(f"{role.replace('_', ' ')}: {name}" for role, name in data.report.get("networks", {}).items())
    notes = paragraphs(
        "Similarities are × 100. LPIPS and SSIM are between source and edited picture, as in the paper, so that a copy "
        "of the source is perfect in both. The paper's networks and pictures differ from these: compare directions and "
        "ratios, not values. Below each mean stands its 95 % interval, from a bootstrap over source pictures.",
        networks and f"Networks that measure here: {networks}.",
    )
    return section(
        "paper", "Beside the paper", *notes, [_paper_table(name, part) for name, part in data.domains.items()],
        [_every_measure(name, part) for name, part in data.domains.items()],
    )  # fmt: skip


def _paper_table(name: str, domain: Mapping[str, Any]) -> Markup:
    measures = [measure for measure in BESIDE_PAPER if any(measure in domain.get(model, {}) for model in EDITORS)]
    theirs = [line for line in paper.MAIN if line.domain == name]
    published = [row(f"paper: {line.label}", _published(line, measures), "paper") for line in theirs]
    ours = [_row_of(MODELS[model], domain[model], measures, domain) for model in EDITORS if model in domain]
    gain = _row_of("fine-tuned − baseline", domain.get("gain", {}), measures, domain, "gain")
    frames = [_row_of(MODELS[model], domain[model], measures, domain, "reference") for model in CONTROLS
              if model in domain]  # fmt: skip
    frames += [
        _row_of(MODELS.get(oracle, oracle.replace("_", " ")), cells, measures, domain, "reference")
        for oracle, cells in domain.get("oracles", {}).items()
    ]
    kind = kind_of_picture(domain)
    caption = f"{describe_domain(name)}{f'; {kind} pictures' if kind else ''}"
    caption = caption[0].upper() + caption[1:]
    header = ["", *map(heading, measures), "n", "source pictures"]
    return table(caption, header, [published, [*ours, gain], frames])


def _published(line: paper.Reported, measures: Iterable[str]) -> list[str]:
    values = {"clip_similarity": (line.clip, 2), "clip_directional": (line.directional, 2), "lpips": (line.lpips, 3),
              "ssim": (line.ssim, 3)}  # fmt: skip
    return [*(figure(*values.get(measure, (None, 0))) for measure in measures), DASH, DASH]


def _row_of(
    label: str, cells: Mapping[str, Any], measures: Iterable[str], domain: Mapping[str, Any], kind: str | None = None
) -> Markup:
    """A row of means with intervals; n and clusters are the largest of its cells."""
    shown = {measure: cells.get(measure) for measure in measures}
    known = [cell for cell in shown.values() if cell]
    n = max((cell.get("n", 0) for cell in known), default=0)
    clusters = max((cell.get("clusters", domain.get("sources", 0)) for cell in known), default=0)
    values = [with_interval(cell, wording(measure).digits, kind == "gain") for measure, cell in shown.items()]
    return row(label, [*values, str(n or DASH), str(clusters or DASH)], kind)


def with_interval(cell: Mapping[str, Any] | None, digits: int, signed: bool = False) -> Markup:
    """A mean with its interval below it."""
    below = interval_of(cell, digits, signed)
    return joined(mean_of(cell, digits, signed), element("small", below) if below else None)


def _every_measure(name: str, domain: Mapping[str, Any]) -> Markup:
    """All measures of both editors with the paired difference, folded away."""
    rows = []
    for measure, gain in domain.get("gain", {}).items():
        digits = wording(measure).digits
        means = [with_interval(domain.get(model, {}).get(measure), digits) for model in EDITORS]
        tests = [probability(gain.get("p")), probability(gain.get("p_holm"))]
        counts = [str(gain.get("n", DASH)), str(gain.get("clusters", DASH))]
        rows.append(row(heading(measure), [*means, with_interval(gain, digits, True), *tests, *counts]))
    caption = f"Every measure, {name}"
    header = ["", "baseline", "fine-tuned", "difference", "p", "p (Holm)", "n", "source pictures"]
    return element("details", element("summary", caption), table(caption, header, [rows]))


def by_prompt(data: PageData) -> Markup | None:
    """Both editors' means per prompt, and the differences per kind of prompt with intervals."""
    parts = []
    means = average(data.scores[data.scores["model"].isin(EDITORS)], "prompt")
    measures = chosen(means.columns)
    for name in (name for name in data.domains if (means["domain"] == name).any()):
        groups = []
        for prompt, lines in means[means["domain"] == name].groupby("prompt", sort=True):
            lead = element("th", f"“{prompt}”", scope="rowgroup", rowspan=len(lines))
            records = lines.to_dict("records")
            groups.append(
                [_prompt_row(record, measures, None if number else lead) for number, record in enumerate(records)]
            )
        header = ["prompt", "editor", *map(heading, measures), "n"]
        parts.append(table(f"Means by prompt, {name}", header, groups))
    factors = [table_ for name, part in data.domains.items() if (table_ := _factor_table(name, part))]
    if not parts:
        return None
    note = "Means of the edits of one prompt; a dash where a measure is not defined for it."
    return section("prompts", "By prompt", *paragraphs(note), *parts, *factors)


def _prompt_row(record: Mapping[str, Any], measures: list[str], lead: Markup | None) -> Markup:
    values = [figure(record[measure], wording(measure).digits) for measure in measures]
    return row(MODELS[record["model"]], [*values, str(record["n"])], lead=lead)


def _factor_table(name: str, domain: Mapping[str, Any]) -> Markup | None:
    factors = {factor: domain[factor]["gain"] for factor in ("colour", "pattern") if "gain" in domain.get(factor, {})}
    measures = chosen({measure for gain in factors.values() for measure in gain})
    rows = [
        row(f"{factor} prompts", [with_interval(gain.get(m), wording(m).digits, True) for m in measures], "gain")
        for factor, gain in factors.items()
    ]
    caption = f"Fine-tuned − baseline by kind of prompt, {name}"
    return table(caption, ["", *map(heading, measures)], [rows]) if rows else None


def chosen(available: Iterable[str]) -> list[str]:
    """The measures for a table of limited width, the key ones first."""
    names = set(available)
    return [measure for measure in PREFERRED if measure in names][:WIDEST]


def frontiers(data: PageData) -> Markup | None:
    """Edit success against preservation over both guidance scales, and the area under each curve."""
    points = data.frontier
    if points is None or points.empty:
        return None
    names = [name for name in data.domains if (points["domain"] == name).any()]
    charts = [frontier_chart(points[points["domain"] == name], name) for name in names]
    note = (
        "Each dot is one pair of guidance scales; point at it, or go to it with the keyboard, for its values. The "
        "curve is the best success at no less than that preservation. The untouched source would stand at (1, 0), the "
        "exact target at (1, 1). An editor that changes too little lies far to the right and low, so that the area "
        "under the curve, not one point, compares the two."
    )
    rows = [line for name in names for line in _area_rows(name, data.domains[name].get("frontier", {}))]
    areas = table("Area under the frontier", ["", "area", "n"], [rows]) if rows else None
    keys = legend([("baseline", "baseline"), ("finetuned", "fine-tuned")])
    return section(
        "frontiers", "Frontiers", *paragraphs(note), keys, element("div", *charts, class_="charts pairs"), areas
    )  # fmt: skip


def _area_rows(name: str, frontier: Mapping[str, Any]) -> list[Markup]:
    labels = {model: MODELS[model] for model in EDITORS} | {"gain": "difference"}
    rows = []
    for key, label in labels.items():
        cell = frontier.get(key, {}).get("area")
        if cell:
            cells: list[Child] = [with_interval(cell, 3, key == "gain"), str(cell.get("n", DASH))]
            rows.append(row(f"{name}, {label}", cells, "gain" if key == "gain" else None))
    return rows


def no_op(data: PageData) -> Markup | None:
    """What the editors do when told to change nothing."""
    parts = []
    for name, domain in data.domains.items():
        models = {model: domain["noop"][model] for model in EDITORS if domain.get("noop", {}).get(model)}
        known = {measure for cells in models.values() for measure in cells}
        measures = sorted(known)[:WIDEST]
        if measures:
            rows = [_row_of(MODELS[model], cells, measures, domain) for model, cells in models.items()]
            header = ["", *map(heading, measures), "n", "source pictures"]
            parts.append(table(f"Instructed to change nothing, {name}", header, [rows]))
    note = "An instruction that asks for what is there already should leave the picture alone: less change is better."
    return section("noop", "No-op instructions", *paragraphs(note), *parts) if parts else None
