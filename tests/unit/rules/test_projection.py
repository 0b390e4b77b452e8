"""What happens between two prunes of a project that is played forward, step by step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import Backup, PruneMode, RunTime, Status
from pinecone_backup.records import DeletionState, IndexRecord
from pinecone_backup.rules.inventory import take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan_facts import Baseline, Facts
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.rules.projection import Assumptions, Step, entry_of, projected
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup.rules.slots import jitter
from tests.support.backups import (
    NOW,
    OWNER,
    backup,
    deletion,
    facts_of,
    index,
    record,
    signed,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURLY = "0 * * * *"
JITTER = jitter("main/docs", HOURLY)
LOOSE = {"count": 10_000, "percent": 100}
STRICT = {"count": 1, "percent": 100}


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A time of November 2026; ``NOW`` is noon of the 22nd."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def policy(name: str = "gold", **changes: Any) -> dict[str, Any]:
    """Keeps all; daily by default."""
    made = {
        "name": name,
        "cron": "0 3 * * *",
        "retention": {"keep_last": -1},
        "max_age": "3d",
        "floor": 1,
        **changes,
    }
    return {key: value for key, value in made.items() if value is not None}


def native(name: str = "logs", days: int = 3, **changes: Any) -> dict[str, Any]:
    """A policy that leaves its indexes to Pinecone's daily schedule."""
    schedule = {"frequency": "daily", "expire_after_days": days}
    return policy(name, cron=None, native_schedule=schedule, **changes)


def document(
    *policies: dict[str, Any], quota: int = 500, limit: Mapping[str, int] = LOOSE
) -> PolicyDocument:
    """Indexes of a policy's name have that policy, all others the first one."""
    return validate_policy(
        {
            "projects": [{"name": "main", "quota": quota}, {"name": "elsewhere"}],
            "policies": list(policies),
            "assignments": [
                *({"policy": each["name"], "index": each["name"]} for each in policies),
                {"policy": policies[0]["name"], "project": "main"},
            ],
            "limits": {"per_run": limit, "per_index": limit},
        }
    )


def project(
    *rows: Backup,
    by: PolicyDocument,
    indexes: Sequence[str] = ("docs",),
    now: datetime = NOW,
    **known: Any,
) -> Facts:
    """Whose Ready backups are all good."""
    found = facts_of(rows, by, indexes=[index(name) for name in indexes], **known)
    return replace(found, time=RunTime(now, now))


def dated(
    backup_id: str, time: datetime | None, slot: datetime | None = None, **row: Any
) -> Backup:
    """A backup of ``docs`` that a policy made, by default for the slot of its time."""
    marker = Marker(OWNER, "gold", slot or time or NOW, "run-0", 1)
    return backup(backup_id, **{"created_at": time, **signed(marker, "docs"), **row})


def by_hand(backup_id: str = "hand", **row: Any) -> Backup:
    return backup(backup_id, days_ago=9, owner=None, **row)


def native_run(time: datetime, schedule: str = "logs", **row: Any) -> Backup:
    """A backup that a native schedule made, known by its name."""
    name = f"{schedule}-{time:%Y%m%dT%H%M%SZ}"
    return backup(name, **{"index": "logs", "owner": None, "name": name, "created_at": time, **row})


def played(
    given: Facts, steps: int = 1, *, hours: int = 6, most: int | None = None, **assumed: Any
) -> list[Step]:
    """The first prune and so many steps, or as many as there are."""
    assumptions = Assumptions(every=hours * HOUR, **assumed)
    return list(islice(projected(given, assumptions, most=most), 1 + steps))


def made(steps: Sequence[Step]) -> list[tuple[str, datetime | None]]:
    """What the last step holds that the first one did not: the ids, and when they were made."""
    before = {item.backup_id for item in steps[0].plan.items}
    new = [item for item in steps[-1].plan.items if item.backup_id not in before]
    return sorted((item.backup_id, item.created_at) for item in new)


def ids(steps: Sequence[Step]) -> list[str]:
    return [backup_id for backup_id, _ in made(steps)]


