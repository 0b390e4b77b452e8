"""``docs/openapi.json`` says what the API does: nothing else is answered, whatever is asked."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import positive_data_acceptance

from local.build import ROOT
from local.openapi import EXAMPLES
from pinecone_backup.api.resources import all_routes
from pinecone_backup.records import Verdict
from pinecone_backup.rules.inventory import new_record
from tests.support.api import (
    Gateway,
    World,
    audit,
    finding,
    idempotency_table,
    move_restores,
    plan_a_prune,
)
from tests.support.simulator import fresh_simulator, simulator_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator
    from pinecone_backup.api.routes import Route

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
EXAMPLES_EACH = 25 if os.environ.get("CI") else 15

PINECONE = {
    "create_backup": "POST /indexes/{index_name}/backups",
    "list_index_backups": "GET /indexes/{index_name}/backups",
    "list_project_backups": "GET /backups",
    "describe_backup": "GET /backups/{backup_id}",
    "delete_backup": "DELETE /backups/{backup_id}",
    "create_index_from_backup": "POST /backups/{backup_id}/create-index",
    "list_restore_jobs": "GET /restore-jobs",
    "describe_restore_job": "GET /restore-jobs/{job_id}",
    "create_backup_schedule": "POST /indexes/{index_name}/backup-schedules",
    "list_backup_schedules": "GET /indexes/{index_name}/backup-schedules",
    "describe_backup_schedule": "GET /backup-schedules/{schedule_id}",
    "update_backup_schedule": "PATCH /backup-schedules/{schedule_id}",
    "delete_backup_schedule": "DELETE /backup-schedules/{schedule_id}",
    "list_backup_schedule_history": "GET /backup-schedules/{schedule_id}/history",
}
"""The backup operations of Pinecone's own API."""


def inhabited(world: World) -> dict[str, str]:
    """Put one of everything into a world; an id for each path parameter."""
    simulator = world.simulator
    simulator.project.seed_index("products", records=1000)
    plan = plan_a_prune(world)
    audit(world)
    for number in range(3):
        world.ledger.put_finding(finding(world, number))
        world.container.deployment.put_finding(finding(world, number))
    row = world.get("/backups")["data"][0]
    control_plane = world.container.control_plane(world.container.document.projects[0])
    clock = simulator.clock.now()
    suspect = new_record(
        control_plane.describe_backup(row["backup_id"]), clock, verdict=Verdict.SUSPECT
    )
    world.ledger.put_backup(suspect, over=world.ledger.backup(suspect.backup_id))
    run = world.ask("POST", "/runs", {"kind": "audit"}).json
    request = {"scope": "index", "target": "products", "reason": "x"}
    schedule = world.ask(
        "POST", "/indexes/products/backup-schedules", EXAMPLES["create_backup_schedule"]
    ).json
    restore = world.ask("POST", f"/backups/{row['backup_id']}/create-index", {"name": "copy"}).json
    return {
        "project": "main",
        "index_name": "products",
        "backup_id": row["backup_id"],
        "schedule_id": schedule["schedule_id"],
        "job_id": restore["restore_job_id"],
        "restore_id": restore["restore_id"],
        "run_id": run["run_id"],
        "digest": plan.digest,
        "finding_id": "f1",
        "policy_version": "v1",
        "hold_id": world.ask("POST", "/holds", request).json["hold_id"],
    }


# --- The document ---------------------------------------------------------------------------


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_every_route_is_in_the_document() -> None:
    routed = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert routed == {(route.method, route.path) for route in all_routes()}


