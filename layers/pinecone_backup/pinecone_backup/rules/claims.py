"""The life of a claim on one slot of one index: claimed, and what came of it (rule C3).

All times are the real clock's (rule T2). Every function returns the claim to save next.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pinecone_backup.records import Claim, ClaimState

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.rules.marker import Marker

LEASE = timedelta(minutes=20)
"""How long a claim keeps everybody else from creating."""
WAITS = (timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6))
"""How long after the first, second and third failed attempt the next one may start."""
MOST_ATTEMPTS = len(WAITS) + 1
ASK_AGAIN = timedelta(hours=1)
"""How long after a refusal (400, 402, 403) the same is asked again."""


def on_demand_slot(now: datetime) -> datetime:
    """What stands for the slot of a backup on demand: one in a minute for an index (rule C3).

    It is a second past the minute, which no cron ever names: such a claim is never one of a
    policy's slot.
    """
    return now.replace(second=1, microsecond=0)


def claimed(
    index: str,
    marker: Marker,
    *,
    previous: Claim | None,
    now: datetime,
    name: str = "",
    actor: str = "",
) -> Claim:
    """A claim for the attempt that the marker names, to be saved before Pinecone is asked.

    ``name`` is the backup's, where the caller of a backup on demand gives one, and ``actor`` that
    caller.
    """
    return Claim(
        index_name=index,
        slot=marker.slot,
        state=ClaimState.CLAIMED,
        attempt=marker.attempt,
        policy=marker.policy or "",
        backup_name=name or marker.name_for(index),
        run_id=marker.run_id,
        claimed_at=now,
        lease_until=now + LEASE,
        actor=actor,
        version=previous.version if previous else 0,
    )


def posted(claim: Claim, backup_id: str) -> Claim:
    """Pinecone has the backup."""
    return replace(
        claim, state=ClaimState.POSTED, backup_id=backup_id, next_attempt_at=None, error=""
    )


def ambiguous(claim: Claim, error: str, at: datetime) -> Claim:
    """Nobody knows whether Pinecone has the backup: the next attempt searches the listing first."""
    wait = WAITS[min(claim.attempt, len(WAITS)) - 1]
    return replace(claim, state=ClaimState.AMBIGUOUS, next_attempt_at=at + wait, error=error)


def failed(claim: Claim, error: str, at: datetime) -> Claim:
    """The attempt failed at ``at``; the fourth one was the last for this slot."""
    if claim.attempt >= MOST_ATTEMPTS:
        return replace(claim, state=ClaimState.GIVEN_UP, next_attempt_at=None, error=error)
    next_at = at + WAITS[claim.attempt - 1]
    return replace(claim, state=ClaimState.FAILED, next_attempt_at=next_at, error=error)


def refused(claim: Claim, error: str, at: datetime) -> Claim:
    """Pinecone refused: that was no attempt, and the same is asked again in an hour."""
    return replace(claim, state=ClaimState.REFUSED, next_attempt_at=at + ASK_AGAIN, error=error)
