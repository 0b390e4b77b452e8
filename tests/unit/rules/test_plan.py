"""What a prune would do: what goes, what stays, what waits, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from pinecone_backup.model import Backup, Status
from pinecone_backup.reasons import ReasonKind
from pinecone_backup.records import (
    DeletionState,
    Hold,
    HoldScope,
    ItemKind,
    UnreadableItem,
    Verdict,
)
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan import Action, Plan, digest_of, next_baseline
from pinecone_backup.rules.plan_facts import Baseline, ambiguous_names
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.rules.protection import Safeguard
from tests.support.backups import (
    NOW,
    OWNER,
    backup,
    by_action,
    deletion,
    index,
    inventory_of,
    plan_of,
    reasons,
    record,
    signed,
    text,
    texts,
)
from tests.support.pruning import document

HOUR = timedelta(hours=1)
LAST_TWO = document(retention={"keep_last": 2}, floor=1)


def days(count: int, prefix: str = "b", **properties: Any) -> list[Any]:
    """A backup a day, today's first: b0, b1 ..."""
    return [backup(f"{prefix}{day}", days_ago=day, **properties) for day in range(count)]


def hold(held: str, /, scope: HoldScope = HoldScope.BACKUP, **properties: Any) -> Hold:
    return replace(Hold(f"hold-{held}", scope, held, "quarterly audit", "alice", NOW), **properties)


# --- Reasons and retention -------------------------------------------------------------------


def test_the_retentions_reasons_come_first_then_the_floors_then_the_safeguards() -> None:
    """K6, D1."""
    rows = days(4)
    plan = plan_of(
        rows,
        document(retention={"keep_last": 1, "keep_daily": 1}, floor=3),
        records=[
            record(row, restore_tested=True if row.backup_id == "b1" else None) for row in rows
        ],
        holds=[hold("b0"), hold("docs", HoldScope.INDEX, hold_id="hold-2", expires_at=None)],
        restoring={"b1": "job-7"},
    )

    index_hold = "held by alice: quarterly audit"
    assert reasons(plan) == {
        "b0": ("last snapshot", "daily snapshot", "newest good", index_hold, index_hold),
        "b1": ("floor of 3", "newest restore-tested", index_hold, "restore job job-7 reads it"),
        "b2": ("floor of 3", index_hold),
        "b3": (index_hold,),
    }


def test_what_no_rule_keeps_goes_with_the_policys_name() -> None:
    plan = plan_of(days(3), LAST_TWO)

    assert by_action(plan) == {"keep": ["b0", "b1"], "delete": ["b2"]}
    assert reasons(plan)["b2"] == ("no rule of policy standard keeps it",)


def test_retention_is_the_assigned_policys_and_not_the_markers() -> None:
    """I3."""
    plan = plan_of(days(3, policy="forever"), LAST_TWO)

    assert by_action(plan) == {"keep": ["b0", "b1"], "delete": ["b2"]}


def test_buckets_are_cut_in_the_policys_zone() -> None:
    """K2."""
    rows = [
        backup("b0", created_at=NOW.replace(hour=12)),
        backup("b1", created_at=NOW.replace(hour=0, minute=30)),
        backup("b2", created_at=NOW.replace(day=20)),
    ]
    retention = {"keep_daily": 2}

    in_utc = plan_of(rows, document(retention=retention, floor=1))
    in_new_york = plan_of(rows, document(retention=retention, floor=1, timezone="America/New_York"))

    assert by_action(in_utc)["delete"] == ["b1"]
    assert by_action(in_new_york)["delete"] == ["b2"]


def test_the_runs_time_decides_the_retention() -> None:
    """T1: not the clock."""
    expiring = document(retention={"expire_after_days": 3}, floor=1)

    assert by_action(plan_of(days(3), expiring)) == {"keep": ["b0", "b1", "b2"]}
    later = plan_of(days(3), expiring, now=NOW + timedelta(days=2))
    assert by_action(later)["delete"] == ["b2"]


def test_items_stand_by_index_then_newest_first() -> None:
    rows = [*days(2, "s", index="shop"), *days(2, "d"), backup("x", index="docs", index_id="a")]
    plan = plan_of(rows, LAST_TWO)

    assert [item.backup_id for item in plan.items] == ["x", "d0", "d1", "s0", "s1"]
    assert [(each.index_name, each.index_id) for each in plan.indexes] == [
        ("docs", "a"),
        ("docs", "id-of-docs"),
        ("shop", "id-of-shop"),
    ]


# --- D1: never deleted -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "action", "reason"),
    [
        ({"owner": None}, "leave_alone", "not ours (manual)"),
        ({"name": "x"}, "leave_alone", "not ours (its marker does not fit its name)"),
        ({"owner": "stack-b"}, "leave_alone", "belongs to another deployment: stack-b"),
        (
            {"owner": None, "name": "nightly-20261122T060000Z"},
            "leave_alone",
            "made by native schedule nightly",
        ),
        ({"policy": None}, "leave_alone", "made on demand"),
        ({"status": Status.UNDER_WAY}, "keep", "under way"),
        ({"status": Status.PLANNED}, "keep", "planned"),
        ({"status": Status.UNKNOWN, "status_text": "Odd"}, "keep", "unknown status 'Odd'"),
        ({"created_at": None}, "keep", "undated"),
        ({"days_ago": -1}, "keep", "dated in the future"),
    ],
)
def test_what_no_policy_decides_about_is_never_deleted_and_counts_for_nothing(
    changes: dict[str, Any], action: str, reason: str
) -> None:
    """D1, I2, G3, G5, T2."""
    odd = backup("odd", **{"days_ago": 50, **changes})

    plan = plan_of([*days(3), odd], LAST_TWO)

    assert by_action(plan)["delete"] == ["b2"]
    [item] = [item for item in plan.items if item.backup_id == "odd"]
    assert (str(item.action), texts(item.reasons)) == (action, (reason,))


def on_demand(expires_at: datetime | None) -> Backup:
    """A backup that somebody asked for fifty days ago."""
    marker = Marker(OWNER, None, NOW - timedelta(days=50), "run-0", 1, expires_at)
    return backup("asked", days_ago=50, **signed(marker, "docs"))


@pytest.mark.parametrize(
    ("expires_at", "action", "reason"),
    [
        (None, Action.LEAVE_ALONE, "made on demand"),
        (NOW + timedelta(seconds=1), Action.LEAVE_ALONE, "made on demand"),
        (NOW, Action.DELETE, "made on demand, and expired"),
    ],
)
def test_a_backup_on_demand_goes_once_its_own_expiry_is_over(
    expires_at: datetime | None, action: Action, reason: str
) -> None:
    """D8, T2: by the actual time, and not by the run's."""
    plan = plan_of([*days(2), on_demand(expires_at)], LAST_TWO, now=NOW + HOUR)

    [*_, item] = plan.items
    assert (item.backup_id, item.action, texts(item.reasons)) == ("asked", action, (reason,))


@pytest.mark.parametrize(
    ("tag", "action", "safeguards"),
    [
        ({"backup-policy": "none"}, Action.DELETE, ()),
        ({"backup-paused-until": "2026-12-01"}, Action.LEAVE_ALONE, (Safeguard.PAUSED,)),
    ],
)
def test_no_policy_keeps_no_expired_backup_on_demand_and_a_pause_does(
    tag: dict[str, str], action: Action, safeguards: tuple[Safeguard, ...]
) -> None:
    """D8, C6."""
    plan = plan_of([*days(4), on_demand(NOW)], LAST_TWO, indexes=[index(tags=tag)])

    [*_, item] = plan.items
    assert (item.backup_id, item.action, item.safeguards) == ("asked", action, safeguards)


