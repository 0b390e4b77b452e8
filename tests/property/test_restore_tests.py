"""Many indexes that are tested week after week stay within their limits (rule R2).

``TESTED_INDEXES=100 TESTED_WEEKS=8`` lives as long; a few indexes and weeks are lived by default.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.records import RestoreKind, RestoreRecord, RestoreResult, RestoreStep
from pinecone_backup.rules.restore_controls import TEST_GRACE
from pinecone_backup.rules.restore_tests import Candidate, TestDecision, TestState, decide_tests
from tests.support.backups import NOW, backup, inventory_of
from tests.support.restores import restore_record, with_restore_tests

if TYPE_CHECKING:
    from collections.abc import Iterator

INDEXES = int(os.environ.get("TESTED_INDEXES", "8"))
WEEKS = int(os.environ.get("TESTED_WEEKS", "4"))
TICK, WEEK = timedelta(hours=1), timedelta(weeks=1)
SIZES = {f"docs-{number:03}": 100 + 37 * number for number in range(INDEXES)}
RESULTS = [RestoreResult.SUCCEEDED] * 7 + [
    RestoreResult.FAILED,
    RestoreResult.TIMED_OUT,
    RestoreResult.ABANDONED,
]


@dataclass
class Life:
    """Indexes with a backup a day, of which one stays, and tests that take some hours each.

    Attributes:
        most: The most tests that were ever under way at a time.
        used: The bytes that were restored, by calendar month.
        waited: Why indexes waited beyond their time.
        late: Indexes that were tested too late, or not at all, although nothing was in the way.
    """

    settings: dict[str, Any]
    now: datetime = NOW
    numbers: Iterator[int] = field(default_factory=count)
    records: dict[str, RestoreRecord] = field(default_factory=dict)
    ends: dict[str, datetime] = field(default_factory=dict)
    begun: dict[str, datetime] = field(default_factory=dict)
    most: int = 0
    used: Counter[str] = field(default_factory=Counter)
    waited: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)

    def live(self) -> None:
        """Tick after tick, for all the weeks."""
        while self.now < NOW + WEEKS * WEEK:
            self.now += TICK
            if self.now.hour == 0 or not self.begun:
                candidates = self.candidates()
            self.end_tests()
            records = list(self.records.values())
            for decision in decide_tests(candidates, records, now=self.now):
                self.follow(decision)
            self.most = max(self.most, len(self.ends))

    def candidates(self) -> list[Candidate]:
        policy = with_restore_tests(self.settings).policies[0]
        found = []
        for name, size in SIZES.items():
            row = backup(f"{name}-{self.now:%m%d}", index=name)
            row = replace(row, created_at=self.now - TICK, size_bytes=size)
            entries = inventory_of([row]).incarnations[row.index_id].entries
            found.append(Candidate(name, row.index_id, policy, entries, NOW))
        return found

    def end_tests(self) -> None:
        for restore_id in [each for each, at in self.ends.items() if at <= self.now]:
            del self.ends[restore_id]
            self.records[restore_id] = replace(
                self.records[restore_id],
                step=RestoreStep.DONE,
                result=RESULTS[next(self.numbers) % len(RESULTS)],
                finished_at=self.now,
            )

    def follow(self, decision: TestDecision) -> None:
        name, choice = decision.index, decision.choice
        if choice is not None:
            self.begin(decision)
        elif decision.state is TestState.WAITS:
            self.waited.add(decision.reason)
        elif (
            decision.state is TestState.NOT_DUE
            and self.now - self.begun.get(name, NOW) > WEEK + TEST_GRACE + TICK
        ):
            self.late.add(name)

    def begin(self, decision: TestDecision) -> None:
        assert decision.choice is not None
        restore_id, tested = decision.choice.restore_id, decision.choice.backup
        assert restore_id not in self.records, "one test has one predecessor"
        self.records[restore_id] = restore_record(
            restore_id,
            kind=RestoreKind.TEST,
            index_name=decision.index,
            index_id=decision.index_id,
            size_bytes=tested.size_bytes,
            started_at=self.now,
            accepted_at=self.now,
        )
        self.ends[restore_id] = self.now + (1 + next(self.numbers) % 3) * TICK
        self.used[f"{self.now.astimezone(UTC):%Y-%m}"] += tested.size_bytes or 0
        self.begun[decision.index] = self.now


@pytest.mark.parametrize("every", ["7d", "0 3 * * 0"])
def test_every_index_is_tested_in_its_time_and_never_more_than_allowed(every: str) -> None:
    life = Life({"every": every, "at_once": 2})

    life.live()

    assert life.most == 2
    assert life.late == set()
    assert set(life.begun) == set(SIZES)
    assert all(life.now - at < WEEK + INDEXES * 2 * TICK for at in life.begun.values())


def test_what_the_budget_of_a_month_keeps_from_being_tested_says_so() -> None:
    budget = 2 * sum(SIZES.values())
    life = Life({"every": "7d", "at_once": 3, "monthly_bytes": budget})

    life.live()

    assert max(life.used.values()) <= budget
    assert life.late == set()
    assert any("monthly_bytes" in reason for reason in life.waited)
    assert all(life.waited), "no index waits without a reason"
