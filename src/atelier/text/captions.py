"""Rewrite captions: replace the colour or print of one garment wherever the caption states it."""

import re

from atelier.text.articles import article_for, with_article
from atelier.text.garments import SLOTS, UNKNOWN_GARMENT
from atelier.text.instructions import OUTER, describe
from atelier.text.lexicon import GRAMMAR, PRINTS
from atelier.text.mentions import Mention, find_mention
from atelier.text.phrases import Phrase, read_phrases, stated_prints
from atelier.text.words import SHADE, Word

__all__ = ["Mention", "add_phrase", "find_mention", "garment_phrase", "name_factor", "recaption", "shows_layers"]

LONG = 12  # words: a phrase at the end of a longer caption can lie behind what a text encoder reads

Edit = tuple[int, int, str]  # text[start:end] → new text


def name_factor(colour: str | None, pattern: str | None) -> str:
    """Name the factor that a new colour and pattern change: both, colour, pattern or variant."""
    return "both" if colour and pattern else "colour" if colour else "pattern" if pattern else "variant"


def recaption(caption: str, garment: str, *, colour: str | None = None, pattern: str | None = None) -> str:
    """Replace the colour, the pattern or both of one garment in a caption; None: unchanged.

    Every phrase that states them is rewritten: "A navy dress. It is in navy." → "A red dress. It is in red." What the
    caption does not state is added where it names the garment first; a garment that it does not name is added: "a woman
    on a bench" → "a woman on a bench, in a red shirt".
    """
    found = find_mention(caption, garment)
    if found is None:
        return add_phrase(caption, f"in {describe(garment, colour, pattern)}")
    rewritten = [(phrase.start, phrase.end, _rename(caption, phrase, found, colour, pattern)) for phrase in found.names]
    rewritten += [_restate(caption, phrase, colour, pattern) for phrase in found.statements]
    return _apply(caption, rewritten)


def garment_phrase(caption: str, garment: str) -> str | None:
    """Return what a caption says of a garment as one phrase, "a red striped shirt"; None if it does not name it."""
    found = find_mention(caption, garment)
    if found is None:
        return None
    first = found.names[0]
    said_there = {word.value for kind in ("colour", "print") for word in first.of_kind(kind)}
    if said_there >= {found.colour, found.pattern} - {None}:
        return caption[found.start : found.end]
    return describe(found.name, found.colour, found.pattern)


def shows_layers(caption: str) -> bool:
    """Whether a caption names a jacket and, by a name of its own, a top or a dress that can be seen under it."""
    named = {garment for phrase in read_phrases(caption) if phrase.garment and (garment := phrase.garment.value)}
    under = {garment for garment in named if SLOTS[garment] in ("upper", "full")} - {*OUTER, UNKNOWN_GARMENT}
    return bool(named & {*OUTER}) and bool(under)


def add_phrase(caption: str, phrase: str) -> str:
    """Add a phrase to a caption: at its end, or in front of a caption of more than LONG words."""
    return f"{phrase}, {caption}" if len(caption.split()) > LONG else f"{caption}, {phrase}"


def _rename(caption: str, phrase: Phrase, found: Mention, colour: str | None, pattern: str | None) -> str:
    """Return a phrase that names the garment with the new colour and pattern."""
    colours, prints = phrase.of_kind("colour"), phrase.of_kind("print")
    adjective = None if pattern is None else "" if pattern == "solid" else PRINTS[pattern].adjective
    edits = []
    if colour and colours:
        edits += _replace(phrase, colours, colour)
    if adjective is not None and prints:
        edits += _replace(phrase, prints, adjective)
    if colour:
        edits += _replace(phrase, [word for word in phrase.words if word.value == SHADE], "")
    if phrase is found.names[0]:
        new_colour = colour if colour and not found.colours else None
        stated = any(stated_prints(one) for one in (*found.names, *found.statements) if not one.negated)
        new_print = adjective if adjective and not stated else None
        edits += _insert(phrase, new_colour, new_print)
    return _write(caption, phrase, edits)


