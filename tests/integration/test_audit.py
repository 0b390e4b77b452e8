"""Audit through our own client against the simulated Pinecone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import DEFAULT_KEY, Fault
from pinecone_backup.adapters.http import new_http_client
from pinecone_backup.adapters.pinecone.client import PineconeClient
from pinecone_backup.errors import BackupError, KeyRejected, ListingIncomplete, PineconeError
from pinecone_backup.model import RunContext, RunKind, RunTime, Severity, TriggerKind
from pinecone_backup.records import (
    BackupRecord,
    DeletionRecord,
    DeletionState,
    Run,
    RunState,
    Verdict,
)
from pinecone_backup.report.model import Health
from pinecone_backup.rules.audit_facts import Protection
from pinecone_backup.usecases.requests.on_demand import create_on_demand
from tests.support.auditing import OWNER, Auditor, document
from tests.support.audits import NOW
from tests.support.pinecone_transport import Key, Time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator


@pytest.fixture
def auditor(simulator: Simulator, simulator_url: str) -> Iterator[Auditor]:
    time = Time()
    with new_http_client() as http:
        control_plane = PineconeClient(
            Key(DEFAULT_KEY), base_url=simulator_url, http=http, clock=time.clock, sleep=time.sleep
        )
        yield Auditor(simulator, control_plane)


def test_a_protected_project_is_healthy_and_the_report_names_what_to_restore_from(
    auditor: Auditor,
) -> None:
    newest = auditor.seed("docs", hours_ago=2)
    auditor.seed("docs", hours_ago=30)

    outcome = auditor.audit()

    report = auditor.latest()
    assert outcome.state is RunState.SUCCEEDED
    assert report.health is Health.HEALTHY
    assert report.complete
    (index,) = report.indexes
    assert index.protection is Protection.PROTECTED
    assert index.restore_from is not None
    assert index.restore_from.backup_id == newest.backup_id


def test_a_backup_on_demand_is_what_an_index_is_restored_from(auditor: Auditor) -> None:
    """I2: by the name that its caller gave it."""
    auditor.seed("docs", hours_ago=25)
    now = auditor.simulator.clock.now()
    context = RunContext(
        "run-1",
        RunKind.CREATE,
        "main",
        OWNER,
        RunTime(scheduled_at=now, actual=now),
        TriggerKind.API,
        "ann",
    )
    made = create_on_demand(
        context, auditor.control_plane, auditor.ledger, "docs", name="before-import"
    )
    auditor.simulator.clock.advance(hours=2)

    auditor.audit()

    assert auditor.open_findings() == {}
    (index,) = auditor.latest().indexes
    point = index.restore_from
    assert point is not None
    assert (point.backup_id, point.name, point.by_hand) == (made.backup_id, "before-import", True)
    assert [shown.by_hand for shown in index.backups] == [True, False]
    assert b"before-import (by hand)" in auditor.objects.get("reports/main/latest.html")


def test_what_a_policy_document_probably_does_not_mean_is_one_finding_of_the_project(
    auditor: Auditor,
) -> None:
    """It ends with the document that says it no more."""
    auditor.seed("docs", hours_ago=2)
    auditor.document = document(stuck_after="5m", max_age="24h")

    outcome = auditor.audit()
    warned = auditor.open_findings()
    auditor.document = document()
    auditor.audit()

    assert warned == {"policy-warned": "(project)"}
    assert outcome.report.health is Health.HEALTHY
    assert auditor.open_findings() == {}


def test_a_tag_of_the_project_reaches_a_policy_that_no_assignment_names(auditor: Auditor) -> None:
    auditor.seed("docs", hours_ago=2)
    (index,) = auditor.simulator.project.indexes
    (policy,) = document().policies
    auditor.document = document().model_copy(update={"policies": [policy], "assignments": []})

    auditor.audit()
    unreached = auditor.open_findings()
    index.tags = {"backup-policy": "standard"}
    auditor.audit()

    assert "policy-warned" in unreached
    assert auditor.open_findings() == {}


def test_an_overdue_index_opens_a_finding_that_a_good_backup_resolves(auditor: Auditor) -> None:
    """U1: the same problem is one finding that opens, repeats and resolves."""
    auditor.seed("docs", hours_ago=30)

    auditor.audit()
    assert auditor.open_findings() == {"overdue": "docs"}
    auditor.simulator.clock.advance(hours=24)
    auditor.audit()
    (found,) = auditor.ledger.findings()
    assert found.count == 2
    auditor.simulator.clock.advance(hours=1)
    auditor.seed("docs", hours_ago=0.2)
    auditor.audit()

    assert auditor.open_findings() == {}
    assert [line.control for line in auditor.latest().resolved] == ["overdue"]
    assert [event.type for event in auditor.ledger.events] == [
        "finding.opened",
        "finding.repeated",
        "finding.resolved",
    ]


def test_the_verdict_on_a_backup_is_taken_once_and_stored(auditor: Auditor) -> None:
    """G1."""
    first = auditor.seed("docs", hours_ago=30)
    second = auditor.seed("docs", hours_ago=2, record_count=100)

    auditor.audit()

    records = auditor.ledger.backups()
    assert records[first.backup_id].verdict is Verdict.GOOD
    assert records[second.backup_id].verdict is Verdict.SUSPECT
    assert set(auditor.open_findings()) == {"shrunk", "overdue"}
    assert "backup.suspect" in [event.type for event in auditor.ledger.events]
    auditor.simulator.clock.advance(hours=1)
    auditor.audit()
    assert auditor.ledger.backups() == records


def test_an_empty_backup_of_an_empty_index_is_information_only(auditor: Auditor) -> None:
    """G2."""
    auditor.simulator.project.seed_index("docs", records=0)
    auditor.seed("docs", record_count=0)

    auditor.audit()

    (found,) = [finding for finding in auditor.ledger.findings() if finding.open]
    assert (found.control, found.severity) == ("empty", "info")
    assert auditor.latest().health is Health.HEALTHY


def test_an_empty_backup_of_a_full_index_is_an_error(auditor: Auditor) -> None:
    """G1."""
    auditor.seed("docs", record_count=0)

    auditor.audit()

    assert auditor.open_findings()["empty"] == "docs"
    assert auditor.latest().health is Health.FAILING


def test_an_audit_asks_exactly_what_it_needs(auditor: Auditor) -> None:
    """N1: 250 backups are three pages; per index one listing and one schedule listing."""
    for index in ("docs", "notes"):
        for hours in range(125):
            auditor.seed(index, hours_ago=hours)
    auditor.simulator.requests.clear()

    auditor.audit()

    assert auditor.simulator.requests.counts() == {
        "list_indexes": 1,
        "list_project_backups": 3,
        "list_restore_jobs": 1,
        "list_index_backups": 2,
        "list_backup_schedules": 2,
    }


def test_a_page_more_is_asked_when_the_last_one_is_full(auditor: Auditor) -> None:
    """N1: a full last page carries a token."""
    for hours in range(100):
        auditor.seed("docs", hours_ago=hours)
    auditor.simulator.requests.clear()

    auditor.audit()

    assert auditor.simulator.requests.counts()["list_project_backups"] == 2


def test_a_schedules_history_is_asked_only_while_something_is_unfinished(auditor: Auditor) -> None:
    """N1, G5: the planned run is known for what it is."""
    auditor.document = document(native_satisfies=True)
    auditor.seed("docs", hours_ago=2)
    auditor.simulator.project.create_schedule(
        "docs", name="nightly", frequency="daily", retention_days=14
    )
    auditor.simulator.requests.clear()

    auditor.audit()

    counts = auditor.simulator.requests.counts()
    assert counts["list_backup_schedule_history"] == 1
    assert auditor.open_findings() == {}
    (schedule,) = auditor.ledger.schedules()
    assert len(schedule.backup_ids) == 1
    (index,) = auditor.latest().indexes
    assert index.counts == {"good": 1, "planned": 1}


def test_a_plan_without_schedules_leaves_the_rest_standing(auditor: Auditor) -> None:
    """U1: native controls have no evidence; everything else has."""
    auditor.seed("docs", hours_ago=30)
    auditor.break_down("list_backup_schedules", 403)

    outcome = auditor.audit()

    assert outcome.state is RunState.SUCCEEDED
    assert auditor.open_findings() == {"overdue": "docs"}
    report = auditor.latest()
    assert not report.complete
    assert "native schedules" in report.gaps[0].reason


def test_restore_jobs_that_cannot_be_listed_are_a_gap_and_no_more(auditor: Auditor) -> None:
    auditor.seed("docs")
    auditor.break_down("list_restore_jobs", 500)

    assert auditor.audit().state is RunState.SUCCEEDED
    assert [gap.reason for gap in auditor.latest().gaps] == ["restore jobs could not be listed"]


def test_an_index_that_is_deleted_during_the_audit_does_not_abort_it(auditor: Auditor) -> None:
    auditor.seed("docs")
    auditor.seed("notes")
    auditor.break_down("list_index_backups", 404, path="/indexes/docs/backups")

    outcome = auditor.audit()

    assert outcome.state is RunState.SUCCEEDED
    assert [index.name for index in auditor.latest().indexes] == ["notes"]


def test_one_index_that_cannot_be_read_leaves_the_others_and_resolves_nothing(
    auditor: Auditor,
) -> None:
    """U1: unknown is not healthy."""
    auditor.seed("docs", hours_ago=30)
    auditor.seed("notes", hours_ago=30)
    auditor.audit()
    auditor.seed("docs", hours_ago=1)
    auditor.seed("notes", hours_ago=1)
    auditor.break_down("list_index_backups", 500, path="/indexes/docs/backups")

    outcome = auditor.audit()

    assert outcome.state is RunState.PARTIAL
    open_ones = [finding.subject for finding in auditor.ledger.findings() if finding.open]
    assert open_ones == ["docs"]
    stand = {index.name: index.protection for index in auditor.latest().indexes}
    assert stand == {"docs": Protection.UNKNOWN, "notes": Protection.PROTECTED}


def test_an_audit_without_time_leaves_its_indexes_unknown(auditor: Auditor) -> None:
    auditor.seed("docs")
    auditor.time_left = 60.0

    outcome = auditor.audit()

    assert outcome.state is RunState.PARTIAL
    report = auditor.latest()
    assert report.health is Health.UNKNOWN
    assert "ran out of time" in report.gaps[0].reason


def test_an_audit_begins_with_what_the_last_one_left(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each audit has time for one index: the next one goes on, and none starves."""
    for name in ("a", "b", "c"):
        auditor.seed(name)
    honest = auditor.control_plane.index_backups_page
    read = []

    def and_then_time_is_up(name: str, **more: Any) -> Any:
        read.append(name)
        auditor.time_left = 60.0
        return honest(name, **more)

    monkeypatch.setattr(auditor.control_plane, "index_backups_page", and_then_time_is_up)
    for _ in range(3):
        auditor.time_left = 900.0
        auditor.audit()
    assert read == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("operation", "status", "error"),
    [
        ("list_indexes", 401, KeyRejected),
        ("list_indexes", 500, PineconeError),
        ("list_project_backups", 500, ListingIncomplete),
    ],
)
def test_a_project_that_cannot_be_read_is_reported_unknown_and_resolves_nothing(
    auditor: Auditor, operation: str, status: int, error: type[BackupError]
) -> None:
    """U1: no older report goes on reassuring."""
    auditor.seed("docs", hours_ago=30)
    auditor.audit()
    auditor.break_down(operation, status)

    with pytest.raises(error):
        auditor.audit()

    report = auditor.latest()
    assert report.health is Health.UNKNOWN
    assert not report.complete
    assert report.indexes == ()
    assert [line.control for line in report.findings] == ["overdue"]
    assert auditor.metrics.value("FindingsOpen", control="overdue") == 1
    assert {name for name, _, _ in auditor.metrics.gauges} == {"FindingsOpen"}


