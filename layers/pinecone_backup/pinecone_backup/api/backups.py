"""Backups: create on demand, list, describe, delete."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from pinecone_backup.api.cursors import as_listing, cursor_at, page_of, read_cursor
from pinecone_backup.api.deletions import Deletion, deletion_view
from pinecone_backup.api.holds import Hold, hold_view
from pinecone_backup.api.models import (
    NAME,
    Input,
    Listing,
    Nothing,
    Output,
    PageQuery,
    QueryTime,
    Reason,
    ReasonText,
    RuleReason,
)
from pinecone_backup.api.routes import PINECONE_WRITES, Access, Call, Routes
from pinecone_backup.errors import (
    ConfigurationError,
    ListingIncomplete,
    PineconeError,
    SubjectUnknown,
)
from pinecone_backup.model import RunKind
from pinecone_backup.records import Verdict
from pinecone_backup.rules.inventory import (
    Origin,
    Worth,
    native_marks,
    newest_first,
    oldest_first,
    take_inventory,
)
from pinecone_backup.rules.plan import Action, make_plan
from pinecone_backup.rules.policy import Elapsed
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup.usecases.approvals import rule_of
from pinecone_backup.usecases.listing import list_project
from pinecone_backup.usecases.project_state import plan_facts, read_project_state
from pinecone_backup.usecases.prune import former_baseline
from pinecone_backup.usecases.requests.delete import LEASE, final_deletion
from pinecone_backup.usecases.requests.delete import delete_backup as delete_one
from pinecone_backup.usecases.requests.on_demand import create_on_demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinecone_backup import model
    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import Page
    from pinecone_backup.rules.inventory import Entry
    from pinecone_backup.rules.plan_facts import Facts
    from pinecone_backup.rules.policy import PolicyDocument

route = Routes("Backups")
_SAFEGUARDS = "|".join(safeguard for safeguard in Safeguard if safeguard.overrulable)
_FORESEEN_DAYS = 90
_MINUTE, _CENTURY = timedelta(minutes=1), timedelta(days=36_525)


def _separated(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


def _overrulable(named: frozenset[Safeguard]) -> frozenset[Safeguard]:
    absolute = sorted(safeguard for safeguard in named if not safeguard.overrulable)
    if absolute:
        raise ValueError(f"cannot be overruled: {', '.join(absolute)}")
    return named


class Backup(Output):
    """A backup as Pinecone lists it, and whose it is."""

    backup_id: str
    source_index_name: Annotated[str, Field(validation_alias="index_name")]
    source_index_id: Annotated[str, Field(validation_alias="index_id")]
    source_index_deleted_at: Annotated[datetime | None, Field(validation_alias="index_deleted_at")]
    status: Annotated[str, Field(validation_alias="status_text")]
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
    """The policy that made it; null when it is not ours, or on demand."""
    expires_at: datetime | None
    """From when on a backup on demand may be deleted; null: never, or by its policy."""


class BackupList(Listing[Backup]):
    """A page of backups."""


class BackupsQuery(PageQuery):
    """Which backups of the project, and in which order."""

    from_: Annotated[QueryTime | None, Field(alias="from")] = None
    """Taken at this time or later."""
    to: QueryTime | None = None
    """Taken before this time."""
    policy: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Made by this policy of ours."""
    worth: Worth | None = None
    origin: Origin | None = None
    sort: Literal["newest", "oldest"] | None = None
    """By when it was taken, undated ones last; the newest first unless given, where there is a
    filter, and Pinecone's order where there is none."""


class IndexBackupsQuery(PageQuery):
    """Which backups of an index."""

    include_deleted: bool = False
    """Whether backups of deleted indexes of that name count too."""


class CreateBackup(Input):
    """A backup to make now, beside those of the policy: no policy prunes it."""

    name: Annotated[str, Field(pattern=NAME)] | None = None
    """One that no other backup of the index has; without, one is made up."""
    description: Annotated[str, Field(max_length=1000)] | None = None
    """Stands before this product's marker; not one that reads like such a marker."""
    expire_after: Annotated[Elapsed, Field(ge=_MINUTE, le=_CENTURY)] | None = None
    """How long it is kept at least, such as `30d` or `12h`; without, for ever."""


class Kept(Output):
    """Why a backup is kept, as a prune of this moment sees it."""

    action: Action
    reasons: list[RuleReason]
    """Every one has to end before it is deleted."""
    safeguards: list[Safeguard]
    """Everything that stands before its deletion."""
    until: datetime | None
    """When it is deleted at the earliest, by time alone; null: not within 90 days."""


