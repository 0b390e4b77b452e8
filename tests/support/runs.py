"""Runs of projects in tests: over memory, as one tick or message by message."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.records import Run, RunState
from pinecone_backup.rules.policy import validate_policy
from pinecone_backup.triggers import RunRequest, read_trigger
from pinecone_backup.usecases.runs import Job, RunServices, run_projects
from tests.support.container import MemoryBus, MemoryMetrics, MemoryPolicies, MemoryProjects
from tests.support.ledger import MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class MemoryQueue:
    """A ``RunQueue``: the bodies of its messages, in order."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send(self, request: RunRequest) -> None:
        self.bodies.append(request.model_dump_json(exclude_defaults=True))

    def take(self) -> list[str]:
        """All messages, which are then gone from the queue."""
        taken, self.bodies = self.bodies, []
        return taken


@dataclass
class Done:
    state: RunState = RunState.SUCCEEDED
    summary: dict[str, Any] = field(default_factory=lambda: {"created": 1})
    unexpected: dict[str, str] = field(default_factory=dict)


class World:
    """Runs over memory, and what became of them."""

    def __init__(self, *projects: str) -> None:
        self.document = validate_policy(
            {"projects": [{"name": name} for name in projects or ("main",)]}
        )
        self.ledgers: dict[str, MemoryLedger] = {}
        self.bus = MemoryBus()
        self.metrics = MemoryMetrics()
        self.projects = MemoryProjects()
        self.policies = MemoryPolicies(lambda: (self.document, "v1"))
        self.jobs: list[Job] = []
        self.local_clock = False
        self.now = NOW
        self.queue: MemoryQueue | None = None

    def ledger(self, project: str = "main") -> MemoryLedger:
        return self.ledgers.setdefault(project, MemoryLedger(project))

    def run(
        self,
        work: Callable[[Job], Done] | None = None,
        *,
        kind: RunKind = RunKind.CREATE,
        time: datetime | None = None,
        now: datetime | None = None,
        project: str | None = None,
        run_id: str | None = None,
        request: RunRequest | None = None,
    ) -> dict[str, Any]:
        def kept(job: Job) -> Done:
            self.jobs.append(job)
            return work(job) if work else Done()

        services = RunServices(
            owner="stack-a",
            clock=lambda: self.now,
            ledger_of=self.ledger,
            projects=self.projects,
            policies=self.policies,
            bus=self.bus,
            metrics=self.metrics,
            local_clock=self.local_clock,
            queue=self.queue,
        )
        request = request or RunRequest(
            trigger=TriggerKind.SCHEDULE,
            actor="schedule",
            time=time,
            now=now,
            project=project,
            run_id=run_id,
        )
        return run_projects(services, kind, request, kept)

    def only_run(self, project: str = "main") -> Run:
        (run,) = self.ledger(project).runs()
        return run

    def open_findings(self, project: str = "main") -> list[str]:
        return [finding.control for finding in self.ledger(project).findings() if finding.open]

    def message(
        self,
        body: str,
        work: Callable[[Job], Done] | None = None,
        *,
        kind: RunKind = RunKind.CREATE,
    ) -> dict[str, Any]:
        """Work off one message of the queue, as Lambda hands it over."""
        event = {"Records": [{"messageId": "m-1", "eventSource": "aws:sqs", "body": body}]}
        return self.run(work, kind=kind, request=read_trigger(event, kind))
