"""A prune plan as a page to approve on: what goes, why, what stays, and the command for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinecone_backup.figures import many, size
from pinecone_backup.records import PlanState
from pinecone_backup.report.groups import FEW
from pinecone_backup.report.html import render, time
from pinecone_backup.rules.plan import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.records import PlanRecord
    from pinecone_backup.report.html import Deployment
    from pinecone_backup.rules.plan import Plan, PlanItem, PlannedIndex

_GOES = (Action.DELETE, Action.WAIT)
_MOST_REASONS = 5
"""So many reasons for which backups of an index stay are named, the most frequent first."""
_ICONS = {PlanState.AWAITING_APPROVAL: "!", PlanState.APPROVED: "✓", PlanState.EXECUTED: "✓"}


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What a plan is read with.

    Attributes:
        deployment: Whom the commands are for.
        previous: The plan before it, with another digest; None where there is none any more.
        newest: The project's newest plan; it is another one when this one was replaced.
        now: When the page is made, UTC.
    """

    deployment: Deployment
    previous: Plan | None
    newest: PlanRecord
    now: datetime


@dataclass(frozen=True, slots=True)
class _Index:
    """One incarnation on the page.

    Attributes:
        left: The newest good backup that stays in it; None where none does.
        why: For which reasons how many of its backups stay, in words.
    """

    planned: PlannedIndex
    going: Sequence[PlanItem]
    staying: Sequence[PlanItem]
    left: PlanItem | None
    why: str

    @property
    def newest(self) -> datetime | None:
        return max(self._taken, default=None)

    @property
    def oldest(self) -> datetime | None:
        return min(self._taken, default=None)

    @property
    def _taken(self) -> Sequence[datetime]:
        return [item.created_at for item in self.staying if item.created_at]

    @property
    def freed(self) -> int:
        return sum(item.size_bytes or 0 for item in self.going)

    @property
    def waiting(self) -> int:
        return sum(item.action is Action.WAIT for item in self.going)


def render_plan_page(record: PlanRecord, plan: Plan, context: PlanContext) -> str:
    """The page of a plan.

    Args:
        record: The plan's record: its state, and who approved it.
        plan: The whole of it.
        context: What it is read with.
    """
    indexes = _indexes(plan)
    before = {item.backup_id for item in context.previous.to_go} if context.previous else set()
    to_go = {item.backup_id for item in plan.to_go}
    listed = {item.backup_id for item in plan.items if item.action is not Action.DELETION_PENDING}
    replaced = context.newest.digest != record.digest
    return render(
        "plan.html.j2",
        record=record,
        plan=plan,
        previous=context.previous,
        stack=context.deployment.stack,
        now=context.now,
        icon=_ICONS.get(record.state, "i"),
        headline=_headline(record, plan),
        few=FEW,
        going=sorted(
            (index for index in indexes if index.going),
            key=lambda index: (-index.waiting, -len(index.going), index.planned.index_name),
        ),
        staying=[index for index in indexes if index.staying],
        new=to_go - before if context.previous else set(),
        stay_now=len((before - to_go) & listed),
        deleted_since=len(before - listed),
        replaced_at=context.newest.created_at if replaced else None,
        approval=_approval(record),
        commands=_commands(record, plan, context.deployment, replaced=replaced),
    )


def _indexes(plan: Plan) -> list[_Index]:
    items: dict[str, list[PlanItem]] = {}
    for item in plan.items:
        items.setdefault(item.index_id, []).append(item)
    return [_index(planned, items.get(planned.index_id, [])) for planned in plan.indexes]


def _index(planned: PlannedIndex, items: Sequence[PlanItem]) -> _Index:
    staying = [item for item in items if item.action in (Action.KEEP, Action.LEAVE_ALONE)]
    reasons = Counter(str(reason) for item in staying for reason in item.reasons)
    most = [f"{reason} ({count:,})" for reason, count in reasons.most_common(_MOST_REASONS)]
    return _Index(
        planned=planned,
        going=[item for item in items if item.action in _GOES],
        staying=staying,
        left=next((item for item in staying if item.backup_id == planned.anchor), None),
        why=", ".join(most) + (", ..." if len(reasons) > _MOST_REASONS else ""),
    )


def _headline(record: PlanRecord, plan: Plan) -> str:
    if plan.stopped:
        return f"Nothing is deleted: {plan.stopped}."
    if not plan.to_go:
        return "Nothing is to be deleted: every backup stays."
    going = f"{many(len(plan.to_go), 'backup')}, {size(plan.bytes_freed)}"
    waiting = sum(item.action is Action.WAIT for item in plan.to_go)
    if record.state is PlanState.AWAITING_APPROVAL:
        if waiting in (0, len(plan.to_go)):
            return f"{going}: deleted only when somebody approves."
        return f"{going}: {waiting:,} of them only when somebody approves."
    return {
        PlanState.APPROVED: f"{going}: the next prune deletes them.",
        PlanState.EXECUTED: f"{going}: carried out.",
        PlanState.EXPIRED: f"{going}: the approval ended before a prune carried it out.",
    }.get(record.state, f"{going} would be deleted.")


def _commands(
    record: PlanRecord, plan: Plan, deployment: Deployment, *, replaced: bool
) -> Mapping[str, str]:
    """What to type next, each under what it does."""
    if replaced:
        return {"Read the newest plan:": deployment.command("plan", plan.project)}
    if plan.stopped or not plan.to_go or record.state is PlanState.EXECUTED:
        return {}
    digest = record.digest
    if record.state is PlanState.APPROVED:
        execute = deployment.command(f"plan execute {digest} --wait", plan.project)
        return {"Delete now, instead of at the next prune:": execute}
    approve = deployment.command(f"plan approve {digest}", plan.project)
    return {"Approve exactly this list, saying why:": f'{approve} --reason "..."'}


def _approval(record: PlanRecord) -> str:
    """Who approved a plan, why and until when; empty where nobody did."""
    if record.approved_at is None:
        return ""
    until = f", until {time(record.approval_expires_at)}" if record.approval_expires_at else ""
    return f"{record.approved_by} on {time(record.approved_at)}{until}: {record.approved_reason}"
