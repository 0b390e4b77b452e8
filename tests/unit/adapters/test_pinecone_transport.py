"""One call: what is repeated, what is not, and which of our errors an answer becomes."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup import errors
from pinecone_backup.adapters.pinecone import transport
from pinecone_backup.errors import SecretNotSet
from tests.support.pinecone_transport import (
    KEY,
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

    from pydantic import SecretStr

    from pinecone_backup.adapters.pinecone.client import PineconeClient

PASSING = [408, 429, 500, 502, 503, 504, 520]
LOST_ANSWERS: list[httpx.RequestError] = [
    httpx.ReadTimeout("late"),
    httpx.ReadError("reset"),
    httpx.WriteTimeout("late"),
    httpx.WriteError("broken pipe"),
    httpx.RemoteProtocolError("disconnected"),
    httpx.DecodingError("bad gzip"),
]
NEVER_REACHED: list[httpx.RequestError] = [
    httpx.ConnectError("[Errno 111] Connection refused"),
    httpx.ConnectTimeout("late"),
    httpx.PoolTimeout("all busy"),
]


def create(client: PineconeClient) -> object:
    return client.create_backup("docs", name="n", description="d")


def restore(client: PineconeClient) -> object:
    return client.restore("bkp-1", name="copy")


def schedule(client: PineconeClient) -> object:
    return client.create_native_schedule("docs", name="n", frequency="daily", expire_after_days=7)


POSTS = pytest.mark.parametrize("post", [create, restore, schedule])


@pytest.mark.parametrize("status", PASSING)
def test_a_read_is_repeated_after_an_answer_that_may_pass(status: int) -> None:
    script = Script(error(status), error(status), answer(row()))

    assert client_of(script).describe_backup("bkp-1").backup_id == "bkp-1"
    assert script.calls == ["GET /backups/bkp-1"] * 3


@pytest.mark.parametrize("failure", LOST_ANSWERS + NEVER_REACHED)
def test_a_read_is_repeated_after_a_failed_transport(failure: Exception) -> None:
    script = Script(failure, answer(row()))

    assert client_of(script).describe_backup("bkp-1").backup_id == "bkp-1"


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 412, 413, 418, 422])
def test_an_answer_that_will_not_pass_is_not_asked_for_again(status: int) -> None:
    script = Script(error(status))

    with pytest.raises(errors.PineconeError) as caught:
        client_of(script).describe_backup("bkp-1")

    assert caught.value.status == status
    assert len(script.calls) == 1


def test_the_fifth_failure_of_a_read_is_final() -> None:
    script = Script(error(503), repeat_last=True)
    time = Time()

    with pytest.raises(errors.Unavailable) as caught:
        client_of(script, time=time).describe_backup("bkp-1")

    assert len(script.calls) == 5
    assert len(time.slept) == 4
    assert caught.value.status == 503


def test_a_429_that_stays_is_reported_as_such() -> None:
    with pytest.raises(errors.RateLimited) as caught:
        client_of(Script(error(429), repeat_last=True)).describe_backup("bkp-1")

    assert caught.value.status == 429


def test_no_answer_at_all_is_unavailable_and_has_no_status() -> None:
    refused = httpx.ConnectError("[Errno 111] Connection refused")

    with pytest.raises(errors.Unavailable, match="Connection refused") as caught:
        client_of(Script(refused, repeat_last=True)).describe_backup("bkp-1")

    assert caught.value.status is None
    assert caught.value.operation == "describe_backup"


def test_waits_are_jittered_and_grow_no_further_than_their_cap() -> None:
    def waits() -> list[float]:
        time = Time()
        with pytest.raises(errors.Unavailable):
            client_of(Script(error(500), repeat_last=True), time=time).describe_backup("bkp-1")
        return time.slept

    rounds = [waits() for _ in range(20)]

    assert len({tuple(slept) for slept in rounds}) == len(rounds)
    for slept in rounds:
        assert all(0 <= wait <= cap for wait, cap in zip(slept, (0.5, 1.0, 2.0, 4.0), strict=True))


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_the_least_that_is_waited(status: int) -> None:
    time = Time()
    script = Script(error(status, retry_after="7"), answer(row()))

    client_of(script, time=time).describe_backup("bkp-1")

    assert 7 <= time.slept[0] <= 8


def test_when_one_call_is_told_to_wait_all_wait() -> None:
    """One budget for the 429s of a project: what one call was told holds for its other calls."""
    time = Time()
    script = Script(error(429, retry_after="15"), answer(row()), answer(row()))
    client = client_of(script, time=time, call_seconds=10)
    with pytest.raises(errors.RateLimited):
        client.describe_backup("bkp-1")
    time.now += 6
    client.describe_backup("bkp-1")
    assert time.slept == [9.0]


def test_a_call_that_would_have_to_wait_for_too_long_is_not_made() -> None:
    script = Script(error(429, retry_after="60"))
    client = client_of(script, call_seconds=10)
    for _ in range(2):
        with pytest.raises(errors.RateLimited):
            client.describe_backup("bkp-1")
    assert len(script.requests) == 1


def test_all_wait_as_long_as_a_call_whose_429_names_no_time() -> None:
    time = Time()
    told: list[float] = []
    honest = time.sleep

    def ask_beside(seconds: float) -> None:
        """A second call begins when the first one waits."""
        if not told:
            told.append(seconds)
            beside = threading.Thread(target=client.describe_backup, args=["bkp-1"], daemon=True)
            beside.start()
            beside.join(5)
        honest(seconds)

    time.sleep = ask_beside  # type: ignore[method-assign]
    script = Script(error(429), answer(row()), answer(row()))
    client = client_of(script, time=time, concurrency=2)
    client.describe_backup("bkp-1")
    assert time.slept[0] == pytest.approx(told[0])


def test_no_more_calls_are_under_way_than_allowed_and_no_fewer() -> None:
    together = threading.Barrier(3, timeout=5)  # three that wait for each other, or an error
    under_way: list[str] = []
    most = []

    def answered(request: httpx.Request) -> httpx.Response:
        under_way.append(request.url.path)
        most.append(len(under_way))
        together.wait()
        under_way.remove(request.url.path)
        return answer(row())

    client = client_of(answered, concurrency=3)
    with ThreadPoolExecutor(9) as pool:
        list(pool.map(client.describe_backup, ["bkp-1"] * 9))
    assert max(most) == 3


def test_the_time_of_a_call_begins_when_it_has_its_place() -> None:
    under_way = False
    begun_beside = threading.Event()

    def seconds() -> float:
        if under_way:
            begun_beside.set()
        return 60.0

    def answered(_: httpx.Request) -> httpx.Response:
        nonlocal under_way
        if not waiting:
            under_way = True
            waiting.append(pool.submit(client.describe_backup, "bkp-1"))
            begun_beside.wait(0.1)  # it does not come
            under_way = False
        return answer(row())

    client = client_of(answered, call_seconds=seconds)
    waiting: list[object] = []
    with ThreadPoolExecutor(1) as pool:
        client.describe_backup("bkp-1")
    assert not begun_beside.is_set()


def test_clients_with_the_same_retry_after_do_not_come_back_together() -> None:
    def waited() -> float:
        time = Time()
        script = Script(error(429, retry_after="7"), answer(row()))
        client_of(script, time=time).describe_backup("bkp-1")
        return time.slept[0]

    assert len({waited() for _ in range(20)}) > 1


def test_retry_after_as_a_date_is_honoured() -> None:
    time = Time()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    script = Script(error(429, retry_after=date), answer(row()))

    client_of(script, time=time).describe_backup("bkp-1")

    assert 25 <= time.slept[0] <= 31


def reply(retry_after: str) -> transport.Reply:
    return transport.Reply(429, httpx.Headers({"retry-after": retry_after}), b"")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1.5", 1.5),
        ("60", 60.0),
        ("61", 60.0),
        ("99999999999999999999", 60.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 60.0),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("", None),
    ],
)
def test_retry_after_is_capped_and_garbage_is_ignored(text: str, seconds: float | None) -> None:
    assert reply(text).retry_after == seconds


@given(st.text(st.characters(codec="latin-1")))
def test_no_retry_after_makes_a_call_fail(text: str) -> None:
    seconds = transport.Reply(429, httpx.Headers({b"retry-after": text.encode("latin-1")}), b"")

    assert seconds.retry_after is None or 0 <= seconds.retry_after <= transport.MOST_RETRY_AFTER


def test_a_wait_beyond_the_time_of_the_call_is_not_begun() -> None:
    time = Time()
    script = Script(error(429, retry_after="30"), answer(row()))

    with pytest.raises(errors.RateLimited):
        client_of(script, time=time, call_seconds=20).describe_backup("bkp-1")

    assert time.slept == []


def test_tries_and_waits_together_stay_within_the_time_of_the_call() -> None:
    time = Time()

    def slow(_: httpx.Request) -> httpx.Response:
        time.now += 12
        return error(503)

    with pytest.raises(errors.Unavailable):
        client_of(Script(slow, repeat_last=True), time=time, call_seconds=20).describe_backup("b")

    assert time.now <= 1000 + 2 * 12 + 1


def test_no_try_waits_longer_than_the_call_has_left() -> None:
    script = Script(answer(row()))

    client_of(script, call_seconds=4).describe_backup("bkp-1")

    allowed = script.requests[0].extensions["timeout"]
    assert allowed == {"connect": 4, "read": 4, "write": 4, "pool": 4}


def test_every_try_has_its_timeouts() -> None:
    script = Script(answer(row()))

    client_of(script).describe_backup("bkp-1")

    allowed = script.requests[0].extensions["timeout"]
    assert allowed == {"connect": 5, "read": 30, "write": 30, "pool": 30}


class Dripping(httpx.SyncByteStream):
    """A body whose pieces each come in time, and that never ends."""

    def __init__(self, time: Time, piece: bytes = b" ") -> None:
        self._time = time
        self._piece = piece

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self._time.now += 1
            yield self._piece


def test_an_answer_that_drips_is_given_up_in_time() -> None:
    time = Time()

    def drip(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Dripping(time))

    with pytest.raises(errors.Unavailable, match="ReadTimeout"):
        client_of(Script(drip, repeat_last=True), time=time).describe_backup("bkp-1")

    assert time.now < 1000 + 65


def test_an_answer_that_is_far_too_long_is_given_up() -> None:
    time = Time()

    def flood(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Dripping(time, b"x" * 16_000_000))

    with pytest.raises(errors.Unavailable, match="ReadError"):
        client_of(Script(flood, repeat_last=True), time=time).describe_backup("bkp-1")


# Writes


@POSTS
@pytest.mark.parametrize("failure", LOST_ANSWERS)
def test_a_post_whose_answer_is_lost_is_not_repeated(
    post: Callable[[PineconeClient], object], failure: Exception
) -> None:
    """C3: after an ambiguous POST, no second POST."""
    script = Script(failure)

    with pytest.raises(errors.OutcomeUnknown, match="may have taken effect"):
        post(client_of(script))

    assert len(script.calls) == 1


@POSTS
@pytest.mark.parametrize("status", [408, 500, 501, 502, 503, 504, 520])
def test_a_post_that_fails_in_the_service_is_not_repeated(
    post: Callable[[PineconeClient], object], status: int
) -> None:
    """C3: after an ambiguous POST, no second POST."""
    script = Script(error(status))

    with pytest.raises(errors.OutcomeUnknown) as caught:
        post(client_of(script))

    assert len(script.calls) == 1
    assert caught.value.status == status


@POSTS
@pytest.mark.parametrize("body", [b"", b"null", b"{", b"<html>", b"{}"])
def test_a_post_that_succeeded_without_saying_what_it_made_is_not_taken_for_a_failure(
    post: Callable[[PineconeClient], object], body: bytes
) -> None:
    """C3: a created backup whose id we do not know is looked for, never made again."""
    script = Script(httpx.Response(201, content=body))

    with pytest.raises(errors.OutcomeUnknown):
        post(client_of(script))


@POSTS
def test_a_post_that_is_redirected_is_not_followed_and_not_repeated(
    post: Callable[[PineconeClient], object],
) -> None:
    script = Script(httpx.Response(307, headers={"location": "https://evil.example/"}))

    with pytest.raises(errors.OutcomeUnknown):
        post(client_of(script))

    assert len(script.calls) == 1


@pytest.mark.parametrize("failure", NEVER_REACHED)
def test_a_post_that_never_reached_the_service_is_repeated(failure: Exception) -> None:
    script = Script(failure, failure, answer(row(), 201))

    assert client_of(script).create_backup("docs", name="n", description="d").index_name == "docs"
    assert len(script.calls) == 3


def test_a_post_that_never_reaches_the_service_is_unavailable_not_unknown() -> None:
    script = Script(httpx.ConnectError("refused"), repeat_last=True)

    with pytest.raises(errors.Unavailable):
        create(client_of(script))


def test_a_post_that_is_rate_limited_is_repeated() -> None:
    script = Script(error(429, retry_after="1"), answer(row(), 200))

    create(client_of(script))

    assert len(script.calls) == 2


def test_a_post_that_stays_rate_limited_had_no_effect() -> None:
    with pytest.raises(errors.RateLimited):
        create(client_of(Script(error(429), repeat_last=True)))


def test_a_post_repeated_after_429_and_then_lost_is_unknown() -> None:
    script = Script(error(429), httpx.ReadTimeout("late"))

    with pytest.raises(errors.OutcomeUnknown):
        create(client_of(script))


def test_a_backup_created_under_another_index_is_not_taken_for_ours() -> None:
    script = Script(answer(row(source_index_name="other"), 201))

    with pytest.raises(errors.OutcomeUnknown, match="'other'"):
        create(client_of(script))


@pytest.mark.parametrize("first", [error(500), error(503), httpx.ReadTimeout("late")])
def test_a_deletion_whose_answer_is_lost_is_repeated_until_it_is_not_found(
    first: httpx.Response | Exception,
) -> None:
    """D6: the 404 of a repeated deletion is the caller's success."""
    script = Script(first, error(404, "NOT_FOUND", "Backup bkp-1 not found."))

    with pytest.raises(errors.NotFound):
        client_of(script).delete_backup("bkp-1")

    assert script.calls == ["DELETE /backups/bkp-1"] * 2