def test_a_backup_without_a_verdict_is_never_deleted() -> None:
    rows = days(4)
    plan = plan_of(rows, LAST_TWO, records=[record(row) for row in rows[:3]])

    assert by_action(plan) == {"keep": ["b0", "b1", "b3"], "delete": ["b2"]}
    assert reasons(plan)["b3"] == ("without a verdict yet",)


def test_a_held_backup_of_unknown_status_says_both() -> None:
    plan = plan_of(
        [backup("b0", status=Status.UNKNOWN, status_text="Odd")], LAST_TWO, holds=[hold("b0")]
    )

    assert reasons(plan)["b0"] == ("unknown status 'Odd'", "held by alice: quarterly audit")


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, True),
        ({"expires_at": NOW + timedelta(seconds=1)}, True),
        ({"expires_at": NOW}, False),
        ({"released_at": NOW}, False),
        ({"target": "b9"}, False),
        ({"target": "docs", "scope": HoldScope.INDEX}, True),
        ({"target": "shop", "scope": HoldScope.INDEX}, False),
        ({"target": "b2", "scope": HoldScope.INDEX}, False),
    ],
)
def test_a_hold_in_force_protects_its_target(changes: dict[str, Any], held: bool) -> None:
    """D1, T2: it ends by the real clock, not by the run's time."""
    plan = plan_of(days(3), LAST_TWO, holds=[hold("b2", **changes)], now=NOW + timedelta(minutes=1))

    assert ("b2" in by_action(plan)["keep"]) is held


def test_the_reason_of_a_hold_names_it_so_that_it_can_be_found_and_released() -> None:
    """D1."""
    [item] = plan_of([backup("b0", owner=None)], LAST_TWO, holds=[hold("b0")]).items

    [held] = [reason for reason in item.reasons if reason.kind is ReasonKind.HELD]
    assert held.parameters == {
        "placed_by": "alice",
        "reason": "quarterly audit",
        "hold_id": "hold-b0",
    }


@pytest.mark.parametrize(
    ("item", "kept"),
    [
        (UnreadableItem("BACKUP#b3", ItemKind.BACKUP, "x", backup_id="b3"), ["b3"]),
        (UnreadableItem("INDEX#docs", ItemKind.INDEX, "x", index_name="docs"), ["b2", "b3"]),
        (UnreadableItem("HOLD#h", ItemKind.HOLD, "x"), ["b2", "b3"]),
        (UnreadableItem("BACKUP#s3", ItemKind.BACKUP, "x", "s3", "shop"), []),
    ],
)
def test_what_an_unreadable_item_may_protect_is_not_deleted(
    item: UnreadableItem, kept: list[str]
) -> None:
    """U2."""
    plan = plan_of(days(4), LAST_TWO, unreadable=[item])

    found = reasons(plan)
    assert by_action(plan)["keep"] == ["b0", "b1", *kept]
    assert {found[backup_id] for backup_id in kept} <= {
        (f"ledger item {item.key} cannot be read, and may protect it",)
    }


def test_an_index_hold_protects_earlier_incarnations_too() -> None:
    """D1."""
    rows = [
        backup(f"b{day}", days_ago=90 + day, index_deleted_at=NOW - timedelta(days=60))
        for day in range(3)
    ]

    plan = plan_of(
        rows,
        document(orphans={"after": 30}),
        indexes=[],
        holds=[hold("docs", HoldScope.INDEX)],
    )

    assert by_action(plan) == {"keep": ["b0", "b1", "b2"]}


def test_what_an_unfinished_restore_reads_is_never_deleted() -> None:
    """D1."""
    plan = plan_of(days(4), LAST_TWO, restoring={"b3": "job-1"})

    assert by_action(plan) == {"keep": ["b0", "b1", "b3"], "delete": ["b2"]}
    assert reasons(plan)["b3"] == ("restore job job-1 reads it",)


def test_what_is_held_does_not_count_for_the_limits() -> None:
    """D2: only what would be deleted does."""
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((1, 100), (1, 100)))

    plan = plan_of(days(5), policy, holds=[hold("b3"), hold("b4")])

    assert by_action(plan)["delete"] == ["b2"]
    assert plan.waits_because == ()


def test_a_held_last_orphan_does_not_wait_for_approval() -> None:
    """D1, D7."""
    plan = plan_of(orphans(1), AFTER_30, indexes=[], holds=[hold("o0")])

    assert by_action(plan) == {"keep": ["o0"]}
    assert plan.waits_because == ()


@pytest.mark.parametrize(("holds", "action"), [([], "delete"), ([hold("f")], "keep")])
def test_a_failed_backup_without_a_record_that_is_held_stays(
    holds: list[Hold], action: str
) -> None:
    """D1, G3."""
    rows = [backup("b0"), backup("f", days_ago=20, status=Status.FAILED)]

    plan = plan_of(rows, LAST_TWO, records=[record(rows[0])], holds=holds)

    assert "f" in by_action(plan)[action]


def test_assignments_go_by_project_and_index_name() -> None:
    """I3."""
    base = document().model_dump(mode="json")

    def assigned(**condition: str) -> Plan:
        assignments = [{"policy": "standard", **condition}]
        return plan_of(days(9), validate_policy(base | {"assignments": assignments}))

    assert assigned(project="main", index="do*").assignments == {"docs": "standard"}
    assert str(assigned(index="x*").indexes[0].frozen) == "no policy is assigned"
    opted_out = plan_of(
        days(9),
        validate_policy(
            base | {"assignments": [{"policy": "none", "project": "main", "index": "docs"}]}
        ),
    )
    assert str(opted_out.indexes[0].frozen) == "opted out"


def test_the_newest_restore_tested_one_is_never_deleted() -> None:
    """D1."""
    rows = days(5)
    tested = [record(row, restore_tested=row.backup_id in ("b3", "b4")) for row in rows[3:]]
    plan = plan_of(rows, LAST_TWO, records=[*(record(row) for row in rows[:3]), *tested])

    assert by_action(plan) == {"keep": ["b0", "b1", "b3"], "delete": ["b2", "b4"]}
    assert reasons(plan)["b3"] == ("newest restore-tested",)


@pytest.mark.parametrize(("floor", "kept"), [(1, 1), (2, 2), (4, 4), (9, 5)])
def test_the_floors_newest_good_ones_are_never_deleted(floor: int, kept: int) -> None:
    """D1."""
    plan = plan_of(days(5), document(retention={"keep_last": 1}, floor=floor))

    assert len(by_action(plan)["keep"]) == kept
    assert reasons(plan)["b0"] == ("last snapshot", "newest good")
    if kept > 1:
        assert reasons(plan)["b1"] == (f"floor of {floor}",)


def test_the_floor_is_two_by_default() -> None:
    assert by_action(plan_of(days(5), document(retention={"keep_last": 1})))["keep"] == ["b0", "b1"]


def test_suspects_do_not_fill_the_floor() -> None:
    """G2."""
    rows = days(4)
    verdicts = [Verdict.SUSPECT, Verdict.GOOD, Verdict.SUSPECT, Verdict.GOOD]
    plan = plan_of(
        rows,
        document(retention={"keep_last": 1}),
        records=[record(row, verdict) for row, verdict in zip(rows, verdicts, strict=True)],
    )

    assert by_action(plan) == {"keep": ["b0", "b1", "b2", "b3"]}
    assert reasons(plan)["b3"] == ("floor of 2",)


def test_a_deletion_that_may_have_happened_fills_no_floor() -> None:
    """D6: nothing relies on a backup that may be deleted."""
    rows = days(4)
    doubtful = record(rows[1], deletion=deletion(DeletionState.UNKNOWN))
    plan = plan_of(
        rows,
        document(retention={"keep_last": 1}),
        records=[record(rows[0]), doubtful, record(rows[2]), record(rows[3])],
    )

    assert by_action(plan) == {"keep": ["b0", "b2"], "delete": ["b1", "b3"]}


