"""A webhook receiver to look at: takes what notify sends, checks it, and misbehaves on request.

It plays all four providers by path: ``/standard/...`` verifies the signature with the reference
library of Standard Webhooks, ``/slack/...`` answers ``ok``, ``/teams/...`` and ``/pagerduty/...``
answer 202. ``GET /received`` lists what came. ``PUT /behaviour`` with a JSON object like
``{"answer": "rate-limit", "times": 2, "path": "/slack"}`` lets the next requests below a path go
wrong.

Run it with ``python -m local.receiver --port 8090 --secret whsec_...``, or in a test::

    with Receiver(secrets=["whsec_..."]) as receiver:
        ...  # post to receiver.url("/standard/audit")
        assert receiver.received[0].verified
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, override

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from types import TracebackType

KEPT = 1_000
"""How many requests are remembered."""


class Behaviour(StrEnum):
    """What can go wrong."""

    RATE_LIMIT = "rate-limit"
    """429 with ``Retry-After``."""
    FAIL = "fail"
    """500 with a body that nobody should see again."""
    REFUSE = "refuse"
    """400."""
    GONE = "gone"
    """410."""
    REDIRECT = "redirect"
    """302 to ``/elsewhere`` of this receiver."""
    HANG = "hang"
    """No answer until the receiver stops."""
    DRIP = "drip"
    """An answer that never ends, a byte at a time."""
    FLOOD = "flood"
    """200 with a body that never ends."""
    DROP = "drop"
    """The connection ends without an answer."""
    HIDDEN_RATE_LIMIT = "hidden-rate-limit"
    """200 that names a 429 in its body, as Teams does."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request.

    Attributes:
        verified: Whether the signature is right; None where none is expected.
        problem: Why it is not.
        status: What was answered; 0 for nothing.
    """

    at: str
    path: str
    headers: Mapping[str, str]
    body: str
    verified: bool | None
    problem: str
    status: int

    @property
    def message_id(self) -> str:
        """The ``webhook-id``, the same on every attempt."""
        return self.headers.get("webhook-id", "")

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(slots=True)
class _Order:
    answer: Behaviour
    times: int
    path: str = ""
    retry_after: str = "7"


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Receiver:
    """The receiver, as a context manager that serves on a thread of its own.

    Args:
        secrets: Signing secrets (``whsec_...``); one that fits is enough.
        host: Where to listen.
        port: 0 takes a free one.
        tls: Serves https when given.
    """

    def __init__(
        self,
        *,
        secrets: Sequence[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._received: list[Received] = []
        self._orders: list[_Order] = []
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._scheme = "https" if tls else "http"
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = ThreadingHTTPServer((host, port), handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        """``host:port``, as ``InsecureWebhookHosts`` wants it."""
        address = self._server.server_address
        return f"{address[0]!s}:{address[1]}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        """The URL of a path here."""
        return f"{self._scheme}://{self.host}{path}"

    @property
    def received(self) -> list[Received]:
        """What came so far, oldest first."""
        with self._lock:
            return list(self._received)

    def misbehave(
        self, answer: Behaviour, *, times: int = 1, path: str = "", retry_after: str = "7"
    ) -> None:
        """Let the next ``times`` requests below ``path`` go wrong."""
        with self._lock:
            self._orders.append(_Order(answer, times, path, retry_after))

    def forget(self) -> None:
        """Forget what came, and behave."""
        with self._lock:
            self._received.clear()
            self._orders.clear()

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> _Reply | Behaviour:
        """Judge and remember one request."""
        verified, problem = self._verify(path, headers, body)
        with self._lock:
            order = next((o for o in self._orders if o.times > 0 and path.startswith(o.path)), None)
            if order:
                order.times -= 1
            reply: _Reply | Behaviour
            if order:
                reply = _misbehaved(order)
            else:
                reply = _Reply(401) if verified is False else _proper(path)
            status = reply.status if isinstance(reply, _Reply) else 0
            at = datetime.now(UTC).isoformat()
            text = body.decode("utf-8", "replace")
            self._received.append(Received(at, path, headers, text, verified, problem, status))
            del self._received[:-KEPT]
            return reply

    def _verify(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[bool | None, str]:
        if not path.startswith("/standard"):
            return None, ""
        problem = "there is no secret to verify with"
        for webhook in self._webhooks:
            try:
                webhook.verify(body, dict(headers))
            except WebhookVerificationError as error:
                problem = str(error)
            else:
                return True, ""
        return False, problem


def _proper(path: str) -> _Reply:
    if path.startswith("/slack"):
        return _Reply(200, b"ok")
    if path.startswith("/pagerduty"):
        return _Reply(202, b'{"status":"success","message":"Event processed"}')
    return _Reply(202) if path.startswith("/teams") else _Reply(204)


def _misbehaved(order: _Order) -> _Reply | Behaviour:
    replies = {
        Behaviour.RATE_LIMIT: _Reply(429, b"slow down", {"Retry-After": order.retry_after}),
        Behaviour.FAIL: _Reply(500, b"internal detail of the receiver"),
        Behaviour.REFUSE: _Reply(400, b"invalid_payload"),
        Behaviour.GONE: _Reply(410),
        Behaviour.REDIRECT: _Reply(302, headers={"Location": "/elsewhere"}),
        Behaviour.HIDDEN_RATE_LIMIT: _Reply(
            200,
            b"Webhook message delivery failed with error: Microsoft Teams endpoint returned "
            b"HTTP error 429 with ContextId tcid=0.",
        ),
    }
    return replies.get(order.answer, order.answer)


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        """Take a webhook."""
        reply = self.receiver.take(self.path, self._headers(), self._body())
        if isinstance(reply, _Reply):
            self._answer(reply)
        else:
            self._misbehave(reply)

    def do_PUT(self) -> None:
        """Take an order to misbehave."""
        try:
            order = json.loads(self._body())
            self.receiver.misbehave(
                Behaviour(order["answer"]),
                times=int(order.get("times", 1)),
                path=str(order.get("path", "")),
                retry_after=str(order.get("retry_after", "7")),
            )
        except (KeyError, ValueError, TypeError, AttributeError):
            known = ", ".join(Behaviour)
            self._answer(_Reply(400, f'{{"answer": one of {known}, "times": 1}}'.encode()))
            return
        self._answer(_Reply(204))

    def do_GET(self) -> None:
        """Show what came."""
        shown = [asdict(received) for received in self.receiver.received]
        body = json.dumps(shown, indent=2, ensure_ascii=False).encode()
        self._answer(_Reply(200, body, {"Content-Type": "application/json; charset=utf-8"}))

    def do_DELETE(self) -> None:
        """Forget what came."""
        self.receiver.forget()
        self._answer(_Reply(204))

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Silent: what came is there to be asked for."""

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, reply: _Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _misbehave(self, how: Behaviour) -> None:
        self.close_connection = True
        if how is Behaviour.HANG:
            self.receiver.stopping.wait()
        if how is Behaviour.DRIP:
            self._pour(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", every=0.05)
        if how is Behaviour.FLOOD:
            self._pour(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 8_192, every=0)

    def _pour(self, head: bytes, drop: bytes, *, every: float) -> None:
        """Write until the receiver stops or the other side has had enough."""
        try:
            self.wfile.write(head)
            while not self.receiver.stopping.wait(every):
                self.wfile.write(drop)
        except OSError:
            return


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Receive, verify and show webhooks.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--secret", action="append", default=[], help="whsec_..., repeatable")
    given = parser.parse_args()
    # What a script starts in the background ignores an interrupt, unless it says otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    receiver = Receiver(secrets=given.secret, port=given.port)
    with receiver:
        try:
            shown = receiver.url("/received")
            print(f"Listening on {receiver.url('/')}; GET {shown} shows what came.")
            threading.Event().wait()
        except KeyboardInterrupt:
            print("Stopped.")


if __name__ == "__main__":
    main()
