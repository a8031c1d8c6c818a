"""Make a study of one's own: the root's pipeline with the study's own parameters, data, weights and metrics.

No code is copied. The study's dvc.yaml is the root's with other paths; its stages run from the root, so that the base
models and the code are the repository's.
"""

import io
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from atelier.cli.repository import PARAMS, PIPELINE, STUDIES, Study, check_name, find_root, find_study
from atelier.common.errors import UserError, short_repr
from atelier.common.files import atomic_write, write_text
from atelier.config import read_params
from atelier.config.presets import apply_preset
from atelier.report.experiment_tables import EMPTY_TABLES
from atelier.scenes import is_photographic

_OWN = re.compile(r"(?<!\S)(?=(?:data|metrics)/|models/finetuned\b|params\.yaml\b)")  # where a path of a study begins
_SHOTS, _SHOWS_SCENES = "data/world", "src/atelier/scenes"  # stages that import the second may read the first
_LATER = ["metrics/ablations.png"]  # plots that `atelier ablations` writes, and not the pipeline
_IGNORED = "/data/\n/models/\n/metrics/report/index.html\n/dvc_plots/\n"


def make_study(name: str, preset: str, changes: Sequence[str], start: Path) -> Study:
    """Make studies/NAME/ in the repository that holds the folder `start`; all of it or nothing.

    Args:
        changes: parameters beside those of the preset, each as `section.key=value`.

    Raises:
        UserError: the name cannot be used or is taken, there is no such preset, or a change is wrong.
    """
    check_name(name)
    study = Study(find_root(start), name)
    taken = {path.name.casefold(): path.name for path in (study.root / STUDIES).iterdir()}
    if existing := taken.get(name.casefold()):
        raise UserError(f"{STUDIES}/{existing} exists already; choose another name")
    with atomic_write(study.root / study.folder) as folder:
        (folder / "metrics").mkdir(parents=True)
        shutil.copy(study.root / PARAMS, folder / PARAMS)
        apply_preset(preset, folder / PARAMS)
        _set_parameters(folder / PARAMS, changes)
        (folder / PIPELINE).write_text(derive_pipeline(study, folder / PARAMS), encoding="utf-8")
        (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
        (folder / "README.md").write_text(_describe(study), encoding="utf-8")
        for table, text in EMPTY_TABLES.items():
            (folder / "metrics" / table).write_text(text, encoding="utf-8")
    return study


def _set_parameters(path: Path, changes: Sequence[str]) -> None:
    """Set parameters in the file of a study that is being made.

    Raises:
        UserError: a change is not `section.key=value`, or its key or value is not possible.
    """
    parts = [change.partition("=") for change in changes]
    if wrong := next((change for change, (_, sign, _) in zip(changes, parts, strict=True) if not sign), None):
        raise UserError(f"-S {short_repr(wrong)}: expected section.key=value, such as prepare.seen=photos")
    texts = {key.strip(): text for key, _, text in parts}
    try:
        read_params(path, texts)
    except UserError as error:
        raise UserError(str(error).replace(str(path), "-S" if changes else PARAMS)) from None
    yaml = _yaml()
    values = yaml.load(path)
    for key, text in texts.items():
        section, _, name = key.partition(".")
        values[section][name] = _load_value(text)
    if texts:
        yaml.dump(values, path)


def _load_value(text: str) -> Any:
    """Return the value of a YAML text: a number or text as it is noted, a list or mapping to be written line by line.

    A list in brackets would be followed by `mask: box_scale: 1.15`: ruamel drops the end of the line after its section.
    """
    value = YAML().load(text)
    return YAML(typ="safe", pure=True).load(text) if isinstance(value, list | dict) else value


def update_study(name: str, start: Path) -> list[str]:
    """Bring an existing study in step with the root: its pipeline, and parameters that it lacks.

    These get the root's values. Returns what was changed, a line each.

    Raises:
        UserError: there is no such study.
    """
    check_name(name)
    study = find_study(find_root(start) / STUDIES / name)
    folder, changed = study.root / study.folder, []
    text = derive_pipeline(study, folder / PARAMS)
    if (folder / PIPELINE).read_text(encoding="utf-8") != text:
        write_text(folder / PIPELINE, text)
        changed.append(f"{study.path(PIPELINE)}: derived from the root's again")
    yaml = _yaml()
    values, roots = yaml.load(folder / PARAMS), yaml.load(study.root / PARAMS)
    added = [
        (section, at, key)
        for section, pairs in roots.items()
        for at, key in enumerate(pairs)
        if key not in values.get(section, {})
    ]
    for section, at, key in added:
        comment = roots[section].ca.items.get(key, [None] * 3)[2]
        words = comment.value.strip(" #\n") if comment else None
        values.setdefault(section, CommentedMap()).insert(at, key, roots[section][key], comment=words)
        changed.append(f"{study.path(PARAMS)}: added {section}.{key}")
    if added:
        with atomic_write(folder / PARAMS) as partial:
            yaml.dump(values, partial)
    return changed


def _yaml(offset: int = 0) -> YAML:
    """Return a reader and writer that keeps comments, quotes and order, and indents the dashes of lists by `offset`."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    return yaml


def derive_pipeline(study: Study, params: Path) -> str:
    """Return the text of a study's dvc.yaml: the root's stages and plots, with the study's paths and models.

    A stage's paths are relative to the root (`wdir`); those of plots are relative to the dvc.yaml, so they stay.

    Args:
        params: the study's parameters.
    """
    yaml = _yaml(offset=2)
    yaml.width = 105  # where long commands are folded
    pipeline, replaced = yaml.load(study.root / PIPELINE), _other_models(study.root / PARAMS, params)
    stored = _stored_shots(params)

    def move(text: str) -> str:
        return _OWN.sub(f"{study.folder.as_posix()}/", replaced.get(text, text))

    for stage in pipeline["stages"].values():
        _rewrite(stage, move)
        body = stage.get("do", stage)
        body.insert(0, "wdir", "../..")
        if "params" in body:
            body.ca.items.pop("params", None)  # a comment behind the sections, which move with them
            body["params"] = [{study.path(PARAMS): body["params"]}]
        if _SHOWS_SCENES in body["deps"]:
            body["deps"] += stored
    pipeline["plots"] = [plot for plot in pipeline["plots"] if plot not in _LATER]
    written = io.StringIO()
    yaml.dump(pipeline, written)
    body = re.sub(r"\A(#.*\n)+", "", written.getvalue())
    return (
        f"# The six stages of the root's dvc.yaml on this study's own parameters, data, weights and metrics.\n"
        f"# Made by `atelier new {study.name}`; `atelier new {study.name} --update` makes it again from the root's.\n"
        f"{body}"
    )


def _other_models(root: Path, own: Path) -> dict[str, str]:
    """Return the root's folders of models → the study's, where its parameters name others that are in models/."""
    roots, values = (_yaml().load(path)["models"] for path in (root, own))
    pairs = ((str(folder), str(values.get(key, folder))) for key, folder in roots.items())
    return {old: new for old, new in pairs if old != new and old.startswith("models/") and new.startswith("models/")}


def _stored_shots(params: Path) -> list[str]:
    """Return the folder of stored shots that the rows of a study's sources are composed of, if any are."""
    sources = _yaml().load(params)["prepare"]
    return [_SHOTS] if any(is_photographic(str(sources[name])) for name in ("seen", "unseen")) else []


def _rewrite(value: Any, move: Callable[[str], str]) -> None:
    """Apply a function to every text in nested lists and mappings, keys of mappings included, in place."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        if isinstance(value[key], str):
            value[key] = move(value[key])
        elif isinstance(value[key], dict | list):
            _rewrite(value[key], move)
        if isinstance(value, dict) and move(key) != key:
            value.insert(list(value).index(key), move(key), value.pop(key))


def _describe(study: Study) -> str:
    return _README.format(name=study.name, folder=study.folder.as_posix())


_README = """\
# {name}

A study made by `atelier new {name}`: the six stages of the repository's pipeline, on its own parameters. From the
repository's root:

```sh
dvc repro {folder}/dvc.yaml                       # or: cd {folder} && dvc repro
dvc exp run -S {folder}/params.yaml:train.epochs=8 {folder}/dvc.yaml
dvc exp show --drop '.*' --keep 'Experiment|{folder}/.*:unseen\\.'
atelier edit photo.jpg "make the shirt red" --params {folder}/params.yaml --weights {folder}/models/finetuned
atelier ablations --study {folder}
```

`params.yaml` has the parameters; relative paths in it start at the repository's root. The stages write into this
folder: `metrics/report/index.html` is the report page, `metrics/` has the tables, `models/finetuned/` the fine-tuned
weights. The data, the weights and the page are not in git. The MLflow experiment is `atelier/{name}`.
"""
