"""Every code block and every command of README and docs: run on a small copy where that takes seconds, else parsed."""

import csv
import io
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from code_blocks import blocks, commands, parse
from fixtures_finetuned import finetune_selectively
from import_graph import ROOT
from photographs import seen_rows
from ruamel.yaml import YAML

from atelier.cli import main
from atelier.config import read_params
from atelier.pairs.prompts import read_prompts
from atelier.preferences.pairs import read_pairs

COMMANDS = commands()
RUN = re.compile(r"atelier (blocks|clean|config|edit|export|results|survey --score)\b")
PARSED = {  # what is only parsed → why
    r"(make|dvc repro|python -m pretrain\S+|python scripts/)\b": "a pipeline, a training or a benchmark: minutes",
    r"dvc exp run\b": "trainings: minutes; the keys and values that it sets are checked",
    r"dvc (?!exp run|repro)\w+": "DVC itself: tests/pipelines",
    r"atelier (ablations|methods|seeds|new)\b": "experiments in a repository: tests/cli, tests/report",
    r"atelier score\b": "edits of other editors, which are not here: tests/scoring",
    r"atelier (judge|survey|studio)\b": "servers: tests/preferences, tests/studio",
    r"(atelier register|mlflow models serve)\b": "MLflow's registry: tests/export/test_register.py",
    r"atelier memory\b": "the networks of full size, half a minute: tests/training/test_memory.py",
    r"python -m shoot\S+": "the extra `shoot`, or stored shots: minutes; tests/shoot",
    r"(git|pip|echo|export|source|grep|fail|python3|PYTHONPATH=|witness/)\b": "other programs; `file_faults`",
    r"python (tests/fixtures|-m studies)\S+": "tests/training/test_file_faults.py and tests/studies run it",
}  # fmt: skip


def test_every_command_is_run_or_has_a_reason_why_not():
    reasons = {one: [why for form, why in PARSED.items() if re.match(form, one)] for one in COMMANDS}
    unclear = {one: why for one, why in reasons.items() if not RUN.match(one) and len(why) != 1}
    assert not unclear
    assert [form for form in PARSED if not any(re.match(form, one) for one in COMMANDS)] == []
    assert len(COMMANDS) > 60


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_arguments_that_its_program_takes(command, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    parse(command, tmp_path)


def write_params(folder: Path) -> None:
    """Write the shipped parameters, with one thread."""
    values = YAML().load(ROOT / "params.yaml")
    values["models"].update(threads=1)
    YAML().dump(values, folder / "params.yaml")


@pytest.fixture(scope="module")
def small_copy(tmp_path_factory) -> Path:
    """A checkout's parameters and models with a fine-tuned editor, a photo, a batch and answers of a survey."""
    folder = tmp_path_factory.mktemp("copy")
    write_params(folder)
    shutil.copytree(ROOT / "metrics", folder / "metrics")
    (folder / "models").mkdir()
    (folder / "models" / "base").symlink_to(ROOT / "models" / "base")
    finetune_selectively(folder / "models" / "finetuned", folder / "models" / "base" / "editor")
    (folder / "photo.jpg").write_bytes(seen_rows()[0]["images"]["bytes"])
    (folder / "jobs.csv").write_text("image,instruction\nphoto.jpg,make the shirt red\n")
    answer = {
        "rater": "a", "question": "Which?", "pair_id": "p1", "content": "c", "prompt": "x", "group": "g",
        "left": "one", "right": "two", "choice": "left", "repeat": False, "seconds": 1.0, "at": "2026-01-01T00:00:00",
    }  # fmt: skip
    (folder / "answers.jsonl").write_text(json.dumps(answer) + "\n")
    return folder


@pytest.mark.parametrize("command", [one for one in COMMANDS if RUN.match(one) and "studies/" not in one])
def test_commands_that_take_seconds_work(command, small_copy, monkeypatch):
    monkeypatch.chdir(small_copy)
    monkeypatch.setenv("DVC_ROOT", str(small_copy))
    result = CliRunner().invoke(main, shlex.split(command)[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    if command.startswith("atelier config"):
        write_params(small_copy)


def test_the_python_page_runs_from_block_to_block(small_copy, monkeypatch):
    monkeypatch.chdir(small_copy)
    names: dict[str, object] = {}
    for page, code in blocks("python"):
        if page == "docs/python.md":
            exec(compile(code, page, "exec"), names)
    assert names["same"].picture.tobytes() == names["second"].picture.tobytes()
    assert (small_copy / "shirt.png").exists()


@pytest.mark.parametrize(("page", "code"), [one for one in blocks("python") if one[0] != "docs/python.md"])
def test_python_blocks_run(page, code, sd_folder, tmp_path, monkeypatch):
    """The hub's model is replaced by a small one of the same class, and a training of 30 epochs by one of one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.png").write_bytes(seen_rows()[0]["images"]["bytes"])
    small = {
        "stable-diffusion-v1-5/stable-diffusion-v1-5": str(sd_folder),
        "epochs=30": "epochs=1",
        "steps=30": "steps=1",
    }
    for old, new in small.items():
        assert code.count(old) == 1
        code = code.replace(old, new)
    names = {"my_score": lambda images: float(images.mean())}
    exec(compile(code, page, "exec"), names)
    assert list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("page", "code"), blocks("yaml"))
def test_yaml_blocks_are_parameters(page, code, tmp_path):
    values = YAML().load(ROOT / "params.yaml")
    for section, keys in YAML().load(code).items():
        values[section].update(keys)
    YAML().dump(values, tmp_path / "params.yaml")
    assert read_prompts(read_params(tmp_path / "params.yaml").pair.prompts)


def test_blocks_without_a_language_are_the_layout_and_a_table_of_pairs(tmp_path):
    (readme, layout), (page, table) = blocks("")
    assert readme == "README.md"
    assert layout.startswith("dvc.yaml ")  # compared with the repository in test_readme
    assert page == "docs/preferences.md"
    (row,) = csv.DictReader(io.StringIO(table))
    for name in ("picture_a", "picture_b"):
        path = tmp_path / row[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(seen_rows()[0]["images"]["bytes"])
    (tmp_path / "pairs.csv").write_text(table)
    assert [pair.prompt for pair in read_pairs(tmp_path / "pairs.csv")] == [row["prompt"]]
