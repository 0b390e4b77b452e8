"""Approvals: people read a plan and say that what it names may go (rules D4 and D9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import ApprovalRefused, LedgerConflict, RuleForbids, SubjectUnknown
from pinecone_backup.model import DomainEvent, PruneMode, TriggerKind
from pinecone_backup.records import PlanApproval, PlanState
from pinecone_backup.rules.approval import NOBODY, ApprovalRule, principal_of
from pinecone_backup.rules.plan import Plan, digest_of

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import Ledger, ObjectStore
    from pinecone_backup.records import PlanRecord
    from pinecone_backup.settings import PruneSettings

_TRIES = 8
ONE_PERSON = ApprovalRule()
"""Whoever may approve may also execute: what a deployment demands unless it says otherwise."""


def rule_of(settings: PruneSettings) -> ApprovalRule:
    """How many people a deployment demands behind a plan (rule D9)."""
    return ApprovalRule(settings.approver_is_another, settings.two_approvers_above)


@dataclass(frozen=True, slots=True)
class Approval:
    """A plan that a person approved, and the ids in it."""

    record: PlanRecord
    ids: frozenset[str]

    @property
    def digest(self) -> str:
        """The plan's digest."""
        return self.record.digest


def approve_plan(
    ledger: Ledger,
    digest: str,
    *,
    policy_version: str,
    who: str,
    reason: str,
    until: datetime,
    now: datetime,
    rule: ApprovalRule = ONE_PERSON,
) -> PlanRecord:
    """Approve a plan by its digest; once enough people did, the next prune carries it out.

    Only what the plan names and is still to go then is deleted. Approving again replaces one's
    own reason and end; the same person's same words again change nothing.

    Args:
        ledger: The project's ledger.
        digest: The plan's digest, which stands for exactly the backups that were read.
        policy_version: The version of the policy document in force.
        who: Who approves.
        reason: Why.
        until: When the approval ends, by the real clock (rule T2).
        now: The actual time, UTC.
        rule: How many people the deployment demands.

    Raises:
        SubjectUnknown: There is no such plan.
        ApprovalRefused: The plan is for another policy, was executed, or has nothing to delete.
        RuleForbids: No reason is given, or the approval would have ended already.
        LedgerError: The ledger could not be read or written.
    """
    if not reason.strip():
        raise RuleForbids("Approving a plan needs a reason", rule="reason", next_step="Say why.")
    if until <= now:
        raise RuleForbids(
            f"The approval would have ended at {until:%FT%TZ}, before it was given",
            rule="approval",
            next_step="Give a later end.",
        )
    approval = PlanApproval(who, reason.strip(), now, until)
    for _ in range(_TRIES):
        record = ledger.plan(digest)
        if record is None:
            raise SubjectUnknown(f"Project {ledger.project} has no plan {digest!r}")
        _refuse_unfit(record, policy_version)
        if _approved_already(record, approval):
            return record
        wanted = _with_approval(record, approval, rule)
        event = DomainEvent.of(
            "plan.approved",
            f"{digest}|{who}|{now.isoformat()}",
            project=ledger.project,
            at=now,
            digest=digest,
            delete_count=record.delete_count,
            reason=approval.reason,
            actor=who,
            until=until.isoformat(),
            approvals_lacking=rule.lacking(wanted, None, now),
        )
        approved = ledger.put_plan(wanted, over=record, event=event)
        if approval in approved.approvals:
            return approved
        # somebody else was quicker: a prune carried it out, or another person approved it
    raise LedgerConflict(f"Plan {digest[:12]} was changed by others all the time")


def _with_approval(record: PlanRecord, approval: PlanApproval, rule: ApprovalRule) -> PlanRecord:
    """The plan with one more approval, which takes the place of the same person's own."""
    who, now = principal_of(approval.approved_by), approval.approved_at
    others = (
        each
        for each in record.approvals
        if now < each.expires_at and principal_of(each.approved_by) != who
    )
    approved = replace(record, approvals=(*others, approval))
    enough = not rule.lacking(approved, None, now)
    return replace(approved, state=PlanState.APPROVED if enough else PlanState.AWAITING_APPROVAL)


def _approved_already(record: PlanRecord, approval: PlanApproval) -> bool:
    """Whether the same person has said the same, to the same end or for as long."""
    if record.state not in (PlanState.APPROVED, PlanState.AWAITING_APPROVAL):
        return False
    now, until = approval.approved_at, approval.expires_at
    return any(
        (each.approved_by, each.reason) == (approval.approved_by, approval.reason)
        and now < each.expires_at
        and (until == each.expires_at or until - now == each.expires_at - each.approved_at)
        for each in record.approvals
    )