def refused(given: Facts, steps: int = 2, **assumed: Any) -> list[int]:
    """How many slots find the quota used up, step by step."""
    return [step.refused for step in played(given, steps, **assumed)][1:]


# What is made, and when


def test_what_is_made_reads_like_a_backup_of_this_policy_and_slot() -> None:
    """I2, I5."""
    made = entry_of("docs", "b1", at(22, 3, 9), 70, index_id="id", policy="gold", slot=at(22, 3))
    known = record(made.backup)
    found = take_inventory([made.backup], records={"b1": known}, owner="projection", now=NOW)
    assert found.entries == {"b1": replace(made, record=known)}
    assert made.backup.name == Marker("any", "gold", at(22, 3), "any", 1).name_for("docs")
    assert (made.backup.status, made.backup.status_text) == (Status.READY, "Ready")


def test_what_a_slot_makes_has_the_name_that_create_would_give_it() -> None:
    (_, step) = played(project(by=document(policy(cron="45 23 * * *"))), hours=24, steps=1)
    names = [item.name for item in step.plan.items]
    assert names == [
        Marker("any", "gold", at(day, 23, 45), "any", 1).name_for("docs") for day in (22, 21)
    ]


@pytest.mark.parametrize(
    ("early", "due_at"), [(1, JITTER), (0, JITTER), (-1, JITTER + timedelta(seconds=1))]
)
def test_a_slot_is_served_when_its_indexs_jitter_is_over(early: int, due_at: timedelta) -> None:
    """C1: at once where it is over when the project is first seen."""
    slot = at(22, 11)
    now = slot + JITTER - timedelta(seconds=early)
    given = project(dated("b1", at(22, 10)), by=document(policy(cron=HOURLY)), now=now)
    assert made(played(given, hours=1))[0] == ("docs-20261122t1100z", slot + due_at)


@pytest.mark.parametrize(
    ("status", "again"),
    [(Status.READY, False), (Status.UNDER_WAY, False), (Status.FAILED, True)],
)
def test_a_slot_that_has_its_backup_gets_no_other(status: Status, again: bool) -> None:
    """C2: though its turn is still to come."""
    by = document(policy(cron="0 12 * * *"))
    given = project(dated("b1", at(22, 11)), dated("b2", NOW, status=status), by=by)
    assert ids(played(given)) == ["docs-20261122t1200z"] * again


def test_of_several_backups_the_latest_slot_is_the_one_that_is_satisfied() -> None:
    """C2."""
    rows = [dated("b1", NOW), dated("b2", at(22, 11)), by_hand()]
    assert ids(played(project(*rows, by=document(policy(cron="0 12 * * *"))))) == []


def test_what_is_made_belongs_to_the_active_incarnation() -> None:
    """I1."""
    rows = [dated("b1", at(20, 3), index_id="id-old"), dated("b2", at(21, 3), index_id="id-zombie")]
    given = project(*rows, by=document(policy()), active={"docs": "id-new"})
    new = [item for item in played(given)[1].plan.items if item.backup_id not in ("b1", "b2")]
    assert [item.index_id for item in new] == ["id-new"]


def test_each_policy_has_slots_of_its_own() -> None:
    """C1: and a native one before them makes no difference to that."""
    by = document(policy(cron="0 20 * * *"), native(), policy("half", cron="30 22 * * *"))
    rows = [dated("b1", at(22, 11)), backup("b2", index="half", days_ago=0.1, policy="half")]
    given = project(*rows, by=by, indexes=("logs", "docs", "half"))
    assert ids(played(given, hours=12)) == ["docs-20261122t2000z", "half-20261122t2230z"]


# A backup of unknown status


def unknown(time: datetime | None, slot: datetime, **row: Any) -> Backup:
    return dated("u1", time, slot, status=Status.UNKNOWN, **row)


