"""Prune plans: read, approve, execute."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import AwareDatetime

from pinecone_backup.api.cursors import page_of, pagination
from pinecone_backup.api.models import Input, Nothing, Output, PageQuery, Pagination, Reason
from pinecone_backup.api.routes import Access, Call, route
from pinecone_backup.api.runs import Run, request_run
from pinecone_backup.errors import RuleForbids, SubjectUnknown
from pinecone_backup.model import RunKind
from pinecone_backup.records import PlanState
from pinecone_backup.rules.plan import Plan
from pinecone_backup.usecases.approvals import approve_plan as approve
from pinecone_backup.usecases.approvals import refuse_to_execute
from pinecone_backup.usecases.runs import new_run_id

if TYPE_CHECKING:
    from pinecone_backup.records import PlanRecord

_TAG = "Plans"
_REACH = 1_000
APPROVAL_LASTS = timedelta(days=1)
LONGEST_APPROVAL = timedelta(days=30)


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
    waits_because: str
    approved_by: str
    approved_reason: str
    approved_at: datetime | None
    approval_expires_at: datetime | None


class PlanList(Output):
    """A page of plans, the newest first."""

    data: list[PlanSummary]
    pagination: Pagination | None


class PlanDetails(PlanSummary):
    """A prune plan: every backup with its fate and the reasons."""

    plan: Plan


class ApprovePlan(Input):
    """Somebody read the plan and says that what it names may go."""

    reason: Reason
    until: AwareDatetime | None = None
    """When the approval ends: within 30 days; a day from now unless given."""


@route(
    "GET",
    "/v1/projects/{project}/plans",
    access=Access.READ,
    tag=_TAG,
    takes=PageQuery,
    gives=PlanList,
    problems=("not-found",),
)
def list_plans(call: Call, query: PageQuery) -> PlanList:
    """List the prune plans of the last 90 days, the newest first."""
    rows, cursor = page_of(
        call.ledger().plans(limit=_REACH),
        listing=call.listing,
        limit=query.limit,
        cursor=query.paginationToken,
    )
    return PlanList(
        data=[PlanSummary(**_fields(record)) for record in rows],
        pagination=pagination(cursor),
    )


@route(
    "GET",
    "/v1/projects/{project}/plans/{digest}",
    access=Access.READ,
    tag=_TAG,
    gives=PlanDetails,
    problems=("not-found",),
)
def describe_plan(call: Call, _: Nothing) -> PlanDetails:
    """Describe a plan: every backup, what is to become of it, and why."""
    record = _record(call)
    try:
        plan = Plan.from_json(call.container.objects.get(record.key))
    except (SubjectUnknown, ValueError):
        raise SubjectUnknown(
            f"The text of plan {record.digest[:12]} is not stored any more",
            next_step="Start a prune run: it makes a new plan.",
        ) from None
    return PlanDetails(**_fields(record), plan=plan)


@route(
    "POST",
    "/v1/projects/{project}/plans/{digest}/approve",
    access=Access.DESTROY,
    tag=_TAG,
    takes=ApprovePlan,
    gives=PlanSummary,
    problems=("not-found", "approval-refused", "rule-forbids"),
)
def approve_plan(call: Call, request: ApprovePlan) -> PlanSummary:
    """Approve a plan: what it names may be deleted.

    The next prune carries it out, as far as what it names is still to go then.
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
    )
    return PlanSummary(**_fields(record))


@route(
    "POST",
    "/v1/projects/{project}/plans/{digest}/execute",
    access=Access.DESTROY,
    tag=_TAG,
    gives=Run,
    status=202,
    problems=("not-found", "approval-refused"),
)
def execute_plan(call: Call, _: Nothing) -> Run:
    """Start a prune run that carries out an approved plan now.

    A deployment whose ``PruneMode`` is ``dry_run`` carries out none.
    """
    record = _record(call)
    run_id = new_run_id(RunKind.PRUNE, call.now)
    mode = call.container.settings.prune_mode
    refuse_to_execute(call.context(RunKind.PRUNE, run_id), record, call.policy()[1], mode)
    return request_run(call, RunKind.PRUNE, {"digest": record.digest})


def _record(call: Call) -> PlanRecord:
    record = call.ledger().plan(call.path["digest"])
    if record is None:
        raise SubjectUnknown(f"Project {call.path['project']} has no such plan")
    return record


def _fields(record: PlanRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in PlanSummary.model_fields}
