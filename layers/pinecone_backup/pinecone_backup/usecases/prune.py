"""Prune one project: list, decide, act, record, announce.

What may go is decided in ``rules.plan``; here it is carried out, so that a run can be cut off
at any call and the next one ends where it would have ended:

- Before each call that deletes, the ledger says ``unknown``; after it, what came of it. In
  between the ledger says the truth: it may have happened (rule D6).
- A backup whose deletion was accepted counts for nothing from then on (rule G4); the run that
  no longer finds it, neither listed nor described, confirms it gone (rule N2).
- Within an index the newest goes first, so what an interrupted run leaves is what the next plan
  deletes anyway (rule D5).
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    ApprovalRefused,
    BackupError,
    LedgerError,
    NotFound,
    OutcomeUnknown,
    PineconeError,
    PolicyInvalid,
    PreconditionFailed,
    SubjectUnknown,
)
from pinecone_backup.model import DomainEvent, RunKind, Status
from pinecone_backup.records import (
    Deletion,
    DeletionState,
    PlanRecord,
    PlanState,
    RunState,
    Verdict,
)
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control, Evidence, Observation
from pinecone_backup.rules.inventory import Worth, missing, native_marks, take_inventory
from pinecone_backup.rules.plan import (
    Action,
    Baseline,
    Facts,
    Plan,
    ambiguous_names,
    digest_of,
    make_plan,
)
from pinecone_backup.rules.verdict import EMPTY_AS_THE_INDEX, judge
from pinecone_backup.settings import PruneMode
from pinecone_backup.usecases.findings import record_findings
from pinecone_backup.usecases.listing import active_incarnation, list_project, own_writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinecone_backup.model import Backup, Index, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger, ObjectStore
    from pinecone_backup.records import BackupRecord, Run
    from pinecone_backup.rules.inventory import Inventory
    from pinecone_backup.rules.plan import PlanItem, PlannedIndex
    from pinecone_backup.rules.policy import PolicyDocument

STOP_BEFORE = 75.0
"""Seconds before the function's end at which no further call is begun; one call with all its
repetitions takes up to a minute."""
DELETION_TAKES_AT_MOST = timedelta(hours=24)
"""A backup still listed this long after its deletion was accepted is a finding (rule G4)."""
DESCRIBED_AT_MOST = 100
"""So many backups that the listing misses are described in one run; the others wait."""
WORKERS = 4
"""Indexes pruned at a time."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a prune works with.

    Attributes:
        policy_version: Reads an earlier version of the policy document (rule D3).
        time_left: Seconds until the function must have ended.
        workers: Indexes pruned at a time.
    """

    control_plane: ControlPlane
    ledger: Ledger
    store: ObjectStore
    policy_version: Callable[[str], PolicyDocument]
    time_left: Callable[[], float]
    workers: int = WORKERS


@dataclass(frozen=True, slots=True)
class PruneOutcome:
    """How a prune of one project ended.

    Attributes:
        mode: What the run was allowed to do: the first prune of a ledger is a dry run (D3).
        deleted: Accepted by Pinecone, or gone already, in this run.
        skipped: A restore reads them (412).
        failed: Why each of these could not be deleted, by backup id.
        deferred: Left to the next run because time ran out.
        skipped_indexes: Why an index was left out, by name.
        vanished: Backups that are gone and that we did not delete.
        baseline: What the next prune compares a changed policy with (rule D3).
    """

    plan: Plan
    mode: PruneMode
    first: bool
    baseline: Mapping[str, Any]
    awaiting: bool = False
    approved: str = ""
    deleted: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    deferred: tuple[str, ...] = ()
    skipped_indexes: Mapping[str, str] = field(default_factory=dict)
    confirmed_gone: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()

    @property
    def state(self) -> RunState:
        """Stopped by a rail, finished in part, or finished."""
        held_back = self.mode is PruneMode.ENFORCE and self.plan.held_back and not self.approved
        if self.plan.stopped or held_back:
            return RunState.STOPPED
        if self.skipped or self.failed or self.deferred or self.skipped_indexes:
            return RunState.PARTIAL
        return RunState.SUCCEEDED

    @property
    def summary(self) -> Mapping[str, Any]:
        """JSON-ready figures and lists, small enough for the run's record."""
        return {
            "mode": str(self.mode),
            "first": self.first,
            "digest": self.plan.digest,
            "counts": {str(action): count for action, count in self.plan.counts.items()},
            "bytes_freed": self.plan.bytes_freed,
            "quota": self.plan.quota,
            "quota_afterwards": self.plan.quota_afterwards,
            "stopped": self.plan.stopped,
            "awaiting_approval": self.awaiting,
            "waits_because": self.plan.waits_because,
            "approved_digest": self.approved,
            "deleted": list(self.deleted),
            "skipped": list(self.skipped),
            "failed": dict(self.failed),
            "deferred": len(self.deferred),
            "skipped_indexes": dict(self.skipped_indexes),
            "frozen_indexes": {
                index.index_name: index.frozen for index in self.plan.indexes if index.frozen
            },
            "confirmed_gone": list(self.confirmed_gone),
            "vanished": list(self.vanished),
            "baseline": dict(self.baseline),
        }


