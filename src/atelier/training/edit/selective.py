"""The paper's method: the tensors of a block set, in place of the base's own."""

from atelier.config import Train
from atelier.models.instruct_pix2pix import Editor
from atelier.training.edit import block_sets
from atelier.training.edit.trainable import Trainable


def prepare(base: Editor, settings: Train) -> Trainable:
    """Train the block set `train.unfreeze`.

    Raises:
        UserError: there is no such set, or it names nothing in this UNet.
    """
    names = block_sets.select(base.unet, settings.unfreeze)
    return Trainable(base, {name: name for name in names}, {"unfreeze": settings.unfreeze})
