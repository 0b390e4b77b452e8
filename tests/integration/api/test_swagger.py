"""The page of the local stack: it loads nothing from elsewhere, and asks the API signed."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest
from botocore.credentials import Credentials

from local.simulator import serve
from local.swagger import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Api(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        echo = f"{self.path} {self.headers['Authorization'][:16]} {body.decode()}".encode()
        self.send_response(202)
        self.send_header("Location", "/live/v1/runs/1")
        self.send_header("Content-Length", str(len(echo)))
        self.end_headers()
        self.wfile.write(echo)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[httpx.Client]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/live"
        app = create_app(url, Credentials("id", "key"))
        with serve(app) as page_url, httpx.Client(base_url=page_url, trust_env=False) as client:
            yield client
        server.shutdown()
        thread.join()


def test_the_page_loads_nothing_from_elsewhere(page: httpx.Client) -> None:
    html = page.get("/docs").text
    links = re.findall(r"(?:src|href)=\"([^\"]+)\"", html)
    assert links
    assert all(link.startswith("/static-offline-docs/") for link in links)
    assert all(page.get(link).status_code == 200 for link in links)


def test_the_page_shows_the_committed_document(page: httpx.Client) -> None:
    document = page.get("/openapi.json").json()
    assert "/v1/health" in document["paths"]
    assert document["servers"] == [{"url": "/"}]


def test_what_the_page_asks_is_signed_and_forwarded(page: httpx.Client) -> None:
    answer = page.post("/v1/projects/main/runs?x=a%20b", json={"kind": "audit"})
    assert answer.status_code == 202
    assert answer.text == '/live/v1/projects/main/runs?x=a%20b AWS4-HMAC-SHA256 {"kind":"audit"}'
    assert answer.headers["location"] == "/live/v1/runs/1"
