"""How a project stands: every question to Pinecone and to the ledger, asked once (rules N1, N2).

Prune, audit, a person's deletion, previews and the API read a project here and nowhere else. What
concerns the project as a whole must be answered, or there is no reading. What concerns one index
may fail where an audit reads it: that index is then unknown, and the others are not (U1).
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

from pinecone_backup.errors import (
    BackupError,
    ItemUnreadable,
    ListingIncomplete,
    NotFound,
    PineconeError,
)
from pinecone_backup.model import DomainEvent, Status
from pinecone_backup.reasons import ReasonKind
from pinecone_backup.records import DeletionRecord, DeletionState, ScheduleRecord, Verdict
from pinecone_backup.rules.containment import PROTECTING
from pinecone_backup.rules.effects import created_event
from pinecone_backup.rules.inventory import missing, native_marks, take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan_facts import Baseline, Facts, ambiguous_names
from pinecone_backup.rules.temporary import without_temporary
from pinecone_backup.rules.verdict import judge
from pinecone_backup.usecases.deletion import confirm_deleted
from pinecone_backup.usecases.findings import log_unexpected
from pinecone_backup.usecases.listing import (
    active_incarnation,
    list_indexes,
    list_project,
    own_writes,
)
from pinecone_backup.usecases.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import (
        Backup,
        Index,
        NativeRun,
        NativeSchedule,
        RestoreJob,
        RunContext,
    )
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import BackupRecord, IndexRecord
    from pinecone_backup.rules.inventory import Entry, Inventory, NativeMark
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.rules.verdict import Judged

LISTED_WITHIN = timedelta(hours=1)
"""A backup that is younger may be missing from a listing that is late."""
_LOG = logging.getLogger(__name__)
_DONE = (Status.READY, Status.FAILED)


@dataclass(frozen=True, slots=True)
class IndexState:
    """What Pinecone says of one index, where an audit reads it.

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
class ProjectState:
    """How a project stands.

    Attributes:
        indexes: The active indexes; not those of restore tests (rule R4).
        records: What the ledger knows, by backup id, as it was when the reading began.
        restores: Pinecone's restore jobs; None when an audit could not list them.
        deleted: The deletions that this reading confirmed (rule N2).
        unlisted: How many backups the listing lacks that the ledger takes to exist, by index id;
            empty where they were not described.
        doubts: Why an index's backups are not all known, by index name.
        index_states: What an audit found of each index; empty for other readings.
        schedule_records: The ledger's memory of native schedules, brought up to date.
        temporary: The indexes of restore tests.
        known_schedules: That memory as it was read, by schedule id.
    """

    inventory: Inventory
    indexes: Sequence[Index]
    records: Mapping[str, BackupRecord]
    restores: Sequence[RestoreJob] | None
    deleted: Sequence[DeletionRecord] = ()
    unlisted: Mapping[str, int] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)
    index_states: Sequence[IndexState] = ()
    schedule_records: Sequence[ScheduleRecord] = ()
    temporary: Sequence[Index] = ()
    known_schedules: Mapping[str, ScheduleRecord] = field(default_factory=dict)


