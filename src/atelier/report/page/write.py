"""The page as one file: its sections under one another, with style, script and pictures inside.

A content security policy in its head lets nothing be fetched, and runs no script but the page's own.
"""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from atelier.common.files import atomic_write
from atelier.report.page.data import PageData
from atelier.report.page.gallery import gallery
from atelier.report.page.html import Markup, element, joined
from atelier.report.page.making import making
from atelier.report.page.results import answer, beside_paper, by_prompt, frontiers, no_op
from atelier.report.page.runs import ablations, learning_curves, shares

TITLE = "What fine-tuning a fashion editor bought"
PARTS = {  # in the page's order; the words stand in its navigation
    "Answer": answer,
    "Beside the paper": beside_paper,
    "By prompt": by_prompt,
    "Frontiers": frontiers,
    "No-op": no_op,
    "Ablations": ablations,
    "Learning curves": learning_curves,
    "Trained share": shares,
    "Gallery": gallery,
    "How it was made": making,
}


def write_page(path: Path, page: PageData) -> None:
    """Write the report page, whole or not at all. Equal data give equal bytes."""
    with atomic_write(path) as partial:
        partial.write_text(render_page(page), encoding="utf-8")


def render_page(page: PageData) -> str:
    """The page's HTML."""
    style, script = (files("atelier.report.page").joinpath("assets", f"page.{kind}").read_text("utf-8")
                     for kind in ("css", "js"))  # fmt: skip
    sections = {words: part(page) for words, part in PARTS.items()}
    shown = {words: markup for words, markup in sections.items() if markup}
    links = [element("a", words, href=f"#{_anchor(markup)}") for words, markup in shown.items()]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("link", rel="icon", href="data:,"),
        element("title", TITLE),
        element("style", Markup(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the answer", href="#answer", class_="skip"),
        element(
            "header", element("h1", TITLE),
            element("button", "Dark theme", type="button", id="theme"),
            element("nav", links, aria_label="Sections"),
        ),
        element("main", *shown.values()),
        element("script", Markup(script)),
    )  # fmt: skip
    return joined(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), "\n")


def _anchor(markup: str) -> str:
    """The id of a section's markup."""
    return markup.split('id="', 1)[1].split('"', 1)[0]


def _policy(script: str) -> str:
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
