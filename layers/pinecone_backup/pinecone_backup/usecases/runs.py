"""What every run has in common: which projects, at what time, one at a time, recorded, announced.

``run_projects`` loads the policy. A tick over several projects puts one message per project into
the kind's queue and ends: each is a run of its own then, in a process of its own. For one project
it checks the trigger's time (rule T1), takes the lease, records the run, does the work, records
how it ended, gives the lease back and announces what happened.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from pinecone_backup.errors import (
    BackupError,
    ConfigurationError,
    EventMalformed,
    ItemUnreadable,
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
from pinecone_backup.model import (
    TICKED,
    DomainEvent,
    RunContext,
    RunKind,
    RunTime,
    Severity,
    TriggerKind,
)
from pinecone_backup.records import ItemKind, Run, RunState
from pinecone_backup.rules.containment import observe_unreadable
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control, Evidence, Observation
from pinecone_backup.usecases.evidence import append_evidence, record_heartbeat
from pinecone_backup.usecases.findings import (
    record_findings,
    record_unreadable,
    unexpected_problem,
)
from pinecone_backup.usecases.parallel import rotated
from pinecone_backup.usecases.policy_changes import notice_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.ports import (
        EventBus,
        EvidenceStore,
        Ledger,
        Metrics,
        PolicyStore,
        Projects,
        RunQueue,
    )
    from pinecone_backup.rules.policy import PolicyDocument, Project
    from pinecone_backup.triggers import RunRequest

DEPLOYMENT = "*"
"""Stands where a project would, for what concerns the deployment as a whole."""
TOO_OLD = timedelta(hours=1)
TOO_FAR_AHEAD = timedelta(seconds=60)
STARTS_WITHIN = timedelta(minutes=20)
"""After this time nobody delivers a request any more: the bus tries for 15 minutes."""
LOOKED_BACK, LOOKED_BACK_SHORTLY = timedelta(days=1), timedelta(hours=2)
"""So far back an audit looks for runs that are lost, and another run."""
LEASE = timedelta(minutes=6)
"""Longer than our functions can live, so that no run outlives its lease, and shorter than the time
between two ticks, so that the run after one that was killed is not refused."""
_WELL = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.STOPPED)
_ABOUT_THE_DEPLOYMENT = (
    Control.POLICY_MISSING,
    Control.POLICY_INVALID,
    Control.PROJECT_REMOVED,
    Control.LEDGER_UNREADABLE,
)

_LEASES = {RunKind.AUDIT: "audit", RunKind.RESTORE_TEST: "restore"}
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

    @property
    def unexpected(self) -> Mapping[str, str]:
        """What broke at an index, by its name, while the other indexes went on."""
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
class RunServices:
    """What every run works with.

    Attributes:
        clock: Gives the real time, UTC.
        evidence: Where what happened is chained; None: nowhere.
        local_clock: Whether a payload's ``now`` is the clock (local stack only).
        queue: Where a tick over several projects puts them; without one they run in turn.
    """

    owner: str
    clock: Callable[[], datetime]
    ledger_of: Callable[[str], Ledger]
    projects: Projects
    policies: PolicyStore
    bus: EventBus
    metrics: Metrics
    evidence: EvidenceStore | None = None
    local_clock: bool = False
    queue: RunQueue | None = None


@dataclass(frozen=True, slots=True)
class _Tick:
    """One trigger, and all that its runs share."""

    services: RunServices
    kind: RunKind
    request: RunRequest
    time: RunTime
    work: Work


def run_projects(
    services: RunServices, kind: RunKind, request: RunRequest, work: Work
) -> dict[str, Any]:
    """Run ``work`` for the project that is asked for, or for all of the policy.

    Returns:
        JSON-ready: the kind, and per project its run's id, state, summary and error; of a tick
        that was queued, the names in their order. A message whose run is recorded is worked off,
        however the run ended: the next tick tries again.

    Raises:
        EventMalformed: The payload sets a time that it must not set.
        SubjectUnknown: The policy names no such project.
        PolicyInvalid: Nothing is done; one finding lists what is wrong.
        RunFailed: A project failed; the others ran, and every run is recorded. Not of a message.
        StoreUnavailable: The queue did not take all messages; those that it took are worked off.
    """
    tick = _Tick(services, kind, request, _run_time(services, request), work)
    try:
        document, policy_version = _policy(services, tick.time, of_a_message=request.queued)
    except PolicyMissing as error:  # a fresh deployment is not broken; the finding says so
        _LOG.warning("no policy yet", extra={"reason": error.problem})
        _give_up(tick, error)
        return {"kind": str(kind), "policy_version": "", "runs": [], "error": str(error)}
    except (PolicyInvalid, StoreUnavailable) as error:
        _give_up(tick, error)
        raise
    if request.queued and document.project(request.project or "") is None:
        _LOG.warning("the policy names the project no more", extra={"project": request.project})
        return {"kind": str(kind), "policy_version": policy_version, "runs": []}
    projects = _asked_for(document, request.project)
    if services.queue is not None and request.project is None and len(projects) > 1:
        return _queue(tick, services.queue, [project.name for project in projects])
    runs = [_run_project(tick, _Named(project, document, policy_version)) for project in projects]
    _keep_evidence(tick, [project.name for project in projects])
    failed = [run for run in runs if run.state is RunState.FAILED]
    if not runs or any(run.state is not RunState.REFUSED for run in runs):
        # Its presence is the heartbeat: a run of that kind ended, whatever one project suffered.
        services.metrics.gauge("ProjectsFailed", len(failed), kind=str(kind))
    if failed and not request.queued:
        raise RunFailed(
            f"{len(failed)} of {len(runs)} projects failed in this {kind} run: "
            + "; ".join(f"{run.run_id}: {run.error}" for run in failed)
        )
    return {
        "kind": str(kind),
        "policy_version": policy_version,
        "runs": [result_of(run) for run in runs],
    }


def _queue(tick: _Tick, queue: RunQueue, names: Sequence[str]) -> dict[str, Any]:
    """Ask for a run of each project, in an order that begins elsewhere at each tick.

    A tick that comes twice asks for the same runs, and each of them takes place once.
    """
    in_turn = rotated(names, tick.time.scheduled_at)
    ids = {name: _tick_run_id(tick, name) for name in in_turn}
    lost: list[StoreUnavailable] = []
    for name, run_id in ids.items():
        try:
            queue.send(tick.request.model_copy(update={"project": name, "run_id": run_id}))
        except StoreUnavailable as error:  # the others get their runs
            lost.append(error)
    if lost:
        problem = "; ".join(each.problem for each in lost)
        raise StoreUnavailable(problem, next_step=lost[0].next_step)
    _LOG.info("runs queued", extra={"kind": str(tick.kind), "projects": len(in_turn)})
    return {"kind": str(tick.kind), "queued": in_turn}


def _tick_run_id(tick: _Tick, project: str) -> str:
    """The id of a project's run in this tick: of a scheduled tick always the same."""
    if tick.request.time is None:
        return new_run_id(tick.kind, tick.time.actual)
    at = tick.request.time
    digest = sha256(f"{tick.kind}|{project}|{at.isoformat()}".encode()).hexdigest()
    return f"{time_in_id(at)}-{tick.kind}-{digest[:6]}"


