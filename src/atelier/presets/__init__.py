"""Named sets of parameters: `atelier config full-size` puts one into params.yaml, `atelier config embedded` goes back.

A preset is a file beside this one, laid out as params.yaml is, that holds only the keys it sets; its comments say why.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from atelier.config import read_params
from atelier.errors import UserError
from atelier.files import whole

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Change:
    """A parameter that a preset gives another value."""

    key: str  # section.name
    old: Any
    new: Any


def preset_names() -> list[str]:
    """The presets there are, in alphabetical order."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


def read_preset(name: str) -> dict[str, dict[str, Any]]:
    """Section → key → value of a preset.

    Raises:
        UserError: there is no preset of that name.
    """
    return YAML(typ="safe").load(_file(name))


def apply_preset(name: str, params: Path) -> list[Change]:
    """Set the preset's values in a parameters file; what changed, in the file's order.

    All else in the file stays as it is: its other values, comments and order. It is written whole or not at all, and
    not touched where nothing changes.

    Raises:
        UserError: there is no such preset, the file is not a parameters file, or the two do not fit together.
    """
    wanted = _round_trip().load(_file(name))
    read_params(params)  # refuses what is no parameters file before anything is changed
    yaml = _round_trip()
    values = yaml.load(params)
    column = _comment_column(values)
    changes = []
    for section, key in _keys(wanted):
        if key not in values.get(section, {}):
            raise UserError(f"{params}: {section}.{key} is not a parameter, but the preset {name} sets it")
        old, new = values[section][key], wanted[section][key]
        if old != new:
            changes.append(Change(f"{section}.{key}", old, new))
            values[section][key] = new
            _align(values[section], key, column)
    if changes:
        _write(yaml, values, params)
    order = [f"{section}.{key}" for section, key in _keys(values)]
    return sorted(changes, key=lambda change: order.index(change.key))


def _write(yaml: YAML, values: CommentedMap, params: Path) -> None:
    with whole(params) as partial:
        yaml.dump(values, partial)
        try:
            read_params(partial)
        except UserError as error:  # a value of the preset that the file's other values do not allow
            raise UserError(str(error).replace(str(partial), str(params))) from None


def _file(name: str) -> Path:
    if name not in preset_names():
        raise UserError(f"no preset {name!r}; one of {', '.join(preset_names())}")
    return _FOLDER / f"{name}.yaml"


def _round_trip() -> YAML:
    """A reader and writer that keeps comments, quotes, the way numbers are written, and long lines."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml


def _keys(values: CommentedMap) -> Iterator[tuple[str, str]]:
    return ((section, key) for section, pairs in values.items() for key in pairs)


def _comments(section: CommentedMap) -> dict[str, Any]:
    """Key → the comment on its line, where it has one."""
    return {key: tokens[2] for key, tokens in section.ca.items.items() if tokens[2] is not None}


def _comment_column(values: CommentedMap) -> int | None:
    """The column that most comments begin in: where one goes back to that a longer value had pushed aside."""
    columns = [token.start_mark.column for section in values.values() for token in _comments(section).values()]
    return Counter(columns).most_common(1)[0][0] if columns else None


def _align(section: CommentedMap, key: str, column: int | None) -> None:
    comment = _comments(section).get(key)
    if comment is not None and column is not None:
        comment.start_mark.column = column
