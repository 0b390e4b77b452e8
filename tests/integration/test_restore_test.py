"""Restore tests, tick by tick, through our own client against the simulated Pinecone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Damage, Fault, Harm, Outcome, Result
from local.simulator.restores import duration
from pinecone_backup.model import RunKind
from pinecone_backup.records import CleanUp, RestoreResult, RestoreStep
from pinecone_backup.rules.restore_time import expected_seconds, measured
from pinecone_backup.rules.temporary import temporary_name
from tests.support.deployment import OWNER, Deployment, document
from tests.support.official_client import official_client
from tests.support.restores import with_restore_tests

if TYPE_CHECKING:
    from local.simulator import Simulator
    from pinecone_backup.adapters.pinecone.client import PineconeClient
    from pinecone_backup.records import RestoreRecord, Run

POST = "create_index_from_backup"


@pytest.fixture
def world(simulator: Simulator, control_plane: PineconeClient) -> Deployment:
    """A project with one index ``docs`` and one good backup of it, which is to be tested."""
    simulator.project.seed_index("docs", records=10)
    deployment = Deployment(simulator, control_plane, document=with_restore_tests())
    deployment.seed("docs", hours_ago=2)
    deployment.run(RunKind.AUDIT)
    return deployment


def tick(world: Deployment, **later: float) -> Run:
    """Time passes, then one run."""
    world.later(**(later or {"minutes": 15}))
    return world.run(RunKind.RESTORE_TEST)


def the_test(world: Deployment) -> RestoreRecord:
    return world.ledger.restores()[-1]


def indexes(world: Deployment) -> set[str]:
    return {index.name for index in world.simulator.project.list_indexes()}


def damaged(world: Deployment, *harms: Harm) -> None:
    world.simulator.project.restore_outcomes.append(Outcome(damages=harms))


def events(world: Deployment, kind: str) -> list[dict[str, Any]]:
    return [dict(event.data) for event in world.ledger.events if event.type == kind]


def test_a_backup_is_restored_compared_and_its_index_deleted(world: Deployment) -> None:
    """R1 to R4."""
    assert tick(world).summary["begun"]
    assert the_test(world).step is RestoreStep.RESTORING
    assert len(indexes(world)) == 2

    for _ in range(2):
        assert tick(world).state == "succeeded"

    record = the_test(world)
    assert (record.step, record.result, record.depth_reached) == (
        RestoreStep.DONE,
        RestoreResult.SUCCEEDED,
        "counts",
    )
    assert (record.clean_up, record.took_seconds, record.policy) == ("succeeded", 300, "hourly")
    assert indexes(world) == {"docs"}
    assert world.ledger.backups()[record.backup_id].restore_tested is True
    assert [event["index"] for event in events(world, "restore_test.succeeded")] == [
        record.target_index_name
    ]


def test_the_official_client_sees_what_the_ledger_says(
    world: Deployment, simulator_url: str
) -> None:
    """The job, the index and its records, from begin to end."""
    tick(world)
    with official_client(simulator_url) as pinecone:
        record = the_test(world)
        job = pinecone.restore_jobs.describe(job_id=record.job_id)
        assert (job.backup_id, job.target_index_name, job.target_index_id) == (
            record.backup_id,
            record.target_index_name,
            record.target_index_id,
        )
        world.later(minutes=15)
        assert pinecone.restore_jobs.describe(job_id=record.job_id).status == "Completed"
        with pinecone.index(name=record.target_index_name) as restored:
            assert restored.describe_index_stats().total_vector_count == 1_000

        for _ in range(2):
            world.run(RunKind.RESTORE_TEST)
            world.later(minutes=15)
        assert the_test(world).step is RestoreStep.DONE
        assert [index.name for index in pinecone.indexes.list()] == ["docs"]


def test_the_index_of_a_test_says_whose_it_is(world: Deployment) -> None:
    """R4."""
    tick(world)
    record = the_test(world)

    index = world.simulator.project.describe_index(record.target_index_name)
    assert record.target_index_name == temporary_name(OWNER, "main", record.restore_id)
    assert index.tags == {
        "backup-policy": "none",
        "backup-restore": record.restore_id,
        "backup-owner": OWNER,
    }
    assert index.deletion_protection is False


def test_create_prune_and_audit_leave_the_index_of_a_test_alone(world: Deployment) -> None:
    tick(world)
    name = the_test(world).target_index_name
    tick(world)  # Ready, and not deleted yet where it is kept
    world.document = with_restore_tests({"keep_index_for": "1d"})

    for kind in (RunKind.CREATE, RunKind.PRUNE, RunKind.AUDIT):
        world.run(kind)

    assert name not in world.ledger.indexes()
    assert [subject for _, subject in world.open_findings() if subject == name] == []


def test_the_next_test_follows_a_week_after_the_last(world: Deployment) -> None:
    """R2."""
    for _ in range(4):
        tick(world)
    assert tick(world, days=6).summary["begun"] == {}
    world.seed("docs", hours_ago=1)
    world.run(RunKind.AUDIT)

    assert tick(world, days=1).summary["begun"]
    assert len(world.ledger.restores()) == 2


@pytest.mark.parametrize(("lost", "kind"), [(0.2, "total_lower"), (1.0, "empty")])
def test_a_backup_that_comes_back_with_fewer_records_is_suspect(
    world: Deployment, lost: float, kind: str
) -> None:
    """R3, G3."""
    damaged(world, Harm(Damage.RECORDS_LOST, share=lost))
    for _ in range(2):
        tick(world)
    assert the_test(world).result is None, "once is no verdict"
    for _ in range(2):
        tick(world)

    record = the_test(world)
    assert (record.result, record.step) == (RestoreResult.FAILED, RestoreStep.DONE)
    assert [difference.kind for difference in record.differences] == [kind]
    assert world.ledger.backups()[record.backup_id].restore_tested is False
    assert events(world, "restore_test.failed")[0]["differences"]
    assert indexes(world) == {"docs"}


def test_counts_that_are_late_are_no_difference(world: Deployment) -> None:
    """R3: unequal twice, apart, before it is wrong."""
    world.simulator.project.behaviour.stats_lag_seconds = 900
    tick(world)
    tick(world, minutes=6)
    assert the_test(world).differs_since is not None

    tick(world)

    assert the_test(world).result is RestoreResult.SUCCEEDED


@pytest.mark.parametrize(
    "damage",
    [Damage.JOB_FAILED, Damage.JOB_CANCELLED, Damage.INDEX_FAILED],
)
def test_a_restore_that_fails_is_a_failed_test_whose_index_is_deleted(
    world: Deployment, damage: Damage
) -> None:
    damaged(world, Harm(damage))
    for _ in range(3):
        tick(world)

    assert (the_test(world).result, the_test(world).clean_up) == ("failed", "succeeded")
    assert indexes(world) == {"docs"}


@pytest.mark.parametrize("damage", [Damage.JOB_PENDING, Damage.INDEX_NEVER_READY])
def test_a_restore_that_does_not_end_times_out_and_says_nothing_of_its_backup(
    world: Deployment, damage: Damage
) -> None:
    damaged(world, Harm(damage))
    tick(world)
    assert the_test(world).result is None
    tick(world, hours=23)
    assert the_test(world).result is None

    tick(world, hours=1)
    tick(world)

    record = the_test(world)
    assert (record.result, record.clean_up) == (RestoreResult.TIMED_OUT, CleanUp.SUCCEEDED)
    assert world.ledger.backups()[record.backup_id].restore_tested is None
    assert indexes(world) == {"docs"}


def test_a_merely_slow_restore_is_not_called_failed(world: Deployment) -> None:
    world.simulator.project.restore_outcomes.append(Outcome(seconds=20 * 3600))
    tick(world)
    for _ in range(20):
        tick(world, hours=1)

    tick(world)

    assert the_test(world).result is RestoreResult.SUCCEEDED


def test_a_job_that_pinecone_does_not_know_is_no_failure(world: Deployment) -> None:
    damaged(world, Harm(Damage.JOB_UNKNOWN))
    for _ in range(3):
        tick(world)

    assert the_test(world).result is RestoreResult.SUCCEEDED


def test_a_full_index_quota_ends_the_attempt_and_is_tried_again(world: Deployment) -> None:
    world.simulator.project.index_quota = 1
    tick(world)
    assert (the_test(world).result, the_test(world).step) == ("abandoned", "done")
    run = tick(world)
    assert "the last attempt failed" in run.summary["waiting"]["docs"]
    world.simulator.project.index_quota = 5

    assert tick(world, hours=1).summary["begun"]
    assert len(indexes(world)) == 2


def test_a_backup_that_vanished_ends_the_attempt(world: Deployment) -> None:
    world.simulator.faults.add(Fault(kind="status", status=404, operation=POST))
    tick(world)

    record = the_test(world)
    assert record.result is RestoreResult.ABANDONED
    assert world.ledger.backups()[record.backup_id].restore_tested is None


def test_an_index_that_vanished_ends_the_test_without_a_verdict(world: Deployment) -> None:
    tick(world)
    world.simulator.project.delete_index(the_test(world).target_index_name)
    for _ in range(3):
        tick(world)

    assert (the_test(world).result, the_test(world).clean_up) == ("abandoned", "succeeded")


def test_an_index_whose_deletion_is_refused_is_asked_for_again(world: Deployment) -> None:
    """R4: the clean-up has a result of its own."""
    tick(world)
    world.simulator.faults.add(Fault(kind="status", status=403, operation="delete_index", times=2))
    tick(world)
    tick(world)
    assert (the_test(world).result, the_test(world).clean_up) == ("succeeded", "failed")
    assert the_test(world).clean_up_error
    for _ in range(2):
        tick(world)

    assert the_test(world).clean_up is CleanUp.SUCCEEDED
    assert indexes(world) == {"docs"}


def test_an_index_that_somebody_made_theirs_stays(world: Deployment) -> None:
    """R4: nothing is deleted on doubt."""
    tick(world)
    name = the_test(world).target_index_name
    world.simulator.project.describe_index(name).tags["backup-policy"] = "hourly"
    for _ in range(3):
        tick(world)

    assert (the_test(world).clean_up, the_test(world).step) == ("left", "done")
    assert name in indexes(world)


@pytest.mark.parametrize("tag", ["backup-restore", "backup-owner"])
def test_an_index_of_a_test_that_lost_a_tag_stays_and_is_noticed(
    world: Deployment, tag: str
) -> None:
    """R4: never one left behind unnoticed."""
    tick(world)
    name = the_test(world).target_index_name
    del world.simulator.project.describe_index(name).tags[tag]
    for _ in range(3):
        tick(world)
    world.run(RunKind.AUDIT)
    world.later(days=1, hours=1)
    world.run(RunKind.AUDIT)

    assert (the_test(world).clean_up, name in indexes(world)) == ("left", True)
    assert ("restored-not-adopted", name) in world.open_findings()


def test_an_index_that_differs_and_then_cannot_be_read_any_more_times_out(
    world: Deployment,
) -> None:
    """R3: no test stays open, and keeps its place, for ever."""
    damaged(world, Harm(Damage.RECORDS_LOST, share=0.2))
    tick(world)
    tick(world)
    assert the_test(world).differs_since is not None
    world.simulator.faults.add(
        Fault(kind="status", status=500, operation="describe_index_stats", times=None)
    )
    for _ in range(3):
        tick(world, hours=12)

    record = the_test(world)
    assert (record.result, record.clean_up) == (RestoreResult.TIMED_OUT, CleanUp.SUCCEEDED)
    assert "500" in record.reason
    assert world.ledger.backups()[record.backup_id].restore_tested is None


def test_an_index_is_kept_for_as_long_as_the_policy_says(world: Deployment) -> None:
    world.document = with_restore_tests({"keep_index_for": "2h"})
    for _ in range(3):
        tick(world)
    assert (the_test(world).result, len(indexes(world))) == (RestoreResult.SUCCEEDED, 2)
    tick(world, hours=2)

    assert indexes(world) == {"docs"}


def test_an_index_that_no_restore_explains_is_swept_away(world: Deployment) -> None:
    """R4: such as one whose record was lost with the ledger."""
    tick(world)
    name = the_test(world).target_index_name
    world.ledger.table.items.clear()

    assert tick(world).summary["swept"] == [name]
    assert name not in indexes(world)


@pytest.mark.parametrize("tag", ["backup-policy", "backup-restore", "backup-owner"])
def test_what_does_not_say_in_all_ways_that_it_is_ours_is_not_swept(
    world: Deployment, tag: str
) -> None:
    tick(world)
    name = the_test(world).target_index_name
    world.simulator.project.describe_index(name).tags[tag] = "other"
    world.ledger.table.items.clear()

    assert tick(world).summary["swept"] == []
    assert name in indexes(world)


def test_nothing_is_swept_while_a_record_cannot_be_read(world: Deployment) -> None:
    """U2: it may explain the index."""
    tick(world)
    (key,) = world.ledger.keys("RESTORE")
    world.ledger.table.items[key]["checksum"] = {"S": "changed"}

    assert tick(world).summary["swept"] == []
    assert len(indexes(world)) == 2


def test_a_doubled_tick_begins_no_second_test(world: Deployment) -> None:
    """R1."""
    tick(world)
    world.run(RunKind.RESTORE_TEST)

    assert world.simulator.requests.counts()[POST] == 1
    assert len(world.ledger.restores()) == 1


def test_a_tick_that_comes_a_day_late_goes_on_where_the_last_one_was(world: Deployment) -> None:
    tick(world)
    tick(world, hours=20)
    tick(world)

    assert the_test(world).result is RestoreResult.SUCCEEDED


def test_no_more_tests_run_at_a_time_than_allowed(world: Deployment) -> None:
    """R2."""
    for number in range(3):
        world.simulator.project.seed_index(f"more-{number}", records=10)
        world.seed(f"more-{number}", hours_ago=3 + number)
    world.document = with_restore_tests({"at_once": 2})
    world.run(RunKind.AUDIT)
    begun: set[str] = set()
    for _ in range(8):
        run = tick(world)
        begun |= set(run.summary["begun"].values())
        assert sum(name.startswith("restore-test-") for name in indexes(world)) <= 2

    assert begun == {"docs", "more-0", "more-1", "more-2"}


def test_an_index_of_the_same_name_that_somebody_else_made_is_never_touched(
    world: Deployment,
) -> None:
    """R1, R4: the attempt ends, and says why."""
    world.simulator.faults.add(Fault(kind="drop", operation=POST))
    tick(world)
    name = the_test(world).target_index_name
    world.simulator.project.seed_index(name, records=3)
    for _ in range(3):
        tick(world)

    assert (the_test(world).result, the_test(world).step) == ("abandoned", "done")
    assert name in the_test(world).reason
    assert indexes(world) == {"docs", name}


def test_a_lost_answer_at_a_full_quota_is_found_out_and_no_second_restore(
    world: Deployment,
) -> None:
    """R1: the index that fills the quota is the test's own."""
    world.simulator.project.index_quota = 2
    world.simulator.faults.add(Fault(kind="drop", operation=POST, after_effect=True))
    for _ in range(3):
        tick(world)

    assert the_test(world).result is RestoreResult.SUCCEEDED
    assert (world.simulator.requests.counts()[POST], indexes(world)) == (1, {"docs"})


