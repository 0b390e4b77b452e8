"""What a project holds: duplicates, origin, worth, incarnations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import NativeRun, Status
from pinecone_backup.records import DeletionState, ScheduleRecord, Verdict
from pinecone_backup.rules.inventory import (
    CLOCK_SKEW,
    Contradiction,
    NativeMark,
    Origin,
    Worth,
    counts_as_good,
    missing,
    native_marks,
    new_record,
    oldest_first,
    take_inventory,
)
from pinecone_backup.rules.marker import Marker
from tests.support.backups import NOW, OWNER, backup, deletion, inventory_of, record, signed

if TYPE_CHECKING:
    from pinecone_backup.model import Backup
    from pinecone_backup.rules.inventory import Entry, Inventory


def only(*rows: Backup, **known: Any) -> Entry:
    """The one entry that these rows make."""
    records = [record(rows[0], **known)] if known else []
    [entry] = inventory_of(rows, records).entries.values()
    return entry


# --- I4: duplicates --------------------------------------------------------------------------


def test_equal_rows_are_one_backup() -> None:
    """I4."""
    row = backup()

    entry = only(row, row, row)
    assert entry.backup == row
    assert (entry.origin, entry.worth, entry.schedule) == (Origin.OURS, Worth.UNJUDGED, "")


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (Status.PLANNED, Status.UNDER_WAY),
        (Status.PLANNED, Status.READY),
        (Status.UNDER_WAY, Status.UNKNOWN),
        (Status.UNDER_WAY, Status.READY),
        (Status.UNDER_WAY, Status.FAILED),
        (Status.UNKNOWN, Status.READY),
        (Status.UNKNOWN, Status.FAILED),
    ],
)
def test_of_two_statuses_the_less_advanced_counts(less: Status, more: Status) -> None:
    """I4."""
    rows = backup(status=more), backup(status=less)

    assert {only(*rows).backup.status, only(*reversed(rows)).backup.status} == {less}
    assert only(*rows).backup.status_text == rows[1].status_text


def test_ready_and_failed_at_once_is_unknown() -> None:
    """I4: neither end is the less advanced; on doubt nothing is deleted and nothing counts."""
    merged = only(backup(), backup(status=Status.FAILED)).backup

    assert (merged.status, merged.status_text) == (Status.UNKNOWN, "Failed/Ready")


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ({"record_count": 7}, {"record_count": 5}, {"record_count": 5}),
        ({"record_count": None}, {"record_count": 5}, {"record_count": 5}),
        ({"size_bytes": 7}, {"size_bytes": 5}, {"size_bytes": 5}),
        ({"namespace_count": 2}, {"namespace_count": None}, {"namespace_count": 2}),
        ({"name": "a"}, {"name": "b"}, {"name": None}),
        ({"description": "a"}, {"description": "b"}, {"description": None}),
        ({"cloud": "aws"}, {"cloud": "gcp"}, {"cloud": ""}),
        ({"region": "eu"}, {"region": "us"}, {"region": ""}),
        ({"tags": {"a": "b"}}, {"tags": None}, {"tags": None}),
        ({"cloud": "aws", "size_bytes": 1}, {"cloud": "aws"}, {"cloud": "aws", "size_bytes": 1}),
        ({"tags": {"a": "b"}, "size_bytes": 1}, {"tags": {"a": "b"}}, {"tags": {"a": "b"}}),
        ({"name": "a", "size_bytes": 1}, {"name": "a"}, {"name": "a"}),
        ({"description": "a", "size_bytes": 1}, {"description": "a"}, {"description": "a"}),
        ({"index_deleted_at": NOW}, {}, {"index_deleted_at": None}),
        (
            {"index_deleted_at": NOW},
            {"index_deleted_at": NOW + timedelta(days=1)},
            {"index_deleted_at": NOW + timedelta(days=1)},
        ),
    ],
)
def test_values_that_differ_merge_to_what_claims_least(
    first: dict[str, Any], second: dict[str, Any], merged: dict[str, Any]
) -> None:
    """I4: and the order of the rows decides nothing."""
    rows = backup(**first), backup(**second)

    for entry in (only(*rows), only(*reversed(rows))):
        assert {name: getattr(entry.backup, name) for name in merged} == merged


def test_rows_that_differ_in_their_marker_are_nobodys() -> None:
    """I2, I4: what is not surely ours is not ours."""
    entry = only(backup(), backup(policy="other"))

    assert entry.origin is Origin.FOREIGN


def at(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize("apart", [0.000045, 1.0])
def test_creation_times_up_to_a_second_apart_are_one_backup(apart: float) -> None:
    """I4: create and describe differ by microseconds; the earlier counts."""
    rows = backup(created_at=at(0)), backup(created_at=at(apart))
    inventory = inventory_of(rows)

    assert inventory.contradictions == ()
    assert inventory.entries["b1"].backup.created_at == at(apart)
    assert inventory.incarnations["id-of-docs"].frozen == ""


def test_creation_times_over_a_second_apart_freeze_the_index() -> None:
    """I4."""
    inventory = inventory_of([backup(created_at=at(0)), backup(created_at=at(1.001))])

    reason = "backup b1 is listed with two creation times"
    assert inventory.contradictions == (Contradiction("b1", ("id-of-docs",), ("docs",), reason),)
    assert inventory.entries["b1"].worth is Worth.CONTRADICTORY
    assert inventory.incarnations["id-of-docs"].frozen == reason


def test_dated_here_and_undated_there_is_undated() -> None:
    """I4, T2."""
    inventory = inventory_of([backup(), backup(created_at=None)])

    assert inventory.entries["b1"].worth is Worth.UNDATED
    assert inventory.contradictions == ()


def test_one_id_under_two_indexes_freezes_both() -> None:
    """I4: the guide's own example."""
    rows = [backup(), backup(index="shop"), backup("b2", index="shop"), backup("b3", index="other")]
    inventory = inventory_of(rows)

    reason = "backup b1 is listed under docs and shop"
    [contradiction] = inventory.contradictions
    assert contradiction == Contradiction(
        "b1", ("id-of-docs", "id-of-shop"), ("docs", "shop"), reason
    )
    assert {key: found.frozen for key, found in inventory.incarnations.items()} == {
        "id-of-docs": reason,
        "id-of-other": "",
        "id-of-shop": reason,
    }


