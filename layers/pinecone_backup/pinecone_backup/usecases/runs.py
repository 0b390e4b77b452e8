"""The frame around every run: which projects, at what time, one at a time, recorded, announced.

``run_projects`` loads the policy and then, for each project, checks the trigger's time (rule
T1), takes the lease, records the run, does the work, records how it ended, gives the lease back
and announces what happened. What one project suffers, the others do not.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from pinecone_backup.errors import (
    BackupError,
    ConfigurationError,
    EventMalformed,
    LeaseHeld,
    LedgerError,
    ListingIncomplete,
    PineconeError,
    PolicyInvalid,
    PolicyMissing,
    RequestRejected,
    RunFailed,
    StoreUnavailable,
    SubjectUnknown,
    Superseded,
)
from pinecone_backup.model import DomainEvent, Moment, RunContext, RunKind
from pinecone_backup.records import Run, RunState
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control, Evidence, Observation
from pinecone_backup.usecases.findings import record_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.ports import EventBus, Ledger, Metrics, PolicyStore, Projects
    from pinecone_backup.rules.policy import PolicyDocument, Project
    from pinecone_backup.triggers import RunRequest

DEPLOYMENT = "*"
"""Stands where a project would, for what concerns the deployment as a whole."""
TOO_OLD = timedelta(hours=1)
TOO_FAR_AHEAD = timedelta(seconds=60)
LEASE = timedelta(minutes=16)
"""Longer than a Lambda function can live, so that no run outlives its lease."""
_ABOUT_THE_DEPLOYMENT = (Control.POLICY_MISSING, Control.POLICY_INVALID, Control.PROJECT_REMOVED)

_LOG = logging.getLogger(__name__)


class Result(Protocol):
    """How a use case ended; ``summary`` is JSON-ready and small enough for DynamoDB."""

    @property
    def state(self) -> RunState:
        """How the run ends."""
        ...

    @property
    def summary(self) -> Mapping[str, Any]:
        """Figures and lists."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """What the work of one project gets."""

    context: RunContext
    project: Project
    ledger: Ledger
    document: PolicyDocument
    policy_version: str


@dataclass(frozen=True, slots=True)
class _Named:
    """A project, and the policy that names it."""

    project: Project
    document: PolicyDocument
    policy_version: str


type Work = Callable[[Job], Result]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the frame needs of the outside.

    Attributes:
        clock: Tells the real time, UTC.
        local_clock: Whether a payload's ``now`` is the clock (local stack only).
    """

    owner: str
    clock: Callable[[], datetime]
    ledger_of: Callable[[str], Ledger]
    projects: Projects
    policies: PolicyStore
    bus: EventBus
    metrics: Metrics
    local_clock: bool = False


@dataclass(frozen=True, slots=True)
class _Tick:
    """One trigger, and all that its runs share."""

    frame: Frame
    kind: RunKind
    request: RunRequest
    moment: Moment
    work: Work


def run_projects(frame: Frame, kind: RunKind, request: RunRequest, work: Work) -> dict[str, Any]:
    """Run ``work`` for the project that is asked for, or for all of the policy.

    Returns:
        JSON-ready: the kind, and per project its run's id, state, summary and error.

    Raises:
        EventMalformed: The payload sets a time that it must not set.
        SubjectUnknown: The policy names no such project.
        PolicyInvalid: Nothing is done; one finding lists what is wrong.
        RunFailed: A project failed; the others ran, and every run is recorded.
    """
    tick = _Tick(frame, kind, request, _moment(frame, request), work)
    try:
        document, version = _policy(frame, tick.moment)
    except PolicyMissing as error:  # a fresh deployment is not broken; the finding tells people
        _LOG.warning("no policy yet", extra={"reason": error.problem})
        _give_up(tick, error)
        return {"kind": str(kind), "policy_version": "", "runs": [], "error": str(error)}
    except (PolicyInvalid, StoreUnavailable) as error:
        _give_up(tick, error)
        raise
    runs = [
        _run_project(tick, _Named(project, document, version))
        for project in _asked_for(document, request.project)
    ]
    failed = [run for run in runs if run.state is RunState.FAILED]
    frame.metrics.gauge(
        "ProjectsFailed", len(failed), kind=str(kind)
    )  # its presence is the heartbeat
    if failed:
        raise RunFailed(
            f"{len(failed)} of {len(runs)} projects failed in this {kind} run: "
            + "; ".join(f"{run.run_id}: {run.error}" for run in failed)
        )
    return {"kind": str(kind), "policy_version": version, "runs": [told(run) for run in runs]}


