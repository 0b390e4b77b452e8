"""Each role can do its work and nothing beyond it, as the emulator enforces permissions.

That it can do its work, the other tests here show: they all run with permissions enforced. The
calls below are made with a role's own credentials.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import pytest
from botocore.exceptions import ClientError

from local.emulator import LocalSession
from tests.support.template import resolved_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import boto3

    from local.simulator import Simulator
    from tests.support.deployed import Deployed

pytestmark = pytest.mark.emulator

type Service = Literal["dynamodb", "events", "iam", "lambda", "s3", "secretsmanager", "sqs"]
DENIED = {"AccessDenied", "AccessDeniedException", "403"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call; ``{...}`` in its arguments stands for an output of the stack."""

    service: Service
    method: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        named = [value for value in self.arguments.values() if isinstance(value, str)]
        return f"{self.service}.{self.method} {' '.join(named)}"


def _secret(name: str) -> Call:
    return Call("secretsmanager", "get_secret_value", {"SecretId": name})


def _put(key: str) -> Call:
    return Call("s3", "put_object", {"Bucket": "{BucketName}", "Key": key, "Body": b"{}"})


def _delete(key: str) -> Call:
    return Call("s3", "delete_object", {"Bucket": "{BucketName}", "Key": key})


def _get(key: str) -> Call:
    return Call("s3", "get_object", {"Bucket": "{BucketName}", "Key": key})


def _send(queue: str) -> Call:
    return Call("sqs", "send_message", {"QueueUrl": queue, "MessageBody": "{}"})


def _receive(queue: str) -> Call:
    return Call("sqs", "receive_message", {"QueueUrl": queue})


def _announce(bus: str) -> Call:
    entry = {"Source": "test", "DetailType": "test", "Detail": "{}", "EventBusName": bus}
    return Call("events", "put_events", {"Entries": [entry]})


def _query() -> Call:
    return Call(
        "dynamodb",
        "query",
        {
            "TableName": "{TableName}",
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "PROJECT#test"}},
        },
    )


SCAN = Call("dynamodb", "scan", {"TableName": "{TableName}"})
DROP = Call("dynamodb", "delete_table", {"TableName": "{TableName}"})
API_KEY = _secret("under-test/projects/main")
TARGETS = _secret("under-test/targets")
ELSEWHERE = _secret("elsewhere")
POLICY = "policy/policy.json"

ALLOWED = {
    "Create": [API_KEY, _query(), _get(POLICY), _put("evidence/1"), _announce("{BusName}")],
    "Prune": [API_KEY, _query(), _get(POLICY), _put("plans/p/1.json"), _announce("{BusName}")],
    "Audit": [
        API_KEY,
        _query(),
        _get("reports/p/1.json"),
        _put("reports/p/1.json"),
        _announce("{BusName}"),
    ],
    "RestoreTest": [API_KEY, _query(), _get(POLICY), _put("evidence/1"), _announce("{BusName}")],
    "Notify": [TARGETS, _send("{DeliveryQueueUrl}"), _receive("{EventsQueueUrl}")],
    "Api": [
        API_KEY,
        _query(),
        _get(POLICY),
        _put(POLICY),
        _put("plans/p/1.html"),
        _put("reports/latest.html"),
        _announce("{BusName}"),
    ],
}
FORBIDDEN = {
    "Create": [TARGETS, ELSEWHERE, _put(POLICY), _put("plans/p/1.json"), _put("reports/p/1.json")],
    "Prune": [
        TARGETS,
        ELSEWHERE,
        _put(POLICY),
        _put("reports/p/1.json"),
        _delete("plans/p/1.json"),
    ],
    "Audit": [
        TARGETS,
        ELSEWHERE,
        _put(POLICY),
        _put("plans/p/1.json"),
        _delete("reports/p/1.json"),
    ],
    "RestoreTest": [
        TARGETS,
        ELSEWHERE,
        _put(POLICY),
        _put("plans/p/1.json"),
        _put("reports/p/1.json"),
    ],
    "Notify": [
        _put(POLICY),
        _put("evidence/1"),
        API_KEY,
        ELSEWHERE,
        _query(),
        _get(POLICY),
        _announce("{BusName}"),
        _send("{EventsQueueUrl}"),
    ],
    "Api": [TARGETS, ELSEWHERE, _put("reports/p/1.json"), _send("{FailuresQueueUrl}")],
}
FORBIDDEN_TO_ALL = [
    SCAN,
    DROP,
    _delete(POLICY),
    _delete("evidence/1"),
    _announce("default"),
    _receive("{FailuresQueueUrl}"),
    Call("lambda", "list_functions", {}),
    Call("iam", "list_roles", {}),
]


