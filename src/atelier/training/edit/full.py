"""Full fine-tuning, what the paper compares its cost with: every tensor of the UNet in place of the base's own."""

from atelier.config import Train
from atelier.models.instruct_pix2pix import Editor
from atelier.training.edit.trainable import Trainable


def prepare(base: Editor, settings: Train) -> Trainable:
    """Train the whole UNet."""
    return Trainable(base, {name: name for name, _ in base.unet.named_parameters()})
