"""Every example of Pinecone's guide "Create a backup", through our client."""

from __future__ import annotations

from datetime import UTC, datetime

from pinecone_backup.model import Backup, Status
from tests.support import guide
from tests.support.pinecone_transport import Script, answer, client_of, page

EXPECTED = Backup(
    backup_id="8c85e612-ed1c-4f97-9f8c-8194e07bcf71",
    index_name="docs-example",
    index_id="f73b36c9-faf5-4a2c-b1d6-4013d8b1cc74",
    status=Status.READY,
    status_text="Ready",
    created_at=datetime(2025, 5, 15, 0, 52, 10, 809305, UTC),
    name="example-backup",
    description="Monthly backup of production index",
    record_count=98,
    namespace_count=3,
    size_bytes=1069169,
    cloud="aws",
    region="us-east-1",
    tags={},
    dimension=1024,
)


def test_create_a_backup_with_nine_digits_of_a_second() -> None:
    script = Script(answer(guide.CREATED, 201))

    created = client_of(script).create_backup(
        guide.DOCS_EXAMPLE, name="example-backup", description=guide.DESCRIPTION
    )

    assert created == EXPECTED
    assert script.calls == ["POST /indexes/docs-example/backups"]
    assert script.sent() == {"name": "example-backup", "description": guide.DESCRIPTION}


def test_describe_a_backup_whose_time_differs_from_the_one_it_was_created_with() -> None:
    script = Script(answer(guide.DESCRIBED))

    described = client_of(script).describe_backup(guide.BACKUP_ID)

    assert described.created_at == datetime(2025, 5, 15, 0, 52, 10, 809354, UTC)
    assert described.created_at != EXPECTED.created_at
    assert script.calls == [f"GET /backups/{guide.BACKUP_ID}"]


def test_list_the_backups_of_an_index() -> None:
    script = Script(page(*guide.LISTED_FOR_INDEX))

    assert list(client_of(script).index_backups(guide.DOCS_EXAMPLE)) == [EXPECTED]
    assert script.calls == ["GET /indexes/docs-example/backups?limit=100"]


def test_list_the_backups_of_a_project_keeps_one_id_under_two_indexes_apart() -> None:
    script = Script(page(*guide.LISTED_FOR_PROJECT))

    listed = list(client_of(script).project_backups())

    assert [(row.backup_id, row.index_name) for row in listed] == [
        (guide.BACKUP_ID, "docs-example"),
        ("95707edb-e482-49cf-b5a5-312219a51a97", "docs-example2"),
        (guide.BACKUP_ID, "docs-example3"),
    ]
    assert [row.created_at for row in listed] == [
        datetime(2025, 5, 15, 20, 26, 21, 248515, UTC),
        datetime(2025, 5, 15, 0, 52, 10, 809354, UTC),
        datetime(2025, 5, 14, 16, 37, 25, 625540, UTC),
    ]
    assert script.calls == ["GET /backups?limit=100"]


def test_delete_a_backup() -> None:
    script = Script(answer(status=202))

    client_of(script).delete_backup(guide.DELETED_ID)

    assert script.calls == [f"DELETE /backups/{guide.DELETED_ID}"]


def test_create_a_schedule_under_the_version_that_the_guide_names() -> None:
    made = {
        "schedule_id": "sch-1",
        "name": "my-nightly-backup",
        "index_id": guide.INDEX_ID,
        "project_id": "prj-1",
        "schedule_type": "time-based",
        "frequency": "daily",
        "retention_expire_after_days": 7,
        "enabled": True,
        "next_scheduled_run": "2026-04-03T06:00:00+00:00",
        "created_at": "2026-04-02T18:22:31.000001+00:00",
    }
    script = Script(answer(made))

    schedule = client_of(
        script, schedules_api_version=guide.SCHEDULE_VERSION
    ).create_native_schedule(
        guide.DOCS_EXAMPLE, name="my-nightly-backup", frequency="daily", expire_after_days=7
    )

    assert schedule.next_run_at == datetime(2026, 4, 3, 6, tzinfo=UTC)
    assert script.calls == ["POST /indexes/docs-example/backup-schedules"]
    assert script.sent() == guide.SCHEDULE_REQUEST
    assert script.requests[0].headers["x-pinecone-api-version"] == "unstable"
