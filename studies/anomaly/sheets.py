"""Contact sheets: the original's and the fine-tuned models' pictures from the same noise."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from atelier.images.contact_sheet import SheetRow, contact_sheet
from studies.anomaly.prompts import Prompt

SHOWN = 2  # pictures of a prompt


def draw_sheet(
    prompts: Sequence[Prompt], painted: Mapping[str, Mapping[str, Tensor]], pictures: pd.DataFrame, family: str
) -> np.ndarray:
    """uint8 (H, W, 3): a prompt of the family a row, the first pictures of each system beside each other."""
    flagged = pictures.set_index(["system", "prompt", "number"])["deformed"].sort_index()
    columns = [f"{name} {number + 1}" for name in painted for number in range(SHOWN)]
    rows = []
    for prompt in (one for one in prompts if one.family == family):
        shown = [groups[prompt.key][number].numpy() for groups in painted.values() for number in range(SHOWN)]
        counts = [int(flagged[name, prompt.key].sum()) for name in painted]
        words = [prompt.text, "", f"deformed of {len(flagged['original', prompt.key])}: {' / '.join(map(str, counts))}"]
        rows.append(SheetRow(words, shown))
    return contact_sheet(columns, rows)
