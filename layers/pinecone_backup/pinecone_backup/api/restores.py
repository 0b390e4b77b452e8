"""Restores: an index from a backup, and the jobs that do it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pinecone_backup.api.cursors import as_listing, cursor_at, page_for, read_cursor
from pinecone_backup.api.models import (
    NAME,
    Input,
    Listing,
    Nothing,
    Output,
    PageQuery,
    QueryTime,
    UtcTime,
)
from pinecone_backup.api.problems import FieldError, ProblemError
from pinecone_backup.api.projects import Index, index_of
from pinecone_backup.api.routes import PINECONE_WRITES, Access, Call, Routes
from pinecone_backup.differences import DifferenceKind
from pinecone_backup.errors import NotFound, PineconeError, RuleForbids, SubjectUnknown
from pinecone_backup.model import Depth, RunKind
from pinecone_backup.records import CleanUp, RestoreKind, RestoreResult, RestoreStep
from pinecone_backup.rules import restore_point
from pinecone_backup.rules.restore_time import expected_seconds, measured
from pinecone_backup.usecases.project_state import read_project_state
from pinecone_backup.usecases.requests.restore import adopt, restore

if TYPE_CHECKING:
    from pinecone_backup import model
    from pinecone_backup.records import RestoreRecord
    from pinecone_backup.rules.inventory import Entry

route = Routes("Restores")


class Restore(Input):
    """The index to create from a backup."""

    name: Annotated[str, Field(pattern=NAME)]
    tags: (
        Annotated[
            dict[
                Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")],
                Annotated[str, Field(max_length=120)],
            ],
            Field(max_length=20),
        ]
        | None
    ) = None
    """The backup's tags unless given."""
    deletion_protection: Literal["enabled", "disabled"] = "disabled"
    read_capacity: dict[str, Any] | None = None
    """As Pinecone's API takes it; on demand unless given."""


class RestoreIndex(Restore):
    """The index to restore: as it was at a moment, or from a backup of it."""

    at: UtcTime | None = None
    """The newest good backup taken at or before this moment is restored."""
    backup_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Instead of a moment."""


class AdoptIndex(Input):
    """The policy that a restored index gets."""

    policy: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
    """Or ``none``, for an index that needs no backups."""


class Differing(Output):
    """One thing that differs in a restored index."""

    kind: DifferenceKind
    text: str
    """The same as people read it."""


class FollowedRestore(Output):
    """A restore that this deployment follows: a test, or one that somebody asked for."""

    restore_id: str
    kind: RestoreKind
    step: RestoreStep
    backup_id: str
    index: Annotated[str, Field(validation_alias="index_name")]
    """The index that the backup was taken of."""
    incarnation: Annotated[str, Field(validation_alias="index_id")]
    target_index_name: str
    index_id: Annotated[str, Field(validation_alias="target_index_id")]
    """Of the new index; empty until Pinecone says it."""
    restore_job_id: Annotated[str, Field(validation_alias="job_id")]
    """Empty until it is known."""
    status: str
    """Pinecone's word for the job, or for the new index where the job is not known."""
    percent_complete: int | None
    started_by: str
    started_at: datetime
    policy: str
    """Whose tests it belongs to; empty for one that somebody asked for."""
    size_bytes: int | None
    record_count: int | None
    expected_seconds: int | None
    """By the restores that were measured before; null: none was."""
    restored_at: datetime | None
    took_seconds: int | None
    bytes_per_second: int | None
    depth: Depth
    depth_reached: Depth | None
    """How thoroughly it was compared; null: not yet, or the schema alone."""
    records_compared: Annotated[int, Field(validation_alias="compared")]
    result: RestoreResult | None
    result_at: datetime | None
    reason: str
    differences: list[Differing]
    clean_up: CleanUp
    clean_up_error: str
    adopted_policy: str
    adopted_by: str
    finished_at: datetime | None


class FollowedRestoreList(Listing[FollowedRestore]):
    """A page of restores, the newest first."""


class FollowedRestoresQuery(PageQuery):
    """Which restores."""

    kind: RestoreKind | None = None
    index: Annotated[str, Field(pattern=NAME)] | None = None
    """Of backups of this index."""
    result: RestoreResult | None = None


class RestorePointQuery(Input):
    """Which moment."""

    at: QueryTime | None = None
    """Now unless given."""


class PointBackup(Output):
    """A backup to restore from."""

    backup_id: str
    name: str | None
    taken_at: datetime
    incarnation: Annotated[str, Field(validation_alias="index_id")]
    index_deleted_at: datetime | None
    """Set when the index that it was taken of is deleted."""
    record_count: int | None
    size_bytes: int | None
    restore_tested: bool | None
    """True: a restore proved it; null: nobody tried."""
    restore_tested_at: datetime | None


class NotTaken(Output):
    """A backup that is nearer to the moment and is not taken."""

    backup_id: str
    taken_at: datetime | None
    reason: str


