"""Holds: placed, released and listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from pinecone_backup.errors import RuleForbids, SubjectUnknown
from pinecone_backup.records import DeletionState, HoldScope
from pinecone_backup.usecases.requests.holds import list_holds, place_hold, release_hold
from tests.support.backups import NOW, MemoryControlPlane, backup, deletion, index, record

if TYPE_CHECKING:
    from pinecone_backup.ports import ControlPlane
    from pinecone_backup.records import Hold
    from tests.support.ledger import MemoryLedger

HOUR = timedelta(hours=1)


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
    return place_hold(control_plane, ledger, **given)


class MemoryHolds(MemoryControlPlane):
    """Lists deleted indexes too, as a hold asks."""

    def index_backups_page(self, name: str, **asked: Any) -> Any:
        assert asked == {"limit": 1, "token": None, "include_deleted": True}
        return super().index_backups_page(name, limit=1, token=None)


@pytest.mark.parametrize(("scope", "target"), [(HoldScope.BACKUP, "b1"), (HoldScope.INDEX, "docs")])
def test_a_hold_is_stored_with_who_and_why_and_announced(
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
    event = ledger.events[-1]
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


def test_a_hold_comes_too_late_for_a_backup_whose_deletion_is_accepted(
    ledger: MemoryLedger,
) -> None:
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
    event = ledger.events[-1]
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