@pytest.mark.parametrize(
    ("row", "hour", "latest", "then"),
    [
        (unknown(at(22, 9, 40), at(22, 9)), at(22, 15, 40), 15, (16, 17)),
        (unknown(None, at(22, 9, 40)), at(22, 15, 40), 15, (16, 17)),
        (unknown(at(22, 10), at(22, 10)), at(22, 16), 15, (16, 17)),
    ],
    ids=["by its time", "without a time by its slot", "before the jitter of a slot is over"],
)
def test_once_an_unknown_backup_is_stuck_the_latest_slot_catches_up(
    row: Backup, hour: datetime, latest: int, then: Sequence[int]
) -> None:
    """C2, G3: until then it counts as under way."""
    given = project(row, by=document(policy(cron=HOURLY, stuck_after="6h")))
    assert made(played(given, hours=6)) == [
        (f"docs-20261122t{latest}00z", hour),
        *((f"docs-20261122t{slot}00z", at(22, slot) + JITTER) for slot in then),
    ]


# Each turn is one turn: a full quota shows how often one is asked for


def full(*rows: Backup, now: datetime = NOW, **changes: Any) -> Facts:
    by = document(policy(**{"cron": HOURLY, "stuck_after": "6h", **changes}), quota=1)
    return project(*(rows or [by_hand()]), by=by, now=now)


@pytest.mark.parametrize(
    ("given", "turns"),
    [
        (full(now=NOW + JITTER), [6, 6]),
        (full(unknown(NOW, NOW)), [1, 6]),
        (full(unknown(at(22, 6), at(22, 6))), [6, 6]),
        (full(unknown(at(22, 9) + JITTER, at(22, 9))), [3, 6]),
        (
            full(cron="0 3 * * *", paused_until="2026-11-23", now=at(22, 18) + JITTER),
            [1, 1],
        ),
        (full(cron="0 0 * * *", paused_until="2026-11-23", now=at(22, 20)), [1, 0]),
        (
            full(
                unknown(at(22, 18) + JITTER, at(22, 18)),
                cron="0 3 * * *",
                paused_until="2026-11-23",
                now=at(22, 19),
            ),
            [1, 1],
        ),
    ],
    ids=[
        "slots at the ends of steps",
        "an unknown backup that is stuck at the end of a step",
        "one that is stuck when the project is first seen",
        "one that is stuck when the turn of a slot comes",
        "a pause whose turn comes at the end of a step",
        "a slot at the end of a pause",
        "an unknown backup that is stuck when the turn of a pause comes",
    ],
)
def test_no_turn_comes_twice_or_never(given: Facts, turns: list[int]) -> None:
    """C1, C2, C6."""
    assert refused(given) == turns


# Pauses


@pytest.mark.parametrize(
    ("now", "hours"),
    [(at(22, 18), 12), (at(23), 12), (at(23, 0, 10), 12)],
    ids=["in the pause", "at its end", "after its end"],
)
def test_after_a_pause_the_latest_slot_is_made_when_the_jitter_is_over(
    now: datetime, hours: int
) -> None:
    """C6."""
    by = document(policy(cron="0 20 * * *", paused_until="2026-11-23"))
    given = project(dated("b1", at(20, 20)), by=by, now=now)
    assert made(played(given, hours=hours)) == [("docs-20261122t2000z", at(23) + JITTER)]


def test_the_turn_of_a_pause_belongs_to_the_step_in_which_it_comes() -> None:
    """C6: it ends with one step, and its jitter is over in the next one."""
    by = document(policy(cron="0 20 * * *", paused_until="2026-11-23"))
    given = project(dated("b1", at(20, 20)), by=by, now=at(22, 18))
    assert [step.created for step in played(given, 2)] == [0, 0, 1]


def test_what_is_stuck_when_a_pause_ends_is_made_good_with_the_jitter_of_the_pause() -> None:
    """C2 and C6 agree on one backup."""
    by = document(policy(cron="0 20 * * *", paused_until="2026-11-23", stuck_after="6h"))
    given = project(unknown(at(22, 18), at(22, 18)), by=by, now=at(22, 19))
    assert made(played(given)) == [("docs-20261122t2000z", at(23) + JITTER)]


# A changed schedule


