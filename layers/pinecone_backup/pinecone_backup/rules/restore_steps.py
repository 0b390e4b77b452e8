"""Where a restore goes next: from its record, what Pinecone shows, and the time (rules R1 to R4).

One machine moves tests and the restores that people ask for. The record is written before
Pinecone is asked, and its index's name is fixed in it. So whatever is lost between two steps, the
next tick finds by that name what exists, and a second index of the name cannot exist.

``next_step`` says what is to be done; the functions below it say what follows from how that went.
None of them writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pinecone_backup.differences import Difference, DifferenceKind
from pinecone_backup.figures import span
from pinecone_backup.model import Usage
from pinecone_backup.records import CleanUp, RestoreResult, RestoreStep
from pinecone_backup.rules.fingerprint import APART, Comparison, confirmed
from pinecone_backup.rules.temporary import made_by, restore_of

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.model import Index, RestoreJob
    from pinecone_backup.records import RestoreRecord

START_WITHIN = timedelta(days=1)
"""A restore that somebody asked for and that cannot be started for so long is given up."""
COMPARE_WITHIN = timedelta(hours=6)
"""A restored index that cannot be looked into for so long counts as restored all the same, where
somebody asked for it."""
STALLED_AFTER = timedelta(hours=6)
"""A restore of which nobody knows how long it should take has stalled after this."""
_STALLED_MARGIN = timedelta(hours=1)
_READY, _FAILED_STATE, _TERMINATING = "Ready", "InitializationFailed", "Terminating"


class Do(StrEnum):
    """What is to be done about a restore now."""

    WAIT = "wait"
    """Nothing: the record is as it should be, or only has to be written."""
    START = "start"
    VALIDATE = "validate"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Seen:
    """What Pinecone shows of a restore.

    Attributes:
        index: The index of its target's name; None when none is listed.
        job: Its restore job; None when it is not known, or answered 404: that is no failure.
    """

    index: Index | None
    job: RestoreJob | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What a look into the restored index came to.

    Attributes:
        reason: Why it was not compared as thoroughly as asked; empty when it was.
        usage: What it cost.
    """

    comparison: Comparison
    reason: str = ""
    usage: Usage = field(default_factory=Usage)


def next_step(
    record: RestoreRecord, seen: Seen, *, owner: str, project: str, now: datetime
) -> tuple[RestoreRecord, Do]:
    """The record as it is now, and what is to be done next.

    Args:
        record: The restore as the ledger has it.
        seen: What Pinecone shows of it.
        owner: The deployment's id.
        project: The project's name.
        now: The actual time, UTC.
    """
    match record.step:
        case RestoreStep.SELECTED:
            return _selected(record, seen, now)
        case RestoreStep.RESTORING:
            return _restoring(_followed(record, seen), seen, now)
        case RestoreStep.VALIDATING:
            return _validating(record, seen, now)
        case RestoreStep.CLEANING:
            return _cleaning(record, seen, owner=owner, project=project, now=now)
        case RestoreStep.DONE:
            return record, Do.WAIT


def _selected(record: RestoreRecord, seen: Seen, now: datetime) -> tuple[RestoreRecord, Do]:
    """Start it, unless an earlier tick did and was cut off before it could write that down."""
    if seen.index is not None:
        if made_by(seen.index, record.restore_id, record.backup_id):
            return _followed(_begun(record, now), seen), Do.WAIT
        reason = f"another index named {record.target_index_name} is in the way"
        return _done(_abandoned(record, reason, now), now), Do.WAIT
    if _too_late(record, now) or (not record.test and now - record.started_at > START_WITHIN):
        return abandoned(record, "it could not be started in time", now), Do.WAIT
    return record, Do.START


def _restoring(record: RestoreRecord, seen: Seen, now: datetime) -> tuple[RestoreRecord, Do]:
    index, job = seen.index, seen.job
    if job is not None and not job.unfinished and job.status != "Completed":
        ended_as = Difference.of(DifferenceKind.JOB_FAILED, status=job.status)
        return _failed(record, ended_as, now), Do.WAIT
    if index is None:
        return _missing(record, now), Do.WAIT
    record = replace(record, missing_since=None)
    if index.state == _FAILED_STATE:
        state = Difference.of(DifferenceKind.INDEX_FAILED, state=index.state)
        return _failed(record, state, now), Do.WAIT
    if index.ready and (job is None or not job.unfinished):
        ended = job.completed_at if job is not None else None
        restored = replace(record, step=RestoreStep.VALIDATING, restored_at=ended or now)
        return restored, Do.VALIDATE
    if _too_late(record, now):
        return _timed_out(record, now), Do.WAIT
    return _stalled(record, now), Do.WAIT


def _validating(record: RestoreRecord, seen: Seen, now: datetime) -> tuple[RestoreRecord, Do]:
    if seen.index is None:
        return _missing(record, now), Do.WAIT
    record = replace(record, missing_since=None)
    if record.differs_since is not None and now - record.differs_since < APART:
        return record, Do.WAIT
    if _too_late(record, now) and record.differs_since is None:
        return _timed_out(record, now), Do.WAIT
    return record, Do.VALIDATE


def _cleaning(
    record: RestoreRecord, seen: Seen, *, owner: str, project: str, now: datetime
) -> tuple[RestoreRecord, Do]:
    index = seen.index
    if index is None:
        deleted = replace(record, clean_up=CleanUp.SUCCEEDED, clean_up_error="", cleaned_at=now)
        return _done(deleted, now), Do.WAIT
    if restore_of(index, owner=owner, project=project) != record.restore_id:
        left = replace(
            record,
            clean_up=CleanUp.LEFT,
            clean_up_error="its tags do not say any more that it is a test's",
        )
        return _done(left, now), Do.WAIT
    if index.state == _TERMINATING:
        return replace(record, clean_up=CleanUp.DELETING, clean_up_error=""), Do.WAIT
    if record.result_at and now < record.result_at + timedelta(seconds=record.keep_seconds):
        return record, Do.WAIT
    return record, Do.DELETE


