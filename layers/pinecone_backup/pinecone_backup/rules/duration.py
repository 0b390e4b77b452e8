"""Calendar durations like ``1y2m3d4h`` (rule K4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_PART = re.compile(r"([0-9]{1,9})([ymdh])")
_WHOLE = re.compile(r"([0-9]{1,9}[ymdh])+")


@dataclass(frozen=True, slots=True)
class Duration:
    """Years, months, days (calendar, in one step) and hours (elapsed); never negative."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1y2m3d4h``; each part at most once, in any order, not all of them absent.

        Raises:
            ValueError: The text is not such a duration, or is zero.
        """
        pairs = _PART.findall(text) if _WHOLE.fullmatch(text) else []
        parts = {unit: int(count) for count, unit in pairs}
        if len(parts) != len(pairs) or not any(parts.values()):
            raise ValueError(
                f"{text!r} is not a duration like 1y2m3d4h (years, months, days, hours)"
            )
        return cls(*(parts.get(unit, 0) for unit in "ymdh"))

    def __str__(self) -> str:
        units = zip((self.years, self.months, self.days, self.hours), "ymdh", strict=True)
        return "".join(f"{count}{unit}" for count, unit in units if count)

    def before(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The instant this long before ``moment``, counted in ``zone`` (rule K4).

        Args:
            moment: Aware, any zone.
            zone: Where calendar years, months and days are counted.

        Returns:
            An aware UTC time; None when it would lie before year 1.
        """
        try:
            local = moment.astimezone(zone)
            year, month0 = divmod(
                12 * (local.year - self.years) + local.month - 1 - self.months, 12
            )
            # A day that the month has not runs over into the next month: 31 February is 3 March.
            wall = local.replace(year=year, month=month0 + 1, day=1)
            wall += timedelta(days=local.day - 1 - self.days)
            return _earlier_instant(wall) - timedelta(hours=self.hours)
        except (OverflowError, ValueError):
            return None


def _earlier_instant(wall: datetime) -> datetime:
    """The earlier reading of a zone's local time; in a gap or a fold there are two."""
    return min(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
