"""Links for raters on other machines: one secret token for each, kept beside the answers so that a link stays valid."""

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from atelier.common.errors import UserError
from atelier.common.files import read_plain_text, write_text
from atelier.preferences.survey import MAX_NAME

MAX_RATERS = 1000
MAX_FILE = 2**20  # bytes of the file of tokens


def parse_raters(text: str) -> list[str]:
    """Return the names in "ann,bob".

    Raises:
        UserError: there is none, or one is empty, too long, unprintable or there twice.
    """
    names = [name.strip() for name in text.split(",")]
    bad = [name for name in names if not 0 < len(name) <= MAX_NAME or not name.isprintable()]
    if bad or len(set(names)) < len(names) or len(names) > MAX_RATERS:
        expected = f"different names of 1 to {MAX_NAME} characters between commas, at most {MAX_RATERS}"
        raise UserError(f"--raters: expected {expected}")
    return names


def open_links(answers: Path, raters: Sequence[str]) -> dict[str, str]:
    """Return rater → token; tokens of an earlier call are kept, new ones written beside the answers.

    The file `ANSWERS.links.json` can be read by its owner alone. Removing a rater from it makes their link invalid.

    Raises:
        UserError: the file cannot be read or written, or holds something else.
    """
    file = answers.with_suffix(".links.json")
    known = _read(file) if file.exists() else {}
    links = {rater: known.get(rater) or secrets.token_urlsafe(16) for rater in raters}
    if new := known | links:
        write_text(file, json.dumps(new, ensure_ascii=False, indent=1) + "\n")
        file.chmod(0o600)
    return links


def find_rater(token: str, links: Mapping[str, str]) -> str | None:
    """Return the rater of a token, None if there is none; the time taken tells nothing about the tokens."""
    found = None
    for rater, known in links.items():
        if hmac.compare_digest(token.encode(errors="replace"), known.encode()):
            found = rater
    return found


def _read(file: Path) -> dict[str, str]:
    try:
        links = json.loads(read_plain_text(file, MAX_FILE))
    except (ValueError, RecursionError):
        links = None
    if not isinstance(links, dict) or not all(isinstance(token, str) and len(token) >= 16 for token in links.values()):
        raise UserError(f"{file}: expected the tokens of a survey's raters; remove it to make new links")
    return links