def test_a_deletion_repeated_after_a_lost_answer_may_be_accepted() -> None:
    script = Script(httpx.ReadError("reset"), answer(status=202))

    client_of(script).delete_backup("bkp-1")

    assert len(script.calls) == 2


def test_a_deletion_that_fails_in_the_service_to_the_end_is_unknown() -> None:
    with pytest.raises(errors.OutcomeUnknown) as caught:
        client_of(Script(error(500), repeat_last=True)).delete_backup("bkp-1")

    assert caught.value.status == 500


def test_a_deletion_that_once_lost_its_answer_stays_unknown_whatever_refuses_it_later() -> None:
    script = Script(httpx.ReadTimeout("late"), error(403, "PERMISSION_DENIED", "Access denied"))

    with pytest.raises(errors.OutcomeUnknown, match="Access denied"):
        client_of(script).delete_backup("bkp-1")


def test_a_deletion_that_once_lost_its_answer_and_then_finds_no_way_is_unknown() -> None:
    script = Script(httpx.ReadTimeout("late"), httpx.ConnectError("refused"), repeat_last=True)

    with pytest.raises(errors.OutcomeUnknown):
        client_of(script).delete_backup("bkp-1")


def test_a_deletion_that_lost_its_answer_and_is_then_redirected_is_unknown() -> None:
    script = Script(httpx.ReadTimeout("late"), httpx.Response(302))

    with pytest.raises(errors.OutcomeUnknown) as caught:
        client_of(script).delete_backup("bkp-1")

    assert str(caught.value).count("may have taken effect") == 1


