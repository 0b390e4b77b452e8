"""What every run has in common: time, policy, lease, record, announcement."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.errors import (
    BackupError,
    EventMalformed,
    KeyRejected,
    LedgerUnavailable,
    PolicyInvalid,
    PolicyMissing,
    RuleForbids,
    RunFailed,
    StoreUnavailable,
    SubjectUnknown,
)
from pinecone_backup.model import DomainEvent, RunKind, TriggerKind
from pinecone_backup.records import Run, RunState
from pinecone_backup.rules.policy import PolicyDocument
from pinecone_backup.usecases.runs import DEPLOYMENT, Job
from tests.support.ledger import MemoryLedger
from tests.support.runs import NOW, Done, World

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = timedelta(minutes=1)


def _raise(error: Exception) -> Callable[..., Any]:
    def work(*_: object) -> Any:
        raise error

    return work


def test_every_project_of_the_policy_runs() -> None:
    world = World("main", "search")
    world.run()
    assert [job.project.name for job in world.jobs] == ["main", "search"]


def test_one_project_runs_when_it_is_asked_for() -> None:
    world = World("main", "search")
    world.run(project="search")
    assert [job.project.name for job in world.jobs] == ["search"]


def test_a_project_that_the_policy_does_not_name_is_refused() -> None:
    with pytest.raises(SubjectUnknown, match=r"'other'.*main"):
        World().run(project="other")


def test_the_triggers_time_selects_and_the_clock_expires() -> None:
    """T1, T2: both times reach the work, each for its own purpose."""
    world = World()
    world.run(time=NOW - 5 * MINUTE)
    time = world.jobs[0].context.time
    assert (time.scheduled_at, time.actual) == (NOW - 5 * MINUTE, NOW)


def test_without_a_triggers_time_the_clock_selects() -> None:
    """T1."""
    world = World()
    world.run()
    assert world.jobs[0].context.time.scheduled_at == NOW


@pytest.mark.parametrize(
    ("offset", "state"),
    [
        (-60 * MINUTE, RunState.SUCCEEDED),
        (-60 * MINUTE - timedelta(seconds=1), RunState.REFUSED),
        (MINUTE, RunState.SUCCEEDED),
        (MINUTE + timedelta(seconds=1), RunState.REFUSED),
    ],
)
def test_a_trigger_too_old_or_too_far_ahead_is_refused(offset: timedelta, state: RunState) -> None:
    """T1: more than an hour old, or over 60 s ahead."""
    world = World()
    world.run(time=NOW + offset)
    assert (world.only_run().state, len(world.jobs)) == (state, int(state is RunState.SUCCEEDED))


def test_a_trigger_overtaken_by_a_later_run_is_refused() -> None:
    """T1: older than the last completed run of its kind and project."""
    world = World()
    world.run(time=NOW - MINUTE)
    answer = world.run(time=NOW - 2 * MINUTE)
    assert answer["runs"][0]["state"] == "refused"
    assert "before that of the last completed create run" in answer["runs"][0]["error"]


def test_a_trigger_is_not_overtaken_by_a_run_of_another_kind() -> None:
    """T1: of its kind."""
    world = World()
    world.run(time=NOW - MINUTE, kind=RunKind.AUDIT)
    answer = world.run(time=NOW - 2 * MINUTE)
    assert answer["runs"][0]["state"] == "succeeded"


def test_a_doubled_trigger_runs_again() -> None:
    world = World()
    world.run(time=NOW)
    assert world.run(time=NOW)["runs"][0]["state"] == "succeeded"


def test_a_payload_cannot_set_the_time() -> None:
    """T1."""
    world = World()
    with pytest.raises(EventMalformed, match="now"):
        world.run(now=NOW - MINUTE)
    assert world.jobs == []


def test_the_local_stack_takes_the_payloads_time_as_its_clock() -> None:
    """T1: with LocalClock, detail.now is the clock."""
    world = World()
    world.local_clock = True
    past = NOW - timedelta(days=300)
    world.run(now=past)
    time = world.jobs[0].context.time
    assert (time.scheduled_at, time.actual, world.only_run().finished_at) == (past, past, past)


def test_a_run_is_recorded_with_who_when_and_by_which_policy() -> None:
    world = World()
    world.run()
    assert world.only_run() == Run(
        run_id=world.only_run().run_id,
        kind=RunKind.CREATE,
        trigger=TriggerKind.SCHEDULE,
        actor="schedule",
        state=RunState.SUCCEEDED,
        time=NOW,
        started_at=NOW,
        finished_at=NOW,
        policy_version="v1",
        summary={"created": 1},
    )


def test_a_run_keeps_the_id_it_was_asked_under() -> None:
    world = World()
    world.run(run_id="20260301t115900z-create-abcdef")
    assert world.only_run().run_id == "20260301t115900z-create-abcdef"


def requested(run_id: str, state: RunState = RunState.REQUESTED) -> Run:
    return Run(run_id, RunKind.CREATE, TriggerKind.API, "alice", state, NOW, None)


def test_a_run_that_was_asked_for_through_the_api_says_so() -> None:
    world = World()
    world.ledger().put_run(requested("r1"))
    world.run(run_id="r1")
    run = world.only_run()
    assert (run.trigger, run.actor, run.state) == (TriggerKind.API, "alice", RunState.SUCCEEDED)
    assert run.started_at is not None


@pytest.mark.parametrize(
    "error",
    [PolicyMissing("No policy yet"), PolicyInvalid([("a", "b")]), StoreUnavailable("S3 is away")],
)
def test_whoever_follows_a_request_learns_that_there_is_no_usable_policy(
    error: BackupError,
) -> None:
    world = World()
    world.ledger().put_run(requested("r1"))
    world.policies.load = _raise(error)
    with suppress(PolicyInvalid, StoreUnavailable):
        world.run(run_id="r1", project="main")
    assert (world.only_run().state, world.only_run().error) == (RunState.FAILED, str(error))
    assert "run.failed" in world.bus.types()


def test_a_request_that_nobody_recorded_is_not_made_up() -> None:
    world = World()
    world.policies.load = _raise(PolicyMissing("No policy yet"))
    world.run(run_id="r1", project="main")
    assert list(world.ledger().runs()) == []


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.SUCCEEDED, RunState.FAILED])
def test_a_request_that_is_delivered_twice_runs_once(state: RunState) -> None:
    world = World()
    world.ledger().put_run(requested("r1", state))
    try:
        world.run(run_id="r1")
    except RunFailed:
        assert state is RunState.FAILED
    assert (world.jobs, world.only_run().state) == ([], state)


def test_a_run_is_recorded_as_running_while_it_works() -> None:
    world = World()
    seen: list[RunState] = []

    def work(job: Job) -> Done:
        seen.append(world.only_run().state)
        return Done()

    world.run(work)
    assert seen == [RunState.RUNNING]


@pytest.mark.parametrize("kind", [RunKind.CREATE, RunKind.PRUNE])
def test_create_and_prune_exclude_each_other(kind: RunKind) -> None:
    world = World()
    world.ledger().acquire_lease("write", holder="other", now=NOW, ttl=MINUTE)
    answer = world.run(kind=kind)
    assert (answer["runs"][0]["state"], world.jobs) == ("refused", [])


def test_an_audit_runs_beside_a_writer() -> None:
    world = World()
    world.ledger().acquire_lease("write", holder="other", now=NOW, ttl=MINUTE)
    assert world.run(kind=RunKind.AUDIT)["runs"][0]["state"] == "succeeded"


@pytest.mark.parametrize("error", [None, KeyRejected("no"), ValueError("bug")])
def test_the_lease_is_given_back_however_the_work_ends(error: Exception | None) -> None:
    world = World()
    try:
        world.run(_raise(error) if error else None)
    except RunFailed:
        assert error is not None
    assert world.ledger().leases == []


def test_a_failing_project_leaves_the_others() -> None:
    world = World("main", "search")

    def work(job: Job) -> Done:
        if job.project.name == "main":
            raise KeyRejected("Pinecone rejected the key of secret 'main'")
        return Done()

    with pytest.raises(RunFailed, match=r"1 of 2.*rejected the key"):
        world.run(work)
    assert [world.only_run(name).state for name in ("main", "search")] == [
        RunState.FAILED,
        RunState.SUCCEEDED,
    ]


def test_a_project_that_could_not_be_read_is_a_finding() -> None:
    """U1: it is unknown."""
    world = World()
    with pytest.raises(RunFailed):
        world.run(_raise(KeyRejected("Pinecone rejected the key")))
    assert world.open_findings() == ["project-unknown"]


def test_a_project_that_is_read_again_resolves_the_finding() -> None:
    """U1."""
    world = World()
    with pytest.raises(RunFailed):
        world.run(_raise(KeyRejected("Pinecone rejected the key")))
    world.run()
    assert world.open_findings() == []


def test_a_fault_of_our_own_is_a_failed_run_that_shows_no_details() -> None:
    world = World()
    with pytest.raises(RunFailed):
        world.run(_raise(ZeroDivisionError("secret detail")))
    error = world.only_run().error
    assert "Unexpected ZeroDivisionError" in error
    assert "secret detail" not in error


def test_an_operation_that_a_rule_forbids_is_refused_and_not_failed() -> None:
    world = World()
    answer = world.run(_raise(RuleForbids("It is held", rule="held", next_step="Release it.")))
    assert answer["runs"][0]["state"] == "refused"


def test_what_happened_is_announced_after_it_is_recorded() -> None:
    world = World()

    def work(job: Job) -> Done:
        job.ledger.record_event(DomainEvent.of("backup.created", "b1", project="main", at=NOW))
        assert world.bus.published == []
        return Done()

    world.run(work)
    assert sorted(world.bus.types()) == ["backup.created", "run.completed"]


def test_what_the_bus_refuses_is_announced_by_the_next_run() -> None:
    world = World()
    world.bus.refuse = {"run.completed"}
    world.run()
    world.bus.refuse = set()
    world.run(kind=RunKind.AUDIT)
    assert world.bus.types() == ["run.completed", "run.completed"]


def test_what_a_crash_left_unannounced_is_announced_by_the_next_run() -> None:
    world = World()
    world.ledger().record_event(DomainEvent.of("backup.created", "b1", project="main", at=NOW))
    world.run()
    assert "backup.created" in world.bus.types()


def test_a_failed_run_is_announced_as_failed() -> None:
    world = World()
    with pytest.raises(RunFailed):
        world.run(_raise(KeyRejected("no")))
    assert "run.failed" in world.bus.types()


def test_a_missing_policy_does_nothing_and_is_one_finding() -> None:
    world = World()
    world.policies.load = _raise(PolicyMissing("No policy has been stored yet"))
    world.run()
    world.run()
    assert (world.jobs, world.open_findings(DEPLOYMENT)) == ([], ["policy-missing"])


def test_an_invalid_policy_stops_the_run_with_every_error_and_is_one_finding() -> None:
    world = World()
    errors = [("policies.0.floor", "too small"), ("projects", "missing")]
    world.policies.load = _raise(PolicyInvalid(errors, policy_version="v2"))
    with pytest.raises(PolicyInvalid, match=r"policies\.0\.floor: too small; projects: missing"):
        world.run()
    assert (world.jobs, world.open_findings(DEPLOYMENT)) == ([], ["policy-invalid"])


def test_findings_about_the_policy_resolve_when_it_loads() -> None:
    world = World()
    working = world.policies.load
    world.policies.load = _raise(PolicyMissing("No policy has been stored yet"))
    world.run()
    world.policies.load = working
    world.run()
    assert world.open_findings(DEPLOYMENT) == []


def test_a_project_taken_out_of_the_policy_is_a_finding() -> None:
    """U1: a project removed from the policy while the ledger knows it."""
    world = World("main", "search")
    world.run()
    world.document = PolicyDocument.model_validate({"projects": [{"name": "main"}]})
    world.run()
    assert [finding.subject for finding in world.ledger(DEPLOYMENT).findings()] == ["search"]


def test_a_dead_ledger_fails_the_run_and_says_so() -> None:
    class Dead(MemoryLedger):
        def put_run(self, run: Run) -> None:
            raise LedgerUnavailable("The ledger did not answer")

    world = World()
    world.ledgers["main"] = Dead("main")
    with pytest.raises(RunFailed, match="did not answer"):
        world.run()


def test_an_outbox_that_cannot_be_read_does_not_fail_the_run() -> None:
    class Mute(MemoryLedger):
        def unannounced(self) -> list[DomainEvent]:
            raise LedgerUnavailable("The ledger did not answer")

    world = World()
    world.ledgers["main"] = Mute("main")
    assert world.run()["runs"][0]["state"] == "succeeded"


def test_a_run_that_succeeded_everywhere_is_a_heartbeat_without_failed_projects() -> None:
    world = World()
    world.run()
    assert world.metrics.value("ProjectsFailed", kind="create") == 0


def test_a_run_that_failed_somewhere_is_a_heartbeat_with_the_number_of_failed_projects() -> None:
    world = World()
    with pytest.raises(RunFailed):
        world.run(_raise(KeyRejected("no")))
    assert world.metrics.value("ProjectsFailed", kind="create") == 1


def test_a_run_that_ends_in_part_says_so() -> None:
    world = World()
    world.run(lambda _: replace(Done(), state=RunState.PARTIAL))
    assert world.only_run().state is RunState.PARTIAL


# What cannot be read, and what breaks off (rules U1 and U2)


def stored(world: World, project: str, run: Run) -> None:
    world.ledger(project).put_run(run)


def completed(kind: RunKind = RunKind.CREATE) -> Run:
    return Run("r0", kind, TriggerKind.SCHEDULE, "schedule", RunState.SUCCEEDED, NOW, NOW)


@pytest.mark.parametrize("key", ["LAST#create", "OUTBOX#"])
def test_an_item_of_a_newer_version_stops_no_run(key: str) -> None:
    """U2: of this project or of a later one."""
    world = World("main", "search")
    ledger = world.ledger("main")
    stored(world, "main", completed())
    ledger.record_event(DomainEvent.of("backup.created", "b1", project="main", at=NOW))
    ledger.record_event(DomainEvent.of("backup.created", "b2", project="main", at=NOW))
    damaged = next(each for each in ledger.table.items if each.startswith(key))
    ledger.table.items[damaged]["record"] = {"S": "of a newer version"}
    answer = world.run(time=NOW)
    assert [run["state"] for run in answer["runs"]] == ["succeeded", "succeeded"]
    assert world.open_findings() == ["ledger-unreadable"]
    assert world.bus.types().count("backup.created") == (1 if key == "OUTBOX#" else 2)


@pytest.mark.parametrize(
    "method", ["run", "last_completed", "acquire_lease", "put_run", "record_event", "unannounced"]
)
def test_whatever_breaks_in_one_project_leaves_the_later_ones_their_run(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    world = World("main", "search")
    world.ledger("search").put_run(requested("r1"))
    monkeypatch.setattr(world.ledger("main"), method, _raise(ZeroDivisionError("secret detail")))
    with suppress(RunFailed):
        world.run(time=NOW, run_id="r1")
    asked = world.ledger("search").run("r1")
    assert asked is not None
    assert asked.state is RunState.SUCCEEDED


def test_a_bus_that_breaks_does_not_fail_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.bus, "publish", _raise(ZeroDivisionError()))
    assert world.run()["runs"][0]["state"] == "succeeded"
    assert [event.type for event in world.ledger().unannounced()] == ["run.completed"]


@pytest.mark.parametrize(
    ("kind", "severity"),
    [(RunKind.CREATE, "critical"), (RunKind.AUDIT, "critical"), (RunKind.PRUNE, "error")],
)
@pytest.mark.parametrize("error", [ZeroDivisionError(), LedgerUnavailable("no answer")])
def test_a_run_that_breaks_off_is_a_finding(kind: RunKind, severity: str, error: Exception) -> None:
    """U1."""
    world = World()
    with pytest.raises(RunFailed):
        world.run(_raise(error), kind=kind)
    (finding,) = world.ledger().findings()
    assert (finding.control, finding.subject) == ("run-broken", kind)
    assert (finding.severity, finding.open) == (severity, True)
    assert world.only_run().error in finding.diagnosis


def test_a_run_that_broke_off_resolves_with_the_next_of_its_kind_that_ends_well() -> None:
    """U1: and with no other."""
    world = World()
    with pytest.raises(RunFailed):
        world.run(_raise(ZeroDivisionError()))
    world.run(kind=RunKind.AUDIT)
    before = world.open_findings()
    world.run()
    assert (before, world.open_findings()) == (["run-broken"], [])


def test_what_broke_at_one_index_is_a_finding_until_a_run_does_without() -> None:
    """U1."""
    world = World()
    broken = Done(unexpected={"docs": "Unexpected KeyError"}, state=RunState.PARTIAL)
    world.run(lambda _: broken)
    (finding,) = world.ledger().findings()
    world.run(lambda _: replace(Done(), state=RunState.STOPPED))
    before = world.open_findings()
    world.run(lambda _: replace(Done(), state=RunState.PARTIAL))
    assert (finding.subject, finding.data["index"]) == ("create/docs", "docs")
    assert (before, world.open_findings()) == (["run-broken"], [])


def test_a_request_that_cannot_be_read_is_refused() -> None:
    """U2: nobody knows whether it ran already."""
    world = World()
    world.ledger().put_run(requested("r1"))
    world.ledger().table.items["RUN#r1"]["record"] = {"S": ""}
    answer = world.run(run_id="r1")
    assert (answer["runs"][0]["state"], world.jobs) == ("refused", [])
    assert "RUN#r1" in answer["runs"][0]["error"]


def test_a_request_that_cannot_be_read_does_not_hide_that_there_is_no_policy() -> None:
    world = World()
    world.ledger().put_run(requested("r1"))
    world.ledger().table.items["RUN#r1"]["record"] = {"S": ""}
    world.policies.load = _raise(PolicyMissing("No policy yet"))
    assert world.run(run_id="r1", project="main")["error"] == "No policy yet"


def test_what_the_deployments_own_ledger_cannot_read_is_reported_there() -> None:
    """U2: and resolved when it is deleted."""
    world = World("main", "search")
    world.run()
    world.document = PolicyDocument.model_validate({"projects": [{"name": "main"}]})
    world.run()
    ledger = world.ledger(DEPLOYMENT)
    (key,) = ledger.keys("FINDING")
    ledger.table.items[key]["record"] = {"S": ""}
    world.run()
    before = world.open_findings(DEPLOYMENT)
    del ledger.table.items[key]
    world.run()
    assert (before, sorted(world.open_findings(DEPLOYMENT))) == (
        ["ledger-unreadable"],
        ["project-removed"],
    )


def test_a_clock_that_ran_ahead_recovers_by_itself() -> None:
    """T1: what it completed a day ahead refuses nothing."""
    world = World()
    world.local_clock = True
    world.run(now=NOW + timedelta(days=1))

    states = [
        world.run(now=NOW + minutes * MINUTE, time=NOW + minutes * MINUTE)["runs"][0]["state"]
        for minutes in (0, 15)
    ]

    assert states == ["succeeded", "succeeded"]
    last = world.ledger().last_completed(RunKind.CREATE)
    assert last is not None
    assert last.time == NOW + 15 * MINUTE


def test_refusals_show_until_a_run_of_their_kind_ends() -> None:
    """As a finding, and by the heartbeat that is missing."""
    world = World()
    world.run(time=NOW - timedelta(hours=2))
    world.run(time=NOW - timedelta(hours=2) + MINUTE)
    refused = (world.open_findings(), list(world.metrics.gauges))

    world.run(time=NOW)

    assert refused == (["run-refused"], [])
    assert world.open_findings() == []


def test_the_first_refusal_is_no_finding() -> None:
    """Not even where no run of the kind has ended, as on the first day."""
    world = World()
    world.run(time=NOW - timedelta(hours=2))
    assert world.open_findings() == []


def test_one_refusal_after_a_run_that_ended_is_no_finding() -> None:
    world = World()
    world.run(time=NOW)
    world.run(time=NOW - MINUTE)
    assert world.open_findings() == []
