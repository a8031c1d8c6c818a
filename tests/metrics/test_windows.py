"""Windows on captions that are too long: the part that contains the change, against a search of all parts."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from import_graph import ROOT

from atelier.metrics.clip import ClipScorer, directional, has_direction
from atelier.metrics.windows import change_window
from atelier.text.captions import recaption
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS

WORDS = st.lists(st.sampled_from(["a", "red", "shirt", "of", "blue"]), max_size=7)
LONG = "the person in the picture stands upright in the middle of a plain room with soft even light and looks at us"


def search(texts: list[str], fits) -> list[str]:
    """Try every number of shared first and last words to leave out: few first words, then few last ones."""
    words = [text.split() for text in texts]
    for start, dropped in product(range(8 * 3), repeat=2):
        ends = [len(part) - dropped for part in words]
        if any(start > end for end in ends):
            continue
        firsts = {tuple(part[:start]) for part in words}
        lasts = {tuple(part[end:]) for part, end in zip(words, ends, strict=True)}
        parts = [" ".join(part[start:end]) for part, end in zip(words, ends, strict=True)]
        if len(firsts) == len(lasts) == 1 and all(map(fits, parts)):
            return parts
    return texts


@settings(max_examples=60)
@given(first=WORDS, changes=st.lists(WORDS, min_size=2, max_size=4), last=WORDS, room=st.integers(1, 12))
def test_the_window_leaves_out_as_few_shared_words_as_possible(first, changes, last, room):
    texts = [" ".join([*first, *change, *last]) for change in changes]

    def fits(text: str) -> bool:
        return len(text.split()) <= room

    found, expected = change_window(texts, fits), search(texts, fits)
    if all(map(fits, texts)) or (all(expected) and len(set(expected)) > 1):
        assert found == expected
    else:
        assert found == texts


@pytest.fixture(scope="module")
def scorer() -> ClipScorer:
    """The embedded CLIP, which reads 24 tokens."""
    return ClipScorer.load(str(ROOT / "models/base/clip"))


@pytest.mark.parametrize(
    "caption", ["a man in a shirt", f"{LONG}, a man in a shirt", LONG, f"a man in a shirt, {LONG}"]
)
@pytest.mark.parametrize("change", [{"colour": "red"}, {"pattern": "stripes"}])
def test_long_captions_are_compared_by_their_change(scorer, caption, change):
    target = recaption(caption, "shirt", **change)
    window = scorer.window([caption, target])
    assert all(map(scorer.limit.fits, window))
    assert (window == [caption, target]) == (len(caption.split()) < 10)
    (word,) = change.values()
    assert word.rstrip("s") in window[1]
    assert word.rstrip("s") not in window[0]
    before, after = scorer.text_features(window)
    assert (after - before).norm() > 0.1


def test_captions_of_all_patterns_are_compared_in_one_window(scorer):
    for caption in (f"{LONG} in a shirt", f"a shirt {LONG}", LONG):
        window = scorer.window([recaption(caption, "shirt", pattern=pattern) for pattern in RENDERED_PATTERNS])
        features = scorer.text_features(window)
        assert torch.pdist(features).min() > 0.01
        assert len({text.split()[0] for text in window}) <= 2


UNCOMPARABLE = {
    "too long a change": ["a man in a shirt", f"{LONG} {LONG}"],
    "equal and too long": [LONG, LONG],
    "equal for the network": [LONG, f"  {LONG.upper()} "],
    "no word left": [
        LONG,
        f"{LONG} and wears a red shirt with white sleeves, black buttons, a wide collar and three pockets",
    ],
    "one word": ["shirt" * 40, "skirt" * 40],
}


@pytest.mark.parametrize("texts", UNCOMPARABLE.values(), ids=UNCOMPARABLE)
def test_captions_without_a_window_have_no_score_instead_of_0(scorer, texts):
    features = scorer.text_features(scorer.window(texts))
    images = torch.eye(2, features.shape[1])[:, None]
    assert not has_direction(features[:1], features[1:]).any()
    assert directional(*images, features[:1], features[1:]).isnan().all()
    assert directional(images[0], images[0], features[:1], features[1:]).isnan().all()


def test_equal_captions_that_fit_have_no_direction_but_a_similarity(scorer):
    texts = scorer.text_features(scorer.window(["a man in a red shirt", "a man in a  RED shirt"]))
    assert not has_direction(texts[:1], texts[1:]).any()
    assert not texts.isnan().any()


def test_colours_far_back_in_a_caption_are_told_apart(scorer):
    """The change points the same way as that of the short captions."""
    short = scorer.text_features(scorer.window([f"a person in a {colour} shirt" for colour in RENDERED_COLOURS]))
    far = scorer.text_features(scorer.window([f"{LONG}, a person in a {colour} shirt" for colour in RENDERED_COLOURS]))
    cosines = torch.nn.functional.cosine_similarity(short[1:] - short[:1], far[1:] - far[:1])
    assert cosines.mean() > 0.5
