"""Carrying out deletions, one that a person asks for or a plan's, and confirming them.

A deletion can be cut off at any call, and the next run makes it good:

- Before each call that deletes, the ledger says ``unknown``; after it, what came of it. In
  between the ledger says the truth: it may have happened (rule D6).
- Before the first deletion in an index, its incarnation is asked for (I1) and its newest good
  backup is described (D5). Before any deletion the holds are read once more, unless they were
  within the last seconds (D1).
- Within an index the newest goes first, so what an interrupted run leaves is what the next plan
  deletes anyway (rule D5).
- Each deletion is one record, written once. It gains its outcome and its confirmation; who, when
  and why never change.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import (
    BackupError,
    ItemUnreadable,
    LedgerConflict,
    NotFound,
    OutcomeUnknown,
    PineconeError,
    PreconditionFailed,
)
from pinecone_backup.model import DomainEvent, Status
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import DeletionRecord, DeletionState
from pinecone_backup.rules.containment import protects
from pinecone_backup.rules.protection import relied_on
from pinecone_backup.usecases.approvals import ONE_PERSON
from pinecone_backup.usecases.findings import log_unexpected
from pinecone_backup.usecases.listing import active_incarnation
from pinecone_backup.usecases.parallel import in_parallel, rotated, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import ControlPlane, Ledger, ObjectStore
    from pinecone_backup.records import BackupRecord
    from pinecone_backup.rules.approval import ApprovalRule
    from pinecone_backup.rules.inventory import Entry, Inventory
    from pinecone_backup.rules.plan import Plan, PlanItem, PlannedIndex
    from pinecone_backup.rules.plan_facts import Facts
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.usecases.approvals import Approval

_LOG = logging.getLogger(__name__)
STOP_BEFORE = 75.0
"""Seconds before the function's end at which no further call is begun; one call with all its
repetitions takes up to a minute."""
HOLDS_KNOWN_FOR = 5.0
"""Seconds for which the holds count as read; before a later deletion they are read again."""
WRITES = 8
"""So often is a deletion recorded over what another run has just recorded."""


# --- One deletion ---------------------------------------------------------------------------


def intended(
    context: RunContext, inventory: Inventory, entry: Entry, reasons: Sequence[Reason]
) -> DeletionRecord:
    """The record of a deletion that is about to be asked for."""
    backup = entry.backup
    left = next(
        (
            each
            for each in inventory.incarnations[backup.index_id].entries
            if relied_on(each) and each.backup.backup_id != backup.backup_id
        ),
        None,
    )
    return DeletionRecord(
        backup_id=backup.backup_id,
        index_name=backup.index_name,
        index_id=backup.index_id,
        state=DeletionState.UNKNOWN,
        at=context.time.actual,
        run_id=context.run_id,
        actor=context.actor,
        name=backup.name,
        created_at=backup.created_at,
        size_bytes=backup.size_bytes,
        record_count=backup.record_count,
        reasons=tuple(reasons),
        good_left=left.backup.backup_id if left else None,
        good_left_at=left.backup.created_at if left else None,
    )


def carry_out(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    record: BackupRecord,
    deletion: DeletionRecord,
) -> tuple[DeletionRecord, BackupError | None]:
    """Ask Pinecone for one deletion: intent, call, outcome, event (rule D6).

    A deletion of that backup that may have happened already is continued: its record stays.

    Args:
        context: The run.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        record: What the ledger knows of the backup.
        deletion: What is intended (``intended``).

    Returns:
        The deletion as it was recorded, and the error where it was not accepted. Where an earlier
        deletion of the backup cannot be read, Pinecone is not asked and nothing is recorded.

    Raises:
        LedgerError: It could not be recorded; Pinecone may have been asked.
    """
    try:
        stored = ledger.backup(record.backup_id)  # the caller's record may be older
        earlier = ledger.deletion_of(stored) if stored is not None else None
    except ItemUnreadable as unreadable:  # nobody knows whether it was deleted before (rule U2)
        failed = replace(deletion, state=DeletionState.FAILED, error=unreadable.problem)
        return failed, unreadable
    if earlier is not None and earlier.final:
        return earlier, None
    if earlier is not None and earlier.state is DeletionState.UNKNOWN:
        deletion = earlier
    marked = ledger.put_deletion(stored or record, deletion, over=stored)
    outcome, error = _asked(control_plane, deletion)
    return _ended(context, ledger, marked, outcome), error


def _ended(
    context: RunContext, ledger: Ledger, marked: BackupRecord, outcome: DeletionRecord
) -> DeletionRecord:
    """Record the outcome of a deletion, unless another run has confirmed it meanwhile."""
    event = deleted_event(context.project, outcome) if outcome.final else None
    for _ in range(WRITES):
        with suppress(LedgerConflict):
            ledger.put_deletion(marked, outcome, over=marked, event=event)
            return outcome
        stored = ledger.backup(outcome.backup_id)
        known = ledger.deletion_of(stored) if stored is not None else None
        if stored is None or (known is not None and known.confirmed_at is not None):
            return known or outcome
        marked = stored
    raise _changed_by_others(outcome)


def _changed_by_others(deletion: DeletionRecord) -> LedgerConflict:
    return LedgerConflict(
        f"The record of backup {deletion.backup_id} was changed by others all the time",
        next_step="The next run goes on with its deletion.",
    )


def _asked(
    control_plane: ControlPlane, deletion: DeletionRecord
) -> tuple[DeletionRecord, BackupError | None]:
    """What Pinecone said to a deletion.

    404 is believed when a description agrees; until then it may have happened.
    """
    try:
        control_plane.delete_backup(deletion.backup_id)
    except NotFound as error:
        if _described(control_plane, deletion.backup_id):
            return replace(deletion, error=error.problem), None
    except PreconditionFailed as error:
        return replace(deletion, state=DeletionState.SKIPPED, error=error.problem), error
    except OutcomeUnknown as error:
        return replace(deletion, error=error.problem), error
    except BackupError as error:
        return replace(deletion, state=DeletionState.FAILED, error=error.problem), error
    return replace(deletion, state=DeletionState.ACCEPTED, error=""), None


def _described(control_plane: ControlPlane, backup_id: str) -> bool:
    """Whether the backup exists after all, or Pinecone does not say."""
    try:
        control_plane.describe_backup(backup_id)
    except NotFound:
        return False
    except PineconeError:
        return True
    return True


def confirm_deleted(context: RunContext, ledger: Ledger, record: BackupRecord) -> DeletionRecord:
    """Close the record of a backup that a description did not find (rule N2).

    A deletion of ours that may have happened has happened: its event goes out, once.

    Returns:
        The deletion as it was written; ``actor`` is empty where it was not us.

    Raises:
        LedgerError: Nothing is closed; the next run tries again.
    """
    now = context.time.actual
    outside = DeletionRecord(
        backup_id=record.backup_id,
        index_name=record.index_name,
        index_id=record.index_id,
        state=DeletionState.DELETED,
        at=now,
        run_id=context.run_id,
        actor="",
        name=record.name,
        created_at=record.created_at,
        size_bytes=record.size_bytes,
        record_count=record.record_count,
        reasons=(Reason.of(ReasonKind.DELETED_OUTSIDE),),
    )
    for _ in range(WRITES):
        stored = ledger.backup(record.backup_id)  # a run beside this one may have asked for it
        deletion = ledger.deletion_of(stored) if stored is not None else None
        if deletion is not None and deletion.confirmed_at is not None:
            return deletion
        ours = deletion is not None and (deletion.final or deletion.state is DeletionState.UNKNOWN)
        known = deletion if deletion is not None and ours else outside
        closed = replace(known, state=DeletionState.DELETED, confirmed_at=now, error="")
        event = deleted_event(context.project, known) if ours else None
        if event is None:  # nobody needs to hear of it
            ledger.record_evidence(deleted_event(context.project, closed))
        with suppress(LedgerConflict):
            ledger.put_deletion(stored or record, closed, over=stored, event=event)
            return closed
    raise _changed_by_others(outside)


def deleted_event(project: str, deletion: DeletionRecord) -> DomainEvent:
    """The event of a deletion, the same from whichever run records it first."""
    return DomainEvent.of(
        "backup.deleted",
        deletion.backup_id,
        project=project,
        at=deletion.at,
        backup_id=deletion.backup_id,
        index=deletion.index_name,
        name=deletion.name,
        size_bytes=deletion.size_bytes,
        reasons=[str(reason) for reason in deletion.reasons],
        comment=deletion.comment,
        run_id=deletion.run_id,
        actor=deletion.actor,
        approved_by=deletion.approved_by,
        approved_reason=deletion.approved_reason,
        digest=deletion.digest,
        override=list(deletion.override),
        good_left=deletion.good_left,
    )


def anchor_problem(control_plane: ControlPlane, anchor: str | None, index_id: str) -> str:
    """Why an index's newest good backup cannot be relied on just now, or empty (rule D5)."""
    if anchor is None:
        return ""
    try:
        found = control_plane.describe_backup(anchor)
    except NotFound:
        return f"its newest good backup {anchor} is deleted"
    if found.status is Status.READY and found.index_id == index_id:
        return ""
    return f"its newest good backup {anchor} is {found.status_text}"


