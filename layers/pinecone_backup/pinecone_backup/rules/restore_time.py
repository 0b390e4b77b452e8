"""How long a restore takes, by what was measured before.

A restore takes a time of its own and a time to move its bytes. Both follow from restores of
different sizes; where all were of about one size, only that size can be spoken of with certainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pinecone_backup.records import RestoreRecord

NEWEST = 50
"""So many of the newest restores count: Pinecone gets faster or slower with time."""
_APART = 1.1
"""The largest must be this many times the smallest for a law to follow from them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One restore: how much, and how long by Pinecone's own two times."""

    size_bytes: int
    seconds: int


def measured(records: Iterable[RestoreRecord]) -> Sequence[Measured]:
    """What the restores of a project say, the newest ones of them."""
    known = sorted(
        (record.started_at, record.size_bytes, record.took_seconds)
        for record in records
        if record.size_bytes is not None and record.took_seconds is not None
    )
    return [Measured(size, seconds) for _, size, seconds in known[-NEWEST:]]


def expected_seconds(known: Sequence[Measured], size_bytes: int | None) -> int | None:
    """How long a restore of so many bytes takes; None where nothing was measured.

    Args:
        known: What was measured in the project.
        size_bytes: The size of the backup; None where Pinecone does not say.
    """
    if not known or size_bytes is None:
        return None
    sizes = [each.size_bytes for each in known]
    mean_size = sum(sizes) / len(known)
    mean_time = sum(each.seconds for each in known) / len(known)
    if max(sizes) < _APART * min(sizes) or max(sizes) == min(sizes):
        return round(mean_time * max(size_bytes / mean_size, 1.0) if mean_size else mean_time)
    spread = sum((size - mean_size) ** 2 for size in sizes)
    slope = sum((each.size_bytes - mean_size) * (each.seconds - mean_time) for each in known)
    per_byte = max(slope / spread, 0.0)
    fixed = mean_time - per_byte * mean_size
    if fixed < 0:
        fixed = 0.0
        per_byte = sum(each.size_bytes * each.seconds for each in known) / sum(
            size**2 for size in sizes
        )
    return round(fixed + per_byte * size_bytes)
