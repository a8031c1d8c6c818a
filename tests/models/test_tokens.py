"""What of a text is not read, against the tokens that a network gets."""

import pytest
from fixtures_editor import INSTRUCTIONS, build_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from import_graph import ROOT

from atelier.common.errors import UserError
from atelier.models.tokens import TokenLimit, describe_unread, load_limit, notice_unread

LIMIT = TokenLimit(build_tokenizer(INSTRUCTIONS, length=16), 16)
CONTENT = 14  # tokens beside those of start and end


@settings(max_examples=60)
@given(st.lists(st.sampled_from(" ".join(INSTRUCTIONS).split()), max_size=24).map(" ".join))
def test_read_and_unread_parts_make_the_whole_text(text):
    tokens = LIMIT.tokenizer(text, truncation=True, max_length=16).input_ids
    read = LIMIT.tokenizer.decode(tokens, skip_special_tokens=True)
    assert "".join((read + LIMIT.unread(text)).split()) == "".join(text.split())
    assert LIMIT.fits(text) == (len(LIMIT.tokenizer(text, verbose=False).input_ids) <= 16)


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("", ""),
        ("red " * CONTENT, ""),
        ("red " * CONTENT + "shirt", "shirt"),
        ("red " * CONTENT + "make the\nshirt blue", "make the\nshirt blue"),
        ("  red" * (CONTENT + 1), "red"),
        ("RED " * CONTENT + "Shirt", "Shirt"),
    ],
)
def test_the_unread_end_of_a_text(text, unread):
    assert LIMIT.unread(text) == unread


def test_a_notice_is_one_line_counts_and_quotes_and_is_silent_where_all_is_read(capsys):
    texts = ["red", "red " * CONTENT + "make it\nblue", "red " * CONTENT + "x" * 999]
    assert notice_unread(texts, LIMIT.unread, "prompts are too long") == 2
    assert capsys.readouterr().err == "atelier: 2 of 3 prompts are too long; of the first, not read: “make it blue”\n"
    assert len(describe_unread("x" * 999)) < 230
    assert notice_unread(texts[:1], LIMIT.unread, "prompts are too long") == 0
    assert capsys.readouterr().err == ""


def test_limits_are_read_from_a_model_folder_without_its_networks(tmp_path, tiny_editor_folder, tiny_clip_folder):
    assert load_limit(str(tiny_clip_folder)).length == 96
    assert load_limit(str(tiny_editor_folder), tokenizer="tokenizer", text_encoder="text_encoder").length == 16
    embedded = load_limit(str(ROOT / "models/base/clip"))
    assert (embedded.length, embedded.fits("red " * 22), embedded.fits("red " * 23)) == (24, True, False)
    with pytest.raises(UserError, match="no tokenizer to load"):
        load_limit(str(tmp_path))
