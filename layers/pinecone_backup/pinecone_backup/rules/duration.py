"""Calendar durations like ``1y2m3d4h`` (rule K4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_PATTERN = re.compile(r"(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?(?:(\d+)h)?")


@dataclass(frozen=True, slots=True)
class Duration:
    """Years, months, days (calendar, in one step) and hours (elapsed); never negative."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1y2m3d4h``; every part may be absent, not all of them.

        Raises:
            ValueError: The text is not such a duration, or is zero.
        """
        match = _PATTERN.fullmatch(text)
        parts = [int(part or 0) for part in match.groups()] if match and text else []
        if not any(parts):
            raise ValueError(
                f"{text!r} is not a duration like 1y2m3d4h (years, months, days, hours)"
            )
        return cls(*parts)

    def __str__(self) -> str:
        units = zip((self.years, self.months, self.days, self.hours), "ymdh", strict=True)
        return "".join(f"{count}{unit}" for count, unit in units if count)
