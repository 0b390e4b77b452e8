"""A year of ticks in which calls fail and functions are killed: nothing wrong, nothing stuck.

``make test`` lives a few days, always the same; ``make test-faults`` a year. One request in twenty
fails on the wire, where the clients try again as they do in Lambda. Beyond that some answers are
not true, and some runs are killed. Halfway a policy is changed, and nobody ever approves what
waits because of it.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import RunKind, Status
from pinecone_backup.rules.marker import Marker
from tests.support.creating import document, policy
from tests.support.faulty import Chances, Deployment, Line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pinecone_backup.rules.policy import PolicyDocument

WHOLE = os.environ.get("FAULTS") == "all"
DAYS = 365 if WHOLE else 6
SEEDS = range(2) if WHOLE else range(1)
FAILING, WRONG, KILLING = 0.05, 0.005, 0.0005
QUOTA = 150
RETENTIONS: dict[str, dict[str, Any]] = {
    "often": {"keep_last": 4, "keep_daily": 3},
    "daily": {"keep_daily": 7},
    "weekly": {"keep_weekly": 4},
    "few": {"expire_after_days": 5, "min_count": 2, "max_count": 6},
}
CRONS = {"often": "0 */6 * * *", "daily": "30 2 * * *", "weekly": "0 4 * * 0", "few": "0 12 * * *"}
OLDEST = {"often": "9h", "daily": "30h", "weekly": "8d", "few": "30h"}
A_DAY = {"often": 4.0, "daily": 1.0, "weekly": 1 / 7, "few": 1.0}
INDEXES = {f"{name}-{number}": name for name in RETENTIONS for number in range(3)}
KEPT_AT_MOST = {"often": 8, "daily": 9, "weekly": 6, "few": 8}
"""What the retention keeps of an index, and what may wait for the next prune."""
LASTS_A_MONTH = 2_500
"""Items of the ledger that are deleted after a month at most."""
FEWER = {"daily": {"keep_daily": 3}}
"""The change that nobody approves."""


def written(retentions: dict[str, dict[str, Any]]) -> PolicyDocument:
    policies = [
        policy(name, cron=CRONS[name], max_age=OLDEST[name], retention=retention, floor=2)
        for name, retention in retentions.items()
    ]
    assignments = [{"index": index, "policy": name} for index, name in INDEXES.items()]
    return document(*policies, assignments=assignments, quota=QUOTA)


@dataclass
class Year:
    """What a year left, and what was seen on its days.

    Attributes:
        wrong: Backups that were deleted although the retention keeps them.
        sizes: How many items the ledger had at the end of each day.
        stored: How many bytes of reports and plans the bucket had.
    """

    deployment: Deployment
    most_backups: int = 0
    wrong: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)

    def look(self) -> None:
        self.sizes.append(self.deployment.size())
        self.stored.append(sum(map(len, self.deployment.objects.objects.values())))


def live(seed: int, days: int = DAYS) -> Year:
    """A create every two hours, a prune every six hours and an audit each day, under faults."""
    world = Deployment(written(RETENTIONS), quota=QUOTA)
    for index in INDEXES:
        world.pinecone.add_index(index)
    chances = Chances(Random(seed), FAILING, WRONG, KILLING)  # noqa: S311
    year = Year(world)
    for day in range(days):
        if day == days // 2:
            world.change(written(RETENTIONS | FEWER))
        for hour in range(0, 24, 2):
            world.run(RunKind.CREATE, Line(chances=chances))
            world.pass_(minutes=30)
            if hour % 6 == 4:
                year.most_backups = max(year.most_backups, len(world.pinecone.rows))
                needed = wanted(world)
                world.run(RunKind.PRUNE, Line(chances=chances))
                year.wrong += sorted(needed - set(world.pinecone.rows))
            if hour == 22:
                world.run(RunKind.AUDIT, Line(chances=chances))
            world.pass_(minutes=90)
        world.expire()
        year.look()
    world.rounds(2)  # without faults
    return year


def wanted(world: Deployment) -> set[str]:
    """The backups that the retentions keep, counted by hand."""
    return {
        backup_id
        for index, name in INDEXES.items()
        for backup_id in _kept(RETENTIONS[name], _newest_first(world, index), world.now)
    }


def _newest_first(world: Deployment, index: str) -> list[tuple[datetime, str]]:
    """Slots and ids of an index's finished backups."""
    rows = [row for row in world.pinecone.index_backups(index) if row.status is Status.READY]
    found = [(Marker.parse(row.description), row.backup_id) for row in rows]
    return sorted(((mark.slot, each) for mark, each in found if mark is not None), reverse=True)


def _kept(
    retention: dict[str, Any], rows: list[tuple[datetime, str]], now: datetime
) -> Iterable[str]:
    yield from (each for _, each in rows[: retention.get("keep_last", 0)])
    for rule, period in (("keep_daily", "%F"), ("keep_weekly", "%G-%V")):
        newest: dict[str, str] = {}
        for at, each in rows:
            newest.setdefault(f"{at:{period}}", each)
        yield from list(newest.values())[: retention.get(rule, 0)]
    if "max_count" in retention:
        latest = now - timedelta(days=retention["expire_after_days"])
        young = [each for at, each in rows if at > latest]
        yield from young[: retention["max_count"]]
        yield from (each for _, each in rows[: retention["min_count"]])


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
    """Every index has a backup of each of its slots but a few; no slot has two."""
    made = Counter(year.deployment.slots())

    assert [slot for slot, count in made.items() if count > 1] == []
    counts = Counter(index for index, _ in made)
    assert {
        index: counts[index]
        for index, name in INDEXES.items()
        if counts[index] < 0.98 * A_DAY[name] * DAYS - 2
    } == {}


def test_the_quota_never_fills(year: Year) -> None:
    """Prunes go on, whatever waits for an approval that never comes."""
    kept = Counter(row.index_name for row in year.deployment.pinecone.rows.values())

    assert {
        index: kept[index] for index, name in INDEXES.items() if kept[index] > KEPT_AT_MOST[name]
    } == {}
    assert year.most_backups < QUOTA


def test_nothing_is_deleted_that_the_retention_keeps(year: Year) -> None:
    """Nor what only the change deletes, which nobody approved."""
    assert year.wrong == []


def test_every_creation_and_every_deletion_is_announced_and_explained(year: Year) -> None:
    world = year.deployment
    made = set(world.pinecone.ever)

    assert set(world.announced("backup.created")) == made
    assert set(world.announced("backup.deleted")) == made - set(world.pinecone.rows)
    assert world.unexplained() == []


def test_all_that_happened_is_in_the_evidence_once(year: Year) -> None:
    assert year.deployment.evidence_wrong() == {"twice": [], "missing": []}


def test_findings_are_few_and_end_but_for_the_plan_that_waits(year: Year) -> None:
    """A finding that stays open is announced once a day."""
    world = year.deployment
    events = {event.event_id: event for event in world.bus.published}
    types = Counter(event.type for event in events.values())

    assert {control for control, _ in world.open_findings()} <= {"plan-waiting"}
    assert types["plan.awaiting"] <= 1
    assert types["finding.repeated"] < 2 * DAYS


def test_what_is_stored_stops_growing(year: Year) -> None:
    """What is written is deleted again, but for the history of what was done."""
    assert year.deployment.leftovers()["OUTBOX#"] == 0
    assert year.deployment.leftovers()["EVIDENCE#"] == 0
    assert year.sizes[-1] < LASTS_A_MONTH + 60 * DAYS
    assert year.stored[-1] < 300_000 * DAYS