def result_of(run: Run) -> dict[str, Any]:
    """How a run ended, as handlers return it."""
    return {
        "run_id": run.run_id,
        "state": str(run.state),
        "summary": dict(run.summary),
        "error": run.error,
    }


def new_run_id(kind: RunKind, now: datetime) -> str:
    """An id that begins with its time, so that ids sort by start."""
    return f"{time_in_id(now)}-{kind.replace('_', '-')}-{uuid4().hex[:6]}"


def time_in_id(at: datetime) -> str:
    """How the ids of runs of one second begin, in UTC; it sorts before each of them."""
    return f"{at.astimezone(UTC):%Y%m%dt%H%M%Sz}"


def announce(ledger: Ledger, bus: EventBus) -> None:
    """Announce what the outbox holds; what the bus does not take waits for the next run."""
    try:
        waiting = ledger.unannounced()
        if waiting:
            ledger.mark_announced(bus.publish(waiting))
    except LedgerError as error:
        _LOG.warning("events wait for the next run", extra={"reason": str(error)})
    except Exception:  # what happened is recorded, and what comes next must not wait for this
        _LOG.exception("events wait for the next run", extra={"project": ledger.project})


def _run_time(services: RunServices, request: RunRequest) -> RunTime:
    if request.now is not None and not services.local_clock:
        raise EventMalformed(
            "The event sets the time (now), which only the local stack allows",
            next_step="Leave it out: the clock, or the schedule's own time, is used.",
        )
    now = request.now or services.clock()
    return RunTime(scheduled_at=request.time or now, actual=now)


