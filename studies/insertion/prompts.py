"""Plain and complex prompts; every image has a seed of its own.

Plain: "a photo of <*>". Complex: "a photo of <*> on the grass". Without the concept: "a photo on the grass". The places
are those of the base model's corpus, except the table, which the training images show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from atelier.common.iterables import batched
from atelier.common.rng import derive_seed
from atelier.images.tensors import to_pixels
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate
from atelier.synthetic.products import CONCEPTS, PLACES
from studies.insertion.config import Frontier, Sampling, Training

NEW_PLACES = tuple(place for place in PLACES if place != "on a table")
NOUNS = {
    noun: name for name, noun in CONCEPTS.items()
}  # class noun → the concept's name in `atelier.synthetic.products`
PLAIN, COMPLEX = "plain", "complex"


@dataclass(frozen=True)
class Request:
    """One image to generate."""

    kind: str  # plain or complex
    place: str  # "" in plain ones
    number: int  # among those of its kind and place
    prompt: str
    seed: int


def concept_name(method: str, noun: str, training: Training) -> str:
    """Return the concept's name in a method's prompts: `<thing>`, or "a sks bag"; for the base model "a bag"."""
    names = {"textual_inversion": training.placeholder, "base": f"a {noun}"}
    return names.get(method, f"a {training.identifier} {noun}")


def list_requests(noun: str, name: str, sampling: Sampling) -> list[Request]:
    """List a model's images of a concept, plain ones first. All methods start from the same noise.

    Args:
        name: the concept's name in the prompts.
    """

    def seed(place: str, number: int) -> int:
        return derive_seed(sampling.seed, "insertion", noun, place, number)

    plain = [Request(PLAIN, "", n, f"a photo of {name}", seed("", n)) for n in range(sampling.plain)]
    return plain + [
        Request(COMPLEX, place, n, f"a photo of {name} {place}", seed(place, n))
        for place in NEW_PLACES for n in range(sampling.complex)
    ]  # fmt: skip


def list_requests_without(sampling: Sampling) -> list[Request]:
    """List the complex prompts without a concept, twice as many images: the second half is the baseline."""
    return [
        Request(COMPLEX, place, n, f"a photo {place}", derive_seed(sampling.seed, "without", place, n))
        for n in range(2 * sampling.complex) for place in NEW_PLACES
    ]  # fmt: skip


def subset(requests: Sequence[Request], frontier: Frontier) -> list[Request]:
    """Return those that checkpoints and other scales are sampled for: the first of each kind and place."""
    most = {PLAIN: frontier.plain, COMPLEX: frontier.complex}
    return [request for request in requests if request.number < most[request.kind]]


def generate_requests(model: TextToImage, requests: Sequence[Request], sampling: Sampling, what: str) -> np.ndarray:
    """Generate the images, uint8 (K, H, W, 3), in batches with a progress bar."""
    found = []
    with tqdm(total=len(requests), desc=what, unit="image", disable=None) as bar:
        for batch in batched(requests, sampling.batch_size):
            pictures = generate(
                model, [request.prompt for request in batch], [request.seed for request in batch],
                steps=sampling.steps, guidance=sampling.guidance, batch_size=sampling.batch_size,
            )  # fmt: skip
            found.append(to_pixels(pictures))
            bar.update(len(batch))
    return np.concatenate(found)
