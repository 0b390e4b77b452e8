"""Suspects: accepted by a person, with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.errors import RuleForbids, SubjectUnknown
from pinecone_backup.records import DeletionState, Verdict
from pinecone_backup.usecases.requests.suspects import (
    Accepts,
    accept_suspect,
    accept_suspects,
)
from tests.support.audits import EMPTY
from tests.support.backups import NOW, backup, deletion, record

if TYPE_CHECKING:
    from pinecone_backup.records import BackupRecord
    from tests.support.ledger import MemoryLedger

HOUR = timedelta(hours=1)


def accept(ledger: MemoryLedger, **arguments: Any) -> BackupRecord:
    given: dict[str, Any] = {"who": "alice", "reason": "we cleaned up", "now": NOW, **arguments}
    return accept_suspect(ledger, "b1", **given)


@pytest.mark.parametrize(
    "known",
    [
        {"verdict": Verdict.SUSPECT, "verdict_reason": EMPTY},
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
    event = ledger.events[-1]
    assert event.type == "backup.accepted"
    assert event.data["was"] == str(known.get("verdict_reason", ""))
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


@pytest.mark.parametrize(
    ("accepts", "accepted"),
    [(Accepts.THIS, ["b1"]), (Accepts.THIS_AND_NEWER, ["b1", "b2", "b3"])],
)
def test_one_suspect_or_it_and_the_newer_ones_of_its_index_are_accepted(
    ledger: MemoryLedger, accepts: Accepts, accepted: list[str]
) -> None:
    """G2: not older ones, other indexes', good ones, those being deleted or that failed a test."""
    suspect: dict[str, Any] = {"verdict": Verdict.SUSPECT, "verdict_reason": EMPTY}
    for known in [
        record(backup("b1", days_ago=5), **suspect),
        record(backup("b3", days_ago=3), **suspect),
        record(backup("b2", days_ago=4), **suspect),
        record(backup("older", days_ago=6), **suspect),
        record(backup("other", days_ago=1, index="shop"), **suspect),
        record(backup("good", days_ago=1)),
        record(backup("tested", days_ago=1), restore_tested=False, **suspect),
        record(backup("deleted", days_ago=1), deletion=deletion(DeletionState.ACCEPTED), **suspect),
    ]:
        ledger.put_backup(known)

    found = accept_suspects(
        ledger, "b1", accepts=accepts, who="alice", reason="we cleaned up", now=NOW
    )

    assert [each.backup_id for each in found] == accepted
    assert (
        sorted(
            each.backup_id for each in ledger.backups().values() if each.verdict is Verdict.ACCEPTED
        )
        == accepted
    )
