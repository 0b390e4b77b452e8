"""Cursors of listings: ours, opaque, and good for one listing only.

A cursor carries where the next page begins (Pinecone's token, or a number of rows) and which
listing it belongs to. It proves nothing and grants nothing, so it is not signed; one that was
cut, mistyped or taken from another listing is refused.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pinecone_backup.api.models import Listing, PageQuery, Pagination
from pinecone_backup.api.problems import FieldError, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pydantic import BaseModel

_DIGITS = 12


def write_cursor(listing: str, position: str) -> str:
    """A cursor for the page of ``listing`` that begins at ``position``."""
    text = json.dumps([_check(listing, position), position], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(listing: str, cursor: str | None) -> str | None:
    """The position in a cursor; None without one.

    Raises:
        ProblemError: It is none of ours, or of another listing.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        check, position = json.loads(urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, TypeError):
        raise _refused() from None
    if not isinstance(position, str) or check != _check(listing, position):
        raise _refused()
    return position


def page_of[T](
    rows: Sequence[T], *, listing: str, limit: int, cursor: str | None
) -> tuple[Sequence[T], str | None]:
    """One page of rows that are all at hand, and the cursor of the next one.

    Raises:
        ProblemError: The cursor does not belong here.
    """
    start = _start(listing, cursor)
    end = start + limit
    return rows[start:end], write_cursor(listing, str(end)) if len(rows) > end else None


def page_of_views[T, V: BaseModel](
    rows: Sequence[T],
    view: Callable[[T], V],
    *,
    listing: str,
    limit: int,
    cursor: str | None,
    most_bytes: int,
) -> tuple[list[V], str | None]:
    """The same of many rows, as they are shown: it ends where they come to so many bytes of JSON.

    Raises:
        ProblemError: The cursor does not belong here.
    """
    start, left = _start(listing, cursor), most_bytes
    views: list[V] = []
    for row in rows[start : start + limit]:
        shown = view(row)
        left -= len(shown.model_dump_json())
        if left < 0 and views:
            break
        views.append(shown)
    end = start + len(views)
    return views, write_cursor(listing, str(end)) if len(rows) > end else None


def _start(listing: str, cursor: str | None) -> int:
    position = read_cursor(listing, cursor) or "0"
    if not position.isdecimal():
        raise _refused()
    return int(position)


def as_listing[L: Listing[Any]](kind: type[L], rows: Iterable[object], cursor: str | None) -> L:
    """One page as a listing shows it; the rows as they are shown, or what that is read from."""
    return kind.model_validate(
        {"data": list(rows), "pagination": Pagination(next=cursor) if cursor else None}
    )


def page_for[L: Listing[Any]](
    query: PageQuery, kind: type[L], rows: Sequence[object], listing: str
) -> L:
    """The page that a query asks for, of rows that are all at hand.

    Raises:
        ProblemError: Its cursor does not belong here.
    """
    return as_listing(
        kind, *page_of(rows, listing=listing, limit=query.limit, cursor=query.paginationToken)
    )


def cursor_at(listing: str, position: str | None) -> str | None:
    """The cursor of a next page; None where there is none."""
    return write_cursor(listing, position) if position else None


def _check(listing: str, position: str) -> str:
    return sha256(f"{listing}\n{position}".encode()).hexdigest()[:_DIGITS]


def _refused() -> ProblemError:
    return ProblemError(
        "invalid-request",
        "The paginationToken does not belong to this listing",
        next_step="Send the token of the page before unchanged, with the same path and filters; "
        "or begin again without it.",
        errors=[FieldError("query:paginationToken", "is not a token of this listing")],
    )
