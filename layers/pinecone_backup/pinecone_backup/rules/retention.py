"""Which good backups a retention keeps, and why (rules K1 to K7).

One index, one incarnation: the caller hands in its candidates and gets back what stays. The
floor and the safeguards (rules D) add to this elsewhere; they never take away.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pinecone_backup.reasons import PERIODS, Reason, ReasonKind
from pinecone_backup.rules.policy import ExpiryRetention, KeepRetention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from pinecone_backup.rules.duration import Duration
    from pinecone_backup.rules.inventory import Entry

type _Key = int | tuple[int, ...]

KEEP_ALL = -1
"""A count without end (rule K3)."""

KEYS: Mapping[str, Callable[[datetime], _Key]] = {
    "hourly": lambda local: (local.year, local.month, local.day, local.hour),
    "daily": datetime.toordinal,
    "weekly": lambda local: local.isocalendar()[:2],
    "monthly": lambda local: (local.year, local.month),
    "yearly": lambda local: local.year,
}
"""The key of a period, from local wall time: both hours of a fold have one key (rule K2)."""


def candidates_of(
    entries: Iterable[Entry], retention: KeepRetention | ExpiryRetention
) -> list[tuple[str, datetime]]:
    """What ``keep`` takes: each dated entry's id, and the time that this retention goes by.

    Periods and windows go by the slot that a backup was made for (rule K2); the form that counts
    and ages goes by its creation (rule K7).
    """
    ages = isinstance(retention, ExpiryRetention)
    times = ((entry, entry.at if ages else entry.retention_at) for entry in entries)
    return [(entry.backup.backup_id, time) for entry, time in times if time is not None]


def keep(
    candidates: Sequence[tuple[str, datetime]],
    retention: KeepRetention | ExpiryRetention,
    zone: ZoneInfo,
    now: datetime,
) -> dict[str, tuple[Reason, ...]]:
    """Say which candidates stay, and by which rules.

    Args:
        candidates: ``(backup_id, time)`` of the good backups of one incarnation of one index
            (rule K1), as ``candidates_of`` gives them, in any order; times aware. A row that is
            repeated counts once.
        retention: The policy's retention.
        zone: The policy's time zone, in which periods are cut (rule K2).
        now: Aware; what is dated after it is in the future (rules K4 and K7).

    Returns:
        The reasons of every backup that stays, newest first; what is absent goes.
    """
    newest_first = sorted(sorted(set(candidates)), key=lambda row: row[1], reverse=True)
    times = [time for _, time in newest_first]
    reasons: list[list[Reason]] = [[] for _ in times]
    for position, reason in (
        _expiring(times, retention, now)
        if isinstance(retention, ExpiryRetention)
        else _keeping(times, retention, zone, now)
    ):
        reasons[position].append(reason)
    return {
        backup_id: tuple(found)
        for (backup_id, _), found in zip(newest_first, reasons, strict=True)
        if found
    }


def _keeping(
    times: Sequence[datetime], retention: KeepRetention, zone: ZoneInfo, now: datetime
) -> Iterator[tuple[int, Reason]]:
    """Every rule's (position, reason), rule by rule in the order of K6."""
    latest = next((time for time in times if time <= now), None)
    if retention.keep_within is not None:
        for position in range(_window(times, retention.keep_within, latest, zone)):
            yield position, Reason.of(ReasonKind.WITHIN, duration=str(retention.keep_within))
    last = Reason.of(ReasonKind.LAST)
    yield from _counted(last, range(len(times)), retention.keep_last, len(times))
    local = [_local(time, zone) for time in times]
    for period in PERIODS:
        count: int = getattr(retention, f"keep_{period}")
        reason = Reason.of(ReasonKind.PERIOD, period=period)
        yield from _counted(reason, map(KEYS[period], local), count, len(times))
    for period in PERIODS:
        duration: Duration | None = getattr(retention, f"keep_within_{period}")
        if duration is not None:
            inside = local[: _window(times, duration, latest, zone)]
            reason = Reason.of(ReasonKind.WITHIN_PERIOD, period=period, duration=str(duration))
            yield from _counted(reason, map(KEYS[period], inside), KEEP_ALL, len(times))


def _counted(
    reason: Reason, keys: Iterable[_Key], count: int, total: int
) -> Iterator[tuple[int, Reason]]:
    """Keep the newest of each run of equal keys while the count lasts, and the oldest (K3, K5)."""
    last_kept: _Key | None = None
    left = count
    for position, key in enumerate(keys):
        if left == 0:
            return
        if key != last_kept:
            yield position, reason
        elif position == total - 1:
            yield position, Reason.of(reason.kind, **reason.parameters, oldest=True)
        else:
            continue
        last_kept = key
        left -= left > 0


def _window(
    times: Sequence[datetime], duration: Duration, latest: datetime | None, zone: ZoneInfo
) -> int:
    """How many of the newest lie strictly inside the window that ends at ``latest`` (rule K4)."""
    edge = None if latest is None else duration.before(latest, zone)
    if edge is None:
        return len(times)
    return next((n for n, time in enumerate(times) if time <= edge), len(times))


def _expiring(
    times: Sequence[datetime], retention: ExpiryRetention, now: datetime
) -> Iterator[tuple[int, Reason]]:
    """Rule K7: count limits come before age."""
    days = retention.expire_after_days
    for position, time in enumerate(times[: retention.max_count]):
        if days is None:
            yield position, Reason.of(ReasonKind.AMONG_NEWEST, count=retention.max_count or 0)
            continue
        if position < retention.min_count:
            yield position, Reason.of(ReasonKind.AMONG_NEWEST, count=retention.min_count)
        if now - time <= timedelta(days=days):
            yield position, Reason.of(ReasonKind.NOT_OLDER, days=days)


def _local(time: datetime, zone: ZoneInfo) -> datetime:
    try:
        return time.astimezone(zone)
    except OverflowError:  # the very ends of the calendar have no local time in every zone
        return time.astimezone(UTC)
