"""When native schedules run. The service picks the hour: 06:00 UTC, as its examples show."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

FREQUENCIES = ("daily", "weekly", "monthly")
RUN_HOUR = 6


def first_run(now: datetime) -> datetime:
    """The first run after creating or re-enabling a schedule: the next 06:00 UTC."""
    today = now.astimezone(UTC).replace(hour=RUN_HOUR, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def run_after(run: datetime, frequency: str) -> datetime:
    """The run that follows a run; a month later means the same day, or the month's last."""
    if frequency == "daily":
        return run + timedelta(days=1)
    if frequency == "weekly":
        return run + timedelta(days=7)
    year, month = (run.year + 1, 1) if run.month == 12 else (run.year, run.month + 1)  # noqa: PLR2004 - December
    day = min(run.day, calendar.monthrange(year, month)[1])
    return run.replace(year=year, month=month, day=day)
