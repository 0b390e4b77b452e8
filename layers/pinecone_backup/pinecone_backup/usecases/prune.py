"""Prune one project: list, decide, act, record, announce.

What may go is decided in ``rules.plan``; ``usecases.deletion`` carries it out. A backup whose
deletion was accepted counts for nothing from then on (rule G4); the run that no longer finds it,
neither listed nor described, confirms that it is deleted (rule N2).
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    ItemUnreadable,
    PolicyInvalid,
    SubjectUnknown,
)
from pinecone_backup.model import DomainEvent, PruneMode, RunKind
from pinecone_backup.reasons import Reason, ReasonKind, sentence
from pinecone_backup.records import (
    BaselineRecord,
    DeletionState,
    PlanRecord,
    PlanState,
    RunState,
)
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control, Evidence, Observation
from pinecone_backup.rules.inventory import Worth
from pinecone_backup.rules.plan import Action, Plan, make_plan, next_baseline
from pinecone_backup.rules.plan_facts import Baseline
from pinecone_backup.rules.protection import safeguards_of
from pinecone_backup.usecases.approvals import approval_in_force, approved_plan
from pinecone_backup.usecases.deletion import STOP_BEFORE, PlanDeletions, PruneServices
from pinecone_backup.usecases.findings import record_findings
from pinecone_backup.usecases.project_state import plan_facts, read_project_state, store_verdicts
from pinecone_backup.usecases.runs import TOO_FAR_AHEAD, time_in_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import Ledger
    from pinecone_backup.records import Run
    from pinecone_backup.rules.plan_facts import Facts
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
        deleted: Accepted by Pinecone, or deleted already, in this run.
        skipped: Pinecone does not delete them for now (412).
        failed: Why each of these could not be deleted, by backup id.
        deferred: Left to the next run because time ran out.
        skipped_indexes: Why an index was left out, by name.
        vanished: Backups that were deleted outside this deployment.
        unexpected: What broke at an index, by its name; the other indexes went on.
    """

    plan: Plan
    mode: PruneMode
    first: bool
    awaiting: bool = False
    approved: str = ""
    deleted: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    deferred: tuple[str, ...] = ()
    skipped_indexes: Mapping[str, str] = field(default_factory=dict)
    confirmed: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    unexpected: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> RunState:
        """Stopped by a safeguard before its first deletion, finished in part, or finished."""
        held_back = self.mode is PruneMode.ENFORCE and self.plan.held_back and not self.attempted
        if self.plan.stopped or held_back:
            return RunState.STOPPED
        if self.skipped or self.failed or self.deferred or self.skipped_indexes:
            return RunState.PARTIAL
        return RunState.SUCCEEDED

    @property
    def attempted(self) -> bool:
        """Whether it was allowed to delete anything."""
        tried = self.approved or self.deleted or self.skipped or self.failed or self.deferred
        return bool(tried or self.skipped_indexes)

    @property
    def in_full(self) -> bool:
        """Whether all is deleted that may be, and only approvals are waited for (rule D2)."""
        left = self.skipped or self.failed or self.deferred or self.skipped_indexes
        deletes = self.mode is PruneMode.ENFORCE or not self.left_to_go
        return deletes and not left and self.plan.whole

    @property
    def left_to_go(self) -> frozenset[str]:
        """What is to go and was not deleted, for whatever reason."""
        return frozenset(item.backup_id for item in self.plan.to_go) - set(self.deleted)

    @property
    def waiting(self) -> int:
        """How many deletions only an approval is missing for; what failed is tried again."""
        enforced = self.mode is PruneMode.ENFORCE
        may_go = {
            item.backup_id for item in self.plan.to_go if enforced and item.action is Action.DELETE
        }
        return len(self.left_to_go - may_go)

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
            "stopped": str(self.plan.stopped or ""),
            "awaiting_approval": self.awaiting,
            "waits_because": sentence(self.plan.waits_because),
            "approved_digest": self.approved,
            "deleted": list(self.deleted),
            "deleted_by_index": dict(
                Counter(
                    item.index_name
                    for item in self.plan.items
                    if item.backup_id in frozenset(self.deleted)
                )
            ),
            "skipped": list(self.skipped),
            "failed": dict(self.failed),
            "deferred": len(self.deferred),
            "skipped_indexes": dict(self.skipped_indexes),
            "frozen_indexes": {
                index.index_name: str(index.frozen) for index in self.plan.indexes if index.frozen
            },
            "confirmed_deleted": list(self.confirmed),
            "vanished": list(self.vanished),
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
        rule=services.approvals,
    )
    state = read_project_state(
        context,
        services.control_plane,
        services.ledger,
        enough_time=lambda: services.time_left() >= STOP_BEFORE,
        describe_at_most=DESCRIBED_AT_MOST,
    )
    baseline = former_baseline(
        services.ledger,
        last,
        services.policy_version,
        document,
        policy_version,
        now=context.time.actual,
    )
    facts, verdicts = plan_facts(
        context,
        services.control_plane,
        services.ledger,
        state,
        document=document,
        policy_version=policy_version,
        baseline=baseline,
    )
    store_verdicts(context, services.ledger, facts.inventory, verdicts)
    plan = make_plan(facts)
    chosen = _chosen(plan, mode, approval)
    awaiting = _waits(plan, mode, chosen)
    _record_plan(context, services, plan, awaiting=awaiting)
    act = PlanDeletions(context, services, facts, plan, chosen, approval)
    act.carry_out()
    outcome = PruneOutcome(
        plan=plan,
        mode=mode,
        first=last is None,
        awaiting=awaiting,
        approved=approval.digest if approval else "",
        deleted=tuple(sorted(act.deleted)),
        skipped=tuple(sorted(act.skipped)),
        failed=dict(sorted(act.failed.items())),
        deferred=tuple(sorted(act.deferred)),
        skipped_indexes=dict(sorted(act.skipped_indexes.items())),
        confirmed=tuple(each.backup_id for each in state.deleted if each.actor),
        vanished=tuple(each.backup_id for each in state.deleted if not each.actor),
        unexpected=dict(sorted(act.unexpected.items())),
    )
    _close_plans(services, plan, approval, act)
    if outcome.state in (RunState.SUCCEEDED, RunState.PARTIAL):
        now = context.time.actual
        measure = baseline or Baseline(None, "", {}, _beginning(services.ledger, now))
        after = next_baseline(
            measure,
            plan,
            document,
            left=outcome.left_to_go,
            in_full=outcome.in_full,
            now=now,
        )
        services.ledger.put_baseline(
            BaselineRecord(after.policy_version, after.assignments, after.carried_out_at)
        )
    _record(context, services, outcome, facts, act)
    return outcome


