"""What template.yaml must never lose: encryption, retention, least privilege, safe defaults."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

from local.build import FUNCTIONS, LAYERS, ROOT
from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.settings import (
    ApiSettings,
    AuditSettings,
    NotifySettings,
    ProjectSettings,
    PruneSettings,
)
from pinecone_backup.triggers import read_trigger
from pinecone_backup.usecases.runs import LEASE, TOO_OLD
from tests.support.template import resolved_template

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = resolved_template()
KEY = "arn:aws:kms:eu-central-1:111122223333:key/ours"
ALIAS = "ApiFunction.Alias"
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
KINDS = {
    "Create": RunKind.CREATE,
    "Prune": RunKind.PRUNE,
    "Audit": RunKind.AUDIT,
    "RestoreTest": RunKind.RESTORE_TEST,
}
"""What the scheduled functions are called in the template, and what their runs are."""


def _of_type(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of a type, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in RESOURCES.items()
        if resource["Type"] == kind
    }


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(role: str) -> Iterator[dict[str, Any]]:
    """What a role may do, by its own policies and by those that it shares."""
    properties = RESOURCES[role]["Properties"]
    attached = [RESOURCES[arn["Ref"]]["Properties"] for arn in properties["ManagedPolicyArns"]]
    attached += [
        policy
        for policy in _of_type("AWS::IAM::ManagedPolicy").values()
        if {"Ref": role} in policy.get("Roles", [])
    ]
    for policy in [*properties.get("Policies", []), *attached]:
        yield from policy["PolicyDocument"]["Statement"]


ROLES = sorted(_of_type("AWS::IAM::Role"))
QUEUES = sorted(_of_type("AWS::SQS::Queue"))


# What must survive the stack


@pytest.mark.parametrize("name", ["Bucket", "BucketPolicy", "ProjectSecret", "TargetsSecret"])
def test_what_holds_state_survives_all_but_a_failed_first_deployment(name: str) -> None:
    """The names of the secrets are fixed: one that was kept would be in the next try's way."""
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_the_table_survives_a_failed_first_deployment_too() -> None:
    """Deletion protection lets no rollback delete it, so no rollback may try; its name is free."""
    table = RESOURCES["Table"]
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert "TableName" not in table["Properties"]


@pytest.mark.parametrize(
    ("parameter", "value", "left_out"),
    [
        ("ExistingTableName", "old-Table-1", {"Table"}),
        ("ExistingBucketName", "old-bucket-1", {"Bucket", "BucketPolicy"}),
        (
            "ExistingProjectSecretArn",
            "arn:aws:secretsmanager:eu-central-1:111122223333:secret:old/projects/main-AbCdEf",
            {"ProjectSecret"},
        ),
        (
            "ExistingTargetsSecretArn",
            "arn:aws:secretsmanager:eu-central-1:111122223333:secret:old/targets-AbCdEf",
            {"TargetsSecret"},
        ),
    ],
)
def test_what_an_earlier_stack_left_is_used_instead_of_a_new_one(
    parameter: str, value: str, left_out: set[str]
) -> None:
    assert re.search(PARAMETERS[parameter]["AllowedPattern"], value)
    adopting = resolved_template(**{parameter: value})
    assert RESOURCES.keys() - adopting["Resources"].keys() == left_out
    for name in left_out:  # and nothing refers to it
        assert not re.search(rf'(\$\{{|"Ref": "|"){name}[".}}]', json.dumps(adopting))


