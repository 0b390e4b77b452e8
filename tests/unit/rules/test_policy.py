import copy
import json
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.model import Depth
from pinecone_backup.rules.duration import Duration
from pinecone_backup.rules.policy import (
    Assigned,
    AssignedBy,
    Assignment,
    BackupChoice,
    ExpiryRetention,
    Frequency,
    KeepRetention,
    Limit,
    NativeScheduleRequest,
    PolicyDocument,
    RestoreTest,
    RestoreTestLimits,
    parse_policy,
    restore_test_limits,
    validate_policy,
)

DOCUMENT: dict[str, Any] = {
    "projects": [{"name": "main"}, {"name": "search", "secret": "search/key", "quota": 1000}],
    "policies": [
        {
            "name": "gold",
            "cron": "0 */6 * * *",
            "timezone": "Europe/Berlin",
            "retention": {"keep_daily": 7, "keep_within": "1m"},
            "max_age": "8h",
            "priority": 10,
        },
        {
            "name": "bronze",
            "native_schedule": {"frequency": "weekly", "expire_after_days": 60},
            "retention": {"expire_after_days": 60, "min_count": 2, "max_count": 10},
            "max_age": "8d",
        },
    ],
    "assignments": [
        {"policy": "none", "index": "scratch-*"},
        {"policy": "gold", "project": "main", "tags": {"env": "prod*"}},
        {"policy": "bronze", "index": "[a-m]*"},
    ],
}


def document(**changes: object) -> PolicyDocument:
    return validate_policy({**copy.deepcopy(DOCUMENT), **changes})


def policy(**changes: object) -> dict[str, Any]:
    """The first policy with fields changed; None takes a field away."""
    changed = {**copy.deepcopy(DOCUMENT["policies"][0]), **changes}
    return {name: value for name, value in changed.items() if value is not None}


def errors(given: object) -> list[tuple[str, str]]:
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(json.dumps(given))
    return caught.value.errors


def policy_errors(**changes: object) -> list[tuple[str, str]]:
    """What is said about the first policy when only that is wrong."""
    found = errors({"projects": DOCUMENT["projects"], "policies": [policy(**changes)]})
    return [(path.removeprefix("policies.0").removeprefix("."), reason) for path, reason in found]


# Reading


def test_a_valid_document_is_read() -> None:
    read = parse_policy(json.dumps(DOCUMENT))
    gold, bronze = read.policies
    assert (gold.cron, gold.native_schedule, gold.priority) == ("0 */6 * * *", None, 10)
    assert gold.retention == KeepRetention(keep_daily=7, keep_within=Duration(months=1))
    assert gold.max_age == timedelta(hours=8)
    assert gold.zone == ZoneInfo("Europe/Berlin")
    assert bronze.native_schedule == NativeScheduleRequest(
        frequency=Frequency.WEEKLY, expire_after_days=60
    )
    assert bronze.retention == ExpiryRetention(expire_after_days=60, min_count=2, max_count=10)


def test_what_is_left_out_has_safe_defaults() -> None:
    read = document()
    gold = read.policies[0]
    assert (gold.floor, gold.shrink_percent, gold.native_satisfies) == (2, 50, False)
    assert (gold.stuck_after, gold.failed_after) == (timedelta(hours=12), timedelta(days=7))
    assert read.policies[1].timezone == "UTC"
    assert read.policies[1].priority == 0
    assert read.projects[0].quota == 500
    assert read.orphans.after is None
    assert (read.limits.per_run, read.limits.per_index) == (
        Limit(count=100, percent=30),
        Limit(count=30, percent=50),
    )


def test_a_projects_secret_has_its_own_name_unless_another_is_given() -> None:
    assert [project.secret_name for project in document().projects] == ["main", "search/key"]


def test_projects_and_policies_are_found_by_name() -> None:
    read = document()
    assert read.project("search") == read.projects[1]
    assert read.policy("bronze") == read.policies[1]
    assert read.project("nobody") is None
    assert read.policy("nobody") is None


def test_a_document_may_have_no_policies_yet() -> None:
    read = validate_policy({"projects": [{"name": "main"}]})
    assert (read.policies, read.assignments) == ([], [])


