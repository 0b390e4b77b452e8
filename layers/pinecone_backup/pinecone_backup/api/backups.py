"""Backups: create on demand, list, describe, delete."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from pinecone_backup.api.cursors import pagination, read_cursor, write_cursor
from pinecone_backup.api.holds import Hold, hold_view
from pinecone_backup.api.models import NAME, Input, Nothing, Output, PageQuery, Pagination, Reason
from pinecone_backup.api.routes import PINECONE_WRITES, Access, Call, route
from pinecone_backup.model import RunKind
from pinecone_backup.records import DeletionState, Verdict
from pinecone_backup.rules.inventory import Origin, Worth, take_inventory
from pinecone_backup.usecases.present import present_facts
from pinecone_backup.usecases.requests.delete import LEASE, Safeguard
from pinecone_backup.usecases.requests.delete import delete_backup as delete_one
from pinecone_backup.usecases.requests.on_demand import create_on_demand
from pinecone_backup.usecases.runs import new_run_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinecone_backup import model, records
    from pinecone_backup.ports import Page

_TAG = "Backups"
_SAFEGUARDS = "|".join(Safeguard)


def _separated(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


class Backup(Output):
    """A backup as Pinecone lists it, and whose it is."""

    backup_id: str
    source_index_name: str
    source_index_id: str
    source_index_deleted_at: datetime | None
    status: str
    name: str | None
    description: str | None
    record_count: int | None
    namespace_count: int | None
    size_bytes: int | None
    cloud: str
    region: str
    tags: dict[str, str] | None
    created_at: datetime | None
    origin: Origin
    policy: str | None
    """The policy that made it, when it is ours."""


class BackupList(Output):
    """A page of backups."""

    data: list[Backup]
    pagination: Pagination | None


class IndexBackupsQuery(PageQuery):
    """Which backups of an index."""

    include_deleted: bool = False
    """Whether backups of deleted indexes of that name count too."""


class CreateBackup(Input):
    """A backup to make now. Without a name and a description it is one of ours."""

    name: Annotated[str, Field(pattern=NAME)] | None = None
    description: Annotated[str, Field(max_length=1000)] | None = None
    """Not one that begins like a marker of this product."""


class Deletion(Output):
    """How far a backup's deletion has come."""

    state: DeletionState
    at: datetime
    run_id: str
    actor: str
    reasons: list[str]
    error: str
    confirmed_at: datetime | None


class BackupDetails(Backup):
    """A backup, and everything that we know of it."""

    worth: Worth
    """What it counts for."""
    verdict: Verdict | None
    """Null until an audit saw it Ready."""
    verdict_reason: str
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    restore_tested: bool | None
    holds: list[Hold]
    """Those in force, on the backup or on its index."""
    deletion: Deletion | None


class DeleteBackupQuery(Input):
    """Which safeguards to overrule, and why."""

    override: Annotated[
        frozenset[Safeguard],
        BeforeValidator(_separated),
        WithJsonSchema({"type": "string", "pattern": f"^({_SAFEGUARDS})(,({_SAFEGUARDS}))*$"}),
    ] = frozenset()
    """Names of safeguards, separated by commas."""
    reason: Reason | None = None
    """Recorded with the deletion; needed with ``override``."""


class DeletedBackup(Output):
    """A deletion that Pinecone accepted, or that had happened already."""

    backup_id: str
    deletion: Deletion


@route(
    "POST",
    "/v1/projects/{project}/indexes/{index_name}/backups",
    access=Access.OPERATE,
    tag=_TAG,
    takes=CreateBackup,
    gives=Backup,
    status=201,
    problems=("not-found", "rule-forbids", "conflict", *PINECONE_WRITES),
)
def create_backup(call: Call, request: CreateBackup) -> Backup:
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
    return _rows(call, [backup])[0]


@route(
    "GET",
    "/v1/projects/{project}/indexes/{index_name}/backups",
    access=Access.READ,
    tag=_TAG,
    takes=IndexBackupsQuery,
    gives=BackupList,
    problems=("not-found",),
)
def list_index_backups(call: Call, query: IndexBackupsQuery) -> BackupList:
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
    takes=PageQuery,
    gives=BackupList,
    problems=("not-found",),
)
def list_project_backups(call: Call, query: PageQuery) -> BackupList:
    """List the project's backups, those of deleted indexes included."""
    token = read_cursor(call.listing, query.paginationToken)
    page = call.control_plane().project_backups_page(limit=query.limit, token=token)
    return _page(call, call.listing, page)


@route(
    "GET",
    "/v1/projects/{project}/backups/{backup_id}",
    access=Access.READ,
    tag=_TAG,
    gives=BackupDetails,
    problems=("not-found",),
)
def describe_backup(call: Call, _: Nothing) -> BackupDetails:
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
    return BackupDetails(
        **_fields(backup),
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
            hold_view(hold, call.now)
            for hold in ledger.holds()
            if hold.target in held and hold.active(call.now)
        ],
        deletion=_deletion(record.deletion) if record and record.deletion else None,
    )


@route(
    "DELETE",
    "/v1/projects/{project}/backups/{backup_id}",
    access=Access.DESTROY,
    tag=_TAG,
    takes=DeleteBackupQuery,
    gives=DeletedBackup,
    status=202,
    problems=("not-found", "rule-forbids", "busy", "not-ready", *PINECONE_WRITES),
)
def delete_backup(call: Call, query: DeleteBackupQuery) -> DeletedBackup:
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
    return DeletedBackup(backup_id=record.backup_id, deletion=_deletion(record.deletion))


def _page(call: Call, listing: str, page: Page[model.Backup]) -> BackupList:
    cursor = write_cursor(listing, page.next_token) if page.next_token else None
    return BackupList(data=_rows(call, page.items), pagination=pagination(cursor))


def _rows(call: Call, rows: Sequence[model.Backup]) -> list[Backup]:
    """A page of backups in the order listed, each with whose it is (rule I2)."""
    found = take_inventory(
        rows, records={}, owner=call.container.services.owner, now=call.now
    ).entries
    shown = []
    for row in rows:
        entry = found[row.backup_id]
        policy = entry.marker.policy if entry.marker else None
        shown.append(_backup(row, entry.origin, policy))
    return shown


def _backup(row: model.Backup, origin: Origin, policy: str | None) -> Backup:
    return Backup(**_fields(row), origin=origin, policy=policy)


def _fields(row: model.Backup) -> dict[str, object]:
    """What Pinecone says of a backup, by Pinecone's names."""
    return {
        "backup_id": row.backup_id,
        "source_index_name": row.index_name,
        "source_index_id": row.index_id,
        "source_index_deleted_at": row.index_deleted_at,
        "status": row.status_text,
        "name": row.name,
        "description": row.description,
        "record_count": row.record_count,
        "namespace_count": row.namespace_count,
        "size_bytes": row.size_bytes,
        "cloud": row.cloud,
        "region": row.region,
        "tags": dict(row.tags) if row.tags is not None else None,
        "created_at": row.created_at,
    }


def _deletion(deletion: records.Deletion) -> Deletion:
    """How far a deletion has come."""
    return Deletion(
        state=deletion.state,
        at=deletion.at,
        run_id=deletion.run_id,
        actor=deletion.actor,
        reasons=list(deletion.reasons),
        error=deletion.error,
        confirmed_at=deletion.confirmed_at,
    )
