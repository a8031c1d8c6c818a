"""From pictures to scores, a row per picture, and to distances, a row per concept and set.

Legend: K pictures, H W pixels, D feature width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from atelier.images.tensors import to_tensor
from atelier.metrics.clip import ClipScorer
from atelier.metrics.clip_concept import prompt_similarities, similarities, similarities_within, text_similarities
from atelier.metrics.frechet import Features, frechet_distance
from studies.insertion.prompts import COMPLEX, PLAIN, Order

Row = dict[str, Any]


@dataclass(frozen=True)
class Networks:
    """Who measures: similarities by the CLIP, distances by the other network."""

    clip: ClipScorer
    features: Features


@dataclass(frozen=True)
class Pictures:
    """A set of pictures, uint8 (K, H, W, 3), and its features by either network, computed once."""

    pixels: np.ndarray
    networks: Networks

    @cached_property
    def likeness(self) -> Tensor:
        """(K, D), unit."""
        return self.networks.clip.image_features(to_tensor(self.pixels))

    @cached_property
    def spread(self) -> Tensor:
        """(K, D) of the network for distances."""
        return self.networks.features.of(to_tensor(self.pixels))


@dataclass(frozen=True)
class Reference:
    """What the pictures of one concept are compared with."""

    noun: str
    photographs: Pictures  # that it was taught from
    others: Pictures  # of the same thing, never taught
    without: Pictures  # the complex prompts without the concept
    places: Sequence[str]  # of those
    classes: Pictures  # the base's, of the class: painted by the concept's own orders
    orders: Sequence[Order]


def score(painted: Pictures, wanted: Sequence[Order], reference: Reference, is_base: bool = False) -> list[Row]:
    """A row per picture: likeness to photographs and text; of complex ones also to their prompt's pictures."""
    features, places = painted.likeness, [order.place for order in wanted]
    texts = [f"a photo of a {reference.noun} {order.place}".rstrip() for order in wanted]
    image = similarities(features, reference.photographs.likeness)
    text = text_similarities(painted.networks.clip, features, texts)
    complex_ones = [k for k, order in enumerate(wanted) if order.kind == COMPLEX]
    mine = [places[k] for k in complex_ones]
    prompt = prompt_similarities(features[complex_ones], mine, reference.without.likeness, reference.places)
    right = right_places(painted.pixels[complex_ones], mine, reference)
    there = [order.place for order in reference.orders]
    same = [k for k, place in enumerate(there) if place]
    in_class = prompt_similarities(
        features[complex_ones], mine, reference.classes.likeness[same], [there[k] for k in same]
    )  # fmt: skip
    rows = []
    for k, order in enumerate(wanted):
        row = {"kind": order.kind, "place": order.place, "number": order.number}
        row |= {"image_similarity": float(image[k]), "clip_t": float(text[k])}
        if order.kind == COMPLEX:
            at = complex_ones.index(k)
            row |= {"prompt_similarity": float(prompt[at]), "right_place": float(right[at])}
            if not is_base:  # its own pictures would be compared with themselves
                row["class_similarity"] = float(in_class[at])
        rows.append(row)
    return rows


def rim_colours(pixels: np.ndarray) -> np.ndarray:
    """What is behind a thing: median colours of the upper and the lower half of a picture's rim.

    uint8 (K, H, H, 3) → float (K, 6) in [0, 255]. The rim is a sixteenth of the side wide; the median leaves out a
    thing that reaches into it.
    """
    side = pixels.shape[1]
    inner = np.zeros((side, side), bool)
    inner[side // 16 : -(side // 16), side // 16 : -(side // 16)] = True
    upper = np.arange(side)[:, None] < side // 2
    return np.concatenate([np.median(pixels[:, ~inner & half], axis=1) for half in (upper, ~upper)], axis=1)


def right_places(pixels: np.ndarray, places: Sequence[str], reference: Reference) -> np.ndarray:
    """Whether a picture's rim is nearest in colour to the mean rim of its own place's pictures without the concept.

    bool (K,), among the complex prompts' places; chance is one in as many. A CLIP that looks at the thing cannot tell
    where it stands, and prompt similarity falls wherever a thing is painted at all.
    """
    known, there = sorted(set(reference.places)), np.array(reference.places)
    rims = rim_colours(reference.without.pixels)
    means = np.stack([rims[there == place].mean(0) for place in known])
    gaps = np.linalg.norm(rim_colours(pixels)[:, None] - means[None], axis=-1)
    return np.array(known)[gaps.argmin(1)] == np.array(places)


def score_photographs(reference: Reference) -> list[Row]:
    """The `-image` baseline: the photographs among themselves, and others of the same thing against them."""
    itself = similarities_within(reference.photographs.likeness)
    others = similarities(reference.others.likeness, reference.photographs.likeness)
    texts = [f"a photo of a {reference.noun}"] * len(others)
    text = text_similarities(reference.others.networks.clip, reference.others.likeness, texts)
    rows = [{"method": "photographs among themselves", "image_similarity": float(value)} for value in itself]
    rows += [
        {"method": "other photographs", "image_similarity": float(value), "clip_t": float(said)}
        for value, said in zip(others, text, strict=True)
    ]
    return [{"kind": PLAIN, "place": "", "number": number, **row} for number, row in enumerate(rows)]


def score_without(without: Pictures, wanted: Sequence[Order], most: int) -> list[Row]:
    """The `-prompt` baseline: the first `most` of each complex prompt without a concept, against the others of it."""
    first = [k for k, order in enumerate(wanted) if order.number < most]
    other = [k for k, order in enumerate(wanted) if order.number >= most]
    places = [order.place for order in wanted]
    found = prompt_similarities(
        without.likeness[first], [places[k] for k in first], without.likeness[other], [places[k] for k in other]
    )
    return [
        {"method": "prompt", "kind": COMPLEX, "place": places[k], "number": wanted[k].number,
         "prompt_similarity": float(value)}
        for k, value in zip(first, found, strict=True)
    ]  # fmt: skip


def distances(painted: Pictures, wanted: Sequence[Order], reference: Reference) -> Row:
    """Fréchet distances: plain pictures to photographs, complex ones to those without the concept."""
    plain = [k for k, order in enumerate(wanted) if order.kind == PLAIN]
    placed = [k for k, order in enumerate(wanted) if order.kind == COMPLEX]
    few, many = len(reference.photographs.pixels), min(len(plain), len(reference.others.pixels) // 2)
    row = {"n_few": few, "n_many": many, "n_prompt": len(placed)}
    if len(plain) >= few:
        row["image_few"] = frechet_distance(painted.spread[plain[:few]], reference.photographs.spread)
    row["image_many"] = frechet_distance(painted.spread[plain[:many]], reference.others.spread[:many])
    row["prompt"] = frechet_distance(painted.spread[placed], reference.without.spread[: len(placed)])
    return row


def distances_of_references(reference: Reference, many: int, placed: int) -> list[Row]:
    """The same between sets that nothing was taught for: photographs of the same thing, and one prompt's pictures."""
    few = len(reference.photographs.pixels)
    others, without = reference.others.spread, reference.without.spread
    image = {
        "method": "other photographs", "n_few": few, "n_many": many,
        "image_few": frechet_distance(others[:few], reference.photographs.spread),
        "image_many": frechet_distance(others[many : 2 * many], others[:many]),
    }  # fmt: skip
    prompt = {"method": "prompt", "n_prompt": placed, "prompt": frechet_distance(without[placed:], without[:placed])}
    return [image, prompt]