class BackupDetails(Backup):
    """A backup, and everything that we know of it."""

    worth: Worth
    """What it counts for."""
    verdict: Verdict | None
    """Null until an audit saw it Ready."""
    verdict_reason: ReasonText
    """What the verdict goes by."""
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    restore_tested: bool | None
    holds: list[Hold]
    """Those in force, on the backup or on its index."""
    deletion: Deletion | None
    kept: Kept | None
    """Null where it is being deleted, or where the policy or the project cannot be read."""


class DeleteBackupQuery(Input):
    """Which safeguards to overrule, and for which reason."""

    override: Annotated[
        frozenset[Safeguard],
        BeforeValidator(_separated),
        AfterValidator(_overrulable),
        WithJsonSchema({"type": "string", "pattern": f"^({_SAFEGUARDS})(,({_SAFEGUARDS}))*$"}),
    ] = frozenset()
    """Names of safeguards, separated by commas."""
    reason: Reason
    """Recorded with the deletion."""


@route(
    "POST",
    "/v1/projects/{project}/indexes/{index_name}/backups",
    access=Access.OPERATE,
    takes=CreateBackup,
    gives=Backup,
    status=201,
    problems=("rule-forbids", "conflict", *PINECONE_WRITES),
)
def create_backup(call: Call, request: CreateBackup) -> Backup:
    """Start a backup of an index now.

    It is under way when the answer comes, and takes minutes to hours: describe it to see its
    end. While one of ours is under way for the index, none is started. It counts like every good
    backup, satisfies no slot of a policy, and goes only after its own `expire_after`.
    """
    context = call.context(RunKind.CREATE)
    backup = create_on_demand(
        context,
        call.control_plane(),
        call.ledger(),
        call.path["index_name"],
        name=request.name or "",
        description=request.description or "",
        expire_after=request.expire_after,
    )
    call.locate("backups", backup.backup_id)
    return _rows(call, [backup])[0]


@route(
    "GET",
    "/v1/projects/{project}/indexes/{index_name}/backups",
    access=Access.READ,
    takes=IndexBackupsQuery,
    gives=BackupList,
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
    takes=BackupsQuery,
    gives=BackupList,
)
def list_project_backups(call: Call, query: BackupsQuery) -> BackupList:
    """List the project's backups, those of deleted indexes included.

    Without a filter and an order of its own, a page is one call to Pinecone. Otherwise each page
    reads the whole project, a call for each hundred backups, since Pinecone does neither.
    """
    listing = f"{call.listing}?{query.filters()}"
    if query.filters() != BackupsQuery().filters():
        return _chosen(call, listing, query)
    token = read_cursor(listing, query.paginationToken)
    page = call.control_plane().project_backups_page(limit=query.limit, token=token)
    return _page(call, listing, page)


