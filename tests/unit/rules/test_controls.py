"""The audit's controls, one at a time: what opens a finding, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import IndexKind, Severity, Status
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import DeletionState, HoldScope, Verdict
from pinecone_backup.rules import controls
from pinecone_backup.rules.audit_facts import Protection
from pinecone_backup.rules.controls import evaluate, looked_at
from pinecone_backup.rules.findings import Control, reconcile
from pinecone_backup.rules.forecast import Forecast
from pinecone_backup.rules.inventory import NativeMark
from pinecone_backup.rules.policy import AssignedBy, Orphans
from pinecone_backup.rules.policy_warnings import PolicyWarning, WarningCode
from tests.support.audits import (
    EMPTY,
    EMPTY_AS_INDEX,
    NAME,
    NATIVE_POLICY,
    NOW,
    POLICY,
    accepted,
    ago,
    backup,
    hold,
    index_facts,
    inventory,
    project_facts,
    record_of,
    schedule,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup
    from pinecone_backup.records import BackupRecord, Finding
    from pinecone_backup.rules.audit_facts import IndexFacts, ProjectFacts
    from pinecone_backup.rules.findings import Observation

SECOND = timedelta(seconds=1)


def seen(control: controls.OfIndex, subject: IndexFacts) -> list[Observation]:
    """What a control of one index says."""
    return list(control(subject, NOW))


def of_rows(
    *rows: Backup,
    records: list[BackupRecord] | None = None,
    native: dict[str, NativeMark] | None = None,
    **index: Any,
) -> IndexFacts:
    return index_facts(inventory(rows, records=records, native=native), **index)


# Assignments


def test_an_index_without_a_policy_is_a_finding() -> None:
    """I3: nobody said how it is to be backed up."""
    (found,) = seen(controls.no_policy, index_facts(policy=None))
    assert (found.control, found.subject) == (Control.NO_POLICY, NAME)


def test_an_index_with_a_policy_is_no_finding() -> None:
    assert not seen(controls.no_policy, index_facts())


def test_an_index_that_cannot_be_backed_up_is_not_told_to_get_a_policy() -> None:
    assert not seen(controls.no_policy, index_facts(policy=None, kind=IndexKind.POD))


def test_an_opted_out_index_is_said_to_be_so_as_information() -> None:
    """I3: the audit says so."""
    (found,) = seen(controls.opted_out, index_facts(policy=None, by=AssignedBy.OPT_OUT))
    assert found.severity is Severity.INFO
    assert not seen(controls.no_policy, index_facts(policy=None, by=AssignedBy.OPT_OUT))


def test_an_index_that_is_not_opted_out_is_not_said_to_be() -> None:
    assert not seen(controls.opted_out, index_facts(policy=None))


def test_a_tag_that_names_no_policy_is_a_finding_that_quotes_it() -> None:
    """I3: nothing is deleted, and a finding says so."""
    facts = index_facts(policy=None, by=AssignedBy.UNKNOWN_TAG, tags={"backup-policy": "gold"})
    (found,) = seen(controls.unknown_policy_tag, facts)
    assert "'gold'" in found.diagnosis
    assert not seen(controls.no_policy, facts)


def test_a_tag_that_names_a_policy_is_no_finding() -> None:
    assert not seen(controls.unknown_policy_tag, index_facts(by=AssignedBy.TAG))


@pytest.mark.parametrize("how", [{"kind": IndexKind.POD}, {"own_key": True}])
def test_an_index_that_pinecone_cannot_back_up_is_unsupported_and_never_overdue(
    how: dict[str, Any],
) -> None:
    facts = index_facts(**how)
    (found,) = seen(controls.unsupported_index, facts)
    assert found.control is Control.UNSUPPORTED_INDEX
    assert not seen(controls.overdue, facts)


@pytest.mark.parametrize("kind", [IndexKind.SERVERLESS, IndexKind.BYOC, IndexKind.UNKNOWN])
def test_an_index_that_pinecone_can_back_up_is_supported(kind: IndexKind) -> None:
    assert not seen(controls.unsupported_index, index_facts(kind=kind))


def test_an_unsupported_index_that_is_opted_out_is_left_in_peace() -> None:
    facts = index_facts(policy=None, by=AssignedBy.OPT_OUT, kind=IndexKind.POD)
    assert not seen(controls.unsupported_index, facts)


# Overdue


def test_a_good_backup_as_old_as_max_age_is_not_overdue() -> None:
    assert not seen(controls.overdue, of_rows(backup(at=NOW - POLICY.max_age)))


def test_a_good_backup_older_than_max_age_is_overdue_with_figures() -> None:
    (found,) = seen(controls.overdue, of_rows(backup(at=ago(hours=31))))
    assert found.severity is Severity.CRITICAL
    assert "newest good backup of index docs is 31 hours old" in found.diagnosis
    assert "max_age of policy standard is 26 hours" in found.diagnosis
    assert found.data["backup_id"] == "b-1"
    assert found.data["age_seconds"] == 31 * 3600


def test_only_the_newest_good_backup_decides() -> None:
    rows = (backup("old", at=ago(days=9)), backup("new", at=ago(hours=2)))
    assert not seen(controls.overdue, of_rows(*rows))


def test_an_index_without_any_backup_is_overdue_from_when_it_was_first_seen() -> None:
    facts = index_facts(first_seen=NOW - POLICY.max_age - SECOND)
    (found,) = seen(controls.overdue, facts)
    assert "no good backup" in found.title
    assert found.data["backup_id"] is None
    assert not seen(controls.overdue, index_facts(first_seen=NOW - POLICY.max_age))


def test_the_backups_of_a_namesake_never_count() -> None:
    """I1: an index is its id, not its name."""
    facts = of_rows(backup(index_id="id-earlier", at=ago(hours=1)))
    assert seen(controls.overdue, facts)


@pytest.mark.parametrize("status", [Status.UNDER_WAY, Status.FAILED, Status.UNKNOWN])
def test_a_backup_that_is_not_ready_protects_nothing(status: Status) -> None:
    """G1: good means Ready; the diagnosis says what there is instead."""
    rows = (backup("old", at=ago(hours=31)), backup("new", at=ago(hours=1), status=status))
    (found,) = seen(controls.overdue, of_rows(*rows))
    assert "Since then: 1 " in found.diagnosis


def test_a_suspect_backup_protects_nothing() -> None:
    """G2: a suspect displaces nothing."""
    rows = (backup("old", at=ago(hours=31)), backup("new", at=ago(hours=1)))
    records = [record_of(rows[0]), record_of(rows[1], verdict=Verdict.SUSPECT)]
    assert seen(controls.overdue, of_rows(*rows, records=records))


def test_an_accepted_suspect_protects() -> None:
    """G1: a person may accept a suspect; it is then good."""
    row = backup(at=ago(hours=1))
    facts = of_rows(row, records=[record_of(row, verdict=Verdict.ACCEPTED)])
    assert not seen(controls.overdue, facts)


def test_a_backup_on_its_way_out_protects_nothing() -> None:
    """G4: once its deletion was accepted it counts for nothing."""
    row = backup(at=ago(hours=1))
    facts = of_rows(row, records=[record_of(row, deletion=accepted(ago(minutes=5)))])
    assert seen(controls.overdue, facts)


def test_a_manual_backup_of_somebody_else_does_not_protect() -> None:
    """I2: nobody promised to keep it."""
    row = backup(at=ago(hours=1), owner=None)
    assert seen(controls.overdue, of_rows(row))


def test_an_index_without_a_policy_is_never_overdue() -> None:
    assert not seen(controls.overdue, index_facts(policy=None))


def test_a_native_backup_protects_where_the_policy_relies_on_it() -> None:
    """G5: it counts only where the policy says so."""
    row = backup(at=ago(hours=30), owner=None, name="nightly-20261121T060000Z")
    held = inventory([row], native={"b-1": NativeMark("nightly", ago(hours=30))})
    satisfied = POLICY.model_copy(update={"native_satisfies": True, "max_age": timedelta(days=2)})
    plain = POLICY.model_copy(update={"max_age": timedelta(days=2)})
    assert not seen(controls.overdue, index_facts(held, policy=NATIVE_POLICY))
    assert not seen(controls.overdue, index_facts(held, policy=satisfied))
    assert seen(controls.overdue, index_facts(held, policy=plain))


def test_an_empty_index_with_a_recent_empty_backup_is_not_overdue() -> None:
    """G2: an empty backup of an index that is itself empty is not a problem."""
    row = backup(at=ago(hours=1), records=0)
    for reason, count in ((EMPTY_AS_INDEX, None), (EMPTY, 0)):
        records = [record_of(row, verdict=Verdict.SUSPECT, reason=reason)]
        assert not seen(controls.overdue, of_rows(row, records=records, record_count=count))


def test_an_index_with_records_and_an_empty_backup_is_overdue() -> None:
    row = backup(at=ago(hours=1), records=0)
    records = [record_of(row, verdict=Verdict.SUSPECT, reason=EMPTY)]
    assert seen(controls.overdue, of_rows(row, records=records, record_count=5))


# Failed and stuck


def test_a_failed_backup_is_a_finding_until_a_good_one_is_newer() -> None:
    """G3: a newer good backup settles a failure."""
    failure = backup("bad", at=ago(hours=3), status=Status.FAILED)
    (found,) = seen(controls.failed, of_rows(failure, backup("good", at=ago(hours=9))))
    assert found.subject == NAME
    assert found.data["backup_ids"] == ["bad"]
    assert "3 hours ago" in found.diagnosis
    assert "InitializationFailed" in found.diagnosis
    assert not seen(controls.failed, of_rows(failure, backup("good", at=ago(hours=2))))


def test_what_failed_at_the_very_time_of_the_newest_good_backup_is_settled() -> None:
    rows = [backup("good", at=ago(hours=3)), backup("bad", at=ago(hours=3), status=Status.FAILED)]
    assert not seen(controls.failed, of_rows(*rows))


def test_several_failures_of_an_index_are_one_finding() -> None:
    rows = [backup(f"b-{n}", at=ago(hours=n), status=Status.FAILED) for n in range(1, 8)]
    (found,) = seen(controls.failed, of_rows(*rows))
    assert "7 failed backups" in found.title
    assert "and 2 more" in found.diagnosis
    assert len(found.data["backup_ids"]) == 7


def test_what_fails_in_another_deployment_is_for_its_audit_to_report() -> None:
    row = backup(at=ago(hours=3), status=Status.FAILED, owner="stack-b")
    assert not seen(controls.failed, of_rows(row))


@pytest.mark.parametrize("status", [Status.UNDER_WAY, Status.UNKNOWN])
def test_a_backup_under_way_is_stuck_only_after_stuck_after(status: Status) -> None:
    edge = NOW - POLICY.stuck_after
    assert not seen(controls.stuck, of_rows(backup(at=edge, status=status)))
    (found,) = seen(controls.stuck, of_rows(backup(at=edge - SECOND, status=status)))
    assert found.subject == NAME
    assert "for 12 hours, stuck_after is 12 hours" in found.diagnosis


def test_without_a_policy_a_backup_is_stuck_after_twelve_hours() -> None:
    row = backup(at=ago(hours=13), status=Status.UNDER_WAY)
    assert seen(controls.stuck, of_rows(row, policy=None))
    row = backup(at=ago(hours=12), status=Status.UNDER_WAY)
    assert not seen(controls.stuck, of_rows(row, policy=None))


def test_the_policy_says_when_a_backup_is_stuck() -> None:
    slow = POLICY.model_copy(update={"stuck_after": timedelta(hours=20)})
    row = backup(at=ago(hours=13), status=Status.UNDER_WAY)
    assert not seen(controls.stuck, of_rows(row, policy=slow))


def test_a_planned_native_run_is_neither_stuck_nor_overdue() -> None:
    """G5: planned a month ago for tomorrow, listed as Initializing."""
    row = backup(at=ago(days=29), status=Status.UNDER_WAY, owner=None)
    mark = {"b-1": NativeMark("monthly", NOW + timedelta(days=1))}
    assert not seen(controls.stuck, of_rows(row, native=mark))


def test_a_native_run_that_does_not_finish_is_stuck_by_its_own_time() -> None:
    """G5: its age is that of its run, not of its plan."""
    row = backup(at=ago(days=29), status=Status.UNDER_WAY, owner=None)
    late = {"b-1": NativeMark("monthly", ago(hours=13))}
    young = {"b-1": NativeMark("monthly", ago(hours=11))}
    assert seen(controls.stuck, of_rows(row, native=late))
    assert not seen(controls.stuck, of_rows(row, native=young))


# Empty and shrunk


SHRUNK = Reason.of(ReasonKind.SHRUNK, records=400, reference=1000)


def suspect(row: Backup, reason: Reason, **index: Any) -> IndexFacts:
    older = backup("good", at=ago(days=2))
    records = [record_of(older), record_of(row, verdict=Verdict.SUSPECT, reason=reason)]
    return of_rows(older, row, records=records, **index)


def test_an_empty_backup_of_an_index_with_records_is_an_error() -> None:
    """G1."""
    (found,) = seen(controls.empty, suspect(backup(records=0), EMPTY, record_count=7))
    assert found.severity is Severity.ERROR
    assert not seen(controls.shrunk, suspect(backup(records=0), EMPTY))


def test_an_empty_backup_of_an_empty_index_is_information() -> None:
    """G2."""
    for facts in (
        suspect(backup(records=0), EMPTY_AS_INDEX),
        suspect(backup(records=0), EMPTY, record_count=0),
    ):
        (found,) = seen(controls.empty, facts)
        assert found.severity is Severity.INFO
        assert "the index itself is empty too" in found.diagnosis


def test_a_shrunk_backup_is_an_error_that_says_by_how_much() -> None:
    """G1."""
    reason = "400 records, after 1,000 in the newest older good backup"
    (found,) = seen(controls.shrunk, suspect(backup(records=400), SHRUNK))
    assert found.severity is Severity.ERROR
    assert reason in found.diagnosis
    assert not seen(controls.empty, suspect(backup(records=400), SHRUNK))


def test_a_suspect_is_no_finding_any_more_when_a_good_one_is_newer() -> None:
    rows = [backup("bad", at=ago(hours=9), records=0), backup("good", at=ago(hours=3))]
    records = [record_of(rows[0], verdict=Verdict.SUSPECT, reason=EMPTY), record_of(rows[1])]
    assert not seen(controls.empty, of_rows(*rows, records=records))


@pytest.mark.parametrize(
    ("tested", "count"), [pytest.param(False, 0, id="failed"), pytest.param(True, 1, id="passed")]
)
def test_what_a_failed_restore_test_made_suspect_is_not_said_to_have_shrunk(
    tested: bool, count: int
) -> None:
    """G3: the restore test's own finding says it."""
    row = backup(records=400)
    shrunk = record_of(row, verdict=Verdict.SUSPECT, reason=SHRUNK)
    facts = of_rows(row, records=[replace(shrunk, restore_tested=tested)])
    assert len(seen(controls.shrunk, facts)) == count


