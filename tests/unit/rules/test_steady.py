"""What prunes delete in the long run, beyond what was made since the prune before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pinecone_backup.rules.policy import Policy
from pinecone_backup.rules.steady import PLAYED, excesses, steady_count

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SIX_HOURS = timedelta(hours=6)
DAY = timedelta(days=1)


def policy(cron: str, retention: dict[str, Any], zone: str = "UTC") -> Policy:
    read = {"name": "gold", "cron": cron, "retention": retention, "max_age": "3d", "floor": 1}
    return Policy.model_validate(read | {"timezone": zone})


def played(read: Policy, every: timedelta = SIX_HOURS) -> list[tuple[int, int]]:
    return list(excesses(read, NOW, every=every))


@pytest.mark.parametrize(
    ("zone", "prunes"), [("UTC", 0), ("America/New_York", PLAYED // DAY - 1)], ids=str
)
def test_what_expires_prune_by_prune_as_it_is_made_is_nothing_beyond(
    zone: str, prunes: int
) -> None:
    """K7: one a day, and a prune a day. In a zone one night of the year has an hour more."""
    read = policy("0 2 * * *", {"expire_after_days": 9}, zone)
    assert len(played(read, every=DAY)) == prunes


@pytest.mark.parametrize(("last", "prunes"), [(1999, 35), (2000, 0), (-1, 0)])
def test_prunes_are_played_where_two_thousand_slots_decide_at_most(last: int, prunes: int) -> None:
    """One of them is beyond what is kept. A prune after which nothing was made deletes nothing."""
    assert played(policy("0 2 * * *", {"keep_last": last})) == [(0, last + 1)] * prunes


@pytest.mark.parametrize("rule", ["keep_last", "keep_yearly"])
@pytest.mark.parametrize(("late", "count"), [(0, 32), (1, None)], ids=["just", "a second short"])
def test_what_settles_within_the_longest_time_has_a_count(
    late: int, count: int | None, rule: str
) -> None:
    """The slot beyond those that are kept lies 11,712 days back, to the second."""
    first = NOW - 11_712 * DAY
    read = policy(f"{first.minute} {first.hour} {first.day} {first.month} *", {rule: 32})
    assert steady_count(read, NOW + timedelta(seconds=late)) == count
