"""The laws of planning, for any history, policy and interruption."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.model import Backup, Status
from pinecone_backup.records import BackupRecord, DeletionState, Hold, HoldScope, Verdict
from pinecone_backup.rules.plan import Action, Plan
from tests.support.backups import NOW, backup, deletion, index, plan_of, record
from tests.support.pruning import document

if TYPE_CHECKING:
    from pinecone_backup.rules.policy import PolicyDocument

PERIODS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
COUNTS = st.sampled_from([-1, 0, 0, 0, 1, 2, 4])
DURATIONS = st.sampled_from(["5h", "2d", "9d", "1m", "1y2m"])
AGES = st.one_of(
    st.integers(0, 60).map(lambda hours: hours / 8),
    st.integers(0, 40),
    st.integers(0, 900),
)
KINDS = st.sampled_from(
    ["good"] * 8
    + ["suspect", "suspect", "failed", "failed", "under way", "unknown", "undated", "future"]
    + ["foreign", "other", "on demand", "spent", "doubtful", "tested", "unjudged"]
)


@dataclass(frozen=True)
class History:
    """Rows with what the ledger knows of them; ``kinds`` by id."""

    rows: list[Backup]
    records: list[BackupRecord]
    kinds: dict[str, str]

    def plan(self, policy: PolicyDocument, **facts: Any) -> Plan:
        return plan_of(self.rows, policy, records=self.records, indexes=[index("docs")], **facts)

    def without(self, ids: set[str]) -> History:
        return History(
            [row for row in self.rows if row.backup_id not in ids],
            [known for known in self.records if known.backup_id not in ids],
            {key: kind for key, kind in self.kinds.items() if key not in ids},
        )

    def plus(self, other: History) -> History:
        return History(
            [*self.rows, *other.rows],
            [*self.records, *other.records],
            self.kinds | other.kinds,
        )


_PROPERTIES: dict[str, dict[str, Any]] = {
    "failed": {"status": Status.FAILED},
    "under way": {"status": Status.UNDER_WAY},
    "unknown": {"status": Status.UNKNOWN},
    "undated": {"days_ago": None},
    "future": {"days_ago": -2},
    "foreign": {"owner": None},
    "other": {"owner": "stack-b"},
    "on demand": {"policy": None},
}
_RECORDS: dict[str, dict[str, Any]] = {
    "suspect": {"verdict": Verdict.SUSPECT},
    "spent": {"deletion": deletion(DeletionState.ACCEPTED)},
    "doubtful": {"deletion": deletion(DeletionState.UNKNOWN)},
    "tested": {"restore_tested": True},
    "unjudged": {"verdict": None},
}


def history(members: list[tuple[str, float]], prefix: str = "b") -> History:
    rows, records, kinds = [], [], {}
    for number, (kind, age) in enumerate(members):
        row = backup(f"{prefix}{number:02}", **{"days_ago": age, **_PROPERTIES.get(kind, {})})
        rows.append(row)
        records.append(record(row, **_RECORDS.get(kind, {})))
        kinds[row.backup_id] = kind
    return History(rows, records, kinds)


HISTORIES = st.lists(st.tuples(KINDS, AGES), max_size=30).map(history)
GOOD_HISTORIES = st.lists(st.tuples(st.just("good"), AGES), min_size=1, max_size=30).map(history)
KEEPS = st.builds(
    lambda counts, durations: {
        **{f"keep_{period}": count for period, count in counts.items()},
        **{f"keep_within{period}": duration for period, duration in durations.items()},
    },
    st.dictionaries(st.sampled_from(PERIODS), COUNTS, max_size=3),
    st.dictionaries(
        st.sampled_from(["", *(f"_{period}" for period in PERIODS[1:])]), DURATIONS, max_size=2
    ),
).filter(lambda keep: any(keep.values()))
EXPIRIES = st.builds(
    lambda days, least, more: {
        "expire_after_days": days,
        "min_count": least,
        "max_count": None if more is None else least + more,
    },
    st.integers(1, 400),
    st.integers(1, 4),
    st.none() | st.integers(0, 5),
)
FLOORS = st.integers(1, 5)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
POLICIES = st.builds(
    lambda keep, floor, zone: document(retention=keep, floor=floor, timezone=zone),
    KEEPS | EXPIRIES,
    FLOORS,
    ZONES,
)
SOME_IDS = st.sets(st.integers(0, 29).map(lambda number: f"b{number:02}"), max_size=4)


def goes(plan: Plan) -> set[str]:
    return {item.backup_id for item in plan.to_go}


def kept(plan: Plan) -> set[str]:
    return {item.backup_id for item in plan.items if item.action is Action.KEEP}


def holds_on(ids: set[str]) -> list[Hold]:
    return [
        Hold(f"hold-{target}", HoldScope.BACKUP, target, "audit", "alice", NOW)
        for target in sorted(ids)
    ]


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
def test_the_floor_and_the_rails_are_never_broken(
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
        if past.kinds[row.backup_id] in ("good", "tested")
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
