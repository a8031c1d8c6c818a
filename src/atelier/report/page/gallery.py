"""The gallery: every edit with its pictures and scores, as data that the page's script draws from.

Change maps and zones are drawn in the browser from source, edit and mask, which keeps the page small. Pictures up to
`EXACT` px keep their size and lose nothing but the two lowest bits of each channel; larger ones are reduced.
"""

import io
import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from atelier.images.tensors import from_png
from atelier.report.format import wording
from atelier.report.page.data import PageData
from atelier.report.page.failures import KINDS, NONE, failures
from atelier.report.page.html import Markup, element, paragraphs, section

EXACT, REDUCED, QUALITY = 96, 128, 90  # px, px, WebP quality of a reduced picture
LEVELS = 4  # channel values are rounded to multiples of this
BATCH = 24  # edits rendered at a time
ORDERS = ("clip_directional", "leakage_share", "lpips_outside", "target_rmse", "delta_e", "face_change")
LOST = "lost"  # order: what fine-tuning lost in directional similarity


def gallery(data: PageData) -> Markup | None:
    """Controls, an empty list, and the data that the script fills it with."""
    if not data.cases:
        return None
    payload = gallery_data(data)
    script = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    note = (
        f"All {len(data.cases)} measured edits are here; which are shown, and in what order, is decided by the "
        "controls alone. Left of the slider's line is the source, right of it the fine-tuned edit."
    )
    kinds = element(
        "dl", [(element("dt", kind), element("dd", f"{meaning}.")) for kind, meaning in KINDS.items()], class_="kinds"
    )
    return section(
        "gallery", "Gallery", *paragraphs(note), element("p", _storage(data.cases[0].probe.source), class_="note"),
        element("details", element("summary", "What the failure kinds mean"), kinds),
        _controls(payload), element("p", id="count", role="status"), element("ul", id="cards"),
        element("button", "Show more", id="more", type="button", hidden=True),
        element("noscript", element("p", "The gallery is drawn by a script, and scripts are switched off.")), _card(),
        element("script", Markup(script), type="application/json", id="gallery-data"),
    )  # fmt: skip


def _storage(png: bytes) -> str:
    side = max(from_png(png).shape[:2])
    if side <= EXACT:
        return f"On this page levels of 0 to 255 are rounded to multiples of {LEVELS}; the measures saw them exactly."
    return f"On this page the pictures are reduced from {side} to {REDUCED} px; measures saw them at full size."


def gallery_data(data: PageData) -> dict[str, Any]:
    """What the script reads: distinct pictures, and per edit what it is, where its pictures are, its scores."""
    pictures: dict[str, int] = {}
    uri = cache(picture_uri)  # many edits have the same source
    scores = {model: _by_probe(data.scores, model) for model in ("baseline", "finetuned")}
    orders = [name for name in ORDERS if name in data.scores.columns and wording(name).better]
    kinds = [*KINDS, NONE]
    edits = []
    for case in data.cases:
        probe = case.probe
        before, after = (scores[model].get(probe.probe_id, {}) for model in ("baseline", "finetuned"))
        values = {name: after.get(name, math.nan) for name in orders}
        values[LOST] = after.get("clip_directional", math.nan) - before.get("clip_directional", math.nan)
        source = from_png(probe.source)
        scale = _side(source) / max(source.shape[:2])
        pngs = (probe.source, case.edited["baseline"], case.edited["finetuned"])
        stored = [pictures.setdefault(uri(png), len(pictures)) for png in pngs]
        mask = pictures.setdefault(mask_uri(case.zones.tight), len(pictures))
        edits.append(
            {
                "id": probe.probe_id, "domain": probe.domain, "prompt": probe.prompt, "garment": probe.garment,
                "caption": probe.source_caption, "kinds": [kinds.index(kind) for kind in failures(after)],
                "pictures": [*stored, mask], "box": [round(edge * scale, 2) for edge in case.zones.box],
                "scores": {name: _score(value) for name, value in values.items()},
            }
        )  # fmt: skip
    return {
        "batch": BATCH, "kinds": kinds, "orders": _orders(orders, edits), "pictures": list(pictures), "edits": edits,
    }  # fmt: skip


