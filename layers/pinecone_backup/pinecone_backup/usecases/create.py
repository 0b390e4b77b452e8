"""Create what should exist and does not: one tick over one project.

List the project, decide about every index (``rules.creation``), and where a backup is due: ask
for the active incarnation and its newest backups, take the claim, POST once, write down what
came of it. Nothing is waited for: a later tick, or the audit, sees how a backup ends. After a
crash at any point the next tick finds the claim, and Pinecone's listing tells the rest (rule C3).
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    BackupError,
    Forbidden,
    ItemUnreadable,
    KeyRejected,
    LedgerConflict,
    ListingIncomplete,
    NotFound,
    OutcomeUnknown,
    PaymentRequired,
    PineconeError,
    QuotaReached,
    RequestInvalid,
    SubjectUnknown,
)
from pinecone_backup.model import DomainEvent, words
from pinecone_backup.records import BackupRecord, ClaimState, IndexRecord, ItemKind, RunState
from pinecone_backup.rules.audit_facts import used
from pinecone_backup.rules.claims import ambiguous, claimed, failed, posted, refused
from pinecone_backup.rules.creation import (
    Decision,
    Kind,
    attempt,
    due,
    in_order,
    looked_at,
    marker_of,
    no_quota,
    observed,
    view_of,
    views_of,
)
from pinecone_backup.rules.inventory import Origin, native_marks, take_inventory
from pinecone_backup.rules.memory import mark_seen, set_incarnation
from pinecone_backup.usecases.findings import record_findings, unexpected_problem
from pinecone_backup.usecases.listing import list_index, list_project, only_incarnation
from pinecone_backup.usecases.sync_native_schedules import keep_native_schedules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinecone_backup.model import Backup, Index, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import Claim, UnreadableItem
    from pinecone_backup.rules.creation import View
    from pinecone_backup.rules.inventory import Entry, Inventory
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.usecases.sync_native_schedules import NativeOutcome

STOP_BEFORE = 130.0
"""Seconds before the function's end at which no further index is begun: a listing and a POST
with all their repetitions take up to a minute each."""
_LOG = logging.getLogger(__name__)
_NOT_NEW = timedelta(days=1)
SEEN_EVERY = timedelta(hours=1)
"""How often it is written down that an index is still there."""
_REFUSALS = (RequestInvalid, PaymentRequired, Forbidden, KeyRejected)
_TROUBLE = frozenset({Kind.UNCLEAR, Kind.REFUSED, Kind.GIVEN_UP, Kind.NO_QUOTA})
_LISTED_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class CreateOutcome:
    """How a create run of one project ended.

    Attributes:
        decisions: One per index, as it stood at the end of the run.
        created: The id of the backup that this run created, by index.
        problems: What went wrong in this run, by index.
        late: Indexes that are due and were left to the next tick because time ran out.
        native: What was done about native schedules.
        unexpected: What broke at an index, by its name; the other indexes went on.
    """

    decisions: Sequence[Decision]
    created: Mapping[str, str]
    problems: Mapping[str, str]
    late: Sequence[str]
    native: NativeOutcome
    policy_version: str
    unexpected: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> RunState:
        """Stopped by the time, finished in part, or finished."""
        if self.late:
            return RunState.STOPPED
        trouble = any(decision.kind in _TROUBLE for decision in self.decisions)
        if trouble or self.problems or self.native.problems:
            return RunState.PARTIAL
        return RunState.SUCCEEDED

    @property
    def summary(self) -> Mapping[str, Any]:
        """JSON-ready figures and lists, small enough for the run's record."""
        kinds = Counter(str(decision.kind) for decision in self.decisions)
        waiting = {
            decision.index: f"{words(decision.kind)}: {decision.reason}"
            for decision in self.decisions
            if decision.kind in _TROUBLE | {Kind.WAITS}
        }
        return {
            "policy_version": self.policy_version,
            "indexes": len(self.decisions),
            "decisions": dict(sorted(kinds.items())),
            "created": _first(self.created),
            "problems": _first(self.problems),
            "waiting": _first(waiting),
            "late": list(self.late)[:_LISTED_AT_MOST],
            "native_schedules": _first(self.native.changes),
            "native_problems": _first(self.native.problems),
        }


