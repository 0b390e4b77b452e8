"""Prune through our own client against the simulated Pinecone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from local.simulator import Fault
from pinecone_backup.errors import (
    ApprovalRefused,
    LedgerUnavailable,
    ListingIncomplete,
    PineconeError,
    SubjectUnknown,
)
from pinecone_backup.model import PruneMode
from pinecone_backup.reasons import sentence
from pinecone_backup.records import (
    DeletionState,
    Hold,
    HoldScope,
    IndexRecord,
    PlanState,
    RunState,
    Verdict,
)
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control
from pinecone_backup.rules.plan import Action, Plan
from pinecone_backup.usecases.deletion import PlanDeletions
from pinecone_backup.usecases.prune import DELETION_TAKES_AT_MOST, DESCRIBED_AT_MOST, plan_key
from tests.support.backups import record, text, texts
from tests.support.pruning import Stack, document
from tests.support.restores import restore_record

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from local.simulator import Simulator
    from pinecone_backup.adapters.pinecone.client import PineconeClient
    from pinecone_backup.model import Backup, DomainEvent
    from pinecone_backup.ports import ControlPlane
    from pinecone_backup.records import BackupRecord, DeletionRecord, PlanRecord
    from pinecone_backup.rules.plan import PlannedIndex
    from pinecone_backup.rules.policy import PolicyDocument

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
STRICT = {"count": 1, "percent": 100}
TIGHT = {"per_run": {"count": 100, "percent": 100}, "per_index": {"count": 2, "percent": 50}}


@pytest.fixture
def stack(simulator: Simulator, control_plane: PineconeClient) -> Stack:
    return Stack(simulator, control_plane)


def deletes(simulator: Simulator) -> list[str]:
    return [
        call.path.rpartition("/")[2] for call in simulator.requests.calls if call.method == "DELETE"
    ]


def open_findings(stack: Stack) -> set[tuple[str, str]]:
    return {(f.control, f.subject) for f in stack.ledger.findings() if f.open}


def plan_record(stack: Stack, digest: str) -> PlanRecord:
    record = stack.ledger.plan(digest)
    assert record is not None
    return record


def deletion_of(stack: Stack, backup_id: str) -> DeletionRecord:
    deletion = stack.ledger.deletion(backup_id)
    assert deletion is not None
    return deletion


def events(stack: Stack, type_: str) -> list[DomainEvent]:
    return [event for event in stack.ledger.events if event.type == type_]


# --- A whole run -----------------------------------------------------------------------------


def test_what_no_rule_keeps_is_deleted_and_the_rest_stays(stack: Stack) -> None:
    """K1, D6: a whole run, from the listing to the deletion."""
    ids = stack.seed_days("docs", 6)
    stack.settle()

    outcome = stack.run()

    assert stack.listed() == set(ids[:3])
    assert set(outcome.deleted) == set(ids[3:])
    assert outcome.state is RunState.SUCCEEDED


def test_the_newest_goes_first_within_an_index(stack: Stack, simulator: Simulator) -> None:
    """D5."""
    ids = stack.seed_days("docs", 6)
    stack.settle()

    stack.run()

    assert deletes(simulator) == ids[3:]


def test_every_deletion_is_recorded_with_its_reason_and_announced_once(stack: Stack) -> None:
    """D6."""
    ids = stack.seed_days("docs", 4)
    stack.settle()

    stack.run()

    deletion = deletion_of(stack, ids[3])
    assert deletion.state is DeletionState.ACCEPTED
    assert texts(deletion.reasons) == ("no rule of policy standard keeps it",)
    assert (deletion.run_id, deletion.actor) == (stack.ledger.runs()[0].run_id, "schedule")
    [event] = events(stack, "backup.deleted")
    assert event.data["backup_id"] == ids[3]
    assert event.data["reasons"] == ["no rule of policy standard keeps it"]


def test_a_second_run_deletes_nothing_more(stack: Stack, simulator: Simulator) -> None:
    """Idempotent: what one run leaves, the next one keeps."""
    stack.seed_days("docs", 8)
    stack.settle()
    stack.run()
    left = stack.listed()
    simulator.requests.clear()

    outcome = stack.run()

    assert outcome.deleted == ()
    assert deletes(simulator) == []
    assert stack.listed() == left


def test_a_run_while_deletions_are_under_way_plans_as_if_they_had_happened(stack: Stack) -> None:
    """G4: an accepted deletion counts for nothing, though the backup is still listed."""
    stack.simulator.behaviour.deletion_seconds = 3600
    stack.seed_days("docs", 8)
    stack.settle()
    stack.run()

    outcome = stack.run()

    assert outcome.plan.counts == {
        Action.KEEP: 3,
        Action.DELETE: 0,
        Action.WAIT: 0,
        Action.LEAVE_ALONE: 0,
        Action.DELETION_PENDING: 5,
    }


def test_the_whole_plan_lies_in_the_bucket_and_reads_back_equal(stack: Stack) -> None:
    """D4: small in the ledger, whole in the bucket."""
    stack.seed_days("docs", 5)

    outcome = stack.run(PruneMode.DRY_RUN)

    digest = outcome.plan.digest
    assert Plan.from_json(stack.objects.get(plan_key("main", digest))) == outcome.plan
    record = plan_record(stack, digest)
    assert (record.delete_count, record.keep_count) == (2, 3)
    assert record.bytes_freed == outcome.plan.bytes_freed > 0


def test_indexes_are_pruned_side_by_side(stack: Stack) -> None:
    """Bounded concurrency gives the same end as one after the other."""
    kept = set()
    for number in range(6):
        kept |= set(stack.seed_days(f"docs-{number}", 6)[:3])
    stack.control_plane.concurrency = 4
    stack.settle()

    stack.run()

    assert stack.listed() == kept


# --- Calls -----------------------------------------------------------------------------------


def test_calls_are_counted_as_n1_says(stack: Stack, simulator: Simulator) -> None:
    """N1: pages, one GET /indexes, then per index with deletions one listing and one describe."""
    stack.seed_days("docs", 5)
    stack.seed_days("tidy", 3)
    for day in range(200):
        stack.seed("docs", days_ago=day, owner="stack-b")
    stack.settle()
    simulator.requests.clear()

    stack.run()

    assert simulator.requests.counts() == {
        "list_project_backups": 3,  # 208 backups
        "list_indexes": 1,
        "list_restore_jobs": 1,
        "list_index_backups": 1,
        "describe_backup": 1,
        "delete_backup": 2,
    }


def test_a_full_last_page_costs_one_more_call(stack: Stack, simulator: Simulator) -> None:
    """N1: floor(100/100) + 1."""
    stack.seed_days("docs", 100)

    stack.settle()

    assert simulator.requests.counts()["list_project_backups"] == 2


# --- Modes and approval ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(PruneMode))
def test_the_first_prune_of_a_ledger_is_a_dry_run_whatever_the_mode(
    stack: Stack, mode: PruneMode
) -> None:
    """D3."""
    ids = stack.seed_days("docs", 6)

    outcome = stack.run(mode)

    assert (outcome.first, outcome.mode) == (True, PruneMode.DRY_RUN)
    assert len(outcome.plan.to_go) == 3
    assert stack.listed() == set(ids)


def test_a_failed_first_prune_leaves_the_next_one_the_first(
    stack: Stack, simulator: Simulator
) -> None:
    """D3: a prune that never completed has shown nobody its plan."""
    ids = stack.seed_days("docs", 6)
    simulator.faults.add(Fault(kind="status", status=400, operation="list_project_backups"))
    with pytest.raises(ListingIncomplete):
        stack.run()

    assert stack.run().first
    assert stack.listed() == set(ids)


def test_a_dry_run_deletes_nothing_and_nothing_waits_for_it(stack: Stack) -> None:
    ids = stack.seed_days("docs", 6)
    stack.settle()

    outcome = stack.run(PruneMode.DRY_RUN)

    assert stack.listed() == set(ids)
    assert not outcome.awaiting
    assert plan_record(stack, outcome.plan.digest).state is PlanState.PLANNED


def test_approve_mode_deletes_nothing_without_an_approval_and_says_so_once(stack: Stack) -> None:
    """D4."""
    ids = stack.seed_days("docs", 6)
    stack.settle()

    stack.run(PruneMode.APPROVE)
    outcome = stack.run(PruneMode.APPROVE)

    assert stack.listed() == set(ids)
    assert outcome.awaiting
    assert plan_record(stack, outcome.plan.digest).state is PlanState.AWAITING_APPROVAL
    assert [event.data["digest"] for event in events(stack, "plan.awaiting")] == [
        outcome.plan.digest
    ]
    assert (Control.PLAN_WAITING, PROJECT_SUBJECT) in open_findings(stack)


@pytest.mark.parametrize("named", [True, False], ids=["by its digest", "at the next tick"])
def test_an_approved_plan_is_executed(stack: Stack, named: bool) -> None:
    """D4."""
    ids = stack.seed_days("docs", 6)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest)

    outcome = stack.run(PruneMode.APPROVE, digest=digest if named else None)

    assert stack.listed() == set(ids[:3])
    assert outcome.approved == digest
    assert plan_record(stack, digest).state is PlanState.EXECUTED
    assert open_findings(stack) == set()


def test_an_approved_plan_deletes_what_is_still_planned_and_new_candidates_wait(
    stack: Stack, simulator: Simulator
) -> None:
    """D4."""
    ids = stack.seed_days("docs", 5)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest, hours=48)
    simulator.clock.advance(days=1)
    hold_on(stack, ids[4])
    newer = stack.seed("docs")

    outcome = stack.run(PruneMode.APPROVE, digest=digest)

    assert stack.listed() == {newer, ids[0], ids[1], ids[2], ids[4]}
    assert [item.backup_id for item in outcome.plan.to_go] == [ids[2], ids[3]]
    assert outcome.awaiting


def test_a_changed_policy_refuses_the_approved_plan(stack: Stack) -> None:
    """D4."""
    ids = stack.seed_days("docs", 6)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest)
    stack.version = "v2"

    with pytest.raises(ApprovalRefused, match="version v1 of the policy, now v2"):
        stack.run(PruneMode.APPROVE, digest=digest)

    assert not stack.run(PruneMode.APPROVE).approved
    assert stack.listed() == set(ids)


def test_an_expired_approval_is_refused_by_the_real_clock(
    stack: Stack, simulator: Simulator
) -> None:
    """T2: the trigger's time does not keep an approval alive."""
    ids = stack.seed_days("docs", 6)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest, hours=1)
    before = simulator.clock.now()
    simulator.clock.advance(hours=1)

    with pytest.raises(ApprovalRefused, match="expired"):
        stack.run(PruneMode.APPROVE, digest=digest, now=before)

    assert not stack.run(PruneMode.APPROVE, now=before).approved
    assert stack.listed() == set(ids)