@pytest.mark.parametrize(("name", "theirs"), PINECONE.items())
def test_each_backup_operation_of_pinecone_has_the_same_name_and_path_here(
    name: str, theirs: str
) -> None:
    path, method, _ = OPERATIONS[name]
    assert f"{method.upper()} {path.removeprefix('/v1/projects/{project}')}" == theirs


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_lists_its_problems_and_who_may_call_it(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    assert "Needs the managed policy" in operation["description"]
    assert operation["summary"]
    for status, answer in operation["responses"].items():
        if int(status) >= 400:
            assert list(answer["content"]) == ["application/problem+json"]
    assert {"400", "403", "429", "500", "503"} <= operation["responses"].keys()


ENUMERATIONS = {
    "assigned_by",
    "control",
    "kind",
    "origin",
    "prune_mode",
    "scope",
    "severity",
    "state",
    "status",
    "trigger",
    "verdict",
    "worth",
}
"""What properties with a closed set of values are called."""
PINECONES_OWN = {
    ("Backup", "status"),
    ("BackupDetails", "status"),
    ("FollowedRestore", "status"),
    ("Index", "state"),
    ("RestoreJob", "status"),
    ("RestoreLine", "status"),
    ("ScheduleRun", "status"),
}
"""Named like one, and whatever Pinecone says."""


def resolved(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A property's schema without references and null."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return resolved(DOCUMENT["components"]["schemas"][name])
    return [part for choice in schema.get("anyOf", ()) for part in resolved(choice)] or [schema]


def test_every_closed_set_of_values_is_an_enumeration() -> None:
    open_texts = {
        (name, called)
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for called, said in schema.get("properties", {}).items()
        if called in ENUMERATIONS
        and any(part.get("type") == "string" and "enum" not in part for part in resolved(said))
        and "const" not in said
    }
    assert open_texts == PINECONES_OWN


def test_no_value_of_an_enumeration_has_a_space() -> None:
    enums = re.findall(r'"enum": \[(.*?)\]', json.dumps(DOCUMENT))
    values = {value for enum in enums for value in json.loads(f"[{enum}]")}
    assert "under_way" in values
    assert [value for value in values if re.search(r"\s", value)] == []


# --- Its examples ---------------------------------------------------------------------------


def conforms(name: str, status: int, body: object) -> None:
    _, _, operation = OPERATIONS[name]
    content = operation["responses"][str(status)].get("content")
    if content is None:
        assert body is None
        return
    media = content.get("application/json") or content["application/problem+json"]
    Draft202012Validator({**media["schema"], "components": DOCUMENT["components"]}).validate(body)


@pytest.mark.parametrize("route", all_routes(), ids=lambda route: route.operation)
def test_every_example_of_the_document_is_answered_as_it_says(
    simulator: Simulator, simulator_url: str, route: Route
) -> None:
    with World(simulator, simulator_url, prune_mode="enforce") as world:
        ids = inhabited(world)
        prepare(world, route.operation, ids)
        path = route.path.format(**ids)
        path += "?reason=costs&override=limits" * (route.operation == "delete_backup")
        _, _, operation = OPERATIONS[route.operation]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        headers = {"If-Match": '"v1"'} if route.operation == "put_policy" else {}
        answer = world.ask(route.method, path, body.get("example"), headers=headers)
        assert answer.status == route.status, answer.text
        conforms(route.operation, answer.status, answer.json if answer.text else None)


def prepare(world: World, operation: str, ids: dict[str, str]) -> None:
    """Bring about what an example presupposes."""
    if operation == "execute_plan":
        world.ask("POST", f"/plans/{ids['digest']}/approve", EXAMPLES["approve_plan"])
    if operation == "adopt_index":
        world.simulator.clock.advance(hours=6)
        move_restores(world)
        ids["index_name"] = "copy"
    if operation == "create_backup_schedule":
        world.ask("DELETE", f"/backup-schedules/{ids['schedule_id']}")
    if operation in ("delete_backup", "describe_deletion"):
        world.ask("POST", f"/holds/{ids['hold_id']}/release", {"reason": "x"})
        rows = world.get("/backups")["data"]
        ids["backup_id"] = min(rows, key=lambda row: str(row["created_at"]))["backup_id"]
    if operation == "describe_deletion":
        deletion = world.ask("DELETE", f"/backups/{ids['backup_id']}?reason=costs&override=limits")
        assert deletion.status == 202, deletion.text


# --- Whatever is asked ----------------------------------------------------------------------


class Late:
    """A WSGI application whose world is built later; signatures are the real gateway's affair."""

    world: World | None = None
    ids: dict[str, str]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/openapi.json":
            start_response("200 OK", [("Content-Type", "application/json")])
            unsigned = {key: part for key, part in DOCUMENT.items() if key != "security"}
            return [json.dumps(unsigned | {"servers": [{"url": "/"}]}).encode()]
        assert self.world is not None
        return Gateway(self.world)(environ, start_response)


APP = Late()
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", APP)


@SCHEMA.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Most requests are about what exists; the others about what does not."""
    del context
    return path_parameters and {
        name: APP.ids[name] if name == "project" or len(str(value)) % 4 else value
        for name, value in path_parameters.items()
    }


@pytest.fixture(scope="module", autouse=True)
def _inhabited_world() -> Iterator[None]:
    """One world for the fuzzer, which changes as it is asked."""
    simulator = fresh_simulator()
    with (
        simulator_server() as expose,
        idempotency_table() as store,
        World(simulator, expose(simulator), prune_mode="enforce") as world,
    ):
        world.container.store = store
        APP.world, APP.ids = world, inhabited(world)
        yield


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES_EACH,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_nothing_undocumented_is_answered_whatever_is_asked(case: schemathesis.Case[Any]) -> None:
    # Which token continues a listing and which key is new, no schema says: a refusal is right.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


def test_the_pattern_of_names_in_the_document_is_the_apis() -> None:
    pattern = DOCUMENT["paths"]["/v1/projects/{project}"]["get"]["parameters"][0]["schema"]
    assert re.fullmatch(pattern["pattern"], "main")
