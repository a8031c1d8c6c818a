"""The survey's web page, served by Flask to this machine only or, with a link for each rater, to others too.

The server listens on the loopback address, refuses requests whose Host header is another name (DNS rebinding), accepts
answers only from its own page (cross-site requests), and serves no file except the pictures of the pairs: requests
contain no paths. Neither the page nor the picture addresses reveal which system made a picture.

With links every request must have a rater's token, which also says who answers; without a valid one the answer is 403.
Then the server may listen on another address, by whatever name it is reached there.
"""

import io
import socket
import sys
import time
from collections.abc import Mapping
from socketserver import ThreadingMixIn
from typing import Annotated, Any, Literal
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

from flask import Flask, Response, abort, g, request
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from atelier.common.errors import UserError
from atelier.preferences.answers import Choice
from atelier.preferences.links import find_rater
from atelier.preferences.page import load_page
from atelier.preferences.pairs import media_type, validation_message
from atelier.preferences.survey import MAX_NAME, Survey

ADDRESS = "127.0.0.1"
MAX_LINE = 65536  # bytes of the request's first line
MAX_BODY = 4096  # bytes of an answer
TIMEOUT = 30  # seconds for a request to arrive, and again for the response to be taken
SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}


def _check_name(name: str) -> str:
    if name != name.strip() or not name.isprintable():
        raise ValueError("spaces at the ends or unprintable characters")
    return name


class _Rater(BaseModel):
    """Query of `/task`."""

    rater: Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_check_name)]


class _Picture(_Rater):
    """Query of `/picture`."""

    task: int = Field(ge=0)
    side: Literal["left", "right"]


class _Answer(_Rater):
    """Body of `/answer`."""

    task: int = Field(ge=0)
    choice: Choice
    seconds: float = Field(ge=0, lt=1e6)
    again: bool = False


class SurveyServer(ThreadingMixIn, WSGIServer):
    """Serve one survey until shut down."""

    daemon_threads = True

    def __init__(
        self, survey: Survey, port: int, *, host: str = ADDRESS, links: Mapping[str, str] | None = None, words: str = ""
    ) -> None:
        """Listen on a port; 0 takes a free one.

        Args:
            host: an address or name of this machine. Not only this machine's programs reach another than the loopback
                address, so it needs links.
            links: rater → token; None: raters give their names.
            words: of the study's maker, on the first page.

        Raises:
            UserError: the port or the address is not available.
        """
        assert links is not None or host == ADDRESS
        self.survey, self.host = survey, host
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _SilentHandler)
        except (OSError, UnicodeError, OverflowError) as error:  # a name that no resolver can hold
            what, how = ("", "--port") if host == ADDRESS else (f"{host}, ", "--host or --port")
            reason = getattr(error, "strerror", None) or "is no address"
            raise UserError(f"{what}port {port}: {reason}; choose another with {how}") from None
        own = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}
        self.set_app(make_app(survey, own if host == ADDRESS else None, links, words))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of an error, unless it is a client that has left or is too slow."""
        if not isinstance(sys.exception(), _GONE):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """The page's address."""
        name = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{name}]' if ':' in name else name}:{self.server_port}/"


_GONE = (ConnectionError, TimeoutError)  # what the socket raises when the client has left, or is too slow


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a point in time, however slowly the bytes come: each read has what is left."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection, self._end = connection, time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes.

        Raises:
            TimeoutError: the time is over.
        """
        usual, left = self._connection.gettimeout(), self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request came too slowly")
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(usual)


class _Responder(ServerHandler):
    def log_exception(self, exc_info: Any) -> None:
        """Print a traceback, unless the client has left or is too slow."""
        if not isinstance(exc_info[1], _GONE):
            super().log_exception(exc_info)


class _SilentHandler(WSGIRequestHandler):
    timeout = TIMEOUT

    def setup(self) -> None:
        """Limit the time for the whole request."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_TimedReader(self.connection, self.timeout))

    def handle(self) -> None:
        """Handle one request, as the base class does, with a `_Responder`."""
        self.raw_requestline = self.rfile.readline(MAX_LINE + 1)
        if len(self.raw_requestline) > MAX_LINE:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.parse_request():
            responder = _Responder(self.rfile, self.wfile, self.get_stderr(), self.get_environ(), multithread=True)
            responder.request_handler = self
            responder.run(self.server.get_app())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the base class
        """Print nothing: the command prints what its user needs."""


def make_app(survey: Survey, hosts: set[str] | None, links: Mapping[str, str] | None = None, words: str = "") -> Flask:
    """Return the WSGI application. Errors are JSON: {"error": reason}.

    Args:
        hosts: the Host headers that it accepts; None: all.
        links: rater → token; None: raters give their names.
        words: of the study's maker, on the first page.
    """
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    page, policy = load_page(words)
    headers = SAFE_HEADERS | {"Content-Security-Policy": policy}
    app.before_request(lambda: _check_request(hosts, links))

    @app.get("/")
    def send_page() -> str:
        return page

    @app.get("/task")
    def send_task() -> dict[str, Any]:
        rater = _Rater.model_validate(_query()).rater
        return survey.last(rater) if "back" in request.args else survey.progress(rater)

    @app.get("/picture")
    def send_picture() -> Response:
        path = survey.picture(**dict(_Picture.model_validate(_query())))
        return Response(path.read_bytes(), content_type=media_type(path))

    @app.post("/answer")
    def save_answer() -> dict[str, Any]:
        origin = request.headers.get("Origin", "").removeprefix("http://").removeprefix("https://")
        own_page = origin in (hosts or {request.headers.get("Host")})
        if not own_page or request.mimetype != "application/json":
            abort(400, "answers are accepted only from this server's page")
        if not 0 <= (request.content_length or 0) <= MAX_BODY:
            abort(400, "too long for an answer")
        answer = dict(_Answer.model_validate_json(request.get_data(), strict=True))
        return survey.answer(**answer | ({"rater": g.rater} if g.rater else {}))

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(headers)
        return response

    app.register_error_handler(HTTPException, lambda error: ({"error": error.description}, error.code))
    app.register_error_handler(ValidationError, lambda error: ({"error": validation_message(error)}, 400))
    app.register_error_handler(IndexError, lambda _: ({"error": "no such task"}, 400))
    for failure in (UserError, OSError):  # a full disk, a removed picture
        app.register_error_handler(failure, lambda error: ({"error": str(error)}, 500))
    return app


def _check_request(hosts: set[str] | None, links: Mapping[str, str] | None) -> None:
    """Refuse a request to another host or, with links, without a valid token; note the rater of the token."""
    if hosts is not None and request.headers.get("Host") not in hosts:
        abort(400, "this server answers only by its own address")
    g.rater = None if links is None else find_rater(request.args.get("token", ""), links)
    if links is not None and g.rater is None:
        abort(403, "this link is not valid; please ask the organiser of the survey for yours")


def _query() -> dict[str, str]:
    """Return the request's query; whose token it has is its rater."""
    return request.args.to_dict() | ({"rater": g.rater} if g.rater else {})
