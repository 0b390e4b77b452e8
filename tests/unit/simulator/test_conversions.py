"""Conversions of indexes into document indexes, without HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from local.simulator import Kind, Outcome, Result, Simulator, vector_fields
from local.simulator.errors import ApiError
from tests.support.simulator import START

if TYPE_CHECKING:
    from local.simulator.schema import Fields

DOCUMENTS: Fields = {
    "embedding": {"type": "dense_vector", "dimension": 2, "metric": "cosine"},
    "body": {"type": "string", "full_text_search": {}},
}
LATER = START + timedelta(minutes=5)


def seed(simulator: Simulator) -> None:
    simulator.project.seed_index("docs", records=5, fields=vector_fields(dimension=2))


def test_a_conversion_fills_a_new_index_and_leaves_the_source(simulator: Simulator) -> None:
    seed(simulator)

    job = simulator.project.convert_index("docs", "documents", DOCUMENTS)
    target = simulator.project.describe_index("documents")

    assert (job.status(START), target.state(START)) == ("InProgress", "Initializing")
    assert (job.status(LATER), target.state(LATER)) == ("Completed", "Ready")
    assert target.records(LATER) == simulator.project.describe_index("docs").records(LATER)
    assert target.has_document_schema


def test_a_failed_conversion_leaves_an_index_that_blocks_its_name(simulator: Simulator) -> None:
    seed(simulator)
    simulator.project.conversion_outcomes.append(Outcome(Result.FAIL))

    job = simulator.project.convert_index("docs", "documents", DOCUMENTS)

    target = simulator.project.describe_index("documents")
    assert (job.status(LATER), target.state(LATER)) == ("Failed", "InitializationFailed")
    assert target.records(LATER) == {}
    with pytest.raises(ApiError, match="already exists"):
        simulator.project.convert_index("docs", "documents", DOCUMENTS)


def test_a_conversion_can_stick(simulator: Simulator) -> None:
    seed(simulator)
    simulator.project.conversion_outcomes.append(Outcome(Result.STICK))

    job = simulator.project.convert_index("docs", "documents", DOCUMENTS)

    assert job.status(START + timedelta(days=9)) == "InProgress"


def test_conversions_are_listed_the_newest_first(simulator: Simulator) -> None:
    seed(simulator)
    jobs = [simulator.project.convert_index("docs", name, DOCUMENTS) for name in ("a", "b")]

    assert simulator.project.conversion_jobs() == jobs[::-1]
    assert simulator.project.describe_conversion_job(jobs[0].job_id) is jobs[0]
    with pytest.raises(ApiError, match="Conversion job none not found"):
        simulator.project.describe_conversion_job("none")


@pytest.mark.parametrize("kind", [Kind.POD, Kind.BYOC])
def test_only_serverless_indexes_are_converted(simulator: Simulator, kind: Kind) -> None:
    simulator.project.seed_index("docs", kind=kind)

    with pytest.raises(ApiError, match="Only serverless"):
        simulator.project.convert_index("docs", "documents", DOCUMENTS)


def test_an_index_that_is_not_ready_is_not_converted(simulator: Simulator) -> None:
    simulator.project.seed_index("docs", ready_at=None)

    with pytest.raises(ApiError, match="is not ready") as refusal:
        simulator.project.convert_index("docs", "documents", DOCUMENTS)

    assert refusal.value.status == 412


def test_a_plan_without_conversions_refuses(simulator: Simulator) -> None:
    seed(simulator)
    simulator.project.plan = "starter"

    with pytest.raises(ApiError, match="not available for your plan"):
        simulator.project.convert_index("docs", "documents", DOCUMENTS)
