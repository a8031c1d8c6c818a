"""Count the texts of triplets and probes that are longer than the networks read: their ends are cut off later."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from atelier.common.errors import UserError
from atelier.common.notices import notice
from atelier.common.records import Probe, Triplet
from atelier.config import Models
from atelier.models.tokens import TokenLimit, load_limit

Row = TypeVar("Row", Triplet, Probe)


@dataclass(frozen=True)
class Limits:
    """How much of an instruction the editor reads, and of a caption CLIP."""

    editor: TokenLimit
    clip: TokenLimit


def load_limits(models: Models) -> Limits | None:
    """Load the tokenizers of the editor and of CLIP; without them (notice), long texts are not counted."""
    try:
        editor = load_limit(models.editor, tokenizer="tokenizer", text_encoder="text_encoder")
        return Limits(editor, load_limit(models.clip))
    except UserError as error:
        notice(f"pair: long texts are not counted: {error}")
        return None


@dataclass
class Lengths:
    """Counts the rows that pass with an instruction or a caption that is not read whole."""

    limits: Limits | None
    counts: Counter[str] = field(default_factory=Counter)

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows as they are."""
        for row in rows:
            if self.limits:
                self._count(row, self.limits)
            yield row

    def report(self) -> dict[str, dict[str, int]]:
        """Return `not_read_whole` → number of rows by kind and text, if there are any."""
        return {"not_read_whole": dict(sorted(self.counts.items()))} if self.counts else {}

    def _count(self, row: Triplet | Probe, limits: Limits) -> None:
        kind, instructions = (
            ("probe", [row.prompt, row.noop or ""]) if isinstance(row, Probe) else ("triplet", [row.instruction])
        )
        if not all(map(limits.editor.fits, instructions)):
            self.counts[f"{kind}_instructions"] += 1
        if not all(map(limits.clip.fits, (row.source_caption, row.target_caption))):
            self.counts[f"{kind}_captions"] += 1
