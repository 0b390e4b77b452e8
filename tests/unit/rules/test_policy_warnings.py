"""Warnings: what is valid in a policy document and probably not meant."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import Index, IndexKind
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.rules.policy_warnings import (
    CREATE_TICK,
    KnownProject,
    PolicyWarning,
    WarningCode,
    warnings,
)
from pinecone_backup.rules.steady import PRUNE_EVERY, steady_count
from tests.support.template import resolved_template

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = Path(__file__).with_name("warnings.txt")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POLICY: dict[str, Any] = {
    "name": "gold",
    "cron": "0 2 * * *",
    "retention": {"keep_last": 3},
    "max_age": "26h",
}


def document(*policies: dict[str, Any], **parts: Any) -> PolicyDocument:
    """Policies as they differ from a plain one; the first goes to every index."""
    return validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [
                {key: value for key, value in (POLICY | policy).items() if value is not None}
                for policy in policies or [{}]
            ],
            "assignments": [{"policy": "gold"}],
            **parts,
        }
    )


def found(
    code: WarningCode, read: PolicyDocument, known: KnownProject | None = None
) -> list[PolicyWarning]:
    return [each for each in warnings(read, now=NOW, known=known) if each.code is code]


def paths(code: WarningCode, read: PolicyDocument, known: KnownProject | None = None) -> list[str]:
    return [each.path for each in found(code, read, known)]


def project(**tags: dict[str, str]) -> KnownProject:
    indexes = [
        Index(name, IndexKind.SERVERLESS, "Ready", ready=True, tags=tags[name]) for name in tags
    ]
    return KnownProject("main", indexes)


def test_an_ordinary_document_has_no_warnings() -> None:
    assert warnings(document(), now=NOW) == []


def test_a_warning_says_what_will_come_of_it_and_what_to_do() -> None:
    (warning,) = warnings(document({"max_age": "1d"}), now=NOW)
    assert warning == PolicyWarning(
        WarningCode.MAX_AGE_BELOW_GAP,
        "policies.0.max_age",
        {"policy": "gold", "max_age": "1 day", "gap": "1 day"},
        "Two backups are up to 1 day apart, and after 1 day the index is overdue: it will be "
        "every time.",
        "Give more than 1 day, and the time that a backup takes, or make backups more often.",
    )


@pytest.mark.parametrize(
    "policy",
    [
        {"stuck_after": "1m"},
        {"max_age": "1h"},
        {"cron": "* * * * *", "retention": {"keep_last": -1}},
        {"retention": {"keep_within": "1h"}},
        {"cron": "0 */24 * * *", "timezone": "America/Havana"},
        {"paused_until": "2026-01-01"},
        {"restore_test": {"every": "7d", "timeout": "1m"}},
        {"name": "silver"},
    ],
)
def test_every_warning_has_a_path_sentences_and_figures(policy: dict[str, Any]) -> None:
    said = warnings(document(policy, assignments=[{"policy": "none"}]), now=NOW)
    assert WarningCode.UNREACHABLE_POLICY in [warning.code for warning in said]
    for warning in said:
        assert warning.path.startswith("policies.0")
        assert warning.sentence.endswith(".")
        assert warning.action.endswith(".")
        assert warning.parameters["policy"] == policy.get("name", "gold")


# Assignments


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({}, {"index": "prod-*"}),
        ({}, {"project": "main"}),
        ({}, {"tags": {"env": "prod"}}),
        ({"index": "*"}, {}),
        ({"index": "**"}, {"index": "a?"}),
        ({"index": "prod-*"}, {"index": "prod-*"}),
        ({"index": "prod-*"}, {"index": "prod-eu"}),
        ({"index": "prod-*"}, {"index": "prod-eu-*"}),
        ({"index": "*-eu"}, {"index": "prod-[a-c]?-eu"}),
        ({"index": "[ab]*"}, {"index": "[ab]*", "project": "main"}),
        ({"project": "main"}, {"project": "main", "index": "a"}),
        ({"tags": {"env": "*"}}, {"tags": {"env": "prod", "tier": "1"}}),
        ({"tags": {"env": "p*"}}, {"tags": {"env": "prod*"}}),
        ({"tags": {"team": "EX*"}}, {"tags": {"team": "EXTRA"}}),
    ],
)
def test_an_assignment_that_an_earlier_one_covers_never_decides(
    first: dict[str, Any], later: dict[str, Any]
) -> None:
    """I3: the first match wins."""
    read = document(assignments=[{"policy": "gold"} | first, {"policy": "none"} | later])
    (warning,) = found(WarningCode.SHADOWED_ASSIGNMENT, read)
    assert warning.path == "assignments.1"
    assert warning.parameters == {"policy": "none", "by": "assignments.0"}


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"index": "prod-*"}, {}),
        ({"index": "prod-*"}, {"index": "*"}),
        ({"index": "prod-eu-*"}, {"index": "prod-*"}),
        ({"index": "?"}, {"index": "a"}),
        ({"index": "[ab]"}, {"index": "a"}),
        ({"index": "*-*"}, {"index": "[a-c]x"}),
        ({"index": "*a*"}, {"index": "[abc]"}),
        ({"index": "*]"}, {"index": "[a]"}),
        ({"project": "main"}, {}),
        ({"project": "main"}, {"project": "other"}),
        ({"tags": {"env": "prod"}}, {"tags": {"env": "*"}}),
        ({"tags": {"env": "prod"}}, {"tags": {"tier": "prod"}}),
        ({"tags": {"env": "*", "tier": "*"}}, {"tags": {"env": "prod"}}),
        ({"tags": {"team": "*X*"}}, {"tags": {"team": "[AB]"}}),
    ],
)
def test_an_assignment_that_may_decide_is_not_called_shadowed(
    first: dict[str, Any], later: dict[str, Any]
) -> None:
    read = document(
        projects=[{"name": "main"}, {"name": "other"}],
        assignments=[{"policy": "gold"} | first, {"policy": "none"} | later],
    )
    assert found(WarningCode.SHADOWED_ASSIGNMENT, read) == []


def test_what_shadows_is_named_by_the_first_that_decides() -> None:
    assignments = [{"policy": "gold"}, {"policy": "none"}, {"policy": "none", "index": "a"}]
    said = found(WarningCode.SHADOWED_ASSIGNMENT, document(assignments=assignments))
    assert [(each.path, each.parameters["by"]) for each in said] == [
        ("assignments.1", "assignments.0"),
        ("assignments.2", "assignments.0"),
    ]


def test_a_policy_to_which_only_a_tag_could_lead_is_named() -> None:
    read = document({}, {"name": "silver"}, {"name": "bronze"})
    said = found(WarningCode.UNREACHABLE_POLICY, read)
    assert [(each.path, each.parameters) for each in said] == [
        ("policies.1", {"policy": "silver"}),
        ("policies.2", {"policy": "bronze"}),
    ]


def test_a_policy_is_not_reached_by_an_assignment_that_never_decides() -> None:
    assignments = [{"policy": "gold"}, {"policy": "silver", "index": "a*"}]
    read = document({}, {"name": "silver"}, assignments=assignments)
    assert paths(WarningCode.UNREACHABLE_POLICY, read) == ["policies.1"]


def test_where_the_indexes_are_known_a_tag_reaches_its_policy() -> None:
    read = document({}, {"name": "silver"}, {"name": "bronze"})
    known = project(docs={"backup-policy": "silver"}, users={})
    (warning,) = found(WarningCode.UNREACHABLE_POLICY, read, known)
    assert warning.path == "policies.2"
    assert "no index of project main has that tag" in warning.sentence


# Schedules


@pytest.mark.parametrize(
    ("cron", "max_age", "warned"),
    [
        ("0 2 * * *", "24h", True),
        ("0 2 * * *", "24h1m", False),
        ("0 */6 * * *", "6h", True),
        ("0 */6 * * *", "6h1m", False),
        ("0 8,20 * * *", "12h1m", False),
        ("0 8,18 * * *", "14h", True),
        ("0 2 * * SUN", "7d", True),
        ("0 2 * * SUN", "7d1m", False),
        ("0 9-17 * * MON-FRI", "2d16h", True),
        ("0 9-17 * * MON-FRI", "2d16h1m", False),
        ("0 2 1 * *", "31d", True),
        ("0 2 1 * *", "31d1m", False),
        ("0 0 29 2 *", "1461d", True),
    ],
)
def test_max_age_must_be_longer_than_the_longest_gap(cron: str, max_age: str, warned: bool) -> None:
    said = paths(WarningCode.MAX_AGE_BELOW_GAP, document({"cron": cron, "max_age": max_age}))
    assert said == ["policies.0.max_age"] * warned


def test_the_longest_gap_holds_the_hour_that_a_zone_repeats() -> None:
    """Berlin's longest day has 25 hours."""
    for max_age, warned in (("25h", True), ("25h1m", False)):
        read = document({"timezone": "Europe/Berlin", "max_age": max_age})
        assert bool(found(WarningCode.MAX_AGE_BELOW_GAP, read)) is warned