# Incarnations


def test_an_index_that_was_created_again_is_a_finding_until_it_has_a_good_backup() -> None:
    """I1: a changed id is a finding."""
    earlier = backup("old", index_id="id-0", at=ago(days=1), deleted_at=ago(hours=2))
    (found,) = seen(controls.incarnation_changed, of_rows(earlier, previous_ids=("id-0",)))
    assert "not counted for this one: 1 backup." in found.diagnosis
    now_safe = of_rows(earlier, backup(at=ago(hours=1)), previous_ids=("id-0",))
    assert not seen(controls.incarnation_changed, now_safe)
    assert not seen(controls.incarnation_changed, index_facts())


# Native schedules


def test_a_policy_that_relies_on_a_native_schedule_misses_it() -> None:
    (found,) = seen(controls.native_disabled, index_facts(policy=NATIVE_POLICY))
    assert found.subject == NAME
    assert "there is none" in found.diagnosis


def test_a_paused_native_schedule_is_a_finding_about_the_schedule() -> None:
    facts = index_facts(policy=NATIVE_POLICY, schedules=[schedule(enabled=False)])
    (found,) = seen(controls.native_disabled, facts)
    assert (found.subject, found.data["index"]) == ("s-1", NAME)
    assert "nightly is paused" in found.diagnosis


