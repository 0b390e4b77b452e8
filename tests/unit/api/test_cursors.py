"""Cursors carry any position of one listing, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.api.cursors import page_of, read_cursor, write_cursor
from pinecone_backup.api.problems import ProblemError


@given(listing=st.text(), position=st.text(min_size=1))
def test_a_cursor_is_read_back_as_it_was_written(listing: str, position: str) -> None:
    cursor = write_cursor(listing, position)
    assert read_cursor(listing, cursor) == position
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(listing=st.text(), other=st.text(), position=st.text())
def test_a_cursor_is_good_for_one_listing(listing: str, other: str, position: str) -> None:
    if listing == other:
        return
    with pytest.raises(ProblemError):
        read_cursor(other, write_cursor(listing, position))


@given(text=st.text())
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(ProblemError):
        read_cursor("listing", text)


def test_a_cursor_into_rows_must_count_them() -> None:
    with pytest.raises(ProblemError):
        page_of([1, 2], listing="l", limit=1, cursor=write_cursor("l", "²"))


@given(rows=st.lists(st.integers()), limit=st.integers(1, 7))
def test_pages_hold_every_row_once_and_in_order(rows: list[int], limit: int) -> None:
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page, cursor = page_of(rows, listing="l", limit=limit, cursor=cursor)
        assert len(page) <= limit
        seen += page
        if cursor is None:
            break
        assert len(page) == limit
    assert seen == rows
