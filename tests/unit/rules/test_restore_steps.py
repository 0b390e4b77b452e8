"""R1, R3: where a restore goes next, by what was seen of it and when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pinecone_backup.records import RestoreKind, RestoreResult, RestoreStep
from pinecone_backup.rules.fingerprint import APART, Comparison
from pinecone_backup.rules.restore_steps import Compared, Do, Seen, looked, next_step, stalled_at
from tests.support.backups import NOW, OWNER, index
from tests.support.restores import restore_record

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOTHING = Seen(None)


@pytest.mark.parametrize("step", [RestoreStep.RESTORING, RestoreStep.VALIDATING])
def test_an_index_that_is_listed_again_was_not_missing(step: RestoreStep) -> None:
    """Missing twice counts from the last time that it was there."""
    record = restore_record(step=step)
    listed = Seen(index("docs-2", state="Initializing", ready=False))
    for seen, later in ((NOTHING, 0 * MINUTE), (listed, APART), (NOTHING, APART + MINUTE)):
        record, _ = next_step(record, seen, owner=OWNER, project="main", now=NOW + later)
    assert (record.result, record.missing_since) == (None, NOW + APART + MINUTE)


def test_an_index_that_is_missing_twice_apart_ends_its_restore() -> None:
    record = restore_record()
    for later in (0 * MINUTE, APART):
        record, do = next_step(record, NOTHING, owner=OWNER, project="main", now=NOW + later)
    assert (record.result, do) == (RestoreResult.ABANDONED, Do.WAIT)


@pytest.mark.parametrize(
    ("expected", "after"),
    [
        pytest.param(None, 6 * HOUR, id="of which nobody knows how long it should take"),
        pytest.param(600, 70 * MINUTE, id="an hour more than a short one"),
        pytest.param(3_600, 2 * HOUR, id="where both are the same"),
        pytest.param(18_000, 10 * HOUR, id="twice a long one"),
    ],
)
def test_a_restore_has_stalled(expected: int | None, after: timedelta) -> None:
    assert stalled_at(restore_record(expected_seconds=expected)) == NOW + after


def test_the_time_of_a_restore_runs_from_when_pinecone_accepted_it() -> None:
    record = restore_record(accepted_at=NOW + HOUR, expected_seconds=600)
    assert stalled_at(record) == NOW + 2 * HOUR + 10 * MINUTE


@pytest.mark.parametrize(
    ("kind", "step"),
    [(RestoreKind.REQUEST, RestoreStep.DONE), (RestoreKind.TEST, RestoreStep.CLEANING)],
)
def test_only_the_index_of_a_test_is_cleaned_up(kind: RestoreKind, step: RestoreStep) -> None:
    """R1: what somebody asked for is theirs."""
    record = restore_record(kind=kind, step=RestoreStep.VALIDATING)
    ended = looked(record, Compared(Comparison((), None)), NOW)
    assert (ended.result, ended.step) == (RestoreResult.SUCCEEDED, step)
