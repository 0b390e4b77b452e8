"""Plans: what a prune would delete, and the approval of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pinecone_backup_cli.api import Action, ApprovePlan, PlannedBackup, PlanState, PlanSummary
from pinecone_backup_cli.browser import opened
from pinecone_backup_cli.commands.runs import started
from pinecone_backup_cli.errors import CliError, Exit
from pinecone_backup_cli.figures import age, ago, count, plural, size, when
from pinecone_backup_cli.options import Limit, Moment, Reason, Wait
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, because, facts, heading, hint, table, word

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pinecone_backup_cli.api import PlanDetails

SHOWN = 12
"""So many characters of a digest are shown; they tell plans apart."""


def newest(*, session: Session) -> Answer:
    """Show what the newest plan deletes, and what waits; the other commands act on a plan.

    Example: `pinecone-backup plan`
    """
    return show(session=session)


def list_plans(*, limit: Limit = 20, session: Session) -> Answer:
    """List plans, the newest first.

    Example: `pinecone-backup plan list`
    """
    rows = pages(session.api.list_plans, session.project, most=limit)
    screen = table(
        rows,
        Column[PlanSummary]("Plan", lambda row: row.digest[:SHOWN], whole=True),
        Column[PlanSummary]("Made", lambda row: ago(row.created_at), whole=True),
        Column[PlanSummary]("State", lambda row: word(row.state), whole=True),
        Column[PlanSummary]("Deletes", lambda row: count(row.delete_count), right=True),
        Column[PlanSummary]("Frees", lambda row: size(row.bytes_freed), right=True, whole=True),
        Column[PlanSummary]("Waits because", lambda row: because(row.waits_because)),
        empty="No prune has planned anything yet.",
    )
    return Answer(rows, [screen])


def show(
    plan: str | None = None,
    /,
    *,
    everything: Annotated[bool, Parameter(name="--all")] = False,
    open_: Annotated[bool, Parameter(name="--open")] = False,
    session: Session,
) -> Answer:
    """Show a plan: what goes and why, and what waits.

    Example: `pinecone-backup plan show 9f86d081884c --open`

    Args:
        plan: Its digest, or the beginning of it; the newest unless given.
        everything: Also what is kept.
        open_: Open it in a browser, as the page to approve on. Its link lives 15 minutes.
    """
    digest = _digest(session, plan) if plan else _newest(session)
    if open_:
        return opened(session, session.api.link_plan_page(session.project, digest))
    seen = session.api.describe_plan(session.project, digest)
    shown = [
        each
        for each in seen.plan.items
        if everything or each.action in (Action.DELETE, Action.WAIT)
    ]
    screen: list[RenderableType] = [
        _card(seen),
        heading("Every backup" if everything else "Goes or waits"),
        table(
            shown,
            Column[PlannedBackup]("Backup", lambda row: row.backup_id, whole=True),
            Column[PlannedBackup]("Index", lambda row: row.index_name),
            Column[PlannedBackup]("Age", lambda row: age(row.created_at), right=True, whole=True),
            Column[PlannedBackup]("Fate", lambda row: word(row.action)),
            Column[PlannedBackup]("Because", lambda row: because(row.reasons)),
            empty="Nothing goes.",
        ),
    ]
    if seen.state is PlanState.AWAITING_APPROVAL:
        screen.append(hint(f"Let it go: pinecone-backup plan approve {_short(seen)} --reason WHY"))
    elif seen.state is PlanState.APPROVED:
        screen.append(hint(f"Delete now: pinecone-backup plan execute {_short(seen)} --wait"))
    return Answer(seen, screen)


def approve(
    plan: str, /, *, reason: Reason, until: Moment | None = None, session: Session
) -> Answer:
    """Say that what a plan names may go; the next prune deletes exactly that.

    Example: `pinecone-backup plan approve 9f86d081884c --reason "Read it: only last year's"`

    Args:
        plan: Its digest, or the beginning of it.
        until: When the approval ends, within 30 days; a day from now unless given.
    """
    digest = _digest(session, plan)
    approved = session.api.approve_plan(
        session.project, digest, ApprovePlan(reason=reason, until=until)
    )
    now = hint(f"Delete now: pinecone-backup plan execute {_short(approved)} --wait")
    return Answer(approved, [_card(approved), now])


def execute(plan: str, /, *, wait: Wait = False, session: Session) -> Answer:
    """Delete now what an approved plan names, instead of at the next prune.

    Example: `pinecone-backup plan execute 9f86d081884c --wait`

    Args:
        plan: Its digest, or the beginning of it.
    """
    run = session.api.execute_plan(session.project, _digest(session, plan))
    return started(session, run, wait=wait)


def _newest(session: Session) -> str:
    rows = pages(session.api.list_plans, session.project, most=1)
    if not rows:
        raise CliError(
            "No prune has planned anything yet",
            exit=Exit.NOT_FOUND,
            next_step="`pinecone-backup runs start prune --wait` makes a plan.",
        )
    return rows[0].digest


def _digest(session: Session, beginning: str) -> str:
    """The digest of the one plan that begins so.

    Raises:
        CliError: There is none, or there are several.
    """
    digests = {plan.digest for plan in pages(session.api.list_plans, session.project)}
    match [digest for digest in sorted(digests) if digest.startswith(beginning)]:
        case [one]:
            return one
        case []:
            raise CliError(
                f"There is no plan {beginning}",
                exit=Exit.NOT_FOUND,
                next_step="`pinecone-backup plan list` lists them.",
            )
        case several:
            raise CliError(
                f"{len(several)} plans begin with {beginning}",
                exit=Exit.USAGE,
                next_step="Give more of the digest.",
            )


def _short(plan: PlanSummary | PlanDetails) -> str:
    return plan.digest[:SHOWN]


def _card(plan: PlanSummary | PlanDetails) -> RenderableType:
    approved = f"{when(plan.approved_at)} by {plan.approved_by}: {plan.approved_reason}"
    return facts(
        ("plan", plan.digest),
        ("state", word(plan.state)),
        ("made", when(plan.created_at)),
        ("deletes", f"{plural(plan.delete_count, 'backup')}, {size(plan.bytes_freed)}"),
        ("keeps", plural(plan.keep_count, "backup")),
        ("waits because", because(plan.waits_because)),
        ("approved", approved if plan.approved_at else ""),
        ("until", when(plan.approval_expires_at)),
        ("policy", plan.policy_version),
    )
