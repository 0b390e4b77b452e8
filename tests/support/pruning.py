"""One stack's pruning in tests: its ledger, bucket and client over a simulated Pinecone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import BackupError, SubjectUnknown
from pinecone_backup.model import PruneMode, RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.records import PlanApproval, PlanState, Run, RunState
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import PruneOutcome, prune
from pinecone_backup.usecases.runs import time_in_id
from tests.support.backups import signed
from tests.support.container import MemoryObjects
from tests.support.ledger import MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.simulator import Simulator
    from pinecone_backup.ports import ControlPlane


def document(
    *,
    retention: dict[str, Any] | None = None,
    assign: bool = True,
    limits: dict[str, Any] | None = None,
    orphans: dict[str, Any] | None = None,
    **policy: Any,
) -> PolicyDocument:
    """A policy document with one policy, ``standard``, for all indexes; no limit binds."""
    loose = {"count": 10_000, "percent": 100}
    return validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [
                {
                    "name": "standard",
                    "cron": "0 3 * * *",
                    "max_age": "26h",
                    "retention": retention or {"keep_last": 3},
                    **policy,
                }
            ],
            "assignments": [{"policy": "standard"}] if assign else [],
            "limits": limits or {"per_run": loose, "per_index": loose},
            "orphans": orphans or {},
        }
    )


class Objects(MemoryObjects):
    """A bucket that lets a test step in between planning and acting, when the plan is put."""

    def __init__(self) -> None:
        super().__init__()
        self.before_put: Callable[[], object] = lambda: None

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        self.before_put()
        super().put(key, body, content_type=content_type)


@dataclass
class Stack:
    """One deployment of ours on the simulated project."""

    simulator: Simulator
    control_plane: ControlPlane
    owner: str = "stack-a"
    document: PolicyDocument = field(default_factory=document)
    version: str = "v1"
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    objects: Objects = field(default_factory=Objects)
    documents: dict[str, PolicyDocument] = field(default_factory=dict)
    time_left: float = 900.0
    runs: int = 0

    def seed(
        self,
        index: str,
        *,
        days_ago: float = 0,
        policy: str | None = "standard",
        owner: str | None = None,
        **properties: Any,
    ) -> str:
        """A backup that a deployment of the product made; its id."""
        at = self.simulator.clock.now() - timedelta(days=days_ago)
        marker = Marker(owner or self.owner, policy, at, "run-0", 1)
        backup = self.simulator.project.seed_backup(
            index,
            **signed(marker, index),
            created_at=at,
            **properties,
        )
        return backup.backup_id

    def seed_days(self, index: str, days: int, **properties: Any) -> list[str]:
        """A backup a day, today's first; their ids, newest first."""
        if all(known.name != index for known in self.simulator.project.indexes):
            self.simulator.project.seed_index(index, created_at=datetime(2020, 1, 1, tzinfo=UTC))
        return [self.seed(index, days_ago=day, **properties) for day in range(days)]

    def services(self, **changes: Any) -> PruneServices:
        return replace(
            PruneServices(
                control_plane=self.control_plane,
                ledger=self.ledger,
                store=self.objects,
                policy_version=self.load_version,
                time_left=lambda: self.time_left,
            ),
            **changes,
        )

    def load_version(self, policy_version: str) -> PolicyDocument:
        if policy_version not in self.documents:
            raise SubjectUnknown(f"There is no policy version {policy_version}")
        return self.documents[policy_version]

    def run(
        self,
        mode: PruneMode = PruneMode.ENFORCE,
        *,
        digest: str | None = None,
        now: datetime | None = None,
        actual: datetime | None = None,
        **changes: Any,
    ) -> PruneOutcome:
        """One prune, recorded as ``usecases.runs`` records it."""
        self.runs += 1
        self.documents[self.version] = self.document
        real = actual or self.simulator.clock.now()
        time = RunTime(scheduled_at=now or real, actual=real)
        run = Run(
            run_id=f"{time_in_id(real)}-{self.runs:04}",
            kind=RunKind.PRUNE,
            trigger=TriggerKind.SCHEDULE,
            actor="schedule",
            state=RunState.RUNNING,
            time=time.scheduled_at,
            started_at=real,
            policy_version=self.version,
        )
        context = RunContext(run.run_id, run.kind, "main", self.owner, time, run.trigger, run.actor)
        try:
            outcome = prune(
                context,
                self.services(**changes),
                document=self.document,
                policy_version=self.version,
                mode=mode,
                digest=digest,
            )
        except BackupError as error:
            self.ledger.put_run(replace(run, state=RunState.FAILED, error=str(error)))
            raise
        self.ledger.put_run(replace(run, state=outcome.state, summary=outcome.summary))
        return outcome

    def settle(self) -> None:
        """The first prune, which is a dry run (rule D3)."""
        self.run(PruneMode.DRY_RUN)

    def approve(self, digest: str, *, hours: float = 24) -> None:
        """Approve a plan straight in the ledger."""
        record = self.ledger.plan(digest)
        assert record is not None
        expires = self.simulator.clock.now() + timedelta(hours=hours)
        approval = PlanApproval("ada", "read it", self.simulator.clock.now(), expires)
        approved = replace(record, state=PlanState.APPROVED, approvals=(approval,))
        self.ledger.put_plan(approved, over=record)

    def listed(self, index: str | None = None) -> set[str]:
        """What is there once every deletion has taken effect."""
        later = self.simulator.clock.now() + timedelta(days=1)
        return {
            backup.backup_id
            for backup in self.simulator.project.backups
            if index in (None, backup.index_name) and backup.exists(later)
        }
