"""When a backup is due: the slots of a policy's cron in its time zone (rule C1).

cronsim says which wall-clock times an expression names. What those mean on the two days of the
year on which clocks change is said here, once:

- A fixed time (the hour field names hours) that the clock skips runs right after the gap; one
  that the clock shows twice runs the first time only.
- An hour field that begins with ``*`` means every so often: a skipped hour has no slot, a
  repeated hour has its slots twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

MOST_SPREAD = timedelta(minutes=30)
"""However rare the slots are, a backup starts within this of the time that was asked for."""

_DAY = timedelta(days=1)
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
    """The newest slot that is due for the index: ``slot + spread <= now`` (rule C1).

    Args:
        cron: Five fields, valid (a policy document has been checked).
        zone: The policy's time zone.
        index_key: What tells the index from others, as in ``project/index``.
        now: Aware, any zone.

    Returns:
        The slot itself, without its spread, in UTC; None when the cron had none in 50 years.
    """
    edge = now - jitter(index_key, cron)
    return next(slots_before(cron, zone, edge), None)


def next_slot(cron: str, zone: ZoneInfo, index_key: str, now: datetime) -> datetime | None:
    """The first slot that is not yet due for the index; arguments as in ``latest_slot``."""
    edge = now - jitter(index_key, cron)
    return next((slot for slot in _slots(cron, zone, edge) if slot > edge), None)


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
    sim = CronSim(cron, datetime.min)  # noqa: DTZ901 - only its fields are read
    days = " ".join(cron.split()[2:])
    return f"{max(sim.minutes)} {max(sim.hours)} {days}"


def jitter(index_key: str, cron: str) -> timedelta:
    """How long after its slots an index starts, so that not all start at once (rule C1).

    Whole seconds, always the same for an index: under half of the shortest time between two
    slots of one day, and under ``MOST_SPREAD``.
    """
    limit = min(shortest_interval(cron) / 2, MOST_SPREAD) // _SECOND
    return int.from_bytes(sha256(index_key.encode()).digest()[:8]) % limit * _SECOND


@lru_cache(maxsize=256)
def shortest_interval(cron: str) -> timedelta:
    """The shortest time between two slots by the clock on the wall, at most a day.

    Days that follow each other are assumed, and no change of clocks.
    """
    sim = CronSim(cron, datetime.min)  # noqa: DTZ901 - only its fields are read
    minutes = sorted(60 * hour + minute for hour in sim.hours for minute in sim.minutes)
    gaps = [after - before for before, after in pairwise([*minutes, minutes[0] + 24 * 60])]
    return min(gaps) * _MINUTE


def _slots(cron: str, zone: ZoneInfo, edge: datetime, *, back: bool = False) -> Iterator[datetime]:
    """Slots in order of time, from just beyond ``edge`` onwards, or back from it."""
    repeats = cron.split()[1].startswith("*")
    last: datetime | None = None
    twice: list[datetime] = []
    for wall in CronSim(cron, _first_wall(edge, zone, back=back), reverse=back):
        instants = _instants(wall, zone, repeats=repeats)
        twice += instants
        if len(instants) > 1:
            continue  # the passes of a repeated hour are put in order before they are told
        for slot in sorted(twice, reverse=back):
            if slot != last:  # several skipped times run once
                yield slot
            last = slot
        twice.clear()


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