def test_a_document_that_is_written_out_reads_the_same() -> None:
    """Durations and time spans are printed as they are read."""
    changed = policy(max_age="1d12h30m", stuck_after="90m", failed_after="48h")
    read = document(policies=[changed, DOCUMENT["policies"][1]])
    assert parse_policy(read.model_dump_json()) == read
    written = json.loads(read.model_dump_json())["policies"][0]
    assert (written["max_age"], written["stuck_after"], written["failed_after"]) == (
        "1d12h30m",
        "1h30m",
        "2d",
    )
    assert written["retention"]["keep_within"] == "1m"


def test_bytes_are_read_like_text() -> None:
    assert parse_policy(json.dumps(DOCUMENT).encode()) == document()


# Which policy an index has


@pytest.mark.parametrize(
    ("project", "index", "tags", "name", "by"),
    [
        ("main", "catalogue", {"env": "production"}, "gold", AssignedBy.ASSIGNMENT),
        ("search", "catalogue", {"env": "production"}, "bronze", AssignedBy.ASSIGNMENT),
        ("main", "catalogue", {"env": "staging"}, "bronze", AssignedBy.ASSIGNMENT),
        ("main", "catalogue", {}, "bronze", AssignedBy.ASSIGNMENT),
        ("main", "users", {"env": "prod"}, "gold", AssignedBy.ASSIGNMENT),
        ("main", "scratch-1", {"env": "prod"}, None, AssignedBy.OPT_OUT),
        ("main", "users", {}, None, AssignedBy.NOTHING),
        ("main", "Catalogue", {}, None, AssignedBy.NOTHING),
        ("main", "users", {"backup-policy": "gold"}, "gold", AssignedBy.TAG),
        ("main", "scratch-1", {"backup-policy": "bronze"}, "bronze", AssignedBy.TAG),
        ("main", "catalogue", {"backup-policy": "none"}, None, AssignedBy.OPT_OUT),
        ("main", "catalogue", {"backup-policy": "silver"}, None, AssignedBy.UNKNOWN_TAG),
        ("main", "catalogue", {"backup-policy": ""}, None, AssignedBy.UNKNOWN_TAG),
        ("main", "catalogue", {"backup-policy": "Gold"}, None, AssignedBy.UNKNOWN_TAG),
    ],
)
def test_the_first_match_wins_and_the_tag_wins_over_all(
    project: str, index: str, tags: dict[str, str], name: str | None, by: AssignedBy
) -> None:
    """I3: by name glob, by tags, or both; an unknown tag is no assignment."""
    read = document()
    assert read.assigned(project, index, tags) == Assigned(read.policy(name or ""), by)


def test_every_tag_of_an_assignment_must_match() -> None:
    """I3: and its index glob as well."""
    read = document(
        assignments=[{"policy": "gold", "index": "c*", "tags": {"env": "prod", "tier": "?"}}]
    )
    matching = {"env": "prod", "tier": "1", "team": "search"}
    assert read.assigned("main", "catalogue", matching).by is AssignedBy.ASSIGNMENT
    for tags in ({"env": "prod"}, matching | {"tier": "10"}, matching | {"env": "prod2"}):
        assert read.assigned("main", "catalogue", tags).by is AssignedBy.NOTHING
    assert read.assigned("main", "users", matching).by is AssignedBy.NOTHING


def test_an_assignment_without_conditions_is_for_all() -> None:
    """I3"""
    read = document(assignments=[{"policy": "bronze"}])
    assert read.assigned("search", "anything", {}).policy == read.policy("bronze")


def test_each_document_assigns_by_itself_whatever_was_asked_before() -> None:
    """I3: neither another document nor another index's tags are remembered."""
    read = document(assignments=[{"policy": "bronze"}])
    again = read.model_copy(update={"assignments": [Assignment(policy="gold")]})
    assert [each.assigned("main", "a", {}).policy for each in (read, again, read)] == [
        read.policy("bronze"),
        read.policy("gold"),
        read.policy("bronze"),
    ]
    assert read.assigned("main", "a", {"backup-policy": "gold"}).policy == read.policy("gold")


