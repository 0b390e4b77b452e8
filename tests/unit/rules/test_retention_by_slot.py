"""A backup belongs to its slot, however late it was made (rules K2 and K4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.rules.inventory import Entry, retention_order
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan import Action
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.rules.retention import candidates_of
from pinecone_backup.rules.slots import jitter, slots_between
from tests.support.backups import OWNER, backup, inventory_of, plan_of

if TYPE_CHECKING:
    from pinecone_backup.model import Backup

MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def made(backup_id: str, slot: datetime, late: timedelta = 2 * MINUTE, **properties: Any) -> Backup:
    """A good backup of a slot, made so long after it."""
    marker = Marker(OWNER, "standard", slot, "run-0", 1)
    return backup(
        backup_id,
        created_at=slot + late,
        name=marker.name_for("docs"),
        description=str(marker),
        **properties,
    )


def document(cron: str, retention: dict[str, Any], *, floor: int = 1) -> PolicyDocument:
    policy = {
        "name": "standard",
        "cron": cron,
        "max_age": "40d",
        "retention": retention,
        "floor": floor,
    }
    return validate_policy(
        {
            "projects": [{"name": "main", "quota": 500}],
            "policies": [policy],
            "assignments": [{"policy": "standard"}],
        }
    )


def kept(rows: list[Backup], policy: PolicyDocument, now: datetime) -> set[str]:
    items = plan_of(rows, policy, now=now).items
    return {item.backup_id for item in items if item.action is Action.KEEP}


def test_a_third_attempt_after_midnight_is_the_day_befores() -> None:
    """K2: the slot of the 18th, made at 00:40 on the 19th, beside that of the 19th."""
    days = [at(f"2026-11-{day}T22:00") for day in range(13, 20)]
    rows = [
        made(f"{slot:%d}", slot, timedelta(hours=2, minutes=40) if slot.day == 18 else 2 * MINUTE)
        for slot in days
    ]
    policy = document("0 22 * * *", {"keep_daily": 7})
    assert kept(rows, policy, at("2026-11-20T04:00")) == {f"{slot:%d}" for slot in days}


def test_one_retry_after_midnight_loses_no_month() -> None:
    """K2: `45 23 L * *`, the slot of February made at 00:20 on the first of March."""
    slots = list(slots_between("45 23 L * *", _utc(), at("2025-11-01T00:00"), at("2026-11-01")))
    assert len(slots) == 12
    rows = [
        made(f"{slot:%Y-%m}", slot, timedelta(minutes=35) if slot.month == 2 else 2 * MINUTE)
        for slot in slots
    ]
    policy = document("45 23 L * *", {"keep_monthly": 12})
    assert kept(rows, policy, at("2026-11-01T03:00")) == {f"{slot:%Y-%m}" for slot in slots}


def test_the_jitter_moves_no_backup_into_the_next_day() -> None:
    """C1, K2: every index of `45 23`, some made before midnight and some after it."""
    cron, days = "45 23 * * *", [at(f"2026-11-{day}T23:45") for day in range(10, 17)]
    names = [f"index-{number}" for number in range(40)]
    delays = [jitter(f"main/{name}", cron) for name in names]
    assert min(delays) < 15 * MINUTE < max(delays)
    for delay in delays:
        rows = [
            made("1", days[0], delay),
            *(made(f"{slot:%d}", slot, 2 * MINUTE if slot.day % 2 else delay) for slot in days[1:]),
        ]
        policy = document(cron, {"keep_daily": 7})
        assert len(kept(rows, policy, at("2026-11-17T12:00"))) == 7


def test_a_window_goes_by_slots_too() -> None:
    """K4: from the newest slot back, and what is strictly newer is inside."""
    rows = [
        made("new", at("2026-11-19T22:00")),
        made("late", at("2026-11-17T22:00"), timedelta(hours=3)),
        made("inside", at("2026-11-17T23:00")),
    ]
    policy = document("0 * * * *", {"keep_within": "2d"})
    assert kept(rows, policy, at("2026-11-20T00:00")) == {"new", "inside"}


def test_a_slot_that_is_not_believed_leaves_the_creation_time() -> None:
    """C2, K2: made on 10 November for a slot of 2043, it is the backup of 10 November."""
    ahead = made("ahead", at("2043-01-01T22:00"), at("2026-11-10T22:02") - at("2043-01-01T22:00"))
    days = [made(f"{day}", at(f"2026-11-{day}T22:00")) for day in range(11, 18)]
    policy = document("0 22 * * *", {"keep_daily": 7})
    now = at("2026-11-18T00:00")
    assert kept([ahead, *days], policy, now) == {f"{day}" for day in range(11, 18)}
    assert "ahead" in kept([ahead, *days[:6]], policy, now)


def test_the_form_that_counts_and_ages_goes_by_the_creation() -> None:
    """K7: an age limit is one of the data."""
    late = made("late", at("2026-11-01T22:00"), timedelta(days=3))
    policy = document("0 22 * * *", {"expire_after_days": 7, "min_count": 1, "max_count": 9})
    new = made("new", at("2026-11-10T22:00"))
    assert "late" in kept([late, new], policy, at("2026-11-11T00:00"))
    assert "late" not in kept([late, new], policy, at("2026-11-12T00:00"))


def test_the_newest_good_one_is_the_one_that_was_made_last() -> None:
    """D1, D5: what to restore from goes by the data and not by the slot."""
    late = made("late", at("2026-11-01T22:00"), timedelta(days=8))
    other = made("other", at("2026-11-05T22:00"))
    inventory = inventory_of([late, other])
    (incarnation,) = inventory.incarnations.values()
    assert incarnation.newest_good is not None
    assert incarnation.newest_good.backup.backup_id == "late"
    assert [e.backup.backup_id for e in sorted(incarnation.entries, key=retention_order)] == [
        "other",
        "late",
    ]


def test_deletions_go_from_the_newest_slot_to_the_oldest() -> None:
    """D5, K5: cut short, they leave the oldest slot and not the oldest creation."""
    rows = [
        made("late", at("2026-11-01T22:00"), timedelta(days=8)),
        made("other", at("2026-11-05T22:00")),
        made("new", at("2026-11-18T22:00")),
    ]
    policy = document("0 22 * * *", {"keep_last": 1})
    plan = plan_of(rows, policy, now=at("2026-11-19T00:00"))
    assert [item.backup_id for item in plan.to_go] == ["other", "late"]


def entry(**properties: Any) -> Entry:
    (found,) = inventory_of([backup(**properties)]).entries.values()
    return found


@pytest.mark.parametrize(
    ("late", "believed"),
    [
        (timedelta(0), True),
        (timedelta(days=9), True),
        (-5 * MINUTE, True),
        (-5 * MINUTE - timedelta(seconds=1), False),
    ],
)
def test_a_slot_is_believed_up_to_five_minutes_ahead_of_the_creation(
    late: timedelta, believed: bool
) -> None:
    """C2."""
    slot = at("2026-11-18T22:00")
    (found,) = inventory_of([made("b", slot, late)]).entries.values()
    assert found.slot == (slot if believed else None)
    assert found.retention_at == (slot if believed else slot + late)
    assert found.slot_ahead is not believed


def test_what_is_not_ours_goes_by_its_own_time() -> None:
    """K2, G5: whatever its marker says."""
    theirs = made("b", at("2026-11-18T22:00"), timedelta(hours=3))
    (found,) = inventory_of(
        [backup(owner="stack-b", created_at=theirs.created_at)]
    ).entries.values()
    assert (found.slot, found.retention_at) == (None, theirs.created_at)


def test_without_a_creation_time_there_is_no_candidate() -> None:
    """T2, K1."""
    undated = entry(days_ago=None)
    assert undated.retention_at is None
    policy = document("0 22 * * *", {"keep_last": 1}).policies[0]
    assert candidates_of([undated], policy.retention) == []


def _utc() -> Any:
    return document("0 22 * * *", {"keep_last": 1}).policies[0].zone
