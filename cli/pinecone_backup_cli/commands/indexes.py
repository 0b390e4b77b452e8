"""Indexes, and which policy looks after each."""

from __future__ import annotations

from pinecone_backup_cli.api import Index
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, either, table, word


def indexes(*, session: Session) -> Answer:
    """List the project's indexes, each with the policy that decides about it.

    Example: `pinecone-backup indexes`
    """
    rows = session.api.list_indexes(session.project).data
    screen = table(
        rows,
        Column[Index]("Index", lambda row: row.name),
        Column[Index]("Policy", lambda row: either(row.policy)),
        Column[Index]("By", lambda row: word(row.assigned_by)),
        Column[Index]("State", lambda row: word(row.state)),
        Column[Index]("Kind", lambda row: word(row.kind)),
        Column[Index]("Restored from", lambda row: either(row.source_backup_id)),
        empty="This project has no index.",
    )
    return Answer(rows, [screen])
