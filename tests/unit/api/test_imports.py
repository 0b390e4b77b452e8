"""What the api function loads, and when: a list, so that nothing joins it unnoticed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pinecone_backup.api.resources import all_routes, modules_of
from tests.support.starts import loaded_by

if TYPE_CHECKING:
    from pinecone_backup.api.routes import Route

PACKAGES = {
    "annotated_types",
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "certifi",
    "cronsim",
    "dateutil",
    "jmespath",
    "pinecone_backup",
    "pydantic",
    "pydantic_core",
    "s3transfer",
    "six",
    "typing_extensions",
    "typing_inspection",
    "urllib3",
}
POWERTOOLS = {
    "event_handler",
    "exceptions",
    "logging",
    "metrics",
    "middleware_factory",
    "package_logger",
    "shared",
    "tracing",
    "utilities",
    "warnings",
}
NEVER = (
    "aws_lambda_powertools.event_handler.openapi.models",
    "aws_lambda_powertools.event_handler.middlewares",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parameters",
    "aws_lambda_powertools.utilities.parser",
    "aws_lambda_powertools.utilities.validation",
    "aws_xray_sdk",
    "httpx",
    "jinja2",
    "pinecone_backup.adapters.http",
    "pinecone_backup.adapters.pinecone",
    "pinecone_backup.api.backups",
    "pinecone_backup.api.policy",
    "pinecone_backup.api.restores",
    "pinecone_backup.report",
    "pinecone_backup.usecases.audit",
    "pinecone_backup.usecases.notify",
    "pinecone_backup.rules.preview",
    "pinecone_backup.webhooks",
    "tenacity",
    "yaml",
)


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules that the start and any request load, in a process of its own."""
    return loaded_by("api", "pinecone_backup.wiring.api")


def test_a_request_loads_only_the_packages_of_the_list(loaded: set[str]) -> None:
    packages = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert {name for name in packages if not name.startswith("_")} <= PACKAGES


def test_of_the_powertools_it_loads_only_what_the_resolver_and_the_logger_need(
    loaded: set[str],
) -> None:
    parts = {name.split(".")[1] for name in loaded if name.startswith("aws_lambda_powertools.")}
    assert parts <= POWERTOOLS


@pytest.mark.parametrize("module", NEVER)
def test_what_only_some_requests_need_waits_for_them(loaded: set[str], module: str) -> None:
    assert not [name for name in loaded if name == module or name.startswith(f"{module}.")]


@pytest.mark.parametrize("route", all_routes(), ids=lambda route: route.operation)
def test_the_path_of_a_route_leads_to_the_module_that_has_it(route: Route) -> None:
    path = route.path.replace("{", "x-").replace("}", "")
    assert route.handler.__module__.rpartition(".")[2] in modules_of(path)


@pytest.mark.parametrize("kind", ["snap-start", "provisioned-concurrency"])
def test_a_start_ahead_of_requests_loads_every_route(kind: str) -> None:
    modules = {route.handler.__module__ for route in all_routes()}

    assert modules <= loaded_by("api", AWS_LAMBDA_INITIALIZATION_TYPE=kind)
