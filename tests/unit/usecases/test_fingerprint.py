"""How an index is looked at: how much of it, in how many calls, and for how long (rule F2)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from local.simulator.schema import vector_fields
from pinecone_backup.errors import RequestInvalid
from pinecone_backup.model import Depth
from pinecone_backup.usecases.fingerprint import LISTING, LOOKING, first_look, look_again
from tests.support.fingerprints import SECRET, Proof, SimulatedPlane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinecone_backup.model import Fetched
    from pinecone_backup.ports import Page

SPARSE = vector_fields(dimension=None)


class Slow(SimulatedPlane):
    """Every call moves the clock."""

    step = timedelta(seconds=1)

    def fetch(self, namespace: str, record_ids: Sequence[str]) -> Fetched:
        self.simulator.clock.advance(self.step)
        return super().fetch(namespace, record_ids)

    def ids(self, namespace: str, *, token: str | None) -> Page[str]:
        self.simulator.clock.advance(self.step)
        return super().ids(namespace, token=token)


def test_a_look_lists_and_reads_each_of_many_namespaces_once() -> None:
    """F2"""
    proof = Proof(depth=Depth.SAMPLE)
    index = proof.index(fields=vector_fields(dimension=2), **{f"t{n}": 5 for n in range(120)})
    plane = SimulatedPlane(proof.simulator, index)
    look = first_look(plane, depth=Depth.SAMPLE, secret=SECRET, clock=proof.simulator.clock.now)
    assert len(look.namespaces) <= 100
    assert not look.complete
    assert plane.calls.count("ids") == plane.calls.count("fetch") == len(look.namespaces)


def test_the_second_look_reads_what_the_first_one_chose() -> None:
    """F2"""
    proof = Proof()
    index = proof.index(fields=vector_fields(dimension=2), a=400, b=100)
    first = proof.first(index)
    proof.simulator.project.write_records("docs", 500, namespace="c")
    again = proof.again(index, first)
    chosen = {each.namespace: each.records for each in first.namespaces}
    assert {each.namespace: each.records for each in again.namespaces} == chosen | {"c": ()}
    assert (first.complete, again.complete) == (True, False)


def test_a_sparse_index_is_sampled_beyond_its_first_pages_by_what_resembles_known_records() -> None:
    """F2: without dense values there is no direction by chance."""
    proof = Proof()
    index = proof.index(fields=SPARSE, a=3_100)
    look = proof.first(index)
    assert sum(len(each.records) for each in look.namespaces) == 300


def test_a_look_whose_time_is_up_shows_what_it_has_reached() -> None:
    """F1: less evidence, and no wrong one."""
    proof = Proof()
    index = proof.index(fields=vector_fields(dimension=2), **{f"t{n:02}": 5 for n in range(60)})
    plane, clock = Slow(proof.simulator, index), proof.simulator.clock
    look = first_look(plane, depth=Depth.SAMPLE, secret=SECRET, clock=clock.now)
    assert 0 < len(look.namespaces) < 60
    assert not look.complete
    assert look.ended_at - look.began_at <= LOOKING + 2 * Slow.step
    assert plane.calls.count("ids") <= LISTING / Slow.step + 1
    again = look_again(plane, look, depth=Depth.SAMPLE, clock=clock.now)
    assert len(again.namespaces) >= len(look.namespaces)


def test_an_index_that_refuses_queries_is_looked_at_without_them() -> None:
    """F4: one that was restored with another metric may take no sparse values."""

    class Refusing(SimulatedPlane):
        def nearest(
            self, namespace: str, probe: str | Sequence[float], *, limit: int
        ) -> Sequence[str]:
            raise RequestInvalid("no such values")

    proof = Proof(depth=Depth.QUERIES)
    index = proof.index(fields=vector_fields(dimension=2), a=20)
    first = proof.first(index)
    assert [len(each.probes) for each in first.namespaces] == [10]
    plane = Refusing(proof.simulator, index)
    again = look_again(plane, first, depth=Depth.QUERIES, clock=proof.simulator.clock.now)
    assert [(len(each.records), each.probes) for each in again.namespaces] == [(20, ())]


@pytest.mark.parametrize("depth", [Depth.COUNTS, Depth.SAMPLE])
def test_a_look_goes_no_deeper_than_it_is_asked_to(depth: Depth) -> None:
    """F2"""
    proof = Proof(depth=Depth.QUERIES)
    index = proof.index(fields=vector_fields(dimension=2), a=20)
    first = proof.first(index)
    plane = SimulatedPlane(proof.simulator, index)
    again = look_again(plane, first, depth=depth, clock=proof.simulator.clock.now)
    reads = ["fetch"] if depth is Depth.SAMPLE else []
    assert plane.calls == ["statistics", *reads]
    assert [each.count for each in again.namespaces] == [20]


def test_counts_alone_need_no_earlier_look() -> None:
    """F4"""
    proof = Proof()
    index = proof.index(fields=vector_fields(dimension=2), a=20)
    plane = SimulatedPlane(proof.simulator, index)
    look = look_again(plane, None, depth=Depth.COUNTS, clock=proof.simulator.clock.now)
    assert (look.total, look.namespaces, plane.calls) == (20, (), ["statistics"])


def test_an_empty_index_is_looked_at_in_one_call() -> None:
    """F2"""
    proof = Proof()
    plane = SimulatedPlane(proof.simulator, proof.index(fields=vector_fields(dimension=2)))
    look = first_look(plane, depth=Depth.QUERIES, secret=SECRET, clock=proof.simulator.clock.now)
    assert (look.total, look.namespaces, look.complete) == (0, (), True)
    assert plane.calls == ["statistics"]


def test_a_record_that_came_and_one_that_went_between_two_looks_make_no_wrong_count() -> None:
    """F3: the count is the same in both looks, and was another one when the backup was made."""
    proof = Proof()
    index = proof.index(fields=vector_fields(dimension=2), a=20, b=20)
    start = proof.now
    project = proof.simulator.project
    project.write_records("docs", 3, namespace="a", at=start + timedelta(minutes=1))
    project.write_records("docs", -3, namespace="a", at=start + timedelta(minutes=25))
    backup, sure = proof.taken(index)
    assert (backup.namespaces or {})["a"] == 23
    assert [each.count for each in sure.namespaces] == [None, 20]
    assert proof.restored(backup, sure).sound
