"""Create one backup because a person or a program asks for it.

Without a name or a description of the caller's own it is one of ours: it carries our marker
without a policy, so that it satisfies slots (rule C2) and no policy ever prunes it (rule I2).
With words of the caller's own it is the caller's: by I2 it is foreign to every rule, satisfies
nothing and is never pruned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.errors import (
    ListingIncomplete,
    NotFound,
    OutcomeUnknown,
    PineconeError,
    RuleForbids,
    SubjectUnknown,
)
from pinecone_backup.records import BackupRecord, ClaimState
from pinecone_backup.rules.audit_facts import STUCK_AFTER
from pinecone_backup.rules.claims import ambiguous, claimed, failed, on_demand_slot, posted
from pinecone_backup.rules.effects import PutBackup, RecordEvent, SaveClaim, created, created_event
from pinecone_backup.rules.inventory import Origin, Worth, take_inventory
from pinecone_backup.rules.marker import Marker, looks_like_marker
from pinecone_backup.usecases.create import carry_out
from pinecone_backup.usecases.listing import list_index

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from pinecone_backup.model import Backup, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import Claim

_ENDED = (ClaimState.FAILED, ClaimState.REFUSED, ClaimState.GIVEN_UP)


def create_on_demand(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    index_name: str,
    *,
    name: str | None = None,
    description: str | None = None,
) -> Backup:
    """Start one backup of an index now.

    Asking again is safe: while the first one is under way, or when the caller's own name is
    taken, nothing is created. After a POST whose answer was lost the backup is looked for by
    name, and a second POST is never made.

    Args:
        context: The run; its clock's minute is the backup's slot.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        index_name: The index.
        name: A name of the caller's own; by default one of ours (rule I5).
        description: A description of the caller's own; by default our marker.

    Returns:
        The backup as Pinecone answered.

    Raises:
        SubjectUnknown: There is no such index.
        RuleForbids: The description looks like a marker; a backup of ours is under way; or the
            name is taken.
        OutcomeUnknown: The backup may have been started and is not listed yet.
        PineconeError: Pinecone refused, or could not be asked; nothing was created.
        ListingIncomplete: The index's backups could not be listed; nothing was created.
        LedgerError: The ledger could not be read or written.
    """
    if looks_like_marker(description):
        raise RuleForbids(
            "The description begins like a marker of this product",
            rule="marker",
            next_step="Describe the backup in other words, or leave the description out.",
        )
    now = context.time.actual
    marker = Marker(context.owner, None, on_demand_slot(now), context.run_id, 1)
    rows = _rows(control_plane, index_name)
    _refuse_second(context, index_name, rows)
    if name or description:
        return _callers_own(
            context,
            control_plane,
            ledger,
            index_name,
            rows,
            name=name or marker.name_for(index_name),
            description=description or "",
        )
    claim = _claim(context, ledger, index_name, marker)
    try:
        backup = _post(control_plane, index_name, claim.backup_name, str(marker), rows)
    except PineconeError as error:
        after = ambiguous if isinstance(error, OutcomeUnknown) else failed
        carry_out(ledger, [SaveClaim(after(claim, error.problem, now))])
        raise
    save = SaveClaim(posted(claim, backup.backup_id))
    carry_out(ledger, [*created(context, claim, backup), save])
    return backup


def _rows(control_plane: ControlPlane, index_name: str) -> Sequence[Backup]:
    try:
        return list_index(control_plane, index_name)
    except NotFound:
        raise SubjectUnknown(
            f"There is no index {index_name!r} in this project",
            next_step="List the indexes; a deleted index can be restored from its backups.",
        ) from None


def _refuse_second(context: RunContext, index_name: str, rows: Sequence[Backup]) -> None:
    """Rule C2: while one of ours is under way for an index, no new one starts there."""
    now = context.time.actual
    inventory = take_inventory(rows, records={}, owner=context.owner, now=now)
    for entry in inventory.entries.values():
        if (
            entry.origin is Origin.OURS
            and entry.worth in (Worth.UNDER_WAY, Worth.UNKNOWN)
            and entry.at is not None
            and now - entry.at < STUCK_AFTER
        ):
            raise _under_way(index_name, f"backup {entry.backup.backup_id}")


def _under_way(index_name: str, what: str) -> RuleForbids:
    return RuleForbids(
        f"A backup of index {index_name!r} is under way already: {what}",
        rule="under-way",
        next_step="Wait for it to end; it holds what the index held when it began.",
    )


def _claim(context: RunContext, ledger: Ledger, index_name: str, marker: Marker) -> Claim:
    """Rule C3: of two that ask at the same time, one creates."""
    stored = ledger.claim(index_name, marker.slot)
    again = stored if stored is not None and stored.state in _ENDED else None
    claim = claimed(index_name, marker, previous=again, now=context.time.actual)
    saved = carry_out(ledger, [SaveClaim(claim)])[claim]
    if saved is None:
        raise _under_way(index_name, "it was asked for in this minute")
    return saved


def _post(
    control_plane: ControlPlane,
    index_name: str,
    name: str,
    description: str,
    before: Sequence[Backup],
) -> Backup:
    """POST once; when the answer was lost, look by name once."""
    known = {row.backup_id for row in before}
    try:
        return control_plane.create_backup(index_name, name=name, description=description)
    except OutcomeUnknown as error:
        found = _found(control_plane, index_name, name, known)
        if found is not None:
            return found
        raise OutcomeUnknown(
            error.problem,
            next_step=f"List the backups of index {index_name!r} in a few minutes, and look for "
            f"{name!r} before you ask again.",
            operation=error.operation,
            status=error.status,
            request_id=error.request_id,
        ) from error


def _found(
    control_plane: ControlPlane, index_name: str, name: str, known: Container[str]
) -> Backup | None:
    """The backup of that name that was not there before; None also when nobody can tell."""
    try:
        rows = list_index(control_plane, index_name)
    except (PineconeError, ListingIncomplete):
        return None
    return next((row for row in rows if row.name == name and row.backup_id not in known), None)


def _callers_own(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    index_name: str,
    rows: Sequence[Backup],
    *,
    name: str,
    description: str,
) -> Backup:
    taken = next((row.backup_id for row in rows if row.name == name), None)
    if taken is not None:
        raise RuleForbids(
            f"Index {index_name!r} has a backup named {name!r} already: {taken}",
            rule="name-taken",
            next_step="Use that backup, or choose another name.",
        )
    backup = _post(control_plane, index_name, name, description, rows)
    record = BackupRecord(
        backup_id=backup.backup_id,
        index_name=index_name,
        index_id=backup.index_id,
        name=name,
        created_at=backup.created_at,
        first_seen_at=context.time.actual,
    )
    event = created_event(context, backup, name=name, run_id=context.run_id, policy=None)
    carry_out(ledger, [RecordEvent(event), PutBackup(record)])
    return backup
