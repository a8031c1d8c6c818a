"""What differs between the ways of teaching a model a concept, a file each: `prepare` before training, `save` after.

Loop, data, prior preservation, processes and settings of the loop are the same for all.
"""

from pathlib import Path

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.models.text_to_image import TextToImage
from atelier.training.concept import dreambooth, lora, textual_inversion
from atelier.training.concept.config import Concept
from atelier.training.concept.start import Start

_METHODS = {"dreambooth": dreambooth, "textual_inversion": textual_inversion, "lora": lora}


def prepare(base: TextToImage, settings: Concept) -> Start:
    """What `method` trains of `base`, which is left as it is.

    Raises:
        UserError: the settings do not fit the model.
    """
    return _METHODS[settings.method].prepare(base, settings)


def save(model: TextToImage, settings: Concept, out: Path) -> None:
    """Write a trained model as the folder that diffusers' own loader of the method takes.

    dreambooth: `from_pretrained`; textual_inversion: `load_textual_inversion`; lora: `load_lora_weights`.

    Raises:
        UserError: there is something at `out` already.
    """
    if out.exists():
        raise UserError(f"{out}: is there already; remove it or name another folder")
    with atomic_write(out) as partial:
        partial.mkdir()
        _METHODS[settings.method].save(model, settings, partial)
