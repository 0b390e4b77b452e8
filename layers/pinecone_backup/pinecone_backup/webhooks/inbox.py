"""What arrives at notify: an event of our bus, or the order to deliver one to one target."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pinecone_backup.errors import EventMalformed
from pinecone_backup.model import DomainEvent


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
        """The event itself."""
        return DomainEvent(self.id, self.type, self.project, self.occurred_at, self.data)


class Delivery(BaseModel):
    """The order to deliver an event to a target; it names the target and carries no secret."""

    model_config = ConfigDict(frozen=True)

    target: Annotated[str, Field(min_length=1, max_length=40)]
    event: Announcement


class _Envelope(BaseModel):
    detail: Announcement


class _Shape(BaseModel):
    """Enough to tell the two kinds of records apart."""

    detail: Any = None
    target: Any = None


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
