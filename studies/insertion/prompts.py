"""What is painted: plain and complex prompts, each picture with a seed of its own.

Plain: "a photo of <*>". Complex: "a photo of <*> on the grass". Without the concept: "a photo on the grass". The places
are those that the base knows, but for the table, which training photographs show.
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
from studies.insertion.config import Frontier, Painting, Teaching

NEW_PLACES = tuple(place for place in PLACES if place != "on a table")
NOUNS = {noun: name for name, noun in CONCEPTS.items()}  # class noun → the concept's name in the showroom
PLAIN, COMPLEX = "plain", "complex"


@dataclass(frozen=True)
class Order:
    """One picture to paint."""

    kind: str  # plain or complex
    place: str  # "" in plain ones
    number: int  # among those of its kind and place
    prompt: str
    seed: int


def called(method: str, noun: str, teaching: Teaching) -> str:
    """What a method's prompts call the concept: `<thing>`, or "a sks bag"; the base knows "a bag" only."""
    names = {"textual_inversion": teaching.placeholder, "base": f"a {noun}"}
    return names.get(method, f"a {teaching.identifier} {noun}")


def orders(noun: str, name: str, painting: Painting) -> list[Order]:
    """A model's pictures of a concept, plain ones first. All methods start from the same noise.

    Args:
        name: what the prompts call it.
    """

    def seed(place: str, number: int) -> int:
        return derive_seed(painting.seed, "insertion", noun, place, number)

    plain = [Order(PLAIN, "", n, f"a photo of {name}", seed("", n)) for n in range(painting.plain)]
    return plain + [
        Order(COMPLEX, place, n, f"a photo of {name} {place}", seed(place, n))
        for place in NEW_PLACES for n in range(painting.complex)
    ]  # fmt: skip


def orders_without(painting: Painting) -> list[Order]:
    """The complex prompts without a concept, two sets of as many pictures: the second measures the first."""
    return [
        Order(COMPLEX, place, n, f"a photo {place}", derive_seed(painting.seed, "without", place, n))
        for n in range(2 * painting.complex) for place in NEW_PLACES
    ]  # fmt: skip


def few(wanted: Sequence[Order], frontier: Frontier) -> list[Order]:
    """Those that checkpoints and other scales are painted for: the first of each kind and place."""
    most = {PLAIN: frontier.plain, COMPLEX: frontier.complex}
    return [order for order in wanted if order.number < most[order.kind]]


def fulfil(model: TextToImage, wanted: Sequence[Order], painting: Painting, what: str) -> np.ndarray:
    """Paint the orders, uint8 (K, H, W, 3), in batches under a progress bar."""
    found = []
    with tqdm(total=len(wanted), desc=what, unit="picture", disable=None) as bar:
        for batch in batched(wanted, painting.batch_size):
            pictures = generate(
                model, [order.prompt for order in batch], [order.seed for order in batch],
                steps=painting.steps, guidance=painting.guidance, batch_size=painting.batch_size,
            )  # fmt: skip
            found.append(to_pixels(pictures))
            bar.update(len(batch))
    return np.concatenate(found)
