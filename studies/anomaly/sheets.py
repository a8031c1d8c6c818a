"""Contact sheets: images of the original and the fine-tuned models from the same noise."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from atelier.images.contact_sheet import SheetRow, contact_sheet
from studies.anomaly.prompts import Prompt

SHOWN = 2  # images of a prompt


def draw_sheet(
    prompts: Sequence[Prompt], generated: Mapping[str, Mapping[str, Tensor]], pictures: pd.DataFrame, family: str
) -> np.ndarray:
    """Draw a sheet, uint8 (H, W, 3): one row per prompt of the family, the first images of each system."""
    flagged = pictures.set_index(["system", "prompt", "number"])["deformed"].sort_index()
    columns = [f"{name} {number + 1}" for name in generated for number in range(SHOWN)]
    rows = []
    for prompt in (one for one in prompts if one.family == family):
        shown = [groups[prompt.key][number].numpy() for groups in generated.values() for number in range(SHOWN)]
        counts = [int(flagged[name, prompt.key].sum()) for name in generated]
        words = [prompt.text, "", f"deformed of {len(flagged['original', prompt.key])}: {' / '.join(map(str, counts))}"]
        rows.append(SheetRow(words, shown))
    return contact_sheet(columns, rows)
