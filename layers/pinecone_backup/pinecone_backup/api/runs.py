"""Runs: ask for one, and follow it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pinecone_backup import records
from pinecone_backup.api.cursors import as_listing, cursor_at, read_cursor
from pinecone_backup.api.models import NAME, Input, Listing, Nothing, Output, PageQuery, QueryTime
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.errors import StoreUnavailable, SubjectUnknown
from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.records import RunState
from pinecone_backup.usecases.runs import new_run_id, time_in_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pinecone_backup.ports import Ledger

route = Routes("Runs")
_RECENT = 20
"""Among so many of the newest runs a request that has not started is looked for."""
_READ_AT_MOST = 5_000
"""So many runs are read for one page; those that fit may be further on."""
_LAST = "~"
"""Sorts after every run's id."""


class Run(Output):
    """One execution of create, prune or audit."""

    run_id: str
    kind: RunKind
    trigger: TriggerKind
    actor: str
    state: RunState
    time: datetime
    """Selects slots and retention buckets."""
    started_at: datetime | None
    """Null while it is only asked for, and when it never started."""
    finished_at: datetime | None
    policy_version: str
    summary: dict[str, Any]
    error: str


class RunList(Listing[Run]):
    """A page of runs, the newest first."""


class StartRun(Input):
    """A run to start. A prune started here plans and deletes nothing: see the plans."""

    kind: Literal[RunKind.CREATE, RunKind.PRUNE, RunKind.AUDIT, RunKind.RESTORE_TEST]


class RunsQuery(PageQuery):
    """Which runs."""

    from_: Annotated[QueryTime | None, Field(alias="from")] = None
    """Asked for or begun at this second or later."""
    to: QueryTime | None = None
    """Asked for or begun before this second."""
    kind: RunKind | None = None
    state: RunState | None = None
    index: Annotated[str, Field(pattern=NAME)] | None = None
    """Whose summary names this index."""


@route(
    "POST",
    "/v1/projects/{project}/runs",
    access=Access.OPERATE,
    takes=StartRun,
    gives=Run,
    status=202,
)
def start_run(call: Call, request: StartRun) -> Run:
    """Ask for a create, prune, audit or restore test run.

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
    takes=RunsQuery,
    gives=RunList,
)
def list_runs(call: Call, query: RunsQuery) -> RunList:
    """List runs, the newest first.

    Under a filter that few runs pass, a page can be short or empty and still name a next one: no
    request reads more than 5,000 runs.
    """
    listing = f"{call.listing}?{query.filters()}"
    bound = time_in_id(query.to) if query.to else _LAST
    after = read_cursor(listing, query.paginationToken)
    runs = call.ledger().runs_before(
        min(bound, after) if after else bound,
        down_to=time_in_id(query.from_) if query.from_ else "",
    )
    rows, position = _page(runs, query)
    return as_listing(RunList, rows, cursor_at(listing, position))


@route(
    "GET",
    "/v1/projects/{project}/runs/{run_id}",
    access=Access.READ,
    gives=Run,
)
def describe_run(call: Call, _: Nothing) -> Run:
    """Describe a run: how it stands, and what it did."""
    run = call.ledger().run(call.path["run_id"])
    if run is None:
        raise SubjectUnknown(f"Project {call.path['project']} has no run {call.path['run_id']!r}")
    return Run.model_validate(run)


def request_run(call: Call, kind: RunKind, request: Mapping[str, object]) -> Run:
    """Record a run as requested, and ask for it on the bus.

    Asking again, while it has not started, asks on the bus for the same run: of two requests with
    one run id the second does nothing.
    """
    ledger = call.ledger()
    run = _waiting(ledger, call.actor, kind, request)
    if run is None:
        run = records.Run(
            run_id=new_run_id(kind, call.now),
            kind=kind,
            trigger=TriggerKind.API,
            actor=call.actor,
            state=RunState.REQUESTED,
            time=call.now,
            started_at=None,
            summary=dict(request),
        )
        ledger.put_run(run)
    detail = {"project": ledger.project, "run_id": run.run_id, **request}
    try:
        call.container.services.bus.request_run(kind, detail)
    except StoreUnavailable as error:
        ledger.put_run(replace(run, state=RunState.FAILED, error=str(error)))
        raise
    call.locate("runs", run.run_id)
    return Run.model_validate(run)


def _page(runs: Iterable[records.Run], query: RunsQuery) -> tuple[list[records.Run], str | None]:
    """One page of the runs that fit, and the id after which the next one begins."""
    rows: list[records.Run] = []
    for number, run in enumerate(runs, 1):
        if (
            query.kind in (None, run.kind)
            and query.state in (None, run.state)
            and (query.index is None or _names(run.summary, query.index))
        ):
            if len(rows) == query.limit:
                return rows, rows[-1].run_id
            rows.append(run)
        if number == _READ_AT_MOST:
            return rows, run.run_id
    return rows, None


def _names(summary: object, index: str) -> bool:
    """Whether a summary names an index, as a key or as a value."""
    if isinstance(summary, dict):
        return index in summary or any(_names(value, index) for value in summary.values())
    if isinstance(summary, list):
        return any(_names(value, index) for value in summary)
    return summary == index


def _waiting(
    ledger: Ledger, actor: str, kind: RunKind, request: Mapping[str, object]
) -> records.Run | None:
    """The same request of the same caller that has not started."""
    for run in ledger.runs(kind=kind, limit=_RECENT):
        if run.state is RunState.REQUESTED and (run.actor, run.summary) == (actor, request):
            return run
    return None
