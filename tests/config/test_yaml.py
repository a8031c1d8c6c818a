"""Files of parameters that are no YAML, too large, too deep, or not files: one line, and at once."""

import os
import threading
from pathlib import Path

import pytest
from fixtures_config import SHIPPED, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from atelier.common.errors import UserError
from atelier.config import read_params
from atelier.config.read import DEEPEST, parse_yaml

BOMB = "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))
MERGES = "a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60))


@pytest.mark.parametrize(("text", "reason"), [
    ("[" * 1500, "nested more than 32 deep"), ("- " * 1500, "nested more than 32 deep"),
    ("? " * 1500, "nested more than 32 deep"), ("{a: " * 1500, "nested more than 32 deep"),
    ("[" * 200_000, "nested more than 32 deep"), (BOMB, "with aliases expanded"), (MERGES, "with aliases expanded"),
    ("a: &a [*a]", "with aliases expanded"), ("a: &a {<<: *a}", "with aliases expanded"),
    ("[1" + ", 1" * 50_000, "more than 20,000 values"), ("a: " + "9" * 5000, "does not fit its type"),
    ("a: !!int x", "does not fit its type"), ("a: !!int ''", "does not fit its type"),
    ("a: !!bool x", "does not fit its type"), ("a: !!float ''", "does not fit its type"),
    ("a: !!binary x", "not YAML"), ("a: !foo 1", "not YAML"), ("a: !!python/name:os.system x", "not YAML"),
    ("a: 1\na: 2", "duplicate key"), ("a: 1\n---\nb: 2", "not YAML"), ("a: \t- b", "not YAML"), ("a: \0", "not YAML"),
    ("%YAML 9.9\n---\na: 1", "not YAML"), ("{a: 1}: 2", "not YAML"), ("a: *nowhere", "undefined alias"),
    ("train: " + "x" * 300_000, "the limit is"), ("a: b: c", "mapping values are not allowed"),
    ("models: 1\n", "models: "), ("1: 2", "models: Field required"),
    (f"{SHIPPED.read_text()}[a, b]: c", "Keys should be strings"), (f"{SHIPPED.read_text()}1: c", "Keys should be"),
    (f"{SHIPPED.read_text()}? {'k' * 10**5}\n: 1", "kkk': Extra inputs are not permitted (it is 1)"),
    ("true", "no sections"), ("2024", "no sections"), ("~", "no sections"),
])  # fmt: skip
def test_a_hostile_file_is_refused_in_one_line(tmp_path, text, reason):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert reason in refusal(path)


def test_only_a_plain_utf8_file_is_read_and_nothing_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes("seen: é".encode("latin-1"))
    (tmp_path / "utf16").write_bytes(SHIPPED.read_text().encode("utf-16"))
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(10**12)
    names = ["pipe", ".", "latin", "utf16", "binary", "huge", "none", "latin/below", "n" * 300]
    for path in [*(tmp_path / name for name in names), Path("/dev/zero")]:
        refusal(path)
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf" + SHIPPED.read_bytes())
    (tmp_path / "link").symlink_to("bom")
    assert read_params(tmp_path / "link") == read_params(SHIPPED)


def test_anchors_aliases_and_merges_of_a_sensible_file_are_read():
    text = "a: &one {x: 1, y: two}\nb: *one\nc: {<<: *one, z: [&l 3, *l]}\n"
    assert parse_yaml(text, "") == YAML(typ="safe").load(text) == {
        "a": {"x": 1, "y": "two"}, "b": {"x": 1, "y": "two"}, "c": {"x": 1, "y": "two", "z": [3, 3]},
    }  # fmt: skip
    assert parse_yaml("[" * DEEPEST + "]" * DEEPEST, "") is not None


def message_of(text: str) -> str:
    """Return why a text is refused; "file: " if it is not."""
    try:
        parse_yaml(text, "file")
    except UserError as error:
        return str(error)
    return "file: "


@settings(max_examples=60)
@given(st.text(st.sampled_from("ab1. :-?[]{},&*!|>'\"#%@`\n\t~<=é\\0x+_"), max_size=40) | st.text(max_size=40))
def test_any_text_is_yaml_or_refused_in_one_line(text):
    message = message_of(text)
    assert message.startswith("file: ")
    assert "\n" not in message
    assert len(message) < 400


TAGS = "int float bool null timestamp binary str seq map set omap pairs merge value yaml python/object:os.system"


@pytest.mark.parametrize("tag", TAGS.split())
def test_any_tag_on_any_value_is_read_or_refused_in_one_line(tag):
    for value in ("x", "''", "1:2:x", "[1]", "{a: 1}", "[{a: 1, b: 2}]", "0x", "++1", "1e", "_", "."):
        for version in ("", "%YAML 1.1\n---\n"):
            assert message_of(f"{version}a: !!{tag} {value}").startswith(("file: not YAML: ", "file: "))


def test_a_misspelt_key_names_the_key_that_was_meant(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(SHIPPED.read_text().replace("  noisiest:", "  noisest: 0.1\n  noisiest:"))
    assert "train.noisest: Extra inputs are not permitted; did you mean noisiest?" in refusal(path)
    for changes, reason in [
        ({"train.lr": "[1"}, "train.lr: not YAML"), ({"train.lr": "true"}, "train.lr: Input should be a valid number"),
        ({"train": "1"}, "train: no such parameter"), ({"\x1b" * 999: "1"}, "no such parameter"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=reason.replace("[", r"\[")) as caught:
            read_params(SHIPPED, changes)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


def test_reading_does_not_wait_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = threading.Thread(target=lambda: refusal(tmp_path / "pipe"), daemon=True)
    reader.start()
    reader.join(10)
    assert not reader.is_alive()
