from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pinecone_backup.rules.policy import ExpiryRetention, KeepRetention
from pinecone_backup.rules.retention import keep as kept_by_rules

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def keep(*arguments: Any) -> dict[str, tuple[str, ...]]:
    """What stays, with the reasons as people read them (K6)."""
    return {key: tuple(map(str, reasons)) for key, reasons in kept_by_rules(*arguments).items()}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def kept(
    times: Sequence[str],
    zone: ZoneInfo = UTC_ZONE,
    now: datetime = NOW,
    **rules: int | str,
) -> dict[str, tuple[str, ...]]:
    """What stays of backups that are named after their (UTC) times."""
    retention = KeepRetention.model_validate(rules)
    return keep([(time, at(time)) for time in times], retention, zone, now)


def expired(times: Sequence[str], now: str, **limits: int) -> dict[str, tuple[str, ...]]:
    retention = ExpiryRetention(**limits)
    return keep([(time, at(time)) for time in times], retention, UTC_ZONE, at(now))


# Order and candidates


def test_no_candidates_is_nothing_to_keep() -> None:
    assert kept([], keep_last=3, keep_within="1y", keep_within_daily="1y") == {}
    assert expired([], "2026-01-01", max_count=3) == {}


def test_what_stays_is_listed_newest_first() -> None:
    """K2: newest first by created_at."""
    times = ["2026-01-02", "2026-01-04", "2026-01-01", "2026-01-03"]
    assert list(kept(times, keep_last=3)) == ["2026-01-04", "2026-01-03", "2026-01-02"]


def test_of_one_age_the_smaller_id_counts_as_newer() -> None:
    """K2: ties by ascending backup_id."""
    same = at("2026-01-01")
    rows = [("c", same), ("a", same), ("b", same)]
    assert list(keep(rows, KeepRetention(keep_last=2), UTC_ZONE, NOW)) == ["a", "b"]


def test_a_repeated_row_counts_once() -> None:
    """K2: a row that paging repeated takes no place from another backup."""
    times = ["2026-01-03", "2026-01-03", "2026-01-02"]
    assert list(kept(times, keep_last=2)) == ["2026-01-03", "2026-01-02"]


# Counts


def test_keep_last_keeps_the_newest_whatever_their_age() -> None:
    """K3: keep_last n."""
    assert kept(["2020-01-01", "2021-01-01", "2022-01-01"], keep_last=2) == {
        "2022-01-01": ("last snapshot",),
        "2021-01-01": ("last snapshot",),
    }


def test_minus_one_keeps_all_of_a_rule() -> None:
    """K3: -1 = all."""
    times = [f"2026-01-{day:02}" for day in range(1, 31)]
    assert kept(times, keep_last=-1) == dict.fromkeys(reversed(times), ("last snapshot",))


def test_minus_one_of_a_period_keeps_one_per_period_without_end() -> None:
    """K3: -1 is no limit, but still one per period."""
    times = ["2024-05-01", "2024-06-01", "2025-05-01", "2025-06-01", "2026-06-01"]
    assert list(kept(times, keep_yearly=-1)) == [
        "2026-06-01",
        "2025-06-01",
        "2024-06-01",
        "2024-05-01",  # the oldest of all (K5)
    ]


