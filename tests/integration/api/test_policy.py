"""Changing the policy through the API: nobody's change is lost, and everybody's is known."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

from pinecone_backup.errors import Unavailable
from pinecone_backup.model import PruneMode, RunKind, TriggerKind
from pinecone_backup.records import Run, RunState
from pinecone_backup.triggers import RunRequest
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import PruneOutcome, prune
from pinecone_backup.usecases.runs import run_projects
from tests.support.api import ACTOR, POLICY, World, context

BOB = "arn:aws:iam::123456789012:user/bob"


def document(keep_last: int = 3) -> dict[str, Any]:
    given = deepcopy(POLICY)
    given["policies"][0]["retention"] = {"keep_last": keep_last}
    return given


def put(world: World, *, on: str | None = "v1", query: str = "", **given: Any) -> Any:
    headers = {} if on is None else {"If-Match": f'"{on}"'}
    body = {"document": given.pop("document", document(5)), "reason": "Fewer are enough"}
    return world.ask("PUT", f"/v1/policy{query}", body, headers=headers, **given)


def tick(world: World) -> None:
    """A run notices what became of the policy."""
    done = SimpleNamespace(state=RunState.SUCCEEDED, summary={}, unexpected={})
    request = RunRequest(trigger=TriggerKind.SCHEDULE, actor="schedule")
    run_projects(world.container.services, RunKind.AUDIT, request, lambda _: done)


def test_a_policy_is_put_on_top_of_the_version_that_was_read(world: World) -> None:
    read = world.ask("GET", "/v1/policy")

    answer = put(world, on=read.headers["ETag"].strip('"'))

    assert answer.status == 200, answer.text
    assert (answer.json["stored"], answer.json["former_version"]) == (True, "v1")
    now = world.ask("GET", "/v1/policy")
    assert now.headers["ETag"] == answer.headers["ETag"] == f'"{answer.json["policy_version"]}"'
    assert now.json["document"]["policies"][0]["retention"]["keep_last"] == 5


def test_who_was_slower_is_told_and_changes_nothing(world: World) -> None:
    first = put(world)

    second = put(world, document=document(9), actor=BOB)

    assert (second.status, second.problem) == (412, "policy-changed")
    assert world.get("/v1/policy")["policy_version"] == first.json["policy_version"]


def test_of_two_at_the_same_moment_one_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bob's change is stored after Ada's request read the version, and before it stores its own."""
    save = world.container.policies.save

    def save_after_bob(*given: Any, **named: Any) -> str:
        monkeypatch.undo()
        assert put(world, document=document(9), actor=BOB).status == 200
        return save(*given, **named)

    monkeypatch.setattr(world.container.policies, "save", save_after_bob)
    slower = put(world)
    assert (slower.status, slower.problem) == (412, "policy-changed")
    in_force = world.get("/v1/policy")["document"]["policies"][0]["retention"]
    assert in_force["keep_last"] == 9
    changes = world.container.deployment.policy_changes()
    assert [each.actor for each in changes if each.policy_version != "v1"] == [BOB]


def test_a_change_that_is_sent_again_is_made_once(world: World) -> None:
    first, again = put(world), put(world)

    assert (again.status, again.json["policy_version"]) == (200, first.json["policy_version"])
    assert world.container.bus.types().count("policy.changed") == 1


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}])
def test_a_change_says_on_top_of_what_it_is_meant(world: World, headers: dict[str, str]) -> None:
    body = {"document": document(), "reason": "x"}
    answer = world.ask("PUT", "/v1/policy", body, headers=headers)
    assert (answer.status, answer.problem) == (428, "precondition-required")
    assert answer.headers["ETag"] == '"v1"'


@pytest.mark.parametrize("given", ['W/"v1"', '"v0"', '"v0", "v2"', '""'])
def test_another_version_is_not_taken_for_the_one_in_force(world: World, given: str) -> None:
    body = {"document": document(), "reason": "x"}
    answer = world.ask("PUT", "/v1/policy", body, headers={"If-Match": given})
    assert (answer.status, answer.problem) == (412, "policy-changed")


def test_that_there_is_no_policy_yet_is_refused_where_there_is_one(world: World) -> None:
    body = {"document": document(), "reason": "x"}
    answer = world.ask("PUT", "/v1/policy", body, headers={"If-None-Match": "*"})
    assert (answer.status, answer.problem) == (412, "policy-changed")


def test_every_error_of_a_document_is_named_and_nothing_is_stored(world: World) -> None:
    wrong = document()
    wrong["policies"][0]["floor"] = -1
    wrong["assignments"][0]["policy"] = "nobody"

    answer = put(world, document=wrong)

    assert (answer.status, answer.problem) == (400, "invalid-request")
    pointers = [error["pointer"] for error in answer.json["errors"]]
    assert any(pointer.startswith("#/document/policies/0") for pointer in pointers)
    assert world.get("/v1/policy")["policy_version"] == "v1"


def test_a_dry_run_answers_the_same_and_stores_nothing(world: World) -> None:
    looked = put(world, on=None, query="?dry_run=true")

    assert (looked.status, looked.json["stored"]) == (200, False)
    assert world.get("/v1/policy")["policy_version"] == "v1"
    stored = put(world).json
    differing = {"stored", "policy_version"}
    assert {key: stored[key] for key in stored.keys() - differing} == {
        key: looked.json[key] for key in looked.json.keys() - differing
    }
    assert world.container.bus.types() == ["policy.changed"]


