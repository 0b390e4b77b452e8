"""Suspects: backups that look empty or shrunk, until a person accepts them (rule G1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pinecone_backup.api import models, views
from pinecone_backup.api.cursors import page_of
from pinecone_backup.api.routes import Access, Call, route
from pinecone_backup.rules.inventory import counts_as_good
from pinecone_backup.usecases.requests.suspects import accept_suspect as accept

if TYPE_CHECKING:
    from pinecone_backup.records import BackupRecord

_TAG = "Suspects"
_NEVER = datetime.min.replace(tzinfo=UTC)


@route(
    "GET",
    "/v1/projects/{project}/suspects",
    access=Access.READ,
    tag=_TAG,
    takes=models.PageQuery,
    gives=models.SuspectList,
    problems=("not-found",),
)
def list_suspects(call: Call, query: models.PageQuery) -> models.SuspectList:
    """List the suspect backups, the newest first."""
    found = [
        record
        for record in call.ledger().backups().values()
        if record.verdict is not None and not counts_as_good(record)
    ]
    found.sort(key=lambda record: (record.created_at or _NEVER, record.backup_id), reverse=True)
    rows, cursor = page_of(
        found, listing=call.listing, limit=query.limit, cursor=query.paginationToken
    )
    return models.SuspectList(
        data=[_suspect(record) for record in rows], pagination=views.pagination(cursor)
    )


@route(
    "POST",
    "/v1/projects/{project}/suspects/{backup_id}/accept",
    access=Access.DESTROY,
    tag=_TAG,
    takes=models.WithReason,
    gives=models.Suspect,
    problems=("not-found", "rule-forbids"),
)
def accept_suspect(call: Call, request: models.WithReason) -> models.Suspect:
    """Accept a suspect: it is good, and the measure for what comes after it.

    Older good backups may then go, which is why this needs the permission to destroy.
    """
    record = accept(
        call.ledger(), call.path["backup_id"], who=call.actor, reason=request.reason, now=call.now
    )
    return _suspect(record)


def _suspect(record: BackupRecord) -> models.Suspect:
    return models.Suspect(
        backup_id=record.backup_id,
        index_name=record.index_name,
        name=record.name,
        created_at=record.created_at,
        record_count=record.record_count,
        verdict=record.verdict or "",
        verdict_reason=record.verdict_reason,
        verdict_at=record.verdict_at,
        accepted_by=record.accepted_by,
        accepted_reason=record.accepted_reason,
        accepted_at=record.accepted_at,
    )
