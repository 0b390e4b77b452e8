"""One stack's creating in tests: its ledger and client over a simulated Pinecone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.simulator.errors import ApiError
from pinecone_backup import model
from pinecone_backup.errors import (
    LedgerUnavailable,
    NotFound,
    OutcomeUnknown,
    PlanExcludes,
    QuotaReached,
    Unavailable,
)
from pinecone_backup.model import (
    DomainEvent,
    Index,
    IndexKind,
    RunContext,
    RunKind,
    RunTime,
    Status,
    TriggerKind,
)
from pinecone_backup.rules.marker import Marker, ours
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.usecases.create import CreateOutcome, create_backups
from tests.support.ledger import MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from local.simulator import Simulator
    from local.simulator.state import Backup
    from pinecone_backup.ports import ControlPlane
    from pinecone_backup.records import BackupRecord, Claim, Finding

OWNER = "stack-a"


def policy(name: str = "hourly", **settings: Any) -> dict[str, Any]:
    """A policy as the document spells it: every hour unless given otherwise."""
    given = {
        "name": name,
        "cron": "0 * * * *",
        "max_age": "26h",
        "retention": {"keep_last": 3},
        **settings,
    }
    return {key: value for key, value in given.items() if value is not None}


def document(
    *policies: dict[str, Any],
    assignments: list[dict[str, Any]] | None = None,
    quota: int = 500,
) -> PolicyDocument:
    """A policy document; without assignments the first policy goes to every index."""
    known = policies or (policy(),)
    return validate_policy(
        {
            "projects": [{"name": "main", "quota": quota}],
            "policies": list(known),
            "assignments": [{"policy": known[0]["name"]}] if assignments is None else assignments,
        }
    )


@dataclass
class Stack:
    """One deployment of ours on the simulated project; ``tick`` is a create run."""

    simulator: Simulator
    control_plane: ControlPlane
    document: PolicyDocument = field(default_factory=document)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    runs: int = 0

    @property
    def now(self) -> datetime:
        return self.simulator.clock.now()

    def context(self, now: datetime | None = None) -> RunContext:
        self.runs += 1
        return RunContext(
            run_id=f"run-{self.runs}",
            kind=RunKind.CREATE,
            project="main",
            owner=OWNER,
            time=RunTime(scheduled_at=now or self.now, actual=self.now),
            trigger=TriggerKind.SCHEDULE,
            actor="schedule",
        )

    def tick(
        self, *, now: datetime | None = None, time_left: Callable[[], float] = lambda: 900.0
    ) -> CreateOutcome:
        """One create run at the simulated time."""
        return create_backups(
            self.context(now),
            self.control_plane,
            self.ledger,
            self.document,
            "v1",
            time_left=time_left,
        )

    def later(self, **units: float) -> CreateOutcome:
        """Let time pass, then run once."""
        self.simulator.clock.advance(timedelta(**units))
        return self.tick()

    def day(self, *, hours: float = 24, every: float = 15) -> None:
        """Run every so many minutes for so many hours."""
        for _ in range(int(hours * 60 / every)):
            self.later(minutes=every)

    def made(self, index: str = "docs") -> list[Backup]:
        """What Pinecone really holds of ours for an index, oldest first."""
        rows = [
            row
            for row in self.simulator.project.backups
            if row.index_name == index and ours(row.name, row.description, index, OWNER)
        ]
        return sorted(rows, key=lambda row: row.created_at)

    def calls(self, operation: str) -> int:
        return self.simulator.requests.counts().get(operation, 0)

    def events(self, type_: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.ledger.events if event.type == type_]

    def open_findings(self) -> set[tuple[str, str]]:
        return {(found.control, found.subject) for found in self.findings() if found.open}

    def findings(self) -> list[Finding]:
        return list(self.ledger.findings())

    def kinds(self, outcome: CreateOutcome) -> dict[str, str]:
        return {decision.index: str(decision.kind) for decision in outcome.decisions}


def slot_of(row: Backup) -> datetime:
    """The slot that a backup of ours was made for."""
    marker = Marker.parse(row.description)
    assert marker is not None
    return marker.slot


class Crash(BaseException):
    """The process died."""


_STATUS = {
    "Initializing": Status.UNDER_WAY,
    "Ready": Status.READY,
    "InitializationFailed": Status.FAILED,
}


class ProjectControlPlane:
    """The simulated project without HTTP between, for laws over thousands of ticks.

    ``post`` says what becomes of the next POSTs: ``ok``, ``unavailable``, ``refused``,
    ``unknown`` (without effect), ``lost answer`` (with effect), ``lost write`` (an answer
    without effect), ``crash before`` and ``crash after``.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.post = "ok"
        self.concurrency = 1

    def list_indexes(self) -> list[Index]:
        now = self.simulator.clock.now()
        return [
            Index(index.name, IndexKind(index.kind.value), index.state(now), ready=True)
            for index in self.simulator.project.list_indexes()
        ]

    def project_backups(self) -> Iterator[model.Backup]:
        return map(self._row, self.simulator.project.project_backups())

    def index_backups(self, name: str, *, include_deleted: bool = False) -> Iterator[model.Backup]:
        assert not include_deleted
        return map(self._row, self.simulator.project.index_backups(name))

    def describe_backup(self, backup_id: str) -> model.Backup:
        try:
            return self._row(self.simulator.project.describe_backup(backup_id))
        except ApiError:
            raise NotFound(f"There is no backup {backup_id}") from None

    def create_backup(self, index_name: str, *, name: str, description: str) -> model.Backup:
        trouble = self.post
        if trouble == "crash before":
            raise Crash
        if trouble in _NO_EFFECT:
            raise _NO_EFFECT[trouble](f"POST for {index_name}: {trouble}")
        try:
            row = self.simulator.project.create_backup(
                index_name, name=name, description=description
            )
        except ApiError:
            raise QuotaReached("The quota is used up") from None
        if trouble == "lost write":
            self.simulator.project.backups.remove(row)
        if trouble == "crash after":
            raise Crash
        if trouble == "lost answer":
            raise OutcomeUnknown("the answer was lost")
        return self._row(row)

    def _row(self, row: Backup) -> model.Backup:
        project, now = self.simulator.project, self.simulator.clock.now()
        status = row.status(now)
        return model.Backup(
            backup_id=row.backup_id,
            index_name=row.index_name,
            index_id=row.index_id,
            status=_STATUS[status],
            status_text=status,
            created_at=row.created_at,
            name=row.name,
            description=row.description,
            index_deleted_at=project.deleted_at(row, now),
        )


_NO_EFFECT = {"unavailable": Unavailable, "refused": PlanExcludes, "unknown": OutcomeUnknown}


class DyingLedger(MemoryLedger):
    """Dies at its n-th write (``dies_at``), once; what was written before stands."""

    dies_at = 0

    def _burn_down(self) -> None:
        self.dies_at -= 1
        if self.dies_at == 0:
            raise LedgerUnavailable("the ledger did not answer")

    def save_claim(self, claim: Claim) -> Claim:
        self._burn_down()
        return super().save_claim(claim)

    def record_event(self, event: DomainEvent) -> None:
        self._burn_down()
        super().record_event(event)

    def put_backup(
        self,
        record: BackupRecord,
        *,
        over: BackupRecord | None = None,
        event: DomainEvent | None = None,
    ) -> BackupRecord:
        self._burn_down()
        return super().put_backup(record, over=over, event=event)
