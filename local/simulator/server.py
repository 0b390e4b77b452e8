"""Serving a simulator, or any application of the local stack, over HTTP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.simulator.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from local.simulator.simulator import Simulator


@contextlib.contextmanager
def serve_simulator(simulator: Simulator, port: int = 0) -> Iterator[str]:
    """Serve a simulator on 127.0.0.1 (a free port by default) until the block ends.

    Yields its base URL.
    """
    with serve(create_app(simulator), port) as base_url:
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
