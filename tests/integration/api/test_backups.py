"""Backups over the API: Pinecone's operations 1 to 5, with our safeguards around deleting."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from local.simulator.faults import Fault
from pinecone_backup.model import PruneMode
from pinecone_backup.records import DeletionState, HoldScope, Verdict
from pinecone_backup.rules.inventory import new_record
from pinecone_backup.rules.policy import Limit, Limits
from pinecone_backup.usecases.requests.holds import place_hold
from tests.support.api import ACTOR, OWNER

if TYPE_CHECKING:
    from tests.support.api import Answer, World

BACKUPS = "/indexes/products/backups"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sort=newest", ["d0", "d1", "d2", "hand", "d4"]),
        ("sort=oldest", ["d4", "hand", "d2", "d1", "d0"]),
        ("policy=daily", ["d0", "d1", "d2", "d4"]),
        ("policy=weekly", []),
        ("origin=foreign", ["hand"]),
        ("worth=suspect", ["d1"]),
        ("worth=failed", ["d4"]),
        ("from={3}&to={1}", ["d2", "hand"]),
        ("from={1}", ["d0", "d1"]),
        ("to={3}&sort=oldest", ["d4"]),
        ("origin=ours&worth=unjudged", ["d0", "d2"]),
    ],
)
def test_backups_are_listed_by_time_policy_worth_and_origin(
    world: World, query: str, found: list[str]
) -> None:
    now = world.simulator.clock.now()
    ids = {f"d{age}": world.seed(days_ago=age) for age in (2, 0, 1)}
    ids["d4"] = world.seed(days_ago=4, status="Failed")
    ids["hand"] = world.seed(days_ago=3, name="by-hand", description="before the move")
    suspect = world.container.control_plane(world.container.document.projects[0]).describe_backup(
        ids["d1"]
    )
    world.ledger.put_backup(new_record(suspect, now, verdict=Verdict.SUSPECT))
    times = [f"{now - timedelta(days=age):%FT%TZ}" for age in range(5)]
    names = {backup_id: name for name, backup_id in ids.items()}

    listed: list[str] = []
    token: str | None = ""
    while token is not None:
        page = world.get(f"/backups?limit=2&{query.format(*times)}{token}")
        listed += [names[row["backup_id"]] for row in page["data"]]
        token = page["pagination"] and f"&paginationToken={page['pagination']['next']}"

    assert listed == found


def test_a_filtered_page_costs_a_call_for_each_hundred_backups(world: World) -> None:
    for hour in range(120):
        world.seed(days_ago=hour / 24)
    before = len(world.simulator.requests.calls)
    assert len(world.get("/backups?origin=ours&limit=10")["data"]) == 10
    assert len(world.simulator.requests.calls) == before + 2


def test_a_backup_is_created_on_demand_as_ours(world: World) -> None:
    """I2: it carries our marker without a policy."""
    answer = world.ask("POST", BACKUPS, {})
    assert answer.status == 201
    assert answer.json["origin"] == "ours"
    assert answer.json["policy"] is None
    assert f"[pinecone-backup/2 owner={OWNER} " in answer.json["description"]
    assert answer.json["expires_at"] is None
    assert answer.location == f"/v1/projects/main/backups/{answer.json['backup_id']}"


def test_a_post_without_a_body_creates_a_backup_as_well(world: World) -> None:
    assert world.ask("POST", BACKUPS).status == 201


def test_a_backup_may_have_a_name_and_description_of_the_callers_own(world: World) -> None:
    answer = world.ask("POST", BACKUPS, {"name": "before-migration", "description": "by Ada"})
    assert answer.json["name"] == "before-migration"
    assert answer.json["description"].startswith("by Ada [pinecone-backup/2 ")
    assert answer.json["origin"] == "ours"


@pytest.mark.parametrize(
    ("given", "kept"), [("30d", timedelta(days=30)), ("1d12h30m", timedelta(hours=36.5))]
)
def test_a_backup_on_demand_says_when_it_expires(world: World, given: str, kept: timedelta) -> None:
    """D8."""
    answer = world.ask("POST", BACKUPS, {"expire_after": given})
    described = world.get(f"/backups/{answer.json['backup_id']}")
    (listed,) = world.get(BACKUPS)["data"]
    assert answer.json["expires_at"] == described["expires_at"] == listed["expires_at"]
    assert datetime.fromisoformat(answer.json["expires_at"]) == world.simulator.clock.now() + kept


def test_a_description_that_reads_like_a_marker_is_refused(world: World) -> None:
    """I2."""
    answer = world.ask("POST", BACKUPS, {"description": " Pinecone-Backup/1 owner=x"})
    assert (answer.status, answer.problem, answer.json["rule"]) == (409, "rule-forbids", "marker")
    assert world.simulator.project.project_backups() == []


def test_while_one_of_ours_is_under_way_none_is_started(world: World) -> None:
    """C2."""
    first = world.ask("POST", BACKUPS, {})
    again = world.ask("POST", BACKUPS, {})
    assert (again.status, again.json["rule"]) == (409, "under-way")
    assert first.json["backup_id"] in again.json["detail"]


def test_a_backup_of_an_index_that_does_not_exist_is_not_found(world: World) -> None:
    answer = world.ask("POST", "/indexes/absent/backups", {})
    assert (answer.status, answer.problem) == (404, "not-found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "Capitals"}, "#/name"),
        ({"name": "x" * 46}, "#/name"),
        ({"colour": "red"}, "#/colour"),
        ({"description": 7}, "#/description"),
        ({"expire_after": "soon"}, "#/expire_after"),
        ({"expire_after": "0d"}, "#/expire_after"),
        ({"expire_after": "36526d"}, "#/expire_after"),
        ({"expire_after": 30}, "#/expire_after"),
    ],
)
def test_a_wrong_field_is_named(world: World, body: dict[str, object], pointer: str) -> None:
    answer = world.ask("POST", BACKUPS, body)
    assert (answer.status, answer.problem) == (400, "invalid-request")
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]
    assert not answer.json["errors"][0]["detail"].startswith("Value error")


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Increase your quota or upgrade to create more backups.", "pinecone-quota"),
        ("Your organization's plan does not include backups.", "pinecone-plan"),
    ],
)
def test_pinecones_reasons_for_a_403_are_distinguished(
    world: World, message: str, problem: str
) -> None:
    world.simulator.faults.add(
        Fault(kind="status", status=403, message=message, operation="create_backup")
    )
    answer = world.ask("POST", BACKUPS, {})
    assert (answer.status, answer.problem) == (403, problem)


def test_a_backup_whose_answer_was_lost_is_found_and_answered(world: World) -> None:
    """C3: looked for by name, and never posted twice."""
    world.simulator.faults.add(Fault(kind="drop", operation="create_backup", after_effect=True))
    answer = world.ask("POST", BACKUPS, {})
    assert answer.status == 201
    (only,) = world.simulator.project.project_backups()
    assert answer.json["backup_id"] == only.backup_id


def test_when_nobody_knows_whether_it_happened_the_answer_says_where_to_check(world: World) -> None:
    world.simulator.faults.add(Fault(kind="drop", operation="create_backup"))
    answer = world.ask("POST", BACKUPS, {})
    assert (answer.status, answer.problem) == (504, "outcome-unknown")
    assert "before you ask again" in answer.json["next_step"]


def test_an_indexs_backups_are_listed_page_by_page(world: World) -> None:
    ids = {world.seed(days_ago=day) for day in range(5)}
    seen: list[str] = []
    path = f"{BACKUPS}?limit=2"
    while True:
        page = world.get(path)
        seen += [row["backup_id"] for row in page["data"]]
        if page["pagination"] is None:
            break
        path = f"{BACKUPS}?paginationToken={page['pagination']['next']}"
    assert len(seen) == 5
    assert set(seen) == ids


def test_backups_of_a_deleted_index_are_listed_only_when_asked_for(world: World) -> None:
    born = world.simulator.clock.now() - timedelta(days=90)
    deleted = world.simulator.project.seed_index(
        "products", created_at=born, deleted_at=born + timedelta(days=30)
    )
    old = world.seed(days_ago=70, index_id=deleted.index_id)
    new = world.seed(days_ago=1)
    assert [row["backup_id"] for row in world.get(BACKUPS)["data"]] == [new]
    both = {row["backup_id"] for row in world.get(f"{BACKUPS}?include_deleted=true")["data"]}
    assert both == {old, new}


def test_a_token_of_one_listing_does_not_fit_another(world: World) -> None:
    for day in range(3):
        world.seed(days_ago=day)
    token = world.get(f"{BACKUPS}?limit=1")["pagination"]["next"]
    for other in (
        f"/backups?paginationToken={token}",
        f"{BACKUPS}?include_deleted=true&paginationToken={token}",
        f"{BACKUPS}?paginationToken={token[:-3]}",
        f"{BACKUPS}?paginationToken=%F0%9F%92%BE",
    ):
        answer = world.ask("GET", other)
        assert (answer.status, answer.problem) == (400, "invalid-request"), other


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "lmit=1"])
def test_a_limit_is_from_1_to_100_and_given_once(world: World, query: str) -> None:
    answer = world.ask("GET", f"/backups?{query}")
    assert (answer.status, answer.problem) == (400, "invalid-request")
    assert answer.json["errors"][0]["pointer"].startswith("query:l")


def test_the_project_lists_backups_of_all_its_indexes_with_whose_they_are(world: World) -> None:
    world.simulator.project.seed_index("reviews")
    ours = world.seed("reviews")
    theirs = world.simulator.project.seed_backup("products", name="by-hand").backup_id
    rows = {row["backup_id"]: row for row in world.get("/backups")["data"]}
    assert (rows[ours]["origin"], rows[ours]["policy"]) == ("ours", "daily")
    assert (rows[theirs]["origin"], rows[theirs]["policy"]) == ("foreign", None)


def test_a_backup_is_described_with_its_verdict_and_holds(world: World) -> None:
    backup_id = world.seed()
    control_plane = world.container.control_plane(world.container.document.projects[0])
    clock = world.simulator.clock.now()
    record = new_record(control_plane.describe_backup(backup_id), clock, verdict=Verdict.SUSPECT)
    world.ledger.put_backup(record)
    hold = place_hold(
        control_plane,
        world.ledger,
        scope=HoldScope.INDEX,
        target="products",
        who="ada",
        reason="case 4711",
        now=clock,
    )
    answer = world.get(f"/backups/{backup_id}")
    assert (answer["worth"], answer["verdict"]) == ("suspect", "suspect")
    assert [each["hold_id"] for each in answer["holds"]] == [hold.hold_id]
    assert answer["deletion"] is None


def test_a_backup_that_does_not_exist_is_not_found(world: World) -> None:
    answer = world.ask("GET", "/backups/absent")
    assert (answer.status, answer.problem) == (404, "not-found")
    assert answer.json["pinecone"]["operation"] == "describe_backup"


def delete(
    world: World, backup_id: str, *, override: str = "", reason: str = "costs too much"
) -> Answer:
    """Ask for a deletion, with a reason as each needs one."""
    query = urlencode({"reason": reason} | ({"override": override} if override else {}))
    return world.ask("DELETE", f"/backups/{backup_id}?{query}")


def test_what_its_index_does_not_need_is_deleted(world: World) -> None:
    ids = [world.seed(days_ago=day) for day in range(4)]
    answer = delete(world, ids[3])
    assert answer.status == 202
    assert answer.json["state"] == "accepted"
    deletion = world.ledger.deletion(ids[3])
    assert deletion is not None
    assert (deletion.actor, deletion.comment) == (ACTOR, "costs too much")
    assert list(map(str, deletion.reasons)) == [f"asked for by {ACTOR}: costs too much"]
    assert (deletion.size_bytes, deletion.good_left) == (6_244_000, ids[0])
    assert "backup.deleted" in world.container.bus.types()


def test_a_deleted_backup_is_described_as_deletion_pending(world: World) -> None:
    """G4."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(Fault(kind="lost_write", operation="delete_backup"))
    delete(world, ids[3])
    answer = world.get(f"/backups/{ids[3]}")
    assert answer["worth"] == "deletion_accepted"
    assert answer["deletion"]["actor"] == ACTOR


