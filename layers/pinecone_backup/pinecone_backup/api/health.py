"""Health: can everything be reached that a run needs?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pinecone_backup.api.models import Nothing, Output
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.errors import (
    BackupError,
    ConfigurationError,
    LeaseHeld,
    LedgerError,
    StoreUnavailable,
)
from pinecone_backup.model import TICKED, PruneMode, RunKind
from pinecone_backup.records import RunState

if TYPE_CHECKING:
    from pinecone_backup.ports import Ledger
    from pinecone_backup.rules.policy import Project

route = Routes("Health")
_AT_ONCE = 8
_LEASE = timedelta(seconds=5)

type _Check = Literal["pass", "fail"]
type _Reach = Literal["pass", "fail", "unknown"]


class LastRun(Output):
    """The last completed run of a kind."""

    run_id: str
    state: RunState
    time: datetime
    finished_at: datetime | None


class ProjectHealth(Output):
    """Whether one project can be looked after."""

    name: str
    secret: Literal["pass", "fail", "unknown"]
    """Whether the secret could be read and holds something like a key."""
    pinecone: Literal["pass", "fail", "unknown"]
    """Whether Pinecone answered with that key."""
    ledger: Literal["pass", "fail"]
    """Whether the ledger could be written."""
    problems: list[str]
    last_runs: dict[RunKind, LastRun | None]


class DeploymentHealth(Output):
    """Whether everything can be reached."""

    status: Literal["pass", "fail"]
    at: datetime
    stack: str
    owner: str
    prune_mode: PruneMode
    policy: Literal["pass", "fail"]
    policy_version: str
    problems: list[str]
    projects: list[ProjectHealth]


@route("GET", "/v1/health", access=Access.READ, gives=DeploymentHealth)
def health(call: Call, _: Nothing) -> DeploymentHealth:
    """Report whether everything can be reached.

    The answer is 200 either way: ``status`` says how it stands. For each project the secret is
    read, Pinecone is asked for one row, and the ledger is written.
    """
    services, settings = call.container.services, call.container.settings
    problems: list[str] = []
    projects: list[ProjectHealth] = []
    policy_version = ""
    try:
        document, policy_version = call.policy()
    except (ConfigurationError, StoreUnavailable) as error:
        problems.append(str(error))
    else:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            projects = list(pool.map(lambda each: _project(call, each), document.projects))
    fine = not problems and not any(project.problems for project in projects)
    return DeploymentHealth(
        status="pass" if fine else "fail",
        at=call.now,
        stack=settings.stack_name,
        owner=services.owner,
        prune_mode=settings.prune_mode,
        policy="fail" if problems else "pass",
        policy_version=policy_version,
        problems=problems,
        projects=projects,
    )


def _project(call: Call, project: Project) -> ProjectHealth:
    problems: list[str] = []
    ledger = call.container.services.ledger_of(project.name)
    readable, pinecone = _pinecone(call, project, problems)
    writable, last_runs = _ledger(call, ledger, problems)
    return ProjectHealth(
        name=project.name,
        secret=readable,
        pinecone=pinecone,
        ledger=writable,
        problems=problems,
        last_runs=last_runs,
    )


def _pinecone(call: Call, project: Project, problems: list[str]) -> tuple[_Reach, _Reach]:
    """Whether the secret can be read, and whether Pinecone answers with what it holds."""
    try:
        call.container.control_plane(project).project_backups_page(limit=1, token=None)
    except ConfigurationError as error:
        problems.append(str(error))
        return "fail", "unknown"
    except StoreUnavailable as error:
        problems.append(str(error))
        return "unknown", "unknown"
    except BackupError as error:
        problems.append(str(error))
        return "pass", "fail"
    return "pass", "pass"


def _ledger(
    call: Call, ledger: Ledger, problems: list[str]
) -> tuple[_Check, dict[RunKind, LastRun | None]]:
    last_runs: dict[RunKind, LastRun | None] = {}
    try:
        _write(ledger, call)
        for kind in TICKED:
            run = ledger.last_completed(kind)
            last_runs[kind] = LastRun.model_validate(run) if run else None
    except LedgerError as error:
        problems.append(str(error))
        return "fail", last_runs
    return "pass", last_runs


def _write(ledger: Ledger, call: Call) -> None:
    try:
        ledger.acquire_lease("health", holder=call.request_id, now=call.now, ttl=_LEASE)
        ledger.release_lease("health", holder=call.request_id)
    except LeaseHeld:
        return  # somebody else wrote it just now
