"""Approvals: a person read a plan and says that what it names may go (rule D4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import ApprovalRefused, RuleForbids, SubjectUnknown
from pinecone_backup.model import DomainEvent, PruneMode
from pinecone_backup.records import PlanState
from pinecone_backup.rules.plan import Plan, digest_of

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import Ledger, ObjectStore
    from pinecone_backup.records import PlanRecord


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
) -> PlanRecord:
    """Approve a plan by its digest; the next prune carries it out.

    Only what the plan names and is still to go then is deleted. Approving again replaces who,
    why and until when; the same person's same words again change nothing.

    Args:
        ledger: The project's ledger.
        digest: The plan's digest, which stands for exactly the backups that were read.
        policy_version: The version of the policy document in force.
        who: Who approves.
        reason: Why.
        until: When the approval ends, by the real clock (rule T2).
        now: The actual time, UTC.

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
    record = ledger.plan(digest)
    if record is None:
        raise SubjectUnknown(f"Project {ledger.project} has no plan {digest!r}")
    _refuse_unfit(record, policy_version)
    if _approved_already(record, who=who, reason=reason.strip(), until=until, now=now):
        return record
    approved = ledger.put_plan(
        replace(
            record,
            state=PlanState.APPROVED,
            approved_by=who,
            approved_reason=reason.strip(),
            approved_at=now,
            approval_expires_at=until,
        ),
        over=record,
        event=DomainEvent.of(
            "plan.approved",
            f"{digest}|{now.isoformat()}",
            project=ledger.project,
            at=now,
            digest=digest,
            delete_count=record.delete_count,
            reason=reason.strip(),
            actor=who,
            until=until.isoformat(),
        ),
    )
    if _approved_already(approved, who=who, reason=reason.strip(), until=until, now=now):
        return approved
    # somebody else was quicker: a prune carried it out, or another person approved it
    return approve_plan(
        ledger,
        digest,
        policy_version=policy_version,
        who=who,
        reason=reason,
        until=until,
        now=now,
    )


def _approved_already(
    record: PlanRecord, *, who: str, reason: str, until: datetime, now: datetime
) -> bool:
    """Whether the same person has said the same, to the same end or for as long."""
    said = (record.state, record.approved_by, record.approved_reason)
    ends, given = record.approval_expires_at, record.approved_at
    if said != (PlanState.APPROVED, who, reason) or ends is None or given is None or ends <= now:
        return False
    return until == ends or until - now == ends - given


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
) -> Approval | None:
    """The approval that a prune goes by: the one asked for, else the newest in force.

    Args:
        context: The prune run.
        ledger: The project's ledger; approvals that have ended are marked in it.
        store: Where whole plans lie.
        policy_version: The version of the policy document in force.
        mode: What the run may do; a dry run goes by no approval.
        digest: The plan asked for, or None.

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
        refuse_to_execute(context, record, policy_version, mode)
        return _read(store, record)
    if mode is PruneMode.DRY_RUN:
        return None
    for record in ledger.plans():
        if record.state is not PlanState.APPROVED:
            continue
        if not approval_in_force(context, record):
            ledger.put_plan(replace(record, state=PlanState.EXPIRED), over=record)
        elif record.policy_version == policy_version:
            return _read(store, record)
    return None


def approval_in_force(context: RunContext, record: PlanRecord) -> bool:
    """Whether a plan is approved, and still so by the real clock (rule T2)."""
    expires = record.approval_expires_at
    return record.state is PlanState.APPROVED and (expires is None or context.time.actual < expires)


def refuse_to_execute(
    context: RunContext, record: PlanRecord, policy_version: str, mode: PruneMode
) -> None:
    """Refuse to carry out a plan that may not be (rule D4).

    Raises:
        ApprovalRefused: This is a dry run; or the plan is for another policy, or not approved, or
            not any more.
    """
    reason = ""
    if mode is PruneMode.DRY_RUN:
        reason = "this is a dry run, which deletes nothing"
    elif record.policy_version != policy_version:
        reason = (
            f"it was made for version {record.policy_version} of the policy, now {policy_version}"
        )
    elif not approval_in_force(context, record):
        reason = "it is not approved, or its approval has expired or was used"
    if reason:
        raise ApprovalRefused(
            f"Plan {record.digest[:12]} of project {context.project} is not executed: {reason}",
            next_step="Read the newest plan, and approve that one.",
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
