"""D9: where a deployment demands two people, nobody deletes a plan's backups alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.errors import ApprovalRefused
from pinecone_backup.model import PruneMode, RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.records import Run, RunState
from pinecone_backup.triggers import RunRequest
from pinecone_backup.usecases.approvals import rule_of
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import prune
from pinecone_backup.usecases.runs import run_projects
from tests.support.api import OWNER, World, plan_a_prune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.simulator import Simulator
    from pinecone_backup.records import PlanRecord
    from pinecone_backup.usecases.prune import PruneOutcome

ADA, BOB, CAY = (f"arn:aws:iam::123456789012:user/{name}" for name in ("ada", "bob", "cay"))

type Make = Callable[..., World]


@pytest.fixture
def make(simulator: Simulator, simulator_url: str) -> Iterator[Make]:
    simulator.project.seed_index("products", records=1000)
    worlds: list[World] = []

    def make(**settings: Any) -> World:
        worlds.append(World(simulator, simulator_url, prune_mode="approve", **settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.container.http.close()


def planned(world: World) -> str:
    """The digest of what the first prune, a dry run, would delete: three backups."""
    record = plan_a_prune(world)
    now = world.simulator.clock.now()
    world.ledger.put_run(
        Run("first", RunKind.PRUNE, TriggerKind.SCHEDULE, "schedule", RunState.SUCCEEDED, now, now)
    )
    return record.digest


def approve(world: World, digest: str, who: str) -> Any:
    body = {"reason": f"{who[-3:]} read it"}
    return world.ask("POST", f"/plans/{digest}/approve", body, actor=who)


def execute(world: World, digest: str, who: str) -> Any:
    return world.ask("POST", f"/plans/{digest}/execute", actor=who)


def run(
    world: World,
    *,
    digest: str | None = None,
    actor: str = "schedule",
    trigger: TriggerKind = TriggerKind.SCHEDULE,
) -> PruneOutcome:
    """A prune, as the function runs it."""
    now = world.simulator.clock.now()
    context = RunContext("r", RunKind.PRUNE, "main", OWNER, RunTime(now, now), trigger, actor)
    services = PruneServices(
        control_plane=world.container.control_plane(world.container.document.projects[0]),
        ledger=world.ledger,
        store=world.container.objects,
        policy_version=lambda _: world.container.document,
        time_left=lambda: 900,
        approvals=rule_of(world.container.settings),
    )
    return prune(
        context,
        services,
        document=world.container.document,
        policy_version="v1",
        mode=PruneMode.APPROVE,
        digest=digest,
    )


def test_who_approves_does_not_execute(make: Make) -> None:
    world = make(approver_is_another=True)
    digest = planned(world)
    assert approve(world, digest, ADA).json["state"] == "approved"

    alone, other = execute(world, digest, ADA), execute(world, digest, BOB)

    assert (alone.status, alone.problem, other.status) == (409, "approval-refused", 202)
    assert "somebody else" in alone.json["next_step"]


def test_the_run_itself_refuses_what_the_api_would(make: Make) -> None:
    world = make(approver_is_another=True)
    digest = planned(world)
    approve(world, digest, ADA)

    with pytest.raises(ApprovalRefused, match="1 more person"):
        run(world, digest=digest, actor=ADA, trigger=TriggerKind.API)
    with pytest.raises(ApprovalRefused, match="1 more person"):
        run(world, digest=digest, actor="bus:123456789012", trigger=TriggerKind.BUS)


def test_one_approval_and_the_schedule_are_one_person(make: Make) -> None:
    world = make(approver_is_another=True)
    digest = planned(world)
    approve(world, digest, ADA)

    assert run(world).deleted == ()
    approve(world, digest, BOB)
    assert len(run(world).deleted) == 3


def test_above_a_number_two_must_approve_and_one_twice_is_one(make: Make) -> None:
    world = make(two_approvers_above=2)
    digest = planned(world)

    assert approve(world, digest, ADA).json["state"] == "awaiting_approval"
    assert approve(world, digest, ADA).json["state"] == "awaiting_approval"
    assert execute(world, digest, BOB).problem == "approval-refused"
    assert approve(world, digest, BOB).json["state"] == "approved"
    assert execute(world, digest, ADA).status == 202


def test_up_to_the_number_one_is_enough(make: Make) -> None:
    world = make(two_approvers_above=3)
    digest = planned(world)
    approve(world, digest, ADA)
    assert execute(world, digest, ADA).status == 202


def test_of_approvals_at_the_same_moment_none_is_lost(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob approves after Ada's request read the plan, and before it writes it."""
    world = make(two_approvers_above=2)
    digest = planned(world)
    put_plan = world.ledger.put_plan

    def put_after_bob(*given: Any, **named: Any) -> PlanRecord:
        monkeypatch.undo()
        assert approve(world, digest, BOB).status == 200
        return put_plan(*given, **named)

    monkeypatch.setattr(world.ledger, "put_plan", put_after_bob)
    assert approve(world, digest, ADA).json["state"] == "approved"
    plan = world.ledger.plan(digest)
    assert plan is not None
    assert {each.approved_by for each in plan.approvals} == {ADA, BOB}


