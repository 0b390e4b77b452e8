"""The command line in tests: run in process, against servers on loopback."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import msgspec

from pinecone_backup_cli.app import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

REGION = "eu-central-1"
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "secret", "token"


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended.

    Attributes:
        code: The exit code.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class CommandLine:
    """Runs commands, and captures what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Said:
        self._capsys.readouterr()
        code = main(list(arguments))
        captured = self._capsys.readouterr()
        return Said(int(code), captured.out, captured.err)


@dataclass(slots=True)
class Request:
    """What a server has received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Scripted:
    """A server that gives prepared answers in turn; the last one again and again.

    Attributes:
        url: Its base URL.
        answers: Status, content type and body; None hangs up without an answer.
        requests: What it has received.
    """

    answers: list[tuple[int, str, bytes] | None]
    url: str = ""
    requests: list[Request] = field(default_factory=list)

    def next_answer(self) -> tuple[int, str, bytes] | None:
        place = min(len(self.requests), len(self.answers)) - 1
        return self.answers[place]


def fine(body: object) -> tuple[int, str, bytes]:
    return 200, "application/json", msgspec.json.encode(body)


def problem(slug: str, status: int, **more: object) -> tuple[int, str, bytes]:
    body = {
        "type": f"urn:pinecone-backup:problem:{slug}",
        "title": "The title",
        "status": status,
        "detail": "The detail",
        "instance": "/v1/health",
        "request_id": "c6af9ac6",
        "next_step": "The next step.",
        **more,
    }
    return status, "application/problem+json", json.dumps(body).encode()


@contextmanager
def scripted(*answers: tuple[int, str, bytes] | None) -> Iterator[Scripted]:
    """Serve prepared answers on loopback until the block ends."""
    script = Scripted(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.requests.append(Request(self.command, self.path, headers, body))
            prepared = script.next_answer()
            self.close_connection = True
            if prepared is None:
                return
            status, kind, text = prepared
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that the server looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, _serving(server):
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield script


@contextmanager
def gateway(application: Callable[..., Any]) -> Iterator[str]:
    """Serve a WSGI application on loopback as stage ``live``; yields the API's URL."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    def staged(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/live")
        return application(environ, start_response)

    with make_server("127.0.0.1", 0, staged, handler_class=Quiet) as server, _serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}/live"


@contextmanager
def _serving(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
