"""In ordinary life no plan waits for a person, and when something is wrong, it does (rule D2).

A simulated index lives through 120 prunes, six hours apart, with the default limits: its slots
become backups, and what a plan means to delete at once is deleted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.rules.plan import Action, Plan, make_plan
from pinecone_backup.rules.plan_facts import Baseline
from pinecone_backup.rules.policy import Assignment, validate_policy
from pinecone_backup.rules.policy_warnings import WarningCode, warnings
from pinecone_backup.rules.preview import PastBackup, imagined
from pinecone_backup.rules.retention import keep
from pinecone_backup.rules.slots import last_of_each_day, slots_between
from tests.support.laws import simulations

if TYPE_CHECKING:
    from pinecone_backup.rules.policy import Policy, PolicyDocument

DOCS = Path(__file__).parents[2] / "docs"
PRUNES = 120
EVERY = timedelta(hours=6)
BEGINNING = datetime(2026, 3, 1, 0, 10, tzinfo=UTC)


def ordinary(
    retention: dict[str, Any], cron: str, *, floor: int = 2, zone: str = "UTC"
) -> PolicyDocument:
    """One policy for every index, with the limits that nobody has changed."""
    policy = {
        "name": "standard",
        "cron": cron,
        "timezone": zone,
        "max_age": "30d",
        "retention": retention,
        "floor": floor,
    }
    return validate_policy(
        {
            "projects": [{"name": "main", "quota": 5000}],
            "policies": [policy],
            "assignments": [{"policy": "standard"}],
        }
    )


@dataclass
class Life:
    """A project whose policies run on time, from its first backup on."""

    document: PolicyDocument
    indexes: int = 1
    now: datetime = BEGINNING
    left: dict[str, PastBackup] = field(default_factory=dict)
    last: datetime = BEGINNING
    prunes: int = 0

    @property
    def names(self) -> list[str]:
        return [f"docs-{number}" for number in range(self.indexes)]

    def pass_time(self) -> None:
        """Six hours: every slot becomes a backup."""
        [policy] = self.document.policies
        end = self.now + EVERY
        for slot in slots_between(policy.cron or "", policy.zone, self.now, end):
            for name in self.names:
                made = PastBackup(f"{name}-{slot:%Y%m%dt%H%M}", name, slot)
                self.left[made.backup_id] = made
        self.now = end

    def plan(self, document: PolicyDocument | None = None, *, part: int = 1) -> Plan:
        """What a prune would do now; ``part`` says that only every so manyth one is listed."""
        facts = imagined(
            document or self.document,
            "main",
            list(self.left.values())[::part],
            indexes={name: {} for name in self.names},
            now=self.now,
        )
        [policy] = self.document.policies
        measure = Baseline(facts.document, "", dict.fromkeys(self.names, policy.name), self.last)
        return make_plan(replace(facts, baseline=measure))

    def prune(self, plan: Plan) -> None:
        """Delete what the plan deletes at once; the first prune of all deletes nothing (D3)."""
        self.prunes += 1
        if self.prunes > 1:
            for item in plan.items:
                if item.action is Action.DELETE:
                    del self.left[item.backup_id]
            self.last = self.now

    def settle(self) -> None:
        """Begin with what the policy keeps of years behind: its steady state."""
        [policy] = self.document.policies
        cron, zone, lately = policy.cron or "", policy.zone, self.now - timedelta(days=45)
        slots = {
            *slots_between(last_of_each_day(cron), zone, self.now - timedelta(days=1500), lately),
            *slots_between(cron, zone, lately, self.now),
        }
        rows = [(slot.isoformat(), slot) for slot in sorted(slots, reverse=True)]
        kept = keep(rows, policy.retention, zone, self.now).keys()
        floor = {key for key, _ in rows[: policy.floor]}
        for key in kept | floor:
            for name in self.names:
                slot = datetime.fromisoformat(key)
                made = PastBackup(f"{name}-{slot:%Y%m%dt%H%M}", name, slot)
                self.left[made.backup_id] = made

    def live(self, prunes: int = PRUNES) -> list[Plan]:
        """Go on for so many prunes."""
        plans = []
        for _ in range(prunes):
            self.pass_time()
            plans.append(self.plan())
            self.prune(plans[-1])
        return plans


def waiting(plans: list[Plan]) -> list[int]:
    """Which of the prunes had something that waited."""
    return [number for number, plan in enumerate(plans) if plan.waits_because]


@pytest.mark.parametrize(
    ("retention", "cron", "indexes"),
    [
        ({"keep_last": 4, "keep_daily": 7}, "0 * * * *", 1),
        (
            {"keep_hourly": 24, "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12},
            "*/15 * * * *",
            1,
        ),
        ({"keep_hourly": 24}, "0 * * * *", 17),
        ({"expire_after_days": 7}, "30 2 * * *", 3),
        ({"keep_last": 1}, "*/15 * * * *", 2),
    ],
    ids=["hourly", "every quarter of an hour", "17 indexes", "by age", "the last one"],
)
def test_ordinary_churn_trips_no_limit(retention: dict[str, Any], cron: str, indexes: int) -> None:
    """D2."""
    plans = Life(ordinary(retention, cron), indexes).live()

    assert waiting(plans) == []
    assert sum(len(plan.to_go) for plan in plans) > 0


EXAMPLE = validate_policy(json.loads((DOCS / "policy.example.json").read_text()))


@pytest.mark.parametrize("indexes", [1, 17])
@pytest.mark.parametrize(
    "policy", [each for each in EXAMPLE.policies if each.cron], ids=lambda policy: policy.name
)
def test_no_plan_of_the_example_waits(policy: Policy, indexes: int) -> None:
    """D2: neither from the first backup on, nor in the steady state."""
    alone = EXAMPLE.model_copy(
        update={"policies": [policy], "assignments": [Assignment(policy=policy.name)]}
    )
    young, settled = Life(alone, indexes), Life(alone, indexes)
    settled.settle()

    assert waiting(young.live()) == waiting(settled.live()) == []


CRONS = st.one_of(
    st.sampled_from(["*/15 * * * *", "*/30 * * * *", "0 * * * *", "20 */2 * * *", "5 */6 * * *"]),
    st.builds("{} {} * * *".format, st.integers(0, 59), st.integers(0, 23)),
    st.builds("{} {} * * {}".format, st.integers(0, 59), st.integers(0, 23), st.integers(0, 6)),
    st.sampled_from(["0 8-18 * * 1-5", "0 22 L * *", "15 3 1,15 * *"]),
)
COUNTS = {
    "keep_last": st.integers(1, 30),
    "keep_hourly": st.integers(1, 48),
    "keep_daily": st.integers(1, 31),
    "keep_weekly": st.integers(1, 8),
    "keep_monthly": st.integers(1, 12),
    "keep_yearly": st.integers(1, 3),
    "keep_within": st.sampled_from(["12h", "2d", "7d", "30d"]),
    "keep_within_daily": st.sampled_from(["7d", "1m"]),
}
KEEPS = st.fixed_dictionaries({}, optional=COUNTS).filter(bool)
AGES = st.builds(
    lambda days, least: {"expire_after_days": days, "min_count": least},
    st.integers(2, 40),
    st.integers(1, 5),
)
POLICIES = st.builds(
    lambda retention, cron, floor, zone: ordinary(retention, cron, floor=floor, zone=zone),
    KEEPS | AGES,
    CRONS,
    st.integers(1, 5),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland", "America/St_Johns"]),
)


@settings(max_examples=simulations(6))
@given(POLICIES, st.sampled_from([1, 1, 1, 3]))
def test_no_plan_of_any_ordinary_policy_waits(policy: PolicyDocument, indexes: int) -> None:
    """D2: in the steady state, unless a warning said that it comes to that."""
    life = Life(policy, indexes)
    life.settle()

    plans = life.live()

    if all(each.code is not WarningCode.BEYOND_LIMITS for each in warnings(policy, now=BEGINNING)):
        assert waiting(plans) == []


@pytest.mark.parametrize("prunes", [1, 20])
def test_an_index_that_would_shrink_to_a_tenth_waits_however_long_it_goes_on(prunes: int) -> None:
    """D2: of a wrong policy that nobody compares with the former one, only the churn goes."""
    life = Life(ordinary({"keep_hourly": 100}, "0 * * * *"))
    life.live(30)
    life.document = ordinary({"keep_hourly": 10}, "0 * * * *")

    plans = life.live(prunes)

    assert waiting(plans) == list(range(prunes))
    assert len(life.left) == 100


def test_half_a_listing_makes_nothing_go_that_the_whole_would_keep() -> None:
    """D2."""
    life = Life(ordinary({"keep_hourly": 24, "keep_daily": 7}, "0 * * * *"))
    life.live(30)
    life.pass_time()

    whole, half = life.plan(), life.plan(part=2)

    assert {item.backup_id for item in half.to_go} <= {item.backup_id for item in whole.to_go}
