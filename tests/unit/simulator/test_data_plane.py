"""Records and namespaces of a simulated index, without HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.simulator import Simulator, vector_fields
from local.simulator.data_plane import DataPlane, read_units_of_fetch
from local.simulator.errors import ApiError
from local.simulator.filters import matches
from local.simulator.records import Record, Sparse
from local.simulator.search import Probe
from tests.support.simulator import START

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.simulator.filters import Filter
    from local.simulator.records import Metadata
    from local.simulator.schema import Fields

    type Ask = Callable[[DataPlane], object]

A, B, C = Record("a", (1.0, 0.0)), Record("b", (0.0, 2.0)), Record("c", (3.0, 3.0))


def plane(simulator: Simulator, fields: Fields | None = None) -> DataPlane:
    """The data plane of the index ``docs``, as it is now; made when it is first asked for."""
    if not simulator.project.indexes:
        simulator.project.seed_index("docs", fields=fields or vector_fields(dimension=2))
    index = simulator.project.describe_index("docs")
    return DataPlane(index, simulator.behaviour, simulator.clock.now())


class TestLag:
    def test_reads_show_the_index_as_it_was(self, simulator: Simulator) -> None:
        simulator.behaviour.read_lag_seconds = 60
        plane(simulator).upsert("n", [A])
        assert plane(simulator).fetch("n", ["a"]) == []
        assert plane(simulator).list_ids("n", prefix="", after="", limit=10) == []
        assert plane(simulator).query("n", Probe((1.0, 0.0)), limit=1, only={}) == []
        assert plane(simulator).counts() == {"n": 1}

        simulator.clock.advance(seconds=60)

        assert plane(simulator).fetch("n", ["a"]) == [A]

    def test_statistics_show_the_index_as_it_was(self, simulator: Simulator) -> None:
        simulator.behaviour.stats_lag_seconds = 60
        plane(simulator).upsert("n", [A])
        assert (plane(simulator).counts(), plane(simulator).namespaces()) == ({}, [])
        assert plane(simulator).fetch("n", ["a"]) == [A]

        simulator.clock.advance(seconds=60)

        assert plane(simulator).counts() == {"n": 1}
        assert [one.records for one in plane(simulator).namespaces()] == [1]

    def test_the_sequence_number_says_how_far_reads_have_come(self, simulator: Simulator) -> None:
        simulator.behaviour.read_lag_seconds = 60
        plane(simulator).upsert("n", [A])
        simulator.clock.advance(seconds=30)
        plane(simulator).upsert("n", [B])
        simulator.clock.advance(seconds=30)

        assert plane(simulator).sequence_number("n") == 1

    def test_a_write_builds_on_the_newest_state_whatever_reads_show(
        self, simulator: Simulator
    ) -> None:
        simulator.behaviour.read_lag_seconds = 60
        plane(simulator).upsert("n", [A])

        plane(simulator).update("n", "a", metadata={"year": 2020})

        simulator.clock.advance(seconds=60)
        assert plane(simulator).fetch("n", ["a"]) == [Record("a", (1.0, 0.0), None, {"year": 2020})]


class TestQueries:
    @pytest.mark.parametrize(
        ("metric", "ids", "best"),
        [("cosine", "acb", 1.0), ("dotproduct", "cab", 3.0), ("euclidean", "abc", 0.0)],
    )
    def test_the_metric_decides_the_order(
        self, simulator: Simulator, metric: str, ids: str, best: float
    ) -> None:
        docs = plane(simulator, vector_fields(dimension=2, metric=metric))
        docs.upsert("n", [A, B, C])

        found = docs.query("n", Probe((1.0, 0.0)), limit=3, only={})

        assert "".join(match.record.record_id for match in found) == ids
        assert found[0].score == best

    def test_of_equal_matches_the_smaller_id_comes_first(self, simulator: Simulator) -> None:
        docs = plane(simulator)
        docs.upsert("n", [Record("y", (1.0, 0.0)), Record("x", (1.0, 0.0))])

        found = docs.query("n", Probe((1.0, 0.0)), limit=1, only={})

        assert found[0].record.record_id == "x"

    def test_a_query_scans_so_many_records_only(self, simulator: Simulator) -> None:
        simulator.behaviour.query_scan = 2
        docs = plane(simulator)
        docs.upsert("n", [A, B, C])

        found = docs.query("n", Probe((1.0, 1.0)), limit=3, only={})

        assert {match.record.record_id for match in found} == {"a", "b"}

    def test_sparse_indexes_are_searched_by_their_terms(self, simulator: Simulator) -> None:
        docs = plane(simulator, vector_fields(dimension=None))
        docs.upsert("n", [Record("one", sparse=Sparse((1, 5), (0.5, 1.0)))])
        docs.upsert("n", [Record("two", sparse=Sparse((2,), (9.0,)))])

        found = docs.query("n", Probe(sparse=Sparse((5,), (2.0,))), limit=2, only={})

        assert [(match.record.record_id, match.score) for match in found] == [
            ("one", 2.0),
            ("two", 0.0),
        ]

    def test_a_query_like_a_record_that_is_not_there_has_no_probe(
        self, simulator: Simulator
    ) -> None:
        assert plane(simulator).probe_of("n", "none") is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({}, True),
        ({"genre": "drama"}, True),
        ({"genre": {"$eq": "comedy"}}, False),
        ({"genre": {"$ne": "comedy"}}, True),
        ({"genre": {"$in": ["drama", "comedy"]}}, True),
        ({"genre": {"$nin": ["drama"]}}, False),
        ({"year": {"$gt": 2018, "$lte": 2019}}, True),
        ({"year": {"$lt": 2019}}, False),
        ({"year": {"$gte": 2020}}, False),
        ({"genre": {"$gt": 1}}, False),
        ({"seen": True}, True),
        ({"seen": 1}, False),
        ({"tags": "a"}, True),
        ({"tags": {"$in": ["b", "z"]}}, True),
        ({"none": {"$exists": False}, "year": {"$exists": True}}, True),
        ({"$or": [{"genre": "comedy"}, {"year": 2019}]}, True),
        ({"$and": [{"genre": "drama"}, {"year": 2000}]}, False),
    ],
)
def test_a_filter_selects_by_metadata(expression: Filter, *, expected: bool) -> None:
    metadata: Metadata = {"genre": "drama", "year": 2019, "seen": True, "tags": ["a", "b"]}

    assert matches(metadata, expression) is expected


@pytest.mark.parametrize("expression", [{"year": {"$near": 3}}, {"$not": []}])
def test_an_unknown_operator_is_refused(expression: Filter) -> None:
    with pytest.raises(ApiError, match="is not a valid operator"):
        matches({"year": 3}, expression)


class TestNamespaces:
    def test_a_deleted_namespace_takes_its_records_along(self, simulator: Simulator) -> None:
        docs = plane(simulator)
        docs.upsert("n", [A])

        docs.delete_namespace("n")

        assert docs.namespaces() == []
        assert docs.fetch("n", ["a"]) == []

    def test_an_emptied_namespace_stays(self, simulator: Simulator) -> None:
        docs = plane(simulator)
        docs.upsert("n", [A])

        docs.empty("n")

        assert [(one.name, one.records) for one in docs.namespaces()] == [("n", 0)]

    def test_the_default_namespace_is_there_before_its_first_record(
        self, simulator: Simulator
    ) -> None:
        docs = plane(simulator)

        assert docs.describe_namespace("__default__").records == 0
        with pytest.raises(ApiError, match="already exists"):
            docs.create_namespace("__default__")


NO_DOCUMENTS: list[tuple[str, Ask]] = [
    ("upsert", lambda docs: docs.upsert("n", [A])),
    ("update", lambda docs: docs.update("n", "a", metadata={"b": 1})),
    ("update_matching", lambda docs: docs.update_matching("n", {"a": 1}, {}, pretend=True)),
    ("delete", lambda docs: docs.delete("n", ["a"])),
    ("delete_matching", lambda docs: docs.delete_matching("n", {"a": 1})),
    ("empty", lambda docs: docs.empty("n")),
    ("fetch", lambda docs: docs.fetch("n", ["a"])),
    ("fetch_matching", lambda docs: docs.fetch_matching("n", {}, after="", limit=1)),
    ("list_ids", lambda docs: docs.list_ids("n", prefix="", after="", limit=1)),
    ("query", lambda docs: docs.query("n", Probe((1.0,)), limit=1, only={})),
]


@pytest.mark.parametrize("ask", [ask for _, ask in NO_DOCUMENTS], ids=[n for n, _ in NO_DOCUMENTS])
def test_an_index_of_documents_has_no_vector_operations(simulator: Simulator, ask: Ask) -> None:
    docs = plane(simulator, vector_fields(full_text=True))

    with pytest.raises(ApiError, match="documents API") as refusal:
        ask(docs)

    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (Record("", (1.0, 1.0)), "1 to 512 ASCII"),
        (Record("ä", (1.0, 1.0)), "1 to 512 ASCII"),
        (Record("x" * 513, (1.0, 1.0)), "1 to 512 ASCII"),
        (Record("a", (1.0,)), "does not match the dimension"),
        (Record("a", ()), "has no values"),
        (Record("a", (0.0, 1e-9)), "contains only zeros"),
        (Record("a", (1.0, 1.0), Sparse((1,), (1.0,))), "take sparse values"),
        (Record("a", (1.0, 1.0), None, {"$a": 1}), "Metadata value"),
        (Record("a", (1.0, 1.0), None, {"a": [1]}), "Metadata value"),  # type: ignore[list-item] # what is refused
    ],
)
def test_a_record_that_breaks_a_rule_is_refused(
    simulator: Simulator, record: Record, said: str
) -> None:
    docs = plane(simulator)

    with pytest.raises(ApiError, match=said):
        docs.upsert("n", [A, record])

    assert docs.counts() == {}


@pytest.mark.parametrize("sparse", [Sparse((), ()), Sparse((1, 2), (1.0,))])
def test_sparse_values_belong_to_their_indices(simulator: Simulator, sparse: Sparse) -> None:
    docs = plane(simulator, vector_fields(dimension=None))

    with pytest.raises(ApiError, match="1 to 2048 indices"):
        docs.upsert("n", [Record("a", sparse=sparse)])


@pytest.mark.parametrize(
    "ask",
    [
        lambda docs: docs.upsert("n", []),
        lambda docs: docs.upsert("n", [A] * 1001),
        lambda docs: docs.fetch("n", []),
        lambda docs: docs.fetch("n", ["a"] * 1001),
        lambda docs: docs.delete("n", []),
        lambda docs: docs.list_ids("n", prefix="", after="", limit=101),
        lambda docs: docs.query("n", Probe((1.0, 0.0)), limit=10_001, only={}),
        lambda docs: docs.query("n", Probe((1.0,)), limit=1, only={}),
    ],
)
def test_a_request_that_breaks_a_limit_is_refused(simulator: Simulator, ask: Ask) -> None:
    with pytest.raises(ApiError) as refusal:
        ask(plane(simulator))

    assert refusal.value.status == 400


def test_updating_or_deleting_what_is_not_there_does_nothing(simulator: Simulator) -> None:
    docs = plane(simulator)

    docs.update("n", "a", metadata={"b": 1})
    docs.delete("n", ["a"])

    assert docs.namespaces() == []


@pytest.mark.parametrize(("records", "units"), [(0, 1), (10, 1), (11, 2), (1000, 100)])
def test_a_fetch_costs_a_unit_per_ten_records(records: int, units: int) -> None:
    assert read_units_of_fetch(records) == units


def test_a_query_costs_a_unit_per_gigabyte(simulator: Simulator) -> None:
    simulator.project.seed_index("docs", records=1_000_000, fields=vector_fields(dimension=1000))

    assert plane(simulator).read_units_of_query("__default__") == 5
    assert plane(simulator).read_units_of_query("small") == 1


def test_a_past_incarnation_keeps_its_records(simulator: Simulator) -> None:
    plane(simulator).upsert("n", [A])
    old = simulator.project.describe_index("docs")

    new = simulator.project.recreate_index("docs", records=2)

    assert (old.records(START), new.records(START)) == ({"n": 1}, {"__default__": 2})
