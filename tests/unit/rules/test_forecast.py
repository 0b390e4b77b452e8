"""When the quota will be reached, worked examples."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.rules.forecast import HORIZON, STEP, Tenant, forecast
from pinecone_backup.rules.policy import (
    ExpiryRetention,
    Frequency,
    KeepRetention,
    NativeScheduleRequest,
)
from tests.support.audits import NATIVE_POLICY, NOW, POLICY, ago

if TYPE_CHECKING:
    from pinecone_backup.rules.forecast import Forecast
    from pinecone_backup.rules.policy import Policy


def policy(retention: KeepRetention | ExpiryRetention, **changes: Any) -> Policy:
    return POLICY.model_copy(update={"retention": retention, **changes})


def played(
    *tenants: Tenant, used: int | None = None, quota: int = 500, pruning: bool = True
) -> Forecast:
    held = sum(len(tenant.held) for tenant in tenants)
    return forecast(
        tenants, used=held if used is None else used, quota=quota, now=NOW, pruning=pruning
    )


def test_a_daily_policy_that_keeps_seven_comes_to_rest_at_seven() -> None:
    """K3: keep_daily 7."""
    forecasted = played(Tenant(policy(KeepRetention(keep_daily=7)), []))
    assert [count for _, count in forecasted.points[:3]] == [0, 7, 7]
    assert forecasted.steady == 7
    assert forecasted.reached_at is None


def test_the_points_are_weeks_from_now_to_the_horizon() -> None:
    forecasted = played()
    assert [at for at, _ in forecasted.points] == [NOW + n * STEP for n in range(HORIZON + 1)]


def test_it_ends_with_the_week_in_which_the_quota_is_reached() -> None:
    """C4: nothing is created beyond it."""
    endless = Tenant(policy(KeepRetention(keep_last=-1)), [])
    assert [count for _, count in played(endless, quota=14).points] == [0, 7, 14]
    assert [count for _, count in played(endless, quota=15).points] == [0, 7, 14, 21]
    assert played(endless, quota=14).reached_at == NOW + 2 * STEP


def test_where_nothing_is_pruned_every_slot_stays() -> None:
    forecasted = played(Tenant(policy(KeepRetention(keep_daily=7)), []), pruning=False)
    assert forecasted.steady == HORIZON * 7
    assert not forecasted.pruning
    assert forecasted.explained() == (
        "At the pace of the policies, with nothing pruned, as is the case today, "
        "the quota is not reached within 26 weeks (182 backups then)"
    )


def test_the_floor_is_kept_beyond_the_retention() -> None:
    """The floor holds whatever the retention says."""
    forecasted = played(Tenant(policy(KeepRetention(keep_last=1), floor=3), []))
    assert forecasted.steady == 3


def test_what_no_policy_governs_stays_as_it_is() -> None:
    forecasted = played(Tenant(policy(KeepRetention(keep_last=2)), [ago(days=1)]), used=11)
    assert forecasted.points[0][1] == 11
    assert forecasted.steady == 10 + 2


def test_the_day_lies_on_the_line_between_two_weeks() -> None:
    """Twenty-one backups in three weeks: the tenth comes in the second week."""
    forecasted = played(Tenant(policy(KeepRetention(keep_last=-1)), []), quota=10)
    assert forecasted.reached_at == NOW + timedelta(days=10)
    assert forecasted.pruning
    assert forecasted.explained() == (
        "At the pace of the policies, with the retention of each policy applied, "
        "the quota is reached about 2026-12-02"
    )


WEST: dict[str, Any] = {"timezone": "America/Los_Angeles", "floor": 1}


def test_slots_are_those_of_the_policys_zone() -> None:
    """C1: five in the morning of today is past in UTC and to come in Los Angeles."""
    once = policy(KeepRetention(keep_last=-1), cron="0 5 22 11 *", **WEST)
    assert played(Tenant(once, [])).points[1][1] == 1


def test_periods_are_those_of_the_policys_zone() -> None:
    """K2: 23:00 and 01:00 are two days in Los Angeles and one in UTC."""
    retention = KeepRetention.model_validate({"keep_within_daily": "2d"})
    twice = policy(retention, cron="0 1,23 * * *", **WEST)
    assert played(Tenant(twice, [])).points[1][1] == 3


def test_a_quota_that_is_used_up_was_reached_now() -> None:
    full = played(used=500)
    assert full.reached_at == NOW
    assert full.explained() == "The quota is used up"
    assert played(used=499).reached_at is None


def test_a_quota_that_the_last_week_just_reaches_is_reached_then() -> None:
    forecasted = played(Tenant(policy(KeepRetention(keep_last=-1)), []), quota=HORIZON * 7)
    assert forecasted.reached_at == NOW + HORIZON * STEP
    above = played(Tenant(policy(KeepRetention(keep_last=-1)), []), quota=HORIZON * 7 + 1)
    assert above.reached_at is None
    assert "not reached within 26 weeks (182 backups then)" in above.explained()


def test_age_limits_are_played_too() -> None:
    """K7."""
    forecasted = played(Tenant(policy(ExpiryRetention(expire_after_days=5)), []))
    assert forecasted.steady == 5


@pytest.mark.parametrize(
    ("frequency", "days", "steady"),
    [("daily", 14, 14), ("weekly", 28, 4), ("monthly", 60, 2), ("monthly", 10, 0)],
)
def test_native_schedules_make_backups_and_let_them_expire(
    frequency: str, days: int, steady: int
) -> None:
    request = NativeScheduleRequest(frequency=Frequency(frequency), expire_after_days=days)
    forecasted = played(Tenant(NATIVE_POLICY.model_copy(update={"native_schedule": request}), []))
    assert forecasted.steady == steady


def test_native_backups_expire_even_where_nothing_is_pruned() -> None:
    forecasted = played(Tenant(NATIVE_POLICY, [ago(days=13)]), pruning=False)
    assert [count for _, count in forecasted.points[:4]] == [1, 7, 14, 14]