def create_backups(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    document: PolicyDocument,
    policy_version: str,
    *,
    time_left: Callable[[], float],
) -> CreateOutcome:
    """Start every backup of the project that is due now.

    A project of N backups costs floor(N/100) + 1 backup pages, one ``GET /indexes``, then one
    listing and one POST per index that is due, and one schedule listing per index whose policy
    relies on a native schedule (rule N1).

    Args:
        context: The run.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        document: The policy document.
        policy_version: Its version, for the record.
        time_left: Seconds until the function must have ended.

    Raises:
        SubjectUnknown: The document names no such project.
        PineconeError: The indexes could not be listed; nothing was done.
        ListingIncomplete: The project's backups could not be listed; nothing was done.
        LedgerError: The ledger could not be read or written; the next tick goes on from there.
    """
    project = document.project(context.project)
    if project is None:
        raise SubjectUnknown(f"The policy document names no project {context.project!r}")
    indexes = control_plane.list_indexes()
    rows = list_project(control_plane)
    tick = _Tick(context, control_plane, ledger, document, indexes, rows)
    late = tick.run(project.quota, time_left)
    native = keep_native_schedules(
        context, control_plane, ledger, tick.decisions.values(), time_left=time_left
    )
    decisions = tick.decisions.values()
    record_findings(
        ledger,
        [*observed(decisions), *native.observations],
        looked_at(decisions, tick.records.values(), context.time.actual) | native.evidence,
        context.time.actual,
    )
    return CreateOutcome(
        list(decisions),
        tick.created,
        tick.problems,
        late,
        native,
        policy_version,
        {**tick.unexpected, **native.unexpected},
    )


