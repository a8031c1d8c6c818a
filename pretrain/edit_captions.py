"""Draw edits as text: an instruction with the caption before and after it, from captions of the world.

    python -m pretrain.edit_captions --captions captions.txt --count 2000 --out edits.jsonl

The first step of InstructPix2Pix's data (Brooks et al. 2023, section 3.1.1). There a GPT-3, fine-tuned on 700 triples
written by hand, proposes instructions for captions of the web. Here a grammar does: the captions have one grammar and a
lexicon, an edit changes one garment's colour, print, both, kind or cut, and so what differs between the two captions
is known and tested, where a language model also invents. What is lost is the variety of a language model's edits.

The words that an edit may bring in are those of the captions themselves, as often as they occur there, since the
text-to-image model knows no others. Fabrics that are held out of training never appear.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

import click

from atelier.common import command
from atelier.common.errors import RefusedError, UserError
from atelier.common.files import read_plain_text, write_text
from atelier.common.json_lines import read_json_lines
from atelier.common.options import COUNT, SEED
from atelier.common.rng import derive_seed
from atelier.text.captions import Mention, find_mention, recaption
from atelier.text.colours import is_held_out
from atelier.text.differences import name_difference
from atelier.text.instructions import correct_articles, describe, instruct
from atelier.text.lexicon import GARMENTS, may_be_same, prints_may_be_same, words_of
from atelier.text.requests import read_request
from pretrain.common.options import input_option
from pretrain.opposite_cuts import OPPOSITES, opposite_of

FACTORS = {"colour": 0.4, "pattern": 0.25, "both": 0.1, "kind": 0.05, "cut": 0.2}  # odds of each, where possible
_KIND = ("change the {old} to {new}", "turn the {old} into {new}", "replace the {old} with {new}", "{new} instead")
_TRIES = 200
_LARGEST = 2**28  # bytes of a file of captions


@dataclass(frozen=True)
class CaptionEdit:
    """An instruction and the captions before and after it; `garment` as the caption before calls it."""

    instruction: str
    before: str
    after: str
    garment: str
    factor: str  # a key of FACTORS
    colour: str | None = None  # the new one
    pattern: str | None = None


@dataclass(frozen=True)
class Worn:
    """A garment that a caption names, with one colour and at most one print."""

    kind: str  # a key of `lexicon.GARMENTS`
    name: str  # as the caption calls it: "tank top"
    colour: str
    pattern: str  # "solid" if none is named
    mention: Mention

    @property
    def slot(self) -> str:
        """Where it is worn: upper, lower or full."""
        return GARMENTS[self.kind]["slot"]


@dataclass(frozen=True)
class Vocabulary:
    """How often captions name each colour, print, and garment of a slot."""

    colours: Counter[str]
    patterns: Counter[str]
    names: dict[str, Counter[str]]


def worn_in(caption: str) -> list[Worn]:
    """Return the garments that a caption names with one colour, in the lexicon's order."""
    found, text = [], " ".join(words_of(caption))
    for kind, entry in GARMENTS.items():
        if not any(" ".join(words_of(name)) in text for name in (kind, *entry["also"])):
            continue  # most kinds; reading a caption takes longer
        mention = find_mention(caption, kind)
        head = mention.names[0].garment if mention else None
        if head is None or head.value != kind or mention.colour is None or len(mention.patterns) > 1:
            continue
        pattern = mention.pattern if mention.patterns else "solid"
        if pattern is not None:
            found.append(Worn(kind, caption[head.start : head.end], mention.colour, pattern, mention))
    return found


def read_vocabulary(captions: Sequence[str]) -> Vocabulary:
    """Count the words for garments in captions."""
    every = [worn for caption in captions for worn in worn_in(caption)]
    names = {slot: Counter(worn.name for worn in every if worn.slot == slot) for slot in {one.slot for one in every}}
    return Vocabulary(Counter(worn.colour for worn in every), Counter(worn.pattern for worn in every), names)


def edit_caption(caption: str, factor: str, vocabulary: Vocabulary, rng: random.Random) -> CaptionEdit:
    """Draw an edit of one factor of one garment.

    Raises:
        RefusedError: the caption allows none, or shows a fabric that is held out.
    """
    garments = worn_in(caption)
    if any(is_held_out(worn.colour, worn.pattern) for worn in garments):
        raise RefusedError("held-out fabric")
    if not garments:
        raise RefusedError("names no garment with a colour")
    worn = rng.choice(garments)
    if factor == "kind":
        return _change_kind(caption, worn, garments, vocabulary, rng)
    if factor == "cut":
        return _change_cut(caption, worn)
    colour, pattern = worn.colour, worn.pattern
    if factor in ("colour", "both"):
        colour = _draw(vocabulary.colours, [c for c in vocabulary.colours if may_be_same(c, colour)], rng)
    if factor in ("pattern", "both"):
        pattern = _draw(vocabulary.patterns, [p for p in vocabulary.patterns if prints_may_be_same(p, pattern)], rng)
    if is_held_out(colour, pattern):
        raise RefusedError("held-out fabric")
    new = {"colour": colour if factor != "pattern" else None, "pattern": pattern if factor != "colour" else None}
    after = recaption(caption, worn.kind, **new)
    found = name_difference(caption, after, worn.kind)
    if found.doubt or (found.colour, found.pattern) != (new["colour"], new["pattern"]):
        raise RefusedError("the captions do not show the change")
    instruction = _instruct(worn, garments, rng, **new)
    return CaptionEdit(instruction, caption, after, worn.name, factor, **new)


