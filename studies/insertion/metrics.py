"""Images → scores, one row per image, and distances, one row per concept and set.

Legend: K images, H W pixels, D feature width.
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
from studies.insertion.prompts import COMPLEX, PLAIN, Request

TableRow = dict[str, Any]


@dataclass(frozen=True)
class Networks:
    """The networks that score: CLIP for similarities, a feature network for distances."""

    clip: ClipScorer
    features: Features


@dataclass(frozen=True)
class ImageSet:
    """A set of images, uint8 (K, H, W, 3), and its features by both networks, computed once."""

    pixels: np.ndarray
    networks: Networks

    @cached_property
    def clip_features(self) -> Tensor:
        """Unit features (K, D) by CLIP."""
        return self.networks.clip.image_features(to_tensor(self.pixels))

    @cached_property
    def pooled_features(self) -> Tensor:
        """Features (K, D) by the network for distances."""
        return self.networks.features.of(to_tensor(self.pixels))


@dataclass(frozen=True)
class Reference:
    """What the images of one concept are compared with."""

    noun: str
    photographs: ImageSet  # the training images
    others: ImageSet  # other images of the same object
    without: ImageSet  # the complex prompts without the concept
    places: Sequence[str]  # of `without`
    classes: ImageSet  # the base model's images of the class, from the concept's own requests
    requests: Sequence[Request]


def score(
    generated: ImageSet, requests: Sequence[Request], reference: Reference, is_base: bool = False
) -> list[TableRow]:
    """Return one row per image: similarity to training images and text; of complex ones also to their prompt's."""
    features, places = generated.clip_features, [request.place for request in requests]
    texts = [f"a photo of a {reference.noun} {request.place}".rstrip() for request in requests]
    image = similarities(features, reference.photographs.clip_features)
    text = text_similarities(generated.networks.clip, features, texts)
    complex_ones = [k for k, request in enumerate(requests) if request.kind == COMPLEX]
    mine = [places[k] for k in complex_ones]
    prompt = prompt_similarities(features[complex_ones], mine, reference.without.clip_features, reference.places)
    right = right_places(generated.pixels[complex_ones], mine, reference)
    there = [request.place for request in reference.requests]
    same = [k for k, place in enumerate(there) if place]
    in_class = prompt_similarities(
        features[complex_ones], mine, reference.classes.clip_features[same], [there[k] for k in same]
    )  # fmt: skip
    rows = []
    for k, request in enumerate(requests):
        row = {"kind": request.kind, "place": request.place, "number": request.number}
        row |= {"image_similarity": float(image[k]), "clip_t": float(text[k])}
        if request.kind == COMPLEX:
            at = complex_ones.index(k)
            row |= {"prompt_similarity": float(prompt[at]), "right_place": float(right[at])}
            if not is_base:  # its images would be compared with themselves
                row["class_similarity"] = float(in_class[at])
        rows.append(row)
    return rows


def rim_colours(pixels: np.ndarray) -> np.ndarray:
    """Return the median colours of the upper and the lower half of an image's rim, which show the background.

    uint8 (K, H, H, 3) → float (K, 6) in [0, 255]. The rim is a sixteenth of the side wide; the median ignores an object
    that reaches into it.
    """
    side = pixels.shape[1]
    inner = np.zeros((side, side), bool)
    inner[side // 16 : -(side // 16), side // 16 : -(side // 16)] = True
    upper = np.arange(side)[:, None] < side // 2
    return np.concatenate([np.median(pixels[:, ~inner & half], axis=1) for half in (upper, ~upper)], axis=1)


def right_places(pixels: np.ndarray, places: Sequence[str], reference: Reference) -> np.ndarray:
    """Return whether an image's rim is nearest in colour to the mean rim of its own place's images without the concept.

    bool (K,), among the complex prompts' places; chance is 1 / number of places. CLIP features of an image with an
    object do not show the place, and prompt similarity falls whenever the object is there.
    """
    known, there = sorted(set(reference.places)), np.array(reference.places)
    rims = rim_colours(reference.without.pixels)
    means = np.stack([rims[there == place].mean(0) for place in known])
    gaps = np.linalg.norm(rim_colours(pixels)[:, None] - means[None], axis=-1)
    return np.array(known)[gaps.argmin(1)] == np.array(places)


def score_photographs(reference: Reference) -> list[TableRow]:
    """Score the `-image` baseline: training images with each other, and other images of the object with them."""
    itself = similarities_within(reference.photographs.clip_features)
    others = similarities(reference.others.clip_features, reference.photographs.clip_features)
    texts = [f"a photo of a {reference.noun}"] * len(others)
    text = text_similarities(reference.others.networks.clip, reference.others.clip_features, texts)
    rows = [{"method": "photographs among themselves", "image_similarity": float(value)} for value in itself]
    rows += [
        {"method": "other photographs", "image_similarity": float(value), "clip_t": float(by_text)}
        for value, by_text in zip(others, text, strict=True)
    ]
    return [{"kind": PLAIN, "place": "", "number": number, **row} for number, row in enumerate(rows)]


def score_without(without: ImageSet, requests: Sequence[Request], most: int) -> list[TableRow]:
    """Score the `-prompt` baseline: the first `most` images of each prompt without a concept, against its others."""
    first = [k for k, request in enumerate(requests) if request.number < most]
    other = [k for k, request in enumerate(requests) if request.number >= most]
    places = [request.place for request in requests]
    found = prompt_similarities(
        without.clip_features[first],
        [places[k] for k in first],
        without.clip_features[other],
        [places[k] for k in other],
    )
    return [
        {"method": "prompt", "kind": COMPLEX, "place": places[k], "number": requests[k].number,
         "prompt_similarity": float(value)}
        for k, value in zip(first, found, strict=True)
    ]  # fmt: skip


def distances(generated: ImageSet, requests: Sequence[Request], reference: Reference) -> TableRow:
    """Return Fréchet distances: plain images to training images, complex ones to those without the concept."""
    plain = [k for k, request in enumerate(requests) if request.kind == PLAIN]
    placed = [k for k, request in enumerate(requests) if request.kind == COMPLEX]
    few, many = len(reference.photographs.pixels), min(len(plain), len(reference.others.pixels) // 2)
    row = {"n_few": few, "n_many": many, "n_prompt": len(placed)}
    if len(plain) >= few:
        row["image_few"] = frechet_distance(
            generated.pooled_features[plain[:few]], reference.photographs.pooled_features
        )
    row["image_many"] = frechet_distance(
        generated.pooled_features[plain[:many]], reference.others.pooled_features[:many]
    )
    row["prompt"] = frechet_distance(
        generated.pooled_features[placed], reference.without.pooled_features[: len(placed)]
    )
    return row


def distances_of_references(reference: Reference, many: int, placed: int) -> list[TableRow]:
    """Return the same distances of the baselines: images of the same object, and images of the same prompts."""
    few = len(reference.photographs.pixels)
    others, without = reference.others.pooled_features, reference.without.pooled_features
    image = {
        "method": "other photographs", "n_few": few, "n_many": many,
        "image_few": frechet_distance(others[:few], reference.photographs.pooled_features),
        "image_many": frechet_distance(others[many : 2 * many], others[:many]),
    }  # fmt: skip
    prompt = {"method": "prompt", "n_prompt": placed, "prompt": frechet_distance(without[placed:], without[:placed])}
    return [image, prompt]
