"""notify: tells people what happened. Fed by two SQS queues, answers with what must stay."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from pydantic import BaseModel, Field, ValidationError

from pinecone_backup.adapters.aws import client
from pinecone_backup.adapters.delivery_log import DynamoDeliveryLog
from pinecone_backup.adapters.delivery_queue import SqsDeliveryQueue
from pinecone_backup.adapters.metrics import EmfMetrics
from pinecone_backup.adapters.secrets import SecretReader
from pinecone_backup.adapters.tls import ssl_context
from pinecone_backup.adapters.webhook_sender import WebhookSender
from pinecone_backup.adapters.webhooks import WebhookCourier
from pinecone_backup.errors import EventMalformed
from pinecone_backup.runtime import share_logging, time_left
from pinecone_backup.settings import NotifySettings
from pinecone_backup.usecases.notify import Notifier, Record

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="notify")
share_logging(logger)


class _Attributes(BaseModel):
    received: int = Field(alias="ApproximateReceiveCount")
    sent_at: int = Field(alias="SentTimestamp")
    """Epoch milliseconds."""


class _Message(BaseModel):
    id: str = Field(alias="messageId")
    receipt: str = Field(alias="receiptHandle")
    body: str
    attributes: _Attributes

    @property
    def record(self) -> Record:
        sent_at = datetime.fromtimestamp(self.attributes.sent_at / 1000, UTC)
        return Record(self.id, self.body, self.receipt, self.attributes.received, sent_at)


class _Batch(BaseModel):
    records: list[_Message] = Field(alias="Records")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of SQS messages.

    Returns:
        A partial batch response: the messages that must stay in their queue.

    Raises:
        EventMalformed: The event is no batch of SQS messages; all of it stays.
    """
    try:
        batch = _Batch.model_validate(event)
    except ValidationError as error:
        raise EventMalformed(
            f"The event is no batch of SQS messages ({error.error_count()} errors)",
            next_step="Compare it with events/notify-events.json.",
        ) from None
    kept = notifier().handle(
        [message.record for message in batch.records], seconds_left=time_left(context)
    )
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in kept]}


@cache
def notifier() -> Notifier:
    """The process's notifier; the environment is read when it is first asked for."""
    settings = NotifySettings.read()
    sender = WebhookSender(
        ssl_context=ssl_context(), insecure_hosts=settings.insecure_webhook_hosts
    )
    return Notifier(
        secret_name=settings.targets_secret,
        secrets=SecretReader(client("secretsmanager")),
        courier=WebhookCourier(sender),
        log=DynamoDeliveryLog(client("dynamodb"), settings.table_name),
        queue=SqsDeliveryQueue(
            client("sqs"),
            queue_url=settings.delivery_queue_url,
            dead_letter_url=settings.dead_letter_queue_url,
        ),
        metrics=EmfMetrics(stack=settings.stack_name),
    )
