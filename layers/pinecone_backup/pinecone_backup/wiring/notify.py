"""The delivery of the messages in a batch, and the adapters of a process that does it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from random import random
from typing import TYPE_CHECKING, Any

from pinecone_backup.adapters.aws import client
from pinecone_backup.adapters.delivery_log import DynamoDeliveryLog
from pinecone_backup.adapters.delivery_queue import SqsDeliveryQueue
from pinecone_backup.adapters.metrics import EmfMetrics
from pinecone_backup.adapters.secrets import SecretReader
from pinecone_backup.adapters.tls import ssl_context
from pinecone_backup.adapters.webhook_sender import WebhookSender
from pinecone_backup.adapters.webhooks import WebhookCourier
from pinecone_backup.runtime import time_left
from pinecone_backup.settings import NotifySettings
from pinecone_backup.usecases.notify import Notifier
from pinecone_backup.webhooks.inbox import read_batch
from pinecone_backup.webhooks.links import Pages

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _notifier() -> Notifier:
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
        clock=lambda: datetime.now(UTC),
        jitter=random,
        pages=Pages(settings.link_base.rstrip("/"), settings.aws_region, settings.log_groups),
    )


def answer(event: object, context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of SQS messages.

    Returns:
        A partial batch response: the messages that must stay in their queue.

    Raises:
        EventMalformed: The event is no batch of SQS messages; all of it stays.
    """
    kept = _notifier().handle(read_batch(event), seconds_left=time_left(context))
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in kept]}
