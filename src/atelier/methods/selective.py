"""The paper's method: the tensors of a block set, in place of the base's own."""

from atelier import unfreeze
from atelier.config import Train
from atelier.editor import Editor
from atelier.methods.trainable import Trainable


def prepare(base: Editor, settings: Train) -> Trainable:
    """Train the block set `train.unfreeze`.

    Raises:
        UserError: there is no such set, or it names nothing in this UNet.
    """
    names = unfreeze.select(base.unet, settings.unfreeze)
    return Trainable(base, {name: name for name in names}, {"unfreeze": settings.unfreeze})