def test_a_deletion_that_never_reached_the_service_is_unavailable() -> None:
    with pytest.raises(errors.Unavailable):
        client_of(Script(httpx.ConnectError("refused"), repeat_last=True)).delete_backup("bkp-1")


def test_a_deletion_during_a_restore_is_reported_as_such() -> None:
    message = "Unable to delete backup. There are pending restore jobs for this backup: ['r']"
    script = Script(httpx.ReadTimeout("late"), error(412, "FAILED_PRECONDITION", message))

    with pytest.raises(errors.PreconditionFailed, match="pending restore jobs"):
        client_of(script).delete_backup("bkp-1")


def test_another_enabled_schedule_is_a_conflict_even_after_a_lost_answer() -> None:
    script = Script(httpx.ReadTimeout("late"), error(409, "ALREADY_EXISTS", "Disable it first."))

    with pytest.raises(errors.Conflict):
        client_of(script).update_native_schedule("s", enabled=True)


def test_a_change_of_a_schedule_is_repeated_after_a_lost_answer() -> None:
    changed = {
        "schedule_id": "s",
        "name": "n",
        "index_id": "i",
        "frequency": "daily",
        "retention_expire_after_days": 7,
        "enabled": True,
    }
    script = Script(httpx.ReadTimeout("late"), answer(changed))

    assert client_of(script).update_native_schedule("s", enabled=True).enabled
    assert script.calls == ["PATCH /backup-schedules/s"] * 2


