"""Validation where CLIP sees no difference between some captions, or between any."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from fixtures_training import NoLog, make_triplet, open_training, run_training

from atelier.common.records import Triplet, Zones, write_rows
from atelier.report.page.runs import learning_curves

FILLER = "a person stands in a plain room and looks at the camera with soft light from the left side, and "


def write(folder: Path, captions: dict[str, str], instruction: str = "make the shirt red") -> Path:
    """Write 16 triplets, of which four are for validation; the named ones get a source caption of their own."""
    rows = [make_triplet(number) for number in range(16)]
    target = {} if captions else {"target_caption": "a person in a shirt"}
    changed = [
        replace(one, instruction=instruction, **target, **{"source_caption": captions[one.triplet_id]})
        if one.triplet_id in captions
        else replace(one, instruction=instruction, **target)
        for one, _ in rows
    ]
    folder.mkdir(exist_ok=True)
    write_rows(folder / "triplets.parquet", Triplet, changed)
    write_rows(folder / "zones.parquet", Zones, [zones for _, zones in rows])
    return folder


@pytest.fixture(autouse=True)
def _root(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))


def test_the_mean_is_over_the_edits_that_have_a_direction(tiny_editor_folder, tiny_clip_folder, tmp_path, capsys):
    whole = open_training(
        write(tmp_path / "whole", {"t3": "a person in a shirt"}), tiny_editor_folder, tiny_clip_folder
    )
    unread = {"t3": "a person in a red shirt", "t7": FILLER * 2}  # equal to the target's; too long and unlike it
    some = open_training(write(tmp_path / "some", unread), tiny_editor_folder, tiny_clip_folder)
    assert (whole.validator.without_direction, some.validator.without_direction) == (0, 2)
    score = some.validator(some.base, 0)
    kept = replace(whole.validator, chosen=[one for one in whole.validator.chosen if one.triplet_id not in unread])
    assert score.score == pytest.approx(kept(whole.base, 0).score, abs=0.05)
    assert score.score != pytest.approx(whole.validator(whole.base, 0).score, abs=0.05)
    assert "lowest loss" not in capsys.readouterr().err


def test_without_any_direction_the_lowest_loss_decides_and_no_score_is_reported(
    tiny_editor_folder, tiny_clip_folder, tmp_path, capsys
):
    inputs, log = write(tmp_path / "inputs", {}), NoLog()
    run_training(inputs, tiny_editor_folder, tiny_clip_folder, tmp_path, log, epochs=3, lr=0.05, ema=0.0, patience=3)
    report = json.loads((tmp_path / "train.json").read_text())
    losses = {epoch: report["val_loss"][f"epoch_{epoch}"] for epoch in (1, 2, 3)}
    assert report["best_epoch"] == min(losses, key=losses.__getitem__)
    assert len(set(losses.values())) == 3
    assert "val_directional" not in report
    assert report["triplets"]["without_direction"] == 4
    assert not any("validation/directional" in values for _, values in log.metrics)
    epochs = pd.read_csv(tmp_path / "curves/epochs.csv")
    assert epochs["val_directional"].isna().all()
    notices = [line for line in capsys.readouterr().err.splitlines() if line.startswith("atelier:")]
    assert notices == ["atelier: train: CLIP sees no difference in the captions of any validated triplet; "
                       "the lowest loss decides"]  # fmt: skip


def test_instructions_that_the_editor_does_not_read_whole_are_counted(
    tiny_editor_folder, tiny_clip_folder, tmp_path, capsys
):
    inputs = write(tmp_path / "inputs", {"t3": "a person in a shirt"}, "make " * 14 + "the shirt red")
    job = open_training(inputs, tiny_editor_folder, tiny_clip_folder)
    assert job.cut_instructions == 16
    assert "16 of 16 training instructions are longer than the editor reads" in capsys.readouterr().err
    assert torch.isfinite(torch.tensor(job.validator(job.base, 0).score))


def test_a_page_without_directions_has_no_chart_of_them(page_data):
    def titles(values: list[float]) -> list[str]:
        data = replace(page_data, epochs=page_data.epochs.assign(val_directional=values))
        return [chart.title for chart in learning_curves(data)["charts"]]

    assert "CLIP directional similarity." in titles([1.0, 2.0, float("nan")])
    assert "CLIP directional similarity." not in titles([float("nan")] * 3)
