"""By how many people a plan's deletions are decided (rule D9).

Two deployments' parameters make it more than one: ``ApproverIsAnother`` and
``TwoApproversAbove``. Compared are principals and not their texts: whoever assumes a role chooses
the name of the session, and would else be two people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pinecone_backup.records import PlanRecord

NOBODY = ""
"""Executes where no person does: a schedule, or an event that says nothing of people."""
_ASSUMED = re.compile(r"(arn:[^:]+:sts::\d+:assumed-role/([^/]+))/(.+)")
_FEDERATED = re.compile(r"(arn:[^:]+:sts::\d+:federated-user)/.+")
_IDENTITY_CENTER = "AWSReservedSSO_"


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """What a deployment demands.

    Attributes:
        by_another: Whether two people must stand behind deletions: those who approved, and
            whoever executes.
        two_above: Above so many deletions two people must approve; None: one is enough.
    """

    by_another: bool = False
    two_above: int | None = None

    @property
    def demands_two(self) -> bool:
        """Whether one person is not enough for every plan."""
        return self.by_another or self.two_above is not None

    def needed(self, deletions: int) -> int:
        """How many people must approve a plan of so many deletions."""
        return 2 if self.two_above is not None and deletions > self.two_above else 1

    def lacking(self, plan: PlanRecord, executor: str | None, now: datetime) -> int:
        """How many more approvals a plan needs before it may be executed.

        Args:
            plan: The plan, with its approvals; those that have ended count no more.
            executor: Who executes it: an ARN, ``NOBODY`` for a schedule; None to leave that open.
            now: The actual time, UTC.
        """
        approvers = {
            principal_of(each.approved_by) for each in plan.approvals if now < each.expires_at
        }
        needed = self.needed(plan.delete_count)
        if self.by_another and executor is not None:
            approvers -= {principal_of(executor)}
            needed = max(needed, 2) if executor == NOBODY else needed
        return max(0, needed - len(approvers))


def principal_of(actor: str) -> str:
    """Who an ARN stands for, as far as the caller cannot choose it.

    A role stands for all of its sessions, since whoever assumes it names them. Sessions of IAM
    Identity Center bear the name of the person, which Identity Center sets: they stand for that
    person, whatever the permission set. All federated users of an account are one principal.
    """
    assumed = _ASSUMED.fullmatch(actor)
    if assumed is not None:
        role, name, session = assumed.groups()
        return f"identity-center:{session}" if name.startswith(_IDENTITY_CENTER) else role
    federated = _FEDERATED.fullmatch(actor)
    return federated[1] if federated else actor
