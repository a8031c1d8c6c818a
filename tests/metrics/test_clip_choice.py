"""CLIP's choice among words against plain arithmetic."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from atelier.metrics.clip_choice import choose

COLOURS = ("red", "blue", "green")
FEATURES = {"a blue hat": 0, "a red hat": 1, "a green hat": 2, "a blue coat": 3, "a red coat": 4, "a green coat": 5}


class Words:
    """Scorer whose texts have known features."""

    model = SimpleNamespace(logit_scale=torch.tensor(2.0))
    table = F.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=-1)

    def window(self, texts):
        return texts

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


@pytest.mark.parametrize(("template", "word"), [("a hat", "blue"), ("{} {}", "blue"), ("a {} hat", "pink")])
def test_a_template_without_blank_or_an_unknown_word_is_refused(template, word):
    with pytest.raises(ValueError, match="expected one"):
        choose(Words(), torch.zeros(1, 8), [template], [word], COLOURS)