def _by_probe(scores: pd.DataFrame, model: str) -> Mapping[str, Mapping[str, Any]]:
    return scores[scores["model"] == model].set_index("probe_id").to_dict("index")


def _orders(names: Sequence[str], edits: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Ways to put the worst first: key, words, 1 where a high value is bad and −1 where a low one is, decimals."""
    lost = {"key": LOST, "words": "CLIP directional similarity lost against the baseline", "sign": -1, "digits": 1}
    known = [lost] + [
        {"key": name, "words": wording(name).name, "sign": -wording(name).better, "digits": wording(name).digits}
        for name in names
    ]
    return [order for order in known if any(edit["scores"][order["key"]] is not None for edit in edits)]


def _score(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def _side(pixels: np.ndarray) -> int:
    """The longer side of a picture as it is stored, px."""
    side = max(pixels.shape[:2])
    return side if side <= EXACT else min(side, REDUCED)


def picture_uri(png: bytes) -> str:
    """A picture as a data URI (WebP): small ones at full size and 64 levels a channel, larger ones reduced."""
    pixels = from_png(png)
    if max(pixels.shape[:2]) > EXACT:
        return _uri(_reduced(pixels, Image.Resampling.BOX), "WEBP", quality=QUALITY, method=4)
    rounded = np.clip((pixels.astype(np.int16) + LEVELS // 2) // LEVELS * LEVELS, 0, 255)
    return _uri(Image.fromarray(rounded.astype(np.uint8)), "WEBP", lossless=True, quality=50, method=2)


def mask_uri(png: bytes) -> str:
    """A mask as a data URI: one bit a pixel, the size of its picture."""
    pixels = np.where(from_png(png) >= 128, np.uint8(255), np.uint8(0))
    return _uri(_reduced(pixels, Image.Resampling.NEAREST).convert("1"), "PNG", optimize=True)


def _reduced(pixels: np.ndarray, resampling: Image.Resampling) -> Image.Image:
    image, side = Image.fromarray(pixels), _side(pixels)
    scale = side / max(image.size)
    return image if scale == 1 else image.resize([round(edge * scale) for edge in image.size], resampling)


def _uri(image: Image.Image, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{b64encode(buffer.getvalue()).decode()}"


def _controls(payload: Mapping[str, Any]) -> Markup:
    """A form of selects; the script filters by their values."""
    edits = payload["edits"]
    domains, prompts = (list(dict.fromkeys(edit[key] for edit in edits)) for key in ("domain", "prompt"))
    failed = [kind for number, kind in enumerate(payload["kinds"]) if any(number in edit["kinds"] for edit in edits)]
    orders = [(order["key"], f"worst first: {order['words']}") for order in payload["orders"]]
    return element(
        "form",
        _select("domain", "Domain", [("", "all"), *((name, name) for name in domains)]),
        _select("prompt", "Instruction", [("", "all"), *((text, text) for text in prompts)]),
        _select("kind", "Failure of the fine-tuned editor", [("", "all"), *((kind, kind) for kind in failed)]),
        _select("order", "Order", [("", "as they come"), *orders]),
        id="controls", aria_label="Which edits are shown",
    )  # fmt: skip


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> Markup:
    inside = [element("option", words, value=value) for value, words in options]
    return element("label", element("span", label), element("select", inside, name=name))


def _card() -> Markup:
    """The template that the script copies for each edit."""
    thumbs = ("source", "baseline", "fine-tuned")
    drawn = ("change, baseline", "change, tuned", "zones")
    pictures = [element("figure", _image(index), element("figcaption", name)) for index, name in enumerate(thumbs)]
    canvases = [element("figure", element("canvas", role="img"), element("figcaption", name)) for name in drawn]
    slider = element(
        "div", _image(0), _image(2, "after"),
        element("input", type="range", min=0, max=100, value=50), class_="slider",
    )  # fmt: skip
    facts = element(
        "div", element("h3"), element("p", class_="facts"), element("p", class_="caption"), element("p", class_="tags")
    )
    card = element(
        "li", element("div", slider, facts, class_="top"), element("div", pictures, canvases, class_="thumbs")
    )
    return element("template", card, id="card")


def _image(picture: int, kind: str | None = None) -> Markup:
    return element("img", data_picture=picture, class_=kind, alt="")
