"""The paper's tables 2 to 4 with our results, and a table of further scores, in Markdown."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from atelier.stats.tables import DASH, markdown
from studies.logo import paper
from studies.logo.config import Run
from studies.logo.ranking import best_epochs, best_ranks

NAMES = {"dreambooth": "DreamBooth", "lora": "LoRA", "textual_inversion": "Textual Inversion"}
CONTROLS = {
    "photographs": "the training photographs", "repainted": "the same through the autoencoder",
    "held_out": "other photographs of the line",
    "base": "the base, untaught",
}  # fmt: skip


def setting(run: Run) -> str:
    """Format a run's parameters as the paper does: its learning rate; for LoRA both learning rates and the rank."""
    return f"{_rate(run.lr)}, {_rate(run.text_lr)}, {run.rank}" if run.method == "lora" else _rate(run.lr)


def best_table(models: pd.DataFrame, runs: Mapping[str, Run]) -> str:
    """Tabulate table 2: the best three settings of each method, each at its best epoch."""
    best = best_epochs(models)
    rows = []
    for method, name in NAMES.items():
        own = best[[runs[run].method == method for run in best["run"]]][:3].to_dict("records")
        theirs = [row for row in paper.BEST if row[0] == method]
        for place in range(max(len(own), len(theirs))):
            _, label, *scores = theirs[place] if place < len(theirs) else (method, DASH, *[None] * 3)
            line = [f"{name} {place + 1}", label, *map(_three, scores)]
            if place < len(own):
                one = own[place]
                line += [setting(runs[one["run"]]), str(one["epoch"])]
                line += [_three(one[key]) for key in ("mean", "od", "ocr")]
            rows.append(line + [DASH] * (10 - len(line)))
    header = ["", "paper", "mean", "detector", "reader", "ours", "epoch", "mean", "detector", "reader"]
    return markdown(header, rows)


def ten_table(models: pd.DataFrame, runs: Mapping[str, Run]) -> str:
    """Tabulate table 3: the ten best LoRA models (a run at an epoch) by the normalised score."""
    mine = models[[runs[run].method == "lora" for run in models["run"]]]
    ranked = mine.sort_values(["normscore", "epoch", "run"], ascending=[False, True, True])[:10].to_dict("records")
    rows = []
    for place, (label, epoch, norm, detected, read) in enumerate(paper.LORA):
        line = [str(place + 1), label, str(epoch), _three(norm), _three(detected), _three(read)]
        if place < len(ranked):
            one = ranked[place]
            line += [setting(runs[one["run"]]), str(one["epoch"])]
            line += [_three(one[key]) for key in ("normscore", "od", "ocr")]
        rows.append(line + [DASH] * (11 - len(line)))
    header = ["", "paper", "epoch", "norm", "detector", "reader", "ours", "epoch", "norm", "detector", "reader"]
    return markdown(header, rows)


def ranks_table(models: pd.DataFrame, runs: Mapping[str, Run]) -> str:
    """Tabulate table 4: the best learning rates with their best ranks."""
    plan = pd.DataFrame([{"run": name} | run.model_dump() for name, run in runs.items() if run.method == "lora"])
    mine = best_ranks(models, plan).to_dict("records")
    rows = []
    for place, theirs in enumerate(paper.RANKS):
        line = [str(place + 1), *theirs]
        if place < len(mine):
            found = [f"{rank} ({norm:.2f})" for rank, norm in mine[place]["ranks"]]
            line += [f"{_rate(mine[place]['lr'])}, {_rate(mine[place]['text_lr'])}", *found]
        rows.append(line + [DASH] * (9 - len(line)))
    return markdown(["", "paper", "best", "second", "third", "ours", "best", "second", "third"], rows)


def beyond_table(report: Mapping[str, Any], runs: Mapping[str, Run]) -> str:
    """Tabulate all scores of every run at its best epoch, with intervals, after the controls."""
    rows = []
    for name, cells in report["controls"].items():
        rows.append([CONTROLS[name], DASH, *_cells(cells), DASH])
    for name, found in report["runs"].items():
        label = f"{NAMES[runs[name].method]} {setting(runs[name])}"
        rows.append([label, str(found["best_epoch"]), *_cells(found["scores"]), _three(found["three"])])
    header = [
        "", "epoch", "detector", "reader", "mean", "letters", "right colour", "memorisation", "mean of three",
    ]  # fmt: skip
    return markdown(header, rows)


def _cells(cells: Mapping[str, Mapping[str, float]]) -> list[str]:
    names = ("od", "ocr", "mean", "letters", "colour_right", "memorisation")
    return [
        f"{cells[name]['mean']:.3f} ({cells[name]['ci_lo']:.2f} … {cells[name]['ci_hi']:.2f})"
        if name in cells
        else DASH
        for name in names
    ]


def _three(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _rate(value: float) -> str:
    """Format a learning rate as the paper does, such as 5e-6."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
