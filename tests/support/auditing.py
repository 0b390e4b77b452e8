"""One stack's audits in tests: its ledger, bucket and client over a simulated Pinecone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.simulator import Fault
from pinecone_backup.model import RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.report.model import Report
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.usecases.audit import AuditOutcome, audit_project
from tests.support.container import MemoryMetrics, MemoryObjects
from tests.support.ledger import MemoryLedger

if TYPE_CHECKING:
    from local.simulator import Simulator
    from local.simulator.state import Backup
    from pinecone_backup.adapters.pinecone.client import PineconeClient

OWNER = "stack-a"


def document(**policy: Any) -> PolicyDocument:
    """A policy document with one policy, ``standard``, for all indexes."""
    return validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [
                {
                    "name": "standard",
                    "cron": "0 3 * * *",
                    "max_age": "26h",
                    "retention": {"keep_daily": 7},
                    **policy,
                }
            ],
            "assignments": [{"policy": "standard"}],
        }
    )


@dataclass
class Auditor:
    """One deployment of ours that audits the simulated project."""

    simulator: Simulator
    control_plane: PineconeClient
    document: PolicyDocument = field(default_factory=document)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    metrics: MemoryMetrics = field(default_factory=MemoryMetrics)
    time_left: float = 900.0
    project_metrics: bool = True
    runs: int = 0

    def seed(self, index: str, *, hours_ago: float = 1, **properties: Any) -> Backup:
        """A backup that this deployment made by its policy; the index exists when missing."""
        project = self.simulator.project
        if all(known.name != index for known in project.indexes):
            project.seed_index(index, records=1000)
        at = self.simulator.clock.now() - timedelta(hours=hours_ago)
        marker = Marker(properties.pop("owner", OWNER), "standard", at, "run-0", 1)
        return project.seed_backup(
            index,
            name=marker.name_for(index),
            description=str(marker),
            created_at=at,
            **properties,
        )

    def break_down(self, operation: str, status: int, *, path: str = "*") -> None:
        """From now on Pinecone answers an operation with an error."""
        self.simulator.faults.add(
            Fault(kind="status", operation=operation, status=status, path=path, times=None)
        )

    def audit(self) -> AuditOutcome:
        """One audit at the simulated time."""
        self.runs += 1
        self.metrics.gauges.clear()
        now = self.simulator.clock.now()
        return audit_project(
            RunContext(
                run_id=f"audit-{self.runs:04}",
                kind=RunKind.AUDIT,
                project="main",
                owner=OWNER,
                time=RunTime(scheduled_at=now, actual=now),
                trigger=TriggerKind.SCHEDULE,
                actor="schedule",
            ),
            self.control_plane,
            self.ledger,
            self.objects,
            self.metrics,
            document=self.document,
            policy_version="v1",
            time_left=lambda: self.time_left,
            stack="backups",
            project_metrics=self.project_metrics,
        )

    def open_findings(self) -> dict[str, str]:
        """Subject by control, of what is open."""
        return {found.control: found.subject for found in self.ledger.findings() if found.open}

    def latest(self) -> Report:
        """The report that people are shown."""
        return Report.from_json(self.objects.get("reports/main/latest.json"))
