"""What an evaluation's values rest on, as digests: values of two runs can be compared where these are equal.

Tables over several runs (`atelier ablations`, `atelier methods`) keep them with every row.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from atelier.common.files import digest
from atelier.config import Generate, Models
from atelier.models.digest import digest_base

ORIGIN = {  # key → what a run with another digest was made with
    "data": "other data",
    "base": "another base editor",
    "settings": "other settings of sampling or scoring",
}
_SHOWN = 16  # hexadecimal digits of a SHA-256


def describe_origin(data: Sequence[Path], models: Models, generate: Generate) -> dict[str, str]:
    """Return the digests of data, base and settings: 16 hexadecimal digits each, "" where unknown.

    The settings are what changes the baseline's edits of the same probes, or their scores: sampling steps, guidance,
    seed, what is kept, precision, and the networks that score. Training is what runs differ in: nothing of it counts.

    Args:
        data: the triplets that were trained on, the probes, and the zones of both, always in the same order.

    Raises:
        UserError: a file does not exist.
    """
    settings = generate.model_dump(include={"steps", "guidance_text", "guidance_image", "seed"})
    if generate.keep != "none":  # else as in tables from before there was such a setting
        settings |= {name: value for name, value in generate.model_dump().items() if name.startswith("keep")}
    settings |= models.model_dump(include={"clip", "lpips", "dtype"})
    base = digest_base(models.editor)
    return {
        "data": _hash(json.dumps([digest(path) for path in data])),
        "base": base[:_SHOWN] if base else "",
        "settings": _hash(json.dumps(settings, sort_keys=True)),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SHOWN]
