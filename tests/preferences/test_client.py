"""The judge's client, against a fake server on the loopback address: cache, retries, refusals and the key."""

import time
from contextlib import nullcontext

import pytest
from click.testing import CliRunner
from fixtures_preferences import ask_all, completion, fake_server, prefers_light, write_pairs
from PIL import Image

from atelier.cli import main
from atelier.common.errors import UserError
from atelier.preferences.client import KEY, Client, endpoint, read_key

SECRET = "sk-not-to-be-seen-anywhere"


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv(KEY, raising=False)
    return write_pairs(tmp_path, [f"a person lying on the {place}" for place in ("grass", "street", "sand", "floor")])


def test_a_repeated_request_comes_from_the_cache_and_a_changed_one_does_not(pairs, tmp_path):
    cache = tmp_path / "cache"
    with fake_server(prefers_light) as (url, requests):
        first = ask_all(url, pairs, cache)
        assert ask_all(url, pairs, cache) == first
        assert len(requests) == 8
        ask_all(url, pairs, cache, "other")
        assert len(requests) == 16
        pairs.write_text(pairs.read_text().replace("the grass", "the gras"))
        ask_all(url, pairs, cache)
        assert len(requests) == 18
        Image.new("RGB", (8, 8)).save(tmp_path / "original-3.png")
        ask_all(url, pairs, cache)
        assert len(requests) == 20
    with fake_server(lambda *_: (500, {}, b"")) as (url, requests):  # the address is not part of the cache's key
        ask_all(url, pairs, cache)
        assert requests == []


def test_busy_and_failing_servers_are_retried_with_growing_pauses(pairs, tmp_path):
    failures = [(429, {}), (503, {}), (429, {"Retry-After": "9"}), (500, {"Retry-After": "x"})]
    pauses, replies = [], iter([(*failure, b"{}") for failure in failures])
    with fake_server(lambda *sent: next(replies, None) or prefers_light(*sent)) as (url, requests):
        rows = ask_all(url, pairs, tmp_path / "cache", sleep=pauses.append)
    assert pauses == [1, 2, 9, 8]
    assert (len(requests), len(rows)) == (12, 8)


def test_a_server_that_stays_busy_or_silent_or_unreachable_is_reported(pairs, tmp_path):
    pauses = []
    with fake_server(lambda *_: (503, {}, b"")) as (url, requests):
        with pytest.raises(UserError, match=r"HTTP 503, 5 times; replies so far are cached"):
            ask_all(url, pairs, tmp_path / "cache", sleep=pauses.append)
        assert (len(requests), pauses) == (5, [1, 2, 4, 8])
    with pytest.raises(UserError, match="cannot be reached, 2 times"):
        ask_all(url, pairs, tmp_path / "cache", tries=2, sleep=pauses.append)
    with fake_server(lambda *_: time.sleep(0.5) or completion("A")) as (url, requests):
        client = Client(endpoint(url), tmp_path / "cache", "", timeout=0.1, tries=2, sleep=pauses.append)
        with pytest.raises(UserError, match=r"no answer within 0.1 s, 2 times"):
            client.ask({"model": "late"})
        assert len(requests) == 2
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        *(((200, {}, body), "the response is not a chat completion") for body in (b"<html>", b'{"choices": []}')),
        *((completion(content), "the response is not a chat completion") for content in (["A"], 0)),
        ((404, {}, b'{"error": "no  model\n fair"}'), r'HTTP 404: {"error": "no model fair"}'),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "HTTP 302: no reason given"),
        ((401, {}, b"bad key"), "HTTP 401: the server requires a key in ATELIER_JUDGE_KEY"),
    ],
)
def test_permanent_failures_are_not_retried(pairs, tmp_path, reply, message):
    with fake_server(lambda *_: reply) as (url, requests), pytest.raises(UserError, match=message):
        ask_all(url, pairs, tmp_path / "cache")
    assert len(requests) == 1


@pytest.mark.parametrize("status", [200, 400, 401, 404, 422, 500])
def test_the_key_is_sent_and_appears_nowhere_else(pairs, tmp_path, monkeypatch, status):
    monkeypatch.setenv(KEY, SECRET)
    monkeypatch.setattr("atelier.preferences.client.PAUSE", 0)
    seen = []

    def quote(request, headers):  # everything it was sent
        seen.append(headers["Authorization"])
        content = f"wrong key {headers['Authorization']}"
        return completion(content) if status == 200 else (status, {"X-Key": SECRET}, content.encode())

    with fake_server(quote) as (url, _):
        words = ["--url", url, "--model", "spy", "--out", str(tmp_path / "judged")]
        result = CliRunner().invoke(main, ["judge", str(pairs), *words])
    assert set(seen) == {f"Bearer {SECRET}"}
    assert result.exit_code == (0 if status == 200 else 2)
    assert len(list(tmp_path.rglob("cache/*.json"))) == (8 if status == 200 else 0)
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()).decode("latin-1")
    for text in (result.output, result.stderr, files, repr(result.exception)):
        assert SECRET not in text
    assert SECRET not in repr(Client("http://a", tmp_path, SECRET, 1))


def test_a_redirect_is_not_followed_so_the_key_stays_with_its_server(pairs, tmp_path):
    with fake_server(prefers_light) as (elsewhere, received):
        moved = (307, {"Location": f"{elsewhere}/v1/chat/completions"}, b"")
        with fake_server(lambda *_: moved) as (url, _), pytest.raises(UserError, match="HTTP 307"):
            ask_all(url, pairs, tmp_path / "cache", key=SECRET)
        assert received == []


@pytest.mark.parametrize("key", ["two words", "schlüssel", "line\nbreak"])
def test_a_key_that_a_header_cannot_carry_is_refused_without_being_quoted(monkeypatch, key):
    monkeypatch.setenv(KEY, key)
    with pytest.raises(UserError) as error:
        read_key()
    assert key not in str(error.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1/chat/completions"),
        ("https://a.example/v1/", "https://a.example/v1/chat/completions"),
        ("https://a.example/api/v1/chat/completions", "https://a.example/api/v1/chat/completions"),
        ("https://a.example/openai", "https://a.example/openai/v1/chat/completions"),
        *((bad, None) for bad in ("localhost:8000", "file:///etc/passwd", "http://", "http://a:b@c", "http://a?key=b")),
        *((bad, None) for bad in ("http://a:99999", "http://a b")),
    ],
)
def test_the_endpoint_is_completed_and_invalid_addresses_are_refused(url, expected):
    with nullcontext() if expected else pytest.raises(UserError, match="--url: expected"):
        assert endpoint(url) == expected