def _policy(
    services: RunServices, time: RunTime, *, of_a_message: bool
) -> tuple[PolicyDocument, str]:
    """The policy, and the findings about it and its projects (rule U1), once per tick."""
    ledger = services.ledger_of(DEPLOYMENT)
    try:
        document, policy_version = services.policies.load()
    except (PolicyMissing, PolicyInvalid) as error:
        control = (
            Control.POLICY_MISSING if isinstance(error, PolicyMissing) else Control.POLICY_INVALID
        )
        observed = _observed(control, PROJECT_SUBJECT, control.description, error)
        record_findings(ledger, [observed], Evidence.of([control]), time.actual)
        notice_changes(ledger, services.policies, time.actual)
        announce(ledger, services.bus)
        raise
    if of_a_message:
        return document, policy_version
    notice_changes(ledger, services.policies, time.actual, policy_version=policy_version)
    names = [project.name for project in document.projects]
    removed = [
        Observation.of(
            Control.PROJECT_REMOVED,
            name,
            title=f"Project {name} is not in the policy any more",
            diagnosis=f"The ledger knows project {name}, and version {policy_version} of the "
            "policy does not name it: it is neither backed up, pruned nor audited.",
            action="Name it in the policy again, or acknowledge that it is given up.",
        )
        for name in services.projects.known()
        if name not in names
    ]
    services.projects.remember(names)
    unreadable = ledger.inspect((ItemKind.FINDING, ItemKind.OUTBOX))
    record_findings(
        ledger,
        [*removed, *observe_unreadable(unreadable)],
        Evidence.of(_ABOUT_THE_DEPLOYMENT, unseen=[item.key for item in unreadable]),
        time.actual,
    )
    announce(ledger, services.bus)
    return document, policy_version


def _keep_evidence(tick: _Tick, projects: Sequence[str]) -> None:
    """Append what happened to the evidence, and once a day tell the outside where it stands."""
    services, now = tick.services, tick.time.actual
    if services.evidence is None:
        return
    deployment = services.ledger_of(DEPLOYMENT)
    ledgers = [deployment, *(services.ledger_of(name) for name in projects)]
    audit = tick.kind is RunKind.AUDIT
    append_evidence(services.owner, services.evidence, deployment, ledgers, now, resolve=audit)
    if audit:
        with suppress(LedgerError):
            record_heartbeat(deployment, now)
        announce(deployment, services.bus)


