"""Find what a caption says of a garment: its colours, prints and fabrics, over all phrases about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from atelier.text.lexicon import GARMENTS, SEVERAL, words_of
from atelier.text.phrases import Phrase, is_person, is_subject, read_phrases, stated_prints
from atelier.text.words import UNKNOWN_PRINT, Word


@dataclass(frozen=True)
class Mention:
    """What a caption says of one garment; [start, end) spans its first name with article and adjectives."""

    start: int
    end: int
    name: str  # with the adjectives that name no colour or print: "long sleeve shirt"
    names: tuple[Phrase, ...]  # the phrases that name it
    statements: tuple[Phrase, ...]  # the other phrases about it: "in navy", "with stripes"

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        """The phrases about the garment itself; "with white stripes" is about its print."""
        return (*self.names, *(phrase for phrase in self.statements if not (phrase.adds or phrase.negated)))

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours of the garment itself, each once."""
        return tuple(dict.fromkeys(word.value for phrase in self.phrases for word in phrase.of_kind("colour")))

    @property
    def patterns(self) -> tuple[str, ...]:
        """The prints, each once; `UNKNOWN_PRINT` for one that the caption does not name."""
        stated = dict.fromkeys(name for phrase in (*self.names, *self.statements) for name in stated_prints(phrase))
        return tuple(name for name in stated if name != UNKNOWN_PRINT or len(stated) == 1)

    @property
    def fabrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word.value for phrase in self.phrases for word in phrase.of_kind("fabric")))

    @property
    def colour(self) -> str | None:
        """The garment's only colour; None if the caption names none, or several."""
        return self.colours[0] if len(self.colours) == 1 and self.colours[0] != SEVERAL else None

    @property
    def pattern(self) -> str | None:
        """The garment's only print, "solid" if that is said; None if none, several or an unknown one is named."""
        return self.patterns[0] if len(self.patterns) == 1 and self.patterns[0] != UNKNOWN_PRINT else None

    @property
    def contradicts(self) -> bool:
        """Whether no single phrase names all colours: "a red shirt and a blue shirt" are two garments."""
        stated = [{word.value for word in phrase.of_kind("colour")} for phrase in self.phrases]
        return bool(self.colours) and not any(set(self.colours) <= colours for colours in stated)


def find_mention(caption: str, garment: str) -> Mention | None:
    """Find where a caption names a garment, by its own name or else by another of its names, and what it says of it."""
    phrases = read_phrases(caption)
    heads = [phrase.garment for phrase in phrases if not phrase.negated]
    for name in caption_names(garment):
        found = next((head for head in heads if head and _is_named(head, name)), None)
        if found:
            return _collect(caption, phrases, found)
    return None


def garment_in(text: str) -> str | None:
    """Return the garment that a text names first: "put the dog in red jeans" → trousers; None if it names none."""
    return next((phrase.garment.value for phrase in read_phrases(text) if phrase.garment), None)


def caption_names(garment: str) -> tuple[str, ...]:
    """Return the names that a caption may use for a known garment, its own first."""
    entry = GARMENTS.get(garment, {"also": (), "loose": ()})
    return (garment, *entry["also"], *entry["loose"])


def _is_named(head: Word, name: str) -> bool:
    words = " ".join(words_of(name))
    return head.text in (words, f"{words}s", f"{words}es")


def _collect(caption: str, phrases: Sequence[Phrase], named: Word) -> Mention:
    """Gather the phrases that name a garment, and the statements about it."""
    names, statements = [], []
    here = _opens_title(phrases, named)  # whether statements are about this garment
    elsewhere = False  # whether the sentence is about something else: "the collar is white"
    for phrase, following in zip(phrases, [*phrases[1:], None], strict=True):
        elsewhere = elsewhere and not phrase.opens
        if phrase.garment:
            here = _same(phrase.garment, named) and not phrase.negated
            elsewhere = False
            names += [phrase] if here else []
        elif phrase.states or stated_prints(phrase):
            statements += [phrase] if here and not elsewhere else []
        elif is_subject(phrase, following) and phrase.words[-1].kind != "noun":
            elsewhere = not is_person(phrase)
    first = names[0]
    return Mention(first.start, first.end, _bare_name(caption, first), tuple(names), tuple(statements))


def _same(head: Word, named: Word) -> bool:
    return named.value == head.value or named.text == head.text


def _opens_title(phrases: Sequence[Phrase], named: Word) -> bool:
    """Whether a text begins with adjectives alone and names one garment: "Navy / white: a midi dress"."""
    only = all(_same(phrase.garment, named) for phrase in phrases if phrase.garment)
    return only and phrases[0].states and not phrases[0].cue and "word" not in {word.kind for word in phrases[0].words}


def _bare_name(caption: str, phrase: Phrase) -> str:
    """Return the words of a phrase that name no colour or print, as the caption spells them."""
    kept, previous = [], None
    for word in phrase.words:
        if word.kind not in ("colour", "print", "link"):
            joined = previous is not None and previous.end == word.start - 1 and caption[previous.end] == "-"
            kept.append(("-" if joined and kept else " " if kept else "") + caption[word.start : word.end])
            previous = word
    return "".join(kept)