@pytest.mark.parametrize(
    ("frequency", "max_age", "warned"),
    [("daily", "24h", True), ("daily", "25h", False), ("monthly", "31d", True)],
)
def test_a_native_schedule_has_gaps_too(frequency: str, max_age: str, warned: bool) -> None:
    native = {"frequency": frequency, "expire_after_days": 90}
    read = document({"cron": None, "native_schedule": native, "max_age": max_age})
    assert bool(found(WarningCode.MAX_AGE_BELOW_GAP, read)) is warned


@pytest.mark.parametrize(
    ("retention", "warned"),
    [
        ({"keep_within": "7d"}, True),
        ({"keep_within": "7d1h"}, False),
        ({"keep_within_daily": "2d", "keep_within_monthly": "3d"}, True),
        ({"keep_within_daily": "2d", "keep_within_monthly": "9d"}, False),
        ({"keep_within": "2d", "keep_last": 2}, False),
        ({"keep_within": "2d", "keep_monthly": -1}, False),
        ({"expire_after_days": 7}, True),
        ({"expire_after_days": 8}, False),
        ({"expire_after_days": 7, "min_count": 2}, False),
        ({"max_count": 2}, False),
    ],
)
def test_a_retention_by_time_must_reach_over_the_gap(
    retention: dict[str, Any], warned: bool
) -> None:
    """K4, K7: a weekly policy."""
    read = document({"cron": "0 2 * * SUN", "max_age": "8d", "retention": retention})
    assert paths(WarningCode.RETENTION_BELOW_GAP, read) == ["policies.0.retention"] * warned


