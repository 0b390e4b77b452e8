"""The API over memory and a simulated Pinecone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator


@pytest.fixture
def world(simulator: Simulator, simulator_url: str) -> Iterator[World]:
    """An API whose project main has one index, ``products``, without backups."""
    simulator.project.seed_index("products", records=1000)
    with World(simulator, simulator_url) as world:
        yield world
