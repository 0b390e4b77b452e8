import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.figures import size, span


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=20), "20 min"),
        (timedelta(hours=31), "31 h"),
        (timedelta(hours=5, minutes=3), "5 h 3 min"),
        (timedelta(hours=48), "2 d"),
        (timedelta(days=3, hours=4, minutes=59), "3 d 4 h"),
    ],
)
def test_a_span_is_written_in_its_two_greatest_units(duration: timedelta, text: str) -> None:
    assert span(duration) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_500, "1.5 kB"),
        (748_900_000, "749 MB"),
        (999_600_000, "1 GB"),
        (56_500_000_000, "56.5 GB"),
        (2e15, "2,000 TB"),
    ],
)
def test_a_size_is_written_with_three_digits(number: float, text: str) -> None:
    assert size(number) == text


@given(st.integers(0, 10**20))
def test_no_size_is_written_with_an_exponent(number: int) -> None:
    assert re.fullmatch(r"[\d,]+(\.\d+)? (B|kB|MB|GB|TB)", size(number))
