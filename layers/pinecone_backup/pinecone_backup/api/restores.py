"""Restores: an index from a backup, and the jobs that do it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pinecone_backup.api.cursors import page_of, pagination, read_cursor, write_cursor
from pinecone_backup.api.models import NAME, Input, Nothing, Output, PageQuery, Pagination
from pinecone_backup.api.routes import PINECONE_WRITES, Access, Call, route
from pinecone_backup.errors import NotFound
from pinecone_backup.model import RunKind
from pinecone_backup.usecases.requests.restore import restore
from pinecone_backup.usecases.runs import new_run_id

if TYPE_CHECKING:
    from pinecone_backup import model
    from pinecone_backup.records import RestoreRecord

_TAG = "Restores"


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


class RestoreStarted(Output):
    """A restore under way."""

    restore_job_id: str
    index_id: str


class RestoreJob(Output):
    """A restore job as Pinecone reports it, and who started it through us."""

    restore_job_id: str
    backup_id: str
    target_index_name: str
    target_index_id: str
    status: str
    """``Pending``, ``Completed``, ``Failed``, ``Cancelled``; ``Gone`` when Pinecone forgot it."""
    created_at: datetime | None
    completed_at: datetime | None
    percent_complete: int | None
    started_by: str
    """Empty when it was not started through us."""


class RestoreJobList(Output):
    """A page of restore jobs."""

    data: list[RestoreJob]
    pagination: Pagination | None


class RestoreJobsQuery(PageQuery):
    """Which restore jobs."""

    source: Literal["pinecone", "ledger"] = "pinecone"
    """Pinecone's own listing leaves out some; the ledger has all that were started through us."""


@route(
    "POST",
    "/v1/projects/{project}/backups/{backup_id}/create-index",
    access=Access.OPERATE,
    tag=_TAG,
    takes=Restore,
    gives=RestoreStarted,
    status=202,
    problems=("not-found", "rule-forbids", "conflict", "not-ready", *PINECONE_WRITES),
)
def create_index_from_backup(call: Call, request: Restore) -> RestoreStarted:
    """Create an index from a backup.

    A name that an index has is refused: a restore never overwrites one. The restore goes on
    after the answer: describe the restore job to follow it.
    """
    kind = RunKind.RESTORE_TEST
    record = restore(
        call.context(kind, new_run_id(kind, call.now)),
        call.control_plane(),
        call.ledger(),
        backup_id=call.path["backup_id"],
        name=request.name,
        tags=request.tags,
        deletion_protection=request.deletion_protection == "enabled",
        read_capacity=request.read_capacity,
    )
    call.locate("restore-jobs", record.job_id)
    return RestoreStarted(restore_job_id=record.job_id, index_id=record.target_index_id)


@route(
    "GET",
    "/v1/projects/{project}/restore-jobs",
    access=Access.READ,
    tag=_TAG,
    takes=RestoreJobsQuery,
    gives=RestoreJobList,
    problems=("not-found",),
)
def list_restore_jobs(call: Call, query: RestoreJobsQuery) -> RestoreJobList:
    """List restore jobs: as Pinecone lists them, or those that were started through us."""
    listing = f"{call.listing}?source={query.source}"
    records = {record.job_id: record for record in call.ledger().restores() if record.job_id}
    if query.source == "ledger":
        newest = sorted(records.values(), key=lambda each: each.started_at, reverse=True)
        rows, cursor = page_of(
            newest, listing=listing, limit=query.limit, cursor=query.paginationToken
        )
        shown = [_remembered(record) for record in rows]
    else:
        page = call.control_plane().restore_jobs_page(
            limit=query.limit, token=read_cursor(listing, query.paginationToken)
        )
        cursor = write_cursor(listing, page.next_token) if page.next_token else None
        shown = [_job(job, records.get(job.job_id)) for job in page.items]
    return RestoreJobList(data=shown, pagination=pagination(cursor))


@route(
    "GET",
    "/v1/projects/{project}/restore-jobs/{job_id}",
    access=Access.READ,
    tag=_TAG,
    gives=RestoreJob,
    problems=("not-found",),
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


def _job(job: model.RestoreJob, record: RestoreRecord | None) -> RestoreJob:
    return RestoreJob(
        restore_job_id=job.job_id,
        backup_id=job.backup_id,
        target_index_name=job.target_index_name,
        target_index_id=job.target_index_id,
        status=job.status,
        created_at=job.created_at,
        completed_at=job.completed_at,
        percent_complete=job.percent_complete,
        started_by=record.started_by if record else "",
    )


def _remembered(record: RestoreRecord) -> RestoreJob:
    return RestoreJob(
        restore_job_id=record.job_id,
        backup_id=record.backup_id,
        target_index_name=record.target_index_name,
        target_index_id=record.target_index_id,
        status=record.status,
        created_at=record.started_at,
        completed_at=record.finished_at,
        percent_complete=None,
        started_by=record.started_by,
    )
