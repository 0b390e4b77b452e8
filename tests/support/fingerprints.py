"""Looking at a simulated index without a server, and restoring its backups with damage."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from local.simulator.data_plane import DataPlane as Served
from local.simulator.errors import ApiError
from local.simulator.schema import dense_dimension, metric
from local.simulator.search import Probe
from local.simulator.state import Outcome
from pinecone_backup.errors import RequestInvalid
from pinecone_backup.model import (
    Backup,
    Depth,
    Fetched,
    Index,
    IndexKind,
    Statistics,
    Status,
    Usage,
    Vector,
)
from pinecone_backup.ports import Page
from pinecone_backup.rules.fingerprint import compare, confirmed, evidence, holds_for
from pinecone_backup.usecases.fingerprint import first_look, look_again
from tests.support.simulator import fresh_simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from local.simulator import Simulator
    from local.simulator.damages import Harm
    from local.simulator.schema import Fields
    from local.simulator.state import Backup as SimulatedBackup
    from local.simulator.state import Index as SimulatedIndex
    from pinecone_backup.records import Look
    from pinecone_backup.rules.fingerprint import Comparison

SECRET = bytes(range(16))


class SimulatedPlane:
    """``ports.DataPlane`` over a simulated index."""

    def __init__(self, simulator: Simulator, index: SimulatedIndex) -> None:
        self.simulator = simulator
        self.index = index
        self.calls: list[str] = []

    @property
    def usage(self) -> Usage:
        return Usage(len(self.calls))

    @property
    def _served(self) -> Served:
        return Served(self.index, self.simulator.behaviour, self.simulator.clock.now())

    def statistics(self) -> Statistics:
        self.calls.append("statistics")
        counts, fields = self._served.counts(), self.index.fields
        return Statistics(sum(counts.values()), counts, dense_dimension(fields), metric(fields))

    def ids(self, namespace: str, *, token: str | None) -> Page[str]:
        self.calls.append("ids")
        found = self._served.list_ids(namespace, prefix="", after=token or "", limit=100)
        return Page(found, found[-1] if len(found) == 100 else None)

    def fetch(self, namespace: str, record_ids: Sequence[str]) -> Fetched:
        if not record_ids:
            return Fetched(())
        self.calls.append("fetch")
        found = self._served.fetch(namespace, record_ids)
        vectors = (
            Vector(
                each.record_id,
                each.values,
                tuple(zip(each.sparse.indices, each.sparse.values, strict=True))
                if each.sparse
                else (),
                dict(each.metadata or {}),
            )
            for each in found
        )
        return Fetched(tuple(vectors), self._served.sequence_number(namespace))

    def nearest(self, namespace: str, probe: str | Sequence[float], *, limit: int) -> Sequence[str]:
        self.calls.append("nearest")
        asked = self._served.probe_of(namespace, probe) if isinstance(probe, str) else Probe(probe)
        if asked is None:
            return []
        try:
            found = self._served.query(namespace, asked, limit=limit, only={})
        except ApiError as refusal:
            raise RequestInvalid(refusal.message) from None
        return [match.record.record_id for match in found]


@dataclass
class Proof:
    """One index, its backup between two looks, and what a restore of it compares to.

    Attributes:
        before: Between the first look and the backup.
        after: Between the backup and the second look.
    """

    simulator: Simulator = field(default_factory=fresh_simulator)
    depth: Depth = Depth.SAMPLE
    before: timedelta = timedelta(minutes=20)
    after: timedelta = timedelta(minutes=15)

    def served(self, index: SimulatedIndex) -> Served:
        """The index's data plane, for writing."""
        return Served(index, self.simulator.behaviour, self.now)

    def index(self, *, fields: Fields | None = None, **namespaces: int) -> SimulatedIndex:
        """An index with so many records by namespace."""
        project = self.simulator.project
        index = project.seed_index("docs", fields=fields, seed="docs")
        for namespace, records in namespaces.items():
            project.write_records(
                "docs", records, namespace=namespace, at=self.now - timedelta(days=1)
            )
        return index

    @property
    def now(self) -> datetime:
        return self.simulator.clock.now()

    def first(self, index: SimulatedIndex) -> Look:
        return first_look(
            SimulatedPlane(self.simulator, index),
            depth=self.depth,
            secret=SECRET,
            clock=self.simulator.clock.now,
        )

    def again(self, index: SimulatedIndex, known: Look | None) -> Look:
        return look_again(
            SimulatedPlane(self.simulator, index),
            known,
            depth=self.depth,
            clock=self.simulator.clock.now,
        )

    def taken(
        self, index: SimulatedIndex, life: Callable[[timedelta], None] | None = None
    ) -> tuple[SimulatedBackup, Look]:
        """A backup and what is sure of it; ``life`` lets time pass, with whatever happens in it."""
        live = life or self.simulator.clock.advance
        first = self.first(index)
        live(self.before)
        backup = self.simulator.project.create_backup("docs")
        live(self.after)
        second = self.again(index, first)
        assert holds_for(backup.created_at, first, second.began_at)
        return backup, evidence(first, second)

    def restored(
        self, backup: SimulatedBackup, sure: Look | None, *damages: Harm, apart: float = 20
    ) -> Comparison:
        """What a restore differs in: by two looks, so many minutes apart, the first at once."""
        project = self.simulator.project
        project.restore_outcomes.append(Outcome(damages=damages))
        job = project.create_index_from_backup(backup.backup_id, f"copy-{len(project.jobs)}")
        self.simulator.clock.set(job.ends_at or self.now)
        index = project.index_by_id(job.index_id)
        earlier = self.compared(backup, sure, index)
        if earlier.sound:
            return earlier
        self.simulator.clock.advance(timedelta(minutes=apart))
        return confirmed(earlier.differences, self.compared(backup, sure, index))

    def compared(
        self, backup: SimulatedBackup, sure: Look | None, index: SimulatedIndex
    ) -> Comparison:
        return compare(sure, described(backup), listed(index), self.again(index, sure))


def described(backup: SimulatedBackup) -> Backup:
    """A backup as our client describes it."""
    return Backup(
        backup.backup_id,
        backup.index_name,
        backup.index_id,
        Status.READY,
        "Ready",
        backup.created_at,
        record_count=sum((backup.namespaces or {}).values()),
        dimension=dense_dimension(backup.fields),
        metric=metric(backup.fields),
    )


def listed(index: SimulatedIndex) -> Index:
    """An index as our client describes it."""
    return Index(
        index.name,
        IndexKind.SERVERLESS,
        "Ready",
        ready=True,
        dimension=dense_dimension(index.fields),
        metric=metric(index.fields),
    )
