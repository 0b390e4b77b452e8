"""Whatever a valid document says, however far it goes: nothing that works with it fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.model import PruneMode, RunTime
from pinecone_backup.records import IndexRecord
from pinecone_backup.rules import controls
from pinecone_backup.rules.creation import View, due
from pinecone_backup.rules.forecast import forecast
from pinecone_backup.rules.plan import make_plan
from pinecone_backup.rules.plan_facts import Facts
from pinecone_backup.rules.policy import parse_policy, validate_policy
from pinecone_backup.rules.policy_warnings import KnownProject, warnings
from pinecone_backup.rules.preview import MOST_WORK, preview
from pinecone_backup.rules.projection import Assumptions
from pinecone_backup.rules.steady import steady_count
from tests.support import audits
from tests.support.backups import NOW, backup, index, inventory_of

if TYPE_CHECKING:
    from pinecone_backup.model import Backup
    from pinecone_backup.rules.policy import PolicyDocument

COUNTS = st.sampled_from([-1, 0, 1, 2, 366, 9_999, 10_000])
SOME = st.sampled_from([1, 2, 366, 9_999, 10_000])
DAYS = st.sampled_from([1, 30, 366, 36_524, 36_525])
WINDOWS = st.sampled_from(["1h", "876600h", "36525d", "1200m", "100y", "1y1m1d1h"])
SPANS = st.sampled_from(["1m", "1h", "26h", "36525d", "876600h", "52596000m"])
KEEPS = st.dictionaries(
    st.sampled_from([f"keep_{rule}" for rule in ("last", "hourly", "daily", "weekly", "yearly")]),
    COUNTS,
    max_size=3,
)
WITHINS = st.dictionaries(
    st.sampled_from([f"keep_within{rule}" for rule in ("", "_hourly", "_monthly", "_yearly")]),
    WINDOWS,
    max_size=2,
)
EXPIRIES = st.fixed_dictionaries(
    {"expire_after_days": DAYS}, optional={"min_count": SOME, "max_count": st.just(10_000)}
)
RETENTIONS = st.builds(dict.__or__, KEEPS, WITHINS).filter(lambda keep: any(keep.values()))
CREATES = st.one_of(
    st.sampled_from(["* * * * *", "*/15 * * * *", "0 2 * * *", "0 0 L * *", "0 0 29 2 *"]).map(
        lambda cron: {"cron": cron}
    ),
    st.builds(
        lambda frequency, days: {
            "native_schedule": {"frequency": frequency, "expire_after_days": days}
        },
        st.sampled_from(["daily", "weekly", "monthly"]),
        st.sampled_from([1, 365]),
    ),
)
RESTORE_TESTS = st.fixed_dictionaries(
    {
        "every": st.sampled_from(["1h", "36525d", "* * * * *", "0 0 29 2 *"]),
        "backup": st.just("random"),
        "window_days": DAYS,
        "depth": st.sampled_from(["counts", "queries"]),
        "timeout": SPANS,
        "at_once": SOME,
        "monthly_bytes": st.sampled_from([1, 10**15]),
        "keep_index_for": SPANS,
    }
)
POLICIES = st.builds(
    dict.__or__,
    CREATES,
    st.fixed_dictionaries(
        {
            "name": st.just("standard"),
            "timezone": st.sampled_from(["UTC", "Pacific/Kiritimati", "America/Havana"]),
            "retention": RETENTIONS | EXPIRIES,
            "floor": SOME,
            "max_age": SPANS,
            "stuck_after": SPANS,
            "failed_after": SPANS,
            "priority": st.sampled_from([-10_000, 0, 10_000]),
            "shrink_percent": st.sampled_from([0, 50, 100]),
            "native_satisfies": st.booleans(),
            "paused_until": st.sampled_from([None, "2000-01-01", "2099-12-31"]),
            "restore_test": st.none() | RESTORE_TESTS,
        }
    ),
)
LIMITS = st.fixed_dictionaries({"count": SOME, "percent": st.sampled_from([1, 100])})
DOCUMENTS = st.fixed_dictionaries(
    {
        "projects": st.builds(lambda quota: [{"name": "main", "quota": quota}], SOME),
        "policies": POLICIES.map(lambda policy: [policy]),
        "assignments": st.just([{"policy": "standard", "index": "*" * 200}]),
        "orphans": st.sampled_from([{}, {"after": 30}, {"after": 36_525}]),
        "limits": st.fixed_dictionaries({"per_run": LIMITS, "per_index": LIMITS}),
    }
).map(validate_policy)


def rows() -> list[Backup]:
    """A few backups of an index, as old as can be, and of one that was deleted."""
    ages = (0, 1, 9, 40, 400, 36_525)
    deleted_at = NOW - timedelta(days=40)
    return [
        *(backup(f"b{number}", days_ago=age) for number, age in enumerate(ages)),
        *(
            backup(f"o{n}", days_ago=50 + n, index="old", index_deleted_at=deleted_at)
            for n in range(3)
        ),
    ]


def facts(document: PolicyDocument) -> Facts:
    return Facts("main", inventory_of(rows()), [index()], document, "v1", RunTime(NOW, NOW))


def view(document: PolicyDocument) -> View:
    assigned = document.assigned("main", "docs", {})
    entries = inventory_of(rows()).incarnations["id-of-docs"].entries
    record = IndexRecord("docs", NOW - timedelta(days=36_525), NOW, "id-of-docs")
    return View("main", index(), assigned, record, entries)


@given(DOCUMENTS)
def test_a_document_at_its_bounds_is_written_and_read_again(document: PolicyDocument) -> None:
    assert parse_policy(document.model_dump_json()) == document


@given(DOCUMENTS)
def test_a_plan_can_be_made_at_the_bounds(document: PolicyDocument) -> None:
    """D7, K4: no age lies beyond the calendar."""
    plan = make_plan(facts(document))
    assert len(plan.items) == len(rows())


@given(DOCUMENTS)
def test_creating_is_decided_at_the_bounds(document: PolicyDocument) -> None:
    assert due(view(document), RunTime(NOW, NOW)).reason


@given(DOCUMENTS)
def test_an_audit_judges_at_the_bounds(document: PolicyDocument) -> None:
    policy = document.policies[0]
    held = audits.inventory([audits.backup("b1"), audits.backup("b2", at=audits.ago(days=36_525))])
    seen = audits.index_facts(held, policy=policy)
    project = audits.project_facts(held, seen, orphans=document.orphans)
    assert isinstance(controls.evaluate(project), list)


@settings(max_examples=6)
@given(DOCUMENTS)
def test_the_forecast_ends_at_the_bounds(document: PolicyDocument) -> None:
    """What it holds is bounded by the quota and a week's slots."""
    quota = document.projects[0].quota
    found = forecast(facts(document), quota=quota, mode=PruneMode.ENFORCE)
    assert all(count < quota for _, count in found.points[:-1])