@pytest.mark.parametrize(
    ("day", "safeguards"), [(0, "newest-good, floor, kept-by-policy"), (1, "floor, kept-by-policy")]
)
def test_what_the_floor_needs_is_not_deleted(world: World, day: int, safeguards: str) -> None:
    """D1: two good ones stay by default, the newest in any case, and what the policy keeps."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    answer = delete(world, ids[day])
    assert (answer.status, answer.problem, answer.json["rule"]) == (409, "rule-forbids", safeguards)
    assert len(world.get("/backups")["data"]) == 4


def test_a_safeguard_is_overruled_by_its_name_and_a_reason_which_are_recorded(world: World) -> None:
    backup_id = world.seed()
    safeguards = "newest-good,floor,kept-by-policy"
    without = world.ask("DELETE", f"/backups/{backup_id}?override={safeguards}")
    assert (without.status, without.problem) == (400, "invalid-request")
    half = delete(world, backup_id, override="floor", reason="wiped")
    assert (half.status, half.json["rule"]) == (409, "newest-good, kept-by-policy")
    answer = delete(world, backup_id, override=safeguards, reason="wiped")
    assert answer.status == 202
    assert answer.json["override"] == safeguards.split(",")
    assert answer.json["comment"] == "wiped"


@pytest.mark.parametrize(
    ("seeded", "safeguard"),
    [
        ({"name": "by-hand", "description": None}, "not-ours"),
        ({"name": "nightly-20261120T030000Z", "description": None}, "native"),
        ({"status": "Initializing"}, "on-demand, unfinished"),
        ({"days_ago": -1}, "undated"),
    ],
)
def test_what_prune_leaves_alone_is_named_by_its_safeguard(
    world: World, seeded: dict[str, object], safeguard: str
) -> None:
    """D1."""
    for day in (1, 2, 3):
        world.seed(days_ago=day)
    status = seeded.pop("status", None)
    if status:
        backup_id = world.ask("POST", BACKUPS, {}).json["backup_id"]
    else:
        backup_id = world.seed(**{"days_ago": 5, **seeded})  # type: ignore[arg-type]
    refused = delete(world, backup_id)
    assert (refused.status, refused.json["rule"]) == (409, safeguard)
    forced = delete(world, backup_id, override=safeguard.replace(" ", ""), reason="because")
    assert forced.status == 202


def test_of_a_deleted_index_all_is_kept_for_ever_and_the_newest_good_one_is_needed(
    world: World,
) -> None:
    """D7."""
    born = world.simulator.clock.now() - timedelta(days=90)
    deleted = world.simulator.project.seed_index(
        "reviews", created_at=born, deleted_at=born + timedelta(days=30)
    )
    ids = [world.seed("reviews", days_ago=day, index_id=deleted.index_id) for day in (70, 71)]
    newest = delete(world, ids[0])
    assert (newest.status, newest.json["rule"]) == (409, "orphan-needed, kept-by-policy")
    older = delete(world, ids[1])
    assert (older.status, older.json["rule"]) == (409, "kept-by-policy")


def test_the_newest_restore_tested_one_is_kept(world: World) -> None:
    """D1."""
    ids = [world.seed(days_ago=day) for day in range(5)]
    control_plane = world.container.control_plane(world.container.document.projects[0])
    clock = world.simulator.clock.now()
    for backup_id in ids[3:]:
        record = new_record(
            control_plane.describe_backup(backup_id),
            clock,
            verdict=Verdict.GOOD,
            restore_tested=True,
        )
        world.ledger.put_backup(record)
    answer = delete(world, ids[3])
    assert (answer.status, answer.json["rule"]) == (409, "newest-restore-tested")
    assert delete(world, ids[4]).status == 202


def test_a_deletion_that_is_asked_for_again_is_answered_with_the_first_one(world: World) -> None:
    """D6: a deletion is written once, whoever repeats it with whatever reason."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    first = delete(world, ids[3])
    again = delete(world, ids[3], override="floor", reason="another reason")
    assert (first.status, again.status) == (202, 202)
    assert again.json == first.json == world.get(f"/deletions/{ids[3]}")
    assert world.get("/deletions")["data"] == [first.json]
    assert world.simulator.requests.counts()["delete_backup"] == 1


