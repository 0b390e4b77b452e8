"""A whole project at Pinecone's maximum, beside a sequential script on the official client.

``python -m benchmarks.concurrency [SECONDS]``: 200 indexes with 1,000 backups in a simulated
Pinecone that answers each call after 150 ms (or so many seconds), and a ledger that answers after
8 ms. Everything is due: a backup of every index, 400 deletions, an audit of all. The script makes
the same backups and deletions and reads what an audit reads, one call after the other; like the
prune, it describes the newest backup of an index before it deletes there. Both in one run, by the
wall clock.
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from pinecone import Pinecone, RetryConfig
from pydantic import SecretStr

from local.simulator import DEFAULT_KEY, Fault, Simulator, serve_simulator
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
from tests.support.container import MemoryMetrics, MemoryObjects
from tests.support.table import MemoryTable

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from mypy_boto3_dynamodb import DynamoDBClient

    from pinecone_backup.usecases.runs import Result

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
INDEXES, EACH, KEPT = 200, 5, 3
PINECONE_SECONDS, AWS_SECONDS, CONCURRENCY = 0.15, 0.008, 8
OWNER = "benchmark"
LOOSE = {"count": 10_000, "percent": 100}
DOCUMENT = validate_policy(
    {
        "projects": [{"name": "main", "quota": 2 * INDEXES * EACH}],
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


class Key:
    """The simulator's key."""

    secret_name = "main"  # noqa: S105 - the name of a secret, and no secret

    def current(self) -> SecretStr:
        return SecretStr(DEFAULT_KEY)

    def refresh(self, rejected: SecretStr) -> SecretStr:
        return rejected


class SlowTable(MemoryTable):
    """A table that answers as late as DynamoDB does."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("put_item", "get_item", "batch_get_item", "delete_item", "query") or (
            name == "transact_write_items"
        ):
            time.sleep(AWS_SECONDS)
        return super().__getattribute__(name)


def simulate(seconds: float, pipe: Connection) -> None:
    """Serve a project, in a process of its own, until the other end of the pipe closes."""
    simulator = Simulator(NOW, frozen=True)
    simulator.project.backup_quota = 2 * INDEXES * EACH
    for number in range(INDEXES):
        name = f"index-{number:03}"
        simulator.project.seed_index(name, created_at=NOW - timedelta(days=60), records=10)
        for age in range(1, EACH + 1):
            at = NOW - timedelta(days=age, hours=9)
            marker = Marker(OWNER, "daily", at, f"run-{age}", 1)
            simulator.project.seed_backup(
                name, name=marker.name_for(name), description=str(marker), created_at=at
            )
    simulator.faults.add(Fault(kind="latency", seconds=seconds, times=None))
    with serve_simulator(simulator) as url:
        pipe.send(url)
        while pipe.recv() == "count":
            pipe.send(sum(simulator.requests.counts().values()))
            simulator.requests.clear()


class Ours:
    """One deployment: its runs over the project at ``url``."""

    def __init__(self, url: str) -> None:
        self.plane = PineconeClient(
            Key(),
            base_url=url,
            http=new_http_client(max_connections=CONCURRENCY),
            concurrency=CONCURRENCY,
        )
        self.ledger = DynamoLedger(cast("DynamoDBClient", SlowTable()), "ledger", "main")
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


class Script:
    """The same by the official client, one call after the other."""

    def __init__(self, url: str) -> None:
        self.pc = Pinecone(
            api_key=DEFAULT_KEY, host=url, retry_config=RetryConfig(max_retries=0), ssl_verify=False
        )

    def names(self) -> list[str]:
        return [index.name for index in self.pc.list_indexes()]

    def audit(self) -> None:
        for name in self.names():
            list(self.pc.backups.list(index_name=name))
            list(self.pc.backup_schedules.list(index_name=name))

    def prune(self) -> None:
        for name in self.names():
            rows = sorted(
                self.pc.backups.list(index_name=name), key=lambda row: str(row.created_at)
            )
            self.pc.backups.describe(backup_id=rows[-1].backup_id)
            for row in rows[: EACH - KEPT]:
                self.pc.backups.delete(backup_id=row.backup_id)

    def create(self) -> None:
        for name in self.names():
            list(self.pc.backups.list(index_name=name))
            self.pc.backups.create(index_name=name, name="daily")


def measured(side: type[Ours | Script], seconds: float) -> dict[str, tuple[float, int]]:
    """Seconds and calls to Pinecone of each kind of run, over a project of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=simulate, args=(seconds, theirs))
    server.start()
    found = {}
    try:
        one = side(ours.recv())
        for kind in ("audit", "prune", "create"):
            if kind == "prune" and isinstance(one, Ours):
                one.settle()
                ours.send("count")
                ours.recv()
            began = time.perf_counter()
            getattr(one, kind)()
            took = time.perf_counter() - began
            ours.send("count")
            found[kind] = took, ours.recv()
    finally:
        ours.send("stop")
        server.join()
    return found


def main(seconds: float) -> None:
    logging.disable(logging.WARNING)
    script, ours = (measured(side, seconds) for side in (Script, Ours))
    print("run       script  calls    ours  calls  times faster")
    for kind, (took, calls) in script.items():
        mine, asked = ours[kind]
        print(f"{kind:8} {took:7.1f} {calls:6} {mine:7.1f} {asked:6} {took / mine:13.1f}")
    together = [sum(took for took, _ in side.values()) for side in (script, ours)]
    print(f"together {together[0]:7.1f} {together[1]:14.1f} {together[0] / together[1]:20.1f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else PINECONE_SECONDS)