def prune(
    context: RunContext,
    tools: Tools,
    *,
    document: PolicyDocument,
    version: str,
    mode: PruneMode,
    digest: str | None = None,
) -> PruneOutcome:
    """Prune one project as far as the rules, the mode and approvals allow.

    Args:
        context: The run.
        tools: The outside.
        document: The policy, with its ``version``.
        version: The version of the document.
        mode: What the deployment allows.
        digest: An approved plan to execute; without it, the newest approval in force is used.

    Raises:
        SubjectUnknown: There is no plan of that digest.
        ApprovalRefused: The plan is not approved, or not any more, or for another policy.
        ListingIncomplete: A listing could not be trusted; nothing was deleted (rule D2).
        PineconeError: The project could not be read; nothing was deleted.
        LedgerError: The ledger failed; what was deleted until then is recorded.
        StoreUnavailable: The plan could not be stored; nothing was deleted.
    """
    last = tools.ledger.last_completed(RunKind.PRUNE)
    if last is None:
        mode = PruneMode.DRY_RUN
    approval = _approval(context, tools, version, mode, digest)
    seen = _look(context, tools, document, version)
    baseline = _baseline(tools, last, document, version)
    plan = make_plan(replace(seen.facts, baseline=baseline))
    chosen = _chosen(plan, mode, approval)
    awaiting = _waits(plan, mode, chosen)
    _record_plan(context, tools, plan, awaiting=awaiting)
    act = _Act(context, tools, seen.facts, plan, chosen)
    act.carry_out()
    outcome = PruneOutcome(
        plan=plan,
        mode=mode,
        first=last is None,
        baseline=_next_baseline(plan, baseline, accepted=act.complete),
        awaiting=awaiting,
        approved=approval.digest if approval else "",
        deleted=tuple(sorted(act.deleted)),
        skipped=tuple(sorted(act.skipped)),
        failed=dict(sorted(act.failed.items())),
        deferred=tuple(sorted(act.deferred)),
        skipped_indexes=dict(sorted(act.skipped_indexes.items())),
        confirmed_gone=tuple(seen.confirmed),
        vanished=tuple(seen.vanished),
    )
    _close_plans(tools, approval, act)
    _tell(context, tools, outcome, seen, act)
    return outcome


