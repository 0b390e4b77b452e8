"""A server on loopback that does with each connection exactly what a test says."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    type Scene = Callable[[socket.socket, Server], None]


class Server:
    """What the server has seen.

    Attributes:
        url: Its base URL.
        requests: The heads of the requests read, one list per connection.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[list[str]] = []

    def read(self, connection: socket.socket) -> str:
        """Read one request to its end; its head, or an empty text when the peer hung up."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return ""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        lengths = [
            int(line.partition(":")[2])
            for line in text.splitlines()
            if line.lower().startswith("content-length:")
        ]
        while len(body) < sum(lengths):
            body += connection.recv(65536)
        self.requests[-1].append(text)
        return text


def hang_up(connection: socket.socket, server: Server) -> None:
    """Read a request and close the connection without an answer."""
    server.read(connection)


def answers(*responses: bytes) -> Scene:
    """Answer that many requests over one kept connection, then close it."""

    def scene(connection: socket.socket, server: Server) -> None:
        for response in responses:
            if not server.read(connection):
                return
            connection.sendall(response)

    return scene


def response(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP/1.1 response with its length."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextlib.contextmanager
def serving(*scenes: Scene) -> Iterator[Server]:
    """Serve each connection with the next scene, in order; none is accepted after the last."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def run() -> None:
        for scene in scenes:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                server.requests.append([])
                with contextlib.suppress(OSError):
                    scene(connection, server)
        listener.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=15)
        assert not thread.is_alive()