def test_how_far_a_retention_reaches_is_counted_in_the_policys_zone() -> None:
    """K4: the day of October on which Berlin's clocks go back has an hour more."""
    read = document(
        {
            "cron": "0 2 * * SUN",
            "timezone": "Europe/Berlin",
            "max_age": "8d",
            "retention": {"keep_within": "6d"},
        }
    )
    said = warnings(read, now=datetime(2026, 10, 26, 12, tzinfo=UTC))
    assert [(each.code, each.parameters["reach"]) for each in said] == [
        (WarningCode.RETENTION_BELOW_GAP, "6 days 1 hour")
    ]


@pytest.mark.parametrize(
    ("cron", "warned"), [("*/14 * * * *", True), ("*/15 * * * *", False), ("0,14 3 * * *", True)]
)
def test_a_cron_must_not_be_faster_than_the_tick(cron: str, warned: bool) -> None:
    read = document({"cron": cron})
    assert paths(WarningCode.CRON_BELOW_TICK, read) == ["policies.0.cron"] * warned


def test_the_tick_and_the_prune_are_those_of_the_template() -> None:
    minutes = CREATE_TICK // timedelta(minutes=1)
    hours = PRUNE_EVERY // timedelta(hours=1)
    parameters = resolved_template()["Parameters"]
    assert parameters["CreateSchedule"]["Default"] == f"rate({minutes} minutes)"
    assert parameters["PruneSchedule"]["Default"].split()[1] == f"3/{hours}"


