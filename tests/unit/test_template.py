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
from pinecone_backup.settings import ApiSettings, NotifySettings, ProjectSettings, PruneSettings
from pinecone_backup.triggers import read_trigger
from tests.support.template import unrolled_template

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = unrolled_template()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
KINDS = ("Create", "Prune", "Audit")


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
    shared = [arn["Ref"] for arn in properties.get("ManagedPolicyArns", [])]
    for policy in [*properties["Policies"], *(RESOURCES[name]["Properties"] for name in shared)]:
        yield from policy["PolicyDocument"]["Statement"]


ROLES = sorted(_of_type("AWS::IAM::Role"))
QUEUES = sorted(_of_type("AWS::SQS::Queue"))


# What must survive the stack


@pytest.mark.parametrize(
    "name", ["Table", "Bucket", "BucketPolicy", "ProjectSecret", "TargetsSecret"]
)
def test_what_holds_state_survives_deletion_and_replacement(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


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
    assert not [rule for rule in rules if "Expiration" in rule or "ExpirationInDays" in rule]


def test_no_secret_has_a_value_in_the_template() -> None:
    for secret in _of_type("AWS::SecretsManager::Secret").values():
        assert not {"SecretString", "GenerateSecretString"} & set(secret)


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_encrypted(name: str) -> None:
    assert RESOURCES[name]["Properties"]["SqsManagedSseEnabled"] is True


def test_every_log_group_forgets_after_the_days_asked_for() -> None:
    groups = _of_type("AWS::Logs::LogGroup")
    assert {group["RetentionInDays"]["Ref"] for group in groups.values()} == {"LogRetentionDays"}
    assert {f"{name.removesuffix('Function')}Logs" for name in FUNCTIONS} <= set(groups)


def test_every_fixed_name_begins_with_the_name_of_the_stack() -> None:
    keys = (
        "Name",
        "TableName",
        "BucketName",
        "QueueName",
        "FunctionName",
        "LogGroupName",
        "RoleName",
    )
    fixed = [
        json.dumps(resource["Properties"][key])
        for resource in RESOURCES.values()
        for key in keys
        if key in resource["Properties"] and resource["Type"] != "AWS::Lambda::Permission"
    ]
    assert fixed
    assert [name for name in fixed if "AWS::StackName" not in name] == []


# Permissions


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_every_action_and_every_resource(role: str) -> None:
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
    for role in ("CreateRole", "PruneRole", "AuditRole", "ApiRole"):
        assert secrets(role) == ["${AWS::StackName}/projects/*"]


def test_no_role_can_write_the_policy_or_delete_an_object() -> None:
    for role in ROLES:
        for statement in _statements(role):
            actions = _list(statement["Action"])
            assert "s3:DeleteObject" not in actions
            if "s3:PutObject" in actions:
                assert "policy" not in json.dumps(statement["Resource"])


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


def test_readers_may_look_at_everything_and_do_nothing() -> None:
    assert _may("ReadPolicy") == {call for call in _operations() if call.startswith("GET/")}


def test_operators_may_do_all_but_what_deletes_or_lets_be_deleted() -> None:
    destructive = {
        "DELETE/v1/projects/word/backup-schedules/word",
        "DELETE/v1/projects/word/backups/word",
        "POST/v1/projects/word/backup-schedules/word/shorten-retention",
        "POST/v1/projects/word/holds/word/release",
        "POST/v1/projects/word/plans/word/approve",
        "POST/v1/projects/word/plans/word/execute",
        "POST/v1/projects/word/suspects/word/accept",
    }
    assert _operations() - _may("OperatePolicy") == destructive


def test_destroyers_may_do_everything() -> None:
    assert _may("DestroyPolicy") == _operations()


def test_every_route_but_the_preflight_is_signed() -> None:
    body = RESOURCES["Api"]["Properties"]["DefinitionBody"]
    for path, methods in body["paths"].items():
        assert methods["x-amazon-apigateway-any-method"]["security"] == [{"iam": []}], path
        assert set(methods) - {"x-amazon-apigateway-any-method"} <= {"options"}
    assert body["paths"]["/{proxy+}"]["options"]["Fn::If"][0] == "CorsOn"


# Triggers and failures


@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_sends_what_its_function_reads(kind: str) -> None:
    """T1: a placeholder that nothing replaced counts as absent."""
    schedule = RESOURCES[f"{kind}Function"]["Properties"]["Events"]["OnSchedule"]["Properties"]
    given = json.loads(schedule["Input"])
    assert given["scheduled_time"] == "<aws.scheduler.scheduled-time>"
    request = read_trigger(given, RunKind(kind.lower()))
    assert (request.trigger, request.time) == (TriggerKind.SCHEDULE, None)
    assert schedule["OmitName"] is True
    assert schedule["ScheduleExpressionTimezone"] == {"Ref": "ScheduleTimezone"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_run_is_not_repeated_but_kept(kind: str) -> None:
    config = RESOURCES[f"{kind}Function"]["Properties"]["EventInvokeConfig"]
    assert config["MaximumRetryAttempts"] == 0
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": ["FailuresQueue", "Arn"]
    }


def test_no_function_reserves_concurrency() -> None:
    for name in FUNCTIONS:
        assert "ReservedConcurrentExecutions" not in RESOURCES[name]["Properties"]


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
    assert RESOURCES["ApiFunction"]["Properties"]["Timeout"] <= 29


@pytest.mark.parametrize(
    ("function", "settings"),
    [
        ("CreateFunction", ProjectSettings),
        ("PruneFunction", PruneSettings),
        ("AuditFunction", ProjectSettings),
        ("NotifyFunction", NotifySettings),
        ("ApiFunction", ApiSettings),
    ],
)
def test_a_function_is_told_all_that_its_settings_require(
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


# Alarms


def _alarm(metric: str, **dimensions: str) -> dict[str, Any]:
    wanted = {"stack": {"Ref": "AWS::StackName"}, **dimensions}
    (found,) = [
        alarm
        for alarm in _of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == metric
        and {item["Name"]: item["Value"] for item in alarm["Dimensions"]} == wanted
    ]
    assert found["Namespace"] == "PineconeBackup"
    return found


@pytest.mark.parametrize("kind", ["create", "audit"])
def test_silence_of_a_run_is_an_alarm(kind: str) -> None:
    alarm = _alarm("RunSucceeded", kind=kind)
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)


def test_an_overdue_index_is_an_alarm_until_an_audit_says_otherwise() -> None:
    assert _alarm("FindingsOpen", control="overdue")["TreatMissingData"] == "ignore"


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
    ],
)
def test_the_default_of_a_parameter_is_safe(parameter: str, default: str) -> None:
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
    ],
)
def test_a_value_that_is_not_safe_is_refused(parameter: str, value: str) -> None:
    assert re.search(PARAMETERS[parameter]["AllowedPattern"], value) is None


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
