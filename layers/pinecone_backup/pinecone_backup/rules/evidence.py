"""Evidence: what happened, as a chain that cannot be changed unseen (docs/evidence.md).

A record is one line of canonical JSON. It names the hash of the line before it, so that the hash of
the last line, the head, stands for all of them in their order. Records are stored in segments: a
segment is some records and a seal, the line that names the last record's hash and may be signed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import EvidenceBroken

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.model import DomainEvent

GENESIS = "0" * 64
"""Stands where the first record names the one before."""
PREFIX = "evidence/"


@dataclass(frozen=True, slots=True)
class Position:
    """An end of the chain: the number of its last record, from 1, and the last line's hash."""

    sequence: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Segment:
    """Some records that follow each other.

    Attributes:
        lines: One for each record.
        event_ids: Of the events that they record, in the same order.
        end: Where the chain stands behind them, and behind their seal where they have one.
    """

    lines: tuple[bytes, ...]
    event_ids: tuple[str, ...]
    end: Position


def segment_key(first: int) -> str:
    """Where the segment that begins with a record lies: one key for each place in the chain."""
    return f"{PREFIX}{first:012}.jsonl"


def chained(owner: str, start: Position, events: Sequence[DomainEvent]) -> Segment:
    """The records of events, behind what there is."""
    lines: list[bytes] = []
    end = start
    for event in events:
        line = canonical(
            {
                "sequence": end.sequence + 1,
                "previous": end.hash,
                "deployment": owner,
                "event_id": event.event_id,
                "type": event.type,
                "project": event.project,
                "occurred_at": event.occurred_at.astimezone(UTC).isoformat(),
                "data": dict(event.data),
            }
        )
        lines.append(line)
        end = Position(end.sequence + 1, hash_of(line))
    return Segment(tuple(lines), tuple(event.event_id for event in events), end)


def sealed(segment: Segment, seal: dict[str, Any], signature: str) -> tuple[Segment, bytes]:
    """A segment with its seal: where the chain stands then, and the segment as it is stored."""
    line = canonical({"seal": seal} | ({"signature": signature} if signature else {}))
    end = Position(segment.end.sequence, hash_of(line))
    return replace(segment, end=end), b"\n".join([*segment.lines, line]) + b"\n"


def seal_of(owner: str, end: Position, at: datetime) -> dict[str, Any]:
    """What stands for everything up to an end of the chain; this is what is signed."""
    return {
        "deployment": owner,
        "sequence": end.sequence,
        "hash": end.hash,
        "at": at.astimezone(UTC).isoformat(),
    }


def read_segment(body: bytes, start: Position) -> Segment:
    """The records of a stored segment, which must follow ``start``.

    Raises:
        EvidenceBroken: They do not.
    """
    end = start
    event_ids: list[str] = []
    try:
        *lines, seal = body.splitlines()
        for line in lines:
            record = json.loads(line)
            if (record["sequence"], record["previous"]) != (end.sequence + 1, end.hash):
                raise _broken(end)
            event_ids.append(record["event_id"])
            end = Position(end.sequence + 1, hash_of(line))
        if json.loads(seal)["seal"]["hash"] != end.hash:
            raise _broken(end)
        end = Position(end.sequence, hash_of(seal))
    except (ValueError, KeyError, TypeError):
        raise _broken(end) from None
    return Segment(tuple(lines), tuple(event_ids), end)


def canonical(value: dict[str, Any]) -> bytes:
    """JSON with sorted names, without blanks, in ASCII: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def hash_of(line: bytes) -> str:
    """The hash of a record: SHA-256 of its line without the line's end, hexadecimal."""
    return sha256(line).hexdigest()


def _broken(end: Position) -> EvidenceBroken:
    return EvidenceBroken(
        f"What is stored as evidence does not follow record {end.sequence} of the chain",
        next_step="Copy the folder evidence/ of the bucket, and verify it: see docs/evidence.md.",
    )