def rescheduled(
    *rows: Backup, cron: str = "0 12 * * *", now: datetime = NOW, quota: int = 500, **changes: Any
) -> Facts:
    """An index whose cron was ``0 2 * * *`` until now."""
    memory = {"docs": IndexRecord("docs", at(1), now, "id-of-docs", schedule="0 2 * * * UTC")}
    by = document(policy(cron=cron, **changes), quota=quota)
    return project(*rows, by=by, now=now, memory=memory)


SECOND = timedelta(seconds=1)


def test_a_slot_of_before_the_change_is_not_served_when_its_turn_comes() -> None:
    """C2: what satisfies the former schedule's latest slot satisfies it."""
    assert ids(played(rescheduled(dated("b1", at(22, 2))))) == []


def test_without_the_former_schedules_latest_backup_it_is_served() -> None:
    """C2."""
    given = rescheduled(dated("b1", at(21, 2)))
    assert ids(played(given)) == ["docs-20261121t1200z", "docs-20261122t1200z"]


@pytest.mark.parametrize("overdue", [NOW + JITTER, at(22, 15, 40)], ids=["its turn", "later"])
def test_it_is_served_as_soon_as_the_index_is_overdue(overdue: datetime) -> None:
    """C2: a second after ``max_age``."""
    given = rescheduled(dated("b1", overdue - 10 * HOUR), max_age="10h")
    assert made(played(given)) == [("docs-20261122t1200z", overdue + SECOND)]


def test_being_overdue_is_no_turn_of_a_slot_of_after_the_change() -> None:
    """C2: of noon the former schedule took care; 13:00 to 17:00 find the quota used up."""
    row = dated("b1", at(22, 5, 40))
    given = rescheduled(row, cron=HOURLY, max_age="10h", quota=1)
    assert refused(given, 1) == [5]


def test_an_index_that_is_overdue_waits_for_its_backup_of_unknown_status() -> None:
    """C2: b1 is too old at 15:40, and u1 is stuck at 16:00."""
    rows = [dated("b1", at(22, 5, 40)), unknown(at(22, 10), at(22, 10))]
    given = rescheduled(*rows, cron=HOURLY, max_age="10h", stuck_after="6h")
    assert made(played(given))[0] == ("docs-20261122t1500z", at(22, 16))


def test_a_pause_lasts_for_an_index_that_is_overdue() -> None:
    """C2, C6: it is overdue between the pause's end and its turn."""
    given = rescheduled(
        dated("b1", at(22, 10)),
        max_age="14h",
        now=at(22, 18),
        paused_until="2026-11-23",
    )
    assert made(played(given, hours=12)) == [("docs-20261122t1200z", at(23) + JITTER)]


def test_a_backup_for_the_former_schedules_slot_satisfies_what_came_before_the_change() -> None:
    """C2: 02:00 is made at once, and then 03:00 needs none."""
    given = rescheduled(cron=HOURLY, now=at(22, 3))
    assert ids(played(given)) == [f"docs-20261122t0{hour}00z" for hour in (2, 4, 5, 6, 7, 8)]


# The quota


def test_of_two_indexes_the_higher_priority_is_served_first() -> None:
    """C4: one place is left."""
    by = document(policy(), policy("vital", priority=1), quota=1)
    given = project(by=by, indexes=("docs", "vital", "logs"))
    steps = played(given)
    assert (ids(steps), steps[1].refused) == (["vital-20261122t0300z"], 0)


def test_the_index_whose_newest_good_backup_is_the_oldest_is_served_first() -> None:
    """C4, with each place that an expiry makes: what was just made counts."""
    by = document(policy("a", cron=HOURLY), policy("b", cron=HOURLY), native(days=1), quota=4)
    rows = [
        backup("a1", index="a", days_ago=10 / 24),
        backup("b1", index="b", days_ago=9 / 24),
        native_run(at(21, 13, 30)),
        native_run(at(21, 15, 45)),
    ]
    steps = played(project(*rows, by=by, indexes=("b", "a", "logs")), hours=4)
    assert made(steps) == [
        ("a-20261122t1300z", at(22, 13, 30)),
        ("b-20261122t1500z", at(22, 15, 45)),
    ]
    assert (steps[1].expired, steps[1].refused) == (2, 4 + 4 + 1)  # one of them a native run