@route(
    "GET",
    "/v1/projects/{project}/backups/{backup_id}",
    access=Access.READ,
    gives=BackupDetails,
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
    deletion = ledger.deletion(backup.backup_id) if record and record.deletion else None
    return BackupDetails.of(
        backup,
        origin=entry.origin,
        policy=entry.marker.policy if entry.marker else None,
        expires_at=entry.expires_at,
        worth=entry.worth,
        verdict=record.verdict if record else None,
        verdict_reason=record.verdict_reason if record else None,
        verdict_at=record.verdict_at if record else None,
        accepted_by=record.accepted_by if record else "",
        accepted_reason=record.accepted_reason if record else "",
        restore_tested=record.restore_tested if record else None,
        holds=[
            hold_view(hold, call.now)
            for hold in ledger.holds()
            if hold.target in held and hold.active(call.now)
        ],
        deletion=deletion_view(deletion) if deletion is not None else None,
        kept=_kept(call, backup.backup_id) if deletion is None or not deletion.final else None,
    )


def _kept(call: Call, backup_id: str) -> Kept | None:
    context = call.context(RunKind.AUDIT)
    try:
        facts = read_facts(call, context, *call.policy())
    except (ConfigurationError, ListingIncomplete, PineconeError):
        return None
    items = (item for item in make_plan(facts).items if item.backup_id == backup_id)
    item = next(items, None)
    if item is None:
        return None
    return Kept.of(item, until=_until(facts, backup_id))


def _until(facts: Facts, backup_id: str) -> datetime | None:
    """The first prune that would delete a backup, or let its deletion wait."""
    from pinecone_backup.rules.preview import preview  # noqa: PLC0415 - cron, only here
    from pinecone_backup.rules.projection import Assumptions  # noqa: PLC0415 - only here

    inventory = facts.inventory
    index_id = inventory.entries[backup_id].backup.index_id
    incarnation = inventory.incarnations[index_id]
    alone = replace(
        facts,
        inventory=replace(
            inventory,
            entries={each.backup.backup_id: each for each in incarnation.entries},
            incarnations={index_id: incarnation},
        ),
        indexes=[each for each in facts.indexes if each.name == incarnation.index_name],
    )
    every_day = Assumptions(every=timedelta(days=1))
    for day in preview(alone, days=_FORESEEN_DAYS, assumptions=every_day).days:
        if any(item.backup_id == backup_id for item in (*day.deleted, *day.waiting)):
            return day.at
    return None


@route(
    "DELETE",
    "/v1/projects/{project}/backups/{backup_id}",
    access=Access.DESTROY,
    takes=DeleteBackupQuery,
    gives=Deletion,
    status=202,
    problems=("rule-forbids", "busy", "not-ready", *PINECONE_WRITES),
)
def delete_backup(call: Call, query: DeleteBackupQuery) -> Deletion:
    """Delete a backup, within the safeguards of prune.

    What a prune would delete now goes at once. Anything else answers 409 and names the
    safeguards in the way; ``override`` with those names deletes it all the same. Holds, unfinished
    restores, contradictions, items that cannot be read and ``PruneMode=dry_run`` cannot be
    overruled. Asking again answers with the same deletion and changes nothing.
    """
    context, ledger = call.context(RunKind.DELETE), call.ledger()
    control_plane = call.control_plane()
    document, policy_version = call.policy()
    ledger.acquire_lease("write", holder=context.run_id, now=call.now, ttl=LEASE)
    try:
        deletion = final_deletion(ledger, call.path["backup_id"])
        if deletion is None:
            deletion = delete_one(
                context,
                control_plane,
                ledger,
                read_facts(call, context, document, policy_version),
                call.path["backup_id"],
                mode=call.container.settings.prune_mode,
                override=query.override,
                reason=query.reason,
                rule=rule_of(call.container.settings),
            )
    finally:
        ledger.release_lease("write", holder=context.run_id)
    return deletion_view(deletion)


def read_facts(
    call: Call, context: RunContext, document: PolicyDocument, policy_version: str
) -> Facts:
    """How the context's project stands, as a prune of this moment would see it by a document.

    Nothing is written.
    """
    services = call.container.services
    project = document.project(context.project)
    if project is None:
        raise SubjectUnknown(f"The document names no project {context.project!r}")
    control_plane = call.container.control_plane(project)
    ledger = services.ledger_of(project.name)
    state = read_project_state(context, control_plane, ledger)
    facts, _ = plan_facts(
        context,
        control_plane,
        ledger,
        state,
        document=document,
        policy_version=policy_version,
        baseline=former_baseline(
            ledger,
            ledger.last_completed(RunKind.PRUNE),
            services.policies.load_version,
            document,
            policy_version,
            now=call.now,
        ),
    )
    return facts


def _chosen(call: Call, listing: str, query: BackupsQuery) -> BackupList:
    """One page of the backups that pass a filter, in order."""
    ledger = call.ledger()
    inventory = take_inventory(
        list_project(call.control_plane()),
        records=ledger.backups(),
        owner=call.container.services.owner,
        now=call.now,
        native=native_marks(ledger.schedules(), {}),
    )
    chosen = [entry for entry in inventory.entries.values() if _matches(entry, query)]
    chosen.sort(key=oldest_first if query.sort == "oldest" else newest_first)
    entries, cursor = page_of(
        chosen, listing=listing, limit=query.limit, cursor=query.paginationToken
    )
    return as_listing(BackupList, map(_row, entries), cursor)


def _matches(entry: Entry, query: BackupsQuery) -> bool:
    made_by = entry.marker.policy if entry.origin is Origin.OURS and entry.marker else None
    return (
        (query.from_ is None or (entry.at is not None and entry.at >= query.from_))
        and (query.to is None or (entry.at is not None and entry.at < query.to))
        and query.policy in (None, made_by)
        and query.worth in (None, entry.worth)
        and query.origin in (None, entry.origin)
    )


def _page(call: Call, listing: str, page: Page[model.Backup]) -> BackupList:
    return as_listing(BackupList, _rows(call, page.items), cursor_at(listing, page.next_token))


def _rows(call: Call, rows: Sequence[model.Backup]) -> list[Backup]:
    """A page of backups in the order listed, each with whose it is (rule I2)."""
    found = take_inventory(
        rows, records={}, owner=call.container.services.owner, now=call.now
    ).entries
    return [_row(replace(found[row.backup_id], backup=row)) for row in rows]


def _row(entry: Entry) -> Backup:
    policy = entry.marker.policy if entry.marker else None
    return Backup.of(entry.backup, origin=entry.origin, policy=policy, expires_at=entry.expires_at)