@pytest.mark.parametrize(
    ("rule", "times", "stay"),
    [
        (
            "hourly",
            ["2026-01-01T10:05", "2026-01-01T10:55", "2026-01-01T11:05", "2026-01-02T11:05"],
            ["2026-01-02T11:05", "2026-01-01T11:05", "2026-01-01T10:55"],
        ),
        (
            "daily",
            ["2026-01-01T23:59", "2026-01-02T00:00", "2026-01-02T23:59", "2026-02-02T23:59"],
            ["2026-02-02T23:59", "2026-01-02T23:59", "2026-01-01T23:59"],
        ),
        (
            "weekly",
            ["2026-01-03", "2026-01-04", "2026-01-05", "2026-01-11", "2026-01-12"],
            ["2026-01-12", "2026-01-11", "2026-01-04"],
        ),
        (
            "monthly",
            ["2025-02-28", "2026-01-31", "2026-02-01", "2026-02-28"],
            ["2026-02-28", "2026-01-31", "2025-02-28"],
        ),
        (
            "yearly",
            ["2023-07-01", "2024-12-31", "2025-01-01", "2025-12-31"],
            ["2025-12-31", "2024-12-31", "2023-07-01"],
        ),
    ],
)
def test_a_period_keeps_its_newest(rule: str, times: list[str], stay: list[str]) -> None:
    """K2: hour, day, ISO week, month and year are distinguished by their whole key."""
    retention = KeepRetention.model_validate({f"keep_{rule}": 3})
    found = keep([(time, at(time)) for time in times], retention, UTC_ZONE, NOW)
    assert found == dict.fromkeys(stay, (f"{rule} snapshot",))


def test_rules_overlap_and_add_up_their_reasons_in_order() -> None:
    """K3, K6: rules are ORed and overlap; reasons come in the order of the rules."""
    found = kept(
        ["2026-01-01T10:00", "2026-01-01T09:00"],
        keep_yearly=1,
        keep_monthly=1,
        keep_weekly=1,
        keep_daily=1,
        keep_hourly=1,
        keep_last=1,
        keep_within="1d",
        keep_within_yearly="5y",
        keep_within_monthly="4m",
        keep_within_weekly="1m",
        keep_within_daily="7d",
        keep_within_hourly="3h",
    )
    assert found["2026-01-01T10:00"] == (
        "within 1d",
        "last snapshot",
        "hourly snapshot",
        "daily snapshot",
        "weekly snapshot",
        "monthly snapshot",
        "yearly snapshot",
        "hourly within 3h",
        "daily within 7d",
        "weekly within 1m",
        "monthly within 4m",
        "yearly within 5y",
    )
    assert found["2026-01-01T09:00"] == (
        "within 1d",
        "hourly within 3h",
        "oldest daily within 7d",
        "oldest weekly within 1m",
        "oldest monthly within 4m",
        "oldest yearly within 5y",
    )


def test_a_key_is_compared_with_the_last_kept_one_only() -> None:
    """K2: where a zone's clock went back over midnight, a day that comes again is kept again."""
    st_johns = ZoneInfo("America/St_Johns")
    # On 7 November 2010 at 00:01 the clock went back to 23:01 of the day before.
    times = ["2010-11-07T02:30:30", "2010-11-07T02:45:00", "2010-11-07T04:00:00"]
    assert [at(time).astimezone(st_johns).day for time in times] == [7, 6, 7]
    assert len(kept(times, zone=st_johns, keep_daily=3)) == 3


# The oldest


def test_the_oldest_is_kept_while_a_rule_has_places_left() -> None:
    """K5: the last candidate is kept too; its reason begins with oldest as its key repeats."""
    found = kept(["2026-01-01T01:00", "2026-01-01T02:00", "2026-01-01T03:00"], keep_daily=7)
    assert found == {
        "2026-01-01T03:00": ("daily snapshot",),
        "2026-01-01T01:00": ("oldest daily snapshot",),
    }


def test_the_oldest_of_a_new_key_is_kept_without_the_word() -> None:
    """K5: oldest is said only where the key repeats the last kept one."""
    found = kept(["2026-01-01", "2026-01-02"], keep_daily=7)
    assert found["2026-01-01"] == ("daily snapshot",)


def test_the_oldest_is_not_kept_by_a_rule_without_places_left() -> None:
    """K5: only rules that have places left."""
    times = ["2026-01-01T01:00", "2026-01-01T02:00", "2026-01-02T02:00"]
    assert list(kept(times, keep_daily=2)) == ["2026-01-02T02:00", "2026-01-01T02:00"]


