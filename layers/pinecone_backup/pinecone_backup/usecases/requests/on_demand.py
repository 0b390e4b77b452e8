"""Create one backup because a person or a program asks for it.

It is one of ours and counts as such, but it satisfies no slot and no policy prunes it (rules C2
and I2). It has the caller's name and description, and a marker behind the description.
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
from pinecone_backup.records import ClaimState
from pinecone_backup.rules.audit_facts import STUCK_AFTER
from pinecone_backup.rules.claims import ambiguous, claimed, failed, on_demand_slot, posted
from pinecone_backup.rules.effects import SaveClaim, created
from pinecone_backup.rules.inventory import Origin, Worth, take_inventory
from pinecone_backup.rules.marker import Marker, looks_like_marker
from pinecone_backup.usecases.create import carry_out
from pinecone_backup.usecases.listing import list_index

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

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
    name: str = "",
    description: str = "",
    expire_after: timedelta | None = None,
) -> Backup:
    """Start one backup of an index now.

    Asking again is safe: while the first one is under way, or when the caller's own name is
    taken, nothing is created. After a POST whose answer was lost the backup is searched for by
    name, and a second POST is never made.

    Args:
        context: The run.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        index_name: The index.
        name: The backup's name; by default one of ours (rule I5).
        description: What is to stand before the marker.
        expire_after: How long it is kept at least; None keeps it for ever (rule D8).

    Returns:
        The backup as Pinecone answered.

    Raises:
        SubjectUnknown: There is no such index.
        RuleForbids: The description has a marker in it; a backup of ours is under way; or the
            name is taken.
        OutcomeUnknown: The backup may have been started and is not listed yet.
        PineconeError: Pinecone refused, or could not be asked; nothing was created.
        ListingIncomplete: The index's backups could not be listed; nothing was created.
        LedgerError: The ledger could not be read or written.
    """
    if looks_like_marker(description):
        raise RuleForbids(
            "The description reads like a marker of this product",
            rule="marker",
            next_step="Describe the backup in other words, or leave the description out.",
        )
    now = context.time.actual
    rows = _rows(control_plane, index_name)
    _refuse_second(context, index_name, rows)
    _refuse_taken(index_name, name, rows)
    marker = _marker(context, index_name, name, now + expire_after if expire_after else None)
    claim = _claim(context, ledger, index_name, marker, name)
    try:
        backup = _post(
            control_plane, index_name, claim.backup_name, marker.described(description), rows
        )
    except PineconeError as error:
        after = ambiguous if isinstance(error, OutcomeUnknown) else failed
        carry_out(ledger, [SaveClaim(after(claim, error.problem, now))])
        raise
    save = SaveClaim(posted(claim, backup.backup_id))
    carry_out(ledger, [*created(context, claim, backup), save])
    return backup


def _marker(context: RunContext, index_name: str, name: str, expires_at: datetime | None) -> Marker:
    slot = on_demand_slot(context.time.actual)
    marker = Marker(context.owner, None, slot, context.run_id, 1, expires_at)
    return marker.named(index_name, name or marker.name_for(index_name))


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


def _refuse_taken(index_name: str, name: str, rows: Sequence[Backup]) -> None:
    """A name says which backup is meant: two of one name do not."""
    taken = next((row.backup_id for row in rows if name and row.name == name), None)
    if taken is not None:
        raise RuleForbids(
            f"Index {index_name!r} has a backup named {name!r} already: {taken}",
            rule="name-taken",
            next_step="Use that backup, or choose another name.",
        )


def _under_way(index_name: str, what: str) -> RuleForbids:
    return RuleForbids(
        f"A backup of index {index_name!r} is under way already: {what}",
        rule="under-way",
        next_step="Wait for it to end; it holds what the index held when it began.",
    )


def _claim(
    context: RunContext, ledger: Ledger, index_name: str, marker: Marker, name: str
) -> Claim:
    """Rule C3: of two that ask at the same time, one creates."""
    stored = ledger.claim(index_name, marker.slot)
    again = stored if stored is not None and stored.state in _ENDED else None
    claim = claimed(
        index_name,
        marker,
        previous=again,
        now=context.time.actual,
        name=name,
        actor=context.actor,
    )
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
    """POST once; when the answer was lost, search by name and description once."""
    known = {row.backup_id for row in before}
    try:
        return control_plane.create_backup(index_name, name=name, description=description)
    except OutcomeUnknown as error:
        found = next(
            (
                row
                for row in _rows_or_none(control_plane, index_name)
                if (row.name, row.description) == (name, description) and row.backup_id not in known
            ),
            None,
        )
        if found is not None:
            return found
        raise OutcomeUnknown(
            error.problem,
            next_step=f"List the backups of index {index_name!r} in a few minutes, and search for "
            f"{name!r} before you ask again.",
            operation=error.operation,
            status=error.status,
            request_id=error.request_id,
        ) from error


def _rows_or_none(control_plane: ControlPlane, index_name: str) -> Sequence[Backup]:
    """The index's backups; none when nobody can say."""
    try:
        return list_index(control_plane, index_name)
    except (PineconeError, ListingIncomplete):
        return ()
