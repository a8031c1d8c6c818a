"""Draw an evaluation's contact sheets: source, both edits, composite, exact target, change maps and zones."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from atelier.evaluation.samples import Sample
from atelier.images.contact_sheet import SheetRow, contact_sheet, draw_change, draw_zones
from atelier.images.tensors import from_png
from atelier.metrics.registry import EDITORS, metric
from atelier.sampling.plan import spread
from atelier.stats.tables import DASH, number

COLUMNS = (
    "source", "baseline", "fine-tuned", "composite", "exact target", "change, base", "change, tuned", "zones",
)  # fmt: skip
OVERVIEW = ("source", "baseline", "fine-tuned", "exact target")


def pick_unselected(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Return up to `count` samples by position alone: sources spread over the list, prompts in turn."""
    return spread(samples, count, lambda sample: sample.probe.source_id)


def pick_worst(samples: Sequence[Sample], scores: pd.DataFrame, count: int) -> list[Sample]:
    """Return up to `count` samples that lost most directional similarity against the baseline, worst first."""
    table = scores.pivot(index="probe_id", columns="model", values="clip_directional")
    lost = (table["finetuned"] - table["baseline"]).sort_values(kind="stable")
    sample_of = {sample.probe.probe_id: sample for sample in samples}
    return [sample_of[probe_id] for probe_id in lost.index if probe_id in sample_of][:count]


def draw_overview(by_domain: Mapping[str, Sequence[Sample]]) -> np.ndarray:
    """Draw a small overview, uint8 (H, W, 3): one sample of each domain per prompt, chosen by position alone."""
    columns = [f"{domain}: source" if name == "source" else name for domain in by_domain for name in OVERVIEW]
    prompts = list(dict.fromkeys(sample.probe.prompt for samples in by_domain.values() for sample in samples))
    chosen = [_one_per_prompt(samples, prompts) for samples in by_domain.values()]
    rows = []
    for prompt, samples in zip(prompts, zip(*chosen, strict=True), strict=True):
        pngs = [
            png
            for one in samples
            for png in ((one.probe.source, *map(one.edited.get, EDITORS), one.probe.target) if one else [None] * 4)
        ]
        rows.append(SheetRow([f"“{prompt}”"], [None if png is None else from_png(png) for png in pngs]))
    return contact_sheet(columns, rows)


def _one_per_prompt(samples: Sequence[Sample], prompts: Sequence[str]) -> list[Sample | None]:
    """Return a sample of each prompt from sources spread over the list; None for a prompt without one."""
    sources = list(dict.fromkeys(sample.probe.source_id for sample in samples))
    found: list[Sample | None] = []
    for place, prompt in enumerate(prompts):
        first = place * len(sources) // len(prompts)
        order = {source: number for number, source in enumerate([*sources[first:], *sources[:first]])}
        of_prompt = [sample for sample in samples if sample.probe.prompt == prompt]
        found.append(min(of_prompt, key=lambda sample: order[sample.probe.source_id], default=None))
    return found


def draw_sheet(samples: Sequence[Sample], scores: pd.DataFrame) -> np.ndarray:
    """Draw a contact sheet, uint8 (H, W, 3), of these samples and their scores."""
    table = scores[scores["model"].isin(EDITORS)].set_index(["probe_id", "model"])
    true = any(sample.probe.true_target for sample in samples)
    columns = ["true target" if true and name == "exact target" else name for name in COLUMNS]
    return contact_sheet(columns, [_row(sample, table) for sample in samples])


def _row(sample: Sample, scores: pd.DataFrame) -> SheetRow:
    probe = sample.probe
    source, tight = from_png(probe.source), from_png(sample.zones.tight) >= 128
    made = {model: from_png(png) for model, png in sample.edited.items()}
    composite = np.where(tight[..., None], made["finetuned"], source) if probe.garment else None
    target = None if probe.target is None else from_png(probe.target)
    pictures = (
        source, made["baseline"], made["finetuned"], composite, target,
        draw_change(source, made["baseline"]), draw_change(source, made["finetuned"]),
        draw_zones(source, tight, sample.zones.box),
    )  # fmt: skip
    before, after = (scores.loc[(probe.probe_id, model)] for model in EDITORS)
    lines = [
        f"“{probe.prompt}”",
        f"({probe.garment or 'whole picture'})",
        "",
        "base | tuned",
        f"direction {_score(before['clip_directional'], 0)} | {_score(after['clip_directional'], 0)}",
        metric("leakage_share").short,
        f"{_score(before['leakage_share'], 2)} | {_score(after['leakage_share'], 2)}",
    ]
    return SheetRow(lines, pictures)


def _score(value: float, decimals: int) -> str:
    """Return a score in the letters that the sheets' font has; a hyphen for NaN."""
    return number(value, decimals).replace(DASH, "-")
