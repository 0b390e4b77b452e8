"""Look at an index: count its records, sample some, and ask its search for some of them.

A look at the source is taken by create runs, before and after a backup is created
(``usecases.looks``); a restored index is looked at for the same records. A look ends early when its
time is up, and shows less then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pinecone_backup.errors import RequestInvalid
from pinecone_backup.model import Depth
from pinecone_backup.records import Look, NamespaceLook
from pinecone_backup.rules.fingerprint import (
    MOST_NAMESPACES,
    NEAREST,
    PROBES,
    allotted,
    digest,
    direction,
    neighbours,
    pick,
    within_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import Statistics
    from pinecone_backup.ports import DataPlane
    from pinecone_backup.records import Neighbours

MOST_PAGES = 30
"""Pages of 100 ids that a look lists, over all namespaces, unless there are more of those."""
DIRECTIONS = 5
"""Queries that look for records beyond those pages, per namespace."""
FOUND_BY_A_QUERY = 100
LISTING = timedelta(seconds=20)
"""After this much time a look chooses no further records ..."""
LOOKING = timedelta(seconds=40)
"""... and after this much it reads no further ones; a call that has begun is waited for."""


def first_look(
    plane: DataPlane, *, depth: Depth, secret: bytes, clock: Callable[[], datetime]
) -> Look:
    """Look at an index, and choose by the secret what is looked at.

    Args:
        plane: The index.
        depth: ``SAMPLE`` or ``QUERIES``.
        secret: Random bytes of this look alone.
        clock: The time, aware.

    Raises:
        PineconeError: The index cannot be read.
    """
    looking = _Looking(plane, plane.statistics(), depth, secret, clock, clock())
    chosen = within_bytes(dict(looking.choose()), secret)
    queries = _spread(chosen) if depth is Depth.QUERIES else {}
    return looking.look(chosen, queries)


def look_again(
    plane: DataPlane, known: Look | None, *, depth: Depth, clock: Callable[[], datetime]
) -> Look:
    """Look at an index for what an earlier look, or the evidence of two, names.

    Args:
        plane: The same index, or one that was restored from its backup.
        known: What to look for; None for the counts alone.
        depth: How thoroughly, as far as ``known`` goes.
        clock: The time, aware.

    Raises:
        PineconeError: The index cannot be read.
    """
    secret = bytes.fromhex(known.secret) if known is not None else b""
    looking = _Looking(plane, plane.statistics(), depth, secret, clock, clock())
    named = known.namespaces if known is not None else ()
    sampled, asked = depth.includes(Depth.SAMPLE), depth is Depth.QUERIES
    ids = {
        each.namespace: [record.record_id for record in each.records if sampled] for each in named
    }
    queries = {each.namespace: [one.record_id for one in each.probes if asked] for each in named}
    return looking.look(ids, queries, others=known is not None)


@dataclass(frozen=True, slots=True)
class _Looking:
    """One look, which began at a time."""

    plane: DataPlane
    statistics: Statistics
    depth: Depth
    secret: bytes
    clock: Callable[[], datetime]
    began_at: datetime

    def choose(self) -> Iterator[tuple[str, list[str]]]:
        """Ids to look at, by namespace."""
        wanted = allotted(self.statistics.namespaces, self.secret)
        pages = max(1, MOST_PAGES // max(len(wanted), 1))
        for namespace, number in wanted.items():
            if self.clock() - self.began_at > LISTING:
                return
            yield namespace, self._ids(namespace, number, pages)

    def _ids(self, namespace: str, number: int, pages: int) -> list[str]:
        """As many ids by chance, wherever they stand.

        From all of them where they are few, and else from the first pages and from what queries
        find.
        """
        listed: list[str] = []
        token: str | None = None
        for _ in range(pages):
            page = self.plane.ids(namespace, token=token)
            listed += page.items
            token = page.next_token
            if token is None:
                return self._pick(listed, number, namespace)
        chosen = self._pick(listed, max(number // 2, 1), namespace)
        for candidates in (self._found(namespace, chosen), listed):
            others = [each for each in candidates if each not in chosen]
            chosen += self._pick(others, number - len(chosen), namespace)
        return chosen

    def _found(self, namespace: str, chosen: Sequence[str]) -> list[str]:
        """What queries find: in directions by chance or, without dense values, near known ones."""
        found: list[str] = []
        for turn in range(DIRECTIONS if chosen else 0):
            dimension = self.statistics.dimension
            probe = (
                direction(self.secret, namespace, turn, dimension)
                if dimension
                else chosen[turn * len(chosen) // DIRECTIONS]
            )
            found += self.plane.nearest(namespace, probe, limit=FOUND_BY_A_QUERY)
        return found

    def _pick(self, record_ids: Sequence[str], number: int, namespace: str) -> list[str]:
        return pick(record_ids, number, self.secret, namespace)

    def look(
        self,
        ids: Mapping[str, Sequence[str]],
        queries: Mapping[str, Sequence[str]],
        *,
        others: bool = False,
    ) -> Look:
        """Look at these records and for these neighbours, and at the counts of other namespaces."""
        seen: list[NamespaceLook] = []
        for namespace, wanted in ids.items():
            if self.clock() - self.began_at > LOOKING:
                break
            seen.append(self._namespace(namespace, wanted, queries.get(namespace, ())))
        looked_at = {each.namespace for each in seen}
        counts = {
            name: count
            for name, count in sorted(self.statistics.namespaces.items())
            if count and name not in looked_at
        }
        if others and len(counts) <= MOST_NAMESPACES:
            seen += (NamespaceLook(name, count, None, ()) for name, count in counts.items())
        return Look(
            secret=self.secret.hex(),
            depth=self.depth,
            began_at=self.began_at,
            ended_at=self.clock(),
            dimension=self.statistics.dimension,
            metric=self.statistics.metric,
            total=self.statistics.records,
            namespaces=tuple(seen),
            complete=not counts,
        )

    def _namespace(
        self, namespace: str, wanted: Sequence[str], queries: Sequence[str]
    ) -> NamespaceLook:
        fetched = self.plane.fetch(namespace, wanted)
        there = {vector.record_id for vector in fetched.vectors}
        probes = self._probes(namespace, [each for each in queries if each in there])
        return NamespaceLook(
            namespace,
            self.statistics.namespaces.get(namespace, 0),
            fetched.sequence,
            tuple(digest(vector, self.secret) for vector in fetched.vectors),
            tuple(probes),
        )

    def _probes(self, namespace: str, queries: Sequence[str]) -> Iterator[Neighbours]:
        for record_id in queries:
            try:
                found = self.plane.nearest(namespace, record_id, limit=NEAREST)
            except RequestInvalid:
                return  # an index that was restored with another metric may refuse them
            yield neighbours(record_id, found, self.secret)


def _spread(chosen: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The records whose neighbours are asked for, over as many namespaces as there may be."""
    each = max(1, PROBES // max(len(chosen), 1))
    return {name: ids[:each] for name, ids in list(chosen.items())[:PROBES]}
