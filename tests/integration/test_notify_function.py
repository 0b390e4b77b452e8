"""The notify function as Lambda calls it: real handler, emulated queues, real receiver."""

from __future__ import annotations

import importlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from local.receiver import Behaviour, Receiver
from pinecone_backup.adapters.aws import client, forget_clients
from pinecone_backup.adapters.delivery_queue import REASON, SqsDeliveryQueue
from pinecone_backup.errors import EventMalformed, SettingsInvalid, StoreUnavailable
from pinecone_backup.wiring import notify
from tests.support.table import create_table
from tests.support.webhooks import bus_event

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = Path(__file__).parents[2] / "events"
SECRET = "whsec_bm90aWZ5LW5vdGlmeS1ub3RpZnktbm90aWZ5"


class Context:
    """What the handler needs of Lambda's context."""

    function_name = "notify"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:notify"
    aws_request_id = "52fdfc07-2182-454f-963f-5f0f9a621d72"

    def __init__(self, seconds: float = 60) -> None:
        self._milliseconds = int(seconds * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Deployment:
    """The function's queues, table and secret, and the function."""

    def __init__(self, receiver: Receiver, app: Any) -> None:
        self.receiver = receiver
        self.app = app
        self.sqs = client("sqs")
        self.deliveries = self.sqs.create_queue(QueueName="deliveries")["QueueUrl"]
        self.dead_letters = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        create_table(client("dynamodb"))
        client("secretsmanager").create_secret(
            Name="backup/targets",
            SecretString=json.dumps(
                {
                    "targets": [
                        {
                            "name": "operations",
                            "kind": "standard",
                            "url": receiver.url("/standard/verysecret"),
                            "secrets": [SECRET],
                        },
                        {
                            "name": "on-call",
                            "kind": "slack",
                            "url": receiver.url("/slack/verysecret"),
                        },
                    ]
                }
            ),
        )

    def invoke(self, event: dict[str, Any], *, seconds: float = 60) -> list[str]:
        """Call the handler; returns the ids of what it keeps."""
        answer = self.app.handler(event, Context(seconds))
        return [item["itemIdentifier"] for item in answer["batchItemFailures"]]

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """Take what is visible, as an event source mapping would hand it over."""
        answer = self.sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": message.get("MessageAttributes", {}),
                "eventSource": "aws:sqs",
            }
            for message in answer.get("Messages", [])
        ]


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    package = logging.getLogger("pinecone_backup")
    monkeypatch.setattr(package, "propagate", True)
    app = importlib.import_module("functions.notify.app")
    with mock_aws(), Receiver(secrets=[SECRET]) as receiver:
        for name, value in {
            "AWS_DEFAULT_REGION": "eu-central-1",
            "STACK_NAME": "backup",
            "OWNER": "backup",
            "TABLE_NAME": "table",
            "BUS_NAME": "backup",
            "TARGETS_SECRET": "backup/targets",
            "INSECURE_WEBHOOK_HOSTS": receiver.host,
        }.items():
            monkeypatch.setenv(name, value)
        forget_clients()
        notify._notifier.cache_clear()
        deployment = Deployment(receiver, app)
        monkeypatch.setenv("DELIVERY_QUEUE_URL", deployment.deliveries)
        monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", deployment.dead_letters)
        yield deployment
        notify._notifier.cache_clear()
        forget_clients()


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return event


def test_a_batch_of_bus_events_is_fanned_out(deployment: Deployment) -> None:
    assert deployment.invoke(sample("notify-events.json")) == []

    queued = [json.loads(message["body"]) for message in deployment.receive(deployment.deliveries)]
    assert [(one["target"], one["event"]["type"]) for one in queued] == [
        ("operations", "finding.opened"),
        ("on-call", "finding.opened"),
    ]


def test_a_batch_of_deliveries_reaches_its_targets(deployment: Deployment) -> None:
    assert deployment.invoke(sample("notify-delivery.json")) == []

    standard, slack = deployment.receiver.received
    assert standard.verified
    assert standard.message_id == "4f1c02f3a8f84fd0a1f6c1a9cb7b2d10"
    assert standard.json["type"] == "finding.opened"
    assert "Backups of products are overdue" in slack.body


def test_from_the_bus_to_the_people(deployment: Deployment) -> None:
    deployment.invoke(sample("notify-events.json"))

    assert deployment.invoke({"Records": deployment.receive(deployment.deliveries)}) == []
    assert [received.path for received in deployment.receiver.received] == [
        *("/standard/verysecret", "/slack/verysecret"),
    ]


def test_an_event_that_is_announced_twice_is_delivered_once(deployment: Deployment) -> None:
    for _ in range(2):
        deployment.invoke(sample("notify-events.json"))
        deployment.invoke({"Records": deployment.receive(deployment.deliveries)})

    assert len(deployment.receiver.received) == 2