def test_an_accepted_deletion_counts_for_nothing_and_is_not_asked_again() -> None:
    """G4."""
    rows = days(4)
    accepted = record(rows[0], deletion=deletion(DeletionState.ACCEPTED))
    plan = plan_of(rows, LAST_TWO, records=[accepted, *(record(row) for row in rows[1:])])

    assert by_action(plan) == {"deletion_pending": ["b0"], "keep": ["b1", "b2"], "delete": ["b3"]}
    assert reasons(plan)["b0"] == ("deletion accepted on 2026-11-22 12:00 UTC",)


def test_a_foreign_backup_whose_deletion_failed_is_left_alone() -> None:
    row = backup(owner=None)
    plan = plan_of([row], LAST_TWO, records=[record(row, deletion=deletion(DeletionState.FAILED))])

    assert by_action(plan) == {"leave_alone": ["b1"]}


def test_a_foreign_backup_that_a_person_deleted_through_us_is_deletion_pending() -> None:
    """G4."""
    row = backup(owner=None)
    plan = plan_of([row], LAST_TWO, records=[record(row, deletion=deletion(DeletionState.DELETED))])

    assert by_action(plan) == {"deletion_pending": ["b1"]}


# --- G2, G3: suspects and failed ones --------------------------------------------------------


def suspects(retention: dict[str, Any], count: int = 9) -> Plan:
    """Two good backups, and a suspect a day."""
    doubted, good = days(count, "s"), days(2, "g")
    return plan_of(
        [*doubted, *good],
        document(retention=retention, floor=1),
        records=[
            *(record(row, Verdict.SUSPECT) for row in doubted),
            *(record(row) for row in good),
        ],
    )


def test_the_newest_seven_suspects_stay_and_older_ones_may_go() -> None:
    """G2."""
    plan = suspects({"keep_last": 2})

    assert by_action(plan)["delete"] == ["s7", "s8"]
    assert reasons(plan)["s1"] == ("last snapshot", "suspect, among the newest 7")
    assert reasons(plan)["s6"] == ("suspect, among the newest 7",)
    assert reasons(plan)["s7"] == (
        "suspect, older than the newest 7",
        "no rule of policy standard keeps it",
    )


def test_suspects_keep_the_tiers_of_their_policy_among_each_other() -> None:
    """G2: by the policy's own retention, apart from the good ones."""
    plan = suspects({"keep_daily": 9, "keep_weekly": 2}, count=12)

    assert by_action(plan)["delete"] == ["s9", "s10", "s11"]
    assert reasons(plan)["s8"] == ("daily snapshot",)


@pytest.mark.parametrize(("age", "deleted"), [(6.9, False), (7, False), (7.1, True)])
def test_failed_ones_go_after_a_week(age: float, deleted: bool) -> None:
    """G3."""
    failed = backup("f", days_ago=age, status=Status.FAILED)
    plan = plan_of([backup("b0"), failed], LAST_TWO)

    assert (by_action(plan).get("delete") == ["f"]) is deleted
    assert reasons(plan)["f"] == (f"failed {'over' if deleted else 'within'} 7 days ago",)


@pytest.mark.parametrize(("after", "text"), [("36h", "36 hours"), ("2d", "2 days")])
def test_the_policy_says_when_failed_ones_go(after: str, text: str) -> None:
    """G3."""
    failed = backup("f", days_ago=3, status=Status.FAILED)
    plan = plan_of([backup("b0"), failed], document(failed_after=after))

    assert reasons(plan)["f"] == (f"failed over {text} ago",)


def test_the_newest_failed_one_stays_until_a_good_one_is_newer() -> None:
    """G3."""
    failed = [backup(f"f{day}", days_ago=day, status=Status.FAILED) for day in (20, 21)]
    older, newer = backup("old", days_ago=40), backup("new", days_ago=10)

    waiting = plan_of([*failed, older], LAST_TWO)

    assert by_action(waiting) == {"keep": ["f20", "old"], "delete": ["f21"]}
    assert reasons(waiting)["f20"] == ("failed, and no good backup is newer",)
    assert by_action(plan_of([*failed, older, newer], LAST_TWO))["delete"] == ["f20", "f21"]


def test_a_suspect_is_no_newer_good_one() -> None:
    """G2, G3."""
    failed, newer = backup("f", days_ago=20, status=Status.FAILED), backup("s")
    plan = plan_of([failed, newer], LAST_TWO, records=[record(newer, Verdict.SUSPECT)])

    assert "delete" not in by_action(plan)


# --- D5: the anchor --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "anchor"),
    [
        ([Verdict.GOOD, Verdict.GOOD], "b0"),
        ([Verdict.SUSPECT, Verdict.GOOD], "b1"),
        ([Verdict.SUSPECT, Verdict.SUSPECT], "b0"),
        ([], None),
    ],
)
def test_the_anchor_is_the_newest_good_one_else_the_newest_suspect(
    verdicts: list[Verdict], anchor: str | None
) -> None:
    """D5."""
    rows = days(len(verdicts))
    others = [
        backup("f", status=Status.FAILED),
        backup("foreign", owner=None),
    ]
    plan = plan_of(
        [*rows, *others],
        LAST_TWO,
        records=[
            *(record(row, verdict) for row, verdict in zip(rows, verdicts, strict=True)),
            record(others[1]),
        ],
    )

    assert plan.indexes[0].anchor == anchor


def test_a_deletion_that_may_have_happened_is_no_anchor() -> None:
    """D5, D6."""
    rows = days(2)
    doubtful = record(rows[0], deletion=deletion(DeletionState.UNKNOWN))

    assert plan_of(rows, LAST_TWO, records=[doubtful, record(rows[1])]).indexes[0].anchor == "b1"


# --- I1, I3, I4: frozen indexes --------------------------------------------------------------


def test_a_frozen_incarnation_keeps_all_and_says_why_where_a_rule_does_not() -> None:
    """I4."""
    rows = [*days(4), backup("x"), backup("x", index="shop")]
    plan = plan_of(rows, LAST_TWO)

    frozen = "contradictory: backup x is listed under docs and shop"
    assert "delete" not in by_action(plan)
    assert text(plan.indexes[0].frozen) == frozen
    assert reasons(plan)["b0"] == ("last snapshot", "newest good", frozen)
    assert reasons(plan)["b3"] == (frozen,)
    assert reasons(plan)["x"] == ("contradictory",)


TAGGED = document().model_copy(update={"assignments": []})


@pytest.mark.parametrize(
    ("policy", "tags", "frozen"),
    [
        (TAGGED, {}, "no policy is assigned"),
        (TAGGED, {"backup-policy": "nonsense"}, "its backup-policy tag names no policy"),
        (document(), {"backup-policy": "nonsense"}, "its backup-policy tag names no policy"),
        (document(), {"backup-policy": "none"}, "opted out"),
    ],
)
def test_an_index_without_a_policy_loses_nothing(
    policy: PolicyDocument, tags: dict[str, str], frozen: str
) -> None:
    """I3."""
    plan = plan_of(days(9), policy, indexes=[index(tags=tags)])

    assert by_action(plan) == {"keep": [f"b{day}" for day in range(9)]}
    assert text(plan.indexes[0].frozen) == frozen
    assert plan.assignments == {"docs": None}
    assert set(reasons(plan).values()) == {(frozen,)}


PAUSED = validate_policy(
    {
        **document().model_dump(mode="json"),
        "assignments": [
            {"policy": "standard", "project": "main", "paused_until": "2026-12-01"},
            {"policy": "standard"},
        ],
    }
)


