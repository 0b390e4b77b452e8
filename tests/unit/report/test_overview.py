"""The overview: all projects, the worst first, and nothing unknown called healthy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pinecone_backup.model import Severity
from pinecone_backup.records import Finding
from pinecone_backup.report.build import build_unknown_report
from pinecone_backup.report.html import Deployment
from pinecone_backup.report.model import Health
from pinecone_backup.report.overview import (
    MOST_INDEXES,
    STALE,
    Overview,
    ProjectSummary,
    build_overview,
    summary_of,
)
from pinecone_backup.report.overview_page import render_overview
from pinecone_backup.rules.findings import Control
from tests.support.audits import NOW, ago, backup, index_facts, inventory, project_facts
from tests.support.pages import HOSTILE, read, words_of
from tests.support.reports import material, report_of

DEPLOYMENT = Deployment("backups-prod", "eu-central-1")


def healthy(name: str, **changes: Any) -> ProjectSummary:
    held = inventory([backup(at=ago(hours=1))])
    summary = summary_of(report_of(project_facts(held, index_facts(held))))
    return summary.model_copy(update={"project": name, **changes})


def overdue(name: str, indexes: int = 1) -> ProjectSummary:
    rows = [
        backup(f"b-{n}", at=ago(days=9), index=f"docs-{n:02}", index_id=f"id-{n}")
        for n in range(indexes)
    ]
    held = inventory(rows)
    facts = [index_facts(held, name=f"docs-{n:02}", index_id=f"id-{n}") for n in range(indexes)]
    summary = summary_of(report_of(project_facts(held, *facts)))
    return summary.model_copy(update={"project": name})


def about_the_policy(severity: Severity = Severity.CRITICAL, **changes: Any) -> Finding:
    finding = Finding(
        finding_id="f-1",
        control=Control.POLICY_INVALID,
        subject="(policy)",
        severity=severity,
        title="The policy document is not valid",
        diagnosis="It names a policy twice.",
        action="Correct it.",
        opened_at=ago(hours=2),
        last_seen_at=NOW,
    )
    return replace(finding, **changes)


def overview_of(*summaries: ProjectSummary, findings: tuple[Finding, ...] = ()) -> Overview:
    named = {each.project: each for each in summaries}
    return build_overview("backups-prod", named, now=NOW, findings=findings)


def test_projects_come_worst_first_then_by_name() -> None:
    unread = summary_of(build_unknown_report(material(), "401")).model_copy(
        update={"project": "unread"}
    )
    overview = overview_of(
        healthy("b"), healthy("a"), unread, healthy("watch", health=Health.ATTENTION), overdue("z")
    )
    assert [each.project for each in overview.projects] == ["z", "unread", "watch", "a", "b"]
    assert overview.health is Health.FAILING
    assert overview.headline == (
        "1 project needs action, 1 project is unknown, 1 project has something to look at, z first."
    )


def test_all_healthy_is_said_in_one_sentence() -> None:
    overview = overview_of(healthy("a"), healthy("b"))
    assert (overview.health, overview.headline) == (Health.HEALTHY, "All 2 projects are healthy.")


def test_a_project_without_an_audit_is_unknown() -> None:
    """U1."""
    overview = build_overview("backups-prod", {"new": None}, now=NOW)
    assert overview.health is Health.UNKNOWN
    assert overview.projects[0].headline == "No audit has run yet."


@pytest.mark.parametrize(("late", "health"), [(0, Health.HEALTHY), (1, Health.UNKNOWN)])
def test_an_audit_of_more_than_a_day_ago_says_nothing_about_today(
    late: int, health: Health
) -> None:
    """U1."""
    at = NOW - STALE - timedelta(seconds=late)
    assert overview_of(healthy("a", at=at)).health is health


def test_an_old_failure_stays_a_failure() -> None:
    old = overdue("a").model_copy(update={"at": ago(days=3)})
    assert overview_of(old).health is Health.FAILING


@pytest.mark.parametrize(
    ("severity", "health"),
    [
        (Severity.CRITICAL, Health.FAILING),
        (Severity.WARNING, Health.ATTENTION),
        (Severity.INFO, Health.HEALTHY),
    ],
)
def test_a_finding_about_the_deployment_counts_for_all(severity: Severity, health: Health) -> None:
    overview = overview_of(healthy("a"), findings=(about_the_policy(severity),))
    assert overview.health is health


def test_a_resolved_finding_about_the_deployment_is_over() -> None:
    over = about_the_policy(resolved_at=NOW)
    assert overview_of(healthy("a"), findings=(over,)).findings == ()


def test_a_deployment_without_a_project_is_not_called_healthy() -> None:
    overview = overview_of()
    assert overview.health is Health.UNKNOWN
    assert overview.headline == "The policy document names no project."


def test_a_summary_is_small_however_many_indexes_a_project_has() -> None:
    summary = overdue("a", indexes=40)
    assert (summary.unwell, len(summary.indexes)) == (40, MOST_INDEXES)
    assert len(summary.model_dump_json()) < 12_000


def test_findings_of_one_kind_are_one_problem_with_their_count_and_the_oldests_time() -> None:
    (problem,) = overdue("a", indexes=12).findings
    assert (problem.count, problem.title) == (12, "12 indexes: overdue")
    assert problem.text == "docs-00, docs-01, docs-02 and 9 more"


def test_the_page_is_well_formed_and_shows_what_needs_somebody() -> None:
    overview = overview_of(
        healthy("calm"), overdue("busy", indexes=12), findings=(about_the_policy(),)
    )
    page = render_overview(overview, DEPLOYMENT)
    reader = read(page)
    assert len(reader.ids) == len(set(reader.ids))
    assert 'id="p-busy"' in page
    assert 'id="p-calm"' not in page
    words = words_of(page)
    assert "The policy document is not valid" in words
    assert "And 2 more, in the project's report." in words
    assert "pinecone-backup open --stack backups-prod --region eu-central-1 --project busy" in words


def test_names_from_outside_are_shown_and_never_run() -> None:
    held = inventory([backup(at=ago(days=9), index=HOSTILE)])
    summary = summary_of(report_of(project_facts(held, index_facts(held, name=HOSTILE))))
    reader = read(render_overview(overview_of(summary), DEPLOYMENT))
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