def test_the_assignments_are_searched_once_for_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview asks hundreds of times, and there may be a thousand of them."""
    read = document(assignments=[{"policy": "gold", "index": f"a{n}"} for n in range(9)])
    asked: list[str] = []
    monkeypatch.setattr(Assignment, "matches", lambda self, *_: asked.append(self.index))
    for _ in range(3):
        assert read.assigned("main", "b", {"env": "prod"}).policy is None
    assert len(asked) == 9


# What is refused


def test_every_error_is_listed_at_once() -> None:
    """A document with any error is worth nothing, and all of them are said in one go."""
    found = errors(
        {
            "version": 2,
            "projects": [{"name": "Main"}, {"name": "search", "quota": 0}],
            "policies": [
                policy(cron="99 2 * * *", timezone="Mars/Olympus", floor=0, max_age="soon"),
                policy(cron=None, retention={"keep_daily": -2, "max_count": 3}),
                policy(name="none", retention={}),
            ],
            "assignments": [{"policy": "silver", "project": "nobody"}, {"policy": 7}],
            "orphans": {"after": 29},
            "limits": {"per_run": {"count": 0, "percent": 101}},
            "color": "blue",
        }
    )
    assert [path for path, _ in found] == [
        "version",
        "projects.0.name",
        "projects.1.quota",
        "policies.0.cron",
        "policies.0.timezone",
        "policies.0.floor",
        "policies.0.max_age",
        "policies.1.retention.keep_daily",
        "policies.1.retention.max_count",
        "policies.1",
        "policies.2.retention",
        "assignments.1.policy",
        "orphans.after",
        "limits.per_run.count",
        "limits.per_run.percent",
        "color",
        "policies.1.name",
        "policies.2.name",
        "assignments.0.policy",
        "assignments.0.project",
    ]
    assert [reason for _, reason in found[-4:]] == [
        "the name 'gold' is given 2 times",
        "a policy cannot be named 'none': that name opts an index out",
        "there is no policy 'silver'",
        "there is no project 'nobody'",
    ]


def test_the_error_says_what_where_and_which_version() -> None:
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(json.dumps({"projects": []}), policy_version="v7")
    assert str(caught.value) == (
        "The policy document (version v7) is invalid: projects: must have at least 1 entry. "
        "Correct the document and store it again; until then nothing is created or deleted."
    )


@pytest.mark.parametrize(
    "text", ["", "{", '{"projects": [}', "projects: []", b"\xff\xfe", "[" * 100_000]
)
def test_what_is_not_json_is_refused_as_such(text: str | bytes) -> None:
    with pytest.raises(PolicyInvalid, match=r"version v1.*document: is not JSON: .") as caught:
        parse_policy(text, policy_version="v1")
    assert len(caught.value.errors) == 1


def test_without_a_version_the_error_names_none() -> None:
    for text in ("{", "{}"):
        with pytest.raises(PolicyInvalid, match=r"^The policy document is invalid: "):
            parse_policy(text)
    with pytest.raises(PolicyInvalid, match=r"^The policy document is invalid: "):
        validate_policy({})


@pytest.mark.parametrize("given", [[], "projects", 7, None])
def test_json_that_is_no_object_is_refused(given: object) -> None:
    assert [path for path, _ in errors(given)] == [""]


def test_a_key_that_is_given_twice_is_refused() -> None:
    """Of two equal keys JSON keeps the last: half a policy would vanish unseen."""
    text = '{"projects": [{"name": "main"}], "policies": [], "policies": []}'
    with pytest.raises(PolicyInvalid, match="the key 'policies' is given 2 times"):
        parse_policy(text)


def test_a_repeated_project_is_refused() -> None:
    assert errors({**DOCUMENT, "projects": [{"name": "main"}, {"name": "search"}] * 2}) == [
        ("projects.2.name", "the name 'main' is given 2 times"),
        ("projects.3.name", "the name 'search' is given 2 times"),
    ]


@pytest.mark.parametrize("changes", [{"cron": None}, {"native_schedule": {}}])
def test_a_policy_has_exactly_one_way_to_get_backups(changes: dict[str, object]) -> None:
    assert ("", "give exactly one of cron and native_schedule") in policy_errors(**changes)


@pytest.mark.parametrize("timezone", ["", "CEST-1", "../etc/passwd", "localtime", "europe/berlin"])
def test_only_iana_names_are_time_zones(timezone: str) -> None:
    """T3: zones are IANA names."""
    assert policy_errors(timezone=timezone) == [
        ("timezone", f"{timezone!r} is not an IANA time zone name")
    ]


@pytest.mark.parametrize("cron", ["0 2 * *", "0 0 2 * * *", "61 * * * *", "0 0 30 2 *"])
def test_a_cron_must_have_five_fields_that_come_to_pass(cron: str) -> None:
    """C1: five-field cron."""
    ((path, reason),) = policy_errors(cron=cron)
    assert path == "cron"
    assert repr(cron) in reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("floor", 0),
        ("floor", "2"),
        ("floor", 2.0),
        ("floor", True),
        ("priority", "high"),
        ("shrink_percent", 101),
        ("shrink_percent", -1),
        ("native_satisfies", 1),
        ("name", "Gold"),
        ("name", "-gold"),
        ("name", "g" * 41),
        ("name", "gold\n"),
        ("max_age", 26),
        ("max_age", ""),
        ("max_age", "0h"),
        ("max_age", "1w"),
        ("max_age", "1h1d"),
        ("max_age", "-1h"),
        ("max_age", "999999d"),
        ("max_age", "\u0661h"),
        ("retentions", {}),
    ],
)
def test_values_are_taken_strictly(field: str, value: object) -> None:
    """A text that looks like a number, or a number out of range, is a mistake of the writer."""
    assert [path for path, _ in policy_errors(**{field: value})] == [field]


def test_a_time_span_that_is_none_is_refused_with_an_example() -> None:
    assert policy_errors(max_age="1w") == [
        ("max_age", "'1w' is not a time span like 26h, 7d or 1d12h30m")
    ]


TWO_FORMS = (
    "a retention has one of two forms: keep rules (keep_last, keep_daily, keep_within ...), or "
    "expire_after_days with min_count and max_count"
)


@pytest.mark.parametrize(
    ("retention", "path", "reason"),
    [
        ({}, "", f"limits nothing: {TWO_FORMS}"),
        ({"min_count": 3}, "", f"limits nothing: {TWO_FORMS}"),
        ({"keep_last": 0}, "", "a retention that keeps nothing is invalid: give at least one rule"),
        ({"max_count": 2, "min_count": 3}, "", "min_count must not be above max_count"),
        ({"keep_last": -2}, ".keep_last", "must be at least -1"),
        ({"keep_last": "7"}, ".keep_last", "must be a whole number"),
        ({"keep_last": True}, ".keep_last", "must be a whole number"),
        ({"keep_last": 1, "max_count": 2}, ".max_count", f"does not go with the rest: {TWO_FORMS}"),
        ({"keep_dayly": 1}, ".keep_dayly", "is not known here: did you mean 'keep_daily'?"),
        ({"kep_daily": 1}, ".kep_daily", "is not known here: did you mean 'keep_daily'?"),
        ({"max_cout": 2, "max_count": 1}, ".max_cout", "is not known here: did you mean"),
        ({"keep_last": 1, "colour": 1}, ".colour", f"is not known here: {TWO_FORMS}"),
        ({"expire_after_days": 0}, ".expire_after_days", "must be at least 1"),
        ({"keep_within": "1w"}, ".keep_within", "'1w' is not a duration like 1y2m3d4h"),
        ({"keep_within": 30}, ".keep_within", "'30' is not a duration like 1y2m3d4h"),
        (7, "", f"must be an object: {TWO_FORMS}"),
        ([], "", f"must be an object: {TWO_FORMS}"),
    ],
)
def test_a_retention_is_one_of_two_forms(retention: object, path: str, reason: str) -> None:
    """K3, K6, K7: and the errors speak of the form that was meant."""
    (found,) = policy_errors(retention=retention)
    assert found[0] == f"retention{path}"
    assert found[1].startswith(reason)


# Errors in words


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        ({"polices": []}, "polices", "is not known here: did you mean 'policies'?"),
        ({"colour": []}, "colour", "is not known here"),
        ({"projects": None}, "projects", "must be a list"),
        ({"projects": []}, "projects", "must have at least 1 entry"),
        ({"projects": [{}]}, "projects.0.name", "is missing"),
        ({"projects": [7]}, "projects.0", "must be an object"),
        (
            {"projects": [{"name": "Main"}]},
            "projects.0.name",
            "must be 1 to 40 lower-case letters, digits and hyphens, the first and the last",
        ),
        (
            {"projects": [{"name": "main", "secret": "a b"}]},
            "projects.0.secret",
            "must be at most 200 letters, digits and /_+=.@-",
        ),
        ({"projects": [{"name": 7}]}, "projects.0.name", "must be a text"),
        ({"version": 2}, "version", "must be 1"),
        (
            {"assignments": [{"policy": "none", "index": "k\u00e4se-*"}]},
            "assignments.0.index",
            "must be at most 200 printable ASCII characters",
        ),
        (
            {"assignments": [{"policy": "none", "tags": {"a.b": "c"}}]},
            "assignments.0.tags.a.b.[key]",
            "must be 1 to 80 letters, digits, hyphens and underscores",
        ),
        ({"assignments": [{"policy": "none", "tags": []}]}, "assignments.0.tags", "must be an obj"),
        ({"limits": {"per_run": {"count": 1}}}, "limits.per_run.percent", "is missing"),
    ],
)
def test_errors_are_said_in_words(document: dict[str, Any], path: str, reason: str) -> None:
    (found,) = errors({"projects": [{"name": "main"}], **document})
    assert found[0] == path
    assert found[1].startswith(reason)


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"timezon": "UTC"}, "timezon", "is not known here: did you mean 'timezone'?"),
        ({"native_satisfies": 1}, "native_satisfies", "must be true or false"),
        (
            {"cron": None, "native_schedule": {"frequency": "hourly", "expire_after_days": 1}},
            "native_schedule.frequency",
            "must be 'daily', 'weekly' or 'monthly'",
        ),
        ({"max_age": 26}, "max_age", "26 is not a time span like 26h, 7d or 1d12h30m"),
    ],
)
def test_errors_of_a_policy_are_said_in_words(
    changes: dict[str, Any], path: str, reason: str
) -> None:
    assert policy_errors(**changes) == [(path, reason)]


def test_an_unknown_name_suggests_the_near_one_where_it_stands() -> None:
    """I3: at the assignment's own path."""
    assignments = [
        {"policy": "gold"},
        {"policy": "bronce"},
        {"policy": "gold", "project": "mian"},
        {"policy": "none", "project": "none"},
    ]
    assert errors({**DOCUMENT, "assignments": assignments}) == [
        ("assignments.1.policy", "there is no policy 'bronce': did you mean 'bronze'?"),
        ("assignments.2.project", "there is no project 'mian': did you mean 'main'?"),
        ("assignments.3.project", "there is no project 'none'"),
    ]


