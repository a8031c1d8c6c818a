"""Raters on other machines: a token each, 403 without one; the last answer can be replaced."""

import json
import stat

import pytest
from click.testing import CliRunner
from fixtures_preferences import ask_survey as ask
from fixtures_preferences import running, write_pairs

from atelier.cli import main
from atelier.common.errors import UserError
from atelier.preferences.answers import read_answers
from atelier.preferences.links import find_rater, open_links, parse_raters
from atelier.preferences.pairs import read_pairs
from atelier.preferences.server import SurveyServer
from atelier.preferences.survey import QUESTION, Survey, open_survey

WORDS = "Welcome & thank you.\n<script>window.ran = 1</script>"


@pytest.fixture
def survey(tmp_path) -> Survey:
    pairs = read_pairs(write_pairs(tmp_path, [f"a person, {number}" for number in range(4)]))
    return open_survey(pairs, tmp_path / "answers.jsonl", QUESTION, seed=0, repeats=0.5)


@pytest.fixture
def links(survey) -> dict[str, str]:
    return open_links(survey.file, ["ann", "bob"])


@pytest.fixture
def server(survey, links):
    """A server on all addresses of this machine, as raters on others reach it."""
    with running(server := SurveyServer(survey, 0, host="0.0.0.0", links=links, words=WORDS)):
        yield server


@pytest.mark.parametrize("token", ["", "?token=", "?token=ann", "?token=%ff%00", "?rater=ann", "?token={}x"])
@pytest.mark.parametrize("path", ["/", "/task", "/picture", "/answer", "/none"])
def test_a_request_without_a_valid_token_is_forbidden(server, links, tmp_path, token, path):
    body = {"rater": "ann", "task": 0, "choice": "left", "seconds": 1.0}
    method = "POST" if path == "/answer" else "GET"
    status, _, content = ask(server, method, path + token.format(links["ann"]), body if method == "POST" else None)
    assert (status, "not valid" in json.loads(content)["error"]) == (403, True)
    assert not (tmp_path / "answers.jsonl").exists()


def test_the_token_says_who_answers_under_any_name_of_the_machine(server, links, tmp_path):
    for rater, choice in (("ann", "left"), ("bob", "right")):
        path = f"?token={links[rater]}&rater=eve"
        own = {"Host": "pictures.example:8777", "Origin": "http://pictures.example:8777"}
        assert json.loads(ask(server, "GET", f"/task{path}", **own)[2])["answered"] == 0
        picture = ask(server, "GET", f"/picture{path}&task=0&side=left", **own)
        assert (picture[0], picture[1]["Content-Type"]) == (200, "image/png")
        body = {"rater": "eve", "task": 0, "choice": choice, "seconds": 1.0}
        assert ask(server, "POST", f"/answer{path}", body, **own | {"Origin": "http://evil.example"})[0] == 400
        assert ask(server, "POST", f"/answer{path}", body, **own)[0] == 200
    assert [(row.rater, row.choice) for row in read_answers(tmp_path / "answers.jsonl").rows] == [
        ("ann", "left"),
        ("bob", "right"),
    ]


def test_the_words_of_the_study_s_maker_are_on_the_page_as_text(server, links):
    page = ask(server, "GET", f"/?token={links['ann']}")[2].decode()
    assert "Welcome &amp; thank you.\n&lt;script&gt;window.ran = 1&lt;/script&gt;</p>" in page


def test_tokens_are_secret_kept_and_one_for_each_rater(survey, links, tmp_path):
    assert len({*links.values()}) == 2
    assert min(map(len, links.values())) >= 22  # 128 bits, base64
    assert stat.S_IMODE((tmp_path / "answers.links.json").stat().st_mode) == 0o600
    again = open_links(survey.file, ["bob", "eve"])
    assert again["bob"] == links["bob"]
    assert open_links(survey.file, ["ann"]) == {"ann": links["ann"]}
    assert find_rater(links["ann"], links) == "ann"
    assert find_rater("é", links) is find_rater("", links) is find_rater(links["ann"][:-1], links) is None
    (tmp_path / "answers.links.json").write_text('{"ann": "short"}')
    with pytest.raises(UserError, match=r"answers\.links\.json: expected the tokens of a survey's raters"):
        open_links(survey.file, ["ann"])


@pytest.mark.parametrize("text", ["", "ann,", "ann,ann", "a" * 61, "a\nb", ",".join(map(str, range(1001)))])
def test_names_of_raters_are_checked(text):
    with pytest.raises(UserError, match="--raters: expected different names"):
        parse_raters(text)
    assert parse_raters(" ann , Bob B.") == ["ann", "Bob B."]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "--host: other machines need links; name the raters"),
        (["--host", "192.0.2.1", "--raters", "ann"], "192.0.2.1, port 0: "),  # an address for documentation: not ours
        (["--host", "a" * 300, "--raters", "ann"], "choose another with --host or --port"),
        (["--words", "none.txt"], "none.txt"),
    ],
)
def test_a_host_without_links_or_that_is_not_here_is_refused_in_one_line(tmp_path, words, message):
    pairs = write_pairs(tmp_path, ["a person"])
    command = ["survey", str(pairs), "--out", str(tmp_path / "answers.jsonl"), "--port", "0", *words]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert message in result.stderr


def test_the_last_answer_alone_can_be_replaced(survey):
    for task, choice in ((0, "left"), (1, "left"), (1, "right")):
        survey.answer("ann", task, choice, 1.0)
    survey.answer("bob", 0, "tie", 1.0)
    state = survey.last("ann")
    assert (state["task"], state["answered"], state["again"]) == (1, 1, True)
    assert state["prompt"] == read_answers(survey.file).rows[1].prompt
    after = survey.answer("ann", 1, "tie", 2.0, again=True)
    assert (after["task"], after["answered"]) == (2, 2)
    survey.answer("ann", 0, "tie", 2.0, again=True)  # not the last one
    rows = read_answers(survey.file).rows
    assert [(row.rater, row.choice) for row in rows] == [("ann", "left"), ("bob", "tie"), ("ann", "tie")]
    assert [row.replaces for row in rows] == [None, None, True]
    assert len(survey.file.read_text().splitlines()) == 4  # the first answer to it stays in the file
    assert survey.last("eve") == survey.progress("eve")
