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
from typing import TYPE_CHECKING, Any

from pinecone import Pinecone, RetryConfig

from local.simulator import DEFAULT_KEY, Fault, Simulator, serve_simulator
from tests.support.table import MemoryTable
from tests.support.whole_project import (
    AWS_SECONDS,
    EACH,
    KEPT,
    NOW,
    PINECONE_SECONDS,
    Deployment,
    seed,
)

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


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
    seed(simulator)
    simulator.faults.add(Fault(kind="latency", seconds=seconds, times=None))
    with serve_simulator(simulator) as url:
        pipe.send(url)
        while pipe.recv() == "count":
            pipe.send(sum(simulator.requests.counts().values()))
            simulator.requests.clear()


class Ours(Deployment):
    """Ours, with a ledger that answers as late as DynamoDB does."""

    def __init__(self, url: str) -> None:
        super().__init__(url, SlowTable())


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


def measured(side: type[Ours | Script], seconds: float) -> dict[str, tuple[float, float, int]]:
    """Each kind of run over a project of its own: seconds, those of the processor, calls."""
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
            began, worked = time.perf_counter(), time.process_time()
            getattr(one, kind)()
            took, worked = time.perf_counter() - began, time.process_time() - worked
            ours.send("count")
            found[kind] = took, worked, ours.recv()
    finally:
        ours.send("stop")
        server.join()
    return found


def main(seconds: float) -> None:
    logging.disable(logging.WARNING)
    script, ours = (measured(side, seconds) for side in (Script, Ours))
    print("run       script  calls    ours  calls  processor  times faster")
    for kind, (took, _, calls) in script.items():
        mine, worked, asked = ours[kind]
        print(
            f"{kind:8} {took:7.1f} {calls:6} {mine:7.1f} {asked:6} {worked:10.1f}"
            f" {took / mine:13.1f}"
        )
    together = [sum(took for took, _, _ in side.values()) for side in (script, ours)]
    print(f"together {together[0]:7.1f} {together[1]:14.1f} {together[0] / together[1]:31.1f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else PINECONE_SECONDS)