# Bounds: a century, ten thousand


@pytest.mark.parametrize("field", ["floor", "priority"])
def test_numbers_of_a_policy_go_up_to_ten_thousand(field: str) -> None:
    assert validate_policy({**DOCUMENT, "policies": [policy(**{field: 10_000})], "assignments": []})
    assert policy_errors(**{field: 10_001}) == [(field, "must be at most 10,000")]


def test_a_priority_goes_down_to_minus_ten_thousand() -> None:
    """C4"""
    assert document(policies=[policy(priority=-10_000)], assignments=[])
    assert policy_errors(priority=-10_001) == [("priority", "must be at least -10,000")]


@pytest.mark.parametrize("rule", ["last", "hourly", "daily", "weekly", "monthly", "yearly"])
def test_keep_counts_go_up_to_ten_thousand(rule: str) -> None:
    """K3"""
    most = {f"keep_{rule}": 10_000}
    assert document(policies=[policy(retention=most)], assignments=[])
    assert policy_errors(retention={f"keep_{rule}": 10_001}) == [
        (f"retention.keep_{rule}", "must be at most 10,000")
    ]


@pytest.mark.parametrize("rule", ["", "_hourly", "_daily", "_weekly", "_monthly", "_yearly"])
@pytest.mark.parametrize(
    ("most", "more"),
    [("100y", "101y"), ("1200m", "1201m"), ("36525d", "36526d"), ("876600h", "876601h")],
)
def test_windows_reach_back_a_century_at_most(rule: str, most: str, more: str) -> None:
    """K4"""
    assert document(policies=[policy(retention={f"keep_within{rule}": most})], assignments=[])
    assert policy_errors(retention={f"keep_within{rule}": more}) == [
        (f"retention.keep_within{rule}", f"{more!r} is more than a century")
    ]


