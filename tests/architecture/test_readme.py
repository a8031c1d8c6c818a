"""README.md and docs/: the files, links, make targets, parameters and values they name exist."""

import re
import shlex
import subprocess

import click
import pytest
from import_graph import ROOT
from pipelines import is_own_study
from ruamel.yaml import YAML

from atelier.cli import main
from atelier.cli.repository import Study
from atelier.cli.run_experiments import ABLATIONS, changes_of
from atelier.config import read_params

DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
STUDIES = [page for page in sorted(ROOT.glob("studies/*/README.md")) if not is_own_study(page.parent)]
PAGES = {page: page.read_text(encoding="utf-8") for page in [*DOCS, ROOT / "data" / "README.md", *STUDIES]}
README = PAGES[DOCS[0]]
TEXT = "\n".join(PAGES[page] for page in DOCS).replace("\\\n", " ")  # one command, one line
EXPERIMENTS = re.findall(r"(?m)dvc exp run (?:--temp -n (\S+) )?((?:\s*-S (?:'[^']+'|\S+))+)", TEXT)


def pairs(text: str) -> dict[str, str]:
    """Parse "-S a.b=1 -S c.d=2" into {"a.b": "1", "c.d": "2"}."""
    return dict(word.split("=", 1) for word in shlex.split(text) if word != "-S")


def test_the_documented_ablations_are_those_that_atelier_ablations_runs():
    """tests/cli/test_run_experiments.py compares them with the paper."""
    read = YAML(typ="safe").load
    documented = {name: pairs(text) for name, text in EXPERIMENTS if len(name) == 1}
    typed = {name: {key: read(value) for key, value in changes.items()} for name, changes in documented.items()}
    assert typed == {name: changes_of(Study(ROOT), one) for name, one in ABLATIONS.items()}


@pytest.mark.parametrize(("name", "text"), EXPERIMENTS)
def test_every_documented_experiment_changes_parameters_that_exist(name, text, tmp_path):
    values = YAML().load(ROOT / "params.yaml")
    for key, value in pairs(text).items():
        section, option = key.split(".")
        assert option in values[section], f"params.yaml has no {key}: `-S` would change nothing"
        values[section][option] = YAML(typ="safe").load(value)
    YAML().dump(values, tmp_path / "params.yaml")
    read_params(tmp_path / "params.yaml")


def test_every_documented_parameter_is_there():
    """Those of `section.key` between backticks; the log names what was there once."""
    sections = YAML(typ="safe").load(ROOT / "params.yaml")
    named = {
        (page.name, section, key)
        for page, text in PAGES.items()
        if page.name != "log.md" and page not in STUDIES
        for section, key in re.findall(rf"`({'|'.join(sections)})\.(\w+)`", text)
    }
    assert len(named) > 30
    assert {one for one in named if one[2] not in sections[one[1]]} == set()


def test_the_layout_names_every_folder_and_every_package_and_no_others():
    (layout,) = re.findall(r"(?s)## Layout\n\n```\n(.*?)```", README)
    named = {line.split()[0].rstrip("/") for line in layout.splitlines()}
    named |= set(re.findall(r"`(src/atelier/\w+)`", README))  # the stages' packages
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {path.split("/")[0] for path in tracked if "/" in path and not path.startswith(".")} - {"src"}
    packages = {"/".join(path.split("/")[:3]) for path in tracked if re.match(r"src/atelier/\w+/", path)}
    assert named - {"dvc.yaml", "params.yaml", "src/atelier"} == folders | packages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_path_and_module_that_a_page_names_is_there(page):
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", PAGES[page]):
        assert (page.parent / link).exists(), f"{page.relative_to(ROOT)} links to {link}"
    paths = r"\b(?:docs|pretrain|scripts|src|stages|studies|tests)/[\w/.-]+\.(?:csv|md|py|sh|yaml)\b"
    for path in re.findall(paths, PAGES[page]):
        made_by_reader = path.startswith("studies/mine/")  # with `atelier new mine`
        assert made_by_reader or (ROOT / path).exists(), f"{page.relative_to(ROOT)} names {path}"
    for name in re.findall(r"\b(?:atelier|pretrain|stages|studies)(?:\.[a-z]\w+)+(?!\w*[/(])", PAGES[page]):
        module = ROOT / ("src" if name.startswith("atelier") else ".") / name.replace(".", "/")
        parents = [module.parent.with_suffix(".py"), module.parent / "__init__.py"]
        is_module = module.is_dir() or module.with_suffix(".py").exists()
        defined = [re.search(rf"\b{module.name}\b", one.read_text(encoding="utf-8")) for one in parents if one.exists()]
        assert is_module or any(defined), f"{page.relative_to(ROOT)} names {name}"


def test_the_glossary_and_documented_python_name_modules_that_are_there():
    for path in re.findall(r"\*Code\*: `([^`]+)`", PAGES[ROOT / "docs" / "glossary.md"]):
        assert (ROOT / "src" / "atelier" / path).exists(), path
    lines = re.findall(r"(?m)^from (atelier\S+) import (.*)$", TEXT)
    assert lines
    for module, names in lines:
        path = ROOT / "src" / module.replace(".", "/")
        source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
        assert all(re.search(rf"\b{name}\b", source) for name in names.split(", ")), f"{module}: {names}"


def test_the_readme_lists_every_page():
    for page in [*DOCS[1:], *STUDIES]:
        assert f"({page.relative_to(ROOT).as_posix()})" in README


def test_every_documented_subcommand_and_option_is_there():
    for line in set(re.findall(r"(?m)(?:^|`)atelier ([a-z][^`\n]+)", "\n".join(PAGES.values()))):
        name, *arguments = shlex.split(line, comments=True)
        command = main.commands[name]
        command.make_parser(click.Context(command)).parse_args(arguments)  # raises NoSuchOption


def test_every_documented_make_target_is_there_and_make_help_lists_them_all():
    def make(*words: str) -> list[str]:
        command = ["make", "--no-print-directory", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

    for target in set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", TEXT)):
        make("--dry-run", target)
    (phony,) = re.findall(r"(?m)^\.PHONY: (.*)$", (ROOT / "Makefile").read_text())
    assert [line.split()[0] for line in make("help")] == phony.split()
