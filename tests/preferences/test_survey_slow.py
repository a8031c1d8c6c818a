"""The survey's server and clients that are slow, leave, or send less than they announce."""

import socket
import time
from contextlib import suppress

import pytest
from fixtures_preferences import running, write_pairs

from atelier.preferences import server as module
from atelier.preferences.pairs import read_pairs
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
            for byte in drops.encode() * 100:
                connection.sendall(bytes([byte]))
                with suppress(TimeoutError):
                    answer = connection.recv(1000)
                    break
    assert time.monotonic() - began < 2
    assert b" 200 " not in answer
    assert is_served(server)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("method, path, length, body", [  # noqa: PT006
    ("GET", "/picture?rater=ann&task=0&side=left", None, b""), ("GET", "/nothing", None, b""), ("GET", "/", None, b""),
    ("POST", "/answer", 4000, b"{"), ("POST", "/answer", 10**9, b"{" * 10**6), ("POST", "/answer", 2, b"{}"),
    ("POST", "/answer", None, b""), ("POST", "/answer", -1, b"{}"),
])  # fmt: skip
def test_a_client_that_leaves_is_no_traceback(server, capsys, method, path, length, body):
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
            with suppress(ConnectionError):
                connection.sendall(head(server, method, path, length) + body)
            # leave at once: the server meets a reset connection when it answers
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    time.sleep(0.1)
    assert is_served(server)
    assert capsys.readouterr().err == ""


def test_a_client_that_does_not_take_the_response_is_left_and_not_told(server, capsys, tmp_path):
    """The picture is larger than what the sockets buffer."""
    for file in tmp_path.glob("*.png"):
        file.write_bytes(bytes(20 * 2**20))
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
