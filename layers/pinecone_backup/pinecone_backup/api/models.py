"""What the models of all resources share.

Names are Pinecone's own where that has one. Times are UTC, ISO 8601. Texts have bounds, so that
no request fills the ledger. What belongs to one resource stands beside its routes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from pinecone_backup.reasons import ReasonKind

MOST_ROWS = 100
LINK_LIVES = timedelta(minutes=15)
"""How long a link to a page can be opened."""
NAME = r"^[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?$"
"""Of indexes, backups and schedules, as Pinecone takes them."""


class Input(BaseModel):
    """What a caller may send: nothing beyond the named fields."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True
    )


class Nothing(Input):
    """A request without parameters."""


class Output(BaseModel):
    """What the API answers."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,
        use_attribute_docstrings=True,
        from_attributes=True,
        serialize_by_alias=True,
        json_schema_serialization_defaults_required=True,
    )

    @classmethod
    def of(cls, source: object, **beside: object) -> Self:
        """From the attributes of ``source``, by their names there, and what is given beside it."""
        there = {
            name: str(each.validation_alias or name) for name, each in cls.model_fields.items()
        }
        return cls.model_validate(
            {
                attribute: beside[name] if name in beside else getattr(source, attribute)
                for name, attribute in there.items()
            }
        )


Limit = Annotated[int, Field(ge=1, le=MOST_ROWS)]
Token = Annotated[str, Field(min_length=1, max_length=2000)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


def _dated(value: object) -> object:
    """Pydantic takes a number for seconds since 1970, which nobody means in a query."""
    if not isinstance(value, str):
        return value
    if not re.match(r"\d{4}-\d\d-\d\dT", value, re.ASCII):
        raise ValueError("is not an ISO 8601 time, such as 2026-03-01T00:00:00Z")
    return value.replace(" ", "+")  # what an offset's plus becomes unless it is escaped


def _in_utc(value: datetime) -> datetime:
    """The first and the last day of the calendar do not exist in every zone."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""With an offset, or ``Z``; UTC from then on."""
QueryTime = Annotated[UtcTime, BeforeValidator(_dated)]
"""The same in a query."""


class PageQuery(Input):
    """Which page of a listing."""

    limit: Limit = MOST_ROWS
    """Rows per page. A paginationToken continues with the size that its listing began with."""
    paginationToken: Token | None = None  # noqa: N815 - Pinecone's name
    """``pagination.next`` of the page before."""

    def filters(self) -> str:
        """What is asked for beside a page: a cursor is good for the same filters only."""
        return self.model_dump_json(exclude={"limit", "paginationToken"})


class Pagination(Output):
    """Where a listing goes on."""

    next: str
    """Send it as ``paginationToken``."""


class Listing[Row](Output):
    """A page of a listing."""

    data: list[Row]
    pagination: Pagination | None


ReasonText = Annotated[str, BeforeValidator(lambda reason: str(reason or ""))]
"""A rule's reason as people read it; empty without one."""


class RuleReason(Output):
    """What a rule found of a backup."""

    rule: str
    """Its number in docs/rules.md."""
    kind: ReasonKind
    parameters: dict[str, str | int | bool]
    text: str
    """The same as people read it."""


class PageLink(Output):
    """A link to an HTML page, for whoever has it."""

    url: str
    expires_at: datetime


class WithReason(Input):
    """The reason for something."""

    reason: Reason
