"""Articles: "a" or "an", and none before a plural."""

import re

from atelier.text.lexicon import GRAMMAR

_VOWEL = re.compile(r"(?!uni|use|eu|one\b|u-)[aeiou]|hour|honest|heir", re.IGNORECASE)


def article_for(phrase: str) -> str:
    """Return the indefinite article before a phrase: "an" before a vowel sound."""
    return "an" if _VOWEL.match(phrase) else "a"


def with_article(phrase: str) -> str:
    """Put the indefinite article before a phrase, none before a plural: "an ivory coat", "grey jeans"."""
    return phrase if phrase.split()[-1].lower() in GRAMMAR["plurals"] else f"{article_for(phrase)} {phrase}"
