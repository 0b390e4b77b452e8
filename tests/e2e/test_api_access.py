"""Who may call what: the managed policies, tried out with signed requests."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from functools import cache
from typing import TYPE_CHECKING

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.emulator import REGION

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.deployed import Deployed

pytestmark = pytest.mark.emulator

type Ask = Callable[[str, str, str], int]

LOOKING = "GET /v1/projects/main/backups"
OPERATING = "POST /v1/projects/main/runs"
DELETING = "DELETE /v1/projects/main/backups/none"
APPROVING = f"POST /v1/projects/main/plans/{'0' * 64}/approve"
CONFIGURING = "PUT /v1/policy"
PREVIEWING = "POST /v1/projects/main/policy/preview"
VALIDATING = "POST /v1/policy/validate"
RELEASING = "POST /v1/projects/main/holds/none/release"


@pytest.fixture(scope="module")
def ask(stack: Deployed) -> Ask:
    """Send a request as a user who has one of the policies; returns the status."""
    iam = stack.aws.client("iam")

    @cache
    def credentials(policy: str) -> Credentials:
        user = f"with-{policy.lower()}"
        iam.create_user(UserName=user)
        iam.attach_user_policy(UserName=user, PolicyArn=stack.outputs[f"{policy}PolicyArn"])
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def ask(policy: str, method: str, path: str) -> int:
        body = json.dumps({}).encode() if method in ("POST", "PUT") else None
        url = stack.outputs["ApiUrl"] + path
        request = AWSRequest(method, url, data=body)
        SigV4Auth(credentials(policy), "execute-api", REGION).add_auth(request)
        prepared = urllib.request.Request(  # noqa: S310 - loopback
            url, data=body, method=method, headers=dict(request.headers)
        )
        try:
            with urllib.request.urlopen(prepared, timeout=30) as answer:  # noqa: S310 - loopback
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    return ask


@pytest.mark.parametrize(
    ("policy", "call"),
    [
        ("Read", LOOKING),
        ("Read", PREVIEWING),
        ("Read", VALIDATING),
        ("Configure", PREVIEWING),
        ("Operate", LOOKING),
        ("Operate", OPERATING),
        ("Configure", LOOKING),
        ("Configure", CONFIGURING),
        ("Destroy", LOOKING),
        ("Destroy", CONFIGURING),
        ("Destroy", OPERATING),
        ("Destroy", DELETING),
        ("Destroy", APPROVING),
        ("Destroy", RELEASING),
    ],
)
def test_a_policy_lets_its_calls_through_to_the_function(ask: Ask, policy: str, call: str) -> None:
    assert ask(policy, *call.split(" ")) != 403


@pytest.mark.parametrize(
    ("policy", "call"),
    [
        ("Read", OPERATING),
        ("Read", DELETING),
        ("Read", APPROVING),
        ("Read", CONFIGURING),
        ("Operate", CONFIGURING),
        ("Configure", OPERATING),
        ("Configure", APPROVING),
        ("Operate", DELETING),
        ("Operate", APPROVING),
        ("Operate", RELEASING),
    ],
)
def test_a_policy_stops_every_other_call_at_the_door(ask: Ask, policy: str, call: str) -> None:
    assert ask(policy, *call.split(" ")) == 403
