"""Pictures of what was scored: the contact sheet, and small pictures for the page.

Legend: H W pixels. Pictures are uint8 (H, W, 3), masks bool (H, W).
"""

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from atelier.images.contact_sheet import CELL, SheetRow, contact_sheet, draw_zones
from atelier.images.letterbox import fit_picture, plan_fit
from atelier.scoring.edits import Scores

SHOWN = 60  # rows on the sheet and the page, the first
THUMBNAIL = 320  # longer side of a picture on the page, px
NO_BOX = (0, 0, 0, 0)  # no context zone is drawn around the mask
_QUALITY = 82  # of its JPEG


@dataclass(frozen=True)
class Shown:
    """A row on the sheet and the page."""

    where: str
    instruction: str
    source: np.ndarray
    mask: np.ndarray | None  # the source with its mask tinted
    target: np.ndarray | None
    edits: dict[str, np.ndarray] = field(default_factory=dict)  # editor → picture
    scores: dict[str, Scores] = field(default_factory=dict)

    @property
    def pictures(self) -> dict[str, np.ndarray | None]:
        """Source, mask, target and edits by their headings."""
        return {"source": self.source, "mask": self.mask, "target": self.target}


def show(where: str, instruction: str, source: np.ndarray, mask: np.ndarray | None, target: np.ndarray | None) -> Shown:
    """Return a row to show, made small; its edits are added with `add`."""
    tinted = None if mask is None else draw_zones(source, mask, NO_BOX)
    return Shown(where, instruction, *(None if one is None else shrink(one) for one in (source, tinted, target)))


def add(shown: Shown, editor: str, picture: np.ndarray, scores: Scores) -> None:
    """Add an edit to a row."""
    shown.edits[editor], shown.scores[editor] = shrink(picture), scores


def shrink(picture: np.ndarray) -> np.ndarray:
    """Resize a picture so that its longer side is THUMBNAIL at most."""
    image = Image.fromarray(picture)
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    return np.asarray(image)


def draw_sheet(rows: Sequence[Shown], editors: Sequence[str]) -> np.ndarray:
    """Draw source, mask, target (those that any row has) and every editor's picture of the rows: uint8 (H, W, 3)."""
    given = [name for name in ("mask", "target") if any(row.pictures[name] is not None for row in rows)]
    drawn = [
        SheetRow(
            [row.where, row.instruction, _drifts(row.scores)],
            [_cell(row.pictures[name]) for name in ("source", *given)]
            + [_cell(row.edits.get(editor)) for editor in editors],
        )
        for row in rows
    ]
    return contact_sheet(["source", *given, *(editor[:16] for editor in editors)], drawn)


def _drifts(scores: Mapping[str, Scores]) -> str:
    """Return the drift of every editor's edit; the sheet's letters have no dash for one that is not defined."""
    values = (f"{one['drift_moved']:.1f}" for one in scores.values())
    return f"drift {' / '.join(values).replace('nan', '?')} %"


def _cell(picture: np.ndarray | None) -> np.ndarray | None:
    """Letterbox a picture into the sheet's square."""
    if picture is None:
        return None
    height, width = picture.shape[:2]
    return fit_picture(Image.fromarray(picture), plan_fit(width, height, CELL, "letterbox"))


def picture_uri(picture: np.ndarray) -> str:
    """Return a picture as the address of a JPEG inside the page."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
