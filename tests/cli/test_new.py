"""`atelier new`: a study's pipeline is the root's but for its paths, and nothing else is touched."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dvc.parsing import DataResolver
from dvc.repo import Repo
from import_graph import ROOT
from pipelines import PIPELINE, is_own_study
from ruamel.yaml import YAML

from atelier.cli import main
from atelier.cli.repository import Study, find_study
from atelier.common.errors import UserError
from atelier.config import read_params

OWN = ("data/", "metrics/", "models/finetuned", "params.yaml")


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    """What `atelier new` looks at in a repository, which is the working directory."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("stages", "src/atelier", "studies/losses"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def atelier(*words: str) -> Result:
    return CliRunner().invoke(main, ["new", *words])


def moved(value, prefix: str):
    """The values of dvc.yaml with every path of a study below a prefix: written apart from the code, word by word."""
    if isinstance(value, dict):
        return {moved(key, prefix): moved(one, prefix) for key, one in value.items()}
    if isinstance(value, list):
        return [moved(one, prefix) for one in value]
    if isinstance(value, str):
        return " ".join(prefix + word if word.startswith(OWN) else word for word in value.split())
    return value


def test_the_stages_are_the_root_s_but_for_their_paths(root):
    assert atelier("mine").exit_code == 0
    made = YAML(typ="safe").load(root / "studies" / "mine" / "dvc.yaml")
    expected = moved(PIPELINE["stages"], "studies/mine/")
    for stage in expected.values():
        body = stage.get("do", stage)
        body |= {"wdir": "../..", "params": [{"studies/mine/params.yaml": body["params"]}]}
    assert moved(made["stages"], "") == expected
    assert list(made["stages"]) == list(PIPELINE["stages"])
    plots = [plot for plot in PIPELINE["plots"] if plot not in made["plots"]]
    assert plots in ([], ["metrics/ablations.png"])  # of a plot, paths start at the dvc.yaml


def test_stages_depend_on_the_models_that_the_parameters_name(root):
    assert atelier("mine", "-S", "models.editor=models/base/other", "-S", "models.clip=hub/clip").exit_code == 0
    stages = YAML(typ="safe").load(root / "studies" / "mine" / "dvc.yaml")["stages"]
    assert "models/base/other" in stages["train"]["deps"]
    assert stages["generate"]["foreach"]["baseline"]["folder"] == "models/base/other"
    assert "models/base/editor" not in (root / "studies" / "mine" / "dvc.yaml").read_text()
    assert "models/base/clip" in stages["train"]["deps"]  # a name of the hub is no folder to depend on


def test_dvc_resolves_the_pipeline_and_no_path_of_the_root_s_own_is_left(root):
    atelier("mine", "--preset", "full-size")
    written = YAML(typ="safe").load(root / "studies" / "mine" / "dvc.yaml")
    Repo.init(str(root), no_scm=True).close()
    with Repo(str(root)) as repo:
        stages = DataResolver(repo, str(root / "studies" / "mine"), written).resolve()["stages"]
    assert len(stages) == 7
    assert "--weights timbrooks/instruct-pix2pix" in stages["generate@baseline"]["cmd"]  # the study's parameter
    words = [word for stage in stages.values() for word in str(stage).replace("'", " ").split()]
    assert [word for word in words if word.startswith(OWN)] == []
    assert read_params(root / "studies" / "mine" / "params.yaml").prepare.size == 512


def test_a_new_study_changes_no_file_and_has_the_root_s_values_and_the_preset_s(root):
    text = (root / "params.yaml").read_text()
    text = text.replace("  patience: 2 ", "  patience: 3 ").replace("lr: 1.0e-3", "lr: 2.0e-3")
    (root / "params.yaml").write_text(text)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    result = atelier("mine", "-S", "prepare.seen=7", "-S", "prepare.columns=a=b", "-S", "train.ema=0.5")
    assert (result.exit_code, result.stdout) == (0, "dvc repro studies/mine/dvc.yaml\n")
    assert {path: path.read_bytes() for path in before} == before
    params = read_params(root / "studies" / "mine" / "params.yaml")
    train = params.train
    assert (train.patience, train.lr, train.ema) == (3, 1e-3, 0.5)
    assert (params.prepare.seen, params.prepare.columns) == ("7", "a=b")
    assert (root / "params.yaml").read_text() == text
    readme = (root / "studies" / "mine" / "README.md").read_text()
    assert "dvc repro studies/mine/dvc.yaml" in readme
    for key in re.findall(r"params\.yaml:([\w.]+)=", readme):
        assert key.split(".")[1] in train.model_dump()


