"""`atelier results` and the ends of `make help` and `atelier --help`: whole sentences that fit a terminal."""

import json
import subprocess

import pytest
from click.testing import CliRunner
from import_graph import ROOT

from atelier.cli import main
from atelier.common.errors import UserError
from atelier.report.verdict import summarise_study


def estimate(mean: float, **more: float) -> dict[str, float]:
    return {"mean": mean, "ci_lo": mean - 0.01, "ci_hi": mean + 0.01, "n": 4, "clusters": 2} | more


@pytest.fixture
def study(tmp_path):
    """A study's folder with results: one key metric better, one worse, one undecided, and one worse for one prompt."""
    gain = {"clip_directional": estimate(20.0, p_holm=0.01), "target_rmse": estimate(0.1, p_holm=0.01)}
    gain |= {"leakage_share": estimate(0.0, p_holm=1.0)}
    worse = {"gain": {"clip_directional": estimate(-5.0)}}
    scores = {
        "baseline": {"clip_directional": estimate(40.0), "leakage_share": estimate(0.5), "target_rmse": estimate(0.2)},
        "finetuned": {"clip_directional": estimate(60.0), "leakage_share": estimate(0.5), "target_rmse": estimate(0.3)},
    }
    prompts = {"make the shirt red": worse, "make it blue": {"gain": {"clip_directional": estimate(9.0)}}}
    photographs = {model: {"clip_directional": scores[model]["clip_directional"]} for model in scores}
    report = {"networks": {"clip": "a"}, "seen": scores | {"gain": gain, "prompts": prompts}}
    report["unseen"] = photographs | {"gain": {"clip_directional": gain["clip_directional"]}}
    report["test_triplets"] = report["unseen"]  # on the page, not among the three lines
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "evaluate.json").write_text(json.dumps(report))
    return tmp_path


def test_the_result_is_three_lines_and_the_path_of_the_page(study):
    page = study / "metrics" / "report" / "index.html"
    expected = [
        "Seen images: CLIP directional 40.00 → 60.00; leakage above the floor 0.500 → 0.500; "
        "RMSE to the exact target 0.2000 → 0.3000.",
        "Unseen images: CLIP directional 40.00 → 60.00.",
        "Key measures after fine-tuning, seen: 1 of 3 better, 1 worse (worse for “make the shirt red”); "
        "unseen: 1 of 1 better, 0 worse.",
    ]
    lines = summarise_study(study)
    assert lines[:3] == expected
    assert lines[3].startswith(f"Page with every edit: {page} (not here")
    page.parent.mkdir()
    page.write_text("page")
    result = CliRunner().invoke(main, ["results", str(study)])
    assert (result.exit_code, result.output.splitlines()) == (0, [*expected, f"Page with every edit: {page}"])


@pytest.mark.parametrize(("text", "reason"), [(None, "no such file"), ("{", "not JSON")])
def test_a_study_without_results_is_one_line(text, reason, tmp_path):
    if text:
        (tmp_path / "metrics").mkdir()
        (tmp_path / "metrics" / "evaluate.json").write_text(text)
    with pytest.raises(UserError, match=reason):
        summarise_study(tmp_path)


def test_make_help_is_a_whole_sentence_per_target_in_80_columns():
    command = ["make", "--no-print-directory", "help"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) > 5
    assert all(len(line) <= 80 and line.endswith(".") and line.split()[1][0].isupper() for line in lines)


def test_the_help_of_atelier_has_whole_sentences_in_80_columns():
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    assert max(len(line) for line in shown.splitlines()) <= 80
    words = " ".join(shown.split())
    for name, command in main.commands.items():
        first = " ".join(command.help.split()).partition(". ")[0].removesuffix(".")
        assert f" {name} {first}." in words


def test_make_repro_ends_with_the_result():
    command = ["make", "--no-print-directory", "--dry-run", "--old-file", "mlflow.db", "repro"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines == ["dvc repro", "echo", "atelier results"]
