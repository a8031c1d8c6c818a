"""What a method hands to the training loop."""

from dataclasses import dataclass, field
from typing import Any

from atelier.models.instruct_pix2pix import Editor


@dataclass(frozen=True)
class Trainable:
    """An editor that does what its base does, and which of its tensors are trained."""

    editor: Editor
    names: dict[str, str]  # name of each of the UNet's parameters to train → the name that it is saved under
    facts: dict[str, Any] = field(default_factory=dict)  # for finetuned.json: what it takes to apply them again