class FoundRestorePoint(Output):
    """What to restore an index from."""

    index: str
    at: datetime
    backup: PointBackup | None
    """Null: no good backup was taken at or before the moment."""
    older_seconds: int | None
    """How long before the moment it was taken: what was written since is not in it."""
    expected_seconds: int | None
    """How long its restore takes, by those that were measured; null: none was."""
    next: PointBackup | None
    """The first good one after the moment."""
    later_seconds: int | None
    """How long after the moment that one was taken."""
    passed_over: list[NotTaken]


class RestoreJob(Output):
    """A restore job as Pinecone reports it, and who started it through us."""

    restore_job_id: Annotated[str, Field(validation_alias="job_id")]
    backup_id: str
    target_index_name: str
    target_index_id: str
    status: str
    """``Pending``, ``Completed``, ``Failed`` or ``Cancelled``."""
    created_at: datetime | None
    completed_at: datetime | None
    percent_complete: int | None
    started_by: str
    """Empty when it was not started through us."""


class RestoreJobList(Listing[RestoreJob]):
    """A page of restore jobs."""


class RestoreJobsQuery(PageQuery):
    """Which restore jobs."""

    source: Literal["pinecone", "ledger"] = "pinecone"
    """Pinecone's own listing leaves out some; the ledger has all that were started through us."""


@route(
    "POST",
    "/v1/projects/{project}/backups/{backup_id}/create-index",
    access=Access.OPERATE,
    takes=Restore,
    gives=FollowedRestore,
    status=202,
    problems=("rule-forbids", "conflict", "not-ready", *PINECONE_WRITES),
)
def create_index_from_backup(call: Call, request: Restore) -> FollowedRestore:
    """Create an index from a backup.

    A name that an index has is refused: a restore never overwrites one. The restore goes on
    after the answer and is followed to its end: describe the restore to see how it stands.
    """
    return _started(call, request, call.path["backup_id"])


@route(
    "POST",
    "/v1/projects/{project}/indexes/{index_name}/restore",
    access=Access.OPERATE,
    takes=RestoreIndex,
    gives=FollowedRestore,
    status=202,
    problems=("rule-forbids", "conflict", "not-ready", *PINECONE_WRITES),
)
def restore_index(call: Call, request: RestoreIndex) -> FollowedRestore:
    """Restore an index as it was at a moment, or from one of its backups, into a new index.

    The index may be deleted. The restore goes on after the answer and is followed to its end. The
    new index belongs to no policy until somebody adopts it.
    """
    name = call.path["index_name"]
    if (request.at is None) == (request.backup_id is None):
        raise ProblemError(
            "invalid-request",
            "The request names a moment and a backup, or neither",
            next_step="Send exactly one of at and backup_id.",
            errors=[FieldError("#/at", "goes with no backup_id, and the other way round")],
        )
    if request.backup_id is not None:
        backup = call.control_plane().describe_backup(request.backup_id)
        if backup.index_name != name:
            raise RuleForbids(
                f"Backup {backup.backup_id} was taken of index {backup.index_name!r}",
                rule="other-index",
                next_step=f"Name a backup of {name!r}, or ask that index to be restored.",
            )
        return _started(call, request, backup.backup_id)
    at = request.at or call.now
    point = _point(call, at)
    if point.entry is None:
        raise RuleForbids(
            f"No good backup of index {name!r} was taken at or before {at:%F %T %Z}",
            rule="no-restore-point",
            next_step="The restore point of a later moment, or of now, says what there is.",
        )
    return _started(call, request, point.entry.backup.backup_id)


@route(
    "GET",
    "/v1/projects/{project}/indexes/{index_name}/restore-point",
    access=Access.READ,
    takes=RestorePointQuery,
    gives=FoundRestorePoint,
)
def find_restore_point(call: Call, query: RestorePointQuery) -> FoundRestorePoint:
    """Find what to restore an index from, to have it as it was at a moment.

    Backups of earlier incarnations and of a deleted index count as well. A backup holds what was
    written until about 15 minutes before it was taken.
    """
    at = query.at or call.now
    found = _point(call, at)
    entry, later = found.entry, found.next
    known = measured(call.ledger().restores())
    return FoundRestorePoint(
        index=call.path["index_name"],
        at=at,
        backup=_point_backup(entry) if entry else None,
        older_seconds=_seconds(entry.at, at) if entry else None,
        expected_seconds=expected_seconds(known, entry.backup.size_bytes) if entry else None,
        next=_point_backup(later) if later else None,
        later_seconds=_seconds(at, later.at) if later else None,
        passed_over=[
            NotTaken(
                backup_id=each.entry.backup.backup_id, taken_at=each.entry.at, reason=each.reason
            )
            for each in found.passed_over
        ],
    )


@route(
    "POST",
    "/v1/projects/{project}/indexes/{index_name}/adopt",
    access=Access.OPERATE,
    takes=AdoptIndex,
    gives=Index,
    problems=("rule-forbids", *PINECONE_WRITES),
)
def adopt_index(call: Call, request: AdoptIndex) -> Index:
    """Adopt a restored index: from now on the policy backs it up."""
    document, _version = call.policy()
    adopted = adopt(
        call.context(RunKind.RESTORE_TEST),
        call.control_plane(),
        call.ledger(),
        document,
        name=call.path["index_name"],
        policy=request.policy,
    )
    return index_of(call, adopted)


