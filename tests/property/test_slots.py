from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.rules.slots import jitter, latest_slot, longest_gap, next_slot, slots_between

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Antarctica/Troll"]
).map(ZoneInfo)
# Around the changes of clocks of 2026, and at any other time of that year.
MOMENTS = st.one_of(
    st.integers(0, 365 * 24 * 3600).map(
        lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    st.builds(
        lambda day, seconds: day + timedelta(seconds=seconds),
        st.sampled_from(
            [
                datetime(2026, month, day, tzinfo=UTC)
                for month, day in ((3, 8), (3, 29), (4, 4), (10, 3), (10, 25), (11, 1))
            ]
        ),
        st.integers(-6 * 3600, 30 * 3600),
    ),
)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.lists(st.integers(low, high), min_size=1, max_size=3, unique=True)
    return numbers.map(lambda found: ",".join(map(str, sorted(found))))


MINUTES = st.one_of(field(0, 59), st.sampled_from(["*/15", "*/7", "0-40/20"]))
HOURS = st.one_of(field(0, 23), field(1, 3), st.sampled_from(["*", "*/2", "1-4"]))
DAYS = st.sampled_from(["*", "*", "*", "1", "28-31", "L", "*/3"])
WEEKDAYS = st.sampled_from(["*", "*", "*", "MON-FRI", "SUN", "7"])
CRONS = st.builds(
    lambda minute, hour, day, weekday: f"{minute} {hour} {day} * {weekday}",
    *(MINUTES, HOURS, DAYS, WEEKDAYS),
)
KEYS = st.sampled_from(["a", "main/catalogue", "main/users"])


@given(CRONS, ZONES, MOMENTS, KEYS)
def test_no_slot_lies_between_the_latest_and_the_next(
    cron: str, zone: ZoneInfo, now: datetime, key: str
) -> None:
    """C1: the latest is due, the next is not, and they are neighbours."""
    latest, following = latest_slot(cron, zone, key, now), next_slot(cron, zone, key, now)
    assert latest is not None
    assert following is not None
    assert latest + jitter(key, cron) <= now < following + jitter(key, cron)
    assert list(slots_between(cron, zone, latest, following)) == [following]


@given(CRONS, ZONES, MOMENTS, KEYS, st.integers(0, 100 * 3600))
def test_as_time_goes_by_the_latest_slot_walks_through_all_of_them(
    cron: str, zone: ZoneInfo, now: datetime, key: str, seconds: int
) -> None:
    """C1: a tick that was missed changes nothing at the next one."""
    later = now + timedelta(seconds=seconds)
    before, after = latest_slot(cron, zone, key, now), latest_slot(cron, zone, key, later)
    assert before is not None
    assert after is not None
    assert before <= after
    between = list(slots_between(cron, zone, before, after))
    assert between[-1:] == ([after] if after > before else [])


@given(CRONS, ZONES, MOMENTS)
def test_slots_come_in_order_each_once(cron: str, zone: ZoneInfo, start: datetime) -> None:
    """C1: over every change of clocks."""
    slots = list(slots_between(cron, zone, start, start + timedelta(days=4)))
    assert all(before < after for before, after in pairwise(slots))


@settings(max_examples=20)
@given(CRONS, st.sampled_from(["UTC", "Asia/Kathmandu"]).map(ZoneInfo))
def test_no_gap_of_a_year_is_longer_than_the_longest(cron: str, zone: ZoneInfo) -> None:
    """C1: and some gap is as long, where clocks do not change."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    slots = list(slots_between(cron, zone, start, start + timedelta(days=420)))
    gaps = [after - before for before, after in pairwise(slots)]
    assert longest_gap(cron, zone, 2026) == max(gaps)


@given(CRONS, MOMENTS)
def test_without_changes_of_clocks_slots_are_what_cronsim_says(cron: str, start: datetime) -> None:
    """C1: the expression means what the library says it means."""
    zone = ZoneInfo("Asia/Kathmandu")
    end = start + timedelta(days=40)
    expected = []
    for moment in CronSim(cron, start.astimezone(zone)):
        if moment > end:
            break
        expected.append(moment)
    assert list(slots_between(cron, zone, start, end)) == expected


@given(field(0, 59), st.one_of(field(0, 23), st.just("*")), st.sampled_from([(3, 29), (10, 25)]))
def test_in_berlin_slots_are_what_cronsim_says_each_once(
    minute: str, hour: str, day: tuple[int, int]
) -> None:
    """C1: where minutes are plain, the library has the same idea of a change of clocks."""
    zone = ZoneInfo("Europe/Berlin")
    cron = f"{minute} {hour} * * *"
    start = datetime(2026, *day, tzinfo=UTC) - timedelta(days=1)
    end = start + timedelta(days=3)
    expected = set()
    for moment in CronSim(cron, start.astimezone(zone)):
        if moment.astimezone(UTC) > end:
            break
        expected.add(moment.astimezone(UTC))
    assert list(slots_between(cron, zone, start, end)) == sorted(expected)


@given(field(0, 59), field(0, 23), ZONES, MOMENTS)
def test_every_local_day_has_a_slot_of_a_daily_policy(
    minute: str, hour: str, zone: ZoneInfo, now: datetime
) -> None:
    """C1: no change of clocks costs a day its backup."""
    start = now.astimezone(zone).replace(hour=12, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=1)  # the same time of the next day by the wall clock
    slots = list(slots_between(f"{minute} {hour} * * *", zone, start, end))
    times_of_day = len(minute.split(",")) * len(hour.split(","))
    assert 1 <= len(slots) <= times_of_day