def test_a_dry_run_refuses_to_execute_an_approved_plan(stack: Stack) -> None:
    stack.seed_days("docs", 6)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest)

    with pytest.raises(ApprovalRefused, match="dry run"):
        stack.run(PruneMode.DRY_RUN, digest=digest)


def test_an_unknown_digest_is_refused(stack: Stack) -> None:
    stack.settle()

    with pytest.raises(SubjectUnknown, match="no plan"):
        stack.run(digest="0" * 64)


def test_an_altered_plan_is_not_executed(stack: Stack) -> None:
    """D4: the digest is checked against the stored ids."""
    stack.seed_days("docs", 6)
    outcome = stack.run(PruneMode.DRY_RUN)
    digest = outcome.plan.digest
    stack.approve(digest)
    key = plan_key("main", digest)
    stack.objects.objects[key] = stack.objects.get(key).replace(b'"delete"', b'"keep"', 1)

    with pytest.raises(ApprovalRefused, match="missing or altered"):
        stack.run(PruneMode.APPROVE, digest=digest)


def test_planning_again_leaves_an_approval_in_force(stack: Stack) -> None:
    stack.seed_days("docs", 6)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest)

    stack.run(PruneMode.DRY_RUN)

    assert plan_record(stack, digest).state is PlanState.APPROVED


# --- Limits and changes ----------------------------------------------------------------------


def test_a_tripped_index_limit_freezes_that_index_and_the_others_go_on(stack: Stack) -> None:
    """D2."""
    stack.document = document(limits=TIGHT)
    frozen = stack.seed_days("frozen", 6)
    docs = stack.seed_days("docs", 5)
    stack.settle()

    outcome = stack.run()

    assert stack.listed("frozen") == set(frozen)
    assert stack.listed("docs") == set(docs[:3])
    assert outcome.awaiting
    assert (
        sentence(outcome.plan.waits_because) == "3 deletions in one index, where the limits allow 2"
    )


def test_what_a_limit_held_back_goes_with_an_approval(stack: Stack) -> None:
    """D2, D4."""
    stack.document = document(limits=TIGHT)
    ids = stack.seed_days("docs", 6)
    stack.settle()
    digest = stack.run().plan.digest
    stack.approve(digest)

    outcome = stack.run()

    assert stack.listed() == set(ids[:3])
    assert not outcome.awaiting


