"""Several appenders of evidence at once, whose calls fail and who are killed: each event once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from pinecone_backup.adapters.ledger import DynamoLedger
from pinecone_backup.model import DomainEvent
from pinecone_backup.usecases.evidence import append_evidence
from tests.support.backups import NOW
from tests.support.container import MemoryEvidence
from tests.support.faulty import BREAKS, Chances, Line, Through
from tests.support.table import MemoryTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from pinecone_backup.ports import EvidenceStore

APPENDERS, EVENTS_EACH = 5, 20
DEPLOYMENT, PROJECT = "*", "main"


class World:
    """What all appenders share: a table per ledger, and the store.

    Attributes:
        written: The events of which an appender knows that they were written down.
    """

    def __init__(self) -> None:
        self.tables = {DEPLOYMENT: MemoryTable(), PROJECT: MemoryTable()}
        self.store = MemoryEvidence()
        self.written: list[str] = []

    def run(self, event: DomainEvent, line: Line) -> None:
        """A process of its own: something happens, and all that waits is appended."""
        with suppress(*BREAKS):
            self.ledger(PROJECT, line).record_event(event)
            self.written.append(event.event_id)
            self.append(line)

    def append(self, line: Line) -> None:
        store = cast("EvidenceStore", Through("s3", self.store, lambda: line))
        deployment, main = self.ledger(DEPLOYMENT, line), self.ledger(PROJECT, line)
        append_evidence("stack-a", store, deployment, [deployment, main], NOW)

    def ledger(self, project: str, line: Line) -> DynamoLedger:
        table = Through("dynamodb", self.tables[project], lambda: line)
        return DynamoLedger(cast("DynamoDBClient", table), "ledger", project, pause=lambda _: None)

    def keys(self, prefix: str) -> list[str]:
        """What stands behind a prefix, in both ledgers."""
        return [
            key.removeprefix(prefix)
            for table in self.tables.values()
            for key in table.items
            if key.startswith(prefix)
        ]


def happened(appender: int, number: int) -> DomainEvent:
    at = NOW + timedelta(seconds=number)
    return DomainEvent.of("run.completed", f"{appender}-{number}", project=PROJECT, at=at)


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    """Let another thread go on after almost every step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize(("failing", "killing"), [(0, 0), (0.05, 0), (0.2, 0.03)])
def test_of_five_at_once_each_event_is_appended_once(failing: float, killing: float) -> None:
    world = World()

    def appender(own: int) -> None:
        chances = Chances(Random(own), failing, 0, killing)  # noqa: S311
        for number in range(EVENTS_EACH):
            world.run(happened(own, number), Line(chances=chances))

    with ThreadPoolExecutor(APPENDERS) as pool:
        list(pool.map(appender, range(APPENDERS)))
    world.append(Line())

    recorded = world.keys("EVENT#")
    assert sorted(world.store.event_ids()) == sorted(recorded)  # reading the chain verifies it
    assert set(world.written) <= set(recorded)
    assert world.keys("EVIDENCE#") == []