# --- List -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a prune goes by, and what came of earlier deletions.

    Attributes:
        confirmed: Deleted by us, and now neither listed nor described.
        vanished: The same, and not deleted by us.
    """

    facts: Facts
    confirmed: Sequence[str]
    vanished: Sequence[str]


def _look(context: RunContext, tools: Tools, document: PolicyDocument, version: str) -> _Seen:
    plane, ledger, clock = tools.control_plane, tools.ledger, context.moment.clock
    rows = list(list_project(plane, writes=lambda: own_writes(ledger)))
    indexes = plane.list_indexes()
    records = ledger.backups()

    def take() -> Inventory:
        return take_inventory(
            rows,
            records=records,
            owner=context.owner,
            clock=clock,
            native=native_marks(ledger.schedules(), {}),
        )

    inventory = take()
    overlooked, confirmed, vanished = _describe_missing(context, tools, inventory, records)
    if overlooked:
        rows.extend(overlooked)
        inventory = take()
    inventory = _judge(context, ledger, inventory, indexes, document)
    facts = Facts(
        project=context.project,
        inventory=inventory,
        indexes=indexes,
        document=document,
        version=version,
        moment=context.moment,
        holds=ledger.holds(),
        restoring=restoring(plane, ledger),
        active={name: active_or_none(plane, name) for name in ambiguous_names(inventory, indexes)},
        sources={record.backup_id: record.index_id for record in records.values()},
    )
    return _Seen(facts, confirmed, vanished)


def _describe_missing(
    context: RunContext,
    tools: Tools,
    inventory: Inventory,
    records: Mapping[str, BackupRecord],
) -> tuple[Sequence[Backup], Sequence[str], Sequence[str]]:
    """Describe what the ledger knows and the listing misses (rule N2).

    Returns:
        The backups that are there after all, the ids confirmed gone after a deletion of ours,
        and the ids that are gone without one.
    """
    overlooked: list[Backup] = []
    confirmed: list[str] = []
    vanished: list[str] = []
    absent = sorted(missing(inventory, records), key=lambda record: record.deletion is None)
    for record in absent[:DESCRIBED_AT_MOST]:
        if tools.time_left() < STOP_BEFORE:
            break
        try:
            overlooked.append(tools.control_plane.describe_backup(record.backup_id))
        except NotFound:
            gone = _confirm_gone(context, tools.ledger, record)
            (confirmed if gone else vanished).append(record.backup_id)
        except PineconeError:
            continue  # not described, so not called gone: a later run asks again
    return overlooked, confirmed, vanished


def _confirm_gone(context: RunContext, ledger: Ledger, record: BackupRecord) -> bool:
    """Close the record of a backup that is gone; whether it was us who deleted it."""
    clock, deletion = context.moment.clock, record.deletion
    by_us = deletion is not None and (
        deletion.state.spent or deletion.state is DeletionState.UNKNOWN
    )
    if deletion is None or not by_us:
        deletion = Deletion(
            DeletionState.GONE, clock, context.run_id, "", ("gone, and not deleted by us",)
        )
    else:
        ledger.record_event(_deleted_event(context, record, deletion))
    gone = replace(deletion, state=DeletionState.GONE, confirmed_at=clock)
    ledger.put_backup(replace(record, deletion=gone))
    return by_us


def _judge(
    context: RunContext,
    ledger: Ledger,
    inventory: Inventory,
    indexes: Iterable[Index],
    document: PolicyDocument,
) -> Inventory:
    """Take the verdicts that are due, store them, and leave the news of suspects (rule G1)."""
    policies = {
        index.name: document.assigned(context.project, index.name, index.tags).policy
        for index in indexes
    }
    limits = {
        incarnation.index_id: policy.shrink_percent
        for incarnation in inventory.incarnations.values()
        if (policy := policies.get(incarnation.index_name))
    }
    counts = {
        record.index_id: record.record_count
        for record in ledger.indexes().values()
        if record.index_id and record.record_count is not None
    }
    judged = judge(
        inventory, shrink_percent=limits, clock=context.moment.clock, index_counts=counts
    )
    for record in judged.records:
        if record.verdict is Verdict.SUSPECT and record.verdict_reason != EMPTY_AS_THE_INDEX:
            ledger.record_event(suspect_event(context, record))
        ledger.put_backup(record)
    return judged.inventory


def suspect_event(context: RunContext, record: BackupRecord) -> DomainEvent:
    """The news of a suspect, once, whichever run sees it first."""
    return DomainEvent.of(
        "backup.suspect",
        record.backup_id,
        project=context.project,
        at=context.moment.clock,
        backup_id=record.backup_id,
        index=record.index_name,
        name=record.name,
        record_count=record.record_count,
        reason=record.verdict_reason,
    )


def restoring(plane: ControlPlane, ledger: Ledger) -> dict[str, str]:
    """Backups that an unfinished restore job reads, also by our own memory of restores (D1)."""
    jobs = list(plane.restore_jobs())
    ended = {job.job_id for job in jobs if not job.unfinished}
    ours = {
        record.backup_id: record.job_id
        for record in ledger.restores()
        if record.finished_at is None and record.job_id not in ended
    }
    return ours | {job.backup_id: job.job_id for job in jobs if job.unfinished}


def active_or_none(plane: ControlPlane, name: str) -> str | None:
    """The active incarnation's id (rule I1); None without an active index, or without backups."""
    try:
        return active_incarnation(plane, name)
    except NotFound:
        return None


