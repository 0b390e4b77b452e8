"""Restores that people ask for, through our own client against the simulated Pinecone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Damage, Fault, Harm, Outcome, Result
from pinecone_backup.errors import (
    Conflict,
    NotFound,
    PreconditionFailed,
    RuleForbids,
    SubjectUnknown,
)
from pinecone_backup.model import RunKind
from pinecone_backup.records import RestoreResult, RestoreStep
from pinecone_backup.usecases.requests.restore import adopt, restore
from tests.support.deployment import Deployment

if TYPE_CHECKING:
    from local.simulator import Simulator
    from pinecone_backup.adapters.pinecone.client import PineconeClient
    from pinecone_backup.records import RestoreRecord

POST = "create_index_from_backup"


@pytest.fixture
def world(simulator: Simulator, control_plane: PineconeClient) -> Deployment:
    """A project with one index ``docs``, of policy ``hourly``, and one Ready backup of it."""
    simulator.project.seed_index("docs", records=10, tags={"team": "search"})
    deployment = Deployment(simulator, control_plane)
    deployment.seed("docs", hours_ago=2)
    deployment.run(RunKind.AUDIT)
    return deployment


def the_backup(world: Deployment) -> str:
    return world.simulator.project.backups[0].backup_id


def start(world: Deployment, name: str = "docs-2", **how: Any) -> RestoreRecord:
    return restore(
        world.context(),
        world.control_plane,
        world.ledger,
        **{"backup_id": the_backup(world), "name": name, **how},
    )


def tick(world: Deployment, **later: float) -> RestoreRecord:
    """Time passes, and the ticks do what they do; the restore that people asked for."""
    world.later(**later)
    world.run(RunKind.RESTORE_TEST)
    return asked_for(world)


def asked_for(world: Deployment) -> RestoreRecord:
    (record,) = [each for each in world.ledger.restores() if not each.test]
    return record


def events(world: Deployment, kind: str) -> list[dict[str, Any]]:
    return [dict(event.data) for event in world.ledger.events if event.type == kind]


def posts(world: Deployment) -> int:
    return world.simulator.requests.counts().get(POST, 0)


def test_a_restore_makes_an_index_and_is_recorded_and_announced(world: Deployment) -> None:
    record = start(world)

    assert world.simulator.project.describe_index("docs-2").source_backup_id == the_backup(world)
    assert asked_for(world) == record
    assert (record.step, record.status, record.started_by) == ("restoring", "Pending", "alice")
    (event,) = events(world, "restore.started")
    assert (event["index"], event["actor"]) == ("docs-2", "alice")


def test_it_is_written_down_before_pinecone_is_asked(world: Deployment) -> None:
    """R1: a crash between the two loses neither the restore nor who asked for it."""
    world.simulator.faults.add(Fault(kind="drop", operation=POST, after_effect=True))

    record = start(world)

    assert (record.step, record.started_by) == (RestoreStep.SELECTED, "alice")
    after = tick(world)
    assert (after.step, after.restore_id) == (RestoreStep.RESTORING, record.restore_id)
    assert after.job_id in world.simulator.project.jobs
    assert posts(world) == 1


def test_a_restore_that_never_reached_pinecone_is_asked_for_again(world: Deployment) -> None:
    world.simulator.faults.add(Fault(kind="drop", operation=POST))
    assert start(world).step is RestoreStep.SELECTED

    assert tick(world).step is RestoreStep.RESTORING
    assert len(world.simulator.project.indexes) == 2


def test_what_the_caller_wants_of_the_new_index_reaches_pinecone(world: Deployment) -> None:
    capacity = {"mode": "OnDemand"}
    start(world, tags={"a": "b"}, deletion_protection=True, read_capacity=capacity)

    index = world.simulator.project.describe_index("docs-2")
    assert (index.tags["a"], index.deletion_protection, index.read_capacity) == (
        "b",
        True,
        capacity,
    )


def test_without_tags_those_of_the_backup_are_taken_but_no_policy(world: Deployment) -> None:
    """R5: a restored index belongs to no policy until somebody adopts it."""
    world.simulator.project.backups[0].tags = {"team": "search", "backup-policy": "hourly"}
    record = start(world)

    tags = world.simulator.project.describe_index("docs-2").tags
    assert (tags["team"], tags["backup-policy"]) == ("search", "none")
    assert tags["backup-restore"] == record.restore_id


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ({"name": "docs"}, "index-exists"),
        ({"name": "restore-test-1"}, "name-reserved"),
        ({"tags": {"backup-policy": "hourly"}}, "adopt-later"),
        ({"tags": {f"tag-{number}": "x" for number in range(18)}}, "too-many-tags"),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_is_done(
    world: Deployment, how: dict[str, Any], rule: str
) -> None:
    with pytest.raises(RuleForbids) as caught:
        start(world, **how)

    assert caught.value.rule == rule
    assert (posts(world), list(world.ledger.restores())) == (0, [])


def test_a_name_that_a_restore_waits_for_is_taken(world: Deployment) -> None:
    world.simulator.faults.add(Fault(kind="drop", operation=POST))
    start(world)

    with pytest.raises(RuleForbids, match="docs-2"):
        start(world)


def test_a_restore_of_an_unknown_backup_is_recorded_nowhere(world: Deployment) -> None:
    with pytest.raises(NotFound):
        start(world, backup_id="b-2")

    assert (list(world.ledger.restores()), events(world, "restore.started")) == ([], [])


def test_what_pinecone_refuses_ends_at_once_and_says_so(world: Deployment) -> None:
    world.simulator.project.seed_backup("docs", backup_id="b-2", status="Initializing")

    with pytest.raises(PreconditionFailed):
        start(world, backup_id="b-2")

    record = asked_for(world)
    assert (record.step, record.result) == (RestoreStep.DONE, RestoreResult.ABANDONED)


def test_a_name_that_was_taken_meanwhile_is_a_refusal(world: Deployment) -> None:
    world.simulator.faults.add(Fault(kind="status", status=409, operation=POST))

    with pytest.raises(Conflict):
        start(world)

    assert asked_for(world).result is RestoreResult.ABANDONED


def test_a_restore_is_followed_compared_and_announced(world: Deployment) -> None:
    start(world)
    assert tick(world, minutes=1).step is RestoreStep.RESTORING

    record = tick(world, minutes=6)

    assert (record.step, record.result) == (RestoreStep.DONE, RestoreResult.SUCCEEDED)
    assert (record.depth_reached, record.took_seconds) == ("counts", 300)
    (event,) = events(world, "restore.completed")
    assert "adopt" in event["next_step"]
    assert world.ledger.backups()[the_backup(world)].restore_tested is True
    assert "docs-2" in {index.name for index in world.simulator.project.list_indexes()}


@pytest.mark.parametrize("result", [Result.FAIL, Damage.JOB_CANCELLED, Damage.INDEX_FAILED])
def test_a_restore_that_fails_is_announced_with_what_to_do(
    world: Deployment, result: Result | Damage
) -> None:
    outcome = Outcome(result) if isinstance(result, Result) else Outcome(damages=(Harm(result),))
    world.simulator.project.restore_outcomes.append(outcome)
    start(world)

    record = tick(world, minutes=6)

    assert record.result is RestoreResult.FAILED
    (event,) = events(world, "restore.failed")
    assert event["next_step"].startswith("Restore again")
    assert world.ledger.backups()[the_backup(world)].restore_tested is None


def test_what_differs_in_a_restored_index_is_said_and_condemns_no_backup(
    world: Deployment,
) -> None:
    """R3: whoever asked for it may have written to the index already."""
    lost = Outcome(damages=(Harm(Damage.RECORDS_LOST, share=1.0),))
    world.simulator.project.restore_outcomes.append(lost)
    start(world)
    assert tick(world, minutes=6).result is None

    record = tick(world, minutes=15)

    assert record.result is RestoreResult.FAILED
    (event,) = events(world, "restore.completed")
    assert event["severity"] == "warning"
    assert event["differences"] == ["it is empty instead of holding 1,000 records"]
    assert world.ledger.backups()[the_backup(world)].restore_tested is None


def test_a_restore_that_never_ends_is_said_once_and_is_not_called_failed(
    world: Deployment,
) -> None:
    world.simulator.project.restore_outcomes.append(Outcome(Result.STICK))
    start(world)
    assert tick(world, hours=5).stalled_at is None

    for _ in range(2):
        record = tick(world, hours=1)

    assert (record.step, record.result) == (RestoreStep.RESTORING, None)
    (event,) = events(world, "restore.stalled")
    assert event["job_id"] == record.job_id


def test_an_index_that_never_comes_up_is_a_finding_once_its_restore_has_stalled(
    world: Deployment,
) -> None:
    world.simulator.project.restore_outcomes.append(Outcome(Result.STICK))
    start(world)
    world.run(RunKind.AUDIT)
    tick(world, hours=5)
    world.run(RunKind.AUDIT)
    assert ("index-not-ready", "docs-2") not in world.open_findings()

    tick(world, hours=1)
    world.run(RunKind.AUDIT)

    assert ("index-not-ready", "docs-2") in world.open_findings()


def test_an_index_that_failed_to_come_up_is_a_finding_that_names_its_backup(
    world: Deployment,
) -> None:
    world.simulator.project.restore_outcomes.append(Outcome(damages=(Harm(Damage.INDEX_FAILED),)))
    start(world)
    tick(world, minutes=6)
    world.run(RunKind.AUDIT)

    (found,) = [each for each in world.ledger.findings() if each.control == "index-not-ready"]
    assert "InitializationFailed" in found.title
    assert the_backup(world) in found.action


def test_a_job_that_pinecone_does_not_know_is_no_failure(world: Deployment) -> None:
    """R3: the index says how it went."""
    world.simulator.project.restore_outcomes.append(Outcome(damages=(Harm(Damage.JOB_UNKNOWN),)))
    start(world)
    assert tick(world, minutes=1).step is RestoreStep.RESTORING

    record = tick(world, minutes=6)

    assert (record.result, record.took_seconds) == (RestoreResult.SUCCEEDED, None)


def test_an_index_that_is_not_listed_counts_as_deleted_when_it_is_so_twice(
    world: Deployment,
) -> None:
    start(world)
    world.simulator.project.delete_index("docs-2")
    assert tick(world, minutes=1).result is None

    record = tick(world, minutes=15)

    assert record.result is RestoreResult.ABANDONED
    assert record.reason == "its index does not exist any more"


def test_only_a_restore_that_still_reads_its_backup_protects_it(world: Deployment) -> None:
    """D1."""
    record = start(world)
    assert record.reads_backup
    assert not tick(world, minutes=6).reads_backup


# Adopting


def test_a_restored_index_that_nobody_adopts_is_a_finding_after_a_day(world: Deployment) -> None:
    """R5."""
    restored(world)
    world.run(RunKind.AUDIT)
    assert ("restored-not-adopted", "docs-2") not in world.open_findings()
    world.later(days=1, minutes=1)
    world.run(RunKind.AUDIT)
    assert ("restored-not-adopted", "docs-2") in world.open_findings()

    adopting(world)
    world.run(RunKind.AUDIT)

    assert ("restored-not-adopted", "docs-2") not in world.open_findings()


def restored(world: Deployment) -> None:
    start(world)
    tick(world, minutes=6)


def adopting(world: Deployment, name: str = "docs-2", policy: str = "hourly") -> None:
    adopt(
        world.context(),
        world.control_plane,
        world.ledger,
        world.document,
        name=name,
        policy=policy,
    )


def test_a_restored_index_is_backed_up_once_it_is_adopted(world: Deployment) -> None:
    """R5."""
    restored(world)
    world.later(hours=2)
    assert "docs-2" not in world.run(RunKind.CREATE).summary["created"]

    adopting(world)

    world.run(RunKind.CREATE)
    world.later(hours=2)
    assert "docs-2" in world.run(RunKind.CREATE).summary["created"]
    record = asked_for(world)
    assert (record.adopted_policy, record.adopted_by) == ("hourly", "alice")
    assert [event["policy"] for event in events(world, "restore.adopted")] == ["hourly"]


def test_adopting_twice_is_adopting_once(world: Deployment) -> None:
    restored(world)
    adopting(world)
    adopting(world)

    assert len(events(world, "restore.adopted")) == 1


def test_a_restore_that_is_under_way_is_not_adopted(world: Deployment) -> None:
    start(world)

    with pytest.raises(RuleForbids) as caught:
        adopting(world)

    assert caught.value.rule == "still-restoring"


def test_only_what_was_restored_and_has_no_policy_is_adopted(world: Deployment) -> None:
    restored(world)
    with pytest.raises(RuleForbids, match="not restored"):
        adopting(world, "docs")
    with pytest.raises(SubjectUnknown, match="hourly"):
        adopting(world, policy="unheard-of")
    with pytest.raises(SubjectUnknown):
        adopting(world, "absent")
    world.simulator.project.describe_index("docs-2").tags["backup-policy"] = "other"
    with pytest.raises(RuleForbids, match="other"):
        adopting(world)
