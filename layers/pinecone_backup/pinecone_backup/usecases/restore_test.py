"""Test backups by restoring them, and follow the restores that people asked for: one tick.

First every open restore is moved on, then what a failure left is swept away, then the tests that
are due are begun. Nothing is waited for. What cannot be read of the project's backups stops no
restore that is under way.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import BackupError, LedgerConflict, PineconeError
from pinecone_backup.records import (
    ItemKind,
    RestoreKind,
    RestoreRecord,
    RestoreStep,
    RunState,
)
from pinecone_backup.rules.audit_facts import protects
from pinecone_backup.rules.restore_tests import (
    Candidate,
    TestState,
    concluded,
    decide_tests,
)
from pinecone_backup.rules.restore_time import expected_seconds, measured
from pinecone_backup.rules.temporary import restored_tags, temporary_name
from pinecone_backup.usecases.findings import log_unexpected
from pinecone_backup.usecases.listing import list_indexes
from pinecone_backup.usecases.project_state import read_project_state
from pinecone_backup.usecases.restores import LookAt, Mover, mark_tested

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.rules.restore_tests import Choice, TestDecision
    from pinecone_backup.rules.restore_time import Measured
    from pinecone_backup.usecases.project_state import ProjectState

STOP_BEFORE = 130.0
"""Seconds before the function's end at which no further restore is moved or begun."""
_LOG = logging.getLogger(__name__)
_LISTED_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class RestoreOutcome:
    """How a tick ended.

    Attributes:
        steps: Where each restore that this tick moved stands now, by restore id.
        begun: The tests that this tick began: index by restore id.
        waiting: Why an index that is due is not tested yet, by its name.
        swept: Indexes that no restore explained and whose deletion was asked for.
        problems: What was in the way, by restore id or index name.
        late: What was left to the next tick because time ran out.
        unexpected: Those of the problems that nobody expected.
    """

    steps: Mapping[str, RestoreStep]
    begun: Mapping[str, str]
    waiting: Mapping[str, str]
    swept: Sequence[str]
    problems: Mapping[str, str]
    late: Sequence[str]
    unexpected: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> RunState:
        """Stopped by the time, finished in part, or finished."""
        if self.late:
            return RunState.STOPPED
        return RunState.PARTIAL if self.problems else RunState.SUCCEEDED

    @property
    def summary(self) -> Mapping[str, Any]:
        """JSON-ready figures and lists, small enough for the run's record."""
        return {
            "steps": dict(sorted(Counter(str(step) for step in self.steps.values()).items())),
            "begun": _first(self.begun),
            "waiting": _first(self.waiting),
            "swept": list(self.swept)[:_LISTED_AT_MOST],
            "problems": _first(self.problems),
            "late": list(self.late)[:_LISTED_AT_MOST],
        }


def run_restores(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    document: PolicyDocument,
    *,
    look_at: LookAt,
    time_left: Callable[[], float],
) -> RestoreOutcome:
    """Move the restores of the project, and begin the tests that are due.

    One listing of indexes; for each restore under way one description of its job; and where a
    policy has restore tests, one reading of the project.

    Raises:
        PineconeError: The indexes or the backups could not be listed.
        ListingIncomplete: The project's backups could not be listed; open restores were moved.
        LedgerError: The ledger could not be read or written; the next tick goes on from there.
    """
    listed = list_indexes(control_plane, ledger.indexes().values())
    indexes = {index.name: index for index in listed}
    tick = _Tick(context, ledger, Mover(context, control_plane, ledger, indexes, look_at))
    records = ledger.restores()  # after the indexes: whatever is listed was written down before
    tick.move(records, time_left)
    tick.sweep(records)
    if any(policy.restore_test for policy in document.policies):
        tick.test(read_project_state(context, control_plane, ledger), document, time_left)
    return tick.outcome()


def candidates_of(
    state: ProjectState, document: PolicyDocument, ledger: Ledger, *, now: datetime
) -> Sequence[Candidate]:
    """The indexes whose policy has restore tests, with the backups that protect them."""
    known = ledger.indexes()
    found = []
    for index in state.indexes:
        policy = document.assigned(ledger.project, index.name, index.tags).policy
        if policy is None or policy.restore_test is None or index.unsupported:
            continue
        living = {
            incarnation.index_id: incarnation
            for incarnation in state.inventory.incarnations.values()
            if incarnation.index_name == index.name and incarnation.deleted_at is None
        }
        record = known.get(index.name)
        active = record.index_id if record else None
        if len(living) == 1:
            active = next(iter(living))
        entries = living[active].entries if active in living else ()
        good = [entry for entry in entries if protects(entry, policy)]
        since = record.first_seen_at if record else now
        found.append(
            Candidate(index.name, active if active in living else None, policy, good, since)
        )
    return found


