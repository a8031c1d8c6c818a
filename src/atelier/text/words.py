"""Split a text into sentences of words whose meaning the lexicon knows: the first half of reading a caption.

A colour word takes the words that shade it ("light blue", "greenish blue", "rust-coloured"), a print the noun that it
describes ("striped pattern"). Hyphens separate words, so that "t-shirt", "T shirt" and "t shirt" are the same.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from atelier.text.lexicon import GRAMMAR, LONGEST, SEVERAL, TERMS, Term, broader_names, is_colour

Kind = Literal["colour", "print", "fabric", "garment", "noun", "part", "article", "stop", "link", "end", "word"]
SHADE = "shade"  # value of "dark", "pale" and "bright" without a colour
UNKNOWN_PRINT = "patterned"  # a print that the text does not name: "a printed dress"

_KINDS: dict[str, Kind] = {
    word: kind
    for kind, groups in {
        "noun": ("print_nouns", "colour_nouns", "fabric_nouns"),
        "part": ("parts",),
        "stop": ("determiners", "negations", "is", "with", "places", "others"),
        "article": ("articles",),
        "link": ("links",),
        "end": ("ends",),
    }.items()
    for group in groups
    for word in GRAMMAR[group]
}


@dataclass(frozen=True)
class Word:
    """A word or phrase of a text: text[start:end], and what it means."""

    text: str  # lower case; the words of a phrase are separated by spaces
    start: int
    end: int
    kind: Kind
    value: str = ""  # the lexicon's name of a colour, print, fabric or garment

    @property
    def determines(self) -> bool:
        return self.text in GRAMMAR["determiners"] or self.kind == "article"

    @property
    def describes(self) -> bool:
        """Whether it is a colour, print or fabric."""
        return self.kind in ("colour", "print", "fabric")


def read_words(text: str) -> list[list[Word]]:
    """Return the words of each sentence of a text; sentences end at full stops, semicolons and line ends."""
    sentences: list[list[Word]] = [[]]
    for word in _merge(list(_look_up(_split(text)))):
        if word.kind == "end":
            sentences.append([])
        else:
            sentences[-1].append(word)
    return [sentence for sentence in sentences if sentence]


def _split(text: str) -> list[Word]:
    """Split a text into single words and punctuation; a hyphen between letters is none, a dash is."""
    pattern = r"[aA]-[^\W_]+|[^\W_]+(?:['’][^\W_]+)?|\n|(?<!\w)-|-(?!\w)|[^\w\s-]"
    return [
        Word(found[0].lower().replace("’", "'"), *found.span(), "end" if found[0] == "\n" else "word")
        for found in re.finditer(pattern, text)
    ]


def _look_up(words: Sequence[Word]) -> Iterator[Word]:
    """Give each longest phrase of the lexicon its meaning, each other word its part in the grammar."""
    position = 0
    while position < len(words):
        for count in range(min(LONGEST, len(words) - position), 0, -1):
            part = words[position : position + count]
            term = _term(tuple(word.text for word in part))
            if term:
                text = " ".join(word.text for word in part)
                yield Word(text, part[0].start, part[-1].end, term.kind, term.value)
                break
        else:
            word = words[position]
            count, kind = 1, _KINDS.get(word.text, word.kind if re.match(r"\w|\n", word.text) else "stop")
            yield replace(word, kind=kind)
        position += count


def _term(words: tuple[str, ...]) -> Term | None:
    """Return the lexicon's meaning of a phrase; garments may be in the plural."""
    if words in TERMS:
        return TERMS[words]
    for ending in ("s", "es", "'s"):
        if words[-1].endswith(ending):
            term = TERMS.get((*words[:-1], words[-1].removesuffix(ending)))
            if term and term.kind == "garment":
                return term
    return None


def _merge(words: Sequence[Word]) -> Iterator[Word]:
    """Join shades with their colour, and colours and prints with the noun that follows them."""
    waiting: list[Word] = []  # modifiers and tinges, until the colour that they shade
    merged: list[Word] = []
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else None
        if word.kind in ("modifier", "tinge"):
            waiting.append(word)
            continue
        if word.kind == "colour" and waiting:
            word, waiting = _shade(waiting, word), []
        merged += [_alone(shade) for shade in waiting]
        waiting = []
        before = merged[-1] if merged else None
        if word.text in ("top", "tops") and _is_garment(before, following):
            word = replace(word, kind="garment", value="t-shirt")
        if before and before.kind == "colour" and (word.text in GRAMMAR["colour_nouns"] or _repeats(before, word)):
            merged[-1] = replace(before, end=word.end)
        elif before and before.kind == "print" and word.text in GRAMMAR["print_nouns"]:
            merged[-1] = replace(before, text=f"{before.text} {word.text}", end=word.end)
        else:
            unknown = word.text in ("printed", "patterned")
            merged.append(replace(word, kind="print", value=UNKNOWN_PRINT) if unknown else word)
    return iter([*merged, *map(_alone, waiting)])


def _repeats(colour: Word, word: Word) -> bool:
    """Whether a word after a colour is its broader name: "mint green" is mint."""
    return word.kind == "colour" and word.value in {colour.value, *broader_names(colour.value)}


def _shade(shades: Sequence[Word], colour: Word) -> Word:
    """Return a colour with its modifiers; of several modifiers the last counts."""
    modifiers = [shade.value for shade in shades if shade.kind == "modifier"]
    name = f"{modifiers[-1]} {colour.value}" if modifiers else colour.value
    value = name if colour.value != SEVERAL and is_colour(name) else colour.value
    return replace(colour, text=f"{shades[0].text} {colour.text}", start=shades[0].start, value=value)


def _alone(word: Word) -> Word:
    """Return a modifier or tinge that no colour follows: "dark jeans" have a shade without a name, "reddish" is red."""
    if word.kind == "tinge":
        return replace(word, kind="colour")
    return replace(word, kind="word", value=SHADE if word.text in ("dark", "pale", "bright") else "")


def _is_garment(before: Word | None, following: Word | None) -> bool:
    """Whether "top" is a garment: "a lace top", "her top", but not "the top of", "the top shelf", "on top"."""
    if before is None:
        return False
    ends = following is None or (following.kind != "word" and following.text != "of")
    return before.describes or ((before.determines or before.kind == "word") and ends)
