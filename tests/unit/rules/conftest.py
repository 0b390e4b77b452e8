"""The rules give the same answer on every machine, whatever its time zone is."""

import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _far_from_utc() -> Iterator[None]:
    """The machine's own zone, which no rule may use, is as odd as can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()
