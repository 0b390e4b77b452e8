"""What arrives at notify: batches of records, each an event of our bus or one delivery of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pinecone_backup.errors import EventMalformed
from pinecone_backup.model import DomainEvent


@dataclass(frozen=True, slots=True)
class Record:
    """One received message of either queue.

    Attributes:
        receipt: The handle that changes its visibility.
        received: How often it has been received, this time included.
        sent_at: When it entered its queue, UTC.
    """

    record_id: str
    body: str = field(repr=False)
    receipt: str = field(repr=False)
    received: int
    sent_at: datetime


class _Attributes(BaseModel):
    received: int = Field(alias="ApproximateReceiveCount")
    sent_at: int = Field(alias="SentTimestamp")
    """Epoch milliseconds."""


class _SqsMessage(BaseModel):
    id: str = Field(alias="messageId")
    receipt: str = Field(alias="receiptHandle")
    body: str
    attributes: _Attributes

    @property
    def record(self) -> Record:
        sent_at = datetime.fromtimestamp(self.attributes.sent_at / 1000, UTC)
        return Record(self.id, self.body, self.receipt, self.attributes.received, sent_at)


class _SqsBatch(BaseModel):
    messages: list[_SqsMessage] = Field(alias="Records")


class Announcement(BaseModel):
    """A domain event as it stands in the ``detail`` of a bus event."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern=r"^[!-~]{1,500}$")]
    type: Annotated[str, Field(min_length=1, max_length=100)]
    project: str
    occurred_at: AwareDatetime
    owner: str
    data: dict[str, Any]

    @property
    def event(self) -> DomainEvent:
        """The event as its use case recorded it."""
        return DomainEvent(self.id, self.type, self.project, self.occurred_at, self.data)


class Delivery(BaseModel):
    """An event that is to be delivered to a target, which it names; it carries no secret."""

    model_config = ConfigDict(frozen=True)

    target: Annotated[str, Field(min_length=1, max_length=40)]
    event: Announcement


class _Envelope(BaseModel):
    detail: Announcement


class _Shape(BaseModel):
    """Enough to distinguish the two kinds of records."""

    detail: Any = None
    target: Any = None


def read_batch(event: object) -> list[Record]:
    """Read what Lambda hands over from either queue.

    Raises:
        EventMalformed: The event is no batch of SQS messages.
    """
    try:
        batch = _SqsBatch.model_validate(event)
    except ValidationError as error:
        raise EventMalformed(
            f"The event is no batch of SQS messages ({error.error_count()} errors)",
            next_step="Compare it with events/notify-events.json.",
        ) from None
    return [message.record for message in batch.messages]


def read_body(body: str) -> Announcement | Delivery:
    """Read one record of a queue.

    Raises:
        EventMalformed: It is neither; the error names the fields that are wrong, not their values.
    """
    try:
        if _Shape.model_validate_json(body).target is not None:
            return Delivery.model_validate_json(body)
        return _Envelope.model_validate_json(body).detail
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['type']}"
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        )
    raise EventMalformed(
        f"A queued record is neither an event of the bus nor a delivery ({wrong[:500]})",
        next_step="Read it in the dead-letter queue; an event must look like those in events/.",
    )
