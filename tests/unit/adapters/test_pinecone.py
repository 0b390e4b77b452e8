"""The operations: what each sends, how a listing is walked, and whom the key is shown to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup import errors
from pinecone_backup.adapters.pinecone import client as pinecone_client
from pinecone_backup.adapters.pinecone.client import PineconeClient
from pinecone_backup.model import Index, IndexKind
from tests.support.pinecone_transport import (
    Key,
    Script,
    Time,
    answer,
    client_of,
    error,
    page,
    row,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinecone_backup.ports import Page

JOB = {
    "restore_job_id": "job-1",
    "backup_id": "bkp-1",
    "target_index_name": "copy",
    "target_index_id": "i-2",
    "status": "Completed",
    "created_at": "2026-11-20T03:00:00Z",
    "completed_at": "2026-11-20T03:10:00Z",
    "percent_complete": 100,
}
SCHEDULE = {
    "schedule_id": "sch-1",
    "name": "nightly",
    "index_id": "i-1",
    "frequency": "daily",
    "retention_expire_after_days": 7,
    "enabled": True,
    "next_scheduled_run": "2026-11-21T06:00:00+00:00",
    "created_at": "2026-11-20T03:00:00+00:00",
}
INDEX = {
    "name": "docs",
    "host": "docs-1.svc.us-east-1.pinecone.io",
    "status": {"ready": True, "state": "Ready"},
    "deployment": {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"},
}
RUN = {"backup_id": "bkp-1", "source_index_id": "i-1", "status": "Ready", "name": None}


# Walking listings

WALKS: dict[str, tuple[Callable[[PineconeClient], Iterator[Any]], str, dict[str, Any]]] = {
    "project backups": (lambda client: client.project_backups(), "/backups", row()),
    "index backups": (
        lambda client: client.index_backups("docs"),
        "/indexes/docs/backups",
        row(),
    ),
    "restore jobs": (lambda client: client.restore_jobs(), "/restore-jobs", JOB),
    "schedules": (
        lambda client: client.native_schedules("docs"),
        "/indexes/docs/backup-schedules",
        SCHEDULE,
    ),
    "history": (
        lambda client: client.native_history("sch-1"),
        "/backup-schedules/sch-1/history",
        RUN,
    ),
}
EACH_WALK = pytest.mark.parametrize(("walk", "path", "item"), WALKS.values(), ids=WALKS.keys())


@EACH_WALK
def test_a_walk_sends_the_limit_first_and_then_the_token_alone(
    walk: Callable[[PineconeClient], Iterator[Any]], path: str, item: dict[str, Any]
) -> None:
    script = Script(page(item, token="t/1="), page(item, item, token="t2"), page(item))

    assert len(list(walk(client_of(script)))) == 4
    assert script.calls == [
        f"GET {path}?limit=100",
        f"GET {path}?paginationToken=t%2F1%3D",
        f"GET {path}?paginationToken=t2",
    ]


@EACH_WALK
def test_a_full_last_page_is_followed_by_an_empty_one(
    walk: Callable[[PineconeClient], Iterator[Any]], path: str, item: dict[str, Any]
) -> None:
    """N1: a full last page carries a token."""
    script = Script(page(*[item] * 100, token="t1"), page())

    assert len(list(walk(client_of(script)))) == 100


@EACH_WALK
def test_a_repeated_token_makes_a_listing_incomplete(
    walk: Callable[[PineconeClient], Iterator[Any]], path: str, item: dict[str, Any]
) -> None:
    """D2: a listing whose token repeats is never acted on."""
    script = Script(page(item, token="a"), page(item, token="b"), page(item, token="a"))

    with pytest.raises(errors.ListingIncomplete, match="repeats its paging token after page 3"):
        list(walk(client_of(script)))

    assert len(script.calls) == 3


@EACH_WALK
def test_a_page_that_fails_makes_a_listing_incomplete_for_its_cause(
    walk: Callable[[PineconeClient], Iterator[Any]], path: str, item: dict[str, Any]
) -> None:
    """D2: half a listing is never acted on."""
    script = Script(page(item, token="a"), error(500), repeat_last=True)
    found = walk(client_of(script))

    assert next(found) is not None
    with pytest.raises(errors.ListingIncomplete, match="Page 2 of ") as caught:
        next(found)

    assert isinstance(caught.value.__cause__, errors.Unavailable)


@EACH_WALK
def test_a_row_not_understood_makes_a_listing_incomplete_by_row_and_field(
    walk: Callable[[PineconeClient], Iterator[Any]], path: str, item: dict[str, Any]
) -> None:
    """An unparsable row must not silently drop out."""
    script = Script(page(item, {**item, "status": None, "enabled": None}))

    with pytest.raises(errors.ListingIncomplete, match=r"data\.1\.(status|enabled): ") as caught:
        list(walk(client_of(script)))

    assert isinstance(caught.value.__cause__, errors.AnswerMalformed)


def test_a_listing_that_never_ends_is_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinecone_client, "MOST_PAGES", 7)
    count = iter(range(1000))

    def endless(_: httpx.Request) -> httpx.Response:
        return page(row(), token=f"t{next(count)}")

    with pytest.raises(errors.ListingIncomplete, match="did not end within 7 pages"):
        list(client_of(endless).project_backups())


def test_a_listing_that_takes_too_long_is_incomplete() -> None:
    """One that never ends takes a minute of its run, and no more."""
    time, count = Time(), iter(range(1000))

    def endless(_: httpx.Request) -> httpx.Response:
        time.now += 7
        return page(row(), token=f"t{next(count)}")

    with pytest.raises(errors.ListingIncomplete, match="did not end within 9 pages"):
        list(client_of(endless, time=time).project_backups())


def test_a_listing_as_long_as_allowed_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinecone_client, "MOST_PAGES", 2)

    assert len(list(client_of(Script(page(row(), token="t"), page())).project_backups())) == 1


def test_a_first_page_that_finds_no_index_says_so() -> None:
    """The index was deleted meanwhile: an answer, not a failure."""
    script = Script(error(404, "NOT_FOUND", "Index docs not found."))

    with pytest.raises(errors.NotFound):
        list(client_of(script).index_backups("docs"))


def test_a_later_page_that_finds_no_index_makes_the_listing_incomplete() -> None:
    script = Script(page(row(), token="a"), error(404, "NOT_FOUND", "Index docs not found."))

    with pytest.raises(errors.ListingIncomplete) as caught:
        list(client_of(script).index_backups("docs"))

    assert isinstance(caught.value.__cause__, errors.NotFound)


def test_a_rejected_key_makes_a_listing_incomplete_and_is_named_in_it() -> None:
    with pytest.raises(errors.ListingIncomplete, match="stack/projects/main") as caught:
        list(client_of(Script(httpx.Response(401))).project_backups())

    assert isinstance(caught.value.__cause__, errors.KeyRejected)


def test_rows_come_as_their_page_arrives() -> None:
    script = Script(page(row("a"), token="t"), page(row("b")))
    found = client_of(script).project_backups()

    assert next(found).backup_id == "a"
    assert len(script.calls) == 1


def test_deleted_indexes_are_asked_for_on_every_page() -> None:
    script = Script(page(row(), token="t"), page(row()))

    list(client_of(script).index_backups("docs", include_deleted=True))

    assert script.calls == [
        "GET /indexes/docs/backups?limit=100&include_deleted=true",
        "GET /indexes/docs/backups?paginationToken=t&include_deleted=true",
    ]


def test_a_backup_of_another_index_makes_an_index_listing_incomplete() -> None:
    """I1: the active id is learnt from this listing, so that nothing else may be in it."""
    script = Script(page(row(), row(source_index_name="other")))

    with pytest.raises(errors.ListingIncomplete, match="'other'"):
        list(client_of(script).index_backups("docs"))


@pytest.mark.parametrize(
    ("ask", "path", "item"),
    [
        (lambda c, **p: c.project_backups_page(**p), "/backups", row()),
        (lambda c, **p: c.index_backups_page("docs", **p), "/indexes/docs/backups", row()),
        (lambda c, **p: c.restore_jobs_page(**p), "/restore-jobs", JOB),
        (
            lambda c, **p: c.native_schedules_page("docs", **p),
            "/indexes/docs/backup-schedules",
            SCHEDULE,
        ),
        (lambda c, **p: c.native_history_page("s", **p), "/backup-schedules/s/history", RUN),
    ],
)
def test_a_page_is_given_with_its_token_and_the_limit_only_counts_on_the_first(
    ask: Callable[..., Page[Any]], path: str, item: dict[str, Any]
) -> None:
    script = Script(page(item, token="next"), page(item))
    client = client_of(script)

    first = ask(client, limit=3, token=None)
    last = ask(client, limit=3, token=first.next_token)

    assert (len(first.items), first.next_token) == (1, "next")
    assert (len(last.items), last.next_token) == (1, None)
    assert script.calls == [f"GET {path}?limit=3", f"GET {path}?paginationToken=next"]


# Single operations


def test_indexes_are_listed_in_one_call() -> None:
    """N1: one GET /indexes."""
    script = Script(answer({"indexes": [INDEX]}))

    [found] = client_of(script).list_indexes()

    assert (found.name, found.kind) == ("docs", IndexKind.SERVERLESS)
    assert script.calls == ["GET /indexes"]


def test_an_index_is_described() -> None:
    script = Script(answer(INDEX))

    assert client_of(script).describe_index("docs").name == "docs"
    assert script.calls == ["GET /indexes/docs"]


def test_a_restore_job_is_described() -> None:
    script = Script(answer(JOB))

    found = client_of(script).describe_restore_job("job-1")

    assert (found.status, found.percent_complete, found.unfinished) == ("Completed", 100, False)
    assert script.calls == ["GET /restore-jobs/job-1"]


def test_a_schedule_is_described_and_deleted() -> None:
    script = Script(answer(SCHEDULE), answer(status=204))
    client = client_of(script)

    assert client.describe_native_schedule("sch-1").name == "nightly"
    client.delete_native_schedule("sch-1")

    assert script.calls == ["GET /backup-schedules/sch-1", "DELETE /backup-schedules/sch-1"]


@pytest.mark.parametrize(
    ("ask", "other"),
    [
        (lambda client: client.describe_index("asked"), INDEX),
        (lambda client: client.describe_backup("asked"), row("bkp-2")),
        (lambda client: client.describe_restore_job("asked"), JOB),
        (lambda client: client.describe_native_schedule("asked"), SCHEDULE),
    ],
)
def test_an_answer_about_something_else_is_refused(
    ask: Callable[[PineconeClient], object], other: dict[str, Any]
) -> None:
    """D5: the newest good backup is described before deletions; no other may answer for it."""
    with pytest.raises(errors.AnswerMalformed, match="was answered about"):
        ask(client_of(Script(answer(other))))


def test_a_restore_sends_only_what_was_said_and_is_pending() -> None:
    script = Script(answer({"restore_job_id": "job-1", "index_id": "i-2"}, 202))

    job = client_of(script).restore("bkp-1", name="copy")

    assert (job.job_id, job.backup_id, job.status) == ("job-1", "bkp-1", "Pending")
    assert (job.target_index_name, job.target_index_id) == ("copy", "i-2")
    assert job.unfinished
    assert script.calls == ["POST /backups/bkp-1/create-index"]
    assert script.sent() == {"name": "copy", "deletion_protection": "disabled"}


def test_a_restore_sends_everything_that_was_said() -> None:
    script = Script(answer({"restore_job_id": "job-1", "index_id": "i-2"}, 202))

    client_of(script).restore(
        "bkp-1",
        name="copy",
        tags={},
        deletion_protection=True,
        read_capacity={"mode": "OnDemand"},
    )

    assert script.sent() == {
        "name": "copy",
        "deletion_protection": "enabled",
        "tags": {},
        "read_capacity": {"mode": "OnDemand"},
    }


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ({}, {}),
        ({"frequency": "weekly"}, {"frequency": "weekly"}),
        ({"expire_after_days": 9}, {"retention": {"expire_after_days": 9}}),
        ({"enabled": False}, {"enabled": False}),
        (
            {"frequency": "daily", "expire_after_days": 1, "enabled": True},
            {"frequency": "daily", "retention": {"expire_after_days": 1}, "enabled": True},
        ),
    ],
)
def test_a_change_of_a_schedule_sends_only_what_changes(
    change: dict[str, Any], sent: dict[str, Any]
) -> None:
    script = Script(answer(SCHEDULE))

    client_of(script).update_native_schedule("sch-1", **change)

    assert script.sent() == sent


# Names in paths


@given(st.text(min_size=1).filter(lambda name: name not in {".", ".."}))
def test_a_name_stays_one_segment_of_the_path_whatever_it_contains(name: str) -> None:
    name = name.encode("utf-8", "replace").decode()
    script = Script(answer(status=202))

    client_of(script).delete_backup(name)

    [sent] = script.requests
    path = sent.url.raw_path.decode()
    assert path.count("/") == 2
    assert path.startswith("/backups/")
    assert "?" not in path
    assert httpx.URL(f"http://x{path}").path == f"/backups/{name}"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_change_the_path_is_refused_before_anything_is_sent(name: str) -> None:
    script = Script()

    with pytest.raises(errors.RequestInvalid):
        client_of(script).delete_backup(name)

    assert script.calls == []


# Whom the key is shown to

STATISTICS = {"totalVectorCount": 98, "namespaces": {"": {"vectorCount": 98}}}


def index_at(host: str) -> Index:
    return Index(name="docs", kind=IndexKind.SERVERLESS, state="Ready", ready=True, host=host)


@pytest.mark.parametrize(
    "host",
    [
        "docs-1.svc.us-east-1.pinecone.io",
        "https://docs-1.svc.us-east-1.pinecone.io",
        "https://docs-1.svc.us-east-1.pinecone.io/",
        "docs-1.svc.private.aped-4627-b74a.pinecone.io",
    ],
)
def test_the_record_count_comes_from_the_index_host_over_https(host: str) -> None:
    script = Script(answer(STATISTICS))

    assert client_of(script).index_record_count(index_at(host)) == 98

    [sent] = script.requests
    assert sent.url.scheme == "https"
    assert sent.url.host.endswith(".pinecone.io")
    assert sent.url.path == "/describe_index_stats"
    assert sent.method == "POST"
    assert script.sent() == {}


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "pinecone.io",
        "docs.pinecone.io.evil.example",
        "evilpinecone.io",
        "http://docs-1.svc.pinecone.io",
        "docs-1.svc.pinecone.io:8443",
        "docs-1.svc.pinecone.io@evil.example",
        "user@docs-1.svc.pinecone.io",
        "evil.example/.pinecone.io",
        "evil.example#.pinecone.io",
        "evil.example?x=.pinecone.io",
        "evil.example\\.pinecone.io",
        "docs-1.svc.pinecone.io\n",
        "https://https://docs-1.svc.pinecone.io",
        "ſvc.pinecone.io",
        "..pinecone.io",
        "127.0.0.1:5080",
    ],
)
def test_the_key_goes_to_no_host_that_is_not_pinecones(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script()

    with caplog.at_level(logging.WARNING):
        assert client_of(script).index_record_count(index_at(host)) is None

    assert script.requests == []
    assert "does not belong to the control plane" in caplog.text
    if host:
        assert host not in caplog.text


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("http://127.0.0.1:5080", ""),
        ("127.0.0.1:5080", ""),
        ("http://127.0.0.1:5080/", ""),
        ("http://127.0.0.1:5080/_indexes/8b22-5fd6", "/_indexes/8b22-5fd6"),
    ],
)
def test_a_local_control_plane_is_its_own_data_plane(host: str, path: str) -> None:
    script = Script(answer(STATISTICS))
    client = client_of(script, base_url="http://127.0.0.1:5080/")

    assert client.index_record_count(index_at(host)) == 98
    assert str(script.requests[0].url) == f"http://127.0.0.1:5080{path}/describe_index_stats"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "http://127.0.0.1:5081",
        "127.0.0.1",
        "https://127.0.0.1:5080",
        "docs.svc.pinecone.io",
        "http://127.0.0.1:5080@evil.example",
        "http://127.0.0.1:5080.evil.example",
        "http://127.0.0.1:5080/../admin?x",
        "//127.0.0.1:5080",
    ],
)
def test_a_local_control_plane_sends_its_key_nowhere_else(host: str) -> None:
    script = Script()

    client = client_of(script, base_url="http://127.0.0.1:5080")

    assert client.index_record_count(index_at(host)) is None
    assert script.requests == []


@pytest.mark.parametrize("url", ["http://api.pinecone.io", "http://API.pinecone.io:80"])
def test_the_key_never_goes_to_pinecone_unencrypted(url: str) -> None:
    with pytest.raises(errors.SettingsInvalid, match="unencrypted"):
        PineconeClient(Key(), base_url=url)


@pytest.mark.parametrize(
    "failure", [error(404), error(403), error(500), answer({}), httpx.ReadTimeout("late")]
)
def test_a_record_count_that_cannot_be_had_is_none_and_logged(
    failure: httpx.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(failure, repeat_last=True)

    with caplog.at_level(logging.WARNING):
        assert client_of(script).index_record_count(index_at("docs.svc.pinecone.io")) is None

    assert "No record count" in caplog.text


def test_a_key_that_the_data_plane_rejects_is_not_read_again() -> None:
    """A key for the control plane alone is not wrong."""
    key = Key("control", "other")

    counted = client_of(Script(httpx.Response(401)), key=key).index_record_count(
        index_at("docs.svc.pinecone.io")
    )

    assert counted is None
    assert key.refreshed == 0


def test_asking_for_the_record_count_changes_nothing_and_is_repeated() -> None:
    script = Script(error(503), answer(STATISTICS))

    assert client_of(script).index_record_count(index_at("docs.svc.pinecone.io")) == 98