@pytest.mark.parametrize(
    ("policy", "tags", "by"),
    [
        (document(paused_until="2026-12-01"), {}, "policy standard"),
        (PAUSED, {}, "its assignment"),
        (document(), {"backup-paused-until": "2026-12-01"}, "its tag backup-paused-until"),
    ],
)
def test_a_paused_index_loses_nothing(
    policy: PolicyDocument, tags: dict[str, str], by: str
) -> None:
    """C6."""
    plan = plan_of(days(4), policy, indexes=[index(tags=tags)])

    frozen = f"paused until 2026-12-01 00:00 UTC by {by}"
    assert text(plan.indexes[0].frozen) == frozen
    assert "delete" not in by_action(plan)
    assert reasons(plan)["b3"] == (frozen,)
    assert plan.items[3].safeguards == (Safeguard.PAUSED,)


def test_a_pause_ends_by_the_clock_and_not_by_the_time_of_the_run() -> None:
    """C6, T2."""
    paused = [index(tags={"backup-paused-until": "2026-12-01"})]

    plan = plan_of(days(4), document(), indexes=paused, now=NOW + timedelta(days=20))

    assert "delete" not in by_action(plan)


def test_an_index_that_is_only_absent_from_the_listing_loses_nothing() -> None:
    """D7: never just absent."""
    plan = plan_of(days(9), LAST_TWO, indexes=[])

    assert "delete" not in by_action(plan)
    assert str(plan.indexes[0].frozen) == "its index is not listed, and not said to be deleted"


def test_of_two_living_incarnations_only_the_active_one_is_pruned() -> None:
    """I1."""
    rows = [*days(4, "o", index_id="old"), *days(4, "n", index_id="new")]

    unknown = plan_of(rows, LAST_TWO)
    known = plan_of(rows, LAST_TWO, active={"docs": "new"})
    without = plan_of(rows, LAST_TWO, active={"docs": None})

    assert "delete" not in by_action(unknown)
    assert {str(each.frozen) for each in unknown.indexes} == {
        "several incarnations of docs are listed, and the active one is not known"
    }
    assert by_action(known)["delete"] == ["n2", "n3"]
    assert {each.index_id: text(each.frozen) for each in known.indexes} == {
        "new": "",
        "old": "not the active incarnation of docs",
    }
    assert {str(each.frozen) for each in without.indexes} == {"not the active incarnation of docs"}


def test_one_incarnation_that_is_not_the_active_one_is_not_pruned() -> None:
    """I1."""
    plan = plan_of(days(4), LAST_TWO, active={"docs": "another"})

    assert str(plan.indexes[0].frozen) == "not the active incarnation of docs"


def test_names_of_several_living_incarnations_are_ambiguous() -> None:
    """I1: deleted ones, and names that are not active, are not."""
    inventory = inventory_of(
        [
            backup("b1", index_id="a"),
            backup("b2", index_id="b"),
            backup("b3", index="shop", index_id="c"),
            backup("b4", index="shop", index_id="d", index_deleted_at=NOW),
            backup("b5", index="gone", index_id="e"),
            backup("b6", index="gone", index_id="f"),
        ]
    )

    assert ambiguous_names(inventory, [index("shop"), index("docs")]) == ["docs"]


# --- D2: limits and stops --------------------------------------------------------------------


def limits(per_run: tuple[int, int], per_index: tuple[int, int]) -> dict[str, Any]:
    return {
        "per_run": dict(zip(("count", "percent"), per_run, strict=True)),
        "per_index": dict(zip(("count", "percent"), per_index, strict=True)),
    }


@pytest.mark.parametrize(
    ("backups", "limit", "waits"),
    [
        (5, (3, 100), ""),
        (6, (3, 100), "4 deletions in one index, where the limits allow 3"),
        (4, (9, 50), ""),
        (5, (9, 59), "3 deletions in one index, where the limits allow 2"),
        (5, (9, 60), ""),
        (3, (9, 1), ""),
        (4, (9, 1), "2 deletions in one index, where the limits allow 1"),
    ],
)
def test_an_index_limit_is_a_count_and_a_percentage_of_our_ready_backups(
    backups: int, limit: tuple[int, int], waits: str
) -> None:
    """D2: one deletion is always allowed."""
    rows = [*days(backups), *(backup(f"f{number}", owner=None) for number in range(20))]
    plan = plan_of(
        rows, document(retention={"keep_last": 2}, floor=1, limits=limits((99, 100), limit))
    )

    assert text(plan.indexes[0].waits) == "; ".join(texts(plan.waits_because)) == waits
    assert by_action(plan).get("wait" if waits else "delete") == [
        f"b{number}" for number in range(2, backups)
    ]
    if waits:
        assert reasons(plan)["b2"] == ("no rule of policy standard keeps it", waits)
    assert plan.held_back is None


def test_suspects_count_as_ready_and_failed_ones_do_not() -> None:
    """D2: what the percentage refers to."""
    rows = days(4)
    suspect, failed = backup("s"), backup("f", status=Status.FAILED)
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((99, 100), (99, 40)))

    def waits(*extra: Any, verdict: Verdict = Verdict.GOOD) -> bool:
        records = [*(record(row) for row in rows), *(record(each, verdict) for each in extra)]
        return bool(plan_of([*rows, *extra], policy, records=records).waits_because)

    assert not waits(suspect, verdict=Verdict.SUSPECT)
    assert waits(failed)
    assert waits()


@pytest.mark.parametrize(
    ("limit", "held_back"),
    [
        ((4, 100), ""),
        ((3, 100), "4 deletions in one run, where the limits allow 3"),
        ((9, 50), ""),
        ((9, 49), "4 deletions in one run, where the limits allow 3"),
        ((1, 1), "4 deletions in one run, where the limits allow 2"),
    ],
)
def test_a_run_limit_makes_everything_wait(limit: tuple[int, int], held_back: str) -> None:
    """D2."""
    tidy = backup("t", index="idle", status=Status.UNDER_WAY)
    rows = [*days(4), tidy, *days(4, "s", index="shop")]
    plan = plan_of(
        rows, document(retention={"keep_last": 2}, floor=1, limits=limits(limit, (99, 100)))
    )

    assert text(plan.held_back) == "; ".join(texts(plan.waits_because)) == held_back
    assert by_action(plan)["wait" if held_back else "delete"] == ["b2", "b3", "s2", "s3"]
    assert [text(each.waits) for each in plan.indexes] == [held_back, "", held_back]


def test_one_deletion_in_each_index_is_within_every_run_limit() -> None:
    """D2."""
    rows = [row for name in ("a", "b", "c") for row in days(3, name, index=name)]
    plan = plan_of(
        rows, document(retention={"keep_last": 2}, floor=1, limits=limits((1, 1), (1, 1)))
    )

    assert by_action(plan)["delete"] == ["a2", "b2", "c2"]


def test_what_an_index_limit_holds_back_does_not_count_for_the_run() -> None:
    """D2."""
    rows = [*days(9), *days(4, "s", index="shop")]
    plan = plan_of(
        rows, document(retention={"keep_last": 2}, floor=1, limits=limits((3, 100), (3, 100)))
    )

    assert by_action(plan)["delete"] == ["s2", "s3"]
    assert plan.held_back is None


def lacking(**facts: Any) -> Plan:
    """Two indexes that want two backups each; the listing lacks three of the first."""
    rows = [*days(5), *days(4, "s", index="shop")]
    return plan_of(rows, LAST_TWO, unlisted={"id-of-docs": 3}, **facts)


