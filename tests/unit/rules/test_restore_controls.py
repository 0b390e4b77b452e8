"""What an audit says of restores, and from when on (rules R3 to R5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.differences import Difference, DifferenceKind
from pinecone_backup.model import Severity
from pinecone_backup.records import CleanUp, RestoreKind, RestoreResult, RestoreStep
from pinecone_backup.rules.policy import AssignedBy
from pinecone_backup.rules.restore_controls import (
    ADOPT_WITHIN,
    BEGINS_WITHIN,
    CLEANED_WITHIN,
    TEST_GRACE,
    index_not_ready,
    never_restore_tested,
    restore_index_left,
    restore_test_failed,
    restore_test_overdue,
    restored_not_adopted,
)
from pinecone_backup.rules.restore_tests import TestDecision, TestState
from pinecone_backup.rules.temporary import RESTORE_TAG
from tests.support.audits import NOW, POLICY, ago, index_facts, project_facts
from tests.support.restores import restore_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from pinecone_backup.rules.audit_facts import IndexFacts
    from pinecone_backup.rules.findings import Observation

    type OfIndex = Callable[[IndexFacts, datetime], Iterator[Observation]]

SECOND = timedelta(seconds=1)
LAST = restore_record(
    kind=RestoreKind.TEST, step=RestoreStep.DONE, result=RestoreResult.SUCCEEDED, result_at=NOW
)


def due(**properties: Any) -> IndexFacts:
    """An index whose next restore test is decided like this."""
    usual: dict[str, Any] = {"due_at": NOW - TEST_GRACE - SECOND}
    decision = TestDecision("docs", "id-docs", POLICY, TestState.WAITS, "a reason")
    return replace(index_facts(), test=replace(decision, **usual | properties))


@pytest.mark.parametrize(
    ("control", "last"), [(never_restore_tested, None), (restore_test_overdue, LAST)]
)
def test_a_test_that_does_not_begin_is_a_finding_after_a_while(control: OfIndex, last: Any) -> None:
    """R3."""
    facts = due(last=last)
    assert list(control(facts, NOW))
    assert not list(control(facts, NOW - SECOND))
    assert not list(control(due(last=last, due_at=None), NOW))
    assert not list(control(due(last=last, state=TestState.UNDER_WAY), NOW))
    assert not list(control(due(last=None if last else LAST), NOW))
    assert not list(control(index_facts(), NOW))


def test_all_that_differs_is_said_of_a_failed_test() -> None:
    lower = Difference.of(DifferenceKind.TOTAL_LOWER, found=9, expected=10)
    index = Difference.of(DifferenceKind.INDEX_FAILED, state="Broken")
    failed = replace(LAST, result=RestoreResult.FAILED, differences=(index, lower))
    [said] = restore_test_failed(due(last=failed), NOW)
    assert f"failed: {index}; {lower}. None of this index has" in said.diagnosis
    assert not list(restore_test_failed(index_facts(), NOW))
    assert not list(restore_test_failed(due(last=replace(failed, result_at=None)), NOW))


def coming(
    state: str, *, seen: timedelta = BEGINS_WITHIN, ready: bool = False, restore: Any = None
) -> IndexFacts:
    """An index in a state for so long."""
    facts = index_facts(first_seen=NOW - seen)
    index = replace(facts.index, state=state, ready=ready)
    return replace(facts, index=index, restore=restore)


UNDER_WAY = restore_record()
STALLED = restore_record(stalled_at=ago(hours=1))
OVER = restore_record(step=RestoreStep.DONE)


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        pytest.param(coming("Initializing"), Severity.WARNING, id="for too long"),
        pytest.param(coming("Initializing", seen=BEGINS_WITHIN - SECOND), None, id="not yet"),
        pytest.param(coming("Initializing", ready=True), None, id="ready all the same"),
        pytest.param(coming("ScalingUp"), None, id="a state in which it can be used"),
        pytest.param(
            coming("InitializationFailed", seen=SECOND), Severity.ERROR, id="failed at once"
        ),
        pytest.param(
            coming("InitializationFailed", restore=UNDER_WAY), Severity.ERROR, id="by a restore"
        ),
        pytest.param(coming("Initializing", restore=UNDER_WAY), None, id="a restore is under way"),
        pytest.param(coming("Initializing", restore=STALLED), Severity.WARNING, id="it stalled"),
        pytest.param(coming("Initializing", restore=OVER), Severity.WARNING, id="it is over"),
    ],
)
def test_an_index_that_does_not_come_up_is_a_finding(
    facts: IndexFacts, severity: Severity | None
) -> None:
    said = [each.severity for each in index_not_ready(facts, NOW)]
    assert said == ([severity] if severity else [])


def restored(
    record: Any = None, *, seen: timedelta = ADOPT_WITHIN + SECOND, **changes: Any
) -> IndexFacts:
    """A restored index that no policy has."""
    facts = index_facts(
        first_seen=NOW - seen, policy=None, by=AssignedBy.OPT_OUT, tags={RESTORE_TAG: "restore-1"}
    )
    return replace(facts, restore=record, **changes)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        pytest.param(restored(), True, id="without a record, by when it was first seen"),
        pytest.param(restored(seen=ADOPT_WITHIN), False, id="a day is given"),
        pytest.param(restored(restore_record()), False, id="its restore is under way"),
        pytest.param(restored(replace(OVER, finished_at=ago(days=1))), False, id="over for a day"),
        pytest.param(
            restored(replace(OVER, finished_at=NOW - ADOPT_WITHIN - SECOND), seen=SECOND),
            True,
            id="over for longer",
        ),
        pytest.param(replace(restored(), assigned=index_facts().assigned), False, id="adopted"),
    ],
)
def test_a_restored_index_that_nobody_adopts_is_a_finding(facts: IndexFacts, said: bool) -> None:
    """R5."""
    assert bool(list(restored_not_adopted(facts, NOW))) is said


def test_it_is_said_for_whom_an_index_was_restored_where_that_is_known() -> None:
    record = replace(OVER, finished_at=ago(days=3))
    for known, text in ((record, "restored for alice, and"), (None, "restored, and")):
        [said] = restored_not_adopted(restored(known, seen=timedelta(days=9)), NOW)
        assert text in said.diagnosis


TEST = replace(LAST, target_index_name="temp", step=RestoreStep.CLEANING, keep_seconds=3600)
KEPT = timedelta(seconds=TEST.keep_seconds) + CLEANED_WITHIN


@pytest.mark.parametrize(
    "times",
    [
        pytest.param({"result_at": ago(), "give_up_at": None}, id="after its verdict"),
        pytest.param({"result_at": None, "give_up_at": ago()}, id="after its time"),
        pytest.param({"result_at": None, "give_up_at": None}, id="after its beginning"),
    ],
)
def test_the_index_of_a_test_that_stays_is_a_finding(times: dict[str, Any]) -> None:
    """R4."""
    record = replace(TEST, started_at=NOW, **times)
    left = index_facts(name="temp").index
    facts = project_facts(restores=[record], temporary=[left])
    assert not list(restore_index_left(replace(facts, now=NOW + KEPT)))
    [said] = restore_index_left(replace(facts, now=NOW + KEPT + SECOND))
    assert said.subject == "temp"


def test_each_index_that_was_left_is_a_finding_of_its_own() -> None:
    """R4: also behind one whose time is not over; a person's restore explains none."""
    young = replace(TEST, target_index_name="young")
    old = replace(TEST, result_at=ago(days=1), clean_up=CleanUp.FAILED)
    refused = replace(old, target_index_name="refused", clean_up_error="protected")
    asked = replace(OVER, target_index_name="asked", result_at=ago(days=1))
    names = ["young", "temp", "refused", "asked"]
    facts = project_facts(
        restores=[young, old, refused, asked],
        temporary=[index_facts(name=name).index for name in names],
    )
    said = {each.subject: each.diagnosis for each in restore_index_left(facts)}
    assert set(said) == {"temp", "refused", "asked"}
    assert said["temp"].endswith("has not succeeded (failed).")
    assert said["refused"].endswith("has not succeeded (failed): protected.")
    assert said["asked"] == "No restore test of the ledger explains it."
