"""CLIP similarity to a concept, a prompt and a text, against loops over all pairs."""

from types import SimpleNamespace

import pytest
import torch

from atelier.metrics.clip_concept import prompt_similarities, similarities, similarities_within, text_similarities


def unit(seed: int, count: int, width: int = 5) -> torch.Tensor:
    found = torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return found / found.norm(dim=1, keepdim=True)


def cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    return sum(float(a) * float(b) for a, b in zip(first, second, strict=True))


def test_image_similarity_is_the_mean_over_all_pairs_with_or_without_the_diagonal():
    first, second = unit(1, 4), unit(2, 3)
    pairs = [[cosine(one, other) for other in second] for one in first]
    assert similarities(first, second).tolist() == pytest.approx([sum(row) / 3 for row in pairs])
    pictures = unit(3, 4)
    others = [[cosine(pictures[i], pictures[j]) for j in range(4) if j != i] for i in range(4)]
    assert similarities_within(pictures).tolist() == pytest.approx([sum(row) / 3 for row in others])
    assert similarities(pictures, pictures).tolist() == pytest.approx([(sum(row) + 1) / 4 for row in others])


def test_prompt_similarity_pairs_only_images_of_one_prompt():
    pictures, plain = unit(4, 4), unit(5, 5)
    prompts, plain_prompts = ["a", "b", "b", "a"], ["b", "a", "a", "b", "a"]
    expected = []
    for picture, prompt in zip(pictures, prompts, strict=True):
        found = [cosine(picture, other) for other, its in zip(plain, plain_prompts, strict=True) if its == prompt]
        expected.append(sum(found) / len(found))
    assert prompt_similarities(pictures, prompts, plain, plain_prompts).tolist() == pytest.approx(expected)
    with pytest.raises(ValueError, match="'c'"):
        prompt_similarities(unit(1, 2), ["a", "c"], unit(2, 1), ["a"])


def test_clip_t_pairs_each_image_with_its_own_text():
    texts = {"red": unit(6, 1)[0], "blue": unit(7, 1)[0]}
    scorer = SimpleNamespace(text_features=lambda wanted: torch.stack([texts[text] for text in wanted]))
    pictures, wanted = unit(8, 3), ["blue", "red", "blue"]
    expected = [cosine(picture, texts[text]) for picture, text in zip(pictures, wanted, strict=True)]
    assert text_similarities(scorer, pictures, wanted).tolist() == pytest.approx(expected)


def test_features_of_wrong_length_or_shape_are_refused():
    with pytest.raises(ValueError, match="length 1"):
        similarities(unit(1, 2) * 2, unit(2, 2))
    with pytest.raises(ValueError, match="got"):
        similarities(unit(1, 2, 4), unit(2, 2, 5))
    with pytest.raises(ValueError, match="no others"):
        similarities_within(unit(1, 1))
