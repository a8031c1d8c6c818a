"""The sampling plan: every probe once, no-ops once a source, a grid of guidance over some probes."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from atelier.config import Generate
from atelier.sampling.plan import choose_swept, plan_edits, spread

GRID = {"sweep_text": "0.5+1.2+2.0", "sweep_image": "1.0+1.4"}


def settings(**changes) -> Generate:
    usual = {"steps": 2, "guidance_text": 1.2, "guidance_image": 1.0, "sweep_probes": 4, "batch_size": 16, "seed": 7}
    return Generate(**usual | GRID | changes)


def test_every_probe_is_edited_once_at_the_usual_guidance(study):
    edits = [job for job in plan_edits(study.probes, settings()) if job.kind == "edit"]
    assert [job.probe.probe_id for job in edits] == [probe.probe_id for probe in study.probes]
    assert all(job.instruction == job.probe.prompt and job.guidance == (1.2, 1.0) for job in edits)


def test_a_noop_asks_once_a_source_for_what_is_there(study):
    jobs = [job for job in plan_edits(study.probes, settings()) if job.kind == "noop"]
    assert Counter(job.probe.source_id for job in jobs) == Counter({probe.source_id for probe in study.probes})
    for job in jobs:
        assert job.instruction == job.probe.noop
        assert job.instruction.split()[-1] in job.probe.source_caption
    unknown = [replace(probe, noop=None) for probe in study.probes]
    assert not [job for job in plan_edits(unknown, settings()) if job.kind == "noop"]


def test_a_sweep_visits_every_other_point_with_the_same_probes(study):
    jobs = [job for job in plan_edits(study.probes, settings()) if job.kind == "sweep"]
    points = {(text, image) for text in (0.5, 1.2, 2.0) for image in (1.0, 1.4)} - {(1.2, 1.0)}
    swept = Counter(probe.probe_id for probe in choose_swept(study.probes, 4))
    found = {at: Counter(job.probe.probe_id for job in jobs if job.guidance == at) for at in {j.guidance for j in jobs}}
    assert found == dict.fromkeys(points, swept)
    assert len({job.probe.source_id for job in jobs}) == 8
    assert not [job for job in plan_edits(study.probes, settings(sweep_probes=0)) if job.kind == "sweep"]


def test_edits_of_one_guidance_are_adjacent(study):
    guidance = [job.guidance for job in plan_edits(study.probes, settings())]
    assert len(list(itertools.groupby(guidance))) == len(set(guidance))


def test_rows_are_spread_over_sources_and_prompts():
    rows = [(source, prompt) for source in range(10) for prompt in range(4)]
    five, most, none = (spread(rows, count, lambda row: str(row[0])) for count in (5, 99, 0))
    assert (five, len(most), none) == ([(0, 0), (2, 1), (4, 2), (6, 3), (8, 0)], 10, [])


@pytest.mark.parametrize("text", ["", "1.0+", "1.0,2.0", "1.0+1.0", "-1.0", "one"])
def test_a_wrong_list_of_scales_is_refused(text):
    with pytest.raises(ValueError, match="sweep_text"):
        settings(sweep_text=text)
