"""How the API answers, whatever is asked: problems, actors, bounds, keys, secrets."""

from __future__ import annotations

import gc
import json
import logging
import re
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from local.openapi import EXAMPLES
from local.simulator import DEFAULT_KEY
from local.simulator.faults import Fault
from pinecone_backup import errors
from pinecone_backup.adapters.aws import client
from pinecone_backup.api.problems import PROBLEMS, Kind, ProblemError, details, problem_of
from pinecone_backup.api.resources import all_routes
from pinecone_backup.errors import (
    LedgerUnavailable,
    PolicyInvalid,
    PolicyMissing,
    SecretNotSet,
    StoreUnavailable,
)
from pinecone_backup.model import TICKED, RunKind, TriggerKind
from pinecone_backup.records import Run, RunState
from tests.support.api import ACTOR, CONTEXT, REQUEST_ID, World, api_event, idempotency_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator
    from pinecone_backup.api.routes import Route

BACKUPS = "/indexes/products/backups"

QUERIES = {"delete_backup": "?reason=costs"}
"""What a request must say beside its path."""


def test_every_problem_says_what_where_and_what_to_do(world: World) -> None:
    answer = world.ask("GET", "/reports/latest")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "type": "urn:pinecone-backup:problem:not-found",
        "title": "There is no such thing",
        "status": 404,
        "detail": "There is no report of project main yet",
        "instance": "/v1/projects/main/reports/latest",
        "request_id": REQUEST_ID,
        "next_step": "Start an audit run, and ask again when it has ended.",
    }


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v2/health", "/v1/projects/a/b/c"])
def test_a_path_that_the_api_does_not_have_is_a_problem(world: World, path: str) -> None:
    answer = world.api(api_event("GET", path), CONTEXT)
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["type"].endswith(":no-such-route")


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "DELETE"])
def test_a_method_that_a_path_does_not_take_is_answered_with_those_it_takes(
    world: World, method: str
) -> None:
    answer = world.ask(method, BACKUPS)
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("name", ["a%20b", "-a", "a" * 129, "ä", "..", "a%00"])
def test_a_name_that_nothing_can_have_is_not_found_and_asked_of_nobody(
    world: World, name: str
) -> None:
    before = len(world.simulator.requests.calls)
    answer = world.ask("GET", f"/backups/{name}")
    assert answer.status == 404
    assert len(world.simulator.requests.calls) == before


@pytest.mark.parametrize(
    "body", ["{", "[]", "7", '"text"', "[" * 100_000, b"\xff\xfe", '{"name":"a","name":"b"}']
)
def test_a_body_that_is_not_a_json_object_is_refused(world: World, body: str | bytes) -> None:
    answer = world.ask("POST", BACKUPS, body)
    assert (answer.status, answer.problem) == (400, "invalid-request")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_json_body_needs_the_content_type_of_json(world: World, kind: str) -> None:
    answer = world.ask("POST", BACKUPS, {}, headers={"Content-Type": kind})
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")
    assert answer.json["next_step"] == "Send Content-Type: application/json."


def test_a_body_that_is_too_large_is_refused_before_it_is_read(world: World) -> None:
    answer = world.ask("POST", BACKUPS, {"description": "x" * 600_000})
    assert (answer.status, answer.problem) == (413, "too-large")


def test_a_body_in_base64_is_read(world: World) -> None:
    answer = world.ask("POST", BACKUPS, b'{"name": "before-migration"}')
    assert (answer.status, answer.json["name"]) == (201, "before-migration")


def test_who_did_it_is_the_iam_principal(world: World) -> None:
    assert world.ask("POST", "/runs", {"kind": "audit"}).json["actor"] == ACTOR