def test_one_id_under_two_incarnations_of_a_name_freezes_both() -> None:
    """I4, I1."""
    inventory = inventory_of([backup(index_id="old"), backup(index_id="new")])

    assert inventory.contradictions[0].index_ids == ("new", "old")
    assert inventory.contradictions[0].reason == "backup b1 is listed under 2 ids of docs"


def test_several_contradictions_of_an_index_are_all_reported() -> None:
    rows = [backup(created_at=at(0)), backup(created_at=at(9))]
    rows += [backup("b2", created_at=at(0)), backup("b2", created_at=at(9))]

    assert inventory_of(rows).incarnations["id-of-docs"].frozen == (
        "backup b1 is listed with two creation times; backup b2 is listed with two creation times"
    )


def test_one_index_id_under_two_names_is_frozen() -> None:
    """I4: an index cannot be renamed."""
    inventory = inventory_of([backup(), backup("b2", index="shop", index_id="id-of-docs")])

    assert inventory.incarnations["id-of-docs"].frozen == (
        "one index id is listed under docs and shop"
    )


def test_backups_without_an_index_id_are_frozen() -> None:
    """I1: nobody knows which incarnation they belong to."""
    inventory = inventory_of([replace(backup(), index_id="")])

    assert inventory.incarnations[""].frozen == "these backups name no index id"


# --- I2, G5: origin --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "origin"),
    [
        ({}, Origin.OURS),
        ({"policy": None}, Origin.OURS),
        ({"owner": "stack-b"}, Origin.OTHER_OWNER),
        ({"owner": None}, Origin.FOREIGN),
        ({"name": "renamed"}, Origin.FOREIGN),
        ({"name": None}, Origin.FOREIGN),
        ({"description": "made by hand"}, Origin.FOREIGN),
        ({"owner": None, "name": "nightly-20261120T060000Z"}, Origin.NATIVE),
        ({"owner": None, "name": "nightly-20261120T0600Z"}, Origin.FOREIGN),
    ],
)
def test_origin_follows_marker_owner_and_name(changes: dict[str, Any], origin: Origin) -> None:
    """I2, G5."""
    assert only(backup(**changes)).origin is origin


def test_a_marker_is_read_as_ours_or_as_another_deployments() -> None:
    ours, theirs, nobodys = (only(backup(owner=owner)) for owner in (OWNER, "stack-b", None))

    assert ours.marker is not None
    assert ours.marker.owner == OWNER
    assert theirs.marker is not None
    assert theirs.marker.owner == "stack-b"
    assert nobodys.marker is None