def test_the_parts_of_a_window_count_together() -> None:
    """K4"""
    assert policy_errors(retention={"keep_within": "99y12m1d"}) == [
        ("retention.keep_within", "'99y12m1d' is more than a century")
    ]


def test_the_other_form_is_bounded_too() -> None:
    """K7"""
    most = {"expire_after_days": 36_525, "min_count": 10_000, "max_count": 10_000}
    assert document(policies=[policy(retention=most)], assignments=[])
    more = {name: value + 1 for name, value in most.items()}
    assert policy_errors(retention=more) == [
        ("retention.expire_after_days", "must be at most 36,525 days, which is a century"),
        ("retention.min_count", "must be at most 10,000"),
        ("retention.max_count", "must be at most 10,000"),
    ]


@pytest.mark.parametrize("field", ["max_age", "stuck_after", "failed_after"])
def test_time_spans_go_from_a_minute_to_a_century(field: str) -> None:
    for text in ("1m", "36525d", "876600h", "52596000m"):
        assert document(policies=[policy(**{field: text})], assignments=[])
    assert policy_errors(**{field: "36525d1m"}) == [
        (field, "'36525d1m' is not between a minute and a century")
    ]


@pytest.mark.parametrize(
    ("part", "path", "reason"),
    [
        (
            {"orphans": {"after": 36_526}},
            "orphans.after",
            "must be at most 36,525 days, which is a century",
        ),
        ({"projects": [{"name": "main", "quota": 10_001}]}, "projects.0.quota", "must be at most"),
        (
            {"limits": {"per_run": {"count": 10_001, "percent": 1}}},
            "limits.per_run.count",
            "must be at most 10,000",
        ),
        ({"policies": [policy()] * 101}, "policies", "must have at most 100 entries"),
        ({"projects": [{"name": "main"}] * 1001}, "projects", "must have at most 1,000 entries"),
        ({"assignments": [{"policy": "none"}] * 1001}, "assignments", "must have at most 1,000"),
        (
            {"assignments": [{"policy": "none", "tags": {f"t{n}": "" for n in range(21)}}]},
            "assignments.0.tags",
            "must have at most 20 entries",
        ),
    ],
)
def test_the_document_itself_is_bounded(part: dict[str, Any], path: str, reason: str) -> None:
    found = errors({"projects": [{"name": "main"}], **part})
    assert found[0][0] == path
    assert found[0][1].startswith(reason)


