"""The simulator as an object: in-process access to its state, and serving it over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.simulator.app import create_app
from local.simulator.clock import Clock
from local.simulator.faults import Faults
from local.simulator.requests import RequestLog
from local.simulator.seeding import SeedableProject
from local.simulator.state import Behaviour

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from fastapi import FastAPI

DEFAULT_PROJECT = "default"
DEFAULT_KEY = "simulator-key"


class Simulator:
    """A simulated Pinecone with one project to begin with.

    The project ``default`` is on the Standard plan; its key is ``simulator-key``.

    Args:
        now: The simulated time, aware; real time when None.
        frozen: Whether the clock stands still until it is moved.

    Attributes:
        clock: The simulated time.
        behaviour: Durations and switches, for all projects.
        projects: By name.
        faults: What shall go wrong.
        requests: What was asked.
    """

    def __init__(self, now: datetime | None = None, *, frozen: bool = False) -> None:
        self.clock = Clock(now, frozen=frozen)
        self.reset()

    def reset(self) -> None:
        """Back to one empty project; the clock stays as it is."""
        self.behaviour = Behaviour()
        self.faults = Faults()
        self.requests = RequestLog()
        self.projects: dict[str, SeedableProject] = {}
        self.add_project(DEFAULT_PROJECT, keys={DEFAULT_KEY: "ProjectEditor"})

    def add_project(
        self,
        name: str,
        *,
        keys: Mapping[str, str],
        plan: str = "standard",
        backup_quota: int | None = None,
        index_quota: int | None = None,
    ) -> SeedableProject:
        """Add a project, or replace the one of that name; ``keys`` is API key to role."""
        project = SeedableProject(
            name,
            self.clock,
            self.behaviour,
            keys=keys,
            plan=plan,
            backup_quota=backup_quota,
            index_quota=index_quota,
        )
        self.projects[name] = project
        return project

    @property
    def project(self) -> SeedableProject:
        """The project ``default``."""
        return self.projects[DEFAULT_PROJECT]

    def project_of_key(self, key: str | None) -> SeedableProject | None:
        """The project that an API key belongs to."""
        owners = (p for p in self.projects.values() if key is not None and key in p.keys)
        return next(owners, None)

    @contextlib.contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve on 127.0.0.1 (a free port by default) until the block ends; yields the URL."""
        with serve(create_app(self), port) as base_url:
            yield base_url


@contextlib.contextmanager
def serve(app: FastAPI, port: int = 0) -> Iterator[str]:
    """Serve an application from a thread until the block ends; yields its base URL."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = _Server(server_config(app))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        server.ready.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            thread.join()


def server_config(
    app: FastAPI, *, host: str = "127.0.0.1", port: int = 0, access_log: bool = False
) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="info" if access_log else "critical",
        access_log=access_log,
    )


class _Server(uvicorn.Server):
    """Starts and stops without polling."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    async def main_loop(self) -> None:
        """Announce readiness, then wait for ``stop``."""
        await self.on_tick(0)
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        await self._stopped.wait()

    def stop(self) -> None:
        """End the main loop, from another thread; open keep-alive connections are closed."""
        self.force_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)


class _Protocol(H11Protocol):
    """Hands the connection to the application, which may drop it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        # An answer's head and body are two writes; Nagle's algorithm would delay the second.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}
