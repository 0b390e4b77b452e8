"""Move restores: what ``rules.restore_steps`` decides is done, recorded and announced here.

Every tick, and a person's request for its first step, come through ``advance``. A restore is
written down before Pinecone is asked, so that after a crash at any point the next tick finds the
index by its name, and nothing is made twice (rule R1).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pinecone_backup.errors import (
    AnswerMalformed,
    Conflict,
    Forbidden,
    ItemUnreadable,
    KeyRejected,
    ListingIncomplete,
    NotFound,
    OutcomeUnknown,
    PineconeError,
    RateLimited,
    Unavailable,
)
from pinecone_backup.model import Backup, Depth, DomainEvent, Status
from pinecone_backup.records import RestoreResult, RestoreStep
from pinecone_backup.rules.fingerprint import compare
from pinecone_backup.rules.restore_steps import (
    Compared,
    Do,
    Seen,
    abandoned,
    deletion_asked,
    deletion_refused,
    looked,
    next_step,
    not_looked,
    started,
)
from pinecone_backup.rules.temporary import restore_of
from pinecone_backup.usecases.fingerprint import look_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import Index, RestoreJob, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import RestoreRecord

type LookAt = Callable[[RestoreRecord, Index], Compared]
"""Looks into a restored index; raises ``PineconeError`` when that cannot be done now."""

_UNCLEAR = (Conflict, OutcomeUnknown, AnswerMalformed, RateLimited, Unavailable)
"""After these the next tick looks first: the restore may have begun, or may be asked for again."""
_TEST_EVENTS = {
    RestoreResult.SUCCEEDED: "restore_test.succeeded",
    RestoreResult.FAILED: "restore_test.failed",
    RestoreResult.TIMED_OUT: "restore_test.timed_out",
}
_NEXT_STEPS = {
    "restore.started": "Nothing to do: it is followed, and its end is announced.",
    "restore.completed": "Check the index, switch the application over, then adopt the index or "
    "delete it: until then no policy backs it up.",
    "restore.failed": "Restore again, from another backup if it fails again; delete what is left "
    "of the new index.",
    "restore.stalled": "Ask Pinecone's support with the id of the restore job; a second restore "
    "under another name may be quicker.",
    "restore_test.failed": "The backup counts for nothing from now on. See what differs, and test "
    "the next older one by restoring it.",
    "restore_test.timed_out": "Give the tests of the policy a longer timeout, or ask Pinecone's "
    "support why the restore does not end.",
}


@dataclass
class Mover:
    """Moves the restores of one project, by one reading of its indexes.

    Attributes:
        indexes: The project's indexes by name, as listed now; the temporary ones included.
        look_at: How a restored index is compared.
    """

    context: RunContext
    control_plane: ControlPlane
    ledger: Ledger
    indexes: Mapping[str, Index]
    look_at: LookAt
    errors: dict[str, PineconeError] = field(default_factory=dict)

    def advance(self, record: RestoreRecord, *, fresh: bool = False) -> RestoreRecord:
        """Move a restore as far as it goes now.

        Args:
            record: The restore as it is stored.
            fresh: Whether it was written down a moment ago, so that Pinecone was never asked.

        Returns:
            The restore as it is stored now; ``errors`` says what was in the way.

        Raises:
            PineconeError: Pinecone could not be asked how it stands.
            LedgerConflict: Another run moves it.
            LedgerError: The ledger could not be read or written.
        """
        index = self.indexes.get(record.target_index_name)
        while True:
            before = record.step
            after, do = next_step(
                record,
                Seen(index, self._job(record)),
                owner=self.context.owner,
                project=self.context.project,
                now=self.context.time.actual,
            )
            record = self.save(record, after)
            if do is Do.START:
                return self._start(record, fresh=fresh)
            if do is Do.DELETE and index is not None:
                return self._delete(record)
            if do is Do.VALIDATE and index is not None:
                record = self._validate(record, index)
            if record.step in (before, RestoreStep.DONE):
                return record

    def save(self, before: RestoreRecord | None, after: RestoreRecord) -> RestoreRecord:
        """Write a restore that changed, after what follows from the change.

        Each of those may be done twice, and none is lost by a crash before the last write.
        """
        if after == before:
            return after
        if after.result is not None and (before is None or before.result is None):
            mark_tested(self.ledger, after)
        for event in _events(self.context, before, after):
            self.ledger.record_event(event)
        return self.ledger.save_restore(after)

    def sweep(self, records: Sequence[RestoreRecord]) -> Iterator[str]:
        """Delete indexes of tests that no open restore explains (rule R4); yields their names.

        Args:
            records: All restores; they were read after the indexes.
        """
        known = {record.restore_id: record for record in records}
        for index in self.indexes.values():
            restore_id = self._ours(index)
            if not restore_id:
                continue
            record = known.get(restore_id)
            if record is None or record.step is RestoreStep.DONE:
                try:
                    self._delete_index(index.name, restore_id)
                except PineconeError as error:
                    self.errors[index.name] = error
                yield index.name

    def _ours(self, index: Index) -> str:
        return restore_of(index, owner=self.context.owner, project=self.context.project)

    def _job(self, record: RestoreRecord) -> RestoreJob | None:
        """Its job; a 404 is no failure, and a job that was never learnt may be listed."""
        if record.step not in (RestoreStep.SELECTED, RestoreStep.RESTORING):
            return None
        if record.job_id:
            try:
                return self.control_plane.describe_restore_job(record.job_id)
            except NotFound:
                return None
        if record.target_index_name not in self.indexes:
            return None
        return next(
            (
                job
                for job in self._jobs
                if (job.backup_id, job.target_index_name)
                == (record.backup_id, record.target_index_name)
            ),
            None,
        )

    @cached_property
    def _jobs(self) -> Sequence[RestoreJob]:
        """Pinecone's listing, which is not exhaustive; asked for where a job is not known."""
        try:
            return list(self.control_plane.restore_jobs())
        except (PineconeError, ListingIncomplete):
            return ()

    def _start(self, record: RestoreRecord, *, fresh: bool) -> RestoreRecord:
        now = self.context.time.actual
        try:
            job = self.control_plane.restore(
                record.backup_id,
                name=record.target_index_name,
                tags=record.tags,
                deletion_protection=record.deletion_protection,
                read_capacity=record.read_capacity or None,
            )
        except PineconeError as error:
            self.errors[record.restore_id] = error
            taken = fresh and isinstance(error, Conflict)
            if isinstance(error, _UNCLEAR) and not taken:
                return record
            return self.advance(self.save(record, abandoned(record, error.problem, now)))
        return self.save(record, started(record, job, now))

    def _validate(self, record: RestoreRecord, index: Index) -> RestoreRecord:
        now = self.context.time.actual
        try:
            compared = self.look_at(record, index)
        except PineconeError as error:
            self.errors[record.restore_id] = error
            return self.save(record, not_looked(record, error.problem, now))
        return self.save(record, looked(record, compared, now))

    def _delete(self, record: RestoreRecord) -> RestoreRecord:
        try:
            self._delete_index(record.target_index_name, record.restore_id)
        except PineconeError as error:
            self.errors[record.restore_id] = error
            return self.save(record, deletion_refused(record, error.problem))
        return self.save(record, deletion_asked(record))

    def _delete_index(self, name: str, restore_id: str) -> None:
        """Delete a test's index, if it still says that it is one: what changed hands stays."""
        try:
            if self._ours(self.control_plane.describe_index(name)) == restore_id:
                self.control_plane.delete_index(name)
        except NotFound:
            return


