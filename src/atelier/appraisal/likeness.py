"""How like a concept, its prompt or its text painted pictures are, by a CLIP's unit features (Gal et al. 2022, 5.1).

    image similarity    mean over pairs of cos(painted, photograph)
    prompt similarity   mean over pairs of cos(painted with the concept, painted by the same prompt without it)
    CLIP-T              cos(painted, its prompt's text)

Each is returned by picture, as the mean over what it is paired with, so that pictures can be resampled; the mean of
those is the mean over all pairs. All are in [-1, 1].

Legend: N pictures, M others, D feature width. Features have length 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from atelier.measures.clip import ClipScorer, similarity


def similarities(pictures: Tensor, others: Tensor) -> Tensor:
    """Each picture's mean cosine to the other set, (N,), of (N, D) and (M, D).

    Every pair counts: of a set with itself also the N pairs of a picture with itself, which are 1. Where those should
    not count, take `similarities_within`.
    """
    _check(pictures, others)
    return (pictures @ others.T).mean(1)


def similarities_within(pictures: Tensor) -> Tensor:
    """Each picture's mean cosine to the others of its own set, (N,), of (N, D): the diagonal does not count.

    Raises:
        ValueError: it is the only one.
    """
    _check(pictures, pictures)
    if len(pictures) < 2:
        raise ValueError("a single picture has no others")
    cosines = pictures @ pictures.T
    return (cosines.sum(1) - cosines.diagonal()) / (len(pictures) - 1)


def prompt_similarities(
    pictures: Tensor, prompts: Sequence[str], plain: Tensor, plain_prompts: Sequence[str]
) -> Tensor:
    """Each picture's mean cosine to what was painted by its prompt without the concept, (N,), of (N, D) and (M, D).

    Args:
        prompts: of each picture, without the concept.
        plain_prompts: of each of the M pictures that were painted without it.

    Raises:
        ValueError: a prompt has no picture without the concept.
    """
    _check(pictures, plain)
    missing = set(prompts) - set(plain_prompts)
    if missing:
        raise ValueError(f"nothing was painted without the concept for {min(missing)!r}")
    same = torch.tensor([[one == other for other in plain_prompts] for one in prompts])
    return (pictures @ plain.T).where(same, 0).sum(1) / same.sum(1)


def text_similarities(scorer: ClipScorer, pictures: Tensor, texts: Sequence[str]) -> Tensor:
    """CLIP-T: each picture's cosine to its own text, (N,), of (N, D) and N texts.

    A CLIP has not been taught the concept's word: the text should call the concept by its class.
    """
    return similarity(pictures, scorer.text_features(texts))


def _check(first: Tensor, second: Tensor) -> None:
    """Raise ValueError unless both are unit features of one width."""
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"expected (N, D) and (M, D), got {tuple(first.shape)} and {tuple(second.shape)}")
    for features in (first, second):
        if not torch.allclose(features.norm(dim=1), torch.ones(len(features)).to(features), atol=1e-4):
            raise ValueError("expected features of length 1")