def test_every_request_is_logged_with_who_asked_and_how_it_ended(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pinecone_backup.api.app")
    world.ask("GET", "/runs/absent")
    logged = caplog.records[-1]
    assert logged.getMessage() == "describe_run answered 404"
    assert vars(logged)["actor"] == ACTOR
    assert vars(logged)["path"] == "/v1/projects/main/runs/absent"


def test_without_iam_in_front_the_actor_says_so(world: World) -> None:
    answer = world.ask("POST", "/runs", {"kind": "audit"}, actor=None)
    assert answer.json["actor"] == "unidentified caller"


@pytest.mark.parametrize("path", ["/v1/projects/main/runs", "/v1/projects/main/runs/"])
@pytest.mark.parametrize(
    "root",
    [
        "https://abc.execute-api.eu-central-1.amazonaws.com/live",
        "https://ops.example.com",
        "https://ops.example.com/backups/prod",
        "http://127.0.0.1:4566/restapis/abc/live/_user_request_",
    ],
)
def test_a_location_leads_to_what_was_made_wherever_the_api_lies(
    world: World, root: str, path: str
) -> None:
    answer = world.ask("POST", path, {"kind": "audit"})
    found = urljoin(f"{root}{path}", answer.headers["Location"])
    assert found == f"{root}/v1/projects/main/runs/{answer.json['run_id']}"


def test_the_base_path_of_a_custom_domain_does_not_matter(world: World) -> None:
    event = api_event("GET", "/v1/projects/main/backups")
    event["path"] = event["requestContext"]["path"] = "/ops/v1/projects/main/backups"
    assert world.api(event, CONTEXT)["statusCode"] == 200


def test_a_request_without_the_gateways_parameter_goes_by_its_path(world: World) -> None:
    event = api_event("GET", "/v1/projects/main/backups") | {"pathParameters": None}
    assert world.api(event, CONTEXT)["statusCode"] == 200


# --- What is not there, or does not work ----------------------------------------------------


@pytest.mark.parametrize(
    "route",
    [each for each in all_routes() if "{project}" in each.path],
    ids=lambda each: each.operation,
)
def test_every_path_of_a_project_that_nobody_knows_is_answered_alike(
    world: World, route: Route
) -> None:
    path = re.sub(r"\{\w+\}", "absent", route.path) + QUERIES.get(route.operation, "")
    answer = world.ask(route.method, path, EXAMPLES.get(route.operation))
    assert (answer.status, answer.problem) == (404, "not-found")
    assert answer.json["detail"] == "The policy names no project 'absent'"
    assert answer.json["next_step"] == "It names: main"


@pytest.mark.parametrize(
    "route",
    [each for each in all_routes() if len(re.findall(r"\{\w+\}", each.path)) > 1],
    ids=lambda each: each.operation,
)
def test_whatever_a_path_names_in_vain_the_answer_has_a_next_step(
    world: World, route: Route
) -> None:
    path = re.sub(r"\{\w+\}", "absent", route.path.replace("{project}", "main"))
    path += QUERIES.get(route.operation, "")
    answer = world.ask(route.method, path, EXAMPLES.get(route.operation))
    assert (answer.status, answer.problem) == (404, "not-found")
    assert answer.json["next_step"]


@pytest.mark.parametrize(
    ("path", "listing"),
    [
        ("/runs/absent", "/v1/projects/main/runs"),
        ("/plans/absent", "/v1/projects/main/plans"),
        ("/backups/absent", "/v1/projects/main/backups"),
        ("/indexes/absent/backups", "/v1/projects/main/indexes"),
        (
            "/backup-schedules/absent",
            "/v1/projects/{project}/indexes/{index_name}/backup-schedules",
        ),
    ],
)
def test_what_is_not_found_is_answered_with_the_listing_that_would_have_it(
    world: World, path: str, listing: str
) -> None:
    assert world.ask("GET", path).json["next_step"] == f"GET {listing} lists what there is."


def test_a_project_that_the_policy_does_not_name_is_not_found(world: World) -> None:
    answer = world.ask("GET", "/v1/projects/other/backups")
    assert (answer.status, answer.problem) == (404, "not-found")
    assert answer.json["next_step"] == "It names: main"


@pytest.mark.parametrize(
    "error", [PolicyMissing("No policy has been stored yet"), PolicyInvalid([("projects", "no")])]
)
def test_without_a_valid_policy_the_api_says_what_is_missing(
    world: World, error: errors.ConfigurationError
) -> None:
    def load() -> None:
        raise error

    world.container.load = load  # type: ignore[assignment] # it never returns
    answer = world.ask("GET", "/backups")
    assert (answer.status, answer.problem) == (503, "not-configured")
    health = world.get("/v1/health")
    assert (health["status"], health["policy"]) == ("fail", "fail")
    assert health["problems"] == [str(error)]


def test_a_policy_that_became_invalid_does_not_keep_people_from_their_backups(
    world: World,
) -> None:
    """Reading and restoring go by the version that the last run used; policies stay refused."""

    def load() -> None:
        raise PolicyInvalid([("projects", "no")])

    now = world.simulator.clock.now()
    audit = Run("r1", RunKind.AUDIT, TriggerKind.SCHEDULE, "", RunState.SUCCEEDED, now, now)
    world.ledger.put_run(replace(audit, policy_version="v0"))
    world.container.versions["v0"] = world.container.document
    world.container.load = load  # type: ignore[assignment] # it never returns
    assert world.ask("GET", "/backups").status == 200
    assert world.ask("GET", "/v1/policy").problem == "not-configured"


def test_a_missing_secret_is_named_with_the_command_that_sets_it(world: World) -> None:
    class Unset:
        def project_backups_page(self, **_: object) -> None:
            raise SecretNotSet("The secret has no value yet", next_step="aws secretsmanager ...")

    world.container.control_planes["main"] = Unset()  # type: ignore[assignment] # all that is asked of it
    answer = world.ask("GET", "/backups")
    assert (answer.status, answer.problem) == (503, "not-configured")
    assert answer.json["next_step"] == "aws secretsmanager ..."
    (project,) = world.get("/v1/health")["projects"]
    assert (project["secret"], project["pinecone"]) == ("fail", "unknown")


def test_health_does_not_guess_about_what_it_could_not_ask(world: World) -> None:
    class Unreadable:
        def project_backups_page(self, **_: object) -> None:
            raise StoreUnavailable("Secrets Manager did not answer")

    world.container.control_planes["main"] = Unreadable()  # type: ignore[assignment] # all that is asked
    (project,) = world.get("/v1/health")["projects"]
    assert (project["secret"], project["pinecone"]) == ("unknown", "unknown")


def test_health_shows_the_last_run_of_each_kind_while_another_asks(world: World) -> None:
    clock = world.simulator.clock.now()
    world.ledger.put_run(
        Run("run-1", RunKind.AUDIT, TriggerKind.API, "ada", RunState.PARTIAL, clock, clock)
    )
    world.ledger.acquire_lease("health", holder="other", now=clock, ttl=timedelta(seconds=5))
    (project,) = world.get("/v1/health")["projects"]
    assert project["ledger"] == "pass"
    assert project["last_runs"]["audit"]["run_id"] == "run-1"


def test_health_shows_what_can_be_reached_and_what_ran_last(world: World) -> None:
    health = world.get("/v1/health")
    assert health["status"] == "pass"
    (project,) = health["projects"]
    assert (project["secret"], project["pinecone"], project["ledger"]) == ("pass",) * 3
    assert project["last_runs"] == dict.fromkeys(TICKED)


def test_health_fails_when_pinecone_does_not_answer(world: World) -> None:
    world.simulator.faults.add(Fault(kind="status", status=503, times=None))
    health = world.get("/v1/health")
    assert (health["status"], health["projects"][0]["pinecone"]) == ("fail", "fail")


def test_health_fails_when_the_ledger_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LedgerUnavailable("The ledger did not do what was asked")

    monkeypatch.setattr(world.ledger, "acquire_lease", refuse)
    health = world.get("/v1/health")
    assert (health["status"], health["projects"][0]["ledger"]) == ("fail", "fail")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, 503), (500, 503), (401, 502), (402, 402), (400, 400), (409, 409), (412, 412)],
)
def test_what_pinecone_answers_becomes_a_problem_of_its_own(
    world: World, status: int, expected: int
) -> None:
    world.simulator.faults.add(Fault(kind="status", status=status, times=None, message="No."))
    answer = world.ask("GET", "/backups")
    assert answer.status == expected
    assert ("Retry-After" in answer.headers) == (expected == 503)