def test_the_secrets_of_an_earlier_stack_are_read_by_its_name() -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:old/projects/main-AbCdEf"
    adopting = resolved_template(ExistingProjectSecretArn=arn)
    variables = adopting["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["PROJECT_SECRET_PREFIX"] == {"Fn::Sub": "old/projects/"}
    (statement,) = (
        one
        for one in adopting["Resources"]["ProjectsPolicy"]["Properties"]["PolicyDocument"][
            "Statement"
        ]
        if one["Sid"] == "ReadProjectSecrets"
    )
    assert statement["Resource"]["Fn::Sub"].endswith(":secret:old/projects/*")


def test_the_table_is_encrypted_recoverable_protected_and_forgets_what_expires() -> None:
    table = RESOURCES["Table"]["Properties"]
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_bucket_is_encrypted_versioned_and_closed() -> None:
    bucket = RESOURCES["Bucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (statement,) = RESOURCES["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_no_version_of_the_policy_ever_expires() -> None:
    rules = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule["Prefix"] for rule in rules if "NoncurrentVersionExpiration" in rule]
    assert expiring == ["plans/", "reports/"]
    assert [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule] == expiring
    assert not [rule for rule in rules if "Expiration" in rule]


def test_no_secret_has_a_value_in_the_template() -> None:
    for secret in _of_type("AWS::SecretsManager::Secret").values():
        assert not {"SecretString", "GenerateSecretString"} & set(secret)


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_encrypted(name: str) -> None:
    assert RESOURCES[name]["Properties"]["SqsManagedSseEnabled"] is True


def test_every_log_group_forgets_after_the_days_asked_for() -> None:
    groups = _of_type("AWS::Logs::LogGroup")
    assert {group["RetentionInDays"]["Ref"] for group in groups.values()} == {"LogRetentionDays"}
    assert set(groups) == {f"{name.removesuffix('Function')}Logs" for name in FUNCTIONS}


@pytest.mark.parametrize(("retain", "policy"), [("false", "Delete"), ("true", "Retain")])
def test_logs_stay_when_that_is_asked_for_and_are_in_no_later_stacks_way(
    retain: str, policy: str
) -> None:
    resources = resolved_template(RetainLogs=retain, ApiAccessLogs="true")["Resources"]
    groups = [one for one in resources.values() if one["Type"] == "AWS::Logs::LogGroup"]
    assert len(groups) == len(FUNCTIONS) + 1
    for group in groups:
        assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == (policy, policy)
        assert retain == "false" or "LogGroupName" not in group["Properties"]


def test_a_key_of_ones_own_encrypts_everything() -> None:
    resources = resolved_template(KmsKeyArn=KEY, ApiAccessLogs="true")["Resources"]
    where = {
        "AWS::DynamoDB::Table": "KMSMasterKeyId",
        "AWS::Logs::LogGroup": "KmsKeyId",
        "AWS::S3::Bucket": "KMSMasterKeyID",
        "AWS::SNS::Topic": "KmsMasterKeyId",
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::SecretsManager::Secret": "KmsKeyId",
    }
    held = {name: one for name, one in resources.items() if one["Type"] in where}
    encrypted = {
        name: f'"{where[one["Type"]]}": {{"Ref": "KmsKeyArn"}}' in json.dumps(one)
        for name, one in held.items()
    }
    assert encrypted == dict.fromkeys(held, True)
    for queue in QUEUES:
        assert "SqsManagedSseEnabled" not in resources[queue]["Properties"]


@pytest.mark.parametrize("role", sorted(_of_type("AWS::IAM::Role")))
def test_with_a_key_of_ones_own_every_role_may_use_it_through_the_services(role: str) -> None:
    resources = resolved_template(KmsKeyArn=KEY)["Resources"]
    assert {"Ref": "KeyPolicy"} in resources[role]["Properties"]["ManagedPolicyArns"]
    (statement,) = resources["KeyPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    services = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert {one["Fn::Sub"].split(".")[0] for one in services} == {
        "dynamodb",
        "s3",
        "secretsmanager",
        "sqs",
    }


@pytest.mark.parametrize("role", sorted(_of_type("AWS::IAM::Role")))
def test_a_role_takes_the_path_and_the_boundary_that_an_organisation_demands(role: str) -> None:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    resources = resolved_template(PermissionsBoundaryArn=boundary)["Resources"]
    properties = resources[role]["Properties"]
    assert properties["PermissionsBoundary"] == {"Ref": "PermissionsBoundaryArn"}
    assert properties["Path"] == {"Ref": "RolePath"}
    assert "PermissionsBoundary" not in RESOURCES[role]["Properties"]


def test_every_fixed_name_begins_with_the_name_of_the_stack() -> None:
    keys = (
        "Name",
        "TableName",
        "BucketName",
        "QueueName",
        "FunctionName",
        "LayerName",
        "LogGroupName",
        "RoleName",
    )
    fixed = [
        json.dumps(resource["Properties"][key])
        for resource in RESOURCES.values()
        for key in keys
        if key in resource["Properties"]
        and resource["Properties"][key] not in [{"Ref": name} for name in (*FUNCTIONS, ALIAS)]
    ]
    assert fixed
    assert [name for name in fixed if "AWS::StackName" not in name] == []


# Permissions


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_every_action_and_every_resource(role: str) -> None:
    """By default: X-Ray takes no resources (``ApiTracing``)."""
    for statement in _statements(role):
        assert statement["Effect"] == "Allow"
        for action in _list(statement["Action"]):
            assert "*" not in action
        for resource in _list(statement["Resource"]):
            text = resource if isinstance(resource, str) else json.dumps(resource)
            assert text != "*"
            named = re.sub(r"\$\{[^}]*\}", "", text)
            assert ":*:" not in named, "a wildcard stands for an account, a region or a service"


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [RESOURCES[name]["Properties"]["Role"]["Fn::GetAtt"][0] for name in FUNCTIONS]
    assert roles == [f"{name.removesuffix('Function')}Role" for name in FUNCTIONS]


def test_only_notify_reads_the_targets_and_it_reads_no_api_key() -> None:
    def secrets(role: str) -> list[str]:
        return [
            statement["Resource"]["Fn::Sub"].split(":secret:")[1]
            for statement in _statements(role)
            if "secretsmanager:GetSecretValue" in _list(statement["Action"])
        ]

    assert secrets("NotifyRole") == ["${AWS::StackName}/targets-??????"]
    for role in ("CreateRole", "PruneRole", "AuditRole", "RestoreTestRole", "ApiRole"):
        assert secrets(role) == ["${AWS::StackName}/projects/*"]


@pytest.mark.parametrize(
    ("role", "partitions"),
    [
        ("CreateRole", {"PROJECTS", "PROJECT#*"}),
        ("PruneRole", {"PROJECTS", "PROJECT#*"}),
        ("AuditRole", {"PROJECTS", "PROJECT#*"}),
        ("NotifyRole", {"DELIVERY#*"}),
        ("ApiRole", {"PROJECTS", "PROJECT#*", "IDEMPOTENCY"}),
    ],
)
def test_a_role_reaches_only_its_own_partitions_of_the_table(
    role: str, partitions: set[str]
) -> None:
    reached = set()
    for statement in _statements(role):
        if any(action.startswith("dynamodb:") for action in _list(statement["Action"])):
            (condition,) = statement["Condition"].values()
            reached |= set(condition["dynamodb:LeadingKeys"])
    assert reached == partitions


@pytest.mark.parametrize(
    ("role", "objects"),
    [
        ("CreateRole", {"evidence/*"}),
        ("PruneRole", {"evidence/*", "plans/*"}),
        ("AuditRole", {"evidence/*", "reports/*"}),
        ("RestoreTestRole", {"evidence/*"}),
        ("NotifyRole", set()),
        ("ApiRole", {"evidence/*", "plans/*", "policy/policy.json", "reports/latest.html"}),
    ],
)
def test_a_role_writes_only_its_own_objects_of_the_bucket(role: str, objects: set[str]) -> None:
    written = {
        resource["Fn::Sub"].split("${Bucket}/")[1]
        for statement in _statements(role)
        if "s3:PutObject" in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    }
    assert written == objects


def test_no_role_but_the_apis_can_write_the_policy_and_none_can_delete_an_object() -> None:
    for role in ROLES:
        for statement in _statements(role):
            actions = _list(statement["Action"])
            assert "s3:DeleteObject" not in actions
            if "s3:PutObject" in actions:
                where = json.dumps(statement["Resource"])
                assert role == "ApiRole" or "policy/" not in where


def _calls(policy: str) -> set[str]:
    """``METHOD/path`` patterns that a managed policy allows."""
    document = RESOURCES[policy]["Properties"]["PolicyDocument"]
    return {
        resource["Fn::Sub"].split("${Api}/live/")[1]
        for statement in document["Statement"]
        for resource in statement["Resource"]
    }


def _operations() -> set[str]:
    """``METHOD/path`` of every operation of the API, with a word for each parameter."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    return {
        f"{method.upper()}{re.sub('{[^}]*}', 'word', path)}"
        for path, methods in document["paths"].items()
        for method in methods
    }


def _may(policy: str) -> set[str]:
    """The operations that a managed policy allows; as in IAM, ``*`` spans slashes."""
    patterns = _calls(policy)
    return {call for call in _operations() if any(fnmatchcase(call, one) for one in patterns)}


def test_readers_may_read_everything_and_do_nothing() -> None:
    change_nothing = {"POST/v1/policy/validate", "POST/v1/projects/word/policy/preview"}
    gets = {call for call in _operations() if call.startswith("GET/")}
    assert _may("ReadPolicy") == gets | change_nothing


def test_operators_may_do_all_but_what_deletes_or_lets_be_deleted() -> None:
    destructive = {
        "DELETE/v1/projects/word/backup-schedules/word",
        "DELETE/v1/projects/word/backups/word",
        "POST/v1/projects/word/backup-schedules/word/shorten-retention",
        "POST/v1/projects/word/holds/word/release",
        "POST/v1/projects/word/plans/word/approve",
        "POST/v1/projects/word/plans/word/execute",
        "POST/v1/projects/word/suspects/word/accept",
        "PUT/v1/policy",
    }
    assert _operations() - _may("OperatePolicy") == destructive


def test_who_configures_may_look_and_change_the_policy_and_nothing_else() -> None:
    assert _may("ConfigurePolicy") - _may("ReadPolicy") == {"PUT/v1/policy"}


def test_destroyers_may_do_everything() -> None:
    assert _may("DestroyPolicy") == _operations()


def test_every_route_but_the_preflight_is_signed() -> None:
    signed = {"x-amazon-apigateway-any-method"}
    with_cors = resolved_template(CorsOrigin="https://ops.example.com")["Resources"]
    for resources, preflight in ((RESOURCES, set()), (with_cors, {"options"})):
        paths = resources["Api"]["Properties"]["DefinitionBody"]["paths"]
        for methods in paths.values():
            assert methods["x-amazon-apigateway-any-method"]["security"] == [{"iam": []}]
        assert set(paths["/"]) == signed
        assert set(paths["/{proxy+}"]) == signed | preflight


# Triggers and failures


@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_sends_what_its_function_reads(kind: str) -> None:
    """T1: a placeholder that nothing replaced counts as absent."""
    schedule = RESOURCES[f"{kind}OnSchedule"]["Properties"]
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": [f"{kind}Function", "Arn"]}
    assert schedule["ScheduleExpression"] == {"Ref": f"{kind}Schedule"}
    given = json.loads(schedule["Target"]["Input"])
    assert given["scheduled_time"] == "<aws.scheduler.scheduled-time>"
    request = read_trigger(given, KINDS[kind])
    assert (request.trigger, request.time) == (TriggerKind.SCHEDULE, None)
    assert schedule["ScheduleExpressionTimezone"] == {"Ref": "ScheduleTimezone"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_schedule_starts_before_the_roles_may_reach_the_projects(kind: str) -> None:
    assert RESOURCES[f"{kind}OnSchedule"]["DependsOn"] == "ProjectsPolicy"


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_on_the_bus_starts_its_function_and_no_other(kind: str) -> None:
    rule = RESOURCES[f"{kind}OnRequest"]["Properties"]
    assert rule["EventPattern"]["detail-type"] == [{"Fn::Sub": f"{KINDS[kind]}.requested"}]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [f"{kind}Function", "Arn"]}
    permission = RESOURCES[f"{kind}OnRequestPermission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": f"{kind}Function"}
    assert permission["SourceArn"] == {"Fn::GetAtt": [f"{kind}OnRequest", "Arn"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_run_is_not_repeated_but_kept(kind: str) -> None:
    config = RESOURCES[f"{kind}OnFailure"]["Properties"]
    assert config["FunctionName"] == {"Ref": f"{kind}Function"}
    assert config["MaximumRetryAttempts"] == 0
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": ["FailuresQueue", "Arn"]
    }


def test_no_function_reserves_concurrency() -> None:
    for name in FUNCTIONS:
        assert "ReservedConcurrentExecutions" not in RESOURCES[name]["Properties"]


@pytest.mark.parametrize("kind", KINDS)
def test_projects_are_worked_off_one_message_at_a_time(kind: str) -> None:
    """Six times the timeout is AWS's advice; a run that is killed comes again within its hour."""
    function = RESOURCES[f"{kind}Function"]["Properties"]
    queue = RESOURCES[f"{kind}Queue"]["Properties"]
    source = RESOURCES[f"{kind}OnQueue"]["Properties"]
    assert source["FunctionName"] == {"Ref": f"{kind}Function"}
    assert source["EventSourceArn"] == {"Fn::GetAtt": [f"{kind}Queue", "Arn"]}
    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "ProjectConcurrency"}}
    assert function["Environment"]["Variables"]["RUN_QUEUE_URL"] == {"Ref": f"{kind}Queue"}
    timeout = TEMPLATE["Globals"]["Function"]["Timeout"]
    assert "Timeout" not in function
    assert 6 * timeout <= queue["VisibilityTimeout"] < TOO_OLD.total_seconds()
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["FailuresQueue", "Arn"]}


