"""OCR of words drawn here, silently and offline."""

import socket

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from atelier.images.tensors import to_tensor
from atelier.metrics.ocr import Reader, forgive, nearness


def plate(word: str) -> np.ndarray:
    """Draw a 64-px image of a red plate with a word in black."""
    picture = Image.new("RGB", (64, 64), (230, 230, 230))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((6, 20, 57, 43), (206, 26, 38))
    draw.text((32, 32), word, (10, 10, 10), ImageFont.load_default(18), anchor="mm")
    return np.asarray(picture)


@pytest.mark.parametrize(
    ("text", "left"),
    [("VETO", "veto"), (" vet0.", "veto"), ("V E-T_O!", "veto"), ("VET1", "vet1"), ("VETOO", "vetoo"), ("…", "")],
)  # fmt: skip
def test_forgive_ignores_case_zero_and_punctuation_only(text, left):
    assert forgive(text) == left


@pytest.mark.parametrize(
    ("texts", "near"),
    [(["VETO"], 1), (["vet0"], 1), (["VITO"], 0.75), (["VTO"], 0.75), (["VETOO"], 0.75), (["WTO"], 0.5), (["OTEV"], 0),
     (["ABCDEFGH"], 0), ([], 0), (["BAG", "VETA", "TO"], 0.75)],
)  # fmt: skip
def test_nearness_counts_edits(texts, near):
    assert nearness(texts, "Veto") == near


def test_reader_finds_exact_words_silently_and_offline(monkeypatch, capfd):
    def refuse(*args, **kwargs):
        raise AssertionError("the reader asked the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    words = ("VETO", "veto", "VET0", "VELO", "VETOS", "", "NEW VETO")
    reader, pictures = Reader(), to_tensor([plate(word) for word in words[:-1]])
    found = reader.reads(pictures, "Veto")
    assert found.dtype == torch.bool
    assert found.tolist() == [True, True, True, False, False, False]
    assert reader.reads(pictures, "velo").tolist() == [False, False, False, True, False, False]
    assert reader.words(pictures)[5] == []
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="no letter"):
        reader.reads(pictures, "…")
