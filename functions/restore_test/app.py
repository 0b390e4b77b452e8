"""restore_test: proves that backups come back, and follows restores that people asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from pinecone_backup.runtime import preload, share_logging

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="restore_test")
share_logging(logger)
preload("boto3", "httpx")


@logger.inject_lambda_context
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Move the restores of the projects of the policy, or of the one that is asked for."""
    from pinecone_backup.wiring.restore_test import answer

    return answer(event, context)