# --- Decide ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Approval:
    """A plan that a person approved, and the ids in it (rule D4)."""

    record: PlanRecord
    ids: frozenset[str]

    @property
    def digest(self) -> str:
        return self.record.digest


def _approval(
    context: RunContext, tools: Tools, version: str, mode: PruneMode, digest: str | None
) -> _Approval | None:
    """The approval to go by: the one asked for, else the newest in force."""
    if digest is not None:
        record = tools.ledger.plan(digest)
        if record is None:
            raise SubjectUnknown(f"There is no plan {digest} of project {context.project}")
        _refuse_unfit(context, record, version, mode)
        return _approved_plan(tools, record)
    if mode is PruneMode.DRY_RUN:
        return None
    for record in tools.ledger.plans():
        if record.state is not PlanState.APPROVED:
            continue
        if not _in_force(context, record):
            tools.ledger.put_plan(replace(record, state=PlanState.EXPIRED))
        elif record.policy_version == version:
            return _approved_plan(tools, record)
    return None


def _in_force(context: RunContext, record: PlanRecord) -> bool:
    """Whether the approval counts, by the real clock (rule T2)."""
    expires = record.approval_expires_at
    return record.state is PlanState.APPROVED and (
        expires is None or context.moment.clock < expires
    )


def _refuse_unfit(context: RunContext, record: PlanRecord, version: str, mode: PruneMode) -> None:
    reason = ""
    if mode is PruneMode.DRY_RUN:
        reason = "this is a dry run, which deletes nothing"
    elif record.policy_version != version:
        reason = f"it was made for version {record.policy_version} of the policy, now {version}"
    elif not _in_force(context, record):
        reason = "it is not approved, or its approval has expired or was used"
    if reason:
        raise ApprovalRefused(
            f"Plan {record.digest[:12]} of project {context.project} is not executed: {reason}",
            next_step="Read the newest plan, and approve that one.",
        )


def _approved_plan(tools: Tools, record: PlanRecord) -> _Approval:
    try:
        ids = frozenset(
            item.backup_id for item in Plan.from_json(tools.store.get(record.key)).to_go
        )
    except (SubjectUnknown, ValueError):
        ids = frozenset()
    if digest_of(record.policy_version, ids) != record.digest:
        raise ApprovalRefused(
            f"The stored text of the approved plan {record.digest[:12]} is missing or altered",
            next_step="Let prune plan anew, and approve that plan.",
        )
    return _Approval(record, ids)


