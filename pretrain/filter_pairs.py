"""Choose among generated pairs by a CLIP: the last step of InstructPix2Pix's data.

    python -m pretrain.filter_pairs --pairs pairs --clip models/base/painter-clip --out kept.jsonl --report report.json

Brooks et al. 2023, section 3.1.2: a pair stays if its images are alike (cosine of CLIP ViT-L/14 ≥ 0.75; 0.7 in the
published code), each image matches its caption (≥ 0.2), and the images change as the captions do (directional
similarity ≥ 0.2); of the samples of one edit the best few by directional similarity stay, there 4 of 100.

Those numbers belong to that network: another CLIP's cosines have another scale, and one trained on few captions gives
any two of its pictures a high one. So by default a threshold here is a quantile of what *mismatched* pairs score: an
image with another edit's caption, the image before with the image after of another sample of the same edit (the same
captions, another scene), an edit's images with the direction of another edit's captions. A pair stays if it scores
above that quantile, which has one meaning for every CLIP: better than 95 in 100 chance matches. A quantile of the
pairs' own scores would not: it refuses the same number of pairs however good or bad they are. `--absolute` takes the
thresholds as cosines, for a CLIP of the paper's scale.

Legend: N pairs, D feature width.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from atelier.common import command
from atelier.common.errors import UserError
from atelier.common.files import write_json, write_text
from atelier.common.options import COUNT, Number
from atelier.images.tensors import to_tensor
from atelier.metrics.clip import ClipScorer, directional, similarity
from pretrain.common.options import input_option, threads_option
from pretrain.edit_pairs import Pairs, read_shards

SCORES = ("image", "caption_before", "caption_after", "directional")
_POINTS = (0.05, 0.25, 0.5, 0.75, 0.95)  # quantiles in the report
_BINS = np.linspace(0, 1, 11)  # of the share of replaced attention


@dataclass(frozen=True)
class Thresholds:
    """Least cosines of a pair that stays, by default the paper's for CLIP ViT-L/14."""

    image: float = 0.75
    caption: float = 0.2
    directional: float = 0.2

    def of(self, score: str) -> float:
        """Return the threshold of one of `SCORES`."""
        return self.caption if score.startswith("caption") else getattr(self, score)


@dataclass(frozen=True)
class Features:
    """Unit features of images and captions, (N, D) each, and the number of each pair's edit (N,)."""

    image_before: Tensor
    image_after: Tensor
    text_before: Tensor
    text_after: Tensor
    edits: Tensor

    def scores(self) -> dict[str, Tensor]:
        """Return the `SCORES`, (N,) each; NaN for a caption that the network does not read whole."""
        return {
            "image": similarity(self.image_before, self.image_after),
            "caption_before": similarity(self.image_before, self.text_before),
            "caption_after": similarity(self.image_after, self.text_after),
            "directional": directional(self.image_before, self.image_after, self.text_before, self.text_after),
        }


def measure(scorer: ClipScorer, shards: Iterable[Pairs]) -> tuple[Features, list[dict[str, Any]]]:
    """Return the features of all pairs, and their records with the shard and the row within it."""
    parts: list[list[Tensor]] = []
    records: list[dict[str, Any]] = []
    for shard, pairs in enumerate(shards):
        images = (to_tensor(pairs.tensors[f"{side}_images"].numpy()) for side in ("before", "after"))
        texts = ([record[side] for record in pairs.records] for side in ("before", "after"))
        parts.append([*map(scorer.image_features, images), *map(scorer.text_features, texts)])
        records += [{"shard": shard, "row": row} | record for row, record in enumerate(pairs.records)]
    edits = torch.tensor([record["number"] for record in records])
    return Features(*(torch.cat(column) for column in zip(*parts, strict=True)), edits), records


def chance_thresholds(features: Features, quantile: float) -> Thresholds:
    """Return the quantile of what mismatched pairs score: the pair's own texts and images against another's.

    Raises:
        UserError: there are fewer than two edits, or an edit has one sample only, so that nothing can be mismatched.
    """
    groups = [(features.edits == edit).nonzero()[:, 0] for edit in features.edits.unique()]
    if len(groups) < 2 or min(map(len, groups)) < 2:
        raise UserError("a quantile of mismatched pairs needs at least 2 edits with 2 samples each; or use --absolute")
    other_edit, other_sample = torch.empty_like(features.edits), torch.empty_like(features.edits)
    for own, other in zip(groups, [*groups[1:], groups[0]], strict=True):
        other_sample[own] = own.roll(1)
        other_edit[own] = other[torch.arange(len(own)) % len(other)]
    before, after = features.image_before, features.image_after
    texts = features.text_before[other_edit], features.text_after[other_edit]
    captions = torch.cat([similarity(before, texts[0]), similarity(after, texts[1])])
    scores = similarity(before, after[other_sample]), captions, directional(before, after, *texts)
    return Thresholds(*(float(score.nanquantile(quantile)) for score in scores))


