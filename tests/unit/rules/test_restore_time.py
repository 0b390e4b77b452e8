"""How long a restore takes, by what was measured."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator import Behaviour
from local.simulator.restores import duration
from pinecone_backup.rules.restore_time import NEWEST, Measured, expected_seconds, measured
from tests.support.backups import NOW
from tests.support.restores import restore_record

SIZES = st.integers(10**6, 10**12)


def by_the_law(size: int) -> int:
    return int(duration(size, Behaviour()).total_seconds())


@given(st.lists(SIZES, min_size=3, max_size=6), SIZES)
def test_three_restores_of_different_sizes_tell_what_any_takes(sizes: list[int], size: int) -> None:
    """Within a fifth of the simulator's own law, up to twice what was measured.

    From restores of one size alone, that size.
    """
    known = [Measured(each, by_the_law(each)) for each in sizes]
    most = max(sizes) * (1 if max(sizes) < 1.1 * min(sizes) else 2)
    size = max(min(sizes), min(size, most))
    found = expected_seconds(known, size)
    assert found is not None
    assert abs(found - by_the_law(size)) <= 0.2 * by_the_law(size)


def test_where_nothing_was_measured_nothing_is_known() -> None:
    assert expected_seconds([], 100) is None
    assert expected_seconds([Measured(100, 1)], None) is None
    assert measured([restore_record(), restore_record(size_bytes=1)]) == []


def test_the_newest_restores_of_known_size_and_time_are_what_was_measured() -> None:
    """However they are listed, and however large they are: the oldest have the greatest number."""
    restores = [
        restore_record(started_at=NOW - number * timedelta(hours=1), **known)
        for number in range(NEWEST + 3)
        for known in (
            {"size_bytes": 1000 + number, "took_seconds": number},
            {"size_bytes": None, "took_seconds": 5},
            {"size_bytes": 5, "took_seconds": None},
        )
    ]
    newest = [Measured(1000 + number, number) for number in reversed(range(NEWEST))]
    assert measured(restores) == measured(reversed(restores)) == newest


@pytest.mark.parametrize(("size", "seconds"), [(50, 300), (100, 300), (200, 600)])
def test_from_one_size_alone_a_larger_one_is_expected_to_take_longer(
    size: int, seconds: int
) -> None:
    assert expected_seconds([Measured(100, 300)] * 3, size) == seconds


@pytest.mark.parametrize(
    ("known", "size", "seconds"),
    [
        pytest.param([(100, 1000), (109, 1009)], 209, 2009, id="about one size: in proportion"),
        pytest.param([(10, 1000), (11, 1010)], 21, 1110, id="a tenth larger: by what more takes"),
    ],
)
def test_from_sizes_a_tenth_apart_it_follows_what_a_byte_takes(
    known: list[tuple[int, int]], size: int, seconds: int
) -> None:
    assert expected_seconds([Measured(*each) for each in known], size) == seconds


def test_less_than_a_second_of_its_own_counts_too() -> None:
    """Half a second, and one more for each two hundred bytes."""
    assert expected_seconds([Measured(100, 1), Measured(300, 2)], 20) == 1


def test_what_got_slower_with_less_is_no_law() -> None:
    assert expected_seconds([Measured(100, 400), Measured(200, 200)], 1000) == 300
    assert expected_seconds([Measured(0, 300), Measured(0, 300)], 1000) == 300


def test_times_that_grow_faster_than_the_size_do_not_become_negative() -> None:
    assert expected_seconds([Measured(100, 10), Measured(200, 100)], 10) == 4
