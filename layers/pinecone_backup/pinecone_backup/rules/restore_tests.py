"""Which backups are tested by restoring them, and when (rule R2).

An index is due when its policy says so; which of those that are due are begun follows from what a
project may do at a time and in a month. Each index has one decision, which says why it waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from pinecone_backup.figures import size
from pinecone_backup.records import RestoreResult, RestoreStep
from pinecone_backup.rules.policy import BackupChoice, restore_test_limits
from pinecone_backup.rules.slots import first_slot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup
    from pinecone_backup.records import RestoreRecord
    from pinecone_backup.rules.inventory import Entry
    from pinecone_backup.rules.policy import Policy, RestoreTest

RETRY_AFTER = timedelta(hours=1)
"""A test that could not be carried out is tried again after this."""
_CONCLUDED = (RestoreResult.SUCCEEDED, RestoreResult.FAILED, RestoreResult.TIMED_OUT)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index whose policy has restore tests.

    Attributes:
        index_id: Its active incarnation; None when that is not known.
        backups: Its good backups that protect it, the newest first.
        since: When that incarnation was first seen, UTC.
    """

    index: str
    index_id: str | None
    policy: Policy
    backups: Sequence[Entry]
    since: datetime


class TestState(StrEnum):
    """What is decided about the next test of an index."""

    __test__ = False  # no test of pytest's

    BEGIN = "begin"
    UNDER_WAY = "under_way"
    NOT_DUE = "not_due"
    WAITS = "waits"
    """It is due, and something is in the way."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The test that is to begin.

    Attributes:
        restore_id: One for each predecessor, so that a test is begun once, whoever decides.
    """

    restore_id: str
    backup: Backup
    test: RestoreTest


@dataclass(frozen=True, slots=True)
class TestDecision:
    """What is decided about the next test of an index, and why.

    Attributes:
        due_at: When the next test is due, or was; None when that is not known.
        choice: The test, where one is to begin.
        last: The last test that came to a verdict or timed out.
        passed: The last one that succeeded.
    """

    __test__ = False

    index: str
    index_id: str | None
    policy: Policy
    state: TestState
    reason: str
    due_at: datetime | None = None
    choice: Choice | None = None
    last: RestoreRecord | None = None
    passed: RestoreRecord | None = None


def decide_tests(
    candidates: Iterable[Candidate],
    records: Sequence[RestoreRecord],
    *,
    now: datetime,
) -> Sequence[TestDecision]:
    """Decide about the next test of each index, the longest due first.

    Args:
        candidates: The indexes whose policy has restore tests.
        records: All restores that the ledger knows.
        now: The actual time, UTC.
    """
    wanted = list(candidates)
    tests = [record for record in records if record.test]
    decisions = [_decision(each, tests, now) for each in wanted]
    limits = restore_test_limits(each.policy for each in wanted)
    if limits is None:
        return decisions
    under_way = sum(record.step is not RestoreStep.DONE for record in tests)
    used = restored_bytes(tests, now)
    found: list[TestDecision] = []
    for decision in sorted(decisions, key=_order):
        if decision.choice is None:
            found.append(decision)
            continue
        reason = ""
        needed = decision.choice.backup.size_bytes
        if under_way >= limits.at_once:
            reason = f"at_once is {limits.at_once}, and as many tests are under way"
        elif needed is None:
            reason = "Pinecone does not say how large the backup is, and monthly_bytes is limited"
        elif used + needed > limits.monthly_bytes:
            reason = (
                f"monthly_bytes is {size(limits.monthly_bytes)}, {size(used)} were restored this "
                f"month, and the backup has {size(needed)}"
            )
        else:
            under_way += 1
            used += needed
        waits = replace(decision, state=TestState.WAITS, reason=reason, choice=None)
        found.append(waits if reason else decision)
    return found