def test_a_tripped_run_limit_stops_the_run_before_its_first_deletion(
    stack: Stack, simulator: Simulator
) -> None:
    """D2."""
    stack.document = document(
        limits={
            "per_run": {"count": 3, "percent": 100},
            "per_index": {"count": 100, "percent": 100},
        }
    )
    stack.seed_days("one", 5)
    stack.seed_days("two", 5)
    stack.settle()

    outcome = stack.run()

    assert deletes(simulator) == []
    assert outcome.state is RunState.STOPPED
    assert outcome.awaiting


def test_a_stricter_policy_waits_for_approval_until_somebody_gives_it(stack: Stack) -> None:
    """D3: it waits at every run, not only at the first one after the change."""
    ids = stack.seed_days("docs", 12)
    stack.document = document(retention={"keep_last": 12})
    stack.settle()
    stack.document, stack.version = document(retention={"keep_last": 3}), "v2"

    first, second = stack.run(), stack.run()

    assert stack.listed() == set(ids)
    assert first.awaiting
    assert second.awaiting
    stack.approve(second.plan.digest)
    stack.run()
    assert stack.listed() == set(ids[:3])


def test_an_approved_change_of_policy_is_the_new_measure(
    stack: Stack, simulator: Simulator
) -> None:
    """D3: after it was approved and carried out, the next runs go by it."""
    stack.seed_days("docs", 12)
    stack.document = document(retention={"keep_last": 12})
    stack.settle()
    stack.document, stack.version = document(retention={"keep_last": 3}), "v2"
    stack.approve(stack.run().plan.digest)
    stack.run()
    simulator.clock.advance(days=10)
    later = [stack.seed("docs", days_ago=day) for day in range(8)]

    outcome = stack.run()

    assert not outcome.plan.policy_changed
    assert stack.listed() == set(later[:3])


def test_one_backup_that_only_a_change_deletes_waits_and_the_rest_goes_on(stack: Stack) -> None:
    """D3: however few; what the former policy would have deleted too goes."""
    ids = stack.seed_days("docs", 6)
    stack.document = document(retention={"keep_last": 4})
    stack.settle()
    stack.document, stack.version = document(retention={"keep_last": 3}), "v2"

    first, second = stack.run(), stack.run()

    assert first.deleted == tuple(sorted(ids[4:]))
    assert stack.listed() == set(ids[:4])
    assert second.plan.of_change == {ids[3]}
    stack.approve(second.plan.digest)
    stack.run()
    assert stack.listed() == set(ids[:3])


def test_a_change_that_deletes_nothing_more_is_the_new_measure_at_once(stack: Stack) -> None:
    """D3."""
    stack.seed_days("docs", 3)
    stack.document = document(retention={"keep_last": 9})
    stack.settle()
    stack.document, stack.version = document(retention={"keep_last": 3}), "v2"
    stack.run()
    more = stack.seed("docs")

    outcome = stack.run()

    assert not outcome.awaiting
    assert more in stack.listed()
    assert len(stack.listed()) == 3


def test_a_plan_that_waits_on_and_on_is_one_finding_and_one_event(
    stack: Stack, simulator: Simulator
) -> None:
    """D2: it stays the same while plans change, and says which setting would let it pass."""
    stack.document = document(limits=TIGHT)
    stack.seed_days("docs", 6)
    stack.settle()
    first = stack.run()
    simulator.clock.advance(days=1)
    newer = stack.seed("docs")

    second = stack.run()

    assert first.plan.digest != second.plan.digest
    assert len(events(stack, "plan.awaiting")) == 1
    [finding] = [each for each in stack.ledger.findings() if each.control == Control.PLAN_WAITING]
    assert (finding.subject, finding.open, finding.count) == (PROJECT_SUBJECT, True, 2)
    assert finding.data["digest"] == second.plan.digest
    assert finding.diagnosis == (
        "3 deletions wait (limits): 3 deletions in one index, where the limits allow 2."
    )
    assert "set limits.per_index to count 3 and percent 50 in the policy" in finding.action
    assert newer in stack.listed()
    assert events(stack, "finding.resolved") == []


def test_what_could_not_be_deleted_is_not_said_to_wait(stack: Stack, simulator: Simulator) -> None:
    """D2: the finding counts what an approval lets go."""
    stack.document = document(limits=TIGHT)
    stack.seed_days("docs", 6)
    stack.settle()
    stack.run()
    simulator.clock.advance(days=1)
    stack.seed("docs")
    simulator.faults.add(Fault(kind="status", status=412, operation="delete_backup"))

    outcome = stack.run()

    assert outcome.skipped
    [finding] = [each for each in stack.ledger.findings() if each.control == Control.PLAN_WAITING]
    assert finding.diagnosis.startswith("3 deletions wait (limits): ")
    assert finding.data["delete_count"] == 3


def test_while_a_backlog_waits_as_many_go_as_come(stack: Stack, simulator: Simulator) -> None:
    """D2: the quota does not fill, and nothing of the backlog goes by and by."""
    stack.document = document(limits=TIGHT)
    stack.seed_days("docs", 9)
    stack.settle()
    for _ in range(4):
        simulator.clock.advance(hours=6)
        for _ in range(5):
            stack.seed("docs")

        outcome = stack.run()

        assert len(outcome.deleted) == 5
        assert len(stack.listed()) == 9
        assert outcome.awaiting


def test_a_prune_that_could_not_delete_all_gives_no_churn_twice(
    stack: Stack, simulator: Simulator
) -> None:
    """D2: what a run deleted of an older measure counts in the next one."""
    stack.document = document(limits=TIGHT)
    ids = stack.seed_days("docs", 9)
    stack.settle()
    simulator.faults.add(
        Fault(kind="status", status=400, operation="delete_backup", path=f"*{ids[7]}", times=None)
    )
    simulator.clock.advance(hours=6)
    for _ in range(3):
        stack.seed("docs")
    assert set(stack.run().deleted) == {ids[6], ids[8]}

    again = stack.run()

    assert again.deleted == ()
    assert set(again.failed) == {ids[7]}


def test_a_change_of_assignment_by_tag_waits_too(stack: Stack, simulator: Simulator) -> None:
    """D3: the document is the same; a tag names another policy."""
    strict = document().model_dump(mode="json")
    loose = strict["policies"][0] | {"name": "loose", "retention": {"keep_last": 50}}
    stack.document = document().model_validate(
        strict | {"policies": [*strict["policies"], loose], "assignments": []}
    )
    index = simulator.project.seed_index(
        "docs", created_at=LONG_AGO, tags={"backup-policy": "loose"}
    )
    ids = [stack.seed("docs", days_ago=day) for day in range(12)]
    stack.settle()
    index.tags["backup-policy"] = "standard"

    outcome = stack.run()

    assert outcome.plan.policy_changed
    assert stack.listed() == set(ids)


