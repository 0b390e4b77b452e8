"""An in-memory ledger for unit and property tests; it passes the contract of the real one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import LeaseHeld, LedgerConflict
from pinecone_backup.records import RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from pinecone_backup.model import DomainEvent, RunKind
    from pinecone_backup.records import (
        BackupRecord,
        Claim,
        Finding,
        Hold,
        IndexRecord,
        PlanRecord,
        RestoreRecord,
        Run,
        ScheduleRecord,
    )


class MemoryLedger:
    """The ``Ledger`` protocol over dictionaries."""

    def __init__(self, project: str = "main") -> None:
        self.project = project
        self.leases: dict[str, tuple[str, datetime]] = {}
        self.events: list[DomainEvent] = []
        self._pending: dict[str, DomainEvent] = {}
        self._runs: dict[str, Run] = {}
        self._last: dict[RunKind, Run] = {}
        self._claims: dict[tuple[str, datetime], Claim] = {}
        self._backups: dict[str, BackupRecord] = {}
        self._gone: dict[str, BackupRecord] = {}
        self._indexes: dict[str, IndexRecord] = {}
        self._holds: dict[str, Hold] = {}
        self._findings: dict[str, Finding] = {}
        self._plans: dict[str, PlanRecord] = {}
        self._restores: dict[str, RestoreRecord] = {}
        self._schedules: dict[str, ScheduleRecord] = {}

    def acquire_lease(self, name: str, *, holder: str, now: datetime, ttl: timedelta) -> None:
        held = self.leases.get(name)
        if held is not None and held[0] != holder and now < held[1]:
            raise LeaseHeld(f"Another run is working on project {self.project!r}")
        self.leases[name] = (holder, now + ttl)

    def release_lease(self, name: str, *, holder: str) -> None:
        if self.leases.get(name, ("",))[0] == holder:
            del self.leases[name]

    def put_run(self, run: Run) -> None:
        self._runs[run.run_id] = run
        last = self._last.get(run.kind)
        if run.state in (RunState.SUCCEEDED, RunState.PARTIAL) and (
            last is None or last.time <= run.time
        ):
            self._last[run.kind] = run

    def run(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def runs(self, *, kind: RunKind | None = None, limit: int = 50) -> Sequence[Run]:
        newest_first = sorted(self._runs.values(), key=lambda run: run.run_id, reverse=True)
        return [run for run in newest_first if kind in (None, run.kind)][:limit]

    def last_completed(self, kind: RunKind) -> Run | None:
        return self._last.get(kind)

    def claim(self, index_name: str, slot: datetime) -> Claim | None:
        return self._claims.get((index_name, slot))

    def save_claim(self, claim: Claim) -> Claim:
        key = (claim.index_name, claim.slot)
        stored = self._claims.get(key)
        if (stored.version if stored else 0) != claim.version:
            raise LedgerConflict("Another writer changed this ledger item first")
        self._claims[key] = replace(claim, version=claim.version + 1)
        return self._claims[key]

    def backups(self) -> Mapping[str, BackupRecord]:
        return dict(self._backups)

    def put_backup(self, record: BackupRecord) -> None:
        if record.deletion is not None and record.deletion.confirmed_at is not None:
            self._gone[record.backup_id] = record
            self._backups.pop(record.backup_id, None)
        else:
            self._backups[record.backup_id] = record

    def indexes(self) -> Mapping[str, IndexRecord]:
        return dict(self._indexes)

    def put_index(self, record: IndexRecord) -> None:
        self._indexes[record.name] = record

    def holds(self) -> Sequence[Hold]:
        return list(self._holds.values())

    def put_hold(self, hold: Hold) -> None:
        self._holds[hold.hold_id] = hold

    def findings(self) -> Sequence[Finding]:
        return list(self._findings.values())

    def put_finding(self, finding: Finding) -> None:
        self._findings[finding.finding_id] = finding

    def put_plan(self, plan: PlanRecord) -> None:
        self._plans[plan.digest] = plan

    def plan(self, digest: str) -> PlanRecord | None:
        return self._plans.get(digest)

    def plans(self, *, limit: int = 50) -> Sequence[PlanRecord]:
        newest_first = sorted(self._plans.values(), key=lambda plan: plan.created_at, reverse=True)
        return newest_first[:limit]

    def put_restore(self, record: RestoreRecord) -> None:
        self._restores[record.job_id] = record

    def restores(self) -> Sequence[RestoreRecord]:
        return list(self._restores.values())

    def put_schedule(self, record: ScheduleRecord) -> None:
        self._schedules[record.schedule_id] = record

    def schedules(self) -> Sequence[ScheduleRecord]:
        return list(self._schedules.values())

    def record_event(self, event: DomainEvent) -> None:
        if all(event.event_id != known.event_id for known in self.events):
            self.events.append(event)
            self._pending[event.event_id] = event

    def unannounced(self) -> Sequence[DomainEvent]:
        return sorted(self._pending.values(), key=lambda event: event.occurred_at)

    def mark_announced(self, event_ids: Iterable[str]) -> None:
        for event_id in event_ids:
            self._pending.pop(event_id, None)
