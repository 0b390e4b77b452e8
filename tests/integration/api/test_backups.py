"""Backups over the API: Pinecone's operations 1 to 5, with our safeguards around deleting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from local.simulator.faults import Fault
from pinecone_backup.records import DeletionState, HoldScope, Verdict
from pinecone_backup.rules.inventory import new_record
from pinecone_backup.usecases.requests.holds import place_hold
from tests.support.api import ACTOR, OWNER

if TYPE_CHECKING:
    from tests.support.api import World

BACKUPS = "/indexes/products/backups"


def test_a_backup_is_created_on_demand_as_ours(world: World) -> None:
    """I2: it carries our marker without a policy."""
    answer = world.ask("POST", BACKUPS, {})
    assert answer.status == 201
    assert answer.json["origin"] == "ours"
    assert answer.json["policy"] is None
    assert f"owner={OWNER} policy=- " in answer.json["description"]
    assert (
        answer.headers["Location"] == f"/live/v1/projects/main/backups/{answer.json['backup_id']}"
    )


def test_a_post_without_a_body_creates_a_backup_as_well(world: World) -> None:
    assert world.ask("POST", BACKUPS).status == 201


def test_a_backup_may_have_a_name_and_description_of_the_callers_own(world: World) -> None:
    answer = world.ask("POST", BACKUPS, {"name": "before-migration", "description": "by Ada"})
    assert (answer.json["name"], answer.json["description"]) == ("before-migration", "by Ada")
    assert answer.json["origin"] == "foreign"


def test_a_description_that_begins_like_a_marker_is_refused(world: World) -> None:
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
    ],
)
def test_a_wrong_field_is_named(world: World, body: dict[str, object], pointer: str) -> None:
    answer = world.ask("POST", BACKUPS, body)
    assert (answer.status, answer.problem) == (400, "invalid-request")
    assert [each["pointer"] for each in answer.json["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Increase your quota or upgrade to create more backups.", "pinecone-quota"),
        ("Your organization's plan does not include backups.", "pinecone-plan"),
    ],
)
def test_pinecones_reasons_for_a_403_are_told_apart(
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


def test_when_nobody_knows_whether_it_happened_the_caller_is_told_to_look(world: World) -> None:
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
        world.ledger,
        control_plane,
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


def test_what_its_index_does_not_need_is_deleted(world: World) -> None:
    ids = [world.seed(days_ago=day) for day in range(4)]
    answer = world.ask("DELETE", f"/backups/{ids[3]}?reason=costs%20too%20much")
    assert answer.status == 202
    assert answer.json["deletion"]["state"] == "accepted"
    deletion = world.ledger.backups()[ids[3]].deletion
    assert deletion is not None
    assert deletion.actor == ACTOR
    assert deletion.reasons == (f"asked for by {ACTOR}", "costs too much")
    assert "backup.deleted" in world.container.bus.types()


def test_a_deleted_backup_is_described_as_going(world: World) -> None:
    """G4."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(Fault(kind="lost_write", operation="delete_backup"))
    world.ask("DELETE", f"/backups/{ids[3]}")
    answer = world.get(f"/backups/{ids[3]}")
    assert answer["worth"] == "deletion_accepted"
    assert answer["deletion"]["actor"] == ACTOR


@pytest.mark.parametrize(("day", "safeguards"), [(0, "newest-good, floor"), (1, "floor")])
def test_what_the_floor_needs_is_not_deleted(world: World, day: int, safeguards: str) -> None:
    """D1: two good ones stay by default, the newest in any case."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    answer = world.ask("DELETE", f"/backups/{ids[day]}")
    assert (answer.status, answer.problem, answer.json["rule"]) == (409, "rule-forbids", safeguards)
    assert len(world.get("/backups")["data"]) == 4


def test_a_rail_is_overruled_by_its_name_and_a_reason_which_are_recorded(world: World) -> None:
    backup_id = world.seed()
    safeguards = "newest-good,floor"
    without = world.ask("DELETE", f"/backups/{backup_id}?override={safeguards}")
    assert (without.status, without.json["rule"]) == (409, "reason")
    half = world.ask("DELETE", f"/backups/{backup_id}?override=floor&reason=wiped")
    assert (half.status, half.json["rule"]) == (409, "newest-good")
    answer = world.ask("DELETE", f"/backups/{backup_id}?override={safeguards}&reason=wiped")
    assert answer.status == 202
    assert "overruling newest-good, floor: wiped" in answer.json["deletion"]["reasons"]


@pytest.mark.parametrize(
    ("seeded", "safeguard"),
    [
        ({"name": "by-hand", "description": None}, "not-ours"),
        ({"name": "nightly-20261120T030000Z", "description": None}, "native"),
        ({"status": "Initializing"}, "unfinished"),
        ({"days_ago": -1}, "undated"),
    ],
)
def test_what_prune_leaves_alone_is_named_by_its_rail(
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
    refused = world.ask("DELETE", f"/backups/{backup_id}")
    assert (refused.status, refused.json["rule"]) == (409, safeguard)
    forced = world.ask("DELETE", f"/backups/{backup_id}?override={safeguard}&reason=because")
    assert forced.status == 202


def test_of_a_deleted_index_only_the_newest_good_one_is_kept(world: World) -> None:
    """D7."""
    born = world.simulator.clock.now() - timedelta(days=90)
    deleted = world.simulator.project.seed_index(
        "reviews", created_at=born, deleted_at=born + timedelta(days=30)
    )
    ids = [world.seed("reviews", days_ago=day, index_id=deleted.index_id) for day in (70, 71)]
    newest = world.ask("DELETE", f"/backups/{ids[0]}")
    assert (newest.status, newest.json["rule"]) == (409, "newest-good, floor")
    assert world.ask("DELETE", f"/backups/{ids[1]}").status == 202


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
    answer = world.ask("DELETE", f"/backups/{ids[3]}")
    assert (answer.status, answer.json["rule"]) == (409, "newest-restore-tested")
    assert world.ask("DELETE", f"/backups/{ids[4]}").status == 202


def test_what_is_going_already_may_be_deleted_once_more(world: World) -> None:
    """G4: it counts for nothing, so nothing keeps it."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(Fault(kind="lost_write", operation="delete_backup"))
    for _ in range(2):
        assert world.ask("DELETE", f"/backups/{ids[3]}").status == 202
    assert world.simulator.requests.counts()["delete_backup"] == 2


