"""Our EventBridge bus: domain events out, requests for runs out."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.adapters.aws import error_code
from pinecone_backup.errors import StoreUnavailable
from pinecone_backup.triggers import REQUEST_SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from pinecone_backup.model import DomainEvent, RunKind

    type _Waiting = tuple[str, PutEventsRequestEntryTypeDef]

SOURCE = "pinecone-backup"
"""The ``source`` of every domain event."""
BATCH = 10
"""The most entries that one PutEvents call takes."""
MOST_BYTES = 256_000
"""Less than what one PutEvents call, and one entry, may have in every region."""
_ENTRY_OVERHEAD = 64
"""Bytes, for what an entry counts beside its texts."""
_NOT_THIS = ("ValidationException", "RequestEntityTooLargeException", "413")
"""Errors about what a request contains."""
_SHORTER = ((500, 50), (100, 10), (20, 2))
"""How many characters of a text and how many parts of a list stay, in what is too large."""
_FIELDS = 20
"""More than any event has of its own."""

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
        """Put events on the bus, as many at a time as it takes.

        An event that is too large is shortened. Where a request is refused for what it contains,
        its events go one by one, so that none keeps the others back.

        Returns:
            The ids that the bus accepted: a 200 may refuse some, and a batch that failed
            altogether is not there. What is missing stays in the outbox for the next run.
        """
        accepted: list[str] = []
        waiting = [(event.event_id, self._entry(event)) for event in events]
        for batch in _batches(waiting):
            accepted += self._put(batch)
        return accepted

    def _put(self, batch: Sequence[_Waiting]) -> list[str]:
        try:
            answer = self._client.put_events(Entries=[entry for _, entry in batch])
        except (ClientError, BotoCoreError) as error:
            reason = error_code(error)
            if reason in _NOT_THIS and len(batch) > 1:
                return [event_id for each in batch for event_id in self._put([each])]
            ids = [event_id for event_id, _ in batch]
            _LOG.warning("the bus did not take events", extra={"events": ids, "reason": reason})
            return []
        accepted: list[str] = []
        for (event_id, _), result in zip(batch, answer["Entries"], strict=True):
            if "ErrorCode" in result:
                _LOG.warning(
                    "the bus refused an event",
                    extra={"event_id": event_id, "reason": result["ErrorCode"]},
                )
            else:
                accepted.append(event_id)
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
            raise self._unavailable(error_code(error)) from error
        if answer["FailedEntryCount"]:
            raise self._unavailable(answer["Entries"][0].get("ErrorCode", "refused"))

    def _entry(self, event: DomainEvent) -> PutEventsRequestEntryTypeDef:
        detail: dict[str, Any] = {
            "id": event.event_id,
            "type": event.type,
            "project": event.project,
            "occurred_at": event.occurred_at.isoformat(),
            "owner": self._owner,
            "data": dict(event.data),
        }
        for texts, parts in _SHORTER:
            if len(json.dumps(detail)) > MOST_BYTES - 2 * _ENTRY_OVERHEAD:
                detail["data"] = _shortened(detail["data"], texts, parts) | {"shortened": True}
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


def _batches(waiting: Sequence[_Waiting]) -> Iterator[Sequence[_Waiting]]:
    """As few requests as the limits on their number and their size allow, in order."""
    batch: list[_Waiting] = []
    size = 0
    for each in waiting:
        bytes_ = _size(each[1])
        if batch and (len(batch) == BATCH or size + bytes_ > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += bytes_
    if batch:
        yield batch


def _size(entry: PutEventsRequestEntryTypeDef) -> int:
    texts = (entry["Source"], entry["DetailType"], entry["Detail"])
    return _ENTRY_OVERHEAD + sum(len(text.encode()) for text in texts)


def _shortened(value: Any, texts: int, parts: int) -> Any:
    """The beginning of everything that is long; an event's own fields all stay."""
    if isinstance(value, str):
        return value if len(value) <= texts else f"{value[:texts]}…"
    if isinstance(value, list):
        return [_shortened(part, texts, parts) for part in value[:parts]]
    if isinstance(value, dict):
        names = list(value)[: max(parts, _FIELDS)]
        return {name: _shortened(value[name], texts, parts) for name in names}
    return value