def test_an_enabled_native_schedule_is_what_the_policy_asked_for() -> None:
    paused = schedule(enabled=False, schedule_id="s-0")
    facts = index_facts(policy=NATIVE_POLICY, schedules=[paused, schedule()])
    assert not seen(controls.native_disabled, facts)


def test_a_paused_native_schedule_does_not_matter_to_a_policy_with_a_cron() -> None:
    assert not seen(controls.native_disabled, index_facts(schedules=[schedule(enabled=False)]))


def test_a_native_schedule_whose_next_run_passed_twelve_hours_ago_is_overdue() -> None:
    edge = ago(hours=12)
    fine, late = schedule(next_run=edge), schedule(next_run=edge - SECOND)
    fresh = backup(at=ago(hours=1), owner=None, name="nightly-20261122T110000Z")
    assert not seen(controls.native_overdue, of_rows(fresh, schedules=[fine]))
    (found,) = seen(controls.native_overdue, of_rows(fresh, schedules=[late]))
    assert (found.subject, found.data["index"]) == ("s-1", NAME)


def test_a_native_schedule_that_made_nothing_for_an_interval_is_overdue() -> None:
    edge = NOW - timedelta(days=1, hours=12)
    name = "nightly-20261121T000000Z"
    mark = {"b-1": NativeMark("nightly", edge)}
    row = backup(at=edge, owner=None, name=name)
    assert not seen(controls.native_overdue, of_rows(row, native=mark, schedules=[schedule()]))
    mark = {"b-1": NativeMark("nightly", edge - SECOND)}
    assert seen(controls.native_overdue, of_rows(row, native=mark, schedules=[schedule()]))