def test_what_stands_at_the_bounds_of_the_document_is_taken() -> None:
    read = validate_policy(
        {
            "projects": [{"name": f"p{n}", "quota": 10_000} for n in range(1000)],
            "policies": [policy(name=f"p{n}") for n in range(100)],
            "assignments": [{"policy": "none", "tags": {f"t{n}": "*" for n in range(20)}}] * 1000,
            "orphans": {"after": 36_525},
            "limits": {"per_run": {"count": 10_000, "percent": 100}},
        }
    )
    assert (len(read.projects), len(read.policies), len(read.assignments)) == (1000, 100, 1000)


def test_as_many_as_min_count_may_be_the_maximum() -> None:
    """K7"""
    for count in (1, 3):
        retention = {"min_count": count, "max_count": count}
        read = document(policies=[policy(retention=retention)], assignments=[])
        assert read.policies[0].retention == ExpiryRetention(min_count=count, max_count=count)
    assert document(policies=[policy(retention={"max_count": 1})], assignments=[]).policies


def test_orphans_are_kept_for_30_days_at_least() -> None:
    """D7"""
    assert document(orphans={"after": 30}).orphans.after == 30
    assert [path for path, _ in errors({**DOCUMENT, "orphans": {"after": 29}})] == ["orphans.after"]


def test_models_can_be_built_from_models() -> None:
    """Programs build policies from parts as well as from JSON."""
    read = document()
    again = PolicyDocument(
        projects=list(read.projects),
        policies=list(read.policies),
        assignments=list(read.assignments),
    )
    assert again == read


def test_contradictions_are_found_between_models_too() -> None:
    read = document()
    with pytest.raises(ValueError, match="there is no policy 'bronze'"):
        PolicyDocument(
            projects=list(read.projects),
            policies=[read.policies[0]],
            assignments=list(read.assignments),
        )


# Restore tests


def restore_test(**given: object) -> RestoreTest:
    found = document(policies=[policy(restore_test=given)], assignments=[]).policies[0].restore_test
    assert found is not None
    return found


def test_a_policy_has_no_restore_tests_unless_it_says_so() -> None:
    assert [each.restore_test for each in document().policies] == [None, None]