@pytest.mark.parametrize(("stuck_after", "warned"), [("59m", True), ("1h", False)])
def test_a_backup_is_given_an_hour_before_it_is_stuck(stuck_after: str, warned: bool) -> None:
    read = document({"stuck_after": stuck_after})
    assert paths(WarningCode.STUCK_TOO_SOON, read) == ["policies.0.stuck_after"] * warned


@pytest.mark.parametrize(
    ("cron", "timezone", "day"),
    [
        ("0 */24 * * *", "America/Havana", "2027-03-14"),
        ("30 */24 * * SUN", "America/Havana", "2027-03-14"),
        ("0 */24 * * MON", "America/Havana", None),
        ("0 0 * * *", "America/Havana", None),
        ("0 */23 * * *", "America/Havana", None),
        ("0 * * * *", "America/Havana", None),
        ("0 */24 * * *", "Europe/Berlin", None),
        ("0 */24 * * *", "UTC", None),
    ],
)
def test_an_hour_field_must_not_lose_a_day_to_a_change_of_clocks(
    cron: str, timezone: str, day: str | None
) -> None:
    """C1: Havana's summer time begins at midnight."""
    said = found(WarningCode.SKIPPED_DAY, document({"cron": cron, "timezone": timezone}))
    assert [(each.path, each.parameters["day"]) for each in said] == (
        [("policies.0.cron", day)] if day else []
    )


# Pauses


def test_a_pause_that_is_over_is_named_where_it_stands() -> None:
    """C6"""
    read = document(
        {"paused_until": "2026-11-22"},
        assignments=[{"policy": "gold", "paused_until": "2026-11-23"}, {"policy": "none"}],
    )
    assert paths(WarningCode.PAUSE_OVER, read) == ["policies.0.paused_until"]
    read = document(assignments=[{"policy": "gold", "paused_until": "2026-11-22"}])
    assert paths(WarningCode.PAUSE_OVER, read) == ["assignments.0.paused_until"]


@pytest.mark.parametrize(
    ("timezone", "begins_at"),
    [
        ("UTC", datetime(2026, 11, 22, tzinfo=UTC)),
        ("Pacific/Auckland", datetime(2026, 11, 21, 11, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 22, 5, tzinfo=UTC)),
    ],
)
def test_a_pause_is_over_when_its_day_begins_in_the_policys_zone(
    timezone: str, begins_at: datetime
) -> None:
    """C6."""
    read = document({"paused_until": "2026-11-22", "timezone": timezone})
    for now, over in ((begins_at - timedelta(seconds=1), []), (begins_at, ["pause-over"])):
        assert [each.code for each in warnings(read, now=now)] == over


# Restore tests


def test_what_a_native_schedule_makes_is_compared_by_counts_only() -> None:
    """No create run of ours looks at the index while Pinecone's own schedule makes the backup."""
    native = {"cron": None, "native_schedule": {"frequency": "daily", "expire_after_days": 7}}
    for depth, warned in {"counts": False, "sample": True, "queries": True}.items():
        test = {"every": "7d", "depth": depth}
        assert paths(WarningCode.COUNTS_ONLY, document({"restore_test": test})) == []
        read = document({**native, "max_age": "49h", "restore_test": test})
        assert paths(WarningCode.COUNTS_ONLY, read) == ["policies.0.restore_test.depth"] * warned


@pytest.mark.parametrize(("timeout", "warned"), [("59m", True), ("1h", False)])
def test_a_restore_test_is_given_an_hour_before_it_times_out(timeout: str, warned: bool) -> None:
    read = document({"restore_test": {"every": "7d", "timeout": timeout}})
    assert paths(WarningCode.TEST_TOO_SHORT, read) == ["policies.0.restore_test.timeout"] * warned


# The long run