# --- Decide ---------------------------------------------------------------------------------


def former_baseline(
    ledger: Ledger,
    last: Run | None,
    load_version: Callable[[str], PolicyDocument],
    document: PolicyDocument,
    policy_version: str,
    *,
    now: datetime,
) -> Baseline | None:
    """By what earlier prunes went (rules D2 and D3); None before the first.

    Args:
        ledger: The project's ledger.
        last: The last completed prune.
        load_version: Reads an earlier version of the policy document.
        document: The policy document in force, with its ``policy_version``.
        policy_version: The version in force.
        now: The actual time, UTC.
    """
    kept = ledger.baseline()
    if kept is None and last is None:
        return None
    if kept is None:  # lost, or it cannot be read: nobody knows what has changed
        return Baseline(None, "", {})
    former: PolicyDocument | None = document
    if kept.policy_version != policy_version:
        try:
            former = load_version(kept.policy_version)
        except (SubjectUnknown, PolicyInvalid):
            former = None
    since = _believable(ledger, kept.carried_out_at, now)
    deleted = _deleted_since(ledger, since) if since is not None else {}
    return Baseline(former, kept.policy_version, kept.assignments, since, deleted)


def _deleted_since(ledger: Ledger, since: datetime) -> Mapping[str, int]:
    """How many older backups prunes have deleted without an approval, by index id (rule D2)."""
    return Counter(
        deletion.index_id
        for deletion in ledger.deletions(since=since)
        if deletion.digest
        and deletion.at > since  # those of that prune itself bear its time
        and not deletion.approved_by
        and deletion.state not in (DeletionState.FAILED, DeletionState.SKIPPED)
        and not (deletion.created_at and deletion.created_at > since)
    )


def _believable(ledger: Ledger, carried_out_at: datetime | None, now: datetime) -> datetime | None:
    """When a prune was last carried out in full; where the clock ran ahead, the one before it."""
    if carried_out_at is None or carried_out_at <= now + TOO_FAR_AHEAD:
        return carried_out_at
    earlier = (
        run.started_at
        for run in ledger.runs_before(time_in_id(now))
        if run.kind is RunKind.PRUNE and run.state is RunState.SUCCEEDED
    )
    return next(earlier, None) or _beginning(ledger, now)


