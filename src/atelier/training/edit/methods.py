"""Methods of fine-tuning an editor; loop, data, seeds and EMA are the same for all.

A method says which editor is trained, which of its tensors, under what names they are saved, and what must be written
beside them for `instruct_pix2pix.apply_trained` to restore them.
"""

from dataclasses import replace

from atelier.config import Train
from atelier.models import lora
from atelier.models.base import with_tensors
from atelier.models.instruct_pix2pix import Editor
from atelier.training.edit import block_sets
from atelier.training.task import Trainable

_FIRST = "conv_in.weight"


def prepare(base: Editor, settings: Train) -> Trainable:
    """Return what `train.method` trains of `base`, which does not change.

    Of a widened base the first layer is always trained: its weights for the source are new, and zero.

    Raises:
        UserError: there is no such block set, or a target of the adapters names no layer that takes one.
    """
    chosen = _METHODS[settings.method](base, settings)
    return replace(chosen, names={_FIRST: _FIRST} | chosen.names) if base.widened else chosen


def _full(base: Editor, settings: Train) -> Trainable:
    """Full fine-tuning, to which the paper compares its cost: every tensor of the UNet."""
    return Trainable(base, {name: name for name, _ in base.unet.named_parameters()})


def _selective(base: Editor, settings: Train) -> Trainable:
    """The paper's method: the tensors of the block set `train.unfreeze`."""
    names = block_sets.select(base.unet, settings.unfreeze)
    return Trainable(base, {name: name for name in names}, {"unfreeze": settings.unfreeze})


def _lora(base: Editor, settings: Train) -> Trainable:
    """Low-rank adapters, which the paper dismisses without a figure; the base's layers stay frozen."""
    unet = lora.inject(base.unet, settings.lora_rank, settings.lora_alpha, settings.lora_targets)
    model = with_tensors(base.with_network(unet), lora.initial_values(unet, settings.seed))
    facts = {key: getattr(settings, key) for key in ("lora_rank", "lora_alpha", "lora_targets")}
    return Trainable(model, lora.names(unet), facts)


_METHODS = {"selective": _selective, "full": _full, "lora": _lora}
