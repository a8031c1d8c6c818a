"""What one visitor of the page does: a photograph, the mask of the next edit, its variants, the turns that are kept.

A session never changes: every action returns a new one, which remembers the one before it, so that undo is exact.
Legend: H W pixels of the upright picture.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from atelier.common.errors import UserError
from atelier.editing.photo_editor import EditedPhoto
from atelier.editing.record import MOST_TURNS
from atelier.images.photo import open_photograph


@dataclass(frozen=True)
class Region:
    """The mask of the next edit.

    Attributes:
        garment: that it was found for.
        mask: bool (H, W), where the picture may change.
        notes: what was found.
    """

    garment: str
    mask: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variant:
    """An edit, and the same with the editor to compare with."""

    edited: EditedPhoto
    other: EditedPhoto | None = None


@dataclass(frozen=True)
class Session:
    """What is on the page.

    Attributes:
        photo: the file, as it was given.
        first: its upright picture, in its own colour profile.
        kept: what the next edit starts from, with the record of all turns; None: the photograph.
        region: the mask that was found or painted for the picture to edit; None: none yet.
        variants: edits of the newest instruction, not kept yet.
        chosen: number of the variant that is compared and downloaded.
        before: the session that undo returns to.
    """

    photo: Path
    first: Image.Image
    kept: EditedPhoto | None = None
    region: Region | None = None
    variants: tuple[Variant, ...] = ()
    chosen: int = 0
    before: "Session | None" = None

    @property
    def source(self) -> Image.Image:
        """The picture that the next edit starts from."""
        return self.first if self.kept is None else self.kept.picture

    @property
    def variant(self) -> Variant | None:
        """The chosen variant; None before an edit."""
        return self.variants[self.chosen] if self.variants else None

    @property
    def shown(self) -> EditedPhoto | None:
        """The edit to download: the chosen variant's, or else the kept one; None: nothing was edited."""
        return self.variant.edited if self.variant else self.kept

    @property
    def turns(self) -> list[str]:
        """The instructions so far, with that of the chosen variant."""
        return [turn.instruction for turn in self.shown.record.turns] if self.shown else []


def open_session(file: Path) -> Session:
    """Begin with a picture file.

    Raises:
        UserError: it cannot be used; the line has the file's name without its folder.
    """
    try:
        photograph = open_photograph(file, 8)
    except UserError as error:
        raise UserError(str(error).replace(str(file), file.name)) from None
    picture = Image.fromarray(photograph.own_pixels)
    if photograph.profile is not None:
        picture.info["icc_profile"] = photograph.profile
    return Session(file, picture)


def with_region(session: Session, region: Region | None) -> Session:
    """Set the mask of the next edit; this is no step that undo takes back."""
    return replace(session, region=region)


def with_variants(session: Session, variants: tuple[Variant, ...]) -> Session:
    """Add edits of the picture; edits that were not kept are replaced by them."""
    return replace(session, variants=variants, chosen=0, before=session)


def choose(session: Session, number: int) -> Session:
    """Choose a variant by its number.

    Raises:
        UserError: there is no such variant.
    """
    if not 0 <= number < len(session.variants):
        raise UserError(f"variant {number + 1}: expected 1 to {len(session.variants)}")
    return replace(session, chosen=number)


def go_on(session: Session) -> Session:
    """Take the chosen variant as the picture to edit next.

    Raises:
        UserError: there is none, or its record cannot hold another turn.
    """
    if session.variant is None:
        raise UserError("nothing to go on from: edit the picture first")
    kept = session.variant.edited
    if len(kept.record.turns) >= MOST_TURNS:
        raise UserError(f"{MOST_TURNS} turns are the most that a record holds; download the picture and start with it")
    return Session(session.photo, session.first, kept, before=session)


def undo(session: Session) -> Session:
    """Return to the session before the last edit or turn.

    Raises:
        UserError: there is none.
    """
    if session.before is None:
        raise UserError("nothing to undo")
    return session.before
