"""The simulated Pinecone in tests: a fresh one per test, one server per session.

``simulator`` is a new ``Simulator`` whose clock stands still at ``START``; a test that also asks
for ``simulator_url`` reaches it over HTTP.
"""

from __future__ import annotations

import contextlib
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from local.simulator import DEFAULT_KEY, Simulator, serve
from local.simulator.app import create_app
from pinecone_backup.adapters.http import new_http_client
from pinecone_backup.adapters.pinecone.client import PineconeClient
from tests.support.pinecone_transport import Key, Time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""Where the clock of a test's simulator stands: a Sunday noon."""


def fresh_simulator() -> Simulator:
    """A simulator with one empty project and a clock that stands still at ``START``."""
    return Simulator(START, frozen=True)


@contextlib.contextmanager
def simulator_server() -> Iterator[Callable[[Simulator], str]]:
    """One server for many simulators: hand it the one to serve, and get the URL."""
    app = create_app(fresh_simulator())
    with serve(app) as base_url:

        def expose(simulator: Simulator) -> str:
            app.state.simulator = simulator
            return base_url

        yield expose


@contextlib.contextmanager
def http_client(url: str) -> Iterator[httpx.Client]:
    """A plain HTTP client with the default project's key, of the newest API version."""
    headers = {"Api-Key": DEFAULT_KEY, "X-Pinecone-Api-Version": "2026-07"}
    no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(base_url=url, headers=headers, verify=no_certificates) as client:
        yield client


@contextlib.contextmanager
def client(simulator_url: str) -> Iterator[PineconeClient]:
    """Our client of a served simulator's default project; it never really sleeps."""
    time = Time()
    with new_http_client() as http:
        yield PineconeClient(
            Key(DEFAULT_KEY), base_url=simulator_url, http=http, clock=time.clock, sleep=time.sleep
        )
