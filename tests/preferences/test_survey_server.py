"""The survey's server over HTTP: answers, resuming, and refused requests."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
from fixtures_preferences import ask_survey as ask
from fixtures_preferences import running, write_pairs
from import_graph import ROOT

from atelier.common.errors import UserError
from atelier.preferences.answers import read_answers
from atelier.preferences.pairs import read_pairs
from atelier.preferences.server import SurveyServer
from atelier.preferences.survey import QUESTION, open_survey


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path, [f"a person lying on the grass, {number}" for number in range(6)])


@pytest.fixture
def server(pairs, tmp_path):
    survey = open_survey(read_pairs(pairs), tmp_path / "answers.jsonl", QUESTION, seed=0, repeats=0.5)
    with running(server := SurveyServer(survey, 0)):
        yield server


def test_a_rater_answers_all_trials_and_the_file_has_the_preferred_systems(server, tmp_path):
    state = json.loads(ask(server, "GET", "/task?rater=ann")[2])
    assert (state["answered"], state["total"]) == (0, 9)
    light = []  # side of the fine-tuned, lighter picture
    while "task" in state:
        query = {"rater": "ann", "task": state["task"]}
        sides = [ask(server, "GET", f"/picture?{urlencode(query | {'side': side})}") for side in ("left", "right")]
        assert [headers["Content-Type"] for _, headers, _ in sides] == ["image/png"] * 2
        pictures = {(tmp_path / f"finetuned-{number}.png").read_bytes() for number in range(6)}
        light.append("left" if sides[0][2] in pictures else "right")
        status, _, body = ask(server, "POST", "/answer", query | {"choice": light[-1], "seconds": 1.5})
        assert status == 200
        state = json.loads(body)
    rows = read_answers(tmp_path / "answers.jsonl").rows
    assert [(row.winner, row.choice) for row in rows] == [("finetuned", side) for side in light]
    assert (len(rows), set(light)) == (9, {"left", "right"})
    assert [row.repeat for row in rows] == [False] * 6 + [True] * 3
    assert Counter(row.group for row in rows if not row.repeat) == {"even": 3, "odd": 3}


GOOD = {"rater": "ann", "task": 0, "choice": "left", "seconds": 1.0}


def test_a_second_answer_to_a_trial_is_ignored_and_another_server_resumes(server, pairs, tmp_path):
    for choice in ("left", "right"):
        assert json.loads(ask(server, "POST", "/answer", GOOD | {"choice": choice})[2])["task"] == 1
    assert [row.choice for row in read_answers(tmp_path / "answers.jsonl").rows] == ["left"]
    again = open_survey(read_pairs(pairs), tmp_path / "answers.jsonl", QUESTION, seed=0, repeats=0.5)
    assert [again.progress(rater)["task"] for rater in ("ann", "bob")] == [1, 0]


def test_a_file_with_answers_to_another_question_or_other_pictures_is_refused(server, pairs, tmp_path):
    ask(server, "POST", "/answer", GOOD)
    file = tmp_path / "answers.jsonl"
    with pytest.raises(UserError, match="the question 'Which picture looks more natural"):
        open_survey(read_pairs(pairs), file, "Which is prettier?", seed=0, repeats=0)
    for number in range(6):
        (tmp_path / f"original-{number}.png").write_bytes((tmp_path / "finetuned-5.png").read_bytes())
    with pytest.raises(UserError, match=r"about other pictures or prompts; choose another --out"):
        open_survey(read_pairs(pairs), file, QUESTION, seed=0, repeats=0)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}"])
def test_the_server_listens_on_the_loopback_address_and_refuses_another_host_name(server, host):
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "GET", "/", Host=f"localhost:{server.server_port}")[0] == 200
    for method, path in (("GET", "/"), ("GET", "/task?rater=ann"), ("POST", "/answer")):
        assert ask(server, method, path, Host=host.format(port=server.server_port))[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        *("/../pairs.csv", "/pairs.csv", "/%2e%2e/pairs.csv", "//etc/passwd", "/picture/../../etc/passwd"),
        *("/answers.jsonl", "/picture", "/picture?rater=ann&task=0&side=../pairs.csv"),
        *(f"/picture?rater=ann&task={task}&side=left" for task in ("-1", "99", "%D9%A1", "0.5", "", "9" * 99)),
        *("/task", "/task?rater=", "/task?rater=" + "a" * 61, "/task?rater=%0aann", "/task?rater=ann%20"),
    ],
)
def test_only_the_pictures_of_pairs_are_served(server, path):
    status, _, body = ask(server, "GET", path)
    assert status in (400, 404)
    assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        *((GOOD, {"Origin": origin}) for origin in ("http://evil.example", "null")),
        *((GOOD, {"Content_Type": kind}) for kind in ("text/plain", "application/x+json")),
        *((GOOD | {"task": task}, {}) for task in (9, -1, True)),
        *((GOOD | {"seconds": seconds}, {}) for seconds in ("1", float("nan"))),
        *((GOOD | {"rater": rater}, {}) for rater in (3, "\ud800", "a" * 5000)),
        *((body, {}) for body in (GOOD | {"choice": "invalid"}, [GOOD], b"{", b"[" * 4000)),
    ],
)
def test_an_answer_that_the_page_would_not_send_is_not_saved(server, tmp_path, body, headers):
    assert ask(server, "POST", "/answer", body, **headers)[0] == 400
    assert not (tmp_path / "answers.jsonl").exists()
    assert ask(server, "POST", "/answer", GOOD)[0] == 200


def test_the_page_loads_nothing_from_elsewhere_and_its_policy_forbids_it(server):
    status, headers, body = ask(server, "GET", "/")
    assert status == 200
    assert not [scheme for scheme in (b"http://", b"https://") if scheme in body]
    policy = headers["Content-Security-Policy"]
    assert ("default-src 'none'" in policy, "unsafe" in policy) == (True, False)
    assert all(headers[name] for name in ("X-Content-Type-Options", "Cross-Origin-Resource-Policy"))


def test_a_removed_picture_is_an_error_that_the_page_can_show(server, tmp_path):
    for file in tmp_path.glob("*.png"):
        file.unlink()
    status, _, body = ask(server, "GET", "/picture?rater=ann&task=0&side=left")
    assert (status, "No such file" in json.loads(body)["error"]) == (500, True)


def test_a_port_in_use_is_a_user_error(server):
    with pytest.raises(UserError, match=f"port {server.server_port}: .*choose another with --port"):
        SurveyServer(server.survey, server.server_port)


def test_the_command_serves_until_it_is_interrupted(pairs, tmp_path):
    words = ["survey", str(pairs), "--out", str(tmp_path / "answers.jsonl"), "--port", "0", "--question", "Which?"]
    command = [sys.executable, "-c", "from atelier.cli import main; main()", *words]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    served = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
    )  # fmt: skip
    try:
        host = served.stdout.readline().strip().removeprefix("http://").removesuffix("/")
        connection = HTTPConnection(host, timeout=10)
        connection.request("GET", "/task?rater=ann")
        assert json.loads(connection.getresponse().read())["question"] == "Which?"
    finally:
        served.send_signal(signal.SIGINT)
        _, messages = served.communicate(timeout=30)
    last = f"stopped; score the answers: atelier survey --score {tmp_path / 'answers.jsonl'}"
    assert (served.returncode, messages.splitlines()[-1]) == (0, last)
