"""Backups: create on demand, list, describe, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.api import models, views
from pinecone_backup.api.cursors import read_cursor, write_cursor
from pinecone_backup.api.routes import PINECONE_WRITES, Access, Call, route
from pinecone_backup.model import RunKind
from pinecone_backup.rules.inventory import take_inventory
from pinecone_backup.usecases.present import present_facts
from pinecone_backup.usecases.requests.delete import LEASE
from pinecone_backup.usecases.requests.delete import delete_backup as delete_one
from pinecone_backup.usecases.requests.on_demand import create_on_demand
from pinecone_backup.usecases.runs import new_run_id

if TYPE_CHECKING:
    from pinecone_backup.model import Backup
    from pinecone_backup.ports import Page

_TAG = "Backups"


@route(
    "POST",
    "/v1/projects/{project}/indexes/{index_name}/backups",
    access=Access.OPERATE,
    tag=_TAG,
    takes=models.CreateBackup,
    gives=models.Backup,
    status=201,
    problems=("not-found", "rule-forbids", "conflict", *PINECONE_WRITES),
)
def create_backup(call: Call, request: models.CreateBackup) -> models.Backup:
    """Start a backup of an index now.

    It is under way when the answer comes, and takes minutes to hours: describe it to see its
    end. While one of ours is under way for the index, none is started.
    """
    context = call.context(RunKind.CREATE, new_run_id(RunKind.CREATE, call.now))
    backup = create_on_demand(
        context,
        call.control_plane(),
        call.ledger(),
        call.path["index_name"],
        name=request.name,
        description=request.description,
    )
    call.locate("backups", backup.backup_id)
    return views.backup_rows(call, [backup])[0]


@route(
    "GET",
    "/v1/projects/{project}/indexes/{index_name}/backups",
    access=Access.READ,
    tag=_TAG,
    takes=models.IndexBackupsQuery,
    gives=models.BackupList,
    problems=("not-found",),
)
def list_index_backups(call: Call, query: models.IndexBackupsQuery) -> models.BackupList:
    """List an index's backups.

    One page for one call to Pinecone, in Pinecone's order. Without ``include_deleted`` those of
    the active index of that name only.
    """
    listing = f"{call.listing}?include_deleted={query.include_deleted}"
    page = call.control_plane().index_backups_page(
        call.path["index_name"],
        limit=query.limit,
        token=read_cursor(listing, query.paginationToken),
        include_deleted=query.include_deleted,
    )
    return _page(call, listing, page)


@route(
    "GET",
    "/v1/projects/{project}/backups",
    access=Access.READ,
    tag=_TAG,
    takes=models.PageQuery,
    gives=models.BackupList,
    problems=("not-found",),
)
def list_project_backups(call: Call, query: models.PageQuery) -> models.BackupList:
    """List the project's backups, those of deleted indexes included."""
    token = read_cursor(call.listing, query.paginationToken)
    page = call.control_plane().project_backups_page(limit=query.limit, token=token)
    return _page(call, call.listing, page)


@route(
    "GET",
    "/v1/projects/{project}/backups/{backup_id}",
    access=Access.READ,
    tag=_TAG,
    gives=models.BackupDetails,
    problems=("not-found",),
)
def describe_backup(call: Call, _: models.Nothing) -> models.BackupDetails:
    """Describe a backup: Pinecone's view, our verdict, its holds and its deletion."""
    backup = call.control_plane().describe_backup(call.path["backup_id"])
    ledger = call.ledger()
    record = ledger.backups().get(backup.backup_id)
    entry = take_inventory(
        [backup],
        records={backup.backup_id: record} if record else {},
        owner=call.container.services.owner,
        now=call.now,
    ).entries[backup.backup_id]
    held = {backup.backup_id, backup.index_name}
    return models.BackupDetails(
        **views.backup_fields(backup),
        origin=entry.origin,
        policy=entry.marker.policy if entry.marker else None,
        worth=entry.worth,
        verdict=record.verdict if record else None,
        verdict_reason=record.verdict_reason if record else "",
        verdict_at=record.verdict_at if record else None,
        accepted_by=record.accepted_by if record else "",
        accepted_reason=record.accepted_reason if record else "",
        restore_tested=record.restore_tested if record else None,
        holds=[
            views.hold_view(hold, call.now)
            for hold in ledger.holds()
            if hold.target in held and hold.active(call.now)
        ],
        deletion=views.deletion_view(record.deletion) if record and record.deletion else None,
    )


@route(
    "DELETE",
    "/v1/projects/{project}/backups/{backup_id}",
    access=Access.DESTROY,
    tag=_TAG,
    takes=models.DeleteBackupQuery,
    gives=models.DeletedBackup,
    status=202,
    problems=("not-found", "rule-forbids", "busy", "not-ready", *PINECONE_WRITES),
)
def delete_backup(call: Call, query: models.DeleteBackupQuery) -> models.DeletedBackup:
    """Delete a backup, within the safeguards of prune.

    What is ours, finished and not needed by its index goes at once. Anything else answers 409
    and names the safeguards in the way; ``override`` with those names and a reason deletes it
    all the same. Holds, unfinished restores and contradictions cannot be overruled.
    """
    run_id = new_run_id(RunKind.PRUNE, call.now)
    context, ledger, control_plane = (
        call.context(RunKind.PRUNE, run_id),
        call.ledger(),
        call.control_plane(),
    )
    document, policy_version = call.policy()
    ledger.acquire_lease("write", holder=run_id, now=call.now, ttl=LEASE)
    try:
        facts = present_facts(
            control_plane,
            ledger,
            document=document,
            policy_version=policy_version,
            owner=context.owner,
            time=context.time,
        )
        record = delete_one(
            context,
            control_plane,
            ledger,
            facts,
            call.path["backup_id"],
            overrule=query.override,
            reason=query.reason or "",
        )
    finally:
        ledger.release_lease("write", holder=run_id)
    assert record.deletion is not None  # noqa: S101 - delete_one returns no other
    return models.DeletedBackup(
        backup_id=record.backup_id, deletion=views.deletion_view(record.deletion)
    )


def _page(call: Call, listing: str, page: Page[Backup]) -> models.BackupList:
    cursor = write_cursor(listing, page.next_token) if page.next_token else None
    return models.BackupList(
        data=views.backup_rows(call, page.items), pagination=views.pagination(cursor)
    )