def read_project_state(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    *,
    enough_time: Callable[[], bool] | None = None,
    describe_at_most: int | None = None,
    into_indexes: bool = False,
) -> ProjectState:
    """Read a project: its indexes, backups and restore jobs, and what the ledger knows.

    A project of N backups costs floor(N/100) + 1 backup pages, the list of indexes and the list
    of restore jobs; with ``into_indexes`` one listing and one schedule listing per index more.

    Args:
        context: The run, or the request.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        enough_time: Whether there is time for another call. With it, backups that the ledger
            knows and the listing misses are described, and confirmed deleted where they are not
            found (rule N2); without it nothing is written.
        describe_at_most: So many of them in one run, those that we deleted first; None for all.
        into_indexes: Whether each index is asked for its incarnation and its native schedules,
            as an audit does, which goes on where one of them cannot be read.

    Raises:
        PineconeError: The indexes or the restore jobs could not be listed.
        ListingIncomplete: The project's backups could not be listed.
        LedgerError: The ledger could not be read or written.
    """
    listed = list_indexes(control_plane, ledger.indexes().values())
    indexes = without_temporary(listed, owner=context.owner, project=context.project)
    reading = _IndexReading(control_plane, enough_time or (lambda: True))
    in_order = _longest_unread_first(indexes, ledger.indexes()) if into_indexes else ()
    restore_jobs = partial(_restores, control_plane, tolerant=into_indexes)
    # The walk is one call after the other; what needs no row of it is asked for meanwhile.
    asks: list[Callable[[], Sequence[Backup] | Sequence[RestoreJob] | IndexState | None]] = [
        lambda: list_project(control_plane, writes=lambda: own_writes(ledger)),
        *(partial(reading.schedules, index) for index in in_order),
    ]
    if into_indexes:
        asks.append(restore_jobs)
    asked = in_parallel(lambda ask: ask(), asks, at_most=control_plane.concurrency)
    rows = cast("Sequence[Backup]", asked[0])
    listed_of: dict[str, list[Backup]] = {}
    for row in rows:
        listed_of.setdefault(row.index_name, []).append(row)
    # What deletes asks after the rows: a restore that began meanwhile protects its backup (D1).
    restores = cast("Sequence[RestoreJob] | None", asked[-1]) if into_indexes else restore_jobs()
    states: list[IndexState] = []
    if into_indexes:
        found = in_parallel(
            lambda state: reading.backups(state, listed_of.get(state.index.name, ())),
            [state for state in asked[1:] if isinstance(state, IndexState)],
            at_most=control_plane.concurrency,
        )
        read = {state.index.name: state for state in found if state is not None}
        states = [read[index.name] for index in indexes if index.name in read]
    schedules = {record.schedule_id: record for record in ledger.schedules()}
    updated, marks = _native(context, schedules, states, rows)
    records = ledger.backups()

    def inventory_of(found: Sequence[Backup]) -> Inventory:
        now = context.time.actual
        return take_inventory(found, records=records, owner=context.owner, now=now, native=marks)

    state = ProjectState(
        inventory_of(rows),
        [each.index for each in states] if into_indexes else indexes,
        records,
        restores,
        index_states=states,
        schedule_records=updated,
        temporary=[index for index in listed if index not in indexes],
        known_schedules=schedules,
    )
    if enough_time is None:
        return state
    absent = sorted(missing(state.inventory, records), key=lambda each: each.deletion is None)
    overlooked, deleted, doubts = _describe(
        context, control_plane, ledger, absent[:describe_at_most], enough_time=enough_time
    )
    inventory = inventory_of([*rows, *overlooked]) if overlooked else state.inventory
    confirmed = {each.backup_id for each in deleted}
    unlisted = Counter(
        record.index_id
        for record in absent
        if record.backup_id not in confirmed and _ought_to_be_listed(record, context.time.actual)
    )
    return replace(state, inventory=inventory, deleted=deleted, unlisted=unlisted, doubts=doubts)


def _ought_to_be_listed(record: BackupRecord, now: datetime) -> bool:
    """Whether a listing lacks it for no good reason: it is not new, and nobody deleted it."""
    deletion = record.deletion
    kept = deletion is None or deletion.state in (DeletionState.FAILED, DeletionState.SKIPPED)
    return kept and now - (record.created_at or record.first_seen_at) > LISTED_WITHIN


def judge_state(
    state: ProjectState,
    ledger: Ledger,
    document: PolicyDocument,
    *,
    now: datetime,
    counts: Mapping[str, int],
    unreadable: Container[str],
) -> Judged:
    """Take the verdicts that are due (rule G1), by the policies that the indexes have.

    Args:
        state: The project.
        ledger: The project's ledger.
        document: The policy document.
        now: The actual time, UTC.
        counts: The indexes' own record counts by index id, where known (rule G2).
        unreadable: Backups whose record cannot be read (rule U2).
    """
    policies = {
        index.name: document.assigned(ledger.project, index.name, index.tags).policy
        for index in state.indexes
    }
    limits = {
        incarnation.index_id: policy.shrink_percent
        for incarnation in state.inventory.incarnations.values()
        if (policy := policies.get(incarnation.index_name))
    }
    return judge(
        state.inventory,
        shrink_percent=limits,
        now=now,
        index_counts=counts,
        unreadable=unreadable,
    )


def store_verdicts(
    context: RunContext,
    ledger: Ledger,
    inventory: Inventory,
    records: Sequence[BackupRecord],
) -> None:
    """Write new verdicts over what another run may have written since, with their events."""
    stored = ledger.backups() if records else {}
    fresh = [record.backup_id for record in records if record.backup_id not in stored]
    _announce_created(context, ledger, [inventory.entries[backup_id] for backup_id in fresh])

    def store(record: BackupRecord) -> None:
        known = stored.get(record.backup_id)
        if known is not None and known.verdict is not None:
            return  # a run beside this one was quicker
        rightly_empty = (
            record.verdict_reason is not None
            and record.verdict_reason.kind is ReasonKind.EMPTY_AS_INDEX
        )
        suspect = record.verdict is Verdict.SUSPECT and not rightly_empty
        ledger.put_backup(
            replace(record, deletion=known.deletion) if known else record,
            over=known,
            event=_suspect_event(context, record) if suspect else None,
        )

    in_parallel(store, records, at_most=ledger.concurrency)


