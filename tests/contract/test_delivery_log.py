"""Every delivery log keeps to one contract: the one in DynamoDB, and the one of the tests."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from local.receiver import Receiver
from pinecone_backup.adapters.delivery_log import LEASE, DynamoDeliveryLog
from pinecone_backup.errors import LedgerUnavailable
from pinecone_backup.ports import DeliveryStatus
from tests.support.table import create_table
from tests.support.webhooks import NOON, MemoryDeliveryLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from pinecone_backup.ports import DeliveryLog

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client = boto3.client(
            "dynamodb", "eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        create_table(client)
        yield client


@pytest.fixture(params=["dynamodb", "memory"])
def log(request: pytest.FixtureRequest) -> DeliveryLog:
    if request.param == "memory":
        return MemoryDeliveryLog()
    return DynamoDeliveryLog(request.getfixturevalue("dynamodb"), "table")


def test_the_first_to_begin_has_the_delivery(log: DeliveryLog) -> None:
    assert log.begin("e-1", "ops", now=NOON) is DeliveryStatus.RESERVED
    assert log.begin("e-1", "ops", now=NOON) is DeliveryStatus.IN_FLIGHT


def test_another_target_and_another_event_are_free(log: DeliveryLog) -> None:
    log.begin("e-1", "ops", now=NOON)

    assert log.begin("e-1", "siem", now=NOON) is DeliveryStatus.RESERVED
    assert log.begin("e-2", "ops", now=NOON) is DeliveryStatus.RESERVED


def test_what_broke_off_is_free_when_its_time_is_over(log: DeliveryLog) -> None:
    log.begin("e-1", "ops", now=NOON)

    before = log.begin("e-1", "ops", now=NOON + LEASE - timedelta(microseconds=1))
    after = log.begin("e-1", "ops", now=NOON + LEASE)

    assert (before, after) == (DeliveryStatus.IN_FLIGHT, DeliveryStatus.RESERVED)


def test_what_was_released_is_free(log: DeliveryLog) -> None:
    log.begin("e-1", "ops", now=NOON)
    log.release("e-1", "ops")

    assert log.begin("e-1", "ops", now=NOON) is DeliveryStatus.RESERVED


def test_what_was_delivered_stays_delivered(log: DeliveryLog) -> None:
    log.begin("e-1", "ops", now=NOON)
    log.mark_delivered("e-1", "ops", now=NOON)
    log.release("e-1", "ops")

    assert log.begin("e-1", "ops", now=LATER) is DeliveryStatus.DELIVERED


def test_releasing_what_nobody_has_does_nothing(log: DeliveryLog) -> None:
    log.release("e-1", "ops")

    assert log.begin("e-1", "ops", now=NOON) is DeliveryStatus.RESERVED


def test_a_target_is_disabled_as_it_was_defined(log: DeliveryLog) -> None:
    log.mark_disabled("ops", "first", now=NOON)

    assert log.is_disabled("ops", "first")
    assert not log.is_disabled("ops", "second")
    assert not log.is_disabled("siem", "first")


def test_the_latest_end_of_a_topic_counts(log: DeliveryLog) -> None:
    log.mark_resolved("t", "ops", at=LATER, now=NOON)
    log.mark_resolved("t", "ops", at=NOON, now=NOON)

    assert log.resolved_at("t", "ops") == LATER
    assert log.resolved_at("t", "siem") is None
    assert log.resolved_at("u", "ops") is None


def test_the_end_of_a_topic_is_known_to_the_microsecond(log: DeliveryLog) -> None:
    at = NOON.replace(microsecond=123_457)

    log.mark_resolved("t", "ops", at=at, now=NOON)

    assert log.resolved_at("t", "ops") == at


def test_long_ids_and_topics_are_kept_apart(log: DeliveryLog) -> None:
    log.begin("é" * 2_000 + "1", "ops", now=NOON)
    log.mark_resolved("t" * 2_000 + "1", "ops", at=NOON, now=NOON)

    assert log.begin("é" * 2_000 + "2", "ops", now=NOON) is DeliveryStatus.RESERVED
    assert log.begin("é" * 2_000 + "1", "ops", now=NOON) is DeliveryStatus.IN_FLIGHT
    assert log.resolved_at("t" * 2_000 + "2", "ops") is None


def test_every_item_expires(dynamodb: DynamoDBClient) -> None:
    log = DynamoDeliveryLog(dynamodb, "table")
    log.begin("e-1", "ops", now=NOON)
    log.begin("e-2", "ops", now=NOON)
    log.mark_delivered("e-2", "ops", now=NOON)
    log.mark_disabled("ops", "f", now=NOON)
    log.mark_resolved("t", "ops", at=NOON, now=NOON)

    items = dynamodb.scan(TableName="table")["Items"]

    days = {
        item["sk"]["S"]: (int(item["expires_at"]["N"]) - NOON.timestamp()) / 86_400
        for item in items
    }
    assert {item["pk"]["S"] for item in items} == {"DELIVERY#ops"}
    assert days == {"EVENT#e-1": 30, "EVENT#e-2": 30, "DISABLED#f": 400, "RESOLVED#t": 30}


def test_a_log_that_cannot_be_reached_says_so_from_every_method(dynamodb: DynamoDBClient) -> None:
    log = DynamoDeliveryLog(dynamodb, "missing")
    calls: list[Callable[[], object]] = [
        lambda: log.begin("e-1", "ops", now=NOON),
        lambda: log.release("e-1", "ops"),
        lambda: log.mark_delivered("e-1", "ops", now=NOON),
        lambda: log.mark_disabled("ops", "f", now=NOON),
        lambda: log.is_disabled("ops", "f"),
        lambda: log.mark_resolved("t", "ops", at=NOON, now=NOON),
        lambda: log.resolved_at("t", "ops"),
    ]
    for call in calls:
        with pytest.raises(LedgerUnavailable, match="ResourceNotFoundException"):
            call()


def test_no_answer_at_all_is_named_by_its_kind() -> None:
    with Receiver() as closed:
        endpoint = closed.url("/").rstrip("/")
    client = boto3.client(
        "dynamodb",
        "eu-central-1",
        endpoint_url=endpoint,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )

    with pytest.raises(LedgerUnavailable, match="EndpointConnectionError"):
        DynamoDeliveryLog(client, "table").is_disabled("ops", "f")


def test_an_item_without_its_fields_delivers_nothing_twice(dynamodb: DynamoDBClient) -> None:
    """Somebody damaged it by hand: the message waits, and a topic's end is not known."""
    log = DynamoDeliveryLog(dynamodb, "table")
    log.mark_delivered("e-1", "ops", now=NOON)
    log.mark_resolved("t-1", "ops", at=NOON, now=NOON)
    for item in dynamodb.scan(TableName="table")["Items"]:
        bare = {name: value for name, value in item.items() if name in ("pk", "sk")}
        dynamodb.put_item(TableName="table", Item=bare)
    assert log.begin("e-1", "ops", now=NOON) is DeliveryStatus.IN_FLIGHT
    assert log.resolved_at("t-1", "ops") is None
