"""Wrong input on the command line: exit code 2 and one line on stderr, at once, for every option of every command."""

import os
import re
import shutil
import time
from importlib import import_module
from pathlib import Path

import click
import photographs
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from import_graph import ROOT
from PIL import Image

from atelier.cli import main
from atelier.common.errors import UserError, one_line

LONG = "9" * 5000
PATHS = ["", " ", "n" * 300, "a/" * 3000, "file/below", "file/below/more", "folder", "pipe", "a\0b", "\udcff",
         "\x1b[31m", "loop", "loop/x", "dangling/x", "/dev/null", "/dev/null/x", "/proc/none/x", "..", ".", "/", "-",
         "~", "none", "none/none", "file", "é" * 128]  # fmt: skip
NUMBERS = ["", " ", "x", "nan", "inf", "-inf", "1e400", "-1", LONG, "-" + LONG, "9" * 1_000_000, "0x10", "1.5", "true",
           "a\0b", "1e30", "\n", "2147483648", "0", "\udcff"]  # fmt: skip
TEXTS = ["", " ", "a" * 1_000_000, "a\0b", "\udcff", "\x1b[31m", "a\nb", "--", "-x", "../x", "é" * 200, "{}"]
OUTPUTS = ["", "n" * 300, "a/" * 3000, "file/below", "file/below/more", "pipe/x", "a\0b", "loop/x", "dangling/x",
           "/dev/null/x", "/proc/none/x", "pipe", "/dev/null"]  # fmt: skip
WORDS = {  # a call of every command that is right but for what is not there; OUT is free
    "new": ["none"],
    "config": ["embedded", "--params", "params.yaml"],
    "blocks": ["--base", "none"],
    "memory": ["--base", "none"],
    "ablations": ["none"],
    "methods": ["none"],
    "seeds": ["none"],
    "edit": ["photo.jpg", "make it red", "-o", "out.png"],
    "studio": ["--models", "none"],
    "export": ["none", "--out", "out"],
    "register": ["none", "--example", "photo.jpg"],
    "survey": ["none.csv", "--out", "answers.jsonl"],
    "clean": [],
    "results": ["folder"],
    "score": ["none.csv", "--out", "out"],
    "judge": ["none.csv", "--url", "http://localhost:1", "--model", "m", "--out", "out"],
}
TREE = [(name, option) for name, command in main.commands.items() for option in command.params]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch) -> None:
    """Work among a file, a folder, a pipe and bad links; a right call of `edit` or `studio` ends before it works."""

    def stop(*_: object) -> None:
        raise UserError("stopped before the editor is loaded")

    monkeypatch.setattr(import_module("atelier.cli.edit_photos"), "load_networks", stop)
    monkeypatch.setattr(import_module("atelier.studio.server"), "running", stop)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copy(photographs.HOPPER, tmp_path / "photo.jpg")
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")


def run(*words: str) -> Result:
    """Run a command; whatever the words, it must end at once, and in one line unless it succeeds."""
    start = time.monotonic()
    result = CliRunner().invoke(main, words)
    assert time.monotonic() - start < 20
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 2)
    if result.exit_code:
        assert result.stdout == ""
        assert re.fullmatch(r"Error: [^\n]{1,1300}\n", result.stderr), result.stderr[:2000]
        assert result.stderr.strip().isprintable()
    return result


def hostile(option: click.Parameter) -> list[str]:
    if isinstance(option.type, click.Path):
        return PATHS
    return NUMBERS if isinstance(option.type, click.IntRange | click.FloatRange) else TEXTS


def placed(name: str, option: click.Parameter, value: str) -> list[str]:
    """Return the words of a right call with the value of one option or argument replaced."""
    words = list(WORDS[name])
    flags = [*option.opts]
    if isinstance(option, click.Argument):
        at = [one for one in main.commands[name].params if isinstance(one, click.Argument)].index(option)
        there = at < len(words) and not words[at].startswith("-")
        return [*words[:at], value, *words[at + 1 :]] if there else [*words, value]
    if found := [at for at, word in enumerate(words) if word in flags]:
        return [*words[: found[0] + 1], value, *words[found[0] + 2 :]]
    return [*words, flags[-1], value]


def test_every_command_has_a_right_call():
    assert WORDS.keys() == main.commands.keys()
    assert "stopped before the editor is loaded" in run("edit", *WORDS["edit"]).stderr
    assert run("config", *WORDS["config"]).exit_code == 0


@pytest.mark.parametrize(("name", "option"), TREE, ids=[f"{name}-{option.name}" for name, option in TREE])
def test_a_hostile_value_of_any_option_gives_one_line(name, option):
    if isinstance(option, click.Option) and option.is_flag:
        return
    for value in hostile(option):
        run(name, *placed(name, option, value))


