"""Presets: named sets of parameters that `atelier config NAME` writes into params.yaml.

A preset is a YAML file in this package, structured like params.yaml, with only the keys that it sets. Its comments give
the reason for each value.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.config import read_params

_FOLDER = Path(__file__).parent / "settings"


@dataclass(frozen=True)
class Change:
    """A parameter whose value a preset changed."""

    key: str  # section.name
    old: Any
    new: Any


def preset_names() -> list[str]:
    """Return the names of the presets in alphabetical order."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


def read_preset(name: str) -> dict[str, dict[str, Any]]:
    """Return a preset as section → key → value; numbers keep the notation in which the file writes them.

    Raises:
        UserError: there is no preset of that name.
    """
    if name not in preset_names():
        raise UserError(f"no preset {name!r}; one of {', '.join(preset_names())}")
    return YAML().load(_FOLDER / f"{name}.yaml")


def apply_preset(name: str, params: Path) -> list[Change]:
    """Write the preset's values into a parameters file and return the changes in the order of the file.

    The file's other values, its comments and its order stay. It is written atomically, and only if something changes.

    Raises:
        UserError: there is no such preset, the file is not a valid parameters file, or would not be one afterwards.
    """
    preset = read_preset(name)
    read_params(params)  # raises before anything is changed
    params = params.resolve()  # a link stays one
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in several lines, on an anchor that is used twice
        values = yaml.load(params)
    for section, pairs in preset.items():
        if unknown := pairs.keys() - values.get(section, {}).keys():
            raise UserError(f"{params}: {section}.{min(unknown)} is not a parameter, but the preset {name} sets it")
    changes = []
    for section, pairs in values.items():
        for key, old in pairs.items():
            new = preset.get(section, {}).get(key, old)
            if new != old:
                changes.append(Change(f"{section}.{key}", old, new))
                pairs[key] = new
    if changes:
        with atomic_write(params) as partial:
            yaml.dump(values, partial)
            try:
                read_params(partial)
            except UserError as error:  # the preset's value does not fit the file's other values
                raise UserError(str(error).replace(str(partial), str(params))) from None
    return changes
