"""Prune one project: list, decide, act, record, announce.

What may go is decided in ``rules.plan``; ``deletions`` carries it out. A backup whose deletion
was accepted counts for nothing from then on (rule G4); the run that no longer finds it, neither
listed nor described, confirms it gone (rule N2).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    ItemUnreadable,
    NotFound,
    PineconeError,
    PolicyInvalid,
    SubjectUnknown,
)
from pinecone_backup.model import DomainEvent, RunKind
from pinecone_backup.records import PlanRecord, PlanState, RunState, Verdict
from pinecone_backup.rules.containment import PROTECTING
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control, Evidence, Observation
from pinecone_backup.rules.inventory import Worth, missing, native_marks, take_inventory
from pinecone_backup.rules.plan import Action, Baseline, Facts, Plan, ambiguous_names, make_plan
from pinecone_backup.rules.verdict import EMPTY_AS_THE_INDEX, judge
from pinecone_backup.settings import PruneMode
from pinecone_backup.usecases.approvals import approval_in_force, approved_plan
from pinecone_backup.usecases.deletions import STOP_BEFORE, Deletions, PruneServices
from pinecone_backup.usecases.findings import record_findings
from pinecone_backup.usecases.gone import confirm_deleted
from pinecone_backup.usecases.listing import active_incarnation, list_project, own_writes

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from pinecone_backup.model import Backup, Index, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import BackupRecord, Run
    from pinecone_backup.rules.inventory import Inventory
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.usecases.approvals import Approval

DELETION_TAKES_AT_MOST = timedelta(hours=24)
"""A backup still listed this long after its deletion was accepted is a finding (rule G4)."""
DESCRIBED_AT_MOST = 100
"""So many backups that the listing misses are described in one run; the others wait."""


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
        unexpected: What broke at an index, by its name; the other indexes went on.
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
    unexpected: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> RunState:
        """Stopped by a safeguard, finished in part, or finished."""
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
    services: PruneServices,
    *,
    document: PolicyDocument,
    policy_version: str,
    mode: PruneMode,
    digest: str | None = None,
) -> PruneOutcome:
    """Prune one project as far as the rules, the mode and approvals allow.

    Args:
        context: The run.
        services: What the prune works with.
        document: The policy, with its ``version``.
        policy_version: The version of the document.
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
    last = services.ledger.last_completed(RunKind.PRUNE)
    if last is None:
        mode = PruneMode.DRY_RUN
    approval = approved_plan(
        context,
        services.ledger,
        services.store,
        policy_version=policy_version,
        mode=mode,
        digest=digest,
    )
    seen = _look(context, services, document, policy_version)
    baseline = _baseline(services, last, document, policy_version)
    plan = make_plan(replace(seen.facts, baseline=baseline))
    chosen = _chosen(plan, mode, approval)
    awaiting = _waits(plan, mode, chosen)
    _record_plan(context, services, plan, awaiting=awaiting)
    act = Deletions(context, services, seen.facts, plan, chosen)
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
        unexpected=dict(sorted(act.unexpected.items())),
    )
    _close_plans(services, plan, approval, act)
    _tell(context, services, outcome, seen, act)
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


def _look(
    context: RunContext, services: PruneServices, document: PolicyDocument, policy_version: str
) -> _Seen:
    control_plane, ledger, now = services.control_plane, services.ledger, context.time.actual
    rows = list(list_project(control_plane, writes=lambda: own_writes(ledger)))
    indexes = control_plane.list_indexes()
    records = ledger.backups()

    def take() -> Inventory:
        return take_inventory(
            rows,
            records=records,
            owner=context.owner,
            now=now,
            native=native_marks(ledger.schedules(), {}),
        )

    inventory = take()
    overlooked, confirmed, vanished = _describe_missing(context, services, inventory, records)
    if overlooked:
        rows.extend(overlooked)
        inventory = take()
    unreadable = ledger.inspect(PROTECTING)
    inventory = _judge(
        context,
        ledger,
        inventory,
        indexes,
        document,
        unread={item.backup_id for item in unreadable},
    )
    facts = Facts(
        project=context.project,
        inventory=inventory,
        indexes=indexes,
        document=document,
        policy_version=policy_version,
        time=context.time,
        holds=ledger.holds(),
        restoring=restoring(control_plane, ledger),
        unreadable=unreadable,
        active={
            name: active_or_none(control_plane, name)
            for name in ambiguous_names(inventory, indexes)
        },
        sources={record.backup_id: record.index_id for record in records.values()},
    )
    return _Seen(facts, confirmed, vanished)


def _describe_missing(
    context: RunContext,
    services: PruneServices,
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
        if services.time_left() < STOP_BEFORE:
            break
        try:
            overlooked.append(services.control_plane.describe_backup(record.backup_id))
        except NotFound:
            closed = confirm_deleted(context, services.ledger, record)
            ours = closed.deletion is not None and closed.deletion.actor
            (confirmed if ours else vanished).append(record.backup_id)
        except PineconeError:
            continue  # not described, so not called gone: a later run asks again
    return overlooked, confirmed, vanished


def _judge(
    context: RunContext,
    ledger: Ledger,
    inventory: Inventory,
    indexes: Iterable[Index],
    document: PolicyDocument,
    *,
    unread: Container[str],
) -> Inventory:
    """Take the verdicts that are due, store them, and leave the event of suspects (rule G1)."""
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
        inventory,
        shrink_percent=limits,
        now=context.time.actual,
        index_counts=counts,
        unreadable=unread,
    )
    stored = ledger.backups() if judged.records else {}
    for record in judged.records:
        if record.backup_id in stored and stored[record.backup_id].verdict is not None:
            continue  # an audit, which runs beside a prune, was quicker
        if record.verdict is Verdict.SUSPECT and record.verdict_reason != EMPTY_AS_THE_INDEX:
            ledger.record_event(suspect_event(context, record))
        ledger.put_backup(record)
    return judged.inventory


