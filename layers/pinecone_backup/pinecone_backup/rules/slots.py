"""When a backup is due: the slots of a policy's cron in its time zone (rule C1).

cronsim says which days and times of day an expression names. What those mean on the two days of
the year on which clocks change is said here, once:

- A fixed time (the hour field names hours) that the clock skips runs right after the gap; one
  that the clock shows twice runs the first time only.
- An hour field that begins with ``*`` means every so often: a skipped hour has no slot, a
  repeated hour has its slots twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

MOST_JITTER = timedelta(minutes=30)
"""However rare the slots are, a backup starts within this of the time that was asked for."""

MOST_YEARS = 50
"""An expression that names no time for so long is taken to name none any more."""

_DAY = timedelta(days=1)
_A_YEAR = 396 * _DAY
_LEAST_DAYS = 12
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


def checked_cron(cron: str) -> str:
    """The expression itself, when it has five fields and ever comes to pass.

    Raises:
        ValueError: What is wrong with it.
    """
    if len(cron.split()) != 5:  # noqa: PLR2004 - a sixth field would be seconds
        raise ValueError(f"{cron!r} has not the five fields of a cron expression")
    try:
        first = next(CronSim(cron, datetime(2000, 1, 1)), None)  # noqa: DTZ001 - any wall clock
    except (CronSimError, AssertionError) as error:
        raise ValueError(f"{cron!r} is not a cron expression: {error}") from None
    if first is None:
        raise ValueError(f"{cron!r} names a time that never comes")
    return cron


def latest_slot(cron: str, zone: ZoneInfo, index_key: str, now: datetime) -> datetime | None:
    """The newest slot that is due for the index: ``slot + jitter <= now`` (rule C1).

    Args:
        cron: Five fields, valid (a policy document has been checked).
        zone: The policy's time zone.
        index_key: Names the index among all, as in ``project/index``.
        now: Aware, any zone.

    Returns:
        The slot itself, without its jitter, in UTC; None when the cron had none in 50 years.
    """
    edge = now - jitter(index_key, cron)
    return next(slots_before(cron, zone, edge), None)


def next_slot(cron: str, zone: ZoneInfo, index_key: str, now: datetime) -> datetime | None:
    """The first slot that is not yet due for the index; arguments as in ``latest_slot``."""
    return first_slot(cron, zone, now - jitter(index_key, cron))


def first_slot(cron: str, zone: ZoneInfo, start: datetime) -> datetime | None:
    """The first slot after ``start``, in UTC; None when the cron has none in 50 years."""
    return next((slot for slot in _slots(cron, zone, start) if slot > start), None)


def slots_between(cron: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The slots after ``start`` up to and including ``end``, oldest first, in UTC."""
    for slot in _slots(cron, zone, start):
        if slot > end:
            return
        if slot > start:
            yield slot


def slots_before(cron: str, zone: ZoneInfo, end: datetime) -> Iterator[datetime]:
    """The slots up to and including ``end``, newest first, in UTC, without end."""
    return (slot for slot in _slots(cron, zone, end, back=True) if slot <= end)


def last_of_each_day(cron: str) -> str:
    """The expression that names the last of each day's times alone."""
    return _one_a_day(cron, _times_of_day(cron)[-1])


def last_of_each_hour(cron: str) -> str:
    """The expression that names the last of each hour's times alone."""
    return f"{_times_of_day(cron)[-1] % 60} {' '.join(cron.split()[1:])}"


@lru_cache(maxsize=256)
def longest_gap(cron: str, zone: ZoneInfo, year: int) -> timedelta:
    """The longest time between two slots that follow each other.

    Over night and over days without a slot by the time that really passes, for a year and a
    month from the beginning of ``year`` (UTC), and twelve days with slots at least; within a day
    by the clock on the wall.
    """
    start = datetime(year, 1, 1, tzinfo=UTC)
    times = _times_of_day(cron)
    gaps = [(after - before) * _MINUTE for before, after in pairwise(times)]
    lasts = _slots(_one_a_day(cron, times[-1]), zone, start)
    firsts = _slots(_one_a_day(cron, times[0]), zone, start)
    last = next(lasts, None)
    for number, first in enumerate(firsts):
        if last is None or (number > _LEAST_DAYS and last - start > _A_YEAR):
            break
        if first > last:
            gaps.append(first - last)
            last = next(lasts, None)
    return max(gaps)