def test_the_last_place_is_served() -> None:
    """C4."""
    by = document(policy(cron=HOURLY), quota=2)
    steps = played(project(dated("b1", NOW), by=by), hours=3)
    assert (steps[1].created, steps[1].refused) == (1, 1)


def test_what_expires_makes_room_for_the_slot_of_the_same_moment() -> None:
    """C4."""
    by = document(policy(cron=HOURLY), native(days=2), quota=2)
    rows = [dated("b1", NOW), native_run(at(20, 13) + JITTER)]
    given = project(*rows, by=by, indexes=("docs", "logs"))
    steps = played(given, hours=2)
    assert (steps[1].expired, steps[1].created, steps[1].refused) == (1, 1, 0)


def test_native_runs_of_one_moment_are_served_by_the_names_of_their_indexes() -> None:
    steps = played(project(by=document(native(), quota=1), indexes=("b", "a")), hours=24)
    assert (ids(steps), steps[1].refused) == (["a-20261123t1200z"], 1)


def test_a_project_that_the_document_does_not_name_has_no_quota() -> None:
    by = document(policy(), native(), quota=1)
    indexes = [f"logs{number}" for number in range(3)]
    given = project(by=by, indexes=indexes)
    named = replace(given, document=by.model_copy(update={"projects": by.projects[1:]}))
    assert played(named)[1].created == 3


# Native schedules


@pytest.mark.parametrize(
    ("rows", "next_at"),
    [
        ([], at(23, 12)),
        ([native_run(at(21, 18))], at(22, 18)),
        ([native_run(at(21, 12))], at(23, 12)),
        ([native_run(at(21, 18)), native_run(at(22, 15), status=Status.PLANNED)], at(22, 15)),
        ([backup("ours", index="logs", days_ago=0.6)], at(23, 12)),
    ],
    ids=["never ran", "ran yesterday", "ran a day ago", "planned", "ours are none of its runs"],
)
def test_a_native_schedule_runs_as_planned_or_one_interval_after_its_last_run(
    rows: list[Backup], next_at: datetime
) -> None:
    """G5."""
    given = project(*rows, by=document(native()), indexes=("logs",))
    kept = {row.backup_id for row in rows}
    (_, step) = played(given, hours=24)
    new = [item.created_at for item in step.plan.items if item.backup_id not in kept]
    assert min(time for time in new if time) == next_at


def test_native_backups_expire_once_even_within_a_step_or_at_its_end() -> None:
    """Made after one day, they live for one day, and a step is two days."""
    steps = played(project(by=document(native(days=1)), indexes=("logs",)), 2, hours=48)
    assert [(step.created, step.expired, step.left.total()) for step in steps] == [
        (0, 0, 0),
        (2, 1, 1),
        (2, 2, 1),
    ]


def test_only_what_its_native_schedule_made_expires_with_it() -> None:
    """G5: neither ours, nor what was made of an earlier incarnation or of another index."""
    rows = [
        native_run(at(20, 13), "aside", index="docs"),
        backup("ours", index="logs", days_ago=5),
        native_run(at(20, 14), index_id="id-old"),
        native_run(at(20, 15)),
        native_run(at(20, 16), index="lost"),
    ]
    by = document(policy(), native(days=2, floor=9))
    given = project(*rows, by=by, indexes=("docs", "logs"), active={"logs": "id-of-logs"})
    (first, second) = played(given)
    left = {item.backup_id for item in second.plan.items}
    assert [item.backup_id for item in first.plan.items if item.backup_id not in left] == [
        "logs-20261120T150000Z"
    ]


# What is under way when the project is first seen


