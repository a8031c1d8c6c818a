"""What is taught: the base, the correct pictures and, for prior preservation, the base's own of people upright."""

from pathlib import Path

from atelier.common.rng import derive_seed
from atelier.images.tensors import to_pixels
from atelier.models.loading import load_model
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate
from atelier.training.concept.dataset import ConceptRow, read_folder
from studies.anomaly.config import Base, Painting, Prior
from studies.anomaly.prompts import draw_prompts

ARMS = ("plain", "prior")  # without and with prior preservation


def open_base(base: Base) -> TextToImage:
    """The Stable Diffusion 3 that is to be mended."""
    return load_model(base.model, base.dtype, base.device, t5=base.t5, t5_tokens=base.t5_tokens)


def prior_rows(model: TextToImage, prior: Prior, settings: Painting) -> list[ConceptRow]:
    """The base's pictures of other upright people than those who are tested, with weight λ."""
    seed = derive_seed(settings.seed, "prior")
    tested = {prompt.text for prompt in draw_prompts(settings.prompts, settings.seed)}
    upright = [one for one in draw_prompts(2 * prior.pictures, seed) if one.family == "upright"]
    texts = [one.text for one in upright if one.text not in tested][: prior.pictures]
    seeds = [derive_seed(seed, number) for number in range(len(texts))]
    painted = generate(model, texts, seeds, steps=settings.steps, guidance=settings.guidance,
                    batch_size=settings.batch_size)  # fmt: skip
    pairs = zip(to_pixels(painted), texts, strict=True)
    return [ConceptRow(pixels, text, prior.weight) for pixels, text in pairs]


def lesson(model: TextToImage, folder: Path, arm: str, prior: Prior, settings: Painting) -> list[ConceptRow]:
    """The rows of an arm."""
    rows = read_folder(folder, model.size)
    return rows + prior_rows(model, prior, settings) if arm == "prior" else rows
