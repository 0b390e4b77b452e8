"""What API Gateway itself refuses has the shape of the function's own problems."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.build import ROOT
from local.deploy import load_template
from pinecone_backup.api.problems import PROBLEMS

_TEMPLATE = load_template(ROOT / "template.yaml")
REFUSALS: dict[str, dict[str, Any]] = _TEMPLATE["Resources"]["Api"]["Properties"]["DefinitionBody"][
    "x-amazon-apigateway-gateway-responses"
]
OURS = {"type", "title", "status", "detail", "instance", "request_id", "next_step"}


@pytest.mark.parametrize("kind", REFUSALS)
def test_each_refusal_of_the_gateway_is_a_problem_of_the_list(kind: str) -> None:
    refusal = REFUSALS[kind]
    text = refusal["responseTemplates"]["application/json"]
    body = json.loads(text.replace("$context.error.messageString", '"why"'))
    assert body.keys() == OURS
    problem = PROBLEMS[body["type"].removeprefix("urn:pinecone-backup:problem:")]
    assert (problem.title, problem.status) == (body["title"], body["status"])
    assert refusal["statusCode"] == body["status"]
    headers = refusal["responseParameters"]
    assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"


def test_every_refusal_is_covered() -> None:
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= REFUSALS.keys()
