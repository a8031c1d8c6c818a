"""The lexicon: sources of its colour values, one meaning per phrase, and every name readable where it is written."""

import tomllib
from importlib.resources import files

import numpy as np
import pytest
from matplotlib.colors import XKCD_COLORS, to_rgb
from skimage.color import rgb2lab

from atelier.text import lexicon
from atelier.text.captions import find_mention
from atelier.text.colours import COLOURS_LAB
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS, describe
from atelier.text.lexicon import GARMENTS, LAB, PRINTS, TERMS, broader_names, is_colour, lab_of, may_be_same, words_of

TABLES = {
    name: tomllib.loads(files(lexicon).joinpath(f"{name}.toml").read_text())
    for name in ("colours", "prints", "fabrics")
}
COLOURS = TABLES["colours"]["colours"]


def survey(name: str) -> np.ndarray:
    """Return the CIELAB value of a name of the xkcd survey, from matplotlib's copy of it."""
    rgb = np.round(np.array(to_rgb(XKCD_COLORS[f"xkcd:{name}"])) * 255) / 255
    return rgb2lab(rgb[None, None])[0, 0]


def test_the_ten_colours_of_rendered_data_keep_their_values_and_all_others_are_the_surveys():
    assert len(COLOURS) >= 40
    assert {name for name, entry in COLOURS.items() if "survey" not in entry} == set(RENDERED_COLOURS)
    for name, entry in COLOURS.items():
        expected = COLOURS_LAB[name] if name in RENDERED_COLOURS else survey(entry["survey"])
        np.testing.assert_allclose(LAB[name], expected, atol=0.006, err_msg=name)


@pytest.mark.parametrize("word", ["light", "dark", "pale", "bright"])
def test_a_modifier_shifts_a_colour_as_in_the_survey(word):
    names = [name.removeprefix("xkcd:") for name in XKCD_COLORS]
    both = [(survey(name), survey(f"{word} {name}")) for name in names if f"{word} {name}" in names]
    lightness = np.median([after[0] - before[0] for before, after in both])
    chroma = np.median([np.hypot(*after[1:]) / max(np.hypot(*before[1:]), 1e-3) for before, after in both])
    entry = TABLES["colours"]["modifiers"][word]
    assert len(both) > 20
    assert (entry["lightness"], entry["chroma"]) == (
        pytest.approx(lightness, abs=0.06),
        pytest.approx(chroma, abs=0.006),
    )
    mint = lab_of(f"{word} mint")
    assert mint[0] == pytest.approx(np.clip(LAB["mint"][0] + entry["lightness"], 0, 100))
    assert np.hypot(*mint[1:]) == pytest.approx(np.hypot(*LAB["mint"][1:]) * entry["chroma"])


def test_no_phrase_has_two_meanings():
    phrases = [
        *((word, name) for name, entry in COLOURS.items() for word in {name, *entry["also"]}),
        *((word, name) for name, entry in TABLES["prints"].items() for word in {name, *entry["also"]}),
        *((word, name) for name, also in TABLES["fabrics"].items() for word in also),
        *((word, name) for name, entry in GARMENTS.items() for word in {name, *entry["also"]}),
    ]
    meanings: dict[tuple[str, ...], set[str]] = {}
    for phrase, name in phrases:
        meanings.setdefault(words_of(phrase), set()).add(name)
    assert {phrase: names for phrase, names in meanings.items() if len(names) > 1} == {}
    assert meanings.keys() <= TERMS.keys()


def test_broader_names_are_colours_of_the_lexicon_and_form_no_circle():
    for name in LAB:
        assert broader_names(name) <= LAB.keys()
        assert not any(name in broader_names(other) for other in broader_names(name))
    assert broader_names("light navy") == {"navy", "blue"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("navy", "blue", True),
        ("light blue", "blue", True),
        ("mustard", "gold", True),  # near values
        ("navy", "light blue", False),
        ("light blue", "dark blue", False),
        ("red", "orange", False),
        ("grey", "black", False),
    ],
)
def test_colour_names_that_can_mean_the_same(one, other, same):
    assert may_be_same(one, other) == may_be_same(other, one) == same


def test_no_two_colours_of_rendered_data_can_mean_the_same():
    assert not any(may_be_same(one, two) for one in RENDERED_COLOURS for two in RENDERED_COLOURS if one != two)
    assert set(RENDERED_PATTERNS) <= PRINTS.keys()


@pytest.mark.parametrize("colour", [*LAB, "light blue", "dark olive", "bright off-white"])
@pytest.mark.parametrize("pattern", PRINTS)
def test_what_is_written_is_read(colour, pattern):
    phrase = describe("jacket", colour, pattern)
    mention = find_mention(f"a man in {phrase}", "jacket")
    assert is_colour(colour)
    assert (mention.colour, mention.pattern or "solid", mention.name) == (colour, pattern, "jacket")
