"""What `generate` makes of the probes: every edit at the study's guidance, a sweep over both scales, and no-ops.

An editor that edits too little preserves everything, so one guidance setting can't rank two editors. A sweep over both
scales draws the whole curve of edit success against preservation. A no-op asks for what is there already ("make the
shirt blue" of a blue shirt): the right answer is the picture itself.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from atelier.common.records import Probe
from atelier.config import Generate

EDIT, SWEEP, NOOP = "edit", "sweep", "noop"
Row = TypeVar("Row")


@dataclass(frozen=True)
class Job:
    """One edit to be made."""

    probe: Probe
    kind: str  # edit | sweep | noop
    instruction: str
    guidance: tuple[float, float]  # s_T, s_I


def plan_edits(probes: Sequence[Probe], settings: Generate) -> list[Job]:
    """Every edit that `generate` makes, those of one guidance together.

    Every probe once at the study's guidance; a no-op for each source whose colour is known; and `sweep_probes` probes
    of each domain at every other point of the grid (at the study's own point they are among the first).
    """
    usual = (settings.guidance_text, settings.guidance_image)
    jobs = [Job(probe, EDIT, probe.prompt, usual) for probe in probes]
    first = {probe.source_id: probe for probe in reversed(probes) if probe.noop}
    jobs += [Job(probe, NOOP, probe.noop, usual) for probe in reversed(first.values()) if probe.noop]
    swept = choose_swept(probes, settings.sweep_probes)
    grid = itertools.product(settings.swept_text, settings.swept_image)
    jobs += [Job(probe, SWEEP, probe.prompt, point) for point in grid if point != usual for probe in swept]
    return jobs


def choose_swept(probes: Sequence[Probe], count: int) -> list[Probe]:
    """Up to `count` probes of each domain, by position alone."""
    chosen: list[Probe] = []
    for domain in dict.fromkeys(probe.domain for probe in probes):
        chosen += spread([probe for probe in probes if probe.domain == domain], count, lambda probe: probe.source_id)
    return chosen


def spread(rows: Sequence[Row], count: int, source_of: Callable[[Row], str]) -> list[Row]:
    """Up to `count` rows by position alone: one each of sources spread over the whole list, the prompts in turn."""
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(source_of(row), []).append(row)
    groups = list(by_source.values())
    count = min(count, len(groups))
    chosen = [groups[place * len(groups) // count] for place in range(count)]
    return [group[place % len(group)] for place, group in enumerate(chosen)]
