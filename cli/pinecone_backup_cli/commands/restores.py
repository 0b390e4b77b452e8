"""Restores: what to restore from, a new index from a backup, its adoption, and restore tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pinecone_backup_cli.api import (
    AdoptIndex,
    FollowedRestore,
    NotTaken,
    Restore,
    RestoreIndex,
    RestoreJob,
    RestoreKind,
    RestoreResult,
    RestoreStep,
)
from pinecone_backup_cli.errors import Exit
from pinecone_backup_cli.figures import ago, count, size, span, when
from pinecone_backup_cli.options import Limit, Past, Wait
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, facts, hint, table, word

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pinecone_backup_cli.api import FoundRestorePoint


def restore_point(index: str, /, *, at: Past | None = None, session: Session) -> Answer:
    """Find what to restore an index from: the newest good backup at or before a moment.

    Also of a deleted index. Exit code 1 where there is none.

    Example: `pinecone-backup restore-point products --at 2026-11-25T14:00Z`

    Args:
        index: The name of the index.
        at: The moment: 2026-11-25T14:00Z, or how long ago, as in 12h. Now, unless given.
    """
    found = session.api.find_restore_point(session.project, index, at=at)
    screen: list[RenderableType] = [_point(found)]
    if found.backup:
        screen.append(
            hint(f"Restore it: pinecone-backup restore {found.backup.backup_id} NEW-NAME --wait")
        )
    if found.passed_over:
        screen += [
            "",
            table(
                found.passed_over,
                Column[NotTaken]("Not taken", lambda row: row.backup_id, whole=True),
                Column[NotTaken]("Taken", lambda row: when(row.taken_at), whole=True),
                Column[NotTaken]("Why", lambda row: row.reason),
                empty="",
            ),
        ]
    if found.passed_over and not found.backup:
        screen.append(
            hint("One of these all the same: pinecone-backup restore BACKUP NEW-NAME --wait")
        )
    return Answer(found, screen, Exit.FINE if found.backup else Exit.WRONG)


def restore(
    source: str,
    name: str,
    /,
    *,
    at: Past | None = None,
    tag: Annotated[dict[str, str] | None, Parameter(accepts_keys=True)] = None,
    protect: bool = False,
    wait: Wait = False,
    session: Session,
) -> Answer:
    """Make a new index from a backup, or as an index was at a moment. The old one stays as it is.

    Example: `pinecone-backup restore products products-restored --at 2026-11-25T14:00Z --wait`

    Args:
        source: The id of a backup; with `--at`, the name of an index.
        name: The name of the new index.
        at: The moment whose contents are wanted: 2026-11-25T14:00Z, or how long ago.
        tag: A tag of the new index, as in `--tag.team search`; may be given again.
        protect: Protect the new index against deletion.
    """
    api, project = session.api, session.project
    protection = "enabled" if protect else "disabled"
    if at is None:
        wanted = Restore(name=name, tags=tag, deletion_protection=protection)
        started = api.create_index_from_backup(project, source, wanted)
    else:
        asked = RestoreIndex(name=name, at=at, tags=tag, deletion_protection=protection)
        started = api.restore_index(project, source, asked)
    if wait:
        return _followed(session, started.restore_id)
    follow = hint(f"Follow it: pinecone-backup restores show {started.restore_id} --wait")
    return Answer(started, [_card(started), follow])


def adopt(index: str, policy: str, /, *, session: Session) -> Answer:
    """Give a restored index to a policy: from now on it is backed up.

    Example: `pinecone-backup adopt products-restored gold`

    Args:
        index: The name of the restored index.
        policy: The name of the policy, or `none`.
    """
    adopted = session.api.adopt_index(session.project, index, AdoptIndex(policy=policy))
    screen = facts(("index", adopted.name), ("policy", adopted.policy or "none"))
    return Answer(adopted, [screen])


def restores(
    *,
    kind: RestoreKind | None = None,
    index: str | None = None,
    result: RestoreResult | None = None,
    limit: Limit = 20,
    session: Session,
) -> Answer:
    """List restores and restore tests, the newest first.

    Example: `pinecone-backup restores --kind test --result failed`

    Args:
        kind: Only tests, or only what people asked for.
        index: Only of backups of this index.
        result: Only those that ended so.
    """
    rows = pages(
        session.api.list_restores,
        session.project,
        most=limit,
        kind=kind,
        index=index,
        result=result,
    )
    screen = table(
        rows,
        Column[FollowedRestore]("Restore", lambda row: row.restore_id, whole=True),
        Column[FollowedRestore]("Of", lambda row: row.index),
        Column[FollowedRestore]("Into", lambda row: row.target_index_name),
        Column[FollowedRestore]("Began", lambda row: ago(row.started_at), whole=True),
        Column[FollowedRestore]("State", lambda row: word(row.result or row.step)),
        empty="Nothing was restored.",
    )
    return Answer(rows, [screen])


def list_tests(
    *,
    index: str | None = None,
    result: RestoreResult | None = None,
    limit: Limit = 20,
    session: Session,
) -> Answer:
    """List restore tests, the newest first.

    Example: `pinecone-backup tests --result failed`

    Args:
        index: Only of backups of this index.
        result: Only those that ended so.
    """
    tested = restores(
        kind=RestoreKind.TEST, index=index, result=result, limit=limit, session=session
    )
    return tested if tested.data else replace(tested, screen=["No restore test has run yet."])


def show(restore: str, /, *, wait: Wait = False, session: Session) -> Answer:
    """Show a restore or a restore test: how far it has come, how it ended, what differs.

    Exit code 1 where it ended otherwise than well.

    Example: `pinecone-backup restores show test-0a1b2c3d4e5f6071`

    Args:
        restore: The id of the restore.
    """
    if wait:
        return _followed(session, restore)
    return _shown(session.api.describe_restore(session.project, restore))


def restore_jobs(job: str | None = None, /, *, limit: Limit = 20, session: Session) -> Answer:
    """List Pinecone's restore jobs, whoever began them, or show one.

    Example: `pinecone-backup restore-jobs`

    Args:
        job: The id of a restore job.
    """
    if job is not None:
        seen = session.api.describe_restore_job(session.project, job)
        return Answer(seen, [_job_card(seen)])
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


def _followed(session: Session, restore: str) -> Answer:
    return _shown(
        session.follow(
            f"Restore {restore}",
            lambda: session.api.describe_restore(session.project, restore),
            state=lambda now: f"{now.step} {now.percent_complete or 0} %",
            ended=lambda now: now.step is RestoreStep.DONE,
        )
    )


def _shown(seen: FollowedRestore) -> Answer:
    well = seen.result in (None, RestoreResult.SUCCEEDED)
    return Answer(seen, [_card(seen)], Exit.FINE if well else Exit.WRONG)


def _card(seen: FollowedRestore) -> RenderableType:
    adopted = f"{seen.adopted_policy} by {seen.adopted_by}" if seen.adopted_policy else ""
    return facts(
        ("restore", seen.restore_id),
        ("state", word(seen.result or seen.step)),
        ("reason", seen.reason),
        ("differs", "\n".join(each.text for each in seen.differences)),
        ("of", f"{seen.index}, backup {seen.backup_id}"),
        ("into", seen.target_index_name),
        ("job", seen.restore_job_id),
        ("at Pinecone", word(seen.status) if seen.status else ""),
        ("done", "" if seen.percent_complete is None else f"{seen.percent_complete} %"),
        ("size", size(seen.size_bytes)),
        ("expected", _seconds(seen.expected_seconds)),
        ("took", _seconds(seen.took_seconds)),
        ("compared", f"{seen.depth_reached or 'schema'}" if seen.result_at else ""),
        ("cleaned up", word(seen.clean_up) if seen.kind is RestoreKind.TEST else ""),
        ("", seen.clean_up_error),
        ("adopted", adopted),
        ("began", when(seen.started_at)),
        ("ended", when(seen.finished_at)),
        ("by", seen.started_by),
    )


def _point(found: FoundRestorePoint) -> RenderableType:
    backup, later = found.backup, found.next
    after = f"{later.backup_id}, {_seconds(found.later_seconds)} after" if later else ""
    if backup is None:
        return facts(
            ("index", found.index),
            ("restore from", f"no good backup{' is that old' if later else ''}"),
            ("the first one", after),
        )
    tested = {True: "yes", False: "it failed", None: "never"}[backup.restore_tested]
    return facts(
        ("index", found.index),
        ("restore from", backup.backup_id),
        ("taken", f"{when(backup.taken_at)}, {_seconds(found.older_seconds)} before"),
        ("of", f"index {backup.incarnation}" + (", deleted" if backup.index_deleted_at else "")),
        ("tested", tested),
        ("records", count(backup.record_count)),
        ("size", size(backup.size_bytes)),
        ("a restore takes", _seconds(found.expected_seconds) or "unknown"),
        ("the next one", after),
    )


def _seconds(seconds: int | None) -> str:
    return "" if seconds is None else span(timedelta(seconds=seconds))


def _job_card(job: RestoreJob) -> RenderableType:
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