def _refuse_unfit(record: PlanRecord, policy_version: str) -> None:
    reason = ""
    if record.policy_version != policy_version:
        reason = (
            f"it was made for version {record.policy_version} of the policy, "
            f"and {policy_version} is in force"
        )
    elif record.state is PlanState.EXECUTED:
        reason = "it was executed already"
    elif record.delete_count == 0:
        reason = "it has nothing to delete"
    if reason:
        raise ApprovalRefused(
            f"Plan {record.digest[:12]} cannot be approved: {reason}",
            next_step="Read the newest plan.",
        )


def approved_plan(
    context: RunContext,
    ledger: Ledger,
    store: ObjectStore,
    *,
    policy_version: str,
    mode: PruneMode,
    digest: str | None,
    rule: ApprovalRule = ONE_PERSON,
) -> Approval | None:
    """The approval that a prune goes by: the one asked for, else the newest in force.

    Args:
        context: The prune run.
        ledger: The project's ledger; approvals that have ended are marked in it.
        store: Where whole plans lie.
        policy_version: The version of the policy document in force.
        mode: What the run may do; a dry run goes by no approval.
        digest: The plan asked for, or None.
        rule: How many people the deployment demands.

    Raises:
        SubjectUnknown: There is no plan of that digest.
        ApprovalRefused: The plan asked for is not approved, not any more, or for another policy;
            or an approved plan's text is missing or altered.
        LedgerError: The ledger could not be read or written.
        StoreUnavailable: The plan could not be read.
    """
    if digest is not None:
        record = ledger.plan(digest)
        if record is None:
            raise SubjectUnknown(f"Project {context.project} has no plan {digest!r}")
        refuse_to_execute(context, record, policy_version, mode, rule)
        return _read(store, record)
    if mode is PruneMode.DRY_RUN:
        return None
    for record in ledger.plans():
        if record.state is not PlanState.APPROVED:
            continue
        if not approval_in_force(context, record):
            ledger.put_plan(replace(record, state=PlanState.EXPIRED), over=record)
        elif record.policy_version == policy_version and not _lacking(context, record, rule):
            return _read(store, record)
    return None


def approval_in_force(context: RunContext, record: PlanRecord) -> bool:
    """Whether somebody approved a plan, and it still counts by the real clock (rule T2)."""
    return record.state in (PlanState.APPROVED, PlanState.AWAITING_APPROVAL) and any(
        context.time.actual < each.expires_at for each in record.approvals
    )


def _lacking(context: RunContext, record: PlanRecord, rule: ApprovalRule) -> int:
    """How many more people must approve a plan that this run would execute (rule D9).

    Who executes is known only where the API wrote it down.
    """
    executor = context.actor if context.trigger is TriggerKind.API else NOBODY
    return rule.lacking(record, executor, context.time.actual)


def refuse_to_execute(
    context: RunContext,
    record: PlanRecord,
    policy_version: str,
    mode: PruneMode,
    rule: ApprovalRule = ONE_PERSON,
) -> None:
    """Refuse to carry out a plan that may not be (rules D4 and D9).

    Raises:
        ApprovalRefused: This is a dry run; or the plan is for another policy, or not approved, or
            not any more, or by too few other people.
    """
    reason, next_step = "", "Read the newest plan, and approve that one."
    if mode is PruneMode.DRY_RUN:
        reason = "this is a dry run, which deletes nothing"
    elif record.policy_version != policy_version:
        reason = (
            f"it was made for version {record.policy_version} of the policy, now {policy_version}"
        )
    elif record.state is PlanState.EXECUTED or not approval_in_force(context, record):
        reason = "it is not approved, or its approval has expired or was used"
    elif lacking := _lacking(context, record, rule):
        reason = f"{lacking} more {'person' if lacking == 1 else 'people'} must approve it"
        next_step = "Let somebody else approve it; whoever executes it is no approver."
    if reason:
        raise ApprovalRefused(
            f"Plan {record.digest[:12]} of project {context.project} is not executed: {reason}",
            next_step=next_step,
        )


def _read(store: ObjectStore, record: PlanRecord) -> Approval:
    """The ids that were approved, checked against the digest."""
    try:
        ids = frozenset(item.backup_id for item in Plan.from_json(store.get(record.key)).to_go)
    except (SubjectUnknown, ValueError):
        ids = frozenset()
    if digest_of(record.policy_version, ids) != record.digest:
        raise ApprovalRefused(
            f"The stored text of the approved plan {record.digest[:12]} is missing or altered",
            next_step="Let prune plan anew, and approve that plan.",
        )
    return Approval(record, ids)
