"""A hundred projects through the queue, by a virtual clock: what a bad one costs the others.

Every run is made by the real code, one call after the other, and each call moves the project's own
clock by its share of the concurrency. By default two indexes stand for 200, with calls as much
slower; ``FULL_SIZE=1`` makes all 200.
"""

from __future__ import annotations

import heapq
import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from pinecone_backup.adapters.pinecone.client import PineconeClient
from pinecone_backup.model import RunKind
from pinecone_backup.records import IndexRecord, RunState
from pinecone_backup.triggers import RunRequest, read_trigger
from pinecone_backup.usecases.create import create_backups
from pinecone_backup.wiring.projects import CALL_SECONDS
from tests.support.creating import ProjectControlPlane, document
from tests.support.pinecone_transport import Key, Time, error, page
from tests.support.runs import NOW, MemoryQueue, World
from tests.support.simulator import fresh_simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.simulator import Simulator
    from pinecone_backup.ports import ControlPlane
    from pinecone_backup.usecases.runs import Job

PROJECTS, INDEXES, AT_A_TIME, CONCURRENCY = 100, 200, 5, 8
PINECONE_SECONDS, FUNCTION_SECONDS = 0.15, 300.0
MADE = INDEXES if os.environ.get("FULL_SIZE") else 2
QUARTER = timedelta(minutes=15)


def limited_for_ever(_: httpx.Request) -> httpx.Response:
    return error(429)


def of_thirty_seconds(time: Time) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        patience = request.extensions["timeout"]["read"]
        time.now += min(30.0, patience)
        if patience < 30:
            raise httpx.ReadTimeout("the answer did not come")
        return page()

    return answer


def without_an_end(time: Time) -> Callable[[httpx.Request], httpx.Response]:
    pages = iter(range(10**9))

    def answer(request: httpx.Request) -> httpx.Response:
        time.now += PINECONE_SECONDS
        if request.url.path == "/indexes":
            return httpx.Response(200, json={"indexes": []})
        return page(token=f"t{next(pages)}")

    return answer


BAD: dict[str, Callable[[Time], Callable[[httpx.Request], httpx.Response]]] = {
    "429 for ever": lambda _: limited_for_ever,
    "30 s a call": of_thirty_seconds,
    "a listing without an end": without_an_end,
}


class Clocked(ProjectControlPlane):
    """A good project: each call takes its time."""

    def __init__(self, simulator: Simulator, time: Time) -> None:
        super().__init__(simulator)
        self.time = time

    def __getattribute__(self, name: str) -> Any:
        if name in ("list_indexes", "project_backups", "index_backups", "create_backup"):
            scale = INDEXES / MADE if name in ("index_backups", "create_backup") else CONCURRENCY
            self.time.now += PINECONE_SECONDS * scale / CONCURRENCY
        return super().__getattribute__(name)


@dataclass
class Fleet:
    """A deployment with a hundred projects, some of them bad.

    Attributes:
        bad: What is wrong with a project, by its name.
        ended: When each project's runs ended, in seconds after their tick.
    """

    bad: dict[str, str]
    world: World = field(init=False)
    planes: dict[str, tuple[ControlPlane, Time]] = field(default_factory=dict)
    ended: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [f"p{number:03}" for number in range(PROJECTS)]
        self.world = World(*names)
        self.world.document = document().model_copy(
            update={"projects": self.world.document.projects}
        )
        self.world.queue = MemoryQueue()
        for name in names:
            time = Time(now=0.0)
            self.planes[name] = self._plane(name, time), time

    def _plane(self, name: str, time: Time) -> ControlPlane:
        if name in self.bad:
            return PineconeClient(
                Key(),
                http=httpx.Client(transport=httpx.MockTransport(BAD[self.bad[name]](time))),
                call_seconds=CALL_SECONDS,
                clock=time.clock,
                sleep=time.sleep,
            )
        simulator = fresh_simulator()
        simulator.clock.set(NOW)
        known_since = NOW - timedelta(days=2)
        for number in range(MADE):
            simulator.project.seed_index(f"i{number}")
            record = IndexRecord(f"i{number}", known_since, known_since)
            self.world.ledger(name).put_index(record)
        return cast("ControlPlane", Clocked(simulator, time))

    def tick(self, number: int) -> None:
        """One tick: its messages, worked off five at a time in the order of the queue."""
        at = NOW + number * QUARTER
        self.world.now = at
        self.world.run(time=at)
        assert self.world.queue is not None
        free = [0.0] * AT_A_TIME
        for body in self.world.queue.take():
            request = read_trigger({"Records": [{"body": body}]}, RunKind.CREATE)
            began = heapq.heappop(free)
            assert began < QUARTER.total_seconds()
            took = self._work_off(body, request)
            heapq.heappush(free, began + took)
            self.ended.setdefault(str(request.project), []).append(began + took)

    def _work_off(self, body: str, request: RunRequest) -> float:
        plane, time = self.planes[str(request.project)]
        began = time.now

        def work(job: Job) -> Any:
            return create_backups(
                job.context,
                plane,
                job.ledger,
                job.document,
                job.policy_version,
                time_left=lambda: FUNCTION_SECONDS - (time.now - began),
            )

        self.world.message(body, work)
        return time.now - began

    def last_of(self, others: set[str], tick: int) -> float:
        """When the last of the projects that are not among some had its run of a tick."""
        return max(times[tick] for name, times in self.ended.items() if name not in others)


@pytest.mark.parametrize(
    "bad",
    [("429 for ever", "30 s a call"), ("a listing without an end", "30 s a call")],
    ids=" and ".join,
)
def test_two_bad_projects_cost_the_other_98_a_fifth_of_their_time_at_most(
    bad: tuple[str, str],
) -> None:
    names = {"p013": bad[0], "p057": bad[1]}
    alone, beside = Fleet({}), Fleet(names)
    for fleet in (alone, beside):
        fleet.tick(0)
    assert beside.last_of(set(names), 0) <= 1.2 * alone.last_of(set(names), 0)
    made = [
        run.summary["created"] for name in alone.ended for run in alone.world.ledger(name).runs()
    ]
    assert all(len(each) == min(MADE, 100) for each in made)


def test_no_project_is_without_a_run_in_any_two_ticks() -> None:
    bad = {"p013": "429 for ever", "p057": "30 s a call"}
    fleet = Fleet(bad)
    for number in range(3):
        fleet.tick(number)
    for name in fleet.ended:
        runs = fleet.world.ledger(name).runs()
        assert len(runs) == 3, name
        expected = RunState.FAILED if name in bad else RunState.SUCCEEDED
        assert {run.state for run in runs} == {expected}, name
