"""What is written beside the weights in models/base."""

import json

import pytest
from import_graph import ROOT

CONFIGS = sorted((ROOT / "models" / "base").rglob("*.json"))


def names(value) -> list[str]:
    """Every value of a key `_name_or_path`, at any depth."""
    if isinstance(value, list):
        return [name for one in value for name in names(one)]
    if not isinstance(value, dict):
        return []
    return [one for key, own in value.items() for one in ([own] if key == "_name_or_path" else names(own))]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT / "models" / "base").as_posix())
def test_a_configuration_names_no_folder_of_the_machine_that_wrote_it(path):
    assert set(names(json.loads(path.read_text(encoding="utf-8")))) <= {"", None}