def test_a_deletion_is_a_run_that_can_be_described(world: World) -> None:
    ids = [world.seed(days_ago=day) for day in range(4)]
    run_id = delete(world, ids[3]).json["run_id"]
    run = world.get(f"/runs/{run_id}")
    assert (run["kind"], run["state"], run["actor"]) == ("delete", "succeeded", ACTOR)
    assert run["summary"]["backup_id"] == ids[3]


def test_a_deletion_that_pinecone_refuses_is_a_run_in_the_evidence_too(world: World) -> None:
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(Fault(kind="status", operation="delete_backup", status=403))
    delete(world, ids[3])
    (record,) = world.ledger.waiting_evidence(limit=9)
    assert (record.type, record.data["kind"], record.data["actor"]) == (
        "run.failed",
        "delete",
        ACTOR,
    )


@pytest.mark.parametrize("mode", ["dry_run", "approve"])
def test_what_the_policy_keeps_is_not_deleted_in_any_mode(world: World, mode: str) -> None:
    """D1, D2: in a dry run nothing is deleted by anybody, and that cannot be overruled."""
    world.container.settings = world.container.settings.model_copy(
        update={"prune_mode": PruneMode(mode)}
    )
    ids = [world.seed(days_ago=day) for day in range(4)]
    kept = delete(world, ids[2])
    unneeded = delete(world, ids[3])
    assert (kept.status, unneeded.status) == (409, 202 if mode == "approve" else 409)
    if mode == "dry_run":
        forced = delete(world, ids[2], override="kept-by-policy", reason="x")
        assert forced.json["rule"] == "mode"


