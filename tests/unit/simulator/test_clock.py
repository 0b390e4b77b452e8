"""The simulated time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from local.simulator.clock import Clock

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_frozen_clock_stands_still() -> None:
    clock = Clock(NOON, frozen=True)

    assert clock.now() == clock.now() == NOON


def test_a_clock_that_was_set_runs_on_from_there() -> None:
    clock = Clock(NOON)

    first = clock.now()
    second = clock.now()

    assert NOON <= first <= second < NOON + timedelta(minutes=1)


def test_a_clock_follows_real_time_by_default() -> None:
    before = datetime.now(UTC)

    assert before <= Clock().now() <= datetime.now(UTC)


def test_a_frozen_clock_can_be_advanced() -> None:
    clock = Clock(NOON, frozen=True)

    assert clock.advance(days=1, hours=2) == NOON + timedelta(days=1, hours=2)
    assert clock.advance(timedelta(seconds=1)) == NOON + timedelta(days=1, hours=2, seconds=1)


def test_a_resumed_clock_runs_on_from_where_it_stood() -> None:
    clock = Clock(NOON, frozen=True)

    clock.resume()

    assert not clock.frozen
    assert NOON <= clock.now() < NOON + timedelta(minutes=1)


def test_the_time_is_kept_in_utc() -> None:
    clock = Clock(datetime(2026, 11, 22, 13, 0, tzinfo=timezone(timedelta(hours=1))), frozen=True)

    assert clock.now() == NOON
    assert clock.now().tzinfo is UTC


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        Clock(datetime(2026, 11, 22, 12, 0))  # noqa: DTZ001 - the point of the test
