"""Runs: ask for one, and follow it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pinecone_backup import records
from pinecone_backup.api.cursors import page_of, pagination
from pinecone_backup.api.models import Input, Nothing, Output, PageQuery, Pagination
from pinecone_backup.api.routes import Access, Call, route
from pinecone_backup.errors import StoreUnavailable, SubjectUnknown
from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.records import RunState
from pinecone_backup.usecases.runs import new_run_id

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG = "Runs"
_REACH = 1_000
"""So many of the newest runs can be listed; older ones are found by their ids."""


class Run(Output):
    """One execution of create, prune or audit."""

    run_id: str
    kind: RunKind
    trigger: TriggerKind
    actor: str
    state: RunState
    time: datetime
    """Selects slots and retention buckets."""
    started_at: datetime
    finished_at: datetime | None
    policy_version: str
    summary: dict[str, Any]
    error: str


class RunList(Output):
    """A page of runs, the newest first."""

    data: list[Run]
    pagination: Pagination | None


class StartRun(Input):
    """A run to start. A prune started here plans and deletes nothing: see the plans."""

    kind: RunKind


class RunsQuery(PageQuery):
    """Which runs."""

    kind: RunKind | None = None


@route(
    "POST",
    "/v1/projects/{project}/runs",
    access=Access.OPERATE,
    tag=_TAG,
    takes=StartRun,
    gives=Run,
    status=202,
    problems=("not-found",),
)
def start_run(call: Call, request: StartRun) -> Run:
    """Ask for a create, prune or audit run.

    The answer names the run, which starts within seconds: describe it to follow it. A prune that
    is asked for here makes a plan and deletes nothing; executing a plan is another operation.
    """
    return request_run(
        call, request.kind, {"dry_run": True} if request.kind is RunKind.PRUNE else {}
    )


@route(
    "GET",
    "/v1/projects/{project}/runs",
    access=Access.READ,
    tag=_TAG,
    takes=RunsQuery,
    gives=RunList,
    problems=("not-found",),
)
def list_runs(call: Call, query: RunsQuery) -> RunList:
    """List the newest thousand runs, the newest first."""
    runs = call.ledger().runs(kind=query.kind, limit=_REACH)
    rows, cursor = page_of(
        runs,
        listing=f"{call.listing}?kind={query.kind}",
        limit=query.limit,
        cursor=query.paginationToken,
    )
    return RunList(data=[_run(run) for run in rows], pagination=pagination(cursor))


@route(
    "GET",
    "/v1/projects/{project}/runs/{run_id}",
    access=Access.READ,
    tag=_TAG,
    gives=Run,
    problems=("not-found",),
)
def describe_run(call: Call, _: Nothing) -> Run:
    """Describe a run: how it stands, and what it did."""
    run = call.ledger().run(call.path["run_id"])
    if run is None:
        raise SubjectUnknown(f"Project {call.path['project']} has no run {call.path['run_id']!r}")
    return _run(run)


def request_run(call: Call, kind: RunKind, request: Mapping[str, object]) -> Run:
    """Record a run as requested, and ask for it on the bus."""
    ledger = call.ledger()
    run = records.Run(
        run_id=new_run_id(kind, call.now),
        kind=kind,
        trigger=TriggerKind.API,
        actor=call.actor,
        state=RunState.REQUESTED,
        time=call.now,
        started_at=call.now,
    )
    ledger.put_run(run)
    detail = {"project": ledger.project, "run_id": run.run_id, **request}
    try:
        call.container.services.bus.request_run(kind, detail)
    except StoreUnavailable as error:
        ledger.put_run(replace(run, state=RunState.FAILED, error=str(error)))
        raise
    call.locate("runs", run.run_id)
    return _run(run)


def _run(run: records.Run) -> Run:
    return Run(
        run_id=run.run_id,
        kind=run.kind,
        trigger=run.trigger,
        actor=run.actor,
        state=run.state,
        time=run.time,
        started_at=run.started_at,
        finished_at=run.finished_at,
        policy_version=run.policy_version,
        summary=dict(run.summary),
        error=run.error,
    )
