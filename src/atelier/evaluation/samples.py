"""Samples to score: each is a probe with its zones and the images that the editors generated for it.

`generate` makes three types of edit (see `sampling.plan`). All metrics are computed on those of type `edit`; no-ops and
the guidance sweep are scored separately, on the same probes and zones.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from atelier.common.errors import UserError
from atelier.common.records import WHOLE, Edit, Probe, Zones
from atelier.sampling.plan import EDIT, NOOP, SWEEP, spread
from atelier.text import captions
from atelier.text.captions import recaption
from atelier.text.instructions import RENDERED_PATTERNS, describe

Edits = dict[str, Sequence[Edit]]  # model → all its rows
Guidance = tuple[float, float]  # s_T, s_I


@dataclass(frozen=True)
class Sample:
    """A probe with its zones and the images that the editors generated for it."""

    probe: Probe
    zones: Zones
    edited: dict[str, bytes]  # model → PNG
    photographic: bool = False  # whether its source is of the photographic world


def join_samples(
    probes: Sequence[Probe], zones: Sequence[Zones], edits: Edits, photographic: Container[str] = ()
) -> list[Sample]:
    """Join edits of type `edit` to their probes, in the order of the probes; skip probes that `mask` refused.

    Args:
        photographic: the domains whose pictures are of the photographic world.

    Raises:
        UserError: no probe has zones, a model lacks the edit of a probe, or a domain mixes renderings and photographs.
    """
    zones_of = {zone.row_id: zone for zone in zones}
    edited = _edits_of_type(EDIT, edits)
    samples = [
        Sample(probe, zones_of[probe.probe_id], _select(probe, edited, "edits"), probe.domain in photographic)
        for probe in probes
        if probe.probe_id in zones_of
    ]
    if not samples:
        raise UserError(f"zones: none belongs to any of the {len(probes)} probes; run the mask stage for these probes")
    _refuse_mixed_domains(samples)
    return samples


def join_noops(samples: Sequence[Sample], edits: Edits) -> list[Sample]:
    """Return the samples that have a no-op instruction, with the images generated for it.

    Raises:
        UserError: only one of the models has a no-op edit of a sample.
    """
    edited = _edits_of_type(NOOP, edits)
    with_noop = {probe_id for images in edited.values() for probe_id in images}
    return [
        replace(sample, edited=_select(sample.probe, edited, "no-op edits"))
        for sample in samples
        if sample.probe.probe_id in with_noop
    ]


def join_sweep(samples: Sequence[Sample], edits: Edits) -> dict[Guidance, list[Sample]]:
    """Return guidance point → swept samples with the images generated there; the study's own point is included.

    Empty if there is no sweep.

    Raises:
        UserError: a model lacks the edit of a swept probe at some point of the grid.
    """
    swept = {edit.probe_id for rows in edits.values() for edit in rows if edit.kind == SWEEP}
    edited: dict[Guidance, dict[str, dict[str, bytes]]] = {}
    for model, rows in edits.items():
        for edit in rows:
            if edit.kind in (EDIT, SWEEP) and edit.probe_id in swept:
                at = edited.setdefault((edit.guidance_text, edit.guidance_image), {name: {} for name in edits})
                at[model][edit.probe_id] = edit.edited
    chosen = [sample for sample in samples if sample.probe.probe_id in swept]
    return {
        (text, image): [
            replace(sample, edited=_select(sample.probe, images, f"edits at guidance {text:g}, {image:g}"))
            for sample in chosen
        ]
        for (text, image), images in sorted(edited.items())
    }


def choose_referenced(samples: Sequence[Sample], count: int | None) -> set[str]:
    """Choose the samples whose reference edits are scored, by position alone: `count` of each domain, None for all.

    They are evenly spread over the sources, with their prompts in turn; a source has a second one after all have one.

    Returns:
        Their probe_id.
    """
    chosen: set[str] = set()
    for domain in {sample.probe.domain for sample in samples}:
        rest = [sample.probe for sample in samples if sample.probe.domain == domain]
        wanted = len(rest) if count is None else min(count, len(rest))
        while wanted:
            picked = {probe.probe_id for probe in spread(rest, wanted, lambda probe: probe.source_id)}
            chosen, wanted = chosen | picked, wanted - len(picked)
            rest = [probe for probe in rest if probe.probe_id not in picked]
    return chosen


def captions_of(probe: Probe) -> tuple[str, str]:
    """Return the captions of source and target."""
    return probe.source_caption, probe.target_caption


def garment_phrase(probe: Probe) -> str:
    """Return the target caption's phrase for the garment ("a red striped shirt"), or one made from the prompt.

    The whole caption if the prompt names no garment.
    """
    if probe.factor == WHOLE:
        return probe.target_caption
    phrase = captions.garment_phrase(probe.target_caption, probe.garment)
    return phrase or describe(probe.garment, probe.colour, probe.pattern)


def pattern_captions(probe: Probe) -> list[str]:
    """Return the source caption with each of `instructions.RENDERED_PATTERNS` in turn on the garment, if any."""
    if probe.factor == WHOLE:
        return [probe.source_caption] * len(RENDERED_PATTERNS)
    return [recaption(probe.source_caption, probe.garment, pattern=pattern) for pattern in RENDERED_PATTERNS]


def _edits_of_type(edit_type: str, edits: Edits) -> dict[str, dict[str, bytes]]:
    """Return model → probe_id → PNG."""
    return {
        model: {edit.probe_id: edit.edited for edit in rows if edit.kind == edit_type} for model, rows in edits.items()
    }


def _select(probe: Probe, edited: dict[str, dict[str, bytes]], what: str) -> dict[str, bytes]:
    """Return model → PNG of one probe."""
    for model, images in edited.items():
        if probe.probe_id not in images:
            raise UserError(
                f"{model} {what}: none of probe {probe.probe_id!r}; run the generate stage for these probes"
            )
    return {model: images[probe.probe_id] for model, images in edited.items()}


def _refuse_mixed_domains(samples: Sequence[Sample]) -> None:
    """Raise UserError if a domain holds renderings and photographs: their scores must not be averaged."""
    rendered: dict[str, bool] = {}
    for sample in samples:
        known = sample.probe.rendered
        if rendered.setdefault(sample.probe.domain, known) != known:
            raise UserError(
                f"probes: domain {sample.probe.domain!r} holds rendered pictures and photographs "
                f"({sample.probe.probe_id!r} is the first that differs); give each a domain of its own"
            )
