"""Every key of every study is strict and bounded, as those of the root pipeline are."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from import_graph import ROOT

from atelier.common.errors import UserError
from atelier.config import Section, check_section
from atelier.config.read import parse_yaml
from atelier.training.concept.config import Concept
from studies.anomaly.config import Study as Anomaly
from studies.insertion.config import Study as Insertion
from studies.logo.config import Queued
from studies.logo.config import Study as Logo
from studies.losses.evaluate import Plan

FILES = {"anomaly/params": Anomaly, "anomaly/full": Anomaly, "insertion/params": Insertion, "logo/params": Logo,
         "logo/queued/params": Queued, "losses/params": Plan}  # fmt: skip
LEARNING = Concept(method="lora", lr=1e-3, epochs=1, batch_size=1, seed=0, placeholder="<p>", initialiser="word",
                   snr_gamma=5.0)  # fmt: skip
WRONG = {
    bool: ("yes", "true", 1, 0, 1.0, None, []),
    int: (True, "1", 1.5, 1.0, math.nan, math.inf, 10**30, -(10**30), 1e30, None, []),
    float: (True, "1", math.nan, math.inf, 10**30, -(10**30), 1e30, []),
    str: (True, None, 1e30, math.nan, [], "a\0b", "a\nb", "a" * 10**6),
}


def leaves(values: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the place and the value of every key that is no section."""
    if not isinstance(values, dict):
        yield at, values
        return
    for key, inner in values.items():
        yield from leaves(inner, (*at, key))


def replaced(values: dict, at: tuple[str, ...], value: Any) -> dict:
    inner = replaced(values[at[0]], at[1:], value) if len(at) > 1 else value
    return values | {at[0]: inner}


def wrongly_taken(model: type[Section], values: dict) -> list[str]:
    """Return the keys and wrong values that the model takes, or refuses without the key or in several lines."""
    found = []
    for at, value in leaves(check_section(model, values, "file").model_dump()):
        for wrong in WRONG[type(value)] if value is not None else ():
            try:
                check_section(model, replaced(values, at, wrong), "file")
            except UserError as error:
                if (
                    str(error).startswith(f"file: {'.'.join(at)}: ")
                    and str(error).isprintable()
                    and len(str(error)) < 400
                ):
                    continue
            found.append(f"{'.'.join(at)}: {wrong!r:.60}")
    return found


@pytest.mark.parametrize("name", FILES)
def test_no_key_of_a_study_takes_another_type_or_more_than_a_machine_can_meet(name):
    values = parse_yaml((ROOT / "studies" / f"{name}.yaml").read_text(), name)
    read = check_section(FILES[name], values, name).model_dump(exclude_unset=True)
    assert wrongly_taken(FILES[name], read) == []


def test_no_key_of_a_concept_s_training_takes_another_type_or_more_than_a_machine_can_meet():
    found = wrongly_taken(Concept, LEARNING.model_dump())
    assert found == []


def test_names_of_runs_are_names():
    values = parse_yaml((ROOT / "studies/logo/params.yaml").read_text(), "file")
    for name in ("", "n" * 300, "a\nb", "a\0b"):
        with pytest.raises(UserError, match="runs"):
            check_section(Logo, values | {"runs": {name: {"method": "base"}}}, "file")
    assert list(check_section(Logo, values | {"runs": {2024: {"method": "base"}}}, "file").runs) == ["2024"]