def suspect_event(context: RunContext, record: BackupRecord) -> DomainEvent:
    """The event of a suspect, once, whichever run sees it first."""
    return DomainEvent.of(
        "backup.suspect",
        record.backup_id,
        project=context.project,
        at=context.time.actual,
        backup_id=record.backup_id,
        index=record.index_name,
        name=record.name,
        record_count=record.record_count,
        reason=record.verdict_reason,
    )


def restoring(control_plane: ControlPlane, ledger: Ledger) -> dict[str, str]:
    """Backups that an unfinished restore job reads, also by our own memory of restores (D1)."""
    jobs = list(control_plane.restore_jobs())
    ended = {job.job_id for job in jobs if not job.unfinished}
    ours = {
        record.backup_id: record.job_id
        for record in ledger.restores()
        if record.finished_at is None and record.job_id not in ended
    }
    return ours | {job.backup_id: job.job_id for job in jobs if job.unfinished}


def active_or_none(control_plane: ControlPlane, name: str) -> str | None:
    """The active incarnation's id (rule I1); None without an active index, or without backups."""
    try:
        return active_incarnation(control_plane, name)
    except NotFound:
        return None


# --- Decide ---------------------------------------------------------------------------------


def _baseline(
    services: PruneServices, last: Run | None, document: PolicyDocument, policy_version: str
) -> Baseline | None:
    """By what the last accepted prune went (rule D3); None before the first."""
    if last is None:
        return None
    kept = last.summary.get("baseline", {})
    was = str(kept.get("policy_version", last.policy_version))
    assignments = dict(kept.get("assignments", {}))
    if was == policy_version:
        return Baseline(document, was, assignments)
    try:
        return Baseline(services.policy_version(was), was, assignments)
    except (SubjectUnknown, PolicyInvalid):
        return Baseline(None, was, assignments)


def _next_baseline(plan: Plan, baseline: Baseline | None, *, accepted: bool) -> dict[str, Any]:
    """A changed policy is the new measure once it changes little, or a person approved it."""
    if plan.policy_changed and baseline is not None and not accepted:
        return {
            "policy_version": baseline.policy_version,
            "assignments": dict(baseline.assignments),
        }
    return {"policy_version": plan.policy_version, "assignments": dict(plan.assignments)}


def _chosen(plan: Plan, mode: PruneMode, approval: Approval | None) -> frozenset[str]:
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


def _record_plan(
    context: RunContext, services: PruneServices, plan: Plan, *, awaiting: bool
) -> None:
    """The whole plan into the bucket, then a small record of it; an approval in force stays."""
    key = plan_key(context.project, plan.digest)
    services.store.put(key, plan.to_json(), content_type="application/json")
    try:
        known = services.ledger.plan(plan.digest)
    except ItemUnreadable:
        return  # it is left as it is, and nobody can approve it (rule U2)
    if known is not None and approval_in_force(context, known):
        return
    services.ledger.put_plan(
        PlanRecord(
            digest=plan.digest,
            state=PlanState.AWAITING_APPROVAL if awaiting else PlanState.PLANNED,
            policy_version=plan.policy_version,
            created_at=context.time.actual,
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


def _close_plans(
    services: PruneServices, plan: Plan, approval: Approval | None, act: Deletions
) -> None:
    """Say of plans that they are executed: the approved one, and this run's."""
    deleted = set(act.deleted)
    left = {
        item.backup_id for item in plan.items if item.action is not Action.DELETION_PENDING
    } - deleted
    if approval is not None and not approval.ids & left:
        services.ledger.put_plan(replace(approval.record, state=PlanState.EXECUTED))
    with suppress(ItemUnreadable):
        record = services.ledger.plan(plan.digest) if act.complete else None
        if record is not None:
            services.ledger.put_plan(replace(record, state=PlanState.EXECUTED))


# --- Announce -------------------------------------------------------------------------------


def _tell(
    context: RunContext, services: PruneServices, outcome: PruneOutcome, seen: _Seen, act: Deletions
) -> None:
    """Leave the event of a waiting plan, and the findings of this run."""
    plan = outcome.plan
    if outcome.awaiting:
        services.ledger.record_event(
            DomainEvent.of(
                "plan.awaiting",
                plan.digest,
                project=context.project,
                at=context.time.actual,
                digest=plan.digest,
                delete_count=len(plan.to_go),
                bytes_freed=plan.bytes_freed,
                waits_because=_waits_because(plan),
            )
        )
    record_findings(
        services.ledger,
        [*_plan_findings(outcome), *_index_findings(act), *_stuck_deletions(context, seen.facts)],
        Evidence.of([Control.PLAN_WAITING, Control.PRUNE_STOPPED, Control.DELETION_STUCK]),
        context.time.actual,
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


def _index_findings(act: Deletions) -> Iterable[Observation]:
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
        if entry.worth is not Worth.DELETION_ACCEPTED or deletion is None:
            continue
        if context.time.actual - deletion.at > DELETION_TAKES_AT_MOST:
            yield Observation.of(
                Control.DELETION_STUCK,
                entry.backup.backup_id,
                title=f"Backup {entry.backup.name or entry.backup.backup_id} is still listed",
                diagnosis=f"Pinecone accepted its deletion at {deletion.at:%FT%TZ}.",
                action="Delete it in the Pinecone console, or ask Pinecone's support.",
                index=entry.backup.index_name,
            )
