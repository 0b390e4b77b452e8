"""What a report says, item by item."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import IndexKind, RestoreJob, RunKind, Severity, Status, TriggerKind
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import (
    DeletionRecord,
    DeletionState,
    HoldScope,
    Run,
    RunState,
    Verdict,
)
from pinecone_backup.report.build import build_unknown_report, tier_of
from pinecone_backup.report.model import Gap, Health, Report
from pinecone_backup.rules.audit_facts import Protection
from pinecone_backup.rules.findings import Control, Evidence, Observation, reconcile
from pinecone_backup.rules.policy import AssignedBy
from tests.support.audits import (
    EMPTY_AS_INDEX,
    ID,
    NAME,
    NATIVE_POLICY,
    NOW,
    ago,
    backup,
    hold,
    index_facts,
    inventory,
    project_facts,
    record_of,
    schedule,
)
from tests.support.reports import material, report_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup
    from pinecone_backup.records import BackupRecord, Finding, Hold
    from pinecone_backup.rules.audit_facts import IndexFacts, ProjectFacts


def of_rows(
    *rows: Backup,
    records: list[BackupRecord] | None = None,
    holds: Sequence[Hold] = (),
    **index: Any,
) -> ProjectFacts:
    held = inventory(rows, records=records)
    return project_facts(held, index_facts(held, **index), holds=holds)


def finding(severity: Severity, *, opened: datetime = NOW, **changes: Any) -> Finding:
    observation = Observation.of(
        Control.STUCK, NAME, title="stuck", diagnosis="d", action="a", severity=severity
    )
    (found,) = reconcile([], [observation], project="main", evidence=Evidence(), at=opened).opened
    return replace(found, **changes)


# The verdict on the project


@pytest.mark.parametrize(
    ("severity", "health"),
    [
        (None, Health.HEALTHY),
        (Severity.INFO, Health.HEALTHY),
        (Severity.WARNING, Health.ATTENTION),
        (Severity.ERROR, Health.FAILING),
        (Severity.CRITICAL, Health.FAILING),
    ],
)
def test_the_worst_open_finding_decides_how_the_project_stands(
    severity: Severity | None, health: Health
) -> None:
    known = [finding(severity)] if severity else []
    assert report_of(of_rows(backup(at=ago(hours=1))), findings=known).health is health


def test_a_resolved_finding_decides_nothing() -> None:
    known = [finding(Severity.CRITICAL, resolved_at=NOW)]
    assert report_of(of_rows(backup(at=ago(hours=1))), findings=known).health is Health.HEALTHY


def test_an_unknown_index_makes_the_project_unknown_unless_it_is_worse() -> None:
    """U1: unknown is not healthy."""
    blind = of_rows(problem="503")
    assert report_of(blind, findings=[]).health is Health.UNKNOWN
    assert report_of(blind, findings=[finding(Severity.WARNING)]).health is Health.UNKNOWN
    assert report_of(blind, findings=[finding(Severity.ERROR)]).health is Health.FAILING


def headline(*indexes: IndexFacts, findings: Sequence[Finding] = ()) -> str:
    return report_of(project_facts(None, *indexes), findings=list(findings)).headline


def test_the_headline_names_who_has_no_recent_good_backup() -> None:
    late: dict[str, Any] = {"first_seen": ago(days=9)}
    assert headline(index_facts(**late)) == "docs has no recent good backup."
    three = [index_facts(name=name, **late) for name in ("a", "b", "c")]
    assert headline(*three) == "a and 2 more have no recent good backup."


def test_the_headline_counts_what_needs_action() -> None:
    assert headline(findings=[finding(Severity.ERROR)]) == "1 finding needs action."
    two = [finding(Severity.ERROR), finding(Severity.CRITICAL)]
    assert headline(findings=two) == "2 findings need action."


def test_the_headline_says_that_all_is_well() -> None:
    good = inventory([backup(at=ago(hours=1))])
    calm = report_of(project_facts(good, index_facts(good))).headline
    assert calm == "All 1 index under a policy are protected."
    assert headline() == "No index is under a policy."


def test_the_headline_says_how_many_are_protected_and_what_to_look_at() -> None:
    young = index_facts(first_seen=NOW)
    said = headline(young, findings=[finding(Severity.WARNING)])
    assert said == "0 of 1 index under a policy protected; 1 thing to look at."


def test_the_headline_says_who_could_not_be_read() -> None:
    blind = [index_facts(name=name, problem="503") for name in ("a", "b")]
    assert headline(*blind) == "2 indexes could not be read."


# Indexes


@pytest.mark.parametrize(
    ("facts", "protection", "reason"),
    [
        ({}, Protection.OVERDUE, "No good backup, 100 days after"),
        ({"first_seen": ago(hours=1)}, Protection.WAITING, "No good backup, 1 hour after"),
        ({"policy": None}, Protection.UNPROTECTED, "No policy is assigned"),
        (
            {"policy": None, "by": AssignedBy.UNKNOWN_TAG},
            Protection.UNPROTECTED,
            "names a policy that does not exist",
        ),
        ({"policy": None, "by": AssignedBy.OPT_OUT}, Protection.OPTED_OUT, "on purpose"),
        ({"kind": IndexKind.POD}, Protection.UNSUPPORTED, "it is a pod index"),
        ({"problem": "503"}, Protection.UNKNOWN, "could not be read: 503"),
    ],
)
def test_each_index_says_how_it_stands_and_why(
    facts: dict[str, Any], protection: Protection, reason: str
) -> None:
    (index,) = report_of(project_facts(None, index_facts(**facts))).indexes
    assert index.protection is protection
    assert reason in index.reason


def test_an_index_names_what_to_restore_from() -> None:
    rows = [backup("old", at=ago(hours=30)), backup("new", at=ago(hours=3), records=77)]
    (index,) = report_of(of_rows(*rows)).indexes
    assert index.restore_from is not None
    assert index.restore_from.backup_id == "new"
    assert index.restore_from.age_seconds == 3 * 3600
    assert index.restore_from.record_count == 77
    assert index.restore_from.verified
    assert index.age_seconds == 3 * 3600
    assert "3 hours old; 26 hours are allowed" in index.reason


def test_a_backup_without_a_count_is_good_and_not_verified() -> None:
    """G1: no count = unverified, counts as good."""
    row = backup(at=ago(hours=1), records=None)
    facts = of_rows(row, records=[record_of(row, verdict=Verdict.UNVERIFIED)])
    (index,) = report_of(facts).indexes
    assert index.restore_from is not None
    assert not index.restore_from.verified


def test_an_overdue_index_still_names_what_to_restore_from() -> None:
    (index,) = report_of(of_rows(backup(at=ago(days=3)))).indexes
    assert index.protection is Protection.OVERDUE
    assert index.restore_from is not None
    assert "3 days old; only 26 hours are allowed" in index.reason


def test_an_index_that_cannot_be_read_names_what_was_known() -> None:
    (index,) = report_of(of_rows(backup(at=ago(hours=1)), problem="503")).indexes
    assert index.protection is Protection.UNKNOWN
    assert index.restore_from is not None


def test_an_empty_index_says_that_there_is_nothing_to_restore() -> None:
    """G2."""
    row = backup(at=ago(hours=2), records=0)
    records = [record_of(row, verdict=Verdict.SUSPECT, reason=EMPTY_AS_INDEX)]
    (index,) = report_of(of_rows(row, records=records)).indexes
    assert index.protection is Protection.PROTECTED
    assert index.restore_from is None
    assert "holds no record" in index.reason


def test_the_next_slot_is_that_of_the_policy() -> None:
    """C1: with the index's jitter a slot is not due before it has passed."""
    (index,) = report_of(of_rows()).indexes
    assert index.next_slot == NOW.replace(day=23, hour=3)
    (native,) = report_of(project_facts(None, index_facts(policy=NATIVE_POLICY))).indexes
    assert native.next_slot is None