def test_deletions_by_people_count_against_the_limits(world: World) -> None:
    """D2: eight in a row do not go within a second; the limit can be overruled by name."""
    roomy, three = Limit(count=100, percent=100), Limit(count=3, percent=100)
    limits = Limits(per_run=roomy, per_index=three)
    world.container.document = world.container.document.model_copy(update={"limits": limits})
    ids = [world.seed(days_ago=day) for day in range(6)]
    assert [delete(world, backup_id).status for backup_id in ids[3:]] == [202, 202, 202]
    fourth = delete(world, ids[2], override="kept-by-policy")
    assert (fourth.status, fourth.json["rule"]) == (409, "limits")
    assert delete(world, ids[2], override="kept-by-policy,limits").status == 202


def test_a_held_backup_is_never_deleted(world: World) -> None:
    """D1: not even by naming the safeguard; a hold is released first."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    hold = world.ask("POST", "/holds", {"scope": "backup", "target": ids[3], "reason": "case"}).json
    refused = delete(world, ids[3], override="floor", reason="x")
    assert (refused.status, refused.json["rule"]) == (409, "held")
    assert hold["hold_id"] in refused.json["next_step"]
    assert delete(world, ids[3], override="held", reason="x").status == 400
    world.ask("POST", f"/holds/{hold['hold_id']}/release", {"reason": "closed"})
    assert delete(world, ids[3]).status == 202


def test_a_backup_that_a_restore_reads_is_not_deleted(world: World) -> None:
    """D1."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    assert world.ask("POST", f"/backups/{ids[3]}/create-index", {"name": "copy"}).status == 202
    answer = delete(world, ids[3])
    assert (answer.status, answer.json["rule"]) == (409, "restoring")