def _beginning(ledger: Ledger, now: datetime) -> datetime:
    """When this ledger first saw an index: churn is measured from there (rule D2)."""
    seen = [record.first_seen_at for record in ledger.indexes().values()]
    return min([*seen, now])


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
            waits_because=_waits_because(plan) if awaiting else (),
        ),
        over=known,
    )


def _waits_because(plan: Plan) -> tuple[Reason, ...]:
    return plan.waits_because or (Reason.of(ReasonKind.APPROVAL_MODE),)


def _close_plans(
    services: PruneServices, plan: Plan, approval: Approval | None, act: PlanDeletions
) -> None:
    """Say of plans that they are executed: the approved one, and this run's."""
    deleted = set(act.deleted)
    left = {
        item.backup_id for item in plan.items if item.action is not Action.DELETION_PENDING
    } - deleted
    if approval is not None and not approval.ids & left:
        executed = replace(approval.record, state=PlanState.EXECUTED)
        services.ledger.put_plan(executed, over=approval.record)
    with suppress(ItemUnreadable):
        record = services.ledger.plan(plan.digest) if act.complete else None
        if record is not None:
            services.ledger.put_plan(replace(record, state=PlanState.EXECUTED), over=record)


# --- Announce -------------------------------------------------------------------------------


def _record(
    context: RunContext,
    services: PruneServices,
    outcome: PruneOutcome,
    facts: Facts,
    act: PlanDeletions,
) -> None:
    """Leave the event of a waiting plan, and the findings of this run."""
    plan = outcome.plan
    if outcome.awaiting and not _waits_already(services.ledger):
        services.ledger.record_event(
            DomainEvent.of(
                "plan.awaiting",
                plan.digest,
                project=context.project,
                at=context.time.actual,
                digest=plan.digest,
                delete_count=len(plan.to_go),
                bytes_freed=plan.bytes_freed,
                waits_because=sentence(_waits_because(plan)),
            )
        )
    record_findings(
        services.ledger,
        [*_plan_findings(outcome), *_index_findings(act), *_stuck_deletions(context, facts)],
        Evidence.of([Control.PLAN_WAITING, Control.PRUNE_STOPPED, Control.DELETION_STUCK]),
        context.time.actual,
    )


def _waits_already(ledger: Ledger) -> bool:
    """Whether a plan has been waiting since an earlier run: that is announced once."""
    return any(
        finding.open and finding.control == Control.PLAN_WAITING for finding in ledger.findings()
    )


def _plan_findings(outcome: PruneOutcome) -> Iterable[Observation]:
    plan = outcome.plan
    if plan.stopped:
        yield Observation.of(
            Control.PRUNE_STOPPED,
            PROJECT_SUBJECT,
            title=f"The prune of project {plan.project} stopped before its first deletion",
            diagnosis=str(plan.stopped),
            action="Mend what it names; the next prune goes on.",
        )
    if outcome.awaiting:
        yield Observation.of(
            Control.PLAN_WAITING,
            PROJECT_SUBJECT,
            title=f"A prune plan of project {plan.project} waits for approval",
            diagnosis=_diagnosis(outcome),
            action=_action(plan),
            delete_count=outcome.waiting,
            digest=plan.digest,
        )


def _diagnosis(outcome: PruneOutcome) -> str:
    """How many deletions wait, before which safeguards, and by which figures."""
    reasons = _waits_because(outcome.plan)
    safeguards = ", ".join(safeguards_of(reasons)) or "approval"
    count = outcome.waiting
    waits = "deletion waits" if count == 1 else "deletions wait"
    return f"{count} {waits} ({safeguards}): {sentence(reasons)}."


def _action(plan: Plan) -> str:
    """What a person can do, with the setting that would let the plan pass (rule D2)."""
    settings = [
        "{setting} to count {count_needed} and percent {percent_needed}".format_map(
            reason.parameters
        )
        for reason in _waits_because(plan)
        if "setting" in reason.parameters
    ]
    raised = f", or set {', '.join(settings)} in the policy document" if settings else ""
    return f"Read the plan and approve it, or change the policy{raised}."


def _index_findings(act: PlanDeletions) -> Iterable[Observation]:
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
