"""The answer to a request of the API."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pinecone_backup.api.app import Api
from pinecone_backup.api.resources import all_routes
from pinecone_backup.runtime import preload, time_left
from pinecone_backup.settings import ApiSettings
from pinecone_backup.wiring.projects import Container

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

CALL_SECONDS = 20.0
"""The most that one call to Pinecone may take; API Gateway waits for 29 s altogether."""
TO_ANSWER = 3.0
"""Seconds that are left for the answer."""


class _Budget:
    """How long a call to Pinecone may take, so that the answer still comes in time."""

    def __init__(self) -> None:
        self._left: Callable[[], float] = lambda: CALL_SECONDS

    def begin(self, context: LambdaContext) -> None:
        self._left = time_left(context)

    def __call__(self) -> float:
        return max(1.0, min(CALL_SECONDS, self._left() - TO_ANSWER))


_budget = _Budget()


@cache
def _api() -> Api:
    return Api(Container(ApiSettings.read(), call_seconds=_budget))


def prepare() -> None:
    """Load what most requests need, and those to Pinecone, where that costs nobody's time."""
    all_routes()
    preload("pinecone_backup.adapters.http", "pinecone_backup.adapters.pinecone.client")


def answer(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of the API."""
    _budget.begin(context)
    return _api()(event, context)
