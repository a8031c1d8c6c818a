"""Scores by image → models, ranked as in the paper, and with the score that it proposes.

A model is a run at an epoch. The paper does not define its "normalised score"; the mean of both scores, each scaled so
that the worst model has 0 and the best 1, reproduces its table 3 within rounding (tests/studies/test_study_logo.py).

Legend: M models.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from atelier.stats.bootstrap import Clusters

SCORES = ("od", "ocr", "mean", "letters", "colour_right", "colour_chance", "memorisation")
PHOTOGRAPHS = -1  # prompt number of rendered images


def models_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run and trained epoch: mean od, ocr, their mean, colours, memorisation, `normscore`, `three`.

    `three` is the mean of od, ocr and the share of right colours.
    """
    generated = scores[(scores["prompt"] != PHOTOGRAPHS) & (scores["epoch"] > 0)]
    columns = ["confidence", "od", "ocr", "letters", "colour_right", "colour_chance", "memorisation"]
    table = generated.groupby(["run", "epoch"], sort=True)[columns].mean().reset_index()
    table["mean"] = (table["od"] + table["ocr"]) / 2
    table["three"] = table[["od", "ocr", "colour_right"]].mean(axis=1)
    return table.assign(normscore=normalise(table["od"].to_numpy(), table["ocr"].to_numpy()))


# n = ½ [(d − min d) / (max d − min d) + (r − min r) / (max r − min r)]
def normalise(
    detected: np.ndarray, read: np.ndarray, bounds: Sequence[tuple[float, float]] | None = None
) -> np.ndarray:
    """Return the normalised score, (M,) in [0, 1], of M models' mean scores.

    Args:
        bounds: (min, max) of both scores, if not those of these models. Equal bounds give 0.
    """
    bounds = bounds or [(values.min(), values.max()) for values in (detected, read)]
    scaled = [
        (values - low) / (high - low) if high > low else np.zeros_like(values)
        for values, (low, high) in zip((detected, read), bounds, strict=True)
    ]
    return sum(scaled) / 2


def best_epochs(models: pd.DataFrame, by: str = "mean") -> pd.DataFrame:
    """Return each run's best epoch, the first of equals; the best run first."""
    order = models.sort_values([by, "epoch", "run"], ascending=[False, True, True], kind="stable")
    return order.drop_duplicates("run").reset_index(drop=True)


def best_ranks(models: pd.DataFrame, runs: pd.DataFrame, pairs: int = 5, ranks: int = 3) -> pd.DataFrame:
    """Return table 4: the best pairs of learning rates, and the best ranks of each, by the normalised score.

    Args:
        runs: columns run, lr, text_lr, rank; LoRA's only.
    """
    best = best_epochs(models[models["run"].isin(runs["run"])], "normscore").merge(runs, on="run")
    rows = []
    for (lr, text_lr), own in best.groupby(["lr", "text_lr"], sort=False):  # in the order of their best rank
        rows.append(
            {"lr": lr, "text_lr": text_lr, "ranks": list(zip(own["rank"], own["normscore"], strict=True))[:ranks]}
        )
    return pd.DataFrame(rows[:pairs])


def estimates(scores: pd.DataFrame, run: str, epoch: int, draws: int, seed: int) -> Mapping[str, dict[str, float]]:
    """Return score → mean, 95 % interval over images, n. Each run was trained once: intervals cover samples only."""
    rows = scores[(scores["run"] == run) & (scores["epoch"] == epoch)].assign(
        mean=lambda own: (own["od"] + own["ocr"]) / 2
    )
    found = {}
    for name in SCORES:
        values = rows[name].dropna().to_numpy(float)
        if len(values):
            bounds = Clusters.draw(np.arange(len(values)), draws, seed).estimate(values[:, None])
            rounded = [round(float(one[0]), 4) for one in bounds]
            found[name] = dict(zip(("mean", "ci_lo", "ci_hi"), rounded, strict=True)) | {"n": len(values)}
    return found
