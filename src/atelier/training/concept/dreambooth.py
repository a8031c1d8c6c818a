"""DreamBooth (Ruiz et al. 2023): the whole denoiser. Prior preservation is in the data, as rows of another weight."""

from pathlib import Path

from atelier.models.text_to_image import TextToImage
from atelier.training.concept.config import Concept
from atelier.training.concept.start import Start


def prepare(base: TextToImage, settings: Concept) -> Start:
    """Train every tensor of the UNet, or of the transformer."""
    denoiser = getattr(base.networks, base.denoiser)
    return Start(base, tuple(f"{base.denoiser}.{name}" for name, _ in denoiser.named_parameters()))


def save(model: TextToImage, settings: Concept, out: Path) -> None:
    """A whole pipeline, without the path of the base on this machine."""
    pipeline = model.pipeline()
    for part in (getattr(pipeline, model.denoiser), pipeline.vae):
        part.register_to_config(_name_or_path="")
    pipeline.save_pretrained(out)