def native(*rows: Backup, marks: dict[str, NativeMark] | None = None) -> Entry:
    inventory = take_inventory(rows, records={}, owner=OWNER, now=NOW, native=marks)
    [entry] = inventory.entries.values()
    return entry


def test_what_a_schedules_history_lists_is_native_whatever_its_name() -> None:
    """G5: and its age is that of its run."""
    due = NOW - timedelta(hours=1)

    entry = native(backup(owner=None, name=None), marks={"b1": NativeMark("nightly", due)})

    assert (entry.origin, entry.schedule, entry.at) == (Origin.NATIVE, "nightly", due)


def test_the_time_in_its_name_dates_a_native_backup_without_history() -> None:
    """G5."""
    entry = native(backup(owner=None, name="my-nightly-20261120T060000Z"))

    assert entry.schedule == "my-nightly"
    assert entry.at == datetime.fromisoformat("2026-11-20T06:00:00Z")


@pytest.mark.parametrize("name", ["odd", "odd-20269999T000000Z"])
def test_a_native_backup_that_nothing_else_dates_goes_by_its_creation(name: str) -> None:
    """G5."""
    entry = native(backup(owner=None, name=name), marks={"b1": NativeMark("nightly")})

    assert entry.at == NOW


def test_ours_stays_ours_though_a_history_lists_it() -> None:
    entry = native(backup(), marks={"b1": NativeMark("nightly", NOW)})

    assert entry.origin is Origin.OURS


@pytest.mark.parametrize(
    ("status", "minutes_ahead", "worth"),
    [
        (Status.PLANNED, 60, Worth.PLANNED),
        (Status.UNDER_WAY, 60, Worth.PLANNED),
        (Status.UNDER_WAY, 0, Worth.UNDER_WAY),
        (Status.READY, 60, Worth.FUTURE),
    ],
)
def test_a_native_run_whose_time_is_ahead_is_planned(
    status: Status, minutes_ahead: float, worth: Worth
) -> None:
    """G5: neither under way nor stuck."""
    mark = NativeMark("nightly", NOW + timedelta(minutes=minutes_ahead))

    assert native(backup(owner=None, status=status), marks={"b1": mark}).worth is worth


def test_native_marks_come_from_histories_and_from_the_ledgers_memory() -> None:
    """G5: after a schedule was deleted, its runs stay native."""
    deleted = ScheduleRecord("s1", "old", "docs", "id", NOW, NOW, backup_ids=("b1", "b2"))
    run = NativeRun("b2", "id", None, Status.READY, "Ready", NOW, NOW)

    assert native_marks([deleted], {"nightly": [run]}) == {
        "b1": NativeMark("old"),
        "b2": NativeMark("nightly", NOW),
    }


# --- G1 to G4, T2: worth ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "known", "worth"),
    [
        ({}, {}, Worth.UNJUDGED),
        ({}, {"verdict": None}, Worth.UNJUDGED),
        ({}, {"verdict": Verdict.GOOD}, Worth.GOOD),
        ({}, {"verdict": Verdict.UNVERIFIED}, Worth.GOOD),
        ({}, {"verdict": Verdict.ACCEPTED}, Worth.GOOD),
        ({}, {"verdict": Verdict.SUSPECT}, Worth.SUSPECT),
        ({}, {"restore_tested": True}, Worth.GOOD),
        ({}, {"restore_tested": False}, Worth.SUSPECT),
        ({"status": Status.FAILED}, {}, Worth.FAILED),
        ({"status": Status.UNDER_WAY}, {}, Worth.UNDER_WAY),
        ({"status": Status.UNKNOWN}, {}, Worth.UNKNOWN),
        ({"status": Status.PLANNED}, {}, Worth.PLANNED),
        ({"days_ago": None}, {"verdict": Verdict.GOOD}, Worth.UNDATED),
        ({"days_ago": None, "status": Status.FAILED}, {}, Worth.UNDATED),
        ({"days_ago": None, "status": Status.UNDER_WAY}, {}, Worth.UNDER_WAY),
        ({"days_ago": -1}, {"verdict": Verdict.GOOD}, Worth.FUTURE),
        ({"days_ago": -1, "status": Status.FAILED}, {}, Worth.FUTURE),
        ({"days_ago": -1, "status": Status.UNDER_WAY}, {}, Worth.UNDER_WAY),
        ({}, {"deletion": deletion(DeletionState.ACCEPTED)}, Worth.DELETION_ACCEPTED),
        ({}, {"deletion": deletion(DeletionState.DELETED)}, Worth.DELETION_ACCEPTED),
        (
            {"status": Status.UNDER_WAY},
            {"deletion": deletion(DeletionState.DELETED)},
            Worth.DELETION_ACCEPTED,
        ),
        ({}, {"deletion": deletion(DeletionState.UNKNOWN)}, Worth.GOOD),
        ({}, {"deletion": deletion(DeletionState.SKIPPED)}, Worth.GOOD),
        ({}, {"deletion": deletion(DeletionState.FAILED)}, Worth.GOOD),
    ],
)
def test_what_a_backup_counts_for(
    changes: dict[str, Any], known: dict[str, Any], worth: Worth
) -> None:
    """G1 to G4, T2."""
    assert only(backup(**changes), **known).worth is worth


