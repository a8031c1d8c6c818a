"""The page's first section: the answer in a sentence, and a grid of edits that were not picked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from atelier.evaluation.samples import Sample
from atelier.metrics.registry import EDITORS, MODEL_TITLES, key_metrics, metric
from atelier.report.format import domain_label, listed
from atelier.report.page.answer import describe_domain, sentence, verdict, worse_by_prompt
from atelier.report.page.data import PageData, with_terms
from atelier.report.page.gallery import image_uri, target_title
from atelier.report.page.results import Section

ROWS = 4  # edits of a set in the grid, each with another instruction


@dataclass(frozen=True)
class Strip:
    """One edit in the grid: its instruction and its images, as (name, data URI); empty where there is none."""

    prompt: str
    images: list[tuple[str, str]]


@dataclass(frozen=True)
class Grid:
    """The edits of one set; all have the same columns."""

    title: str
    columns: list[str]
    strips: list[Strip]


def answer(data: PageData) -> Section:
    """Return the sentence on all sets, a grid per set, and a sentence per set."""
    return {
        "summary": with_terms(summary(data.domains)),
        "grids": [_grid(name, data) for name in data.domains if _first_edits(name, data.samples)],
        "findings": [with_terms(sentence(name, domain)) for name, domain in data.domains.items()],
    }


def summary(domains: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one sentence: how many key metrics fine-tuning improved in each set, and which ones it worsened, where."""
    keys = [one.key for group in key_metrics().values() for one in group]
    found = {
        name: {key: verdict(key, domain["gain"][key]) for key in keys if key in domain.get("gain", {})}
        for name, domain in domains.items()
    }
    counts = [
        f"{list(verdicts.values()).count('better')} of {len(verdicts)} ({domain_label(name)})"
        for name, verdicts in found.items()
        if verdicts
    ]
    if not counts:
        return "No key measure of both editors is known."
    worse = [
        f"{metric(key).title} ({domain_label(name)})"
        for name, verdicts in found.items()
        for key, one in verdicts.items()
        if one == "worse"
    ]
    by_prompt = [
        f"{metric(key).title} of “{prompt}” ({domain_label(name)})"
        for name, domain in domains.items()
        for prompt, keys in worse_by_prompt(domain).items()
        for key in keys
    ]
    lost = listed(worse) if worse else "none"
    alone = f"; of single instructions it worsened {listed(by_prompt)}" if by_prompt else ""
    return f"Of the key measures, fine-tuning improved {listed(counts)}, and worsened {lost}{alone}."


def _grid(name: str, data: PageData) -> Grid:
    samples = _first_edits(name, data.samples)
    with_target = any(sample.probe.target for sample in samples)
    target = [target_title(data, name)] if with_target else []
    columns = ["source", *(MODEL_TITLES[model] for model in EDITORS), *target]
    strips = []
    for sample in samples:
        pngs = [sample.probe.source, *(sample.edited[model] for model in EDITORS)]
        pngs += [sample.probe.target] if with_target else []
        uris = [image_uri(png) if png else "" for png in pngs]
        strips.append(Strip(sample.probe.prompt, list(zip(columns, uris, strict=True))))
    title = describe_domain(name)
    return Grid(title[:1].upper() + title[1:], columns, strips)


def _first_edits(domain: str, samples: Iterable[Sample]) -> list[Sample]:
    """Return the first edit of each of the first instructions, each of another source image where there is one."""
    by_prompt: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.probe.domain == domain:
            by_prompt.setdefault(sample.probe.prompt, []).append(sample)
    chosen: list[Sample] = []
    for edits in list(by_prompt.values())[:ROWS]:
        shown = {sample.probe.source_id for sample in chosen}
        chosen.append(next((one for one in edits if one.probe.source_id not in shown), edits[0]))
    return chosen