# What an error answer becomes


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "INVALID_ARGUMENT", "Bad request.", errors.RequestInvalid),
        (413, "PAYLOAD_TOO_LARGE", "Too large", errors.RequestInvalid),
        (422, "UNPROCESSABLE_ENTITY", "missing field `x`", errors.RequestInvalid),
        (402, "PAYMENT_REQUIRED", "Pay all past due invoices", errors.PaymentRequired),
        (
            403,
            "PERMISSION_DENIED",
            "Access denied: Permission control::backups::list is required",
            errors.PermissionMissing,
        ),
        (
            403,
            "FORBIDDEN",
            "Increase your quota or upgrade to create more backups.",
            errors.QuotaReached,
        ),
        (403, "QUOTA_EXCEEDED", "No more.", errors.QuotaReached),
        (403, "RESOURCE_EXHAUSTED", "No more.", errors.QuotaReached),
        (
            403,
            "PERMISSION_DENIED",
            "Your organization's plan does not include backups. Upgrade your plan.",
            errors.PlanExcludes,
        ),
        (
            403,
            "PERMISSION_DENIED",
            "Scheduled backups are not available for your plan",
            errors.PlanExcludes,
        ),
        (
            403,
            "FORBIDDEN",
            "Deletion protection is enabled for this index. Disable it before retrying.",
            errors.DeletionProtected,
        ),
        (403, "PERMISSION_DENIED", "", errors.PermissionMissing),
        (
            403,
            "PERMISSION_DENIED",
            "Permission control-plane::backups is required",
            errors.PermissionMissing,
        ),
        (403, "FORBIDDEN", "No.", errors.Forbidden),
        (404, "NOT_FOUND", "Index example-index not found.", errors.NotFound),
        (409, "ALREADY_EXISTS", "Resource already exists.", errors.Conflict),
        (412, "FAILED_PRECONDITION", "Backup 670e is not completed", errors.PreconditionFailed),
    ],
)
def test_each_refusal_becomes_its_error(
    status: int, code: str, message: str, kind: type[errors.PineconeError]
) -> None:
    with pytest.raises(errors.PineconeError) as caught:
        client_of(Script(error(status, code, message))).describe_backup("bkp-1")

    assert type(caught.value) is kind
    assert caught.value.status == status
    assert "describe_backup of backup 'bkp-1'" in str(caught.value)
    assert message.rstrip(".") in str(caught.value)


