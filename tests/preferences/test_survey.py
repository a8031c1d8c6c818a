"""The survey without a browser: pairs, what raters see, answers on disk, and the server's manners."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from multiprocessing import get_context
from urllib.parse import urlencode

import pytest
from fixtures_judgement import COLUMNS, answer, running, write_pairs
from import_graph import ROOT

from atelier.common.errors import UserError
from atelier.preferences.answers import append_answer, read_answers
from atelier.preferences.pairs import pair_digest, read_pairs
from atelier.preferences.server import SurveyServer
from atelier.preferences.survey import QUESTION, open_survey, plan_trials

PROMPTS = [f"a person lying on the grass, {number}" for number in range(6)]


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path, PROMPTS)


@pytest.fixture
def server(pairs, tmp_path):
    survey = open_survey(read_pairs(pairs), tmp_path / "answers.jsonl", QUESTION, seed=0, repeats=0.5)
    served = SurveyServer(survey, 0)
    with running(served):
        yield served


def ask(server, method, path, body=None, **headers):
    """(status, headers, body) of one request, by the server's own name unless another is given."""
    host = f"127.0.0.1:{server.server_port}"
    known = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = known | {"Content-Length": str(len(data))} | {name.replace("_", "-"): text for name, text in headers.items()}
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders(data)
    response = connection.getresponse()
    result = response.status, response.headers, response.read()
    connection.close()
    return result


def test_csv_and_jsonl_give_the_same_pairs_with_paths_beside_the_file(pairs, tmp_path):
    listed = read_pairs(pairs)
    lines = [line.split(",") for line in pairs.read_text().splitlines()[1:]]  # the prompts' comma is quoted
    assert len(lines[0]) == len(COLUMNS) + 1
    assert [pair.prompt for pair in listed] == PROMPTS
    assert listed[0].picture_a == tmp_path / "original-0.png"
    rows = [pair.model_dump(mode="json") | {"picture_a": pair.picture_a.name} for pair in listed]
    other = tmp_path / "pairs.jsonl"
    other.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert read_pairs(other) == listed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("p01,", "p00,"), "line 3: pair_id 'p00' occurs twice"),
        (("original-2.png", "none.png"), "line 4: .*none.png: no such file"),
        (("original-2.png", "pairs.csv"), "line 4: .*pairs.csv: not a picture in PNG"),
        (("original,finetuned\r\np02", "original,original\r\np02"), "line 3: system_a and system_b must differ"),
        (("original,finetuned\r\np02", "original,tie\r\np02"), "line 3: .* neither may be 'tie'"),
        (("system_b", "system_c"), "line 2: system_b: Field required"),
        (("odd", ""), None),
        (("odd", "odd,more"), "line 3: more values than columns"),
    ],
)
def test_a_bad_row_is_named_with_its_line(pairs, change, message):
    pairs.write_text(pairs.read_bytes().decode().replace(*change), newline="")
    if message is None:
        assert read_pairs(pairs)[1].group == ""
        return
    with pytest.raises(UserError, match=message):
        read_pairs(pairs)


def test_files_that_hold_no_pairs_are_refused(tmp_path):
    for name, content, message in (
        ("a.txt", b"", "ends in .csv or .jsonl"),
        ("none.csv", None, "No such file"),
        ("empty.csv", ",".join(COLUMNS).encode(), "contains no pairs"),
        ("a.jsonl", b"{}\n{", "line 1: pair_id: Field required"),
        ("b.jsonl", b"\n{", "line 2: not a JSON object"),
        ("c.csv", b"\xff\xfe", "not UTF-8"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=message):
            read_pairs(tmp_path / name)


def test_a_fingerprint_changes_with_a_picture_s_bytes(pairs, tmp_path):
    (before, other, *_) = [pair_digest(pair) for pair in read_pairs(pairs)]
    (tmp_path / "original-0.png").write_bytes((tmp_path / "original-1.png").read_bytes())
    after = [pair_digest(pair) for pair in read_pairs(pairs)]
    assert after[0] != before
    assert after[1] == other


def test_each_pair_comes_once_and_a_share_again_with_sides_swapped_at_least_half_a_survey_later():
    names = [f"p{number}" for number in range(21)]
    plan = plan_trials(names, "ann", seed=3, repeats=0.1)
    first, again = plan[:21], plan[21:]
    assert sorted(showing.pair_id for showing in first) == sorted(names)
    assert len(again) == 3  # 2.1, rounded up
    for showing in again:
        (before,) = [number for number, one in enumerate(first) if one.pair_id == showing.pair_id]
        assert showing.repeat
        assert showing.a_is_left != first[before].a_is_left
        assert plan.index(showing) - before >= 10
    assert plan == plan_trials(reversed(names), "ann", seed=3, repeats=0.1)
    assert len(plan_trials(names, "ann", seed=3, repeats=0)) == 21
    assert len(plan_trials(["only"], "ann", seed=3, repeats=0.5)) == 2


def test_order_and_sides_differ_between_raters_and_sides_are_fair():
    names = [f"p{number}" for number in range(20)]
    plans = [plan_trials(names, f"rater {number}", seed=0, repeats=0) for number in range(100)]
    assert len({tuple(showing.pair_id for showing in plan) for plan in plans}) == 100
    sides = Counter((showing.pair_id, showing.a_is_left) for plan in plans for showing in plan)
    assert all(30 <= sides[name, True] <= 70 for name in names)  # 4 standard deviations
    assert 900 <= sum(count for (_, left), count in sides.items() if left) <= 1100


def test_a_torn_last_line_is_reported_on_reading_and_cut_off_by_the_next_writer(tmp_path):
    file = tmp_path / "answers.jsonl"
    for number in range(2):
        append_answer(file, lambda rows, number=number: answer("ann", number, "left"))
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:40])
    found = read_answers(file)
    assert [row.pair_id for row in found.rows] == ["p00", "p01"]
    assert found.torn_line == 3
    append_answer(file, lambda rows: answer("ann", 2, "tie"))
    assert file.read_bytes().startswith(whole)
    assert read_answers(file).torn_line is None
    assert [row.choice for row in read_answers(file).rows] == ["left", "left", "tie"]


