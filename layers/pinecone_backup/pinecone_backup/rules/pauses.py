"""Whether backups of an index are paused, until when, and by what (rule C6).

A policy, an assignment or an index tag names the day with which a pause ends. While it lasts,
nothing is created for the index and no policy deletes anything of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pinecone_backup.rules.policy import read_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

    from pinecone_backup.model import Index
    from pinecone_backup.rules.policy import Assigned

PAUSE_TAG = "backup-paused-until"
"""The index tag that pauses one index: the day with which the pause ends, as 2026-12-01."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause that is in force.

    Attributes:
        until: When it ends, UTC. None: the index tag cannot be read; backups go on being
            created, and nothing is deleted while nobody knows what was meant.
        reason: Follows "index X:" in a sentence.
    """

    until: datetime | None
    reason: str


def pause_of(assigned: Assigned, index: Index, now: datetime) -> Pause | None:
    """The pause that is in force at ``now``; of several, the one that ends last.

    Args:
        assigned: The policy of the index, and how it came to it. Without one there is nothing
            to pause.
        index: The index with its tags.
        now: The actual time, aware (rule T2).
    """
    if assigned.policy is None:
        return None
    last = max(((end, by) for end, by in _ends(assigned, index) if end > now), default=None)
    if last is not None:
        return Pause(last[0], f"paused until {_said(last[0], assigned.policy.zone)} by {last[1]}")
    tag = index.tags.get(PAUSE_TAG)
    if tag is not None and _day(tag) is None:
        return Pause(None, f"its tag {PAUSE_TAG} says {tag!r}, which is not a day like 2026-12-01")
    return None


def paused_until(assigned: Assigned, index: Index, now: datetime) -> datetime | None:
    """When the pause ends that is in force at ``now``, UTC; None where backups are created."""
    pause = pause_of(assigned, index, now)
    return pause.until if pause else None


def last_pause_end(assigned: Assigned, index: Index, now: datetime) -> datetime | None:
    """When the last pause ended that is still written down, UTC; None when there is none."""
    return max((end for end, _ in _ends(assigned, index) if end <= now), default=None)


def _ends(assigned: Assigned, index: Index) -> Iterator[tuple[datetime, str]]:
    """The end of every pause that is written down for the index, and by what."""
    policy = assigned.policy
    if policy is None:
        return
    if policy.paused_until is not None:
        yield begins(policy.paused_until, policy.zone), f"policy {policy.name}"
    if assigned.paused_until is not None:
        yield begins(assigned.paused_until, policy.zone), "its assignment"
    day = _day(index.tags.get(PAUSE_TAG, ""))
    if day is not None:
        yield begins(day, policy.zone), f"its tag {PAUSE_TAG}"


def _day(text: str) -> date | None:
    try:
        return read_day(text)
    except ValueError:
        return None


def begins(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a zone, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _said(end: datetime, zone: ZoneInfo) -> str:
    return f"{end.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
