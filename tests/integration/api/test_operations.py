"""Runs, plans, findings, reports, holds, suspects, policies and projects over the API."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.api import runs
from pinecone_backup.errors import PolicyInvalid, StoreUnavailable
from pinecone_backup.model import PruneMode, RunKind, Severity, TriggerKind
from pinecone_backup.records import PlanState, Run, RunState, Verdict
from pinecone_backup.rules.inventory import new_record
from pinecone_backup.rules.policy import validate_policy
from pinecone_backup.usecases.runs import new_run_id
from tests.support.api import ACTOR, POLICY, World, audit, finding, plan_a_prune
from tests.support.audits import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator
    from pinecone_backup.rules.policy import PolicyDocument


# --- Runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "extra"), [("create", {}), ("prune", {"dry_run": True}), ("audit", {})]
)
def test_a_run_is_asked_for_on_the_bus_and_can_be_followed(
    world: World, kind: str, extra: dict[str, object]
) -> None:
    """A prune that is started here only plans."""
    answer = world.ask("POST", "/runs", {"kind": kind})
    run_id = answer.json["run_id"]
    assert (answer.status, answer.json["state"]) == (202, "requested")
    assert answer.location == f"/v1/projects/main/runs/{run_id}"
    asked = {"project": "main", "run_id": run_id, **extra}
    assert world.container.bus.requested == [(RunKind(kind), asked)]
    assert world.get(f"/runs/{run_id}") == answer.json


def test_a_run_that_was_only_asked_for_has_not_started(world: World) -> None:
    run_id = world.ask("POST", "/runs", {"kind": "audit"}).json["run_id"]
    assert world.get(f"/runs/{run_id}")["started_at"] is None


def test_a_run_that_could_not_be_asked_for_has_failed_and_never_started(world: World) -> None:
    world.container.bus.refuse = {"audit"}
    answer = world.ask("POST", "/runs", {"kind": "audit"})
    assert (answer.status, answer.problem) == (503, "storage-unavailable")
    (run,) = world.ledger.runs()
    assert (run.state, run.started_at) == (RunState.FAILED, None)


def put_runs(world: World, *kinds: str, state: RunState = RunState.SUCCEEDED) -> None:
    """Runs of these kinds, one a minute."""
    for kind in map(RunKind, kinds):
        at = world.simulator.clock.now()
        run_id = new_run_id(kind, at)
        world.ledger.put_run(Run(run_id, kind, TriggerKind.SCHEDULE, "schedule", state, at, at))
        world.simulator.clock.advance(minutes=1)


def test_runs_are_listed_newest_first_by_kind_and_page(world: World) -> None:
    put_runs(world, "create", "audit", "audit", "create", "audit")
    first = world.get("/runs?kind=audit&limit=2")
    token = first["pagination"]["next"]
    rest = world.get(f"/runs?kind=audit&limit=2&paginationToken={token}")
    ids = [run["run_id"] for run in first["data"] + rest["data"]]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), rest["pagination"]) == (3, None)
    assert world.ask("GET", f"/runs?limit=2&paginationToken={token}").status == 400


def listed(world: World, query: str) -> list[str]:
    """The kinds and states of all runs that a query lists, page by page."""
    found, token = [], ""
    while True:
        page = world.get(f"/runs?limit=2{query}{token}")
        found += [f"{run['kind']} {run['state']}" for run in page["data"]]
        if page["pagination"] is None:
            return found
        token = f"&paginationToken={page['pagination']['next']}"


def test_runs_are_listed_by_time_kind_and_state(world: World) -> None:
    start = world.simulator.clock.now()
    put_runs(world, "create", "audit", "prune", "create", "audit")
    put_runs(world, "audit", "prune", "create", state=RunState.FAILED)
    first, last = (f"{start + timedelta(minutes=n):%FT%TZ}" for n in (2, 7))
    assert listed(world, "&kind=audit") == [
        "audit failed",
        "audit succeeded",
        "audit succeeded",
    ]
    assert listed(world, "&state=failed") == ["create failed", "prune failed", "audit failed"]
    assert listed(world, f"&from={first}&to={last}&kind=prune") == [
        "prune failed",
        "prune succeeded",
    ]
    assert listed(world, f"&to={last}&state=failed") == ["prune failed", "audit failed"]
    assert listed(world, f"&from={first}&to={first}") == []
    assert listed(world, f"&from={last}&to={first}") == []


@pytest.mark.parametrize("time", ["0.5", "1767225600", "2026-03-01", "2026-03-01T00:00:00", ""])
def test_a_time_without_its_offset_is_refused(world: World, time: str) -> None:
    answer = world.ask("GET", f"/runs?from={time}")
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, "query:from")


def test_a_page_of_runs_names_the_next_where_reading_on_would_take_too_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_READ_AT_MOST", 3)
    put_runs(world, "audit", *["create"] * 6)
    page = world.get("/runs?kind=audit")
    assert page["data"] == []
    assert page["pagination"] is not None
    assert listed(world, "&kind=audit") == ["audit succeeded"]


def test_a_run_that_nobody_knows_is_not_found(world: World) -> None:
    assert world.ask("GET", "/runs/absent").problem == "not-found"


# --- Plans ----------------------------------------------------------------------------------


def test_a_plan_is_listed_and_described_with_every_backups_reasons(world: World) -> None:
    record = plan_a_prune(world)
    (listed,) = world.get("/plans")["data"]
    answer = world.get(f"/plans/{record.digest}")
    assert listed["digest"] == answer["digest"] == answer["plan"]["digest"] == record.digest
    assert answer["delete_count"] == 3
    assert all(item["reasons"] for item in answer["plan"]["items"])


def test_a_plan_whose_text_was_deleted_is_not_found(world: World) -> None:
    record = plan_a_prune(world)
    world.container.objects.objects.clear()
    assert world.ask("GET", f"/plans/{record.digest}").problem == "not-found"


def test_a_plan_is_a_page_to_approve_on_as_it_is_now(world: World) -> None:
    record = plan_a_prune(world)
    link = world.get(f"/plans/{record.digest}/page")
    assert link["url"].endswith(f"plans/main/{record.digest}.html?expires=900")
    assert link["expires_at"] == "2026-11-22T12:15:00Z"
    stored = world.container.objects.objects
    key = f"plans/main/{record.digest}.html"
    assert f"pinecone-backup plan approve {record.digest}" in stored[key].decode()

    world.ask("POST", f"/plans/{record.digest}/approve", {"reason": "read it"})
    world.get(f"/plans/{record.digest}/page")
    assert f"{ACTOR} on" in stored[key].decode()


def test_the_page_of_a_plan_that_nobody_knows_or_whose_text_was_deleted_is_not_found(
    world: World,
) -> None:
    assert world.ask("GET", f"/plans/{'0' * 64}/page").problem == "not-found"
    record = plan_a_prune(world)
    world.container.objects.objects.clear()
    assert world.ask("GET", f"/plans/{record.digest}/page").problem == "not-found"


def test_a_plan_is_approved_by_somebody_for_a_reason_and_a_time(world: World) -> None:
    """D4."""
    record = plan_a_prune(world)
    answer = world.ask("POST", f"/plans/{record.digest}/approve", {"reason": "read it"})
    assert answer.status == 200
    assert (answer.json["state"], answer.json["approved_by"]) == ("approved", ACTOR)
    stored = world.ledger.plan(record.digest)
    assert stored is not None
    assert stored.approval_expires_at == world.simulator.clock.now() + timedelta(days=1)
    assert "plan.approved" in world.container.bus.types()


def test_an_approval_lasts_thirty_days_at_most(world: World) -> None:
    record = plan_a_prune(world)
    until = (world.simulator.clock.now() + timedelta(days=31)).isoformat()
    answer = world.ask(
        "POST", f"/plans/{record.digest}/approve", {"reason": "read it", "until": until}
    )
    assert (answer.status, answer.json["rule"]) == (409, "approval")


def test_a_plan_for_another_policy_is_not_approved(world: World) -> None:
    """D4."""
    record = plan_a_prune(world)
    world.container.version = "v2"
    answer = world.ask("POST", f"/plans/{record.digest}/approve", {"reason": "read it"})
    assert (answer.status, answer.problem) == (409, "approval-refused")


@pytest.fixture
def enforcing(simulator: Simulator, simulator_url: str) -> Iterator[World]:
    simulator.project.seed_index("products", records=1000)
    with World(simulator, simulator_url, prune_mode="enforce") as world:
        yield world


def test_an_approved_plan_is_executed_by_a_prune_run(enforcing: World) -> None:
    record = plan_a_prune(enforcing)
    enforcing.ask("POST", f"/plans/{record.digest}/approve", {"reason": "read it"})
    answer = enforcing.ask("POST", f"/plans/{record.digest}/execute")
    assert answer.status == 202
    ((kind, detail),) = enforcing.container.bus.requested
    assert kind is RunKind.PRUNE
    assert (detail["digest"], answer.json["actor"]) == (record.digest, ACTOR)
    assert "dry_run" not in detail


@pytest.mark.parametrize("state", [PlanState.PLANNED, PlanState.EXECUTED, None])
def test_a_plan_without_an_approval_in_force_is_not_executed(
    enforcing: World, state: PlanState | None
) -> None:
    record = plan_a_prune(enforcing)
    if state:
        enforcing.ledger.put_plan(replace(record, state=state), over=record)
    else:
        enforcing.ask("POST", f"/plans/{record.digest}/approve", {"reason": "read it"})
        enforcing.simulator.clock.advance(days=2)
    answer = enforcing.ask("POST", f"/plans/{record.digest}/execute")
    assert (answer.status, answer.problem) == (409, "approval-refused")
    assert enforcing.container.bus.requested == []


def test_a_plan_for_an_earlier_policy_is_not_executed(enforcing: World) -> None:
    """D4."""
    record = plan_a_prune(enforcing)
    enforcing.ask("POST", f"/plans/{record.digest}/approve", {"reason": "read it"})
    enforcing.container.version = "v2"
    answer = enforcing.ask("POST", f"/plans/{record.digest}/execute")
    assert (answer.status, answer.problem) == (409, "approval-refused")


def test_a_deployment_that_only_plans_executes_nothing(world: World) -> None:
    record = plan_a_prune(world)
    settings = world.container.settings
    world.container.settings = settings.model_copy(update={"prune_mode": PruneMode.DRY_RUN})
    world.ask("POST", f"/plans/{record.digest}/approve", {"reason": "read it"})
    answer = world.ask("POST", f"/plans/{record.digest}/execute")
    assert (answer.status, answer.problem) == (409, "approval-refused")
    assert "dry run" in answer.json["detail"]


def test_a_plan_that_nobody_knows_is_not_found(world: World) -> None:
    for method, path in (("GET", ""), ("POST", "/approve"), ("POST", "/execute")):
        body = {"reason": "x"} if path == "/approve" else None
        assert world.ask(method, f"/plans/{'0' * 64}{path}", body).problem == "not-found"


# --- Findings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["f2", "f1", "f4"]),
        ("?state=resolved", ["f3"]),
        ("?state=all", ["f2", "f3", "f1", "f4"]),
        ("?severity=error", ["f2"]),
        ("?severity=warning", ["f2", "f1"]),
        ("?control=stuck", ["f2"]),
        ("?subject=reviews", ["f4"]),
        ("?acknowledged=true", ["f1"]),
        ("?acknowledged=false", ["f2", "f4"]),
        ("?limit=1", ["f2"]),
    ],
)
def test_findings_are_filtered_and_the_worst_come_first(
    world: World, query: str, ids: list[str]
) -> None:
    now = world.simulator.clock.now()
    for each in (
        finding(world, 1, acknowledged_by="ada"),
        finding(world, 2, severity=Severity.CRITICAL, control="stuck"),
        finding(world, 3, severity=Severity.ERROR, resolved_at=now),
        finding(world, 4, severity=Severity.INFO, subject="reviews"),
    ):
        world.ledger.put_finding(each)
    assert [each["finding_id"] for each in world.get(f"/findings{query}")["data"]] == ids


def test_a_finding_is_acknowledged_and_stays_open(world: World) -> None:
    world.ledger.put_finding(finding(world, 1))
    answer = world.ask("POST", "/findings/f1/acknowledge", {"reason": " known "})
    assert (answer.json["acknowledged_by"], answer.json["acknowledged_reason"]) == (ACTOR, "known")
    assert world.get("/findings/f1")["resolved_at"] is None
    assert "finding.acknowledged" in world.container.bus.types()


def test_a_resolved_finding_is_not_acknowledged(world: World) -> None:
    world.ledger.put_finding(finding(world, 1, resolved_at=world.simulator.clock.now()))
    answer = world.ask("POST", "/findings/f1/acknowledge", {"reason": "known"})
    assert (answer.status, answer.json["rule"]) == (409, "resolved")


def test_findings_about_the_deployment_are_apart(world: World) -> None:
    world.container.deployment.put_finding(finding(world, 1, control="project-removed"))
    assert world.get("/findings")["data"] == []
    (only,) = world.get("/v1/findings")["data"]
    path = f"/v1/findings/{only['finding_id']}/acknowledge"
    assert world.ask("POST", path, {"reason": "given_up"}).json["acknowledged_by"] == ACTOR


@pytest.mark.parametrize("reason", ["", "   ", None, "x" * 501])
def test_what_needs_a_reason_is_refused_without_one(world: World, reason: str | None) -> None:
    for path in ("/findings/f1/acknowledge", "/holds/h1/release", "/suspects/b1/accept"):
        answer = world.ask("POST", path, {"reason": reason})
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, "#/reason")


def test_a_finding_that_nobody_knows_is_not_found(world: World) -> None:
    assert world.ask("GET", "/findings/absent").problem == "not-found"
    answer = world.ask("POST", "/findings/absent/acknowledge", {"reason": "x"})
    assert answer.problem == "not-found"


# --- Reports --------------------------------------------------------------------------------


def test_the_latest_report_is_given_as_data_and_as_a_link_that_lives_15_minutes(
    world: World,
) -> None:
    world.seed()
    audit(world)
    report = world.get("/reports/latest")
    assert (report["project"], report["run_id"]) == ("main", "run-1")
    link = world.get("/reports/latest/page")
    assert link["url"].endswith("reports/main/latest.html?expires=900")
    assert link["expires_at"] == "2026-11-22T12:15:00Z"


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/reports/latest/page", "reports/main/latest.html"),
        ("/v1/reports/latest/page", "reports/latest.html"),
        ("/plans/{digest}/page", "plans/main/{digest}.html"),
    ],
)
def test_a_browser_is_led_to_the_page_itself(world: World, path: str, page: str) -> None:
    """Behind a portal a link of a message is opened in a browser, which shows no JSON."""
    audit(world)
    digest = plan_a_prune(world).digest
    answer = world.ask("GET", path.format(digest=digest), headers={"Accept": BROWSER})
    assert (answer.status, answer.text) == (303, "")
    assert answer.headers["Location"] == (
        f"https://bucket.example/{page.format(digest=digest)}?expires=900"
    )
    assert answer.headers["Cache-Control"] == "no-store", "the link is a secret, and soon over"


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html;q=0.1, application/json"])
def test_a_program_gets_the_link_to_a_page_as_data(world: World, accept: str) -> None:
    audit(world)
    answer = world.ask("GET", "/reports/latest/page", headers={"Accept": accept})
    assert (answer.status, answer.headers["Vary"]) == (200, "Accept")
    assert answer.json["url"].startswith("https://")


def test_the_overview_has_every_project_of_the_policy_with_its_last_audit(world: World) -> None:
    world.seed()
    audit(world)
    overview = world.ask("GET", "/v1/reports/latest").json
    (project,) = overview["projects"]
    assert (overview["stack"], project["project"]) == ("stack-a", "main")
    assert project["at"] == world.get("/reports/latest")["at"]
    assert project["headline"] == world.get("/reports/latest")["headline"]


def test_a_project_without_an_audit_stands_in_the_overview_as_unknown(world: World) -> None:
    """U1."""
    (project,) = world.ask("GET", "/v1/reports/latest").json["projects"]
    assert (project["health"], project["at"]) == ("unknown", None)


def test_a_summary_that_another_version_wrote_is_unknown_and_no_error(world: World) -> None:
    """U2."""
    audit(world)
    world.container.objects.objects["reports/main/summary.json"] = b'{"of": "tomorrow"}'
    (project,) = world.ask("GET", "/v1/reports/latest").json["projects"]
    assert project["health"] == "unknown"


def test_the_overview_is_a_page_as_it_is_now(world: World) -> None:
    link = world.ask("GET", "/v1/reports/latest/page").json
    assert link["url"].endswith("reports/latest.html?expires=900")
    page = world.container.objects.objects["reports/latest.html"].decode()
    assert "No audit has run yet." in page


def test_the_overview_needs_no_valid_policy(world: World) -> None:
    """At three in the morning a mistyped policy stands between nobody and what is known."""
    audit(world)
    world.container.projects.remember(["main"])

    def refuse() -> tuple[PolicyDocument, str]:
        raise PolicyInvalid([("projects", "no")])

    world.container.load = refuse
    overview = world.ask("GET", "/v1/reports/latest").json
    assert [each["project"] for each in overview["projects"]] == ["main"]


# --- Holds ----------------------------------------------------------------------------------


def test_a_hold_is_placed_listed_described_and_released(world: World) -> None:
    backup_id = world.seed()
    request = {
        "scope": "backup",
        "target": backup_id,
        "reason": "case 4711",
        "expires_at": "2027-06-30T02:00:00+02:00",
    }
    placed = world.ask("POST", "/holds", request)
    assert (placed.status, placed.json["placed_by"], placed.json["active"]) == (201, ACTOR, True)
    hold_id = placed.json["hold_id"]
    assert placed.location == f"/v1/projects/main/holds/{hold_id}"
    assert [each["hold_id"] for each in world.get("/holds?active=true")["data"]] == [hold_id]
    released = world.ask("POST", f"/holds/{hold_id}/release", {"reason": "closed"})
    assert (released.json["active"], released.json["released_by"]) == (False, ACTOR)
    assert world.get("/holds?active=true")["data"] == []
    assert [each["hold_id"] for each in world.get("/holds")["data"]] == [hold_id]
    assert world.get(f"/holds/{hold_id}")["release_reason"] == "closed"


@pytest.mark.parametrize("scope", ["backup", "index"])
def test_a_hold_on_nothing_is_not_placed(world: World, scope: str) -> None:
    answer = world.ask("POST", "/holds", {"scope": scope, "target": "absent", "reason": "x"})
    assert (answer.status, answer.problem) == (404, "not-found")


def test_a_hold_ends_after_it_begins_and_at_a_time_with_a_zone(world: World) -> None:
    request = {"scope": "index", "target": "products", "reason": "x"}
    past = world.ask("POST", "/holds", {**request, "expires_at": "2020-01-01T00:00:00Z"})
    assert (past.status, past.json["rule"]) == (409, "hold")
    naive = world.ask("POST", "/holds", {**request, "expires_at": "2030-01-01T00:00:00"})
    assert (naive.status, naive.json["errors"][0]["pointer"]) == (400, "#/expires_at")


def test_a_hold_that_nobody_knows_is_not_found(world: World) -> None:
    assert world.ask("GET", "/holds/absent").problem == "not-found"
    assert world.ask("POST", "/holds/absent/release", {"reason": "x"}).problem == "not-found"


# --- Suspects -------------------------------------------------------------------------------


def test_suspects_are_listed_until_somebody_accepts_them(world: World) -> None:
    """G1."""
    control_plane = world.container.control_plane(world.container.document.projects[0])
    clock = world.simulator.clock.now()
    verdicts = {0: Verdict.SUSPECT, 1: Verdict.GOOD, 2: Verdict.SUSPECT}
    ids = {}
    for day, verdict in verdicts.items():
        ids[day] = world.seed(days_ago=day)
        backup = control_plane.describe_backup(ids[day])
        world.ledger.put_backup(new_record(backup, clock, verdict=verdict, verdict_reason=EMPTY))
    listed = [each["backup_id"] for each in world.get("/suspects")["data"]]
    assert listed == [ids[0], ids[2]]
    answer = world.ask("POST", f"/suspects/{ids[0]}/accept", {"reason": "cut down on purpose"})
    assert (answer.json["verdict"], answer.json["accepted_by"]) == ("accepted", ACTOR)
    assert [each["backup_id"] for each in world.get("/suspects")["data"]] == [ids[2]]
    again = world.ask("POST", f"/suspects/{ids[1]}/accept", {"reason": "x"})
    assert (again.status, again.json["rule"]) == (409, "not-suspect")


def test_a_suspect_is_accepted_with_the_newer_ones_where_that_is_asked_for(world: World) -> None:
    """G2."""
    control_plane = world.container.control_plane(world.container.document.projects[0])
    clock = world.simulator.clock.now()
    ids = [world.seed(days_ago=day) for day in range(3)]
    for backup_id in ids:
        backup = control_plane.describe_backup(backup_id)
        world.ledger.put_backup(
            new_record(backup, clock, verdict=Verdict.SUSPECT, verdict_reason=EMPTY)
        )

    answer = world.ask(
        "POST",
        f"/suspects/{ids[1]}/accept",
        {"reason": "cut down on purpose", "accepts": "this-and-newer"},
    )

    assert (answer.json["backup_id"], answer.json["newer"]) == (ids[1], [ids[0]])
    assert [each["backup_id"] for each in world.get("/suspects")["data"]] == [ids[2]]


# --- Projects, indexes, the policy ----------------------------------------------------------


def test_projects_are_listed_with_those_that_the_policy_forgot(world: World) -> None:
    world.container.projects.remember(["main", "old"])
    projects = world.get("/v1/projects")
    assert projects == {
        "data": [{"name": "main", "secret": "stack-a/projects/main", "quota": 500}],
        "unnamed": ["old"],
    }
    assert world.get("/v1/projects/main") == projects["data"][0]


def test_indexes_are_listed_with_the_policy_that_decides_about_them(world: World) -> None:
    world.simulator.project.seed_index("scratch", tags={"backup-policy": "none"})
    world.simulator.project.seed_index("slip", tags={"backup-policy": "dayly"})
    rows = {row["name"]: row for row in world.get("/indexes")["data"]}
    answer = {name: (row["policy"], row["assigned_by"]) for name, row in rows.items()}
    assert answer == {
        "products": ("daily", "assignment"),
        "scratch": (None, "opt-out"),
        "slip": (None, "unknown_tag"),
    }
    assert world.get("/indexes/products") == rows["products"]
    assert world.ask("GET", "/indexes/absent").problem == "not-found"


def test_the_policy_in_force_is_given_with_its_version(world: World) -> None:
    answer = world.get("/v1/policy")
    assert answer["policy_version"] == "v1"
    assert validate_policy(answer["document"]) == world.container.document


def test_a_policy_is_validated_without_being_stored(world: World) -> None:
    fine = world.ask("POST", "/v1/policy/validate", {"document": POLICY})
    assert fine.json == {"valid": True, "errors": [], "warnings": []}
    wrong = {"projects": [{"name": "main"}, {"name": "main"}], "policies": [{"name": "P"}]}
    answer = world.ask("POST", "/v1/policy/validate", {"document": wrong})
    assert (answer.status, answer.json["valid"]) == (200, False)
    assert {"policies.0.name", "policies.0.retention", "projects.1.name"} <= {
        error["path"] for error in answer.json["errors"]
    }


def hurried(**changes: Any) -> dict[str, Any]:
    (policy,) = POLICY["policies"]
    return {**POLICY, "policies": [{**policy, "stuck_after": "30m", **changes}]}


def test_what_is_probably_not_meant_is_said_beside_the_errors(world: World) -> None:
    answer = world.ask("POST", "/v1/policy/validate", {"document": hurried()})
    assert (answer.json["valid"], answer.json["errors"]) == (True, [])
    (warning,) = answer.json["warnings"]
    assert (warning["code"], warning["path"]) == ("stuck-too-soon", "policies.0.stuck_after")
    assert warning["parameters"]["policy"] == POLICY["policies"][0]["name"]
    assert warning["detail"]
    assert warning["next_step"].startswith("Give ")


def test_a_document_with_errors_has_no_warnings_yet(world: World) -> None:
    wrong = hurried(colour="blue")
    answer = world.ask("POST", "/v1/policy/validate", {"document": wrong})
    assert (answer.json["valid"], answer.json["warnings"]) == (False, [])


def test_a_preview_warns_of_what_this_project_comes_to(world: World) -> None:
    """Three backups of one index, where the project may hold two."""
    document = {**keeping(3), "projects": [{"name": "main", "quota": 2}]}
    answer = world.ask("POST", "/policy/preview", {"document": document, "days": 0})
    assert answer.json["ended"] == ""
    assert [(each["code"], each["path"]) for each in answer.json["warnings"]] == [
        ("beyond-quota", "policies.0.retention"),
        ("beyond-quota", "projects.0.quota"),
    ]


def keeping(count: int) -> dict[str, Any]:
    (policy,) = POLICY["policies"]
    return {**POLICY, "policies": [{**policy, "retention": {"keep_last": count}, "floor": 1}]}


@pytest.mark.parametrize(("count", "deleted"), [(None, 3), (1, 5), (6, 0)])
def test_a_policy_is_tried_on_paper(world: World, count: int | None, deleted: int) -> None:
    pruned_once(world)
    ids = [world.seed(days_ago=day) for day in range(6)]
    body = {"days": 2, "approvals": True, "mode": "enforce"}
    if count is not None:
        body["document"] = keeping(count)
    answer = world.ask("POST", "/policy/preview", body)
    assert answer.status == 200
    today, *later = answer.json["days"]
    assert len(today["deleted"]) == deleted
    assert len(later) == 2
    assert {each["backup_id"] for each in answer.json["kept_today"]} == set(ids[: 6 - deleted])
    assert answer.json["steady"][0]["index_name"] == "products"
    assert len(answer.json["steady"][0]["next_slots"]) == 3
    assert len(world.get("/backups")["data"]) == 6
    assert world.ledger.backups() == {}


def test_what_a_preview_lists_is_cut_where_an_answer_would_be_too_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda answers with 6 MB at most; the counts stay right."""
    pruned_once(world)
    for day in range(6):
        world.seed(days_ago=day)
    body = {"days": 2, "document": keeping(1), "mode": "dry_run"}
    whole = world.ask("POST", "/policy/preview", body).json
    length = sum(len(json.dumps(each)) for each in whole["kept_today"] + whole["changes"]["goes"])
    monkeypatch.setattr("pinecone_backup.api.policy.MOST_BYTES", length)
    cut = world.ask("POST", "/policy/preview", body).json
    assert (whole["listed_all"], cut["listed_all"]) == (True, False)
    assert (cut["kept_today"], cut["changes"]) == (whole["kept_today"], whole["changes"])
    for before, after in zip(whole["days"], cut["days"], strict=True):
        assert len(after["waiting"]) < len(before["waiting"]) == after["waiting_count"]