def restored_bytes(tests: Iterable[RestoreRecord], now: datetime) -> int:
    """What the tests of this calendar month (UTC) have restored, or are about to."""
    month = now.astimezone(UTC).strftime("%Y-%m")
    return sum(
        record.size_bytes or 0
        for record in tests
        if record.test
        and record.started_at.astimezone(UTC).strftime("%Y-%m") == month
        and (record.accepted_at is not None or record.result is None)
    )


def concluded(records: Iterable[RestoreRecord]) -> Sequence[RestoreRecord]:
    """The tests that say something, the oldest first."""
    found = [record for record in records if record.test and record.result in _CONCLUDED]
    return sorted(found, key=lambda record: (record.started_at, record.restore_id))


def _order(decision: TestDecision) -> tuple[float, str]:
    return (decision.due_at.timestamp() if decision.due_at else 0.0, decision.index)


def _decision(candidate: Candidate, tests: Sequence[RestoreRecord], now: datetime) -> TestDecision:
    of_index = [record for record in tests if record.index_id == candidate.index_id]
    known = concluded(of_index)
    passed = [record for record in known if record.result is RestoreResult.SUCCEEDED]
    decision = TestDecision(
        candidate.index,
        candidate.index_id,
        candidate.policy,
        TestState.WAITS,
        "",
        last=known[-1] if known else None,
        passed=passed[-1] if passed else None,
    )
    test = candidate.policy.restore_test
    if candidate.index_id is None or test is None:
        return replace(decision, reason="its incarnation is not known")
    if any(record.step is not RestoreStep.DONE for record in of_index):
        return replace(decision, state=TestState.UNDER_WAY, reason="a test is under way")
    if not candidate.backups:
        return replace(decision, reason="it has no good backup")
    due_at = _due_at(candidate, test, decision.last, now)
    decision = replace(decision, due_at=due_at)
    if due_at is None or due_at > now:
        return replace(decision, state=TestState.NOT_DUE)
    return _due(decision, candidate, test, of_index, now)


def _due(
    decision: TestDecision,
    candidate: Candidate,
    test: RestoreTest,
    of_index: Sequence[RestoreRecord],
    now: datetime,
) -> TestDecision:
    """What is to be tested, unless an attempt has just failed."""
    previous = max(of_index, key=lambda each: each.started_at, default=None)
    if previous is not None and previous.result is RestoreResult.ABANDONED:
        again = (previous.finished_at or previous.started_at) + RETRY_AFTER
        if now < again:
            return replace(decision, reason=f"the last attempt failed: {previous.reason}")
    seed = f"{candidate.index_id}|{previous.restore_id if previous else ''}"
    digest = sha256(seed.encode()).hexdigest()
    chosen = _chosen(candidate, test, int(digest, 16), now)
    if chosen is None:
        reason = f"no good backup is newer than {test.window_days} days"
        return replace(decision, reason=reason)
    choice = Choice(f"test-{digest[:16]}", chosen.backup, test)
    return replace(decision, state=TestState.BEGIN, reason="it is due", choice=choice)


def _due_at(
    candidate: Candidate, test: RestoreTest, last: RestoreRecord | None, now: datetime
) -> datetime | None:
    """When the next test is due: after the last one, or as soon as there is a backup.

    The first slot stays due until a test has begun, however many follow, and also when the
    retention has deleted, meanwhile, every backup that was there at the slot.
    """
    since = last.started_at if last else candidate.since
    possible_since = max(since, candidate.backups[-1].at or now)
    if isinstance(test.every, timedelta):
        return last.started_at + test.every if last else possible_since
    slot = first_slot(test.every, candidate.policy.zone, since)
    return slot if last or slot is None else max(slot, possible_since)


def _chosen(candidate: Candidate, test: RestoreTest, seed: int, now: datetime) -> Entry | None:
    """The newest one, or one of those in the window, by a number that is another each time."""
    if test.backup is BackupChoice.LATEST:
        return candidate.backups[0]
    window = timedelta(days=test.window_days) if test.window_days else None
    eligible = [
        entry
        for entry in candidate.backups
        if entry.at is not None and (window is None or now - entry.at <= window)
    ]
    return eligible[seed % len(eligible)] if eligible else None
