from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from pinecone_backup.rules.slots import (
    MOST_JITTER,
    checked_cron,
    jitter,
    last_of_each_day,
    latest_slot,
    next_slot,
    shortest_interval,
    skipped_day,
    slots_before,
    slots_between,
)

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
KEY = "main/catalogue"
SECOND = timedelta(seconds=1)
# The days on which the clocks of Berlin change in 2026, as UTC.
SPRING = ("2026-03-28T23:00", "2026-03-29T04:00")
AUTUMN = ("2026-10-24T22:00", "2026-10-25T03:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall_clock(cron: str, day: tuple[str, str], zone: ZoneInfo = BERLIN) -> list[str]:
    """The slots of a time, as the wall clock shows them."""
    start, end = map(at, day)
    slots = slots_between(cron, zone, start, end)
    return [f"{slot.astimezone(zone):%H:%M%z}" for slot in slots]


# Slots


def test_slots_follow_the_clock_of_the_policys_zone() -> None:
    """C1: five-field cron in the policy's zone; slots are given in UTC."""
    slots = list(slots_between("30 2 * * *", BERLIN, at("2026-01-01"), at("2026-01-03T12:00")))
    assert slots == [at("2026-01-01T01:30"), at("2026-01-02T01:30"), at("2026-01-03T01:30")]
    assert all(slot.utcoffset() == timedelta(0) for slot in slots)
    assert next(slots_between("30 2 * * *", BERLIN, at("2026-07-01"), at("2026-07-02"))) == at(
        "2026-07-01T00:30"
    )


def test_slots_lie_after_the_start_and_up_to_the_end() -> None:
    """C1: of two times that touch, each slot belongs to one."""
    day = ("2026-01-01T02:00", "2026-01-02T02:00")
    assert wall_clock("0 2 * * *", day, UTC_ZONE) == ["02:00+0000"]
    assert [*slots_between("0 2 * * *", UTC_ZONE, at(day[0]), at(day[1]))] == [at(day[1])]


def test_a_start_between_two_seconds_hides_no_slot() -> None:
    """C1: a slot that is half a second old is after the start or it is not."""
    half = timedelta(milliseconds=500)
    slot = at("2026-01-01T02:00")
    assert list(slots_between("0 2 * * *", UTC_ZONE, slot - half, slot)) == [slot]
    assert list(slots_between("0 2 * * *", UTC_ZONE, slot + half, slot + SECOND)) == []


@pytest.mark.parametrize(
    ("cron", "spring", "autumn"),
    [
        ("30 2 * * *", ["03:00+0200"], ["02:30+0200"]),
        ("0 2 * * *", ["03:00+0200"], ["02:00+0200"]),
        ("0 3 * * *", ["03:00+0200"], ["03:00+0100"]),
        ("59 1 * * *", ["01:59+0100"], ["01:59+0200"]),
        ("0,30 2 * * *", ["03:00+0200"], ["02:00+0200", "02:30+0200"]),
        ("30 2,3 * * *", ["03:00+0200", "03:30+0200"], ["02:30+0200", "03:30+0100"]),
        ("0 2,3 * * *", ["03:00+0200"], ["02:00+0200", "03:00+0100"]),
        ("*/20 2 * * *", ["03:00+0200"], ["02:00+0200", "02:20+0200", "02:40+0200"]),
    ],
)
def test_a_fixed_time_runs_after_a_gap_and_once_in_a_fold(
    cron: str, spring: list[str], autumn: list[str]
) -> None:
    """C1: in a gap a fixed time runs right after the gap, in a fold once."""
    assert wall_clock(cron, SPRING) == spring
    assert wall_clock(cron, AUTUMN) == autumn


def test_every_hour_is_every_elapsed_hour() -> None:
    """C1: an hourly cron neither doubles in a gap nor pauses in a fold."""
    assert wall_clock("0 * * * *", SPRING)[:3] == ["01:00+0100", "03:00+0200", "04:00+0200"]
    assert wall_clock("0 * * * *", AUTUMN)[:4] == [
        "01:00+0200",
        "02:00+0200",
        "02:00+0100",
        "03:00+0100",
    ]
    for start, end in (SPRING, AUTUMN):
        slots = list(slots_between("0 * * * *", BERLIN, at(start), at(end)))
        assert {after - before for before, after in pairwise(slots)} == {timedelta(hours=1)}


def test_the_passes_of_a_repeated_hour_come_in_order() -> None:
    """C1: both half hours of the first pass come before those of the second."""
    assert wall_clock("*/30 * * * *", AUTUMN)[3:8] == [
        "02:00+0200",
        "02:30+0200",
        "02:00+0100",
        "02:30+0100",
        "03:00+0100",
    ]


def test_a_gap_of_half_an_hour_moves_a_fixed_time_to_its_end() -> None:
    """C1: Lord Howe's clocks skip from 02:00 to 02:30 on 4 October 2026."""
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    day = ("2026-10-03T13:30", "2026-10-03T16:00")
    assert wall_clock("15 2 * * *", day, lord_howe) == ["02:30+1100"]


def test_a_day_that_a_zone_skipped_runs_when_the_next_begins() -> None:
    """C1: Samoa had no 30 December 2011."""
    apia = ZoneInfo("Pacific/Apia")
    start, end = at("2011-12-29T10:00"), at("2011-12-31T09:00")
    assert list(slots_between("0 6 * * *", apia, start, end)) == [
        at("2011-12-29T16:00"),
        at("2011-12-30T10:00"),
        at("2011-12-30T16:00"),
    ]
    assert latest_slot("0 6 30 12 *", apia, KEY, end) == at("2011-12-30T10:00")


# The latest and the next


def test_the_latest_slot_is_due_once_its_jitter_is_over() -> None:
    """C1: the newest with slot + jitter <= now."""
    cron, slot = "0 2 * * *", at("2026-01-02T02:00")
    due = slot + jitter(KEY, cron)
    assert due > slot
    assert latest_slot(cron, UTC_ZONE, KEY, due) == slot
    assert latest_slot(cron, UTC_ZONE, KEY, due - SECOND) == slot - timedelta(days=1)


def test_the_next_slot_is_the_one_that_is_not_yet_due() -> None:
    """C1: latest and next meet without a gap."""
    cron, slot = "0 2 * * *", at("2026-01-02T02:00")
    due = slot + jitter(KEY, cron)
    assert next_slot(cron, UTC_ZONE, KEY, due - SECOND) == slot
    assert next_slot(cron, UTC_ZONE, KEY, due) == slot + timedelta(days=1)


def test_now_may_be_given_in_any_zone() -> None:
    """T3: one moment, one answer."""
    now = at("2026-01-02T12:00")
    tokyo = now.astimezone(ZoneInfo("Asia/Tokyo"))
    assert latest_slot("0 2 * * *", BERLIN, KEY, tokyo) == at("2026-01-02T01:00")
    assert next_slot("0 2 * * *", BERLIN, KEY, tokyo) == at("2026-01-03T01:00")


@pytest.mark.parametrize(
    ("cron", "latest", "following"),
    [
        ("0 0 29 2 *", "2024-02-29", "2028-02-29"),
        ("0 0 L * *", "2026-10-31", "2026-11-30"),
        ("0 0 * * MON#1", "2026-11-02", "2026-12-07"),
        ("0 0 1 jan *", "2026-01-01", "2027-01-01"),
        ("0 0 * * 7", "2026-11-22", "2026-11-29"),
        ("0 0 13 * 5", "2026-11-20", "2026-11-27"),
    ],
)
def test_rare_slots_are_found_in_both_directions(cron: str, latest: str, following: str) -> None:
    """C1: whatever cronsim understands, years away or not."""
    now = at("2026-11-22T12:00")
    assert latest_slot(cron, UTC_ZONE, KEY, now) == at(latest)
    assert next_slot(cron, UTC_ZONE, KEY, now) == at(following)


def test_in_the_second_pass_of_an_hour_the_latest_fixed_time_may_be_ahead_on_the_wall() -> None:
    """C1: at the second 02:15, the slot of 02:45 is already half an hour old."""
    now = at("2026-10-25T01:15") + jitter(KEY, "45 2 * * *")
    assert latest_slot("45 2 * * *", BERLIN, KEY, now) == at("2026-10-25T00:45")
    assert next_slot("45 2 * * *", BERLIN, KEY, now) == at("2026-10-26T01:45")


def test_in_the_first_pass_of_an_hour_the_next_slot_may_be_behind_on_the_wall() -> None:
    """C1: at the first 02:15, the slot of the second 02:05 is still to come."""
    now = at("2026-10-25T00:15") + jitter(KEY, "5 * * * *")
    assert latest_slot("5 * * * *", BERLIN, KEY, now) == at("2026-10-25T00:05")
    assert next_slot("5 * * * *", BERLIN, KEY, now) == at("2026-10-25T01:05")


def test_at_the_moment_of_a_slot_in_the_first_pass_the_next_is_that_of_the_second() -> None:
    """C1: the slot of this moment is due; the next one has the same time on the wall."""
    now = at("2026-10-25T00:05") + jitter(KEY, "5 * * * *")
    assert latest_slot("5 * * * *", BERLIN, KEY, now) == at("2026-10-25T00:05")
    assert next_slot("5 * * * *", BERLIN, KEY, now) == at("2026-10-25T01:05")


def test_a_time_that_never_comes_has_neither() -> None:
    """C1: no policy document lets it through, but a search must end."""
    never = "0 0 */3 2 MON#5"
    assert latest_slot(never, UTC_ZONE, KEY, at("2026-01-01")) is None
    assert next_slot(never, UTC_ZONE, KEY, at("2026-01-01")) is None


def test_slots_can_be_listed_backwards_without_end() -> None:
    """C1: newest first, from the end on, the end included."""
    slots = slots_before("0 2 * * *", BERLIN, at("2026-03-30T00:00"))
    assert list(islice(slots, 3)) == [
        at("2026-03-30T00:00"),
        at("2026-03-29T01:00"),
        at("2026-03-28T01:00"),
    ]


@pytest.mark.parametrize(
    ("cron", "last"),
    [
        ("0 2 * * *", "0 2 * * *"),
        ("*/15 8-18 1,15 * MON", "45 18 1,15 * MON"),
        ("* * * jan *", "59 23 * jan *"),
    ],
)
def test_the_last_slot_of_each_day_is_a_cron_of_its_own(cron: str, last: str) -> None:
    assert last_of_each_day(cron) == last


# Days that a change of clocks takes


HAVANA = ZoneInfo("America/Havana")


@pytest.mark.parametrize(
    ("cron", "now", "day"),
    [
        pytest.param("0 */24 * * *", "2027-03-14T12:00", date(2027, 3, 14), id="the day itself"),
        pytest.param("0 */24 * * *", "2027-03-15T03:59", date(2027, 3, 14), id="its last minute"),
        pytest.param("0 */24 * * *", "2027-03-15T04:00", date(2028, 3, 12), id="the next year's"),
        pytest.param("0 */24 14 3 *", "2026-02-08T12:00", date(2027, 3, 14), id="399 days before"),
        pytest.param("0 */24 14 3 *", "2026-02-07T12:00", None, id="400 days before"),
    ],
)
def test_a_day_without_slots_is_looked_for_from_today_on_for_400_days(
    cron: str, now: str, day: date | None
) -> None:
    """C1: Havana's summer time begins at midnight; its day ends at four in the morning, UTC."""
    assert skipped_day(cron, HAVANA, at(now)) == day


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Apia", "Asia/Kathmandu", "UTC"])
def test_where_no_clock_skips_midnight_no_day_is_without_its_slot_at_midnight(zone: str) -> None:
    """C1."""
    assert skipped_day("0 */24 * * *", ZoneInfo(zone), at("2026-11-22T12:00")) is None


# The jitter


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("* * * * *", 1),
        ("*/15 * * * *", 15),
        ("0,50 * * * *", 10),
        ("5 * * * *", 60),
        ("0 8,20 * * *", 12 * 60),
        ("0 0,23 * * *", 60),
        ("0 1,20 * * *", 5 * 60),
        ("0 2 * * *", 24 * 60),
        ("0 2 1 * *", 24 * 60),
        ("30 2 * * 1", 24 * 60),
    ],
)
def test_the_shortest_interval_is_that_between_two_times_of_day(cron: str, minutes: int) -> None:
    """C1: over midnight too; a day at most."""
    assert shortest_interval(cron) == timedelta(minutes=minutes)