def test_a_run_that_plans_the_same_keeps_the_first_approval(make: Make) -> None:
    world = make(two_approvers_above=2)
    digest = planned(world)
    approve(world, digest, ADA)
    run(world)
    assert approve(world, digest, BOB).json["state"] == "approved"


def test_a_used_approval_is_not_used_again(make: Make) -> None:
    world = make(approver_is_another=True)
    digest = planned(world)
    approve(world, digest, ADA)
    run(world, digest=digest, actor=BOB, trigger=TriggerKind.API)

    assert execute(world, digest, BOB).problem == "approval-refused"
    assert approve(world, digest, CAY).problem == "approval-refused"


def test_deletions_carry_everybody_who_approved_and_the_digest(make: Make) -> None:
    world = make(two_approvers_above=0)
    digest = planned(world)
    approve(world, digest, ADA)
    approve(world, digest, BOB)
    run(world)

    rows = world.get("/deletions")["data"]

    assert len(rows) == 3
    assert {(row["approved_by"], row["approved_reason"], row["digest"]) for row in rows} == {
        (f"{ADA}, {BOB}", "ada read it; bob read it", digest)
    }


def test_nobody_deletes_one_by_one_what_needs_two_people(make: Make) -> None:
    world = make(approver_is_another=True)
    planned(world)
    oldest = world.get("/backups?sort=oldest")["data"][0]["backup_id"]

    answer = world.ask("DELETE", f"/backups/{oldest}?reason=mine&override=limits", actor=ADA)

    assert (answer.status, answer.json["rule"]) == (409, "two-people")
    assert world.ledger.deletion(oldest) is None


def test_nobody_overrules_a_safeguard_alone(make: Make) -> None:
    """Else who may not execute a plan would change the policy back, and delete by hand."""
    world = make(approver_is_another=True)
    planned(world)
    newest = world.get("/backups")["data"][0]["backup_id"]
    every = "newest-good,floor,kept-by-policy,limits"

    answer = world.ask("DELETE", f"/backups/{newest}?reason=mine&override={every}", actor=ADA)

    assert (answer.status, answer.json["rule"]) == (409, "two-people")
    assert "No plan names it" in answer.json["next_step"]
    assert world.ledger.deletion(newest) is None


@pytest.mark.parametrize(("above", "second"), [(None, 202), (2, 202), (1, 409)])
def test_above_a_number_nobody_deletes_one_by_one(
    make: Make, above: int | None, second: int
) -> None:
    world = make(two_approvers_above=above)
    for name in ("products", "reviews", "users"):  # so many that the limits allow two deletions
        if name != "products":
            world.simulator.project.seed_index(name, records=1000)
        for day in range(3):
            world.seed(name, days_ago=day)
    rows = [world.get(f"/indexes/{name}/backups")["data"][-1] for name in ("products", "reviews")]
    overruled = "newest-good,floor,kept-by-policy"

    first, other = (
        world.ask("DELETE", f"/backups/{row['backup_id']}?reason=old&override={overruled}")
        for row in rows
    )

    assert (first.status, other.status) == (202, second)
    assert second == 202 or other.json["rule"] == "two-people"


def test_an_event_that_uses_somebody_elses_run_is_refused(make: Make) -> None:
    """The request was for a dry run; the event under its id asks to execute a plan."""
    world = make(approver_is_another=True)
    digest = planned(world)
    asked = world.ask("POST", "/runs", {"kind": "prune"}, actor=BOB).json["run_id"]
    request = RunRequest(
        trigger=TriggerKind.BUS, actor="bus", project="main", run_id=asked, digest=digest
    )

    result = run_projects(
        world.container.services, RunKind.PRUNE, request, lambda _: pytest.fail("it ran")
    )

    assert result["runs"][0]["state"] == "refused"
