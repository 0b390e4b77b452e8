"""A project at Pinecone's maximum, of which everything is due: for its runs' times and calls."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from local.simulator import DEFAULT_KEY
from pinecone_backup.adapters.http import new_http_client
from pinecone_backup.adapters.ledger import DynamoLedger
from pinecone_backup.adapters.pinecone.client import PineconeClient
from pinecone_backup.model import PruneMode, RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.records import Run
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import validate_policy
from pinecone_backup.usecases.audit import audit_project
from pinecone_backup.usecases.create import create_backups
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import prune
from pinecone_backup.wiring.projects import LEDGER_CONCURRENCY
from tests.support.container import MemoryMetrics, MemoryObjects
from tests.support.pinecone_transport import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from local.simulator import Simulator
    from pinecone_backup.usecases.runs import Result
    from tests.support.table import MemoryTable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
INDEXES, EACH, KEPT = 200, 5, 3
PINECONE_SECONDS, AWS_SECONDS, CONCURRENCY = 0.15, 0.008, 8
QUOTA = 2 * INDEXES * EACH
OWNER = "benchmark"
LOOSE = {"count": 10_000, "percent": 100}
DOCUMENT = validate_policy(
    {
        "projects": [{"name": "main", "quota": QUOTA}],
        "policies": [
            {
                "name": "daily",
                "cron": "0 3 * * *",
                "max_age": "26h",
                "retention": {"keep_last": KEPT},
            }
        ],
        "assignments": [{"policy": "daily"}],
        "limits": {"per_run": LOOSE, "per_index": LOOSE},
    }
)


def seed(simulator: Simulator, indexes: int = INDEXES) -> None:
    """Fill the simulator's project: each index with ``EACH`` daily backups, one more is due."""
    simulator.project.backup_quota = QUOTA
    for number in range(indexes):
        name = f"index-{number:03}"
        simulator.project.seed_index(name, created_at=NOW - timedelta(days=60), records=10)
        for age in range(1, EACH + 1):
            at = NOW - timedelta(days=age, hours=9)
            marker = Marker(OWNER, "daily", at, f"run-{age}", 1)
            simulator.project.seed_backup(
                name, name=marker.name_for(name), description=str(marker), created_at=at
            )


class Deployment:
    """One deployment: its runs over the project at ``url``, with a ledger in the table."""

    def __init__(self, url: str, table: MemoryTable) -> None:
        self.http = new_http_client(max_connections=CONCURRENCY)
        self.plane = PineconeClient(
            Key(DEFAULT_KEY),
            base_url=url,
            http=self.http,
            concurrency=CONCURRENCY,
        )
        self.ledger = DynamoLedger(
            cast("DynamoDBClient", table), "ledger", "main", concurrency=LEDGER_CONCURRENCY
        )
        self.objects = MemoryObjects()
        self.until = time.monotonic() + 900

    def left(self) -> float:
        return self.until - time.monotonic()

    def context(self, kind: RunKind) -> RunContext:
        time_ = RunTime(scheduled_at=NOW, actual=NOW)
        return RunContext(f"{kind}-1", kind, "main", OWNER, time_, TriggerKind.SCHEDULE, "schedule")

    def audit(self) -> Result:
        return audit_project(
            self.context(RunKind.AUDIT),
            self.plane,
            self.ledger,
            self.objects,
            MemoryMetrics(),
            document=DOCUMENT,
            policy_version="v1",
            time_left=self.left,
            stack="benchmark",
        )

    def settle(self) -> None:
        """Have the first prune of a ledger behind us: it deletes nothing (rule D3)."""
        ended = self.prune()
        run = Run("prune-0", RunKind.PRUNE, TriggerKind.SCHEDULE, "schedule", ended.state, NOW, NOW)
        self.ledger.put_run(run)

    def prune(self) -> Result:
        return prune(
            self.context(RunKind.PRUNE),
            PruneServices(
                self.plane, self.ledger, self.objects, lambda _: DOCUMENT, time_left=self.left
            ),
            document=DOCUMENT,
            policy_version="v1",
            mode=PruneMode.ENFORCE,
        )

    def create(self) -> Result:
        return create_backups(
            self.context(RunKind.CREATE),
            self.plane,
            self.ledger,
            DOCUMENT,
            "v1",
            time_left=self.left,
        )
