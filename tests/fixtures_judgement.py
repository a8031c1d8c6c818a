"""Pairs of pictures, answers about them, and a stand-in for a judge's server."""

import csv
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atelier.judgement.answers import Answer
from atelier.judgement.pairs import Pair
from atelier.judgement.survey import QUESTION

COLUMNS = tuple(Pair.model_fields)
SYSTEMS = ("original", "finetuned")
REPLY = tuple[int, dict[str, str], bytes]  # status, headers, body


def write_pairs(folder: Path, prompts: Sequence[str]) -> Path:
    """A pairs file, p00 and so on; original pictures are dark, fine-tuned ones light, no two alike."""
    rows = []
    for number, prompt in enumerate(prompts):
        names = [f"{system}-{number}.png" for system in SYSTEMS]
        for name, shade in zip(names, (40, 200), strict=True):
            pixels = np.full((24, 16, 3), shade + number, np.uint8)
            pixels[4:9, 3:7] = (180, 30 + number, 30)
            Image.fromarray(pixels).save(folder / name)
        group = "even" if number % 2 == 0 else "odd"
        rows.append([f"p{number:02d}", prompt, group, *names, *SYSTEMS])
    file = folder / "pairs.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    return file


def answer(rater: str, number: int, choice: str, **changed: Any) -> Answer:
    """An answer on pair `number`, the fine-tuned picture on the left."""
    known = {
        "rater": rater, "question": QUESTION, "pair_id": f"p{number:02d}", "content": f"content-{number}",
        "prompt": f"prompt {number}", "group": "", "left": "finetuned", "right": "original", "choice": choice,
        "repeat": False,
    }  # fmt: skip
    return Answer(**known | changed)


@contextmanager
def stand_in(reply: Callable[[dict[str, Any], dict[str, str]], REPLY]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server on the loopback address that answers POSTs by `reply(request, headers)`: its address, and what came."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(request | {"path": self.path})
            status, headers, body = reply(request, dict(self.headers))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}", asked


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    """The server, at work in a thread until the block ends."""
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(content: Any) -> REPLY:
    """A chat completion."""
    return 200, {}, json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()