def test_a_target_that_asks_for_time_gets_it_and_delays_nobody(deployment: Deployment) -> None:
    deployment.receiver.misbehave(Behaviour.RATE_LIMIT, path="/standard", retry_after="3600")
    deployment.invoke(sample("notify-events.json"))
    records = deployment.receive(deployment.deliveries)

    assert deployment.invoke({"Records": records}) == [records[0]["messageId"]]
    assert [received.status for received in deployment.receiver.received] == [429, 200]
    attributes = deployment.sqs.get_queue_attributes(
        QueueUrl=deployment.deliveries, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "2"


def test_the_same_id_goes_out_on_every_attempt(deployment: Deployment) -> None:
    deployment.receiver.misbehave(Behaviour.FAIL, path="/standard")
    event = sample("notify-delivery.json")
    event["Records"] = event["Records"][:1]

    for _ in range(2):
        deployment.invoke(event)

    first, second = deployment.receiver.received
    assert (first.status, second.status) == (500, 204)
    assert first.message_id == second.message_id
    assert first.verified
    assert second.verified


@pytest.mark.parametrize("behaviour", [Behaviour.REFUSE, Behaviour.GONE, Behaviour.REDIRECT])
def test_what_is_refused_lies_with_its_reason_in_the_dead_letter_queue(
    deployment: Deployment, behaviour: Behaviour
) -> None:
    deployment.receiver.misbehave(behaviour)
    event = sample("notify-delivery.json")
    event["Records"] = event["Records"][:1]

    assert deployment.invoke(event) == []
    [dead] = deployment.receive(deployment.dead_letters)
    assert dead["body"] == event["Records"][0]["body"]
    reason = dead["messageAttributes"][REASON]["StringValue"]
    assert reason.startswith("Target 'operations' answered ")
    assert "verysecret" not in reason


def test_a_malformed_event_is_a_dead_letter_and_the_rest_goes_on(deployment: Deployment) -> None:
    event = sample("notify-events.json")
    event["Records"][1]["body"] = "not JSON"

    assert deployment.invoke(event) == []
    assert [dead["body"] for dead in deployment.receive(deployment.dead_letters)] == ["not JSON"]
    assert len(deployment.receive(deployment.deliveries)) == 2


def test_with_no_time_left_everything_stays(deployment: Deployment) -> None:
    event = sample("notify-delivery.json")

    assert deployment.invoke(event, seconds=10) == [
        record["messageId"] for record in event["Records"]
    ]
    assert deployment.receiver.received == []


@pytest.mark.parametrize("event", [{}, {"Records": [{"messageId": "m"}]}, {"Records": 7}])
def test_what_is_no_batch_is_an_error(deployment: Deployment, event: dict[str, Any]) -> None:
    with pytest.raises(EventMalformed, match="no batch of SQS messages"):
        deployment.invoke(event)


def test_a_function_without_its_environment_says_what_is_missing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TARGETS_SECRET")

    with pytest.raises(SettingsInvalid, match="TARGETS_SECRET"):
        deployment.invoke(sample("notify-events.json"))


def test_the_log_names_what_happened_and_no_secret(
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    deployment.receiver.misbehave(Behaviour.FAIL, path="/slack")

    deployment.invoke(sample("notify-events.json"))
    deployment.invoke({"Records": deployment.receive(deployment.deliveries)})

    printed = capsys.readouterr().out
    ours = "".join(
        str(vars(record)) for record in caplog.records if not record.name.startswith("boto")
    )
    assert "'operations'" in ours
    assert "delivery deferred" in ours
    assert "internal detail of the receiver" not in ours + printed
    assert "verysecret" not in ours + printed
    assert "31 hours old" not in ours + printed


# The queues' adapter


@pytest.mark.parametrize("method", ["send", "postpone", "dead_letter"])
def test_a_queue_that_does_not_answer_says_so(deployment: Deployment, method: str) -> None:
    missing = deployment.deliveries.replace("deliveries", "missing")
    queue = SqsDeliveryQueue(deployment.sqs, queue_url=missing, dead_letter_url=missing)
    calls = {
        "send": lambda: queue.send("x"),
        "postpone": lambda: queue.postpone("x", seconds=5),
        "dead_letter": lambda: queue.dead_letter("x", reason="y"),
    }

    with pytest.raises(StoreUnavailable, match="NonExistentQueue"):
        calls[method]()


def test_a_long_reason_is_cut_and_an_empty_one_is_named(deployment: Deployment) -> None:
    queue = SqsDeliveryQueue(
        deployment.sqs, queue_url=deployment.deliveries, dead_letter_url=deployment.dead_letters
    )
    queue.dead_letter("x", reason="y" * 5_000)
    queue.dead_letter("x", reason="")

    dead = deployment.receive(deployment.dead_letters)
    reasons = [message["messageAttributes"][REASON]["StringValue"] for message in dead]
    assert reasons == ["y" * 1_000, "unknown"]


def test_a_queue_without_connection_says_so() -> None:
    with Receiver() as closed:
        endpoint = closed.url("/x")
    sqs = boto3.client(
        "sqs",
        "eu-central-1",
        endpoint_url=endpoint,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )

    with pytest.raises(StoreUnavailable, match="EndpointConnectionError"):
        SqsDeliveryQueue(sqs, queue_url=endpoint, dead_letter_url=endpoint).send(bus_event())
