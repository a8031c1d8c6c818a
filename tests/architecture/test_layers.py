"""The rules that keep packages apart: layers, faces, sizes, and who may import what."""

import ast
import re
from graphlib import TopologicalSorter

import pytest
from import_graph import CODE, ROOT, graph, imports, modules, nodes

ATELIER, STAGES = modules("atelier"), modules("stages")

# From the ground up: a package imports from lower layers only, or from its own layer where the order inside allows it.
LAYERS = [
    ["common", "text", "stats"],
    ["config", "images", "tracking", "synthetic", "world", "scenes", "preferences"],
    ["models", "judges", "data", "pairs", "masks"],
    ["metrics", "sampling"],
    ["training", "evaluation"],
    ["report"],
    ["export", "editing"],
    ["scoring"],
    ["studio"],
    ["cli"],
]
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}


def package_of(name: str) -> str:
    return name.split(".")[1]


def importers(package: str, among: dict) -> set[str]:
    return {name for name, file in among.items() if package in {target.split(".")[0] for target in imports(file)}}


def test_every_package_has_a_layer():
    assert {package_of(name) for name in ATELIER if "." in name} == LEVEL.keys()
    assert len(list((ROOT / "src" / "atelier").glob("*/__init__.py"))) <= 25


def test_imports_go_down_only():
    upwards = {
        f"{name} → {target}"
        for name in ATELIER.keys() - {"atelier"}
        for target in graph()[name] & ATELIER.keys()
        if LEVEL[package_of(target)] > LEVEL[package_of(name)]
    }
    assert upwards == set()


@pytest.mark.parametrize("by", [lambda name: name, package_of], ids=["modules", "packages"])
def test_there_are_no_import_cycles(by):
    edges: dict[str, set[str]] = {}
    for name in ATELIER.keys() - {"atelier"}:
        edges.setdefault(by(name), set()).update({by(one) for one in graph()[name] & ATELIER.keys()} - {by(name)})
    TopologicalSorter(edges).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("name", [f"atelier.{one}" for one in LEVEL if ATELIER[f"atelier.{one}"].name == "__init__.py"])
def test_a_package_is_imported_by_its_face_alone(name):
    """Other packages import only the modules, or the re-exported names, that its docstring lists after "Public:"."""

    def inside(targets) -> set[str]:
        return {target.split(".")[2] for target in targets if target.startswith(f"{name}.")}

    text = ast.get_docstring(ast.parse(ATELIER[name].read_text(encoding="utf-8"))) or ""
    (listed,) = re.findall(r"Public: ([^.]+)\.", text) or [""]
    public = {word.strip("` \n") for word in listed.split(",")} - {""}
    outside = [file for other, file in CODE.items() if not f"{other}.".startswith(f"{name}.")]
    outside += (ROOT / "shoot").glob("*.py")
    used = set().union(*(inside(imports(file)) for file in outside))
    assert used <= public
    assert public & inside(ATELIER) <= used, "listed as public but not imported by another package"


def test_src_imports_neither_stages_nor_studies_nor_tests_and_no_stage_imports_another():
    for package in ("stages", "tests", "pretrain", "studies"):
        assert importers(package, ATELIER) == set(), package
    assert importers("stages", STAGES) == set()


def test_only_tracking_and_export_import_mlflow_and_only_the_command_line_click():
    assert {package_of(name) for name in importers("mlflow", ATELIER | STAGES)} == {"export", "tracking"}
    assert {name for name in importers("click", ATELIER) if package_of(name) != "cli"} == {
        "atelier.common.command",
        "atelier.common.options",
    }


def test_only_config_reads_the_parameters_file():
    assert importers("yaml", ATELIER) == set()
    assert importers("ruamel", ATELIER) <= {
        "atelier.config.read",
        "atelier.config.presets",
        "atelier.cli.new_study",  # it reads dvc.yaml
    }
    readers = {name for name, file in ATELIER.items() if "atelier.config.read_params" in imports(file)}
    assert {package_of(name) for name in readers} == {"cli", "config", "editing"}


SEEDED = {"default_rng", "Random", "RandomState", "manual_seed", "manual_seed_all"}
GLOBAL = {"random", "np.random", "numpy.random"}  # their module-level functions draw from one global generator


@pytest.mark.parametrize("name", sorted(ATELIER))
def test_no_hidden_seed_no_pickle_and_no_remote_code(name):
    """No generator is global or made from a constant or nothing; `torch.load` and pickle run what a file says."""
    assert not {"pickle", "dill", "joblib", "cloudpickle"} & imports(ATELIER[name])
    for call in (node for node in nodes(ATELIER[name]) if isinstance(node, ast.Call)):
        where = f"{name}:{call.lineno}: {ast.unparse(call)}"
        owner, _, maker = ast.unparse(call.func).rpartition(".")
        if maker in SEEDED:
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            assert values, where
            assert not any(isinstance(value, ast.Constant) for value in values), where
        assert owner not in GLOBAL or maker in SEEDED, where
        assert (owner, maker) != ("torch", "load"), where
        assert "trust_remote_code" not in {keyword.arg for keyword in call.keywords}, where


def test_files_and_functions_stay_short():
    for file in (*CODE.values(), *(ROOT / "tests").rglob("*.py")):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 250, file
        for function in (node for node in nodes(file) if isinstance(node, ast.FunctionDef)):
            assert function.end_lineno - function.lineno < 50, f"{file}: {function.name}"


def windows(file) -> set[tuple[str, ...]]:
    """Every stretch of six lines of a file, without indents, imports and lines of punctuation alone."""
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if re.search(r"\w", line) and not line.startswith(("import ", "from ", "#"))]
    return {tuple(lines[start : start + 6]) for start in range(len(lines) - 5)}


def test_no_stretch_of_six_lines_stands_twice():
    seen: dict[tuple[str, ...], str] = {}
    for name, file in CODE.items():
        for window in windows(file):
            assert seen.setdefault(window, name) == name, window[0]
