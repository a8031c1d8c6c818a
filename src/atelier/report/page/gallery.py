"""The gallery: every edit with its images and scores, as data that the page's script draws from.

Change maps and zones are drawn in the browser from source, edit and mask, which keeps the page small. Images up to
`EXACT` px keep their size and lose only the two lowest bits of each channel; larger ones are reduced.
"""

import io
import math
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from atelier.common.records import TESTS
from atelier.images.tensors import from_png
from atelier.metrics.registry import view
from atelier.report.format import domain_label
from atelier.report.page.data import PageData
from atelier.report.page.results import Section

EXACT, REDUCED, QUALITY = 96, 128, 90  # px, px, WebP quality of a reduced image
LEVELS = 4  # channel values are rounded to multiples of this
BATCH = 24  # edits rendered at a time
LOST = "lost"  # order: what fine-tuning lost in directional similarity
NONE = "none of these"
LEAKED, LITTLE, FAR = 0.5, 0.05, 10.0  # thresholds of failures
KINDS = {  # kind of failure → what it means, on the page
    "leaked": "more than half of the change above the floor lies outside the garment",
    "wrong garment": "another garment changed more than the one named in the instruction",
    "nothing changed": f"the root-mean-square change inside the garment is below {LITTLE}",
    "wrong colour": f"ΔE2000 between the garment and the named colour is above {FAR:g}",
    "pattern not recognised": "CLIP recognises another pattern on the garment than the requested one",
}
PAIRS = {  # numbers of the images left and right of a slider's line → words; 3 is the target
    "": "source and fine-tuned",
    "1-2": "baseline and fine-tuned",
    "2-3": "fine-tuned and target",
}
CHANGE_RAMP = (  # colour of the change map → mean change of the three channels, of their whole range
    ("#000000", "0"), ("#ff0000", "17 %"), ("#ffff00", "33 %"), ("#ffffff", "50 % and more"),
)  # fmt: skip
ZONES = {  # CSS class → what the zone is, on the page
    "tight": "tight zone: the garment, which may change",
    "context": "context zone: the scaled box around it",
    "background": "background, which should not change",
}


def failures(scores: Mapping[str, float]) -> list[str]:
    """Return the kinds of failure of one edit, in the order of `KINDS`; `[NONE]` if there is none.

    A metric that is missing or NaN (`delta_e` of a pattern, for instance) never counts as a failure.

    Args:
        scores: metric → value.
    """
    nan = float("nan")
    holds = {
        "leaked": scores.get("leakage_share", nan) > LEAKED,
        "wrong garment": scores.get("right_garment", nan) < 1,
        "nothing changed": scores.get("change_inside", nan) < LITTLE,
        "wrong colour": scores.get("delta_e", nan) > FAR,
        "pattern not recognised": scores.get("pattern_recognised", nan) == 0,
    }
    return [kind for kind in KINDS if holds[kind]] or [NONE]


def gallery(data: PageData) -> Section | None:
    """Return the data of the script and the choices of the controls."""
    if not data.samples:
        return None
    payload = gallery_data(data)
    edits, kinds = payload["edits"], payload["kinds"]
    domains = list(dict.fromkeys(edit["domain"] for edit in edits))
    prompts = list(dict.fromkeys(edit["prompt"] for edit in edits if edit["domain"] != TESTS))
    failed = [kind for number, kind in enumerate(kinds) if any(number in edit["kinds"] for edit in edits)]
    orders = [(order["key"], f"worst first: {order['words']}") for order in payload["orders"]]
    pairs = ["1-2"] + ["2-3"] * any(edit["target"] is not None for edit in edits)
    side = max(from_png(data.samples[0].probe.source).shape[:2])
    return {
        "payload": payload,
        "kinds": KINDS,
        "levels": LEVELS,
        "side": side,
        "stored": _side(side),
        "controls": [  # name, label, first option, options
            ("domain", "Domain", "all", [(name, domain_label(name)) for name in domains]),
            ("prompt", "Instruction", "all", [(text, text) for text in prompts]),
            ("kind", "Failure of the fine-tuned editor", "all", [(kind, kind) for kind in failed]),
            ("order", "Order", "as evaluated", orders),
            ("pair", "Slider", PAIRS[""], [(value, words) for value, words in PAIRS.items() if value in pairs]),
        ],
        "ramp": CHANGE_RAMP,
        "zones": ZONES,
    }