def test_a_new_native_schedule_has_an_interval_for_its_first_run() -> None:
    young = schedule(created=ago(hours=30))
    assert not seen(controls.native_overdue, index_facts(schedules=[young]))


def test_a_native_schedule_without_any_date_goes_by_its_runs() -> None:
    undated = schedule(next_run=None, created=None)
    fresh = {"b-1": NativeMark("nightly", ago(hours=36))}
    late = {"b-1": NativeMark("nightly", ago(hours=37))}
    row = backup(at=ago(hours=40), owner=None)
    assert not seen(controls.native_overdue, of_rows(row, native=fresh, schedules=[undated]))
    assert seen(controls.native_overdue, of_rows(row, native=late, schedules=[undated]))


def test_a_planned_run_is_no_backup_yet_and_does_not_excuse_a_native_schedule() -> None:
    """G5."""
    row = backup(at=ago(hours=1), owner=None, status=Status.PLANNED)
    mark = {"b-1": NativeMark("nightly", NOW + timedelta(hours=6))}
    assert seen(controls.native_overdue, of_rows(row, native=mark, schedules=[schedule()]))


def test_a_paused_native_schedule_is_never_overdue() -> None:
    late = schedule(enabled=False, next_run=None)
    assert not seen(controls.native_overdue, index_facts(schedules=[late]))


def test_a_native_schedule_of_unknown_frequency_goes_by_its_next_run() -> None:
    odd = schedule(frequency="fortnightly")
    assert not seen(controls.native_overdue, index_facts(schedules=[odd]))
    undated = schedule(frequency="fortnightly", next_run=None, created=None)
    assert not seen(controls.native_overdue, index_facts(schedules=[undated]))


