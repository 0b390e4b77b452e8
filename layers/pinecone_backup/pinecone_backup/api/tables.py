"""Listings as CSV (RFC 4180), for whoever opens them in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_cell(each) for each in value)
    if isinstance(value, dict):
        return _cell(value.get("text", str(value)))
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
