"""Fixtures that every kind of test uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.simulator import fresh_simulator, simulator_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdist.remote import Producer

    from local.simulator import Simulator


class OneEmulator(LoadScopeScheduling):
    """Gives all tests of the emulator to one worker, which begins with them, and each other to any.

    xdist's own groups (``--dist loadgroup``) have no effect with this version of pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneEmulator:
    """One deployment serves all end-to-end tests: deploying it takes longer than most of them."""
    return OneEmulator(config, log)


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