def test_the_answer_says_what_the_change_would_make_delete_and_cost(world: World) -> None:
    world.simulator.project.seed_index("products", records=1000)
    ids = [world.seed(days_ago=day + 0.1) for day in range(3)]
    settled(world)

    hourly = document(1)
    hourly["policies"][0] |= {"cron": "0 * * * *"}
    (project,) = put(world, query="?dry_run=true", document=hourly).json["projects"]

    assert (project["project"], project["problem"]) == ("main", "")
    assert project["created_before"] == 7
    assert 7 * 24 <= project["created_after"] <= 7 * 24 + 1
    goes = {each["backup_id"]: each["waits"] for each in project["changes"]["goes"]}
    assert ids[2] in goes
    before, after = (project["changes"][f"quota_{each}"]["needed"] for each in ("before", "after"))
    assert after < before


def test_what_is_too_much_to_be_played_for_a_week_is_not_given_as_a_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made on the days that were played is not what a week makes."""
    world.simulator.project.seed_index("products", records=1000)
    settled(world)
    monkeypatch.setattr("pinecone_backup.rules.preview.MOST_WORK", 400)

    hourly = document(100)
    hourly["policies"][0] |= {"cron": "* * * * *"}
    (project,) = put(world, query="?dry_run=true", document=hourly).json["projects"]

    assert (project["created_before"], project["created_after"]) == (8, None)


def test_a_project_that_cannot_be_read_keeps_no_policy_from_being_mended(world: World) -> None:
    given = document()
    given["projects"] = [{"name": "other"}]
    world.container.control_planes["other"] = Away()
    answer = put(world, document=given)
    assert answer.status == 200
    told = {each["project"]: each["problem"] for each in answer.json["projects"]}
    assert "away" in told["other"]
    assert "backed up no more" in told["main"]


def test_a_policy_put_by_accident_deletes_nothing(world: World) -> None:
    """D3: what only the change would delete waits."""
    world.simulator.project.seed_index("products", records=1000)
    for day in range(3):
        world.seed(days_ago=day + 0.1)
    settled(world)
    version = put(world, document=document(1)).json["policy_version"]

    outcome = pruned(world, version)

    assert outcome.deleted == ()
    assert {str(item.action) for item in outcome.plan.to_go} == {"wait"}


def pruned(world: World, version: str) -> PruneOutcome:
    policies = world.container.policies
    services = PruneServices(
        control_plane=world.container.control_plane(world.container.document.projects[0]),
        ledger=world.ledger,
        store=world.container.objects,
        policy_version=policies.load_version,
        time_left=lambda: 900,
    )
    return prune(
        context(world, RunKind.PRUNE),
        services,
        document=policies.load()[0],
        policy_version=version,
        mode=PruneMode.ENFORCE,
    )


def settled(world: World) -> None:
    """The first prune, which is a dry run, is over."""
    world.container.policies.documents = {"v1": world.container.document}
    pruned(world, "v1")
    now = world.simulator.clock.now()
    world.ledger.put_run(
        Run("first", RunKind.PRUNE, TriggerKind.SCHEDULE, "schedule", RunState.SUCCEEDED, now, now)
    )


class Away:
    """A control plane that does not answer."""

    def __getattr__(self, _: str) -> Any:
        raise Unavailable("Pinecone is away")


def test_a_mistyped_dry_run_stores_nothing(world: World) -> None:
    answer = put(world, query="?dryrun=true")
    assert (answer.status, answer.problem) == (400, "invalid-request")


def test_a_change_is_announced_with_who_and_why(world: World) -> None:
    version = put(world).json["policy_version"]
    (event,) = [each for each in world.container.bus.published if each.type == "policy.changed"]
    assert event.data == {
        "policy_version": version,
        "former_version": "v1",
        "actor": ACTOR,
        "reason": "Fewer are enough",
        "outside": False,
    }


def test_the_versions_say_who_changed_what_and_why(world: World) -> None:
    version = put(world).json["policy_version"]

    newest, first = world.get("/v1/policy/versions")["data"]

    assert (newest["policy_version"], newest["current"]) == (version, True)
    assert (newest["changed_by"], newest["reason"]) == (ACTOR, "Fewer are enough")
    assert (newest["former_version"], newest["outside"]) == ("v1", False)
    assert (first["policy_version"], first["current"], first["outside"]) == ("v1", False, True)
    one = world.get(f"/v1/policy/versions/{version}")
    assert one["document"]["policies"][0]["retention"]["keep_last"] == 5
    assert world.ask("GET", "/v1/policy/versions/none").problem == "not-found"


def test_a_change_in_the_bucket_is_noticed_by_the_next_run_and_said_once(world: World) -> None:
    put(world)
    world.container.policies.load = lambda: (world.container.document, "from-outside")

    tick(world)
    tick(world)

    *_, event = [each for each in world.container.bus.published if each.type == "policy.changed"]
    assert (event.data["policy_version"], event.data["outside"]) == ("from-outside", True)
    assert world.container.bus.types().count("policy.changed") == 2
    assert world.get("/v1/policy/versions")["data"][0]["outside"] is True


def test_a_change_whose_end_was_not_recorded_is_still_its_makers(world: World) -> None:
    """The process dies between the bucket and the ledger."""
    ledger = world.container.deployment
    tick(world)
    completed = ledger.put_policy_change
    ledger.put_policy_change = lambda change: None if change.policy_version else completed(change)  # type: ignore[method-assign]
    put(world)
    ledger.put_policy_change = completed  # type: ignore[method-assign]

    tick(world)

    newest = world.get("/v1/policy/versions")["data"][0]
    assert (newest["changed_by"], newest["outside"]) == (ACTOR, False)
    assert world.container.bus.types().count("policy.changed") == 1
