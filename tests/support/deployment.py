"""One deployment with one project, whose runs are run as a function's are."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import RunFailed
from pinecone_backup.model import TICKED, PruneMode, RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.triggers import RunRequest
from pinecone_backup.usecases.audit import audit_project
from pinecone_backup.usecases.create import create_backups
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import prune
from pinecone_backup.usecases.restore_test import run_restores
from pinecone_backup.usecases.restores import comparison
from pinecone_backup.usecases.runs import Job, RunServices, run_projects
from tests.support.container import (
    MemoryBus,
    MemoryEvidence,
    MemoryMetrics,
    MemoryObjects,
    MemoryPolicies,
    MemoryProjects,
)
from tests.support.ledger import MemoryLedger

if TYPE_CHECKING:
    from local.simulator import Simulator
    from pinecone_backup.ports import ControlPlane
    from pinecone_backup.records import Run

OWNER = "stack-a"


def document() -> PolicyDocument:
    """Hourly backups of every index, of which the last three stay; no limit binds."""
    loose = {"count": 10_000, "percent": 100}
    return validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [
                {
                    "name": "hourly",
                    "cron": "0 * * * *",
                    "max_age": "9h",
                    "retention": {"keep_last": 3},
                }
            ],
            "assignments": [{"policy": "hourly"}],
            "limits": {"per_run": loose, "per_index": loose},
        }
    )


@dataclass
class Deployment:
    """Create, prune and audit on the simulated project, the only one of the document."""

    simulator: Simulator
    control_plane: ControlPlane
    document: PolicyDocument = field(default_factory=document)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    whole: MemoryLedger = field(default_factory=lambda: MemoryLedger("*"))
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    bus: MemoryBus = field(default_factory=MemoryBus)
    metrics: MemoryMetrics = field(default_factory=MemoryMetrics)
    evidence: MemoryEvidence | None = None
    mode: PruneMode = PruneMode.ENFORCE
    runs: int = 0

    def run(self, kind: RunKind) -> Run:
        """One run at the simulated time; its record."""
        self.runs += 1
        now = self.simulator.clock.now()
        services = RunServices(
            owner=OWNER,
            clock=self.simulator.clock.now,
            ledger_of=lambda project: self.whole if project == "*" else self.ledger,
            projects=MemoryProjects("main"),
            policies=MemoryPolicies(lambda: (self.document, "v1"), {"v1": self.document}),
            bus=self.bus,
            metrics=self.metrics,
            evidence=self.evidence,
        )
        works = {
            RunKind.CREATE: self._create,
            RunKind.PRUNE: self._prune,
            RunKind.AUDIT: self._audit,
            RunKind.RESTORE_TEST: self._restore_test,
        }
        request = RunRequest(
            trigger=TriggerKind.SCHEDULE,
            actor="schedule",
            time=now,
            now=None,
            project=None,
            run_id=f"{now:%Y%m%dt%H%M%Sz}-{kind.replace('_', '-')}-{self.runs:06x}",
        )
        with contextlib.suppress(RunFailed):
            run_projects(services, kind, request, works[kind])
        run = self.ledger.run(str(request.run_id))
        assert run is not None
        return run

    def all_runs(self) -> dict[RunKind, str]:
        """One run of each kind that schedules start: how each ended."""
        return {kind: str(self.run(kind).state) for kind in TICKED}

    def later(self, **units: float) -> None:
        self.simulator.clock.advance(timedelta(**units))

    def context(self, kind: RunKind = RunKind.CREATE) -> RunContext:
        """Somebody's request, at the simulated time."""
        now = self.simulator.clock.now()
        return RunContext(
            "asked-1", kind, "main", OWNER, RunTime(now, now), TriggerKind.API, "alice"
        )

    def seed(self, index: str, *, hours_ago: float) -> str:
        """A Ready backup that this deployment made by its policy; its id."""
        at = self.simulator.clock.now() - timedelta(hours=hours_ago)
        marker = Marker(OWNER, "hourly", at, "run-0", 1)
        backup = self.simulator.project.seed_backup(
            index, name=marker.name_for(index), description=str(marker), created_at=at
        )
        return backup.backup_id

    def open_findings(self) -> dict[tuple[str, str], str]:
        """The severity of what is open, by control and subject."""
        return {
            (found.control, found.subject): str(found.severity)
            for found in self.ledger.findings()
            if found.open
        }

    def listed(self) -> set[str]:
        """The backups that are there once every deletion has taken effect."""
        later = self.simulator.clock.now() + timedelta(days=1)
        return {row.backup_id for row in self.simulator.project.backups if row.exists(later)}

    def _create(self, job: Job) -> Any:
        return create_backups(
            job.context,
            self.control_plane,
            job.ledger,
            job.document,
            job.policy_version,
            time_left=lambda: 900.0,
        )

    def _prune(self, job: Job) -> Any:
        services = PruneServices(
            control_plane=self.control_plane,
            ledger=job.ledger,
            store=self.objects,
            policy_version=lambda _: self.document,
            time_left=lambda: 900.0,
        )
        return prune(
            job.context,
            services,
            document=job.document,
            policy_version=job.policy_version,
            mode=self.mode,
        )

    def _restore_test(self, job: Job) -> Any:
        return run_restores(
            job.context,
            self.control_plane,
            job.ledger,
            job.document,
            look_at=comparison(self.control_plane, job.ledger, clock=self.simulator.clock.now),
            time_left=lambda: 900.0,
        )

    def _audit(self, job: Job) -> Any:
        return audit_project(
            job.context,
            self.control_plane,
            job.ledger,
            self.objects,
            self.metrics,
            document=job.document,
            policy_version=job.policy_version,
            time_left=lambda: 900.0,
            stack="backups",
        )
