"""Restores: a new index from a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pinecone_backup_cli.api import Restore, RestoreJob
from pinecone_backup_cli.errors import Exit
from pinecone_backup_cli.figures import ago, when
from pinecone_backup_cli.options import Limit, Wait
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, facts, hint, table, word

if TYPE_CHECKING:
    from rich.console import RenderableType

_COMPLETED, _PENDING = "Completed", "Pending"


def restore(
    backup: str,
    index: str,
    /,
    *,
    tag: Annotated[dict[str, str] | None, Parameter(accepts_keys=True)] = None,
    protect: bool = False,
    wait: Wait = False,
    session: Session,
) -> Answer:
    """Make a new index from a backup. The index that it was made of stays as it is.

    Example: `pinecone-backup restore BACKUP products-restored --tag.team search --wait`

    Args:
        backup: The id of the backup.
        index: The name of the new index.
        tag: A tag of the new index, as in `--tag.team search`; may be given again.
        protect: Protect the new index against deletion.
    """
    api, project = session.api, session.project
    wanted = Restore(name=index, tags=tag, deletion_protection="enabled" if protect else "disabled")
    started = api.create_index_from_backup(project, backup, wanted)
    job = started.restore_job_id
    if not wait:
        follow = hint(f"Follow it: pinecone-backup restore-jobs {job}")
        return Answer(started, [facts(("job", job), ("index id", started.index_id)), follow])
    seen = session.follow(
        f"Restore into {index}",
        lambda: api.describe_restore_job(project, job),
        state=lambda now: f"{now.status} {now.percent_complete or 0} %",
        ended=lambda now: now.status != _PENDING,
    )
    return Answer(seen, [_card(seen)], Exit.FINE if seen.status == _COMPLETED else Exit.WRONG)


def restore_jobs(job: str | None = None, /, *, limit: Limit = 20, session: Session) -> Answer:
    """List the project's restores, the newest first, or show one.

    Example: `pinecone-backup restore-jobs`

    Args:
        job: The id of a restore job.
    """
    if job is not None:
        seen = session.api.describe_restore_job(session.project, job)
        return Answer(seen, [_card(seen)])
    rows = pages(session.api.list_restore_jobs, session.project, most=limit)
    screen = table(
        rows,
        Column[RestoreJob]("Job", lambda row: row.restore_job_id, whole=True),
        Column[RestoreJob]("Into", lambda row: row.target_index_name),
        Column[RestoreJob]("Began", lambda row: ago(row.created_at), whole=True),
        Column[RestoreJob]("State", lambda row: word(row.status)),
        Column[RestoreJob]("Done", _done, right=True, whole=True),
        empty="Nothing was restored.",
    )
    return Answer(rows, [screen])


def _card(job: RestoreJob) -> RenderableType:
    return facts(
        ("job", job.restore_job_id),
        ("state", word(job.status)),
        ("done", _done(job)),
        ("backup", job.backup_id),
        ("into", f"{job.target_index_name} ({job.target_index_id})"),
        ("began", when(job.created_at)),
        ("ended", when(job.completed_at)),
        ("by", job.started_by),
    )


def _done(job: RestoreJob) -> str:
    return "-" if job.percent_complete is None else f"{job.percent_complete} %"