@pytest.mark.parametrize(
    ("policy", "quota", "count"),
    [
        ({"retention": {"keep_last": 3}}, 2, 3),
        ({"retention": {"keep_last": 3}}, 3, None),
        ({"retention": {"keep_last": -1}}, 10_000, "unbounded"),
        ({"retention": {"keep_daily": 3, "keep_hourly": -1}}, 500, "unbounded"),
        ({"retention": {"keep_within": "100y"}}, 500, "unbounded"),
        ({"retention": {"keep_daily": 3, "keep_yearly": -1}}, 500, None),
        ({"retention": {"keep_daily": 3, "keep_within_monthly": "50y"}}, 500, None),
        ({"cron": "0 * * * *", "retention": {"expire_after_days": 30}}, 500, 721),
        ({"cron": "* * * * *", "retention": {"expire_after_days": 90}}, 500, "unbounded"),
    ],
)
def test_what_one_index_comes_to_hold_must_fit_into_a_quota(
    policy: dict[str, Any], quota: int, count: int | str | None
) -> None:
    read = document(policy, projects=[{"name": "small", "quota": 1}, {"name": "b", "quota": quota}])
    said = found(WarningCode.BEYOND_QUOTA, read)
    assert [(each.path, each.parameters["count"], each.parameters["quota"]) for each in said] == (
        [] if count is None else [("policies.0.retention", count, quota)]
    )


def test_all_indexes_of_a_known_project_must_fit_into_its_quota() -> None:
    """Twenty of one policy and two of another."""
    many: dict[str, dict[str, str]] = {f"i{number}": {} for number in range(20)}
    tagged: dict[str, dict[str, str]] = {f"s{n}": {"backup-policy": "silver"} for n in range(2)}
    known = project(**many, **tagged)
    policies: list[dict[str, Any]] = [{}, {"name": "silver", "retention": {"keep_last": 7}}]
    for quota, warned in ((73, True), (74, False)):
        projects = [{"name": "other", "quota": 500}, {"name": "main", "quota": quota}]
        said = found(WarningCode.BEYOND_QUOTA, document(*policies, projects=projects), known)
        assert [each.path for each in said] == ["projects.1.quota"] * warned
    read = document(*policies, projects=[{"name": "main", "quota": 73}])
    (warning,) = found(WarningCode.BEYOND_QUOTA, read, known)
    assert warning.parameters == {
        "project": "main",
        "count": 74,
        "quota": 73,
        "policy": "gold",
        "indexes": 20,
    }
    assert "60 are of the 20 indexes of policy gold" in warning.sentence


@pytest.mark.parametrize(
    ("assignments", "count"),
    [
        ([{"policy": "gold", "project": "main"}], 9),
        ([{"policy": "gold", "project": "other"}], None),
        ([{"policy": "gold", "index": "doc*"}, {"policy": "silver", "index": "a"}], 13),
    ],
)
def test_each_index_counts_by_the_policy_that_it_has_in_its_project(
    assignments: list[dict[str, str]], count: int | None
) -> None:
    """I3."""
    policies: list[dict[str, Any]] = [{}, {"name": "silver", "retention": {"keep_last": 7}}]
    projects = [{"name": "main", "quota": 8}, {"name": "other"}]
    read = document(*policies, projects=projects, assignments=assignments)
    said = found(WarningCode.BEYOND_QUOTA, read, project(docs={}, docs2={}, a={}))
    assert [each.parameters["count"] for each in said] == ([] if count is None else [count])


@pytest.mark.parametrize(
    ("of_silver", "keep_last", "most"),
    [
        pytest.param(2, 7, "silver", id="more backups of fewer indexes"),
        pytest.param(1, 8, "gold", id="more backups of more indexes"),
        pytest.param(1, 9, "silver", id="as many"),
    ],
)
def test_the_policy_that_is_named_is_the_one_that_holds_the_most_backups(
    of_silver: int, keep_last: int, most: str
) -> None:
    """Three indexes of the other one hold nine."""
    read = document(
        {},
        {"name": "silver", "retention": {"keep_last": keep_last}},
        projects=[{"name": "main", "quota": 9}],
    )
    tagged = {f"s{number}": {"backup-policy": "silver"} for number in range(of_silver)}
    (warning,) = found(WarningCode.BEYOND_QUOTA, read, project(a={}, b={}, c={}, **tagged))
    assert warning.parameters["policy"] == most


