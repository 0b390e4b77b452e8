"""api: answers people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from pinecone_backup.runtime import preload, share_logging, starts_ahead

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="api")
share_logging(logger)
preload("boto3", "pydantic.main", "aws_lambda_powertools.event_handler")
if starts_ahead():
    from pinecone_backup.wiring.api import prepare

    prepare()


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of the API."""
    from pinecone_backup.wiring.api import answer

    return answer(event, context)