def test_our_cron_and_a_native_schedule_on_one_index_clash() -> None:
    (found,) = seen(controls.native_clash, index_facts(schedules=[schedule()]))
    assert found.subject == NAME
    assert found.data["schedule_id"] == "s-1"


def test_a_native_schedule_that_the_policy_counts_on_does_not_clash() -> None:
    satisfied = POLICY.model_copy(update={"native_satisfies": True})
    for policy in (satisfied, NATIVE_POLICY, None):
        assert not seen(controls.native_clash, index_facts(policy=policy, schedules=[schedule()]))
    assert not seen(controls.native_clash, index_facts(schedules=[schedule(enabled=False)]))


@pytest.mark.parametrize("how", [{"frequency": "weekly"}, {"days": 15}])
def test_a_native_schedule_that_differs_from_the_policy_has_drifted(how: dict[str, Any]) -> None:
    facts = index_facts(policy=NATIVE_POLICY, schedules=[schedule(**how)])
    (found,) = seen(controls.native_drift, facts)
    assert (found.subject, found.data["index"]) == ("s-1", NAME)


def test_a_native_schedule_as_the_policy_says_has_not_drifted() -> None:
    assert not seen(
        controls.native_drift, index_facts(policy=NATIVE_POLICY, schedules=[schedule()])
    )
    assert not seen(controls.native_drift, index_facts(schedules=[schedule(days=99)]))


# The project


def project_with(count: int, quota: int = 100, reached: datetime | None = None) -> ProjectFacts:
    rows = [backup(f"b-{n}", at=ago(hours=n)) for n in range(count)]
    coming = Forecast([(NOW, count)], reached, pruning=True)
    return project_facts(inventory(rows), quota=quota, coming=coming)


def test_the_quota_is_near_from_eighty_percent_and_serious_from_ninety_five() -> None:
    assert not list(controls.quota_near(project_with(79)))
    (found,) = controls.quota_near(project_with(80))
    assert found.severity is Severity.WARNING
    (found,) = controls.quota_near(project_with(94))
    assert found.severity is Severity.WARNING
    (found,) = controls.quota_near(project_with(95))
    assert found.severity is Severity.ERROR
    assert "95 of 100 backups (95 %)" in found.diagnosis


def test_a_quota_that_is_reached_within_thirty_days_is_near() -> None:
    (found,) = controls.quota_near(project_with(10, reached=NOW + timedelta(days=30)))
    assert "reached about 2026-12-22" in found.diagnosis
    late = project_with(10, reached=NOW + timedelta(days=30) + SECOND)
    assert not list(controls.quota_near(late))


@pytest.mark.parametrize(
    ("reached", "title"),
    [
        (NOW + timedelta(days=2), "Backup quota reached in 2 days: 90 of 100 backups are used"),
        (NOW + timedelta(days=99), "90 of 100 backups are used"),
        (NOW, "90 of 100 backups are used"),
        (None, "90 of 100 backups are used"),
    ],
)
def test_the_title_says_when_the_quota_is_reached(reached: datetime | None, title: str) -> None:
    (found,) = controls.quota_near(project_with(90, reached=reached))
    assert found.title == title


def test_a_planned_native_run_takes_no_quota() -> None:
    """G5."""
    rows = [backup("p", at=ago(hours=1), owner=None, status=Status.PLANNED), backup("b")]
    assert project_facts(inventory(rows)).used == 1


def test_the_backups_of_a_deleted_index_are_orphans_and_one_finding() -> None:
    """D7: known from source_index_deleted_at."""
    rows = [
        backup(f"b-{n}", at=ago(days=n), index="old", index_id="id-old", deleted_at=ago(days=3))
        for n in range(4, 7)
    ]
    (found,) = controls.orphan(project_facts(inventory(rows)))
    assert found.severity is Severity.INFO
    assert (found.subject, found.data["index"]) == ("id-old", "old")
    assert "deleted 3 days ago: 3 backups (3 good)" in found.diagnosis
    assert "kept until somebody deletes them" in found.diagnosis


def test_an_orphan_finding_says_when_orphans_go() -> None:
    """D7: orphans.after days after the deletion of the index."""
    row = backup(index="old", index_id="id-old", deleted_at=ago(days=3))
    (found,) = controls.orphan(project_facts(inventory([row]), orphans=Orphans(after=30)))
    assert "go from 2026-12-19 on" in found.diagnosis


def test_a_backup_that_is_just_not_of_a_listed_index_is_no_orphan() -> None:
    """D7: never just absent from a listing."""
    row = backup(index="elsewhere", index_id="id-x")
    assert not list(controls.orphan(project_facts(inventory([row]))))


def test_a_deletion_is_stuck_only_after_a_day() -> None:
    """G4."""
    row = backup(at=ago(days=9))
    for at, count in ((ago(hours=24), 0), (ago(hours=24) - SECOND, 1)):
        held = inventory([row], records=[record_of(row, deletion=accepted(at))])
        assert len(list(controls.deletion_stuck(project_facts(held)))) == count