def test_a_lease_outlives_its_function_and_ends_before_the_next_tick() -> None:
    timeout = TEMPLATE["Globals"]["Function"]["Timeout"]
    assert timeout < LEASE.total_seconds() < 15 * 60


@pytest.mark.parametrize("queue", ["EventsQueue", "DeliveryQueue"])
def test_a_message_stays_hidden_for_longer_than_notify_lives(queue: str) -> None:
    properties = RESOURCES[queue]["Properties"]
    timeout = RESOURCES["NotifyFunction"]["Properties"]["Timeout"]
    assert properties["VisibilityTimeout"] >= 6 * timeout
    assert "deadLetterTargetArn" in properties["RedrivePolicy"]


def test_notify_reports_each_message_that_failed() -> None:
    for source in RESOURCES["NotifyFunction"]["Properties"]["Events"].values():
        assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_api_answers_before_api_gateway_gives_up() -> None:
    assert RESOURCES["ApiFunction"]["Properties"]["Timeout"] < 29


def test_the_first_request_of_the_api_has_a_whole_processor() -> None:
    """That is what 1,769 MB come with; the api loads our code with its first request."""
    assert RESOURCES["ApiFunction"]["Properties"]["MemorySize"] >= 1769


def test_another_cors_origin_reaches_the_stage() -> None:
    assert RESOURCES["Api"]["Properties"]["AlwaysDeploy"] is True