def test_a_403_that_is_no_json_is_of_unknown_meaning() -> None:
    script = Script(httpx.Response(403, text="<html>quota plan permission</html>"))

    with pytest.raises(errors.Forbidden) as caught:
        client_of(script).describe_backup("bkp-1")

    assert type(caught.value) is errors.Forbidden
    assert "html" not in str(caught.value)


def test_a_redirect_of_a_read_is_not_followed() -> None:
    script = Script(httpx.Response(302, headers={"location": "https://evil.example/steal"}))

    with pytest.raises(errors.AnswerMalformed, match="302") as caught:
        client_of(script).describe_backup("bkp-1")

    assert "evil" not in str(caught.value)
    assert len(script.calls) == 1


def test_an_answer_not_understood_names_the_field_and_not_the_value() -> None:
    script = Script(answer(row(status=None, name="private")))

    with pytest.raises(errors.AnswerMalformed, match="status: ") as caught:
        client_of(script).describe_backup("bkp-1")

    assert "private" not in str(caught.value)
    assert len(script.calls) == 1


def test_an_error_carries_the_request_id_in_either_header() -> None:
    for header in ("x-pinecone-request-id", "x-request-id"):
        script = Script(
            answer({"error": {"message": "gone"}}, 404, **{header.replace("-", "_"): "req-77"})
        )
        with pytest.raises(errors.NotFound, match=r"\(request req-77\)") as caught:
            client_of(script).describe_backup("bkp-1")
        assert caught.value.request_id == "req-77"


def test_a_request_id_that_does_not_look_like_one_is_left_out() -> None:
    script = Script(error(404, x_request_id="<script> alert(1)"))

    with pytest.raises(errors.NotFound) as caught:
        client_of(script).describe_backup("bkp-1")

    assert caught.value.request_id is None
    assert "script" not in str(caught.value)


