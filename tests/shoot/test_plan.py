"""Plans: an outfit keeps its clothes, and a twin differs in the cut of one garment alone."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from shoot.cuts import KINDS, alternatives, sample_cut, spare_alternatives
from shoot.places import kind_of_place, sample_place
from shoot.plan import DOMAINS, VIEWS, ShotPlan, plan_shot, twins_of

PEOPLE = [(seed, seed % 2 == 0) for seed in range(400)]


def plan_item(item: int) -> list[ShotPlan]:
    return [plan_shot(item, number, PEOPLE) for number in range(3)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_other_cuts_of_the_same_kind(kind):
    rng = np.random.default_rng(0)
    cuts = [sample_cut(kind, rng) for _ in range(50)]
    found = [alternatives(cut) + spare_alternatives(cut) for cut in cuts]
    assert all(found)
    assert not any(alternatives(cut) and spare_alternatives(cut) for cut in cuts)
    for words, cut in chain.from_iterable(found):
        assert cut.kind == kind
        assert words
        assert 0 <= cut.sleeve <= 1
        assert cut.ease > 0


def test_the_shots_of_an_item_show_the_same_clothes_in_other_poses():
    for item in range(40):
        plans = plan_item(item)
        assert len({plan.name for plan in plans}) == 3
        assert len({plan.outfit for plan in plans}) == 1
        assert len({(plan.pose, plan.yaw) for plan in plans}) == 3
        assert {plan.domain for plan in plans} <= set(DOMAINS)
        assert {plan.view for plan in plans} <= set(VIEWS)
        assert len({plan.female for plan in plans}) == 1


def test_another_attempt_changes_the_pose_and_keeps_the_clothes():
    first, second = (plan_shot(5, 1, PEOPLE, attempt) for attempt in range(2))
    assert (first.name, first.outfit, first.domain) == (second.name, second.outfit, second.domain)
    assert (first.pose, first.yaw, first.seed) != (second.pose, second.yaw, second.seed)


def test_a_twin_differs_in_the_cut_of_one_garment_alone():
    words = set()
    for plan in (plan for item in range(60) for plan in plan_item(item)):
        twins = twins_of(plan)
        assert len({twin.outfit for twin in twins}) == len(twins) > 0
        for twin in twins:
            number, said = twin.twin
            words.add(said)
            changed = [n for n, (a, b) in enumerate(zip(plan.outfit, twin.outfit, strict=True)) if a != b]
            assert changed == [number]
            assert replace(twin, outfit=plan.outfit, twin=None, was=None) == plan
            assert twin.original == plan.original == plan.outfit
            assert twin.name == f"{plan.name}t"
    assert {"longer", "shorter", "with long sleeves", "with short sleeves", "wider"} <= words


def test_nobody_wears_two_outfits():
    people = [{plan.person for plan in plan_item(item)} for item in range(100)]
    assert sum(map(len, people)) == len(set().union(*people)) > 100


def test_plans_repeat():
    assert plan_item(7) == plan_item(7)
    assert twins_of(plan_item(7)[0]) == twins_of(plan_item(7)[0])


def test_the_kind_of_a_place_is_that_of_the_place():
    kinds = [kind_of_place("street", seed) for seed in range(5)]
    assert kinds == [sample_place("street", seed).kind for seed in range(5)]
    assert len(set(kinds)) > 1
    assert kind_of_place("studio", 1) == sample_place("studio", 1).kind == "studio"
