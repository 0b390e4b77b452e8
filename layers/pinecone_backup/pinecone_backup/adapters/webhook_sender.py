"""The guarded sender: one POST to a place that a person wrote down, or none.

``https`` only, ports 443 and 8443, no redirect followed, no proxy, nothing read from the
environment, a limit on the time and on what is read of the answer. The name is resolved inside
the connection: every address it has is checked, and the connection goes to a checked address,
while TLS and ``Host`` keep the name. So there is no gap between check and connection in which
the name could change.

Built on httpcore, the transport below httpx: it follows nothing, knows no environment, and logs
no URL.
"""

from __future__ import annotations

import logging
import socket
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, override

import httpcore

from pinecone_backup.errors import DeliveryDeferred, DeliveryRefused
from pinecone_backup.webhooks.addresses import is_public
from pinecone_backup.webhooks.exchange import Answer, seconds_until

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Sequence

    from pinecone_backup.webhooks.addresses import Endpoint
    from pinecone_backup.webhooks.exchange import Outgoing

    type Resolver = Callable[[str, int], Sequence[str]]

logging.getLogger("httpcore").setLevel(logging.WARNING)  # at DEBUG it logs answers' headers

PORTS = frozenset({443, 8443})
"""Where webhooks may go; others are somebody's internal service more often than not."""
ATTEMPT_SECONDS = 20.0
"""The most that one attempt takes, from the first connection to the end of the answer."""
ANSWER_BYTES = 16_384
"""What is read of an answer's body; it is judged, and never shown or stored."""
_CONNECT_SECONDS = 5.0


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Every address that the system knows for a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class WebhookSender:
    """Sends webhooks; safe to share between threads, keeps no connection.

    Args:
        ssl_context: Verifies certificates and host names.
        insecure_hosts: Local stack only: ``host:port`` values that may be reached over plain
            http, on any port and any address.
        resolve: Gives the addresses of a name.
        clock: The real time, for a ``Retry-After`` that is a date.
        connect: Opens the connections.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext,
        insecure_hosts: Iterable[str] = (),
        resolve: Resolver = system_resolver,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        connect: httpcore.NetworkBackend | None = None,
        attempt_seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._ssl_context = ssl_context
        self._exempt = frozenset(host.lower() for host in insecure_hosts)
        self._resolve = resolve
        self._clock = clock
        self._connect = connect or httpcore.SyncBackend()
        self._attempt_seconds = attempt_seconds

    def post(self, outgoing: Outgoing) -> Answer:
        """Send one request and read its answer, whatever its status.

        Raises:
            DeliveryRefused: The endpoint is not one that we send to; nothing was sent.
            DeliveryDeferred: No connection, no answer, or not in time; it may have arrived.
        """
        endpoint = outgoing.endpoint
        exempt = endpoint.place in self._exempt
        if not exempt:
            _require_secure(endpoint)
        backend = _GuardedBackend(
            self._connect, self._resolve, exempt=exempt, until=monotonic() + self._attempt_seconds
        )
        try:
            with httpcore.ConnectionPool(
                ssl_context=self._ssl_context, network_backend=backend
            ) as pool:
                return self._exchange(pool, outgoing)
        except httpcore.TimeoutException:
            problem = "The target did not answer in time"
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.UnsupportedProtocol,
        ) as error:
            problem = f"The target could not be reached ({type(error).__name__})"
        # Raised outside the handlers, so that no cause is kept that might name the URL.
        raise DeliveryDeferred(problem, next_step="Nothing to do: it is sent again later.")

    def _exchange(self, pool: httpcore.ConnectionPool, outgoing: Outgoing) -> Answer:
        endpoint = outgoing.endpoint
        url = httpcore.URL(
            scheme=endpoint.scheme, host=endpoint.host, port=endpoint.port, target=endpoint.path
        )
        headers = {
            "Host": endpoint.authority,
            "User-Agent": "pinecone-backup",
            "Content-Type": "application/json",
            "Content-Length": str(len(outgoing.body)),
            **outgoing.headers,
        }
        timeouts = dict.fromkeys(("read", "write", "pool"), self._attempt_seconds)
        extensions = {"timeout": timeouts | {"connect": _CONNECT_SECONDS}}
        with pool.stream(
            "POST",
            url,
            headers=list(headers.items()),
            content=outgoing.body,
            extensions=extensions,
        ) as response:
            return Answer(
                status=response.status,
                retry_after=_retry_after(response.headers, self._clock()),
                body=_beginning(response),
            )


class _GuardedBackend(httpcore.NetworkBackend):
    """Resolves, checks and connects in one step, and lets nothing run past the deadline."""

    def __init__(
        self, inner: httpcore.NetworkBackend, resolve: Resolver, *, exempt: bool, until: float
    ) -> None:
        self._inner = inner
        self._resolve = resolve
        self._exempt = exempt
        self._until = until

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._addresses(host, port)
        for last, address in _with_last(addresses):
            try:
                stream = self._inner.connect_tcp(
                    address, port, _left(self._until, timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if last:
                    raise
            else:
                return _DeadlineStream(stream, self._until)
        raise httpcore.ConnectError("the name has no address")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name does not resolve") from None
        if not self._exempt and not all(is_public(address) for address in addresses):
            raise DeliveryRefused(
                "The target's name leads to an address that is not public",
                next_step="Give the target a URL on a public address, then replay the message.",
            )
        # Functions outside a VPC have no IPv6 route out: IPv4 first saves a failed try.
        return sorted(addresses, key=lambda address: ":" in address)


class _DeadlineStream(httpcore.NetworkStream):
    """A stream whose reads and writes together end at the deadline, however slowly they drip."""

    def __init__(self, inner: httpcore.NetworkStream, until: float) -> None:
        self._inner = inner
        self._until = until

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._until, timeout))

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._until, timeout))

    @override
    def close(self) -> None:
        self._inner.close()

    @override
    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, _left(self._until, timeout))
        return _DeadlineStream(secured, self._until)

    @override
    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _require_secure(endpoint: Endpoint) -> None:
    problem = ""
    if endpoint.scheme != "https":
        problem = "The target's URL is not https"
    elif endpoint.port not in PORTS:
        allowed = " and ".join(str(port) for port in sorted(PORTS))
        problem = f"The target's port {endpoint.port} is not allowed ({allowed} are)"
    if problem:
        raise DeliveryRefused(
            problem, next_step="Correct the target's URL, then replay the message."
        )


def _beginning(response: httpcore.Response) -> bytes:
    read = bytearray()
    for chunk in response.iter_stream():
        read += chunk
        if len(read) >= ANSWER_BYTES:
            break
    return bytes(read[:ANSWER_BYTES])


def _retry_after(headers: Sequence[tuple[bytes, bytes]], now: datetime) -> float | None:
    value = next((value for name, value in headers if name.lower() == b"retry-after"), b"")
    return seconds_until(value, now)


def _left(until: float, timeout: float | None) -> float:
    left = until - monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the attempt took too long")
    return left if timeout is None else min(left, timeout)


def _with_last[T](items: Sequence[T]) -> list[tuple[bool, T]]:
    return [(number == len(items), item) for number, item in enumerate(items, 1)]
