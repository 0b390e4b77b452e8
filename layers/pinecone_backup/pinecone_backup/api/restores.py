"""Restores: an index from a backup, and the jobs that do it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinecone_backup.api import models, views
from pinecone_backup.api.cursors import page_of, read_cursor, write_cursor
from pinecone_backup.api.routes import PINECONE_WRITES, Access, Call, route
from pinecone_backup.errors import NotFound
from pinecone_backup.model import RunKind
from pinecone_backup.usecases.requests.restore import restore
from pinecone_backup.usecases.runs import new_run_id

if TYPE_CHECKING:
    from pinecone_backup.model import RestoreJob
    from pinecone_backup.records import RestoreRecord

_TAG = "Restores"


@route(
    "POST",
    "/v1/projects/{project}/backups/{backup_id}/create-index",
    access=Access.OPERATE,
    tag=_TAG,
    takes=models.Restore,
    gives=models.RestoreStarted,
    status=202,
    problems=("not-found", "rule-forbids", "conflict", "not-ready", *PINECONE_WRITES),
)
def create_index_from_backup(call: Call, request: models.Restore) -> models.RestoreStarted:
    """Create an index from a backup.

    A name that an index has is refused: a restore never overwrites one. The restore goes on
    after the answer: describe the restore job to follow it.
    """
    record = restore(
        call.context(RunKind.CREATE, new_run_id(RunKind.CREATE, call.now)),
        call.control_plane(),
        call.ledger(),
        backup_id=call.path["backup_id"],
        name=request.name,
        tags=request.tags,
        deletion_protection=request.deletion_protection == "enabled",
        read_capacity=request.read_capacity,
    )
    call.locate("restore-jobs", record.job_id)
    return models.RestoreStarted(restore_job_id=record.job_id, index_id=record.target_index_id)


@route(
    "GET",
    "/v1/projects/{project}/restore-jobs",
    access=Access.READ,
    tag=_TAG,
    takes=models.RestoreJobsQuery,
    gives=models.RestoreJobList,
    problems=("not-found",),
)
def list_restore_jobs(call: Call, query: models.RestoreJobsQuery) -> models.RestoreJobList:
    """List restore jobs: as Pinecone lists them, or those that were started through us."""
    listing = f"{call.listing}?source={query.source}"
    records = {record.job_id: record for record in call.ledger().restores()}
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
    return models.RestoreJobList(data=shown, pagination=views.pagination(cursor))


@route(
    "GET",
    "/v1/projects/{project}/restore-jobs/{job_id}",
    access=Access.READ,
    tag=_TAG,
    gives=models.RestoreJob,
    problems=("not-found",),
)
def describe_restore_job(call: Call, _: models.Nothing) -> models.RestoreJob:
    """Describe a restore job; one of ours also when Pinecone does not know it any more."""
    ledger, job_id = call.ledger(), call.path["job_id"]
    record = next((each for each in ledger.restores() if each.job_id == job_id), None)
    try:
        job = call.control_plane().describe_restore_job(job_id)
    except NotFound:
        if record is None:
            raise
        return _remembered(record)
    if record is not None and record.finished_at is None and not job.unfinished:
        record = replace(record, status=job.status, finished_at=job.completed_at or call.now)
        ledger.put_restore(record)
    return _job(job, record)


def _job(job: RestoreJob, record: RestoreRecord | None) -> models.RestoreJob:
    return models.RestoreJob(
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


def _remembered(record: RestoreRecord) -> models.RestoreJob:
    return models.RestoreJob(
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