def test_a_held_backup_is_never_deleted(world: World) -> None:
    """D1: not even by naming the safeguard; a hold is released first."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    hold = world.ask("POST", "/holds", {"scope": "backup", "target": ids[3], "reason": "case"}).json
    refused = world.ask("DELETE", f"/backups/{ids[3]}?override=floor&reason=x")
    assert (refused.status, refused.json["rule"]) == (409, "held")
    assert hold["hold_id"] in refused.json["next_step"]
    assert world.ask("DELETE", f"/backups/{ids[3]}?override=held&reason=x").status == 400
    world.ask("POST", f"/holds/{hold['hold_id']}/release", {"reason": "closed"})
    assert world.ask("DELETE", f"/backups/{ids[3]}").status == 202


def test_a_backup_that_a_restore_reads_is_not_deleted(world: World) -> None:
    """D1."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    assert world.ask("POST", f"/backups/{ids[3]}/create-index", {"name": "copy"}).status == 202
    answer = world.ask("DELETE", f"/backups/{ids[3]}")
    assert (answer.status, answer.json["rule"]) == (409, "restoring")


def test_nothing_is_deleted_while_the_newest_good_one_is_gone(world: World) -> None:
    """D5."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(
        Fault(kind="status", status=404, operation="describe_backup", path=f"*{ids[0]}")
    )
    answer = world.ask("DELETE", f"/backups/{ids[3]}")
    assert (answer.status, answer.json["rule"]) == (409, "newest-good-not-ready")
    assert len(world.get("/backups")["data"]) == 4


def test_a_backup_listed_in_two_contradictory_ways_is_not_deleted(world: World) -> None:
    """I4."""
    world.simulator.project.seed_index("reviews")
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.seed("reviews", backup_id=ids[3], days_ago=3)
    answer = world.ask("DELETE", f"/backups/{ids[3]}?override=not-ours&reason=x")
    assert (answer.status, answer.json["rule"]) == (409, "contradictory")


def test_a_deletion_whose_answer_was_lost_for_good_is_recorded_as_unknown(world: World) -> None:
    """D6."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(Fault(kind="drop", operation="delete_backup", times=None))
    answer = world.ask("DELETE", f"/backups/{ids[3]}")
    assert (answer.status, answer.problem) == (504, "outcome-unknown")
    deletion = world.ledger.backups()[ids[3]].deletion
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
    assert world.ask("DELETE", f"/backups/{ids[3]}").status == code
    deletion = world.ledger.backups()[ids[3]].deletion
    assert deletion is not None
    assert deletion.state is state


def test_a_backup_that_goes_while_it_is_deleted_is_gone(world: World) -> None:
    """D6: 404 is success."""
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.simulator.faults.add(Fault(kind="status", status=404, operation="delete_backup"))
    answer = world.ask("DELETE", f"/backups/{ids[3]}")
    assert (answer.status, answer.json["deletion"]["state"]) == (202, "gone")


def test_deleting_waits_its_turn_behind_a_run(world: World) -> None:
    ids = [world.seed(days_ago=day) for day in range(4)]
    clock = world.simulator.clock.now()
    world.ledger.acquire_lease("write", holder="run-1", now=clock, ttl=timedelta(minutes=16))
    answer = world.ask("DELETE", f"/backups/{ids[3]}")
    assert (answer.status, answer.problem) == (409, "busy")
    assert answer.headers["Retry-After"] == "30"


def test_after_a_deletion_the_next_run_can_start(world: World) -> None:
    ids = [world.seed(days_ago=day) for day in range(4)]
    world.ask("DELETE", f"/backups/{ids[3]}")
    world.ask("DELETE", f"/backups/{ids[0]}")
    assert world.ledger.leases == []


def test_deleting_what_is_not_there_is_not_found(world: World) -> None:
    answer = world.ask("DELETE", "/backups/absent")
    assert (answer.status, answer.problem) == (404, "not-found")