def _give_up(tick: _Tick, error: BackupError) -> None:
    """Tell whoever follows a requested run that it did not come to it."""
    if not tick.request.run_id or not tick.request.project:
        return
    ledger = tick.services.ledger_of(tick.request.project)
    with suppress(ItemUnreadable):
        asked = ledger.run(tick.request.run_id)
        if asked is not None and asked.state is RunState.REQUESTED:
            _ended(tick, ledger, replace(asked, state=RunState.FAILED, error=str(error)))
            announce(ledger, tick.services.bus)


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
    ledger = tick.services.ledger_of(job.project.name)
    run = Run(
        run_id=tick.request.run_id or new_run_id(tick.kind, tick.time.actual),
        kind=tick.kind,
        trigger=tick.request.trigger,
        actor=tick.request.actor,
        state=RunState.RUNNING,
        time=tick.time.scheduled_at,
        started_at=None,
        policy_version=job.policy_version,
    )
    asked: Run | None = None
    try:
        _close_lost(tick, ledger)
        asked = _asked(ledger, tick)
        if asked is not None and not _may_start(asked, tick):
            return _came_twice(asked)
        if asked is not None:  # who asked is what the API wrote down, not what an event says
            run = replace(run, trigger=asked.trigger, actor=asked.actor)
        _refuse_superseded(ledger, tick)
        with _lease(ledger, run, tick.time):
            asked = _asked(ledger, tick)
            if asked is not None and not _may_start(asked, tick):
                return _came_twice(asked)  # its other message was worked off meanwhile
            run = replace(run, started_at=tick.time.actual)
            ledger.put_run(run)
            run = _worked(tick, ledger, run, job)
    except (RequestRejected, LeaseHeld) as error:
        if asked is not None and asked.state is RunState.RUNNING:
            return _came_twice(asked)
        run = replace(run, state=RunState.REFUSED, error=str(error))
        _record_refusal(tick, ledger, run)
    except Exception as error:  # a fault in one project must not stop the others
        run = _broken_off(ledger, run, error)
    run = _ended(tick, ledger, run)
    if (
        run.kind is not RunKind.AUDIT or run.state is RunState.FAILED
    ):  # an audit has said so already
        _record_unreadable(ledger, tick)
    announce(ledger, tick.services.bus)
    level = _LOG.warning if run.state in (RunState.FAILED, RunState.REFUSED) else _LOG.info
    level("run ended", extra={"project": job.project.name, **result_of(run)})
    return run


def _asked(ledger: Ledger, tick: _Tick) -> Run | None:
    """The record of the run that was asked for, if one was.

    An event under its id that asks for something else is not what its requester asked for.
    """
    request = tick.request
    try:
        asked = ledger.run(request.run_id) if request.run_id else None
    except ItemUnreadable as error:  # nobody knows who asked, or whether it ran already
        raise RequestRejected(error.problem, next_step="Ask for another run.") from None
    if asked is not None and asked.state is RunState.REQUESTED:
        wanted = (asked.summary.get("digest"), bool(asked.summary.get("dry_run")))
        if wanted != (request.digest, request.dry_run):
            raise RequestRejected(
                f"The event asks for something else than run {request.run_id} was requested for",
                next_step="Ask for another run.",
            )
    return asked


def _may_start(asked: Run, tick: _Tick) -> bool:
    """Whether a run of which there is a record may start.

    A message that comes again after its run was killed starts it once more: that it has the lease
    shows that the other one is over.
    """
    killed = tick.request.queued and asked.state is RunState.RUNNING
    return killed or asked.state is RunState.REQUESTED


def _came_twice(asked: Run) -> Run:
    _LOG.warning("the request came twice", extra={"run_id": asked.run_id})
    return asked


def _close_lost(tick: _Tick, ledger: Ledger) -> None:
    """Close runs that ended without a word, and ask once more for those that never started.

    What fails here fails no run: the next one looks again.
    """
    now = tick.time.actual
    back = LOOKED_BACK if tick.kind is RunKind.AUDIT else LOOKED_BACK_SHORTLY
    try:
        runs = list(
            ledger.runs_before(time_in_id(now + LOOKED_BACK), down_to=time_in_id(now - back))
        )
        for run in runs:
            begun = run.asked_again_at or run.started_at or run.time
            if run.kind not in TICKED or run.run_id == tick.request.run_id:
                continue
            if run.state is RunState.RUNNING and now - begun > LEASE:
                problem = "Its function ended without recording how the run ended"
                _lose(tick, ledger, run, problem, others=runs)
            elif run.state is RunState.REQUESTED and now - begun > STARTS_WITHIN:
                if run.asked_again_at is None:
                    ledger.put_run(replace(run, asked_again_at=now))
                    detail = {"project": ledger.project, "run_id": run.run_id, **run.summary}
                    tick.services.bus.request_run(run.kind, detail)
                else:
                    _lose(
                        tick, ledger, run, "It was asked for twice and never started", others=runs
                    )
    except Exception:
        _LOG.exception("lost runs could not be closed", extra={"project": ledger.project})