def test_a_recreated_index_starts_without_protection(auditor: Auditor) -> None:
    """I1: a namesake's backups never count, and a changed id is a finding."""
    auditor.seed("docs", hours_ago=2)
    auditor.audit()
    auditor.simulator.project.recreate_index("docs", records=10)
    auditor.simulator.clock.advance(hours=1)

    auditor.audit()

    assert set(auditor.open_findings()) == {"incarnation-changed", "orphan"}
    (index,) = auditor.latest().indexes
    assert index.protection is Protection.WAITING
    assert index.restore_from is None
    assert index.earlier_backups == 1
    auditor.seed("docs", hours_ago=0.1)
    auditor.audit()
    assert set(auditor.open_findings()) == {"orphan"}


def test_a_deletion_is_confirmed_only_after_the_backup_was_described(auditor: Auditor) -> None:
    """N2: described before it counts as deleted."""
    kept, deleted = auditor.seed("docs", hours_ago=2), auditor.seed("docs", hours_ago=30)
    auditor.audit()
    auditor.simulator.project.delete_backup(deleted.backup_id)
    record = auditor.ledger.backups()[deleted.backup_id]
    now = auditor.simulator.clock.now()
    accepted = DeletionRecord(
        record.backup_id,
        record.index_name,
        record.index_id,
        DeletionState.ACCEPTED,
        now,
        "prune-1",
        "schedule",
    )
    auditor.ledger.put_deletion(record, accepted, over=record)
    auditor.simulator.clock.advance(minutes=5)
    auditor.simulator.requests.clear()

    auditor.audit()

    assert auditor.simulator.requests.counts()["describe_backup"] == 1
    assert set(auditor.ledger.backups()) == {kept.backup_id}
    (line,) = auditor.latest().deletions
    assert line.actor == "schedule"
    assert line.confirmed_at == auditor.simulator.clock.now()
    assert "backup.deleted" in [event.type for event in auditor.ledger.events]


