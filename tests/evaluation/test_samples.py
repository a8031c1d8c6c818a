"""Joining rows to samples: missing rows, no-ops, the sweep, and domains that must not be mixed."""

from dataclasses import replace

import pytest
from fixtures_edits import Study
from fixtures_sweeps import GENERATE, sweep_edits

from atelier.common.errors import UserError
from atelier.common.records import Edit
from atelier.evaluation.samples import (
    Sample,
    choose_referenced,
    garment_phrase,
    join_noops,
    join_samples,
    join_sweep,
    pattern_captions,
)
from atelier.sampling.plan import choose_swept
from atelier.text.instructions import RENDERED_PATTERNS


@pytest.fixture(scope="module")
def edits(study: Study) -> dict[str, list[Edit]]:
    return sweep_edits(study)


@pytest.fixture(scope="module")
def samples(study: Study, edits) -> list[Sample]:
    return join_samples(study.probes, study.zones, edits)


def test_samples_hold_only_edits_of_type_edit(study, samples):
    assert [sample.probe.probe_id for sample in samples] == [probe.probe_id for probe in study.probes]
    for model, rows in study.edits.items():
        assert [sample.edited[model] for sample in samples] == [edit.edited for edit in rows]


def test_probes_without_zones_are_skipped_and_missing_edits_and_mixed_domains_are_named(study):
    assert len(join_samples(study.probes, study.zones[4:], study.edits)) == len(study.probes) - 4
    with pytest.raises(UserError, match=f"finetuned edits: none of probe {study.probes[0].probe_id!r}"):
        join_samples(study.probes, study.zones, study.edits | {"finetuned": study.edits["finetuned"][1:]})
    with pytest.raises(UserError, match="zones: none"):
        join_samples(study.probes, [], study.edits)
    probes = [replace(probe, target=None, exact_mask=None) if n == 5 else probe for n, probe in enumerate(study.probes)]
    with pytest.raises(UserError, match=f"domain 'seen' holds .*{probes[5].probe_id!r} is the first"):
        join_samples(probes, study.zones, study.edits)


def test_there_is_one_no_op_per_source(samples, edits):
    noops = join_noops(samples, edits)
    assert len(noops) == len({sample.probe.source_id for sample in samples}) == 12
    row = next(edit for edit in edits["baseline"] if edit.kind == "noop" and edit.probe_id == noops[3].probe.probe_id)
    assert noops[3].edited["baseline"] == row.edited
    with pytest.raises(UserError, match="finetuned no-op edits: none of probe"):
        join_noops(samples, edits | {"finetuned": [edit for edit in edits["finetuned"] if edit.kind != "noop"]})
    assert join_noops(samples, {model: [e for e in rows if e.kind == "edit"] for model, rows in edits.items()}) == []


def test_every_point_of_a_sweep_has_the_same_probes(study, samples, edits):
    sweep = join_sweep(samples, edits)
    assert list(sweep) == [(0.4, 1.0), (1.2, 1.0), (2.0, 1.0)]
    chosen = {probe.probe_id for probe in choose_swept(study.probes, GENERATE.sweep_probes)}
    assert all({sample.probe.probe_id for sample in point} == chosen for point in sweep.values())
    usual = {sample.probe.probe_id: sample.edited for sample in samples}
    assert all(sample.edited == usual[sample.probe.probe_id] for sample in sweep[1.2, 1.0])
    lost = next(edit for edit in edits["baseline"] if edit.kind == "sweep" and edit.guidance_text == 2.0)
    with pytest.raises(UserError, match=f"baseline edits at guidance 2, 1: none of probe {lost.probe_id!r}"):
        join_sweep(samples, edits | {"baseline": [edit for edit in edits["baseline"] if edit is not lost]})
    assert join_sweep(samples, study.edits) == {}


def test_the_garment_s_phrase_is_the_caption_s_or_made_from_the_prompt(study):
    probe = replace(study.probes[0], garment="shirt", factor="colour", value="red")
    named = replace(probe, target_caption="a woman in white shorts and a red dotted shirt")
    assert garment_phrase(named) == "a red dotted shirt"
    assert garment_phrase(replace(probe, target_caption="a woman on a bench")) == "a red shirt"


def test_pattern_captions_differ_in_the_named_garment_s_pattern_alone(study):
    caption = "a man in plaid trousers and a green{} shirt"
    probe = replace(study.probes[0], garment="shirt", source_caption=caption.format(" dotted"))
    words = {"solid": "", "stripes": " striped", "floral": " floral", "dots": " dotted", "plaid": " plaid"}
    expected = {pattern: caption.format(word) for pattern, word in words.items()}
    assert dict(zip(RENDERED_PATTERNS, pattern_captions(probe), strict=True)) == expected


def test_reference_edits_are_of_all_or_of_some_probes_of_each_domain(samples):
    everything = {sample.probe.probe_id for sample in samples}
    assert choose_referenced(samples, None) == choose_referenced(samples, 10**5) == everything
    assert choose_referenced(samples, 0) == set()
    sources = {d: {one.probe.source_id for one in samples if one.probe.domain == d} for d in ("seen", "unseen")}
    per_domain = len(everything) // 2
    for count in (1, 3, 6, 7, 11, 17, per_domain - 1):
        chosen = [sample.probe for sample in samples if sample.probe.probe_id in choose_referenced(samples, count)]
        for domain in ("seen", "unseen"):
            of_domain = [probe for probe in chosen if probe.domain == domain]
            assert len(of_domain) == count
            of_source = [sum(probe.source_id == name for probe in of_domain) for name in sources[domain]]
            assert max(of_source) - min(of_source) <= 1, "evenly over the sources"
        assert len({probe.prompt for probe in chosen}) >= min(count, 3), "not all of one prompt"