def test_a_deletion_that_was_not_accepted_is_not_stuck() -> None:
    """G4: nor is what nobody deleted; those that are stuck are named all the same."""
    rows = [backup(f"b-{number}", at=ago(days=number)) for number in range(3, 7)]
    failed = accepted(ago(days=3), state=DeletionState.FAILED)
    marks = (None, accepted(ago(days=2)), failed, accepted(ago(days=2)))
    records = [record_of(row, deletion=mark) for row, mark in zip(rows, marks, strict=True)]
    held = inventory(rows, records=records)
    found = controls.deletion_stuck(project_facts(held))
    assert [each.subject for each in found] == ["b-4", "b-6"]


def test_a_stuck_deletion_is_about_the_backup_and_names_the_index() -> None:
    row = backup(at=ago(days=9))
    held = inventory([row], records=[record_of(row, deletion=accepted(ago(days=2)))])
    (found,) = controls.deletion_stuck(project_facts(held))
    assert (found.subject, found.data["index"]) == ("b-1", NAME)
    assert "2 days ago" in found.diagnosis


def test_the_backups_of_another_deployment_are_one_finding() -> None:
    """I2: another owner's is a finding."""
    rows = [backup(f"b-{n}", at=ago(hours=n), owner="stack-b") for n in range(3)]
    (found,) = controls.other_owner(project_facts(inventory([*rows, backup("mine")])))
    assert found.subject == "stack-b"
    assert found.diagnosis.startswith("3 backups of docs with")


def test_a_manual_backup_is_no_other_deployment() -> None:
    assert not list(controls.other_owner(project_facts(inventory([backup(owner=None)]))))


def test_rows_that_contradict_each_other_are_a_finding() -> None:
    """I4."""
    rows = [backup(), backup(index="notes", index_id="id-notes")]
    (found,) = controls.contradictory_listing(project_facts(inventory(rows)))
    assert found.subject == "b-1"
    assert "docs and notes" in found.diagnosis


def test_a_slot_that_is_not_believed_is_reported_by_index() -> None:
    """C2."""
    rows = [
        backup("b-1", slot=NOW + timedelta(days=9)),
        backup("b-2", slot=NOW + timedelta(minutes=5, seconds=1)),
        backup("b-3", slot=NOW + timedelta(minutes=5)),
        backup("b-4", slot=NOW - timedelta(days=9)),
        backup("b-5", slot=NOW + timedelta(days=9), owner="stack-b"),
        backup("b-6", slot=NOW + timedelta(days=9), index="notes", index_id="id-notes"),
        backup("b-7", slot=NOW + timedelta(days=9), policy=None),
    ]
    docs, notes = controls.slot_ahead(project_facts(inventory(rows)))
    assert (docs.subject, docs.data["backup_ids"]) == ("docs", ["b-1", "b-2"])
    assert f"{NOW + timedelta(days=9):%Y-%m-%d %H:%M} UTC" in docs.diagnosis
    assert (notes.subject, notes.data["backup_ids"]) == ("notes", ["b-6"])


def test_an_undated_backup_and_one_from_the_future_are_reported() -> None:
    """T2."""
    rows = [
        backup("u", at=None, owner=None),
        backup("f", at=NOW + timedelta(minutes=6)),
        backup("ok", at=NOW + timedelta(minutes=5)),
    ]
    (found,) = controls.undated_backup(project_facts(inventory(rows)))
    assert found.data["backup_ids"] == ["f", "u"]


def test_a_hold_that_ran_out_unreleased_is_information() -> None:
    """T2: expiry goes by the clock."""
    held = inventory([backup()])
    deleted = hold(expires_at=NOW)
    (found,) = controls.hold_expired(project_facts(held, holds=[deleted]))
    assert found.severity is Severity.INFO
    assert found.subject == "h-1"
    for fine in (
        hold(),
        hold(expires_at=NOW + SECOND),
        hold(expires_at=NOW, released_at=NOW),
        hold("b-9", expires_at=NOW),
    ):
        assert not list(controls.hold_expired(project_facts(held, holds=[fine])))


def test_a_hold_on_a_whole_index_runs_out_too() -> None:
    held = inventory([backup()])
    deleted = hold(NAME, scope=HoldScope.INDEX, expires_at=NOW)
    assert list(controls.hold_expired(project_facts(held, holds=[deleted])))
    elsewhere = hold("notes", scope=HoldScope.INDEX, expires_at=NOW)
    assert not list(controls.hold_expired(project_facts(held, holds=[elsewhere])))


# Together


def known(observations: list[Observation]) -> Sequence[Finding]:
    return reconcile(
        [], observations, project="main", evidence=looked_at(project_facts()), at=ago(hours=1)
    ).opened


def overdue_project(**index: Any) -> ProjectFacts:
    held = inventory([backup(at=ago(hours=31))])
    return project_facts(held, index_facts(held, **index))


