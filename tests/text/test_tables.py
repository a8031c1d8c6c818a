"""Captions and pairs of captions as published data sets write them, with their right reading: two tables.

captions.csv: what a caption says of a garment, and the caption with one colour or print replaced. differences.csv: the
new colour and print in the second of two captions, or the doubt that forbids to name them. The styles are those of
DeepFashion-MultiModal, image captioners, alternative texts and shop titles.
"""

import csv
import random
from pathlib import Path

import pytest

from atelier.text.captions import find_mention, recaption
from atelier.text.differences import Difference, name_difference
from atelier.text.instructions import correct_articles, instruct
from atelier.text.lexicon import PRINTS, SEVERAL
from atelier.text.requests import read_request


def read_table(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


CAPTIONS, PAIRS = read_table("captions.csv"), read_table("differences.csv")


def test_the_tables_hold_at_least_80_rows():
    assert len(CAPTIONS) + len(PAIRS) >= 80


@pytest.mark.parametrize("row", CAPTIONS, ids=lambda row: row["caption"][:40])
def test_a_caption_is_read_and_rewritten(row):
    caption, garment, edit = row["caption"], row["garment"], row["edit"]
    mention = find_mention(caption, garment)
    colours = [] if mention is None else [colour for colour in mention.colours if colour != SEVERAL]
    assert ", ".join(colours) == row["colour"]
    assert ((mention and mention.pattern) or "") == row["print"]
    factor = "pattern" if edit in PRINTS else "colour"
    target = recaption(caption, garment, **{factor: edit})
    assert target == row["target"]
    assert recaption(target, garment, **{factor: edit}) == target  # nothing of the old colour or print is left


@pytest.mark.parametrize("row", PAIRS, ids=lambda row: f"{row['before'][:30]} → {row['after'][:30]}")
def test_the_difference_of_two_captions_is_named_or_doubted(row):
    expected = Difference(row["colour"] or None, row["print"] or None, row["doubt"] or None)
    assert name_difference(row["before"], row["after"], row["garment"]) == expected
    if expected.doubt is None:  # the instruction means what was named
        for seed in range(5):
            change = {"colour": expected.colour, "pattern": expected.pattern}
            instruction = correct_articles(instruct(random.Random(seed), row["garment"], **change))
            request = read_request(instruction)
            assert request.colour == expected.colour, instruction
            assert request.pattern in (expected.pattern, None if expected.pattern == "solid" else expected.pattern)