def choose(
    scores: dict[str, Tensor], edits: Tensor, thresholds: Thresholds, keep: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Choose the pairs that stay: at most `keep` of each edit, those of the highest directional similarity.

    Returns:
        The chosen pairs, bool (N,), and for each reason the refused ones, bool (N,): a score below its threshold (a
        pair can have several), a score that is not defined, or better samples of the edit.
    """
    values = {name: scores[name] for name in SCORES}
    unread = torch.stack([value.isnan() for value in values.values()]).any(0)
    refused = {name: value < thresholds.of(name) for name, value in values.items()} | {"not scored": unread}
    passed = ~torch.stack(list(refused.values())).any(0)
    kept, taken = torch.zeros_like(passed), Counter[int]()
    for row in torch.argsort(values["directional"], descending=True, stable=True).tolist():
        edit = int(edits[row])
        if passed[row] and taken[edit] < keep:
            kept[row], taken[edit] = True, taken[edit] + 1
    return kept, refused | {"better samples": passed & ~kept}


def _spread(values: np.ndarray) -> list[float] | None:
    """Return quantiles of values; None if there are none."""
    finite = values[~np.isnan(values)]
    return [round(float(value), 4) for value in np.quantile(finite, _POINTS)] if len(finite) else None


def summarise(
    records: Sequence[dict[str, Any]],
    scores: dict[str, Tensor],
    thresholds: Thresholds,
    kept: Tensor,
    refused: dict[str, Tensor],
) -> dict[str, Any]:
    """Return the report: how many pairs were made, kept and refused, and how scores and shares are distributed."""
    stays = kept.numpy()
    shares = np.array([record["share"] for record in records])
    factors = np.array([record["factor"] for record in records])
    arrays = {name: scores[name].numpy() for name in SCORES}
    return {
        "made": len(records),
        "kept": int(stays.sum()),
        "edits": len({record["number"] for record in records}),
        "edits kept": len({record["number"] for record, stay in zip(records, stays, strict=True) if stay}),
        "thresholds": {name: round(value, 4) for name, value in asdict(thresholds).items()},
        "refused": {name: int(which.sum()) for name, which in refused.items()},
        "quantiles": list(_POINTS),
        "scores made": {name: _spread(values) for name, values in arrays.items()},
        "scores kept": {name: _spread(values[stays]) for name, values in arrays.items()},
        "shares made": np.histogram(shares, _BINS)[0].tolist(),
        "shares kept": np.histogram(shares[stays], _BINS)[0].tolist(),
        "factors": {
            str(name): {"made": int((factors == name).sum()), "kept": int((stays & (factors == name)).sum())}
            for name in dict.fromkeys(factors.tolist())
        },
    }


@command.stage
@input_option("pairs", "Folder of python -m pretrain.edit_pairs.")
@input_option("clip", "Folder of the CLIP.")
@command.output_option("out", "Records of the kept pairs with their scores, .jsonl.")
@command.output_option("report", "Report, .json.")
@click.option("--keep", type=COUNT, default=2, help="Most pairs of an edit; the paper keeps 4 of 100.")
@click.option("--quantile", type=Number(0, 1), default=0.95, help="Of mismatched pairs' scores: the thresholds.")
@click.option("--absolute", is_flag=True, help="Take the three thresholds as cosines instead.")
@click.option("--image", type=Number(-1, 1), default=Thresholds.image, help="Least similarity of the images.")
@click.option("--caption", type=Number(-1, 1), default=Thresholds.caption, help="Least similarity to a caption.")
@click.option("--directional", "direction", type=Number(-1, 1), default=Thresholds.directional,
              help="Least directional similarity.")  # fmt: skip
@threads_option
def main(
    pairs: Path,
    clip: Path,
    out: Path,
    report: Path,
    keep: int,
    quantile: float,
    absolute: bool,
    image: float,
    caption: float,
    direction: float,
) -> None:
    """Keep the pairs that a CLIP finds alike, true to their captions and changed as these are."""
    features, records = measure(ClipScorer.load(str(clip)), read_shards(pairs))
    thresholds = Thresholds(image, caption, direction) if absolute else chance_thresholds(features, quantile)
    scores = features.scores()
    kept, refused = choose(scores, features.edits, thresholds, keep)
    rows = [
        record | {name: round(float(scores[name][place]), 4) for name in SCORES}
        for place, record in enumerate(records)
        if kept[place]
    ]
    found = summarise(records, scores, thresholds, kept, refused)
    write_text(out, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))
    write_json(report, found)
    click.echo(f"{found['kept']} of {found['made']} pairs kept; refused: {found['refused']}")


if __name__ == "__main__":
    main()