def test_what_is_under_way_at_the_beginning_ends() -> None:
    """G3 to G5: what Pinecone deletes is away, and what it makes for a policy in time is good."""
    rows = [
        by_hand("aside", index="lost"),
        dated("going", at(19, 3)),
        dated("stuck", NOW - 12 * HOUR, status=Status.UNDER_WAY),
        dated("made", NOW - 12 * HOUR + SECOND, status=Status.UNDER_WAY),
        dated("timeless", None, status=Status.UNDER_WAY),
        dated("failed", at(22, 6), status=Status.FAILED),
        dated("good", at(22, 7)),
        backup("foreign", days_ago=0.1, owner=None, status=Status.UNDER_WAY),
        native_run(at(23, 9), status=Status.PLANNED),
        native_run(at(21, 9)),
        native_run(at(23, 8), "aside", index="docs", status=Status.PLANNED),
    ]
    records = [
        record(row, deletion=deletion(DeletionState.ACCEPTED) if row.backup_id == "going" else None)
        for row in rows
    ]
    by = document(policy(cron="0 3 1 1 *"), native())
    given = project(*rows, by=by, indexes=("docs", "logs"), records=records)
    (_, step) = played(given)
    assert {
        item.backup_id: Safeguard.UNFINISHED in item.safeguards
        for item in step.plan.items
        if item.index_name != "lost"
    } == {
        "stuck": True,
        "made": False,
        "timeless": True,
        "failed": False,
        "good": False,
        "foreign": True,
        "aside-20261123T080000Z": True,
        "logs-20261121T090000Z": False,
    }
    (failed,) = [item for item in step.plan.items if item.backup_id == "failed"]
    assert texts(failed.reasons) == ("failed within 7 days ago",)


# What a prune deletes, and what it leaves as a measure


def test_after_the_first_dry_run_churn_is_measured_from_the_oldest_backup() -> None:
    """D2, D3: no limit stands before what came since."""
    by = document(policy(retention={"keep_last": 1}), limit=STRICT)
    rows = [dated(f"b{day}", at(day, 3)) for day in range(17, 23)]
    dry, then = played(project(*rows, by=by), first=True)
    assert ([str(item.action) for item in dry.waiting], dry.deleted) == (["wait"] * 5, ())
    assert [item.backup_id for item in then.deleted] == ["b21", "b20", "b19", "b18", "b17"]


@pytest.mark.parametrize(
    ("assumed", "beyond"),
    [
        ({"mode": PruneMode.ENFORCE}, [0, 0]),
        ({"mode": PruneMode.APPROVE}, [0, 0]),
        ({"mode": PruneMode.ENFORCE, "first": True}, [0, 0]),
    ],
    ids=["enforce", "approve", "first"],
)
def test_a_prune_that_was_not_carried_out_is_no_measure_of_churn(
    assumed: dict[str, Any], beyond: list[int]
) -> None:
    """D2: what was churn before it is churn after it."""
    by = document(policy(retention={"keep_last": 1}), limit=STRICT)
    rows = [dated(f"b{day}", at(day, 3)) for day in range(17, 23)]
    measure = Baseline(by, "v1", {"docs": "gold"}, at(17, 4))
    steps = played(project(*rows, by=by, baseline=measure), **assumed)
    assert [len(step.plan.waits_because) for step in steps] == beyond


def test_a_prune_with_nothing_to_delete_was_carried_out_in_any_mode() -> None:
    """D2: what became Ready before it is no churn any more."""
    by = document(policy(cron="0 3 1 * *", retention={"expire_after_days": 5}), limit=STRICT)
    rows = [dated(f"b{day}", at(day, 3)) for day in (20, 21, 22)]
    measure = Baseline(by, "v1", {"docs": "gold"}, at(19))
    given = project(*rows, by=by, baseline=measure)
    steps = played(given, 2, hours=48, mode=PruneMode.APPROVE)
    assert [[str(item.action) for item in step.waiting] for step in steps] == [
        [],
        [],
        ["wait", "wait"],
    ]


# How much is played


@pytest.mark.parametrize(("most", "steps"), [(6, 1), (7, 2), (13, 2), (14, 3), (None, 5)], ids=str)
def test_it_ends_before_the_prune_for_which_the_work_is_too_much(
    most: int | None, steps: int
) -> None:
    """One backup there, one to come, and five for the index: seven for each prune."""
    by = document(policy(retention={"keep_last": 1}))
    given = project(dated("b1", at(22, 3)), by=by)
    assert len(played(given, 4, hours=24, most=most)) == steps


