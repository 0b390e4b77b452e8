"""Asking: what is sent, what is asked again, and what each answer means."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.api.problems import PROBLEMS
from pinecone_backup_cli.api import HoldScope, PlaceHold, RunState
from pinecone_backup_cli.client import PAUSES, HttpApi
from pinecone_backup_cli.connection import Target, connect
from pinecone_backup_cli.errors import EXIT_OF_PROBLEM, ApiProblem, CliError, Exit
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.wire import path
from tests.support.command_line import KEY, REGION, SECRET, TOKEN, fine, problem, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

HEALTH = fine(
    {
        "status": "pass",
        "at": "2026-11-22T12:00:00Z",
        "stack": "stack-a",
        "owner": "stack-a",
        "prune_mode": "dry_run",
        "policy": "pass",
        "policy_version": "v1",
        "problems": [],
        "projects": [],
    }
)
HOLD = fine(
    {
        "hold_id": "hold-1",
        "scope": "index",
        "target": "products",
        "reason": "Case",
        "placed_by": "ada",
        "created_at": "2026-11-22T12:00:00Z",
        "expires_at": None,
        "released_at": None,
        "released_by": "",
        "release_reason": "",
        "active": True,
    }
)
WANTED = PlaceHold(scope=HoldScope.INDEX, target="products", reason="Case")


def client(url: str, pauses: list[float] | None = None) -> HttpApi:
    return HttpApi(url, None, pause=(pauses if pauses is not None else []).append)


def test_every_problem_of_the_api_has_its_exit_code() -> None:
    assert set(EXIT_OF_PROBLEM) == set(PROBLEMS)


@pytest.mark.parametrize(
    ("slug", "status", "code"),
    [
        ("rule-forbids", 409, Exit.REFUSED),
        ("not-found", 404, Exit.NOT_FOUND),
        ("outcome-unknown", 504, Exit.UNKNOWN),
        ("of-a-later-version", 409, Exit.REFUSED),
        ("of-a-later-version", 503, Exit.FAILED),
    ],
)
def test_a_problem_ends_with_its_own_exit_code_and_next_step(
    slug: str, status: int, code: Exit
) -> None:
    with scripted(problem(slug, status)) as server, pytest.raises(ApiProblem) as raised:
        client(server.url).health()
    assert (raised.value.exit, raised.value.next_step) == (code, "The next step.")


def test_an_answer_that_is_no_problem_of_ours_names_the_url() -> None:
    with (
        scripted((502, "text/html", b"<html>Bad gateway</html>")) as server,
        pytest.raises(CliError) as raised,
    ):
        client(server.url).health()
    assert raised.value.exit is Exit.UNREACHABLE
    assert "127.0.0.1 answered 502" in str(raised.value)


def test_a_deployment_that_knows_more_is_understood() -> None:
    status, kind, body = HEALTH
    newer = body.replace(b'"dry_run"', b'"only_on_sundays","mood":"fine"')
    with scripted((status, kind, newer)) as server:
        health = client(server.url).health()
    assert health.prune_mode == "only_on_sundays"
    assert health.prune_mode.value == "only_on_sundays"


def test_an_answer_of_another_shape_is_a_failure_not_a_guess() -> None:
    with scripted(fine({"status": "pass"})) as server, pytest.raises(CliError) as raised:
        client(server.url).health()
    assert raised.value.exit is Exit.FAILED
    assert "/v1/health" in str(raised.value)


def test_too_many_requests_are_asked_again_after_pauses() -> None:
    pauses: list[float] = []
    with scripted(problem("throttled", 429), problem("throttled", 429), HEALTH) as server:
        assert client(server.url, pauses).health().status == "pass"
    assert pauses == list(PAUSES[:2])


def test_asking_again_ends() -> None:
    with scripted(problem("throttled", 429)) as server, pytest.raises(ApiProblem) as raised:
        client(server.url).health()
    assert raised.value.exit is Exit.FAILED
    assert len(server.requests) == len(PAUSES) + 1


def test_a_post_whose_answer_was_lost_is_asked_again_under_the_same_key() -> None:
    with scripted(None, HOLD) as server:
        assert client(server.url).place_hold("main", WANTED).hold_id == "hold-1"
    first, second = (request.headers["idempotency-key"] for request in server.requests)
    assert first == second


def test_two_posts_have_two_keys() -> None:
    with scripted(HOLD) as server:
        api = client(server.url)
        for _ in range(2):
            api.place_hold("main", WANTED)
    first, second = (request.headers["idempotency-key"] for request in server.requests)
    assert first != second


def _delete(api: HttpApi) -> object:
    return api.delete_backup("main", "b-1", reason="Test data")


def _hold(api: HttpApi) -> object:
    return api.place_hold("main", WANTED)


def _look(api: HttpApi) -> object:
    return api.health()


@pytest.mark.parametrize(
    ("ask", "code", "times"),
    [
        (_delete, Exit.UNKNOWN, 1),
        (_hold, Exit.UNKNOWN, len(PAUSES) + 1),
        (_look, Exit.UNREACHABLE, len(PAUSES) + 1),
    ],
)
def test_an_answer_that_never_comes_is_unknown_where_something_may_have_changed(
    ask: Callable[[HttpApi], object], code: Exit, times: int
) -> None:
    with scripted(None) as server, pytest.raises(CliError) as raised:
        ask(client(server.url))
    assert (raised.value.exit, len(server.requests)) == (code, times)


@pytest.mark.parametrize("ask", [_delete, _hold, _look])
def test_where_nobody_listens_nothing_has_happened(ask: Callable[[HttpApi], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(CliError) as raised:
        ask(client(f"http://127.0.0.1:{port}"))
    assert raised.value.exit is Exit.UNREACHABLE


def test_what_is_left_out_is_not_sent() -> None:
    with scripted(HOLD) as server:
        _hold(client(server.url))
    assert server.requests[0].body == b'{"scope":"index","target":"products","reason":"Case"}'


def test_a_listing_is_read_to_its_end() -> None:
    hold = HOLD[2].decode()
    first = f'{{"data": [{hold}], "pagination": {{"next": "two words"}}}}'.encode()
    last = f'{{"data": [{hold}], "pagination": null}}'.encode()
    json = "application/json"
    with scripted((200, json, first), (200, json, last)) as server:
        rows = pages(client(server.url).list_holds, "main", active=True)
    assert [hold.hold_id for hold in rows] == ["hold-1", "hold-1"]
    assert [request.path for request in server.requests] == [
        "/v1/projects/main/holds?active=true&limit=100",
        "/v1/projects/main/holds?active=true&limit=100&paginationToken=two%20words",
    ]


def test_no_more_rows_are_asked_for_than_are_wanted() -> None:
    page = f'{{"data": [{HOLD[2].decode()}], "pagination": {{"next": "on"}}}}'.encode()
    with scripted((200, "application/json", page)) as server:
        rows = pages(client(server.url).list_holds, "main", most=1)
    assert len(rows) == len(server.requests) == 1


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_part_of_a_path_leads_elsewhere(project: str, hold: str) -> None:
    try:
        asked = path("/v1/projects/{}/holds/{}", project, hold)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    assert asked.count("/") == 5
    assert "?" not in asked
    assert "#" not in asked


@pytest.mark.parametrize("reason", ["Test data", "a+b=c&d?e/f%g", "Käse ✓", "'~*()!"])
def test_what_is_signed_is_what_is_sent(reason: str) -> None:
    """Whoever recomputes the signature from what arrived comes to the same one."""
    with (
        scripted(problem("not-found", 404)) as server,
        closing(connect(Target(stack="", region=REGION, url=server.url))) as api,
        pytest.raises(ApiProblem),
    ):
        api.delete_backup("main", "b-1", override="floor", reason=reason)
    (request,) = server.requests
    signed = request.headers["authorization"]
    again = AWSRequest(request.method, server.url + request.path, data=request.body)
    again.headers["X-Amz-Date"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(KEY, SECRET, TOKEN), "execute-api", REGION)
    again.context["timestamp"] = request.headers["x-amz-date"]
    again.headers["X-Amz-Security-Token"] = request.headers["x-amz-security-token"]
    signature = signer.signature(
        signer.string_to_sign(again, signer.canonical_request(again)), again
    )
    assert f"Signature={signature}" in signed
    assert SECRET not in str(request)


def test_words_that_this_version_does_not_know_stay_themselves() -> None:
    assert RunState("sleeping").value == "sleeping"
    assert RunState("running") is RunState.RUNNING
