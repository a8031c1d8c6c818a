"""Read a parameters file and check it against its sections. The only module that reads one.

YAML 1.2 (ruamel), because DVC writes `5e-05`, which a YAML 1.1 reader returns as a string. Size, depth and what
aliases expand to are bounded before any value is made.
"""

import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    NodeEvent,
)
from ruamel.yaml.nodes import ScalarNode

from atelier.common.errors import UserError, one_line, short_repr
from atelier.common.files import read_plain_text
from atelier.config.fields import Section, WrittenInt

LARGEST_FILE, MOST_NODES, DEEPEST = 256 * 1024, 20_000, 32  # bytes; nodes with aliases expanded; nested collections

Sections = TypeVar("Sections", bound=Section)

_EXPECTED = {  # instead of pydantic's words, where they do not say how YAML writes the type
    "int_type": "Input should be a valid integer, a whole number without decimal point or exponent",
    "bool_type": "Input should be a valid boolean: true or false, without quotes",
    "string_type": "Input should be a valid string; put it in quotes",
    "model_type": "Input should be a section: keys with values",
    "dict_type": "Input should be a section: keys with values",
    "string_unicode": "Input should be a valid string, without half a surrogate pair",
}


_YAML = {True: "true", False: "false", None: "null"}


class _Constructor(SafeConstructor):
    """Makes the values of YAML's safe types; a whole number keeps its text, and a date is its text."""

    def construct_yaml_int(self, node: ScalarNode) -> WrittenInt:
        number = WrittenInt(super().construct_yaml_int(node))
        number.text = node.value
        return number

    def construct_yaml_timestamp(self, node: ScalarNode, values: Any = None) -> str:
        return node.value


_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.construct_yaml_int)
_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.construct_yaml_timestamp)


def read_sections(path: Path, model: type[Sections], changes: Mapping[str, str] | None = None) -> Sections:
    """Read and check a parameters file whose sections are the fields of `model`.

    Args:
        changes: overrides, `section.key` → YAML text, as in `dvc exp run -S`.

    Raises:
        UserError: the file is missing, not a plain file or not YAML, or a key is unknown, missing, of the wrong type
            or out of range.
    """
    raw = parse_yaml(read_plain_text(path, LARGEST_FILE), str(path))
    if not isinstance(raw, dict):
        raise UserError(f"{path}: no sections; expected {', '.join(model.model_fields)}")
    for key, text in (changes or {}).items():
        section, _, name = key.partition(".")
        if not isinstance(raw.get(section), dict) or name not in raw[section]:
            raise UserError(f"{path}: {_place([key])}: no such parameter")
        raw[section][name] = parse_yaml(text, f"{path}: {key}")
    return check_section(model, raw, str(path))


def check_section(model: type[Sections], values: Mapping[Any, Any], where: str) -> Sections:
    """Make a section of some values.

    Raises:
        UserError: a value is wrong; the message begins with `where` and names the key.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: {_say(error.errors()[0], model)}") from None


def parse_yaml(text: str, where: str, most_nodes: int = MOST_NODES) -> Any:
    """Return the value of one YAML document with at most `most_nodes` values and collections.

    Raises:
        UserError: it is not YAML of safe types, nests too deep or is too large; the message begins with `where`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on numbers of YAML 1.1, in several lines
            _check_size(YAML(typ="safe", pure=True).parse(text), where, most_nodes)
            yaml = YAML(typ="safe", pure=True)
            yaml.Constructor = _Constructor
            return yaml.load(text)
    except YAMLError as error:
        problem, mark = getattr(error, "problem", None) or str(error), getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise UserError(f"{where}: not YAML: {one_line(problem, 200)}{line}") from None
    except UserError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        # what ruamel raises for a scalar whose text does not fit its tag: `!!int x`, `!!bool x`, 5,000 digits
        raise UserError(f"{where}: not YAML: a value does not fit its type: {one_line(str(error), 200)}") from None


def _check_size(events: Iterable[Event], where: str, most_nodes: int) -> None:
    """Bound depth and number of nodes; an alias, which a merge copies, counts as all that it stands for."""
    sizes: dict[str, int] = {}  # anchor → nodes
    opened: list[tuple[str | None, int]] = []  # enclosing collections: anchor, nodes before it
    total = 0
    for event in events:
        if isinstance(event, CollectionEndEvent):
            anchor, before = opened.pop()
            sizes |= {anchor: total - before} if anchor else {}
        elif isinstance(event, AliasEvent):
            total += sizes.get(event.anchor, 0)  # the composer refuses one without an anchor
        elif isinstance(event, NodeEvent):
            if isinstance(event, CollectionStartEvent):
                opened.append((event.anchor, total))
            if event.anchor:  # an alias inside what its anchor stands for has no end
                sizes[event.anchor] = most_nodes if isinstance(event, CollectionStartEvent) else 1
            total += 1
        if len(opened) > DEEPEST:
            raise UserError(f"{where}: nested more than {DEEPEST} deep")
        if total > most_nodes:
            raise UserError(f"{where}: more than {most_nodes:,} values, with aliases expanded")


def _say(problem: ErrorDetails, model: type[Section]) -> str:
    """Put one of pydantic's problems into words: the key, what would be right, and the value."""
    kind, place, given = problem["type"], problem["loc"], problem["input"]
    text = _EXPECTED.get(kind) or problem["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden" and (near := get_close_matches(str(place[-1])[:100], _keys(model, place), 1)):
        text += f"; did you mean {near[0]}?"
    value = _YAML[given] if given is None or isinstance(given, bool) else short_repr(given)
    shown = "" if isinstance(given, dict) or value in text else f" (it is {value})"
    return f"{_place(place)}: {text}{shown}"


def _keys(model: type[Section], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section that encloses `place`."""
    for part in place[:-1]:
        inner = model.model_fields.get(str(part))
        if inner is None or not isinstance(inner.annotation, type) or not issubclass(inner.annotation, Section):
            return []
        model = inner.annotation
    return list(model.model_fields)


def _place(parts: Iterable[int | str]) -> str:
    """Return the place of a value, `pair.prompts[2].text`; each name shortened and without control characters."""
    place = ""
    for part in parts:
        name = str(part) if str(part).isprintable() and len(str(part)) <= 60 else short_repr(str(part))
        place += f"[{part}]" if isinstance(part, int) and place else f".{name}" if place else name
    return place
