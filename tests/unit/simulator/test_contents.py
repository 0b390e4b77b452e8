"""What an index holds: every collection behaves like the dictionary that it stands for."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator.contents import Changed, Contents, Event, Grown, Held, Replaced, counts
from local.simulator.records import EMPTY, Altered, First, Record, Records, Seed, Without, seeded_id
from tests.support.simulator import START

SEED = Seed("test", dimension=2, sparse=True)
IDS = ["a", "b", "rec-", "z", *(seeded_id(number) for number in range(4))]

grown = st.integers(-3, 5).map(lambda count: Grown(START, count))
changed = st.dictionaries(
    st.sampled_from(IDS), st.sampled_from(["write", "delete"]), min_size=1
).map(
    lambda choices: Changed(
        START,
        {i: Record(i, (1.0, 2.0)) if choice == "write" else None for i, choice in choices.items()},
    )
)
emptied = st.just(Replaced(START, Held()))
histories = st.lists(st.one_of(grown, changed, emptied), max_size=8)


def replayed(events: list[Event]) -> dict[str, Record]:
    """What a namespace holds after a history, as a plain dictionary."""
    held: dict[str, Record] = {}
    floor, top = 0, 0
    for event in events:
        if isinstance(event, Replaced):
            held, floor = {}, top
        elif isinstance(event, Changed):
            held |= {i: r for i, r in event.records.items() if r is not None}
            held = {i: r for i, r in held.items() if event.records.get(i, r) is not None}
        else:
            before, top = top, max(top + event.records, floor)
            for number in range(before, top):
                held[seeded_id(number)] = SEED.record("n", number)
            for number in range(top, before):
                held.pop(seeded_id(number), None)
    return held


def contents_of(events: list[Event]) -> Records:
    contents = Contents(SEED)
    for event in events:
        contents.add("n", event)
    return (contents.namespace("n", START) or Held()).records


def assert_same(records: Records, expected: dict[str, Record]) -> None:
    """Everything that can be asked of the records is answered as by the dictionary."""
    ids = sorted(expected)
    assert list(records.ids()) == ids
    assert records.count() == len(ids)
    assert [records.get(i) for i in ids] == [expected[i] for i in ids]
    assert [records.get(i) for i in IDS] == [expected.get(i) for i in IDS]
    assert [i in records for i in IDS] == [i in expected for i in IDS]
    for bound in IDS:
        assert list(records.ids(after=bound)) == [i for i in ids if i > bound]
        assert list(records.ids(prefix=bound)) == [i for i in ids if i.startswith(bound)]


@given(events=histories)
def test_a_namespace_holds_what_its_history_says(events: list[Event]) -> None:
    assert_same(contents_of(events), replayed(events))


@given(events=histories, limit=st.integers(0, 12))
def test_the_first_records_are_those_with_the_smallest_ids(events: list[Event], limit: int) -> None:
    expected = dict(sorted(replayed(events).items())[:limit])

    assert_same(contents_of(events).first(limit), expected)
    assert_same(First(contents_of(events), limit), expected)


@given(events=histories, lost=st.sets(st.sampled_from(IDS)))
def test_lost_records_are_nowhere(events: list[Event], lost: set[str]) -> None:
    expected = {i: record for i, record in replayed(events).items() if i not in lost}

    assert_same(Without(contents_of(events), lost.__contains__), expected)


@given(events=histories)
def test_altered_records_keep_their_ids(events: list[Event]) -> None:
    def bare(record: Record) -> Record:
        return Record(record.record_id)

    altered = Altered(contents_of(events), bare)

    assert_same(altered, {i: Record(i) for i in replayed(events)})


@given(before=histories, after=histories, restored_at=st.integers(1, 3))
def test_a_restored_namespace_goes_on_from_what_came_back(
    before: list[Event], after: list[Event], restored_at: int
) -> None:
    source, copy = Contents(SEED), Contents(Seed("another", dimension=2, sparse=False))
    for event in before:
        source.add("n", event)
    snapshot = source.at(START)
    copy.restore(snapshot, START + timedelta(hours=restored_at))

    for event in after:
        source.add("n", event)

    assert copy.at(START) == {}
    arrived = copy.at(START + timedelta(hours=4))
    assert counts(arrived) == counts(snapshot)
    if before:
        assert_same(arrived["n"].records, replayed(before))


def test_a_past_moment_does_not_know_what_came_later() -> None:
    contents = Contents(SEED)
    contents.add("n", Grown(START, 3))
    contents.add("n", Changed(START + timedelta(hours=2), {"a": Record("a")}))
    contents.add("n", Grown(START + timedelta(hours=1), 2))

    seen = [counts(contents.at(START + timedelta(hours=hours))) for hours in (-1, 0, 1, 2)]

    assert seen == [{}, {"n": 3}, {"n": 5}, {"n": 6}]


def test_a_deleted_namespace_is_no_more_and_may_come_back() -> None:
    contents = Contents(SEED)
    contents.add("n", Grown(START, 3))
    contents.add("n", Replaced(START, None))
    assert contents.at(START) == {}

    contents.add("n", Grown(START, 1))

    assert list(contents.at(START)["n"].records.ids()) == [seeded_id(3)]


def test_seeded_records_restored_and_grown_have_no_id_twice() -> None:
    source, copy = Contents(SEED), Contents(Seed("copy", dimension=2, sparse=False))
    source.add("n", Grown(START, 5))
    copy.restore(source.at(START), START)

    copy.add("n", Grown(START, 2))
    assert list(copy.at(START)["n"].records.ids()) == [seeded_id(number) for number in range(7)]
    copy.add("n", Grown(START, -4))
    assert list(copy.at(START)["n"].records.ids()) == [seeded_id(number) for number in range(3)]


def test_equal_seeds_make_equal_records_and_others_make_others() -> None:
    one, same = SEED.record("n", 7), Seed("test", dimension=2, sparse=True).record("n", 7)
    others = [
        SEED.record("n", 8),
        SEED.record("m", 7),
        Seed("other", dimension=2, sparse=True).record("n", 7),
    ]

    assert one == same
    assert all(one.values != other.values for other in others)


def test_a_million_records_take_no_memory() -> None:
    tracemalloc.start()
    contents = Contents(SEED)
    contents.add("n", Grown(START, 1_000_000))
    contents.add("n", Changed(START, {seeded_id(5): None, "own": Record("own")}))
    records = contents.at(START)["n"].records

    count, last = records.count(), records.get(seeded_id(999_999))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (count, last) == (1_000_000, SEED.record("n", 999_999))
    assert peak < 200_000


@pytest.mark.parametrize("number", [0, 999, 1_000_000])
def test_seeded_ids_sort_like_their_numbers(number: int) -> None:
    assert seeded_id(number) < seeded_id(number + 1)


def test_nothing_is_in_the_empty_collection() -> None:
    assert_same(EMPTY, {})