@pytest.mark.parametrize(("tracing", "mode"), [("false", "PassThrough"), ("true", "Active")])
def test_x_ray_traces_the_api_when_asked_and_then_its_role_may_send(
    tracing: str, mode: str
) -> None:
    resources = resolved_template(ApiTracing=tracing)["Resources"]
    assert resources["ApiFunction"]["Properties"]["Tracing"] == mode
    assert resources["Api"]["Properties"]["TracingEnabled"] is (mode == "Active")
    permissions = json.dumps(resources["ApiPermissions"])
    assert ("xray:PutTraceSegments" in permissions) is (mode == "Active")


@pytest.mark.parametrize(("asked", "of"), [("false", "None"), ("true", "PublishedVersions")])
def test_the_api_starts_from_a_snapshot_when_asked(asked: str, of: str) -> None:
    """A snapshot is one of a version: whatever changes it, the layers too, publishes another."""
    resources = resolved_template(ApiSnapStart=asked)["Resources"]
    api = resources["ApiFunction"]["Properties"]
    assert (api["SnapStart"], api["AutoPublishAliasAllProperties"]) == ({"ApplyOn": of}, True)
    assert api["AutoPublishAlias"] == "live"


def test_api_gateway_calls_the_newest_version_of_the_api() -> None:
    assert RESOURCES["ApiMayInvoke"]["Properties"]["FunctionName"] == {"Ref": ALIAS}
    body = json.dumps(RESOURCES["Api"]["Properties"]["DefinitionBody"])
    assert set(re.findall(r"functions/(\S+?)/invocations", body)) == {f"${{{ALIAS}}}"}