def test_in_an_index_whose_listing_lacks_backups_all_deletions_wait_churn_too() -> None:
    """D2: as many as go came since the last prune."""
    plan = lacking(baseline=since(4.5))

    lacks = "the listing lacks backups of the index that exist, as far as is known: 3"
    assert by_action(plan)["wait"] == ["b2", "b3", "b4"]
    assert by_action(plan)["delete"] == ["s2", "s3"]
    assert [text(each.waits) for each in plan.indexes] == [lacks, ""]
    assert texts(plan.waits_because) == (lacks,)
    assert reasons(plan)["b2"] == ("no rule of policy standard keeps it", lacks)


def test_a_plan_over_a_listing_that_lacks_backups_is_not_whole() -> None:
    """D2: one that waits for a limit is."""
    limited = document(retention={"keep_last": 2}, floor=1, limits=limits((99, 100), (1, 100)))

    assert not lacking().whole
    assert plan_of(days(5), LAST_TWO).whole
    assert plan_of(days(5), limited).whole


@pytest.mark.parametrize(
    ("facts", "stopped"),
    [
        ({"holds": None}, "the holds could not be read"),
        ({"restoring": None}, "the restore jobs could not be read"),
    ],
)
def test_what_cannot_be_read_stops_everything(facts: dict[str, Any], stopped: str) -> None:
    """D2."""
    plan = plan_of(days(4), LAST_TWO, **facts)

    assert (text(plan.stopped), plan.held_back) == (stopped, None)
    assert by_action(plan) == {"keep": ["b0", "b1", "b2", "b3"]}
    assert reasons(plan)["b3"] == (stopped,)
    assert plan.digest == digest_of("v1", [])


def test_a_project_that_the_policy_does_not_name_loses_nothing() -> None:
    """D2."""
    stranger = document().model_copy(
        update={"projects": [document().projects[0].model_copy(update={"name": "other"})]}
    )
    plan = plan_of(days(9), stranger)

    assert text(plan.stopped) == "the policy document does not name project main"
    assert plan.to_go == ()
    assert plan.quota == 0


def test_a_stopped_plan_still_says_what_else_stands_before_the_last_of_a_deleted_index() -> None:
    """D1, D2, D7: once the holds can be read, it needs to be overruled all the same."""
    [last, *_] = plan_of(orphans(), AFTER_30, indexes=[], holds=None).items

    assert last.safeguards == (Safeguard.UNREADABLE, Safeguard.ORPHAN_NEEDED)
    assert texts(last.reasons) == ("the holds could not be read",)


# --- D3: changes -----------------------------------------------------------------------------


def baseline(
    keep_last: int | None, version: str = "v0", policy: str | None = "standard", **policies: Any
) -> Baseline:
    old = (
        None
        if keep_last is None
        else document(retention={"keep_last": keep_last}, floor=1, **policies)
    )
    return Baseline(old, version, {"docs": policy})


@pytest.mark.parametrize(
    ("backups", "old", "waits"),
    [
        (5, baseline(5), ["b2", "b3", "b4"]),
        (6, baseline(5), ["b2", "b3", "b4"]),
        (6, baseline(6, version="v1"), []),
        (3, baseline(3), ["b2"]),
        (5, baseline(2), []),
        (5, baseline(None), ["b2", "b3", "b4"]),
        (5, baseline(2, policy=None), ["b2", "b3", "b4"]),
        (5, baseline(2, policy="nonsense"), ["b2", "b3", "b4"]),
        (5, baseline(4, policy=None), ["b2", "b3", "b4"]),
        (5, None, []),
    ],
)
def test_what_only_a_changed_policy_deletes_waits_and_the_rest_goes_on(
    backups: int, old: Baseline | None, waits: list[str]
) -> None:
    """D3: the new policy keeps two, the old one as many as said, at the same time."""
    plan = plan_of(days(backups), LAST_TWO, baseline=old)

    found = by_action(plan)
    assert found.get("wait", []) == waits
    assert found.get("delete", []) == [
        f"b{day}" for day in range(2, backups) if f"b{day}" not in waits
    ]
    assert plan.of_change == set(waits)
    assert plan.policy_changed is bool(waits)
    assert plan.held_back is None


def test_what_waits_for_a_change_says_why_the_former_policy_kept_it() -> None:
    """D3."""
    old = document(retention={"keep_daily": 3}, floor=1)
    plan = plan_of(days(4), LAST_TWO, baseline=Baseline(old, "v0", {"docs": "standard"}))

    assert reasons(plan)["b2"] == (
        "no rule of policy standard keeps it",
        "only a changed policy or assignment deletes it; before: daily snapshot",
    )
    assert reasons(plan)["b3"] == ("no rule of policy standard keeps it",)
    assert [item.safeguards for item in plan.items][2:] == [(Safeguard.POLICY_CHANGED,), ()]
    assert texts(plan.waits_because) == (
        "a changed policy or assignment deletes 1 backup that would have stayed",
    )
    assert plan.indexes[0].waits == plan.waits_because[0]


def test_what_waits_for_a_change_says_that_the_former_policy_cannot_be_read() -> None:
    """D3."""
    plan = plan_of(days(3), LAST_TWO, baseline=baseline(None))

    unknown = "not known, the former policy cannot be read"
    assert reasons(plan)["b2"] == (
        "no rule of policy standard keeps it",
        f"only a changed policy or assignment deletes it; before: {unknown}",
    )


def test_another_time_zone_takes_no_backup_by_surprise() -> None:
    """D3: the month's last one of another zone is another backup."""
    rows = [
        backup(f"b{number:02}", created_at=NOW.replace(day=1) - timedelta(hours=6 * number))
        for number in range(9)
    ]
    utc, auckland = (
        document(retention={"keep_monthly": 12}, floor=1, timezone=zone)
        for zone in ("UTC", "Pacific/Auckland")
    )
    before = plan_of(rows, utc)

    plan = plan_of(rows, auckland, baseline=Baseline(utc, "v0", {"docs": "standard"}))

    kept = set(by_action(before)["keep"])
    assert kept - set(by_action(plan)["keep"])
    assert not kept & set(by_action(plan)["delete"])


def test_a_changed_assignment_counts_as_a_change_of_the_same_document() -> None:
    """D3."""
    same = document(retention={"keep_last": 2}, floor=1)

    unassigned = plan_of(days(9), same, baseline=Baseline(same, "v1", {"docs": None}))
    assigned = plan_of(days(9), same, baseline=Baseline(same, "v1", {"docs": "standard"}))

    assert unassigned.policy_changed
    assert not assigned.policy_changed


def test_an_index_that_the_last_prune_did_not_know_goes_by_the_former_document() -> None:
    """D3: a new index is no change of the policy."""
    stricter = document(retention={"keep_last": 5}, floor=1)

    new = plan_of(days(9), LAST_TWO, baseline=Baseline(LAST_TWO, "v1", {}))
    changed = plan_of(days(9), LAST_TWO, baseline=Baseline(stricter, "v0", {}))

    assert not new.policy_changed
    assert by_action(changed)["wait"] == ["b2", "b3", "b4"]


def test_the_former_document_assigns_a_new_index_by_its_project_too() -> None:
    """D3."""
    former = validate_policy(
        {
            **document(retention={"keep_last": 5}, floor=1).model_dump(mode="json"),
            "assignments": [{"policy": "standard", "project": "main"}],
        }
    )

    plan = plan_of(days(9), LAST_TWO, baseline=Baseline(former, "v0", {}))

    assert by_action(plan)["wait"] == ["b2", "b3", "b4"]


