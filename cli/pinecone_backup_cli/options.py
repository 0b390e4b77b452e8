"""Options that several commands share, and how they are read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclopts import Token

_DURATION = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def _moment(_: object, tokens: Sequence[Token]) -> datetime:
    """An ISO 8601 date or time, or a span such as ``12h``, ``30d`` or ``4w`` from now."""
    text = tokens[0].value
    if found := _DURATION.fullmatch(text):
        return datetime.now(UTC) + int(found[1]) * _UNITS[found[2]]
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise ValueError(
            f'"{text}" is no time: 2027-06-30, 2027-06-30T12:00Z, 12h or 30d'
        ) from None


def _past(_: object, tokens: Sequence[Token]) -> datetime:
    """The same, where a span reaches back."""
    text = tokens[0].value
    if found := _DURATION.fullmatch(text):
        return datetime.now(UTC) - int(found[1]) * _UNITS[found[2]]
    return _moment(None, tokens)


def _names(_: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Names with commas between them, or given one by one."""
    return tuple(name for token in tokens for name in token.value.split(",") if name)


type Moment = Annotated[datetime, Parameter(converter=_moment)]
type Past = Annotated[datetime, Parameter(converter=_past)]
type Limit = Annotated[
    int, Parameter(help="The most rows, 20 unless given.", validator=validators.Number(gte=1))
]
type Reason = Annotated[str, Parameter(help="Why. It is recorded with your name, and announced.")]
type Wait = Annotated[bool, Parameter(help="Follow it to its end; how it went is the exit code.")]
type Override = Annotated[
    tuple[str, ...], Parameter(converter=_names, consume_multiple=False, n_tokens=1)
]