def test_a_backup_that_somebody_else_deleted_is_reported_as_that(auditor: Auditor) -> None:
    auditor.seed("docs", hours_ago=2)
    deleted = auditor.seed("docs", hours_ago=30)
    auditor.audit()
    auditor.simulator.project.delete_backup(deleted.backup_id)
    auditor.simulator.clock.advance(minutes=5)

    auditor.audit()

    (line,) = auditor.latest().deletions
    assert line.actor == ""
    assert line.reasons == ("deleted outside this deployment",)
    assert "backup.deleted" not in [event.type for event in auditor.ledger.events]


def test_a_backup_that_the_listing_lost_still_protects(auditor: Auditor) -> None:
    """N2: offset paging loses rows; what is described is there."""
    backup = auditor.seed("docs", hours_ago=2)
    auditor.audit()
    auditor.simulator.faults.add(
        Fault(kind="empty_listing", operation="list_project_backups", times=None)
    )
    auditor.simulator.clock.advance(hours=1)

    auditor.audit()

    assert auditor.open_findings() == {}
    (index,) = auditor.latest().indexes
    assert index.restore_from is not None
    assert index.restore_from.backup_id == backup.backup_id


def test_time_that_runs_out_calls_nothing_deleted(auditor: Auditor) -> None:
    """N2: described before it is called deleted, or not called deleted."""
    auditor.seed("docs", hours_ago=2)
    deleted = auditor.seed("docs", hours_ago=30)
    auditor.audit()
    auditor.simulator.project.delete_backup(deleted.backup_id)
    auditor.simulator.clock.advance(minutes=5)
    auditor.time_left = 60.0

    assert auditor.audit().state is RunState.PARTIAL
    assert deleted.backup_id in auditor.ledger.backups()