@pytest.mark.parametrize(("name", "option"), [
    ("edit", "-o"), ("export", "--out"), ("judge", "--out"), ("score", "--out"), ("survey", "--out"),
    ("ablations", "--out"),
    ("methods", "--out"), ("seeds", "--out"), ("edit", "--out-dir"),
])  # fmt: skip
def test_an_output_that_cannot_be_written_is_refused_before_any_input_is_read(name, option):
    found = next(one for one in main.commands[name].params if option in one.opts)
    for value in OUTPUTS:
        message = run(name, *placed(name, found, value)).stderr
        assert message.startswith("Error: Invalid value for "), (value, message)
        assert option in message
    if option == "-o":
        for value in ("folder", ".", "/"):
            assert "is a folder; expected the name of a file" in run(name, *placed(name, found, value)).stderr
    elif name != "survey":
        assert "is not a folder" in run(name, *placed(name, found, "file")).stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is writable for root")
def test_an_output_in_a_folder_without_permission_is_refused(tmp_path):
    (tmp_path / "folder").chmod(0o500)
    assert (
        "cannot write in folder: Permission denied"
        in run("edit", "photo.jpg", "make it red", "-o", "folder/x.png").stderr
    )


@pytest.mark.parametrize(("words", "reason"), [
    (["edit", "photo.jpg", "red", "--seed", LONG], "--seed"),
    (["edit", "photo.jpg", "red", "--guidance-text", "nan"], "'nan' is not a number"),
    (["edit", "photo.jpg", "red", "--guidance-image", "inf"], "--guidance-image"),
    (["edit", "photo.jpg", "red", *["--seed", "1"] * 65], "at most 64"),
    (["edit", "/", "red"], "is a folder"), (["edit", ".", "red"], "is a folder"),
    (["edit", "n" * 250 + ".jpg", "red"], "too long"), (["edit"], "expected PHOTO"),
    (["edit", "photo.jpg", "red", "-o", "photo.jpg"], "is an input"),
    (["edit", "photo.jpg", "red", "--params", "pipe", "-o", "x.png"], "pipe: is a pipe or a device"),
    (["edit", "photo.jpg", "red", "--params", "folder", "-o", "x.png"], "folder: is a folder"),
    (["edit", "photo.jpg", "red", "--params", "photo.jpg", "-o", "x.png"], "photo.jpg: not UTF-8"),
    (["config", "embedded", "--params", "none/none"], "none/none: No such file"),
    (["judge", "none.csv", "--url", "x", "--model", "m", "--out", "out", "--timeout", "nan"], "--timeout"),
    (["survey", "--score", "/"], "is a folder"), (["survey", "--score", "folder"], "folder"),
    (["none"], "No such command 'none'"), (["edit", "--unknown"], "No such option"), (["--what"], "No such option"),
    (["blocks", "too", "many"], "unexpected extra arguments"), (["export"], "Missing option '--out'"),
    (["x" * 1_000_000], "No such command"), (["edit", "--" + "x" * 1_000_000], "No such option"),
    (["edit", "--seed"], "requires an argument"), (["memory", "--dtype", "y" * 10**6], "is not one of 'float32'"),
])  # fmt: skip
def test_the_line_says_what_is_wrong(words, reason):
    result = run(*words)
    assert result.exit_code == 2
    assert reason in result.stderr


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(WORDS)),
    st.lists(
        st.sampled_from([flag for _, option in TREE for flag in option.opts if flag.startswith("-")])
        | st.sampled_from([value for value in [*PATHS, *NUMBERS, *TEXTS] if len(value) < 6000])
        | st.text(max_size=20),
        max_size=8,
    ),
)
def test_any_words_give_one_line_or_success(name, words):
    run(name, *words)


def test_a_mask_that_is_none_is_refused_before_the_editor_is_loaded():
    for value in (*PATHS, "params.yaml"):
        if value != "none":
            assert "stopped" not in run("edit", "photo.jpg", "make it red", "-o", "out.png", "--mask", value).stderr
    mask = Image.new("L", (512, 600))
    mask.paste(255, (100, 100, 300, 300))
    mask.save("mask.png")
    assert "stopped" in run("edit", "photo.jpg", "make it red", "-o", "out.png", "--mask", "mask.png").stderr


def test_a_message_is_cut_in_its_middle_and_printable():
    text = one_line("Error: " + "a\n\x1b\udcff" * 10**5 + " the end")
    assert text.isprintable()
    assert text.startswith("Error: a \\x1b\\udcffa")
    assert text.endswith("the end")
    assert len(text) < 1010
    assert one_line("  a \t b\u2028c ") == "a b c"