@pytest.mark.parametrize(
    ("ahead", "worth"),
    [(CLOCK_SKEW, Worth.GOOD), (CLOCK_SKEW + timedelta(seconds=1), Worth.FUTURE)],
)
def test_five_minutes_ahead_of_the_clock_is_not_the_future(ahead: timedelta, worth: Worth) -> None:
    """T2."""
    assert timedelta(minutes=5) == CLOCK_SKEW
    assert only(backup(created_at=NOW + ahead), verdict=Verdict.GOOD).worth is worth


@pytest.mark.parametrize(
    ("accepted_after_test", "worth"),
    [(1, Worth.GOOD), (0, Worth.SUSPECT), (-1, Worth.SUSPECT)],
)
def test_accepting_overrules_only_an_earlier_restore_test(
    accepted_after_test: int, worth: Worth
) -> None:
    """G1, G3."""
    entry = only(
        backup(),
        verdict=Verdict.ACCEPTED,
        accepted_at=NOW + timedelta(hours=accepted_after_test),
        restore_tested=False,
        restore_tested_at=NOW,
    )

    assert entry.worth is worth


@pytest.mark.parametrize("known", [{"accepted_at": NOW}, {"restore_tested_at": NOW}])
def test_an_acceptance_or_a_test_without_its_time_overrules_nothing(known: dict[str, Any]) -> None:
    """G3."""
    entry = only(backup(), verdict=Verdict.ACCEPTED, restore_tested=False, **known)

    assert entry.worth is Worth.SUSPECT


def test_a_failed_restore_test_without_a_verdict_is_not_good() -> None:
    assert only(backup(), verdict=None, restore_tested=False).worth is Worth.UNJUDGED
    assert not counts_as_good(record(backup(), None))


def test_only_ready_and_dated_backups_satisfy_a_slot() -> None:
    """C2."""
    assert {worth for worth in Worth if worth.ready} == {
        Worth.GOOD,
        Worth.SUSPECT,
        Worth.UNJUDGED,
    }


# --- I1: incarnations ------------------------------------------------------------------------


def test_a_namesakes_backups_are_another_incarnations() -> None:
    """I1."""
    inventory = inventory_of([backup("b1", index_id="old"), backup("b2", index_id="new")])

    assert {key: found.index_name for key, found in inventory.incarnations.items()} == {
        "new": "docs",
        "old": "docs",
    }


def test_the_oldest_stand_first_ties_by_id_and_undated_last() -> None:
    rows = [
        backup("new", days_ago=1),
        backup("old-b", days_ago=9),
        backup("none", days_ago=None),
        backup("old-a", days_ago=9),
    ]
    entries = sorted(inventory_of(rows).entries.values(), key=oldest_first)
    assert [each.backup.backup_id for each in entries] == ["old-a", "old-b", "new", "none"]


def test_backups_stand_newest_first_ties_by_id_and_undated_last() -> None:
    """K2."""
    rows = [
        backup("b5", days_ago=None),
        backup("b4", days_ago=3),
        backup("b3", days_ago=1),
        backup("b2", days_ago=1),
        backup("b1", days_ago=2),
        backup("b0", days_ago=None),
    ]

    entries = inventory_of(rows).incarnations["id-of-docs"].entries

    assert [entry.backup.backup_id for entry in entries] == ["b2", "b3", "b1", "b4", "b0", "b5"]


