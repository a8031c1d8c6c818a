"""A client of any OpenAI-compatible server: one chat completion at a time, retried and remembered on disk.

The key goes into one request header and nowhere else: it is not in a repr, a message, the cache or a reply that is
kept, and redirects, which would carry it to another host, are not followed.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from atelier.errors import UserError
from atelier.files import whole

KEY = "ATELIER_JUDGE_KEY"  # the environment variable
PAUSE, MAX_PAUSE = 1.0, 60.0  # seconds before the second try, doubled before each further one; at most
MAX_REPLY = 2**20  # bytes of a response that are read


class RetryError(Exception):
    """What may go better the next time: too many requests, a fault of the server's, silence."""

    def __init__(self, reason: str, after: float = 0) -> None:
        """The server may name seconds to wait for: `after`."""
        super().__init__(reason)
        self.after = after


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        """Let the redirection stand as the error that it then is."""


@dataclass(frozen=True)
class Client:
    """Where to ask, and where replies are kept: one file per request, named by the request's digest."""

    url: str
    cache: Path
    key: str = field(repr=False)
    timeout: float  # seconds
    tries: int = 5
    sleep: Callable[[float], None] = time.sleep

    def ask(self, request: dict[str, Any]) -> str:
        """The reply's text to a chat completion request; one that was answered before is not sent again.

        Raises:
            UserError: the server refuses it, cannot be reached, or answers no such thing.
        """
        body = json.dumps(request, sort_keys=True).encode()
        kept = self.cache / f"{hashlib.sha256(body).hexdigest()}.json"
        if kept.exists():
            return json.loads(kept.read_text(encoding="utf-8"))["reply"]
        reply = self._ask_patiently(body)
        with whole(kept) as partial:
            text = json.dumps({"model": request["model"], "reply": reply}, ensure_ascii=False)
            partial.write_text(text + "\n", encoding="utf-8")
        return reply

    def _ask_patiently(self, body: bytes) -> str:
        for number in range(self.tries):
            try:
                return self._ask_once(body)
            except RetryError as error:
                reason = str(error)
                if number + 1 < self.tries:
                    self.sleep(min(max(PAUSE * 2**number, error.after), MAX_PAUSE))
        raise UserError(f"{self.url}: {reason}, {self.tries} times; what was answered is kept, so ask again later")

    def _ask_once(self, body: bytes) -> str:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            with build_opener(_NoRedirect).open(Request(self.url, body, headers), timeout=self.timeout) as response:
                content = response.read(MAX_REPLY)
        except HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except TimeoutError:
            raise RetryError(f"no answer within {self.timeout:g} s") from None
        except URLError as error:
            late = isinstance(error.reason, TimeoutError)
            raise RetryError(f"no answer within {self.timeout:g} s" if late else "cannot be reached") from None
        except (HTTPException, OSError):
            raise RetryError("the connection broke") from None
        return self._hide(_read_reply(content, self.url))

    def _refusal(self, error: HTTPError) -> Exception:
        if error.code in (408, 429) or error.code >= 500:
            return RetryError(f"HTTP {error.code}", _read_pause(error.headers))
        if error.code in (401, 403):  # servers like to quote the key here
            return UserError(f"{self.url}: HTTP {error.code}: the server wants {'another' if self.key else 'a'} {KEY}")
        try:
            said = " ".join(self._hide(error.read(MAX_REPLY).decode("utf-8", "replace")).split())[:300]
        except (HTTPException, OSError):
            said = ""
        return UserError(f"{self.url}: HTTP {error.code}: {said or 'no reason given'}")

    def _hide(self, text: str) -> str:
        return text.replace(self.key, f"[{KEY}]") if self.key else text


def read_key() -> str:
    """The key from the environment, empty where none is set.

    Raises:
        UserError: it holds what no header can carry.
    """
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(f"{KEY} holds a space or a character that no key has")
    return key


def endpoint(url: str) -> str:
    """The address of chat completions on a server: `…/v1` and what follows are added where they are missing.

    Raises:
        UserError: not an address of a server, or one with a password, query or fragment: reports name it.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        fits = False
    fits = fits and url.isascii() and url.isprintable() and " " not in url
    if not fits or parts.username is not None or parts.query or parts.fragment:
        raise UserError(f"--url: expected http(s)://HOST[:PORT][/v1] and no more; a key goes into {KEY}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else path + '/v1'}/chat/completions"


def _read_reply(content: bytes, url: str) -> str:
    """The text of the first choice; empty where the model gave none."""
    try:
        text = json.loads(content)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        text = 0
    if not isinstance(text, str | None):
        raise UserError(f"{url}: answers, but not with a chat completion")
    return (text or "").encode(errors="replace").decode()  # half a character cannot be written down


def _read_pause(headers: HTTPMessage) -> float:
    said = headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdecimal() else 0