def test_an_old_policy_that_cannot_be_read_counts_as_deleting_nothing(stack: Stack) -> None:
    """D3: on doubt the plan waits."""
    ids = stack.seed_days("docs", 12)
    stack.settle()
    stack.version = "v2"
    stack.documents.clear()

    outcome = stack.run(policy_version=_unknown_version)

    assert outcome.plan.policy_changed
    assert stack.listed() == set(ids)


def _unknown_version(version: str) -> PolicyDocument:
    raise SubjectUnknown(f"There is no version {version}")


# --- Safeguards ------------------------------------------------------------------------------


def hold_on(stack: Stack, target: str, scope: HoldScope = HoldScope.BACKUP) -> None:
    now = stack.simulator.clock.now()
    stack.ledger.put_hold(Hold(f"hold-{target}", scope, target, "quarterly audit", "alice", now))


def test_a_held_backup_is_never_deleted_and_changes_nobody_elses_fate(stack: Stack) -> None:
    """D1, K1."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    hold_on(stack, ids[4])

    outcome = stack.run()

    assert stack.listed() == {*ids[:3], ids[4]}
    [held] = [item for item in outcome.plan.items if item.backup_id == ids[4]]
    assert texts(held.reasons) == ("held by alice: quarterly audit",)


def test_a_hold_on_an_index_holds_all_its_incarnations(stack: Stack) -> None:
    """D1."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    hold_on(stack, "docs", HoldScope.INDEX)

    stack.run()

    assert stack.listed() == set(ids)


def test_a_hold_that_was_placed_while_the_run_was_planning_counts(stack: Stack) -> None:
    """D1."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    stack.objects.before_put = lambda: hold_on(stack, ids[4])

    outcome = stack.run()

    assert ids[4] in stack.listed()
    assert set(outcome.deleted) == {ids[3], ids[5]}


def test_a_hold_that_is_placed_while_the_run_deletes_counts_within_seconds(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1."""
    ids = stack.seed_days("docs", 8)
    stack.settle()
    honest = stack.control_plane.delete_backup

    def and_then_somebody_holds(backup_id: str) -> None:
        honest(backup_id)
        hold_on(stack, ids[6])
        stack.time_left -= 6

    monkeypatch.setattr(stack.control_plane, "delete_backup", and_then_somebody_holds)

    outcome = stack.run()

    assert set(outcome.deleted) == {ids[3], ids[4], ids[5], ids[7]}
    assert outcome.failed[ids[6]] == "a hold was placed while this run was planning"


