"""Rows of runs: which are updated, which stay, and which a run cannot be compared with."""

import json
from pathlib import Path

import pandas as pd
import pytest
from import_graph import ROOT

from atelier.config import read_params
from atelier.evaluation.origin import describe_origin
from atelier.report.comparable import BASELINE, describe_others, keep_comparable, read_table, share_points, update_rows
from atelier.report.experiment_tables import EMPTY_TABLES
from atelier.report.gather import ReportInputs, gather_page
from atelier.report.page.write import render_page

OURS = {"data": "d", "base": "b", "settings": "s"}
THEIRS = OURS | {"data": "0012"}  # digits alone: a number with another text
ORDER = list("ABCD")


def table(names: str, origin: dict[str, str], value: float) -> pd.DataFrame:
    """Return a baseline row and a row per name, of one origin; the baseline's value is 0.5 less."""
    cells = {f"origin_{key}": text for key, text in origin.items()}
    rows = [
        {"config": name, "domain": "seen", **cells, "trained_share": 0.1, "ssim": value - 0.5 * (name == BASELINE)}
        for name in (BASELINE, *names)
    ]
    return pd.DataFrame(rows)


def as_triples(found: pd.DataFrame) -> list[tuple[str, str, float]]:
    return list(found[["config", "origin_data", "ssim"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # one origin: the row of B and the baseline are replaced, A and C stay
        (table("ABC", OURS, 1), table("B", OURS, 2),
         [("baseline", "d", 1.5), ("A", "d", 1), ("B", "d", 2), ("C", "d", 1)]),
        # another origin: both baselines are there as long as a row rests on them
        (table("AB", THEIRS, 1), table("B", OURS, 2),
         [("baseline", "0012", 0.5), ("baseline", "d", 1.5), ("A", "0012", 1), ("B", "d", 2)]),
        (table("B", THEIRS, 1), table("B", OURS, 2), [("baseline", "d", 1.5), ("B", "d", 2)]),
        # before there were origins
        (table("AC", OURS, 1)[["config", "domain", "trained_share", "ssim"]], table("A", OURS, 2),
         [("baseline", "", 0.5), ("baseline", "d", 1.5), ("A", "d", 2), ("C", "", 1)]),
        # names of one's own come last; configurations are in the paper's order
        (table("D7", OURS, 1), table("Ax", OURS, 2),
         [("baseline", "d", 1.5), ("A", "d", 2), ("D", "d", 1), ("7", "d", 1), ("x", "d", 2)]),
    ],
)  # fmt: skip
def test_a_run_updates_its_rows_and_keeps_the_others(old, new, expected, tmp_path):
    assert as_triples(update_rows(old, new, ORDER)) == expected
    old.to_csv(tmp_path / "old.csv", index=False)  # through a file, as in use
    assert as_triples(update_rows(read_table(tmp_path / "old.csv"), new, ORDER)) == expected


@pytest.mark.parametrize("name", EMPTY_TABLES)
def test_a_new_study_s_tables_hold_nothing_and_take_rows(name, tmp_path):
    (tmp_path / name).write_text(EMPTY_TABLES[name])
    empty = read_table(tmp_path / name)
    assert keep_comparable(empty, OURS)[1] == ""
    assert share_points(empty, None, ["ssim"]).empty
    new = table("A", OURS, 1).rename(columns={"config": empty.columns[0]})
    pd.testing.assert_frame_equal(update_rows(empty, new, ORDER), new, check_dtype=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"data": "x"}, "other data"), ({"base": "x"}, "another base editor"), ({"settings": "x"}, "other settings of"),
     ({"base": ""}, "inputs that the table does not record"),
     ({"data": "x", "base": "y"}, "other data or another base editor")],
)  # fmt: skip
def test_only_runs_of_the_same_origin_are_compared_and_the_others_are_named(change, reason):
    both = update_rows(table("AC", OURS | change, 1), table("B", OURS, 2), ORDER)
    kept, sentence = keep_comparable(both, OURS)
    assert list(kept["config"]) == [BASELINE, "B"]
    assert sentence.startswith("Not shown, because this run cannot be compared with them: A and C, made with ")
    assert reason in sentence
    assert keep_comparable(table("B", OURS, 2), OURS)[1] == describe_others(table("B", OURS, 2)) == ""
    assert describe_others(both).endswith("than B: A and C.") == (list(both["config"])[-1] == "B")


def test_a_gain_is_against_the_baseline_of_the_run_itself():
    both = update_rows(table("A", THEIRS, 30), table("B", OURS, 2), ORDER)
    points = share_points(keep_comparable(both, OURS)[0], None, ["ssim"])
    assert points[["label", "ssim"]].to_numpy().tolist() == [["B", 0.5]]


def test_the_origin_depends_on_data_base_and_settings_and_on_nothing_of_training(tmp_path, tiny_editor_folder):
    params = read_params(ROOT / "params.yaml")
    models = params.models.model_copy(update={"editor": str(tiny_editor_folder)})
    files = [tmp_path / name for name in ("triplets", "zones")]
    for file in files:
        file.write_text(file.name)
    first = describe_origin(files, models, params.generate)
    assert len(set(first.values())) == 3
    assert describe_origin(files, models, params.generate.model_copy(update={"batch_size": 3})) == first
    found = [
        describe_origin(files, models, params.generate.model_copy(update={"steps": 7})),
        describe_origin(files, models, params.generate.model_copy(update={"keep": "latent"})),
        describe_origin(files, models.model_copy(update={"clip": "another"}), params.generate),
        describe_origin(files[::-1], models, params.generate),
        describe_origin(files, models.model_copy(update={"editor": "nobody/nothing"}), params.generate),
    ]
    differing = [[key for key in first if other[key] != first[key]] for other in found]
    assert differing == [["settings"], ["settings"], ["settings"], ["data"], ["base"]]
    assert found[-1]["base"] == ""


def test_the_page_leaves_out_what_was_made_with_other_data_and_says_so(page_data, tmp_path):
    """A user's page beside the repository's tables: none of their rows, no gain from them, one sentence each."""
    from atelier.evaluation.evaluate import Evaluation

    report = page_data.report | {"origin": page_data.report["origin"] | {"data": "mine"}}
    (tmp_path / "train").mkdir()
    for name in ("train/epochs", "train/steps", "ablations", "methods"):
        getattr(page_data, Path(name).name).to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "train.json").write_text(json.dumps(page_data.trained))
    files = ReportInputs(*(tmp_path / name for name in ("train", "train.json", "ablations.csv", "methods.csv")))
    result = Evaluation(report, page_data.scores, page_data.samples, page_data.frontier)
    page = gather_page(result, files, read_params(ROOT / "params.yaml"), [])
    assert page.ablations.empty
    assert page.methods.empty
    text = render_page(page)
    for names in ("A, B and D", "lora and full"):
        assert text.count(f"cannot be compared with them: {names}, made with other data.") == 1
    assert "seconds per training step" not in text


def test_a_file_that_is_no_table_of_runs_is_named(tmp_path):
    from atelier.common.errors import UserError

    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"table\.csv: has no column domain"):
        read_table(tmp_path / "table.csv")