@dataclass(slots=True)
class _Tick:
    """One run over one project: what it was told, and what it has decided and done so far."""

    context: RunContext
    control_plane: ControlPlane
    ledger: Ledger
    document: PolicyDocument
    indexes: Sequence[Index]
    rows: Sequence[Backup]
    decisions: dict[str, Decision] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    unexpected: dict[str, str] = field(default_factory=dict)
    adopted: set[str] = field(default_factory=set)
    records: dict[str, IndexRecord] = field(init=False)
    _inventory_of: Callable[[Iterable[Backup]], Inventory] = field(init=False)

    def __post_init__(self) -> None:
        backups = self.ledger.backups()
        marks = native_marks(self.ledger.schedules(), {})
        self.records = dict(self.ledger.indexes())
        self._remember_unreadable(self.ledger.unreadable())
        self._inventory_of = lambda rows: take_inventory(
            rows,
            records=backups,
            owner=self.context.owner,
            now=self.context.time.actual,
            native=marks,
        )

    def run(self, quota: int, time_left: Callable[[], float]) -> list[str]:
        """Decide about every index, then create, most urgent first; returns who came too late."""
        inventory = self._inventory_of(self.rows)
        assigned = {
            index.name: self.document.assigned(self.context.project, index.name, index.tags)
            for index in self.indexes
        }
        for index in self.indexes:
            policy = assigned[index.name].policy
            self._mark_seen(index.name, policy.name if policy else None)
        views = views_of(
            self.context.project,
            self.indexes,
            assigned=assigned,
            records=self.records,
            inventory=inventory,
        )
        for view in views:
            self.decisions[view.name] = self._decide(view)
        candidates = [
            (view, self.decisions[view.name])
            for view in views
            if self.decisions[view.name].candidate
        ]
        return self._serve(candidates, quota - used(inventory), quota, time_left)

    def _serve(
        self,
        candidates: Sequence[tuple[View, Decision]],
        remaining: int,
        quota: int,
        time_left: Callable[[], float],
    ) -> list[str]:
        """Create in the order of rule C4 while the quota has room and time is left."""
        late: list[str] = []
        for view, decision in in_order(candidates):
            if time_left() < STOP_BEFORE:
                late.append(view.name)
            elif remaining > 0 or decision.kind is Kind.MISSING:
                try:
                    decided = self._attend(view, decision, remaining, quota)
                except BackupError:
                    raise
                except Exception as error:  # a backup may have been created all the same
                    decided = self._broken(view, error), remaining - 1
                self.decisions[view.name], remaining = decided
            else:
                self.decisions[view.name] = no_quota(decision, quota)
        return late

    def _attend(
        self, view: View, decision: Decision, remaining: int, quota: int
    ) -> tuple[Decision, int]:
        """Look once more, then create; returns the quota's room afterwards."""
        view, decision = self._look(view, decision)
        if decision.kind is not Kind.CREATE:
            return decision, remaining
        if remaining <= 0:
            return no_quota(decision, quota), remaining
        return self._create(view, decision, remaining)

    def _mark_seen(self, name: str, policy: str | None) -> None:
        """Remember that the index is there."""
        known = self.records.get(name)
        now = self.context.time.actual
        self.records[name] = mark_seen(known, name, policy=policy, now=now)
        if known is None or known.policy != policy or now - known.last_seen_at >= SEEN_EVERY:
            self.ledger.put_index(self.records[name])

    def _remember_unreadable(self, items: Iterable[UnreadableItem]) -> None:
        """Go on without records that cannot be read: they are not written anew (rule U2)."""
        for item in items:
            if item.kind is ItemKind.BACKUP:
                self.adopted.add(item.backup_id)
            elif item.kind is ItemKind.INDEX:  # it is not new: there is a record of it
                now = self.context.time.actual
                self.records[item.index_name] = IndexRecord(item.index_name, now - _NOT_NEW, now)

    def _decide(self, view: View) -> Decision:
        """The decision by what is known now; a fault at one index must not stop the others."""
        try:
            return self._decide_by_claim(view)
        except ItemUnreadable as error:  # nobody knows whether its backup was created (rule C3)
            return self._unclear(_undecided(view), error)
        except BackupError:
            raise
        except Exception as error:
            return self._broken(view, error)

    def _broken(self, view: View, error: Exception) -> Decision:
        _LOG.error("unexpected error", exc_info=error, extra={"index": view.name})
        problem = unexpected_problem(error)
        self.problems[view.name] = self.unexpected[view.name] = problem
        return replace(_undecided(view), reason=problem)

    def _decide_by_claim(self, view: View) -> Decision:
        """The decision by what is known now; what became of an earlier attempt is written."""
        decision = due(view, self.context.time)
        if decision.kind is Kind.OPEN and decision.slot is not None:
            stored = self.ledger.claim(view.name, decision.slot)
            decision = attempt(view, decision, stored, self.context.time)
            if decision.claim is not None and stored is not None and decision.claim != stored:
                decision = self._write_off(decision, decision.claim)
        self._adopt(view, decision)
        return decision

    def _write_off(self, decision: Decision, claim: Claim) -> Decision:
        """Write what became of an attempt, and tell when its backup failed."""
        if claim.backup_id is not None and claim.state in (
            ClaimState.FAILED,
            ClaimState.GIVEN_UP,
        ):
            self.ledger.record_event(_failure(self.context, claim, claim.backup_id))
        try:
            return replace(decision, claim=self.ledger.save_claim(claim))
        except LedgerConflict:
            return _overtaken(decision)

    def _adopt(self, view: View, decision: Decision) -> None:
        """Write down backups of ours that a run created and could not tell of (rule C3).

        Those are the ones that the ledger has no record of. The one that the decision is about
        may have a record from an audit all the same: its claim tells.
        """
        for entry in view.entries:
            backup_id = entry.backup.backup_id
            if (
                entry.origin is Origin.OURS
                and (entry.record is None or backup_id == decision.backup_id)
                and backup_id not in self.adopted
            ):
                self._adopt_one(view.name, entry)
                self.adopted.add(backup_id)

    def _adopt_one(self, index: str, entry: Entry) -> None:
        try:
            claim = self.ledger.claim(index, entry.marker.slot) if entry.marker else None
        except ItemUnreadable:  # the backup is written down without it
            claim = None
        untold = claim is not None and claim.state is not ClaimState.POSTED
        if claim is not None and untold and claim.backup_name == entry.backup.name:
            record_created(self.context, self.ledger, claim, entry.backup, known=entry.record)
        elif entry.record is None:
            self.ledger.put_backup(entry.known(self.context.time.actual))

    def _look(self, view: View, decision: Decision) -> tuple[View, Decision]:
        """Ask for the active incarnation and its newest backups, and decide again (rule I1)."""
        try:
            fresh = list_index(self.control_plane, view.name)
            active = only_incarnation(view.name, fresh)
        except NotFound:
            deleted = replace(decision, kind=Kind.NOT_READY, reason="it was deleted meanwhile")
            return view, deleted
        except (PineconeError, ListingIncomplete) as error:
            return view, self._unclear(decision, error)
        self._learn(view.name, active)
        view = self._view_with(view, fresh)
        decision = self._decide(view)
        if decision.kind is Kind.MISSING and decision.claim is not None:
            return self._find(view, decision, decision.claim, fresh)
        return view, decision

    def _view_with(self, view: View, fresh: Sequence[Backup]) -> View:
        """The view of the index by its fresh listing, its incarnation being known."""
        record = self.records[view.name]
        others = [
            row
            for row in self.rows
            if row.index_name == view.name and row.index_id != record.index_id
        ]
        inventory = self._inventory_of([*others, *fresh])
        return view_of(
            view.project,
            view.index,
            view.assigned,
            record,
            [entry for group in inventory.incarnations.values() for entry in group.entries],
            active=record.index_id,
        )

    def _learn(self, name: str, active: str | None) -> None:
        """Remember the incarnation that Pinecone named (rule I1)."""
        record = set_incarnation(
            self.records[name],
            active,
            listed_ids={row.index_id for row in self.rows},
            now=self.context.time.actual,
        )
        if record != self.records[name]:
            self.records[name] = record
            self.ledger.put_index(record)

    def _find(
        self, view: View, decision: Decision, claim: Claim, fresh: Sequence[Backup]
    ) -> tuple[View, Decision]:
        """Describe a backup that was created and is not listed, before it is called gone (N2)."""
        try:
            backup = self.control_plane.describe_backup(decision.backup_id)
        except NotFound:
            reason = f"backup {decision.backup_id} was created and is gone"
            self._write_off(decision, failed(claim, reason, self.context.time.actual))
            return view, self._decide(view)
        except PineconeError as error:
            return view, self._unclear(decision, error)
        view = self._view_with(view, [*fresh, backup])
        return view, self._decide(view)

    def _unclear(self, decision: Decision, error: BackupError) -> Decision:
        self.problems[decision.index] = error.problem
        return replace(decision, kind=Kind.UNCLEAR, reason=error.problem)

    def _create(self, view: View, decision: Decision, remaining: int) -> tuple[Decision, int]:
        """Claim, POST once, write down what came of it; returns the quota's room afterwards."""
        marker = marker_of(decision, owner=self.context.owner, run_id=self.context.run_id)
        description = str(marker)
        now = self.context.time.actual
        try:
            claim = self.ledger.save_claim(
                claimed(view.name, marker, previous=decision.claim, now=now)
            )
        except LedgerConflict:
            return _overtaken(decision), remaining
        try:
            backup = self.control_plane.create_backup(
                view.name, name=claim.backup_name, description=description
            )
        except BackupError as error:
            return self._not_created(decision, claim, error), _remaining_after(error, remaining)
        record_created(self.context, self.ledger, claim, backup)
        self._learn(view.name, backup.index_id)
        self.created[view.name] = backup.backup_id
        reason = f"backup {backup.backup_id} was started"
        started = replace(decision, kind=Kind.UNDER_WAY, reason=reason, backup_id=backup.backup_id)
        return started, remaining - 1

    def _not_created(self, decision: Decision, claim: Claim, error: BackupError) -> Decision:
        """What the failure of the POST means for the claim (rule C3)."""
        now = self.context.time.actual
        self.problems[decision.index] = error.problem
        kind = Kind.WAITS
        if isinstance(error, OutcomeUnknown):
            after = ambiguous(claim, error.problem, now)
        elif isinstance(error, NotFound):
            after, kind = refused(claim, error.problem, now), Kind.NOT_READY
        elif isinstance(error, _REFUSALS):
            after, kind = refused(claim, error.problem, now), Kind.REFUSED
        else:
            after = failed(claim, error.problem, now)
            kind = Kind.GIVEN_UP if after.state is ClaimState.GIVEN_UP else Kind.WAITS
        outcome = replace(
            decision, kind=kind, reason=error.problem, until=after.next_attempt_at, claim=after
        )
        return self._write_off(outcome, after)


