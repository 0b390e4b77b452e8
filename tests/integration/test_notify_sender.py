"""The guarded sender against real servers on loopback, and against names that lie."""

from __future__ import annotations

import logging
import ssl
import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, override

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.receiver import Behaviour, Receiver
from pinecone_backup.adapters import webhook_sender
from pinecone_backup.adapters.webhook_sender import ANSWER_BYTES, WebhookSender, system_resolver
from pinecone_backup.errors import DeliveryDeferred, DeliveryRefused
from pinecone_backup.webhooks.addresses import Endpoint
from pinecone_backup.webhooks.exchange import Answer, Outgoing, seconds_until
from tests.support.certificates import contexts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

TLS = ssl.create_default_context()
NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def outgoing(url: str, body: bytes = b'{"a":1}') -> Outgoing:
    return Outgoing(Endpoint.parse(url), body, {"webhook-id": "e-1"})


def exempt(receiver: Receiver, *, seconds: float = 5.0) -> WebhookSender:
    return WebhookSender(
        ssl_context=TLS, insecure_hosts=[receiver.host], clock=lambda: NOON, attempt_seconds=seconds
    )


class Connections(httpcore.NetworkBackend):
    """Notes where a connection would go, and refuses it."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, int]] = []

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.tried.append((host, port))
        raise httpcore.ConnectError("refused by the test")


class Names:
    """A resolver whose answer changes with every question."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0)


# What is sent


def test_the_request_arrives_as_it_was_made(receiver: Receiver) -> None:
    answer = exempt(receiver).post(outgoing(receiver.url("/hooks/x?sig=1"), b'{"b":2}'))

    [received] = receiver.received
    assert answer.status == 204
    assert received.path == "/hooks/x?sig=1"
    assert received.body == '{"b":2}'
    assert received.headers["host"] == receiver.host
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "e-1"


def test_the_answers_body_is_read_for_judging(receiver: Receiver) -> None:
    assert exempt(receiver).post(outgoing(receiver.url("/slack/x"))) == Answer(200, None, b"ok")


def test_a_long_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.misbehave(Behaviour.FLOOD)

    answer = exempt(receiver).post(outgoing(receiver.url("/x")))

    assert len(answer.body) == ANSWER_BYTES


def test_a_redirect_is_answered_and_not_followed(receiver: Receiver) -> None:
    receiver.misbehave(Behaviour.REDIRECT)

    answer = exempt(receiver).post(outgoing(receiver.url("/x")))

    assert answer.status == 302
    assert [received.path for received in receiver.received] == ["/x"]


def test_a_proxy_of_the_environment_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert exempt(receiver).post(outgoing(receiver.url("/x"))).status == 204


# What a delay means


