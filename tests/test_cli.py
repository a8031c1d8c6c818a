"""The `atelier` command."""

import re

import pytest
from click.testing import CliRunner

from atelier.cli import main


def test_blocks_of_the_full_size_editor_are_the_paper_s():
    result = CliRunner().invoke(main, ["blocks", "--full-size"])
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()[1:]}
    assert rows["attn+mid+up"] == ["204,885,120", "23.84%"]
    assert rows["all"] == ["859,532,484", "100.00%"]


def test_blocks_of_a_folder(tiny_editor_folder):
    result = CliRunner().invoke(main, ["blocks", "--base", str(tiny_editor_folder)])
    assert result.exit_code == 0
    shares = [float(share) for share in re.findall(r"([\d.]+)%", result.output)]
    assert shares == sorted(shares)  # each set holds the one before
    assert shares[-1] == 100


@pytest.mark.parametrize("words", [["blocks", "--base", "nowhere"], ["ablations", "no-such-experiment"]])
def test_a_user_s_mistake_is_one_line_and_exit_code_2(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no folder of that name, and no repository
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(r"Error: [^\n]+\n", result.stderr)
