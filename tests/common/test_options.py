"""Stages refuse outputs that cannot be written before they read anything; checks of paths, numbers and texts."""

from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from atelier.common.errors import UserError
from atelier.common.options import OUT_FILE, OUT_FOLDER, TEXT, Number, check_output

NAMES = ["prepare", "pair", "mask", "train", "generate", "evaluate"]
STAGES = {
    name: import_module(f"stages.{name}").main for name in ["prepare", "pair", "mask", "train", "generate", "evaluate"]
}
OUTPUTS = [(stage, option.name) for stage, command in STAGES.items() for option in command.params
           if option.type in (OUT_FILE, OUT_FOLDER)]  # fmt: skip


def test_every_stage_has_outputs():
    assert {stage for stage, _ in OUTPUTS} == STAGES.keys()


@pytest.mark.parametrize(("stage", "output"), OUTPUTS)
def test_a_stage_refuses_an_output_below_a_file_before_it_reads_anything(tmp_path, monkeypatch, stage, output):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    words = []
    for option in STAGES[stage].params:
        value = (
            "file/below" if option.name == output else "baseline" if option.name == "model" else f"none-{option.name}"
        )
        words += [option.opts[0], value] if isinstance(option, click.Option) and option.name != "help" else []
    result = CliRunner().invoke(STAGES[stage], words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert f"--{output.replace('_', '-')}" in result.stderr
    assert "file/below: file is not a folder" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_output_may_be_new_or_be_replaced_and_nothing_is_left_by_the_check(tmp_path):
    (tmp_path / "old").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for path, folder in (("old", False), ("new", False), ("a/b/c", False), ("link", False), ("new", True),
                         ("folder", True), ("folder/x/y", True), ("é" * 127, False)):  # fmt: skip
        check_output(tmp_path / path, folder=folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "link", "old"]
    assert (tmp_path / "old").read_text() == "old"
    for path, folder in (("old", True), ("folder", False), ("old/x", False), ("é" * 128, False), ("link/x", True)):
        with pytest.raises(UserError):
            check_output(tmp_path / path, folder=folder)


@pytest.mark.parametrize("value", ["nan", "NaN", "-nan", "inf", "1e400", "-1", "2", "", "x", "9" * 5000])
def test_a_number_is_finite_and_in_its_range(value):
    assert Number(0, 1).convert("1", None, None) == 1
    with pytest.raises(click.BadParameter):
        Number(0, 1).convert(value, None, None)


@pytest.mark.parametrize("value", ["", " \n", "a\0", "\udcff", "a" * 10_001])
def test_a_text_is_not_blank_short_enough_and_of_whole_characters(value):
    assert TEXT.convert("é \n", None, None) == "é \n"
    with pytest.raises(click.BadParameter):
        TEXT.convert(value, None, None)
