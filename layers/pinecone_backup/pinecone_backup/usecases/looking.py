"""How an audit looks at a project: every question to Pinecone, asked once (rule N1).

What concerns the project as a whole must be answered, or there is no audit. What concerns one
index may fail: that index is then unknown, and the others are not (rule U1).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import BackupError, ListingIncomplete, NotFound, PineconeError
from pinecone_backup.model import Status
from pinecone_backup.records import ScheduleRecord
from pinecone_backup.rules.inventory import missing, native_marks, take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.usecases.findings import unexpected_problem
from pinecone_backup.usecases.gone import confirm_deleted
from pinecone_backup.usecases.listing import active_incarnation, list_project, own_writes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinecone_backup.model import (
        Backup,
        Index,
        NativeRun,
        NativeSchedule,
        RestoreJob,
        RunContext,
    )
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import BackupRecord
    from pinecone_backup.rules.inventory import Inventory

_LOG = logging.getLogger(__name__)
RESERVE = 90.0
"""Seconds kept back for judging, recording and reporting; one call with all its repetitions
takes up to a minute of them."""
_DONE = (Status.READY, Status.FAILED)


@dataclass(frozen=True, slots=True)
class IndexSight:
    """What Pinecone told of one index.

    Attributes:
        active_id: Its incarnation; None when it has no backup, or when ``problem`` is set.
        schedules: None when they could not be listed; ``schedules_problem`` says why.
        runs: The histories that were asked for, by schedule id.
        unexpected: The problem, where it is one that nobody expected.
    """

    index: Index
    active_id: str | None = None
    problem: str = ""
    schedules: Sequence[NativeSchedule] | None = None
    schedules_problem: str = ""
    runs: Mapping[str, Sequence[NativeRun]] = field(default_factory=dict)
    unexpected: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What Pinecone told of the project.

    Attributes:
        restores: None when they could not be listed.
        gone: Records of backups that are not there any more, closed in this run (rule N2).
        doubts: Why an index's backups are not all known, by index name.
        schedule_records: The ledger's memory of native schedules, brought up to date.
    """

    inventory: Inventory
    indexes: Sequence[IndexSight]
    restores: Sequence[RestoreJob] | None
    deleted: Sequence[BackupRecord]
    doubts: Mapping[str, str]
    schedule_records: Sequence[ScheduleRecord]


def look(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    *,
    enough_time: Callable[[], bool],
) -> Sight:
    """Ask Pinecone everything that the audit needs.

    Raises:
        PineconeError: The indexes could not be listed.
        ListingIncomplete: The project's backups could not be listed.
        LedgerError: The ledger could not be read or written.
    """
    indexes = control_plane.list_indexes()
    rows = list_project(control_plane, writes=lambda: own_writes(ledger))
    restores = _restores(control_plane)
    sights = [
        sight
        for index in indexes
        if (sight := _look_guarded(control_plane, index, rows, enough_time)) is not None
    ]
    known = {record.schedule_id: record for record in ledger.schedules()}
    remembered = [
        _remembered(known.get(schedule.schedule_id), schedule, sight, rows, context)
        for sight in sights
        for schedule in sight.schedules or ()
    ]
    known.update({record.schedule_id: record for record in remembered})
    marks = native_marks(known.values(), {})
    for sight in sights:
        for schedule in sight.schedules or ():
            runs = sight.runs.get(schedule.schedule_id, ())
            marks.update(native_marks((), {schedule.name: runs}))
    records = ledger.backups()

    def inventory_of(found: Sequence[Backup]) -> Inventory:
        now = context.time.actual
        return take_inventory(found, records=records, owner=context.owner, now=now, native=marks)

    inventory = inventory_of(rows)
    found, deleted, doubts = _describe_missing(
        context, control_plane, ledger, missing(inventory, records), enough_time=enough_time
    )
    if found:
        inventory = inventory_of([*rows, *found])
    return Sight(inventory, sights, restores, deleted, doubts, remembered)


