"""notify: delivers messages about events. Fed by two SQS queues, answers with what must stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from pinecone_backup.runtime import preload, share_logging

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="notify")
share_logging(logger)
preload("boto3")


@logger.inject_lambda_context
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of SQS messages."""
    from pinecone_backup.wiring.notify import answer

    return answer(event, context)
