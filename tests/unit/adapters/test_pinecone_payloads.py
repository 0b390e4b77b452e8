"""Reading Pinecone's JSON: lenient where it informs, strict where decisions rest on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.adapters.pinecone import payloads
from pinecone_backup.model import IndexKind, Status, parse_time
from tests.support.pinecone_transport import row

if TYPE_CHECKING:
    from collections.abc import Callable


def body(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2025-05-15T00:52:10.809305882Z", 809305),
        ("2025-05-15T00:52:10.809305999Z", 809305),
        ("2025-05-15T00:52:10.809354Z", 809354),
        ("2025-05-15T00:52:10.5Z", 500000),
        ("2025-05-15T00:52:10Z", 0),
        ("2025-05-15T00:52:10+00:00", 0),
        ("2025-05-15T02:52:10+02:00", 0),
        ("2025-05-14T19:22:10-05:30", 0),
    ],
)
def test_a_time_is_utc_cut_to_microseconds(text: str, microsecond: int) -> None:
    parsed = parse_time(text)

    assert parsed == datetime(2025, 5, 15, 0, 52, 10, microsecond, UTC)
    assert parsed.utcoffset() == timedelta(0)
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2025-05-15T00:52:10",
        "2025-05-15",
        "2025-02-30T00:00:00Z",
        "2025-05-15T00:52:61Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "yesterday",
        "",
        None,
        1747270330,
        True,
        ["2025-05-15T00:52:10Z"],
    ],
)
def test_a_time_without_an_offset_or_sense_is_none(value: object) -> None:
    assert parse_time(value) is None


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 999))
def test_every_time_survives_the_payload_whatever_its_nanoseconds(
    moment: datetime, nano: int
) -> None:
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{moment.microsecond:06d}{nano:03d}Z"

    assert parse_time(text) == moment


@given(st.text() | st.integers() | st.floats() | st.none() | st.lists(st.text()))
def test_no_value_makes_the_time_reader_fail(value: object) -> None:
    parsed = parse_time(value)

    assert parsed is None or parsed.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Ready", Status.READY),
        ("Initializing", Status.UNDER_WAY),
        ("Scheduled", Status.PLANNED),
        ("Failed", Status.FAILED),
        ("InitializationFailed", Status.FAILED),
        ("Terminating", Status.UNKNOWN),
        ("ready", Status.UNKNOWN),
    ],
)
def test_a_status_means_what_it_says_and_others_are_unknown(text: str, status: Status) -> None:
    """G3: an unknown status is legal and means unknown, with its text kept."""
    found = payloads.backup(body(row(status=text)))

    assert (found.status, found.status_text) == (status, text)


def test_a_backup_with_the_required_fields_alone_is_read() -> None:
    bare = {
        "backup_id": "b",
        "source_index_name": "n",
        "source_index_id": "i",
        "status": "Initializing",
    }

    found = payloads.backup(body(bare))

    assert (found.backup_id, found.index_name, found.index_id) == ("b", "n", "i")
    assert found.created_at is None
    assert found.record_count is None
    assert found.tags is None
    assert (found.cloud, found.region) == ("", "")


@pytest.mark.parametrize(
    ("field", "attribute", "garbage", "read_as"),
    [
        ("created_at", "created_at", "soon", None),
        ("name", "name", 5, None),
        ("description", "description", ["x"], None),
        ("record_count", "record_count", "many", None),
        ("record_count", "record_count", -1, None),
        ("namespace_count", "namespace_count", {}, None),
        ("size_bytes", "size_bytes", "big", None),
        ("tags", "tags", ["a"], None),
        ("tags", "tags", {"a": None, "b": "c"}, {"b": "c"}),
        ("cloud", "cloud", None, ""),
        ("region", "region", 7, ""),
        ("schema", "status_text", "anything", "Ready"),
        ("dimension", "status_text", 1024, "Ready"),
    ],
)
def test_an_optional_field_of_a_backup_may_be_garbage(
    field: str, attribute: str, garbage: object, read_as: object
) -> None:
    found = payloads.backup(body(row(**{field: garbage})))

    assert getattr(found, attribute) == read_as


@pytest.mark.parametrize("field", ["backup_id", "source_index_name", "source_index_id", "status"])
@pytest.mark.parametrize("value", [None, "", 5])
def test_a_row_without_what_identifies_it_refuses_its_page_by_row_and_field(
    field: str, value: object
) -> None:
    listing = {"data": [row("good"), row("bad", **{field: value})]}

    with pytest.raises(payloads.Malformed, match=rf"^data\.1\.{field}: "):
        payloads.backups(body(listing))


def test_an_unreadable_deletion_time_of_the_index_refuses_the_row() -> None:
    """D7: what makes an orphan is never guessed."""
    with pytest.raises(payloads.Malformed, match=r"data\.0\.source_index_deleted_at"):
        payloads.backups(body({"data": [row(source_index_deleted_at="long ago")]}))


def test_the_deletion_time_of_the_index_is_read_and_null_means_not_deleted() -> None:
    deleted = payloads.backup(body(row(source_index_deleted_at="2026-01-02T03:04:05Z")))
    there = payloads.backup(body(row(source_index_deleted_at=None)))

    assert deleted.index_deleted_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert there.index_deleted_at is None


def test_a_refusal_names_three_problems_and_counts_the_rest_without_a_value() -> None:
    listing = {"data": [row(f"secret-{number}", status=None) for number in range(5)]}

    with pytest.raises(payloads.Malformed, match=r"and 2 more$") as caught:
        payloads.backups(body(listing))

    assert str(caught.value).count("status") == 3
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b'{"data": null}',
        b'{"data": {}}',
        b"{",
        b"\xff\xfe",
        b'{"message": "of somebody else"}',
        b'{"pagination": null, "indexes": []}',
    ],
)
def test_a_page_that_is_no_page_is_refused(garbage: bytes) -> None:
    with pytest.raises(payloads.Malformed):
        payloads.backups(garbage)


def test_an_empty_object_is_an_empty_list_of_backups_or_indexes() -> None:
    assert list(payloads.backups(b"{}").items) == []
    assert payloads.backups(b'{"pagination": {"next": "eyJ"}}').next_token == "eyJ"
    assert payloads.indexes(b"{}") == []


@pytest.mark.parametrize("read", [payloads.schedules, payloads.history, payloads.restore_jobs])
def test_every_other_listing_has_its_rows(read: Callable[[bytes], object]) -> None:
    with pytest.raises(payloads.Malformed, match="data"):
        read(b"{}")


def test_a_list_of_indexes_that_is_something_else_is_refused() -> None:
    with pytest.raises(payloads.Malformed, match="neither indexes nor an empty listing"):
        payloads.indexes(b'{"message": "of somebody else"}')


@pytest.mark.parametrize(
    ("pagination", "token"),
    [
        ({}, None),
        ({"pagination": None}, None),
        ({"pagination": {}}, None),
        ({"pagination": {"next": None}}, None),
        ({"pagination": {"next": ""}}, None),
        ({"pagination": {"next": "eyJ"}}, "eyJ"),
    ],
)
def test_the_last_page_has_no_token_in_any_of_its_forms(
    pagination: dict[str, Any], token: str | None
) -> None:
    assert payloads.backups(body({"data": [], **pagination})).next_token == token


@pytest.mark.parametrize("pagination", [{"next": 5}, [], "eyJ", {"next": {}}])
def test_a_page_whose_token_is_garbage_is_refused(pagination: object) -> None:
    with pytest.raises(payloads.Malformed, match="pagination"):
        payloads.backups(body({"data": [], "pagination": pagination}))


def index_row(**fields: object) -> dict[str, object]:
    return {"name": "docs", "status": {"ready": True, "state": "Ready"}, **fields}


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ({"deployment": {"deployment_type": "managed", "cloud": "aws"}}, IndexKind.SERVERLESS),
        ({"deployment": {"deployment_type": "pod", "pod_type": "p1.x1"}}, IndexKind.POD),
        ({"deployment": {"deployment_type": "byoc", "environment": "e"}}, IndexKind.BYOC),
        ({"deployment": {"deployment_type": "lunar"}}, IndexKind.UNKNOWN),
        ({"deployment": {}}, IndexKind.UNKNOWN),
        ({"spec": {"serverless": {"cloud": "aws"}}}, IndexKind.SERVERLESS),
        ({"spec": {"serverless": {}}}, IndexKind.SERVERLESS),
        ({"spec": {"pod": {"pods": 1}}}, IndexKind.POD),
        ({"spec": {"byoc": {"environment": "e"}}}, IndexKind.BYOC),
        ({"spec": {"pod": None, "serverless": {}}}, IndexKind.SERVERLESS),
        ({"spec": {"lunar": {}}}, IndexKind.UNKNOWN),
        ({"spec": {"pod": {}, "serverless": {}}}, IndexKind.UNKNOWN),
        ({"spec": "serverless"}, IndexKind.UNKNOWN),
        ({}, IndexKind.UNKNOWN),
    ],
)
def test_the_kind_of_an_index_is_read_from_the_shape_of_any_version(
    shape: dict[str, object], kind: IndexKind
) -> None:
    assert payloads.index(body(index_row(**shape))).kind is kind


def test_an_index_is_read_whole() -> None:
    found = payloads.index(
        body(
            index_row(
                host="docs-1.svc.pinecone.io",
                tags={"team": "search", "unset": None},
                deletion_protection="enabled",
                source_backup_id="bkp-9",
                cmek_id="key-1",
                schema={"fields": {}},
            )
        )
    )

    assert (found.name, found.state, found.ready) == ("docs", "Ready", True)
    assert found.host == "docs-1.svc.pinecone.io"
    assert found.tags == {"team": "search"}
    assert found.deletion_protection
    assert found.source_backup_id == "bkp-9"
    assert found.encrypted_with_own_key


def test_an_index_that_says_little_is_unprotected_untagged_and_not_encrypted() -> None:
    found = payloads.index(body(index_row(tags=None, deletion_protection="disabled", cmek_id=None)))

    assert found.tags == {}
    assert not found.deletion_protection
    assert found.source_backup_id is None
    assert not found.encrypted_with_own_key


@pytest.mark.parametrize(
    ("field", "garbage"),
    [("tags", ["backup-policy"]), ("tags", {"backup-policy": 5}), ("source_backup_id", 7)],
)
def test_what_decides_about_an_index_must_be_readable(field: str, garbage: object) -> None:
    """I3, D7: garbled tags must not change the policy, nor a garbled source free an orphan."""
    with pytest.raises(payloads.Malformed, match=rf"indexes\.0\.{field}"):
        payloads.indexes(body({"indexes": [index_row(**{field: garbage})]}))


def test_a_list_of_indexes_that_begins_to_page_is_refused() -> None:
    with pytest.raises(payloads.Malformed, match="no pages"):
        payloads.indexes(body({"indexes": [index_row()], "pagination": {"next": "x"}}))


def test_a_schedule_is_read_with_its_times_in_utc() -> None:
    found = payloads.schedule(
        body(
            {
                "schedule_id": "s",
                "name": "nightly",
                "index_id": "i",
                "project_id": "p",
                "schedule_type": "time-based",
                "frequency": "weekly",
                "retention_expire_after_days": 30,
                "enabled": False,
                "created_at": "2026-04-02T18:22:00+00:00",
            }
        )
    )

    assert (found.schedule_id, found.name, found.index_id) == ("s", "nightly", "i")
    assert (found.frequency, found.expire_after_days, found.enabled) == ("weekly", 30, False)
    assert found.next_run_at is None
    assert found.created_at == datetime(2026, 4, 2, 18, 22, tzinfo=UTC)


def test_a_planned_run_of_a_schedule_keeps_the_time_it_is_planned_for() -> None:
    """G5: the age of a native backup is its ``scheduled_execution_at``."""
    planned = {
        "backup_id": "b2c3",
        "cloud": "aws",
        "created_at": "2026-04-03T06:00:01+00:00",
        "name": "daily-compliance-backup-20260404T060000Z",
        "region": "us-east-1",
        "scheduled_execution_at": "2026-04-04T06:00:00+00:00",
        "source_index_id": "8cbf",
        "source_index_name": "my-index",
        "status": "Scheduled",
    }

    [found] = payloads.history(body({"data": [planned]})).items

    assert found.status is Status.PLANNED
    assert found.scheduled_at == datetime(2026, 4, 4, 6, tzinfo=UTC)
    assert found.created_at == datetime(2026, 4, 3, 6, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("percent", "read_as"), [(100, 100), (42.7, 42), (None, None), ("half", None), (101, None)]
)
def test_a_restore_job_is_read_whatever_its_percentage(
    percent: object, read_as: int | None
) -> None:
    job = {
        "restore_job_id": "r",
        "backup_id": "b",
        "target_index_name": "copy",
        "target_index_id": "t",
        "status": "Pending",
        "created_at": None,
        "percent_complete": percent,
    }

    found = payloads.restore_job(body(job))

    assert (found.job_id, found.backup_id, found.status) == ("r", "b", "Pending")
    assert (found.target_index_name, found.target_index_id) == ("copy", "t")
    assert found.percent_complete == read_as


@pytest.mark.parametrize("field", ["totalVectorCount", "total_vector_count"])
def test_the_record_count_is_read_in_both_spellings(field: str) -> None:
    assert payloads.statistics(body({field: 98, "namespaces": {}})).records == 98


@pytest.mark.parametrize(
    "garbage", [b"Invalid API key", b"", b"{}", b'{"error": "no"}', b"[1]", b'{"error": null}']
)
def test_an_error_answer_of_another_shape_has_neither_code_nor_message(garbage: bytes) -> None:
    assert payloads.error(garbage) == ("", "")


def test_an_error_answer_gives_its_code_and_message() -> None:
    answer = {"error": {"code": "NOT_FOUND", "message": "gone", "details": {}}, "status": 404}

    assert payloads.error(body(answer)) == ("NOT_FOUND", "gone")


def test_an_error_answer_of_the_data_plane_gives_its_message() -> None:
    answer = {"code": 7, "message": "Access denied", "details": []}

    assert payloads.error(body(answer)) == ("", "Access denied")


def test_the_schema_is_read_as_each_api_version_sends_it() -> None:
    plain = {"name": "docs", "status": {"ready": True, "state": "Ready"}}
    fields = {"year": {"filterable": True}, "_values": {"dimension": 8, "metric": "cosine"}}
    for sent in (
        {"dimension": 8, "metric": "cosine", "spec": {"serverless": {}}},
        {"schema": {"fields": fields}},
        {"schema": {"fields": {"title": "odd"} | fields}},
        {"schema": {"fields": {"year": {"filterable": True}}}, "dimension": 8, "metric": "cosine"},
    ):
        found = payloads.index(body(plain | sent))
        assert (found.dimension, found.metric) == (8, "cosine")
    for odd in ({"schema": "none"}, {"schema": None}, {"dimension": "wide"}, {}):
        found = payloads.index(body(plain | odd))
        assert (found.dimension, found.metric) == (None, None)
