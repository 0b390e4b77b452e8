"""The official Node client works against the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import vector_fields
from tests.support.node_client import AVAILABLE, Call, node_calls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.simulator import Simulator

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="node and npm are not on this machine")

RED = {"id": "red", "values": [1, 0, 0.5], "metadata": {"colour": "red", "year": 2019}}
BLUE = {"id": "blue", "values": [0, 1, 0.5], "metadata": {"colour": "blue", "year": 2024}}


def values(outcomes: list[Mapping[str, Any]]) -> list[Any]:
    """What the calls answered; none of them failed."""
    assert [outcome for outcome in outcomes if "error" in outcome] == []
    return [outcome["value"] for outcome in outcomes]


def on(method: str, *args: object, namespace: str = "colours") -> Call:
    """A call of the client of the index ``docs``."""
    return Call(method, args, index="docs", namespace=namespace)


@pytest.fixture
def url(simulator: Simulator, simulator_url: str) -> str:
    """A project with an index ``docs`` of three dimensions."""
    simulator.project.seed_index("docs", fields=vector_fields(dimension=3))
    return simulator_url


def test_records_are_written_and_read(url: str) -> None:
    _, fetched, listed, stats = values(
        node_calls(
            url,
            on("upsert", {"records": [RED, BLUE]}),
            on("fetch", {"ids": ["red", "none"]}),
            on("listPaginated", {"prefix": "b"}),
            on("describeIndexStats"),
        )
    )

    assert fetched["records"] == {"red": RED}
    assert listed["vectors"] == [{"id": "blue"}]
    assert (stats["dimension"], stats["totalRecordCount"]) == (3, 2)
    assert stats["namespaces"] == {"colours": {"recordCount": 2}}


def test_records_are_found(url: str) -> None:
    _, near, filtered = values(
        node_calls(
            url,
            on("upsert", {"records": [RED, BLUE]}),
            on("query", {"vector": [1, 0, 0], "topK": 2, "includeMetadata": True}),
            on("fetchByMetadata", {"filter": {"year": {"$gt": 2020}}}),
        )
    )

    assert [(match["id"], match["metadata"]["colour"]) for match in near["matches"]] == [
        ("red", "red"),
        ("blue", "blue"),
    ]
    assert list(filtered["records"]) == ["blue"]


def test_records_are_changed_and_deleted(url: str) -> None:
    *_, fetched, left = values(
        node_calls(
            url,
            on("upsert", {"records": [RED, BLUE]}),
            on("update", {"id": "red", "metadata": {"year": 2020}}),
            on("deleteMany", {"ids": ["blue"]}),
            on("fetch", {"ids": ["red", "blue"]}),
            on("listPaginated"),
        )
    )

    assert fetched["records"] == {"red": {**RED, "metadata": {"colour": "red", "year": 2020}}}
    assert left["vectors"] == [{"id": "red"}]


def test_namespaces_are_created_listed_and_deleted(url: str) -> None:
    created, described, listed, *_, left = values(
        node_calls(
            url,
            on("createNamespace", {"name": "new"}),
            on("describeNamespace", "new"),
            on("listNamespaces"),
            on("deleteNamespace", "new"),
            on("listNamespaces"),
        )
    )

    assert created["name"] == described["name"] == "new"
    assert described["recordCount"] == "0"
    assert [one["name"] for one in listed["namespaces"]] == ["new"]
    assert left["namespaces"] == []


def test_a_backup_is_made_and_restored(url: str, simulator: Simulator) -> None:
    simulator.project.write_records("docs", 7)
    simulator.clock.advance(minutes=20)
    (made,) = values(node_calls(url, Call("createBackup", ({"indexName": "docs", "name": "b"},))))
    simulator.clock.advance(minutes=10)
    (started,) = values(
        node_calls(
            url, Call("createIndexFromBackup", ({"backupId": made["backupId"], "name": "copy"},))
        )
    )
    simulator.clock.advance(minutes=10)

    job, index, stats = values(
        node_calls(
            url,
            Call("describeRestoreJob", (started["restoreJobId"],)),
            Call("describeIndex", ("copy",)),
            Call("describeIndexStats", index="copy"),
        )
    )

    assert (made["status"], job["status"], job["percentComplete"]) == (
        "Initializing",
        "Completed",
        100,
    )
    assert index["status"]["state"] == "Ready"
    assert stats["totalRecordCount"] == 7


def test_indexes_are_created_changed_and_deleted(url: str) -> None:
    field = {"type": "dense_vector", "dimension": 2, "metric": "cosine"}
    model = {"model": "multilingual-e5-large", "fieldMap": {"text": "body"}}
    created, for_model, changed, _, listed = values(
        node_calls(
            url,
            Call("createIndex", ({"name": "new", "schema": {"fields": {"_values": field}}},)),
            Call(
                "createIndexForModel",
                ({"name": "texts", "cloud": "aws", "region": "us-east-1", "embed": model},),
            ),
            Call("configureIndex", ({"name": "new", "tags": {"team": "search"}},)),
            Call("deleteIndex", ("docs",)),
            Call("listIndexes"),
        )
    )

    assert set(created["schema"]["fields"]) == {"_values", "_sparse_values"}
    assert for_model["schema"]["fields"]["body"]["type"] == "semantic_text"
    assert changed["tags"] == {"team": "search"}
    assert [index["name"] for index in listed["indexes"]] == ["new", "texts"]


def test_an_empty_listing_may_have_no_rows_at_all(url: str, simulator: Simulator) -> None:
    simulator.behaviour.bare_empty_listings = True

    (listed,) = values(node_calls(url, Call("listBackups", ({"indexName": "docs"},))))

    assert listed.get("data", []) == []


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (Call("describeIndex", ("none",)), "PineconeNotFoundError", "/indexes/none"),
        (on("describeNamespace", "none"), "PineconeNotFoundError", "/namespaces/none"),
        (on("fetch", {"ids": ["x"] * 1001}), "PineconeBadRequestError", "1 to 1000 ids"),
        (
            on("upsert", {"records": [{"id": "a", "values": [1]}]}),
            "PineconeBadRequestError",
            "does not match the dimension of the index 3",
        ),
    ],
)
def test_a_refusal_reaches_the_client(url: str, call: Call, error: str, said: str) -> None:
    (outcome,) = node_calls(url, call)

    assert outcome["error"] == error
    assert said in outcome["message"]


def test_a_wrong_key_is_refused(url: str) -> None:
    (outcome,) = node_calls(url, Call("listIndexes"), key="wrong")

    assert outcome["error"] == "PineconeAuthorizationError"
