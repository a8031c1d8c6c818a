"""Format preference reports as text tables for a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from atelier.stats.tables import DASH, interval, number


def survey_table(report: Mapping[str, Any]) -> str:
    """Format a survey's report: win rates overall, by group and by rater; strengths; agreement of the raters."""
    lines = [
        report["question"],
        f"{report['raters']} raters, {report['pairs']} pairs, {report['answers']} answers; "
        f"{report['repeats']} repeats, {report['invalid']} invalid, {report['torn_lines']} incomplete lines.",
        "",
        *_win_table(report["win_rates"], "win rate: a tie counts half"),
    ]
    for key, title in (("by_group", "group"), ("by_rater", "rater")):
        rows = {f"{name}: {pair}": cell for name, cells in report[key].items() for pair, cell in cells.items()}
        lines += ["", *_win_table(rows, f"by {title}")] if rows else []
    rows = [[name, *_numbers(cell, "+.2f")] for name, cell in report["strengths"].items()]
    lines += ["", *_align(["Bradley-Terry strength", "log", "95 % by rater and prompt"], rows)]
    if not rows:
        lines.append("none: not all systems are connected by comparisons")
    lines += [
        "",
        f"between raters: Krippendorff's alpha {number(report.get('krippendorff_alpha'), 2)}",
        f"repeats with the same answer, sides swapped: {_share(report['self_agreement'])}",
        f"left picture preferred: {_share(report['left_preferred'])}",
    ]
    return "\n".join(lines)


def judge_table(report: Mapping[str, Any]) -> str:
    """Format the judges' report: for each model its win rates and measures of its reliability."""
    lines = [report["question"], f"{report['pairs']} pairs, each asked in both orders."]
    for model, found in report["models"].items():
        lines += ["", *_win_table(found["win_rates"], model)]
        lines += [
            f"invalid replies: {_share(found['invalid'])}",
            f"verdicts that changed with the order: {_share(found['order_flips'])}",
            f"first picture preferred: {_share(found['left_preferred'])}",
        ]
        if "agreement" in found:
            kappa = number(found["agreement"].get("cohen_kappa"), 2)
            lines.append(f"the same as most people: {_share(found['agreement'])}; Cohen's kappa {kappa}")
    return "\n".join(lines)


def _win_table(cells: Mapping[str, Mapping[str, float]], title: str) -> list[str]:
    clustered = any("boot_lo" in cell for cell in cells.values())
    header = [title, "won", "lost", "tied", "rate", "95 % (Wilson)"] + ["95 % by rater and prompt"] * clustered
    rows = []
    for name, cell in cells.items():
        counts = [str(cell[key]) for key in ("wins", "losses", "ties")]
        row = [name, *counts, *_numbers(cell, ".1%")]
        rows.append(row + ([f"{cell['boot_lo']:.1%} … {cell['boot_hi']:.1%}"] if clustered else []))
    return _align(header, rows)


def _numbers(cell: Mapping[str, float], form: str) -> list[str]:
    """Return the mean and the interval as text."""
    return [format(cell["mean"], form), interval(cell, form)]


def _share(cell: Mapping[str, float]) -> str:
    if not cell["n"]:
        return f"{DASH} (of none)"
    mean, bounds = _numbers(cell, ".1%")
    return f"{mean} ({bounds}; of {cell['n']})"


def _align(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns: the first column left, the others right."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    form = "  ".join(f"{{:{'>' if number else '<'}{width}}}" for number, width in enumerate(widths))
    return [form.format(*line).rstrip() for line in table]