def test_what_grows_without_end_adds_nothing_to_a_projects_sum() -> None:
    """It has a warning of its own."""
    read = document(
        {},
        {"name": "silver", "retention": {"keep_last": -1}},
        projects=[{"name": "main", "quota": 3}],
    )
    known = project(docs={}, users={"backup-policy": "silver"})
    assert paths(WarningCode.BEYOND_QUOTA, read, known) == ["policies.1.retention"]


def test_an_index_that_cannot_be_backed_up_takes_nothing_of_the_quota() -> None:
    pod = Index("pod", IndexKind.POD, "Ready", ready=True)
    read = document(projects=[{"name": "main", "quota": 3}])
    docs = project(docs={}).indexes
    assert not found(WarningCode.BEYOND_QUOTA, read, KnownProject("main", [*docs, pod]))
    assert found(WarningCode.BEYOND_QUOTA, read, project(docs={}, users={}))


@pytest.mark.parametrize(
    ("limit", "allowed"),
    [
        ({"count": 30, "percent": 100}, 30),
        ({"count": 47, "percent": 100}, 47),
        ({"count": 48, "percent": 100}, None),
        ({"count": 100, "percent": 50}, 36),
        ({"count": 100, "percent": 1}, 1),
    ],
)
def test_what_one_prune_deletes_beyond_what_was_made_must_pass_the_limits(
    limit: dict[str, int], allowed: int | None
) -> None:
    """D2: on Mondays the first slot pushes out what a window of three days still held."""
    policy = {"cron": "0 * * * MON-FRI", "retention": {"keep_within": "3d"}, "max_age": "3d"}
    any_run = {"count": 100, "percent": 100}
    read = document(policy, limits={"per_run": any_run, "per_index": limit})
    said = found(WarningCode.BEYOND_LIMITS, read)
    assert [(each.path, each.parameters["allowed"]) for each in said] == (
        [] if allowed is None else [("policies.0.retention", allowed)]
    )
    assert all(each.parameters["excess"] == 48 for each in said)


@pytest.mark.parametrize(("percent", "allowed"), [(65, 47), (66, None), (30, 21)])
def test_a_project_of_indexes_that_each_delete_as_much_must_pass_the_limit_of_a_run(
    percent: int, allowed: int | None
) -> None:
    """D2: of 73 backups 48 go at once, in each of the indexes."""
    policy = {"cron": "0 * * * MON-FRI", "retention": {"keep_within": "3d"}, "max_age": "3d"}
    any_index = {"count": 100, "percent": 100}
    limits = {"per_run": {"count": 100, "percent": percent}, "per_index": any_index}
    said = found(WarningCode.BEYOND_LIMITS, document(policy, limits=limits))
    assert [(each.parameters["setting"], each.parameters["allowed"]) for each in said] == (
        [] if allowed is None else [("limits.per_run", allowed)]
    )


@pytest.mark.parametrize(
    ("cron", "settings"),
    [
        ("0 8-18 * * MON-FRI", ["limits.per_run", "limits.per_index"]),
        ("0 * * * *", []),
        ("0 8 * * *", []),
    ],
    ids=["working hours", "every hour", "every day"],
)
def test_what_expires_while_nothing_is_made_must_pass_the_limits(
    cron: str, settings: list[str]
) -> None:
    """D2: on Saturdays expires what was made on Thursdays."""
    policy = {"cron": cron, "retention": {"expire_after_days": 2}, "max_age": "4d"}
    said = found(WarningCode.BEYOND_LIMITS, document(policy))
    assert [each.parameters["setting"] for each in said] == settings


