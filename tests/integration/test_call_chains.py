"""A project's runs by the latency of their calls: what a run would wait for, were it alone.

Forty indexes with 200 backups, everything due; ``FULL_SIZE=1`` makes the 200 with 1,000 that
Pinecone allows. The bounds are seconds by a clock that only calls move, the same
on every machine, and stand closely above what was found.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.adapters.pinecone.transport import Caller
from tests.support.rounds import ClockedTable, Latency
from tests.support.simulator import fresh_simulator, simulator_server
from tests.support.whole_project import (
    AWS_SECONDS,
    CONCURRENCY,
    INDEXES,
    PINECONE_SECONDS,
    Deployment,
    seed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = INDEXES if os.environ.get("FULL_SIZE") else 40
SECONDS = (
    {"audit": 9.2, "prune": 18.25, "create": 8.6}
    if SIZE == INDEXES
    else {"audit": 2.3, "prune": 4.165, "create": 2.0}
)
"""The most that a run may wait for its calls."""


@pytest.fixture
def latency(monkeypatch: pytest.MonkeyPatch) -> Latency:
    """A clock that every call to Pinecone moves, and nothing else."""
    found = Latency()
    found.install(monkeypatch)
    send = Caller.send

    def slow(self: Caller, call: Any) -> Any:
        found.call(PINECONE_SECONDS, places=CONCURRENCY)
        return send(self, call)

    monkeypatch.setattr(Caller, "send", slow)
    return found


@pytest.fixture
def deployment(latency: Latency) -> Iterator[Deployment]:
    simulator = fresh_simulator()
    seed(simulator, SIZE)
    with simulator_server() as expose:
        one = Deployment(expose(simulator), ClockedTable(latency, AWS_SECONDS))
        with one.http:
            yield one


def test_no_run_waits_for_a_longer_chain_of_calls_than_it_must(
    deployment: Deployment, latency: Latency
) -> None:
    waited = {}
    for kind in SECONDS:
        if kind == "prune":
            deployment.settle()
        began = latency.now
        getattr(deployment, kind)()
        waited[kind] = latency.now - began
    assert {kind: seconds for kind, seconds in waited.items() if seconds > SECONDS[kind]} == {}
