"""Every dvc.yaml names exactly the code that its stages reach by imports, and runs this checkout's code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import forks
import pytest
from import_graph import CODE, ROOT, reached
from pipelines import is_own_study, show
from ruamel.yaml import YAML

# Their values are DVC params (config), or they only observe (tracking): they cannot change what a stage writes.
WITHOUT_EFFECT = frozenset({"atelier.config", "atelier.config.fields", "atelier.tracking"})
SHARED = {("pretrain", "common"), ("studies", "common")}  # packages outside src


def run(words: str, cwd: Path) -> str:
    """Run a command, which must succeed; return what it prints."""
    command = [sys.executable if word == "python" else word for word in words.split()]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


PIPELINES = [
    ROOT / line for line in run("git ls-files *dvc.yaml", ROOT).split() if not is_own_study((ROOT / line).parent)
]
STAGES = {
    f"{file.parent.relative_to(ROOT)}:{name}": stage.get("do", stage)
    for file in PIPELINES
    for name, stage in YAML(typ="safe").load(file)["stages"].items()
}


def packages(files: set[Path]) -> set[str]:
    """The dependencies that stand for some files: a package of src, a shared package, or a pipeline's own script."""
    found = set()
    for file in files:
        parts = file.relative_to(ROOT).parts
        depth = 3 if parts[0] == "src" else 2 if parts[:2] in SHARED else len(parts)
        if depth < len(parts) or file.name != "__init__.py":
            found.add("/".join(parts[:depth]))
    return found


def is_code(dep: str) -> bool:
    return dep.startswith("src/") or dep.endswith(".py") or tuple(dep.split("/")) in SHARED


def test_there_are_eleven_pipelines():
    assert len(PIPELINES) == 11


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_the_packages_that_the_stage_reaches_in_this_checkout(name):
    """An editable install points to one checkout; `dvc exp run --temp` and `--queue` run in another."""
    cmd = STAGES[name]["cmd"]
    assert cmd.startswith("PYTHONPATH=src ") or "-m " not in cmd
    scripts = re.findall(r"-m ((?:stages|studies|pretrain)[\w.]+)", cmd)
    needed = packages({CODE[one] for one in reached(set(scripts), WITHOUT_EFFECT)})
    assert {dep for dep in STAGES[name].get("deps", []) if is_code(dep)} == needed


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A small DVC repository with a package `atelier` of its own and one stage that says whose code it runs."""
    root = tmp_path_factory.mktemp("repository")
    (root / "src" / "atelier").mkdir(parents=True)
    (root / "src" / "atelier" / "__init__.py").write_text("")
    (root / "whose.py").write_text(
        "import json, pathlib, atelier\n"
        "here = pathlib.Path.cwd().resolve() in pathlib.Path(atelier.__file__).resolve().parents\n"
        "pathlib.Path('whose.json').write_text(json.dumps({'own': int(here)}))\n"
    )
    (root / "params.yaml").write_text("value: 1\n")
    (root / "dvc.yaml").write_text(
        f"stages:\n  whose:\n    cmd: PYTHONPATH=src {sys.executable} whose.py\n    params: [value]\n"
        "    deps: [src/atelier, whose.py]\n    metrics:\n      - whose.json: {cache: false}\n"
    )
    for command in ("git init -q", "git config user.email test@example.org", "git config user.name test",
                    "python -m dvc init -q", "git add -A", "git commit -qm Start"):  # fmt: skip
        run(command, root)
    return root


@pytest.mark.slow
@pytest.mark.parametrize(("name", "commands"), [("temp", ["--temp -n temp -S value=2"]),
                                                ("queued", ["--queue -n queued -S value=3", "--run-all"])])  # fmt: skip
def test_an_experiment_in_a_copy_runs_the_copy_s_code(repository, name, commands):
    for options in commands:
        run(f"python -m dvc exp run {options}", repository)
    commit = run(f"git for-each-ref --format=%(objectname) refs/exps/*/*/{name}", repository).strip()
    assert run(f"git show {commit}:whose.json", repository) == '{"own": 1}'


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """What git tracks, as a repository of its own: no data, no weights of runs, no cache."""
    root = tmp_path_factory.mktemp("clone")
    for path in run("git ls-files", ROOT).splitlines():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)
    run("git init -q", root)
    return root


@pytest.mark.slow
@pytest.mark.parametrize(
    "pipeline",
    [
        name
        for file in PIPELINES
        if not (name := file.parent.relative_to(ROOT).as_posix()).startswith("studies") or name.endswith("/photographs")
    ],
)
def test_a_fresh_clone_is_up_to_date(clone, pipeline):
    """tests/studies/test_studies.py holds it of the studies."""
    assert (clone / pipeline / "dvc.lock").exists(), "run the pipeline and commit its dvc.lock"
    show(clone, pipeline)
    words = ["-m", "dvc", "repro", "--allow-missing", "--dry", f"{pipeline}/dvc.yaml"]
    result = forks.run(words, clone, dict(os.environ))
    assert "Data and pipelines are up to date." in result.stdout, result.stdout + result.stderr