@pytest.mark.parametrize(
    ("function", "settings"),
    [
        ("CreateFunction", ProjectSettings),
        ("PruneFunction", PruneSettings),
        ("AuditFunction", AuditSettings),
        ("RestoreTestFunction", ProjectSettings),
        ("NotifyFunction", NotifySettings),
        ("ApiFunction", ApiSettings),
    ],
)
def test_a_function_is_given_all_that_its_settings_require(
    function: str, settings: type[ProjectSettings | NotifySettings]
) -> None:
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = RESOURCES[function]["Properties"].get("Environment", {}).get("Variables", {})
    known = {name.upper() for name in settings.model_fields}
    required = {
        name.upper() for name, field in settings.model_fields.items() if field.is_required()
    }
    assert required <= set(shared | own)
    assert set(own) <= known


def test_notify_links_to_the_log_of_each_function_that_it_tells_of() -> None:
    groups = RESOURCES["NotifyFunction"]["Properties"]["Environment"]["Variables"]["LOG_GROUPS"]
    named = dict(re.findall(r"(\w+)=\$\{(\w+)\}", groups["Fn::Sub"]))
    assert named == {
        "create": "CreateLogs",
        "prune": "PruneLogs",
        "audit": "AuditLogs",
        "restore_test": "RestoreTestLogs",
        "api": "ApiLogs",
    }
    assert set(named.values()) <= _of_type("AWS::Logs::LogGroup").keys()