def test_holds_are_not_read_for_each_index(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """N1."""
    for number in range(6):
        stack.seed_days(f"docs-{number}", 6)
    stack.settle()
    honest, reads = stack.ledger.holds, []

    def counted() -> Sequence[Hold]:
        reads.append(1)
        return honest()

    monkeypatch.setattr(stack.ledger, "holds", counted)

    outcome = stack.run()

    assert len(outcome.deleted) == 18
    assert len(reads) == 2  # for the plan, and before the first deletion


def test_holds_that_cannot_be_read_stop_the_run(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2."""
    ids = stack.seed_days("docs", 6)
    stack.settle()

    def unreadable() -> list[Hold]:
        raise LedgerUnavailable("DynamoDB does not answer")

    monkeypatch.setattr(stack.ledger, "holds", unreadable)

    with pytest.raises(LedgerUnavailable):
        stack.run()

    assert stack.listed() == set(ids)


def test_a_backup_that_a_restore_reads_is_not_deleted(stack: Stack, simulator: Simulator) -> None:
    """D1: without asking Pinecone to refuse it."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    simulator.project.create_index_from_backup(ids[4], "restored")

    outcome = stack.run()

    assert ids[4] in stack.listed()
    assert ids[4] not in deletes(simulator)
    assert outcome.state is RunState.SUCCEEDED


def test_a_restore_that_only_our_ledger_knows_protects_its_backup(
    stack: Stack, simulator: Simulator
) -> None:
    """D1: Pinecone's listing of restore jobs is not exhaustive."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    now = simulator.clock.now()
    stack.ledger.save_restore(restore_record(backup_id=ids[5], started_at=now))

    stack.run()

    assert ids[5] in stack.listed()


def test_a_pending_restore_that_nobody_listed_is_skipped_and_said(
    stack: Stack, simulator: Simulator
) -> None:
    """D6: 412."""
    simulator.behaviour.restore_listing_exhaustive = False
    ids = stack.seed_days("docs", 6)
    stack.settle()
    simulator.project.create_index_from_backup(ids[4], "restored")

    outcome = stack.run()

    assert outcome.skipped == (ids[4],)
    assert deletion_of(stack, ids[4]).state is DeletionState.SKIPPED
    assert stack.listed("docs") == {*ids[:3], ids[4]}
    assert outcome.state is RunState.PARTIAL


def test_a_backup_that_is_deleted_already_is_a_success(stack: Stack, simulator: Simulator) -> None:
    """D6: 404."""
    ids = stack.seed_days("docs", 5)
    stack.settle()
    simulator.behaviour.deletion_seconds = 0
    simulator.faults.add(Fault(kind="drop", operation="delete_backup", after_effect=True))

    outcome = stack.run()

    assert set(outcome.deleted) == set(ids[3:])
    assert outcome.state is RunState.SUCCEEDED


def test_one_refused_deletion_is_recorded_and_the_rest_goes_on(
    stack: Stack, simulator: Simulator
) -> None:
    """D6."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    simulator.faults.add(
        Fault(kind="status", status=400, operation="delete_backup", path=f"*{ids[3]}", times=None)
    )

    outcome = stack.run()

    assert list(outcome.failed) == [ids[3]]
    assert deletion_of(stack, ids[3]).state is DeletionState.FAILED
    assert stack.listed() == {*ids[:3], ids[3]}


def test_an_index_whose_newest_good_backup_is_not_ready_any_more_is_skipped(
    stack: Stack, simulator: Simulator
) -> None:
    """D5."""
    ids = stack.seed_days("docs", 6)
    stack.seed_days("other", 4)
    stack.settle()
    [newest] = [known for known in simulator.project.backups if known.backup_id == ids[0]]
    stack.objects.before_put = lambda: setattr(newest, "fixed_status", "InitializationFailed")

    outcome = stack.run()

    assert stack.listed("docs") == set(ids)
    assert "InitializationFailed" in outcome.skipped_indexes["docs"]
    assert len(stack.listed("other")) == 3
    assert (Control.PRUNE_STOPPED, "docs") in open_findings(stack)


def test_an_index_whose_newest_good_backup_cannot_be_described_is_skipped(
    stack: Stack, simulator: Simulator
) -> None:
    """D5: on doubt nothing is deleted."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    simulator.faults.add(Fault(kind="status", status=400, operation="describe_backup"))

    outcome = stack.run()

    assert stack.listed() == set(ids)
    assert "docs" in outcome.skipped_indexes


def test_an_index_without_an_assignment_loses_nothing(stack: Stack) -> None:
    """I3."""
    stack.document = document(assign=False)
    ids = stack.seed_days("docs", 6)
    stack.settle()

    outcome = stack.run()

    assert stack.listed() == set(ids)
    assert str(outcome.plan.indexes[0].frozen) == "no policy is assigned"


def test_a_suspect_displaces_no_good_backup(stack: Stack) -> None:
    """G1, G2: an empty backup fills no bucket; the verdict is stored and announced once."""
    stack.simulator.project.seed_index("docs", created_at=LONG_AGO)
    empty = [stack.seed("docs", days_ago=day, record_count=0) for day in range(5)]
    good = [stack.seed("docs", days_ago=day) for day in range(5, 10)]
    stack.settle()

    stack.run()

    assert stack.listed() == {*empty, *good[:3]}
    record = stack.ledger.backups()[empty[0]]
    assert (record.verdict, str(record.verdict_reason)) == (Verdict.SUSPECT, "empty")
    assert len(events(stack, "backup.suspect")) == 5


# --- Whose backup is it ----------------------------------------------------------------------


def test_two_stacks_on_one_project_leave_each_other_alone(
    simulator: Simulator, control_plane: PineconeClient
) -> None:
    """I2: each prunes its own, by its own policy."""
    mine, theirs = (
        Stack(simulator, control_plane, owner=owner) for owner in ("stack-a", "stack-b")
    )
    my_ids, their_ids = mine.seed_days("docs", 6), theirs.seed_days("docs", 6)
    mine.settle()
    theirs.settle()

    outcome = mine.run()

    assert mine.listed() == {*my_ids[:3], *their_ids}
    assert {texts(item.reasons) for item in outcome.plan.items if item.backup_id in their_ids} == {
        ("belongs to another deployment: stack-b",)
    }
    theirs.run()
    assert mine.listed() == {*my_ids[:3], *their_ids[:3]}


def test_what_people_and_native_schedules_made_is_left_alone(
    stack: Stack, simulator: Simulator
) -> None:
    """I2, G5: foreign ones are never pruned and never count."""
    ids = stack.seed_days("docs", 6)
    project = simulator.project
    by_hand = project.seed_backup("docs", name="before-migration", created_at=LONG_AGO)
    native = project.seed_backup("docs", name="nightly-20250101T000000Z", created_at=LONG_AGO)
    on_demand = stack.seed("docs", days_ago=400, policy=None)
    stack.settle()

    outcome = stack.run()

    left = {by_hand.backup_id, native.backup_id, on_demand}
    assert stack.listed() == {*ids[:3], *left}
    reasons = {item.backup_id: texts(item.reasons) for item in outcome.plan.items}
    assert reasons[by_hand.backup_id] == ("not ours (manual)",)
    assert reasons[native.backup_id] == ("made by native schedule nightly",)
    assert reasons[on_demand] == ("made on demand",)


def test_a_recreated_namesake_does_not_count_for_the_old_index_nor_the_other_way(
    stack: Stack, simulator: Simulator
) -> None:
    """I1, D7: each incarnation stands alone; the old one's backups are orphans."""
    old = stack.seed_days("docs", 5)
    stack.settle()
    simulator.project.recreate_index("docs")
    new = [stack.seed("docs", days_ago=-day / 24) for day in range(2)]
    simulator.clock.advance(hours=2)

    stack.run()

    assert stack.listed() == {*old, *new}


def test_an_index_that_is_recreated_during_the_run_is_skipped(
    stack: Stack, simulator: Simulator
) -> None:
    """I1: the plan is about an incarnation that is not the active one any more."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    stack.objects.before_put = lambda: simulator.project.recreate_index("docs")

    outcome = stack.run()

    assert stack.listed() == set(ids)
    assert "docs" in outcome.skipped_indexes
    assert (Control.INCARNATION_CHANGED, "docs") in open_findings(stack)


def test_an_old_incarnation_not_said_to_be_deleted_is_kept(
    stack: Stack, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1: an API that does not show deleted indexes leaves two incarnations under a name."""
    old = stack.seed_days("docs", 6)
    simulator.project.recreate_index("docs")
    simulator.project.indexes[0].deleted_at = None
    new = [stack.seed("docs", days_ago=-day / 24) for day in range(5)]
    simulator.project.indexes[0].deleted_at = simulator.clock.now()
    simulator.clock.advance(hours=5)
    rows = stack.control_plane.project_backups

    def without_deletion() -> Iterator[Backup]:
        return iter([replace(row, index_deleted_at=None) for row in rows()])

    monkeypatch.setattr(stack.control_plane, "project_backups", without_deletion)
    stack.settle()
    simulator.requests.clear()

    outcome = stack.run()

    assert stack.listed() == {*old, *new[2:]}
    assert {text(index.frozen) for index in outcome.plan.indexes} == {
        "",
        "not the active incarnation of docs",
    }
    assert simulator.requests.counts()["list_index_backups"] == 1


def test_restore_and_swap_keeps_the_old_incarnation_until_the_new_one_stands(
    stack: Stack, simulator: Simulator
) -> None:
    """D7: the restored index leans on the deleted one it came from."""
    stack.document = document(orphans={"after": 30})
    project = simulator.project
    old = stack.seed_days("docs", 5)
    stack.settle()
    project.delete_index("docs")
    project.create_index_from_backup(old[0], "docs")
    simulator.clock.advance(days=60)
    new = [stack.seed("docs", days_ago=1)]

    outcome = stack.run()

    assert stack.listed() == {*old, *new}
    [orphan] = [index for index in outcome.plan.indexes if index.orphan]
    assert str(orphan.frozen) == "index docs was restored from it and has 1 of 2 good backups"
    new.append(stack.seed("docs"))
    outcome = stack.run()
    assert stack.listed() == {old[0], *new}
    assert outcome.awaiting


def test_the_last_good_orphan_goes_only_with_an_approval(
    stack: Stack, simulator: Simulator
) -> None:
    """D7."""
    stack.document = document(orphans={"after": 30})
    old = stack.seed_days("docs", 3)
    simulator.project.delete_index("docs")
    simulator.clock.advance(days=31)
    stack.settle()
    digest = stack.run().plan.digest
    assert stack.listed() == {old[0]}
    digest = stack.run().plan.digest
    stack.approve(digest)

    stack.run()

    assert stack.listed() == set()


def test_orphans_stay_for_ever_by_default(stack: Stack, simulator: Simulator) -> None:
    """D7."""
    old = stack.seed_days("docs", 9)
    simulator.project.delete_index("docs")
    simulator.clock.advance(days=4000)
    stack.settle()

    stack.run()

    assert stack.listed() == set(old)


# --- Listings that lie -----------------------------------------------------------------------


def test_a_listing_that_comes_back_empty_deletes_nothing(
    stack: Stack, simulator: Simulator
) -> None:
    """N2, D2: what the ledger knows is described, and what the listing lacks makes it wait."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    simulator.faults.add(Fault(kind="empty_listing", operation="list_project_backups", times=2))

    outcome = stack.run()

    assert outcome.vanished == ()
    assert (outcome.deleted, outcome.awaiting) == ((), True)
    assert stack.listed() == set(ids)
    assert set(stack.run().deleted) == set(ids[3:])


@dataclass
class PartialListing:
    """Pinecone, whose listing of a project shows some of its backups only."""

    pinecone: ControlPlane
    hidden: Container[str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pinecone, name)

    def project_backups(self) -> Iterator[Backup]:
        rows = self.pinecone.project_backups()
        return (row for row in rows if row.backup_id not in self.hidden)


def test_half_a_listing_waits_in_every_index_that_it_lacks_backups_of(stack: Stack) -> None:
    """D2: churn too. The next whole listing goes on as if nothing had been."""
    ids = stack.seed_days("docs", 9)
    stack.settle()
    half = cast("ControlPlane", PartialListing(stack.control_plane, ids[1::2]))

    outcome = stack.run(control_plane=half)

    assert stack.listed() == set(ids)
    assert outcome.awaiting
    [reason] = outcome.plan.waits_because
    assert reason.parameters == {"count": 4}
    assert stack.ledger.baseline() is not None
    assert set(stack.run().deleted) == set(ids[3:])


def test_a_prune_by_a_clock_that_ran_ahead_is_no_measure_of_churn(
    stack: Stack, simulator: Simulator
) -> None:
    """D2, T1: what became Ready since the one before it is churn, and trips no limit."""
    stack.document = document(limits={"per_run": STRICT, "per_index": STRICT})
    stack.seed_days("docs", 3)
    stack.settle()
    stack.run(now=simulator.clock.now(), actual=simulator.clock.now() + timedelta(days=9))
    simulator.clock.advance(days=2)
    newer = [stack.seed("docs", days_ago=days) for days in (0, 1)]

    outcome = stack.run()

    assert (len(outcome.deleted), outcome.awaiting) == (2, False)
    assert stack.listed() >= set(newer)
    known = stack.ledger.baseline()
    assert known is not None
    assert known.carried_out_at == simulator.clock.now()


def test_a_first_prune_that_was_killed_at_its_end_still_measures_a_changed_policy(
    stack: Stack,
) -> None:
    """D3: the next one is a dry run as well, and what only the change deletes waits after it."""
    stack.document = document(retention={"keep_last": 5})
    stack.seed_days("docs", 5)
    stack.settle()
    del stack.ledger.table.items["LAST#prune"]
    stack.document, stack.version = document(retention={"keep_last": 3}), "v2"
    assert stack.run().first

    outcome = stack.run()

    assert (outcome.deleted, outcome.awaiting) == ((), True)


def test_what_was_just_made_may_be_missing_from_a_listing(stack: Stack) -> None:
    """D2: a listing that is a little late is no reason to wait."""
    ids = stack.seed_days("docs", 4)
    stack.settle()
    late = cast("ControlPlane", PartialListing(stack.control_plane, ids[:1]))

    outcome = stack.run(control_plane=late)

    assert outcome.deleted == (ids[3],)


def test_what_somebody_deleted_is_not_missing(stack: Stack, simulator: Simulator) -> None:
    """D2, N2."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    simulator.project.delete_backup(ids[5])
    simulator.clock.advance(minutes=5)

    outcome = stack.run()

    assert set(outcome.deleted) == set(ids[3:5])


def test_an_empty_listing_of_a_project_nobody_knows_plans_nothing(
    stack: Stack, simulator: Simulator
) -> None:
    stack.seed_days("docs", 6)
    simulator.faults.add(Fault(kind="empty_listing", operation="list_project_backups"))

    outcome = stack.run()

    assert outcome.plan.items == ()


def test_a_listing_whose_token_repeats_stops_the_run(stack: Stack, simulator: Simulator) -> None:
    """D2."""
    ids = stack.seed_days("docs", 120)
    stack.settle()
    simulator.faults.add(Fault(kind="repeat_token", operation="list_project_backups", times=None))

    with pytest.raises(ListingIncomplete):
        stack.run()

    assert stack.listed() == set(ids)


def test_a_page_that_fails_midway_stops_the_run(stack: Stack, simulator: Simulator) -> None:
    """D2."""
    ids = stack.seed_days("docs", 120)
    stack.settle()
    simulator.faults.add(
        Fault(
            kind="status", status=400, operation="list_project_backups", from_offset=100, times=None
        )
    )

    with pytest.raises((ListingIncomplete, PineconeError)):
        stack.run()

    assert stack.listed() == set(ids)


def test_one_id_under_two_indexes_freezes_both(stack: Stack, simulator: Simulator) -> None:
    """I4: the guide's own example; the repeat is data, since every walk shows it."""
    docs, other = stack.seed_days("docs", 6), stack.seed_days("other", 6)
    third = stack.seed_days("third", 6)
    simulator.project.seed_backup("other", backup_id=docs[1], created_at=simulator.clock.now())
    stack.settle()

    outcome = stack.run()

    assert stack.listed("docs") | stack.listed("other") == {*docs, *other}
    assert stack.listed("third") == set(third[:3])
    assert sum(bool(index.frozen) for index in outcome.plan.indexes) == 2


# --- Clocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_a_day_wrong_loses_nothing_that_a_right_one_keeps(
    stack: Stack, simulator: Simulator, days: int
) -> None:
    """T2, K4: windows go by the newest backup, and what is dated ahead counts for nothing."""
    stack.document = document(retention={"keep_within": "3d", "keep_daily": 4})
    ids = stack.seed_days("docs", 8)
    stack.settle()
    wrong = simulator.clock.now() + timedelta(days=days)

    stack.run(actual=wrong)

    assert set(ids[:4]) <= stack.listed()