@pytest.fixture(scope="module", autouse=True)
def _something_to_reach(stack: Deployed) -> None:
    """What is forbidden must exist, or a refusal would prove nothing."""
    stack.aws.client("secretsmanager").create_secret(Name="elsewhere", SecretString="x")
    for key in (POLICY, "plans/p/1.json", "reports/p/1.json", "evidence/1"):
        stack.aws.client("s3").put_object(Bucket=stack.outputs["BucketName"], Key=key, Body=b"{}")


type Sessions = Callable[[str], LocalSession]


@pytest.fixture(scope="module")
def session_of(stack: Deployed) -> Sessions:
    """A session with a function's role, by the function's name."""

    @cache
    def session_of(function: str) -> LocalSession:
        configuration = stack.aws.client("lambda").get_function_configuration(
            FunctionName=stack.outputs[f"{function}FunctionName"]
        )
        credentials = stack.aws.client("sts").assume_role(
            RoleArn=configuration["Role"], RoleSessionName="test"
        )["Credentials"]
        return LocalSession(
            stack.emulator.url,
            key=credentials["AccessKeyId"],
            secret=credentials["SecretAccessKey"],
            token=credentials["SessionToken"],
        )

    return session_of


def _attempt(session: boto3.Session, call: Call, outputs: Mapping[str, str]) -> str:
    """Make a call; returns the error's code, or nothing when it was allowed."""
    client = session.client(call.service)
    try:
        getattr(client, call.method)(**_filled(call.arguments, outputs))
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def _filled(value: Any, outputs: Mapping[str, str]) -> Any:
    if isinstance(value, str) and value.startswith("{") and value != "{}":
        return outputs[value.strip("{}")]
    if isinstance(value, list):
        return [_filled(item, outputs) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, outputs) for key, item in value.items()}
    return value


def _cases(calls: Mapping[str, list[Call]]) -> list[Any]:
    return [
        pytest.param(role, call, id=f"{role}: {call}")
        for role, some in calls.items()
        for call in some
    ]


@pytest.mark.parametrize(("role", "call"), _cases(ALLOWED))
def test_a_role_may_make_the_calls_of_its_work(
    stack: Deployed, session_of: Sessions, role: str, call: Call
) -> None:
    assert _attempt(session_of(role), call, stack.outputs) == ""


@pytest.mark.parametrize(
    ("role", "call"),
    _cases({role: [*calls, *FORBIDDEN_TO_ALL] for role, calls in FORBIDDEN.items()}),
)
def test_a_role_may_make_no_call_beyond_its_work(
    stack: Deployed, session_of: Sessions, role: str, call: Call
) -> None:
    assert _attempt(session_of(role), call, stack.outputs) in DENIED


def test_every_partition_that_the_functions_write_is_open_to_their_roles(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    """The emulator does not know ``dynamodb:LeadingKeys``, which real roles are held to."""
    name, _ = project
    for function in ("create", "audit", "prune", "restore_test"):
        stack.invoke(function, {"project": name})
    table = stack.aws.client("dynamodb")
    written = {
        item["pk"]["S"]
        for page in table.get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
        for item in page["Items"]
    }
    conditions = re.findall(r'"dynamodb:LeadingKeys": (\[.*?\])', json.dumps(resolved_template()))
    open_to_roles = [pattern for found in conditions for pattern in json.loads(found)]
    assert {"PROJECTS", f"PROJECT#{name}"} <= written
    assert [pk for pk in written if not any(fnmatchcase(pk, one) for one in open_to_roles)] == []
