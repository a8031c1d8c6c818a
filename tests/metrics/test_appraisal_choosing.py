"""CLIP's choice among words and memorisation, against plain arithmetic."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist

from atelier.metrics.clip_choice import choose
from atelier.metrics.memorisation import coarse_pixels, memorisation, nearest, spacing

COLOURS = ("red", "blue", "green")
FEATURES = {"a blue hat": 0, "a red hat": 1, "a green hat": 2, "a blue coat": 3, "a red coat": 4, "a green coat": 5}


class Words:
    """Scorer whose texts have known features."""

    model = SimpleNamespace(logit_scale=torch.tensor(2.0))
    table = F.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=-1)

    def text_features(self, texts):
        return self.table[[FEATURES[text] for text in texts]]


def test_the_choice_is_the_softmax_over_the_options():
    pictures = F.normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(1)), dim=-1)
    templates = ["a {} hat", "a {} coat", "a {} hat", "a {} coat", "a {} coat"]
    words = ["blue", "green", "red", "red", "green"]
    found = choose(Words(), pictures, templates, words, COLOURS)
    for row, (template, word) in enumerate(zip(templates, words, strict=True)):
        texts = Words.table[[FEATURES[template.format(colour)] for colour in COLOURS]].numpy()
        powers = np.exp(np.exp(2.0) * texts @ pictures[row].numpy())
        assert found.probability[row].item() == pytest.approx(powers[COLOURS.index(word)] / powers.sum(), rel=1e-5)
        assert found.chosen[row] == powers.argmax()
        assert found.right[row] == (COLOURS[powers.argmax()] == word)
    assert 0 < found.right.sum() < 5  # the sample has both


def test_an_image_of_the_wrong_colour_is_wrong():
    blue, red = Words.table[0], Words.table[1]
    found = choose(Words(), torch.stack([blue, red]), ["a {} hat"] * 2, ["blue", "blue"], COLOURS)
    assert found.right.tolist() == [True, False]
    assert found.probability[0] > 0.5 > found.probability[1]


@pytest.mark.parametrize(("template", "word"), [("a hat", "blue"), ("{} {}", "blue"), ("a {} hat", "pink")])
def test_a_template_without_blank_or_an_unknown_word_is_refused(template, word):
    with pytest.raises(ValueError, match="expected one"):
        choose(Words(), torch.zeros(1, 8), [template], [word], COLOURS)


def test_memorisation_is_1_for_a_copy_and_0_at_the_spacing_of_training_images():
    rng = np.random.default_rng(2)
    training = torch.from_numpy(rng.normal(size=(9, 20)))
    inner = cdist(training, training)
    np.fill_diagonal(inner, np.inf)
    typical = np.sort(inner.min(1))[4]
    assert spacing(training) == pytest.approx(typical)
    direction = F.normalize(torch.from_numpy(rng.normal(size=20)), dim=0)
    near = training[3] + 0.25 * typical * direction
    values = torch.stack([training[6], near, training[0] + 90 * direction])
    expected = [1.0, 1 - cdist(near[None], training).min() / typical, 0.0]
    assert memorisation(values, training).tolist() == pytest.approx(expected)
    assert nearest(values, training)[1][:2].tolist() == [6, 3]


def test_training_sets_without_spacing_are_refused():
    with pytest.raises(ValueError, match="needs two"):
        spacing(torch.zeros(1, 4))
    with pytest.raises(ValueError, match="have a copy"):
        spacing(torch.zeros(3, 4))


def test_coarse_pixels_are_means_over_areas():
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    expected = pictures.numpy().reshape(2, 3, 32, 2, 32, 2).mean((3, 5)).reshape(2, -1)
    np.testing.assert_allclose(coarse_pixels(pictures).numpy(), expected, rtol=1e-5)
