"""The judge's client against servers that break off or drip, and with a damaged cache."""

import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from fixtures_preferences import completion, fake_server

from atelier.common.errors import UserError
from atelier.preferences.client import Client, endpoint

BODY = completion("A")[2]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)
WHOLE = HEAD + LENGTH + BODY


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@contextmanager
def raw_server(*answers):
    """Answer the n-th connection by `answers[n](connection)`, the later ones by the last; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connections = []

        def serve() -> None:
            while True:
                try:
                    connection = listening.accept()[0]
                except OSError:
                    return
                connections.append(connection)
                number = min(len(connections), len(answers)) - 1
                threading.Thread(target=answer, args=(connection, answers[number]), daemon=True).start()

        def answer(connection, act) -> None:
            with connection:
                received = b""
                while not received.endswith(b'"model": "one"}') and (part := connection.recv(2**16)):
                    received += part
                try:
                    act(connection)
                except OSError:  # the client has left
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", connections
        listening.shutdown(socket.SHUT_RDWR)


def ask(url: str, cache, **options) -> str:
    request = {"model": "one", "messages": [{"role": "user", "content": [{}]}]}
    return Client(endpoint(url), cache, "", **{"timeout": 5, "sleep": lambda _: None} | options).ask(request)


def send(data: bytes):
    return lambda connection: connection.sendall(data)


def drip(first: bytes, rest: bytes):
    """Send the rest a byte at a time, each well within the time-out of a read."""

    def act(connection) -> None:
        connection.sendall(first)
        for byte in rest * 400:  # 20 s and more
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return act


BROKEN = {
    "in the body": HEAD + LENGTH + BODY[:-7],
    "in a body of unknown length": HEAD + b"\r\n" + BODY[:-7],
    "in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + BODY[:20],
    "between chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5] + b"\r\n",
    "before the body": HEAD + LENGTH,
    "in the headers": HEAD[:30],
    "before the answer": b"",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_reply_that_breaks_off_is_asked_for_again(tmp_path, data):
    with raw_server(send(data), send(WHOLE)) as (url, connections):
        assert ask(url, tmp_path) == "A"
        assert len(connections) == 2
    with raw_server(send(data)) as (url, _), pytest.raises(UserError, match=r"(broke|broke off|reached), 2 times"):
        ask(url, tmp_path / "other", tries=2)
    assert not (tmp_path / "other").exists()


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("data", [WHOLE, HEAD + b"\r\n" + BODY, CHUNKED], ids=["length", "closed", "chunked"])
def test_a_whole_reply_is_read_in_all_its_forms_also_where_the_connection_stays_open(tmp_path, data):
    read = threading.Event()

    def act(connection) -> None:
        connection.sendall(data)
        if LENGTH in data:
            read.wait(30)  # kept alive

    with raw_server(act) as (url, _):
        assert ask(url, tmp_path, timeout=20, tries=1) == "A"
        read.set()


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (HEAD + b"Content-Length: 5000\r\n\r\n", b" "),
        (HEAD, b"X-A: b\r\n"),
        (b"", b"HTTP/1.1 "),
        (b"HTTP/1.1 404 No\r\nContent-Length: 5000\r\n\r\n", b"e"),
    ],
    ids=["body", "headers", "status", "refusal"],
)
def test_a_server_that_drips_is_cut_after_the_time_for_the_whole_request(tmp_path, first, rest):
    began = time.monotonic()
    with raw_server(drip(first, rest)) as (url, _), pytest.raises(UserError, match=r"no answer within 0.2 s, 2 times"):
        ask(url, tmp_path, timeout=0.2, tries=2)
    assert time.monotonic() - began < 15


def damages(entry: bytes) -> dict[str, bytes]:
    changed = json.loads(entry)
    return {
        "empty": b"",
        "cut": entry[:-20],
        "zeros": bytes(len(entry)),
        "no UTF-8": b"\xff" + entry,
        "list": b"[]",
        "null": b"null",
        "deep": b"[" * 100_000,
        "number": json.dumps({"model": "one", "reply": 3}).encode(),
        "without a reply": json.dumps({"model": "one"}).encode(),
        "another reply": json.dumps(changed | {"reply": "B"}).encode(),
        "another digest": json.dumps(changed | {"digest": None}).encode(),
    }


def test_a_damaged_cache_file_is_set_aside_and_asked_again(tmp_path, capsys):
    with fake_server(lambda *_: completion("A")) as (url, requests):
        assert ask(url, tmp_path) == "A"
        (file,) = tmp_path.glob("*.json")
        entry = file.read_bytes()
        found = damages(entry)
        for number, content in enumerate(found.values(), 2):
            file.write_bytes(content)
            assert ask(url, tmp_path) == "A"
            assert ask(url, tmp_path) == "A"  # from the new file
            assert len(requests) == number
            assert file.read_bytes() == entry
            assert file.with_name(f"{file.name}.damaged").read_bytes() == content
        file.unlink()
        file.mkdir()
        assert ask(url, tmp_path) == "A"
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(found) + 1
    assert all(line.startswith(f"atelier: {file}: damaged") for line in lines)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".damaged", ".json"]


def test_a_cache_file_of_an_earlier_version_has_no_digest_and_is_used(tmp_path):
    with fake_server(lambda *_: completion("A")) as (url, requests):
        ask(url, tmp_path)
        (file,) = tmp_path.glob("*.json")
        file.write_text('{"model": "one", "reply": "grüne Wiese"}\n', encoding="utf-8")
        assert ask(url, tmp_path) == "grüne Wiese"
        assert len(requests) == 1
