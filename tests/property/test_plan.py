"""The laws of planning, for any history, policy and interruption."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.records import DeletionState
from pinecone_backup.rules.plan import Plan
from tests.support.backups import NOW, deletion
from tests.support.histories import (
    AGES,
    FLOORS,
    HISTORIES,
    KEEPS,
    PERIODS,
    POLICIES,
    SOME_IDS,
    ZONES,
    History,
    goes,
    history,
    holds_on,
    kept,
)
from tests.support.pruning import document

if TYPE_CHECKING:
    from pinecone_backup.model import Backup
    from pinecone_backup.rules.policy import PolicyDocument


@given(HISTORIES, POLICIES)
def test_every_backup_has_exactly_one_fate_and_a_reason(
    past: History, policy: PolicyDocument
) -> None:
    plan = past.plan(policy)

    assert sorted(item.backup_id for item in plan.items) == sorted(past.kinds)
    assert all(item.reasons for item in plan.items)
    assert sum(plan.counts.values()) == len(plan.items)


@given(HISTORIES, POLICIES, st.randoms(use_true_random=False))
def test_order_and_repeated_rows_change_nothing(
    past: History, policy: PolicyDocument, chance: Any
) -> None:
    rows = [*past.rows, *chance.sample(past.rows, k=len(past.rows) // 3)]
    chance.shuffle(rows)

    again = History(rows, past.records, past.kinds).plan(policy)

    assert again == past.plan(policy)


@given(HISTORIES, POLICIES, SOME_IDS)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    past: History, policy: PolicyDocument, held: set[str]
) -> None:
    plan = past.plan(policy, holds=holds_on(held))

    again = past.without(goes(plan)).plan(policy, holds=holds_on(held))

    assert goes(again) == set()
    assert kept(again) == kept(plan)


@given(HISTORIES, POLICIES, SOME_IDS, st.integers(0, 30))
def test_a_plan_that_was_carried_out_in_part_goes_on_where_it_stopped(
    past: History, policy: PolicyDocument, held: set[str], done: int
) -> None:
    """D5: newest first, so what is left to do is the rest of the same plan."""
    holds = holds_on(held)
    plan = past.plan(policy, holds=holds)
    first = {item.backup_id for item in plan.to_go[:done]}

    again = past.without(first).plan(policy, holds=holds)

    assert goes(again) == goes(plan) - first


@given(HISTORIES, POLICIES, SOME_IDS, st.sets(st.integers(0, 29)))
def test_deletions_of_unknown_outcome_never_make_another_backup_go(
    past: History, policy: PolicyDocument, held: set[str], doubted: set[int]
) -> None:
    """D6: some deletions of a plan took effect and some did not; the ledger knows neither."""
    holds = holds_on(held)
    plan = past.plan(policy, holds=holds)
    planned = [item.backup_id for item in plan.to_go]
    unknown = {backup_id for number, backup_id in enumerate(planned) if number in doubted}
    records = [
        replace(known, deletion=deletion(DeletionState.UNKNOWN))
        if known.backup_id in unknown
        else known
        for known in past.records
    ]

    again = History(past.rows, records, past.kinds).plan(policy, holds=holds)

    assert goes(again) <= goes(plan)


@given(HISTORIES, POLICIES, FLOORS, st.integers(0, 3))
def test_a_newer_good_backup_never_resurrects_a_deletion(
    past: History, policy: PolicyDocument, more: int, days: int
) -> None:
    newer = history([("good", -number / 1000) for number in range(more)], "n")
    now = NOW + timedelta(days=days)

    before = past.plan(policy, now=now)
    after = past.plus(newer).plan(policy, now=now)

    assert goes(before) <= goes(after)


RAISES = st.tuples(st.sampled_from(PERIODS), st.sampled_from([-1, 1, 2, 9]))


@given(HISTORIES, KEEPS, RAISES, FLOORS, ZONES)
def test_raising_a_count_never_deletes_more(
    past: History, keep: dict[str, Any], raised: tuple[str, int], floor: int, zone: str
) -> None:
    period, by = raised
    was = keep.get(f"keep_{period}", 0)
    count = -1 if -1 in (was, by) else was + by
    stricter, looser = (
        document(retention=retention, floor=floor, timezone=zone)
        for retention in (keep, {**keep, f"keep_{period}": count})
    )

    assert goes(past.plan(looser)) <= goes(past.plan(stricter))


@given(HISTORIES, KEEPS, FLOORS)
def test_raising_the_floor_never_deletes_more(
    past: History, keep: dict[str, Any], floor: int
) -> None:
    lower, higher = (document(retention=keep, floor=least) for least in (floor, floor + 1))

    assert goes(past.plan(higher)) <= goes(past.plan(lower))


@given(HISTORIES, POLICIES, SOME_IDS, SOME_IDS)
def test_the_floor_and_the_safeguards_are_never_broken(
    past: History, policy: PolicyDocument, held: set[str], restoring: set[str]
) -> None:
    """D1, for what is planned and for every part of it."""
    plan = past.plan(policy, holds=holds_on(held), restoring=dict.fromkeys(restoring, "job-1"))

    deleted = goes(plan)

    never = {
        backup_id
        for backup_id, kind in past.kinds.items()
        if kind not in ("good", "tested", "doubtful", "suspect", "failed")
    }
    assert not deleted & (never | held | restoring)
    good = [
        row.backup_id
        for row in sorted(past.rows, key=lambda row: (-_age(row), row.backup_id))
        if past.kinds[row.backup_id] in ("good", "tested", "on demand")
    ]
    assert not deleted & set(good[: policy.policies[0].floor])
    tested = [backup_id for backup_id in good if past.kinds[backup_id] == "tested"]
    assert not deleted & set(tested[:1])


def _age(row: Backup) -> float:
    return row.created_at.timestamp() if row.created_at else 0


@given(HISTORIES, POLICIES, st.lists(st.tuples(st.sampled_from(["suspect", "failed"]), AGES)))
def test_suspect_and_failed_backups_never_displace_a_good_one(
    past: History, policy: PolicyDocument, poor: list[tuple[str, float]]
) -> None:
    """G2, G3."""
    good = {key for key, kind in past.kinds.items() if kind in ("good", "tested", "doubtful")}

    before = past.plan(policy)
    after = past.plus(history(poor, "p")).plan(policy)

    assert goes(before) & good == goes(after) & good


@given(HISTORIES, POLICIES, SOME_IDS)
def test_a_hold_changes_nobody_elses_fate(
    past: History, policy: PolicyDocument, held: set[str]
) -> None:
    """K1."""
    assert goes(past.plan(policy, holds=holds_on(held))) == goes(past.plan(policy)) - held


@given(HISTORIES, POLICIES)
def test_a_plan_reads_back_from_its_json(past: History, policy: PolicyDocument) -> None:
    plan = past.plan(policy)

    assert Plan.from_json(plan.to_json()) == plan
