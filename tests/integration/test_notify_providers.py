"""Every kind of target, from an event to a receiver that plays the provider."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from local.receiver import Behaviour, Receiver
from pinecone_backup.adapters.webhook_sender import WebhookSender
from pinecone_backup.adapters.webhooks import WebhookCourier
from pinecone_backup.errors import DeliveryDeferred, DeliveryRefused, TargetGone
from pinecone_backup.model import DomainEvent
from pinecone_backup.webhooks.messages import build_message
from pinecone_backup.webhooks.targets import Target, read_targets
from tests.support.webhooks import NOON, PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
MESSAGE = build_message(
    DomainEvent("e-1", "finding.opened", "prod", NOON, {"title": "Überfällig", "finding_id": "f"}),
    owner="backup",
    pages=PAGES,
    now=NOON,
)
TLS = ssl.create_default_context()
KINDS: list[dict[str, Any]] = [
    {"kind": "standard", "secrets": [OLD]},
    {"kind": "slack"},
    {"kind": "teams"},
    {"kind": "pagerduty", "routing_key": "R" * 32},
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(secrets=[OLD]) as receiver:
        yield receiver


def target(receiver: Receiver, kind: dict[str, Any]) -> Target:
    entry = {"name": "it", "url": receiver.url(f"/{kind['kind']}/x")} | kind
    return read_targets({"targets": [entry]}).valid["it"]


def courier(receiver: Receiver) -> WebhookCourier:
    return WebhookCourier(WebhookSender(ssl_context=TLS, insecure_hosts=[receiver.host]))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["kind"])
def test_every_kind_of_target_is_reached(receiver: Receiver, kind: dict[str, Any]) -> None:
    courier(receiver).deliver(target(receiver, kind), MESSAGE)

    [received] = receiver.received
    assert received.path == f"/{kind['kind']}/x"
    assert "Überfällig" in received.body
    assert received.verified is not False


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["kind"])
@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Behaviour.RATE_LIMIT, DeliveryDeferred),
        (Behaviour.FAIL, DeliveryDeferred),
        (Behaviour.DROP, DeliveryDeferred),
        (Behaviour.REFUSE, DeliveryRefused),
        (Behaviour.REDIRECT, DeliveryRefused),
        (Behaviour.GONE, TargetGone),
    ],
)
def test_every_kind_of_target_may_fail(
    receiver: Receiver, kind: dict[str, Any], behaviour: Behaviour, error: type[Exception]
) -> None:
    receiver.misbehave(behaviour)

    with pytest.raises(error):
        courier(receiver).deliver(target(receiver, kind), MESSAGE)
    assert len(receiver.received) == 1


def test_what_teams_hides_in_a_200_is_found(receiver: Receiver) -> None:
    receiver.misbehave(Behaviour.HIDDEN_RATE_LIMIT)

    with pytest.raises(DeliveryDeferred):
        courier(receiver).deliver(target(receiver, {"kind": "teams"}), MESSAGE)


def test_a_receiver_with_the_old_secret_verifies_while_the_secret_is_changed(
    receiver: Receiver,
) -> None:
    both = target(receiver, {"kind": "standard", "secrets": [NEW, OLD]})

    courier(receiver).deliver(both, MESSAGE)

    assert receiver.received[0].verified


def test_a_receiver_with_another_secret_refuses(receiver: Receiver) -> None:
    other = target(receiver, {"kind": "standard", "secrets": [NEW]})

    with pytest.raises(DeliveryRefused, match="answered 401"):
        courier(receiver).deliver(other, MESSAGE)
    assert receiver.received[0].problem == "No matching signature found"
