"""notify: delivers messages about events. Fed by two SQS queues, answers with what must stay."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from pinecone_backup.runtime import share_logging, time_left
from pinecone_backup.settings import NotifySettings
from pinecone_backup.webhooks.inbox import read_batch
from pinecone_backup.wiring.notify import build_notifier

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pinecone_backup.usecases.notify import Notifier

logger = Logger(service="notify")
share_logging(logger)


@cache
def _notifier() -> Notifier:
    return build_notifier(NotifySettings.read())


@logger.inject_lambda_context
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of SQS messages.

    Returns:
        A partial batch response: the messages that must stay in their queue.

    Raises:
        EventMalformed: The event is no batch of SQS messages; all of it stays.
    """
    kept = _notifier().handle(read_batch(event), seconds_left=time_left(context))
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in kept]}