def mark_tested(ledger: Ledger, record: RestoreRecord) -> None:
    """Note at the backup what a restore proved (rules D1 and G3); doing it again is harmless.

    A restore that people asked for proves a backup good, and never bad: whoever asked for it may
    have written to its index already.
    """
    passed = record.result is RestoreResult.SUCCEEDED
    if record.result_at is None or not (passed or _condemns(record)):
        return
    try:
        known = ledger.backup(record.backup_id)
    except ItemUnreadable:  # it counts for nothing until it can be read (rule U2)
        return
    if known is None or (known.restore_tested_at or record.started_at) > record.result_at:
        return
    marked = replace(known, restore_tested=passed, restore_tested_at=record.result_at)
    if marked != known:
        ledger.put_backup(marked, over=known)


def comparison(
    control_plane: ControlPlane, ledger: Ledger, *, clock: Callable[[], datetime]
) -> LookAt:
    """Compares a restored index with what is sure of its backup (rules F4 and R3).

    Args:
        control_plane: The project.
        ledger: Where the fingerprints are.
        clock: The time, aware.
    """

    def look_at(record: RestoreRecord, index: Index) -> Compared:
        backup = _backup(control_plane, record)
        known = ledger.fingerprint(record.backup_id) if record.depth is not Depth.COUNTS else None
        evidence = known.evidence if known is not None else None
        reason = ""
        if record.depth is not Depth.COUNTS and evidence is None:
            reason = known.problem if known is not None else "nobody looked at the index in time"
        plane = control_plane.data_plane(index)
        try:
            look = look_again(plane, evidence, depth=record.depth, clock=clock)
        except (Forbidden, KeyRejected) as error:
            return Compared(compare(evidence, backup, index, None), error.problem, plane.usage)
        return Compared(compare(evidence, backup, index, look), reason, plane.usage)

    return look_at