def test_a_missing_newline_costs_no_answer_and_a_broken_line_inside_is_an_error(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text(answer("ann", 0, "left").model_dump_json())
    append_answer(file, lambda rows: answer("ann", 1, "right"))
    assert [row.choice for row in read_answers(file).rows] == ["left", "right"]
    file.write_text('{"rater": "ann"}\n' + file.read_text())
    with pytest.raises(UserError, match=r"answers.jsonl, line 1: not an answer: question: Field required"):
        read_answers(file)


def _append_many(file, rater):
    for number in range(30):
        append_answer(file, lambda rows, number=number: answer(rater, number, "left"))


def test_processes_and_threads_that_append_at_once_lose_nothing(tmp_path):
    file = tmp_path / "answers.jsonl"
    process = get_context("fork").Process(target=_append_many, args=(file, "process"))
    process.start()
    threads = [threading.Thread(target=_append_many, args=(file, f"thread {number}")) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in (*threads, process):
        thread.join()
    counts = Counter(row.rater for row in read_answers(file).rows)
    assert counts == {"process": 30, "thread 0": 30, "thread 1": 30}


def test_nobody_writes_between_another_s_seeing_and_writing(tmp_path):
    """Two tabs of one rater: each answers only if nothing is there yet."""
    file = tmp_path / "answers.jsonl"

    def if_none(rows):
        time.sleep(0.1)  # both have started by now
        return None if rows else answer("ann", 0, "left")

    threads = [threading.Thread(target=append_answer, args=(file, if_none)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_answers(file).rows) == 1


def test_a_rater_answers_all_and_the_file_says_what_was_preferred(server, tmp_path):
    state = json.loads(ask(server, "GET", "/task?rater=ann")[2])
    assert (state["answered"], state["total"]) == (0, 9)
    light = []  # which side shows the fine-tuned, lighter picture
    while "task" in state:
        query = {"rater": "ann", "task": state["task"]}
        sides = [ask(server, "GET", f"/picture?{urlencode(query | {'side': side})}") for side in ("left", "right")]
        assert [headers["Content-Type"] for _, headers, _ in sides] == ["image/png"] * 2
        names = {(tmp_path / f"finetuned-{number}.png").read_bytes() for number in range(6)}
        light.append("left" if sides[0][2] in names else "right")
        said = {"rater": "ann", "task": state["task"], "choice": light[-1], "seconds": 1.5}
        status, _, body = ask(server, "POST", "/answer", said)
        assert status == 200
        state = json.loads(body)
    rows = read_answers(tmp_path / "answers.jsonl").rows
    assert [row.winner for row in rows] == ["finetuned"] * 9
    assert [row.choice for row in rows] == light
    assert {"left", "right"} == set(light)
    assert [row.repeat for row in rows] == [False] * 6 + [True] * 3
    assert Counter(row.group for row in rows if not row.repeat) == {"even": 3, "odd": 3}


def test_an_answer_given_twice_is_kept_once_and_another_server_goes_on_where_the_rater_was(server, pairs, tmp_path):
    said = {"rater": "ann", "task": 0, "choice": "left", "seconds": 1}
    states = [json.loads(ask(server, "POST", "/answer", said | {"choice": choice})[2]) for choice in ("left", "right")]
    assert [state["task"] for state in states] == [1, 1]
    assert [row.choice for row in read_answers(tmp_path / "answers.jsonl").rows] == ["left"]
    again = open_survey(read_pairs(pairs), tmp_path / "answers.jsonl", QUESTION, seed=0, repeats=0.5)
    assert again.progress("ann")["task"] == 1
    assert again.progress("bob")["task"] == 0


def test_answers_to_another_question_or_about_other_pictures_are_not_added_to(server, pairs, tmp_path):
    ask(server, "POST", "/answer", {"rater": "ann", "task": 0, "choice": "tie", "seconds": 1})
    file = tmp_path / "answers.jsonl"
    with pytest.raises(UserError, match="the question 'Which picture looks more natural"):
        open_survey(read_pairs(pairs), file, "Which is prettier?", seed=0, repeats=0)
    for number in range(6):
        (tmp_path / f"original-{number}.png").write_bytes((tmp_path / "finetuned-5.png").read_bytes())
    with pytest.raises(UserError, match=r"about other pictures or prompts; choose another --out"):
        open_survey(read_pairs(pairs), file, QUESTION, seed=0, repeats=0)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}"])
def test_a_request_under_another_name_is_refused(server, host):
    for method, path in (("GET", "/"), ("GET", "/task?rater=ann"), ("POST", "/answer")):
        assert ask(server, method, path, Host=host.format(port=server.server_port))[0] == 400


def test_only_this_machine_is_served(server):
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "GET", "/", Host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/../pairs.csv", "/pairs.csv", "/%2e%2e/pairs.csv", "//etc/passwd", "/picture/../../etc/passwd", "/answers.jsonl",
     "/picture", "/picture?rater=ann&task=0&side=../pairs.csv", "/picture?rater=ann&task=-1&side=left",
     "/picture?rater=ann&task=99&side=left", "/picture?rater=ann&task=%D9%A1&side=left", "/task?rater=",
     "/task?rater=" + "a" * 61, "/task?rater=%0aann", "/task"],
)  # fmt: skip
def test_nothing_but_the_pairs_pictures_is_served(server, path):
    status, _, body = ask(server, "GET", path)
    assert status in (400, 404)
    assert set(json.loads(body)) == {"error"}