def test_nothing_is_deleted_while_the_newest_good_one_is_not_found(world: World) -> None:
    """D5."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(
        Fault(kind="status", status=404, operation="describe_backup", path=f"*{ids[0]}")
    )
    answer = delete(world, ids[3])
    assert (answer.status, answer.json["rule"]) == (409, "newest-good-not-ready")
    assert len(world.get("/backups")["data"]) == 4


def test_a_backup_listed_in_two_contradictory_ways_is_not_deleted(world: World) -> None:
    """I4."""
    world.simulator.project.seed_index("reviews")
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.seed("reviews", backup_id=ids[3], days_ago=3)
    answer = delete(world, ids[3], override="not-ours", reason="x")
    assert (answer.status, answer.json["rule"]) == (409, "contradictory")


def test_a_deletion_whose_answer_was_lost_for_good_is_recorded_as_unknown(world: World) -> None:
    """D6."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(Fault(kind="drop", operation="delete_backup", times=None))
    answer = delete(world, ids[3])
    assert (answer.status, answer.problem) == (504, "outcome-unknown")
    deletion = world.ledger.deletion(ids[3])
    assert deletion is not None
    assert deletion.state is DeletionState.UNKNOWN
    assert deletion.error


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [(412, 412, DeletionState.SKIPPED), (403, 403, DeletionState.FAILED)],
)
def test_a_refused_deletion_is_recorded_as_it_ended(
    world: World, status: int, code: int, state: DeletionState
) -> None:
    """D6."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(
        Fault(kind="status", status=status, operation="delete_backup", message="No.")
    )
    assert delete(world, ids[3]).status == code
    deletion = world.ledger.deletion(ids[3])
    assert deletion is not None
    assert deletion.state is state


def test_a_404_is_believed_when_the_description_agrees(world: World) -> None:
    """D6: until then the deletion may have happened, and nothing is announced."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(Fault(kind="status", status=404, operation="delete_backup"))
    answer = delete(world, ids[3])
    assert (answer.status, answer.json["state"]) == (202, "unknown")
    assert "backup.deleted" not in world.container.bus.types()
    assert delete(world, ids[3]).json["state"] == "accepted"


def test_deleting_waits_its_turn_behind_a_run(world: World) -> None:
    ids = [world.seed(days_ago=day) for day in range(4)]
    clock = world.simulator.clock.now()
    world.ledger.acquire_lease("write", holder="run-1", now=clock, ttl=timedelta(minutes=16))
    answer = delete(world, ids[3])
    assert (answer.status, answer.problem) == (409, "busy")
    assert answer.headers["Retry-After"] == "30"


def test_after_a_deletion_the_next_run_can_start(world: World) -> None:
    ids = [world.seed(days_ago=day) for day in range(4)]
    delete(world, ids[3])
    delete(world, ids[0])
    assert world.ledger.leases == []


def test_deleting_what_is_not_there_is_not_found(world: World) -> None:
    answer = delete(world, "absent")
    assert (answer.status, answer.problem) == (404, "not-found")
