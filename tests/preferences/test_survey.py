"""The survey's data: pairs files, trials in order, and answers on disk."""

import json
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from multiprocessing import get_context

import pytest
from fixtures_preferences import COLUMNS, answer, write_pairs
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.common.errors import UserError
from atelier.preferences.answers import append_answer, read_answers
from atelier.preferences.pairs import pair_digest, read_pairs
from atelier.preferences.survey import plan_trials

PROMPTS = [f"a person lying on the grass, {number}" for number in range(6)]


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path, PROMPTS)


def test_csv_and_jsonl_give_the_same_pairs_with_paths_relative_to_the_file(pairs, tmp_path):
    listed = read_pairs(pairs)
    assert pairs.read_text().splitlines()[1].count(",") == len(COLUMNS)  # the prompts' comma is quoted
    assert [pair.prompt for pair in listed] == PROMPTS
    assert listed[0].picture_a == tmp_path / "original-0.png"
    rows = [pair.model_dump(mode="json") | {"picture_a": pair.picture_a.name} for pair in listed]
    (tmp_path / "pairs.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert read_pairs(tmp_path / "pairs.jsonl") == listed
    pairs.write_text(pairs.read_text().replace("odd", ""))  # a group is optional
    assert {pair.group for pair in read_pairs(pairs)} == {"even", ""}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("p01,", "p00,"), "line 3: pair_id 'p00' occurs twice"),
        (("original-2.png", "none.png"), "line 4: .*none.png: No such file"),
        (("original-2.png", "pairs.csv"), "line 4: .*pairs.csv: not a picture in PNG"),
        (("original,finetuned\r\np02", "original,original\r\np02"), "line 3: system_a and system_b must differ"),
        (("original,finetuned\r\np02", "original,tie\r\np02"), "line 3: .* neither may be 'tie'"),
        (("system_b", "system_c"), "line 2: system_b: Field required"),
        (("odd", "odd,more"), "line 3: more values than columns"),
    ],
)
def test_an_invalid_row_is_reported_with_its_line(pairs, change, message):
    pairs.write_text(pairs.read_bytes().decode().replace(*change), newline="")
    with pytest.raises(UserError, match=message):
        read_pairs(pairs)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "ends in .csv or .jsonl"),
        ("none.csv", None, "No such file"),
        ("empty.csv", ",".join(COLUMNS).encode(), "contains no pairs"),
        ("a.jsonl", b"{}\n{", "line 1: pair_id: Field required"),
        ("b.jsonl", b"\n{", "line 2: line is no JSON object"),
        ("d.csv", f"{','.join(COLUMNS)},prompt".encode(), "column 'prompt' occurs twice"),
        ("c.csv", b"\xff\xfe", "line 1 is not UTF-8"),
    ],
)
def test_files_without_pairs_are_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_pairs(tmp_path / name)


def test_a_pair_s_digest_changes_with_a_picture_s_bytes(pairs, tmp_path):
    before = [pair_digest(pair) for pair in read_pairs(pairs)]
    (tmp_path / "original-0.png").write_bytes((tmp_path / "original-1.png").read_bytes())
    after = [pair_digest(pair) for pair in read_pairs(pairs)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, *[True] * 5]


def test_each_pair_is_shown_once_and_a_share_again_with_sides_swapped_at_least_half_a_survey_later():
    names = [f"p{number}" for number in range(21)]
    plan = plan_trials(names, "ann", seed=3, repeats=0.1)
    first, again = plan[:21], plan[21:]
    assert sorted(trial.pair_id for trial in first) == sorted(names)
    assert len(again) == 3  # 2.1, rounded up
    for trial in again:
        (before,) = [number for number, one in enumerate(first) if one.pair_id == trial.pair_id]
        assert trial.repeat
        assert trial.a_is_left != first[before].a_is_left
        assert plan.index(trial) - before >= 10
    assert plan == plan_trials(reversed(names), "ann", seed=3, repeats=0.1)
    assert len(plan_trials(names, "ann", seed=3, repeats=0)) == 21
    assert len(plan_trials(["only"], "ann", seed=3, repeats=0.5)) == 2


def test_order_and_sides_differ_between_raters_and_sides_are_balanced():
    names = [f"p{number}" for number in range(20)]
    plans = [plan_trials(names, f"rater {number}", seed=0, repeats=0) for number in range(100)]
    assert len({tuple(trial.pair_id for trial in plan) for plan in plans}) == 100
    sides = Counter((trial.pair_id, trial.a_is_left) for plan in plans for trial in plan)
    assert all(30 <= sides[name, True] <= 70 for name in names)  # 4 standard deviations
    assert 900 <= sum(count for (_, left), count in sides.items() if left) <= 1100


def append_many(file, rater, count=30):
    for number in range(count):
        append_answer(file, lambda rows, number=number: answer(rater, number, "left"))


