"""Prompts: what each asks of a picture, and which pictures it can change.

A prompt that names a garment changes pictures in which that garment is worn. As in the paper's prompts, "shirt",
"clothes" and a colour or print of no named garment refer to the upper garment, or to the clothes where a data set does
not name their type. Where a rendered picture shows a top under a jacket, "shirt" is the top, and the others are the
jacket. A prompt that names neither garment, colour nor print ("make it black and white") changes every
picture as a whole. Only colours and prints can be there already; such pictures are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from atelier.common.errors import UserError
from atelier.common.records import WHOLE, ItemMetadata
from atelier.config import PairPrompt
from atelier.scenes import Scene, slot_of_kind
from atelier.text.captions import add_phrase, find_mention, name_factor, recaption
from atelier.text.garments import UNKNOWN_GARMENT, garment_in, garment_of
from atelier.text.lexicon import LAB, PRINTS, broader_names, is_colour, prints_may_be_same
from atelier.text.requests import read_request

MAIN_SLOT, UNDER = "upper", "inner"  # slots of the upper garment, and of a top under it
_SHIRT = "shirt"
_MAIN = (_SHIRT, UNKNOWN_GARMENT)  # the paper's loose names of the upper garment
_NO_GARMENT = "none"  # as the garment of an entry: the whole picture


@dataclass(frozen=True)
class Prompt:
    """An instruction, and what it asks for."""

    text: str
    garment: str | None  # None: that of a colour or print whose garment is not named, or the whole picture
    colour: str | None = None
    pattern: str | None = None
    fabric: str | None = None
    whole: bool = False  # whether it changes the picture as a whole
    phrases: tuple[str, str] = ("", "")  # source and target phrase of the captions; "": made from the rest

    @property
    def factor(self) -> str:
        """colour, pattern, both, fabric, other (a garment changed in another way) or whole."""
        if self.whole:
            return WHOLE
        if self.colour or self.pattern:
            return name_factor(self.colour, self.pattern)
        return "fabric" if self.fabric else "other"

    @property
    def value(self) -> str:
        """What is asked for: a colour, a pattern, both joined by "+", a fabric, or nothing that has a name."""
        asked = "+".join(filter(None, (self.colour, self.pattern)))
        return "" if self.whole else asked or self.fabric or ""

    def captions(self, caption: str, garment: str) -> tuple[str, str]:
        """Return the captions of a picture before and after, from its caption and the garment that is changed."""
        before, after = self.phrases
        if after and before:
            if before in caption:
                return caption, caption.replace(before, after, 1)
            return add_phrase(caption, before), add_phrase(caption, after)
        if not after and (self.colour or self.pattern) and not self.whole:
            return caption, recaption(caption, garment, colour=self.colour, pattern=self.pattern)
        return caption, add_phrase(caption, after or self.text)


@dataclass(frozen=True)
class Subject:
    """What a prompt changes in a picture."""

    garment: str  # "": the whole picture
    slot: str | None = None  # of the garment in the scene of a rendered picture
    own: bool = False  # whether it is the item's garment, so that the item's mask and box are its


def read_prompts(entries: Sequence[PairPrompt]) -> list[Prompt]:
    """Read the entries of `pair.prompts`.

    Raises:
        UserError: an entry names an unknown garment, colour or pattern, repeats a text, or has half of its phrases.
    """
    prompts: list[Prompt] = []
    for number, entry in enumerate(entries):
        where = f"pair.prompts[{number}]"
        same = next((other for other, one in enumerate(prompts) if one.text == entry.text), None)
        if same is not None:
            raise UserError(f"{where}: the same text as pair.prompts[{same}], {entry.text!r}; give each text once")
        prompts.append(_read(entry, where))
    return prompts


def find_subject(prompt: Prompt, entry: ItemMetadata, scene: Scene | None) -> Subject | None:
    """Return what a prompt changes in a picture, from the picture's metadata; None: it can't change it."""
    if prompt.whole:
        return Subject("")
    if prompt.garment is None or prompt.garment in _MAIN:
        meant = UNDER if prompt.garment == _SHIRT and scene and UNDER in scene.garments else MAIN_SLOT
        main = own_slot(entry, scene) == meant or entry.garment == UNKNOWN_GARMENT
        return Subject(entry.garment, meant, own=True) if main else None
    if entry.garment == prompt.garment:
        return Subject(entry.garment, own_slot(entry, scene), own=True)
    if scene:
        slot = slot_of_kind(scene, prompt.garment)
        return Subject(prompt.garment, slot) if slot else None
    mention = find_mention(entry.caption, prompt.garment)
    named = mention is not None and garment_in(entry.caption[mention.start : mention.end]) == prompt.garment
    # of clothes without a named type, the mask stage finds the garment or refuses the picture
    return Subject(prompt.garment) if named or entry.garment == UNKNOWN_GARMENT else None


def own_slot(entry: ItemMetadata, scene: Scene | None) -> str:
    """Return the slot of the item's garment: in a rendered scene, a top under a jacket has a slot of its own."""
    return (scene and slot_of_kind(scene, entry.garment)) or entry.slot


def is_answered(prompt: Prompt, shown: tuple[str | None, str | None]) -> bool:
    """Whether a garment already has the colour, the print or both that a prompt asks for.

    Args:
        shown: the garment's colour and pattern; None: unknown.
    """
    colour, pattern = shown
    answers = []
    if prompt.colour:
        answers.append(colour is not None and prompt.colour in (colour, *broader_names(colour)))  # navy is blue
    if prompt.pattern:
        answers.append(pattern is not None and prints_may_be_same(prompt.pattern, pattern))
    return bool(answers) and all(answers)


def stated_fabric(entry: ItemMetadata, subject: Subject, scene: Scene | None) -> tuple[str | None, str | None]:
    """Return the subject's colour and pattern as a scene or a caption states them; None: not stated."""
    if scene and subject.slot:
        worn = scene.garments[subject.slot]
        return worn.colour, worn.pattern
    mention = find_mention(entry.caption, subject.garment) if subject.garment else None
    return (mention.colour, mention.pattern) if mention else (None, None)


def _read(entry: PairPrompt, where: str) -> Prompt:
    asked = read_request(entry.text)
    garment, colour, pattern, fabric = asked.garment, asked.colour, asked.pattern, asked.fabric
    if entry.garment:
        garment = None if entry.garment == _NO_GARMENT else garment_of(entry.garment)
        if garment is None and entry.garment != _NO_GARMENT:
            raise UserError(
                f"{where}.garment: {entry.garment!r} is no known garment; a name such as dress, jeans or jacket, or "
                f"{_NO_GARMENT} for the whole picture"
            )
    if entry.source and not entry.target:
        raise UserError(f"{where}.target: is empty; a source phrase needs the target phrase that replaces it")
    if entry.colour and not is_colour(entry.colour):
        raise UserError(f"{where}.colour: {entry.colour!r} is no known colour; a name such as {', '.join([*LAB][:6])}")
    if entry.pattern and entry.pattern not in PRINTS:
        raise UserError(f"{where}.pattern: {entry.pattern!r} is none of {', '.join(PRINTS)}")
    colour, pattern = entry.colour or colour, entry.pattern or pattern
    whole = entry.garment == _NO_GARMENT or not (garment or colour or pattern or fabric)
    return Prompt(entry.text, garment, colour, pattern, fabric, whole, (entry.source, entry.target))
