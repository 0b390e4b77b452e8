"""Our EventBridge bus: domain events out, requests for runs out."""

from __future__ import annotations

import json
import logging
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.errors import StoreUnavailable
from pinecone_backup.triggers import REQUEST_SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from pinecone_backup.model import DomainEvent, RunKind

SOURCE = "pinecone-backup"
"""The ``source`` of every domain event."""
BATCH = 10
"""The most entries that one PutEvents call takes."""

_LOG = logging.getLogger(__name__)


class EventBridgeBus:
    """The ``EventBus`` over one EventBridge bus.

    Args:
        owner: The deployment id, part of every event.
    """

    def __init__(self, client: EventBridgeClient, bus_name: str, owner: str) -> None:
        self._client = client
        self._bus = bus_name
        self._owner = owner

    def publish(self, events: Sequence[DomainEvent]) -> Sequence[str]:
        """Put events on the bus, ten at a time.

        Returns:
            The ids that the bus accepted: a 200 may refuse some, and a batch that failed
            altogether is not there. What is missing stays in the outbox for the next run.
        """
        accepted: list[str] = []
        for batch in batched(events, BATCH, strict=False):
            try:
                answer = self._client.put_events(Entries=[self._entry(event) for event in batch])
            except (ClientError, BotoCoreError) as error:
                _LOG.warning("the bus did not take a batch", extra={"reason": _reason(error)})
                continue
            for event, result in zip(batch, answer["Entries"], strict=True):
                if "ErrorCode" in result:
                    _LOG.warning(
                        "the bus refused an event",
                        extra={"event_id": event.event_id, "reason": result["ErrorCode"]},
                    )
                else:
                    accepted.append(event.event_id)
        return accepted

    def request_run(self, kind: RunKind, detail: Mapping[str, Any]) -> None:
        """Ask for a run.

        Raises:
            StoreUnavailable: The bus did not take the request.
        """
        entry: PutEventsRequestEntryTypeDef = {
            "EventBusName": self._bus,
            "Source": REQUEST_SOURCE,
            "DetailType": f"{kind}.requested",
            "Detail": json.dumps(dict(detail)),
        }
        try:
            answer = self._client.put_events(Entries=[entry])
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable(_reason(error)) from error
        if answer["FailedEntryCount"]:
            raise self._unavailable(answer["Entries"][0].get("ErrorCode", "refused"))

    def _entry(self, event: DomainEvent) -> PutEventsRequestEntryTypeDef:
        detail = {
            "id": event.event_id,
            "type": event.type,
            "project": event.project,
            "occurred_at": event.occurred_at.isoformat(),
            "owner": self._owner,
            "data": dict(event.data),
        }
        return {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": event.type,
            "Detail": json.dumps(detail),
            "Time": event.occurred_at,
        }

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"The event bus {self._bus!r} did not take the request: {reason}",
            next_step="Ask again; check the function's role if it repeats.",
        )


def _reason(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "unknown")
    return type(error).__name__
