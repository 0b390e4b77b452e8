"""Signed requests through the emulator's REST API to the deployed function."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin
from uuid import uuid4

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.emulator import REGION
from tests.support.deployed import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.simulator import Simulator
    from tests.support.deployed import Deployed

pytestmark = pytest.mark.emulator

ROOT_USER = Credentials("test", "test")


def ask(
    stack: Deployed, method: str, path: str, body: object = None, **how: Any
) -> tuple[int, Any]:
    """Send a request to a path; the status and the JSON of the answer."""
    status, _, answer = send(method, stack.outputs["ApiUrl"] + path, body, **how)
    return status, answer


def send(
    method: str,
    url: str,
    body: object = None,
    *,
    credentials: Credentials | None = ROOT_USER,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, str], Any]:
    """Send a request to an address; the status, the headers and the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})} if data else {}
    request = AWSRequest(method, url, headers=given, data=data)
    if credentials:
        SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    signed = urllib.request.Request(  # noqa: S310 - our own loopback address
        str(request.url), data=data, headers=dict(request.headers.items()), method=method
    )
    try:
        with urllib.request.urlopen(signed, timeout=30) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), json.loads(error.read() or b"null")


def test_an_unsigned_request_is_refused_and_a_signed_one_served(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, _ = project
    assert ask(stack, "GET", "/v1/health", credentials=None)[0] == 403
    status, health = ask(stack, "GET", "/v1/health")
    assert (status, health["status"]) == (200, "pass")
    assert [each["name"] for each in health["projects"]] == [name]


def test_a_backup_is_created_listed_and_described(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, _ = project
    of_index = f"/v1/projects/{name}/indexes/products/backups"
    status, made = ask(stack, "POST", of_index, {})
    assert (status, made["origin"]) == (201, "ours")
    _, page = ask(stack, "GET", f"{of_index}?limit=1")
    assert [row["backup_id"] for row in page["data"]] == [made["backup_id"]]
    _, answer = ask(stack, "GET", f"/v1/projects/{name}/backups/{made['backup_id']}")
    assert answer["worth"] == "under_way"


def test_an_idempotency_key_is_kept_in_the_table(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, simulator = project
    key = {"Idempotency-Key": str(uuid4())}
    path = f"/v1/projects/{name}/indexes/products/backups"
    first, again = (ask(stack, "POST", path, {}, headers=key) for _ in range(2))
    assert first == again
    assert len(simulator.project.project_backups()) == 1


def test_a_run_that_was_asked_for_runs_and_its_report_can_be_opened(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, _ = project
    status, run = ask(stack, "POST", f"/v1/projects/{name}/runs", {"kind": "audit"})
    assert (status, run["state"]) == (202, "requested")

    def ended() -> Any:
        _, answer = ask(stack, "GET", f"/v1/projects/{name}/runs/{run['run_id']}")
        return answer if answer["state"] not in ("requested", "running") else None

    answer = until(ended, seconds=30, what="the end of the run")
    assert (answer["state"], answer["actor"]) == ("succeeded", run["actor"])
    _, report = ask(stack, "GET", f"/v1/projects/{name}/reports/latest")
    assert report["run_id"] == run["run_id"]
    _, link = ask(stack, "GET", f"/v1/projects/{name}/reports/latest/page")
    with urllib.request.urlopen(link["url"], timeout=10) as page:  # noqa: S310 - the emulator's
        assert b"<html" in page.read()


def test_a_location_leads_to_what_was_asked_for(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    url = f"{stack.outputs['ApiUrl']}/v1/projects/{project[0]}/runs"
    _, headers, run = send("POST", url, {"kind": "audit"})
    status, _, followed = send("GET", urljoin(url, headers["Location"]))
    assert (status, followed["run_id"]) == (200, run["run_id"])


def test_an_answer_without_a_body_arrives_as_204(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, _ = project
    of_project = f"/v1/projects/{name}"
    wanted = {
        "name": "daily",
        "schedule": {"frequency": "daily"},
        "retention": {"expire_after_days": 7},
    }
    _, made = ask(stack, "POST", f"{of_project}/indexes/products/backup-schedules", wanted)
    schedule = f"{of_project}/backup-schedules/{made['schedule_id']}"
    assert ask(stack, "DELETE", schedule) == (204, None)
    assert ask(stack, "GET", schedule)[0] == 404


def test_what_does_not_exist_is_a_problem(stack: Deployed) -> None:
    status, problem = ask(stack, "PUT", "/v1/health")
    assert (status, problem["type"]) == (405, "urn:pinecone-backup:problem:method-not-allowed")


def test_the_managed_policies_let_through_what_they_should(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    """Tried for one person with each policy: read, start a run, delete a backup."""
    name, simulator = project
    backup_id = simulator.project.seed_backup("products", name="by-hand").backup_id
    calls = [
        ("GET", f"/v1/projects/{name}/backups", None),
        ("POST", f"/v1/projects/{name}/holds", {"scope": "index", "target": "no", "reason": "x"}),
        ("DELETE", f"/v1/projects/{name}/backups/{backup_id}?reason=tried", None),
    ]
    let_through = {}
    for policy in ("Read", "Operate", "Destroy"):
        credentials = _person(stack, stack.outputs[f"{policy}PolicyArn"])
        statuses = [
            ask(stack, method, path, body, credentials=credentials)[0]
            for method, path, body in calls
        ]
        let_through[policy] = statuses
    assert let_through == {
        "Read": [200, 403, 403],
        "Operate": [200, 404, 403],
        "Destroy": [200, 404, 409],
    }


def _person(stack: Deployed, policy_arn: str) -> Credentials:
    iam = stack.aws.client("iam")
    name = f"person-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=policy_arn)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize(
    ("path", "more", "expected"),
    [
        ("/runs", ("--json", '{"kind": "create"}'), {"state": "requested"}),
        ("/backups?limit=1", (), {"pagination": None}),
        ("/indexes/products/backups?include_deleted=true&limit=1", (), {"pagination": None}),
        ("/backups/b-1?override=floor&reason=x", ("--request", "DELETE"), {"status": 404}),
    ],
)
def test_curl_can_sign_as_the_documentation_says(
    stack: Deployed,
    project: tuple[str, Simulator],
    path: str,
    more: tuple[str, ...],
    expected: dict[str, object],
) -> None:
    done = subprocess.run(
        [
            *("curl", "--silent", "--aws-sigv4", f"aws:amz:{REGION}:execute-api"),
            *("--user", "test:test", *more),
            f"{stack.outputs['ApiUrl']}/v1/projects/{project[0]}{path}",
        ],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert json.loads(done.stdout).items() >= expected.items()