def test_an_answer_that_is_not_understood_is_a_problem(world: World) -> None:
    world.simulator.faults.add(Fault(kind="malformed"))
    answer = world.ask("GET", "/backups")
    assert (answer.status, answer.problem) == (502, "pinecone-answer")


def test_an_unexpected_error_is_a_problem_that_shows_nothing_internal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr(world.ledger, "runs_before", crash)
    answer = world.ask("GET", "/runs")
    assert (answer.status, answer.problem) == (500, "internal")
    assert "inside" not in answer.text


def _ours(kind: type[errors.BackupError]) -> Iterator[type[errors.BackupError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _ours(narrower)


def test_every_error_of_ours_that_can_reach_the_api_is_a_problem_of_its_own() -> None:
    made = {"rule": "r", "next_step": "Wait."}
    inside = (errors.DeliveryError, errors.EvidenceBroken, errors.RunFailed)
    for kind in _ours(errors.BackupError):
        if issubclass(kind, inside) or kind is errors.BackupError or kind is errors.PineconeError:
            continue
        error = (
            PolicyInvalid([("x", "y")])
            if kind is PolicyInvalid
            else kind("it", **(made if kind is errors.RuleForbids else {}))
        )
        assert problem_of(error).kind.slug != "internal", kind


def test_no_answer_contains_the_key_or_pinecones_address(world: World) -> None:
    world.simulator.faults.add(
        Fault(kind="status", status=400, times=None, message=f"bad key {DEFAULT_KEY}")
    )
    for path in ("/backups", "/indexes", "/v1/health", "/v1/projects"):
        text = world.ask("GET", path).text
        assert DEFAULT_KEY not in text
        assert world.container.url not in text


@pytest.mark.parametrize("kind", PROBLEMS.values(), ids=lambda kind: kind.slug)
def test_every_kind_of_problem_has_a_next_step_of_its_own(kind: Kind) -> None:
    body = details(ProblemError(kind.slug, "detail"), request_id="r", instance="/v1")
    assert body["next_step"] == kind.next_step != ""


def test_a_parameter_given_twice_is_refused_with_what_to_send(world: World) -> None:
    answer = world.ask("GET", "/backups?limit=1&limit=2")
    assert (answer.status, answer.problem) == (400, "invalid-request")
    assert answer.json["next_step"] == (
        "Send each parameter once; separate several values with commas."
    )


def test_problem_slugs_are_lower_case_words() -> None:
    assert all(slug == kind.slug and kind.type.endswith(slug) for slug, kind in PROBLEMS.items())
    assert {kind.status for kind in PROBLEMS.values()} <= set(range(400, 505))


# --- Browsers -------------------------------------------------------------------------------


def test_there_are_no_cors_headers_unless_asked_for(world: World) -> None:
    answer = world.ask("GET", "/v1/health", headers={"Origin": "https://ops.example.com"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_with_cors_the_one_origin_is_let_in_and_no_other(
    simulator: Simulator, simulator_url: str
) -> None:
    origin = "https://ops.example.com"
    with World(simulator, simulator_url, cors_origin=origin) as world:
        for method, status in (("GET", 200), ("OPTIONS", 204)):
            answer = world.ask(method, "/v1/health", headers={"Origin": origin})
            assert answer.status == status
            assert answer.headers["Access-Control-Allow-Origin"] == origin
        other = world.ask("GET", "/v1/health", headers={"Origin": "https://evil.example.com"})
        assert "Access-Control-Allow-Origin" not in other.headers


def test_with_cors_a_preflight_lets_the_headers_of_a_signed_request_in(
    simulator: Simulator, simulator_url: str
) -> None:
    origin = "https://ops.example.com"
    with World(simulator, simulator_url, cors_origin=origin) as world:
        answer = world.ask("OPTIONS", "/v1/health", headers={"Origin": origin})
        allowed = set(answer.headers["Access-Control-Allow-Headers"].split(","))
        assert {"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} <= allowed
        assert {"X-Amz-Content-Sha256", "Idempotency-Key"} <= allowed


# --- Idempotency keys -----------------------------------------------------------------------


@pytest.fixture
def keyed(world: World) -> Iterator[World]:
    with idempotency_table() as store:
        world.container.store = store
        yield world


def with_key(key: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Idempotency-Key": key}}


def test_a_request_with_the_same_key_is_done_once_and_answered_alike(keyed: World) -> None:
    first = keyed.ask("POST", BACKUPS, {}, **with_key("k1"))
    again = keyed.ask("POST", BACKUPS, {}, **with_key("k1"))
    assert (first.status, again.status) == (201, 201)
    assert again.text == first.text
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(keyed.simulator.project.project_backups()) == 1


def test_a_key_that_was_used_for_another_body_is_refused(keyed: World) -> None:
    keyed.ask("POST", "/runs", {"kind": "audit"}, **with_key("k1"))
    answer = keyed.ask("POST", "/runs", {"kind": "create"}, **with_key("k1"))
    assert (answer.status, answer.problem) == (422, "key-reused")
    assert len(keyed.container.bus.requested) == 1


def test_the_same_key_elsewhere_or_of_somebody_else_is_another_key(keyed: World) -> None:
    for path, actor in (("/runs", ACTOR), ("/runs", "arn:aws:iam::1:user/bob")):
        answer = keyed.ask("POST", path, {"kind": "audit"}, actor=actor, **with_key("k1"))
        assert "Idempotency-Replayed" not in answer.headers
    assert keyed.ask("POST", BACKUPS, {}, **with_key("k1")).status == 201
    assert len(keyed.container.bus.requested) == 2


def test_what_failed_may_be_asked_again_with_the_same_key(keyed: World) -> None:
    keyed.simulator.faults.add(Fault(kind="status", status=400, operation="create_backup"))
    assert keyed.ask("POST", BACKUPS, {"name": "a"}, **with_key("k1")).status == 400
    assert keyed.ask("POST", BACKUPS, {"name": "a"}, **with_key("k1")).status == 201


def test_while_a_request_is_being_served_the_same_key_waits(
    keyed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner: list[int] = []

    def meanwhile(*_: object) -> None:
        inner.append(keyed.ask("POST", "/runs", {"kind": "audit"}, **with_key("k1")).status)

    monkeypatch.setattr(keyed.container.bus, "request_run", meanwhile)
    assert keyed.ask("POST", "/runs", {"kind": "audit"}, **with_key("k1")).status == 202
    assert inner == [409]


@pytest.mark.parametrize("key", ["", " ", "x" * 129, "ä"])
def test_an_unusable_key_is_refused(world: World, key: str) -> None:
    answer = world.ask("POST", BACKUPS, {}, **with_key(key))
    assert (answer.status, answer.problem) == (400, "invalid-request")
    assert answer.json["errors"][0]["pointer"] == "header:Idempotency-Key"


def test_when_keys_cannot_be_read_nothing_is_done(keyed: World) -> None:
    client("dynamodb").delete_table(TableName="table")
    answer = keyed.ask("POST", BACKUPS, {}, **with_key("k1"))
    assert (answer.status, answer.problem) == (503, "storage-unavailable")
    assert keyed.simulator.project.project_backups() == []


def test_an_answer_that_could_not_be_kept_is_given_all_the_same(
    keyed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object) -> None:
        client("dynamodb").delete_table(TableName="table")

    monkeypatch.setattr(keyed.container.bus, "request_run", lose)
    assert keyed.ask("POST", "/runs", {"kind": "audit"}, **with_key("k1")).status == 202


def test_a_listing_is_one_call_to_pinecone(world: World) -> None:
    for path in (
        BACKUPS,
        "/backups",
        "/indexes",
        "/restore-jobs",
        "/indexes/products/backup-schedules",
    ):
        before = len(world.simulator.requests.calls)
        world.get(path)
        assert len(world.simulator.requests.calls) == before + 1, path


def test_a_hundred_listings_leave_memory_flat_and_take_one_call_each(world: World) -> None:
    for day in range(20):
        world.seed(days_ago=day)

    def listings(number: int) -> int:
        calls = 0
        for _ in range(number):
            assert world.ask("GET", f"{BACKUPS}?limit=20").status == 200
            calls += len(world.simulator.requests.calls)
            world.simulator.requests.clear()
        gc.collect()
        return calls

    listings(50)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    assert listings(100) == 100
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 75_000
