"""Tags, read capacity and schemas, as 2026-07 takes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator import Kind, Simulator
from local.simulator.errors import ApiError
from local.simulator.schema import check_new, reported, vector_fields
from local.simulator.settings import merged_read_capacity, merged_tags, new_read_capacity

MANUAL = {"shards": 2, "replicas": 1}
DEDICATED: dict[str, Any] = {
    "mode": "Dedicated",
    "dedicated": {"node_type": "b1", "scaling": "Manual", "manual": MANUAL},
}
DENSE = {"type": "dense_vector", "dimension": 2, "metric": "cosine"}
TEXT = {"type": "string", "full_text_search": {}}
SPARSE = {"type": "sparse_vector"}


@pytest.mark.parametrize(
    "tags",
    [
        {"": "v"},
        {"x" * 81: "v"},
        {"with space": "v"},
        {"ä": "v"},
        {"k": "x" * 121},
        {"k": "ü"},
        {"k": "line\nend"},
        {f"k{number}": "v" for number in range(21)},
    ],
)
def test_tags_outside_the_rules_are_refused(tags: dict[str, str]) -> None:
    with pytest.raises(ApiError) as refusal:
        merged_tags({}, tags)

    assert refusal.value.status == 400


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True),
        st.from_regex(r"[ -~]{1,120}", fullmatch=True),
        max_size=20,
    )
)
def test_tags_inside_the_rules_are_kept(tags: dict[str, str]) -> None:
    assert merged_tags({}, tags) == tags


def test_a_refused_change_of_tags_changes_nothing(simulator: Simulator) -> None:
    simulator.project.seed_index("docs", tags={"a": "1"})

    with pytest.raises(ApiError):
        simulator.project.configure_index(
            "docs", tags={"b": "2", "c d": "3"}, deletion_protection=True
        )

    index = simulator.project.describe_index("docs")
    assert (index.tags, index.deletion_protection) == ({"a": "1"}, False)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"node_type": "t1"}, {"node_type": "t1", "scaling": "Manual", "manual": MANUAL}),
        (
            {"scaling": "Manual", "manual": {"replicas": 4}},
            {"node_type": "b1", "scaling": "Manual", "manual": {"shards": 2, "replicas": 4}},
        ),
        ({}, DEDICATED["dedicated"]),
    ],
)
def test_read_capacity_that_was_not_sent_keeps_its_value(
    sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    changed = merged_read_capacity(DEDICATED, {"mode": "Dedicated", "dedicated": sent}, byoc=False)

    assert changed == {"mode": "Dedicated", "dedicated": expected}


def test_going_back_to_on_demand_forgets_the_nodes() -> None:
    assert merged_read_capacity(DEDICATED, {"mode": "OnDemand"}, byoc=False) == {"mode": "OnDemand"}


@pytest.mark.parametrize(
    ("current", "sent"),
    [
        ({"mode": "OnDemand"}, {"mode": "Dedicated", "dedicated": {"node_type": "b1"}}),
        (DEDICATED, {"mode": "Dedicated", "dedicated": {"scaling": "Manual"}}),
        (DEDICATED, {"mode": "Dedicated", "dedicated": {"manual": {"replicas": 2}}}),
        (DEDICATED, {"mode": "Shared"}),
    ],
)
def test_incomplete_read_capacity_is_refused(current: dict[str, Any], sent: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refusal:
        merged_read_capacity(current, sent, byoc=False)

    assert refusal.value.status == 400


@pytest.mark.parametrize("wanted", [None, {"mode": "OnDemand"}])
def test_a_byoc_index_has_no_on_demand_capacity(wanted: dict[str, Any] | None) -> None:
    with pytest.raises(ApiError, match="BYOC indexes do not support"):
        new_read_capacity(wanted, byoc=True)
    with pytest.raises(ApiError, match="BYOC indexes do not support"):
        merged_read_capacity(DEDICATED, {"mode": "OnDemand"}, byoc=True)


def test_a_pod_index_has_no_read_capacity(simulator: Simulator) -> None:
    simulator.project.seed_index("pods", kind=Kind.POD)

    with pytest.raises(ApiError, match="Pod indexes"):
        simulator.project.configure_index("pods", read_capacity={"mode": "OnDemand"})


@pytest.mark.parametrize(
    "fields",
    [
        {"_values": DENSE},
        {"_sparse_values": SPARSE},
        {"_values": DENSE, "_sparse_values": SPARSE},
        {"embedding": DENSE, "body": TEXT, "terms": SPARSE},
    ],
)
def test_a_schema_can_be_created(fields: dict[str, Any]) -> None:
    check_new(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"_values": DENSE, "body": TEXT},
        {"_own": DENSE},
        {"a": DENSE, "b": DENSE},
        {"a": SPARSE, "b": SPARSE},
        {"body": {"type": "string"}},
        {"text": {"type": "semantic_text", "model": "e5"}},
        {"a": {**DENSE, "metric": "hamming"}},
    ],
)
def test_a_schema_that_breaks_a_rule_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refusal:
        check_new(fields)

    assert refusal.value.status == 400


def test_a_dense_classic_index_reports_both_reserved_fields() -> None:
    shown = reported(vector_fields(dimension=2), ["genre"])

    assert shown == {"_values": DENSE, "_sparse_values": SPARSE, "genre": {"filterable": True}}


@pytest.mark.parametrize("fields", [vector_fields(dimension=None), vector_fields(embed_model="e5")])
def test_other_indexes_report_the_fields_that_they_have(fields: dict[str, Any]) -> None:
    assert reported(fields, []) == fields
