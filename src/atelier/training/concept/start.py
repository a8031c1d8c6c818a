"""What a concept method hands to training."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from atelier.models.text_to_image import TextToImage


@dataclass(frozen=True)
class Start:
    """A model that paints what its base does, and which of its tensors are trained."""

    model: TextToImage
    names: tuple[str, ...]  # of the parameters of `model.networks` that are trained
    trains_text: bool = False  # prompts are encoded again in every step
    factors: Mapping[str, float] = field(default_factory=dict)  # name → times the learning rate, where it is not 1
    placeholder: str = ""  # at least one prompt must hold it, else nothing would be learnt
