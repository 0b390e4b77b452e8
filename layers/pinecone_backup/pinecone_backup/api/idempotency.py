"""Idempotency keys: a POST with a key is done once within a day, and answered alike after that.

The library is imported when the first key comes: most requests have none, and it costs a cold
start more than all of the API's own code.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pinecone_backup.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

KEPT_SECONDS = 24 * 60 * 60
REPLAYED = "Idempotency-Replayed"
"""The header that says that an answer is one given before."""

_LOG = logging.getLogger(__name__)


def once(
    store: BasePersistenceLayer,
    context: LambdaContext,
    *,
    key: str,
    payload: Mapping[str, Any],
    do: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Do something once per key.

    Args:
        store: Where keys and answers are kept.
        context: The invocation: a request that died with it may be repeated when it has ended.
        key: The caller, the operation and the caller's key, in one text.
        payload: The request; another one under the same key is refused.
        do: Does it, and returns the answer; when it raises, nothing is kept.

    Raises:
        ProblemError: The key was used for another request, that request is being served, or the
            keys could not be read.
    """
    from aws_lambda_powertools.utilities.idempotency import (  # noqa: PLC0415 - see above
        IdempotencyConfig,
        exceptions,
        idempotent_function,
    )

    config = IdempotencyConfig(
        event_key_jmespath="key",
        payload_validation_jmespath="payload",
        expires_after_seconds=KEPT_SECONDS,
        hash_function="sha256",
        lambda_context=context,
        response_hook=_replayed,
    )
    done: list[dict[str, Any]] = []

    def answer(request: Mapping[str, Any]) -> dict[str, Any]:
        del request
        done.append(do())
        return done[0]

    guarded = idempotent_function(
        answer, data_keyword_argument="request", persistence_store=store, config=config
    )
    try:
        result: dict[str, Any] = guarded(request={"key": key, "payload": payload})
    except exceptions.IdempotencyAlreadyInProgressError:
        raise ProblemError(
            "in-progress",
            "A request with this Idempotency-Key is being served",
            next_step="Ask again in a few seconds, with the same key.",
        ) from None
    except exceptions.IdempotencyValidationError:
        raise ProblemError(
            "key-reused",
            "This Idempotency-Key was used for a request with another body",
            next_step="Use a new key for a new request.",
        ) from None
    except exceptions.IdempotencyPersistenceLayerError as error:
        if done:  # it has happened: that the answer could not be kept is no reason to hide it
            _LOG.warning("an answer was not kept", extra={"reason": type(error).__name__})
            return done[0]
        raise ProblemError(
            "storage-unavailable", "Idempotency keys could not be read; nothing was done"
        ) from error
    return result


def _replayed(response: dict[str, Any], idempotent_data: DataRecord) -> dict[str, Any]:
    del idempotent_data
    return {**response, "headers": {**response["headers"], REPLAYED: "true"}}
