"""Backups: which there are, why one is kept, one more, one less."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pinecone_backup_cli.api import Backup, BackupDetails, CreateBackup, Worth
from pinecone_backup_cli.commands import deletions
from pinecone_backup_cli.errors import Exit
from pinecone_backup_cli.figures import age, count, size, when
from pinecone_backup_cli.options import Override, Reason, Wait
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, either, facts, hint, table, word

if TYPE_CHECKING:
    from rich.console import RenderableType

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_READY = "Ready"
_UNDER_WAY = (Worth.UNDER_WAY, Worth.PLANNED)


def backups(
    index: str | None = None, /, *, include_deleted: bool = False, session: Session
) -> Answer:
    """List backups, the newest first: those of one index, or all of the project.

    Example: `pinecone-backup backups products`

    Args:
        index: Only of this index.
        include_deleted: Also those of deleted indexes of that name.
    """
    api, project = session.api, session.project
    if index is None:
        rows = pages(api.list_project_backups, project)
    else:
        rows = pages(api.list_index_backups, project, index, include_deleted=include_deleted)
    rows.sort(key=lambda row: row.created_at or _LONG_AGO, reverse=True)
    screen = table(
        rows,
        Column[Backup]("Backup", lambda row: row.backup_id, whole=True),
        Column[Backup]("Index", lambda row: row.source_index_name),
        Column[Backup]("Age", lambda row: age(row.created_at), right=True, whole=True),
        Column[Backup]("State", lambda row: word(row.status)),
        Column[Backup]("Size", lambda row: size(row.size_bytes), right=True, whole=True),
        empty="There is no backup.",
    )
    return Answer(rows, [screen])


def backup(
    index: str,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    expire_after: str | None = None,
    wait: Wait = False,
    session: Session,
) -> Answer:
    """Back up an index now. No policy deletes what was made on demand.

    Example: `pinecone-backup backup products --name before-import --expire-after 30d --wait`

    Args:
        index: The index.
        name: Of the backup.
        description: Of the backup.
        expire_after: How long it is kept at least, such as 30d or 12h; for ever unless given.
    """
    api, project = session.api, session.project
    wanted = CreateBackup(name=name, description=description, expire_after=expire_after)
    made = api.create_backup(project, index, wanted)
    if not wait:
        follow = f"pinecone-backup why {made.backup_id}"
        return Answer(made, [card(made), hint(f"It is made behind this answer: {follow}")])
    seen = session.follow(
        f"Backup {made.backup_id}",
        lambda: api.describe_backup(project, made.backup_id),
        state=lambda now: now.status,
        ended=lambda now: now.worth not in _UNDER_WAY,
    )
    return Answer(seen, [card(seen)], Exit.FINE if seen.status == _READY else Exit.WRONG)


def delete(backup: str, /, *, reason: Reason, override: Override = (), session: Session) -> Answer:
    """Delete a backup, within the safeguards of prune. Exit code 3 where they forbid it.

    Example: `pinecone-backup delete BACKUP --reason "Test data" --override newest-good,floor`

    Args:
        backup: The id of the backup.
        override: The safeguards to overrule, by the names that the refusal gives.
    """
    deleted = session.api.delete_backup(
        session.project, backup, reason=reason, override=",".join(override) or None
    )
    return Answer(deleted, [deletions.card(deleted)])


def card(backup: Backup | BackupDetails, *more: tuple[str, RenderableType]) -> RenderableType:
    """A backup, line by line, and what else is known of it."""
    return facts(
        ("backup", backup.backup_id),
        ("name", either(backup.name)),
        ("index", backup.source_index_name),
        ("taken", when(backup.created_at)),
        ("state", word(backup.status)),
        ("records", count(backup.record_count)),
        ("size", size(backup.size_bytes)),
        ("made by", word(backup.origin)),
        ("policy", either(backup.policy)),
        ("expires", when(backup.expires_at)),
        *more,
    )
