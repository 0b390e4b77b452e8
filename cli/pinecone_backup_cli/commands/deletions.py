"""Deletions: what was deleted, by whom, why, and what was left."""

from __future__ import annotations

import io
from csv import writer as csv_writer
from typing import TYPE_CHECKING

import msgspec

from pinecone_backup_cli.api import Deletion
from pinecone_backup_cli.figures import ago, size, when
from pinecone_backup_cli.options import Past
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, because, either, facts, table, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType


def deletions(
    *,
    index: str | None = None,
    since: Past | None = None,
    until: Past | None = None,
    csv: bool = False,
    session: Session,
) -> Answer:
    """List what was deleted, the newest first; of the last 30 days unless times are given.

    Example: `pinecone-backup deletions --index products --since 2026-01-01`

    Args:
        index: Only of this index.
        since: Decided at or after this time: 2026-01-01, 2026-01-01T12:00Z, or 90d ago.
        until: Decided before this time.
        csv: Print a table for spreadsheets, with the columns of the API.
    """
    rows = pages(session.api.list_deletions, session.project, from_=since, to=until, index=index)
    if csv:
        return Answer(rows, [_csv(rows)])
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


def _csv(rows: Sequence[Deletion]) -> str:
    """As the API's own table: lists with semicolons, and no text that reads like a formula."""
    out = io.StringIO()
    writer = csv_writer(out, lineterminator="\n")
    writer.writerow(Deletion.__struct_fields__)
    for row in rows:
        named = msgspec.to_builtins(row)
        writer.writerow(_cell(named.get(name)) for name in Deletion.__struct_fields__)
    return out.getvalue().rstrip("\n")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_cell(each) for each in value)
    if isinstance(value, dict):
        return str(value["text"])
    text = "" if value is None else str(value)
    risky = isinstance(value, str) and text.startswith(("=", "+", "-", "@"))
    return f"'{text}" if risky else text


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