def test_every_answer_is_logged_with_its_request_id_and_without_the_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script(error(503, x_request_id="req-1"), answer(row(), x_request_id="req-2"))

    with caplog.at_level(logging.DEBUG):
        client_of(script).describe_backup("bkp-1")

    ours = [record for record in caplog.records if record.name.startswith("pinecone_backup")]
    assert [vars(record)["request_id"] for record in ours] == ["req-1", "req-2"]
    assert [vars(record)["status"] for record in ours] == [503, 200]
    assert {vars(record)["operation"] for record in ours} == {"describe_backup"}
    assert not any(KEY in str(vars(record)) for record in caplog.records)
    assert not any(record.name.startswith("http") for record in caplog.records)


def test_a_message_is_shown_as_one_short_line_without_links() -> None:
    message = "Go to https://evil.example/a?b=c\n now\t\x1b[31m " + "x" * 500
    script = Script(error(400, "INVALID_ARGUMENT", message))

    with pytest.raises(errors.RequestInvalid) as caught:
        client_of(script).describe_backup("bkp-1")

    assert "Go to (link) now [31m xxx" in str(caught.value)
    assert "evil" not in str(caught.value)
    assert len(caught.value.problem) < 280
    assert caught.value.problem.isprintable()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_message_that_echoes_the_key_is_not_shown(status: int) -> None:
    script = Script(error(status, "X", f"The key {KEY} is no good"), repeat_last=True)

    with pytest.raises(errors.PineconeError) as caught:
        client_of(script).describe_backup("bkp-1")

    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)


# Keys


@pytest.mark.parametrize(
    "unauthorized",
    [
        httpx.Response(401, text="Invalid API key"),
        error(401, "UNAUTHENTICATED", "Invalid API key."),
    ],
)
def test_a_401_that_stays_names_the_secret_and_not_its_value(unauthorized: httpx.Response) -> None:
    key = Key()

    with pytest.raises(errors.KeyRejected, match="stack/projects/main") as caught:
        client_of(Script(unauthorized), key=key).describe_backup("bkp-1")

    assert key.refreshed == 1
    assert KEY not in str(caught.value)
    assert caught.value.status == 401


@pytest.mark.parametrize("ask", [create, lambda client: client.describe_backup("bkp-1")])
def test_a_401_after_a_rotation_is_mended_by_the_new_key_even_for_a_post(
    ask: Callable[[PineconeClient], object],
) -> None:
    """A 401 had no effect, so that a POST may be repeated after it."""
    script = Script(httpx.Response(401, text="Invalid API key"), answer(row(), 200))
    time = Time()

    ask(client_of(script, key=Key("old", "new"), time=time))

    assert [sent.headers["api-key"] for sent in script.requests] == ["old", "new"]
    assert time.slept == []


def test_a_401_for_the_new_key_too_is_final() -> None:
    key = Key("old", "new", "newest")
    script = Script(httpx.Response(401), httpx.Response(401))

    with pytest.raises(errors.KeyRejected):
        client_of(script, key=key).describe_backup("bkp-1")

    assert key.refreshed == 1


def test_a_secret_that_cannot_be_read_again_leaves_the_key_rejected() -> None:
    class Withdrawn(Key):
        def refresh(self, rejected: SecretStr) -> SecretStr:
            raise SecretNotSet("The secret has no value yet", next_step="Set it.")

    with pytest.raises(errors.KeyRejected, match=r"has no value yet\. Set it\.") as caught:
        client_of(Script(httpx.Response(401)), key=Withdrawn()).describe_backup("bkp-1")

    assert isinstance(caught.value.__cause__, SecretNotSet)


def test_every_call_carries_the_key_the_version_and_no_other_secret() -> None:
    script = Script(page(), answer({"data": []}))
    client = client_of(script, api_version="2026-04", schedules_api_version="unstable")

    list(client.project_backups())
    list(client.native_schedules("docs"))

    plain, scheduling = script.requests
    assert plain.headers["api-key"] == scheduling.headers["api-key"] == KEY
    assert plain.headers["x-pinecone-api-version"] == "2026-04"
    assert scheduling.headers["x-pinecone-api-version"] == "unstable"
    assert KEY not in str(plain.url)