def test_the_oldest_takes_the_last_place_that_is_left() -> None:
    """K5: two of three places used: the third goes to the oldest."""
    times = ["2026-01-01T01:00", "2026-01-01T02:00", "2026-01-02T02:00"]
    assert kept(times, keep_daily=3)["2026-01-01T01:00"] == ("oldest daily snapshot",)


def test_the_oldest_stays_under_minus_one() -> None:
    """K5: or -1."""
    found = kept(["2026-01-01T01:00", "2026-01-01T02:00"], keep_monthly=-1)
    assert found["2026-01-01T01:00"] == ("oldest monthly snapshot",)


def test_a_lone_backup_is_newest_and_oldest_at_once() -> None:
    """K5: no key repeats, so nothing is called oldest."""
    assert kept(["2026-01-01"], keep_daily=1) == {"2026-01-01": ("daily snapshot",)}


def test_the_oldest_inside_a_window_is_kept_by_its_period_rule() -> None:
    """K5: by a within-period rule when it is inside the window."""
    found = kept(["2026-01-01T01:00", "2026-01-01T02:00"], keep_within_daily="7d")
    assert found["2026-01-01T01:00"] == ("oldest daily within 7d",)


def test_the_oldest_outside_a_window_is_not_kept_by_its_period_rule() -> None:
    """K5: and not when it is outside."""
    times = ["2025-12-01T01:00", "2026-01-01T01:00", "2026-01-01T02:00"]
    assert list(kept(times, keep_within_daily="7d")) == ["2026-01-01T02:00"]


# Windows


def test_keep_within_is_measured_from_the_newest_backup_not_from_now() -> None:
    """K4: latest - D; when backups have stopped, nothing more goes with time."""
    times = ["2020-01-01", "2020-01-05", "2020-01-07"]
    assert kept(times, keep_within="3d", now=at("2029-01-01")) == {
        "2020-01-07": ("within 3d",),
        "2020-01-05": ("within 3d",),
    }


def test_the_edge_of_a_window_is_outside() -> None:
    """K4: strictly newer than latest - D."""
    times = ["2026-01-07T12:00", "2026-01-04T12:00:00.000001", "2026-01-04T12:00"]
    assert list(kept(times, keep_within="3d")) == times[:2]


def test_the_latest_is_the_newest_that_is_not_in_the_future() -> None:
    """K4: one from the future does not move the window, and is kept by it."""
    times = ["2026-03-01", "2026-01-10", "2026-01-08", "2026-01-01"]
    assert list(kept(times, keep_within="5d", now=at("2026-01-11"))) == times[:3]


def test_a_backup_of_this_very_moment_is_not_in_the_future() -> None:
    """K4: not in the future includes now."""
    times = ["2026-01-10", "2026-01-04", "2026-01-01"]
    assert list(kept(times, keep_within="5d", now=at("2026-01-10"))) == ["2026-01-10"]


def test_with_all_in_the_future_windows_keep_all() -> None:
    """K4: with no latest, windows keep all."""
    times = ["2026-03-01T02:00", "2026-03-01T01:00", "2026-01-10"]
    assert list(kept(times, keep_within="1h", now=at("2025-01-01"))) == times
    assert kept(times, keep_within_daily="1h", now=at("2025-01-01")) == {
        "2026-03-01T02:00": ("daily within 1h",),
        "2026-01-10": ("daily within 1h",),
    }


def test_a_window_that_reaches_before_year_1_keeps_all() -> None:
    """K4: before year 1 means keep all."""
    assert len(kept(["0090-01-01", "0001-01-01"], keep_within="90y")) == 2


def test_a_period_rule_inside_a_window_keeps_one_per_period() -> None:
    """K4: keep_within_<period> D keeps one per period inside that window."""
    times = ["2026-01-10T20:00", "2026-01-10T08:00", "2026-01-09T20:00", "2026-01-01T20:00"]
    assert kept(times, keep_within_daily="3d") == {
        "2026-01-10T20:00": ("daily within 3d",),
        "2026-01-09T20:00": ("daily within 3d",),
    }


