"""The survey's page and the policy that browsers are to apply to it."""

import base64
import hashlib
import html
import re
from importlib.resources import files

_POLICY = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def load_page(words: str = "") -> tuple[str, str]:
    """Return the page with `words` on its first screen, as plain text, and its Content-Security-Policy.

    The policy allows only the page's own inline script and style, by their hashes.
    """
    page, policy = (files("atelier.preferences") / "page.html").read_text(encoding="utf-8"), _POLICY
    for tag in ("script", "style"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        policy += f"; {tag}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
    return page.replace("<!-- words -->", html.escape(words)), policy