def _lose(tick: _Tick, ledger: Ledger, run: Run, problem: str, *, others: Sequence[Run]) -> None:
    """Close a run as lost: that is a finding, unless a later one of its kind has ended well."""
    made_good = any(
        other.kind is run.kind and other.run_id > run.run_id and other.state in _WELL
        for other in others
    )
    if not made_good:
        record_findings(ledger, [_break(run, problem)], Evidence(), tick.time.actual)
    _ended(tick, ledger, replace(run, state=RunState.LOST, error=problem))


def _worked(tick: _Tick, ledger: Ledger, run: Run, job: _Named) -> Run:
    """Do the work, and report as findings what it could not read and where it broke (rule U1)."""
    context = RunContext(
        run_id=run.run_id,
        kind=run.kind,
        project=job.project.name,
        owner=tick.services.owner,
        time=tick.time,
        trigger=run.trigger,
        actor=run.actor,
    )
    now = tick.time.actual
    try:
        result = tick.work(Job(context, job.project, ledger, job.document, job.policy_version))
    except (PineconeError, ListingIncomplete, ConfigurationError, StoreUnavailable) as error:
        title = f"Project {job.project.name} could not be read"
        unknown = _observed(Control.PROJECT_UNKNOWN, PROJECT_SUBJECT, title, error)
        record_findings(ledger, [unknown], Evidence(), now)
        return replace(run, state=RunState.FAILED, error=str(error))
    ended = replace(run, state=result.state, summary=dict(result.summary))
    over = Evidence.of([Control.RUN_BROKEN], only=_broken_before(ledger, ended))
    record_findings(
        ledger,
        [_break(run, problem, index=name) for name, problem in result.unexpected.items()],
        over
        | Evidence.of([Control.PROJECT_UNKNOWN])
        | Evidence.of([Control.RUN_REFUSED], only=[run.kind]),
        now,
    )
    return ended


def _broken_off(ledger: Ledger, run: Run, error: Exception) -> Run:
    """A run that failed for a reason of its own: that is a finding, if it can be written."""
    if isinstance(error, BackupError):
        problem = str(error)
        _LOG.error("run broken off", extra={"run_id": run.run_id, "reason": problem})
    else:
        problem = unexpected_problem(error)
        _LOG.error("unexpected error", exc_info=error, extra={"run_id": run.run_id})
    try:
        record_findings(ledger, [_break(run, problem)], Evidence(), run.started_at or run.time)
    except Exception:  # the run's own record, and the alarm on failed runs, show it too
        _LOG.exception("the failure could not be recorded", extra={"run_id": run.run_id})
    return replace(run, state=RunState.FAILED, error=problem)


def _record_refusal(tick: _Tick, ledger: Ledger, run: Run) -> None:
    """A schedule's run that is refused is a finding where it is the second in a row.

    One alone happens on any day, by a prune that is at work; and so it does for an hour after a run
    of its kind ended.
    """
    now = tick.time.actual
    if run.trigger is not TriggerKind.SCHEDULE:
        return  # whoever asked sees it at the run
    try:
        last = ledger.last_completed(run.kind)
        if last is not None and now - TOO_OLD < (last.started_at or last.time) <= now:
            return
        newest = ledger.runs(kind=run.kind, limit=2)
        before = next((each for each in newest if each.run_id != run.run_id), None)
        if before is None or before.state is not RunState.REFUSED:
            return
        refused = Observation.of(
            Control.RUN_REFUSED,
            run.kind,
            title=f"The {run.kind} runs of project {ledger.project} are refused",
            diagnosis=f"Run {run.run_id}: {run.error} No {run.kind} run has ended within an hour.",
            action="Nothing, if the next run ends well; else compare the trigger's time with the "
            "clock, and see what holds the project's lease.",
        )
        record_findings(ledger, [refused], Evidence(), now)
    except Exception:  # the run's own record, and the missing heartbeat, show it too
        _LOG.exception("the refusal could not be recorded", extra={"run_id": run.run_id})


