"""What every handler needs of Lambda; light, so that a function without Pinecone starts quickly."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.typing import LambdaContext

_ON_DEMAND = "on-demand"


def time_left(context: LambdaContext) -> Callable[[], float]:
    """Tells the seconds until Lambda ends the invocation."""
    return lambda: context.get_remaining_time_in_millis() / 1000


def share_logging(logger: Logger) -> None:
    """Let the package's log lines go out as the handler's do: JSON, with the request's keys."""
    package = logging.getLogger("pinecone_backup")
    package.handlers = list(logger.handlers)
    package.setLevel(logger.log_level)
    package.propagate = False


def preload(*modules: str) -> None:
    """Load modules while the function starts.

    Those are the libraries that every event needs; our own code comes with the first event
    (docs/decisions/0014), unless the start is ahead of events.
    """
    for module in modules:
        import_module(module)


def starts_ahead() -> bool:
    """Whether the function starts before there is an event, so that nobody waits for its start.

    That is the case with SnapStart and with provisioned concurrency.
    """
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", _ON_DEMAND) != _ON_DEMAND