@pytest.mark.parametrize(("most", "steps"), [(23, 1), (24, 2)])
def test_what_is_to_come_is_work_of_an_index_without_backups(most: int, steps: int) -> None:
    given = project(dated("b1", NOW), by=document(policy(cron=HOURLY)))
    empty = replace(given, inventory=take_inventory([], records={}, owner=OWNER, now=NOW))
    assert len(played(empty, hours=24, most=most)) == steps


@pytest.mark.parametrize(("most", "created"), [(7, [0]), (8, [0, 24])])
def test_of_what_is_only_counted_no_work_is_made(most: int, created: list[int]) -> None:
    """One backup there, two that are played, and five for the index."""
    given = project(dated("b1", NOW), by=document(policy(cron=HOURLY)))
    steps = played(given, hours=24, most=most, most_made=2)
    assert [step.created for step in steps] == created
    assert [step.left["docs"] for step in steps] == [1, 25][: len(steps)]


def test_where_it_is_only_counted_no_quota_ends_creating() -> None:
    given = project(dated("b1", NOW), by=document(policy(cron=HOURLY), quota=2))
    (_, step) = played(given, most_made=100)
    assert (step.created, step.refused) == (6, 0)


def test_every_index_that_waits_is_served_where_there_is_no_quota() -> None:
    indexes = [f"docs{number}" for number in range(70)]
    (_, step) = played(project(by=document(policy()), indexes=indexes), most_made=100)
    assert step.created == 70


WEST = "America/Los_Angeles"


@pytest.mark.parametrize(
    ("changes", "hours", "slots"),
    [
        ({"retention": {"keep_last": 3}}, 24, ["23t1000z", "23t1100z", "23t1200z"]),
        ({"retention": {"keep_last": 1}, "floor": 2}, 24, ["23t1100z", "23t1200z"]),
        ({"retention": {"keep_within": "2h"}}, 24, ["23t1100z", "23t1200z"]),
        (
            {"retention": {"keep_hourly": 3}, "cron": "*/30 * * * *"},
            24,
            ["23t1030z", "23t1130z", "23t1200z"],
        ),
        (
            {"retention": {"keep_daily": 3}, "cron": "0 1,23 * * *", "timezone": WEST},
            96,
            ["25t0700z", "26t0700z", "26t0900z"],
        ),
    ],
    ids=["last", "floor", "within", "hourly", "daily in its zone"],
)
def test_where_it_is_only_counted_what_the_next_prune_deletes_is_not_made(
    changes: dict[str, Any], hours: int, slots: list[str]
) -> None:
    """K2, K3, K4: so that frequent slots are no work."""
    by = document(policy(**{"cron": HOURLY, **changes}))
    steps = played(project(dated("b1", NOW), by=by), hours=hours, most_made=1000)
    assert ids(steps) == [f"docs-202611{slot}" for slot in slots]
    assert steps[1].created == len(slots)


def test_where_nothing_is_pruned_all_slots_of_its_zone_are_made() -> None:
    """C1."""
    by = document(policy(cron="0 5,6 * * *", retention={"keep_last": 1}, timezone=WEST))
    given = project(dated("b1", NOW), by=by)
    steps = played(given, hours=24, most_made=1000, mode=PruneMode.DRY_RUN)
    assert ids(steps) == ["docs-20261122t1300z", "docs-20261122t1400z"]


def test_where_a_change_waits_all_is_made_of_the_changed_policy_alone() -> None:
    """D3: nothing is sure to go of it. ``docs`` is new, and has one policy by both documents."""
    one = policy(cron=HOURLY, retention={"keep_last": 1})
    former, by = (
        document(one, policy("more", cron=HOURLY, retention={"keep_last": kept})) for kept in (9, 1)
    )
    rows = [dated("b1", NOW)]
    rows += [backup(f"m{hours}", index="more", days_ago=hours / 24) for hours in range(2)]
    measure = Baseline(former, "former", {"more": "more"})
    given = project(*rows, by=by, indexes=("docs", "more"), baseline=measure)
    steps = played(given, hours=24, most_made=1000)
    assert Counter(each.partition("-")[0] for each in ids(steps)) == {"docs": 1, "more": 24}
