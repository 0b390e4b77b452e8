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
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=20), "20 minutes"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=61), "61 minutes"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=5, minutes=3), "5 hours 3 minutes"),
        (timedelta(hours=23, minutes=1), "23 hours 1 minute"),
        (timedelta(hours=24, seconds=59), "1 day"),
        (timedelta(hours=24, minutes=1), "24 hours 1 minute"),
        (timedelta(hours=31), "31 hours"),
        (timedelta(hours=47, minutes=59), "47 hours 59 minutes"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=3, hours=1, minutes=59), "3 days 1 hour"),
        (timedelta(days=1461), "1,461 days"),
    ],
)
def test_a_span_is_written_in_words(duration: timedelta, text: str) -> None:
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
