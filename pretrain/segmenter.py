"""Train the segmenter: garments, face, body and background of people in outfits, and the body parts of people in poses.

    python -m pretrain.segmenter --corpus pretrain/corpus --out pretrain/base/segmenter

One network with two sets of labels, of which a picture of the corpus has one: each set is a softmax of its own, and
they share the background. Labels of the second set have names that start with PART. It must find what a picture shows,
a third arm included, so a third of the people in poses are deformed.

Legend: B batch, H W pixels.
"""

from pathlib import Path

import click
import numpy as np
import torch

from atelier.common import command
from atelier.common.rng import derive_seed
from atelier.images.tensors import to_tensor
from atelier.world import lay_out, paint, sample_outfit
from atelier.world.poses import sample_figure
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.corpus import BODY_PARTS, SEGMENTS, UNKNOWN, label_map, part_labels
from pretrain.segmentation import Logits, build, find_labels, overlaps, save, segmentation_loss, vary

PART = "part: "
LABELS = (*SEGMENTS, *(f"{PART}{name}" for name in BODY_PARTS))
GARMENTS = tuple(range(len(SEGMENTS)))  # channels of the first set
PARTS = (0, *range(len(SEGMENTS), len(LABELS)))  # and of the second
POSES = 0.25  # share of people in poses in a batch
DEFORMED = 1500  # pictures of deformed people beside those of the corpus
SEED = 23_000_000  # of the deformed people; of those to measure on the following one
HELD_OUT = 200  # pictures to measure on, of each domain and of poses


def deformed_people(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Compose deformed people of the base models' outfits: uint8 (N, S, S, 3), labels uint8 (N, S, S) of LABELS."""
    figures = [
        sample_figure(derive_seed(SEED, number), None, part="base", size=size, fault=None) for number in range(DEFORMED)
    ]
    return np.stack([one.pixels for one in figures]), np.stack([part_labels(one.parts) for one in figures])


def set_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the loss of both sets of labels, weighted by how many pictures have one of the set.

    Args:
        logits: (B, labels, H, W).
        truth: numbers of LABELS, int64 (B, H, W); a picture has labels of one set.
    """
    of_parts = (truth >= len(SEGMENTS)).any(2).any(1)
    numbers = torch.zeros(len(LABELS), dtype=torch.long)
    numbers[list(PARTS)] = torch.arange(len(PARTS))
    loss = logits.sum() * 0
    for rows, channels in ((~of_parts, GARMENTS), (of_parts, PARTS)):
        if rows.any():
            own = truth[rows] if channels is GARMENTS else numbers[truth[rows]]
            loss = loss + rows.float().mean() * segmentation_loss(logits[rows][:, list(channels)], own)
    return loss


def measure(logits_of: Logits, size: int) -> dict[str, dict[str, float]]:
    """Return the intersection over union of each label on the studies' people: studio, street, whole, deformed."""
    found: dict[str, dict[str, float]] = {}
    for domain in ("studio", "street"):
        pictures, labels = [], []
        for number in range(HELD_OUT):
            scene = sample_outfit(np.random.default_rng([72, number]), domain, held_out=True, part="study")
            layout = lay_out(scene, size)
            pictures.append(paint(scene, layout))
            labels.append(label_map(layout.masks))
        found[domain] = overlaps(find_labels(logits_of, np.stack(pictures), GARMENTS), np.stack(labels), SEGMENTS)
    for name, fault in (("whole", ""), ("deformed", None)):
        people = [
            sample_figure(derive_seed(SEED + 1, number), None, part="study", size=size, fault=fault)
            for number in range(HELD_OUT)
        ]
        parts = find_labels(logits_of, np.stack([one.pixels for one in people]), PARTS)
        truth = np.stack([one.parts for one in people])
        found[name] = overlaps(parts, truth, ("background", *BODY_PARTS))
    return {name: {label: round(score, 4) for label, score in scores.items()} for name, scores in found.items()}


@command.stage
@input_option("corpus", "Folder of the corpus.")
@training_options(steps=6000, batch_size=16, lr=1.5e-3)
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, measure on the studies' people, and save in transformers' format."""
    images, labels = (np.load(corpus / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    size, kinds = images.shape[1], labels.reshape(len(labels), -1).max(1)
    outfits = np.flatnonzero(kinds < len(SEGMENTS))
    poses = np.flatnonzero((kinds >= len(SEGMENTS)) & (kinds != UNKNOWN))
    extra, extra_labels = deformed_people(size)
    torch.manual_seed(0)
    logits_of = Logits(build(LABELS))

    def draw(step: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([21, step])
        of_poses = round(POSES * batch_size)
        some = rng.choice(outfits, batch_size - of_poses)
        posed = rng.integers(len(poses) + len(extra), size=of_poses)
        rows = [(images[i], labels[i]) for i in some]
        rows += [(images[poses[i]], labels[poses[i]]) for i in posed if i < len(poses)]
        rows += [(extra[i - len(poses)], extra_labels[i - len(poses)]) for i in posed if i >= len(poses)]
        return np.stack([picture for picture, _ in rows]), np.stack([truth for _, truth in rows])

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        pictures, truth = draw(step)
        logits_of.model.train()
        x, varied = vary(to_tensor(pictures), torch.from_numpy(truth).long(), step)
        return set_loss(logits_of(x), varied), {}

    groups = [{"params": list(logits_of.model.parameters()), "lr": lr}]
    settings = {"batch": batch_size, "lr": lr, "pictures": len(images)}
    with fit("segmenter", logits_of.model, groups, loss_of, steps=steps, settings=settings):
        found = measure(logits_of, size)
        save(logits_of.model, size, out, {"overlaps": found})
        for name, scores in found.items():
            click.echo(f"{name}: " + ", ".join(f"{label} {score:.3f}" for label, score in scores.items()))


if __name__ == "__main__":
    main()