def _instruct(
    worn: Worn, garments: Sequence[Worn], rng: random.Random, *, colour: str | None, pattern: str | None
) -> str:
    """Draw a wording that is read as this edit.

    "shirt", "clothes" and no name stand for the garment only where no other can be meant.
    """
    alone = sum(one.slot != "lower" for one in garments) == 1
    for _ in range(_TRIES):
        instruction = correct_articles(instruct(rng, worn.name, colour=colour, pattern=pattern))
        request = read_request(instruction)
        if (alone or worn.name in instruction) and (request.colour, request.pattern) == (colour, pattern):
            return instruction
    raise RefusedError("the instruction would be ambiguous")


def _change_kind(
    caption: str, worn: Worn, garments: Sequence[Worn], vocabulary: Vocabulary, rng: random.Random
) -> CaptionEdit:
    """Replace a garment by another of its slot, in the same colour and print."""
    old = describe(worn.name, worn.colour, worn.pattern)
    if caption[worn.mention.start : worn.mention.end] != old or worn.mention.statements:
        raise RefusedError("more is said of the garment than colour and print")
    if sum(one.slot == worn.slot for one in garments) > 1:
        raise RefusedError("several garments in one place")
    name = _draw(vocabulary.names[worn.slot], [worn.name], rng)
    new = describe(name, worn.colour, worn.pattern)
    after = caption[: worn.mention.start] + new + caption[worn.mention.end :]
    instruction = rng.choice(_KIND).format(old=worn.name, new=describe(name))
    return CaptionEdit(instruction, caption, after, worn.name, "kind")


def _change_cut(caption: str, worn: Worn) -> CaptionEdit:
    """Replace the word for the cut of a garment by its opposite."""
    start, end = worn.mention.start, worn.mention.end
    said = [word for word in caption[start:end].split(" ") if word in OPPOSITES]
    if len(said) != 1:
        raise RefusedError("the caption does not say how the garment is cut")
    opposite, request = opposite_of(said[0], worn.kind)
    after = caption[:start] + caption[start:end].replace(said[0], opposite) + caption[end:]
    return CaptionEdit(request.format(garment=worn.name), caption, after, worn.name, "cut")


def _draw(counts: Counter[str], excluded: Sequence[str], rng: random.Random) -> str:
    """Draw a word as often as it occurs, except the excluded ones."""
    names = sorted(set(counts) - set(excluded))
    if not names:
        raise RefusedError("the captions name no alternative")
    return rng.choices(names, [counts[name] for name in names])[0]


def draw_edits(captions: Sequence[str], count: int, seed: int) -> Iterator[CaptionEdit]:
    """Yield `count` edits; a higher count begins with the same ones.

    Captions are taken in a random order, each once before any is taken again. One that allows no edit of the factor
    that was drawn for it is left out.

    Raises:
        UserError: the captions allow no edits.
    """
    vocabulary, once = read_vocabulary(captions), list(dict.fromkeys(captions))
    rng = random.Random(derive_seed(seed, "edits"))
    rng.shuffle(once)
    made, refused = 0, list[str]()
    for caption in cycle(once):
        if made == count:
            return
        if len(refused) == _TRIES:
            raise UserError(f"captions: {_TRIES} in a row allow no edit; the last: {refused[-1]}")
        try:
            edit = edit_caption(caption, rng.choices(list(FACTORS), list(FACTORS.values()))[0], vocabulary, rng)
        except RefusedError as error:
            refused.append(str(error))
        else:
            made, refused = made + 1, []
            yield edit


def read_captions(path: Path) -> list[str]:
    """Read captions: one a line, or the values of `caption` of a .jsonl file.

    Raises:
        UserError: the file cannot be read, or holds no captions.
    """
    if path.suffix == ".jsonl":
        rows = [line.row.get("caption") for line in read_json_lines(path)]
        captions = [caption for caption in rows if isinstance(caption, str) and caption.strip()]
    else:
        captions = [line.strip() for line in read_plain_text(path, _LARGEST).splitlines() if line.strip()]
    if not captions:
        raise UserError(f"{path}: no captions; expected one a line, or a .jsonl file whose rows have a caption")
    return captions


@command.stage
@input_option("captions", "Captions, one a line, or a .jsonl file whose rows have a caption.")
@click.option("--count", type=COUNT, default=2000, help="Edits to draw.")
@click.option("--seed", type=SEED, default=0, help="Seed of the draws.")
@command.output_option("out", "File for the edits, .jsonl.")
def main(captions: Path, count: int, seed: int, out: Path) -> None:
    """Draw instructions, each with the captions before and after it."""
    edits = list(draw_edits(read_captions(captions), count, seed))
    write_text(out, "".join(f"{json.dumps(asdict(edit), ensure_ascii=False)}\n" for edit in edits))
    click.echo(f"{count} edits in {out}: {dict(Counter(edit.factor for edit in edits))}")


if __name__ == "__main__":
    main()