def told(run: Run) -> dict[str, Any]:
    """How a run ended, as handlers return it."""
    return {
        "run_id": run.run_id,
        "state": str(run.state),
        "summary": dict(run.summary),
        "error": run.error,
    }


def new_run_id(kind: RunKind, clock: datetime) -> str:
    """An id that begins with its time, so that ids sort by start."""
    return f"{clock:%Y%m%dt%H%M%Sz}-{kind}-{uuid4().hex[:6]}"


def announce(ledger: Ledger, bus: EventBus) -> None:
    """Announce what the outbox holds; what the bus does not take waits for the next run."""
    try:
        waiting = ledger.unannounced()
        if waiting:
            ledger.mark_announced(bus.publish(waiting))
    except LedgerError as error:
        _LOG.warning("events wait for the next run", extra={"reason": str(error)})


def _moment(frame: Frame, request: RunRequest) -> Moment:
    if request.now is not None and not frame.local_clock:
        raise EventMalformed(
            "The event sets the time (now), which only the local stack allows",
            next_step="Leave it out: the clock, or the schedule's own time, is used.",
        )
    clock = request.now or frame.clock()
    return Moment(now=request.time or clock, clock=clock)


def _policy(frame: Frame, moment: Moment) -> tuple[PolicyDocument, str]:
    """The policy, and the findings about it and its projects (rule U1)."""
    ledger = frame.ledger_of(DEPLOYMENT)
    try:
        document, version = frame.policies.load()
    except (PolicyMissing, PolicyInvalid) as error:
        control = (
            Control.POLICY_MISSING if isinstance(error, PolicyMissing) else Control.POLICY_INVALID
        )
        observed = _observed(control, PROJECT_SUBJECT, control.description, error)
        record_findings(ledger, [observed], Evidence.of([control]), moment.clock)
        announce(ledger, frame.bus)
        raise
    names = [project.name for project in document.projects]
    removed = [
        Observation.of(
            Control.PROJECT_REMOVED,
            name,
            title=f"Project {name} is not in the policy any more",
            diagnosis=f"The ledger knows project {name}, and version {version} of the policy "
            "does not name it: it is neither backed up, pruned nor audited.",
            action="Name it in the policy again, or acknowledge that it is given up.",
        )
        for name in frame.projects.known()
        if name not in names
    ]
    frame.projects.remember(names)
    record_findings(ledger, removed, Evidence.of(_ABOUT_THE_DEPLOYMENT), moment.clock)
    announce(ledger, frame.bus)
    return document, version


def _give_up(tick: _Tick, error: BackupError) -> None:
    """Tell whoever follows a requested run that it did not come to it."""
    if not tick.request.run_id or not tick.request.project:
        return
    ledger = tick.frame.ledger_of(tick.request.project)
    asked = ledger.run(tick.request.run_id)
    if asked is not None and asked.state is RunState.REQUESTED:
        _ended(tick, ledger, replace(asked, state=RunState.FAILED, error=str(error)))
        announce(ledger, tick.frame.bus)


def _asked_for(document: PolicyDocument, name: str | None) -> Sequence[Project]:
    if name is None:
        return document.projects
    project = document.project(name)
    if project is None:
        raise SubjectUnknown(
            f"The policy names no project {name!r}",
            next_step="It names: " + ", ".join(project.name for project in document.projects),
        )
    return [project]


def _run_project(tick: _Tick, job: _Named) -> Run:
    """One project's run, from its record to its announcement; never raises."""
    ledger = tick.frame.ledger_of(job.project.name)
    run = Run(
        run_id=tick.request.run_id or new_run_id(tick.kind, tick.moment.clock),
        kind=tick.kind,
        trigger=tick.request.trigger,
        actor=tick.request.actor,
        state=RunState.RUNNING,
        time=tick.moment.now,
        started_at=tick.moment.clock,
        policy_version=job.policy_version,
    )
    try:
        asked = ledger.run(tick.request.run_id) if tick.request.run_id else None
        if asked is not None and asked.state is not RunState.REQUESTED:
            _LOG.warning("the request came twice", extra={"run_id": run.run_id})
            return asked
        if asked is not None:  # who asked is what the API wrote down, not what an event says
            run = replace(run, trigger=asked.trigger, actor=asked.actor)
        _refuse_superseded(ledger, tick)
        with _lease(ledger, run, tick.moment):
            ledger.put_run(run)
            run = _worked(tick, ledger, run, job)
    except (RequestRejected, LeaseHeld) as error:
        run = replace(run, state=RunState.REFUSED, error=str(error))
    except LedgerError as error:
        run = replace(run, state=RunState.FAILED, error=str(error))
    run = _ended(tick, ledger, run)
    announce(ledger, tick.frame.bus)
    level = _LOG.warning if run.state in (RunState.FAILED, RunState.REFUSED) else _LOG.info
    level("run ended", extra={"project": job.project.name, **told(run)})
    return run


