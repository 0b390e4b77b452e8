"""The samples in ``events/``: what API Gateway sends, one per method, each one executed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.build import ROOT
from tests.support.api import CONTEXT, World, api_event, idempotency_table

if TYPE_CHECKING:
    from local.simulator import Simulator

SAMPLES = sorted(path.stem for path in (ROOT / "events").glob("api-*.json"))
EXPECTED = {
    "api-delete": 202,
    "api-get": 200,
    "api-options": 204,
    "api-patch": 200,
    "api-post": 201,
}


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


def test_there_is_one_sample_for_each_method() -> None:
    assert set(SAMPLES) == EXPECTED.keys()
    assert [f"api-{sample(name)['httpMethod'].lower()}" for name in SAMPLES] == SAMPLES


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_answered(simulator: Simulator, simulator_url: str, name: str) -> None:
    project = simulator.project
    project.seed_index("products", records=1000)
    project.seed_backup("products", backup_id="670e8400-e29b-41d4-a716-446655440000")
    schedule = project.create_schedule(
        "products", name="nightly", frequency="daily", retention_days=14
    )
    del project.schedules[schedule.schedule_id]
    schedule.schedule_id = "a1b2c3d4-0000-4000-8000-000000000001"
    project.schedules[schedule.schedule_id] = schedule
    with (
        idempotency_table() as store,
        World(simulator, simulator_url, cors_origin="https://ops.example.com") as world,
    ):
        world.container.store = store
        answer = world.api(sample(name), CONTEXT)
    assert answer["statusCode"] == EXPECTED[name], answer["body"]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_tests_own_events_have_every_field_of_a_genuine_one(name: str) -> None:
    genuine, ours = sample(name), api_event("GET", "/v1/health")
    assert ours.keys() == genuine.keys()
    assert ours["requestContext"].keys() <= genuine["requestContext"].keys()
