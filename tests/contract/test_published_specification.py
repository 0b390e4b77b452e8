"""Pinecone's published OpenAPI document accepts every request that our client makes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest

from pinecone_backup.adapters.http import new_http_client
from pinecone_backup.adapters.pinecone.client import PineconeClient
from pinecone_backup.errors import RequestInvalid
from tests.support.pinecone_transport import Key
from tests.support.specification import SPECIFICATIONS, Judge, judged_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

type Ask = Callable[[PineconeClient], object]

PLAIN: list[tuple[str, Ask]] = [
    ("list_indexes", lambda client: client.list_indexes()),
    ("describe_index", lambda client: client.describe_index("docs-example")),
    ("list_project_backups", lambda client: list(client.project_backups())),
    ("list_project_backups", lambda client: client.project_backups_page(limit=1, token=None)),
    ("list_project_backups", lambda client: client.project_backups_page(limit=1, token="ey=")),
    ("list_index_backups", lambda client: list(client.index_backups("docs-example"))),
    (
        "list_index_backups",
        lambda client: client.index_backups_page("docs-example", limit=100, token="ey="),
    ),
    ("describe_backup", lambda client: client.describe_backup("bkp-1")),
    (
        "create_backup",
        lambda client: client.create_backup("docs-example", name="nightly-1", description="d"),
    ),
    ("delete_backup", lambda client: client.delete_backup("bkp-1")),
    ("create_index_from_backup", lambda client: client.restore("bkp-1", name="copy")),
    (
        "create_index_from_backup",
        lambda client: client.restore(
            "bkp-1", name="copy", tags={"drill": "yes"}, deletion_protection=True
        ),
    ),
    ("list_restore_jobs", lambda client: list(client.restore_jobs())),
    ("list_restore_jobs", lambda client: client.restore_jobs_page(limit=1, token="ey=")),
    ("describe_restore_job", lambda client: client.describe_restore_job("job-1")),
]
NEWER: list[tuple[str, Ask]] = [
    (
        "list_index_backups",
        lambda client: list(client.index_backups("docs-example", include_deleted=True)),
    ),
    (
        "create_index_from_backup",
        lambda client: client.restore("bkp-1", name="copy", read_capacity={"mode": "OnDemand"}),
    ),
    (
        "create_backup_schedule",
        lambda client: client.create_native_schedule(
            "docs-example", name="native", frequency="daily", expire_after_days=7
        ),
    ),
    ("list_backup_schedules", lambda client: list(client.native_schedules("docs-example"))),
    (
        "list_backup_schedules",
        lambda client: client.native_schedules_page("docs-example", limit=1, token="ey="),
    ),
    ("describe_backup_schedule", lambda client: client.describe_native_schedule("sch-1")),
    ("update_backup_schedule", lambda client: client.update_native_schedule("sch-1")),
    (
        "update_backup_schedule",
        lambda client: client.update_native_schedule(
            "sch-1", frequency="weekly", expire_after_days=9, enabled=False
        ),
    ),
    ("delete_backup_schedule", lambda client: client.delete_native_schedule("sch-1")),
    ("list_backup_schedule_history", lambda client: list(client.native_history("sch-1"))),
    (
        "list_backup_schedule_history",
        lambda client: client.native_history_page("sch-1", limit=1, token="ey="),
    ),
]
"""What the document of 2026-04 does not have yet."""


CASES = [("2026-04", *case) for case in PLAIN] + [("2026-07", *case) for case in PLAIN + NEWER]


@pytest.fixture(scope="module")
def judges() -> Iterator[dict[str, tuple[Judge, PineconeClient]]]:
    """Per API version, a judge and a client of the server that it judges for."""
    with ExitStack() as stack:
        http = stack.enter_context(new_http_client())
        benches = {}
        for version in SPECIFICATIONS:
            judge = Judge(version)
            client = PineconeClient(
                Key(),
                base_url=stack.enter_context(judged_by(judge)),
                api_version=version,
                schedules_api_version=version,
                http=http,
            )
            benches[version] = judge, client
        yield benches


@pytest.mark.parametrize(("version", "operation", "ask"), CASES)
def test_the_document_accepts_every_request_of_the_client(
    judges: dict[str, tuple[Judge, PineconeClient]], version: str, operation: str, ask: Ask
) -> None:
    judge, client = judges[version]
    judge.accepted.clear()
    judge.refused.clear()

    ask(client)

    assert judge.refused == []
    assert judge.accepted == [operation]


def test_every_operation_on_backups_restores_and_schedules_is_asked_for() -> None:
    asked = {operation for operation, _ in PLAIN + NEWER}

    assert asked == Judge("2026-07").operations - {"delete_index"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"headers": {"X-Pinecone-Api-Version": "2026-07"}}, "security"),
        ({"headers": {"Api-Key": "k"}}, "wrong API version"),
        ({"params": {"limit": "many"}}, "limit"),
        ({"params": {"pagination_token": "ey="}}, "undeclared query parameter pagination_token"),
        ({"method": "POST"}, "POST"),
        ({"url": "/backup"}, "backup"),
    ],
)
def test_the_judge_refuses_what_the_document_does_not_allow(
    change: dict[str, object], said: str
) -> None:
    judge = Judge("2026-07")
    asked = {
        "method": "GET",
        "url": "/backups",
        "headers": {"Api-Key": "k", "X-Pinecone-Api-Version": "2026-07"},
        **change,
    }
    with judged_by(judge) as base_url, httpx.Client(base_url=base_url) as http:
        status = http.request(**asked).status_code  # type: ignore[arg-type] # a dict of its arguments

    assert status == 400
    assert said.lower() in judge.refused[0].lower()


@pytest.mark.parametrize("name", ["", "x" * 46])
def test_the_judge_refuses_a_body_that_the_document_does_not_allow(name: str) -> None:
    judge = Judge("2026-07")
    with judged_by(judge) as base_url, new_http_client() as http:
        client = PineconeClient(Key(), base_url=base_url, http=http)
        with pytest.raises(RequestInvalid):
            client.create_backup("docs-example", name=name, description="")

    assert "request body" in judge.refused[0].lower()
