"""prune: deletes the backups that no rule keeps, as far as the deployment allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from pinecone_backup.runtime import preload, share_logging

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="prune")
share_logging(logger)
preload("boto3", "httpx")


@logger.inject_lambda_context
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Prune the projects of the policy, or the one that is asked for."""
    from pinecone_backup.wiring.prune import answer

    return answer(event, context)
