"""Deletions: what was deleted, by whom, why, and what was left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup_cli.api import Deletion
from pinecone_backup_cli.figures import ago, size, when
from pinecone_backup_cli.options import Past
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, because, either, facts, table, word

if TYPE_CHECKING:
    from rich.console import RenderableType


def deletions(
    *,
    index: str | None = None,
    since: Past | None = None,
    until: Past | None = None,
    session: Session,
) -> Answer:
    """List what was deleted, the newest first; of the last 30 days unless times are given.

    Example: `pinecone-backup deletions --index products --since 2026-01-01`

    Args:
        index: Only of this index.
        since: Decided at or after this time: 2026-01-01, 2026-01-01T12:00Z, or 90d ago.
        until: Decided before this time.
    """
    rows = pages(session.api.list_deletions, session.project, from_=since, to=until, index=index)
    screen = table(
        rows,
        Column[Deletion]("Backup", lambda row: row.backup_id, whole=True),
        Column[Deletion]("Index", lambda row: row.index_name),
        Column[Deletion]("Deleted", lambda row: ago(row.at), whole=True),
        Column[Deletion]("State", lambda row: word(row.state)),
        Column[Deletion]("Size", lambda row: size(row.size_bytes), right=True, whole=True),
        empty="Nothing was deleted.",
    )
    return Answer(rows, [screen])


def show(backup: str, /, *, session: Session) -> Answer:
    """Show the deletion of a backup: who, when, why, and what was left.

    Example: `pinecone-backup deletions show 670e8400-e29b-41d4-a716-446655440000`

    Args:
        backup: The id of the backup.
    """
    seen = session.api.describe_deletion(session.project, backup)
    return Answer(seen, [card(seen)])


def card(deletion: Deletion) -> RenderableType:
    """A deletion, line by line."""
    left = f"{deletion.good_left}, taken {when(deletion.good_left_at)}"
    approved = f"by {deletion.approved_by}: {deletion.approved_reason}"
    return facts(
        ("backup", deletion.backup_id),
        ("name", either(deletion.name)),
        ("index", deletion.index_name),
        ("taken", when(deletion.created_at)),
        ("size", size(deletion.size_bytes)),
        ("deletion", word(deletion.state)),
        ("decided", when(deletion.at)),
        ("by", deletion.actor),
        ("because", because(deletion.reasons)),
        ("reason given", deletion.comment),
        ("overruled", ", ".join(deletion.override)),
        ("plan", deletion.digest),
        ("approved", approved if deletion.approved_by else ""),
        ("good one left", left if deletion.good_left else "none"),
        ("run", deletion.run_id),
        ("error", deletion.error),
        ("confirmed", when(deletion.confirmed_at)),
    )
