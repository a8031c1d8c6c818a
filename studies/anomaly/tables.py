"""The report's tables in Markdown, with the paper's values."""

from collections.abc import Mapping
from typing import Any

from atelier.stats.tables import DASH, join_parts, markdown
from studies.anomaly.config import Base, Sampling
from studies.anomaly.prompts import FAMILIES
from studies.anomaly.rows import ARMS

SYSTEMS = ("original", *ARMS)
CONTROLS = ("one picture", "correct, decoded", "correct")
LABELS = {
    "original": "**original**", "plain": "**fine-tuned**", "prior": "**fine-tuned, prior preservation**",
    "one picture": "*one picture ten times*", "correct, decoded": "*correct renders, encoded and decoded*",
    "correct": "*correct renders*",
}  # fmt: skip
PAPER = {"original": (366.9462, 0.1387, 23.1765), "fine-tuned": (266.5844, 0.2258, 23.2820)}  # its table 1
HEADER = ["", "deformed, %", "faults a picture", "pairwise FID", "SSIM", "PSNR, dB", "FID to correct ones"]

# measure, decimals, factor
COLUMNS = (("deformed", 1, 100.0), ("count", 2, 1.0), ("frechet", 2, 1.0), ("ssim", 4, 1.0), ("psnr", 2, 1.0))


def _cell(cell: Mapping[str, float], digits: int, factor: float = 1.0) -> str:
    rounded = (round(cell[name] * factor, digits) + 0.0 for name in ("mean", "ci_lo", "ci_hi"))  # no minus zero
    mean, low, high = (f"{value:.{digits}f}" for value in rounded)
    return f"{mean} ({low} … {high})"


def levels_table(found: Mapping[str, Any], with_paper: bool) -> str:
    """Tabulate the scores, one row per system; intervals are over prompts."""
    rows = []
    if with_paper:
        rows += [
            [f"paper: {name}", DASH, DASH, f"{f:.2f}", f"{s:.4f}", f"{p:.2f}", DASH]
            for name, (f, s, p) in PAPER.items()
        ]
    for system in (*SYSTEMS, *CONTROLS):
        cells = [_cell(found[kind]["levels"][system], digits, factor) for kind, digits, factor in COLUMNS]
        rows.append([LABELS[system], *cells, f"{found['to_correct'][system]:.2f}"])
    return markdown(HEADER, rows)


def gains_table(found: Mapping[str, Any]) -> str:
    """Tabulate each arm minus the original, paired by prompt and noise, with Holm's p over the two arms."""
    rows = []
    for arm in ARMS:
        cells = []
        for kind, digits, factor in COLUMNS:
            cell = found[kind]["gain"][arm]
            cells.append(f"{_cell(cell, digits, factor)}, p {cell['p_holm']:.2g}")
        rows.append([f"{LABELS[arm]} − original", *cells])
    return markdown(HEADER[:-1], rows)


def faults_table(found: Mapping[str, Any]) -> str:
    """Tabulate how many images of each system have each fault; an image can have several."""
    shown = (*SYSTEMS, "correct, decoded")
    rows = [[fault, *(str(found["faults"][system][fault]) for system in shown)] for fault in found["faults"][shown[0]]]
    return markdown(["pictures with", *shown], rows)


def write_tables(metrics: Mapping[str, Any], base: Base, sampling: Sampling) -> str:
    """Return the text of tables.md."""
    parts = [
        "# Anomalous people, before and after",
        f"Made by `dvc repro studies/anomaly/dvc.yaml`: {sampling.prompts} prompts × {sampling.group} pictures in each "
        f"family, the same noise for all. In brackets 95 % intervals over prompts. Fréchet distances by "
        f"`{base.features}`, deformity by `{base.segmenter}`: compare directions with the paper's values.",
    ]
    for family, title in FAMILIES.items():
        found = metrics[family]
        parts += [f"## {title[0].upper()}{title[1:]}", levels_table(found, family == "lying"), gains_table(found),
                  faults_table(found), f"![{family}]({family}.png)"]  # fmt: skip
    return join_parts(parts)