def test_an_index_counts_its_backups_by_worth() -> None:
    rows = [
        backup("a", at=ago(hours=1)),
        backup("b", at=ago(hours=2)),
        backup("c", at=ago(hours=3), status=Status.FAILED, records=None),
    ]
    earlier = backup("d", index_id="id-0", at=ago(days=9))
    (index,) = report_of(of_rows(*rows, earlier)).indexes
    assert index.counts == {"good": 2, "failed": 1}
    assert index.size_bytes == 2 * 1000 * 6144
    assert index.earlier_backups == 1
    assert index.incarnation == ID


def test_the_worst_indexes_come_first() -> None:
    held = inventory([backup(at=ago(hours=1), index="fine", index_id="id-fine")])
    indexes = [
        index_facts(name="opted", policy=None, by=AssignedBy.OPT_OUT),
        index_facts(held, name="fine", index_id="id-fine"),
        index_facts(name="blind", problem="503"),
        index_facts(name="late"),
        index_facts(name="young", first_seen=NOW),
        index_facts(name="bare", policy=None),
    ]
    report = report_of(project_facts(held, *indexes))
    names = [index.name for index in report.indexes]
    assert names == ["late", "blind", "bare", "young", "fine", "opted"]


# Timelines


def test_each_backup_lies_in_the_finest_tier_that_keeps_it() -> None:
    """K3: seven daily ones, then four weekly ones."""
    rows = [backup(f"b-{n:02}", at=ago(days=n)) for n in range(30)]
    (index,) = report_of(of_rows(*rows)).indexes
    tiers = [point.tier for point in index.backups]
    assert tiers[:7] == ["daily"] * 7
    assert set(tiers[7:]) == {"", "weekly"}
    assert [point.goes for point in index.backups] == [
        number > 0 and not tier for number, tier in enumerate(tiers)
    ]