@dataclass(slots=True)
class _Tick:
    context: RunContext
    ledger: Ledger
    mover: Mover
    steps: dict[str, RestoreStep] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    swept: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    unexpected: dict[str, str] = field(default_factory=dict)

    def move(self, records: Sequence[RestoreRecord], time_left: Callable[[], float]) -> None:
        """Move every open restore, the oldest first."""
        for record in records:
            if record.step is RestoreStep.DONE:
                continue
            if time_left() < STOP_BEFORE:
                self.late.append(record.restore_id)
                continue
            with self._contained(record.restore_id):
                self.steps[record.restore_id] = self.mover.advance(record).step

    def sweep(self, records: Sequence[RestoreRecord]) -> None:
        """Delete what no restore explains, unless a record that cannot be read may explain it."""
        if any(item.kind is ItemKind.RESTORE for item in self.ledger.unreadable()):
            return
        with self._contained("sweep"):
            self.swept += self.mover.sweep(records)

    def test(
        self, state: ProjectState, document: PolicyDocument, time_left: Callable[[], float]
    ) -> None:
        """Begin the tests that are due, the longest due first."""
        records = self.ledger.restores()
        self._repeat_marks(records, state)
        decisions = decide_tests(
            candidates_of(state, document, self.ledger, now=self.context.time.actual),
            records,
            now=self.context.time.actual,
        )
        known = measured(records)
        for decision in decisions:
            if decision.state is TestState.WAITS:
                self.waiting[decision.index] = decision.reason
            elif decision.choice is not None:
                if time_left() < STOP_BEFORE:
                    self.late.append(decision.index)
                    continue
                with self._contained(decision.choice.restore_id):
                    self._begin(_record(self.context, decision, decision.choice, known))

    def _begin(self, wanted: RestoreRecord) -> None:
        """Write a test down, then ask for the restore."""
        record = self.mover.save(None, wanted)
        self.begun[record.restore_id] = record.index_name
        self.steps[record.restore_id] = self.mover.advance(record, fresh=True).step

    def _repeat_marks(self, records: Sequence[RestoreRecord], state: ProjectState) -> None:
        """Note again what tests proved, where the note was lost to another writer."""
        for record in concluded(records):
            backup = state.records.get(record.backup_id)
            if backup is not None and backup.restore_tested_at is None:
                mark_tested(self.ledger, record)

    @contextmanager
    def _contained(self, name: str) -> Iterator[None]:
        """Keep what is wrong with one restore from the others."""
        try:
            yield
        except LedgerConflict:
            self.problems[name] = "another run moves it"
        except PineconeError as error:
            self.problems[name] = error.problem
        except BackupError:
            raise
        except Exception as error:
            self.unexpected[name] = log_unexpected(_LOG, error, restore=name)
            self.problems[name] = self.unexpected[name]

    def outcome(self) -> RestoreOutcome:
        return RestoreOutcome(
            self.steps,
            self.begun,
            self.waiting,
            self.swept,
            {name: error.problem for name, error in self.mover.errors.items()} | self.problems,
            self.late,
            self.unexpected,
        )


def _record(
    context: RunContext, decision: TestDecision, choice: Choice, known: Sequence[Measured]
) -> RestoreRecord:
    """A test as it is written down before anything is asked of Pinecone."""
    test, backup, now = choice.test, choice.backup, context.time.actual
    keep = int(test.keep_index_for.total_seconds()) if test.keep_index_for else 0
    return RestoreRecord(
        restore_id=choice.restore_id,
        kind=RestoreKind.TEST,
        step=RestoreStep.SELECTED,
        backup_id=backup.backup_id,
        index_name=decision.index,
        index_id=backup.index_id,
        target_index_name=temporary_name(context.owner, context.project, choice.restore_id),
        started_by=context.actor,
        started_at=now,
        policy=decision.policy.name,
        size_bytes=backup.size_bytes,
        record_count=backup.record_count,
        due_at=decision.due_at,
        give_up_at=now + test.timeout,
        keep_seconds=keep,
        depth=test.depth,
        tags=restored_tags(context.owner, choice.restore_id),
        expected_seconds=expected_seconds(known, backup.size_bytes),
    )


def _first(rows: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(rows.items())[:_LISTED_AT_MOST])
