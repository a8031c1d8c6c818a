"""Labelled images → a detector of the logo, and its evaluation on held-out images. Run by DVC."""

from pathlib import Path

import click
import torch
from torch import Tensor
from tqdm import tqdm

from atelier.common import command
from atelier.common.files import write_json
from atelier.common.threads import set_threads
from atelier.config import read_sections
from atelier.metrics.augmentation import augment, enlarge
from atelier.metrics.average_precision import average_precision
from atelier.metrics.detector import Detector, Labelled, Shape, fit_detector, save_detector
from studies.logo.config import Study
from studies.logo.detector_data import BAD_KINDS, read_labelled


def evaluate(detector: Detector, data: Labelled, kinds: list[str], threshold: float) -> dict:
    """Return average precision at an IoU of 0.5, and the share of each kind that is detected as the logo."""
    found = detector.detect(data.pictures)
    scores = torch.stack([one["scores"].max() if len(one["scores"]) else torch.tensor(0.0) for one in found])

    def share(rows: Tensor) -> float:
        return round((scores[rows] >= threshold).float().mean().item(), 4)

    where = {kind: torch.tensor([one == kind for one in kinds]) for kind in ("logo", *BAD_KINDS)}
    return {
        "map_50": round(average_precision(found, data.boxes), 4),
        "over_threshold": {kind.replace(" ", "_"): share(rows) for kind, rows in where.items()},
        "median_confidence": {"logo": round(scores[where["logo"]].median().item(), 4)},
        "pictures": {"logo": int(where["logo"].sum()), "bad": int((~where["logo"]).sum())},
    }


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("labelled", "Folder of the labelled sets.")
@command.path_option("out", "Folder for the detector.")
@command.path_option("report", "JSON of its evaluation.")
def main(params: Path, labelled: Path, out: Path, report: Path) -> None:
    """Train a detector from scratch on augmented images, and evaluate it on held-out ones."""
    study = read_sections(params, Study)
    set_threads(study.bases.threads)
    plan = study.detecting
    data, _ = read_labelled(labelled / "train.safetensors")
    test, kinds = read_labelled(labelled / "held_out.safetensors")
    more = augment(data, plan.copies, plan.side, plan.seed)
    detector = Detector(Shape(side=plan.side), plan.seed)
    epochs = fit_detector(
        detector, more, epochs=plan.epochs, batch_size=plan.batch_size, lr=plan.lr, seed=plan.seed
    )  # fmt: skip
    losses = list(tqdm(epochs, "detector", total=plan.epochs, unit="epoch", disable=None))
    found = evaluate(detector, enlarge(test, plan.side), kinds, plan.threshold)
    save_detector(detector, out)
    write_json(report, {
        "labelled": len(data), "augmented": len(more), "parameters": sum(p.numel() for p in detector.parameters()),
        "loss": {f"epoch_{n}": round(loss, 4) for n, loss in enumerate(losses, 1)}, **found,
    })  # fmt: skip
    click.echo(f"mAP@.5 {found['map_50']:.3f}; over {plan.threshold}: {found['over_threshold']}")


if __name__ == "__main__":
    main()
