"""The study of photographs: the root's six stages on its own parameters, and what it promises of its data."""

import json

from import_graph import ROOT
from ruamel.yaml import YAML

from atelier.cli.new_study import derive_pipeline
from atelier.cli.repository import Study
from atelier.config import read_params

STUDY = Study(ROOT, "photographs")
FOLDER = ROOT / STUDY.folder
REPORT = json.loads((FOLDER / "metrics" / "evaluate.json").read_text(encoding="utf-8"))


def test_its_stages_are_the_root_s_of_this_commit():
    assert (FOLDER / "dvc.yaml").read_text() == derive_pipeline(STUDY, FOLDER / "params.yaml")
    roots, own = (YAML(typ="safe").load(path / "params.yaml") for path in (ROOT, FOLDER))
    assert {section: list(values) for section, values in own.items()} == {s: list(v) for s, v in roots.items()}


def test_no_target_that_it_trains_on_is_the_renderer_s():
    params = read_params(FOLDER / "params.yaml")
    assert params.prepare.seen == "photographs:studio"
    assert params.pair.aligned == params.pair.given == 0
    kinds = json.loads((FOLDER / "metrics" / "pair.json").read_text(encoding="utf-8"))["kinds"]
    assert set(kinds) <= {"recoloured", "same_item"}


def test_its_readme_quotes_its_report():
    text = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    for domain in ("seen", "unseen"):
        for key, digits in (("clip_directional", 1), ("leakage_share_raw", 2), ("target_rmse", 3), ("target_mae", 3)):
            for model in ("baseline", "finetuned"):
                assert f"{REPORT[domain][model][key]['mean']:.{digits}f}" in text, (domain, key, model)
