"""What an audit says of restores: proofs that are missing, and indexes that nobody looks after.

The controls are listed in ``rules.controls``. The subject is an index name; of an index that a
test left behind, its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pinecone_backup.figures import span
from pinecone_backup.model import Severity
from pinecone_backup.records import RestoreResult, RestoreStep
from pinecone_backup.rules.audit_facts import NOT_READY
from pinecone_backup.rules.findings import Control, Observation
from pinecone_backup.rules.policy import POLICY_TAG, AssignedBy
from pinecone_backup.rules.restore_tests import TestState
from pinecone_backup.rules.temporary import PREFIX, RESTORE_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pinecone_backup.rules.audit_facts import IndexFacts, ProjectFacts

TEST_GRACE = timedelta(hours=2)
"""A test may begin so much later than it is due: a few ticks."""
ADOPT_WITHIN = timedelta(days=1)
"""So long a restored index may belong to no policy before that is a finding."""
CLEANED_WITHIN = timedelta(hours=2)
"""So long the index of a test may stay after its time."""
BEGINS_WITHIN = timedelta(hours=2)
"""So long a new index may be ``Initializing``."""


def never_restore_tested(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """The policy asks for tests, a backup could be tested, and no test has ended yet."""
    test = index.test
    if test is None or test.last is not None or test.state is TestState.UNDER_WAY:
        return
    if test.due_at is not None and now - test.due_at > TEST_GRACE:
        yield Observation.of(
            Control.NEVER_RESTORE_TESTED,
            index.name,
            title=f"{index.name}: no backup was ever restored to prove that it can be",
            diagnosis=f"Policy {test.policy.name} has its backups tested, and a test of index "
            f"{index.name} is due for {span(now - test.due_at)}: {test.reason}.",
            action="Mend what is in the way; otherwise see the last restore test runs.",
            due_at=test.due_at.isoformat(),
        )


def restore_test_overdue(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """An index that was tested before is not tested as often as its policy says."""
    test = index.test
    if test is None or test.last is None or test.state is TestState.UNDER_WAY:
        return
    if test.due_at is not None and now - test.due_at > TEST_GRACE:
        yield Observation.of(
            Control.RESTORE_TEST_OVERDUE,
            index.name,
            title=f"{index.name}: its restore test is overdue",
            diagnosis=f"By policy {test.policy.name} a test of index {index.name} is due for "
            f"{span(now - test.due_at)}: {test.reason}. The last one began "
            f"{span(now - test.last.started_at)} ago.",
            action="Raise what limits the tests of the project, or let the policy test less often.",
            due_at=test.due_at.isoformat(),
        )


def restore_test_failed(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """The last test of the index did not succeed."""
    test = index.test
    if test is None or test.last is None:
        return
    last, passed = test.last, test.passed
    if last.result is RestoreResult.SUCCEEDED or last.result_at is None:
        return
    proven = "None of this index has succeeded yet."
    if passed:
        proven = f"The last one that succeeded began {span(now - passed.started_at)} ago."
    if last.result is RestoreResult.TIMED_OUT:
        saw, severity = f"timed out: {last.reason}", Severity.WARNING
    else:
        saw, severity = "failed: " + "; ".join(map(str, last.differences)), None
    yield Observation.of(
        Control.RESTORE_TEST_FAILED,
        index.name,
        severity=severity,
        title=f"{index.name}: its last restore test did not succeed",
        diagnosis=f"The test of backup {last.backup_id}, {span(now - last.result_at)} ago, {saw}. "
        f"{proven}",
        action="Restore an older backup to find one that comes back, and give the ids of both to "
        "Pinecone's support."
        if severity is None
        else "Give the tests a longer timeout, or ask Pinecone's support why the restore did not "
        "end.",
        backup_id=last.backup_id,
        restore_id=last.restore_id,
    )


def index_not_ready(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """An index that failed to come up, or has not come up for hours, cannot be backed up."""
    state, known = index.index.state, now - index.record.first_seen_at
    failed = state != "Initializing"
    followed = index.restore is not None and index.restore.step is not RestoreStep.DONE
    if index.index.ready or state not in NOT_READY or (not failed and known < BEGINS_WITHIN):
        return
    if followed and not failed and index.restore and index.restore.stalled_at is None:
        return  # it takes no longer than expected so far
    source = index.index.source_backup_id
    again = f"restore backup {source} again" if source else "create it again"
    yield Observation.of(
        Control.INDEX_NOT_READY,
        index.name,
        severity=None if failed else Severity.WARNING,
        title=f"{index.name} is {state}",
        diagnosis=f"Pinecone calls index {index.name} {state}, {span(known)} after it was first "
        "seen. In this state it can be neither used nor backed up.",
        action=f"Delete the index and {again}."
        if failed
        else f"Ask Pinecone's support; or delete the index and {again}.",
        state=state,
    )


def restored_not_adopted(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """A restored index that nobody gave to a policy, and nobody deleted (rule R5).

    A test's index that lost one of its tags is one as well: nothing else would speak of it (R4).
    """
    restored = RESTORE_TAG in index.index.tags or index.name.startswith(PREFIX)
    if not restored or index.assigned.by is not AssignedBy.OPT_OUT:
        return
    record = index.restore
    if record is not None and record.step is not RestoreStep.DONE:
        return
    since = (record.finished_at if record else None) or index.record.first_seen_at
    if now - since > ADOPT_WITHIN:
        who = f" for {record.started_by}" if record else ""
        yield Observation.of(
            Control.RESTORED_NOT_ADOPTED,
            index.name,
            title=f"{index.name} was restored and belongs to no policy",
            diagnosis=f"Index {index.name} was restored{who}, and for {span(now - since)} nobody "
            "has adopted or deleted it: it costs money, and nothing backs it up.",
            action=f"Adopt it for a policy, or delete it. The tag {POLICY_TAG} does the same.",
        )


def restore_index_left(facts: ProjectFacts) -> Iterator[Observation]:
    """The index of a restore test stays although its time is over (rule R4)."""
    open_until = {
        record.target_index_name: (
            record.result_at or record.give_up_at or record.started_at,
            timedelta(seconds=record.keep_seconds),
            record,
        )
        for record in facts.restores
        if record.test
    }
    for index in facts.temporary:
        known = open_until.get(index.name)
        if known is None:
            diagnosis = "No restore test of the ledger explains it."
        else:
            since, keep, record = known
            if facts.now - since <= keep + CLEANED_WITHIN:
                continue
            refused = f": {record.clean_up_error}" if record.clean_up_error else ""
            diagnosis = (
                f"Its test is over for {span(facts.now - since)}, and its deletion has not "
                f"succeeded ({record.clean_up}){refused}."
            )
        yield Observation.of(
            Control.RESTORE_INDEX_LEFT,
            index.name,
            title=f"{index.name}, the index of a restore test, was left behind",
            diagnosis=diagnosis,
            action="Each restore test run tries to delete it. If it stays, delete it by hand.",
        )