def test_each_window_has_its_own_length() -> None:
    """K4: every within rule looks back by its own D."""
    times = ["2026-01-10T20:00", "2026-01-10T19:00", "2026-01-08T20:00", "2025-12-10T20:00"]
    found = kept(times, keep_within="2h", keep_within_daily="3d", keep_within_monthly="3m")
    assert found == {
        "2026-01-10T20:00": ("within 2h", "daily within 3d", "monthly within 3m"),
        "2026-01-10T19:00": ("within 2h",),
        "2026-01-08T20:00": ("daily within 3d",),
        "2025-12-10T20:00": ("monthly within 3m",),
    }


def test_a_month_back_from_the_end_of_march_is_early_march() -> None:
    """K4: 31 March - 1 month = 3 March."""
    times = ["2026-03-31", "2026-03-04", "2026-03-03", "2026-02-28"]
    assert list(kept(times, keep_within="1m")) == ["2026-03-31", "2026-03-04"]


# Zones and calendars


def test_days_are_cut_in_the_policys_zone() -> None:
    """K2: 22:30 and 23:30 UTC are one UTC day, but two days in Berlin."""
    times = ["2026-07-01T21:30", "2026-07-01T22:30"]
    assert len(kept([*times, "2026-06-01"], keep_daily=2)) == 2
    assert list(kept([*times, "2026-06-01"], keep_daily=2, zone=BERLIN)) == times[::-1]


@pytest.mark.parametrize("rule", ["keep_within", "keep_within_hourly"])
def test_windows_are_measured_in_the_policys_zone(rule: str) -> None:
    """K4: the day before 12:00 on 29 March 2026 in Berlin has 23 hours, in UTC 24."""
    times = ["2026-03-29T10:00", "2026-03-28T11:30", "2026-03-28T10:30", "2026-03-01T00:00"]
    retention = KeepRetention.model_validate({rule: "1d"})
    rows = [(time, at(time)) for time in times]
    assert list(keep(rows, retention, BERLIN, NOW)) == times[:2]
    assert list(keep(rows, retention, UTC_ZONE, NOW)) == times[:3]


def test_both_hours_of_a_fold_are_one_hour() -> None:
    """K2: 00:30 and 01:30 UTC are both 02:30 in Berlin on 25 October 2026."""
    times = ["2026-10-25T01:30", "2026-10-25T00:30", "2026-10-24T23:30"]
    assert list(kept(times, keep_hourly=2, zone=BERLIN)) == [times[0], times[2]]
    assert list(kept(times, keep_hourly=2)) == times[:2]


def test_a_day_of_23_hours_is_one_day() -> None:
    """K2: 29 March 2026 in Berlin runs from 23:00 to 22:00 UTC."""
    times = ["2026-03-29T22:00", "2026-03-29T21:59", "2026-03-28T23:00", "2026-03-28T22:59"]
    found = kept(times, keep_daily=3, zone=BERLIN)
    assert list(found) == [times[0], times[1], times[3]]


def test_new_years_eve_may_belong_to_week_1_of_the_next_year() -> None:
    """K2: 31 December 2024 and 1 January 2025 are both in ISO week 1 of 2025."""
    times = ["2025-01-01", "2024-12-31", "2024-12-29", "2024-12-20"]
    assert list(kept(times, keep_weekly=2)) == ["2025-01-01", "2024-12-29"]


def test_one_calendar_year_can_hold_week_1_twice() -> None:
    """K2: 1 January 2024 and 30 December 2024 are week 1 of 2024 and of 2025: two weeks."""
    times = ["2024-12-30", "2024-01-01", "2023-12-31"]
    assert list(kept(times, keep_weekly=2)) == ["2024-12-30", "2024-01-01"]


