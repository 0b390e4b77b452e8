"""D9: by how many people a plan's deletions are decided."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pinecone_backup.records import PlanApproval, PlanRecord, PlanState
from pinecone_backup.rules.approval import NOBODY, ApprovalRule, principal_of
from tests.support.backups import NOW

ADA, BOB, CAY = (f"arn:aws:iam::123456789012:user/{name}" for name in ("ada", "bob", "cay"))
ROLE = "arn:aws:sts::123456789012:assumed-role"
HOUR = timedelta(hours=1)


def plan(*approvers: str, deletions: int = 3) -> PlanRecord:
    approvals = tuple(PlanApproval(each, "read it", NOW, NOW + HOUR) for each in approvers)
    return PlanRecord(
        "d" * 64, PlanState.APPROVED, "v1", NOW, "run", "key", deletions, 5, 300, (), approvals
    )


@pytest.mark.parametrize(
    ("rule", "approvers", "executor", "deletions", "lacking"),
    [
        (ApprovalRule(), [ADA], ADA, 3, 0),
        (ApprovalRule(), [ADA], NOBODY, 3, 0),
        (ApprovalRule(), [], ADA, 3, 1),
        (ApprovalRule(by_another=True), [ADA], ADA, 3, 1),
        (ApprovalRule(by_another=True), [ADA], BOB, 3, 0),
        (ApprovalRule(by_another=True), [ADA], NOBODY, 3, 1),
        (ApprovalRule(by_another=True), [ADA, BOB], NOBODY, 3, 0),
        (ApprovalRule(by_another=True), [ADA], None, 3, 0),
        (ApprovalRule(two_above=3), [ADA], ADA, 3, 0),
        (ApprovalRule(two_above=3), [ADA], BOB, 4, 1),
        (ApprovalRule(two_above=3), [ADA, BOB], ADA, 4, 0),
        (ApprovalRule(two_above=0), [ADA], BOB, 1, 1),
        (ApprovalRule(by_another=True, two_above=3), [ADA, BOB], BOB, 4, 1),
        (ApprovalRule(by_another=True, two_above=3), [ADA, BOB], CAY, 4, 0),
        (ApprovalRule(two_above=3), [f"{ROLE}/ops/ada", f"{ROLE}/ops/bob"], CAY, 4, 1),
    ],
)
def test_so_many_more_people_must_approve(
    rule: ApprovalRule, approvers: list[str], executor: str | None, deletions: int, lacking: int
) -> None:
    """D9."""
    assert rule.lacking(plan(*approvers, deletions=deletions), executor, NOW) == lacking


def test_an_approval_that_has_ended_counts_no_more() -> None:
    """T2."""
    rule = ApprovalRule(two_above=0)
    assert rule.lacking(plan(ADA, BOB), CAY, NOW + HOUR) == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ADA, ADA, True),
        (ADA, BOB, False),
        (f"{ROLE}/ops/ada", f"{ROLE}/ops/bob", True),
        (f"{ROLE}/ops/ada", f"{ROLE}/audit/ada", False),
        (f"{ROLE}/AWSReservedSSO_Ops_1/ada@x.eu", f"{ROLE}/AWSReservedSSO_Ops_1/bob@x.eu", False),
        (f"{ROLE}/AWSReservedSSO_Ops_1/ada@x.eu", f"{ROLE}/AWSReservedSSO_Dev_2/ada@x.eu", True),
        (
            "arn:aws:sts::123456789012:federated-user/ada",
            "arn:aws:sts::123456789012:federated-user/bob",
            True,
        ),
    ],
)
def test_who_chooses_a_name_is_not_two_people(one: str, other: str, *, same: bool) -> None:
    """D9."""
    assert (principal_of(one) == principal_of(other)) is same