def _announce_created(context: RunContext, ledger: Ledger, entries: Sequence[Entry]) -> None:
    """Leave the events of backups whose create was cut off before it could.

    What has a record was announced: create looks for no others once another slot is the latest.
    """
    made = {
        (entry.backup.index_name, entry.marker.slot): entry.backup
        for entry in entries
        if entry.by_policy and entry.marker is not None
    }
    for slot, claim in ledger.claims(made).items():
        backup = made[slot]
        if claim and claim.backup_id is None and claim.backup_name == backup.name:
            ledger.record_event(created_event(context, claim, backup))


def plan_facts(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    state: ProjectState,
    *,
    document: PolicyDocument,
    policy_version: str,
    baseline: Baseline | None = None,
) -> tuple[Facts, Sequence[BackupRecord]]:
    """The facts of a plan, with every verdict that is due; nothing is written.

    Returns:
        The facts, and the records of the verdicts that are new (``store_verdicts``).

    Raises:
        PineconeError: The active incarnation of an ambiguous name could not be asked for.
        ListingIncomplete: The same.
        LedgerError: The ledger could not be read.
    """
    unreadable, memory = ledger.inspect(PROTECTING), ledger.indexes()
    counts = {
        record.index_id: record.record_count
        for record in memory.values()
        if record.index_id and record.record_count is not None
    }
    judged = judge_state(
        state,
        ledger,
        document,
        now=context.time.actual,
        counts=counts,
        unreadable={item.backup_id for item in unreadable},
    )
    facts = Facts(
        project=ledger.project,
        inventory=judged.inventory,
        indexes=state.indexes,
        document=document,
        policy_version=policy_version,
        time=context.time,
        holds=ledger.holds(),
        restoring=restoring(ledger, state.restores),
        active=_active_of(control_plane, ambiguous_names(judged.inventory, state.indexes)),
        sources={record.backup_id: record.index_id for record in state.records.values()},
        baseline=baseline,
        unreadable=unreadable,
        unlisted=state.unlisted,
        memory=memory,
    )
    return facts, judged.records


def restoring(ledger: Ledger, jobs: Iterable[RestoreJob] | None) -> dict[str, str] | None:
    """Backups that a restore reads, by Pinecone's jobs and by our own memory of restores (D1).

    None when the jobs are not known.
    """
    if jobs is None:
        return None
    listed = list(jobs)
    ended = {job.job_id for job in listed if not job.unfinished}
    ours = {
        record.backup_id: record.job_id or record.restore_id
        for record in ledger.restores()
        if record.reads_backup and record.job_id not in ended
    }
    return ours | {job.backup_id: job.job_id for job in listed if job.unfinished}


def _suspect_event(context: RunContext, record: BackupRecord) -> DomainEvent:
    """The event of a suspect, once, whichever run sees it first."""
    return DomainEvent.of(
        "backup.suspect",
        record.backup_id,
        project=context.project,
        at=context.time.actual,
        backup_id=record.backup_id,
        index=record.index_name,
        name=record.name,
        record_count=record.record_count,
        reason=str(record.verdict_reason or ""),
    )


def _active_of(control_plane: ControlPlane, names: Iterable[str]) -> dict[str, str | None]:
    """The active incarnations' ids by name."""
    asked = list(names)
    found = in_parallel(
        lambda name: _active_or_none(control_plane, name), asked, at_most=control_plane.concurrency
    )
    return dict(zip(asked, found, strict=True))


def _active_or_none(control_plane: ControlPlane, name: str) -> str | None:
    """The active incarnation's id (rule I1); None without an active index, or without backups."""
    try:
        return active_incarnation(control_plane, name)
    except NotFound:
        return None


def _restores(control_plane: ControlPlane, *, tolerant: bool) -> Sequence[RestoreJob] | None:
    try:
        return list(control_plane.restore_jobs())
    except (PineconeError, ListingIncomplete):
        if tolerant:
            return None
        raise


def _native(
    context: RunContext,
    schedules: Mapping[str, ScheduleRecord],
    states: Sequence[IndexState],
    rows: Sequence[Backup],
) -> tuple[list[ScheduleRecord], dict[str, NativeMark]]:
    """The records of the schedules that were listed now, and what marks native backups (G5)."""
    known = dict(schedules)
    updated = [
        _schedule_record(known.get(schedule.schedule_id), schedule, state, rows, context)
        for state in states
        for schedule in state.schedules or ()
    ]
    known.update({record.schedule_id: record for record in updated})
    marks = native_marks(known.values(), {})
    for state in states:
        for schedule in state.schedules or ():
            runs = state.runs.get(schedule.schedule_id, ())
            marks.update(native_marks((), {schedule.name: runs}))
    return updated, marks