def test_week_53_is_one_week_over_new_year() -> None:
    """K2: 28 December 2026 to 3 January 2027 is ISO week 53 of 2026."""
    times = ["2027-01-04", "2027-01-03", "2026-12-28", "2026-12-27"]
    assert list(kept(times, keep_weekly=3)) == ["2027-01-04", "2027-01-03", "2026-12-27"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_ends_of_the_calendar_have_a_day_too(zone: str) -> None:
    """K2: a nonsensical date must not stop a plan."""
    rows = [
        ("last", datetime.max.replace(tzinfo=UTC)),
        ("first", datetime.min.replace(tzinfo=UTC)),
    ]
    assert len(keep(rows, KeepRetention(keep_daily=2), ZoneInfo(zone), NOW)) == 2


# The other form


def test_at_most_max_count_stay() -> None:
    """K7: at most max_count."""
    times = ["2026-01-03", "2026-01-02", "2026-01-01"]
    assert expired(times, "2026-01-04", max_count=2) == {
        "2026-01-03": ("among the newest 2",),
        "2026-01-02": ("among the newest 2",),
    }


def test_older_than_expire_after_days_goes() -> None:
    """K7: measured from now, in whole days of 24 hours; what is exactly that old stays."""
    times = ["2026-01-10T12:00", "2026-01-05T12:00", "2026-01-05T11:59:59"]
    assert expired(times, "2026-01-12T12:00", expire_after_days=7) == {
        "2026-01-10T12:00": ("among the newest 1", "not older than 7d"),
        "2026-01-05T12:00": ("not older than 7d",),
    }


def test_never_below_min_count() -> None:
    """K7: when backups have stopped, the newest min_count stay whatever their age."""
    times = ["2020-01-03", "2020-01-02", "2020-01-01"]
    assert expired(times, "2026-01-01", expire_after_days=1, min_count=2) == {
        "2020-01-03": ("among the newest 2",),
        "2020-01-02": ("among the newest 2",),
    }


def test_max_count_goes_before_age() -> None:
    """K7: young ones beyond max_count go all the same."""
    times = ["2026-01-03", "2026-01-02", "2026-01-01"]
    found = expired(times, "2026-01-03", expire_after_days=30, max_count=2, min_count=2)
    assert list(found) == ["2026-01-03", "2026-01-02"]


def test_one_stays_even_when_nothing_was_asked_for() -> None:
    """K7: min_count is 1 unless the policy says more."""
    found = expired(["2020-01-01", "2019-01-01"], "2026-01-01", expire_after_days=1)
    assert list(found) == ["2020-01-01"]


# Which retentions are valid


@pytest.mark.parametrize(
    "field", [name for name in KeepRetention.model_fields if "within" not in name]
)
def test_counts_go_down_to_minus_one(field: str) -> None:
    """K3: -1 = all, absent = 0; anything below -1 is invalid."""
    assert getattr(KeepRetention.model_validate({field: -1}), field) == -1
    with pytest.raises(ValueError, match="must be at least -1"):
        KeepRetention.model_validate({field: -2})


@pytest.mark.parametrize("rules", [{}, {"keep_last": 0}, {"keep_daily": 0, "keep_within": None}])
def test_a_retention_that_keeps_nothing_is_invalid(rules: dict[str, int | None]) -> None:
    """K6: a policy that keeps nothing is invalid."""
    with pytest.raises(ValueError, match="keeps nothing"):
        KeepRetention.model_validate(rules)


def test_each_rule_alone_keeps_the_newest() -> None:
    """K3, K4: every field of the retention is honoured."""
    older = NOW - timedelta(days=4000)
    for field in KeepRetention.model_fields:
        value: int | str = "1d" if "within" in field else 1
        found = keep(
            [("new", NOW), ("mid", older), ("old", older - timedelta(days=400))],
            KeepRetention.model_validate({field: value}),
            UTC_ZONE,
            NOW,
        )
        assert list(found) == ["new"], field