def test_an_incomplete_last_line_is_reported_by_readers_and_removed_by_the_next_write(tmp_path):
    file = tmp_path / "answers.jsonl"
    append_many(file, "ann", 2)
    complete = file.read_bytes()
    file.write_bytes(complete + complete[:40])
    found = read_answers(file)
    assert ([row.pair_id for row in found.rows], found.torn_line) == (["p00", "p01"], 3)
    append_answer(file, lambda rows: answer("ann", 2, "tie"))
    assert file.read_bytes().startswith(complete)
    found = read_answers(file)
    assert ([row.choice for row in found.rows], found.torn_line) == (["left", "left", "tie"], None)


@pytest.mark.parametrize(
    "change", [{"repeat": "yes"}, {"repeat": 1}, {"seconds": True}, {"seconds": "3"}, {"rater": 7}]
)
def test_an_answer_of_other_types_is_an_error_with_its_line(tmp_path, change):
    row = json.loads(answer("ann", 0, "left").model_dump_json(exclude_none=True)) | {"seconds": 3}
    (tmp_path / "answers.jsonl").write_text(json.dumps(row) + "\n")
    assert read_answers(tmp_path / "answers.jsonl").rows[0].seconds == 3.0
    (tmp_path / "answers.jsonl").write_text(json.dumps(row | change) + "\n")
    with pytest.raises(UserError, match=rf"answers\.jsonl, line 1: not an answer: {next(iter(change))}"):
        read_answers(tmp_path / "answers.jsonl")


def test_a_missing_newline_loses_no_answer_and_an_invalid_line_inside_is_an_error(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text(answer("ann", 0, "left").model_dump_json())
    append_answer(file, lambda rows: answer("ann", 1, "right"))
    assert [row.choice for row in read_answers(file).rows] == ["left", "right"]
    file.write_text('{"rater": "ann"}\n' + file.read_text())
    with pytest.raises(UserError, match=r"answers.jsonl, line 1: not an answer: question: Field required"):
        read_answers(file)


def run_together(writers):
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()


def test_concurrent_processes_and_threads_lose_no_answer(tmp_path):
    file = tmp_path / "answers.jsonl"
    writers = [get_context("fork").Process(target=append_many, args=(file, "process"))]
    run_together(writers + [threading.Thread(target=append_many, args=(file, f"thread {n}")) for n in range(2)])
    counts = Counter(row.rater for row in read_answers(file).rows)
    assert counts == {"process": 30, "thread 0": 30, "thread 1": 30}


def test_the_file_is_locked_from_read_to_write(tmp_path):
    """Two browser tabs of one rater: each answers only if there is no answer yet."""
    file = tmp_path / "answers.jsonl"

    def if_none(rows):
        time.sleep(0.1)  # both threads have started by now
        return None if rows else answer("ann", 0, "left")

    run_together([threading.Thread(target=append_answer, args=(file, if_none)) for _ in range(2)])
    assert len(read_answers(file).rows) == 1


ODD = {
    "NUL": "a\0b.png",
    "over 255 bytes": "a" * 300 + ".png",
    "surrogate": "\ud800.png",
    "a pipe": "pipe.png",
    "a folder": ".",
}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_a_pair_with_a_picture_that_cannot_be_opened_ends_in_one_line(pairs, tmp_path, name):
    os.mkfifo(tmp_path / "pipe.png")
    row = read_pairs(pairs)[0].model_dump(mode="json") | {"picture_a": name}
    (tmp_path / "pairs.jsonl").write_text("\ufeff\n" + json.dumps(row), encoding="utf-8")
    with pytest.raises(UserError, match=r"pairs.jsonl, line 2: ") as caught:
        read_pairs(tmp_path / "pairs.jsonl")
    assert "\n" not in str(caught.value)


@settings(max_examples=60)
@given(
    odd=st.binary(max_size=80), row=st.dictionaries(st.sampled_from(COLUMNS), st.text() | st.floats() | st.booleans())
)
def test_any_pairs_and_answers_are_read_or_refused_in_one_line(tmp_path_factory, odd, row):
    file = tmp_path_factory.getbasetemp() / "odd.jsonl"
    for content in (odd, json.dumps(row).encode(), json.dumps(row).encode() + b"\n" + odd + b"\n"):
        file.write_bytes(content)
        for reader in (read_pairs, read_answers):
            with suppress(UserError):
                reader(file)
        file.with_suffix(".csv").write_bytes(b"prompt,pair_id\n" + content)
        with suppress(UserError):
            read_pairs(file.with_suffix(".csv"))


def test_answers_are_read_from_and_written_to_plain_files_only(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for act in (read_answers, lambda file: append_answer(file, lambda rows: None)):
        with pytest.raises(UserError, match="not a plain file"):
            act(tmp_path / "pipe")


@pytest.mark.parametrize(("left", "right"), [("a", "a"), ("tie", "a"), ("a", "tie")])
def test_an_answer_is_about_two_systems(tmp_path, left, right):
    line = answer("ann", 0, "left").model_dump_json()
    line = line.replace('"left":"finetuned"', f'"left":"{left}"').replace('"right":"original"', f'"right":"{right}"')
    (tmp_path / "answers.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match=r"line 1: not an answer: .*must be two systems"):
        read_answers(tmp_path / "answers.jsonl")
