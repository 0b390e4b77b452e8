"""Histories and policies for the laws of planning, as Hypothesis strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    + ["foreign", "other", "on demand", "deletion accepted", "doubtful", "tested", "unjudged"]
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
    "deletion accepted": {"deletion": deletion(DeletionState.ACCEPTED)},
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
