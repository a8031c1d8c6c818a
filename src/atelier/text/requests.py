"""Read what an instruction requests: the garment that it names, and its new colour, print and fabric."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from atelier.text.lexicon import SEVERAL
from atelier.text.phrases import Phrase, is_person, read_phrases, stated_prints
from atelier.text.words import UNKNOWN_PRINT

_ADD = re.compile(r"(add|put|apply|print|draw|paint)\b", re.IGNORECASE)
_REPLACE = re.compile(r"(replace|exchange|swap|trade|substitute)\b", re.IGNORECASE)
_REMOVE = re.compile(r"(remove|delete|erase|drop|lose|get rid of|take (away|off|out))\b", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """What an instruction requests; None for each part that it does not name, or names no single one of."""

    garment: str | None
    colour: str | None
    pattern: str | None
    fabric: str | None


def read_request(instruction: str) -> Request:
    """Read an instruction: "change the red shirt to blue" → shirt, blue.

    The garment is the first that the instruction names. What is requested of it follows "to" ("change the red shirt to
    blue"), precedes it after "add" ("add dots to the red shirt"), follows the garment ("make the red shirt blue"), or,
    failing these, describes it ("put the dog in red jeans"). A request about anything else, such as "make the collar
    red", requests nothing of a garment.
    """
    phrases = read_phrases(instruction)
    garment = next((phrase.garment.value for phrase in phrases if phrase.garment), None)
    if _is_about_something_else(phrases):
        return Request(garment, None, None, None)
    requested = _requested(instruction, phrases)
    if any(phrase.garment and phrase.garment.value != garment for phrase in requested):
        return Request(garment, None, None, None)  # another garment: "turn her jeans into a red skirt"
    own = [phrase for phrase in requested if not (phrase.adds or phrase.negated)]
    colours = [word.value for phrase in own for word in phrase.of_kind("colour")]
    fabrics = [word.value for phrase in own for word in phrase.of_kind("fabric")]
    prints = [name for phrase in requested for name in stated_prints(phrase)]
    removed = _REMOVE.match(instruction.strip()) or any(phrase.negated for phrase in requested)
    if removed and any(phrase.of_kind("print") or stated_prints(phrase) for phrase in phrases):
        return Request(garment, None, "solid", None)
    return Request(garment, _only(colours, SEVERAL), _only(prints, UNKNOWN_PRINT), _only(fabrics))


def _only(names: Sequence[str], unknown: str = "") -> str | None:
    """Return the one name that is given; None if there is none, or several, or an unknown one."""
    return names[0] if len(set(names)) == 1 and names[0] != unknown else None


def _requested(instruction: str, phrases: Sequence[Phrase]) -> Sequence[Phrase]:
    """Return the phrases that say what the instruction requests."""
    goals = {"with", "for", "by"} if _REPLACE.match(instruction.strip()) else {"to", "into", "onto"}
    cuts = [number for number, phrase in enumerate(phrases) if goals & set(phrase.cue)]
    if _ADD.match(instruction.strip()):
        places = [number for number, phrase in enumerate(phrases) if {"to", "on", "onto"} & set(phrase.cue)]
        before = phrases[: places[0]] if places else phrases
        return [phrase for phrase in before if phrase.garment or phrase.states or stated_prints(phrase)]
    if cuts:
        later = phrases[cuts[-1] :]
        return [phrase for phrase in later if phrase.garment or phrase.states or stated_prints(phrase)]
    stated = [phrase for phrase in phrases if not phrase.garment and (phrase.states or stated_prints(phrase))]
    first = next((number for number, phrase in enumerate(stated) if not phrase.adds), 0)
    return stated[first:] or [phrase for phrase in phrases if phrase.garment]


def _is_about_something_else(phrases: Sequence[Phrase]) -> bool:
    """Whether the object is no garment: "make the wall red", "change the stripes on the shirt to blue"."""
    changes = any({"to", "into"} & set(phrase.cue) for phrase in phrases)
    for phrase, following in pairwise([*phrases, None]):
        if phrase.garment:
            return False
        determined = phrase.article or any(word.determines for word in phrase.cue_words)
        before_garment = following is not None and following.garment is not None
        if phrase.states and changes and before_garment and "on" in following.cue:
            return True
        if determined and phrase.words[-1].kind in ("word", "part") and not is_person(phrase):
            return "of" in following.cue if before_garment else not any(one.garment for one in phrases)
    return False