def _backup(control_plane: ControlPlane, record: RestoreRecord) -> Backup:
    """The backup as it is described; where it is deleted, as it was when the restore began."""
    try:
        return control_plane.describe_backup(record.backup_id)
    except NotFound:
        return Backup(
            record.backup_id,
            record.index_name,
            record.index_id,
            Status.READY,
            "Ready",
            None,
            record_count=record.record_count,
        )


def _condemns(record: RestoreRecord) -> bool:
    return record.test and record.result is RestoreResult.FAILED


def _events(
    context: RunContext, before: RestoreRecord | None, after: RestoreRecord
) -> Iterator[DomainEvent]:
    """What has happened since the record was last written; once each, whoever sees it."""
    if not after.test and after.accepted_at and not (before and before.accepted_at):
        yield _event(context, "restore.started", after)
    if not after.test and after.stalled_at and not (before and before.stalled_at):
        yield _event(context, "restore.stalled", after)
    if after.result is None or (before and before.result):
        return
    if after.test and after.result in _TEST_EVENTS:
        yield _event(context, _TEST_EVENTS[after.result], after)
    elif not after.test:
        succeeded = after.result is RestoreResult.SUCCEEDED or (
            after.restored_at is not None and after.result is RestoreResult.FAILED
        )
        yield _event(context, "restore.completed" if succeeded else "restore.failed", after)


def _event(context: RunContext, kind: str, record: RestoreRecord) -> DomainEvent:
    differences = [str(difference) for difference in record.differences]
    next_step = _NEXT_STEPS.get(kind, "Nothing to do.")
    if kind == "restore.completed" and differences:
        next_step = "Something differs from the backup. Unless the application writes to the new "
        next_step += "index already, find out why before you switch over."
    return DomainEvent.of(
        kind,
        record.restore_id,
        project=context.project,
        at=context.time.actual,
        restore_id=record.restore_id,
        job_id=record.job_id,
        backup_id=record.backup_id,
        index=record.target_index_name,
        source_index=record.index_name,
        actor=record.started_by,
        next_step=next_step,
        **({"severity": "warning"} if kind == "restore.completed" and differences else {}),
        **({"differences": differences} if differences else {}),
        **({"reason": record.reason} if record.reason else {}),
        **({"depth": str(record.depth_reached or "schema")} if record.restored_at else {}),
        **({"took_seconds": record.took_seconds} if record.took_seconds is not None else {}),
        **(
            {"expected_seconds": record.expected_seconds}
            if record.expected_seconds is not None
            else {}
        ),
    )
