"""Plans: an outfit keeps its clothes, and a twin differs in the cut of one garment alone."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from shoot.cuts import KINDS, alternatives, sample_cut
from shoot.plan import DOMAINS, VIEWS, plan_item

PEOPLE = [(seed, seed % 2 == 0) for seed in range(20)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_other_cuts_of_the_same_kind(kind):
    rng = np.random.default_rng(0)
    found = [alternatives(sample_cut(kind, rng)) for _ in range(50)]
    if kind not in ("jacket", "top"):
        assert all(found)
    for words, cut in chain.from_iterable(found):
        assert cut.kind == kind
        assert words
        assert 0 <= cut.sleeve <= 1
        assert cut.ease > 0


def test_the_shots_of_an_item_show_the_same_clothes_in_other_poses():
    for item in range(40):
        plans = plan_item(item, PEOPLE)
        assert len({plan.name for plan in plans}) == len(plans) == 6
        originals = [plan for plan in plans if plan.twin is None]
        assert len({plan.outfit for plan in originals}) == 1
        assert len({(plan.pose, plan.yaw) for plan in originals}) == 3
        assert {plan.domain for plan in plans} <= set(DOMAINS)
        assert {plan.view for plan in plans} <= set(VIEWS)
        assert len({plan.female for plan in plans}) == 1


def test_a_twin_differs_in_the_cut_of_one_garment_alone():
    words = set()
    for item in range(60):
        plans = plan_item(item, PEOPLE)
        for plan, twin in zip(plans[::2], plans[1::2], strict=True):
            number, said = twin.twin
            words.add(said)
            changed = [n for n, (a, b) in enumerate(zip(plan.outfit, twin.outfit, strict=True)) if a != b]
            assert changed == [number]
            assert replace(twin, outfit=plan.outfit, twin=None) == plan
    assert {"longer", "shorter", "with long sleeves", "with short sleeves", "wider"} <= words


def test_plans_repeat():
    assert plan_item(7, PEOPLE) == plan_item(7, PEOPLE)
