"""CLIP similarity of generated images to a concept, to its prompt and to a text (Gal et al. 2022, section 5.1).

    image similarity    mean over pairs of cos(generated, photograph)
    prompt similarity   mean over pairs of cos(generated with the concept, generated from the same prompt without it)
    CLIP-T              cos(generated, text of its prompt)

Each is returned per image, as the mean over its pairs, so that images can be resampled; the mean of these is the mean
over all pairs. All are in [-1, 1].

Legend: N images, M others, D feature width. Features have length 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from atelier.metrics.clip import ClipScorer, similarity


def similarities(pictures: Tensor, others: Tensor) -> Tensor:
    """Return each image's mean cosine to the other set, (N,), of (N, D) and (M, D).

    All pairs count. For a set with itself use `similarities_within`, which excludes the pairs of an image with itself.
    """
    _check(pictures, others)
    return (pictures @ others.T).mean(1)


def similarities_within(pictures: Tensor) -> Tensor:
    """Return each image's mean cosine to the other images of its set, (N,), of (N, D).

    Raises:
        ValueError: there is only one image.
    """
    _check(pictures, pictures)
    if len(pictures) < 2:
        raise ValueError("a single picture has no others")
    cosines = pictures @ pictures.T
    return (cosines.sum(1) - cosines.diagonal()) / (len(pictures) - 1)


def prompt_similarities(
    pictures: Tensor, prompts: Sequence[str], plain: Tensor, plain_prompts: Sequence[str]
) -> Tensor:
    """Return each image's mean cosine to the images of its prompt without the concept, (N,), of (N, D) and (M, D).

    Args:
        prompts: of each image, without the concept.
        plain_prompts: of each of the M images generated without the concept.

    Raises:
        ValueError: a prompt has no image without the concept.
    """
    _check(pictures, plain)
    missing = set(prompts) - set(plain_prompts)
    if missing:
        raise ValueError(f"no image without the concept for the prompt {min(missing)!r}")
    same = torch.tensor([[one == other for other in plain_prompts] for one in prompts])
    return (pictures @ plain.T).where(same, 0).sum(1) / same.sum(1)


def text_similarities(scorer: ClipScorer, pictures: Tensor, texts: Sequence[str]) -> Tensor:
    """Return CLIP-T: each image's cosine to its own text, (N,), of (N, D) and N texts; NaN for one that is too long.

    The CLIP was not trained on the concept's word: the text should name the concept by its class.
    """
    return similarity(pictures, scorer.text_features(texts))


def _check(first: Tensor, second: Tensor) -> None:
    """Raise ValueError unless both are unit features of one width."""
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"expected (N, D) and (M, D), got {tuple(first.shape)} and {tuple(second.shape)}")
    for features in (first, second):
        if not torch.allclose(features.norm(dim=1), torch.ones(len(features)).to(features), atol=1e-4):
            raise ValueError("expected features of length 1")
