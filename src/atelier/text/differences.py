"""Name in which colour and print a garment differs between two captions, or say why the captions do not settle it.

A named difference keeps three promises: what it says of the target stands in the target's caption; at least one part is
certain to differ from the source; and no difference that the captions show is left unnamed.
"""

from dataclasses import dataclass

from atelier.text.lexicon import SEVERAL, may_be_same, prints_may_be_same
from atelier.text.mentions import Mention, find_mention

NOT_NAMED = "garment not named in both captions"
CONTRADICTORY = "caption names the garment in contradicting colours"
SEVERAL_COLOURS = "several colours"
NO_COLOUR = "colour not named in both captions"
RELATED_COLOURS = "colour names that can mean the same"
NO_PRINT = "print not named in both captions"
UNNAMED_PRINT = "several prints, or one without a name"
RELATED_PRINTS = "print names that can mean the same"
FABRIC = "fabrics differ"
NONE = "no difference named"
MEASURABLE = (NOT_NAMED, NO_COLOUR, NO_PRINT, RELATED_COLOURS)  # doubts that pictures with masks can settle


@dataclass(frozen=True)
class Difference:
    """The new colour and print of a garment; None: unchanged. With a doubt, they are not certain."""

    colour: str | None = None
    pattern: str | None = None
    doubt: str | None = None


def name_difference(before: str, after: str, garment: str) -> Difference:
    """Name the difference of a garment between the captions of source and target.

    A caption that gives a garment one colour and no print means a solid colour.
    """
    source, target = find_mention(before, garment), find_mention(after, garment)
    if source is None or target is None:
        return Difference(doubt=NOT_NAMED)
    if source.contradicts or target.contradicts:
        return Difference(doubt=CONTRADICTORY)
    if source.fabrics and target.fabrics and not set(source.fabrics) & set(target.fabrics):
        return Difference(doubt=FABRIC)
    pattern, print_doubt = _compare_prints(source, target)
    colour, colour_doubt = _compare_colours(source, target)
    if colour_doubt == NO_COLOUR and pattern and not print_doubt and (target.colour or not source.colours):
        colour_doubt = None  # the print is certain to differ, and the target's colour, if it is named, is certain too
    doubts = sorted(filter(None, (colour_doubt, print_doubt)), key=MEASURABLE.__contains__)
    return Difference(colour, pattern, doubts[0] if doubts else None if colour or pattern else NONE)


def _compare_colours(source: Mention, target: Mention) -> tuple[str | None, str | None]:
    """Return the target's colour where it differs from the source's, and a doubt."""
    old, new = source.colours, target.colours
    if set(old) == set(new) and old:
        return None, None
    if len(new) > 1 or SEVERAL in new:
        return None, SEVERAL_COLOURS
    if not old or not new:
        return target.colour, NO_COLOUR
    colour = new[0]
    if SEVERAL not in old and not any(may_be_same(colour, one) for one in old):
        return colour, None
    return colour, RELATED_COLOURS if len(old) == 1 and SEVERAL not in old else SEVERAL_COLOURS


def _compare_prints(source: Mention, target: Mention) -> tuple[str | None, str | None]:
    """Return the target's print where it differs from the source's, and a doubt."""
    old, new = _print_of(source), _print_of(target)
    if any(mention.patterns and not mention.pattern for mention in (source, target)):
        return None, None if source.patterns == target.patterns and len(source.patterns) > 1 else UNNAMED_PRINT
    if old is None and new is None:
        return None, None
    if old is None or new is None:
        return new, NO_PRINT
    if old != new and prints_may_be_same(old, new):
        return new, RELATED_PRINTS
    return (new if old != new else None), None


def _print_of(mention: Mention) -> str | None:
    return mention.pattern or ("solid" if mention.colour and not mention.patterns else None)