@pytest.mark.parametrize(
    ("given_delay", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 5_000, 9_999_999_999.0),
        ("Tue, 03 Nov 2026 12:01:30 GMT", 90.0),
        ("Tue, 03 Nov 2026 13:01:30 +0100", 90.0),
        ("Tue, 03 Nov 2026 12:01:30", 90.0),
        ("Tue, 03 Nov 2026 11:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_from_now(
    receiver: Receiver, given_delay: str, seconds: float | None
) -> None:
    receiver.misbehave(Behaviour.RATE_LIMIT, retry_after=given_delay)

    assert exempt(receiver).post(outgoing(receiver.url("/x"))).retry_after == seconds


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_retry_after_can_break_the_sender(value: bytes) -> None:
    seconds = seconds_until(value, NOON)

    assert seconds is None or seconds >= 0


def test_without_the_header_there_is_no_delay(receiver: Receiver) -> None:
    assert exempt(receiver).post(outgoing(receiver.url("/x"))).retry_after is None


# Where nothing is sent


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://hooks.example.com/", "The target's URL is not https"),
        ("http://hooks.example.com:443/", "The target's URL is not https"),
        ("https://hooks.example.com:80/", "port 80 is not allowed (443 and 8443 are)"),
        ("https://hooks.example.com:22/", "port 22 is not allowed"),
        ("https://hooks.example.com:9001/", "port 9001 is not allowed"),
    ],
)
def test_only_https_on_two_ports_is_sent(url: str, problem: str) -> None:
    names = Names(["93.184.215.14"])
    sender = WebhookSender(ssl_context=TLS, resolve=names)

    with pytest.raises(DeliveryRefused) as caught:
        sender.post(outgoing(url))
    assert problem in caught.value.problem
    assert names.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["2606:4700::1111", "::1"],
    ],
)
def test_a_name_that_leads_to_one_private_address_is_refused(addresses: list[str]) -> None:
    connections = Connections()
    sender = WebhookSender(ssl_context=TLS, resolve=Names(addresses), connect=connections)

    with pytest.raises(DeliveryRefused, match="leads to an address that is not public"):
        sender.post(outgoing("https://hooks.example.com/"))
    assert connections.tried == []


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "[::1]"])
def test_no_spelling_of_loopback_is_reached(host: str, receiver: Receiver) -> None:
    connections = Connections()
    sender = WebhookSender(ssl_context=TLS, connect=connections)

    with pytest.raises((DeliveryRefused, DeliveryDeferred)):
        sender.post(outgoing(f"https://{host}:8443/"))
    assert connections.tried == []


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that changes between check and connection has no second chance."""
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    connections = Connections()
    sender = WebhookSender(ssl_context=TLS, resolve=names, connect=connections)

    with pytest.raises(DeliveryDeferred):
        sender.post(outgoing("https://hooks.example.com/"))
    assert names.asked == [("hooks.example.com", 443)]
    assert connections.tried == [("93.184.215.14", 443)]


def test_all_addresses_are_tried_ipv4_first() -> None:
    names = Names(["2606:4700::1111", "1.1.1.1", "2606:4700::1001", "1.0.0.1"])
    connections = Connections()
    sender = WebhookSender(ssl_context=TLS, resolve=names, connect=connections)

    with pytest.raises(DeliveryDeferred):
        sender.post(outgoing("https://hooks.example.com:8443/"))
    assert [host for host, _ in connections.tried] == [
        *("1.1.1.1", "1.0.0.1", "2606:4700::1111", "2606:4700::1001"),
    ]


def test_an_exempt_host_is_exempt_on_its_own_port_only(receiver: Receiver) -> None:
    sender = WebhookSender(ssl_context=TLS, insecure_hosts=["127.0.0.1:1"])

    with pytest.raises(DeliveryRefused):
        sender.post(outgoing(receiver.url("/x")))
    assert receiver.received == []


# TLS keeps the name


def test_the_certificate_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    server, client = contexts(tmp_path, "hooks.example.com")
    with Receiver(tls=server) as receiver:
        place = f"hooks.example.com:{receiver.port}"
        names = Names(["127.0.0.1"])
        sender = WebhookSender(ssl_context=client, insecure_hosts=[place], resolve=names)

        answer = sender.post(outgoing(f"https://{place}/x"))

        assert answer.status == 204
        assert receiver.received[0].headers["host"] == place


def test_a_certificate_for_another_name_is_not_accepted(tmp_path: Path) -> None:
    server, client = contexts(tmp_path, "other.example.com")
    with Receiver(tls=server) as receiver:
        place = f"hooks.example.com:{receiver.port}"
        sender = WebhookSender(
            ssl_context=client, insecure_hosts=[place], resolve=Names(["127.0.0.1"])
        )

        with pytest.raises(DeliveryDeferred, match=r"could not be reached \(ConnectError\)"):
            sender.post(outgoing(f"https://{place}/x"))
        assert receiver.received == []


# What comes to nothing


@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.DRIP])
def test_an_attempt_ends_however_slowly_the_answer_comes(
    receiver: Receiver, behaviour: Behaviour
) -> None:
    receiver.misbehave(behaviour)
    started = time.monotonic()

    with pytest.raises(DeliveryDeferred, match="did not answer in time"):
        exempt(receiver, seconds=0.4).post(outgoing(receiver.url("/x")))
    assert time.monotonic() - started < 3


def test_after_the_deadline_nothing_is_read_or_written() -> None:
    with pytest.raises(httpcore.ReadTimeout):
        webhook_sender._left(time.monotonic() - 0.001, 5.0)


def test_a_dropped_connection_is_deferred(receiver: Receiver) -> None:
    receiver.misbehave(Behaviour.DROP)

    with pytest.raises(DeliveryDeferred, match="could not be reached"):
        exempt(receiver).post(outgoing(receiver.url("/x")))


def test_a_closed_port_is_deferred() -> None:
    with Receiver() as closed:
        place, url = closed.host, closed.url("/x")

    with pytest.raises(DeliveryDeferred, match="ConnectError"):
        WebhookSender(ssl_context=TLS, insecure_hosts=[place]).post(outgoing(url))


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_is_deferred(error: Exception) -> None:
    def fail(host: str, port: int) -> Sequence[str]:
        raise error

    with pytest.raises(DeliveryDeferred, match="could not be reached"):
        WebhookSender(ssl_context=TLS, resolve=fail).post(outgoing("https://hooks.example.com/"))


def test_a_name_without_addresses_is_deferred() -> None:
    with pytest.raises(DeliveryDeferred):
        WebhookSender(ssl_context=TLS, resolve=Names([])).post(outgoing("https://h.example.com/"))


def test_the_system_resolves_an_address_to_itself() -> None:
    assert system_resolver("127.0.0.1", 443) == ["127.0.0.1"]


# What nobody sees


@pytest.mark.parametrize("behaviour", [Behaviour.DROP, Behaviour.HANG])
def test_no_error_shows_the_url_not_even_in_its_traceback(
    receiver: Receiver, behaviour: Behaviour
) -> None:
    receiver.misbehave(behaviour)
    url = receiver.url("/VERYSECRET".lower())  # so that no line of this test shows it

    with pytest.raises(DeliveryDeferred) as caught:
        exempt(receiver, seconds=0.3).post(outgoing(url))
    assert "verysecret" not in "".join(traceback.format_exception(caught.value))
    assert "verysecret" not in repr(caught.value)
    assert caught.value.__context__ is None


def test_nothing_logs_the_url(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    exempt(receiver).post(outgoing(receiver.url("/verysecret?sig=verysecret")))

    assert "verysecret" not in caplog.text


def test_nothing_secret_shows_in_a_request() -> None:
    shown = repr(outgoing("https://hooks.example.com/verysecret", b"body"))

    assert "verysecret" not in shown
    assert "body" not in shown.replace("body=", "")
