"""Holds: what must stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pinecone_backup_cli.api import Hold, HoldScope, PlaceHold, WithReason
from pinecone_backup_cli.errors import CliError, Exit
from pinecone_backup_cli.figures import ago, when
from pinecone_backup_cli.options import Moment, Reason
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, facts, table

if TYPE_CHECKING:
    from rich.console import RenderableType


def hold(
    backup: str | None = None,
    /,
    *,
    index: str | None = None,
    reason: Reason,
    until: Moment | None = None,
    session: Session,
) -> Answer:
    """Hold a backup, or every backup of an index: nothing deletes it until the hold ends.

    Example: `pinecone-backup hold --index products --reason "Case 4711" --until 30d`

    Args:
        backup: The id of the backup.
        index: The name of the index, instead of a backup.
        until: When the hold ends by itself: 2027-06-30, 2027-06-30T12:00Z, 12h or 30d.
    """
    if (backup is None) == (index is None):
        raise CliError(
            "A hold is on a backup or on an index",
            exit=Exit.USAGE,
            next_step="Give the id of a backup, or --index with a name.",
        )
    scope, target = (HoldScope.BACKUP, backup) if backup else (HoldScope.INDEX, index or "")
    wanted = PlaceHold(scope=scope, target=target, reason=reason, expires_at=until)
    placed = session.api.place_hold(session.project, wanted)
    return Answer(placed, [_card(placed)])


def release(hold: str, /, *, reason: Reason, session: Session) -> Answer:
    """End a hold: what it protected may go again.

    Example: `pinecone-backup release hold-0a1b2c3d4e5f --reason "Case 4711 is closed"`

    Args:
        hold: The id of the hold.
    """
    released = session.api.release_hold(session.project, hold, WithReason(reason=reason))
    return Answer(released, [_card(released)])


def holds(*, ended: Annotated[bool, Parameter(name="--all")] = False, session: Session) -> Answer:
    """List what is held.

    Example: `pinecone-backup holds --all`

    Args:
        ended: Also those that ended.
    """
    rows = pages(session.api.list_holds, session.project, active=None if ended else True)
    screen = table(
        rows,
        Column[Hold]("Hold", lambda row: row.hold_id, whole=True),
        Column[Hold]("On", _on, whole=True),
        Column[Hold]("Ends", _ends, whole=True),
        Column[Hold]("Why", lambda row: row.reason),
        empty="Nothing is held.",
    )
    return Answer(rows, [screen])


def _on(hold: Hold) -> str:
    return hold.target if hold.scope is HoldScope.BACKUP else f"index {hold.target}"


def _ends(hold: Hold) -> str:
    if hold.released_at:
        return f"released {ago(hold.released_at)}"
    return ago(hold.expires_at) if hold.expires_at else "never"


def _card(hold: Hold) -> RenderableType:
    return facts(
        ("hold", hold.hold_id),
        ("on", f"{hold.scope} {hold.target}"),
        ("reason", hold.reason),
        ("placed", f"{when(hold.created_at)} by {hold.placed_by}"),
        ("ends", when(hold.expires_at) if hold.expires_at else ""),
        ("released", f"{when(hold.released_at)} by {hold.released_by}" if hold.released_at else ""),
        ("because", hold.release_reason),
    )
