"""Which backups are ours: names and markers (rules I2 and I5).

The name says policy, slot, index and attempt to a person; the marker in the description says
the same to a program, with the owner. A backup is ours only when both agree.

A backup on demand has a marker of its own kind. The caller's name and description stay readable:
the name is used as it is, with its digest in the marker, and the marker stands after the caller's
description. Who asked is not in it: that may be private, and whoever can list backups reads it.
The ledger knows by the run's id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from sys import intern

MARKER_PREFIX = "pinecone-backup/"
"""What a marker begins with."""
ON_DEMAND = "on-demand"
"""Stands where the policy would, in the name of a backup on demand that the caller did not name."""

_FIELD = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
_TIME = r"[0-9]{8}T[0-9]{6}Z"
_BY_POLICY = re.compile(
    rf"pinecone-backup/1 owner=({_FIELD}) policy=({_FIELD}) slot=({_TIME}) "
    rf"run=({_FIELD}) attempt=([1-9][0-9]?)"
)
_ON_DEMAND = re.compile(
    rf"(?:(.*\S) )?\[pinecone-backup/2 owner=({_FIELD}) at=({_TIME}) run=({_FIELD}) "
    rf"name=([0-9a-f]{{8}}) expires=({_TIME}|never)\]",
    re.DOTALL,
)
_LIKE_A_MARKER = re.compile(
    r"\s*pinecone-backup/|.*pinecone-backup/[0-9]+\s+owner=", re.DOTALL | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Marker:
    """What a description of ours says.

    Attributes:
        policy: The policy that made the backup; None for one on demand.
        slot: The policy's slot, UTC. Of a backup on demand the time that stands for it, which is
            no slot of a policy.
        expires_at: From when on a backup on demand may go, UTC; None: never, or by its policy.
        name_digest: Of a backup on demand: what ties the marker to the index and to the name.
    """

    owner: str
    policy: str | None
    slot: datetime
    run_id: str
    attempt: int
    expires_at: datetime | None = None
    name_digest: str = ""

    def __str__(self) -> str:
        """The description to store, or the last part of it.

        Raises:
            ValueError: A field holds what no marker can hold: read back, it would not be ours.
        """
        if self.policy is None:
            expires = _written(self.expires_at) if self.expires_at else "never"
            text = (
                f"[{MARKER_PREFIX}2 owner={self.owner} at={_written(self.slot)} "
                f"run={self.run_id} name={self.name_digest} expires={expires}]"
            )
            readable = _ON_DEMAND.fullmatch(text) is not None and self.attempt == 1
        else:
            text = (
                f"{MARKER_PREFIX}1 owner={self.owner} policy={self.policy} "
                f"slot={_written(self.slot)} run={self.run_id} attempt={self.attempt}"
            )
            readable = _BY_POLICY.fullmatch(text) is not None
        if not readable:
            raise ValueError(f"not a marker that could be read back: {text!r}")
        return text

    def described(self, text: str) -> str:
        """The description to store for a backup on demand whose caller describes it so."""
        return f"{text.strip()} {self}" if text.strip() else str(self)

    @classmethod
    def parse(cls, description: str | None) -> Marker | None:
        """The marker, or None when the description has not exactly one of ours."""
        try:
            if match := _BY_POLICY.fullmatch(description or ""):
                owner, policy, slot, run_id, attempt = map(intern, match.groups())  # few differ
                return cls(owner, policy, _read(slot), run_id, int(attempt))
            match = _ON_DEMAND.fullmatch(description or "")
            if match is None or looks_like_marker(match[1]):
                return None
            owner, at, run_id, digest, expires = match.groups()[1:]
            until = None if expires == "never" else _read(expires)
            return cls(owner, None, _read(at), run_id, 1, until, digest)
        except ValueError:  # a day that the calendar has not
            return None

    def named(self, index_name: str, name: str) -> Marker:
        """The same for a backup on demand of that name; without, it cannot be written."""
        return replace(self, name_digest=_name_digest(index_name, name))

    def fits(self, index_name: str, name: str | None) -> bool:
        """Whether a backup of that name, of that index, is the one that it was written for."""
        if self.policy is None:
            return name is not None and self.name_digest == _name_digest(index_name, name)
        return self.name_for(index_name) == name

    def name_for(self, index_name: str) -> str:
        """The backup name that this marker gives for an index (rule I5), at most 45 characters.

        A backup on demand has it when its caller gives no name.
        """
        policy = (self.policy or ON_DEMAND)[:20].rstrip("-")
        due = self.slot.astimezone(UTC)
        slot = f"{due.year:04}{due.month:02}{due.day:02}t{due.hour:02}{due.minute:02}z"
        return f"{policy}-{slot}-{index_digest(index_name)}-{self.attempt}"


def _written(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)


@lru_cache(maxsize=1024)
def index_digest(index_name: str) -> str:
    """Six hexadecimal digits that distinguish indexes in a name."""
    return sha256(index_name.encode()).hexdigest()[:6]


def _name_digest(index_name: str, name: str) -> str:
    return sha256(f"{index_name}/{name}".encode()).hexdigest()[:8]


def looks_like_marker(description: str | None) -> bool:
    """Whether a description begins like a marker, or has one in it, whatever else it says."""
    return _LIKE_A_MARKER.match(description or "") is not None


def ours(name: str | None, description: str | None, index_name: str, owner: str) -> Marker | None:
    """The marker when the backup is ours (rule I2), else None."""
    marker = Marker.parse(description)
    if marker is None or marker.owner != owner or not marker.fits(index_name, name):
        return None
    return marker
