"""The contents of one index, on its own host, as ``ports.DataPlane`` asks for them.

Reading only. The host has been checked by ``PineconeClient.data_plane``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pinecone_backup.adapters.pinecone import payloads
from pinecone_backup.adapters.pinecone.transport import Call
from pinecone_backup.model import Fetched, Statistics, Usage, Vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pinecone_backup.adapters.pinecone.transport import Caller, Reply
    from pinecone_backup.ports import Page

MOST_FETCHED = 100
"""Ids in one call: they stand in the URL."""
LONGEST_QUERY = 6_000
"""Letters of such a URL that ids take, once they are quoted."""
_SEQUENCE = "x-pinecone-max-indexed-lsn"


class PineconeDataPlane:
    """Implements ``ports.DataPlane`` for one index."""

    def __init__(self, caller: Caller, base_url: str, index_name: str, api_version: str) -> None:
        self._caller = caller
        self._base_url = base_url
        self._subject = f"index {index_name!r}"
        self._api_version = api_version
        self._calls = self._read_units = 0

    @property
    def usage(self) -> Usage:
        """What was asked through this object; repetitions after failures are not counted."""
        return Usage(self._calls, self._read_units)

    def statistics(self) -> Statistics:
        """Records per namespace, and the schema of the vectors; it costs no read units."""
        self._calls += 1
        call = self._call("describe_index_stats", "/describe_index_stats", body={})
        return self._caller.ask(call, payloads.statistics)

    def ids(self, namespace: str, *, token: str | None) -> Page[str]:
        """A page of 100 ids, in their order."""
        query = {"namespace": namespace} | ({"paginationToken": token} if token else {})
        page, _ = self._ask(self._call("list_vectors", "/vectors/list", query), payloads.ids)
        return page

    def fetch(self, namespace: str, record_ids: Sequence[str]) -> Fetched:
        """The records with these ids; several calls show the newest of their sequence numbers."""
        vectors: list[Vector] = []
        sequences: list[int] = []
        for batch in _batches(record_ids):
            query: dict[str, str | list[str]] = {"namespace": namespace, "ids": batch}
            call = self._call("fetch_vectors", "/vectors/fetch", query)
            found, sequence = self._ask(call, payloads.vectors)
            vectors += found
            sequences += [] if sequence is None else [sequence]
        return Fetched(tuple(vectors), max(sequences, default=None))

    def nearest(self, namespace: str, probe: str | Sequence[float], *, limit: int) -> Sequence[str]:
        """The ids of the records most like a record of that id, or like dense values."""
        like = {"id": probe} if isinstance(probe, str) else {"vector": list(probe)}
        body = {"namespace": namespace, "topK": limit, **like}
        found, _ = self._ask(self._call("query_vectors", "/query", body=body), payloads.matches)
        return found

    def _ask[T](
        self, call: Call, understand: Callable[[bytes], tuple[T, int]]
    ) -> tuple[T, int | None]:
        """The answer, with its sequence number; its cost is counted."""

        def read(reply: Reply) -> tuple[T, int, int | None]:
            return *understand(reply.body), _number(reply.headers.get(_SEQUENCE))

        self._calls += 1
        value, read_units, sequence = self._caller.ask_whole(call, read)
        self._read_units += read_units
        return value, sequence

    def _call(
        self,
        operation: str,
        path: str,
        query: Mapping[str, str | list[str]] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
    ) -> Call:
        """A call that changes nothing, whatever its method: it may be repeated."""
        return Call(
            operation,
            self._subject,
            "GET" if body is None else "POST",
            self._base_url + path,
            self._api_version,
            query or {},
            body,
            renew_key=False,  # a key for the control plane alone is not wrong
        )


def _batches(record_ids: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    letters = 0
    for record_id in record_ids:
        takes = len(quote(record_id, safe="")) + len("&ids=")
        if batch and (len(batch) == MOST_FETCHED or letters + takes > LONGEST_QUERY):
            yield batch
            batch, letters = [], 0
        batch.append(record_id)
        letters += takes
    if batch:
        yield batch


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
