"""Suspects: backups that look empty or shrunk."""

from __future__ import annotations

from pinecone_backup_cli.api import Acceptance, Accepts, Suspect
from pinecone_backup_cli.figures import ago, count
from pinecone_backup_cli.options import Reason
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, facts, table, word


def suspects(*, session: Session) -> Answer:
    """List backups that look empty or shrunk: they count for nothing until accepted.

    Example: `pinecone-backup suspects`
    """
    rows = pages(session.api.list_suspects, session.project)
    screen = table(
        rows,
        Column[Suspect]("Backup", lambda row: row.backup_id, whole=True),
        Column[Suspect]("Index", lambda row: row.index_name),
        Column[Suspect]("Taken", lambda row: ago(row.created_at), whole=True),
        Column[Suspect]("Records", lambda row: count(row.record_count), right=True),
        Column[Suspect]("Why", lambda row: row.verdict_reason),
        empty="No backup is suspect.",
    )
    return Answer(rows, [screen])


def accept(backup: str, /, *, reason: Reason, newer: bool = False, session: Session) -> Answer:
    """Accept a suspect: it is good then, and the measure for what comes after it.

    Older good backups may be deleted on the strength of it.

    Example: `pinecone-backup suspects accept BACKUP --reason "Cut down on purpose"`

    Args:
        backup: The id of the backup.
        newer: Accept the newer suspects of its index as well.
    """
    accepts = Accepts.THIS_AND_NEWER if newer else Accepts.THIS
    asked = Acceptance(reason=reason, accepts=accepts)
    seen = session.api.accept_suspect(session.project, backup, asked)
    card = facts(
        ("backup", seen.backup_id),
        ("index", seen.index_name),
        ("verdict", word(seen.verdict)),
        ("accepted by", seen.accepted_by),
        ("reason", seen.accepted_reason),
    )
    return Answer(seen, [card])
