"""The bus takes events ten at a time, and a 200 may refuse some."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from pinecone_backup.adapters.bus import MOST_BYTES, EventBridgeBus
from pinecone_backup.errors import StoreUnavailable
from pinecone_backup.model import DomainEvent, RunKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_events import EventBridgeClient

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def client() -> EventBridgeClient:
    return boto3.client(
        "events",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def stub(client: EventBridgeClient) -> Iterator[Stubber]:
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def events(count: int) -> list[DomainEvent]:
    return [
        DomainEvent.of("backup.created", f"b{number}", project="main", at=NOW, size=1)
        for number in range(count)
    ]


def answer(*accepted: bool) -> dict[str, Any]:
    entries = [{"EventId": "x"} if ok else {"ErrorCode": "ThrottlingException"} for ok in accepted]
    return {"FailedEntryCount": accepted.count(False), "Entries": entries}


def test_an_event_reaches_the_bus_with_all_that_consumers_need(
    client: EventBridgeClient, stub: Stubber
) -> None:
    (event,) = events(1)
    detail = {
        "id": event.event_id,
        "type": "backup.created",
        "project": "main",
        "occurred_at": "2026-03-01T12:00:00+00:00",
        "owner": "stack-a",
        "data": {"size": 1},
    }
    entry = {
        "EventBusName": "bus",
        "Source": "pinecone-backup",
        "DetailType": "backup.created",
        "Detail": json.dumps(detail),
        "Time": NOW,
    }
    stub.add_response("put_events", answer(True), {"Entries": [entry]})
    assert EventBridgeBus(client, "bus", "stack-a").publish([event]) == [event.event_id]


def test_more_than_ten_events_go_in_batches(client: EventBridgeClient, stub: Stubber) -> None:
    stub.add_response("put_events", answer(*[True] * 10))
    stub.add_response("put_events", answer(*[True] * 2))
    published = EventBridgeBus(client, "bus", "a").publish(events(12))
    assert list(published) == [event.event_id for event in events(12)]


def test_an_event_refused_inside_a_200_is_not_accepted(
    client: EventBridgeClient, stub: Stubber
) -> None:
    stub.add_response("put_events", answer(True, False, True))
    first, _, third = events(3)
    published = EventBridgeBus(client, "bus", "a").publish(events(3))
    assert list(published) == [first.event_id, third.event_id]


def test_a_batch_that_fails_leaves_the_others(client: EventBridgeClient, stub: Stubber) -> None:
    stub.add_client_error("put_events", "InternalException")
    stub.add_response("put_events", answer(True))
    published = EventBridgeBus(client, "bus", "a").publish(events(11))
    assert list(published) == [events(11)[10].event_id]


def sized(key: str, size: int) -> DomainEvent:
    return DomainEvent.of("run.completed", key, project="main", at=NOW, text="x" * size)


def test_events_of_one_request_are_no_larger_together_than_it_may_be(
    client: EventBridgeClient, stub: Stubber
) -> None:
    stub.add_response("put_events", answer(True, True))
    stub.add_response("put_events", answer(True))
    large = [sized(str(number), 100_000) for number in range(3)]

    published = EventBridgeBus(client, "bus", "a").publish(large)

    assert list(published) == [event.event_id for event in large]


def test_an_event_that_is_too_large_is_shortened(client: EventBridgeClient, stub: Stubber) -> None:
    event = DomainEvent.of(
        "run.completed",
        "r",
        project="main",
        at=NOW,
        run_id="r",
        summary={"failed": {str(n): "why " * 1_000 for n in range(500)}, "deleted": ["b"] * 90},
    )
    sent: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.events.PutEvents", lambda params, **_: sent.append(params)
    )
    stub.add_response("put_events", answer(True))

    published = EventBridgeBus(client, "bus", "a").publish([event])

    assert list(published) == [event.event_id]
    text = sent[0]["Entries"][0]["Detail"]
    data = json.loads(text)["data"]
    assert len(text.encode()) < MOST_BYTES
    assert (data["run_id"], data["shortened"]) == ("r", True)
    assert len(data["summary"]["deleted"]) == 50


def test_an_event_that_the_bus_cannot_take_keeps_no_other_back(
    client: EventBridgeClient, stub: Stubber
) -> None:
    first, poison, third = events(3)
    stub.add_client_error("put_events", "ValidationException")
    stub.add_response("put_events", answer(True))
    stub.add_client_error("put_events", "ValidationException")
    stub.add_response("put_events", answer(True))

    published = EventBridgeBus(client, "bus", "a").publish([first, poison, third])

    assert list(published) == [first.event_id, third.event_id]


def test_a_run_is_requested_by_an_event(client: EventBridgeClient, stub: Stubber) -> None:
    entry = {
        "EventBusName": "bus",
        "Source": "pinecone-backup.request",
        "DetailType": "audit.requested",
        "Detail": '{"project": "main"}',
    }
    stub.add_response("put_events", answer(True), {"Entries": [entry]})
    EventBridgeBus(client, "bus", "a").request_run(RunKind.AUDIT, {"project": "main"})


def test_a_request_refused_inside_a_200_is_an_error(
    client: EventBridgeClient, stub: Stubber
) -> None:
    stub.add_response("put_events", answer(False))
    with pytest.raises(StoreUnavailable, match="ThrottlingException"):
        EventBridgeBus(client, "bus", "a").request_run(RunKind.AUDIT, {})


def test_a_request_that_fails_is_an_error(client: EventBridgeClient, stub: Stubber) -> None:
    stub.add_client_error("put_events", "AccessDeniedException")
    with pytest.raises(StoreUnavailable, match=r"'bus'.*AccessDenied"):
        EventBridgeBus(client, "bus", "a").request_run(RunKind.AUDIT, {})


def test_a_bus_out_of_reach_accepts_nothing() -> None:
    client = boto3.client(
        "events",
        region_name="eu-central-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    assert EventBridgeBus(client, "bus", "a").publish(events(1)) == []
