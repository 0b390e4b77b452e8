"""Figures as people write them, the same in findings, messages and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

_HOUR, _DAY = 60, 24 * 60
_UNITS = (("day", _DAY), ("hour", _HOUR), ("minute", 1))


def span(duration: timedelta) -> str:
    """A time span in words and at most two units: ``1 day``, ``31 hours``, ``3 days 4 hours``.

    Minutes up to two hours and hours up to two days, but for ``1 hour`` and ``1 day``.
    """
    left = int(duration.total_seconds()) // 60
    if left < 2 * _HOUR and left != _HOUR:
        first = 2
    else:
        first = 1 if left < 2 * _DAY and left != _DAY else 0
    parts = []
    for unit, length in _UNITS[first : first + 2]:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count:,} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "less than a minute"


def size(number: float) -> str:
    """Bytes in SI units, with three digits: ``74.9 MB``, ``20.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:  # noqa: PLR2004 - what three digits round to the next unit
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.0f} TB"


def many(count: int, one: str, several: str = "") -> str:
    """``1 index``, ``2,000 indexes``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
