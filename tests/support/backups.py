"""Backups, records and facts for tests of the pure rules, and a control plane in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import NotFound, PreconditionFailed
from pinecone_backup.model import Backup, Index, IndexKind, RestoreJob, RunTime, Status
from pinecone_backup.ports import Page
from pinecone_backup.records import BackupRecord, DeletionMark, DeletionState, Verdict
from pinecone_backup.rules.inventory import Inventory, take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan import Plan, make_plan
from pinecone_backup.rules.plan_facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pinecone_backup.reasons import Reason
    from pinecone_backup.rules.policy import PolicyDocument

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWNER = "stack-a"


def backup(
    backup_id: str = "b1",
    *,
    days_ago: float | None = 0,
    index: str = "docs",
    index_id: str | None = None,
    status: Status = Status.READY,
    policy: str | None = "standard",
    owner: str | None = OWNER,
    record_count: int | None = 1000,
    **properties: Any,
) -> Backup:
    """A backup of ours; of nobody with ``owner=None``, undated with ``days_ago=None``."""
    at = None if days_ago is None else NOW - timedelta(days=days_ago)
    made = Backup(
        backup_id=backup_id,
        index_name=index,
        index_id=index_id or f"id-of-{index}",
        status=status,
        status_text={Status.READY: "Ready", Status.FAILED: "Failed"}.get(status, str(status)),
        created_at=at,
        record_count=record_count,
        size_bytes=100,
    )
    if owner is not None:
        made = replace(made, **signed(Marker(owner, policy, at or NOW, "run-0", 1), index))
    return replace(made, **properties)


def signed(marker: Marker, index: str, name: str = "") -> dict[str, Any]:
    """The name and the description that a marker gives to a backup; one on demand may be named."""
    name = name or marker.name_for(index)
    if marker.policy is None:
        marker = marker.named(index, name)
    return {"name": name, "description": str(marker)}


def record(
    known: Backup, verdict: Verdict | None = Verdict.GOOD, **properties: Any
) -> BackupRecord:
    """The ledger's record of a backup."""
    made = BackupRecord(
        known.backup_id,
        known.index_name,
        known.index_id,
        known.name,
        known.created_at,
        NOW,
        verdict=verdict,
    )
    return replace(made, **properties)


def deletion(state: DeletionState, *, at: datetime = NOW) -> DeletionMark:
    """The mark of an earlier attempt to delete."""
    return DeletionMark(state, at)


def index(name: str = "docs", **properties: Any) -> Index:
    """An active index."""
    return replace(Index(name, IndexKind.SERVERLESS, "Ready", ready=True), **properties)


def inventory_of(
    rows: Iterable[Backup], records: Iterable[BackupRecord] | None = None
) -> Inventory:
    """An inventory; without records every Ready backup is good."""
    listed = list(rows)
    known = [record(row) for row in listed] if records is None else list(records)
    return take_inventory(
        listed, records={each.backup_id: each for each in known}, owner=OWNER, now=NOW
    )


def facts_of(
    rows: Iterable[Backup],
    document: PolicyDocument,
    *,
    records: Iterable[BackupRecord] | None = None,
    indexes: Sequence[Index] | None = None,
    now: datetime = NOW,
    **facts: Any,
) -> Facts:
    """A project of these rows; every index that they name is active unless ``indexes`` says."""
    listed = list(rows)
    names = sorted({row.index_name for row in listed if row.index_deleted_at is None})
    return Facts(
        project="main",
        inventory=inventory_of(listed, records),
        indexes=[index(name) for name in names] if indexes is None else indexes,
        document=document,
        policy_version=facts.pop("policy_version", "v1"),
        time=RunTime(scheduled_at=now, actual=NOW),
        **facts,
    )


def plan_of(rows: Iterable[Backup], document: PolicyDocument, **facts: Any) -> Plan:
    """A plan of the project that ``facts_of`` makes."""
    return make_plan(facts_of(rows, document, **facts))


def by_action(plan: Plan) -> dict[str, list[str]]:
    """Ids by action, in the plan's order; empty ones left out."""
    found: dict[str, list[str]] = {}
    for item in plan.items:
        found.setdefault(str(item.action), []).append(item.backup_id)
    return found


def reasons(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The texts of the reasons, by id."""
    return {item.backup_id: texts(item.reasons) for item in plan.items}


def texts(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """Reasons as people read them."""
    return tuple(map(str, reasons))


def text(reason: Reason | None) -> str:
    """A reason as people read it; empty for none."""
    return str(reason or "")


class MemoryControlPlane:
    """As much of a control plane as a prune asks; deletions take effect at once."""

    def __init__(
        self, backups: Iterable[Backup] = (), indexes: Iterable[Index] = (), *, page: int = 100
    ) -> None:
        self.backups = {each.backup_id: each for each in backups}
        self.indexes = list(indexes)
        self.jobs: list[RestoreJob] = []
        self.page = page
        self.deletes: list[str] = []
        self.concurrency = 1

    def list_indexes(self) -> Sequence[Index]:
        return list(self.indexes)

    def project_backups(self) -> Iterator[Backup]:
        return iter(sorted(self.backups.values(), key=lambda each: each.backup_id))

    def index_backups_page(
        self, name: str, *, limit: int, token: str | None, include_deleted: bool = False
    ) -> Page[Backup]:
        assert token is None
        assert not include_deleted
        if all(each.name != name for each in self.indexes):
            raise NotFound(f"Index {name} not found")
        living = [
            each
            for each in self.backups.values()
            if each.index_name == name and each.index_deleted_at is None
        ]
        return Page(living[:limit], None)

    def describe_backup(self, backup_id: str) -> Backup:
        if backup_id not in self.backups:
            raise NotFound(f"Backup {backup_id} not found")
        return self.backups[backup_id]

    def delete_backup(self, backup_id: str) -> None:
        self.deletes.append(backup_id)
        self.describe_backup(backup_id)
        if any(job.backup_id == backup_id and job.unfinished for job in self.jobs):
            raise PreconditionFailed(f"Backup {backup_id} is being restored")
        del self.backups[backup_id]

    def restore_jobs(self) -> Iterator[RestoreJob]:
        return iter(self.jobs)


def verdicts(rows: Iterable[Backup], suspects: Iterable[str] = ()) -> Mapping[str, BackupRecord]:
    """Records with a verdict for each row."""
    doubted = set(suspects)
    return {
        row.backup_id: record(row, Verdict.SUSPECT if row.backup_id in doubted else Verdict.GOOD)
        for row in rows
    }