def record_created(
    context: RunContext,
    ledger: Ledger,
    claim: Claim,
    backup: Backup,
    *,
    known: BackupRecord | None = None,
) -> None:
    """Write down a backup that Pinecone has: the event of it, its record, then its claim.

    In this order a crash in between leaves the claim as it was, and the next tick does it again
    under the same event id. ``known`` is the record that another run has written meanwhile.

    Raises:
        LedgerError: The ledger could not be written.
    """
    ledger.record_event(
        created_event(
            context,
            backup,
            name=claim.backup_name,
            policy=claim.policy or None,
            slot=claim.slot.isoformat(),
            attempt=claim.attempt,
            run_id=claim.run_id,
        )
    )
    if known is None:
        ledger.put_backup(
            BackupRecord(
                backup_id=backup.backup_id,
                index_name=claim.index_name,
                index_id=backup.index_id,
                name=claim.backup_name,
                created_at=backup.created_at,
                first_seen_at=context.time.actual,
            )
        )
    with suppress(LedgerConflict):  # whoever came in between read the same listing
        ledger.save_claim(posted(claim, backup.backup_id))


def created_event(
    context: RunContext, backup: Backup, *, name: str, run_id: str, **more: Any
) -> DomainEvent:
    """The event of a backup that was started; one event, however often it is told."""
    return DomainEvent.of(
        "backup.created",
        backup.backup_id,
        project=context.project,
        at=context.time.actual,
        backup_id=backup.backup_id,
        name=name,
        index=backup.index_name,
        index_id=backup.index_id,
        run_id=run_id,
        actor=context.actor,
        **more,
    )