def _break(run: Run, problem: str, *, index: str = "") -> Observation:
    where = f"{run.kind} run{f' of index {index}' * bool(index)}"
    return Observation.of(
        Control.RUN_BROKEN,
        f"{run.kind}/{index}" if index else run.kind,
        severity=Severity.ERROR if run.kind is RunKind.PRUNE else None,
        title=f"The {where} broke off",
        diagnosis=f"Run {run.run_id}: {problem}",
        action="The next run tries again. If it goes on, see the function's log.",
        index=index,
    )


def _broken_before(ledger: Ledger, run: Run) -> list[str]:
    """The breaks of earlier runs of this kind that this one has done without."""
    subjects = [
        finding.subject
        for finding in ledger.findings()
        if finding.control == Control.RUN_BROKEN and finding.subject.partition("/")[0] == run.kind
    ]
    if run.state is RunState.STOPPED:  # it did not come to every index
        return [subject for subject in subjects if subject == run.kind]
    return subjects


def _record_unreadable(ledger: Ledger, tick: _Tick) -> None:
    try:
        ledger.inspect([ItemKind.OUTBOX])  # which is not read before it is announced
        record_unreadable(ledger, tick.time.actual)
    except Exception:  # the next audit reports them
        _LOG.exception("unreadable items could not be recorded", extra={"project": ledger.project})


def _refuse_superseded(ledger: Ledger, tick: _Tick) -> None:
    """Rule T1: a trigger that comes too late, too early or out of turn does nothing."""
    time, now = tick.request.time, tick.time.actual
    if time is None:
        return
    if now - time > TOO_OLD:
        raise Superseded(f"The trigger's time, {time:%FT%TZ}, is over an hour ago")
    if time - now > TOO_FAR_AHEAD:
        raise Superseded(f"The trigger's time, {time:%FT%TZ}, is over 60 s ahead of the clock")
    last = ledger.last_completed(tick.kind)
    if last is not None and time < last.time <= now + TOO_FAR_AHEAD:  # else its clock was wrong
        raise Superseded(
            f"The trigger's time, {time:%FT%TZ}, is before that of the last completed "
            f"{tick.kind} run, {last.time:%FT%TZ}"
        )


@contextmanager
def _lease(ledger: Ledger, run: Run, time: RunTime) -> Iterator[None]:
    """Create and prune exclude each other in a project; other kinds only exclude themselves."""
    name = _LEASES.get(run.kind, "write")
    holder = f"{run.run_id}/{uuid4().hex[:8]}"  # of two messages for one run, one holds it
    ledger.acquire_lease(name, holder=holder, now=time.actual, ttl=LEASE)
    try:
        yield
    finally:
        ledger.release_lease(name, holder=holder)


def _ended(tick: _Tick, ledger: Ledger, run: Run) -> Run:
    """Record how a run ended and leave the event of it; a dead ledger cannot stop the return."""
    at = tick.time.actual if tick.services.local_clock else tick.services.clock()
    run = replace(run, finished_at=at)
    event = ended_event(ledger.project, run, at)
    try:
        if run.state is RunState.REFUSED:  # nobody needs to hear of it
            ledger.record_evidence(event)
        else:
            ledger.record_event(event)
        ledger.put_run(run)
    except Exception as error:  # the run has ended all the same, and the next project waits
        _LOG.exception("the run's end could not be recorded", extra={"run_id": run.run_id})
        problem = str(error) if isinstance(error, BackupError) else unexpected_problem(error)
        return replace(run, state=RunState.FAILED, error=run.error or problem)
    return run


def ended_event(project: str, run: Run, at: datetime) -> DomainEvent:
    """The event of a run that has ended."""
    return DomainEvent.of(
        "run.failed" if run.state in (RunState.FAILED, RunState.LOST) else "run.completed",
        run.run_id,
        project=project,
        at=at,
        run_id=run.run_id,
        kind=str(run.kind),
        state=str(run.state),
        actor=run.actor,
        trigger=str(run.trigger),
        time=run.time.isoformat(),
        policy_version=run.policy_version,
        error=run.error,
        summary=dict(run.summary),
    )


def _observed(control: Control, subject: str, title: str, error: BackupError) -> Observation:
    return Observation.of(
        control,
        subject,
        title=title,
        diagnosis=error.problem,
        action=error.next_step or "The next run tries again.",
    )
