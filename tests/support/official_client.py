"""The official Pinecone client, pointed at the simulator."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pinecone import Pinecone, RetryConfig

from local.simulator import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def official_client(
    url: str,
    *,
    key: str = DEFAULT_KEY,
    retries: int = 0,
    version: str | None = None,
    timeout: float = 10,
) -> Iterator[Pinecone]:
    """A client that asks once per call by default, with the newest API version."""
    headers = {} if version is None else {"X-Pinecone-Api-Version": version}
    retry = RetryConfig(max_retries=retries, backoff_factor=0.001, max_wait=0.002)
    with Pinecone(
        api_key=key,
        host=url,
        retry_config=retry,
        additional_headers=headers,
        timeout=timeout,
        ssl_verify=False,  # the simulator speaks plain HTTP, and loading certificates is slow
    ) as client:
        yield client
