"""What happened is appended once and in order, whatever breaks in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from pinecone_backup.errors import StoreUnavailable
from pinecone_backup.model import DomainEvent
from pinecone_backup.rules.findings import Control
from pinecone_backup.usecases.evidence import append_evidence, record_heartbeat
from tests.support.backups import NOW
from tests.support.container import MemoryEvidence
from tests.support.ledger import MemoryLedger


class World:
    def __init__(self) -> None:
        self.store = MemoryEvidence()
        self.deployment, self.main = MemoryLedger("*"), MemoryLedger("main")

    def append(self) -> None:
        ledgers = [self.deployment, self.main]
        append_evidence("stack-a", self.store, self.deployment, ledgers, NOW)

    def happen(self, number: int, ledger: MemoryLedger | None = None) -> str:
        ledger = ledger or self.main
        at = NOW + timedelta(minutes=number)
        event = DomainEvent.of("run.completed", str(number), project=ledger.project, at=at)
        ledger.record_event(event)
        return event.event_id

    def open(self) -> list[str]:
        return [each.control for each in self.deployment.findings() if each.open]


@pytest.fixture
def world() -> World:
    return World()


def test_what_happened_in_every_ledger_is_appended_in_order(world: World) -> None:
    second, first = world.happen(2), world.happen(1, world.deployment)
    world.append()
    third = world.happen(3)
    world.append()
    assert world.store.event_ids() == [first, second, third]
    assert world.main.waiting_evidence(limit=9) == []


def test_without_news_nothing_is_written(world: World) -> None:
    world.append()
    assert world.store.objects == {}


def test_the_same_event_is_appended_once(world: World) -> None:
    first = world.happen(1)
    world.append()
    world.happen(1)
    world.append()
    assert world.store.event_ids() == [first]


@pytest.mark.parametrize("method", ["save_evidence_head", "drop_evidence", "evidence_head"])
def test_a_crash_at_any_step_is_made_good_by_the_next_run(
    world: World, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.happen(1)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        for ledger in (world.deployment, world.main):
            broken.setattr(ledger, method, killed)
        with pytest.raises(KeyboardInterrupt):
            world.append()
    second = world.happen(2)
    world.append()

    assert world.store.event_ids() == [first, second]
    assert world.main.waiting_evidence(limit=9) == []


def test_of_two_at_once_each_event_is_appended_once(world: World) -> None:
    expected = [world.happen(number) for number in range(30)]
    with ThreadPoolExecutor(4) as pool:
        for ended in [pool.submit(world.append) for _ in range(4)]:
            ended.result()
    assert world.store.event_ids() == expected


def test_a_store_that_is_away_stops_nothing_and_loses_nothing(world: World) -> None:
    first = world.happen(1)

    def away() -> None:
        raise StoreUnavailable("The bucket is away")

    world.store.fail = away
    world.append()
    assert world.open() == [Control.EVIDENCE_WAITING]

    world.store.fail = lambda: None
    world.append()
    assert world.open() == []
    assert first in world.store.event_ids()


def test_evidence_that_was_changed_is_never_continued(world: World) -> None:
    world.happen(1)
    world.append()
    (key,) = world.store.objects
    world.store.objects[key] = world.store.objects[key].replace(b"run.completed", b"run.erased")
    world.happen(2)
    world.append()
    assert world.open() == [Control.EVIDENCE_WAITING]
    assert list(world.store.objects) == [key]


def test_a_lost_head_is_found_again_from_the_segments(world: World) -> None:
    expected = [world.happen(1)]
    world.append()
    expected.append(world.happen(2))
    world.append()
    del world.deployment.table.items["HEAD#evidence"]
    expected.append(world.happen(3))
    world.append()
    assert world.store.event_ids() == expected


def test_a_heartbeat_says_once_a_day_where_the_chain_stands(world: World) -> None:
    world.happen(1)
    world.append()
    head = world.deployment.evidence_head()
    assert head is not None
    for hours in (0, 1, 24):
        record_heartbeat(world.deployment, NOW + timedelta(hours=hours))
    beats = [event for event in world.deployment.events if event.type == "deployment.heartbeat"]
    assert [event.data["evidence_head"] for event in beats] == [f"1:{head.hash}"] * 2