def test_a_backup_from_the_future_is_kept_and_counts_for_nothing(stack: Stack) -> None:
    """T2."""
    ids = stack.seed_days("docs", 5)
    ahead = stack.seed("docs", days_ago=-1)
    stack.settle()

    outcome = stack.run()

    assert stack.listed() == {ahead, *ids[:3]}
    [item] = [item for item in outcome.plan.items if item.backup_id == ahead]
    assert texts(item.reasons) == ("dated in the future",)


# --- Earlier deletions -----------------------------------------------------------------------


def test_the_next_run_confirms_what_was_deleted_and_forgets_it(
    stack: Stack, simulator: Simulator
) -> None:
    """N2, G4: described before it is called deleted."""
    ids = stack.seed_days("docs", 5)
    stack.settle()
    stack.run()
    simulator.clock.advance(minutes=5)

    outcome = stack.run()

    assert set(outcome.confirmed) == set(ids[3:])
    assert set(stack.ledger.backups()) == set(ids[:3])


def test_what_somebody_else_deleted_is_reported_as_deleted_outside(
    stack: Stack, simulator: Simulator
) -> None:
    """N2."""
    ids = stack.seed_days("docs", 3)
    stack.settle()
    simulator.project.delete_backup(ids[1])
    simulator.clock.advance(minutes=5)

    outcome = stack.run()

    assert outcome.vanished == (ids[1],)
    assert events(stack, "backup.deleted") == []
    (record,) = [
        each for each in stack.ledger.waiting_evidence(limit=99) if each.type == "backup.deleted"
    ]
    assert (record.data["backup_id"], record.data["actor"]) == (ids[1], "")


