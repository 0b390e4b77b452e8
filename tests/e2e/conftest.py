"""The real template, deployed once per session into the emulator, with permissions enforced."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from local.deploy import deploy
from local.emulator import running
from local.receiver import Receiver
from local.simulator import DEFAULT_KEY, Simulator
from local.stack import SIGNING_SECRET, targets_at
from tests.support.deployed import Deployed
from tests.support.simulator import simulator_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.emulator import Emulator


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """One emulator per session, which enforces every role's permissions."""
    with running(f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}", auth=True) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def pinecone() -> Iterator[tuple[Callable[[Simulator], str], str]]:
    """A server for simulators, and its address."""
    with simulator_server() as expose:
        yield expose, expose(Simulator())


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Receives what notify sends, and checks the signatures."""
    with Receiver(secrets=[SIGNING_SECRET]) as receiver:
        yield receiver


@pytest.fixture(scope="session")
def stack(
    emulator: Emulator, pinecone: tuple[Callable[[Simulator], str], str], receiver: Receiver
) -> Deployed:
    """The product, deployed; its schedules stand still."""
    expose, url = pinecone
    name = "under-test"
    parameters = {
        "PineconeUrl": url,
        "PruneMode": "enforce",
        "SchedulesState": "DISABLED",
        "CorsOrigin": "https://ops.example.com",
        "LinkBase": "https://ops.example.com",
        "InsecureWebhookHosts": receiver.host,
    }
    deployed = Deployed(emulator, name, deploy(emulator, name, parameters), expose)
    deployed.set_secret("projects/main", DEFAULT_KEY)
    deployed.set_secret("targets", json.dumps(targets_at(receiver.url(""))))
    return deployed


@pytest.fixture
def project(stack: Deployed) -> tuple[str, Simulator]:
    """A project that the ledger has not seen, with one old index, and the policy for it."""
    simulator = Simulator()
    name = f"p-{uuid4().hex[:8]}"
    stack.seed(simulator, name)
    return name, simulator
