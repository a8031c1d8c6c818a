"""The house rules that keep modules apart. The picture of them is in README.md."""

import ast
import itertools
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
from import_graph import ROOT, graph, imports, modules, nodes, reached

ATELIER, STAGES = modules("atelier"), modules("stages")

# What everything stands on. These import one another and nothing above them.
FOUNDATION = {
    "atelier.common.errors", "atelier.common.files", "atelier.images.tensors", "atelier.common.records", "atelier.text.instructions", "atelier.text.garments",
    "atelier.training.edit.block_sets", "atelier.training.losses", "atelier.models.lora", "atelier.models.instruct_pix2pix",
}  # fmt: skip
# What a library user imports one at a time: a command-line tool, a parameters file or a tracker must not come along.
CLI = {name for name in ATELIER if name.split(".")[:2] == ["atelier", "cli"]}
FRONT = CLI | {"atelier.common.command", "atelier.config", "atelier.cli.presets", "atelier.tracking"}


def importers(package: str, among: dict) -> set[str]:
    return {name for name, file in among.items() if package in {target.split(".")[0] for target in imports(file)}}


def test_the_walk_sees_what_it_should():
    assert "atelier.common.errors" in graph()["atelier.config"]
    assert {"atelier.common.records", "atelier.common.errors"} <= reached({"atelier.common.records"})


def test_no_import_cycles():
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"modules import one another in a circle: {' → '.join(error.args[1])}")


@pytest.mark.parametrize("name", sorted(FOUNDATION))
def test_the_foundation_stands_on_itself(name):
    assert graph()[name] <= FOUNDATION


def test_the_front_is_imported_by_no_module_but_the_front():
    offenders = {name: targets & FRONT for name, targets in graph().items() if name not in FRONT}
    # A module may name a section's type (`from atelier.config import Train`); reading a file is config's alone, below.
    assert {name: found - {"atelier.config"} for name, found in offenders.items() if found - {"atelier.config"}} == {}


def test_only_the_command_line_and_its_base_class_import_click():
    assert {"atelier.cli", "atelier.common.command"} <= importers("click", ATELIER)
    assert importers("click", ATELIER) - CLI == {"atelier.common.command"}


def test_a_stage_imports_no_subcommand():
    code = "import sys, stages.prepare; print([name for name in sys.modules if name.startswith('atelier.cli')])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_only_tracking_knows_mlflow():
    assert importers("mlflow", ATELIER | STAGES) == {"atelier.tracking"}


def test_only_config_reads_parameters():
    """Beside it `presets` writes the file, and `provenance` reads DVC's lock; the command line asks for defaults."""
    assert importers("ruamel", ATELIER) == {"atelier.config", "atelier.cli.presets", "atelier.export.provenance"}
    assert importers("yaml", ATELIER) == set()
    readers = {name for name, file in ATELIER.items() if "atelier.config.read_params" in imports(file)}
    assert readers == {"atelier.cli.edit", "atelier.cli.study", "atelier.cli.presets"}


def test_src_imports_neither_stages_nor_tests_nor_pretraining():
    for package in ("stages", "tests", "pretrain", "studies"):
        assert importers(package, ATELIER) == set(), package


def test_stages_exchange_files_never_imports():
    for name, file in STAGES.items():
        mine = {target for target in imports(file) if target.split(".")[0] == "stages"}
        assert mine & STAGES.keys() - {"stages"} == set(), name


@pytest.mark.parametrize("name", sorted(STAGES.keys() - {"stages"}))
def test_a_stage_imports_its_own_package_first(name):
    """Only after `import stages` is `atelier` this checkout's."""
    body = ast.parse(STAGES[name].read_text()).body
    ours = [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    ours = [text for text in ours if "stages" in text or "atelier" in text]
    assert ours
    assert "stages" in ours[0]


SEEDED = {"default_rng", "Random", "RandomState", "manual_seed", "manual_seed_all"}
GLOBAL = {"random", "np.random", "numpy.random"}  # their module-level functions draw from everybody's generator


@pytest.mark.parametrize("name", sorted(ATELIER))
def test_no_hidden_seed(name):
    """A seed is an argument: no generator is made from a number in the code, or from none, or is everybody's."""
    for call in (node for node in nodes(ATELIER[name]) if isinstance(node, ast.Call)):
        where = f"{name}:{call.lineno}: {ast.unparse(call)}"
        owner, _, maker = ast.unparse(call.func).rpartition(".")
        if maker in SEEDED:
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            assert values, where
            assert not any(isinstance(value, ast.Constant) for value in values), where
        assert owner not in GLOBAL or maker in SEEDED, where


@pytest.mark.parametrize("name", sorted(ATELIER))
def test_no_pickle_is_loaded_and_no_remote_code_trusted(name):
    """`torch.load` and pickle run what a file says; so does `trust_remote_code`."""
    assert not {"pickle", "dill", "joblib", "cloudpickle"} & imports(ATELIER[name])
    for call in (node for node in nodes(ATELIER[name]) if isinstance(node, ast.Call)):
        assert ast.unparse(call.func) != "torch.load", f"{name}:{call.lineno}"
        assert "trust_remote_code" not in {keyword.arg for keyword in call.keywords}, f"{name}:{call.lineno}"


WINDOW = 6


def windows(file) -> set[tuple[str, ...]]:
    """Every stretch of six lines of a file, without indents and empty lines."""
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    return {tuple(lines[start : start + WINDOW]) for start in range(len(lines) - WINDOW + 1)}


@pytest.mark.parametrize("package", ["atelier.training.edit.methods", "atelier.training.concept.methods"])
def test_no_stretch_of_six_lines_stands_in_two_methods(package):
    """Five methods are where example scripts share 800-line stretches."""
    files = {name: windows(file) for name, file in ATELIER.items() if name.startswith(f"{package}.")}
    assert len(files) >= 3
    for one, other in itertools.combinations(files, 2):
        assert files[one] & files[other] == set(), f"{one}, {other}"
