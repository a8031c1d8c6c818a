"""Composed people in poses: pictures, prompts and parts agree, and a deformed twin differs only in the body."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.color import deltaE_ciede2000, rgb2lab

from atelier.common.errors import UserError
from atelier.text.colours import COLOURS_RGB
from atelier.world import poses
from atelier.world.poses import PARTS
from atelier.world.poses.looks import Wanted, list_people
from atelier.world.shards import original_of, part_of

TORSO, LEG = PARTS.index("torso"), PARTS.index("leg")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("part", ["base", "study"])
def test_pictures_repeat_and_prompts_name_clothes_pose_and_place(people_world, part, seed):
    one, again, other = (
        poses.sample_figure(s, "lying", part=part, world=people_world) for s in (seed, seed, seed + 100)
    )
    assert (one.pixels.tobytes(), one.parts.tobytes(), one.prompt) == (
        again.pixels.tobytes(), again.parts.tobytes(), again.prompt,
    )  # fmt: skip
    assert one.pixels.tobytes() != other.pixels.tobytes()
    assert (one.pixels.shape, one.parts.shape, one.parts.max()) == ((128, 128, 3), (128, 128), len(PARTS) - 1)
    facts, look = people_world.facts[one.name], one.look
    assert part_of(facts["item"], "body") == part
    article = "an" if look.top_colour[0] in "aeiou" else "a"
    assert one.prompt == (
        f"a {look.gender} in {article} {look.top_colour} {look.top} and {look.bottom_colour} {look.bottom} "
        f"lying {'in' if look.place == 'studio' else 'on'} the {look.place}"
    )
    assert [cut["kind"] for cut in facts["outfit"]] == [look.bottom, look.top]
    assert (one.fault, facts["twin"]) == ("", None)


@pytest.mark.parametrize("size", [128, 64])
def test_a_deformed_twin_differs_only_in_the_body(people_world, size):
    for seed in range(4):
        whole, deformed = poses.sample_pair(seed, None, part="study", size=size, world=people_world)
        assert original_of(deformed.name) == whole.name
        assert deformed.fault in poses.FAULTS
        assert (whole.prompt, whole.look, whole.fault) == (deformed.prompt, deformed.look, "")
        person = (whole.parts > 0) | (deformed.parts > 0)
        near = ndimage.binary_dilation(person, iterations=round(0.06 * size))  # hair, cloth and their shadows
        apart = np.abs(whole.pixels.astype(int) - deformed.pixels).max(-1)
        assert (apart[near] > 24).mean() > 0.01
        assert (apart[~near] > 24).mean() < 0.02
        assert (whole.parts != deformed.parts).mean() > 0.003


@pytest.mark.parametrize("seed", range(4))
def test_the_parts_are_those_of_the_picture(people_world, seed):
    """Where the torso is, the top's colour is found; where the legs are, that of trousers."""
    figure = poses.sample_figure(seed, None, part="base", world=people_world)
    for part, colour in ((TORSO, figure.look.top_colour), (LEG, figure.look.bottom_colour)):
        inside = ndimage.binary_erosion(figure.parts == part, iterations=1)
        median = rgb2lab(np.median(figure.pixels[inside], axis=0) / 255)
        apart = {name: deltaE_ciede2000(median, rgb2lab(np.array(rgb) / 255)) for name, rgb in COLOURS_RGB.items()}
        assert min(apart, key=apart.get) == colour


def test_a_look_is_composed_with_everything_that_its_prompt_says(people_world):
    rng = np.random.default_rng(5)
    look = poses.sample_look(rng, "lying", part="study", world=people_world)
    figures = [poses.compose_look(look, "lying", rng, part="study", world=people_world) for _ in range(3)]
    assert {figure.prompt for figure in figures} == {poses.prompt_of(look, "lying")}
    assert {figure.look for figure in figures} == {look}
    assert len({figure.pixels.tobytes() for figure in figures}) == 3


def test_parts_are_the_stored_ones_and_an_arm_is_missing_where_it_is_missing(people_world):
    for name in list_people(people_world, Wanted("base", fault=None)) + list_people(people_world, Wanted("study")):
        shot = people_world.shot(name)
        parts = poses.read_parts(shot.stored.facts)
        covered = np.maximum(shot.alpha.max(-1), shot.stored.body[..., 0])
        assert parts.shape == shot.alpha.shape[:2]
        assert ((parts > 0) == (covered > 127)).mean() > 0.98


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("study", "flying"), "no stored person with part 'study', pose 'flying', fault ''"),
        (Wanted("base", place="moon"), "place 'moon'"),
        (Wanted("base", fault="melted"), "fault 'melted'"),
    ],
)
def test_people_who_are_not_stored_are_refused_in_one_line(people_world, wanted, said):
    with pytest.raises(UserError, match=said) as caught:
        list_people(people_world, wanted)
    assert "\n" not in str(caught.value)