def test_a_finding_resolves_on_complete_evidence() -> None:
    """U1."""
    before = known(evaluate(overdue_project()))
    held = inventory([backup(at=ago(hours=1))])
    after = project_facts(held, index_facts(held))
    changes = reconcile(before, evaluate(after), project="main", evidence=looked_at(after), at=NOW)
    assert [finding.control for finding in changes.resolved] == ["overdue"]


def test_a_finding_stays_while_its_index_cannot_be_read() -> None:
    """U1: findings resolve only on complete evidence."""
    before = known(evaluate(overdue_project()))
    blind = overdue_project(problem="503")
    changes = reconcile(before, evaluate(blind), project="main", evidence=looked_at(blind), at=NOW)
    assert not changes.resolved
    assert [finding.control for finding in changes.unchanged] == ["overdue"]


def test_a_finding_of_an_index_that_is_deleted_resolves() -> None:
    before = known(evaluate(overdue_project()))
    after = project_facts()
    changes = reconcile(before, [], project="main", evidence=looked_at(after), at=NOW)
    assert [finding.control for finding in changes.resolved] == ["overdue"]


def test_an_index_that_cannot_be_read_is_still_reported_to_have_no_policy() -> None:
    blind = project_facts(None, index_facts(policy=None, problem="503"))
    assert [found.control for found in evaluate(blind)] == [Control.NO_POLICY]


def test_native_findings_stay_while_schedules_cannot_be_listed() -> None:
    """U1: the rest stands."""
    clash = project_facts(None, index_facts(schedules=[schedule(created=NOW)], first_seen=NOW))
    before = known(evaluate(clash))
    assert [finding.control for finding in before] == ["native-clash"]
    blind = project_facts(None, index_facts(schedules=None, first_seen=NOW))
    changes = reconcile(before, evaluate(blind), project="main", evidence=looked_at(blind), at=NOW)
    assert not changes.resolved


def test_every_control_is_claimed_by_the_evidence_it_can_give() -> None:
    every = {
        *controls.ASSIGNMENT_CONTROLS,
        *controls.BACKUP_CONTROLS,
        *controls.NATIVE_CONTROLS,
        *controls.PROJECT_CONTROLS,
    }
    assert {control for control, _ in looked_at(project_facts()).scopes} == every


# What cannot be read, and how much is said


@pytest.mark.parametrize(
    ("index", "said"),
    [
        pytest.param({"problem": "500", "unread_audits": 2}, True, id="two audits"),
        pytest.param({"problem": "500", "unread_audits": 1}, False, id="one audit"),
        pytest.param({"problem": "", "unread_audits": 9}, False, id="it was read since"),
        pytest.param({"problem": "500", "unread_audits": 9, "policy": None}, False, id="opted out"),
    ],
)
def test_an_index_that_two_audits_could_not_read_is_a_finding(
    index: dict[str, Any], said: bool
) -> None:
    """U1."""
    assert bool(seen(controls.index_unknown, index_facts(**index))) is said


@pytest.mark.parametrize(
    ("age", "severity"),
    [(POLICY.max_age, Severity.ERROR), (POLICY.max_age + SECOND, Severity.CRITICAL)],
)
def test_an_unread_index_whose_newest_known_backup_is_too_old_is_critical(
    age: timedelta, severity: Severity
) -> None:
    """U1, G5."""
    facts = of_rows(backup(at=NOW - age), problem="500", unread_audits=2)
    (found,) = seen(controls.index_unknown, facts)
    assert found.severity is severity


OLD = backup("old", at=NOW - POLICY.max_age - SECOND)


@pytest.mark.parametrize(
    ("newer", "verdict"),
    [
        (backup("new", records=0), Verdict.SUSPECT),
        (backup("new", owner=None), Verdict.GOOD),
        (backup("new", at=None), Verdict.GOOD),
    ],
    ids=["suspect", "foreign", "undated"],
)
def test_an_unread_index_is_no_younger_for_a_backup_that_protects_nothing(
    newer: Backup, verdict: Verdict
) -> None:
    """U1, G2, I2, T2."""
    records = [record_of(OLD), record_of(newer, verdict=verdict)]
    facts = of_rows(OLD, newer, records=records, problem="500", unread_audits=2)
    (found,) = seen(controls.index_unknown, facts)
    assert found.severity is Severity.CRITICAL


def test_an_unread_index_that_was_empty_is_as_old_as_its_newest_empty_backup() -> None:
    """U1, G2."""
    row = backup(records=0)
    records = [record_of(row, verdict=Verdict.SUSPECT, reason=EMPTY_AS_INDEX)]
    (found,) = seen(
        controls.index_unknown, of_rows(row, records=records, problem="500", unread_audits=2)
    )
    assert (found.severity, found.data["age_seconds"]) == (Severity.ERROR, 0)