SKETCH = {"text": "as a sketch: pencil # 2", "garment": "none", "target": "a sketch"}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("pair.prompts", f'["make the dress navy", {json.dumps(SKETCH)}]', ["make the dress navy", SKETCH]),
        ("pair.prompts", "[make the top red]", ["make the top red"]),
        ("train.lr", "1.0e-4", 1e-4),
        ("prepare.seen", "'own: photos'", "own: photos"),
    ],
)
def test_set_changes_one_value_of_the_file_and_leaves_its_comments_and_lines(root, key, text, value):
    assert atelier("mine", "-S", f"{key}={text}").exit_code == 0
    section, _, name = key.partition(".")
    expected = YAML(typ="safe").load(root / "params.yaml")
    expected[section][name] = value
    path = root / "studies" / "mine" / "params.yaml"
    assert YAML(typ="safe").load(path) == expected
    lines = path.read_text().splitlines()
    kept = [line for line in (root / "params.yaml").read_text().splitlines() if not line.startswith(f"  {name}:")]
    listed = isinstance(value, list)  # its old entries, and the comments on them, are gone
    assert [line for line in kept if line not in lines and not (listed and line.startswith("  - "))] == []


def test_git_ignores_a_study_s_data_weights_and_page_and_nothing_else_of_it(root):
    atelier("mine")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    outputs = {"data/edits/baseline.parquet": True, "models/finetuned/finetuned.json": True,
               "metrics/report/index.html": True, "metrics/evaluate.json": False, "metrics/ablations.csv": False,
               "dvc.lock": False, "params.yaml": False}  # fmt: skip
    names = [f"studies/mine/{name}" for name in outputs]
    found = subprocess.run(["git", "check-ignore", *names], cwd=root, capture_output=True, text=True, check=False)
    assert found.stdout.split() == [name for name, ignored in zip(names, outputs.values(), strict=True) if ignored]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["losses"], "studies/losses exists already; choose another name"),
        (["Losses"], "studies/losses exists already"),
        (["a b"], "'a b': expected a name of a letter, then letters, digits, _ or - (at most 40)"),
        (["../x"], "'../x': expected a name"),
        (["-x"], "No such option"),
        (["n" * 41], "expected a name"),
        (["mine", "--preset", "huge"], "no preset 'huge'; one of embedded, full-size"),
        (["mine", "--update"], "studies/mine: not a study"),
        (["losses", "--update"], "studies/losses: not a study"),
        (["mine", "-S", "train.lr"], "-S 'train.lr': expected section.key=value"),
        (["mine", "-S", "train.rate=1"], "-S: train.rate: no such parameter"),
        (["mine", "-S", "train.lr=1e9"], "-S: train.lr: Input should be less than"),
        (["mine", "-S", "train.lr=[1"], "-S: train.lr: not YAML"),
        (["mine", "-S", 'pair.prompts=["make it red", ""]'], "-S: pair.prompts[1].text: is empty"),
        (["mine", "--update", "-S", "train.lr=1"], "leave out --preset and -S"),
        (["mine", "--update", "--preset", "embedded"], "--update keeps the parameters"),
    ],
)
def test_a_wrong_call_is_one_line_and_makes_nothing(root, words, message):
    result = atelier(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in (root / "studies").iterdir()] == ["losses"]


def test_the_name_of_an_own_study_is_taken_and_its_files_stay(root):
    atelier("mine")
    (root / "studies" / "mine" / "params.yaml").write_text("edited")
    assert "studies/mine exists already" in atelier("mine").stderr
    assert (root / "studies" / "mine" / "params.yaml").read_text() == "edited"


def test_update_takes_stages_and_new_parameters_and_keeps_values(root):
    atelier("mine", "--preset", "full-size")
    own = root / "studies" / "mine"
    assert (atelier("mine", "--update").stdout, "in step" in atelier("mine", "--update").stderr) == ("", True)
    params = own / "params.yaml"
    made = params.read_text()
    params.write_text(re.sub("(?m)^  (warmup|min_area):.*\n", "", made).replace("epochs: 4 ", "epochs: 9 "))
    pipeline = (own / "dvc.yaml").read_text()
    (own / "dvc.yaml").write_text(pipeline.replace("--report", "--old"))
    assert atelier("mine", "--update").stdout.splitlines() == [
        "studies/mine/dvc.yaml: derived from the root's again",
        "studies/mine/params.yaml: added mask.min_area",
        "studies/mine/params.yaml: added train.warmup",
    ]
    assert (own / "dvc.yaml").read_text() == pipeline
    expected = made.replace("epochs: 4 ", "epochs: 9 ")  # comments and order as the root has them
    assert params.read_text().split() == expected.split()
    assert read_params(params).train.epochs == 9


@pytest.mark.parametrize("place", ["studies/mine", "studies/mine/metrics", "studies/losses", "studies", "src"])
def test_a_study_is_its_own_folder_or_the_root_and_nothing_else(root, place):
    atelier("mine")
    assert find_study(root) == Study(root, "")
    assert [path.name for path in (root / "studies").iterdir() if is_own_study(path)] == ["mine"]
    if place == "studies/mine":
        assert find_study(root / place) == Study(root, "mine")
    else:
        (root / place).mkdir(exist_ok=True)
        with pytest.raises(UserError, match="not a study; expected the repository's root or a folder that"):
            find_study(root / place)
    with pytest.raises(UserError, match="not in a repository"):
        find_study(root.parent)