def test_a_lost_deletion_is_found_after_a_day(stack: Stack, simulator: Simulator) -> None:
    """G4: Pinecone said 202 and did nothing."""
    ids = stack.seed_days("docs", 4)
    stack.settle()
    simulator.faults.add(Fault(kind="lost_write", operation="delete_backup"))
    stack.run()
    simulator.clock.advance(DELETION_TAKES_AT_MOST)
    stack.run()
    assert (Control.DELETION_STUCK, ids[3]) not in open_findings(stack)
    simulator.clock.advance(seconds=1)

    stack.run()

    assert (Control.DELETION_STUCK, ids[3]) in open_findings(stack)


def test_a_missing_backup_that_cannot_be_described_is_not_called_deleted(
    stack: Stack, simulator: Simulator
) -> None:
    """N2."""
    ids = stack.seed_days("docs", 5)
    stack.settle()
    stack.run()
    simulator.clock.advance(minutes=5)
    simulator.faults.add(Fault(kind="status", status=400, operation="describe_backup", times=2))

    outcome = stack.run()

    assert outcome.confirmed == ()
    assert set(stack.ledger.backups()) == set(ids)


# --- Time ------------------------------------------------------------------------------------


def test_a_run_without_time_left_stops_cleanly_and_the_next_one_goes_on(
    stack: Stack, simulator: Simulator
) -> None:
    ids = stack.seed_days("docs", 8)
    stack.settle()
    left = iter([900.0] * 3)

    outcome = stack.run(time_left=lambda: next(left, 10.0))

    assert outcome.deleted == (ids[3], ids[4])[: len(outcome.deleted)]
    assert outcome.deferred
    assert outcome.state is RunState.PARTIAL
    stack.run()
    assert stack.listed() == set(ids[:3])


def test_each_run_whose_time_runs_out_begins_with_another_index(
    stack: Stack, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {f"index-{number}" for number in range(4)}
    for name in names:
        stack.seed_days(name, 8)
    stack.settle()
    first: list[str] = []

    def doubt(_: PlanDeletions, index: PlannedIndex) -> str:
        first.append(index.index_name)
        stack.time_left = 0.0
        return "nothing is deleted here"

    monkeypatch.setattr(PlanDeletions, "_doubt", doubt)
    for _ in range(24):
        stack.time_left = 900.0
        stack.run()
        simulator.clock.advance(minutes=5)
    assert set(first) == names


def test_a_run_that_has_no_time_from_the_start_only_plans(stack: Stack) -> None:
    ids = stack.seed_days("docs", 6)
    stack.settle()
    stack.time_left = 74.0

    outcome = stack.run()

    assert stack.listed() == set(ids)
    assert set(outcome.deferred) == set(ids[3:])


def test_what_is_missing_is_described_only_while_time_is_left(stack: Stack) -> None:
    """N2: not described, not called deleted."""
    ids = stack.seed_days("docs", 4)
    stack.settle()
    stack.run()
    stack.simulator.clock.advance(minutes=5)
    stack.time_left = 74.0

    assert stack.run().confirmed == ()
    assert ids[3] in stack.ledger.backups()


def test_only_so_many_missing_backups_are_described_in_one_run(
    stack: Stack, simulator: Simulator
) -> None:
    """N2: those whose deletion is under way first."""
    ids = stack.seed_days("docs", DESCRIBED_AT_MOST + 5)
    stack.settle()
    stack.run()
    for backup_id in ids[:2]:
        simulator.project.delete_backup(backup_id)
    simulator.clock.advance(minutes=5)

    outcome = stack.run()

    assert len(outcome.confirmed) == DESCRIBED_AT_MOST
    assert outcome.vanished == ()
    assert set(stack.run().vanished) == set(ids[:2])


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_the_size_of_pages_changes_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("pinecone_backup.adapters.pinecone.client.PAGE_LIMIT", limit)
    ids = stack.seed_days("docs", 16)
    stack.settle()

    stack.run()

    assert stack.listed() == set(ids[:3])


def test_an_index_whose_newest_good_backup_is_not_found_is_skipped(
    stack: Stack, simulator: Simulator
) -> None:
    """D5."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    simulator.behaviour.deletion_seconds = 0
    stack.objects.before_put = lambda: simulator.project.delete_backup(ids[0])

    outcome = stack.run()

    assert stack.listed() == set(ids[1:])
    assert outcome.skipped_indexes == {"docs": f"its newest good backup {ids[0]} is deleted"}


def test_a_project_that_the_policy_does_not_name_is_stopped_and_reported(stack: Stack) -> None:
    """D2."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    projects = [stack.document.projects[0].model_copy(update={"name": "other"})]
    stack.document = stack.document.model_copy(update={"projects": projects})

    outcome = stack.run()

    assert outcome.state is RunState.STOPPED
    assert (Control.PRUNE_STOPPED, "(project)") in open_findings(stack)
    assert stack.listed() == set(ids)


def test_a_plan_that_is_missing_from_the_bucket_is_not_executed(stack: Stack) -> None:
    """D4."""
    stack.seed_days("docs", 6)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest)
    stack.objects.objects.clear()

    with pytest.raises(ApprovalRefused, match="missing or altered"):
        stack.run(PruneMode.ENFORCE)


