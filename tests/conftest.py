"""Fixtures that every kind of test uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.simulator import fresh_simulator, simulator_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.simulator import Simulator


@pytest.fixture
def simulator() -> Simulator:
    """A simulated Pinecone of this test's own; its clock stands still until the test moves it."""
    return fresh_simulator()


@pytest.fixture(scope="session")
def _expose_simulator() -> Iterator[Callable[[Simulator], str]]:
    with simulator_server() as expose:
        yield expose


@pytest.fixture
def simulator_url(simulator: Simulator, _expose_simulator: Callable[[Simulator], str]) -> str:
    """Where this test's simulator is served."""
    return _expose_simulator(simulator)