def _period(period: str, **more: bool) -> Reason:
    return Reason.of(ReasonKind.PERIOD, period=period, **more)


@pytest.mark.parametrize(
    ("reasons", "tier"),
    [
        ([_period("monthly"), _period("yearly")], "monthly"),
        ([Reason.of(ReasonKind.LAST), _period("daily"), _period("weekly")], "daily"),
        ([_period("yearly", oldest=True)], "yearly"),
        ([Reason.of(ReasonKind.WITHIN_PERIOD, period="hourly", duration="2d")], "hourly"),
        ([Reason.of(ReasonKind.WITHIN, duration="7d"), Reason.of(ReasonKind.FLOOR, floor=2)], ""),
        ([Reason.of(ReasonKind.HELD, placed_by="ann", reason="until the yearly audit")], ""),
        ([], ""),
    ],
)
def test_the_tier_is_a_value_of_the_reasons_and_no_word_in_them(
    reasons: list[Reason], tier: str
) -> None:
    """K6: what a person wrote about a hold is no tier."""
    assert tier_of(reasons) == tier


def test_a_held_backup_is_marked_by_its_own_hold_and_by_its_indexs() -> None:
    rows = [backup("a", at=ago(hours=1)), backup("b", at=ago(hours=2))]

    def held(*holds: Hold) -> list[bool]:
        (index,) = report_of(of_rows(*rows, holds=holds)).indexes
        return [point.held for point in index.backups]

    assert held() == [False, False]
    assert held(hold("b")) == [False, True]
    assert held(hold(NAME, scope=HoldScope.INDEX)) == [True, True]
    assert held(hold("b", expires_at=NOW)) == [False, False]
    assert held(hold(NAME)) == [False, False]


# The project


def test_the_totals_count_the_project() -> None:
    rows = [
        backup("a", at=ago(hours=1)),
        backup("b", at=ago(hours=30), index="notes", index_id="id-notes"),
        backup("c", at=ago(hours=3), status=Status.FAILED, records=None),
    ]
    held = inventory(rows)
    facts = project_facts(
        held,
        index_facts(held),
        index_facts(held, name="notes", index_id="id-notes"),
        index_facts(name="bare", policy=None),
        index_facts(name="blind", problem="503"),
        index_facts(name="opted", policy=None, by=AssignedBy.OPT_OUT),
    )
    totals = report_of(facts).totals
    assert totals is not None
    assert (totals.backups, totals.ready) == (3, 2)
    assert (totals.indexes, totals.under_policy) == (5, 3)
    assert (totals.protected, totals.unprotected) == (1, 3)
    assert totals.newest_good_age_max_seconds == 30 * 3600
    assert totals.size_bytes == 2 * 1000 * 6144


