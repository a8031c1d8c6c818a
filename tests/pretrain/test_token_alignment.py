"""The alignment of two prompts' tokens."""

import pytest
import torch

from atelier.common.errors import UserError
from pretrain.common.tokenizer import build_tokenizer
from pretrain.token_alignment import align_tokens

WORDS = "a an woman man in and red orange blue denim plaid striped t-shirt shirt skirt trousers dress photo of"


@pytest.fixture(scope="module")
def tokenizer():
    made = build_tokenizer([WORDS] * 5, 700)
    assert len(made("denim", add_special_tokens=False).input_ids) == 1
    assert len(made("zebra-print", add_special_tokens=False).input_ids) > 3
    return made


def by_word(tokenizer, before: str, after: str) -> dict[str, dict[str, float]]:
    """Return the mean share of a word's tokens that goes to each word of the other prompt; start, end, padding too."""

    def owners(text: str) -> list[str]:
        pieces = [word for word in text.split() for _ in tokenizer(word, add_special_tokens=False).input_ids]
        return ["<start>", *pieces, "<end>", *["<pad>"] * (tokenizer.model_max_length - len(pieces) - 2)]

    rows, columns, found = owners(before), owners(after), {}
    matrix = align_tokens(tokenizer, before, after)
    for i, j in matrix.nonzero().tolist():
        shares = found.setdefault(rows[i], {})
        shares[columns[j]] = shares.get(columns[j], 0) + float(matrix[i, j]) / rows.count(rows[i])
    return found


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("a red shirt", "a red shirt", {}),
        ("a red shirt", "a blue shirt", {"red": {"blue": 1}}),
        ("a red shirt", "an orange shirt", {"a": {"an": 1}, "red": {"orange": 1}}),
        ("a red shirt", "a denim blue shirt", {"red": {"denim": 0.5, "blue": 0.5}}),
        ("a denim blue shirt", "a red shirt", {"denim": {"red": 1}, "blue": {"red": 1}}),
        ("a red shirt", "a red striped shirt", {"shirt": {"striped": 0.5, "shirt": 0.5}}),
        ("a red striped shirt", "a red shirt", {"striped": {"shirt": 1}}),
        ("a red shirt", "a blue striped shirt", {"red": {"blue": 0.5, "striped": 0.5}}),
        ("red trousers and blue", "a red skirt and blue", {"trousers": {"skirt": 1}, "red": {"a": 0.5, "red": 0.5}}),
        ("a woman", "a woman in red", {"woman": {"woman": 1 / 3, "in": 1 / 3, "red": 1 / 3}}),
        ("a woman in red", "a woman", {"in": {"woman": 1}, "red": {"woman": 1}}),
        ("a red zebra-print skirt", "a red plaid skirt", {"zebra-print": {"plaid": 1}}),
        ("a red t-shirt", "a blue t-shirt", {"red": {"blue": 1}}),
    ],
)
def test_words_hand_their_attention_on(tokenizer, before, after, changed):
    found = by_word(tokenizer, before, after)
    expected = {word: {word: 1} for word in ("<start>", *before.split(), "<end>", "<pad>")} | changed
    assert found == {word: pytest.approx(shares) for word, shares in expected.items()}


@pytest.mark.parametrize("after", ["", "a", "blue", "dress photo", "a blue zebra-print t-shirt and a blue plaid skirt"])
def test_a_replaced_map_is_a_distribution(tokenizer, after):
    for pair in (("a red shirt", after), (after, "a red shirt"), ("", after)):
        torch.testing.assert_close(align_tokens(tokenizer, *pair).sum(1), torch.ones(24))


def test_a_prompt_that_is_not_read_whole_is_refused(tokenizer):
    fits = " ".join(["red"] * 22)
    assert align_tokens(tokenizer, "a red shirt", fits).sum() == pytest.approx(24)
    with pytest.raises(UserError, match="25 tokens; the text encoder reads 24"):
        align_tokens(tokenizer, "a red shirt", f"{fits} red")
