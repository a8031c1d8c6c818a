"""Group the words of a text into phrases, and find what each says of which garment: the second half of reading.

A phrase is a garment with what stands before it ("a black and white striped shirt"), or a statement about the garment
named last ("… is in navy", "… with a floral print"), also in the next sentence. A few rules decide what a phrase means:

- It ends at function words, punctuation, and "and", "," or "/", unless these join two colours, prints or fabrics.
- Of adjacent garment names the last counts: a shirt dress is a dress, a dress shirt is a shirt.
- Colours before any other noun belong to that noun: "red trim", "black boots" and "blue sky" colour no garment.
- After "with", colours before a print are the print's: "a navy dress with white stripes" is navy.
- After "without", "no" and "not", nothing is stated; "no pattern" means a solid colour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from atelier.text.lexicon import GRAMMAR
from atelier.text.words import UNKNOWN_PRINT, Word, read_words


@dataclass(frozen=True)
class Phrase:
    """Adjacent words that belong together, and what they say of a garment."""

    words: tuple[Word, ...]  # without the article
    article: Word | None
    cue_words: tuple[Word, ...]  # function words in front of it, or in front of what "and" joins it to: "is in"
    opens: bool  # it is the first phrase of its sentence

    @property
    def start(self) -> int:
        return self.article.start if self.article else self.words[0].start

    @property
    def cue(self) -> tuple[str, ...]:
        return tuple(word.text for word in self.cue_words)

    @property
    def end(self) -> int:
        return self.words[-1].end

    @property
    def garment(self) -> Word | None:
        return self.words[-1] if self.words[-1].kind == "garment" else None

    @property
    def negated(self) -> bool:
        return bool(GRAMMAR["negations"] & set(self.cue))

    @property
    def states(self) -> bool:
        """Whether it describes what it does not name: it ends in a colour, print or fabric, or in "fabric" itself."""
        last = self.words[-1]
        if (self.cue and self.cue[-1] in GRAMMAR["places"]) or (last.kind == "colour" and "the" in self.cue):
            return False  # "on sand", "in the red"
        return last.describes or (last.kind == "noun" and any(word.describes for word in self.words))

    @property
    def adds(self) -> bool:
        """Whether it names something on a garment, such as "with white stripes"."""
        return bool(GRAMMAR["with"] & set(self.cue)) and self.words[-1].kind in ("print", "fabric")

    def of_kind(self, kind: str) -> list[Word]:
        return [word for word in self.words if word.kind == kind]


def read_phrases(text: str) -> list[Phrase]:
    """Return the phrases of a text in their order."""
    return [phrase for sentence in read_words(text) for phrase in _phrases(sentence)]


def _phrases(sentence: Sequence[Word]) -> Iterator[Phrase]:
    run: list[Word] = []
    article: Word | None = None
    cue: list[Word] = []
    opens = True
    for number, word in enumerate(sentence):
        following = sentence[number + 1] if number + 1 < len(sentence) else None
        ends = word.kind in ("article", "stop") or (
            word.kind == "link" and not (run and run[-1].describes and _joins(sentence[number:], bool(article)))
        )
        if not ends:
            run += [word] if run or word.kind != "link" else []
            named = word.kind == "garment" and not (following and following.kind in ("garment", "part"))
            printed = word.kind == "print" and following and following.kind == "colour" and number + 2 == len(sentence)
            if not (named or printed):  # "make the dress with black dots red"
                continue
        if run:
            yield Phrase(tuple(run), article, tuple(cue), opens)
            opens = False
            carried = cue if word.text in ("and", "&") else []  # "with cotton fabric and floral prints"
            run, article, cue = [], None, carried
        if word.kind == "stop":
            cue = [*cue, word] if cue and cue[-1].end >= word.start - 1 else [word]
        elif word.kind == "article":
            article = word
    if run:
        yield Phrase(tuple(run), article, tuple(cue), opens)


def _joins(rest: Sequence[Word], article: bool) -> bool:
    """Whether "and", "/" or "," joins adjectives; a comma does in a list with "and" or between article and noun."""
    following = rest[1] if len(rest) > 1 else None
    if following is None or not following.describes:
        return False
    return rest[0].text != "," or article or (len(rest) > 2 and rest[2].kind == "link" and rest[2].text != ",")


def is_person(phrase: Phrase) -> bool:
    return phrase.words[-1].text in GRAMMAR["persons"]


def is_subject(phrase: Phrase, following: Phrase | None) -> bool:
    """Whether the next phrase says what this one is or has: "the background is grey"."""
    return (
        following is not None
        and not following.opens
        and bool((GRAMMAR["is"] | GRAMMAR["with"]) & set(following.cue[:1]))
    )


def stated_prints(phrase: Phrase) -> list[str]:
    """Return the prints that a phrase states: those of its print words, or an unnamed one; none of "striped cuffs"."""
    if phrase.words[-1].kind in ("word", "part"):
        return []
    found = [word.value for word in phrase.of_kind("print")]
    generic = phrase.words[-1].kind == "noun" and phrase.words[-1].text.startswith(("print", "pattern"))
    if phrase.negated:
        return ["solid"] if generic and not found else []
    return found or ([UNKNOWN_PRINT] if generic else [])