def test_without_a_policy_there_is_no_age_to_tell() -> None:
    totals = report_of(project_facts(None, index_facts(policy=None))).totals
    assert totals is not None
    assert totals.newest_good_age_max_seconds is None


def test_the_quota_is_shown_with_its_forecast() -> None:
    quota = report_of(of_rows(backup(at=ago(hours=1)))).quota
    assert quota is not None
    assert (quota.used, quota.limit, quota.percent) == (1, 500, 0.2)
    assert quota.points[0].at == NOW
    assert quota.explained.endswith(".")


def test_the_quota_says_how_many_were_made_by_hand_and_how_many_stay_for_ever() -> None:
    """D8."""
    quota = report_of(
        of_rows(
            backup("h-1", policy=None),
            backup("h-2", policy=None, expires_at=ago(days=-9)),
            backup("p-1"),
            backup("x-1", owner=None),
        )
    ).quota
    assert quota is not None
    assert (quota.by_hand, quota.by_hand_for_ever) == (2, 1)


def test_indexes_of_one_state_come_by_name() -> None:
    report = report_of(project_facts(None, *(index_facts(name=name) for name in "cab")))
    assert [index.name for index in report.indexes] == ["a", "b", "c"]


def test_findings_come_worst_first_and_oldest_first() -> None:
    known = [
        finding(Severity.WARNING, finding_id="w"),
        finding(Severity.CRITICAL, finding_id="new"),
        finding(Severity.CRITICAL, finding_id="old", opened=ago(days=1)),
    ]
    lines = report_of(of_rows(), findings=known).findings
    assert [line.finding_id for line in lines] == ["old", "new", "w"]


def test_a_finding_is_new_when_it_opened_after_the_last_report() -> None:
    before = report_of(of_rows(), findings=[]).model_copy(update={"at": ago(hours=1)})
    known = [
        finding(Severity.ERROR, finding_id="a", opened=ago(hours=1)),
        finding(Severity.ERROR, finding_id="b", opened=ago(minutes=59)),
    ]
    lines = report_of(of_rows(), findings=known, previous=before).findings
    assert {line.finding_id: line.new for line in lines} == {"a": False, "b": True}
    first = report_of(of_rows(), findings=known).findings
    assert not any(line.new for line in first)


def test_what_resolved_since_the_last_report_is_listed() -> None:
    before = report_of(of_rows(), findings=[]).model_copy(update={"at": ago(hours=1)})
    known = [
        finding(Severity.ERROR, finding_id="a", resolved_at=ago(hours=1)),
        finding(Severity.ERROR, finding_id="b", resolved_at=ago(minutes=59)),
    ]
    later = report_of(of_rows(), findings=known, previous=before)
    assert [line.finding_id for line in later.resolved] == ["b"]
    assert later.findings == ()
    assert (later.previous_run_id, later.previous_at) == (before.run_id, before.at)
    first = report_of(of_rows(), findings=known)
    assert len(first.resolved) == 2
    assert first.previous_run_id is None


def test_orphans_and_native_schedules_are_listed() -> None:
    orphans = [
        backup("o1", at=ago(days=9), index="old", index_id="id-old", deleted_at=ago(days=2)),
        backup("o2", at=ago(days=8), index="old", index_id="id-old", deleted_at=ago(days=2)),
    ]
    held = inventory([*orphans, backup(at=ago(hours=1))])
    facts = project_facts(held, index_facts(held, schedules=[schedule()]))
    report = report_of(facts)
    (orphan,) = report.orphans
    assert (orphan.index, orphan.backups, orphan.newest_good) == ("old", 2, "o2")
    (line,) = report.schedules
    assert (line.index, line.name, line.enabled) == (NAME, "nightly", True)


def test_an_orphan_without_a_good_backup_says_so() -> None:
    row = backup(index="old", index_id="x", status=Status.FAILED, deleted_at=ago(days=2))
    (orphan,) = report_of(project_facts(inventory([row]))).orphans
    assert orphan.newest_good is None