GOOD = {"rater": "ann", "task": 0, "choice": "left", "seconds": 1.0}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (GOOD, {"Origin": "http://evil.example"}),
        (GOOD, {"Origin": "null"}),
        (GOOD, {"Content_Type": "text/plain"}),
        (GOOD | {"choice": "invalid"}, {}),
        (GOOD | {"task": 9}, {}),
        (GOOD | {"task": -1}, {}),
        (GOOD | {"task": True}, {}),
        (GOOD | {"seconds": "1"}, {}),
        (GOOD | {"seconds": float("nan")}, {}),
        (GOOD | {"rater": 3}, {}),
        (GOOD | {"rater": "\ud800"}, {}),
        (GOOD | {"rater": "a" * 5000}, {}),
        ([GOOD], {}),
        (b"{", {}),
        (b"[" * 4000, {}),
    ],
)
def test_what_the_page_would_not_send_is_not_saved(server, tmp_path, body, headers):
    assert ask(server, "POST", "/answer", body, **headers)[0] == 400
    assert not (tmp_path / "answers.jsonl").exists()
    assert ask(server, "POST", "/answer", GOOD)[0] == 200


def test_the_page_needs_nothing_from_elsewhere_and_says_so(server):
    status, headers, body = ask(server, "GET", "/")
    assert status == 200
    assert b"http://" not in body
    assert b"https://" not in body
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in ("X-Content-Type-Options", "Cross-Origin-Resource-Policy"):
        assert headers[name]


def test_a_picture_that_is_gone_is_an_error_the_page_can_show(server, tmp_path):
    for file in tmp_path.glob("*.png"):
        file.unlink()
    status, _, body = ask(server, "GET", "/picture?rater=ann&task=0&side=left")
    assert status == 500
    assert "No such file" in json.loads(body)["error"]


def test_a_port_that_is_taken_is_a_user_s_mistake(server):
    with pytest.raises(UserError, match=f"port {server.server_port}: .*choose another with --port"):
        SurveyServer(server.survey, server.server_port)


def test_the_command_serves_until_it_is_interrupted(pairs, tmp_path):
    words = ["survey", str(pairs), "--out", str(tmp_path / "answers.jsonl"), "--port", "0", "--question", "Which?"]
    command = [sys.executable, "-c", "from atelier.cli import main; main()", *words]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    served = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell has it ignored
    )  # fmt: skip
    try:
        host = served.stdout.readline().strip().removeprefix("http://").removesuffix("/")
        connection = HTTPConnection(host, timeout=10)
        connection.request("GET", "/task?rater=ann")
        assert json.loads(connection.getresponse().read())["question"] == "Which?"
    finally:
        served.send_signal(signal.SIGINT)
        _, said = served.communicate(timeout=30)
    assert served.returncode == 0
    assert said.splitlines()[-1] == f"stopped; score the answers: atelier survey --score {tmp_path / 'answers.jsonl'}"
