"""Low-rank adapters at the denoiser's layers and, at a learning rate of their own, at the text encoder's."""

from pathlib import Path

from safetensors.torch import save_file

from atelier.common.errors import UserError
from atelier.models import lora
from atelier.models.networks import share, with_values
from atelier.models.text_to_image import TextToImage, with_networks
from atelier.training.concept.config import Concept
from atelier.training.concept.start import Start
from atelier.training.edit.lora import draw_start

_FILE = "pytorch_lora_weights.safetensors"  # the name that diffusers looks for
_TEXT = "text_encoder"


def prepare(base: TextToImage, settings: Concept) -> Start:
    """Train adapters of rank `lora_rank`, float32 whatever the base's precision; at the start they change nothing.

    Raises:
        UserError: a target names no layer that takes an adapter, or the text encoders are not among what is trained.
    """
    targets = {base.denoiser: settings.lora_targets}
    if settings.text_lr:
        if not hasattr(base.networks, _TEXT):
            raise UserError("train.text_lr: this model's text encoders stay frozen; leave it at 0")
        targets[_TEXT] = settings.text_targets
    networks, values = share(base.networks), {}
    for part, wanted in targets.items():
        adapted = lora.inject(getattr(networks, part), settings.lora_rank, settings.lora_alpha, wanted)
        setattr(networks, part, adapted)
        empty = dict(adapted.named_parameters())
        for name in lora.names(adapted):
            values[f"{part}.{name}"] = draw_start(f"{part}.{name}", empty[name], settings.seed).to(base.device)
    factor = settings.text_lr / settings.lr
    return Start(
        with_networks(base, with_values(networks, values)),
        tuple(values),
        trains_text=_TEXT in targets,
        factors={name: factor for name in values if name.startswith(_TEXT)},
    )


def save(model: TextToImage, settings: Concept, out: Path) -> None:
    """The adapters' matrices, α / r multiplied into B: readers that are told of no α take it to be the rank."""
    scale, found = settings.lora_alpha / settings.lora_rank, {}
    for part, network in model.networks.named_children():
        own = dict(network.named_parameters())
        # transformers 5 dropped CLIP's inner name; readers of any version know it
        prefix = f"{part}.text_model" if part == _TEXT and not hasattr(network, "text_model") else part
        for name, saved in lora.names(network).items():
            matrix = own[name].detach().cpu() * (scale if ".lora_B." in saved else 1.0)
            found[f"{prefix}.{saved}"] = matrix.contiguous()
    save_file(found, out / _FILE, {"format": "pt"})
