"""Properties of reading and rewriting that hold for any text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.text.captions import find_mention, recaption
from atelier.text.differences import name_difference
from atelier.text.lexicon import GRAMMAR, LAB, PRINTS, TERMS, is_colour
from atelier.text.requests import read_request

FUNCTION_WORDS = sorted(set().union(*GRAMMAR.values()))
WORDS = st.one_of(
    st.sampled_from(sorted(" ".join(term) for term in TERMS)),
    st.sampled_from(FUNCTION_WORDS),
    st.sampled_from(["dress", "The dress", "a dress", "silly", "Navy", "it is", "with", ".", ", ", " - ", "A-line"]),
)
TEXTS = st.one_of(st.lists(WORDS, max_size=8).map(" ".join), st.text(max_size=40))
ABOUT_A_DRESS = st.tuples(
    TEXTS.map("{}.".format), st.sampled_from(["a dress,", "The dress is", "dress with", "dress -"]), TEXTS
).map(" ".join)


@settings(max_examples=300)
@given(ABOUT_A_DRESS, st.sampled_from([*LAB, "light blue"]))
def test_after_a_change_of_colour_the_caption_names_the_new_colour_alone(text, colour):
    mention = find_mention(recaption(text, "dress", colour=colour), "dress")
    assert mention is not None
    assert mention.colours == (colour,)


@settings(max_examples=300)
@given(ABOUT_A_DRESS, st.sampled_from([name for name in PRINTS if name != "solid"]))
def test_after_a_change_of_print_the_caption_names_the_new_print_alone(text, pattern):
    mention = find_mention(recaption(text, "dress", pattern=pattern), "dress")
    assert mention is not None
    assert mention.pattern == pattern


@settings(max_examples=300)
@given(TEXTS, TEXTS)
def test_what_is_read_is_in_the_lexicon(text, other):
    request, difference = read_request(text), name_difference(text, other, "dress")
    for colour, pattern in ((request.colour, request.pattern), (difference.colour, difference.pattern)):
        assert colour is None or is_colour(colour)
        assert pattern is None or pattern in PRINTS
    same = name_difference(text, text, "dress")
    assert (same.colour, same.pattern) == (None, None)
    assert same.doubt
