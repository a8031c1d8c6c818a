"""Rows of one probe brought together: the picture, its zones, and what each editor made of it.

`generate` makes three kinds of edit (see `sweeps`). Those of kind `edit` are what everything is measured on; no-ops and
sweeps are measured by themselves, on the same probes and zones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from atelier.errors import UserError
from atelier.records import Edit, Probe, Zones
from atelier.sweeps import EDIT, NOOP, SWEEP

EDITORS = ("baseline", "finetuned")

Edits = dict[str, Sequence[Edit]]  # model → all its rows
Guidance = tuple[float, float]  # s_T, s_I


@dataclass(frozen=True)
class Case:
    """A probe with its zones and the pictures that the editors made of it."""

    probe: Probe
    zones: Zones
    edited: dict[str, bytes]  # model → PNG


def join_cases(probes: Sequence[Probe], zones: Sequence[Zones], edits: Edits) -> list[Case]:
    """The edits of kind `edit` beside their probes, in the probes' order; a probe that `mask` refused is left out.

    Raises:
        UserError: no probe has a zone, a model lacks the edit of a probe, or a domain mixes renderings and photographs.
    """
    zone_of = {zone.row_id: zone for zone in zones}
    made = {model: {edit.probe_id: edit.edited for edit in rows if edit.kind == EDIT} for model, rows in edits.items()}
    cases = [
        Case(probe, zone_of[probe.probe_id], _collect(probe, made, "edits"))
        for probe in probes
        if probe.probe_id in zone_of
    ]
    if not cases:
        raise UserError(f"zones: none belongs to any of the {len(probes)} probes; run the mask stage for these probes")
    _refuse_mixtures(cases)
    return cases


def join_noops(cases: Sequence[Case], edits: Edits) -> list[Case]:
    """The same cases with what was made of a no-op instruction, those of them that were given one.

    Raises:
        UserError: one model was given it and another was not.
    """
    made = {model: {edit.probe_id: edit.edited for edit in rows if edit.kind == NOOP} for model, rows in edits.items()}
    asked = {probe_id for rows in made.values() for probe_id in rows}
    return [
        replace(case, edited=_collect(case.probe, made, "no-op edits"))
        for case in cases
        if case.probe.probe_id in asked
    ]


def join_sweep(cases: Sequence[Case], edits: Edits) -> dict[Guidance, list[Case]]:
    """Guidance → the swept cases with what was made of them there, the study's own guidance among them.

    Empty where nothing was swept.

    Raises:
        UserError: a model lacks the edit of a swept probe at some point of the grid.
    """
    swept = {edit.probe_id for rows in edits.values() for edit in rows if edit.kind == SWEEP}
    made: dict[Guidance, dict[str, dict[str, bytes]]] = {}
    for model, rows in edits.items():
        for edit in rows:
            if edit.kind in (EDIT, SWEEP) and edit.probe_id in swept:
                at = made.setdefault((edit.guidance_text, edit.guidance_image), {name: {} for name in edits})
                at[model][edit.probe_id] = edit.edited
    chosen = [case for case in cases if case.probe.probe_id in swept]
    return {
        point: [
            replace(case, edited=_collect(case.probe, made[point], f"edits at guidance {point[0]:g}, {point[1]:g}"))
            for case in chosen
        ]
        for point in sorted(made)
    }


def _collect(probe: Probe, made: dict[str, dict[str, bytes]], what: str) -> dict[str, bytes]:
    for model, pictures in made.items():
        if probe.probe_id not in pictures:
            raise UserError(
                f"{model} {what}: none of probe {probe.probe_id!r}; run the generate stage for these probes"
            )
    return {model: pictures[probe.probe_id] for model, pictures in made.items()}


def _refuse_mixtures(cases: Sequence[Case]) -> None:
    """Rendered pictures and photographs are never averaged together."""
    rendered: dict[str, bool] = {}
    for case in cases:
        known = case.probe.target is not None
        if rendered.setdefault(case.probe.domain, known) != known:
            raise UserError(
                f"probes: domain {case.probe.domain!r} holds rendered pictures and photographs "
                f"({case.probe.probe_id!r} is the first that differs); give each a domain of its own"
            )
