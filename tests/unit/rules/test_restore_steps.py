"""R1, R3: where a restore goes next, by what was seen of it and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.differences import Difference, DifferenceKind
from pinecone_backup.model import Depth, RestoreJob, Usage
from pinecone_backup.records import CleanUp, RestoreKind, RestoreResult, RestoreStep
from pinecone_backup.rules.fingerprint import APART, Comparison
from pinecone_backup.rules.restore_steps import (
    COMPARE_WITHIN,
    STALLED_AFTER,
    START_WITHIN,
    Compared,
    Do,
    Seen,
    abandoned,
    deletion_asked,
    deletion_refused,
    looked,
    next_step,
    not_looked,
    stalled_at,
    started,
)
from pinecone_backup.rules.temporary import restored_tags, temporary_name
from tests.support.backups import NOW, OWNER, index
from tests.support.restores import restore_record

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.model import Index
    from pinecone_backup.records import RestoreRecord

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
LATER = NOW + 10 * MINUTE
NOTHING = Seen(None)
INITIALIZING = index("docs-2", state="Initializing", ready=False)
READY = index("docs-2")
LOST = Difference.of(DifferenceKind.RECORDS_LOST, namespace="a", found=1, expected=2)
ADDED = Difference.of(DifferenceKind.RECORDS_ADDED, namespace="a", found=3, expected=2)


def restore_test(**properties: Any) -> RestoreRecord:
    """A test of backup ``b1`` that has a day."""
    usual: dict[str, Any] = {"kind": RestoreKind.TEST, "give_up_at": NOW + 24 * HOUR}
    return restore_record(**usual | properties)


def job(status: str = "Pending", **properties: Any) -> RestoreJob:
    made = RestoreJob("job-1", "b1", "docs-2", "id-of-docs-2", status, NOW)
    return replace(made, **properties)


def step(record: RestoreRecord, seen: Seen, now: datetime = LATER) -> tuple[RestoreRecord, Do]:
    return next_step(record, seen, owner=OWNER, project="main", now=now)


# Selected: nobody knows yet whether Pinecone has it


def selected(record: RestoreRecord) -> RestoreRecord:
    """The same before it was begun."""
    return replace(record, step=RestoreStep.SELECTED, job_id="", status="", accepted_at=None)


@pytest.mark.parametrize(
    "record",
    [selected(restore_record()), selected(restore_test())],
    ids=["a request", "a test"],
)
def test_a_restore_that_was_selected_is_started(record: RestoreRecord) -> None:
    assert step(record, NOTHING) == (record, Do.START)


def test_a_restore_whose_start_was_not_written_down_goes_on_from_its_index() -> None:
    """R1: an earlier tick was cut off after Pinecone had accepted."""
    record = selected(restore_record())
    ours = replace(INITIALIZING, tags=restored_tags(OWNER, record.restore_id))
    begun = replace(record, step=RestoreStep.RESTORING, accepted_at=LATER)
    assert step(record, Seen(ours)) == (replace(begun, status="Initializing"), Do.WAIT)
    assert step(record, Seen(ours, job("Pending", percent_complete=7))) == (
        replace(
            begun,
            job_id="job-1",
            target_index_id="id-of-docs-2",
            status="Pending",
            percent_complete=7,
        ),
        Do.WAIT,
    )


@pytest.mark.parametrize(
    "record",
    [selected(restore_record()), selected(restore_test())],
    ids=["a request", "a test"],
)
def test_somebody_elses_index_of_the_name_ends_a_restore_and_stays(record: RestoreRecord) -> None:
    """R1, R4: even of a test nothing is cleaned up, for the index is not its own."""
    assert step(record, Seen(READY)) == (
        replace(
            record,
            step=RestoreStep.DONE,
            result=RestoreResult.ABANDONED,
            result_at=LATER,
            reason="another index named docs-2 is in the way",
            finished_at=LATER,
        ),
        Do.WAIT,
    )


@pytest.mark.parametrize(
    ("source", "result"), [("b1", None), (None, None), ("b2", RestoreResult.ABANDONED)]
)
def test_an_index_of_the_same_restore_of_another_backup_is_in_the_way(
    source: str | None, result: RestoreResult | None
) -> None:
    """R1."""
    record = selected(restore_record())
    made = replace(READY, tags=restored_tags(OWNER, record.restore_id), source_backup_id=source)
    ended, _ = step(record, Seen(made))
    assert ended.result is result


@pytest.mark.parametrize(
    ("record", "last"),
    [
        pytest.param(selected(restore_record()), NOW + START_WITHIN, id="a request"),
        pytest.param(selected(restore_test()), NOW + 24 * HOUR - SECOND, id="a test"),
        pytest.param(
            selected(restore_test(give_up_at=NOW + 48 * HOUR)),
            NOW + 48 * HOUR - SECOND,
            id="a test that has two days",
        ),
    ],
)
def test_a_restore_that_cannot_be_started_is_given_up(
    record: RestoreRecord, last: datetime
) -> None:
    assert step(record, NOTHING, last) == (record, Do.START)
    ended, do = step(record, NOTHING, last + SECOND)
    assert (ended.result, ended.result_at, ended.reason, do) == (
        RestoreResult.ABANDONED,
        last + SECOND,
        "it could not be started in time",
        Do.WAIT,
    )


# Restoring


def test_a_restore_that_pinecone_accepted_is_restoring() -> None:
    record = selected(restore_record())
    assert started(record, job(), LATER) == replace(
        record,
        step=RestoreStep.RESTORING,
        accepted_at=LATER,
        job_id="job-1",
        target_index_id="id-of-docs-2",
        status="Pending",
    )


def test_when_a_restore_was_accepted_is_written_once() -> None:
    assert started(restore_record(), job(), LATER).accepted_at == NOW


def test_a_job_that_does_not_name_its_index_changes_nothing_of_what_is_known() -> None:
    record = restore_record(target_index_id="known")
    assert started(record, job(target_index_id=""), LATER).target_index_id == "known"


@pytest.mark.parametrize(
    ("properties", "seconds"),
    [
        ({"status": "Completed", "completed_at": NOW + 90 * SECOND}, 90),
        ({"status": "Completed", "completed_at": NOW - 90 * SECOND}, 0),
        ({"status": "Completed", "completed_at": NOW, "created_at": None}, None),
        ({"status": "Completed"}, None),
        ({"status": "Failed", "completed_at": NOW + 90 * SECOND}, None),
    ],
)
def test_what_a_restore_took_is_known_from_its_own_two_times(
    properties: dict[str, Any], seconds: int | None
) -> None:
    assert started(restore_record(), job(**properties), LATER).took_seconds == seconds


@pytest.mark.parametrize(
    ("job_id", "seen", "status"),
    [
        pytest.param("job-1", Seen(INITIALIZING), "Pending", id="the job's last word"),
        pytest.param("", Seen(INITIALIZING), "Initializing", id="the index's"),
        pytest.param("", NOTHING, "", id="nothing to say it"),
    ],
)
def test_the_status_of_a_restore_is_its_jobs_or_where_no_job_is_known_its_indexs(
    job_id: str, seen: Seen, status: str
) -> None:
    record, do = step(restore_record(job_id=job_id), seen)
    assert (record.status, record.job_id, do) == (status, job_id, Do.WAIT)


@pytest.mark.parametrize("kind", RestoreKind)
@pytest.mark.parametrize(
    ("seen", "difference"),
    [
        (Seen(READY, job("Failed")), Difference.of(DifferenceKind.JOB_FAILED, status="Failed")),
        (Seen(None, job("Failed")), Difference.of(DifferenceKind.JOB_FAILED, status="Failed")),
        (
            Seen(index("docs-2", state="InitializationFailed", ready=False), job()),
            Difference.of(DifferenceKind.INDEX_FAILED, state="InitializationFailed"),
        ),
    ],
    ids=["its job failed", "its job failed without an index", "its index failed"],
)
def test_a_restore_that_pinecone_could_not_carry_out_has_failed(
    kind: RestoreKind, seen: Seen, difference: Difference
) -> None:
    """R3."""
    record, do = step(restore_record(kind=kind), seen)
    assert do is Do.WAIT
    assert (record.result, record.result_at, record.differences) == (
        RestoreResult.FAILED,
        LATER,
        (difference,),
    )
    assert (record.step, record.finished_at) == (
        (RestoreStep.CLEANING, None) if kind is RestoreKind.TEST else (RestoreStep.DONE, LATER)
    )


@pytest.mark.parametrize(
    ("seen", "restored_at"),
    [
        (Seen(READY), LATER),
        (Seen(READY, job("Completed")), LATER),
        (Seen(READY, job("Completed", completed_at=NOW + MINUTE)), NOW + MINUTE),
    ],
    ids=["without a job", "without its time", "by the job's own time"],
)
def test_an_index_that_is_ready_is_compared(seen: Seen, restored_at: datetime) -> None:
    record, do = step(restore_record(missing_since=NOW), seen)
    assert (record.step, record.restored_at, record.missing_since, do) == (
        RestoreStep.VALIDATING,
        restored_at,
        None,
        Do.VALIDATE,
    )


@pytest.mark.parametrize(
    "seen",
    [Seen(READY, job()), Seen(INITIALIZING, job("Completed")), Seen(INITIALIZING)],
    ids=["its job is under way", "its index is not ready", "no job is known"],
)
def test_a_restore_that_is_under_way_is_waited_for(seen: Seen) -> None:
    record, do = step(restore_record(), seen)
    assert (record.step, record.result, record.stalled_at, do) == (
        RestoreStep.RESTORING,
        None,
        None,
        Do.WAIT,
    )


def test_that_a_restore_has_stalled_is_noted_once() -> None:
    due = NOW + STALLED_AFTER
    before, _ = step(restore_record(), Seen(INITIALIZING), due - SECOND)
    at, do = step(before, Seen(INITIALIZING), due)
    after, _ = step(at, Seen(INITIALIZING), due + HOUR)
    assert (before.stalled_at, at.stalled_at, after.stalled_at, do) == (None, due, due, Do.WAIT)


@pytest.mark.parametrize("at", [RestoreStep.RESTORING, RestoreStep.VALIDATING])
@pytest.mark.parametrize("reason", ["", "the index could not be reached"])
def test_a_test_that_takes_too_long_has_timed_out(at: RestoreStep, reason: str) -> None:
    record, end = restore_test(step=at, reason=reason), NOW + 24 * HOUR
    before, _ = step(record, Seen(INITIALIZING), end - SECOND)
    assert before.result is None
    ended, do = step(record, Seen(INITIALIZING), end)
    assert (ended.result, ended.result_at, ended.step, do) == (
        RestoreResult.TIMED_OUT,
        end,
        RestoreStep.CLEANING,
        Do.WAIT,
    )
    assert ended.reason == "it was not over within 1 day" + (f": {reason}" if reason else "")


def test_a_test_whose_index_is_missing_is_cleaned_up_as_if_nothing_were_missing() -> None:
    record = restore_test(missing_since=NOW)
    ended, do = step(record, NOTHING, NOW + APART)
    assert do is Do.WAIT
    assert ended == replace(
        record,
        step=RestoreStep.CLEANING,
        missing_since=None,
        result=RestoreResult.ABANDONED,
        result_at=NOW + APART,
        reason="its index does not exist any more",
    )


# Validating


@pytest.mark.parametrize(
    ("later", "do"), [(timedelta(), Do.WAIT), (APART - SECOND, Do.WAIT), (APART, Do.VALIDATE)]
)
def test_a_second_look_is_taken_apart_from_the_first(later: timedelta, do: Do) -> None:
    """R3, F5."""
    record = restore_test(step=RestoreStep.VALIDATING, differs_since=NOW)
    assert step(record, Seen(READY), NOW + later) == (record, do)


def test_a_second_look_is_taken_after_the_time_of_a_test_too() -> None:
    """R3: what differs once is settled, not timed out."""
    record = restore_test(step=RestoreStep.VALIDATING, differs_since=NOW + 24 * HOUR - SECOND)
    assert step(record, Seen(READY), NOW + 25 * HOUR) == (record, Do.VALIDATE)


def compared(*differences: Difference, **properties: Any) -> Compared:
    return Compared(Comparison(differences, Depth.SAMPLE, records=5), **properties)


def test_a_look_adds_to_what_the_comparison_has_cost() -> None:
    record = restore_test(step=RestoreStep.VALIDATING, calls=3, read_units=10)
    usage = Usage(calls=4, read_units=5)
    found = looked(record, compared(reason="without queries", usage=usage), LATER)
    assert found == replace(
        record,
        step=RestoreStep.CLEANING,
        result=RestoreResult.SUCCEEDED,
        result_at=LATER,
        depth_reached=Depth.SAMPLE,
        compared=5,
        reason="without queries",
        calls=7,
        read_units=15,
    )


def test_one_look_that_differs_is_no_verdict() -> None:
    """R3, F5."""
    record = restore_test(step=RestoreStep.VALIDATING)
    found = looked(record, compared(LOST), LATER)
    assert found == replace(
        record,
        differs_since=LATER,
        differences=(LOST,),
        depth_reached=Depth.SAMPLE,
        compared=5,
    )


@pytest.mark.parametrize("kind", RestoreKind)
def test_what_differs_twice_is_a_failed_restore(kind: RestoreKind) -> None:
    """R3, F5: only what both looks found."""
    record = restore_record(
        kind=kind, step=RestoreStep.VALIDATING, differs_since=NOW, differences=(LOST,)
    )
    found = looked(record, compared(ADDED, LOST), LATER)
    assert (found.result, found.result_at, found.differences) == (
        RestoreResult.FAILED,
        LATER,
        (LOST,),
    )
    assert (found.step, found.finished_at) == (
        (RestoreStep.CLEANING, None) if kind is RestoreKind.TEST else (RestoreStep.DONE, LATER)
    )


def test_a_second_look_that_finds_something_else_is_a_first_one() -> None:
    """R3, F5."""
    record = restore_test(step=RestoreStep.VALIDATING, differs_since=NOW, differences=(LOST,))
    found = looked(record, compared(ADDED), LATER)
    assert (found.result, found.differs_since, found.differences) == (None, LATER, (ADDED,))


def test_a_second_look_without_a_difference_is_a_sound_restore() -> None:
    """R3, F5."""
    record = restore_test(step=RestoreStep.VALIDATING, differs_since=NOW, differences=(LOST,))
    found = looked(record, compared(), LATER)
    assert (found.result, found.differs_since, found.differences) == (
        RestoreResult.SUCCEEDED,
        None,
        (),
    )


@pytest.mark.parametrize(
    ("differs_since", "late", "result"),
    [
        (NOW, True, RestoreResult.TIMED_OUT),
        (NOW, False, None),
        (None, True, None),
    ],
)
def test_looks_that_never_agree_end_with_the_time_of_the_test(
    differs_since: datetime | None, late: bool, result: RestoreResult | None
) -> None:
    record = restore_test(
        step=RestoreStep.VALIDATING, differs_since=differs_since, differences=(LOST,)
    )
    now = NOW + 25 * HOUR if late else LATER
    found = looked(record, compared(ADDED), now)
    assert (found.result, found.result_at) == (result, now if result else None)


def test_a_restored_index_that_cannot_be_looked_into_is_tried_again() -> None:
    for record in (
        restore_test(step=RestoreStep.VALIDATING),
        restore_record(step=RestoreStep.VALIDATING, restored_at=NOW),
        restore_record(step=RestoreStep.VALIDATING),
    ):
        assert not_looked(record, "no answer", NOW + COMPARE_WITHIN - SECOND) == replace(
            record, reason="no answer"
        )


def test_what_somebody_asked_for_counts_as_restored_without_a_comparison_in_the_end() -> None:
    record = restore_record(step=RestoreStep.VALIDATING, restored_at=NOW)
    now = NOW + COMPARE_WITHIN
    assert not_looked(record, "no answer", now) == replace(
        record,
        step=RestoreStep.DONE,
        result=RestoreResult.SUCCEEDED,
        result_at=now,
        reason="no answer",
        finished_at=now,
    )


def test_a_test_that_cannot_be_compared_times_out_and_says_why() -> None:
    record = restore_test(step=RestoreStep.VALIDATING, restored_at=NOW)
    ended = not_looked(record, "no answer", NOW + 24 * HOUR)
    assert (ended.result, ended.result_at, ended.step, ended.reason) == (
        RestoreResult.TIMED_OUT,
        NOW + 24 * HOUR,
        RestoreStep.CLEANING,
        "it was not over within 1 day: no answer",
    )


def test_a_restore_that_nobody_cleans_up_after_is_over_when_it_timed_out() -> None:
    record = restore_record(step=RestoreStep.VALIDATING, give_up_at=NOW)
    ended = not_looked(record, "no answer", LATER)
    assert (ended.result, ended.step, ended.finished_at) == (
        RestoreResult.TIMED_OUT,
        RestoreStep.DONE,
        LATER,
    )


@pytest.mark.parametrize("kind", RestoreKind)
def test_an_abandoned_restore_says_why_and_when(kind: RestoreKind) -> None:
    record = restore_record(kind=kind, missing_since=NOW)
    ended = abandoned(record, "no reason", LATER)
    over = replace(record, result=RestoreResult.ABANDONED, result_at=LATER, reason="no reason")
    assert ended == (
        replace(over, step=RestoreStep.CLEANING, missing_since=None)
        if kind is RestoreKind.TEST
        else replace(over, step=RestoreStep.DONE, finished_at=LATER)
    )


# Cleaning


def cleaning(**properties: Any) -> tuple[RestoreRecord, Index]:
    """A test whose verdict stands, and its index."""
    name = temporary_name(OWNER, "main", "restore-1")
    record = restore_test(
        step=RestoreStep.CLEANING,
        target_index_name=name,
        result=RestoreResult.SUCCEEDED,
        result_at=NOW,
    )
    return replace(record, **properties), index(name, tags=restored_tags(OWNER, "restore-1"))


def test_the_index_of_a_test_is_deleted() -> None:
    record, made = cleaning()
    assert step(record, Seen(made)) == (record, Do.DELETE)


@pytest.mark.parametrize(
    ("later", "do"), [(HOUR - SECOND, Do.WAIT), (HOUR, Do.DELETE), (2 * HOUR, Do.DELETE)]
)
def test_the_index_of_a_test_stays_as_long_as_it_is_to_be_kept(later: timedelta, do: Do) -> None:
    record, made = cleaning(keep_seconds=3600)
    assert step(record, Seen(made), NOW + later) == (record, do)


def test_an_index_that_is_being_deleted_is_waited_for() -> None:
    record, made = cleaning(clean_up=CleanUp.FAILED, clean_up_error="refused")
    assert step(record, Seen(replace(made, state="Terminating"))) == (
        replace(record, clean_up=CleanUp.DELETING, clean_up_error=""),
        Do.WAIT,
    )


def test_a_test_is_done_when_its_index_is_not_listed_any_more() -> None:
    record, _ = cleaning(clean_up=CleanUp.FAILED, clean_up_error="refused")
    assert step(record, NOTHING) == (
        replace(
            record,
            step=RestoreStep.DONE,
            clean_up=CleanUp.SUCCEEDED,
            clean_up_error="",
            cleaned_at=LATER,
            finished_at=LATER,
        ),
        Do.WAIT,
    )


def test_an_index_that_does_not_say_any_more_that_it_is_the_tests_is_left() -> None:
    """R4."""
    record, made = cleaning()
    assert step(record, Seen(replace(made, tags={}))) == (
        replace(
            record,
            step=RestoreStep.DONE,
            clean_up=CleanUp.LEFT,
            clean_up_error="its tags do not say any more that it is a test's",
            finished_at=LATER,
        ),
        Do.WAIT,
    )


def test_what_became_of_a_deletion_is_noted() -> None:
    record, _ = cleaning()
    refused = deletion_refused(record, "protected")
    assert refused == replace(record, clean_up=CleanUp.FAILED, clean_up_error="protected")
    assert deletion_asked(refused) == replace(record, clean_up=CleanUp.DELETING)


def test_a_restore_that_is_over_stays_as_it_is() -> None:
    record = restore_record(step=RestoreStep.DONE)
    assert step(record, Seen(READY)) == (record, Do.WAIT)


# What is missing, and what has stalled


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
