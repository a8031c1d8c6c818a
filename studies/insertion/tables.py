"""Scores → estimates, Markdown tables and JSON of the report."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from atelier.stats.estimate import significant
from atelier.stats.tables import DASH, markdown
from studies.insertion.bootstrap import Cell, cell, grid
from studies.insertion.claims import NAMES, Finding
from studies.insertion.config import METHODS, Bootstrap
from studies.insertion.figures import Point
from studies.insertion.prompts import COMPLEX, PLAIN

MEASURES = {  # name in the report → column and kind of prompt
    "image similarity": ("image_similarity", PLAIN), "prompt similarity": ("prompt_similarity", COMPLEX),
    "image similarity, complex": ("image_similarity", COMPLEX), "right place": ("right_place", COMPLEX),
    "class similarity": ("class_similarity", COMPLEX), "CLIP-T plain": ("clip_t", PLAIN),
    "CLIP-T complex": ("clip_t", COMPLEX),
}  # fmt: skip
ROWS = {
    "base": "base, class noun", **NAMES, "other photographs": "`-image`: other photographs",
    "photographs among themselves": "`-image`: the photographs among themselves", "prompt": "`-prompt`",
}  # fmt: skip
DISTANCES = ("image_few", "image_many", "prompt")


def cells_of(scores: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, dict[str, Cell]]:
    """Return method → metric → estimate, for the finished models and the baselines."""
    found: dict[str, dict[str, Cell]] = {}
    final = scores[scores["at"] == "final"]
    for method in ROWS:
        for name, (column, kind) in MEASURES.items():
            rows = final[(final["method"] == method) & (final["kind"] == kind)]
            if rows[column].notna().any():
                values = grid(final, method, column, kinds=[kind])
                found.setdefault(method, {})[name] = cell(values, bootstrap.draws, bootstrap.seed)
    return found


def point(scores: pd.DataFrame, method: str, at: str, bootstrap: Bootstrap) -> Point:
    """Return prompt and image similarity of a method at a checkpoint or a scale."""
    prompt = grid(scores, method, "prompt_similarity", at, [COMPLEX])
    image = grid(scores, method, "image_similarity", at, [PLAIN])
    return cell(prompt, bootstrap.draws, bootstrap.seed), cell(image, bootstrap.draws, bootstrap.seed)


def trails(
    facts: pd.DataFrame, few: pd.DataFrame, bootstrap: Bootstrap
) -> tuple[dict[float, Point], dict[str, dict[int, Point]]]:
    """Return the similarities by LoRA's scale and by every method's steps; finished models on the same subset.

    Args:
        few: the scores of those images that checkpoints and scales have, too.
    """
    names = sorted({at for at in few["at"] if at.startswith("scale-")}, key=lambda at: float(at[6:]))
    scales = {float(at[6:]): point(few, "lora", at, bootstrap) for at in names}
    scales[1.0] = point(few, "lora", "final", bootstrap)
    epochs: dict[str, dict[int, Point]] = {}
    for method in METHODS:
        own = facts[facts["method"] == method].iloc[0]
        ats = few.loc[(few["method"] == method) & few["at"].str.startswith("epoch-"), "at"].unique()
        steps = {int(at[6:]) * int(own["steps_per_epoch"]): at for at in ats} | {int(own["steps"]): "final"}
        epochs[method] = {step: point(few, method, steps[step], bootstrap) for step in sorted(steps)}
    return dict(sorted(scales.items())), epochs


def score_table(cells: Mapping[str, Mapping[str, Cell]], distances: pd.DataFrame) -> str:
    """Tabulate in Markdown, one row per method: similarities with intervals, distances with ranges over concepts."""
    sizes = {name: int(distances[name].max()) for name in ("n_few", "n_many", "n_prompt")}
    columns = (("image", "n_few"), ("image", "n_many"), ("prompt", "n_prompt"))  # of DISTANCES
    header = ["", *MEASURES, *(f"FID {name}, N = {sizes[size]}" for name, size in columns)]
    rows = []
    for method, label in ROWS.items():
        own = distances[distances["method"] == method]
        values = [_text(cells[method].get(name)) for name in MEASURES]
        rows.append([label, *values, *(_range(own[name].dropna()) for name in DISTANCES)])
    return markdown(header, rows)


def claims_table(findings: list[Finding]) -> str:
    """Tabulate the paper's claims in Markdown, with the differences that they rest on and the verdict."""
    rows = []
    for finding in findings:
        for k, one in enumerate(finding.differences):
            what = f"{NAMES[one.better]} − {NAMES[one.worse]}, {one.measure.replace('_', ' ')}"
            gap = one.similarity
            first = (finding.claim, f"**{finding.verdict}**") if k == 0 else ("", "")
            rows.append(
                [
                    first[0],
                    what,
                    f"{gap.mean:+.3f} ({gap.ci_lo:+.3f} … {gap.ci_hi:+.3f})",
                    f"{one.nearer} of {one.concepts}",
                    first[1],
                ]
            )
    return markdown(
        ["the paper says", "difference", "measured", "concepts where FID agrees", "by the similarities"], rows
    )


def frontier_table(scales: Mapping[float, Point], epochs: Mapping[str, Mapping[int, Point]]) -> str:
    """Tabulate every point of the frontier in Markdown."""
    rows = [["LoRA", f"scale {scale:g}", _text(one[0]), _text(one[1])] for scale, one in scales.items()]
    for method, points in epochs.items():
        rows += [[NAMES[method], f"{step} steps", _text(one[0]), _text(one[1])] for step, one in points.items()]
    return markdown(["", "at", "prompt similarity", "image similarity"], rows)


def metrics_of(
    cells: Mapping[str, Mapping[str, Cell]], distances: pd.DataFrame, findings: list[Finding], networks: dict[str, str]
) -> dict[str, Any]:
    """Return nested scalars for `dvc metrics`."""
    found: dict[str, Any] = {"networks": networks, "methods": {}, "claims": {}}
    for method, own in cells.items():
        key = method.replace(" ", "_")
        found["methods"][key] = {name.replace(" ", "_").replace(",", ""): one.json() for name, one in own.items()}
        gaps = distances[distances["method"] == method]
        for name in DISTANCES:
            values = gaps[name].dropna()
            if len(values):
                found["methods"][key][f"fid_{name}"] = {
                    "mean": significant(values.mean()), "min": significant(values.min()),
                    "max": significant(values.max()), "n": int(gaps[f"n_{name.rpartition('_')[2]}"].max()),
                }  # fmt: skip
    for finding in findings:
        differences = {f"{one.better}-{one.worse}_{one.measure}": one.similarity.json() for one in finding.differences}
        found["claims"][finding.claim] = {"verdict": finding.verdict, **differences}
    return found


def _text(found: Cell | None) -> str:
    return DASH if found is None else f"{found.mean:.3f} ({found.ci_lo:.3f} … {found.ci_hi:.3f})"


def _range(values: pd.Series) -> str:
    if values.empty:
        return DASH
    return f"{values.mean():.3g} ({values.min():.3g} … {values.max():.3g})"
