"""HTML and SVG as nested calls. Text is escaped unless it was built here, so that no caption can become markup."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

_VOID = frozenset(("img", "input", "link", "meta"))


class Markup(str):
    """Text that is markup already. Only `element`, `joined` and the page's own assets make it."""

    __slots__ = ()


Child = str | None | Iterable[str]


def element(tag: str, /, *children: Child, **attributes: Any) -> Markup:
    """One element. Plain strings are escaped; None and False leave a child or an attribute out, True is a bare one.

    An attribute's trailing underscore is dropped (`class_`), the others become hyphens (`aria_label`).
    """
    named = "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{joined(*children)}</{tag}>")


def joined(*children: Child) -> Markup:
    """Children after one another; lists are taken apart, plain strings are escaped."""
    parts = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(html.escape(child))
        elif child is not None:
            parts.append(joined(*child))
    return Markup("".join(parts))


def _attribute(key: str, value: Any) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text)}"'


def table(caption: str, header: Sequence[Child], groups: Iterable[Iterable[Markup]]) -> Markup:
    """A table that scrolls sideways in its own box.

    Args:
        caption: also the name of the box, which the keyboard can reach.
        groups: bodies, each a sequence of `row`s.
    """
    head = element("thead", element("tr", [element("th", joined(cell), scope="col") for cell in header]))
    bodies = [element("tbody", list(rows)) for rows in groups]
    inner = element("table", element("caption", caption), head, bodies)
    return element("div", inner, class_="wide", tabindex=0, role="region", aria_label=caption)


def row(label: Child, cells: Iterable[Child], kind: str | None = None, lead: Markup | None = None) -> Markup:
    """A table row: its heading, then its figures.

    Args:
        kind: its class: reference, paper or gain.
        lead: a heading of several rows that stands before its own.
    """
    heading = element("th", joined(label), scope="row")
    return element("tr", lead, heading, [element("td", joined(cell)) for cell in cells], class_=kind)


def section(name: str, title: str, *children: Child) -> Markup:
    """A section of the page with its heading; `name` is its anchor."""
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, *children, id=name, aria_labelledby=f"{name}-title")


def paragraphs(*texts: Child) -> list[Markup]:
    """Each text a paragraph; empty ones are left out."""
    return [element("p", joined(text)) for text in texts if text]