def test_a_verdict_that_another_run_took_meanwhile_stands(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: the verdict is taken once."""
    row = auditor.seed("docs", record_count=0)
    taken = BackupRecord(row.backup_id, "docs", "i", None, None, NOW)

    def count_while_somebody_accepts(_control_plane: object, _index: object) -> None:
        auditor.ledger.put_backup(replace(taken, verdict=Verdict.ACCEPTED))

    monkeypatch.setattr(PineconeClient, "index_record_count", count_while_somebody_accepts)
    auditor.audit()

    assert auditor.ledger.backups()[row.backup_id].verdict is Verdict.ACCEPTED


def test_what_cannot_be_described_leaves_its_index_unknown(auditor: Auditor) -> None:
    """N2, U1: neither there nor deleted."""
    auditor.seed("docs", hours_ago=2)
    deleted = auditor.seed("docs", hours_ago=30)
    auditor.audit()
    auditor.simulator.project.delete_backup(deleted.backup_id)
    auditor.simulator.clock.advance(minutes=5)
    auditor.break_down("describe_backup", 500)

    assert auditor.audit().state is RunState.PARTIAL
    assert deleted.backup_id in auditor.ledger.backups()


def test_the_report_lies_under_its_run_and_as_the_latest(auditor: Auditor) -> None:
    auditor.seed("docs")

    outcome = auditor.audit()

    assert set(auditor.objects.objects) == {
        "reports/main/2026/11/22/audit-0001.json",
        "reports/main/2026/11/22/audit-0001.html",
        "reports/main/latest.json",
        "reports/main/latest.html",
        "reports/main/summary.json",
    }
    assert outcome.summary["report"] == "reports/main/2026/11/22/audit-0001.html"
    assert auditor.latest() == outcome.report


def test_the_numbers_of_a_project_go_out(auditor: Auditor) -> None:
    auditor.seed("docs", hours_ago=30)
    auditor.seed("notes", hours_ago=2)
    auditor.simulator.project.seed_index("scratch", tags={"backup-policy": "none"})

    auditor.audit()

    assert auditor.metrics.gauges == [
        ("FindingsOpen", 1, {"control": "overdue"}),
        ("BackupsTotal", 2, {"project": "main"}),
        ("QuotaUsedPercent", 0.4, {"project": "main"}),
        ("IndexesUnprotected", 1, {"project": "main"}),
        ("NewestGoodBackupAgeMax", 30 * 3600, {"project": "main"}),
    ]


def test_without_a_dashboard_no_project_has_metrics_of_its_own(auditor: Auditor) -> None:
    auditor.seed("docs", hours_ago=2)
    auditor.project_metrics = False

    auditor.audit()

    assert auditor.metrics.gauges == [("FindingsOpen", 0, {"control": "overdue"})]


def test_the_forecast_assumes_pruning_only_where_the_last_prune_really_pruned(
    auditor: Auditor,
) -> None:
    auditor.seed("docs")
    now = auditor.simulator.clock.now()

    def last_prune(mode: str) -> None:
        run = Run(mode, RunKind.PRUNE, TriggerKind.SCHEDULE, "-", RunState.SUCCEEDED, now, now)
        auditor.ledger.put_run(replace(run, summary={"mode": mode}))

    def forecast_text() -> str:
        quota = auditor.audit().report.quota
        return quota.explained if quota else ""

    last_prune("dry_run")
    assert "nothing pruned" in forecast_text()
    last_prune("enforce")
    assert "retention of each policy applied" in forecast_text()


def test_a_report_that_cannot_be_read_back_counts_as_none(auditor: Auditor) -> None:
    auditor.seed("docs")
    auditor.objects.objects["reports/main/latest.json"] = b'{"report_version": 99}'

    assert auditor.audit().report.previous_run_id is None
    assert auditor.audit().report.previous_run_id == "audit-0001"


def test_an_index_seen_for_the_first_time_waits_for_its_first_backup(auditor: Auditor) -> None:
    auditor.simulator.project.seed_index("docs")
    auditor.audit()
    assert auditor.latest().indexes[0].protection is Protection.WAITING

    auditor.simulator.clock.advance(timedelta(hours=27))
    auditor.audit()

    assert auditor.open_findings() == {"overdue": "docs"}


def test_an_index_that_two_audits_cannot_read_is_a_finding(auditor: Auditor) -> None:
    """U1: the first time may be a passing trouble of Pinecone's."""
    auditor.seed("docs", hours_ago=2)
    auditor.break_down("list_index_backups", 500, path="*docs*")
    auditor.audit()
    once = auditor.open_findings()
    auditor.simulator.clock.advance(timedelta(hours=1))
    auditor.audit()
    assert ("index-unknown" in once, auditor.open_findings()) == (False, {"index-unknown": "docs"})
    (finding,) = auditor.ledger.findings()
    assert finding.severity is Severity.ERROR


def test_an_index_that_breaks_its_promise_as_far_as_is_known_is_critical(auditor: Auditor) -> None:
    """U1: its newest good backup is three days old, and the project's listing shows it."""
    auditor.seed("docs", hours_ago=72)
    auditor.break_down("list_index_backups", 500, path="*docs*")
    for _ in range(2):
        auditor.audit()
        auditor.simulator.clock.advance(timedelta(hours=1))
    (finding,) = [each for each in auditor.ledger.findings() if each.control == "index-unknown"]
    assert (finding.severity, "3 d" in finding.diagnosis) == (Severity.CRITICAL, True)


def test_an_index_that_is_read_again_is_not_unknown_any_more(auditor: Auditor) -> None:
    """U1: and the next trouble is again the first."""
    auditor.seed("docs", hours_ago=2)
    auditor.break_down("list_index_backups", 500, path="*docs*")
    auditor.audit()
    auditor.audit()
    auditor.simulator.faults.clear()
    auditor.audit()
    resolved = auditor.open_findings()
    auditor.break_down("list_index_backups", 500, path="*docs*")
    auditor.audit()
    assert (resolved, auditor.open_findings()) == ({}, {})
