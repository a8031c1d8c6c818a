"""A LoRA at another strength than it was trained at: y = W x + s · (α / r) · B A x."""

from atelier.models import lora
from atelier.models.networks import with_values
from atelier.models.text_to_image import TextToImage, with_networks


def scale_adapters(model: TextToImage, scale: float) -> TextToImage:
    """The model with its adapters, the text encoder's too, at s times their strength, in any real number.

    1 is the model itself and 0 its base, bit for bit; the model given is left as it is, and all but B is shared.

    Raises:
        ValueError: the model has no adapters.
    """
    changed = {}
    for part, network in model.networks.named_children():
        own = dict(network.named_parameters())
        wanted = [name for name in lora.names(network) if ".lora_B." in name]
        changed |= {f"{part}.{name}": own[name].detach() * scale for name in wanted}
    if not changed:
        raise ValueError("the model has no adapters to scale")
    return with_networks(model, with_values(model.networks, changed))
