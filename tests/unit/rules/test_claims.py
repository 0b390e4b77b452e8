"""What becomes of a claim, and when the next attempt may start."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pinecone_backup.records import Claim, ClaimState
from pinecone_backup.rules.claims import (
    ambiguous,
    claimed,
    failed,
    on_demand_slot,
    posted,
    refused,
)
from pinecone_backup.rules.marker import Marker

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SLOT = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
MARKER = Marker("stack-a", "daily", SLOT, "run-7", 2)
HOUR = timedelta(hours=1)

CLAIM = Claim(
    index_name="docs",
    slot=SLOT,
    state=ClaimState.CLAIMED,
    attempt=2,
    policy="daily",
    backup_name=MARKER.name_for("docs"),
    run_id="run-7",
    claimed_at=NOW,
    lease_until=NOW + timedelta(minutes=20),
)


def test_a_claim_names_the_backup_to_be_and_holds_for_twenty_minutes() -> None:
    """C3."""
    assert claimed("docs", MARKER, previous=None, now=NOW) == CLAIM


def test_a_claim_replaces_the_one_that_was_read_and_no_other() -> None:
    """C3: the version makes the write conditional."""
    previous = replace(CLAIM, attempt=1, version=5, backup_id="b-1", error="old")
    assert claimed("docs", MARKER, previous=previous, now=NOW) == replace(CLAIM, version=5)


def test_a_claim_knows_who_asked() -> None:
    claim = claimed("docs", MARKER, previous=None, now=NOW, name="mine", actor="ann")
    assert (claim.backup_name, claim.actor) == ("mine", "ann")


def test_a_claim_for_a_backup_on_demand_has_no_policy() -> None:
    on_demand = replace(MARKER, policy=None)
    claim = claimed("docs", on_demand, previous=None, now=NOW)
    assert (claim.policy, claim.backup_name) == ("", on_demand.name_for("docs"))
    named = claimed("docs", on_demand, previous=None, now=NOW, name="before-import")
    assert named == replace(claim, backup_name="before-import")


def test_a_backup_on_demand_is_claimed_once_in_a_minute_and_never_for_a_slot() -> None:
    """C3."""
    asked = on_demand_slot(NOW.replace(second=42, microsecond=7))
    assert asked == on_demand_slot(NOW.replace(second=0)) == NOW.replace(second=1)
    assert asked != NOW.replace(second=0)


def test_a_posted_claim_names_its_backup_and_forgets_its_troubles() -> None:
    troubled = replace(CLAIM, error="lost", next_attempt_at=NOW)
    assert posted(troubled, "b-1") == replace(
        CLAIM, state=ClaimState.POSTED, backup_id="b-1", next_attempt_at=None, error=""
    )


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [(1, timedelta(minutes=30)), (2, 2 * HOUR), (3, 6 * HOUR)],
)
def test_after_a_failure_the_next_attempt_waits_30_minutes_2_and_6_hours(
    attempt: int, wait: timedelta
) -> None:
    """C3."""
    tried = replace(CLAIM, attempt=attempt)
    assert failed(tried, "it broke", NOW) == replace(
        tried, state=ClaimState.FAILED, next_attempt_at=NOW + wait, error="it broke"
    )


def test_the_fourth_failure_was_the_last() -> None:
    """C3."""
    tried = replace(CLAIM, attempt=4, next_attempt_at=NOW)
    assert failed(tried, "it broke", NOW) == replace(
        tried, state=ClaimState.GIVEN_UP, next_attempt_at=None, error="it broke"
    )


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [(1, timedelta(minutes=30)), (2, 2 * HOUR), (3, 6 * HOUR), (4, 6 * HOUR)],
)
def test_an_unknown_outcome_is_looked_for_as_long_as_a_failure_waits(
    attempt: int, wait: timedelta
) -> None:
    """C3."""
    tried = replace(CLAIM, attempt=attempt)
    assert ambiguous(tried, "no answer", NOW) == replace(
        tried, state=ClaimState.AMBIGUOUS, next_attempt_at=NOW + wait, error="no answer"
    )


def test_a_refusal_is_asked_again_in_an_hour_as_the_same_attempt() -> None:
    """C3."""
    assert refused(CLAIM, "no plan", NOW) == replace(
        CLAIM, state=ClaimState.REFUSED, next_attempt_at=NOW + HOUR, error="no plan"
    )
