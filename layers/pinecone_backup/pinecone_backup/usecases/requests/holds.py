"""Holds: somebody's word that a backup, or every backup of an index, must stay (rule D1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING

from pinecone_backup.errors import NotFound, RuleForbids, SubjectUnknown
from pinecone_backup.model import DomainEvent
from pinecone_backup.records import Hold, HoldScope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.ports import ControlPlane, Ledger


def place_hold(
    control_plane: ControlPlane,
    ledger: Ledger,
    *,
    scope: HoldScope,
    target: str,
    who: str,
    reason: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> Hold:
    """Protect a backup, or an index name with all its incarnations.

    Asking again, while the hold is in force, answers with that hold and places no second one.

    Args:
        ledger: The project's ledger.
        control_plane: The project, asked whether the target exists: a hold on a slip of the pen
            would protect nothing and seem to.
        scope: What ``target`` is.
        target: A backup id, or an index name; deleted indexes with backups count.
        who: Who holds it.
        reason: Why; shown with every plan that keeps it.
        now: The actual time, UTC (rule T2).
        expires_at: When it ends by itself; None holds until it is released.

    Raises:
        SubjectUnknown: There is no such backup or index.
        RuleForbids: The reason is empty, the expiry has passed, or the backup's deletion was
            accepted already.
        PineconeError: Pinecone could not be asked; nothing is held.
        LedgerError: The hold could not be stored.
    """
    reason = _given(reason, "A hold needs a reason")
    if expires_at is not None and expires_at <= now:
        raise RuleForbids(
            f"The hold would have expired at {expires_at:%FT%TZ}, before it was placed",
            rule="hold",
            next_step="Give a later expiry, or none.",
        )
    _refuse_unknown(control_plane, scope, target)
    _refuse_going(ledger, scope, target)
    return _this_hold(ledger, Hold("", scope, target, reason, who, now, expires_at))


def release_hold(ledger: Ledger, hold_id: str, *, who: str, reason: str, now: datetime) -> Hold:
    """End a hold; it stays in the ledger as history. Asking again changes nothing.

    Raises:
        SubjectUnknown: There is no such hold.
        RuleForbids: The reason is empty, or the hold was released by somebody else or for
            another reason.
        LedgerError: The release could not be stored.
    """
    reason = _given(reason, "Releasing a hold needs a reason")
    hold = next((hold for hold in ledger.holds() if hold.hold_id == hold_id), None)
    if hold is None:
        raise SubjectUnknown(f"Project {ledger.project} has no hold {hold_id!r}")
    released = replace(
        hold,
        released_at=hold.released_at or now,
        released_by=hold.released_by or who,
        release_reason=hold.release_reason or reason,
    )
    if (released.released_by, released.release_reason) != (who, reason):
        raise RuleForbids(
            f"Hold {hold_id} was released by {hold.released_by} at {hold.released_at:%FT%TZ}",
            rule="hold",
            next_step="Nothing is left to release; the hold stays released for that reason.",
        )
    if released == hold:
        return hold
    event = _event(ledger, "hold.released", released, now, reason=reason, who=who)
    stored = ledger.put_hold(released, over=hold, event=event)
    if stored != released:  # somebody else was quicker
        return release_hold(ledger, hold_id, who=who, reason=reason, now=now)
    return stored


def list_holds(ledger: Ledger, *, now: datetime, active_only: bool = False) -> Sequence[Hold]:
    """Holds, the newest first; those released or expired too unless ``active_only``."""
    holds = sorted(ledger.holds(), key=lambda hold: hold.created_at, reverse=True)
    return [hold for hold in holds if hold.active(now) or not active_only]


def _this_hold(ledger: Ledger, asked: Hold) -> Hold:
    """The hold that is asked for: the one in force that says the same, else a new one, stored.

    Its id goes by what it says and by how many of its kind have ended, so that a request that is
    repeated, after whatever failure, names the same hold.
    """
    same = [hold for hold in ledger.holds() if _says(hold) == _says(asked)]
    for hold in same:
        if hold.active(asked.created_at):
            return hold
    key = "|".join([*_says(asked), str(len(same))])
    new = replace(asked, hold_id=f"hold-{sha256(key.encode()).hexdigest()[:12]}")
    event = _event(ledger, "hold.placed", new, new.created_at, reason=new.reason, who=new.placed_by)
    return ledger.put_hold(new, event=event)


def _says(hold: Hold) -> tuple[str, ...]:
    until = hold.expires_at.astimezone(UTC).isoformat() if hold.expires_at else ""
    return (hold.scope, hold.target, hold.reason, hold.placed_by, until)


def _given(reason: str, problem: str) -> str:
    if not reason.strip():
        raise RuleForbids(problem, rule="reason", next_step="Say why.")
    return reason.strip()


def _refuse_unknown(control_plane: ControlPlane, scope: HoldScope, target: str) -> None:
    try:
        if scope is HoldScope.BACKUP:
            control_plane.describe_backup(target)
        else:
            control_plane.index_backups_page(target, limit=1, token=None, include_deleted=True)
    except NotFound as error:
        raise SubjectUnknown(f"There is no {scope} {target!r} to hold") from error


def _refuse_going(ledger: Ledger, scope: HoldScope, target: str) -> None:
    record = ledger.backups().get(target) if scope is HoldScope.BACKUP else None
    if record is not None and record.deletion is not None and record.deletion.state.accepted:
        raise RuleForbids(
            f"Pinecone accepted the deletion of backup {target} at {record.deletion.at:%FT%TZ}: "
            "no hold can bring it back",
            rule="deletion-accepted",
            next_step="Hold another backup of the index.",
        )


def _event(
    ledger: Ledger, type_: str, hold: Hold, at: datetime, *, reason: str, who: str
) -> DomainEvent:
    return DomainEvent.of(
        type_,
        hold.hold_id,
        project=ledger.project,
        at=at,
        hold_id=hold.hold_id,
        scope=str(hold.scope),
        target=hold.target,
        reason=reason,
        actor=who,
        expires_at=hold.expires_at.isoformat() if hold.expires_at else None,
    )