def _failure(context: RunContext, claim: Claim, backup_id: str) -> DomainEvent:
    return DomainEvent.of(
        "backup.failed",
        backup_id,
        project=context.project,
        at=context.time.actual,
        backup_id=backup_id,
        name=claim.backup_name,
        index=claim.index_name,
        policy=claim.policy or None,
        slot=claim.slot.isoformat(),
        attempt=claim.attempt,
        reason=claim.error,
        next_attempt_at=claim.next_attempt_at.isoformat() if claim.next_attempt_at else None,
    )


def _undecided(view: View) -> Decision:
    return Decision(view.name, Kind.UNCLEAR, "", view.assigned.policy)


def _overtaken(decision: Decision) -> Decision:
    """A lost race is no error: the other run does the work."""
    return replace(decision, kind=Kind.WAITS, reason="another run has taken the claim")


def _remaining_after(error: BackupError, remaining: int) -> int:
    """An unknown outcome may have used the quota up; a refusal for it leaves none to others."""
    if isinstance(error, QuotaReached):
        return 0
    return remaining - 1 if isinstance(error, OutcomeUnknown) else remaining


def _first(rows: Mapping[str, str]) -> dict[str, str]:
    """As much as fits into a run's record."""
    return dict(sorted(rows.items())[:_LISTED_AT_MOST])
