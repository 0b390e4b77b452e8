"""Approvals: a plan may be carried out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.errors import ApprovalRefused, RuleForbids, SubjectUnknown
from pinecone_backup.records import PlanRecord, PlanState
from pinecone_backup.usecases.approvals import approve_plan
from tests.support.backups import NOW

if TYPE_CHECKING:
    from tests.support.ledger import MemoryLedger

HOUR = timedelta(hours=1)
DIGEST = "d" * 64


def approve(ledger: MemoryLedger, **arguments: Any) -> PlanRecord:
    given: dict[str, Any] = {
        "policy_version": "v1",
        "who": "alice",
        "reason": "read it",
        "until": NOW + HOUR,
        "now": NOW,
        **arguments,
    }
    return approve_plan(ledger, DIGEST, **given)


def put_plan(ledger: MemoryLedger, **properties: Any) -> None:
    plan = PlanRecord(
        DIGEST, PlanState.AWAITING_APPROVAL, "v1", NOW, "run-1", "plans/main/d.json", 3, 5, 300
    )
    ledger.put_plan(replace(plan, **properties))


@pytest.mark.parametrize(
    "state",
    [
        PlanState.PLANNED,
        PlanState.AWAITING_APPROVAL,
        PlanState.APPROVED,
        PlanState.EXPIRED,
    ],
)
def test_a_plan_is_approved_with_who_why_and_until_when(
    ledger: MemoryLedger, state: PlanState
) -> None:
    """D4."""
    put_plan(ledger, state=state)

    approved = approve(ledger, reason=" read it ")

    assert ledger.plan(DIGEST) == approved
    assert (approved.state, approved.approved_by, approved.approved_reason) == (
        PlanState.APPROVED,
        "alice",
        "read it",
    )
    assert (approved.approved_at, approved.approval_expires_at) == (NOW, NOW + HOUR)
    event = ledger.events[-1]
    assert event.type == "plan.approved"
    assert event.data == {
        "digest": DIGEST,
        "delete_count": 3,
        "reason": "read it",
        "actor": "alice",
        "until": "2026-11-22T13:00:00+00:00",
        "approvals_lacking": 0,
    }


@pytest.mark.parametrize(
    ("plan", "arguments", "reason"),
    [
        ({}, {"policy_version": "v2"}, "version v1 of the policy, and v2 is in force"),
        ({"state": PlanState.EXECUTED}, {}, "executed already"),
        ({"delete_count": 0}, {}, "nothing to delete"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_not_approved(
    ledger: MemoryLedger, plan: dict[str, Any], arguments: dict[str, Any], reason: str
) -> None:
    """D4."""
    put_plan(ledger, **plan)
    before = ledger.plan(DIGEST)

    with pytest.raises(ApprovalRefused, match=reason):
        approve(ledger, **arguments)

    assert ledger.plan(DIGEST) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [({"reason": ""}, "needs a reason"), ({"until": NOW}, "ended at 2026-11-22T12:00:00Z")],
)
def test_an_approval_needs_a_reason_and_an_end_ahead(
    ledger: MemoryLedger, arguments: dict[str, Any], reason: str
) -> None:
    """T2."""
    put_plan(ledger)

    with pytest.raises(RuleForbids, match=reason):
        approve(ledger, **arguments)


def test_approving_an_unknown_plan_says_so(ledger: MemoryLedger) -> None:
    with pytest.raises(SubjectUnknown, match="no plan"):
        approve(ledger)
