"""Prune plans: read, approve, execute."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import AwareDatetime

from pinecone_backup.api.cursors import page_for
from pinecone_backup.api.models import (
    Input,
    Listing,
    Nothing,
    Output,
    PageLink,
    PageQuery,
    Reason,
    RuleReason,
)
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.api.runs import Run, request_run
from pinecone_backup.errors import RuleForbids, SubjectUnknown
from pinecone_backup.model import RunKind
from pinecone_backup.records import PlanState
from pinecone_backup.rules.plan import Action, Plan
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup.usecases.approvals import approve_plan as approve
from pinecone_backup.usecases.approvals import refuse_to_execute, rule_of

if TYPE_CHECKING:
    from pinecone_backup.records import PlanRecord

route = Routes("Plans")
_REACH = 1_000
APPROVAL_LASTS = timedelta(days=1)
LONGEST_APPROVAL = timedelta(days=30)


class Approval(Output):
    """One person's approval of a plan."""

    approved_by: str
    reason: str
    approved_at: datetime
    expires_at: datetime


class PlanSummary(Output):
    """A prune plan, in short."""

    digest: str
    state: PlanState
    policy_version: str
    created_at: datetime
    run_id: str
    delete_count: int
    keep_count: int
    bytes_freed: int
    waits_because: list[RuleReason]
    approvals: list[Approval]
    approved_by: str
    """Everybody who approved it, separated by commas."""
    approved_reason: str
    approved_at: datetime | None
    """When the last one approved it."""
    approval_expires_at: datetime | None
    """When the first approval ends."""


class PlanList(Listing[PlanSummary]):
    """A page of plans, the newest first."""


class PlannedBackup(Output):
    """One backup in a plan."""

    backup_id: str
    index_name: str
    index_id: str
    name: str | None
    created_at: datetime | None
    size_bytes: int | None
    action: Action
    reasons: list[RuleReason]
    safeguards: list[Safeguard]
    """Everything that stands before its deletion."""


class PlannedIndex(Output):
    """One index in a plan."""

    index_id: str
    index_name: str
    policy: str | None
    orphan: bool
    """Whether the index is deleted."""
    anchor: str | None
    """The backup that must be found Ready before the first deletion."""
    frozen: RuleReason | None
    """Why nothing of it is deleted."""
    waits: RuleReason | None
    """Why its deletions wait for approval."""


class PrunePlan(Output):
    """What a prune of the project would do."""

    project: str
    policy_version: str
    now: datetime
    items: list[PlannedBackup]
    indexes: list[PlannedIndex]
    digest: str
    assignments: dict[str, str | None]
    stopped: RuleReason | None
    """Why nothing at all may be deleted."""
    waits_because: list[RuleReason]
    held_back: RuleReason | None
    """Why the plan waits as a whole."""
    quota: int


class PlanDetails(PlanSummary):
    """A prune plan: every backup with its fate and the reasons."""

    plan: PrunePlan


class ApprovePlan(Input):
    """Somebody read the plan and agrees to its deletions."""

    reason: Reason
    until: AwareDatetime | None = None
    """When the approval ends: within 30 days; a day from now unless given."""


@route(
    "GET",
    "/v1/projects/{project}/plans",
    access=Access.READ,
    takes=PageQuery,
    gives=PlanList,
)
def list_plans(call: Call, query: PageQuery) -> PlanList:
    """List the prune plans of the last 90 days, the newest first."""
    return page_for(query, PlanList, call.ledger().plans(limit=_REACH), call.listing)


@route(
    "GET",
    "/v1/projects/{project}/plans/{digest}",
    access=Access.READ,
    gives=PlanDetails,
)
def describe_plan(call: Call, _: Nothing) -> PlanDetails:
    """Describe a plan: every backup, its fate and the reasons."""
    record = _record(call)
    return PlanDetails.of(record, plan=_plan(call, record))


@route(
    "GET",
    "/v1/projects/{project}/plans/{digest}/page",
    access=Access.READ,
    gives=PageLink,
)
def link_plan_page(call: Call, _: Nothing) -> PageLink:
    """Give a link to a plan as an HTML page to approve on.

    It says what goes and why, what stays, what is new since the plan before, and the command that
    approves it. Whoever has the link can open the page as it is now, for 15 minutes.
    """
    from pinecone_backup.report.plan_page import (  # noqa: PLC0415 - rarely needed
        PlanContext,
        render_plan_page,
    )

    record = _record(call)
    records = call.ledger().plans(limit=_REACH)
    earlier = (each for each in records if each.created_at < record.created_at)
    before = next((each for each in earlier if each.digest != record.digest), None)
    page = render_plan_page(
        record,
        _plan(call, record),
        PlanContext(
            deployment=call.deployment(),
            previous=_readable(call, before),
            newest=records[0] if records else record,
            now=call.now,
        ),
    )
    return call.link_page(f"plans/{call.path['project']}/{record.digest}.html", page)


@route(
    "POST",
    "/v1/projects/{project}/plans/{digest}/approve",
    access=Access.DESTROY,
    takes=ApprovePlan,
    gives=PlanSummary,
    problems=("approval-refused", "rule-forbids"),
)
def approve_plan(call: Call, request: ApprovePlan) -> PlanSummary:
    """Approve a plan: what it names may be deleted.

    The next prune carries it out, as far as what it names is still to be deleted then. Where the
    deployment demands two people, the state says whether enough have approved.
    """
    until = request.until or call.now + APPROVAL_LASTS
    if until - call.now > LONGEST_APPROVAL:
        raise RuleForbids(
            f"An approval lasts {LONGEST_APPROVAL.days} days at most",
            rule="approval",
            next_step="Give an earlier end.",
        )
    _, policy_version = call.policy()
    record = approve(
        call.ledger(),
        call.path["digest"],
        policy_version=policy_version,
        who=call.actor,
        reason=request.reason,
        until=until,
        now=call.now,
        rule=rule_of(call.container.settings),
    )
    return PlanSummary.model_validate(record)


@route(
    "POST",
    "/v1/projects/{project}/plans/{digest}/execute",
    access=Access.DESTROY,
    gives=Run,
    status=202,
    problems=("approval-refused",),
)
def execute_plan(call: Call, _: Nothing) -> Run:
    """Start a prune run that carries out an approved plan now.

    A deployment whose ``PruneMode`` is ``dry_run`` carries out none.
    """
    record = _record(call)
    mode = call.container.settings.prune_mode
    rule = rule_of(call.container.settings)
    refuse_to_execute(call.context(RunKind.PRUNE), record, call.policy()[1], mode, rule)
    return request_run(call, RunKind.PRUNE, {"digest": record.digest})


def _record(call: Call) -> PlanRecord:
    record = call.ledger().plan(call.path["digest"])
    if record is None:
        raise SubjectUnknown(f"Project {call.path['project']} has no such plan")
    return record


def _plan(call: Call, record: PlanRecord) -> Plan:
    try:
        return Plan.from_json(call.container.objects.get(record.key))
    except (SubjectUnknown, ValueError):
        raise SubjectUnknown(
            f"The text of plan {record.digest[:12]} is not stored any more",
            next_step="Start a prune run: it makes a new plan.",
        ) from None


def _readable(call: Call, record: PlanRecord | None) -> Plan | None:
    """A plan to compare with; one that is not stored any more is none."""
    with suppress(SubjectUnknown):
        return _plan(call, record) if record else None
    return None