def pruned_once(world: World) -> None:
    """A prune has ended before: the next one is not the deployment's first."""
    put_runs(world, "prune")


def test_a_preview_shows_what_waits_as_staying(world: World) -> None:
    """Nobody approves by itself, and a deployment in a dry run deletes nothing."""
    pruned_once(world)
    ids = [world.seed(days_ago=day) for day in range(6)]
    (today,) = world.ask("POST", "/policy/preview", {"days": 0, "mode": "dry_run"}).json["days"]
    assert (today["deleted"], today["left"]) == ([], 6)
    assert {each["backup_id"] for each in today["waiting"]} == set(ids[3:])


def test_a_given_document_is_compared_with_the_one_in_force(world: World) -> None:
    pruned_once(world)
    ids = [world.seed(days_ago=day) for day in range(6)]
    body = {"days": 0, "document": keeping(2), "mode": "dry_run"}
    changes = world.ask("POST", "/policy/preview", body).json["changes"]
    assert [each["backup_id"] for each in changes["goes"]] == [ids[2]]
    assert (changes["goes"][0]["waits"], changes["stays"]) == (True, [])
    assert (changes["quota_before"]["needed"], changes["quota_after"]["needed"]) == (3, 2)


def test_the_document_in_force_has_nothing_to_be_compared_with(world: World) -> None:
    answer = world.ask("POST", "/policy/preview", {"days": 0})
    assert answer.json["changes"] is None
    assert answer.json["mode"] == "enforce"
    assert answer.json["quota"]["fits"]
    assert answer.json["quota"]["needs"][0]["native"] is False


def test_validating_a_policy_touches_no_ledger(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise AssertionError("asked for a ledger")

    monkeypatch.setattr(world.container, "ledger", refuse)
    assert world.ask("POST", "/v1/policy/validate", {"document": POLICY}).status == 200


def test_an_invalid_policy_is_not_tried(world: World) -> None:
    answer = world.ask("POST", "/policy/preview", {"document": {"projects": []}})
    assert (answer.status, answer.problem) == (400, "invalid-request")
    assert answer.json["errors"][0]["pointer"] == "#/document/projects"


def test_an_event_that_the_bus_does_not_take_waits_for_the_next_run(world: World) -> None:
    world.container.bus.refuse = {"hold.placed"}
    request = {"scope": "index", "target": "products", "reason": "x"}
    assert world.ask("POST", "/holds", request).status == 201
    assert [event.type for event in world.ledger.unannounced()] == ["hold.placed"]


def test_a_store_that_does_not_answer_is_a_problem(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> bytes:
        raise StoreUnavailable("The bucket did not do what was asked")

    monkeypatch.setattr(world.container.objects, "get", refuse)
    answer = world.ask("GET", "/reports/latest")
    assert (answer.status, answer.problem) == (503, "storage-unavailable")
