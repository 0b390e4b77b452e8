"""Several calls at a time: order, bound, and the end after an error."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.usecases.parallel import both, in_parallel, rotated, workers

if TYPE_CHECKING:
    from pinecone_backup.ports import ControlPlane, Ledger

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(), max_size=20), st.integers(1, 8))
def test_the_results_stand_in_the_order_of_the_items(items: list[int], at_most: int) -> None:
    assert in_parallel(lambda item: item * 2, items, at_most=at_most) == [2 * n for n in items]


def test_no_more_are_under_way_than_allowed_and_no_fewer() -> None:
    together = threading.Barrier(3, timeout=5)  # three that wait for each other, or an error
    under_way: list[int] = []
    most = []

    def work(item: int) -> None:
        under_way.append(item)
        most.append(len(under_way))
        together.wait()
        under_way.remove(item)

    in_parallel(work, range(9), at_most=3)
    assert max(most) == 3


@dataclass
class AtMost:
    """A control plane or a ledger, as far as ``workers`` asks it."""

    concurrency: int


@pytest.mark.parametrize(
    ("calls", "writes", "expected"), [(8, 16, 10), (4, 16, 5), (1, 16, 1), (8, 1, 8), (20, 16, 20)]
)
def test_a_quarter_more_work_than_calls_is_begun_where_the_ledger_takes_as_many(
    calls: int, writes: int, expected: int
) -> None:
    control_plane = cast("ControlPlane", AtMost(calls))
    assert workers(control_plane, cast("Ledger", AtMost(writes))) == expected


def test_one_at_a_time_takes_no_thread() -> None:
    threads = in_parallel(lambda _: threading.get_ident(), range(3), at_most=1)
    assert set(threads) == {threading.get_ident()}


class Killed(BaseException):
    """Nothing catches it."""


@pytest.mark.parametrize("error", [ValueError, Killed])
def test_after_an_error_no_further_item_is_begun(error: type[BaseException]) -> None:
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        if item < 2:
            raise error

    with pytest.raises(error):
        in_parallel(work, range(100), at_most=2)
    assert len(begun) < 100


def test_of_several_errors_the_first_items_is_raised_and_what_was_begun_ends() -> None:
    begun = threading.Barrier(2, timeout=5)
    ended = []

    def work(item: int) -> None:
        begun.wait()
        ended.append(item)
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        in_parallel(work, range(2), at_most=2)
    assert sorted(ended) == [0, 1]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(), max_size=9, unique=True), st.integers(0, 10**6))
def test_rotating_keeps_the_order_and_every_item(items: list[int], minutes: int) -> None:
    found = rotated(items, AT + timedelta(minutes=minutes))
    start = found.index(items[0]) if items else 0
    assert [*found[start:], *found[:start]] == items


def test_every_item_comes_first_at_some_time() -> None:
    firsts = {rotated(range(5), AT + timedelta(minutes=15 * tick))[0] for tick in range(96)}
    assert firsts == set(range(5))


@pytest.mark.parametrize("at_most", [1, 8])
def test_of_two_different_things_each_is_answered_in_its_place(at_most: int) -> None:
    assert both(lambda: "indexes", lambda: 3, at_most=at_most) == ("indexes", 3)


def test_two_different_things_are_asked_at_a_time() -> None:
    begun = threading.Barrier(2, timeout=5)
    assert both(begun.wait, begun.wait, at_most=2) in ((0, 1), (1, 0))