@pytest.mark.parametrize(
    ("index_id", "severity"), [(None, Severity.ERROR), ("id-docs", Severity.CRITICAL)]
)
def test_the_backups_of_any_index_of_the_name_count_only_while_the_active_one_is_not_known(
    index_id: str | None, severity: Severity
) -> None:
    """U1, I1."""
    rows = [OLD, backup("other", index_id="id-other")]
    facts = of_rows(*rows, index_id=index_id, problem="500", unread_audits=2)
    (found,) = seen(controls.index_unknown, facts)
    assert found.severity is severity


def test_of_several_paused_native_schedules_the_newest_is_named() -> None:
    """Whatever their order in the listing."""
    paused = [schedule(enabled=False, schedule_id=f"s-{n}", name=f"n{n}") for n in (1, 3, 2)]
    for listed in (paused, paused[::-1]):
        (found,) = seen(
            controls.native_disabled, index_facts(policy=NATIVE_POLICY, schedules=listed)
        )
        assert (found.subject, "n3 is paused" in found.diagnosis) == ("s-3", True)


def test_a_clash_is_one_finding_however_many_native_schedules_there_are() -> None:
    two = [schedule(schedule_id="s-1"), schedule(schedule_id="s-2")]
    (found,) = seen(controls.native_clash, index_facts(schedules=two))
    assert found.data["schedule_id"] == "s-1"


def test_a_native_schedule_that_drifted_is_found_behind_one_that_did_not() -> None:
    schedules = [schedule(schedule_id="s-1"), schedule(schedule_id="s-2", days=7)]
    facts = index_facts(policy=NATIVE_POLICY, schedules=schedules)
    assert [each.subject for each in seen(controls.native_drift, facts)] == ["s-2"]


def test_orphans_are_found_behind_an_index_that_exists() -> None:
    """D7."""
    rows = [
        backup("b-1"),
        backup("o-1", index="old", index_id="id-old", deleted_at=ago(days=3)),
        backup("b-2", index="new", index_id="id-new"),
        backup("o-2", index="gone", index_id="id-gone", deleted_at=ago(days=3)),
    ]
    found = controls.orphan(project_facts(inventory(rows)))
    assert {each.subject for each in found} == {"id-old", "id-gone"}


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, " And 1 more."), (7, " And 2 more.")])
def test_a_finding_shows_five_warnings_and_counts_the_others(count: int, more: str) -> None:
    many = [
        PolicyWarning(WarningCode.PAUSE_OVER, f"policies.{n}", {}, f"Sentence {n}.", "Act.")
        for n in range(count)
    ]
    (found,) = controls.policy_warned(project_facts(warnings=many))
    assert found.diagnosis.endswith(f"Sentence 4.{more}")


def test_a_finding_lists_fifty_things_at_most() -> None:
    many = [
        PolicyWarning(WarningCode.PAUSE_OVER, f"policies.{n}", {}, "So.", "Act.") for n in range(60)
    ]
    (found,) = controls.policy_warned(project_facts(warnings=many))
    assert len(found.data["warnings"]) == 50
    rows = [backup(f"f-{n}", at=ago(hours=1), status=Status.FAILED) for n in range(60)]
    (failed,) = seen(controls.failed, of_rows(*rows))
    assert len(failed.data["backup_ids"]) == 50


def test_an_index_that_could_not_be_judged_resolves_nothing_about_its_policy() -> None:
    """U1."""
    facts = project_facts(inventory([]), index_facts())
    control = Control.NO_POLICY
    known = reconcile(
        [],
        controls.no_policy(index_facts(policy=None), NOW),
        project="main",
        evidence=looked_at(facts),
        at=NOW,
    ).opened
    assert [each.control for each in known] == [control]
    for broken, resolved in ((("docs",), 0), ((), 1)):
        evidence = looked_at(facts, broken=broken)
        after = reconcile(known, [], project="main", evidence=evidence, at=NOW)
        assert len(after.resolved) == resolved


@pytest.mark.parametrize(
    ("state", "hours", "backups", "protection"),
    [
        ("InitializationFailed", 1, [], Protection.NOT_READY),
        ("InitializationFailed", 27, [backup(at=ago(hours=1))], Protection.PROTECTED),
        ("Initializing", 1, [], Protection.WAITING),
        ("Initializing", 27, [], Protection.NOT_READY),
        ("Ready", 1, [], Protection.WAITING),
        ("Ready", 27, [], Protection.OVERDUE),
        ("Ready", 27, [backup(at=ago(hours=1))], Protection.PROTECTED),
        ("Ready", 27, [backup(at=ago(hours=26))], Protection.PROTECTED),
        ("Ready", 27, [backup(at=ago(hours=26, seconds=1))], Protection.OVERDUE),
        ("Ready", 27, [backup(at=NOW, status=Status.UNDER_WAY)], Protection.OVERDUE),
    ],
)
def test_how_well_an_index_is_protected(
    state: str, hours: int, backups: list[Backup], protection: Protection
) -> None:
    """G5: one that never came up is not called overdue."""
    facts = of_rows(*backups, first_seen=ago(hours=hours))
    index = replace(facts.index, state=state, ready=state == "Ready")
    assert replace(facts, index=index).protection(NOW) is protection