def test_the_monthly_budget_is_never_exceeded(world: Deployment) -> None:
    """R2."""
    size = world.simulator.project.backups[0].size_bytes
    assert size
    world.document = with_restore_tests({"every": "1h", "monthly_bytes": 2 * size})
    for _ in range(12):
        run = tick(world, hours=1)

    assert sum(record.size_bytes or 0 for record in world.ledger.restores()) == 2 * size
    assert "monthly_bytes" in run.summary["waiting"]["docs"]
    world.simulator.clock.advance(timedelta(days=9))  # another month
    world.seed("docs", hours_ago=1)
    world.run(RunKind.AUDIT)
    assert tick(world).summary["begun"]


def test_without_the_data_plane_the_result_says_that_nothing_was_counted(
    world: Deployment,
) -> None:
    world.simulator.faults.add(
        Fault(kind="status", status=403, operation="describe_index_stats", times=None)
    )
    for _ in range(3):
        tick(world)

    record = the_test(world)
    assert (record.result, record.depth_reached) == (RestoreResult.SUCCEEDED, None)
    assert record.reason


def test_open_restores_move_on_while_the_backups_cannot_be_listed(world: Deployment) -> None:
    tick(world)
    world.simulator.faults.add(
        Fault(kind="status", status=500, operation="list_project_backups", times=None)
    )
    assert tick(world).state == "failed"

    assert the_test(world).result is RestoreResult.SUCCEEDED