@pytest.mark.parametrize("cron", ["* * * * *", "*/5 * * * *", "0 * * * *", "0 2 * * *"])
def test_the_jitter_stays_under_half_of_the_shortest_interval(cron: str) -> None:
    """C1: under half of the shortest interval, and never so long that it surprises."""
    most = max(jitter(f"main/index-{number}", cron) for number in range(3000))
    limit = min(shortest_interval(cron) / 2, MOST_JITTER)
    assert limit * 0.9 <= most < limit


def test_a_hundred_indexes_do_not_start_in_the_same_minute() -> None:
    """C1: the jitter differs between indexes."""
    spreads = [jitter(f"main/index-{number}", "0 2 * * *") for number in range(100)]
    minutes = [each // timedelta(minutes=1) for each in spreads]
    assert max(minutes.count(minute) for minute in minutes) <= 12
    assert len(set(minutes)) >= 25


def test_the_jitter_is_the_same_in_every_process_and_for_every_release() -> None:
    """C1: stable per index; another value would move every slot once."""
    assert jitter("main/catalogue", "0 2 * * *") == timedelta(seconds=234)
    assert jitter("main/catalogue", "*/15 * * * *") == timedelta(seconds=234)


# Which expressions are valid


@pytest.mark.parametrize("cron", ["0 2 * * *", "*/15 8-18 * * MON-FRI", "0 0 L * *", "5 4 * * 7"])
def test_a_valid_expression_is_taken_as_it_is(cron: str) -> None:
    assert checked_cron(cron) == cron


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("", "has not the five fields"),
        ("@daily", "has not the five fields"),
        ("0 2 * *", "has not the five fields"),
        ("0 0 2 * * *", "has not the five fields"),
        ("60 2 * * *", "Bad minute"),
        ("0 24 * * *", "Bad hour"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("0 0 1W * *", "Bad day-of-month"),
        ("0 0 W * *", "Bad day-of-month"),
        ("0 0 ? * MON", "Bad day-of-month"),
        ("0 0 * * 5L/2", "Bad day-of-week"),
        ("0 0 * * 5#1,L/2", "Bad day-of-week"),
        ("0 0 */3 2 MON#5", "names a time that never comes"),
    ],
)
def test_an_expression_without_slots_is_refused_with_the_reason(cron: str, problem: str) -> None:
    """C1: what can never be due must not look like a policy."""
    with pytest.raises(ValueError, match=problem) as caught:
        checked_cron(cron)
    assert repr(cron) in str(caught.value)
