"""Figures as people write them, the same in findings, messages and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

_DAY = 86_400
_UNITS = (("d", _DAY), ("h", 3_600), ("min", 60))


def span(duration: timedelta) -> str:
    """A time span in its two greatest units: ``31 h``, ``3 d 4 h``; hours up to two days."""
    seconds = int(duration.total_seconds())
    units = _UNITS[1:] if seconds < 2 * _DAY else _UNITS[:2]
    parts = []
    for unit, length in units:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "less than a minute"


def size(number: float) -> str:
    """Bytes in SI units, with three digits: ``74.9 MB``, ``20.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:  # noqa: PLR2004 - what three digits round to the next unit
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.0f} TB"