def test_what_one_restore_suffers_the_others_do_not(world: Deployment) -> None:
    world.simulator.project.seed_index("more", records=10)
    world.seed("more", hours_ago=3)
    world.document = with_restore_tests({"at_once": 2})
    world.run(RunKind.AUDIT)
    tick(world)
    first = world.ledger.restores()[0]
    world.simulator.faults.add(
        Fault(
            kind="status",
            status=500,
            operation="describe_restore_job",
            path=f"*{first.job_id}",
            times=None,
        )
    )
    assert tick(world).state == "partial"

    results = {record.restore_id: record.result for record in world.ledger.restores()}
    assert results.pop(first.restore_id) is None
    assert list(results.values()) == [RestoreResult.SUCCEEDED]


@pytest.mark.parametrize("size_bytes", [10**7, 10**9, 10**11])
def test_after_three_tests_it_is_known_how_long_a_restore_takes(
    world: Deployment, size_bytes: int
) -> None:
    """Within 20 % of the simulator's own law, for smaller and larger ones than those."""
    project = world.simulator.project
    sizes = {"docs": 10**8, "more": 2 * 10**9, "most": 2 * 10**10}
    for name in ("more", "most"):
        project.seed_index(name, records=10)
        world.seed(name, hours_ago=2)
    for backup in project.backups:
        backup.size_bytes = sizes[backup.index_name]
    world.document = with_restore_tests({"at_once": 3})
    world.run(RunKind.AUDIT)
    for _ in range(3):
        tick(world, hours=1)

    found = expected_seconds(measured(world.ledger.restores()), size_bytes)

    law = duration(size_bytes, world.simulator.behaviour).total_seconds()
    assert found == pytest.approx(law, rel=0.2)


def test_an_idle_tick_costs_one_call_without_restore_tests(world: Deployment) -> None:
    """N1."""
    world.document = document()
    world.simulator.requests.clear()
    tick(world)

    assert world.simulator.requests.counts() == {"list_indexes": 1}


def test_a_stuck_restore_keeps_its_place_until_it_has_timed_out(world: Deployment) -> None:
    world.simulator.project.restore_outcomes.append(Outcome(Result.STICK))
    world.simulator.project.seed_index("more", records=10)
    world.seed("more", hours_ago=1)
    world.run(RunKind.AUDIT)
    tick(world)

    assert "at_once" in tick(world).summary["waiting"]["more"]
