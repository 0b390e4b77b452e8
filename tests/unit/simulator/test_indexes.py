"""Indexes of a simulated project, without HTTP."""

from datetime import timedelta

import pytest

from local.simulator import Kind, Simulator, vector_fields
from local.simulator.errors import ApiError
from tests.support.simulator import START


def test_a_protected_index_is_not_deleted(simulator: Simulator) -> None:
    simulator.project.seed_index("docs", deletion_protection=True)

    with pytest.raises(ApiError, match="Deletion protection is enabled") as refusal:
        simulator.project.delete_index("docs")

    assert (refusal.value.status, refusal.value.code) == (403, "FORBIDDEN")
    assert simulator.project.describe_index("docs").active(START)


def test_a_deletion_can_take_its_time(simulator: Simulator) -> None:
    simulator.behaviour.index_deletion_seconds = 60
    simulator.project.seed_index("docs")

    simulator.project.delete_index("docs")

    assert simulator.project.describe_index("docs").state(START) == "Terminating"
    with pytest.raises(ApiError, match=r"Index docs not found."):
        simulator.project.delete_index("docs")
    simulator.clock.advance(seconds=60)
    assert simulator.project.list_indexes() == []


def test_a_creation_can_take_its_time(simulator: Simulator) -> None:
    simulator.behaviour.index_creation_seconds = 60

    index = simulator.project.create_index("docs", vector_fields())

    assert index.state(START) == "Initializing"
    assert index.state(START + timedelta(seconds=60)) == "Ready"


def test_a_name_is_given_once(simulator: Simulator) -> None:
    simulator.project.seed_index("docs")

    with pytest.raises(ApiError, match=r"Resource already exists.") as refusal:
        simulator.project.create_index("docs", vector_fields())

    assert (refusal.value.status, refusal.value.code) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("plan", "quota"), [("starter", 5), ("builder", 10), ("standard", 20), ("enterprise", 200)]
)
def test_a_plan_limits_the_indexes(simulator: Simulator, plan: str, quota: int) -> None:
    simulator.project.plan = plan
    for number in range(quota):
        simulator.project.create_index(f"index-{number}", vector_fields())

    with pytest.raises(ApiError, match="upgrade to create more indexes"):
        simulator.project.create_index("one-more", vector_fields())


def test_an_empty_value_unsets_a_tag(simulator: Simulator) -> None:
    simulator.project.seed_index("docs", tags={"a": "1", "b": "2"})

    index = simulator.project.configure_index("docs", tags={"a": "", "c": "3"})

    assert index.tags == {"b": "2", "c": "3"}


def test_records_are_counted_per_namespace_and_time(simulator: Simulator) -> None:
    index = simulator.project.seed_index("docs", records=5)
    simulator.project.write_records("docs", 4, namespace="b")
    simulator.project.write_records("docs", -4, namespace="b", at=START + timedelta(hours=1))

    assert index.records(START) == {"__default__": 5, "b": 4}
    assert index.records(START + timedelta(hours=1)) == {"__default__": 5}


def test_indexes_are_listed_by_name(simulator: Simulator) -> None:
    for name in ("b", "a"):
        simulator.project.seed_index(name, kind=Kind.SERVERLESS)

    assert [index.name for index in simulator.project.list_indexes()] == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (vector_fields(dimension=None), {"_sparse_values"}),
        (vector_fields(dimension=3), {"_values"}),
        (vector_fields(embed_model="e5"), {"text"}),
        (vector_fields(full_text=True), {"body", "embedding"}),
    ],
)
def test_a_schema_determines_the_kind_of_index(
    fields: dict[str, dict[str, object]], expected: set[str]
) -> None:
    assert set(fields) == expected