def test_holds_are_listed_until_they_are_released() -> None:
    holds = [hold(), replace(hold(expires_at=NOW), hold_id="h-2"), hold(released_at=NOW)]
    lines = report_of(of_rows(backup(at=ago(hours=1)), holds=holds)).holds
    assert [(line.hold_id, line.active) for line in lines] == [("h-1", True), ("h-2", False)]


def test_only_unfinished_restores_are_listed() -> None:
    def job(job_id: str, status: str) -> RestoreJob:
        return RestoreJob(job_id, "b-1", "docs-restored", "id-9", status, NOW)

    jobs = [job("r-1", "Pending"), job("r-2", "Completed"), job("r-3", "Pondering")]
    lines = report_of(of_rows(), restores=jobs).restores
    assert [line.job_id for line in lines] == ["r-1", "r-3"]


def test_the_last_runs_are_named() -> None:
    run = Run("r-1", RunKind.PRUNE, TriggerKind.SCHEDULE, "ann", RunState.STOPPED, NOW, NOW)
    (line,) = report_of(of_rows(), runs=[run]).runs
    assert (line.run_id, line.kind, line.state, line.actor) == ("r-1", "prune", "stopped", "ann")


def test_deletions_are_shown_as_the_ledger_has_them() -> None:
    deletion = DeletionRecord(
        "a",
        "docs",
        "i-1",
        DeletionState.ACCEPTED,
        ago(days=1),
        "prune-1",
        "schedule",
        size_bytes=7,
        reasons=(Reason.of(ReasonKind.NOT_KEPT, policy="gold"),),
        good_left="b",
    )
    (line,) = report_of(of_rows(), deletions=[deletion]).deletions
    assert (line.backup_id, line.run_id, line.size_bytes) == ("a", "prune-1", 7)
    assert line.reasons == ("no rule of policy gold keeps it",)
    assert line.good_left == "b"


def test_a_deletion_of_an_earlier_report_that_the_ledger_does_not_have_is_not_shown() -> None:
    """The ledger is the history; reports only show it."""
    deletion = DeletionRecord(
        "a", "docs", "i-1", DeletionState.ACCEPTED, NOW, "prune-1", "schedule"
    )
    before = report_of(of_rows(), deletions=[deletion])
    assert not report_of(of_rows(), previous=before).deletions


def test_a_gap_makes_the_evidence_incomplete() -> None:
    """U1."""
    assert report_of(of_rows()).complete
    gap = Gap(subject="docs", reason="503")
    report = report_of(of_rows(), gaps=[gap])
    assert not report.complete
    assert report.gaps == (gap,)


# Reports of what could not be read


def test_an_unreadable_project_is_unknown_and_names_what_was_last_known() -> None:
    """U1."""
    before = report_of(of_rows(backup(at=ago(hours=3)))).model_copy(update={"at": ago(hours=1)})
    report = build_unknown_report(material(previous=before), "401")
    assert report.health is Health.UNKNOWN
    assert not report.complete
    assert report.gaps == (Gap(subject="main", reason="401"),)
    (known,) = report.last_known
    assert (known.index, known.backup_id, known.seen_at) == (NAME, "b-1", ago(hours=1))


def test_what_was_last_known_survives_a_second_unreadable_audit() -> None:
    before = report_of(of_rows(backup(at=ago(hours=3))))
    first = build_unknown_report(material(previous=before), "401")
    second = build_unknown_report(material(previous=first), "401")
    assert second.last_known == first.last_known
    assert len(second.last_known) == 1


def test_an_unreadable_project_without_a_past_knows_nothing() -> None:
    assert build_unknown_report(material(), "401").last_known == ()


def test_a_report_reads_back_as_it_was_written() -> None:
    rows = [backup(f"b-{n}", at=ago(days=n)) for n in range(9)]
    held = inventory(rows)
    report = report_of(project_facts(held, index_facts(held, schedules=[schedule()])))
    assert Report.from_json(report.to_json()) == report
    assert b'"report_version": 1' in report.to_json()


def test_a_report_of_another_version_is_not_read() -> None:
    text = report_of(of_rows()).to_json().replace(b'"report_version": 1', b'"report_version": 2')
    with pytest.raises(ValueError, match="report_version"):
        Report.from_json(text)