def _baseline(
    tools: Tools, last: Run | None, document: PolicyDocument, version: str
) -> Baseline | None:
    """By what the last accepted prune went (rule D3); None before the first."""
    if last is None:
        return None
    kept = last.summary.get("baseline", {})
    was = str(kept.get("policy_version", last.policy_version))
    assignments = dict(kept.get("assignments", {}))
    if was == version:
        return Baseline(document, was, assignments)
    try:
        return Baseline(tools.policy_version(was), was, assignments)
    except (SubjectUnknown, PolicyInvalid):
        return Baseline(None, was, assignments)


def _next_baseline(plan: Plan, baseline: Baseline | None, *, accepted: bool) -> dict[str, Any]:
    """A changed policy is the new measure once it changes little, or a person approved it."""
    if plan.policy_changed and baseline is not None and not accepted:
        return {
            "policy_version": baseline.version,
            "assignments": dict(baseline.assignments),
        }
    return {"policy_version": plan.policy_version, "assignments": dict(plan.assignments)}


def _chosen(plan: Plan, mode: PruneMode, approval: _Approval | None) -> frozenset[str]:
    """What this run may delete of what is planned."""
    if mode is PruneMode.DRY_RUN:
        return frozenset()
    approved = approval.ids if approval else frozenset()
    return frozenset(
        item.backup_id
        for item in plan.to_go
        if item.backup_id in approved
        or (mode is PruneMode.ENFORCE and item.action is Action.DELETE)
    )


def _waits(plan: Plan, mode: PruneMode, chosen: frozenset[str]) -> bool:
    return mode is not PruneMode.DRY_RUN and any(
        item.backup_id not in chosen for item in plan.to_go
    )


# --- Record ---------------------------------------------------------------------------------


def plan_key(project: str, digest: str) -> str:
    """Where the whole of a plan lies in the bucket."""
    return f"plans/{project}/{digest}.json"


def _record_plan(context: RunContext, tools: Tools, plan: Plan, *, awaiting: bool) -> None:
    """The whole plan into the bucket, then a small record of it; an approval in force stays."""
    key = plan_key(context.project, plan.digest)
    tools.store.put(key, plan.to_json(), content_type="application/json")
    known = tools.ledger.plan(plan.digest)
    if known is not None and _in_force(context, known):
        return
    tools.ledger.put_plan(
        PlanRecord(
            digest=plan.digest,
            state=PlanState.AWAITING_APPROVAL if awaiting else PlanState.PLANNED,
            policy_version=plan.policy_version,
            created_at=context.moment.clock,
            run_id=context.run_id,
            key=key,
            delete_count=len(plan.to_go),
            keep_count=len(plan.items) - len(plan.to_go),
            bytes_freed=plan.bytes_freed,
            waits_because=_waits_because(plan) if awaiting else "",
        )
    )


def _waits_because(plan: Plan) -> str:
    return plan.waits_because or "this deployment deletes nothing without approval"


def _close_plans(tools: Tools, approval: _Approval | None, act: _Act) -> None:
    """Say of plans that they are executed: this run's, and the approved one it went by."""
    if not act.everything_chosen_is_deleted:
        return
    if approval is not None:
        tools.ledger.put_plan(replace(approval.record, state=PlanState.EXECUTED))
    if act.complete and (approval is None or approval.digest != act.plan.digest):
        record = tools.ledger.plan(act.plan.digest)
        if record is not None:
            tools.ledger.put_plan(replace(record, state=PlanState.EXECUTED))


# --- Act ------------------------------------------------------------------------------------


