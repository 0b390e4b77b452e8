"""Runs: executions of create, prune and audit."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pinecone_backup_cli.api import Run, RunKind, RunState, StartRun
from pinecone_backup_cli.errors import Exit
from pinecone_backup_cli.figures import ago, when
from pinecone_backup_cli.options import Limit, Wait
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, facts, hint, table, word

if TYPE_CHECKING:
    from rich.console import RenderableType


def runs(
    *,
    kind: RunKind | None = None,
    state: RunState | None = None,
    limit: Limit = 20,
    session: Session,
) -> Answer:
    """List runs, the newest first.

    Example: `pinecone-backup runs --kind prune --state failed`

    Args:
        kind: Only of this kind.
        state: Only those that are or ended so.
    """
    rows = pages(session.api.list_runs, session.project, most=limit, kind=kind, state=state)
    screen = table(
        rows,
        Column[Run]("Run", lambda row: row.run_id, whole=True),
        Column[Run]("Began", lambda row: ago(row.started_at), whole=True),
        Column[Run]("State", lambda row: word(row.state)),
        Column[Run]("By", lambda row: _name(row.actor)),
        Column[Run]("Error", lambda row: row.error),
        empty="Nothing has run yet.",
    )
    return Answer(rows, [screen])


def show(run: str, /, *, wait: Wait = False, session: Session) -> Answer:
    """Show a run: how it went, and what it did.

    Example: `pinecone-backup runs show 20261122t120000z-audit-4f1c2a`

    Args:
        run: The id of the run.
    """
    if wait:
        return followed(session, run)
    seen = session.api.describe_run(session.project, run)
    return Answer(seen, [card(seen)])


def start(kind: RunKind, /, *, wait: Wait = False, session: Session) -> Answer:
    """Start a run now: create what is due, plan a prune, or audit.

    Exit code 1 where it was followed and did not succeed.

    Example: `pinecone-backup runs start audit --wait`

    Args:
        kind: What to run. A prune that is started by people only plans.
    """
    requested = session.api.start_run(session.project, StartRun(kind=kind))
    return started(session, requested, wait=wait)


def started(session: Session, run: Run, *, wait: bool) -> Answer:
    """What to answer about a run that was just asked for."""
    if wait:
        return followed(session, run.run_id)
    return Answer(
        run, [card(run), hint(f"Follow it: pinecone-backup runs show {run.run_id} --wait")]
    )


def followed(session: Session, run: str) -> Answer:
    """Follow a run to its end."""
    seen = session.follow(
        f"Run {run}",
        lambda: session.api.describe_run(session.project, run),
        state=lambda now: str(now.state),
        ended=lambda now: now.state not in (RunState.REQUESTED, RunState.RUNNING),
    )
    return Answer(seen, [card(seen)], Exit.FINE if seen.state is RunState.SUCCEEDED else Exit.WRONG)


def card(run: Run) -> RenderableType:
    """A run, line by line."""
    return facts(
        ("run", run.run_id),
        ("kind", run.kind),
        ("state", word(run.state)),
        ("began", when(run.started_at)),
        ("ended", when(run.finished_at)),
        ("by", run.actor),
        ("error", run.error),
        ("policy version", run.policy_version),
        *(
            (key.replace("_", " "), _plain(value))
            for key, value in run.summary.items()
            if key != "policy_version"
        ),
    )


def _name(actor: str) -> str:
    """The last part of an ARN: who, without the account."""
    return re.split("[/:]", actor)[-1]


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return value if isinstance(value, str) else json.dumps(value)
