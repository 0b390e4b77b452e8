"""What people may say: hold and release, accept a suspect, approve a plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from pinecone_backup.errors import ApprovalRefused, RuleForbids, SubjectUnknown
from pinecone_backup.records import (
    DeletionState,
    HoldScope,
    PlanRecord,
    PlanState,
    Verdict,
)
from pinecone_backup.usecases.approvals import approve_plan
from pinecone_backup.usecases.requests.holds import list_holds, place_hold, release_hold
from pinecone_backup.usecases.requests.suspects import accept_suspect
from tests.support.backups import NOW, MemoryPlane, backup, deletion, index, record
from tests.support.ledger import MemoryLedger

if TYPE_CHECKING:
    from pinecone_backup.model import DomainEvent
    from pinecone_backup.ports import ControlPlane
    from pinecone_backup.records import BackupRecord, Hold

HOUR = timedelta(hours=1)


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def last_event(ledger: MemoryLedger) -> DomainEvent:
    return ledger.events[-1]


# --- Holds -----------------------------------------------------------------------------------


def place(ledger: MemoryLedger, **arguments: Any) -> Hold:
    control_plane = cast("ControlPlane", MemoryHolds([backup()], [index()]))
    given: dict[str, Any] = {
        "scope": HoldScope.BACKUP,
        "target": "b1",
        "who": "alice",
        "reason": "quarterly audit",
        "now": NOW,
        **arguments,
    }
    return place_hold(ledger, control_plane, **given)


class MemoryHolds(MemoryPlane):
    """Lists deleted indexes too, as a hold asks."""

    def index_backups_page(self, name: str, **asked: Any) -> Any:
        assert asked == {"limit": 1, "token": None, "include_deleted": True}
        return super().index_backups_page(name, limit=1, token=None)


@pytest.mark.parametrize(("scope", "target"), [(HoldScope.BACKUP, "b1"), (HoldScope.INDEX, "docs")])
def test_a_hold_is_stored_with_who_and_why_and_told(
    ledger: MemoryLedger, scope: HoldScope, target: str
) -> None:
    hold = place(ledger, scope=scope, target=target, expires_at=NOW + HOUR, reason=" audit ")

    assert list(ledger.holds()) == [hold]
    assert (hold.scope, hold.target, hold.placed_by, hold.reason) == (
        scope,
        target,
        "alice",
        "audit",
    )
    assert (hold.created_at, hold.expires_at) == (NOW, NOW + HOUR)
    event = last_event(ledger)
    assert (event.type, event.project, event.occurred_at) == ("hold.placed", "main", NOW)
    assert event.data == {
        "hold_id": hold.hold_id,
        "scope": str(scope),
        "target": target,
        "reason": "audit",
        "actor": "alice",
        "expires_at": "2026-11-22T13:00:00+00:00",
    }


@pytest.mark.parametrize(("scope", "target"), [(HoldScope.BACKUP, "b2"), (HoldScope.INDEX, "dosc")])
def test_a_hold_on_what_does_not_exist_is_refused(
    ledger: MemoryLedger, scope: HoldScope, target: str
) -> None:
    """A slip of the pen would protect nothing."""
    with pytest.raises(SubjectUnknown, match=f"no {scope} '{target}'"):
        place(ledger, scope=scope, target=target)

    assert ledger.holds() == []


def test_a_hold_without_a_reason_is_refused(ledger: MemoryLedger) -> None:
    with pytest.raises(RuleForbids, match="needs a reason"):
        place(ledger, reason="  ")


def test_a_hold_that_would_have_expired_is_refused(ledger: MemoryLedger) -> None:
    """T2."""
    with pytest.raises(RuleForbids, match="would have expired at 2026-11-22T12:00:00Z"):
        place(ledger, expires_at=NOW)


def test_a_hold_comes_too_late_for_a_backup_that_is_going(ledger: MemoryLedger) -> None:
    """G4."""
    ledger.put_backup(record(backup(), deletion=deletion(DeletionState.ACCEPTED)))

    with pytest.raises(RuleForbids, match="no hold can bring it back"):
        place(ledger)
    assert place(ledger, scope=HoldScope.INDEX, target="docs").target == "docs"


@pytest.mark.parametrize("state", [None, DeletionState.SKIPPED, DeletionState.UNKNOWN])
def test_a_backup_that_may_still_be_there_can_be_held(
    ledger: MemoryLedger, state: DeletionState | None
) -> None:
    ledger.put_backup(record(backup(), deletion=deletion(state) if state else None))

    assert place(ledger).active(NOW)


def test_releasing_needs_a_reason_and_leaves_the_history(ledger: MemoryLedger) -> None:
    hold = place(ledger)

    with pytest.raises(RuleForbids, match="Releasing a hold needs a reason"):
        release_hold(ledger, hold.hold_id, who="bob", reason="", now=NOW)
    released = release_hold(ledger, hold.hold_id, who="bob", reason="audit done", now=NOW + HOUR)

    assert ledger.holds() == [released]
    assert released == replace(
        hold, released_at=NOW + HOUR, released_by="bob", release_reason="audit done"
    )
    event = last_event(ledger)
    assert (event.type, event.data["actor"], event.data["reason"]) == (
        "hold.released",
        "bob",
        "audit done",
    )
    assert event.data["expires_at"] is None


def test_a_hold_is_released_once(ledger: MemoryLedger) -> None:
    hold = place(ledger)
    release_hold(ledger, hold.hold_id, who="bob", reason="audit done", now=NOW)

    with pytest.raises(RuleForbids, match="was released by bob at 2026-11-22T12:00:00Z"):
        release_hold(ledger, hold.hold_id, who="eve", reason="mine", now=NOW)


def test_releasing_an_unknown_hold_says_so(ledger: MemoryLedger) -> None:
    with pytest.raises(SubjectUnknown, match="no hold 'hold-9'"):
        release_hold(ledger, "hold-9", who="bob", reason="why not", now=NOW)


def test_holds_are_listed_newest_first_and_ended_ones_on_request(ledger: MemoryLedger) -> None:
    first = place(ledger, expires_at=NOW + HOUR)
    second = place(ledger, now=NOW + HOUR)

    assert list_holds(ledger, now=NOW + HOUR) == [second, first]
    assert list_holds(ledger, now=NOW + HOUR, active_only=True) == [second]


# --- Suspects --------------------------------------------------------------------------------


def accept(ledger: MemoryLedger, **arguments: Any) -> BackupRecord:
    given: dict[str, Any] = {"who": "alice", "reason": "we cleaned up", "now": NOW, **arguments}
    return accept_suspect(ledger, "b1", **given)


@pytest.mark.parametrize(
    "known",
    [
        {"verdict": Verdict.SUSPECT, "verdict_reason": "empty"},
        {"verdict": Verdict.GOOD, "restore_tested": False},
        {
            "verdict": Verdict.ACCEPTED,
            "restore_tested": False,
            "accepted_at": NOW - HOUR,
            "restore_tested_at": NOW,
        },
    ],
)
def test_a_suspect_is_accepted_with_who_and_why(
    ledger: MemoryLedger, known: dict[str, Any]
) -> None:
    """G1, G3."""
    ledger.put_backup(record(backup(), **known))

    accepted = accept(ledger)

    assert ledger.backups()["b1"] == accepted
    assert (accepted.verdict, accepted.accepted_by, accepted.accepted_reason) == (
        Verdict.ACCEPTED,
        "alice",
        "we cleaned up",
    )
    assert accepted.accepted_at == NOW
    event = last_event(ledger)
    assert event.type == "backup.accepted"
    assert event.data["was"] == known.get("verdict_reason", "")
    assert (event.data["reason"], event.data["actor"]) == ("we cleaned up", "alice")


@pytest.mark.parametrize(
    ("known", "arguments", "reason"),
    [
        ({"verdict": Verdict.GOOD}, {}, "is not suspect"),
        ({"verdict": None}, {}, "is not suspect"),
        ({"verdict": Verdict.SUSPECT}, {"reason": " "}, "needs a reason"),
        (
            {"verdict": Verdict.SUSPECT, "deletion": deletion(DeletionState.ACCEPTED)},
            {},
            "is being deleted",
        ),
    ],
)
def test_what_is_no_suspect_or_has_no_reason_is_not_accepted(
    ledger: MemoryLedger, known: dict[str, Any], arguments: dict[str, Any], reason: str
) -> None:
    ledger.put_backup(record(backup(), **known))

    with pytest.raises(RuleForbids, match=reason):
        accept(ledger, **arguments)

    assert ledger.events == []


def test_accepting_what_the_ledger_does_not_know_says_so(ledger: MemoryLedger) -> None:
    with pytest.raises(SubjectUnknown, match="no backup 'b1' with a verdict"):
        accept(ledger)


# --- Approvals -------------------------------------------------------------------------------

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
    event = last_event(ledger)
    assert event.type == "plan.approved"
    assert event.data == {
        "digest": DIGEST,
        "delete_count": 3,
        "reason": "read it",
        "actor": "alice",
        "until": "2026-11-22T13:00:00+00:00",
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
