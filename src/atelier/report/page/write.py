"""Write the page as one file: its sections from templates, with style, script and images inside.

A content security policy in its head lets nothing be fetched, and runs no script but the page's own.
"""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from atelier.common.files import write_text
from atelier.report.page.data import PageData, definitions
from atelier.report.page.gallery import gallery
from atelier.report.page.overview import answer
from atelier.report.page.results import by_prompt, frontiers, measures, no_op, with_paper
from atelier.report.page.runs import ablations, learning_curves, making, shares

PARTS = {  # anchor and template → words in the navigation, heading, what fills the template
    "answer": ("Answer", "The question and the answer", answer),
    "gallery": ("Gallery", "Gallery", gallery),
    "measures": ("Key measures", "Key measures", measures),
    "paper": ("Comparison with the paper", "Comparison with the paper", with_paper),
    "prompts": ("By prompt", "Results by prompt", by_prompt),
    "frontiers": ("Frontiers", "Edit success against preservation", frontiers),
    "noop": ("No-op", "No-op instructions", no_op),
    "ablations": ("Ablations", "Ablations A to D", ablations),
    "curves": ("Learning curves", "Learning curves", learning_curves),
    "shares": ("Trained share", "Gain by trained share", shares),
    "making": ("How it was made", "How it was made", making),
}


def write_page(path: Path, data: PageData) -> None:
    """Write the report page atomically. Equal data give equal bytes."""
    write_text(path, render_page(data))


def render_page(data: PageData) -> str:
    """Return the page's HTML."""
    loader = PackageLoader("atelier.report.page")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    json_options = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    environment.policies["json.dumps_kwargs"] = json_options
    sections = [
        {"name": name, "words": words, "title": title, "part": part}
        for name, (words, title, fill) in PARTS.items()
        if (part := fill(data))
    ]
    style, script = (loader.get_source(environment, f"page.{kind}")[0] for kind in ("css", "js"))
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        sections=sections, definitions=definitions(), style=Markup(style), script=Markup(script), digest=digest
    )
