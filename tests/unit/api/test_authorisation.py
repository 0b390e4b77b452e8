"""Who may call what: the managed policies of the template, route by route."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from local.build import ROOT
from local.deploy import load_template
from pinecone_backup.api import app
from pinecone_backup.api.resources import all_routes
from pinecone_backup.api.routes import Access, Route

POLICIES = {
    Access.READ: "ReadPolicy",
    Access.OPERATE: "OperatePolicy",
    Access.CONFIGURE: "ConfigurePolicy",
    Access.DESTROY: "DestroyPolicy",
}
INCLUDED = {
    Access.READ: {Access.READ},
    Access.OPERATE: {Access.READ, Access.OPERATE},
    Access.CONFIGURE: {Access.READ, Access.CONFIGURE},
    Access.DESTROY: set(Access),
}
LAST_WORDS = sorted(
    word
    for word in {each.path.rpartition("/")[2] for each in all_routes()}
    if re.fullmatch(app.PATH_VALUE, word)
)
"""How paths of the API end, as far as a parameter can take that value."""
_TEMPLATE = load_template(ROOT / "template.yaml")
_VALUE = re.compile(r"\{\w+\}")


def allowed(policy: Access, method: str, path: str) -> bool:
    """Whether IAM lets a request through: ``*`` stands for any text, slashes included."""
    document = _TEMPLATE["Resources"][POLICIES[policy]]["Properties"]["PolicyDocument"]
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == "execute-api:Invoke"
    patterns = [
        resource["Fn::Sub"].partition("/live/")[2]
        for statement in document["Statement"]
        for resource in statement["Resource"]
    ]
    return any(fnmatchcase(f"{method}{path}", pattern) for pattern in patterns)


def called(route: Route, value: str = "some-1") -> str:
    return _VALUE.sub(value, route.path)


@pytest.mark.parametrize("route", all_routes(), ids=lambda route: route.operation)
@pytest.mark.parametrize("policy", Access)
def test_each_policy_allows_its_routes_and_those_of_the_lesser_ones(
    policy: Access, route: Route
) -> None:
    enough = route.access in INCLUDED[policy]
    assert allowed(policy, route.method, called(route)) is enough


@pytest.mark.parametrize(
    "route",
    [each for each in all_routes() if each.access is not Access.READ],
    ids=lambda r: r.operation,
)
@pytest.mark.parametrize("word", LAST_WORDS)
def test_no_parameter_makes_a_path_look_like_one_that_needs_less(route: Route, word: str) -> None:
    """A backup that is called like a path of the API is still what it is."""
    lesser = [policy for policy in Access if route.access not in INCLUDED[policy]]
    assert [each for each in lesser if allowed(each, route.method, called(route, word))] == []


def test_whoever_only_reads_changes_nothing() -> None:
    assert not any(route.changes for route in all_routes() if route.access is Access.READ)
    assert not allowed(Access.READ, "POST", "/v1/projects/main/runs")


def test_deleting_always_needs_the_permission_to_destroy() -> None:
    deletes = [route for route in all_routes() if route.method == "DELETE"]
    assert deletes
    assert {route.access for route in deletes} == {Access.DESTROY}


def test_operation_names_are_unique() -> None:
    names = [route.operation for route in all_routes()]
    assert len(names) == len(set(names))
