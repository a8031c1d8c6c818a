"""Read the outputs of runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file

from atelier.common.errors import UserError

PICTURES, FACTS = "pictures.safetensors", "facts.json"
METADATA = "metadata.jsonl"  # beside rendered images, as `atelier.training.concept.dataset.read_folder` reads it


def read_pictures(folder: Path) -> Mapping[int, np.ndarray]:
    """Return epoch → images uint8 (P, S, S, 3) of a run, in order.

    Raises:
        UserError: the run does not exist.
    """
    try:
        found = load_file(folder / PICTURES)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder}: no run ({' '.join(str(error).split())[:120]})") from None
    return {int(epoch): found[epoch] for epoch in sorted(found)}


def read_facts(path: Path) -> dict[str, Any]:
    """Read a JSON report of this study.

    Raises:
        UserError: it does not exist or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: no report of this study ({error})") from None


def read_scores(path: Path) -> pd.DataFrame:
    """Read scores.csv.

    Raises:
        UserError: it does not exist or is not a table.
    """
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no scores ({error})") from None