def test_a_changed_policy_is_the_next_measure_once_nothing_waits_because_of_it() -> None:
    """D3: what else was left does not matter."""
    before = baseline(5, policy=None)
    plan = plan_of(days(6), LAST_TWO, baseline=before)

    def after(*left: str) -> Baseline:
        return next_baseline(before, plan, LAST_TWO, left=left, in_full=False, now=NOW)

    assert plan.of_change == {"b2", "b3", "b4", "b5"}
    assert after("b2") == before
    assert after() == after("b0") == Baseline(LAST_TWO, "v1", {"docs": "standard"})


def test_only_a_prune_in_full_is_the_next_measure_of_churn() -> None:
    """D2: and nothing was deleted since it."""
    before = since(3, deleted={"id-of-docs": 2})
    plan = plan_of(days(3), LAST_TWO, baseline=before)

    in_full, in_part = (
        next_baseline(before, plan, LAST_TWO, left=(), in_full=whole, now=NOW)
        for whole in (True, False)
    )

    assert in_full == since(0)
    assert in_part == before


def test_what_a_change_makes_wait_counts_for_no_limit() -> None:
    """D2, D3."""
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((2, 100), (2, 100)))
    plan = plan_of(days(9), policy, baseline=baseline(7))

    assert by_action(plan)["wait"] == ["b2", "b3", "b4", "b5", "b6"]
    assert by_action(plan)["delete"] == ["b7", "b8"]


def test_a_change_and_a_limit_are_both_said() -> None:
    """D2, D3."""
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((99, 100), (1, 100)))
    plan = plan_of(days(9), policy, baseline=baseline(7))

    assert "delete" not in by_action(plan)
    assert texts(plan.waits_because) == (
        "2 deletions in one index, where the limits allow 1",
        "a changed policy or assignment deletes 5 backups that would have stayed",
    )


def test_shorter_care_for_orphans_is_a_change_too() -> None:
    """D3, D7."""
    rows = [
        backup(f"b{day}", days_ago=60 + day, index_deleted_at=NOW - timedelta(days=50))
        for day in range(6)
    ]
    plan = plan_of(
        rows,
        document(orphans={"after": 30}),
        indexes=[],
        baseline=Baseline(document(), "v0", {}),
    )

    assert plan.policy_changed
    assert "delete" not in by_action(plan)


# --- D2: churn -------------------------------------------------------------------------------


def since(days_ago: float, **known: Any) -> Baseline:
    """The last prune in full was so long ago, by the same policy."""
    at = NOW - timedelta(days=days_ago)
    return Baseline(LAST_TWO, "v1", {"docs": "standard"}, carried_out_at=at, **known)


def churning(days_ago: float, count: int = 1, rows: list[Any] | None = None, **known: Any) -> Plan:
    """Nine backups, two wanted: what goes where the index's limit allows ``count``."""
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((999, 100), (count, 100)))
    return plan_of(rows or days(9), policy, baseline=since(days_ago, **known))


def test_as_many_as_came_go_beyond_every_limit() -> None:
    """D2: seven came since, and seven go."""
    plan = churning(6.5)

    assert by_action(plan)["delete"] == [f"b{day}" for day in range(2, 9)]
    assert plan.waits_because == ()


def test_what_goes_beyond_churn_counts_for_the_limit_and_waits_the_oldest_go() -> None:
    """D2: three came since, seven go."""
    within, beyond = churning(2.5, count=4), churning(2.5, count=3)

    assert within.waits_because == ()
    assert by_action(beyond)["delete"] == ["b6", "b7", "b8"]
    assert by_action(beyond)["wait"] == ["b2", "b3", "b4", "b5"]
    [waits] = beyond.waits_because
    assert str(waits) == "4 deletions in one index, where the limits allow 3"
    assert waits.parameters["setting"] == "limits.per_index"
    assert (waits.parameters["count_needed"], waits.parameters["percent_needed"]) == (4, 100)


def with_failed(good: int, failed: int, limit: tuple[int, int] = (99, 10)) -> Plan:
    """Five of the good ones are wanted, and none of the failed ones, which are older."""
    policy = document(retention={"keep_last": 5}, floor=1, limits=limits((999, 100), limit))
    broken = [backup(f"f{n}", days_ago=50 + n, status=Status.FAILED) for n in range(failed)]
    return plan_of([*days(good), *broken], policy)


@pytest.mark.parametrize(
    ("good", "failed", "percent"), [(9, 0, 45), (10, 0, 50), (5, 4, 80), (5, 5, 100)]
)
def test_the_percentage_that_would_let_a_plan_pass_is_rounded_up(
    good: int, failed: int, percent: int
) -> None:
    """D2: four of nine, five of ten, and failed ones of what is Ready."""
    [waits] = with_failed(good, failed).waits_because

    assert waits.parameters["setting"] == "limits.per_index"
    assert (waits.parameters["count_needed"], waits.parameters["percent_needed"]) == (99, percent)
    assert not with_failed(good, failed, limit=(99, percent)).waits_because
    assert with_failed(good, failed, limit=(99, percent - 1)).waits_because


@pytest.mark.parametrize(("good", "failed", "allowed"), [(5, 6, 5), (0, 3, 1)])
def test_where_more_would_go_than_is_ready_no_setting_lets_a_plan_pass(
    good: int, failed: int, allowed: int
) -> None:
    """D2: only an approval does."""
    [waits] = with_failed(good, failed, limit=(99, 100)).waits_because

    assert waits.parameters == {"count": 6 if good else 2, "allowed": allowed}


def test_the_setting_that_would_let_a_run_pass_is_that_of_runs() -> None:
    """D2."""
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((2, 40), (99, 100)))

    [waits] = plan_of(days(5), policy).waits_because

    assert waits.parameters == {
        "count": 3,
        "allowed": 2,
        "setting": "limits.per_run",
        "count_needed": 3,
        "percent_needed": 60,
    }


def test_a_run_limit_lets_churn_go_too() -> None:
    """D2."""
    rows = [*days(9), *days(3, "s", index="shop")]
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((2, 100), (99, 100)))

    plan = plan_of(rows, policy, baseline=since(2.5))

    assert text(plan.held_back) == "4 deletions in one run, where the limits allow 2"
    assert by_action(plan)["delete"] == ["b6", "b7", "b8", "s2"]
    assert [text(each.waits) for each in plan.indexes] == [text(plan.held_back), ""]


def test_the_moment_of_becoming_ready_counts_and_not_that_of_the_creation() -> None:
    """D2: b1 was under way when the last prune ran; the record of b8 was lost meanwhile."""
    rows = days(9)
    records = [
        record(row, verdict_at=NOW if row.backup_id in ("b0", "b1", "b8") else NOW - HOUR * 25)
        for row in rows
    ]
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((999, 100), (3, 100)))

    plan = plan_of(rows, policy, records=records, baseline=since(1))

    assert by_action(plan)["delete"] == ["b7", "b8"]


def test_what_became_ready_as_the_last_prune_began_is_not_new_since() -> None:
    """D2: that prune has counted it already."""
    assert by_action(churning(1))["delete"] == ["b8"]


@pytest.mark.parametrize(("seconds", "counts"), [(0, False), (1, True)])
def test_what_was_a_day_old_when_the_last_prune_began_did_not_become_ready_since(
    seconds: int, counts: bool
) -> None:
    """D2: its record was lost, and its verdict is a late one."""
    rows = days(9)
    rows[2] = backup("b2", created_at=NOW - timedelta(days=2) + timedelta(seconds=seconds))
    records = [
        record(row, verdict_at=NOW if row.backup_id == "b2" else NOW - HOUR * 25) for row in rows
    ]
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((999, 100), (1, 100)))

    plan = plan_of(rows, policy, records=records, baseline=since(1))

    assert by_action(plan).get("delete", []) == ["b8"] * counts