def gallery_data(data: PageData) -> dict[str, Any]:
    """Return what the script reads: the distinct images, and per edit its texts, image numbers and scores."""
    images: dict[str, int] = {}
    uri = cache(image_uri)  # many edits have the same source
    scores = {
        model: data.scores[data.scores["model"] == model].set_index("probe_id").to_dict("index")
        for model in ("baseline", "finetuned")
    }
    orders = [one for one in view("gallery") if one.key in data.scores.columns and one.better]
    kinds = [*KINDS, NONE]
    edits = []
    for sample in data.samples:
        probe = sample.probe
        before, after = (scores[model].get(probe.probe_id, {}) for model in ("baseline", "finetuned"))
        values = {one.key: after.get(one.key, math.nan) for one in orders}
        values[LOST] = after.get("clip_directional", math.nan) - before.get("clip_directional", math.nan)
        side = max(from_png(probe.source).shape[:2])
        pngs = (probe.source, sample.edited["baseline"], sample.edited["finetuned"])
        stored = [images.setdefault(uri(png), len(images)) for png in pngs]
        mask = images.setdefault(mask_uri(sample.zones.tight), len(images))
        target = images.setdefault(uri(probe.target), len(images)) if probe.target else None
        edits.append(
            {
                "id": probe.probe_id, "domain": probe.domain, "prompt": probe.prompt,
                "garment": probe.garment or "whole picture", "caption": probe.source_caption,
                "kinds": [kinds.index(kind) for kind in failures(after)],
                "images": [*stored, mask], "target": target,
                "box": [round(edge * _side(side) / side, 2) for edge in sample.zones.box],
                "scores": {
                    name: float(f"{value:.5g}") if math.isfinite(value) else None for name, value in values.items()
                },
            }
        )  # fmt: skip
    # to put the worst first: sign is 1 where a high value is bad, −1 where a low one is
    known = [{"key": LOST, "words": "CLIP directional similarity lost against the baseline", "sign": -1, "digits": 1}]
    known += [{"key": one.key, "words": one.title, "sign": -one.better, "digits": one.decimals} for one in orders]
    shown = [order for order in known if any(edit["scores"][order["key"]] is not None for edit in edits)]
    sets = dict.fromkeys(edit["domain"] for edit in edits)
    return {
        "batch": BATCH, "kinds": kinds, "orders": shown, "images": list(images), "edits": edits,
        "targets": {domain: target_title(data, domain) for domain in sets},
        "labels": {domain: domain_label(domain) for domain in sets},
    }  # fmt: skip


def target_title(data: PageData, domain: str) -> str:
    """Return what a set's targets are called: true if given, exact if rendered with nothing else changed."""
    if domain == TESTS:
        return "true target"
    return "exact target" if data.report.get(domain, {}).get("rendered") else "target"


def _side(side: int) -> int:
    """Return the longer side of an image as it is stored, px, from its own."""
    return side if side <= EXACT else min(side, REDUCED)


def image_uri(png: bytes) -> str:
    """Return an image as a data URI (WebP): small ones at full size and 64 levels a channel, larger ones reduced."""
    pixels = from_png(png)
    if max(pixels.shape[:2]) > EXACT:
        return _uri(_reduced(pixels, Image.Resampling.BOX), "WEBP", quality=QUALITY, method=4)
    rounded = np.clip((pixels.astype(np.int16) + LEVELS // 2) // LEVELS * LEVELS, 0, 255)
    return _uri(Image.fromarray(rounded.astype(np.uint8)), "WEBP", lossless=True, quality=50, method=2)


def mask_uri(png: bytes) -> str:
    """Return a mask as a data URI: one bit a pixel, the size of its stored image."""
    pixels = np.where(from_png(png) >= 128, np.uint8(255), np.uint8(0))
    return _uri(_reduced(pixels, Image.Resampling.NEAREST).convert("1"), "PNG", optimize=True)


def _reduced(pixels: np.ndarray, resampling: Image.Resampling) -> Image.Image:
    image = Image.fromarray(pixels)
    scale = _side(max(image.size)) / max(image.size)
    return image if scale == 1 else image.resize([round(edge * scale) for edge in image.size], resampling)


def _uri(image: Image.Image, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{b64encode(buffer.getvalue()).decode()}"
