"""Figures as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_DAY = 86_400
_UNITS = (("d", _DAY), ("h", 3_600), ("min", 60))
_HOUR_LIMIT = 2 * _DAY
NOTHING = "-"


def span(duration: timedelta) -> str:
    """A time span in its greatest unit: ``3 d``, ``31 h``, ``5 min``; hours up to two days."""
    seconds = int(abs(duration).total_seconds())
    for unit, length in _UNITS if seconds >= _HOUR_LIMIT else _UNITS[1:]:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def age(moment: datetime | None) -> str:
    """How old something is: ``5 min``."""
    return NOTHING if moment is None else span(datetime.now(UTC) - moment)


def ago(moment: datetime | None) -> str:
    """How long ago, or in how long: ``5 min ago``, ``in 3 h``."""
    if moment is None:
        return NOTHING
    passed = datetime.now(UTC) - moment
    return f"in {span(passed)}" if passed < timedelta() else f"{span(passed)} ago"


def when(moment: datetime | None) -> str:
    """A moment to the minute in UTC, and how long ago: ``2026-11-22 12:00 UTC (5 h ago)``."""
    if moment is None:
        return NOTHING
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({ago(moment)})"


def size(number: int | None) -> str:
    """Bytes in SI units, with three digits: ``74.9 MB``."""
    if number is None:
        return NOTHING
    rest = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if rest < 999.5:  # noqa: PLR2004 - what three digits round to the next unit
            return f"{rest:.3g} {unit}"
        rest /= 1000
    return f"{rest:,.0f} TB"


def count(number: int | None) -> str:
    """A number with its thousands apart."""
    return NOTHING if number is None else f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """A number and its noun: ``1 backup``, ``1,200 backups``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
