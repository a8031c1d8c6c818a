"""Serve the page on this machine: no upload, font or script goes to or comes from another."""

import importlib.util
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.studio.editors import Editors

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; base-uri 'self'; frame-ancestors 'none'"
_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}


def check_gradio() -> None:
    """Check that gradio is installed.

    Raises:
        UserError: it is not.
    """
    if importlib.util.find_spec("gradio") is None:
        raise UserError("gradio is not installed; install it with: pip install -e '.[studio]'")


@contextmanager
def running(editors: Editors, host: str, port: int) -> Iterator[str]:
    """Serve the page until the block ends; yield its address. What visitors upload is deleted at the end.

    Args:
        port: 0 takes a free one.

    Raises:
        UserError: gradio is missing, or the address cannot be used.
    """
    check_gradio()
    port = _free_port(host, port)
    with tempfile.TemporaryDirectory(prefix="atelier-studio-") as folder:
        os.environ.update(_QUIET, GRADIO_TEMP_DIR=folder)  # gradio reads them when it is imported
        from atelier.studio.page import build_page, make_theme
        from atelier.studio.studio import Studio

        studio = Studio(editors, Path(folder))
        page = build_page(studio)
        page.queue(default_concurrency_limit=16)  # jobs wait in `studio.jobs`, where they can be cancelled
        css = (files("atelier.studio") / "style.css").read_text(encoding="utf-8")
        try:
            page.launch(
                server_name=host, server_port=port, share=False, prevent_thread_lock=True, quiet=True, ssr_mode=False,
                theme=make_theme(), css=css, footer_links=[], enable_monitoring=False, run_history=False,
                app_kwargs={"middleware": _guards(host)}, allowed_paths=[folder],
            )  # fmt: skip
            yield f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        finally:
            page.close(verbose=False)
            studio.jobs.close()


def _free_port(host: str, port: int) -> int:
    """Return a port that can be listened on.

    Raises:
        UserError: there is no such address, or the port is taken.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
            return tried.getsockname()[1]
    except (OSError, UnicodeError) as error:
        told = getattr(error, "strerror", None) or "no such address"
        raise UserError(f"{host[:100]}, port {port}: {told}; choose another with --host and --port") from None


def _guards(host: str) -> list[Any]:
    """Return what checks requests: a page of this machine alone answers only by its own names (DNS rebinding)."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    known = [Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])] if host in LOOPBACK else []
    return [*known, Middleware(_OwnFilesOnly)]


class _OwnFilesOnly:
    """Adds a policy to every answer by which the browser loads nothing from elsewhere."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", _POLICY.encode())]
            await send(message)

        await self._app(scope, receive, send_with_policy if scope["type"] == "http" else send)
