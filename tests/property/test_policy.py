import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.rules.duration import Duration
from pinecone_backup.rules.policy import (
    OPT_OUT,
    Assigned,
    AssignedBy,
    Policy,
    parse_policy,
    validate_policy,
)
from pinecone_backup.rules.policy_warnings import WarningCode, warnings

NAMES = st.sampled_from(["gold", "silver", "bronze"])
KEEP_RULES = st.dictionaries(
    st.sampled_from(["keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_yearly"]),
    st.integers(1, 50) | st.just(-1),
    min_size=1,
)
EXPIRY_RULES = st.fixed_dictionaries({"expire_after_days": st.integers(1, 5000)})
POLICIES = st.fixed_dictionaries(
    {
        "name": NAMES,
        "cron": st.sampled_from(["0 2 * * *", "*/15 * * * *", "0 0 L * *"]),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
        "retention": KEEP_RULES | EXPIRY_RULES,
        "max_age": st.integers(1, 99_999).map(lambda hours: f"{hours}h"),
        "floor": st.integers(1, 9),
    }
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "projects": st.just([{"name": "main"}]),
        "policies": st.lists(POLICIES, unique_by=lambda policy: str(policy["name"])),
    }
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


def problems_of(document: dict[str, Any]) -> list[tuple[str, str]] | None:
    try:
        parse_policy(json.dumps(document))
    except PolicyInvalid as error:
        return error.errors
    return None


@given(DOCUMENTS)
def test_every_valid_document_reads_the_same_after_writing(given_document: dict[str, Any]) -> None:
    """What is stored as a new version is what was read."""
    read = validate_policy(given_document)
    assert parse_policy(read.model_dump_json()) == read


@given(DOCUMENTS, st.sampled_from(["projects", "policies", "assignments", "limits"]), JSON)
def test_a_document_is_valid_or_says_why_not(
    given_document: dict[str, Any], field: str, value: object
) -> None:
    """Whatever stands in it: never another error, never an error without a reason."""
    problems = problems_of({**given_document, field: value})
    assert problems is None or (problems and all(reason for _, reason in problems))


@given(DOCUMENTS, st.sampled_from(sorted(Policy.model_fields)), JSON)
def test_a_policy_is_valid_or_says_why_not(
    given_document: dict[str, Any], field: str, value: object
) -> None:
    """Whatever stands in one of its fields."""
    policies = [{**policy, field: value} for policy in given_document["policies"]]
    problems = problems_of({**given_document, "policies": policies}) or []
    assert all(path or "given" in reason for path, reason in problems)


@given(DOCUMENTS, st.none() | NAMES | st.just(OPT_OUT), st.lists(NAMES | st.just(OPT_OUT)))
def test_an_index_has_a_policy_of_the_document_or_none(
    given_document: dict[str, Any], tag: str | None, assigned: list[str]
) -> None:
    """I3: the tag decides alone; without it the first assignment does."""
    known = {policy["name"] for policy in given_document["policies"]}
    rules = [{"policy": name} for name in assigned if name in known or name == OPT_OUT]
    read = validate_policy({**given_document, "assignments": rules})
    tags = {} if tag is None else {"backup-policy": tag}
    deciding = tag if tag is not None else next((rule["policy"] for rule in rules), None)
    found: Assigned = read.assigned("main", "catalogue", tags)
    assert (found.policy.name if found.policy else None) == (
        deciding if deciding in known else None
    )


GLOBS = st.text("ab-*?[]!", max_size=6)


@settings(max_examples=300)
@given(GLOBS, GLOBS, st.text("ab-", min_size=1, max_size=5))
def test_what_is_called_shadowed_never_decides(wide: str, narrow: str, index: str) -> None:
    """I3: whatever the later glob matches, the earlier one does."""
    assignments = [{"policy": "none", "index": wide}, {"policy": "gold", "index": narrow}]
    read = validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [
                {
                    "name": "gold",
                    "native_schedule": {"frequency": "daily", "expire_after_days": 7},
                    "retention": {"keep_last": 1},
                    "max_age": "26h",
                }
            ],
            "assignments": assignments,
        }
    )
    shadowed = WarningCode.SHADOWED_ASSIGNMENT in [
        warning.code for warning in warnings(read, now=datetime(2026, 11, 22, tzinfo=UTC))
    ]
    found = read.assigned("main", index, {})
    assert not (shadowed and found.by is AssignedBy.ASSIGNMENT)


@given(*(st.integers(0, 99_999) for _ in range(4)))
def test_a_duration_is_read_back_from_its_text(y: int, m: int, d: int, h: int) -> None:
    """K6: one spelling for each duration."""
    duration = Duration(y, m, d, h)
    if str(duration):
        assert Duration.parse(str(duration)) == duration


@given(st.integers(1, 36_525 * 24 * 60))
def test_a_time_span_is_read_back_from_its_text(minutes: int) -> None:
    """One spelling for each time span."""
    policy = Policy.model_validate(
        {
            "name": "gold",
            "cron": "0 2 * * *",
            "retention": {"keep_last": 1},
            "max_age": timedelta(minutes=minutes),
        }
    )
    text = policy.model_dump(mode="json")["max_age"]
    again = Policy.model_validate({**policy.model_dump(mode="json"), "max_age": text})
    assert again.max_age == timedelta(minutes=minutes)
