"""The base model and its training rows: correct images and, for prior preservation, its own of upright people."""

from pathlib import Path

from atelier.common.rng import derive_seed
from atelier.images.tensors import to_pixels
from atelier.models.loading import load_model
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate
from atelier.training.concept.dataset import ConceptRow, read_folder
from studies.anomaly.config import Base, Prior, Sampling
from studies.anomaly.prompts import draw_prompts

ARMS = ("plain", "prior")  # without and with prior preservation


def open_base(base: Base) -> TextToImage:
    """Load the Stable Diffusion 3 model to fine-tune."""
    return load_model(base.model, base.dtype, base.device, t5=base.t5, t5_tokens=base.t5_tokens)


def prior_rows(model: TextToImage, prior: Prior, settings: Sampling) -> list[ConceptRow]:
    """Generate the base model's images of upright people, of prompts that are not tested, with weight λ."""
    seed = derive_seed(settings.seed, "prior")
    tested = {prompt.text for prompt in draw_prompts(settings.prompts, settings.seed)}
    upright = [one for one in draw_prompts(2 * prior.pictures, seed) if one.family == "upright"]
    texts = [one.text for one in upright if one.text not in tested][: prior.pictures]
    seeds = [derive_seed(seed, number) for number in range(len(texts))]
    generated = generate(
        model, texts, seeds, steps=settings.steps, guidance=settings.guidance, batch_size=settings.batch_size
    )
    pairs = zip(to_pixels(generated), texts, strict=True)
    return [ConceptRow(pixels, text, prior.weight) for pixels, text in pairs]


def training_rows(model: TextToImage, folder: Path, arm: str, prior: Prior, settings: Sampling) -> list[ConceptRow]:
    """Return the rows that an arm is trained on."""
    rows = read_folder(folder, model.size)
    return rows + prior_rows(model, prior, settings) if arm == "prior" else rows
