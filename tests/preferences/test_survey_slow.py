"""The survey's server and clients that are slow, leave, or send less than they announce."""

import socket
import time
from contextlib import suppress

import pytest
from fixtures_preferences import running, write_pairs

from atelier.preferences import server as module
from atelier.preferences.pairs import MAX_BYTES, read_pairs
from atelier.preferences.server import SurveyServer
from atelier.preferences.survey import QUESTION, open_survey


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(module._SilentHandler, "timeout", 0.4)
    survey = open_survey(read_pairs(write_pairs(tmp_path, ["a", "b"])), tmp_path / "a.jsonl", QUESTION, 0, 0)
    with running(opened := SurveyServer(survey, 0)):
        yield opened


def head(server, method: str, path: str, length: int | None = None) -> bytes:
    host = f"127.0.0.1:{server.server_port}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Origin: http://{host}", "Content-Type: application/json"]
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def is_served(server) -> bool:
    """Tell whether one of some requests is answered: on a busy machine one may take longer than the server waits."""
    return any(_is_served(server) for _ in range(5))


def _is_served(server) -> bool:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(head(server, "GET", "/task?rater=ann"))
        return b"200 OK" in connection.recv(1000)


@pytest.mark.parametrize(
    ("first", "drops"),
    [("", "POST /answer"), ("POST /answer HTTP/1.1\r\n", "X-A: b\r\n"), (None, "{ }")],
    ids=["line", "headers", "body"],
)
def test_a_request_that_drips_is_closed_after_the_time_for_all_of_it(server, capsys, first, drops):
    began = time.monotonic()
    start = head(server, "POST", "/answer", 4000) if first is None else first.encode()
    answer = b""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=0.05) as connection:
        connection.sendall(start)
        with suppress(ConnectionError):  # closed by the server
            for byte in drops.encode() * 400:  # 60 s and more
                connection.sendall(bytes([byte]))
                with suppress(TimeoutError):
                    answer = connection.recv(1000)
                    break
    assert time.monotonic() - began < 20
    assert b" 200 " not in answer
    assert is_served(server)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("sent", ["", "GET", "GET / HTTP/1.1\r\nHost: a", "POST", "GET /nothing", "GET /"])
def test_a_client_that_leaves_is_no_traceback(server, capsys, sent):
    """In the middle of its request, of its body, or before the answer."""
    data = (
        sent.encode() if sent in ("", "GET") or "\r\n" in sent else head(server, *f"{sent} /answer".split()[:2], 4000)
    )
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
            connection.sendall(data)
            time.sleep(0.03)
            # reset the connection instead of closing it in order
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    time.sleep(0.05)
    assert is_served(server)
    assert capsys.readouterr().err == ""


def test_a_client_that_leaves_while_a_refusal_is_written_is_no_traceback(server, capsys, monkeypatch):
    """The refusal of a request that is no HTTP is written by the base class, not by the application."""
    written = module._SilentHandler.send_error
    monkeypatch.setattr(module._SilentHandler, "send_error", lambda *args: time.sleep(0.1) or written(*args))
    for data in (b"no HTTP at all\r\n\r\n", b"a" * 70_000):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
            connection.sendall(data)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    time.sleep(0.3)
    assert is_served(server)
    assert capsys.readouterr().err == ""


def test_a_client_that_does_not_take_the_response_is_left_and_not_told(server, capsys, tmp_path):
    """The picture is larger than what the sockets buffer."""
    for file in tmp_path.glob("*.png"):
        file.write_bytes(file.read_bytes() + bytes(MAX_BYTES - 2**16))
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(head(server, "GET", "/picture?rater=ann&task=0&side=left"))
        time.sleep(0.8)
        assert is_served(server)
    assert capsys.readouterr().err == ""


def test_an_error_of_the_server_itself_still_prints_its_traceback(server, capsys, monkeypatch):
    def fail(self, environ, start_response):
        raise RuntimeError("a fault of ours")

    server.set_app(fail.__get__(server))
    assert not is_served(server)
    assert "a fault of ours" in capsys.readouterr().err
