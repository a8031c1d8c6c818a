"""The survey's page over HTTP, for this machine alone: a page, a rater's next screen, its two pictures, an answer.

It listens on the loopback address, answers only requests that name it (so that no web page can reach it through a name
of its own), takes answers only from its own page, and serves no file but the pairs' pictures: no path ever comes from a
request. Raters are not told which system made what, nor are the pictures' addresses telling.
"""

import base64
import hashlib
import json
import re
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

from atelier.errors import UserError
from atelier.judgement.answers import Choice
from atelier.judgement.pairs import media_type
from atelier.judgement.survey import MAX_NAME, Survey

ADDRESS = "127.0.0.1"
MAX_BODY = 4096  # bytes of an answer
TIMEOUT = 30  # seconds that a silent connection is kept


class RequestError(ValueError):
    """A request that the page would not make."""


class SurveyServer(ThreadingHTTPServer):
    """Serves one survey until it is shut down."""

    daemon_threads = True

    def __init__(self, survey: Survey, port: int) -> None:
        """Listen on a port; 0 takes a free one.

        Raises:
            UserError: the port cannot be had.
        """
        self.survey = survey
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise UserError(f"port {port}: {error.strerror}; choose another with --port") from None

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{ADDRESS}:{self.server_port}/"


@cache
def read_page() -> tuple[bytes, str]:
    """The page, and the content security policy that lets its own script and style run, and nothing else."""
    page = (files("atelier.judgement") / "page.html").read_bytes()
    sources = {}
    for tag in (b"script", b"style"):
        (content,) = re.findall(b"<%b>(.*?)</%b>" % (tag, tag), page, re.DOTALL)
        sources[tag.decode()] = f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"
    parts = {"default-src": "'none'", "img-src": "'self' data:", "connect-src": "'self'", "base-uri": "'none'",
             "form-action": "'none'", "frame-ancestors": "'none'"}  # fmt: skip
    parts |= {f"{tag}-src": source for tag, source in sources.items()}
    return page, "; ".join(f"{name} {value}" for name, value in parts.items())


class _Handler(BaseHTTPRequestHandler):
    server: SurveyServer
    timeout = TIMEOUT

    def do_GET(self) -> None:
        routes = {"/": self._send_page, "/task": self._send_task, "/picture": self._send_picture}
        address = urlsplit(self.path)
        self._route(routes.get(address.path), dict(parse_qsl(address.query, keep_blank_values=True)))

    def do_POST(self) -> None:
        self._route({"/answer": self._take_answer}.get(self.path), {})

    def _route(self, handle: Any, query: dict[str, str]) -> None:
        """Answer a request; what went wrong is told as JSON."""
        try:
            if self.headers.get("Host") not in self._names():
                raise RequestError("this server answers only by its own address")
            if handle is None:
                self._send_json({"error": "no such page"}, HTTPStatus.NOT_FOUND)
            else:
                handle(query)
        except RequestError as error:
            self._send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except ConnectionError:  # the page was closed
            self.close_connection = True
        except (UserError, OSError) as error:  # a full disk, a picture that was removed
            self._send_json({"error": str(error)}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _names(self) -> set[str]:
        return {f"{name}:{self.server.server_port}" for name in (ADDRESS, "localhost")}

    def _send_page(self, query: dict[str, str]) -> None:
        self._send(read_page()[0], "text/html; charset=utf-8")

    def _send_task(self, query: dict[str, str]) -> None:
        self._send_json(self.server.survey.progress(_read_rater(query)))

    def _send_picture(self, query: dict[str, str]) -> None:
        number = query.get("task", "")
        task = int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else -1
        if query.get("side") not in ("left", "right"):
            raise RequestError("side is left or right")
        path = _find(self.server.survey.picture, _read_rater(query), task, query["side"])
        self._send(path.read_bytes(), media_type(path))

    def _take_answer(self, query: dict[str, str]) -> None:
        own = self.headers.get("Origin", "").removeprefix("http://") in self._names()
        length = self.headers.get("Content-Length", "")
        if not own or self.headers.get("Content-Type") != "application/json":
            raise RequestError("answers are taken from this server's page alone")
        if not length.isdecimal() or int(length) > MAX_BODY:
            raise RequestError("too long for an answer")
        try:
            said = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or said.get("choice") not in get_args(Choice):
            raise RequestError("an answer says left, right or tie")
        task, seconds = said.get("task"), said.get("seconds")
        if type(task) is not int or not isinstance(seconds, int | float) or not 0 <= seconds < 1e6:
            raise RequestError("an answer names its task and its seconds")
        self._send_json(_find(self.server.survey.answer, _read_rater(said), task, said["choice"], seconds))

    def _send_json(self, value: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store",
                   "Content-Security-Policy": read_page()[1], "X-Content-Type-Options": "nosniff",
                   "Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "same-origin"}  # fmt: skip
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: the command prints what its user needs."""


def _read_rater(said: dict[str, Any]) -> str:
    name = said.get("rater")
    if not isinstance(name, str) or name != name.strip() or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise RequestError(f"a rater's name has 1 to {MAX_NAME} characters")
    return name


def _find(look: Any, rater: str, task: int, *details: Any) -> Any:
    try:
        if task < 0:
            raise IndexError
        return look(rater, task, *details)
    except IndexError:
        raise RequestError("no such task") from None
