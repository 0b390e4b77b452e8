"""Create what should exist and does not: one tick over one project.

Read: list the project, and meanwhile the indexes that the ledger expects to be due. Decide about
every index, by rules that write nothing (``rules.creation``, ``rules.effects``). Act where a backup
is due: list the index, decide again, take the claim, POST once. Record what came of it, in
``carry_out`` only. Announcing is the part of ``usecases.runs``.

Several indexes are attended to at a time, in the order of rule C4: each has its place in the
quota before it begins, and a lower priority begins when the higher one has ended.

Nothing is waited for: a later tick, or the audit, sees how a backup ends. After a crash at any
point the next tick finds the claim, and Pinecone's listing shows the rest (rule C3). An unexpected
error at one index is a problem of that index only.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import islice, takewhile
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
from pinecone_backup.model import RunKind, words
from pinecone_backup.records import ClaimState, IndexRecord, ItemKind, RunState
from pinecone_backup.rules.audit_facts import used
from pinecone_backup.rules.claims import ambiguous, claimed, failed, posted, refused
from pinecone_backup.rules.creation import (
    Decision,
    Kind,
    due,
    evidence_of,
    expected_due,
    in_order,
    marker_of,
    newest_of_index,
    no_quota,
    observed,
    view_by_listing,
    view_of,
)
from pinecone_backup.rules.effects import (
    Decided,
    Effect,
    PutBackup,
    PutIndex,
    RecordEvent,
    SaveClaim,
    created,
    decide,
    ended,
    slots_in_question,
)
from pinecone_backup.rules.inventory import native_marks, take_inventory
from pinecone_backup.rules.memory import mark_seen, set_incarnation
from pinecone_backup.rules.temporary import without_temporary
from pinecone_backup.usecases.findings import log_unexpected, record_findings
from pinecone_backup.usecases.listing import (
    list_index,
    list_indexes,
    list_project,
    only_incarnation,
)
from pinecone_backup.usecases.looks import LooksOutcome, take_looks
from pinecone_backup.usecases.parallel import both, in_parallel, workers
from pinecone_backup.usecases.sync_native_schedules import keep_native_schedules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup, Index, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import BackupRecord, Claim
    from pinecone_backup.rules.creation import View
    from pinecone_backup.rules.inventory import Entry, Inventory, NativeMark
    from pinecone_backup.rules.policy import Policy, PolicyDocument
    from pinecone_backup.usecases.sync_native_schedules import NativeOutcome

STOP_BEFORE = 130.0
"""Seconds before the function's end at which no further index is begun: a listing and a POST
with all their repetitions take up to a minute each."""
SEEN_EVERY = timedelta(hours=1)
"""How often it is written down that an index is still there."""
_NOT_NEW = timedelta(days=1)
_LOG = logging.getLogger(__name__)
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
        looks: What looking at indexes for restore tests came to.
        unexpected: Those of the problems that nobody expected.
    """

    decisions: Sequence[Decision]
    created: Mapping[str, str]
    problems: Mapping[str, str]
    late: Sequence[str]
    native: NativeOutcome
    policy_version: str
    looks: LooksOutcome = field(default_factory=LooksOutcome)
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
            "looks": self.looks.summary,
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
    relies on a native schedule (rule N1); what looks cost is said in docs/performance.md.

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
    known = _read(context, control_plane, ledger, document)
    tick = _Tick(context, control_plane, ledger, document, known)
    tick.mark_missing()
    tick.decide_all()
    late = tick.create_due(project.quota, time_left)
    native = keep_native_schedules(
        context, control_plane, ledger, tick.decisions.values(), time_left=time_left
    )
    decisions = tick.decisions.values()
    record_findings(
        ledger,
        [*observed(decisions), *native.observations],
        evidence_of(decisions, known.records.values(), context.time.actual) | native.evidence,
        context.time.actual,
    )
    looks = take_looks(
        context,
        control_plane,
        ledger,
        [(view, tick.decisions[name]) for name, view in tick.views.items()],
        time_left=time_left,
        stop_before=STOP_BEFORE,
    )
    return CreateOutcome(
        list(decisions),
        tick.created,
        tick.problems,
        late,
        native,
        policy_version,
        looks,
        {**tick.unexpected, **native.unexpected},
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What a run has read; the records gain what the run itself writes.

    Attributes:
        rows: Every backup of the project, as listed.
        records: The ledger's records of indexes, by name.
        backups: The ledger's records of backups, by id.
        native: What the ledger knows of native runs, by backup id.
        listed_early: The backups of indexes that were listed beside the project, by name.
    """

    indexes: Sequence[Index]
    rows: Sequence[Backup]
    records: dict[str, IndexRecord]
    backups: dict[str, BackupRecord]
    native: Mapping[str, NativeMark]
    listed_early: dict[str, Sequence[Backup]]

    def inventory(self, context: RunContext, rows: Iterable[Backup]) -> Inventory:
        """What the rows of a listing amount to."""
        return take_inventory(
            rows,
            records=self.backups,
            owner=context.owner,
            now=context.time.actual,
            native=self.native,
        )


def _read(
    context: RunContext, control_plane: ControlPlane, ledger: Ledger, document: PolicyDocument
) -> _Known:
    records, backups = dict(ledger.indexes()), dict(ledger.backups())
    reading = _Reading(context, control_plane, ledger, document, records, backups)
    # The walk is one call after the other: until it ends, there is room for others beside it.
    (indexes, early), rows = both(reading.indexes, reading.walk, at_most=control_plane.concurrency)
    known = _Known(
        indexes=indexes,
        rows=rows,
        records=records,
        backups=backups,
        native=native_marks(ledger.schedules(), {}),
        listed_early={name: found for name, found in early.items() if found is not None},
    )
    now = context.time.actual
    for item in ledger.unreadable():
        if item.kind is ItemKind.INDEX:  # it is not new: there is a record of it (rule U2)
            known.records[item.index_name] = IndexRecord(item.index_name, now - _NOT_NEW, now)
    return known


@dataclass(frozen=True, slots=True)
class _Reading:
    """Lists a project, and beside it the indexes that will probably have to be listed next.

    Those are the ones that are due as far as the ledger can tell. What goes wrong with one of them
    is left for its turn.
    """

    context: RunContext
    control_plane: ControlPlane
    ledger: Ledger
    document: PolicyDocument
    records: Mapping[str, IndexRecord]
    backups: Mapping[str, BackupRecord]
    walked: threading.Event = field(default_factory=threading.Event)

    def walk(self) -> Sequence[Backup]:
        """Every backup of the project."""
        try:
            return list_project(self.control_plane, known=self.backups.values())
        finally:
            self.walked.set()

    def indexes(self) -> tuple[Sequence[Index], Mapping[str, Sequence[Backup] | None]]:
        """The project's indexes, and what was listed of them before the walk ended."""
        listed = list_indexes(self.control_plane, self.records.values())
        indexes = without_temporary(listed, owner=self.context.owner, project=self.context.project)
        room = self.control_plane.concurrency - 1
        names = self._expected(indexes) if room else ()
        found = in_parallel(self._list_early, names, at_most=room)
        return indexes, dict(zip(names, found, strict=True))

    def _expected(self, indexes: Iterable[Index]) -> Sequence[str]:
        """The indexes to list early; none after a run with trouble, which may last."""
        newest = newest_of_index(self.backups.values())
        names = [each.name for each in indexes if self._is_expected(each, newest.get(each.name))]
        last = self.ledger.last_completed(RunKind.CREATE) if names else None
        return names if last is None or last.state is RunState.SUCCEEDED else ()

    def _is_expected(self, index: Index, newest: BackupRecord | None) -> bool:
        project, time = self.context.project, self.context.time
        try:
            assigned = self.document.assigned(project, index.name, index.tags)
            record = mark_seen(
                self.records.get(index.name), index.name, policy=assigned.policy, now=time.actual
            )
            view = view_of(project, index, assigned, record, (), active=None)
            return expected_due(view, newest, time)
        except Exception:  # logged when its decision meets the same
            return False

    def _list_early(self, name: str) -> Sequence[Backup] | None:
        try:
            return None if self.walked.is_set() else list_index(self.control_plane, name)
        except Exception:  # it is listed again in its turn
            return None


def carry_out(ledger: Ledger, effects: Iterable[Effect]) -> Mapping[Claim, Claim | None]:
    """Write effects into the ledger, in their order.

    Returns:
        Each claim that was to be saved, and as it is stored now; None where another run has
        changed it meanwhile, which then does the work.

    Raises:
        LedgerError: The ledger could not be written; what was written stands.
    """
    claims: dict[Claim, Claim | None] = {}
    for effect in effects:
        match effect:
            case RecordEvent(event):
                ledger.record_event(event)
            case PutBackup(record, over):
                ledger.put_backup(record, over=over)
            case PutIndex(record, over):
                ledger.put_index(record, over=over)
            case SaveClaim(claim):
                try:
                    claims[claim] = ledger.save_claim(claim)
                except LedgerConflict:
                    claims[claim] = None
    return claims


@dataclass(slots=True)
class _Tick:
    """One run over one project: what it goes by, and what it has decided and done so far.

    Attributes:
        seen: The indexes of which is to be written that they are still there.
        claims: The claims that were read, as they are stored now, by index and slot.
        remaining: How many backups the quota still takes.
        full: Whether Pinecone said that the quota is used up.
        taken: The indexes that used their place in the quota, or may have.
        stored: The records of indexes as the ledger has them, by name.
    """

    context: RunContext
    control_plane: ControlPlane
    ledger: Ledger
    document: PolicyDocument
    known: _Known
    seen: set[str] = field(default_factory=set)
    claims: dict[tuple[str, datetime], Claim | None] = field(default_factory=dict)
    remaining: int = 0
    full: bool = False
    taken: set[str] = field(default_factory=set)
    views: dict[str, View] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    unexpected: dict[str, str] = field(default_factory=dict)
    inventory: Inventory = field(init=False)
    stored: dict[str, IndexRecord] = field(init=False)

    def __post_init__(self) -> None:
        self.stored = dict(self.known.records)
        self.inventory = self.known.inventory(self.context, self.known.rows)

    def decide_all(self) -> None:
        """Decide about every index by the project's listing."""
        by_name: dict[str, list[Entry]] = {}
        for entry in self.inventory.entries.values():
            by_name.setdefault(entry.backup.index_name, []).append(entry)
        slots: list[tuple[str, datetime]] = []
        for index in self.known.indexes:
            with self._contained(index.name):
                project = self.context.project
                assigned = self.document.assigned(project, index.name, index.tags)
                record = self._mark_seen(index.name, assigned.policy)
                entries = by_name.get(index.name, ())
                view = view_by_listing(
                    project, index, assigned, record, entries, inventory=self.inventory
                )
                by_listing = due(view, self.context.time)
                slots += [(view.name, slot) for slot in slots_in_question(view, by_listing)]
                self.views[index.name] = view
                self.decisions[index.name] = by_listing
        self.claims.update(self.ledger.claims(slots))
        in_parallel(self._settle, self.views.values(), at_most=self.ledger.concurrency)

    def _settle(self, view: View) -> None:
        """Decide by the claims as well, and write what that leaves."""
        with self._contained(view.name):
            if view.name in self.seen:
                carry_out(self.ledger, [PutIndex(view.record, self.stored.get(view.name))])
                self.stored[view.name] = view.record
            self.decisions[view.name] = self._record(self._decide(view))

    def create_due(self, quota: int, time_left: Callable[[], float]) -> list[str]:
        """Create in the order of rule C4 while quota and time last; returns who came too late."""
        self.remaining = quota - used(self.inventory)
        candidates = [
            (self.views[decision.index], decision)
            for decision in self.decisions.values()
            if decision.candidate
        ]
        waiting = in_order(candidates)
        late: list[str] = []
        while waiting:
            places = 0 if self.full else max(self.remaining, 0)
            group = _of_one_priority(waiting, at_most=max(places, 1))
            waiting = waiting[len(group) :]
            serve = partial(self._serve, quota=quota, place=places > 0, time_left=time_left)
            begun = in_parallel(serve, group, at_most=workers(self.control_plane, self.ledger))
            names = [view.name for view, _ in group]
            late += [name for name, served in zip(names, begun, strict=True) if not served]
            self.remaining -= len(self.taken.intersection(names))
        return late

    def _serve(
        self,
        candidate: tuple[View, Decision],
        *,
        quota: int,
        place: bool,
        time_left: Callable[[], float],
    ) -> bool:
        """Attend to an index that may have a place in the quota; False when time is up."""
        view, decision = candidate
        if time_left() < STOP_BEFORE:
            return False
        if (place and not self.full) or decision.kind is Kind.MISSING:
            with self._contained(view.name):
                self.decisions[view.name] = self._attend(view, decision, quota, place=place)
        else:
            self.decisions[view.name] = no_quota(decision, quota)
        return True

    @contextmanager
    def _contained(self, name: str) -> Iterator[None]:
        """Keep what is wrong with one index alone from ending the run for the others."""
        problem = ""
        try:
            yield
        except ItemUnreadable as error:  # nobody knows what its claim says (rules C3 and U2)
            problem = error.problem
        except BackupError:
            raise
        except Exception as error:
            problem = self.unexpected[name] = log_unexpected(_LOG, error, index=name)
        if problem:
            self.problems[name] = problem
            self.decisions[name] = Decision(name, Kind.UNCLEAR, problem)

    def _mark_seen(self, name: str, policy: Policy | None) -> IndexRecord:
        """Remember that the index is there, to be written hourly or when its policy changed."""
        before = self.known.records.get(name)
        now = self.context.time.actual
        record = self.known.records[name] = mark_seen(before, name, policy=policy, now=now)
        same = before is not None and replace(before, last_seen_at=now) == record
        if before is None or not same or now - before.last_seen_at >= SEEN_EVERY:
            self.seen.add(name)
        return record

    def mark_missing(self) -> None:
        """Remember which indexes are there no more: their records end with the history."""
        listed = {index.name for index in self.known.indexes}
        for name, record in self.stored.items():
            if name not in listed and record.missing_since is None:
                missing = replace(record, missing_since=self.context.time.actual)
                carry_out(self.ledger, [PutIndex(missing, record)])

    def _decide(self, view: View) -> Decided:
        """The decision by the listing and the claims, and its effects; nothing is written."""
        by_listing = due(view, self.context.time)
        slots = slots_in_question(view, by_listing)
        unread = [(view.name, slot) for slot in slots if (view.name, slot) not in self.claims]
        if unread:
            self.claims.update(self.ledger.claims(unread))
        if by_listing.kind is Kind.OPEN and by_listing.slot is not None:
            opened = (view.name, by_listing.slot)
            if opened not in self.claims:  # it cannot be read: this raises
                self.claims[opened] = self.ledger.claim(*opened)
        # Where it is another slot's, a backup is recorded without its claim.
        claims = {slot: self.claims.get((view.name, slot)) for slot in slots}
        return decide(self.context, view, by_listing, claims)

    def _record(self, decided: Decided) -> Decision:
        """Carry out a decision's effects; returns it with its claim as that is stored now."""
        stored = carry_out(self.ledger, decided.effects)
        for claim, now in stored.items():
            key = (claim.index_name, claim.slot)
            if now is None:  # it is read anew when it matters again
                self.claims.pop(key, None)
            else:
                self.claims[key] = now
        for effect in decided.effects:
            if isinstance(effect, PutBackup):
                self.known.backups[effect.record.backup_id] = effect.record
        decision = decided.decision
        if decision.claim is None or decision.claim not in stored:
            return decision
        kept = stored[decision.claim]
        return _overtaken(decision) if kept is None else replace(decision, claim=kept)

    def _attend(self, view: View, decision: Decision, quota: int, *, place: bool) -> Decision:
        """List the index, decide again by that (rule I1), and create what is due still."""
        try:
            early = self.known.listed_early.pop(view.name, None)
            fresh = list_index(self.control_plane, view.name) if early is None else early
            active = only_incarnation(view.name, fresh)
        except NotFound:
            return replace(decision, kind=Kind.NOT_READY, reason="it was deleted meanwhile")
        except (PineconeError, ListingIncomplete) as error:
            return self._unclear(decision, error)
        self._set_incarnation(view.name, active)
        view = self._view_with(view, fresh)
        decision = self._record(self._decide(view))
        if decision.kind is Kind.MISSING and decision.claim is not None:
            decision = self._find(view, decision, decision.claim, fresh)
        if decision.kind is not Kind.CREATE:
            return decision
        if self.full or not place:
            return no_quota(decision, quota)
        return self._create(decision)

    def _view_with(self, view: View, fresh: Sequence[Backup]) -> View:
        """The view of the index by its own listing, its incarnation being known."""
        record = self.known.records[view.name]
        others = [
            row
            for row in self.known.rows
            if row.index_name == view.name and row.index_id != record.index_id
        ]
        entries = self.known.inventory(self.context, [*others, *fresh]).entries.values()
        return view_of(
            view.project, view.index, view.assigned, record, entries, active=record.index_id
        )

    def _set_incarnation(self, name: str, active: str | None) -> None:
        """Remember the incarnation that Pinecone named (rule I1)."""
        record = set_incarnation(
            self.known.records[name],
            active,
            listed_ids={row.index_id for row in self.known.rows},
            now=self.context.time.actual,
        )
        if record != self.known.records[name]:
            self.known.records[name] = record
            carry_out(self.ledger, [PutIndex(record, self.stored.get(name))])
            self.stored[name] = record

    def _find(
        self, view: View, decision: Decision, claim: Claim, fresh: Sequence[Backup]
    ) -> Decision:
        """Describe a backup that was created and is not listed, before it counts as lost (N2)."""
        try:
            backup = self.control_plane.describe_backup(decision.backup_id)
        except NotFound:
            reason = f"backup {decision.backup_id} was created and does not exist"
            lost = failed(claim, reason, self.context.time.actual)
            self._record(Decided(decision, ended(self.context, lost)))
        except PineconeError as error:
            return self._unclear(decision, error)
        else:
            view = self._view_with(view, [*fresh, backup])
        return self._record(self._decide(view))

    def _unclear(self, decision: Decision, error: BackupError) -> Decision:
        self.problems[decision.index] = error.problem
        return replace(decision, kind=Kind.UNCLEAR, reason=error.problem)

    def _create(self, decision: Decision) -> Decision:
        """Claim, POST once, and record what came of it."""
        name, now = decision.index, self.context.time.actual
        marker = marker_of(decision, owner=self.context.owner, run_id=self.context.run_id)
        wanted = claimed(name, marker, previous=decision.claim, now=now)
        claim = carry_out(self.ledger, [SaveClaim(wanted)])[wanted]
        if claim is None:
            return _overtaken(decision)
        self.taken.add(name)  # before the POST: whatever happens, it may have taken effect
        try:
            backup = self.control_plane.create_backup(
                name, name=claim.backup_name, description=str(marker)
            )
        except BackupError as error:
            self.problems[name] = error.problem
            if isinstance(error, QuotaReached):
                self.full = True  # Pinecone counts otherwise than we do: nobody else is served
            elif not isinstance(error, OutcomeUnknown):
                self.taken.discard(name)
            return self._record(_not_created(self.context, decision, claim, error))
        started = self._record(_started(self.context, decision, claim, backup))
        self.created[name] = backup.backup_id
        self._set_incarnation(name, backup.index_id)
        return started


def _of_one_priority(
    waiting: Sequence[tuple[View, Decision]], *, at_most: int
) -> list[tuple[View, Decision]]:
    """Those next in the order of rule C4 that may be served at a time."""
    first = _priority(waiting[0])
    return list(takewhile(lambda each: _priority(each) == first, islice(waiting, at_most)))


def _priority(candidate: tuple[View, Decision]) -> int:
    policy = candidate[1].policy
    return policy.priority if policy else 0


def _started(context: RunContext, decision: Decision, claim: Claim, backup: Backup) -> Decided:
    """What an accepted POST means for the claim."""
    reason = f"backup {backup.backup_id} was started"
    started = replace(decision, kind=Kind.UNDER_WAY, reason=reason, backup_id=backup.backup_id)
    save = SaveClaim(posted(claim, backup.backup_id))
    return Decided(started, [*created(context, claim, backup), save])


def _not_created(
    context: RunContext, decision: Decision, claim: Claim, error: BackupError
) -> Decided:
    """What the failure of the POST means for the claim (rule C3)."""
    now = context.time.actual
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
    return Decided(outcome, ended(context, after))


def _overtaken(decision: Decision) -> Decision:
    """A lost race is no error: the other run does the work."""
    return replace(decision, kind=Kind.WAITS, reason="another run has taken the claim")


def _first(rows: Mapping[str, str]) -> dict[str, str]:
    """As much as fits into a run's record."""
    return dict(sorted(rows.items())[:_LISTED_AT_MOST])
