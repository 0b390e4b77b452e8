"""What a start of each function loads: libraries; our own code comes with the first event."""

from __future__ import annotations

import pytest

from tests.support.starts import loaded_by

FUNCTIONS = {"api", "audit", "create", "notify", "prune", "restore_test"}
LIGHT = {"pinecone_backup", "pinecone_backup.runtime"}


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_start_on_demand_loads_of_our_code_only_what_starts_it(function: str) -> None:
    modules = loaded_by(function, AWS_LAMBDA_INITIALIZATION_TYPE="on-demand")

    assert {name for name in modules if name.startswith("pinecone_backup")} == LIGHT


@pytest.mark.parametrize("function", sorted(FUNCTIONS - {"api", "notify"}))
def test_the_start_of_a_scheduled_function_loads_the_libraries_of_every_run(function: str) -> None:
    assert {"boto3", "httpx"} <= loaded_by(function)


def test_the_start_of_the_api_loads_the_libraries_of_every_request() -> None:
    libraries = {"boto3", "pydantic.main", "aws_lambda_powertools.event_handler"}

    assert libraries <= loaded_by("api")


def test_a_start_ahead_of_requests_loads_all_that_a_request_may_need() -> None:
    modules = loaded_by("api", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")

    assert {"httpx", "pinecone_backup.adapters.pinecone.client"} <= modules


def test_notify_loads_nothing_that_it_does_not_need() -> None:
    modules = loaded_by("notify", "pinecone_backup.wiring.notify")

    heavy = {"httpx", "tenacity", "jinja2", "cronsim", "aws_xray_sdk", "pinecone"}
    assert not modules & heavy
    others = {"records", "rules", "wiring.projects"}
    assert not modules & {f"pinecone_backup.{name}" for name in others}
    assert "aws_lambda_powertools.event_handler" not in modules