@route(
    "GET",
    "/v1/projects/{project}/restores",
    access=Access.READ,
    takes=FollowedRestoresQuery,
    gives=FollowedRestoreList,
)
def list_restores(call: Call, query: FollowedRestoresQuery) -> FollowedRestoreList:
    """List restores, tests and those that people asked for, the newest first."""
    wanted = [
        record
        for record in reversed(call.ledger().restores())
        if query.kind in (None, record.kind)
        and query.index in (None, record.index_name)
        and query.result in (None, record.result)
    ]
    return page_for(
        query,
        FollowedRestoreList,
        [_followed(record) for record in wanted],
        f"{call.listing}?{query.filters()}",
    )


@route(
    "GET",
    "/v1/projects/{project}/restores/{restore_id}",
    access=Access.READ,
    gives=FollowedRestore,
)
def describe_restore(call: Call, _: Nothing) -> FollowedRestore:
    """Describe a restore; while Pinecone restores, with its progress as it is now."""
    restore_id = call.path["restore_id"]
    record = call.ledger().restore(restore_id)
    if record is None:
        raise SubjectUnknown(f"There is no restore {restore_id!r} here")
    if record.step is RestoreStep.RESTORING and record.job_id:
        try:
            job = call.control_plane().describe_restore_job(record.job_id)
        except PineconeError:
            return _followed(record)
        record = replace(record, status=job.status, percent_complete=job.percent_complete)
    return _followed(record)


@route(
    "GET",
    "/v1/projects/{project}/restore-jobs",
    access=Access.READ,
    takes=RestoreJobsQuery,
    gives=RestoreJobList,
)
def list_restore_jobs(call: Call, query: RestoreJobsQuery) -> RestoreJobList:
    """List restore jobs: as Pinecone lists them, or those that were started through us."""
    listing = f"{call.listing}?source={query.source}"
    records = {record.job_id: record for record in call.ledger().restores() if record.job_id}
    if query.source == "ledger":
        newest = sorted(records.values(), key=lambda each: each.started_at, reverse=True)
        return page_for(query, RestoreJobList, [_remembered(each) for each in newest], listing)
    page = call.control_plane().restore_jobs_page(
        limit=query.limit, token=read_cursor(listing, query.paginationToken)
    )
    jobs = [_job(job, records.get(job.job_id)) for job in page.items]
    return as_listing(RestoreJobList, jobs, cursor_at(listing, page.next_token))


@route(
    "GET",
    "/v1/projects/{project}/restore-jobs/{job_id}",
    access=Access.READ,
    gives=RestoreJob,
)
def describe_restore_job(call: Call, _: Nothing) -> RestoreJob:
    """Describe a restore job; one of ours also when Pinecone does not know it any more."""
    ledger, job_id = call.ledger(), call.path["job_id"]
    record = next((each for each in ledger.restores() if each.job_id == job_id), None)
    try:
        return _job(call.control_plane().describe_restore_job(job_id), record)
    except NotFound:
        if record is None:
            raise
        return _remembered(record)


def _started(call: Call, request: Restore, backup_id: str) -> FollowedRestore:
    record = restore(
        call.context(RunKind.RESTORE_TEST),
        call.control_plane(),
        call.ledger(),
        backup_id=backup_id,
        name=request.name,
        tags=request.tags,
        deletion_protection=request.deletion_protection == "enabled",
        read_capacity=request.read_capacity,
    )
    call.locate("restores", record.restore_id)
    return _followed(record)


def _point(call: Call, at: datetime) -> restore_point.RestorePoint:
    """What the path's index can be restored from."""
    name = call.path["index_name"]
    context = call.context(RunKind.RESTORE_TEST)
    state = read_project_state(context, call.control_plane(), call.ledger())
    found = restore_point.restore_point(state.inventory, name, at)
    if found is None:
        raise SubjectUnknown(
            f"There is no backup of any index named {name!r}",
            next_step="The listing of the project's backups names every index that has some.",
        )
    return found


def _point_backup(entry: Entry) -> PointBackup:
    backup, record = entry.backup, entry.record
    return PointBackup.of(
        backup,
        taken_at=entry.at or datetime.max.replace(tzinfo=UTC),
        restore_tested=record.restore_tested if record else None,
        restore_tested_at=record.restore_tested_at if record else None,
    )


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return int((end - start).total_seconds()) if start and end else None


def _followed(record: RestoreRecord) -> FollowedRestore:
    took, size = record.took_seconds, record.size_bytes
    return FollowedRestore.of(
        record,
        bytes_per_second=size // took if size is not None and took else None,
        differences=[Differing(kind=each.kind, text=str(each)) for each in record.differences],
    )


def _job(job: model.RestoreJob, record: RestoreRecord | None) -> RestoreJob:
    return RestoreJob.of(job, started_by=record.started_by if record else "")


def _remembered(record: RestoreRecord) -> RestoreJob:
    return RestoreJob.of(
        record,
        created_at=record.started_at,
        completed_at=record.finished_at,
        percent_complete=None,
    )