def _worked(tick: _Tick, ledger: Ledger, run: Run, job: _Named) -> Run:
    context = RunContext(
        run_id=run.run_id,
        kind=run.kind,
        project=job.project.name,
        owner=tick.frame.owner,
        moment=tick.moment,
        trigger=run.trigger,
        actor=run.actor,
    )
    clock = tick.moment.clock
    try:
        result = tick.work(Job(context, job.project, ledger, job.document, job.policy_version))
    except (RequestRejected, LedgerError):
        raise
    except (PineconeError, ListingIncomplete, ConfigurationError, StoreUnavailable) as error:
        title = f"Project {job.project.name} could not be read"
        unknown = _observed(Control.PROJECT_UNKNOWN, PROJECT_SUBJECT, title, error)
        record_findings(ledger, [unknown], Evidence(), clock)
        return replace(run, state=RunState.FAILED, error=str(error))
    except BackupError as error:
        return replace(run, state=RunState.FAILED, error=str(error))
    except Exception as error:  # the frame's edge: a fault in one project must not stop the others
        _LOG.exception("unexpected error", extra={"run_id": run.run_id})
        unexpected = f"Unexpected {type(error).__name__}; the function's log has the traceback"
        return replace(run, state=RunState.FAILED, error=unexpected)
    record_findings(ledger, [], Evidence.of([Control.PROJECT_UNKNOWN]), clock)
    return replace(run, state=result.state, summary=dict(result.summary))


def _refuse_superseded(ledger: Ledger, tick: _Tick) -> None:
    """Rule T1: a trigger that comes too late, too early or out of turn does nothing."""
    time, clock = tick.request.time, tick.moment.clock
    if time is None:
        return
    if clock - time > TOO_OLD:
        raise Superseded(f"The trigger's time, {time:%FT%TZ}, is over an hour ago")
    if time - clock > TOO_FAR_AHEAD:
        raise Superseded(f"The trigger's time, {time:%FT%TZ}, is over 60 s ahead of the clock")
    last = ledger.last_completed(tick.kind)
    if last is not None and time < last.time:
        raise Superseded(
            f"The trigger's time, {time:%FT%TZ}, is before that of the last completed "
            f"{tick.kind} run, {last.time:%FT%TZ}"
        )


@contextmanager
def _lease(ledger: Ledger, run: Run, moment: Moment) -> Iterator[None]:
    """Create and prune exclude each other in a project; an audit only excludes audits."""
    name = "audit" if run.kind is RunKind.AUDIT else "write"
    ledger.acquire_lease(name, holder=run.run_id, clock=moment.clock, ttl=LEASE)
    try:
        yield
    finally:
        ledger.release_lease(name, holder=run.run_id)


def _ended(tick: _Tick, ledger: Ledger, run: Run) -> Run:
    """Record how a run ended and leave the news of it; a dead ledger cannot stop the return."""
    at = tick.moment.clock if tick.frame.local_clock else tick.frame.clock()
    run = replace(run, finished_at=at)
    event = DomainEvent.of(
        "run.failed" if run.state is RunState.FAILED else "run.completed",
        run.run_id,
        project=ledger.project,
        at=at,
        run_id=run.run_id,
        kind=str(run.kind),
        state=str(run.state),
        actor=run.actor,
        error=run.error,
        summary=dict(run.summary),
    )
    try:
        if run.state is not RunState.REFUSED:
            ledger.record_event(event)
        ledger.put_run(run)
    except LedgerError as error:
        _LOG.exception("the run's end could not be recorded", extra={"run_id": run.run_id})
        return replace(run, state=RunState.FAILED, error=run.error or str(error))
    return run


def _observed(control: Control, subject: str, title: str, error: BackupError) -> Observation:
    return Observation.of(
        control,
        subject,
        title=title,
        diagnosis=error.problem,
        action=error.next_step or "The next run tries again.",
    )
