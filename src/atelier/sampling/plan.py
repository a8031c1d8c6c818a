"""Which edits `generate` makes: every probe at the study's guidance, a sweep over both scales, and no-ops.

An editor that edits too little preserves everything, so two editors cannot be ranked at one guidance setting. A sweep
over both scales gives the whole curve of edit success against preservation. A no-op asks for what is there already
("make the shirt blue" of a blue shirt): the exact target is the source itself.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from atelier.common.records import WHOLE, Probe
from atelier.config import Generate

EDIT, SWEEP, NOOP = "edit", "sweep", "noop"
Row = TypeVar("Row")


@dataclass(frozen=True)
class PlannedEdit:
    """An edit that `generate` will make."""

    probe: Probe
    kind: str  # edit | sweep | noop
    instruction: str
    guidance: tuple[float, float]  # s_T, s_I


def plan_edits(probes: Sequence[Probe], settings: Generate) -> list[PlannedEdit]:
    """List every edit that `generate` makes, those of one guidance setting together.

    Every probe is edited once at the study's guidance, each source whose colour is known gets a no-op, and
    `sweep_probes` probes of each domain are edited at every other point of the grid.
    """
    usual = (settings.guidance_text, settings.guidance_image)
    planned = [PlannedEdit(probe, EDIT, probe.prompt, usual) for probe in probes]
    first = {probe.source_id: probe for probe in reversed(probes) if probe.noop}
    planned += [PlannedEdit(probe, NOOP, probe.noop, usual) for probe in reversed(first.values()) if probe.noop]
    swept = choose_swept(probes, settings.sweep_probes)
    grid = itertools.product(settings.swept_text, settings.swept_image)
    planned += [PlannedEdit(probe, SWEEP, probe.prompt, point) for point in grid if point != usual for probe in swept]
    return planned


def plan_tests(tests: Sequence[Probe], settings: Generate) -> list[PlannedEdit]:
    """List the edits of the test triplets: each once, at the study's guidance."""
    return [PlannedEdit(test, EDIT, test.prompt, (settings.guidance_text, settings.guidance_image)) for test in tests]


def choose_swept(probes: Sequence[Probe], count: int) -> list[Probe]:
    """Choose up to `count` probes of each domain, by position alone.

    In a domain with exact targets only probes that have one are chosen, so that all are measured alike; in others those
    that name a garment, outside which preservation is measured.
    """
    chosen: list[Probe] = []
    for domain in dict.fromkeys(probe.domain for probe in probes):
        named = [probe for probe in probes if probe.domain == domain and probe.factor != WHOLE]
        exact = [probe for probe in named if probe.target is not None]
        chosen += spread(exact or named, count, lambda probe: probe.source_id)
    return chosen


def spread(rows: Sequence[Row], count: int, source_of: Callable[[Row], str]) -> list[Row]:
    """Choose up to `count` rows by position: one each of sources evenly spread over the list, their prompts in turn."""
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(source_of(row), []).append(row)
    groups = list(by_source.values())
    count = min(count, len(groups))
    chosen = [groups[place * len(groups) // count] for place in range(count)]
    return [group[place % len(group)] for place, group in enumerate(chosen)]
