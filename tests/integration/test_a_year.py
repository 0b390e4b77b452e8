"""A year of ticks in which calls fail and functions are killed: nothing wrong, nothing stuck.

``make test`` simulates a few days, always the same; ``make test-faults`` a year, by several seeds.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest

from pinecone_backup.model import RunKind
from tests.support.creating import document, policy
from tests.support.faulty import Deployment, Line, faults_of

WHOLE = os.environ.get("FAULTS") == "all"
DAYS = 365 if WHOLE else 4
SEEDS = range(2) if WHOLE else range(1)
SHARE = 0.01
"""Of all calls so many fail in spite of the clients' own repetitions."""
QUOTA = 150
POLICIES = {
    "often": policy("often", cron="0 */6 * * *", retention={"keep_last": 4, "keep_daily": 3}),
    "daily": policy("daily", cron="30 2 * * *", max_age="30h", retention={"keep_daily": 7}),
    "weekly": policy(
        "weekly", cron="0 4 * * 0", max_age="8d", retention={"keep_weekly": 4}, floor=2
    ),
    "few": policy(
        "few",
        cron="0 12 * * *",
        max_age="30h",
        retention={"expire_after_days": 5, "min_count": 2, "max_count": 6},
    ),
}
INDEXES = {f"{name}-{number}": name for name in POLICIES for number in range(3)}
KEPT_AT_MOST = {"often": 8, "daily": 9, "weekly": 6, "few": 8}
"""What the retention keeps of an index, and what may wait for the next prune."""


def deployment() -> Deployment:
    assignments = [{"index": index, "policy": name} for index, name in INDEXES.items()]
    made = Deployment(
        document(*POLICIES.values(), assignments=assignments, quota=QUOTA), quota=QUOTA
    )
    for index in INDEXES:
        made.pinecone.add_index(index)
    return made


@dataclass
class Year:
    """What a year left, and what was seen on its days."""

    deployment: Deployment
    most_backups: int
    sizes: dict[int, int]
    refused_in_a_row: int


def live(seed: int, days: int = DAYS) -> Year:
    """A create every two hours, a prune every six hours and an audit each day, under faults."""
    world, random = deployment(), Random(seed)  # noqa: S311

    def chance(call: str) -> str:
        return random.choice(faults_of(call)) if random.random() < SHARE else ""

    year = Year(world, 0, {}, 0)
    for day in range(days):
        for hour in range(0, 24, 2):
            world.run(RunKind.CREATE, Line(chance=chance))
            world.pass_(minutes=30)
            if hour % 6 == 4:
                world.run(RunKind.PRUNE, Line(chance=chance))
            if hour == 22:
                world.run(RunKind.AUDIT, Line(chance=chance))
            world.pass_(minutes=90)
        world.expire()
        year.most_backups = max(year.most_backups, len(world.pinecone.rows))
        year.sizes[day] = world.size()
    world.rounds(2)  # without faults
    return year


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(seed, marks=pytest.mark.xdist_group(f"year-{seed}"))  # lived once
        for seed in SEEDS
    ],
)
def year(request: pytest.FixtureRequest) -> Year:
    return live(request.param)


def test_creation_never_stops(year: Year) -> None:
    """Every index has a backup of each of its last slots; no slot has two."""
    world = year.deployment
    made = Counter(world.slots())

    assert [slot for slot, count in made.items() if count > 1] == []
    for index, name in INDEXES.items():
        slots = [slot for each, slot in made if each == index]
        expected = {"often": 4, "daily": 1, "weekly": 1 / 7, "few": 1}[name] * DAYS
        assert len(slots) > 0.9 * expected - 2, index


def test_the_quota_never_fills(year: Year) -> None:
    """No plan waits for ever: prunes go on."""
    kept = Counter(row.index_name for row in year.deployment.pinecone.rows.values())

    assert {
        index: kept[index] for index, name in INDEXES.items() if kept[index] > KEPT_AT_MOST[name]
    } == {}
    assert year.most_backups < QUOTA


def test_nothing_is_deleted_that_the_retention_keeps(year: Year) -> None:
    """The newest backups of each index are there, in a row."""
    world = year.deployment
    newest = {"often": 4, "daily": 7, "weekly": 4, "few": 4}
    for index, name in INDEXES.items():
        made = [row for row in world.pinecone.ever.values() if row.index_name == index]
        last = made[-newest[name] :]
        assert [row.name for row in last if row.backup_id not in world.pinecone.rows] == [], index


def test_every_creation_and_every_deletion_is_announced_and_explained(year: Year) -> None:
    world = year.deployment
    made = set(world.pinecone.ever)

    assert set(world.announced("backup.created")) == made
    assert set(world.announced("backup.deleted")) == made - set(world.pinecone.rows)
    assert world.unexplained() == []


def test_findings_are_few_and_end(year: Year) -> None:
    """A finding that stays open is announced once a day."""
    world = year.deployment
    repeated = [event for event in world.bus.published if event.type == "finding.repeated"]

    assert sorted(world.open_findings()) == []
    assert len({event.event_id for event in repeated}) < 5 * DAYS


def test_the_ledger_stops_growing(year: Year) -> None:
    """What is written is deleted again, but for the history."""
    assert year.sizes[DAYS - 1] < 300 * DAYS
    assert year.deployment.leftovers()["OUTBOX#"] == 0
