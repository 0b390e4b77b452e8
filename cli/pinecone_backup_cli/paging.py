"""Listings: all pages of one, or as many rows as are wanted."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pinecone_backup_cli.api import Pagination
    from pinecone_backup_cli.wire import Parameter

ROWS = 100
"""The most that the API gives in one page."""


class Page[T](Protocol):
    """One page of a listing."""

    @property
    def data(self) -> Sequence[T]:
        """The rows."""

    @property
    def pagination(self) -> Pagination | None:
        """Where it goes on; None on the last page."""


def pages[T](
    listing: Callable[..., Page[T]], *parts: str, most: int | None = None, **filters: Parameter
) -> list[T]:
    """The rows of all pages.

    Args:
        listing: An operation of the API.
        parts: Of its path.
        most: The number of rows after which to end.
        filters: Its other parameters.
    """
    return list(islice(_rows(listing, parts, filters, most), most))


def _rows[T](
    listing: Callable[..., Page[T]],
    parts: Sequence[str],
    filters: Mapping[str, Parameter],
    most: int | None,
) -> Iterator[T]:
    token = None
    while True:
        limit = ROWS if most is None else min(most, ROWS)
        page = listing(*parts, **filters, limit=limit, pagination_token=token)
        yield from page.data
        if page.pagination is None:
            return
        token = page.pagination.next