class _Act:
    """Carries out the chosen part of a plan: several indexes at a time, each in order."""

    def __init__(
        self, context: RunContext, tools: Tools, facts: Facts, plan: Plan, chosen: frozenset[str]
    ) -> None:
        self.plan = plan
        self.deleted: list[str] = []
        self.skipped: list[str] = []
        self.failed: dict[str, str] = {}
        self.deferred: list[str] = []
        self.skipped_indexes: dict[str, str] = {}
        self.changed: dict[str, str] = {}
        """Names whose active incarnation is not the planned one, with what was found (I1)."""
        self._context = context
        self._tools = tools
        self._facts = facts
        self._chosen = chosen
        self._broken = threading.Event()

    @property
    def everything_chosen_is_deleted(self) -> bool:
        return bool(self._chosen) and self._chosen == set(self.deleted)

    @property
    def complete(self) -> bool:
        """Whether all that was to go is deleted: nothing waits and nothing failed."""
        return self.everything_chosen_is_deleted and len(self._chosen) == len(self.plan.to_go)

    def carry_out(self) -> None:
        """Delete; the first error of the ledger stops everything and is raised."""
        work: dict[str, list[PlanItem]] = {}
        for item in self.plan.to_go:
            if item.backup_id in self._chosen:
                work.setdefault(item.index_id, []).append(item)
        if not work:
            return
        indexes = {index.index_id: index for index in self.plan.indexes}
        with ThreadPoolExecutor(min(self._tools.workers, len(work))) as pool:
            running = [
                pool.submit(self._index, indexes[index_id], items)
                for index_id, items in work.items()
            ]
        for future in running:
            future.result()

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
        except BaseException:
            self._broken.set()
            raise

    def _delete_in_order(self, items: Sequence[PlanItem]) -> None:
        held = self._held_now()
        for item in items:
            if self._broken.is_set() or self._out_of_time():
                self.deferred.append(item.backup_id)
            elif held & {item.backup_id, item.index_name}:
                self.failed[item.backup_id] = "a hold was placed while this run was planning"
            else:
                self._delete(item)

    def _out_of_time(self) -> bool:
        return self._tools.time_left() < STOP_BEFORE

    def _held_now(self) -> frozenset[str]:
        """What is held now: a hold may be younger than the plan (rule D1)."""
        clock = self._context.moment.clock
        return frozenset(hold.target for hold in self._tools.ledger.holds() if hold.active(clock))

    def _doubt(self, index: PlannedIndex) -> str:
        """Why nothing of the index may be deleted just now (rules I1 and D5), or empty."""
        try:
            return self._wrong_incarnation(index) or self._anchor_lost(index)
        except LedgerError:
            raise
        except BackupError as error:
            return f"it could not be looked at before its first deletion: {error.problem}"

    def _wrong_incarnation(self, index: PlannedIndex) -> str:
        name = index.index_name
        if all(listed.name != name for listed in self._facts.indexes):
            return ""  # a deleted index whose name is free; a living one is always listed
        plane, asked = self._tools.control_plane, self._facts.active
        active = asked[name] if name in asked else active_incarnation(plane, name)
        if index.orphan == (active != index.index_id):
            return ""
        self.changed[name] = active or "an incarnation without backups"
        return f"the plan is about {index.index_id}, and the active index is {self.changed[name]}"

    def _anchor_lost(self, index: PlannedIndex) -> str:
        if index.anchor is None:
            return ""
        try:
            anchor = self._tools.control_plane.describe_backup(index.anchor)
        except NotFound:
            return f"its newest good backup {index.anchor} is gone"
        if anchor.status is Status.READY and anchor.index_id == index.index_id:
            return ""
        return f"its newest good backup {index.anchor} is {anchor.status_text}"

    def _delete(self, item: PlanItem) -> None:
        entry = self._facts.inventory.entries[item.backup_id]
        record = entry.known(self._context.moment.clock)
        intent = Deletion(
            DeletionState.UNKNOWN,
            self._context.moment.clock,
            self._context.run_id,
            self._context.actor,
            item.reasons,
        )
        self._tools.ledger.put_backup(replace(record, deletion=intent))
        outcome = self._ask(intent, item.backup_id)
        self._tools.ledger.put_backup(replace(record, deletion=outcome))
        if outcome.state.spent:
            self._tools.ledger.record_event(_deleted_event(self._context, record, outcome))
            self.deleted.append(item.backup_id)
        elif outcome.state is DeletionState.SKIPPED:
            self.skipped.append(item.backup_id)
        else:
            self.failed[item.backup_id] = outcome.error

    def _ask(self, intent: Deletion, backup_id: str) -> Deletion:
        """Rule D6."""
        try:
            self._tools.control_plane.delete_backup(backup_id)
        except NotFound:
            return replace(intent, state=DeletionState.GONE)
        except PreconditionFailed as error:
            return replace(intent, state=DeletionState.SKIPPED, error=error.problem)
        except OutcomeUnknown as error:
            return replace(intent, error=error.problem)
        except BackupError as error:
            return replace(intent, state=DeletionState.FAILED, error=error.problem)
        return replace(intent, state=DeletionState.ACCEPTED)


