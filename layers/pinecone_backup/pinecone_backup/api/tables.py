"""Listings as CSV (RFC 4180), for whoever opens them in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

MEDIA_TYPE = "text/csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(kind: type[BaseModel], rows: Sequence[BaseModel]) -> str:
    """A head and one line for each row, with the fields that its JSON has, in the same order.

    Lists are separated by semicolons, and of a rule's finding its text is given. A text that a
    spreadsheet would take for a formula stands behind an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(kind.model_fields)
    for row in rows:
        writer.writerow(_cell(value) for value in row.model_dump(mode="json").values())
    return out.getvalue()


def wants_csv(accept: str) -> bool:
    """Whether a request's ``Accept`` prefers CSV to JSON (RFC 9110).

    The most specific range says how much a type is wanted. Of two that are wanted alike the one
    that is named wins, else JSON.
    """
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, *parameters = (each.strip() for each in part.split(";"))
        given = [each[2:] for each in parameters if each.startswith("q=")]
        weights[kind] = _weight(given[0]) if given else 1.0
    return _wanted(MEDIA_TYPE, weights) > _wanted("application/json", weights)


def _wanted(kind: str, weights: Mapping[str, float]) -> tuple[float, int]:
    """How much a media type is wanted, and how specific that is said."""
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    for specific, each in zip((2, 1, 0), ranges, strict=True):
        if each in weights:
            return weights[each], specific if weights[each] else 0
    return 0.0, 0


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_cell(each) for each in value)
    if isinstance(value, dict):
        return _cell(value.get("text", str(value)))
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