@settings(max_examples=15)
@given(DOCUMENTS)
def test_the_long_run_is_counted_or_left_open_at_the_bounds(document: PolicyDocument) -> None:
    count = steady_count(document.policies[0], NOW)
    assert count is None or count >= 1


@settings(max_examples=6)
@given(DOCUMENTS)
def test_warnings_are_given_at_the_bounds(document: PolicyDocument) -> None:
    found = warnings(document, now=NOW, known=KnownProject("main", [index()]))
    assert all(warning.path.split(".")[0] in ("policies", "projects") for warning in found)


@settings(max_examples=10)
@given(DOCUMENTS)
def test_a_preview_ends_at_the_bounds(document: PolicyDocument) -> None:
    """However much is made: it shows fewer days, and says so."""
    found = preview(facts(document), days=30)
    assert (len(found.days) == 31) == (found.ended == "")
    assert sum(4 * day.count for day in found.days[1:]) <= 4 * MOST_WORK


def test_a_preview_that_ends_early_says_where_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup a minute, none of which goes."""
    document = validate_policy(
        {
            "projects": [{"name": "main", "quota": 10_000}],
            "policies": [
                {
                    "name": "standard",
                    "cron": "* * * * *",
                    "retention": {"keep_last": -1},
                    "max_age": "1h",
                }
            ],
            "assignments": [{"policy": "standard"}],
        }
    )
    many = replace(facts(document), indexes=[index(f"docs-{number}") for number in range(2)])
    monkeypatch.setattr("pinecone_backup.rules.preview.MOST_WORK", 8_693)
    found = preview(many, days=9, assumptions=Assumptions(every=timedelta(days=1)))
    # Two are due at once, and every day has as many slots; four incarnations count as 15 backups
    # on the first day, and 20 on the second, when both new indexes have backups.
    assert [day.count for day in found.days] == [9, 2 * 1440 + 9 + 2, 2 * 2 * 1440 + 9 + 2]
    assert found.ended == (
        "The preview ends after 2 of 9 days: what is made on the next one would make it plan "
        "about more than 8,693 backups"
    )


@pytest.mark.parametrize("days", [0, 1, 4])
def test_a_preview_of_an_ordinary_policy_does_not_end_early(days: int) -> None:
    document = audits.POLICY
    read = validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [document.model_dump(mode="json", exclude_none=True)],
            "assignments": [{"policy": "standard"}],
        }
    )
    found = preview(facts(read), days=days)
    assert (len(found.days), found.ended) == (days + 1, "")
