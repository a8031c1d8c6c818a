"""Client of an OpenAI-compatible server: one chat completion at a time, retried, and cached on disk.

Not `huggingface_hub.InferenceClient`: without a key it sends the saved Hub token to the server, it follows redirects,
and it fails with HF_HUB_OFFLINE even for a server on this machine (huggingface_hub 2.4).

The key is sent in one request header only. It appears in no repr, message, cache file or stored reply, and redirects,
which would carry it to another host, are not followed.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from atelier.common.deadlines import call_within
from atelier.common.errors import UserError
from atelier.common.files import read_plain_text, remove, write_text
from atelier.common.notices import notice

KEY = "ATELIER_JUDGE_KEY"  # environment variable
PAUSE, MAX_PAUSE = 1.0, 60.0  # seconds before the second try, doubled before each further one, and their maximum
MAX_REPLY = 2**20  # bytes of a response to read


class RetryError(Exception):
    """A failure that may be temporary: too many requests, a server error, a timeout."""

    def __init__(self, reason: str, after: str = "") -> None:
        """Keep the reason and the seconds to wait from a `Retry-After` header, if it has whole seconds."""
        super().__init__(reason)
        self.after = float(after) if after.isascii() and after.isdecimal() else 0


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        """Return None: a redirect is raised as the HTTPError that it is."""


@dataclass(frozen=True)
class Client:
    """A server's address, and the cache: one file per request, named by the request's digest."""

    url: str
    cache: Path
    key: str = field(repr=False)
    timeout: float  # seconds for one request, from the connection to the last byte of the reply
    tries: int = 5
    sleep: Callable[[float], None] = time.sleep

    def ask(self, request: dict[str, Any]) -> str:
        """Return the reply to a chat completion request, from the cache where the same request was sent before.

        Raises:
            UserError: the server refuses it, cannot be reached, or does not reply with a chat completion.
        """
        body = json.dumps(request, sort_keys=True).encode()
        cached = self.cache / f"{hashlib.sha256(body).hexdigest()}.json"
        if cached.exists():
            reply = _read_cached(cached)
            if reply is not None:
                return reply
        reply = self._ask_with_retries(body)
        entry = {"model": request["model"], "reply": reply, "digest": _digest(reply)}
        write_text(cached, json.dumps(entry, ensure_ascii=False) + "\n")
        return reply

    def _ask_with_retries(self, body: bytes) -> str:
        for number in range(self.tries):
            try:
                return self._redact(self._send(body))
            except RetryError as error:
                reason = str(error)
                if number + 1 < self.tries:
                    self.sleep(min(max(PAUSE * 2**number, error.after), MAX_PAUSE))
        raise UserError(f"{self.url}: {reason}, {self.tries} times; replies so far are cached, so run it again later")

    def _send(self, body: bytes) -> str:
        try:  # a socket's time-out is for one read: a server that sends a byte now and then would never reach it
            return call_within(self.timeout, self._exchange, body, time.monotonic() + self.timeout)
        except TimeoutError:
            raise RetryError(f"no answer within {self.timeout:g} s") from None

    def _exchange(self, body: bytes, end: float) -> str:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        try:
            with build_opener(_NoRedirect).open(Request(self.url, body, headers), timeout=self.timeout) as response:
                return _parse_reply(*_read_reply(response, end), self.url)
        except HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (HTTPException, OSError) as error:
            if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
                raise RetryError(f"no answer within {self.timeout:g} s") from None
            raise RetryError("cannot be reached" if isinstance(error, URLError) else "the connection broke") from None

    def _refusal(self, error: HTTPError) -> Exception:
        if error.code in (408, 429) or error.code >= 500:
            return RetryError(f"HTTP {error.code}", error.headers.get("Retry-After", ""))
        if error.code in (401, 403):  # without the server's message, which often quotes the key
            need = "rejects the key in" if self.key else "requires a key in"
            return UserError(f"{self.url}: HTTP {error.code}: the server {need} {KEY}")
        try:
            message = " ".join(self._redact(error.read(MAX_REPLY).decode("utf-8", "replace")).split())[:300]
        except (HTTPException, OSError):
            message = ""
        return UserError(f"{self.url}: HTTP {error.code}: {message or 'no reason given'}")

    def _redact(self, text: str) -> str:
        return text.replace(self.key, f"[{KEY}]") if self.key else text


def read_key() -> str:
    """Return the key from the environment, empty if it is not set.

    Raises:
        UserError: the key contains characters that an HTTP header cannot carry.
    """
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(f"{KEY} contains a space or a character that cannot be part of a key")
    return key


def endpoint(url: str) -> str:
    """Return the address of a server's chat completions, adding `/v1` and `/chat/completions` where missing.

    Raises:
        UserError: not a server's address, or one with a password, query or fragment (reports contain the address).
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        valid = False
    valid = valid and url.isascii() and url.isprintable() and " " not in url
    if not valid or parts.username is not None or parts.query or parts.fragment:
        raise UserError(f"--url: expected http(s)://HOST[:PORT][/v1] and nothing else; put a key into {KEY}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else path + '/v1'}/chat/completions"


def _read_reply(response: HTTPResponse, end: float) -> tuple[bytes, bool]:
    """Return the body, at most MAX_REPLY bytes, and whether its length tells that it is complete.

    Raises:
        TimeoutError: it is after `end`, by `time.monotonic`.
        RetryError: the body is shorter than the server said.
    """
    length, content = response.length, b""  # None: not told, or told with each chunk
    most = MAX_REPLY if length is None else min(length, MAX_REPLY)
    while len(content) < most and (part := response.read1(most - len(content))):
        content += part
        if time.monotonic() > end:
            raise TimeoutError
    if length is not None and len(content) < most:
        raise RetryError("the reply broke off")
    return content, length is not None or response.chunked or len(content) == MAX_REPLY


def _parse_reply(content: bytes, complete: bool, url: str) -> str:
    """Return the text of the first choice, empty where the model gave none.

    Raises:
        UserError: the body is no chat completion.
        RetryError: it may have been one before it broke off.
    """
    try:
        text = json.loads(content)["choices"][0]["message"]["content"]
    except ValueError:
        if not complete:
            raise RetryError("the reply broke off") from None
        text = 0
    except (LookupError, TypeError, RecursionError):
        text = 0
    if not isinstance(text, str | None):
        raise UserError(f"{url}: the response is not a chat completion")
    return (text or "").encode(errors="replace").decode()  # a lone surrogate cannot be encoded as UTF-8


def _read_cached(file: Path) -> str | None:
    """Return the reply in a cache file; set a damaged file aside and return None.

    The digest tells that the reply is the one that was written. Files of earlier versions have none.
    """
    try:
        entry = json.loads(read_plain_text(file, 8 * MAX_REPLY))
        reply = entry["reply"]
        if isinstance(reply, str) and entry.get("digest", _digest(reply)) == _digest(reply):
            return reply
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # also UserError: no plain file
        pass
    aside = file.with_name(f"{file.name}.damaged")
    remove(aside)
    file.rename(aside)
    notice(f"{file}: damaged; set aside as {aside.name}, and the model is asked again")
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
