"""The style that this repository's pages share."""

from pathlib import Path


def page_style() -> str:
    """Return the style sheet: colours of both themes, type, tables, navigation."""
    return Path(__file__).with_name("templates").joinpath("page.css").read_text(encoding="utf-8")