@pytest.mark.parametrize(("verdict", "owner"), [(Verdict.SUSPECT, "stack-a"), (Verdict.GOOD, None)])
def test_only_good_backups_of_ours_make_churn(verdict: Verdict, owner: str | None) -> None:
    """D2."""
    rows = [*days(9), backup("x", days_ago=0.1, owner=owner)]
    records = [*(record(row) for row in rows[:9]), record(rows[9], verdict)]
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((999, 100), (3, 100)))

    plan = plan_of(rows, policy, records=records, baseline=since(1.5))

    assert by_action(plan)["delete"] == ["b7", "b8"]


def test_what_was_deleted_since_is_used_up() -> None:
    """D2: a run that was cut short, or that failed at some, gives nothing twice."""
    some, all_of_it = (
        churning(2.5, deleted={"id-of-docs": 2}),
        churning(2.5, deleted={"id-of-docs": 5}),
    )

    assert by_action(some)["delete"] == ["b8"]
    assert "delete" not in by_action(all_of_it)


def test_without_a_prune_in_full_nothing_is_churn() -> None:
    """D2."""
    plan = plan_of(
        days(9),
        document(retention={"keep_last": 2}, floor=1, limits=limits((999, 100), (1, 100))),
        baseline=Baseline(LAST_TWO, "v1", {"docs": "standard"}),
    )

    assert "delete" not in by_action(plan)


def test_a_change_counts_what_waits_as_the_last_of_a_deleted_index() -> None:
    """D3, D7."""
    plan = plan_of(orphans(4), AFTER_30, indexes=[], baseline=Baseline(document(), "v0", {}))

    assert "o0" in plan.of_change
    assert len(plan.of_change) == 4


def test_what_waited_before_a_change_as_the_last_of_a_deleted_index_is_nothing_new() -> None:
    """D3, D7."""
    deleted_at = NOW - timedelta(days=31)
    lasts = [
        backup(name, days_ago=100, index=f"docs-{name}", index_deleted_at=deleted_at)
        for name in "abcd"
    ]

    plan = plan_of(lasts, AFTER_30, indexes=[], baseline=Baseline(AFTER_30, "v0", {}))

    assert len(plan.to_go) == 4
    assert not plan.of_change


def test_a_change_counts_what_waits_by_the_limit_of_its_index() -> None:
    """D2, D3."""
    policy = document(retention={"keep_last": 2}, floor=1, limits=limits((99, 100), (1, 100)))

    plan = plan_of(days(9), policy, baseline=baseline(9))

    assert len(plan.of_change) == 7


# --- D4: the digest --------------------------------------------------------------------------


def test_the_digest_is_over_the_policy_version_and_the_sorted_ids() -> None:
    """D4."""
    expected = sha256(b"v1\nb2\nb3").hexdigest()

    assert digest_of("v1", ["b3", "b2"]) == expected
    assert plan_of(days(4), LAST_TWO).digest == expected
    assert (
        plan_of(days(4), LAST_TWO, policy_version="v2").digest == sha256(b"v2\nb2\nb3").hexdigest()
    )


def test_the_digest_covers_what_waits() -> None:
    """D4: a person approves of exactly that."""
    tight = document(retention={"keep_last": 2}, floor=1, limits=limits((99, 100), (1, 100)))

    plan = plan_of(days(4), tight)

    assert by_action(plan)["wait"] == ["b2", "b3"]
    assert plan.digest == digest_of("v1", ["b2", "b3"])


# --- D7: orphans -----------------------------------------------------------------------------


def orphans(count: int = 3, deleted_days_ago: float = 31, **properties: Any) -> list[Any]:
    deleted_at = NOW - timedelta(days=deleted_days_ago)
    return [
        backup(f"o{day}", days_ago=100 + day, index_deleted_at=deleted_at, **properties)
        for day in range(count)
    ]


AFTER_30 = document(orphans={"after": 30})


def test_orphans_are_kept_for_ever_by_default() -> None:
    """D7."""
    plan = plan_of(orphans(deleted_days_ago=9000), document(), indexes=[])

    assert by_action(plan) == {"keep": ["o0", "o1", "o2"]}
    assert reasons(plan)["o2"] == ("its index was deleted: kept for ever",)
    assert plan.indexes[0].orphan


@pytest.mark.parametrize(("deleted", "old"), [(29, False), (30, False), (30.1, True)])
def test_orphans_go_after_the_days_that_the_policy_says(deleted: float, old: bool) -> None:
    """D7: since the index's deletion, not since the backup."""
    plan = plan_of(orphans(deleted_days_ago=deleted), AFTER_30, indexes=[])

    assert (by_action(plan).get("delete") == ["o1", "o2"]) is old
    if not old:
        assert reasons(plan)["o0"] == ("its index was deleted: kept for 30 days",)


@pytest.mark.parametrize(("hours", "old"), [(-1, False), (0, False), (1, True)])
def test_the_days_of_orphans_are_counted_up_to_the_time_of_the_run(hours: int, old: bool) -> None:
    """D7, T2: a late run decides as one on time would have."""
    now = NOW + timedelta(hours=hours)

    plan = plan_of(orphans(deleted_days_ago=30), AFTER_30, indexes=[], now=now)

    assert ("delete" in by_action(plan)) is old


def test_the_newest_good_orphan_needs_approval() -> None:
    """D7."""
    plan = plan_of(orphans(), AFTER_30, indexes=[])

    assert by_action(plan) == {"wait": ["o0"], "delete": ["o1", "o2"]}
    assert reasons(plan)["o0"] == (
        "its index was deleted over 30 days ago",
        "newest good: needs approval",
    )
    assert reasons(plan)["o1"] == ("its index was deleted over 30 days ago",)
    assert "; ".join(texts(plan.waits_because)) == "the last backup of a deleted index"
    assert plan.held_back is None


def test_without_a_good_orphan_the_newest_suspect_needs_approval() -> None:
    """D7: on doubt it is all that is left of the index."""
    rows = [
        *orphans(2),
        backup("f", status=Status.FAILED, days_ago=99, index_deleted_at=NOW - timedelta(days=31)),
    ]
    plan = plan_of(
        rows, AFTER_30, indexes=[], records=[record(row, Verdict.SUSPECT) for row in rows]
    )

    assert by_action(plan) == {"wait": ["o0"], "delete": ["f", "o1"]}
    assert reasons(plan)["o0"][1] == "newest suspect: needs approval"


def test_the_newest_good_orphan_is_not_the_newest_suspect() -> None:
    """D7, G2."""
    rows = orphans(3)
    verdicts = [Verdict.SUSPECT, Verdict.GOOD, Verdict.GOOD]
    plan = plan_of(
        rows,
        AFTER_30,
        indexes=[],
        records=[record(row, verdict) for row, verdict in zip(rows, verdicts, strict=True)],
    )

    assert by_action(plan) == {"delete": ["o0", "o2"], "wait": ["o1"]}


def test_orphans_obey_the_safeguards() -> None:
    """D1, D7."""
    rows = [*orphans(6), replace(orphans(1)[0], backup_id="odd", status=Status.UNKNOWN)]
    records = [record(row, restore_tested=row.backup_id == "o4") for row in rows]
    records = [replace(each, restore_tested=each.restore_tested or None) for each in records]
    plan = plan_of(
        rows,
        AFTER_30,
        indexes=[],
        records=records,
        holds=[hold("o0"), hold("o3")],
        restoring={"o5": "job-1"},
    )

    assert by_action(plan) == {"keep": ["o0", "odd", "o3", "o4", "o5"], "delete": ["o1", "o2"]}
    assert reasons(plan)["odd"] == ("unknown status 'Ready'",)
    assert reasons(plan)["o0"] == ("held by alice: quarterly audit",)


