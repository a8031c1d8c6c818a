"""What differs between the methods of fine-tuning, a file each; loop, data, seeds and average are the same for all.

A method says which editor is trained, which of its tensors, under what names they are saved, and what must be written
beside them for `editor.apply_trained` to put them back.
"""

from dataclasses import replace

from atelier.config import Train
from atelier.models.instruct_pix2pix import Editor
from atelier.training.edit import full, lora, selective
from atelier.training.edit.trainable import Trainable

_FIRST = "conv_in.weight"
_METHODS = {"selective": selective.prepare, "full": full.prepare, "lora": lora.prepare}


def prepare(base: Editor, settings: Train) -> Trainable:
    """What `train.method` trains of `base`, which is left as it is.

    Of a widened base the first layer is trained whatever the method: its weights for the source are new, and zero.
    """
    chosen = _METHODS[settings.method](base, settings)
    return replace(chosen, names={_FIRST: _FIRST} | chosen.names) if base.widened else chosen