def skipped_day(cron: str, zone: ZoneInfo, now: datetime) -> date | None:
    """The first day from now on that loses all of its slots to a change of clocks, or None.

    Looked for in the next 400 days. It takes an hour field that begins with ``*`` and names
    nothing but hours that are skipped, as ``*/24`` where summer time begins at midnight.
    """
    today = now.astimezone(zone).date()
    for number in range(400):
        day = today + number * _DAY
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - on the wall
        start, end = _utc(midnight, zone, 0), _utc(midnight + _DAY, zone, 0)
        if end - start == _DAY:
            continue
        named = next(CronSim(cron, midnight - _MINUTE), None)
        found = slots_between(cron, zone, start - _MINUTE, end)
        if named is not None and named.date() == day:
            shown = {_shown(slot, zone).date() for slot in found}
            if day not in shown:
                return day
    return None


@lru_cache(maxsize=256)
def _times_of_day(cron: str) -> tuple[int, ...]:
    """The minutes of a day, by the clock on the wall, at which it has slots."""
    sim = CronSim(cron, datetime.min)  # noqa: DTZ901 - only its fields are read
    return tuple(sorted(60 * hour + minute for hour in sim.hours for minute in sim.minutes))


def _one_a_day(cron: str, time_of_day: int) -> str:
    """The same days with one slot each."""
    hour, minute = divmod(time_of_day, 60)
    return f"{minute} {hour} {' '.join(cron.split()[2:])}"


def jitter(index_key: str, cron: str) -> timedelta:
    """How long after its slots an index starts, so that not all start at once (rule C1).

    Whole seconds, always the same for an index: under half of the shortest time between two
    slots of one day, and under ``MOST_JITTER``.
    """
    limit = min(shortest_interval(cron) / 2, MOST_JITTER) // _SECOND
    return int.from_bytes(sha256(index_key.encode()).digest()[:8]) % limit * _SECOND


@lru_cache(maxsize=256)
def shortest_interval(cron: str) -> timedelta:
    """The shortest time between two slots by the clock on the wall, at most a day.

    Days that follow each other are assumed, and no change of clocks.
    """
    minutes = _times_of_day(cron)
    gaps = [after - before for before, after in pairwise([*minutes, minutes[0] + 24 * 60])]
    return min(gaps) * _MINUTE


def _slots(cron: str, zone: ZoneInfo, edge: datetime, *, back: bool = False) -> Iterator[datetime]:
    """Slots in order of time, from just beyond ``edge`` onwards, or back from it."""
    repeats = cron.split()[1].startswith("*")
    last: datetime | None = None
    twice: list[datetime] = []
    for wall in _walls(cron, _first_wall(edge, zone, back=back), back=back):
        instants = _instants(wall, zone, repeats=repeats)
        twice += instants
        if len(instants) > 1:
            continue  # the passes of a repeated hour are put in order before they are given
        for slot in sorted(twice, reverse=back):
            if slot != last:  # several skipped times run once
                yield slot
            last = slot
        twice.clear()


def _walls(cron: str, start: datetime, *, back: bool) -> Iterator[datetime]:
    """The times that a clock on the wall shows beyond ``start``, day by day, in order."""
    sim = CronSim(cron, start)
    times = [time(*divmod(minute, 60)) for minute in sorted(_times_of_day(cron), reverse=back)]
    day, last_year = start.date(), start.year
    while abs(day.year - last_year) <= MOST_YEARS:
        if day.month not in sim.months:
            first = day.replace(day=1)
            day = first - _DAY if back else (first + 31 * _DAY).replace(day=1)
            continue
        if sim.match_day(day):
            last_year = day.year
            walls = (datetime.combine(day, each) for each in times)
            yield from (wall for wall in walls if (wall < start if back else wall > start))
        day += -_DAY if back else _DAY


def _first_wall(edge: datetime, zone: ZoneInfo, *, back: bool) -> datetime:
    """A wall-clock time from which no slot on the far side of ``edge`` can be missed.

    While a fold lasts, the wall clock shows times that lie up to a fold's length from ``edge``.
    """
    beyond = edge + (-_DAY if back else _DAY)
    shift = _offset(beyond, zone) - _offset(edge, zone)
    wall = _shown(edge, zone)
    return wall + max(shift, timedelta()) + _SECOND if back else wall + min(shift, timedelta())


def _offset(time: datetime, zone: ZoneInfo) -> timedelta:
    return time.astimezone(zone).utcoffset() or timedelta()


def _instants(wall: datetime, zone: ZoneInfo, *, repeats: bool) -> list[datetime]:
    """When the wall clock of a zone shows a time, as slots: once, twice, or not at all."""
    readings = sorted({_utc(wall, zone, 0), _utc(wall, zone, 1)})
    if len(readings) == 1 or _shown(readings[0], zone) == wall:
        return readings if repeats else readings[:1]
    if repeats:
        return []
    while _shown(_utc(wall, zone, 0), zone) != wall:
        wall += _MINUTE
    return [_utc(wall, zone, 0)]


def _utc(wall: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _shown(time: datetime, zone: ZoneInfo) -> datetime:
    return time.astimezone(zone).replace(tzinfo=None)