def test_an_approval_that_has_ended_is_marked(stack: Stack, simulator: Simulator) -> None:
    """T2."""
    stack.seed_days("docs", 6)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest, hours=1)
    simulator.clock.advance(days=1)
    stack.seed("docs")

    stack.run(PruneMode.APPROVE)

    assert plan_record(stack, digest).state is PlanState.EXPIRED


def test_an_approval_whose_deletions_all_happened_is_used_up(stack: Stack) -> None:
    """D4: also when the run that deleted was cut off before it said so."""
    ids = stack.seed_days("docs", 5)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest)
    for backup_id in ids[3:]:
        stack.simulator.project.delete_backup(backup_id)
    stack.simulator.clock.advance(minutes=5)

    stack.run(PruneMode.APPROVE)

    assert plan_record(stack, digest).state is PlanState.EXECUTED


def test_an_approval_that_was_not_carried_out_whole_stays_in_force(stack: Stack) -> None:
    """D4: the next run goes on."""
    ids = stack.seed_days("docs", 6)
    digest = stack.run(PruneMode.DRY_RUN).plan.digest
    stack.approve(digest)
    stack.simulator.faults.add(Fault(kind="status", status=400, operation="delete_backup"))

    stack.run(PruneMode.APPROVE)
    assert plan_record(stack, digest).state is PlanState.APPROVED
    stack.run(PruneMode.APPROVE)

    assert plan_record(stack, digest).state is PlanState.EXECUTED
    assert stack.listed() == set(ids[:3])


def test_a_verdict_that_was_stored_meanwhile_stands(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: an audit runs beside a prune; a verdict is taken once."""
    [backup_id] = stack.seed_days("docs", 1, record_count=0)
    reads = 0
    backups = stack.ledger.backups

    def reading() -> Mapping[str, BackupRecord]:
        nonlocal reads
        reads += 1
        known = dict(backups())
        if reads == 4:  # after the walk's two and the inventory's one
            [listed] = stack.control_plane.project_backups()
            accepted = record(listed, Verdict.ACCEPTED)
            stack.ledger.put_backup(accepted, over=known.get(backup_id))
            known[backup_id] = accepted
        return known

    monkeypatch.setattr(stack.ledger, "backups", reading)

    stack.settle()

    assert backups()[backup_id].verdict is Verdict.ACCEPTED
    assert events(stack, "backup.suspect") == []


def test_an_empty_backup_of_an_empty_index_is_no_news(stack: Stack) -> None:
    """G2: information, not a problem."""
    [backup_id] = stack.seed_days("docs", 1, record_count=0)
    index_id = stack.simulator.project.indexes[0].index_id
    now = stack.simulator.clock.now()
    stack.ledger.put_index(IndexRecord("docs", now, now, index_id, record_count=0))

    stack.settle()

    assert stack.ledger.backups()[backup_id].verdict is Verdict.SUSPECT
    assert events(stack, "backup.suspect") == []


def test_a_name_without_an_active_index_makes_none_of_its_incarnations_active(
    stack: Stack, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1: listed a moment ago, deleted when it was asked."""
    old = stack.seed_days("docs", 5)
    simulator.project.recreate_index("docs")
    new = [stack.seed("docs", days_ago=-day / 24) for day in range(5)]
    simulator.clock.advance(hours=5)
    rows = stack.control_plane.project_backups
    monkeypatch.setattr(
        stack.control_plane,
        "project_backups",
        lambda: iter([replace(row, index_deleted_at=None) for row in rows()]),
    )
    simulator.faults.add(Fault(kind="status", status=404, operation="list_index_backups"))

    outcome = stack.run()

    assert {text(index.frozen) for index in outcome.plan.indexes} == {
        "not the active incarnation of docs"
    }
    assert stack.listed() == {*old, *new}


@pytest.mark.parametrize("mode", [PruneMode.APPROVE, PruneMode.DRY_RUN])
def test_a_change_that_was_only_looked_at_still_waits(stack: Stack, mode: PruneMode) -> None:
    """D3: a completed run in another mode is nobody's approval."""
    ids = stack.seed_days("docs", 12)
    stack.document = document(retention={"keep_last": 12})
    stack.settle()
    stack.document, stack.version = document(retention={"keep_last": 3}), "v2"
    stack.run(mode)

    outcome = stack.run()

    assert outcome.plan.policy_changed
    assert stack.listed() == set(ids)


def test_approving_a_part_of_a_change_approves_nothing_beyond_it(stack: Stack) -> None:
    """D3, D4: what came under the change after the approval waits for one of its own."""
    stack.document = document(retention={"keep_last": 12})
    approved = stack.seed_days("docs", 12)
    stack.settle()
    stack.document, stack.version = document(retention={"keep_last": 3}), "v2"
    stack.approve(stack.run().plan.digest)
    later = stack.seed_days("shop", 12)

    stack.run()
    outcome = stack.run()

    assert stack.listed("docs") == set(approved[:3])
    assert stack.listed("shop") == set(later)
    assert outcome.plan.policy_changed


def test_a_ledger_that_fails_stops_every_index(
    stack: Stack, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D6: what cannot be recorded is not done."""
    for name in ("docs", "shop"):
        stack.seed_days(name, 6)
    stack.settle()
    put_deletion = stack.ledger.put_deletion
    written: list[str] = []

    def failing_once(known: BackupRecord, deletion: DeletionRecord, **more: Any) -> BackupRecord:
        written.append(known.backup_id)
        if len(written) == 2:
            raise LedgerUnavailable("DynamoDB does not answer")
        return put_deletion(known, deletion, **more)

    monkeypatch.setattr(stack.ledger, "put_deletion", failing_once)

    with pytest.raises(LedgerUnavailable):
        stack.run()

    assert deletes(simulator) == written[:1]
    assert deletion_of(stack, written[0]).state is DeletionState.UNKNOWN


def test_a_restore_that_pinecone_says_has_ended_protects_no_more(
    stack: Stack, simulator: Simulator
) -> None:
    """D1: whatever our ledger still believes."""
    ids = stack.seed_days("docs", 6)
    stack.settle()
    job = simulator.project.create_index_from_backup(ids[5], "restored")
    now = simulator.clock.now()
    stack.ledger.save_restore(restore_record(backup_id=ids[5], job_id=job.job_id, started_at=now))
    simulator.clock.advance(hours=1)

    stack.run()

    assert stack.listed("docs") == set(ids[:3])


def test_the_policy_in_force_is_not_read_again_to_compare_it_with_itself(stack: Stack) -> None:
    """D3: only a change needs the old document."""
    ids = stack.seed_days("docs", 12)
    stack.settle()

    stack.run(policy_version=_unknown_version)

    assert stack.listed() == set(ids[:3])