def test_others_orphans_are_left_alone() -> None:
    """D1, I2."""
    rows = [replace(row, description=None) for row in orphans()]

    assert by_action(plan_of(rows, AFTER_30, indexes=[])) == {"leave_alone": ["o0", "o1", "o2"]}


def test_a_deletion_under_way_among_orphans_is_not_asked_again() -> None:
    """G4, D7."""
    rows = orphans()
    accepted = record(rows[0], deletion=deletion(DeletionState.ACCEPTED))
    plan = plan_of(
        rows, AFTER_30, indexes=[], records=[accepted, *(record(row) for row in rows[1:])]
    )

    assert by_action(plan) == {"deletion_pending": ["o0"], "wait": ["o1"], "delete": ["o2"]}


@pytest.mark.parametrize(("good", "kept"), [(0, True), (1, True), (2, False)])
def test_orphans_stay_while_an_index_restored_from_them_is_below_its_floor(
    good: int, kept: bool
) -> None:
    """D7: restore and swap under the same name."""
    rows = [*orphans(), *days(good, index_id="new")]
    plan = plan_of(rows, AFTER_30, indexes=[index(source_backup_id="o2")])

    assert ("delete" not in by_action(plan)) is kept
    assert text(plan.indexes[0].frozen) == (
        f"index docs was restored from it and has {good} of 2 good backups" if kept else ""
    )


def test_the_floor_of_the_restored_indexes_own_policy_decides() -> None:
    """D7."""
    rows = [*orphans(), *days(2, index="shop")]
    policy = document(orphans={"after": 30}, floor=3)

    plan = plan_of(rows, policy, indexes=[index("shop", source_backup_id="o0")])

    assert (
        str(plan.indexes[0].frozen) == "index shop was restored from it and has 2 of 3 good backups"
    )


@pytest.mark.parametrize(("good", "kept"), [(1, True), (2, False)])
def test_without_a_policy_the_restored_index_needs_two(good: int, kept: bool) -> None:
    """D7."""
    rows = [*orphans(), *days(good, index="shop")]
    policy = document(orphans={"after": 30}, assign=False)

    plan = plan_of(rows, policy, indexes=[index("shop", source_backup_id="o0")])

    assert bool(plan.indexes[0].frozen) is kept


def test_a_source_that_is_no_longer_listed_is_known_by_the_ledger() -> None:
    """D7."""
    plan = plan_of(
        orphans(),
        AFTER_30,
        indexes=[index("shop", source_backup_id="o9")],
        sources={"o9": "id-of-docs"},
    )

    assert (
        str(plan.indexes[0].frozen) == "index shop was restored from it and has 0 of 2 good backups"
    )


def test_a_source_elsewhere_holds_nothing_back() -> None:
    """D7."""
    plan = plan_of(
        [*orphans(), backup("x", index="other")],
        AFTER_30,
        indexes=[
            index("other"),
            index("shop", source_backup_id="x"),
            index("den", source_backup_id="o9"),
        ],
    )
    after_all = plan_of(
        orphans(), AFTER_30, indexes=[index("a"), index("b", source_backup_id="o0")]
    )

    assert by_action(plan)["delete"] == ["o1", "o2"]
    assert after_all.indexes[0].frozen, "the search goes on after an index without a source"


def test_in_doubt_the_poorest_incarnation_of_the_restored_index_counts() -> None:
    """D7, I1."""
    rows = [
        *orphans(),
        *days(5, "p", index="shop", index_id="old"),
        *days(1, "q", index="shop", index_id="new"),
    ]
    restored = [index("shop", source_backup_id="o0")]

    doubt = plan_of(rows, AFTER_30, indexes=restored)
    sure = plan_of(rows, AFTER_30, indexes=restored, active={"shop": "old"})
    empty = plan_of(rows, AFTER_30, indexes=restored, active={"shop": None})

    assert str(doubt.indexes[0].frozen).endswith("has 1 of 2 good backups")
    assert sure.indexes[0].frozen is None
    assert str(empty.indexes[0].frozen).endswith("has 0 of 2 good backups")


def test_good_backups_of_a_deleted_namesake_do_not_stand_for_the_restored_index() -> None:
    """D7, I1."""
    plan = plan_of(orphans(), AFTER_30, indexes=[index(source_backup_id="o0")])

    assert str(plan.indexes[0].frozen).endswith("has 0 of 2 good backups")


def test_an_orphan_that_its_name_says_is_active_is_frozen() -> None:
    """D7, I1: on doubt nothing is deleted."""
    plan = plan_of(orphans(), AFTER_30, indexes=[index()], active={"docs": "id-of-docs"})

    assert (
        str(plan.indexes[0].frozen)
        == "its backups say it is deleted, and its name says it is active"
    )
    assert "delete" not in by_action(plan)


def test_a_contradictory_orphan_is_frozen() -> None:
    """I4, D7."""
    rows = [*orphans(), replace(orphans(1)[0], index_name="shop")]
    plan = plan_of(rows, AFTER_30, indexes=[])

    assert text(plan.indexes[0].frozen) == "contradictory: backup o0 is listed under docs and shop"
    assert plan.to_go == ()


# --- The plan as a whole ---------------------------------------------------------------------


def test_a_plan_has_bytes_counts_and_the_quota_afterwards() -> None:
    rows = [*days(5), backup("f", owner=None), replace(days(6)[5], size_bytes=None)]
    accepted = record(rows[0], deletion=deletion(DeletionState.ACCEPTED))
    plan = plan_of(rows, LAST_TWO, records=[accepted, *(record(row) for row in rows[1:])])

    assert plan.bytes_freed == 200
    assert plan.counts == {
        Action.KEEP: 2,
        Action.DELETE: 3,
        Action.WAIT: 0,
        Action.LEAVE_ALONE: 1,
        Action.DELETION_PENDING: 1,
    }
    assert plan.quota_afterwards == 3
    assert plan.quota == 500
    assert (plan.project, plan.policy_version, plan.now) == ("main", "v1", NOW)


def test_an_item_has_what_a_person_wants_to_see() -> None:
    plan = plan_of([backup(days_ago=1)], LAST_TWO)

    [item] = plan.items
    assert (item.backup_id, item.index_name, item.index_id) == ("b1", "docs", "id-of-docs")
    assert (item.name, item.size_bytes) == (backup(days_ago=1).name, 100)
    assert item.created_at == NOW - timedelta(days=1)


def test_a_planned_index_has_its_policy_and_kind() -> None:
    plan = plan_of([*orphans(), *days(1, index="shop")], AFTER_30)

    docs, shop = plan.indexes
    assert (docs.policy, docs.orphan, shop.policy, shop.orphan) == (None, True, "standard", False)
    assert plan.assignments == {"shop": "standard"}


def test_a_plan_reads_back_from_its_json() -> None:
    plan = plan_of([*days(5), *orphans()], AFTER_30, baseline=baseline(9))

    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("text", [b"", b"{}", b'{"items": 3}'])
def test_what_is_no_plan_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Plan.from_json(text)


def test_every_reason_to_wait_is_listed() -> None:
    rows = [
        *days(6),
        *(
            backup(
                f"o{day}",
                days_ago=99 + day,
                index="shop",
                index_deleted_at=NOW - timedelta(days=31),
            )
            for day in range(2)
        ),
    ]
    policy = validate_policy(
        {
            **document(retention={"keep_last": 2}, floor=1).model_dump(mode="json"),
            "limits": limits((99, 100), (2, 100)),
            "orphans": {"after": 30},
        }
    )
    plan = plan_of(rows, policy)

    assert "; ".join(texts(plan.waits_because)) == (
        "4 deletions in one index, where the limits allow 2; the last backup of a deleted index"
    )
