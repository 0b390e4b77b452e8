"""The template deploys, and its parts are connected as they should be."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from local.api import ask
from local.deploy import DeploymentFailed, delete, deploy
from local.simulator import DEFAULT_KEY, Simulator
from pinecone_backup.rules.marker import Marker
from tests.support.deployed import Deployed, policy_for, until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.receiver import Received, Receiver

pytestmark = pytest.mark.emulator


def _status(url: str, method: str = "GET") -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)


def test_every_named_resource_begins_with_the_name_of_the_stack(stack: Deployed) -> None:
    named = [
        "TableName",
        "BucketName",
        "BusName",
        "ProjectSecretName",
        "TargetsSecretName",
        "CreateFunctionName",
    ]
    assert [
        stack.outputs[key] for key in named if not stack.outputs[key].startswith(stack.name)
    ] == []


def test_two_stacks_live_side_by_side_in_one_account(stack: Deployed) -> None:
    other = deploy(stack.emulator, "other", {"SchedulesState": "DISABLED"})
    shared = {key for key, value in other.items() if stack.outputs[key] == value}
    assert shared == set()


def test_an_update_keeps_the_table_and_what_is_in_it(stack: Deployed) -> None:
    parameters = {"SchedulesState": "DISABLED", "LogRetentionDays": "30"}
    before = deploy(stack.emulator, "updated", parameters)
    table = stack.aws.client("dynamodb")
    item = {"pk": {"S": "PROJECT#kept"}, "sk": {"S": "RUN#1"}}
    table.put_item(TableName=before["TableName"], Item=item)
    after = deploy(stack.emulator, "updated", parameters | {"LogRetentionDays": "60"})
    assert table.get_item(TableName=after["TableName"], Key=item)["Item"] == item
    function = stack.aws.client("lambda").get_function_configuration(
        FunctionName=after["CreateFunctionName"]
    )
    groups = stack.aws.client("logs").describe_log_groups(
        logGroupNamePrefix=function["LoggingConfig"]["LogGroup"]
    )
    assert groups["logGroups"][0]["retentionInDays"] == 60


def test_a_first_deployment_that_failed_can_be_repeated(stack: Deployed) -> None:
    """What it had created with a fixed name went with it."""
    events, secrets = stack.aws.client("events"), stack.aws.client("secretsmanager")
    events.create_event_bus(Name="unlucky")
    with pytest.raises(DeploymentFailed, match="Bus"):
        deploy(stack.emulator, "unlucky", {"SchedulesState": "DISABLED"})
    delete(stack.emulator, "unlucky")
    listed = secrets.list_secrets(Filters=[{"Key": "name", "Values": ["unlucky/"]}])
    assert listed["SecretList"] == []

    events.delete_event_bus(Name="unlucky")
    assert deploy(stack.emulator, "unlucky", {"SchedulesState": "DISABLED"})["BusName"] == "unlucky"


@pytest.mark.parametrize("heir", ["left", "heir"])
def test_a_stack_adopts_what_a_deleted_one_left(
    stack: Deployed, pinecone: tuple[Callable[[Simulator], str], str], heir: str
) -> None:
    """Under its old name or a new one: a run finds the history, the policy and the API key."""
    expose, url = pinecone
    parameters = {"PineconeUrl": url, "SchedulesState": "DISABLED"}
    outputs = deploy(stack.emulator, "left", parameters | _left(stack, "left"))
    first = Deployed(stack.emulator, "left", outputs, expose)
    first.set_secret("projects/main", DEFAULT_KEY)
    simulator = Simulator()
    first.seed(simulator, "kept")
    delete(stack.emulator, "left")

    adopted = _left(stack, "left", outputs)
    outputs = deploy(stack.emulator, heir, parameters | adopted | {"Owner": "left"})
    second = Deployed(stack.emulator, heir, outputs, expose)
    assert list(second.ledger("kept").indexes()) == ["products"]
    (run,) = second.invoke("create", {"project": "kept"})["runs"]
    assert run["state"] == "succeeded"
    assert len(simulator.project.backups) == 1
    delete(stack.emulator, heir)


def _left(stack: Deployed, name: str, outputs: Mapping[str, str] | None = None) -> dict[str, str]:
    """The parameters that adopt what a deleted stack left; only its secrets without outputs."""
    listed = stack.aws.client("secretsmanager").list_secrets(
        Filters=[{"Key": "name", "Values": [f"{name}/"]}]
    )
    arns = {secret["Name"]: secret["ARN"] for secret in listed["SecretList"]}
    adopted = {
        parameter: arns[secret]
        for parameter, secret in (
            ("ExistingProjectSecretArn", f"{name}/projects/main"),
            ("ExistingTargetsSecretArn", f"{name}/targets"),
        )
        if secret in arns
    }
    if outputs:
        adopted |= {
            "ExistingTableName": outputs["TableName"],
            "ExistingBucketName": outputs["BucketName"],
        }
    return adopted


@pytest.mark.parametrize("switch", [{"LocalClock": "true"}, {"InsecureWebhookHosts": "host:1"}])
def test_a_local_switch_is_refused_where_there_is_no_emulator(
    stack: Deployed, switch: dict[str, str]
) -> None:
    with pytest.raises(
        stack.aws.client("cloudformation").exceptions.ClientError, match=next(iter(switch))
    ):
        deploy(stack.emulator, "careless", {"AwsEndpointUrl": "", **switch})


def test_a_key_and_a_path_of_ones_own_reach_the_resources(stack: Deployed) -> None:
    key = stack.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    outputs = deploy(
        stack.emulator,
        "strict",
        {"SchedulesState": "DISABLED", "KmsKeyArn": key, "RolePath": "/backup/"},
    )
    queue = stack.aws.client("sqs").get_queue_attributes(
        QueueUrl=outputs["FailuresQueueUrl"], AttributeNames=["All"]
    )["Attributes"]
    assert queue["KmsMasterKeyId"] == key
    role = stack.aws.client("lambda").get_function_configuration(
        FunctionName=outputs["CreateFunctionName"]
    )["Role"]
    assert ":role/backup/" in role


def test_a_dashboard_shows_the_functions_queues_and_logs_of_the_stack(stack: Deployed) -> None:
    parameters = {"SchedulesState": "DISABLED", "Dashboard": "true"}
    outputs = deploy(stack.emulator, "watched", parameters)
    body = stack.aws.client("cloudwatch").get_dashboard(DashboardName="watched")["DashboardBody"]
    widgets = json.loads(body)["widgets"]
    assert len({(one["x"], one["y"]) for one in widgets}) == len(widgets)
    for name in ("Create", "Prune", "Audit", "Notify", "Api"):
        assert outputs[f"{name}FunctionName"] in body
    for queue in ("Events", "Delivery", "EventsDeadLetters", "DeliveryDeadLetters", "Failures"):
        url = outputs.get(f"{queue}QueueUrl") or outputs[f"{queue}Url"]
        assert f'"{url.rsplit("/", 1)[1]}"' in body
    assert "${" not in body


def test_a_parameter_that_is_not_safe_is_refused(stack: Deployed) -> None:
    with pytest.raises(
        stack.aws.client("cloudformation").exceptions.ClientError, match="PineconeUrl"
    ):
        deploy(stack.emulator, "careless", {"PineconeUrl": "http://api.example.com"})


def test_a_request_on_the_bus_starts_a_run(stack: Deployed, project: tuple[str, Simulator]) -> None:
    name, simulator = project
    stack.aws.client("events").put_events(
        Entries=[
            {
                "EventBusName": stack.outputs["BusName"],
                "Source": "pinecone-backup.request",
                "DetailType": "create.requested",
                "Detail": json.dumps({"project": name}),
            }
        ]
    )
    until(lambda: simulator.project.backups, seconds=30, what="a backup")


def _with_old_backups(
    stack: Deployed, project: tuple[str, Simulator], count: int, limit: Mapping[str, int]
) -> None:
    """Give the project so many backups, of which the policy keeps three, and the ledger a prune."""
    name, simulator = project
    stack.set_policy(policy_for(name) | {"limits": {"per_run": limit, "per_index": limit}})
    for age in range(count):
        at = datetime.now(UTC) - timedelta(hours=age + 2)
        marker = Marker(stack.name, "hourly", at, f"run-{age}", 1)
        simulator.project.seed_backup(
            "products", name=marker.name_for("products"), description=str(marker), created_at=at
        )
    stack.invoke("prune", {"project": name})  # the first one of a ledger only plans (D3)


def test_a_dry_run_deletes_nothing_where_prunes_delete(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, simulator = project
    _with_old_backups(stack, project, 6, {"count": 100, "percent": 100})
    deletions = []
    for asked in ({"dry_run": True}, {}):
        stack.invoke("prune", {"project": name} | asked)
        deletions.append(simulator.requests.counts().get("delete_backup", 0))

    assert deletions == [0, 3]


def test_a_plan_that_waits_is_carried_out_once_somebody_approves_of_it(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    """D2."""
    name, simulator = project
    _with_old_backups(stack, project, 60, {"count": 1, "percent": 1})
    deletions = []
    (waiting,) = stack.invoke("prune", {"project": name})["runs"]
    deletions.append(simulator.requests.counts()["delete_backup"])
    digest = waiting["summary"]["digest"]
    path = f"/v1/projects/{name}/plans/{digest}/approve"
    ask(stack.outputs["ApiUrl"], "POST", path, {"reason": "read it"})
    stack.invoke("prune", {"project": name, "digest": digest})
    deletions.append(simulator.requests.counts()["delete_backup"])

    assert deletions[0] < deletions[1] == 57


def test_a_plan_that_does_not_exist_is_not_carried_out(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, simulator = project
    _with_old_backups(stack, project, 6, {"count": 100, "percent": 100})
    (run,) = stack.invoke("prune", {"project": name, "digest": "0" * 64})["runs"]

    assert run["state"] == "refused"
    assert "delete_backup" not in simulator.requests.counts()


def test_what_happened_reaches_a_webhook_with_links_and_a_signature_that_verifies(
    stack: Deployed, project: tuple[str, Simulator], receiver: Receiver
) -> None:
    name, _ = project
    stack.invoke("create", {"project": name})

    def message() -> Received | None:
        return next(
            (
                message
                for message in receiver.received
                if message.path.startswith("/standard/")
                and message.json["type"] == "backup.created"
                and message.json["data"]["project"] == name
            ),
            None,
        )

    received = until(message, seconds=30, what="the message")
    assert received.verified is True
    links = received.json["data"]["links"]
    assert links["backup"].startswith(f"https://ops.example.com/v1/projects/{name}/backups/")
    function = stack.aws.client("lambda").get_function_configuration(
        FunctionName=stack.outputs["CreateFunctionName"]
    )
    group = function["LoggingConfig"]["LogGroup"].replace("/", "$252F")
    assert f"/log-group/{group}/" in links["log"]


def test_an_asynchronous_run_that_fails_is_not_repeated_and_ends_in_the_failures_queue(
    stack: Deployed,
) -> None:
    """A first repetition would come after a minute, and the failure after the last of them."""
    stack.aws.client("lambda").invoke(
        FunctionName=stack.outputs["CreateFunctionName"],
        InvocationType="Event",
        Payload=json.dumps({"now": "not a time"}).encode(),
    )
    sqs = stack.aws.client("sqs")
    messages = until(
        lambda: sqs.receive_message(QueueUrl=stack.outputs["FailuresQueueUrl"]).get("Messages"),
        seconds=30,
        what="the failure",
    )
    letter = json.loads(messages[0]["Body"])
    assert letter["requestPayload"] == {"now": "not a time"}
    assert "The event is malformed: now" in letter["responsePayload"]["errorMessage"]


def test_an_unsigned_request_to_the_api_is_refused(stack: Deployed) -> None:
    status, _ = _status(f"{stack.outputs['ApiUrl']}/v1/health")
    assert status == 403


def test_with_a_cors_origin_a_preflight_reaches_the_function_unsigned(stack: Deployed) -> None:
    status, _ = _status(f"{stack.outputs['ApiUrl']}/v1/backups", "OPTIONS")
    assert status != 403


def test_without_a_cors_origin_a_preflight_is_refused_like_everything_unsigned(
    stack: Deployed,
) -> None:
    closed = deploy(stack.emulator, "closed", {"SchedulesState": "DISABLED"})
    status, headers = _status(f"{closed['ApiUrl']}/v1/backups", "OPTIONS")
    assert status == 403
    assert "Access-Control-Allow-Origin" not in headers
