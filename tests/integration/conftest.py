"""Fixtures of the use cases' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.simulator import client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinecone_backup.adapters.pinecone.client import PineconeClient


@pytest.fixture
def control_plane(simulator_url: str) -> Iterator[PineconeClient]:
    """Our client of this test's simulator."""
    with client(simulator_url) as control_plane:
        yield control_plane
