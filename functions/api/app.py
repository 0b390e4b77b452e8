"""api: answers people and programs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from pinecone_backup.api.app import Api
from pinecone_backup.settings import ApiSettings
from pinecone_backup.wiring import Outside, share_logging

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="api")
share_logging(logger)


@cache
def _api() -> Api:
    return Api(Outside(ApiSettings.read()))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of the API."""
    return _api()(event, context)
