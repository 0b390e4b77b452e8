"""Sound restores of a living index are never called wrong (rules F1 to F5).

``SOUND_RESTORES=1000`` tries as many; a few are tried by default.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulator.records import Record
from local.simulator.schema import vector_fields
from pinecone_backup.model import Depth
from tests.support.fingerprints import Proof

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from local.simulator.data_plane import DataPlane
    from local.simulator.state import Index

SOUND_RESTORES = int(os.environ.get("SOUND_RESTORES", "40"))
NAMESPACES = ("a", "b", "c")
IDS = st.integers(0, 12).map(lambda number: f"rec-{number:09d}")
NUMBERS = st.integers(1, 3)


@dataclass(frozen=True)
class Write:
    """Something that the application does to a namespace, so many minutes after the beginning."""

    minute: int
    namespace: str
    act: Callable[[DataPlane, str], None]


def _upsert(record_id: str, value: int) -> Callable[[DataPlane, str], None]:
    record = Record(record_id, (float(value), 1.0, 0.5), None, {"value": value})
    return lambda served, namespace: served.upsert(namespace, [record])


def _delete(record_id: str) -> Callable[[DataPlane, str], None]:
    return lambda served, namespace: served.delete(namespace, [record_id])


def _mark(record_id: str, value: int) -> Callable[[DataPlane, str], None]:
    return lambda served, namespace: served.update(namespace, record_id, metadata={"mark": value})


def _remove(served: DataPlane, namespace: str) -> None:
    if any(each.name == namespace for each in served.namespaces()):
        served.empty(namespace)


ACTS = st.one_of(
    st.builds(_upsert, IDS, NUMBERS),
    st.builds(_delete, IDS),
    st.builds(_mark, IDS, NUMBERS),
    st.just(_remove),
)
WRITES = st.lists(
    st.builds(Write, st.integers(0, 140), st.sampled_from(NAMESPACES), ACTS), max_size=12
)
LAGS = st.sampled_from([0, 30, 300, 899])
SPANS = st.integers(15, 50).map(lambda minutes: timedelta(minutes=minutes))


def at_work(proof: Proof, index: Index, writes: list[Write]) -> Callable[[timedelta], None]:
    """Lets time pass, and each write happen at its minute."""
    start = proof.now
    waiting = sorted(writes, key=lambda write: write.minute)

    def until(end: datetime) -> None:
        while waiting and start + timedelta(minutes=waiting[0].minute) <= end:
            write = waiting.pop(0)
            proof.simulator.clock.set(start + timedelta(minutes=write.minute))
            write.act(proof.served(index), write.namespace)
        proof.simulator.clock.set(end)

    return lambda span: until(proof.now + span)


@settings(max_examples=SOUND_RESTORES)
@given(WRITES, SPANS, SPANS, LAGS, LAGS)
def test_a_sound_restore_of_an_index_that_is_written_to_differs_in_nothing(
    writes: list[Write], before: timedelta, after: timedelta, read_lag: int, stats_lag: int
) -> None:
    """F3 and F5: whatever is written while the backup is made, and however late reads show it."""
    proof = Proof(depth=Depth.QUERIES, before=before, after=after)
    proof.simulator.behaviour.read_lag_seconds = read_lag
    proof.simulator.behaviour.stats_lag_seconds = stats_lag
    index = proof.index(fields=vector_fields(dimension=3), a=10, b=3)
    live = at_work(proof, index, writes)
    live(timedelta(minutes=40))

    backup, sure = proof.taken(index, live)

    assert proof.restored(backup, sure).differences == ()