# --- Announce -------------------------------------------------------------------------------


def _deleted_event(context: RunContext, record: BackupRecord, deletion: Deletion) -> DomainEvent:
    return DomainEvent.of(
        "backup.deleted",
        record.backup_id,
        project=context.project,
        at=deletion.at,
        backup_id=record.backup_id,
        index=record.index_name,
        name=record.name,
        reasons=list(deletion.reasons),
        run_id=deletion.run_id,
        actor=deletion.actor,
    )


def _tell(context: RunContext, tools: Tools, outcome: PruneOutcome, seen: _Seen, act: _Act) -> None:
    """Leave the news of a waiting plan, and the findings of this run."""
    plan = outcome.plan
    if outcome.awaiting:
        tools.ledger.record_event(
            DomainEvent.of(
                "plan.awaiting",
                plan.digest,
                project=context.project,
                at=context.moment.clock,
                digest=plan.digest,
                delete_count=len(plan.to_go),
                bytes_freed=plan.bytes_freed,
                waits_because=_waits_because(plan),
            )
        )
    record_findings(
        tools.ledger,
        [*_plan_findings(outcome), *_index_findings(act), *_stuck_deletions(context, seen.facts)],
        Evidence.of([Control.PLAN_WAITING, Control.PRUNE_STOPPED, Control.DELETION_STUCK]),
        context.moment.clock,
    )


def _plan_findings(outcome: PruneOutcome) -> Iterable[Observation]:
    plan = outcome.plan
    if plan.stopped:
        yield Observation.of(
            Control.PRUNE_STOPPED,
            PROJECT_SUBJECT,
            title=f"The prune of project {plan.project} stopped before its first deletion",
            diagnosis=plan.stopped,
            action="Mend what it names; the next prune goes on.",
        )
    if outcome.awaiting:
        yield Observation.of(
            Control.PLAN_WAITING,
            plan.digest,
            title=f"A prune plan of project {plan.project} waits for approval",
            diagnosis=f"{len(plan.to_go)} backups would go: {_waits_because(plan)}.",
            action="Read the plan and approve it, or change the policy.",
            delete_count=len(plan.to_go),
        )


def _index_findings(act: _Act) -> Iterable[Observation]:
    for name, reason in sorted(act.skipped_indexes.items()):
        control = Control.INCARNATION_CHANGED if name in act.changed else Control.PRUNE_STOPPED
        yield Observation.of(
            control,
            name,
            title=f"Nothing of index {name} was deleted",
            diagnosis=reason,
            action="The next prune looks again.",
        )


def _stuck_deletions(context: RunContext, facts: Facts) -> Iterable[Observation]:
    """Rule G4."""
    for entry in facts.inventory.entries.values():
        deletion = entry.record.deletion if entry.record else None
        if entry.worth is not Worth.SPENT or deletion is None:
            continue
        if context.moment.clock - deletion.at > DELETION_TAKES_AT_MOST:
            yield Observation.of(
                Control.DELETION_STUCK,
                entry.backup.backup_id,
                title=f"Backup {entry.backup.name or entry.backup.backup_id} is still listed",
                diagnosis=f"Pinecone accepted its deletion at {deletion.at:%FT%TZ}.",
                action="Delete it in the Pinecone console, or ask Pinecone's support.",
                index=entry.backup.index_name,
            )