def _restores(control_plane: ControlPlane) -> Sequence[RestoreJob] | None:
    try:
        return list(control_plane.restore_jobs())
    except (PineconeError, ListingIncomplete):
        return None


def _look_guarded(
    control_plane: ControlPlane,
    index: Index,
    rows: Sequence[Backup],
    enough_time: Callable[[], bool],
) -> IndexSight | None:
    """One index; a fault at it must not stop the audit of the others."""
    try:
        return _look_at(control_plane, index, rows, enough_time)
    except BackupError:
        raise
    except Exception as error:
        _LOG.exception("unexpected error", extra={"index": index.name})
        problem = unexpected_problem(error)
        return IndexSight(index, problem=problem, schedules_problem=problem, unexpected=problem)


def _look_at(
    control_plane: ControlPlane,
    index: Index,
    rows: Sequence[Backup],
    enough_time: Callable[[], bool],
) -> IndexSight | None:
    """One index; None when it vanished while the audit looked."""
    if not enough_time():
        late = "the audit ran out of time before it came to this index"
        return IndexSight(index, problem=late, schedules_problem=late)
    try:
        sight = IndexSight(index, active_incarnation(control_plane, index.name))
    except NotFound:
        return None
    except (PineconeError, ListingIncomplete) as error:
        sight = IndexSight(index, problem=error.problem)
    return _with_schedules(control_plane, sight, rows)


def _with_schedules(
    control_plane: ControlPlane, sight: IndexSight, rows: Sequence[Backup]
) -> IndexSight:
    """Its native schedules, and their histories where something of them is unfinished (N1)."""
    try:
        schedules = list(control_plane.native_schedules(sight.index.name))
        runs = (
            {
                schedule.schedule_id: list(control_plane.native_history(schedule.schedule_id))
                for schedule in schedules
            }
            if any(_unfinished(row, sight) for row in rows)
            else {}
        )
    except (PineconeError, ListingIncomplete) as error:
        return replace(sight, schedules_problem=error.problem)
    return replace(sight, schedules=schedules, runs=runs)


def _unfinished(row: Backup, sight: IndexSight) -> bool:
    """Whether the row may be a native schedule's run that is planned or under way (rule G5)."""
    return (
        row.index_name == sight.index.name
        and row.status not in _DONE
        and Marker.parse(row.description) is None
    )


def _remembered(
    known: ScheduleRecord | None,
    schedule: NativeSchedule,
    sight: IndexSight,
    rows: Sequence[Backup],
    context: RunContext,
) -> ScheduleRecord:
    """The schedule with its runs that are listed: they stay native when it is deleted (G5)."""
    now = context.time.actual
    record = known or ScheduleRecord(
        schedule.schedule_id, schedule.name, sight.index.name, schedule.index_id, now, now
    )
    runs = sight.runs.get(schedule.schedule_id, ())
    ids = {run.backup_id for run in runs} | set(record.backup_ids)
    coming = {run.backup_id for run in runs if run.status not in _DONE}
    kept = ids & (coming | {row.backup_id for row in rows})
    return replace(record, last_seen_at=now, backup_ids=tuple(sorted(kept)))


def _describe_missing(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    records: Sequence[BackupRecord],
    *,
    enough_time: Callable[[], bool],
) -> tuple[list[Backup], list[BackupRecord], dict[str, str]]:
    """Describe what the ledger knows and the listing misses, before calling it gone (N2)."""
    found: list[Backup] = []
    deleted: list[BackupRecord] = []
    doubts: dict[str, str] = {}
    for record in records:
        if not enough_time():
            doubts[record.index_name] = "the audit ran out of time before all backups were found"
            continue
        try:
            found.append(control_plane.describe_backup(record.backup_id))
        except NotFound:
            deleted.append(confirm_deleted(context, ledger, record))
        except PineconeError as error:
            doubts[record.index_name] = error.problem
    return found, deleted, doubts
