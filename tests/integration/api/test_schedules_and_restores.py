"""Native schedules and restores over the API: Pinecone's operations 6 to 14."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from local.simulator.faults import Fault
from tests.support.api import ACTOR, audit, move_restores

if TYPE_CHECKING:
    from tests.support.api import Answer, World

SCHEDULES = "/indexes/products/backup-schedules"


def schedule(world: World, **changes: Any) -> Answer:
    request = {
        "name": "nightly",
        "schedule": {"type": "time-based", "frequency": "daily"},
        "retention": {"expire_after_days": 14},
        **changes,
    }
    return world.ask("POST", SCHEDULES, request)


def test_a_native_schedule_is_created_and_remembered(world: World) -> None:
    """G5: what it makes stays native when it is deleted."""
    made = schedule(world)
    assert (made.status, made.json["enabled"]) == (201, True)
    assert made.location == f"/v1/projects/main/backup-schedules/{made.json['schedule_id']}"
    (record,) = world.ledger.schedules()
    assert (record.schedule_id, record.index_name) == (made.json["schedule_id"], "products")
    assert "schedule.created" in world.container.bus.types()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"schedule": {"frequency": "hourly"}}, "#/schedule/frequency"),
        ({"retention": {"expire_after_days": 0}}, "#/retention/expire_after_days"),
        ({"retention": {"expire_after_days": 366}}, "#/retention/expire_after_days"),
        ({"retention": {}}, "#/retention/expire_after_days"),
        ({"name": "Nightly"}, "#/name"),
    ],
)
def test_a_wrong_field_of_a_schedule_is_named(
    world: World, changes: dict[str, Any], pointer: str
) -> None:
    answer = schedule(world, **changes)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, pointer)


def test_an_index_has_one_enabled_schedule(world: World) -> None:
    schedule(world)
    answer = schedule(world, name="second")
    assert (answer.status, answer.problem) == (409, "conflict")


def test_schedules_are_listed_and_described(world: World) -> None:
    made = schedule(world).json
    assert world.get(SCHEDULES) == {"data": [made], "pagination": None}
    assert world.get(f"/backup-schedules/{made['schedule_id']}") == made


def test_a_schedule_is_paused_resumed_and_changed(world: World) -> None:
    path = f"/backup-schedules/{schedule(world).json['schedule_id']}"
    paused = world.ask("PATCH", path, {"enabled": False})
    assert (paused.status, paused.json["next_scheduled_run"]) == (200, None)
    assert world.ask("PATCH", path, {"enabled": True}).json["next_scheduled_run"]
    assert world.ask("PATCH", path, {"frequency": "weekly"}).json["frequency"] == "weekly"
    longer = world.ask("PATCH", path, {"retention": {"expire_after_days": 30}})
    assert longer.json["retention_expire_after_days"] == 30
    assert world.ask("PATCH", path, {}).json == longer.json


def test_a_shorter_retention_is_a_deletion_and_refused_here(world: World) -> None:
    path = f"/backup-schedules/{schedule(world).json['schedule_id']}"
    answer = world.ask("PATCH", path, {"retention": {"expire_after_days": 13}})
    assert (answer.status, answer.json["rule"]) == (409, "shorter-retention")
    assert world.get(path)["retention_expire_after_days"] == 14


def test_a_retention_is_shortened_for_a_reason_that_is_recorded(world: World) -> None:
    path = f"/backup-schedules/{schedule(world).json['schedule_id']}"
    request = {"expire_after_days": 7, "reason": "enough here"}
    answer = world.ask("POST", f"{path}/shorten-retention", request)
    assert (answer.status, answer.json["retention_expire_after_days"]) == (200, 7)
    (event,) = [each for each in world.ledger.events if each.type == "schedule.updated"]
    assert (event.data["actor"], event.data["reason"]) == (ACTOR, "enough here")
    assert event.data["was"]["expire_after_days"] == 14


def test_the_same_change_twice_is_one_event_and_another_one_a_second(world: World) -> None:
    path = f"/backup-schedules/{schedule(world).json['schedule_id']}"
    for enabled in (False, False, True, True, False):
        world.simulator.clock.advance(minutes=1)
        world.ask("PATCH", path, {"enabled": enabled})
    events = [each for each in world.ledger.events if each.type == "schedule.updated"]
    assert [each.data["enabled"] for each in events] == [False, True, False]
    assert len({each.event_id for each in events}) == 3


def test_a_change_whose_answer_was_lost_is_announced_by_the_next_request(world: World) -> None:
    path = f"/backup-schedules/{schedule(world).json['schedule_id']}"
    world.simulator.faults.add(Fault(kind="drop", method="PATCH", after_effect=True, times=None))
    lost = world.ask("PATCH", path, {"enabled": False})
    world.simulator.faults.clear()
    again = world.ask("PATCH", path, {"enabled": False})

    assert (lost.status >= 500, again.status) == (True, 200)
    (event,) = [each for each in world.ledger.events if each.type == "schedule.updated"]
    assert (event.data["was"]["enabled"], event.data["enabled"]) == (True, False)


def test_a_deleted_schedule_is_not_listed_and_its_backups_stay(world: World) -> None:
    path = f"/backup-schedules/{schedule(world).json['schedule_id']}"
    world.simulator.clock.advance(days=3)
    answer = world.ask("DELETE", path)
    assert (answer.status, answer.text) == (204, "")
    assert world.ask("GET", path).problem == "not-found"
    assert world.ask("DELETE", path).problem == "not-found"
    assert world.get("/backups")["data"]


def test_a_schedules_history_lists_what_it_made_and_plans(world: World) -> None:
    path = f"/backup-schedules/{schedule(world).json['schedule_id']}"
    world.simulator.clock.advance(days=5)
    first = world.get(f"{path}/history?limit=2")
    assert len(first["data"]) == 2
    assert first["data"][0]["name"].startswith("nightly-")
    rest = world.get(f"{path}/history?paginationToken={first['pagination']['next']}")
    ids = {run["backup_id"] for run in first["data"] + rest["data"]}
    assert len(ids) == len(first["data"]) + len(rest["data"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/backup-schedules/absent", None),
        ("PATCH", "/backup-schedules/absent", {"enabled": True}),
        ("GET", "/backup-schedules/absent/history", None),
        ("GET", "/indexes/absent/backup-schedules", None),
        ("GET", "/restore-jobs/absent", None),
        ("POST", "/backups/absent/create-index", {"name": "copy"}),
    ],
)
def test_what_does_not_exist_is_not_found(
    world: World, method: str, path: str, body: dict[str, Any] | None
) -> None:
    assert world.ask(method, path, body).problem == "not-found"


# --- Restores -------------------------------------------------------------------------------


def test_an_index_is_created_from_a_backup_and_the_job_followed_to_its_end(world: World) -> None:
    backup_id = world.seed()
    started = world.ask("POST", f"/backups/{backup_id}/create-index", {"name": "copy"})
    assert started.status == 202
    restore = f"/restores/{started.json['restore_id']}"
    assert started.location == f"/v1/projects/main{restore}"
    job = f"/restore-jobs/{started.json['restore_job_id']}"
    pending = world.get(job)
    assert (pending["status"], pending["started_by"]) == ("Pending", ACTOR)
    assert world.get(restore)["step"] == "restoring"
    world.simulator.clock.advance(hours=6)
    assert (world.get(job)["status"], world.get(restore)["percent_complete"]) == ("Completed", 100)
    move_restores(world)
    done = world.get(restore)
    assert (done["step"], done["result"], done["started_by"]) == ("done", "succeeded", ACTOR)
    assert (done["took_seconds"], done["bytes_per_second"] > 0) == (300, True)
    assert {index["name"] for index in world.get("/indexes")["data"]} == {"products", "copy"}


def test_a_restore_takes_tags_and_protection(world: World) -> None:
    request = {"name": "copy", "tags": {"team": "search"}, "deletion_protection": "enabled"}
    world.ask("POST", f"/backups/{world.seed()}/create-index", request)
    copy = world.get("/indexes/copy")
    assert (copy["tags"]["team"], copy["deletion_protection"]) == ("search", True)


def test_an_index_is_restored_as_it_was_at_a_moment(world: World) -> None:
    older, newer = world.seed(days_ago=1.25), world.seed(days_ago=0.25)
    audit(world)
    at = (world.simulator.clock.now() - timedelta(hours=8)).isoformat()

    point = world.get(f"/indexes/products/restore-point?at={quote(at)}")
    assert (point["backup"]["backup_id"], point["next"]["backup_id"]) == (older, newer)
    assert (point["older_seconds"], point["later_seconds"]) == (22 * 3600, 2 * 3600)
    assert point["expected_seconds"] is None
    started = world.ask("POST", "/indexes/products/restore", {"name": "copy", "at": at})
    assert (started.status, started.json["backup_id"]) == (202, older)


def test_the_restore_point_says_why_no_nearer_backup_is_taken(world: World) -> None:
    good = world.seed(days_ago=1.25)
    empty = world.seed(days_ago=20 / 24, record_count=0)
    failed = world.seed(days_ago=10 / 24, status="Failed")
    manual = world.seed(days_ago=5 / 24, name="by-hand", description="")
    audit(world)

    point = world.get("/indexes/products/restore-point")
    assert (point["backup"]["backup_id"], point["next"]) == (good, None)
    assert [(each["backup_id"], each["reason"]) for each in point["passed_over"]] == [
        (manual, "not made by this deployment, so nobody has judged it"),
        (failed, "failed"),
        (empty, "suspect: empty"),
    ]


def test_a_deleted_index_is_restored_under_its_own_name(world: World) -> None:
    backup_id = world.seed()
    audit(world)
    world.simulator.project.delete_index("products")
    point = world.get("/indexes/products/restore-point")
    assert point["backup"]["index_deleted_at"] is not None
    now = world.simulator.clock.now().isoformat()
    started = world.ask("POST", "/indexes/products/restore", {"name": "products", "at": now})
    assert (started.status, started.json["backup_id"]) == (202, backup_id)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_moment_that_utc_has_not_is_an_invalid_request(world: World, at: str) -> None:
    world.seed()
    asked = world.ask("GET", f"/indexes/products/restore-point?at={quote(at)}")
    wanted = world.ask("POST", "/indexes/products/restore", {"name": "copy", "at": at})
    assert (asked.problem, wanted.problem) == ("invalid-request", "invalid-request")


def test_a_moment_in_another_zone_is_named_in_utc(world: World) -> None:
    world.seed(days_ago=0.25)
    audit(world)
    early = {"name": "copy", "at": "2020-01-01T01:00:00+02:00"}
    refused = world.ask("POST", "/indexes/products/restore", early)
    assert "2019-12-31 23:00:00 UTC" in refused.json["detail"]


def test_what_cannot_be_restored_as_asked_is_refused(world: World) -> None:
    backup_id = world.seed(days_ago=2 / 24)
    audit(world)
    path = "/indexes/products/restore"
    assert world.ask("GET", "/indexes/absent/restore-point").problem == "not-found"
    assert world.ask("POST", path, {"name": "copy"}).problem == "invalid-request"
    early = {"name": "copy", "at": "2020-01-01T00:00:00Z"}
    assert world.ask("POST", path, early).json["rule"] == "no-restore-point"
    other = {"name": "copy", "backup_id": backup_id}
    answer = world.ask("POST", "/indexes/others/restore", other)
    assert answer.json["rule"] == "other-index"
    assert list(world.ledger.restores()) == []


def test_a_restored_index_is_adopted(world: World) -> None:
    world.ask("POST", f"/backups/{world.seed()}/create-index", {"name": "copy"})
    path = "/indexes/copy/adopt"
    assert world.ask("POST", path, {"policy": "daily"}).json["rule"] == "still-restoring"
    world.simulator.clock.advance(hours=6)
    move_restores(world)
    adopted = world.ask("POST", path, {"policy": "daily"})
    assert (adopted.status, adopted.json["policy"]) == (200, "daily")
    (restore,) = world.get("/restores")["data"]
    assert (restore["adopted_policy"], restore["adopted_by"]) == ("daily", ACTOR)


def test_restoring_over_an_index_is_refused_before_pinecone_is_asked(world: World) -> None:
    backup_id = world.seed()
    answer = world.ask("POST", f"/backups/{backup_id}/create-index", {"name": "products"})
    assert (answer.status, answer.json["rule"]) == (409, "index-exists")
    assert "create_index_from_backup" not in world.simulator.requests.counts()


def test_a_backup_that_is_not_complete_is_not_restored(world: World) -> None:
    backup_id = world.ask("POST", "/indexes/products/backups", {}).json["backup_id"]
    answer = world.ask("POST", f"/backups/{backup_id}/create-index", {"name": "copy"})
    assert (answer.status, answer.problem) == (412, "not-ready")


def test_restore_jobs_are_listed_by_pinecone_and_from_our_memory(world: World) -> None:
    backup_id = world.seed()
    for name in ("one", "two", "three"):
        world.ask("POST", f"/backups/{backup_id}/create-index", {"name": name})
        world.simulator.clock.advance(minutes=1)
    for source in ("pinecone", "ledger"):
        first = world.get(f"/restore-jobs?source={source}&limit=2")
        token = first["pagination"]["next"]
        rest = world.get(f"/restore-jobs?source={source}&limit=2&paginationToken={token}")
        rows = first["data"] + rest["data"]
        assert {row["target_index_name"] for row in rows} == {"one", "two", "three"}
        assert {row["started_by"] for row in rows} == {ACTOR}


def test_a_restore_that_pinecone_forgot_is_shown_from_our_ledger(world: World) -> None:
    started = world.ask("POST", f"/backups/{world.seed()}/create-index", {"name": "copy"}).json
    world.simulator.faults.add(
        Fault(kind="status", status=404, operation="describe_restore_job", times=None)
    )
    answer = world.get(f"/restore-jobs/{started['restore_job_id']}")
    assert (answer["target_index_name"], answer["status"]) == ("copy", "Pending")


def test_a_job_of_somebody_elses_is_listed_without_a_starter(world: World) -> None:
    world.simulator.project.create_index_from_backup(world.seed(), "theirs")
    (job,) = world.get("/restore-jobs")["data"]
    assert (job["target_index_name"], job["started_by"]) == ("theirs", "")
