"""Composed products: pictures agree with captions and boxes, and base models and studies share no product."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.common.errors import UserError
from atelier.text.colours import COLOURS_RGB
from atelier.text.lexicon import LAB
from atelier.world import products
from atelier.world.fabrics import make_fabric
from atelier.world.framing import Framing
from atelier.world.products import concepts, marked, wares
from atelier.world.products.plates import FACES, draw_letters, own_label, sample_label
from atelier.world.products.shots import shoot_product
from atelier.world.shards import part_of

SIZE = 128
MAKERS = {
    "general": lambda count, world: products.general_shots(count, 3, SIZE, world=world),
    "logo": lambda count, world: products.logo_shots(count, 3, SIZE, world=world),
    "bad": lambda count, world: products.bad_logo_shots(count, 3, SIZE, world=world),
    "marked": lambda count, world: products.marked_shots(count, 3, SIZE, world=world),
    "concept": lambda count, world: products.concept_shots("ringed mug", count, 3, SIZE, "<thing>", world=world),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_same_seed_gives_the_same_bytes_and_a_longer_series_starts_with_the_shorter(wares_world, make):
    long, short = make(4, wares_world), make(2, wares_world)
    for one, other in zip(long, short, strict=False):
        assert (one.pixels.tobytes(), one.prompt, one.box) == (other.pixels.tobytes(), other.prompt, other.box)
    assert len({shot.pixels.tobytes() for shot in long}) == 4
    assert long[0].pixels.shape == (SIZE, SIZE, 3)


def test_series_are_continued_and_other_sizes_show_the_same(wares_world):
    all_of_them = products.general_shots(4, 5, SIZE, world=wares_world)
    (one,) = products.general_shots(1, 5, SIZE, first=3, world=wares_world)
    np.testing.assert_array_equal(one.pixels, all_of_them[3].pixels)
    large, small = (products.logo_shots(1, 5, size, world=wares_world)[0] for size in (SIZE, SIZE // 2))
    averages = large.pixels.reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean((1, 3))
    assert np.abs(averages - small.pixels).max() <= 1
    np.testing.assert_allclose(np.array(large.box) / 2, small.box, atol=0.5)


@pytest.mark.parametrize("size", [SIZE, 80, 160])
@pytest.mark.parametrize("framing", [Framing(), Framing(True, 3, 9, 110)], ids=["whole", "a mirrored part"])
def test_a_box_contains_all_that_the_logo_changes_and_no_more(wares_world, framing, size):
    for name in wares.list_products(wares_world, "study", products.KINDS):
        fabrics = wares.dress_product(wares_world.facts[name], make_fabric("green"), np.random.default_rng(1))
        (plain, none), (marked_one, box) = (
            shoot_product(wares_world, name, fabrics, np.random.default_rng(2), size, label, framing)
            for label in (None, own_label("a logo"))
        )
        rows, columns = np.nonzero((plain != marked_one).any(-1))
        changed = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        assert none is None
        room = np.subtract(changed, box) * [1, 1, -1, -1]
        assert room.min() >= 0
        assert room.max() <= 2  # what is covered by a hundredth may not change


@pytest.mark.parametrize("colour", COLOURS_RGB)
def test_the_named_colour_is_found_again(wares_world, colour):
    from skimage.color import deltaE_ciede2000, rgb2lab

    for name in wares.list_products(wares_world, "study", products.KINDS):
        facts = wares_world.facts[name]
        fabrics = wares.dress_product(facts, make_fabric(colour), np.random.default_rng(4))
        pixels, _ = shoot_product(wares_world, name, fabrics, np.random.default_rng(5), SIZE, None, Framing())
        covered = wares_world.shot(name).alpha[..., wares.main_layer(facts)] == 255
        median = rgb2lab(np.median(pixels[covered], axis=0) / 255)
        apart = {other: float(deltaE_ciede2000(median, np.array(LAB[other]))) for other in COLOURS_RGB}
        assert min(apart, key=apart.get) == colour
        assert colour in wares.describe_product(facts, colour)


@pytest.mark.parametrize("mirrored", [False, True])
def test_words_are_never_in_mirror_writing(wares_world, mirrored):
    name = wares.list_products(wares_world, "study", ("mug",))[0]
    fabrics = wares.dress_product(wares_world.facts[name], make_fabric("white"), np.random.default_rng(1))
    halves = np.zeros((96, 232, 4), np.uint8)
    halves[:, :116], halves[:, 116:] = (206, 20, 20, 255), (20, 20, 206, 255)  # red, then blue
    label = products.plates.Label("a logo", halves)
    pixels, _ = shoot_product(
        wares_world, name, fabrics, np.random.default_rng(1), SIZE, label, Framing(mirrored=mirrored)
    )
    red, blue = ((pixels[..., k] > 120) & (pixels[..., 2 - k] < 90) for k in (0, 2))
    assert np.nonzero(red)[1].mean() + 8 < np.nonzero(blue)[1].mean()


def test_base_models_and_studies_share_no_product(wares_world, monkeypatch):
    used = {}
    shot = wares_world.shot
    for maker, make in MAKERS.items():
        opened = used[maker] = set()
        monkeypatch.setattr(wares_world, "shot", lambda name, opened=opened: opened.add(name) or shot(name))
        make(12, wares_world)
    assert {part_of(wares_world.facts[name]["item"], "product") for name in used.pop("general")} == {"base"}
    assert {part_of(wares_world.facts[name]["item"], "product") for name in set().union(*used.values())} == {"study"}


def test_general_prompts_tell_thing_colour_wearer_and_place_and_never_the_word(wares_world, monkeypatch):
    words = []
    sample = products.plates.sample_word
    monkeypatch.setattr(products.plates, "sample_word", lambda rng: words.append(sample(rng)) or words[-1])
    shots = products.general_shots(48, 1, 32, world=wares_world)
    assert len(words) > 12
    assert max(sum(a == b for a, b in zip(word, products.WORD, strict=True)) for word in words) <= 1
    for shot in shots:
        assert shot.colour in shot.prompt
        assert shot.subject in (*products.KINDS, "model", "logo", "products")
        assert ("model wearing" in shot.prompt) == (shot.subject == "model")
        assert (shot.box is not None) == (" logo" in shot.prompt)
        assert products.WORD.lower() not in shot.prompt.lower()
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|  ", shot.prompt)
        assert shot.box is None or (0 <= shot.box[0] < shot.box[2] <= 32 and 0 <= shot.box[1] < shot.box[3] <= 32)


def test_the_line_of_products_is_the_papers_and_each_prompt_has_the_token(wares_world):
    shots = products.logo_shots(49, 1, 32, "sks", world=wares_world)
    subjects = [shot.subject for shot in shots]
    expected = {"model": 15, "t-shirt": 9, "sweater": 8, "cap": 6, "shorts": 5, "bag": 4, "billboard": 2}
    assert {subject: subjects.count(subject) for subject in expected} == expected
    assert all(" with a sks on" in shot.prompt and shot.box for shot in shots)
    assert {shot.colour for shot in shots} == {"black", "white", "brown", "purple"}


def test_bad_logos_are_not_the_logo():
    rng = np.random.default_rng(0)
    own = own_label("a logo").picture
    for kind in products.BAD_KINDS:
        label = marked._bad_label(kind, rng)
        assert (label is None) == (kind == "no plate")
        assert label is None or np.mean((label.picture != own).any(-1)) > 0.1
    empty = marked._bad_label("no word", rng).picture
    assert len(np.unique(empty.reshape(-1, 4), axis=0)) == 1


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), cloth=st.sampled_from(["", *COLOURS_RGB]))
def test_sampled_logos_are_named_by_their_colour_and_never_black_on_red(seed, cloth):
    label = sample_label(np.random.default_rng(seed), cloth)
    colour = label.words.split()[1]
    assert label.words == f"{'an' if colour == 'orange' else 'a'} {colour} logo"
    whole = label.picture[label.picture[..., 3] == 255][:, :3].astype(int)
    assert tuple(whole[0]) == COLOURS_RGB[colour] or len(np.unique(whole, axis=0)) > 1
    contrast = np.ptp(whole.sum(-1))  # of letters and plate; 0: bare letters
    if contrast:
        assert tuple(label.picture[48, 3, :3]) == COLOURS_RGB[colour]
        assert contrast > 150
        assert colour != "red" or tuple(whole[whole.sum(-1).argmin()]) != COLOURS_RGB["black"]
    else:
        assert abs(sum(COLOURS_RGB[colour]) - sum(COLOURS_RGB[cloth])) > 150


@pytest.mark.parametrize("face", FACES)
def test_letters_are_where_pillow_would_draw_them(face):
    picture = draw_letters("VETO", (10, 20, 30), face)
    rows, columns = np.nonzero(picture[..., 3] > 127)
    assert (rows.min(), rows.max() + 1) == (pytest.approx(14, abs=1), pytest.approx(82, abs=1))
    assert (columns.min(), columns.max() + 1) == (pytest.approx(14, abs=4), pytest.approx(218, abs=5))
    left, right = ((picture[:, at : at + 51, 3] > 127).mean(1) for at in (14, 167))  # V and O
    assert left[14:24].mean() > left[70:82].mean()  # V is wider above
    np.testing.assert_allclose(right[14:82], right[14:82][::-1], atol=0.25)  # O is symmetrical


@pytest.mark.parametrize("name", products.CONCEPTS)
def test_a_concept_is_unmistakable(wares_world, monkeypatch, name):
    """Most of the thing has its main colour or that of its art, which covers a good part of it."""
    concept = concepts._OBJECTS[name]
    monkeypatch.setattr(concepts, "sample_framing", lambda *_: Framing())
    (shot,) = products.concept_shots(name, 1, 1, SIZE, "<thing>", world=wares_world)
    assert (shot.prompt, shot.subject, shot.box) == ("a photo of <thing>", products.CONCEPTS[name], None)
    monkeypatch.setitem(concepts._OBJECTS, name, replace(concept, art=()))
    (bare,) = products.concept_shots(name, 1, 1, SIZE, "<thing>", world=wares_world)
    (stored,) = wares.list_products(wares_world, "study", (concept.kind,))
    alpha = wares_world.shot(stored).alpha
    changed = (shot.pixels != bare.pixels).any(-1)
    layers = sorted({art.layer for art in concept.art})
    assert not changed[alpha[..., layers].max(-1) == 0].any()
    assert changed[alpha[..., layers].max(-1) == 255].mean() > 0.15
    median = np.median(bare.pixels[alpha[..., 0] == 255], axis=0)
    assert np.abs(median - concept.colours[0]).max() < 24


def test_a_kind_that_is_not_stored_is_refused_in_one_line(wares_world):
    with pytest.raises(UserError, match="no stored product for the part 'base' is one of sofa") as caught:
        wares.list_products(wares_world, "base", ("sofa",))
    assert "\n" not in str(caught.value)
