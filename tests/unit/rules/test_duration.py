from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pinecone_backup.rules.duration import Duration

BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
UTC_ZONE = ZoneInfo("UTC")
FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def before(moment: str, duration: str, zone: ZoneInfo = UTC_ZONE) -> datetime | None:
    return Duration.parse(duration).before(at(moment), zone)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1y2m3d4h", (1, 2, 3, 4)),
        ("30d", (0, 0, 30, 0)),
        ("18m", (0, 18, 0, 0)),
        ("36h", (0, 0, 0, 36)),
        ("1y0d", (1, 0, 0, 0)),
        ("1y1d1m", (1, 1, 1, 0)),
        ("4h3d2m1y", (1, 2, 3, 4)),
        ("007d", (0, 0, 7, 0)),
        ("999999999y", (999999999, 0, 0, 0)),
    ],
)
def test_each_unit_is_read_into_its_part(text: str, parts: tuple[int, int, int, int]) -> None:
    """K4: D is like 1y2m3d4h."""
    assert Duration.parse(text) == Duration(*parts)


@pytest.mark.parametrize(
    "text",
    ["", " ", "1", "d", "1w", "1d ", " 1d", "-1d", "1.5d", "1D", "1d2d", "1d1h1d", "0d", "0y0h"],
)
def test_what_is_not_a_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration like 1y2m3d4h") as caught:
        Duration.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["1d\n", "\u0661d", "1 d", "1dd", "P1D", "1234567890d"])
def test_only_ascii_digits_and_the_four_units_are_read(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "printed"),
    [("1y2m3d4h", "1y2m3d4h"), ("4h1y", "1y4h"), ("0y7d", "7d"), ("24h", "24h"), ("12m", "12m")],
)
def test_a_duration_is_printed_in_y_m_d_h_order_without_zeros(text: str, printed: str) -> None:
    """K6: D printed in y m d h order; units are never converted into each other."""
    assert str(Duration.parse(text)) == printed


@pytest.mark.parametrize(
    ("moment", "duration", "expected"),
    [
        ("2026-03-31T12:00", "1m", "2026-03-03T12:00"),
        ("2024-03-31T12:00", "1m", "2024-03-02T12:00"),
        ("2024-02-29T12:00", "1y", "2023-03-01T12:00"),
        ("2024-02-29T12:00", "4y", "2020-02-29T12:00"),
        ("2026-05-31T12:00", "3m", "2026-03-03T12:00"),
        ("2026-01-15T12:00", "1m", "2025-12-15T12:00"),
        ("2026-01-15T12:00", "13m", "2024-12-15T12:00"),
        ("2026-12-31T12:00", "12m", "2025-12-31T12:00"),
        ("2026-03-01T12:00", "1d", "2026-02-28T12:00"),
        ("2026-07-04T12:00", "1y2m3d4h", "2025-05-01T08:00"),
        ("2026-07-04T12:00:00.123456", "1h", "2026-07-04T11:00:00.123456"),
    ],
)
def test_calendar_parts_are_subtracted_in_one_step_and_normalised(
    moment: str, duration: str, expected: str
) -> None:
    """K4: 31 March - 1 month = 3 March (2 March in a leap year); 29 February - 1 year = 1 March."""
    assert before(moment, duration) == at(expected)


def test_days_are_counted_from_the_month_that_the_months_led_to() -> None:
    """K4: 1 March - 1m1d is the day before 1 February, not a month before 28 February."""
    assert before("2026-03-01T12:00", "1m1d") == at("2026-01-31T12:00")


def test_calendar_days_are_counted_by_the_wall_clock_of_the_zone() -> None:
    """K4: across a change of clocks a day has 23 or 25 hours."""
    assert before("2026-03-29T10:00", "1d", BERLIN) == at("2026-03-28T11:00")
    assert before("2026-10-25T11:00", "1d", BERLIN) == at("2026-10-24T10:00")


def test_hours_are_elapsed_hours() -> None:
    """K4: then elapsed hours, whatever the clocks do."""
    assert before("2026-03-29T10:00", "24h", BERLIN) == at("2026-03-28T10:00")
    assert before("2026-10-25T11:00", "24h", BERLIN) == at("2026-10-24T11:00")


def test_days_come_before_hours() -> None:
    """K4: one calendar day back lands in the gap's day first; the hour is elapsed from there."""
    assert before("2026-03-30T01:00", "1d1h", BERLIN) == at("2026-03-29T00:00")


def test_the_calendar_is_that_of_the_zone() -> None:
    """K4: it is 1 March in Tokyo while UTC still has 28 February."""
    assert before("2026-02-28T20:00", "1m", TOKYO) == at("2026-01-31T20:00")
    assert before("2026-02-28T20:00", "1m", UTC_ZONE) == at("2026-01-28T20:00")


def test_a_local_time_that_does_not_exist_means_the_earlier_instant() -> None:
    """K4: 29 March 2026, 02:30 in Berlin: with summer time 00:30 UTC, with winter time 01:30."""
    assert before("2026-03-30T00:30", "1d", BERLIN) == at("2026-03-29T00:30")


def test_a_local_time_that_exists_twice_means_the_earlier_instant() -> None:
    """K4: 25 October 2026, 02:30 in Berlin is 00:30 and 01:30 UTC."""
    assert before("2026-10-26T01:30", "1d", BERLIN) == at("2026-10-25T00:30")


def test_the_second_pass_of_a_repeated_hour_counts_from_its_wall_clock() -> None:
    """K4: 02:30 on the wall, whichever pass, a month back is 02:30 of the month before."""
    assert before("2026-10-25T00:30", "1m", BERLIN) == at("2026-09-25T00:30")
    assert before("2026-10-25T01:30", "1m", BERLIN) == at("2026-09-25T00:30")


@pytest.mark.parametrize(
    "duration", ["2026y", "24312m", "800000d", "999999999d", "999999999h", "999999999y9999999m"]
)
def test_before_year_1_there_is_no_edge(duration: str) -> None:
    """K4: before year 1 means keep all."""
    assert before("2026-01-15T12:00", duration) is None


def test_year_1_itself_is_an_edge() -> None:
    """K4: the first moment that can be written is still an edge."""
    assert before("2026-01-01T00:00", "2025y") == at("0001-01-01T00:00")
    assert before("2026-01-01T00:00", "2025y1h") is None


@pytest.mark.parametrize(("zone", "moment"), [(TOKYO, LAST_MOMENT), (LOS_ANGELES, FIRST_MOMENT)])
def test_the_ends_of_the_calendar_are_no_trap(zone: ZoneInfo, moment: datetime) -> None:
    """K4: a time without a local reading has no edge: keep all."""
    assert Duration(hours=1).before(moment, zone) is None


def test_the_edge_is_given_in_utc() -> None:
    """T3: stored and compared times are UTC."""
    edge = before("2026-07-01T00:00", "1d", BERLIN)
    assert edge is not None
    assert edge.tzinfo is UTC
