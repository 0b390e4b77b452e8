"""Which backups are ours: names and markers (rules I2 and I5).

The name says policy, slot, index and attempt to a person; the marker in the description says
the same to a program, with the owner. A backup is ours only when both agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from sys import intern

MARKER_PREFIX = "pinecone-backup/"
"""A description that begins like this is a marker; the API refuses such descriptions."""
ON_DEMAND = "on-demand"
"""Stands where the policy would, in a backup that a person asked for."""

_FIELD = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
_MARKER = re.compile(
    rf"pinecone-backup/1 owner=({_FIELD}) policy=({_FIELD}|-) slot=([0-9]{{8}}T[0-9]{{6}}Z) "
    rf"run=({_FIELD}) attempt=([1-9][0-9]?)"
)


@dataclass(frozen=True, slots=True)
class Marker:
    """What a description of ours says. ``policy`` is None for a backup made on demand."""

    owner: str
    policy: str | None
    slot: datetime
    run_id: str
    attempt: int

    def __str__(self) -> str:
        """The description to store.

        Raises:
            ValueError: A field holds what no marker can hold: read back, it would not be ours.
        """
        text = (
            f"{MARKER_PREFIX}1 owner={self.owner} policy={self.policy or '-'} "
            f"slot={self.slot.astimezone(UTC):%Y%m%dT%H%M%SZ} run={self.run_id} "
            f"attempt={self.attempt}"
        )
        if not _MARKER.fullmatch(text):
            raise ValueError(f"not a marker that could be read back: {text!r}")
        return text

    @classmethod
    def parse(cls, description: str | None) -> Marker | None:
        """The marker, or None when the description is not exactly one (version 1)."""
        match = _MARKER.fullmatch(description or "")
        if match is None:
            return None
        owner, policy, slot, run_id, attempt = map(intern, match.groups())  # few differ
        try:
            due = datetime.fromisoformat(slot)
        except ValueError:
            return None
        return cls(owner, None if policy == "-" else policy, due, run_id, int(attempt))

    def name_for(self, index_name: str) -> str:
        """The backup name this marker implies for an index (rule I5), at most 45 characters."""
        policy = (self.policy or ON_DEMAND)[:20].rstrip("-")
        due = self.slot.astimezone(UTC)
        slot = f"{due.year:04}{due.month:02}{due.day:02}t{due.hour:02}{due.minute:02}z"
        return f"{policy}-{slot}-{index_digest(index_name)}-{self.attempt}"


@lru_cache(maxsize=1024)
def index_digest(index_name: str) -> str:
    """Six hexadecimal digits that distinguish indexes in a name."""
    return sha256(index_name.encode()).hexdigest()[:6]


def looks_like_marker(description: str | None) -> bool:
    """Whether a description begins like a marker, whatever follows."""
    return (description or "").lstrip().lower().startswith(MARKER_PREFIX)


def ours(name: str | None, description: str | None, index_name: str, owner: str) -> Marker | None:
    """The marker when the backup is ours (rule I2), else None."""
    marker = Marker.parse(description)
    if marker is None or marker.owner != owner or marker.name_for(index_name) != name:
        return None
    return marker