def _restate(caption: str, phrase: Phrase, colour: str | None, pattern: str | None) -> Edit:
    """Rewrite a statement about the garment, or remove one that need not hold any more."""
    denied = phrase.negated and (phrase.of_kind("print") or stated_prints(phrase))
    if pattern and (denied or (pattern == "solid" and _hangs_on(caption, phrase))):
        return phrase.cue_words[0].start, phrase.end, ""
    colours = [] if phrase.adds or phrase.negated else phrase.of_kind("colour")
    edits = _replace(phrase, colours, colour) if colour and colours else []
    if pattern is None or not stated_prints(phrase):
        return phrase.start, phrase.end, _write(caption, phrase, edits)
    spoken, prints, last = PRINTS[pattern], phrase.of_kind("print"), phrase.words[-1]
    noun = re.split(r"[ -]", caption[last.start : last.end])[-1]  # "patterns" of "striped patterns"
    named = noun.lower() in GRAMMAR["print_nouns"] and not caption[: last.end - len(noun)].endswith("-")
    predicate = not phrase.cue or phrase.cue[-1] in GRAMMAR["is"]
    if prints and named and pattern != "solid":
        edits += _replace(phrase, prints, f"{spoken.modifier} {noun}")
    elif prints and not named and (predicate or prints[-1] is not last):
        edits += _replace(phrase, prints, spoken.adjective)
    elif colours and prints:
        shown = colour or caption[colours[0].start : colours[-1].end]
        return phrase.start, phrase.end, with_article(f"{shown} {spoken.modifier} pattern")
    else:
        return phrase.start, phrase.end, spoken.noun
    return phrase.start, phrase.end, _write(caption, phrase, edits)


def _hangs_on(caption: str, phrase: Phrase) -> bool:
    """Whether a sentence is complete without a statement: "a dress with stripes", but not "it has stripes"."""
    before = caption[: phrase.start].rstrip().lower()
    return phrase.cue == ("with",) and before.endswith("with") and bool(stated_prints(phrase))


def _replace(phrase: Phrase, old: list[Word], new: str) -> list[Edit]:
    """Replace the last of some words of a phrase, and remove the others and what links them; "": remove all."""
    edits = [(old[-1].start, old[-1].end, new)] if new else []
    solid = [word for word in phrase.words if word.kind != "link"]
    for word in old[:-1] if new else old:
        following = solid.index(word) + 1
        if following < len(solid):
            edits.append((word.start, solid[following].start, ""))
        else:
            edits.append((solid[following - 2].end, word.end, ""))
    return edits


def _insert(phrase: Phrase, colour: str | None, pattern: str | None) -> list[Edit]:
    """Add a colour and a pattern, in this order, in front of the garment: "red striped long sleeve shirt"."""
    words, colours, prints = phrase.words, phrase.of_kind("colour"), phrase.of_kind("print")
    if colour:
        place = prints[0].start if prints else words[0].start
        return [(place, place, f"{colour} {pattern} " if pattern else f"{colour} ")]
    if pattern and colours:
        return [(colours[-1].end, colours[-1].end, f" {pattern}")]
    return [(words[0].start, words[0].start, f"{pattern} ")] if pattern else []


def _write(caption: str, phrase: Phrase, edits: list[Edit]) -> str:
    """Return the text of a phrase with some edits; its article and its capital letter follow."""
    if not edits:
        return caption[phrase.start : phrase.end]
    start = phrase.words[0].start
    opens = phrase.opens and not (phrase.article or phrase.cue)
    if opens and edits[0][0] == edits[0][1] == start:  # its first word no longer begins the sentence
        edits = [*edits, *_lower_case(phrase.words[0], caption)]
    shifted = [(first - start, last - start, new) for first, last, new in edits]
    text = _apply(caption[start : phrase.end], shifted)
    if phrase.article:
        article = article_for(text)
        return f"{article.capitalize() if caption[phrase.start].isupper() else article} {text}"
    return text[0].upper() + text[1:] if opens and caption[start].isupper() else text


def _lower_case(word: Word, caption: str) -> list[Edit]:
    """Write a capitalised word in lower case, unless a second capital says that it is a name."""
    text = caption[word.start : word.end]
    return [(word.start, word.end, text.lower())] if text[1:2].islower() and text[1:].islower() else []


def _apply(text: str, edits: list[Edit]) -> str:
    """Replace parts of a text; the space in front of a part that becomes empty goes as well."""
    for start, end, new in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        head = text[:start] if new or start == end else text[:start].rstrip(" ")
        gap = " " if not new and head and not text[end:].startswith((" ", ".", ",", ";")) and text[end:] else ""
        text = head + new + gap + text[end:]
    return text