def test_an_index_is_deleted_only_when_all_its_backups_say_so() -> None:
    """D7: the latest time counts."""
    day = timedelta(days=1)
    deleted = [backup("b1", index_deleted_at=NOW), backup("b2", index_deleted_at=NOW - day)]

    assert inventory_of(deleted).incarnations["id-of-docs"].deleted_at == NOW
    in_part = inventory_of([*deleted, backup("b3")])
    assert in_part.incarnations["id-of-docs"].deleted_at is None


def test_the_newest_good_one_is_ours_and_good() -> None:
    rows = [
        backup("b1", owner=None),
        backup("b2", owner="stack-b", days_ago=1),
        backup("b3", days_ago=2, status=Status.FAILED),
        backup("b4", days_ago=3),
        backup("b5", days_ago=4),
    ]

    newest = inventory_of(rows).incarnations["id-of-docs"].newest_good

    assert newest is not None
    assert newest.backup.backup_id == "b4"
    assert inventory_of(rows[:3]).incarnations["id-of-docs"].newest_good is None


# --- N2: what is missing ---------------------------------------------------------------------


def test_what_the_ledger_knows_and_the_listing_misses_is_reported() -> None:
    """N2: once confirmed deleted, no more."""
    inventory: Inventory = inventory_of([backup("b1")])
    confirmed = deletion(DeletionState.DELETED)
    records = {
        known.backup_id: known
        for known in (
            record(backup("b1")),
            record(backup("b4")),
            record(backup("b2"), deletion=deletion(DeletionState.ACCEPTED)),
            record(backup("b3"), deletion=confirmed),
        )
    }

    assert [known.backup_id for known in missing(inventory, records)] == ["b2", "b4"]


def test_a_new_record_says_what_is_listed() -> None:
    known = only(backup(days_ago=2)).known(NOW)

    assert (known.backup_id, known.index_name, known.index_id) == ("b1", "docs", "id-of-docs")
    assert (known.name, known.created_at) == (backup(days_ago=2).name, NOW - timedelta(days=2))
    assert (known.first_seen_at, known.verdict) == (NOW, None)


def test_a_new_record_has_what_is_known_besides() -> None:
    known = new_record(backup(), NOW, asked_by="alice", verdict=Verdict.SUSPECT)

    assert (known.asked_by, known.verdict) == ("alice", Verdict.SUSPECT)


def test_a_known_record_is_kept() -> None:
    entry = only(backup(), verdict=Verdict.GOOD)

    assert entry.known(NOW + timedelta(days=1)) is entry.record


# Backups on demand


def on_demand(expires_at: datetime | None = None, **properties: Any) -> Entry:
    marker = Marker(OWNER, None, NOW, "run-0", 1, expires_at)
    row = backup(**{**signed(marker, "docs", "before-import"), **properties})
    return inventory_of([row]).entries[row.backup_id]


def test_a_backup_on_demand_is_good_and_ours_and_of_no_policy() -> None:
    """I2, K2: its time is its creation's, and it has no slot."""
    entry = on_demand()
    assert (entry.good_and_ours, entry.on_demand, entry.by_policy) == (True, True, False)
    assert (entry.slot, entry.slot_ahead, entry.retention_at) == (None, False, entry.at)


def test_a_backup_of_a_policy_is_not_on_demand_and_never_expires_by_itself() -> None:
    row = backup()
    entry = inventory_of([row]).entries[row.backup_id]
    assert (entry.on_demand, entry.by_policy) == (False, True)
    assert (entry.expires_at, entry.expired(NOW)) == (None, False)


def test_a_renamed_backup_on_demand_is_foreign() -> None:
    """I2."""
    entry = on_demand(name="after-import")
    assert (entry.origin, entry.on_demand) == (Origin.FOREIGN, False)


@pytest.mark.parametrize(
    ("expires_at", "expired"),
    [(None, False), (NOW, True), (NOW + timedelta(seconds=1), False)],
)
def test_a_backup_on_demand_may_go_from_its_expiry_on(
    expires_at: datetime | None, expired: bool
) -> None:
    """D8."""
    entry = on_demand(expires_at)
    assert (entry.expires_at, entry.expired(NOW)) == (expires_at, expired)


def test_another_deployments_expiry_is_none_of_ours() -> None:
    """I2."""
    marker = Marker("stack-b", None, NOW, "run-0", 1, NOW)
    row = backup(**signed(marker, "docs"))
    entry = inventory_of([row]).entries[row.backup_id]
    assert (entry.origin, entry.expires_at) == (Origin.OTHER_OWNER, None)
