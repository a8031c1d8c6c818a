"""Choosing among generated pairs by a CLIP."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor
from torch.nn.functional import normalize

from atelier.common.errors import UserError
from atelier.common.json_lines import read_json_lines
from atelier.metrics.clip import ClipScorer
from pretrain import filter_pairs
from pretrain.edit_pairs import Pairs, write_shard
from pretrain.filter_pairs import SCORES, Features, Thresholds, chance_thresholds, choose

GOOD = {"image": 0.9, "caption_before": 0.3, "caption_after": 0.3, "directional": 0.5}
CAPTIONS = (("a red shirt", "a blue shirt"), ("a green skirt", "a green striped skirt"), ("a dress", "a red dress"))


def table(rows: list[dict[str, float]]) -> dict[str, Tensor]:
    """Return the scores of pairs that are good but for what a row says."""
    return {name: torch.tensor([(GOOD | row)[name] for row in rows]) for name in SCORES}


def features(samples: list[int], width: int = 6) -> Features:
    """Return random unit features, with so many samples of each edit, in a mixed order."""
    rng = torch.Generator().manual_seed(0)
    edits = torch.tensor([number for number, count in enumerate(samples) for _ in range(count)])
    edits = edits[torch.randperm(len(edits), generator=rng)]
    return Features(*(normalize(torch.randn(len(edits), width, generator=rng), dim=-1) for _ in range(4)), edits)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, None),
        ({"image": 0.74}, "image"),
        ({"image": 0.75}, None),
        ({"caption_before": 0.19}, "caption_before"),
        ({"caption_after": 0.19}, "caption_after"),
        ({"directional": 0.19}, "directional"),
        ({"directional": float("nan")}, "not scored"),
        ({"caption_before": float("nan")}, "not scored"),
    ],
)
def test_a_pair_is_refused_for_the_score_that_is_too_low(row, reason):
    kept, refused = choose(table([row]), torch.tensor([0]), Thresholds(), keep=1)
    assert kept.tolist() == [reason is None]
    assert [name for name, which in refused.items() if which.any()] == ([reason] if reason else [])


@pytest.mark.parametrize("keep", [1, 2, 3, 9])
def test_the_best_of_each_edit_by_directional_similarity_stay(keep):
    rng = np.random.default_rng(1)
    rows = [{"directional": float(d), "image": float(i)} for d, i in rng.uniform(0.1, 1, (60, 2)).astype(np.float32)]
    edits = torch.from_numpy(rng.integers(0, 12, 60))
    kept, refused = choose(table(rows), edits, Thresholds(), keep)
    for edit in range(12):
        passed = [
            n for n in range(60) if edits[n] == edit and rows[n]["directional"] >= 0.2 and rows[n]["image"] >= 0.75
        ]
        best = sorted(passed, key=lambda n: -rows[n]["directional"])
        assert [n for n in range(60) if kept[n] and edits[n] == edit] == sorted(best[:keep])
        assert [n for n in range(60) if refused["better samples"][n] and edits[n] == edit] == sorted(best[keep:])


def test_equal_samples_are_kept_in_their_order():
    kept, _ = choose(table([{}] * 4), torch.tensor([0, 0, 0, 1]), Thresholds(), keep=2)
    assert kept.tolist() == [True, True, False, True]


@pytest.mark.parametrize("samples", [[2, 2], [3, 3, 3], [2, 5, 3]])
def test_chance_is_what_mismatched_pairs_score(samples):
    """Every mismatched score lies between those of the quantiles 0 and 1, and all are of mismatched pairs."""
    given = features(samples)
    of_image, of_text = [], []
    for i, edit in enumerate(given.edits.tolist()):
        for j, other in enumerate(given.edits.tolist()):
            if i != j and edit == other:
                of_image.append(float(given.image_before[i] @ given.image_after[j]))
            if edit != other:
                of_text += [float(given.image_before[i] @ given.text_before[j])]
                of_text += [float(given.image_after[i] @ given.text_after[j])]
    low, high = (chance_thresholds(given, quantile) for quantile in (0.0, 1.0))
    for found in (low, high):
        assert np.abs(np.array(of_image) - found.image).min() < 1e-6
        assert np.abs(np.array(of_text) - found.caption).min() < 1e-6
    middle = chance_thresholds(given, 0.5)
    for name in ("image", "caption", "directional"):
        assert getattr(low, name) < getattr(middle, name) < getattr(high, name)


def test_pairs_that_match_pass_the_chance_of_those_that_do_not():
    """An image that shows its caption, and changes as it does, in a space with a direction for every edit."""
    edits = torch.arange(12).repeat_interleave(4)
    rng = torch.Generator().manual_seed(3)
    text = normalize(torch.randn(12, 64, generator=rng), dim=-1)[edits]
    change = normalize(torch.randn(12, 64, generator=rng), dim=-1)[edits]
    scene = torch.randn(48, 64, generator=rng) * 0.1
    before, after = normalize(text + scene, dim=-1), normalize(text + change + scene, dim=-1)
    found = Features(before, after, text, normalize(text + change, dim=-1), edits)
    thresholds = chance_thresholds(found, 0.95)
    scores = found.scores()
    assert (scores["caption_before"] > thresholds.caption).all()
    assert (scores["directional"] > thresholds.directional).all()
    flipped = Features(before, normalize(text - change + scene, dim=-1), text, found.text_after, edits)
    assert not choose(flipped.scores(), edits, thresholds, 4)[0].any()


@pytest.mark.parametrize("samples", [[4], [2, 1]])
def test_chance_needs_other_edits_and_other_samples(samples):
    with pytest.raises(UserError, match="at least 2 edits with 2 samples each"):
        chance_thresholds(features(samples), 0.9)


@pytest.fixture
def pairs_folder(tmp_path):
    """Two shards of random images: three edits of three samples."""
    rng, folder = np.random.default_rng(5), tmp_path / "pairs"
    records = [
        {"number": n, "sample": s, "before": CAPTIONS[n][0], "after": CAPTIONS[n][1], "share": 0.1 + 0.3 * s,
         "factor": ("colour", "pattern", "colour")[n]}
        for n in range(3) for s in range(3)
    ]  # fmt: skip
    for number, some in enumerate((records[:5], records[5:])):
        images = torch.from_numpy(rng.integers(0, 256, (2, len(some), 16, 16, 3), dtype=np.uint8))
        latents = torch.zeros(2, len(some), 4, 2, 2, dtype=torch.float16)
        tensors = {"before": latents[0], "after": latents[1], "before_images": images[0], "after_images": images[1]}
        write_shard(folder / f"shard-{number:05d}", Pairs(some, tensors))
    return folder


@pytest.mark.parametrize("words", [[], ["--absolute", "--image", "-1", "--caption", "-1", "--directional", "-1"]])
def test_the_report_accounts_for_every_pair(pairs_folder, tiny_clip_folder, tmp_path, words):
    out, report = tmp_path / "kept.jsonl", tmp_path / "report.json"
    given = ["--pairs", str(pairs_folder), "--clip", str(tiny_clip_folder), "--out", str(out), "--report", str(report)]
    result = CliRunner().invoke(filter_pairs.main, [*given, "--keep", "2", *words])
    assert result.exit_code == 0, result.output
    found, rows = json.loads(report.read_text()), [line.row for line in read_json_lines(out)]
    assert (found["made"], found["edits"], found["kept"]) == (9, 3, len(rows))
    assert sum(found["shares made"]) == sum(one["made"] for one in found["factors"].values()) == 9
    assert sum(found["shares kept"]) == sum(one["kept"] for one in found["factors"].values()) == len(rows)
    if words:
        assert (found["kept"], found["refused"]["better samples"]) == (6, 3)
    scorer = ClipScorer.load(str(tiny_clip_folder))
    for row in rows:  # the scores are those of the pair that the row names
        (shard,) = [one for n, one in enumerate(filter_pairs.read_shards(pairs_folder)) if n == row["shard"]]
        images = (
            shard.tensors[f"{side}_images"][row["row"]].permute(2, 0, 1)[None] / 255 for side in ("before", "after")
        )
        before, after = map(scorer.image_features, images)
        assert row["image"] == pytest.approx(float(before[0] @ after[0]), abs=1e-3)
        assert row["caption_after"] == pytest.approx(
            float(after[0] @ scorer.text_features([row["after"]])[0]), abs=1e-3
        )