def test_a_restore_test_has_safe_defaults() -> None:
    assert restore_test(every="7d") == RestoreTest(
        every=timedelta(days=7),
        backup=BackupChoice.LATEST,
        window_days=None,
        depth=Depth.SAMPLE,
        timeout=timedelta(days=1),
        at_once=1,
        monthly_bytes=100 * 10**9,
        keep_index_for=None,
    )


@pytest.mark.parametrize(
    ("every", "read"),
    [
        ("7d", timedelta(days=7)),
        ("1h", timedelta(hours=1)),
        ("36525d", timedelta(days=36_525)),
        ("0 3 * * SUN", "0 3 * * SUN"),
    ],
)
def test_a_restore_test_comes_by_a_time_span_or_a_cron(every: str, read: timedelta | str) -> None:
    test = restore_test(every=every)
    assert test.every == read
    assert RestoreTest.model_validate_json(test.model_dump_json()) == test


@pytest.mark.parametrize(
    ("given", "path", "reason"),
    [
        ({}, "every", "is missing"),
        ({"every": "59m"}, "every", "'59m' is not between an hour and a century"),
        ({"every": "36525d1m"}, "every", "'36525d1m' is not between an hour and a century"),
        ({"every": "weekly"}, "every", "'weekly' is neither a time span like 7d nor a cron"),
        ({"every": 7}, "every", "7 is neither a time span like 7d nor a cron"),
        ({"every": None}, "every", "None is neither a time span"),
        ({"every": "0 3"}, "every", "'0 3' has not the five fields of a cron expression"),
        ({"every": "0 25 * * *"}, "every", "'0 25 * * *' is not a cron expression"),
        ({"every": "0 0 30 2 *"}, "every", "'0 0 30 2 *' is not a cron expression"),
        ({"every": "7d", "backup": "oldest"}, "backup", "must be 'latest' or 'random'"),
        ({"every": "7d", "depth": "deep"}, "depth", "must be 'counts', 'sample' or 'queries'"),
        ({"every": "7d", "window_days": 7}, "window_days", "goes with the backup 'random' only"),
        ({"every": "7d", "at_once": 0}, "at_once", "must be at least 1"),
        ({"every": "7d", "at_once": 10_001}, "at_once", "must be at most 10,000"),
        ({"every": "7d", "monthly_bytes": 0}, "monthly_bytes", "must be at least 1"),
        (
            {"every": "7d", "monthly_bytes": 10**15 + 1},
            "monthly_bytes",
            "must be at most 1,000,000,000,000,000",
        ),
        ({"every": "7d", "timeout": "36526d"}, "timeout", "'36526d' is not between a minute"),
        ({"every": "7d", "keep_index_for": "0h"}, "keep_index_for", "'0h' is not a time span"),
        ({"every": "7d", "windowdays": 7}, "windowdays", "is not known here: did you mean"),
    ],
)
def test_errors_of_a_restore_test_are_said_in_words(
    given: dict[str, Any], path: str, reason: str
) -> None:
    (found,) = policy_errors(restore_test=given)
    assert found[0] == f"restore_test.{path}"
    assert found[1].startswith(reason)


def test_a_backup_at_random_may_have_a_window() -> None:
    assert restore_test(every="7d", backup="random", window_days=36_525).window_days == 36_525
    assert policy_errors(restore_test={"every": "7d", "backup": "random", "window_days": 0}) == [
        ("restore_test.window_days", "must be at least 1")
    ]


def test_each_depth_includes_those_before_it() -> None:
    included = {depth: [other for other in Depth if depth.includes(other)] for depth in Depth}
    assert included == {
        Depth.COUNTS: [Depth.COUNTS],
        Depth.SAMPLE: [Depth.COUNTS, Depth.SAMPLE],
        Depth.QUERIES: [Depth.COUNTS, Depth.SAMPLE, Depth.QUERIES],
    }


def test_the_least_of_a_projects_policies_limits_its_restore_tests() -> None:
    tests = [
        {"every": "7d", "at_once": 3, "monthly_bytes": 10},
        {"every": "1d", "at_once": 2, "monthly_bytes": 20},
    ]
    policies = [policy(name=f"p{number}", restore_test=test) for number, test in enumerate(tests)]
    read = document(policies=[*policies, policy(name="untested")], assignments=[]).policies
    assert restore_test_limits(read) == RestoreTestLimits(at_once=2, monthly_bytes=10)
    assert restore_test_limits(read[2:]) is None
