"""Approving a plan: a person read it and says that what it names may go (rule D4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import ApprovalRefused, RuleForbids, SubjectUnknown
from pinecone_backup.model import DomainEvent
from pinecone_backup.records import PlanState

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.ports import Ledger
    from pinecone_backup.records import PlanRecord


def approve_plan(
    ledger: Ledger,
    digest: str,
    *,
    policy_version: str,
    who: str,
    why: str,
    until: datetime,
    clock: datetime,
) -> PlanRecord:
    """Approve a plan by its digest; the next prune carries it out.

    Only what the plan names and is still to go then is deleted. Approving again replaces who,
    why and until when.

    Args:
        ledger: The project's ledger.
        digest: The plan's digest, which stands for exactly the backups that were read.
        policy_version: The version of the policy document in force.
        who: Who approves.
        why: Why.
        until: When the approval ends, by the real clock (rule T2).
        clock: The real clock, UTC.

    Raises:
        SubjectUnknown: There is no such plan.
        ApprovalRefused: The plan is for another policy, was executed, or has nothing to delete.
        RuleForbids: No reason is given, or the approval would have ended already.
        LedgerError: The ledger could not be read or written.
    """
    if not why.strip():
        raise RuleForbids("Approving a plan needs a reason", rule="reason", next_step="Say why.")
    if until <= clock:
        raise RuleForbids(
            f"The approval would have ended at {until:%FT%TZ}, before it was given",
            rule="approval",
            next_step="Give a later end.",
        )
    record = ledger.plan(digest)
    if record is None:
        raise SubjectUnknown(f"Project {ledger.project} has no plan {digest!r}")
    _refuse_unfit(record, policy_version)
    approved = replace(
        record,
        state=PlanState.APPROVED,
        approved_by=who,
        approved_reason=why.strip(),
        approved_at=clock,
        approval_expires_at=until,
    )
    ledger.put_plan(approved)
    ledger.record_event(
        DomainEvent.of(
            "plan.approved",
            f"{digest}|{clock.isoformat()}",
            project=ledger.project,
            at=clock,
            digest=digest,
            delete_count=record.delete_count,
            reason=approved.approved_reason,
            actor=who,
            until=until.isoformat(),
        )
    )
    return approved


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
