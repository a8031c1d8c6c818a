"""Full fine-tuning, what the paper compares its cost with: every tensor of the UNet in place of the base's own."""

from atelier.config import Train
from atelier.editor import Editor
from atelier.methods.trainable import Trainable


def prepare(base: Editor, settings: Train) -> Trainable:
    """Train the whole UNet."""
    return Trainable(base, {name: name for name, _ in base.unet.named_parameters()})