# Alarms


def _watched(alarm: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The metric of ours that an alarm watches, and its dimensions besides the stack."""
    assert alarm["Namespace"] == "PineconeBackup"
    dimensions = {item["Name"]: item["Value"] for item in alarm["Dimensions"]}
    assert dimensions.pop("stack") == {"Ref": "AWS::StackName"}
    return alarm["MetricName"], dimensions


@pytest.mark.parametrize("kind", KINDS)
def test_silence_of_a_kind_of_run_is_reported_after_the_first_run_only(kind: str) -> None:
    """Missing data takes an alarm from OK to INSUFFICIENT_DATA, and a new alarm begins there."""
    alarm = RESOURCES[f"{kind}SilentAlarm"]["Properties"]
    assert _watched(alarm) == ("ProjectsFailed", {"kind": str(KINDS[kind])})
    assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("SampleCount", "missing")
    assert alarm["InsufficientDataActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm["EvaluationPeriods"] == {"Ref": f"{kind}SilentHours"}


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_waits_for_runs_while_the_schedules_stand_still(kind: str) -> None:
    assert f"{kind}SilentAlarm" not in resolved_template(SchedulesState="DISABLED")["Resources"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_that_fails_in_two_hours_of_the_window_is_an_alarm(kind: str) -> None:
    alarm = RESOURCES[f"{kind}FailingAlarm"]["Properties"]
    assert _watched(alarm) == ("ProjectsFailed", {"kind": str(KINDS[kind])})
    assert (alarm["Statistic"], alarm["DatapointsToAlarm"]) == ("Maximum", 2)
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("kind", "longest_hours"),
    [
        pytest.param("Create", 0.25, id="rate(15 minutes)"),
        pytest.param("Prune", 6, id="cron(35 3/6 * * ? *)"),
        pytest.param("Audit", 1, id="cron(5 * * * ? *)"),
        pytest.param("RestoreTest", 0.25, id="rate(15 minutes)"),
    ],
)
def test_silence_begins_after_three_intervals_of_the_schedule(
    kind: str, longest_hours: float, request: pytest.FixtureRequest
) -> None:
    assert PARAMETERS[f"{kind}Schedule"]["Default"] in request.node.name
    assert PARAMETERS[f"{kind}SilentHours"]["Default"] >= 3 * longest_hours


def test_an_overdue_index_is_an_alarm_until_an_audit_says_otherwise() -> None:
    alarm = RESOURCES["OverdueAlarm"]["Properties"]
    assert _watched(alarm) == ("FindingsOpen", {"control": "overdue"})
    assert alarm["TreatMissingData"] == "ignore"


def test_events_that_reach_nobody_are_an_alarm() -> None:
    alarm = RESOURCES["NoTargetAlarm"]["Properties"]
    assert _watched(alarm) == ("EventsWithoutTarget", {})
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)


@pytest.mark.parametrize("dashboard", ["false", "true"])
def test_projects_have_metrics_of_their_own_where_the_dashboard_shows_them(dashboard: str) -> None:
    function = resolved_template(Dashboard=dashboard)["Resources"]["AuditFunction"]["Properties"]
    assert function["Environment"]["Variables"]["PROJECT_METRICS"] == {"Ref": "Dashboard"}


def test_every_alarm_names_a_section_of_the_runbooks() -> None:
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    sections = set(re.findall("^## (.*)$", runbooks, re.MULTILINE))
    for name, alarm in _of_type("AWS::CloudWatch::Alarm").items():
        described = alarm["AlarmDescription"]
        text = described["Fn::Sub"] if isinstance(described, dict) else described
        named = re.search(r'See docs/runbooks\.md, "(.*)"\.$', text)
        assert named, name
        assert named[1] in sections, name


def test_every_alarm_reaches_the_topic() -> None:
    for name, alarm in _of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}], name


def test_every_function_has_alarms_for_errors_and_throttles() -> None:
    watched = {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"].get("Ref"))
        for alarm in _of_type("AWS::CloudWatch::Alarm").values()
        if alarm["Namespace"] == "AWS/Lambda"
    }
    assert watched == {(m, name) for m in ("Errors", "Throttles") for name in FUNCTIONS}


def test_whatever_lands_where_messages_end_is_an_alarm() -> None:
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in _of_type("AWS::CloudWatch::Alarm").values()
        if alarm["Namespace"] == "AWS/SQS"
    }
    assert watched == {"FailuresQueue", "EventsDeadLetters", "DeliveryDeadLetters"}


# Parameters


def test_every_parameter_says_what_it_is_for_and_is_asked_in_a_group() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    asked = [name for group in groups for name in group["Parameters"]]
    assert sorted(asked) == sorted(PARAMETERS)
    assert [name for name, parameter in PARAMETERS.items() if not parameter["Description"]] == []


@pytest.mark.parametrize(
    ("parameter", "default"),
    [
        ("PruneMode", "dry_run"),
        ("PineconeUrl", "https://api.pinecone.io"),
        ("LocalClock", "false"),
        ("AwsEndpointUrl", ""),
        ("InsecureWebhookHosts", ""),
        ("CorsOrigin", ""),
        ("ApiTracing", "false"),
        ("ApiSnapStart", "false"),
        ("ExistingTableName", ""),
        ("LinkBase", ""),
        ("HistoryDays", 400),
    ],
)
def test_the_default_of_a_parameter_is_safe(parameter: str, default: str | int) -> None:
    assert PARAMETERS[parameter]["Default"] == default


def test_every_default_satisfies_its_own_constraint() -> None:
    for name, parameter in PARAMETERS.items():
        default = parameter["Default"]
        assert default in parameter.get("AllowedValues", [default]), name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(default)), name


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("PineconeUrl", "http://api.pinecone.io"),
        ("PineconeUrl", "https://api.pinecone.io/path"),
        ("AwsEndpointUrl", "https://example.com"),
        ("CorsOrigin", "*"),
        ("CorsOrigin", "https://a.example'"),
        ("Owner", "two words"),
        ("ProjectName", "Main"),
        ("LinkBase", "http://ops.example.com"),
        ("LinkBase", "https://ops.example.com/?token=x"),
    ],
)
def test_a_value_that_is_not_safe_is_refused(parameter: str, value: str) -> None:
    assert re.search(PARAMETERS[parameter]["AllowedPattern"], value) is None


@pytest.mark.parametrize(
    ("parameter", "safe"), [("LocalClock", "false"), ("InsecureWebhookHosts", "")]
)
def test_a_local_switch_is_refused_where_there_is_no_emulator(parameter: str, safe: str) -> None:
    rule = TEMPLATE["Rules"]["LocalSwitchesStayLocal"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "AwsEndpointUrl"}, ""]}
    asserted = [one["Assert"] for one in rule["Assertions"]]
    assert {"Fn::Equals": [{"Ref": parameter}, safe]} in asserted


@pytest.mark.parametrize("stage", ["default", "staging", "production"])
def test_the_settings_of_a_stage_name_parameters_that_exist(stage: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[stage]
    overrides = settings["deploy"]["parameters"].get("parameter_overrides", [])
    for override in overrides:
        name, value = override.split("=", 1)
        allowed = PARAMETERS[name].get("AllowedValues", [value])
        assert value in map(str, allowed)
    assert settings["global"]["parameters"]["stack_name"].startswith("pinecone-backup")


# What is built


def test_every_layer_and_function_of_the_template_is_built() -> None:
    built = {**LAYERS, **FUNCTIONS}
    described = {
        name: properties.get("ContentUri") or properties.get("CodeUri")
        for kind in ("AWS::Serverless::LayerVersion", "AWS::Serverless::Function")
        for name, properties in _of_type(kind).items()
    }
    assert described == {name: folder.as_posix() for name, folder in built.items()}


def test_layers_and_functions_are_made_for_one_architecture() -> None:
    asked = {"Ref": "Architecture"}
    assert TEMPLATE["Globals"]["Function"]["Architectures"] == [asked]
    for name in LAYERS:
        assert RESOURCES[name]["Metadata"]["BuildArchitecture"] == asked
        assert RESOURCES[name]["Properties"]["CompatibleArchitectures"] == [asked]
