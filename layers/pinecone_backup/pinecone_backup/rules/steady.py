"""What an index comes to hold when its policy goes on for ever."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from pinecone_backup.rules.duration import Duration
from pinecone_backup.rules.policy import ExpiryRetention, Frequency
from pinecone_backup.rules.retention import KEEP_ALL, KEYS, keep
from pinecone_backup.rules.slots import (
    last_of_each_day,
    last_of_each_hour,
    longest_gap,
    slots_before,
    slots_between,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Set
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from pinecone_backup.rules.policy import KeepRetention, Policy

PRUNE_EVERY = timedelta(hours=6)
"""How often the template lets prunes run, unless its parameter says otherwise."""
INTERVALS: dict[str, timedelta] = {
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(days=7),
    Frequency.MONTHLY: timedelta(days=31),
}
"""The longest time between two runs of a native schedule."""
SETTLES_WITHIN = timedelta(days=32 * 366)
"""What needs longer than about thirty years to settle is taken to grow for ever."""
MOST_SLOTS = SETTLES_WITHIN.days
"""So many slots are looked at: more than any project may hold, and one for each of those days."""

PLAYED = timedelta(days=35)
"""So long prunes are played forward: over the end of a month, whichever it is."""
MOST_PLAYED = 2_000
"""Of a steady state with more slots behind it prunes are not played forward."""

_DAY = timedelta(days=1)
_COARSE = ("daily", "weekly", "monthly", "yearly")
"""The periods that a day lies in as a whole."""


def steady_count(policy: Policy, now: datetime) -> int | None:
    """How many backups an index of this policy comes to hold, as counted at ``now``.

    It is what the retention and the floor keep of a past without beginning.

    Returns:
        None when there is no such number: some rule keeps all, or over ``MOST_SLOTS`` of them, or
        what it keeps does not settle within ``SETTLES_WITHIN``.
    """
    if policy.cron is None:
        request = policy.native_schedule
        return (
            request.expire_after_days * _DAY // INTERVALS[request.frequency] + 1 if request else 0
        )
    past = _distinguishable_past(policy.cron, policy, now)
    if past is None:
        return None
    rows = _rows(past)
    floor = {key for key, _ in rows[: policy.floor]}
    return len(keep(rows, policy.retention, policy.zone, now).keys() | floor)


def excesses(policy: Policy, now: datetime, *, every: timedelta) -> Iterator[tuple[int, int]]:
    """What prunes of an index delete beyond what was made since the prune before.

    Of five weeks of prunes in the steady state; it is what is held against the limits (rule D2).
    Nothing where no steady state with ``MOST_PLAYED`` slots behind it at most is known.

    Args:
        policy: Any policy.
        now: When the first prune is, aware.
        every: The time between two prunes.

    Yields:
        So many backups beyond, and how many there were before that prune.
    """
    if policy.cron is None:
        return
    by_age = isinstance(policy.retention, ExpiryRetention)
    if by_age and longest_gap(policy.cron, policy.zone, now.year) <= every:
        return  # expiring goes prune by prune, as creating does
    past = _distinguishable_past(policy.cron, policy, now)
    if past is None or len(past) > MOST_PLAYED:
        return
    held = _rows(past)
    for number in range(PLAYED // every):
        at = now + number * every
        new = _rows(slots_between(policy.cron, policy.zone, at - every, at)) if number else []
        if number and not new and not by_age:
            continue  # windows end at the newest backup: without a new one nothing goes
        rows = [*new, *held]
        floor = {key for key, _ in rows[: policy.floor]}
        kept = keep(rows, policy.retention, policy.zone, at).keys() | floor
        held = [row for row in rows if row[0] in kept]
        if number:
            yield len(rows) - len(held) - len(new), len(rows)


def _rows(slots: Iterable[datetime]) -> list[tuple[str, datetime]]:
    """Slots with their keys, newest first."""
    return [(slot.isoformat(), slot) for slot in sorted(slots, reverse=True)]


@lru_cache(maxsize=1)
def _distinguishable_past(cron: str, policy: Policy, now: datetime) -> Set[datetime] | None:
    """The slots before which nothing can make a difference to a retention; None: all can."""
    retention = policy.retention
    start = now - SETTLES_WITHIN
    slots = slots_before(cron, policy.zone, now)
    if isinstance(retention, ExpiryRetention):
        least = max(retention.min_count, policy.floor, retention.max_count or 0)
        if retention.max_count is not None:
            return _until(slots, least, now, start)  # what is older goes, however young it is
        return _until(slots, least, now - timedelta(days=retention.expire_after_days or 0), start)
    if KEEP_ALL in [value for _, value in retention]:
        return None
    edges = [duration.before(now, policy.zone) for duration in _windows(retention)]
    within = min((edge or start for edge in edges), default=now)
    if within <= start:
        return None
    hours = slots_before(last_of_each_hour(cron), policy.zone, now)
    days = slots_before(last_of_each_day(cron), policy.zone, now)
    fine = _until(slots, max(retention.keep_last, policy.floor), within, start)
    hourly = _until(hours, retention.keep_hourly, now, start)
    daily = _until_filled(days, retention, policy.zone, start)
    return None if fine is None or hourly is None or daily is None else fine | hourly | daily


def _until(
    slots: Iterator[datetime], least: int, edge: datetime, start: datetime
) -> set[datetime] | None:
    """The newest slots: at least so many, and one beyond ``edge``.

    Returns None when they reach back beyond ``start``, or are more than ``MOST_SLOTS``.
    """
    taken: set[datetime] = set()
    for slot in slots:
        if slot < start or len(taken) >= MOST_SLOTS:
            return None
        taken.add(slot)
        if len(taken) > least and slot < edge:
            break
    return taken


def _until_filled(
    days: Iterator[datetime], retention: KeepRetention, zone: ZoneInfo, start: datetime
) -> set[datetime] | None:
    """The newest slots of one a day: of one period more than a retention counts, of each kind.

    Returns None when they reach back beyond ``start``.
    """
    counts: dict[str, int] = {period: getattr(retention, f"keep_{period}") for period in _COARSE}
    found: dict[str, set[object]] = {period: set() for period in _COARSE}
    taken: set[datetime] = set()
    for slot in days:
        if slot < start:
            return None
        taken.add(slot)
        local = slot.astimezone(zone)
        for period, keys in found.items():
            keys.add(KEYS[period](local))
        if all(len(found[period]) > count for period, count in counts.items()):
            break
    return taken


def _windows(retention: KeepRetention) -> Iterator[Duration]:
    return (value for _, value in retention if isinstance(value, Duration))
