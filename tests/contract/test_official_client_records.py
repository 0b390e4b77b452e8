"""The official Python client reads and writes records and namespaces in the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pinecone import ApiError, ConflictError, ForbiddenError, NotFoundError, UnauthorizedError

from local.simulator import Simulator, vector_fields
from tests.support.official_client import official_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinecone import Index, Pinecone

RED = {"id": "red", "values": [1.0, 0.0], "metadata": {"colour": "red", "year": 2019}}
BLUE = {"id": "blue", "values": [0.0, 1.0], "metadata": {"colour": "blue", "year": 2024}}


@pytest.fixture
def pc(simulator_url: str) -> Iterator[Pinecone]:
    with official_client(simulator_url) as client:
        yield client


@pytest.fixture
def index(pc: Pinecone, simulator: Simulator) -> Iterator[Index]:
    """A client of the index ``docs``, of two dimensions, with two records."""
    simulator.project.seed_index("docs", fields=vector_fields(dimension=2))
    with pc.index(name="docs") as index:
        index.upsert(vectors=[RED, BLUE], namespace="colours")
        yield index


def test_what_was_upserted_is_fetched(index: Index) -> None:
    answer = index.fetch(ids=["red", "green"], namespace="colours")

    assert set(answer.vectors) == {"red"}
    assert list(answer.vectors["red"].values) == RED["values"]
    assert answer.vectors["red"].metadata == RED["metadata"]
    assert answer.usage is not None
    assert answer.usage.read_units == 1


def test_an_upsert_replaces_and_an_update_merges(index: Index) -> None:
    index.upsert(vectors=[("red", [0.5, 0.5])], namespace="colours")
    index.update(id="blue", set_metadata={"year": 2025}, namespace="colours")

    vectors = index.fetch(ids=["red", "blue"], namespace="colours").vectors

    assert (list(vectors["red"].values), vectors["red"].metadata) == ([0.5, 0.5], None)
    assert vectors["blue"].metadata == {"colour": "blue", "year": 2025}


def test_an_update_by_filter_says_how_many_it_would_change(index: Index) -> None:
    def update(*, dry_run: bool) -> int | None:
        return index.update(
            filter={"year": {"$gte": 2020}},
            set_metadata={"new": True},
            namespace="colours",
            dry_run=dry_run,
        ).matched_records

    assert update(dry_run=True) == 1
    assert not index.fetch_by_metadata(filter={"new": True}, namespace="colours").vectors
    assert update(dry_run=False) == 1
    assert list(index.fetch_by_metadata(filter={"new": True}, namespace="colours").vectors) == [
        "blue"
    ]


def test_ids_are_listed_page_by_page(index: Index, simulator: Simulator) -> None:
    simulator.project.write_records("docs", 250)

    pages = [[item.id for item in page.vectors] for page in index.list()]

    assert [len(page) for page in pages] == [100, 100, 50]
    assert [one for page in pages for one in page] == [f"rec-{n:09d}" for n in range(250)]


def test_ids_are_listed_by_prefix(index: Index) -> None:
    page = index.list_paginated(prefix="b", namespace="colours")

    assert [item.id for item in page.vectors] == ["blue"]


def test_a_query_ranks_by_likeness(index: Index) -> None:
    answer = index.query(vector=[0.9, 0.1], top_k=5, namespace="colours", include_values=True)

    assert [match.id for match in answer.matches] == ["red", "blue"]
    assert list(answer.matches[0].values) == [1.0, 0.0]
    assert answer.matches[0].score == pytest.approx(0.9939, abs=1e-4)


def test_a_query_by_id_finds_the_record_itself_first(index: Index) -> None:
    answer = index.query(id="blue", top_k=1, namespace="colours", filter={"year": 2024})

    assert [match.id for match in answer.matches] == ["blue"]


def test_records_are_deleted_by_id_by_filter_and_all_at_once(index: Index) -> None:
    def left() -> int:
        return index.describe_index_stats().total_vector_count

    index.delete(ids=["red"], namespace="colours")
    assert left() == 1
    index.delete(filter={"colour": "blue"}, namespace="colours")
    assert left() == 0
    index.upsert(vectors=[RED], namespace="colours")
    index.delete(delete_all=True, namespace="colours")
    assert left() == 0


def test_a_hybrid_index_has_sparse_values(pc: Pinecone, simulator: Simulator) -> None:
    fields = vector_fields(dimension=2, metric="dotproduct")
    simulator.project.seed_index("hybrid", fields=fields, records=3)
    terms = {"indices": [7], "values": [2.0]}
    with pc.index(name="hybrid") as index:
        index.upsert(vectors=[{"id": "t", "values": [0.1, 0.1], "sparse_values": terms}])

        seeded = index.fetch(ids=["rec-000000001"]).vectors["rec-000000001"]
        best = index.query(vector=[0.0, 0.1], sparse_vector=terms, top_k=1).matches[0]

    assert seeded.sparse_values is not None
    assert seeded.sparse_values.indices
    assert best.id == "t"


def test_namespaces_are_created_described_listed_and_deleted(index: Index) -> None:
    assert index.create_namespace(name="empty").record_count == 0
    assert index.describe_namespace(name="colours").record_count == 2
    (page,) = index.list_namespaces()
    assert [one.name for one in page.namespaces] == ["colours", "empty"]

    index.delete_namespace(name="colours")

    with pytest.raises(NotFoundError):
        index.describe_namespace(name="colours")
    with pytest.raises(ConflictError):
        index.create_namespace(name="empty")


def test_a_million_records_are_there_at_once(pc: Pinecone, simulator: Simulator) -> None:
    fields = vector_fields(dimension=8)
    simulator.project.seed_index("large", fields=fields, records=1_000_000)

    with pc.index(name="large") as index:
        count = index.describe_index_stats().total_vector_count
        page = index.list_paginated(prefix="rec-0007777", limit=2)
        (record,) = index.fetch(ids=["rec-000999999"]).vectors.values()

    assert count == 1_000_000
    assert [item.id for item in page.vectors] == ["rec-000777700", "rec-000777701"]
    assert (len(record.values), record.metadata) == (8, {"number": 999_999, "group": "g0"})


def test_a_vector_of_another_dimension_is_refused(index: Index) -> None:
    with pytest.raises(ApiError, match="dimension 3 does not match") as refusal:
        index.upsert(vectors=[("a", [1.0, 2.0, 3.0])])

    assert refusal.value.status_code == 400


def test_a_wrong_key_is_refused_in_plain_text(index: Index, simulator: Simulator) -> None:
    simulator.project.keys = {"another": "ProjectEditor"}

    with pytest.raises(UnauthorizedError, match="Unauthorized"):
        index.describe_index_stats()


def test_a_key_that_only_reads_does_not_write(
    pc: Pinecone, simulator: Simulator, index: Index
) -> None:
    simulator.project.keys = dict.fromkeys(simulator.project.keys, "DataPlaneViewer")

    assert index.fetch(ids=["red"], namespace="colours").vectors
    with pytest.raises(ForbiddenError):
        index.delete(ids=["red"], namespace="colours")
