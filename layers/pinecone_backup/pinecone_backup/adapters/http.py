"""The client for Pinecone: no proxies, no redirects, a fresh connection for every write.

httpx writes the URL of each request to its log at level INFO, so its loggers stay silent below
WARNING.
"""

from __future__ import annotations

import logging
from typing import override

import httpx

from pinecone_backup.adapters.tls import ssl_context

for _chatty in ("httpx", "httpcore"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class _FreshForWrites(httpx.BaseTransport):
    """Sends reads over kept connections and every write over a new one.

    A kept connection may have died while the function was frozen. A read just asks again; a
    write that finds out would have an unknown outcome, for want of one handshake.
    """

    def __init__(self, max_connections: int) -> None:
        self._reads = httpx.HTTPTransport(
            verify=ssl_context(),
            trust_env=False,
            limits=httpx.Limits(max_connections=max_connections, keepalive_expiry=30),
        )
        self._writes = httpx.HTTPTransport(
            verify=ssl_context(),
            trust_env=False,
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=0),
        )

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        chosen = self._reads if request.method == "GET" else self._writes
        return chosen.handle_request(request)

    @override
    def close(self) -> None:
        self._reads.close()
        self._writes.close()


def new_http_client(*, max_connections: int = 10) -> httpx.Client:
    """A client to share between threads; more calls than connections wait for a free one."""
    return httpx.Client(
        transport=_FreshForWrites(max_connections), trust_env=False, follow_redirects=False
    )