def test_tiers_that_thin_out_evenly_pass_the_limits() -> None:
    """D2: as many go as come."""
    tiers = {"keep_hourly": 24, "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12}
    limits = {"per_run": {"count": 1, "percent": 1}, "per_index": {"count": 1, "percent": 1}}
    read = document({"cron": "*/15 * * * *", "retention": tiers}, limits=limits)
    assert found(WarningCode.BEYOND_LIMITS, read) == []


def test_prunes_are_played_for_the_first_policies_that_hold_ten_thousand_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """D2: so that no document takes long; one that grows without end is not counted."""
    policy = {"cron": "0 * * * MON-FRI", "retention": {"keep_within": "3d"}, "max_age": "3d"}
    limits = {"per_run": {"count": 1, "percent": 1}, "per_index": {"count": 1, "percent": 1}}
    endless = {"name": "endless", "retention": {"keep_last": -1}}
    alike = [policy | {"name": name} for name in ("gold", "p1", "p2")]
    read = document(endless, *alike, limits=limits)
    two = 2 * (steady_count(read.policies[1], NOW) or 0)
    monkeypatch.setattr("pinecone_backup.rules.policy_warnings.MOST_PLAYED_TOGETHER", two)
    said = found(WarningCode.BEYOND_LIMITS, read)
    assert {each.path for each in said} == {"policies.1.retention", "policies.2.retention"}


# Words


def scenarios() -> Iterator[list[PolicyWarning]]:
    """Documents that make every warning speak, in each of its forms."""
    many = {"keep_hourly": 24, "keep_daily": 31}
    loose = {"count": 100, "percent": 100}
    working = {"cron": "0 8-18 * * MON-FRI", "retention": {"expire_after_days": 2}}
    native = {"frequency": "daily", "expire_after_days": 9}
    for read, known in (
        (document(assignments=[{"policy": "gold"}, {"policy": "gold", "index": "a"}]), None),
        (document(assignments=[{"policy": "none"}, {"policy": "gold", "index": "a"}]), None),
        (document({}, {"name": "silver"}), None),
        (document({}, {"name": "silver"}), project(docs={})),
        (document({"max_age": "1d"}), None),
        (document({"cron": None, "native_schedule": native, "max_age": "1d"}), None),
        (document({"retention": {"keep_within": "1h"}}), None),
        (document({"retention": {"expire_after_days": 1}, "cron": "0 2 * * SUN"}), None),
        (document({"cron": "* * * * *", "max_age": "1h"}), None),
        (document({"stuck_after": "1m"}), None),
        (document({"cron": "0 */24 * * *", "timezone": "America/Havana"}), None),
        (document({"paused_until": "2026-01-01"}), None),
        (
            document({"cron": None, "native_schedule": native, "restore_test": {"every": "7d"}}),
            None,
        ),
        (document({"restore_test": {"every": "7d", "timeout": "1m"}}), None),
        (document({"retention": {"keep_last": -1}}), None),
        (document({"retention": many}, projects=[{"name": "main", "quota": 9}]), None),
        (
            document({"retention": many}, projects=[{"name": "main", "quota": 60}]),
            project(docs={}, users={}),
        ),
        (document(projects=[{"name": "main", "quota": 1}]), project(docs={})),
        (document({**working, "max_age": "4d"}), None),
        (document({**working, "max_age": "4d"}, limits={"per_run": loose}), None),
    ):
        yield warnings(read, now=NOW, known=known)


def rendered(warning: PolicyWarning) -> str:
    """A warning as a person reads it, and what programs get with it."""
    return (
        f"{warning.code} {warning.path}\n"
        f"    {warning.sentence}\n"
        f"    {warning.action}\n"
        f"    {json.dumps(dict(warning.parameters), sort_keys=True)}\n"
    )


def test_every_warning_says_what_will_come_of_it_and_what_to_change() -> None:
    """The file is what people read: change it with the words, and read it as they would."""
    told = "\n".join(rendered(each) for said in scenarios() for each in said)
    assert told == TEXTS.read_text(encoding="utf-8")


def test_the_file_has_every_warning() -> None:
    assert {each.code for said in scenarios() for each in said} == set(WarningCode)
