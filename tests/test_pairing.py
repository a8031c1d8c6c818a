"""Triplets and probes: exact targets, held-out fabrics, splits without near-duplicates, wordings, shortfalls."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation
from skimage.color import deltaE_ciede2000, rgb2lab

from atelier import world
from atelier.config import Pair, Prepare
from atelier.errors import UserError
from atelier.images import from_png, to_png
from atelier.instructions import COLOURS, PATTERNS, PROMPTS
from atelier.pairing import drop_near, pair_items
from atelier.pairing.aligned import draw_changes, make_aligned
from atelier.pairing.duplicates import hash_picture, near
from atelier.pairing.probes import choose_sources, make_probes
from atelier.pairing.recolour import name_colour, recolour
from atelier.pairing.same_item import find_difference, make_same_item
from atelier.pairing.summary import quota
from atelier.pairing.wording import find_mention, recaption
from atelier.preparing import prepare_items
from atelier.records import Item

PARAMS = Pair(triplets=60, aligned=0.7, probes=4, near_duplicate=2, seed=7)
SIZE = 48


@pytest.fixture(scope="module")
def items() -> list[Item]:
    """30 rendered garment items in 8 pictures each, and 24 street pictures."""
    params = Prepare(
        size=SIZE, fit="letterbox", seen="world:studio", seen_schema="deepfashion", seen_rows=240,
        unseen="world:street", unseen_schema="fashionpedia", unseen_rows=24, max_refused=0.05, seed=7,
    )  # fmt: skip
    return prepare_items(params)[0]


@pytest.fixture(scope="module")
def paired(items):
    return pair_items(items, PARAMS)


# --- colour ---------------------------------------------------------------------------------------------------------


def folded(base: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A photograph-like picture: noise all over, and in its mask a garment of one colour under folds."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[10:40, 8:36] = True
    folds = 1 + 0.25 * np.sin(np.arange(SIZE) / 3)
    picture[mask] = np.clip(np.array(base) * folds[None, :, None], 0, 255).repeat(SIZE, 0)[mask].astype(np.uint8)
    return picture, mask


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("base", [(60, 90, 140), (200, 60, 60), (235, 235, 230), (30, 30, 34)])
def test_recolouring_gives_the_colour_keeps_the_folds_and_touches_nothing_else(colour, base):
    picture, mask = folded(base)
    before = picture.copy()
    result = recolour(picture, mask, colour)
    np.testing.assert_array_equal(picture, before)  # the argument is left as it is
    np.testing.assert_array_equal(result[~mask], picture[~mask])
    assert name_colour(result, mask) == colour
    old, new = (rgb2lab(pixels[mask][None] / 255.0)[0, :, 0] for pixels in (picture, result))
    if old.std() > 3:
        assert np.corrcoef(old, new)[0, 1] > 0.95
        assert new.std() > 0.4 * old.std()


def test_the_named_colour_is_the_nearest(items):
    """Against a loop over pixels' median and names, on the world's own solid fabrics."""
    solids = [
        item for item in items if item.mask and world.Scene.from_json(item.scene).garments[item.slot].pattern == "solid"
    ]
    for item in solids[:20]:
        pixels, mask = from_png(item.image), from_png(item.mask) >= 128
        median = [np.median([rgb2lab(pixel / 255.0)[channel] for pixel in pixels[mask]]) for channel in range(3)]
        nearest = min(world.COLOURS_LAB, key=lambda name: deltaE_ciede2000(median, world.COLOURS_LAB[name]))
        assert name_colour(pixels, mask) == nearest
    worn = [world.Scene.from_json(item.scene).garments[item.slot].colour for item in solids]
    named = [name_colour(from_png(item.image), from_png(item.mask) >= 128) for item in solids]
    assert np.mean([a == b for a, b in zip(worn, named, strict=True)]) > 0.9


# --- wording --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caption", "garment", "change", "expected"),
    [
        ("a man in shorts and a tank top", "t-shirt", {"colour": "blue"}, "a man in shorts and a blue tank top"),
        ("a man in white shorts and a tee", "shorts", {"pattern": "dots"}, "a man in white dotted shorts and a tee"),
        ("a man in a long sleeve white shirt", "shirt", {"colour": "orange"}, "a man in an orange long sleeve shirt"),
        ("a man in an orange floral shirt", "shirt", {"colour": "red"}, "a man in a red floral shirt"),
        ("a woman in a striped dress", "dress", {"pattern": "solid"}, "a woman in a dress"),
        ("A man wearing Black Pants", "trousers", {"colour": "green"}, "A man wearing green Pants"),
        ("her laptop, a cat", "t-shirt", {"colour": "red"}, "her laptop, a cat, in a red t-shirt"),
        ("a person", "clothes", {"colour": "red"}, "a person, in red clothes"),
    ],
)  # fmt: skip
def test_recaptioning(caption, garment, change, expected):
    assert recaption(caption, garment, **change) == expected


def test_captions_of_rendered_scenes_are_understood_and_rewritten_as_the_world_would():
    rng = np.random.default_rng(3)
    for _ in range(200):
        scene = world.sample_outfit(rng, "street")
        for slot, worn in scene.garments.items():
            said = find_mention(world.describe_scene(scene), worn.kind)
            assert (said.colour, said.pattern or "solid") == (worn.colour, worn.pattern)
            edited = world.edit(scene, slot, colour="red", pattern="plaid")
            asked = {"colour": "red", "pattern": "plaid"}
            assert recaption(world.describe_scene(scene), worn.kind, **asked) == world.describe_scene(edited)


# --- near-duplicates ------------------------------------------------------------------------------------------------


def test_near_is_the_brute_force_answer():
    rng = random.Random(1)
    hashes = [rng.getrandbits(64) for _ in range(1100)]
    others = [
        h ^ (1 << rng.randrange(64)) ^ (1 << rng.randrange(64)) if n % 3 else h for n, h in enumerate(hashes[:300])
    ]
    for bits in (0, 1, 2):
        expected = [any((h ^ o).bit_count() <= bits for o in others) for h in hashes]
        assert near(hashes, others, bits).tolist() == expected
    assert near(hashes, [], 64).tolist() == [False] * 1100
    assert near([], others, 2).tolist() == []


def test_a_hash_survives_a_small_change_and_tells_pictures_apart(items):
    pictures = [from_png(item.image) for item in items[:40:8]]
    hashes = [hash_picture(picture) for picture in pictures]
    brighter = [hash_picture(np.clip(picture * 1.03 + 2, 0, 255).astype(np.uint8)) for picture in pictures]
    assert all((a ^ b).bit_count() <= 4 for a, b in zip(hashes, brighter, strict=True))
    assert min((a ^ b).bit_count() for n, a in enumerate(hashes) for b in hashes[:n]) > 4


def test_training_gives_way_to_what_is_measured_on(items):
    of = {
        split: next(item for item in items if item.split == split and item.domain == "seen")
        for split in ("train", "val", "test")
    }
    copies = [replace(of["train"], image_id="copy of test", image=of["test"].image),
              replace(of["train"], image_id="copy of val", image=of["val"].image),
              replace(of["val"], image_id="val copy of test", image=of["test"].image)]  # fmt: skip
    everything = [*items, *copies]
    hashes = {item.image_id: hash_picture(from_png(item.image)) for item in everything}
    kept = {item.image_id for item in drop_near(everything, hashes, 0)}
    assert not kept & {"copy of test", "copy of val", "val copy of test"}
    assert {item.image_id for item in items if item.split == "test"} <= kept


def test_no_picture_of_a_split_is_near_one_of_another(paired):
    triplets, probes, _ = paired
    hashes = {split: [] for split in ("train", "val", "test")}
    for one in triplets:
        hashes[one.split] += [hash_picture(from_png(png)) for png in (one.source, one.target)]
    for one in probes:
        hashes["test"] += [hash_picture(from_png(png)) for png in (one.source, one.target)]
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not near(hashes[first], hashes[second], PARAMS.near_duplicate).any()


# --- triplets -------------------------------------------------------------------------------------------------------


def test_counts_splits_and_kinds(paired, items):
    triplets, _, report = paired
    assert Counter(one.split for one in triplets) == {"train": 48, "val": 6, "test": 6}
    assert report["shortfall"] == {"train": 0, "val": 0, "test": 0}
    assert [one.split for one in triplets] == sorted(
        (one.split for one in triplets), key=["train", "val", "test"].index
    )
    assert report["kinds"] == Counter(one.kind for one in triplets) == {"aligned": 42, "same_item": 18}
    assert len({one.triplet_id for one in triplets}) == 60
    split_of = {item.item_id: item.split for item in items if item.domain == "seen"}
    assert all(split_of[one.item_id] == one.split for one in triplets)
    people = {split: {one.person_id for one in triplets if one.split == split} for split in ("train", "val", "test")}
    assert not people["train"] & (people["val"] | people["test"])


@pytest.mark.parametrize("triplets", [1, 9, 10, 15, 2000, 2001])
def test_quotas_add_up(triplets):
    assert sum(quota(triplets, split) for split in ("train", "val", "test")) == triplets


def test_the_same_seed_gives_the_same_rows_and_another_one_others(paired, items):
    assert pair_items(items, PARAMS) == paired
    assert pair_items(items, PARAMS.model_copy(update={"seed": 8}))[0] != paired[0]


def test_an_aligned_target_differs_in_the_named_garment_alone(paired):
    aligned = [one for one in paired[0] if one.kind == "aligned"]
    for one in aligned:
        source, target = from_png(one.source).astype(int), from_png(one.target).astype(int)
        mask = from_png(one.source_mask) >= 128
        changed = np.abs(source - target).max(axis=2) > 0
        assert one.source_mask == one.target_mask
        assert changed[mask].any()
        assert (changed & ~binary_dilation(mask, iterations=2)).mean() < 0.01  # a hem may lend a pixel its edge


def test_an_aligned_triplet_says_what_it_shows(paired):
    for one in paired[0]:
        before, after = find_mention(one.source_caption, one.garment), find_mention(one.target_caption, one.garment)
        colour, pattern = after.colour != before.colour, after.pattern != before.pattern
        assert one.factor == {(True, False): "colour", (False, True): "pattern", (True, True): "both"}[colour, pattern]
        assert not colour or after.colour in one.instruction


def test_training_never_sees_a_held_out_fabric_and_the_test_does(items):
    fabrics = {True: set(), False: set()}
    for item in (item for item in items if item.domain == "seen"):
        scene = world.Scene.from_json(item.scene)
        for held_out, found in fabrics.items():
            for change in draw_changes(item, random.Random(1), held_out=held_out):
                edited = world.edit(scene, change.slot, colour=change.colour, pattern=change.pattern)
                found |= {(worn.colour, worn.pattern) for one in (scene, edited) for worn in one.garments.values()}
    assert not fabrics[False] & world.HELD_OUT
    assert fabrics[True] >= world.HELD_OUT
    scenes = {item.image: world.Scene.from_json(item.scene) for item in items}
    for one in make_same_item(items, 1, held_out=False):
        assert not scenes[one.source].held_out
        assert not scenes[one.target].held_out


def test_every_source_serves_once_before_any_serves_twice(items):
    pool = [item for item in items if item.domain == "seen"][:16]
    usable = sum(not world.Scene.from_json(item.scene).held_out for item in pool)
    made = make_aligned(pool, 1, held_out=False)
    first = [next(made).source_id for _ in range(usable)]
    assert len(set(first)) == usable


def test_all_changes_of_a_source_are_made_once(items):
    """9 colours, 4 patterns and 36 of both per garment, less what is held out."""
    item = next(item for item in items if item.slot == "upper" and not world.Scene.from_json(item.scene).held_out)
    scene = world.Scene.from_json(item.scene)
    made = [(one.garment, one.target_caption) for one in make_aligned([item], 1, held_out=False)]
    fabrics = {(colour, pattern) for colour in COLOURS for pattern in PATTERNS} - world.HELD_OUT
    expected = sum(len(fabrics - {(worn.colour, worn.pattern)}) for worn in scene.garments.values())
    assert len(made) == len(set(made)) == expected


def test_the_shares_of_factors_and_of_the_other_garment(items):
    pool = [item for item in items if item.domain == "seen" and item.slot != "full"]
    drawn = [
        (item.slot, change)
        for item in pool
        for change in itertools.islice(draw_changes(item, random.Random(item.image_id), held_out=True), 3)
    ]
    factors = Counter(change.factor for _, change in drawn)
    assert len(drawn) > 400
    assert factors["colour"] / len(drawn) == pytest.approx(0.45, abs=0.08)
    assert factors["pattern"] / len(drawn) == pytest.approx(0.45, abs=0.08)
    assert np.mean([change.slot != slot for slot, change in drawn]) == pytest.approx(0.4, abs=0.08)


# --- same item ------------------------------------------------------------------------------------------------------


def test_same_item_pairs_share_item_and_view_and_not_the_colour_way(items):
    by_image = {item.image: item for item in items}
    made = list(make_same_item([item for item in items if item.split == "train"], 1, held_out=False))
    assert made
    for one in made:
        source, target = by_image[one.source], by_image[one.target]
        assert (source.item_id, source.view) == (target.item_id, target.view)
        assert source.variant != target.variant
        assert (one.source_mask, one.target_mask) == (source.mask, target.mask)


def photograph(variant: str, caption: str, colour: str | None = None, **changes) -> Item:
    """A photograph of one item, its garment in a colour."""
    picture, mask = folded((120, 120, 120))
    pixels = picture if colour is None else recolour(picture, mask, colour)
    base = {
        "image_id": f"seen-{variant}", "domain": "seen", "split": "train", "item_id": "id_1", "person_id": "",
        "pose": f"{variant}_1_front", "view": "front", "gender": "woman", "garment": "shirt", "slot": "upper",
        "box": None, "scene": None,
    }  # fmt: skip
    own = {"variant": variant, "caption": caption, "image": to_png(pixels), "mask": to_png(mask.astype(np.uint8) * 255)}
    return Item(**{**base, **own, **changes})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a man in a red shirt", "a man in a blue shirt", ("blue", None)),
        ("a man in a red shirt", "a man in a red striped shirt", (None, "stripes")),
        ("a man in a red floral shirt", "a man in a blue shirt", ("blue", "solid")),
        ("a man in a plain shirt", "a man in a shirt", ("yellow", None)),  # silent on colour: the pictures tell
        ("a man", "a man", ("yellow", None)),
        ("a man in a red shirt", "a man in a red shirt", (None, None)),
    ],
)
def test_differences_come_from_captions_else_from_the_pictures(before, after, expected):
    assert find_difference(photograph("01", before, "green"), photograph("02", after, "yellow")) == expected


def test_photographs_without_a_known_difference_get_a_template():
    pair = [photograph("01", "a man", mask=None), photograph("02", "a man", mask=None)]
    made = list(make_same_item(pair, 1, held_out=False))
    assert [one.factor for one in made] == ["variant", "variant"]
    assert made[0].instruction == "show the shirt in its other colour way"


def test_an_item_with_one_picture_makes_no_pair_and_is_counted(items):
    alone = photograph("01", "a man in a green shirt", "green", item_id="alone")
    assert list(make_same_item([alone, photograph("02", "a man", "blue")], 1, held_out=True)) == []
    _, _, report = pair_items([*items, alone], PARAMS)
    assert report["items_with_one_picture"] == 1
    assert report["items_with_two_colour_ways"] == 30


# --- photographs ----------------------------------------------------------------------------------------------------


def test_a_photograph_is_recoloured_in_every_colour_but_its_own():
    made = list(make_aligned([photograph("01", "a man in a green shirt", "green")], 1, held_out=False))
    assert [one.factor for one in made] == ["colour"] * 9
    assert {one.target_caption.split()[4] for one in made} == set(COLOURS) - {"green"}
    for one in made:
        assert find_mention(one.target_caption, "shirt").colour == name_colour(
            from_png(one.target), from_png(one.target_mask) >= 128
        )


def test_a_photograph_without_a_mask_cannot_be_recoloured():
    assert list(make_aligned([photograph("01", "a man", mask=None)], 1, held_out=False)) == []


# --- what falls short -----------------------------------------------------------------------------------------------


def test_a_shortfall_is_counted(items):
    few = [item for item in items if item.split != "train"] + [item for item in items if item.split == "train"][:8]
    triplets, _, report = pair_items(few, PARAMS.model_copy(update={"triplets": 600, "aligned": 0.0}))
    made = Counter(one.split for one in triplets)
    assert report["shortfall"] == {split: quota(600, split) - made[split] for split in ("train", "val", "test")}
    assert report["shortfall"]["train"] > 400


def test_no_triplet_at_all_is_an_error(items):
    photographs = [photograph(f"{n:02d}", "a man", mask=None, item_id=str(n), split=split,
                              image=to_png(np.random.default_rng(n).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)))
                   for n, split in enumerate(("train", "val", "test"))]  # fmt: skip
    unseen = [item for item in items if item.domain == "unseen"]
    with pytest.raises(
        UserError, match=r"no train triplet can be made of 1 pictures with pair.aligned 0.7: an aligned pair needs"
    ):
        pair_items([*photographs, *unseen], PARAMS)


def test_no_probe_is_an_error(items):
    with pytest.raises(UserError, match="no unseen test picture can be a probe"):
        pair_items([item for item in items if item.domain == "seen"], PARAMS)
    lower = [item for item in items if item.domain == "seen" and not (item.split == "test" and item.slot == "upper")]
    with pytest.raises(UserError, match="no seen test picture can be a probe"):
        pair_items(lower, PARAMS)


# --- probes ---------------------------------------------------------------------------------------------------------


def test_probes_are_test_pictures_under_all_four_prompts_each_of_which_changes_them(paired, items):
    _, probes, report = paired
    splits = {item.image_id: item.split for item in items}
    assert report["probes"] == {"seen": 4, "unseen": 4}
    assert Counter(one.source_id for one in probes).most_common()[-1][1] == 4
    for one in probes:
        assert splits[one.source_id] == "test"
        assert (one.factor, one.value) == PROMPTS[one.prompt]
        source, target, exact = from_png(one.source), from_png(one.target), from_png(one.exact_mask) >= 128
        changed = np.abs(source.astype(int) - target).max(axis=2) > 8
        assert changed[exact].mean() > 0.1
        assert one.value in ("red", "blue") or one.target_caption != one.source_caption
        mention = find_mention(one.target_caption, one.garment)
        assert one.value in (mention.colour, mention.pattern)
        assert one.garment in ("t-shirt", "shirt", "jacket")
        assert one.other_mask is None or not (exact & (from_png(one.other_mask) >= 128)).any()
    assert len({one.probe_id for one in probes}) == 32


def test_only_the_street_asks_the_segmenter(paired):
    for one in paired[1]:
        assert (one.mask is None) == (one.domain == "unseen")
        assert (one.box is None) == (one.domain == "seen")
        if one.mask:
            assert one.mask == one.exact_mask


def test_a_probe_target_is_what_the_world_renders(paired, items):
    scenes = {item.image_id: world.Scene.from_json(item.scene) for item in items}
    for one in paired[1][::5]:
        edited = world.edit(scenes[one.source_id], "upper", **{one.factor: one.value})
        np.testing.assert_array_equal(from_png(one.target), world.render(edited, SIZE).image)
        assert one.target_caption == world.describe_scene(edited)


def test_probes_come_from_as_many_garment_items_as_there_are(items):
    unseen = [item for item in items if item.domain == "unseen"]
    assert len({item.item_id for item in choose_sources(unseen, 4, 1)}) == 4


@pytest.mark.parametrize(
    ("item", "usable"),
    [
        (photograph("01", "a man in a green shirt", split="test"), True),
        (photograph("01", "a man in a blue shirt", split="test"), False),
        (photograph("01", "a man in a green floral shirt", split="test"), False),
        (photograph("01", "a man", "red", split="test"), False),
        (photograph("01", "a man", "yellow", split="test"), True),
        (photograph("01", "a man", mask=None, split="test"), True),
        (photograph("01", "a man", "yellow", split="train"), False),
        (photograph("01", "a man", "yellow", split="test", garment="skirt", slot="lower"), False),
    ],
)
def test_photographs_that_a_prompt_would_not_change_are_no_probes(item, usable):
    assert choose_sources([item], 5, 1) == ([item] if usable else [])


def test_a_probe_of_a_photograph_has_a_caption_and_no_target():
    first, *_ = make_probes([photograph("01", "a man in a green shirt", split="test")])
    assert (first.prompt, first.target_caption) == ("add stripes to the clothes", "a man in a green striped shirt")
    assert (first.target, first.exact_mask, first.other_mask) == (None, None, None)
    assert Image.fromarray(from_png(first.mask)).mode == "L"