# --- A plan's deletions ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PruneServices:
    """What a prune works with.

    Attributes:
        policy_version: Reads an earlier version of the policy document (rule D3).
        time_left: Seconds until the function must have ended.
        approvals: How many people the deployment demands behind a plan (rule D9).
    """

    control_plane: ControlPlane
    ledger: Ledger
    store: ObjectStore
    policy_version: Callable[[str], PolicyDocument]
    time_left: Callable[[], float]
    approvals: ApprovalRule = ONE_PERSON


@dataclass(slots=True)
class PlanDeletions:
    """Carries out the chosen part of a plan: several indexes at a time, each in order.

    Attributes:
        chosen: The ids that this run may delete.
        deleted: Ids accepted by Pinecone, or deleted already.
        skipped: Ids that Pinecone does not delete for now (412).
        failed: Why each of these could not be deleted, by id.
        deferred: Ids left to the next run because time ran out.
        skipped_indexes: Why an index was left out, by name.
        changed: Names whose active incarnation is not the planned one, with what was found (I1).
        unexpected: What broke at an index, by its name; the other indexes went on.
    """

    context: RunContext
    services: PruneServices
    facts: Facts
    plan: Plan
    chosen: frozenset[str]
    approval: Approval | None = None
    deleted: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    deferred: list[str] = field(default_factory=list)
    skipped_indexes: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    unexpected: dict[str, str] = field(default_factory=dict)
    _broken: threading.Event = field(default_factory=threading.Event)
    _held: tuple[float, frozenset[str]] | None = None
    _reading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def complete(self) -> bool:
        """Whether something was to go and all of it is deleted: nothing waits, nothing failed."""
        to_go = {item.backup_id for item in self.plan.to_go}
        return bool(to_go) and to_go == set(self.deleted)

    def carry_out(self) -> None:
        """Delete; the first error of the ledger stops everything and is raised.

        Each run begins with another index: where time runs out, it is not always the same one's.
        """
        work: dict[str, list[PlanItem]] = {}
        for item in self.plan.to_go:
            if item.backup_id in self.chosen:
                work.setdefault(item.index_id, []).append(item)
        indexes = {index.index_id: index for index in self.plan.indexes}
        in_parallel(
            lambda each: self._index(indexes[each[0]], each[1]),
            rotated(list(work.items()), self.context.time.scheduled_at),
            at_most=workers(self.services.control_plane, self.services.ledger),
        )

    def _index(self, index: PlannedIndex, items: Sequence[PlanItem]) -> None:
        try:
            if self._out_of_time():
                self.deferred.extend(item.backup_id for item in items)
                return
            doubt = self._doubt(index)
            if doubt:
                self.skipped_indexes[index.index_name] = doubt
                return
            self._delete_in_order(items)
        except BackupError:
            self._broken.set()
            raise
        except Exception as error:  # a fault at one index must not stop the others
            problem = log_unexpected(_LOG, error, index=index.index_name)
            self.unexpected[index.index_name] = self.skipped_indexes[index.index_name] = problem
        except BaseException:
            self._broken.set()
            raise

    def _delete_in_order(self, items: Sequence[PlanItem]) -> None:
        for item in items:
            held = self._held_now()
            if self._broken.is_set() or self._out_of_time():
                self.deferred.append(item.backup_id)
            elif held & {item.backup_id, item.index_name}:
                self.failed[item.backup_id] = "a hold was placed while this run was planning"
            elif key := protects(
                self.services.ledger.unreadable(),
                backup_id=item.backup_id,
                index_name=item.index_name,
            ):
                reason = Reason.of(ReasonKind.ITEM_UNREADABLE, key=key)
                self.failed[item.backup_id] = str(reason)
            else:
                self._delete(item)

    def _out_of_time(self) -> bool:
        return self.services.time_left() < STOP_BEFORE

    def _held_now(self) -> frozenset[str]:
        """What is held now: a hold may be younger than the plan (rule D1)."""
        with self._reading:
            left, now = self.services.time_left(), self.context.time.actual
            if self._held is None or self._held[0] - left > HOLDS_KNOWN_FOR:
                holds = self.services.ledger.holds()
                self._held = left, frozenset(hold.target for hold in holds if hold.active(now))
            return self._held[1]

    def _doubt(self, index: PlannedIndex) -> str:
        """Why nothing of the index may be deleted just now (rules I1 and D5), or empty."""
        try:
            return self._wrong_incarnation(index) or anchor_problem(
                self.services.control_plane, index.anchor, index.index_id
            )
        except BackupError as error:
            return f"it could not be checked before its first deletion: {error.problem}"

    def _wrong_incarnation(self, index: PlannedIndex) -> str:
        name = index.index_name
        if all(listed.name != name for listed in self.facts.indexes):
            return ""  # a deleted index whose name is free; a living one is always listed
        control_plane, asked = self.services.control_plane, self.facts.active
        active = asked[name] if name in asked else active_incarnation(control_plane, name)
        if index.orphan == (active != index.index_id):
            return ""
        self.changed[name] = active or "an incarnation without backups"
        return f"the plan is about {index.index_id}, and the active index is {self.changed[name]}"

    def _delete(self, item: PlanItem) -> None:
        entry = self.facts.inventory.entries[item.backup_id]
        deletion = replace(
            intended(self.context, self.facts.inventory, entry, item.reasons),
            digest=self.plan.digest,
        )
        if self.approval is not None and item.backup_id in self.approval.ids:
            deletion = replace(
                deletion,
                digest=self.approval.digest,
                approved_by=self.approval.record.approved_by,
                approved_reason=self.approval.record.approved_reason,
            )
        outcome, _ = carry_out(
            self.context,
            self.services.control_plane,
            self.services.ledger,
            entry.known(self.context.time.actual),
            deletion,
        )
        if outcome.final:
            self.deleted.append(item.backup_id)
        elif outcome.state is DeletionState.SKIPPED:
            self.skipped.append(item.backup_id)
        else:
            self.failed[item.backup_id] = outcome.error