# What follows from how an action went.


def started(record: RestoreRecord, job: RestoreJob, now: datetime) -> RestoreRecord:
    """Pinecone accepted the restore."""
    return _of_job(_begun(record, now), job)


def abandoned(record: RestoreRecord, reason: str, now: datetime) -> RestoreRecord:
    """It cannot be carried out; what was made so far is cleaned up, where it is a test's."""
    return _ended(_abandoned(record, reason, now), now)


def looked(record: RestoreRecord, compared: Compared, now: datetime) -> RestoreRecord:
    """A look into the restored index; what differs must differ twice, apart (rules R3 and F5)."""
    found = compared.comparison
    seen = replace(
        record,
        depth_reached=found.depth,
        compared=found.records,
        reason=compared.reason,
        differences=found.differences,
        calls=record.calls + compared.usage.calls,
        read_units=record.read_units + compared.usage.read_units,
    )
    if found.sound:
        sound = replace(seen, differs_since=None, result=RestoreResult.SUCCEEDED, result_at=now)
        return _ended(sound, now)
    both = confirmed(record.differences, found)
    if record.differs_since is None or both.sound:
        unsettled = record.differs_since is not None and _too_late(record, now)
        return _timed_out(seen, now) if unsettled else replace(seen, differs_since=now)
    failed = replace(seen, differences=both.differences)
    return _ended(replace(failed, result=RestoreResult.FAILED, result_at=now), now)


def not_looked(record: RestoreRecord, reason: str, now: datetime) -> RestoreRecord:
    """The restored index could not be looked into: the next tick tries again.

    What somebody asked for is theirs to use, and ends after a while without a comparison.
    """
    record = replace(record, reason=reason)
    if _too_late(record, now):
        return _timed_out(record, now)
    if record.test or now - (record.restored_at or now) < COMPARE_WITHIN:
        return record
    return looked(record, Compared(Comparison((), None), reason), now)


def deletion_asked(record: RestoreRecord) -> RestoreRecord:
    """Pinecone accepted the deletion of the index; a later listing confirms it."""
    return replace(record, clean_up=CleanUp.DELETING, clean_up_error="")


def deletion_refused(record: RestoreRecord, reason: str) -> RestoreRecord:
    """The index stays for now; the next tick asks again."""
    return replace(record, clean_up=CleanUp.FAILED, clean_up_error=reason)


def stalled_at(record: RestoreRecord) -> datetime:
    """When a restore takes so long that people should know."""
    begun = record.accepted_at or record.started_at
    if record.expected_seconds is None:
        return begun + STALLED_AFTER
    expected = timedelta(seconds=record.expected_seconds)
    return begun + max(2 * expected, expected + _STALLED_MARGIN)


def _abandoned(record: RestoreRecord, reason: str, now: datetime) -> RestoreRecord:
    return replace(record, result=RestoreResult.ABANDONED, result_at=now, reason=reason)


def _begun(record: RestoreRecord, now: datetime) -> RestoreRecord:
    return replace(record, step=RestoreStep.RESTORING, accepted_at=record.accepted_at or now)


def _followed(record: RestoreRecord, seen: Seen) -> RestoreRecord:
    if seen.job is not None:
        return _of_job(record, seen.job)
    state = seen.index.state if seen.index else ""
    return replace(record, status=record.status if record.job_id else state)


def _of_job(record: RestoreRecord, job: RestoreJob) -> RestoreRecord:
    """What Pinecone's job says; the time that it took is known from its own two times alone."""
    took = None
    if job.status == "Completed" and job.created_at is not None and job.completed_at is not None:
        took = max(int((job.completed_at - job.created_at).total_seconds()), 0)
    return replace(
        record,
        job_id=job.job_id,
        target_index_id=job.target_index_id or record.target_index_id,
        status=job.status,
        percent_complete=job.percent_complete,
        took_seconds=took,
    )


def _missing(record: RestoreRecord, now: datetime) -> RestoreRecord:
    """Its index is not listed: that counts when it is so twice, apart."""
    if record.missing_since is None:
        return replace(record, missing_since=now)
    if now - record.missing_since < APART:
        return record
    return abandoned(record, "its index does not exist any more", now)


def _stalled(record: RestoreRecord, now: datetime) -> RestoreRecord:
    if record.stalled_at is None and now >= stalled_at(record):
        return replace(record, stalled_at=now)
    return record


def _too_late(record: RestoreRecord, now: datetime) -> bool:
    return record.give_up_at is not None and now >= record.give_up_at


def _timed_out(record: RestoreRecord, now: datetime) -> RestoreRecord:
    reason = f"it was not over within {span(now - record.started_at)}"
    if record.reason:
        reason += f": {record.reason}"
    ended = replace(record, result=RestoreResult.TIMED_OUT, result_at=now, reason=reason)
    return _ended(ended, now)


def _failed(record: RestoreRecord, difference: Difference, now: datetime) -> RestoreRecord:
    return _ended(
        replace(record, result=RestoreResult.FAILED, result_at=now, differences=(difference,)),
        now,
    )


def _ended(record: RestoreRecord, now: datetime) -> RestoreRecord:
    """After the verdict a test's index is deleted; one that people asked for stays."""
    if record.test:
        return replace(record, step=RestoreStep.CLEANING, missing_since=None)
    return _done(record, now)


def _done(record: RestoreRecord, now: datetime) -> RestoreRecord:
    return replace(record, step=RestoreStep.DONE, finished_at=now)