def _describe(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    records: Sequence[BackupRecord],
    *,
    enough_time: Callable[[], bool],
) -> tuple[list[Backup], list[DeletionRecord], dict[str, str]]:
    """Describe what the ledger knows and the listing misses, before it counts as deleted (N2)."""

    def describe(record: BackupRecord) -> Backup | DeletionRecord | str:
        if not enough_time():
            return "time ran out before all its backups were found"
        try:
            return control_plane.describe_backup(record.backup_id)
        except NotFound:
            try:
                return confirm_deleted(context, ledger, record)
            except ItemUnreadable as error:
                return error.problem
        except PineconeError as error:
            return error.problem

    found: list[Backup] = []
    deleted: list[DeletionRecord] = []
    doubts: dict[str, str] = {}
    answers = in_parallel(describe, records, at_most=control_plane.concurrency)
    for record, answer in zip(records, answers, strict=True):
        match answer:
            case str():
                doubts[record.index_name] = answer
            case DeletionRecord():
                deleted.append(answer)
            case _:
                found.append(answer)
    return found, deleted, doubts


def _longest_unread_first(
    indexes: Sequence[Index], known: Mapping[str, IndexRecord]
) -> Sequence[Index]:
    """The order in which an audit whose time may run out reads: first what earlier ones left."""
    unread = {name: record.unread_audits for name, record in known.items()}
    return sorted(indexes, key=lambda index: -unread.get(index.name, 0))


@dataclass(frozen=True, slots=True)
class _IndexReading:
    """Reads single indexes; a fault at one must not stop the others."""

    control_plane: ControlPlane
    enough_time: Callable[[], bool]

    def schedules(self, index: Index) -> IndexState | None:
        """An index's native schedules; nothing else of it is known yet."""
        return self._guarded(IndexState(index), self._schedules)

    def backups(self, state: IndexState, rows: Sequence[Backup]) -> IndexState | None:
        """An index with its incarnation and histories; None when it was deleted meanwhile."""
        if state.problem:
            return state
        return self._guarded(state, lambda state: self._incarnation(state, rows))

    def _guarded(
        self, state: IndexState, read: Callable[[IndexState], IndexState | None]
    ) -> IndexState | None:
        if not self.enough_time():
            late = "the audit ran out of time before it came to this index"
            return replace(state, problem=late, schedules=None, schedules_problem=late)
        try:
            return read(state)
        except BackupError:
            raise
        except Exception as error:
            problem = log_unexpected(_LOG, error, index=state.index.name)
            return IndexState(
                state.index, problem=problem, schedules_problem=problem, unexpected=problem
            )

    def _schedules(self, state: IndexState) -> IndexState:
        try:
            return replace(
                state, schedules=list(self.control_plane.native_schedules(state.index.name))
            )
        except (PineconeError, ListingIncomplete) as error:
            return replace(state, schedules_problem=error.problem)

    def _incarnation(self, state: IndexState, rows: Sequence[Backup]) -> IndexState | None:
        try:
            active = active_incarnation(self.control_plane, state.index.name)
            state = replace(state, active_id=active)
        except NotFound:
            return None
        except (PineconeError, ListingIncomplete) as error:
            state = replace(state, problem=error.problem)
        return self._with_histories(state, rows)

    def _with_histories(self, state: IndexState, rows: Sequence[Backup]) -> IndexState:
        """With its schedules' histories where something of them is unfinished (rule N1)."""
        if not any(_unfinished(row) for row in rows):
            return state
        try:
            runs = {
                schedule.schedule_id: list(self.control_plane.native_history(schedule.schedule_id))
                for schedule in state.schedules or ()
            }
        except (PineconeError, ListingIncomplete) as error:
            return replace(state, schedules=None, schedules_problem=error.problem)
        return replace(state, runs=runs)


def _unfinished(row: Backup) -> bool:
    """Whether the row may be a native schedule's run that is planned or under way (rule G5)."""
    return row.status not in _DONE and Marker.parse(row.description) is None


def _schedule_record(
    known: ScheduleRecord | None,
    schedule: NativeSchedule,
    state: IndexState,
    rows: Sequence[Backup],
    context: RunContext,
) -> ScheduleRecord:
    """The schedule with its runs that are listed: they stay native when it is deleted (G5)."""
    now = context.time.actual
    record = known or ScheduleRecord(
        schedule.schedule_id, schedule.name, state.index.name, schedule.index_id, now, now
    )
    runs = state.runs.get(schedule.schedule_id, ())
    ids = {run.backup_id for run in runs} | set(record.backup_ids)
    coming = {run.backup_id for run in runs if run.status not in _DONE}
    kept = ids & (coming | {row.backup_id for row in rows})
    return replace(record, last_seen_at=now, backup_ids=tuple(sorted(kept)))
