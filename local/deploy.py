"""Deploy the real ``template.yaml`` into the emulator, as ``sam deploy`` would into an account.

The artifacts go to a bucket, the template's paths become their addresses there, CloudFormation
does the rest. Nothing else of the template is touched; see ``local.emulator`` for what differs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from botocore.exceptions import ClientError, WaiterError

from local.build import ROOT, build, host_architecture
from local.emulator import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, WaiterConfigTypeDef

    from local.build import Artifact
    from local.emulator import Emulator

ARTIFACT_BUCKET = "sam-artifacts"
_METHODS = ("get", "head", "post", "put", "patch", "delete")

type Json = dict[str, Any]  # a template is free-form JSON


class DeploymentFailed(RuntimeError):
    """CloudFormation gave up; the message names each resource that failed, and why."""


def deploy(
    emulator: Emulator,
    stack_name: str,
    parameters: Mapping[str, str] | None = None,
    *,
    template: Path = ROOT / "template.yaml",
    functions: Path | None = None,
) -> dict[str, str]:
    """Create the stack, or update it, and wait for the end.

    Args:
        emulator: Where to.
        stack_name: The stack; two names are two deployments side by side.
        parameters: Of the template. ``Architecture`` and ``AwsEndpointUrl`` are set for this
            machine unless given here.
        template: Another template than the product's.
        functions: Another folder of functions than the product's.

    Returns:
        The stack's outputs, with ``ApiUrl`` as the emulator serves it.

    Raises:
        DeploymentFailed: When the stack did not get there.
    """
    given = {"Architecture": host_architecture(), "AwsEndpointUrl": emulator.url}
    given |= parameters or {}
    artifacts = build(given["Architecture"], functions=functions)
    body = packaged(template, _uploaded(emulator, artifacts))
    _upload_nested(emulator, body, template.parent)
    client = emulator.session().client("cloudformation")
    _apply(emulator, client, stack_name, body, given)
    outputs = _outputs(emulator, client, stack_name)
    if emulator.auth:
        # It enforces the rule that lets nobody reach the bucket over plain http, its only way.
        emulator.session().client("s3").delete_bucket_policy(Bucket=outputs["BucketName"])
    return outputs


def delete(emulator: Emulator, stack_name: str) -> None:
    """Delete the stack; table, bucket and secrets stay, as they would in an account."""
    client = emulator.session().client("cloudformation")
    client.delete_stack(StackName=stack_name)
    client.get_waiter("stack_delete_complete").wait(
        StackName=stack_name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def packaged(template: Path, addresses: Mapping[str, tuple[str, str]]) -> Json:
    """The template with each local path replaced by the bucket and key of what was built.

    The emulator does not know ``x-amazon-apigateway-any-method``: it gets each method by name.

    Args:
        template: A SAM template.
        addresses: Bucket and key by logical id.
    """
    document = load_template(template)
    for name, (bucket, key) in addresses.items():
        properties = document["Resources"][name]["Properties"]
        if "ContentUri" in properties:
            properties["ContentUri"] = {"Bucket": bucket, "Key": key}
        else:
            properties["CodeUri"] = {"Bucket": bucket, "Key": key}
    for path in document["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"].values():
        path.update(dict.fromkeys(_METHODS, path.pop("x-amazon-apigateway-any-method")))
    return document


def load_template(template: Path) -> Json:
    """Read a template, with the short forms (``!Ref x``) written out (``{"Ref": "x"}``)."""
    loaded = yaml.load(template.read_text(), Loader=_TemplateLoader)  # noqa: S506 - a SafeLoader
    if not isinstance(loaded, dict):
        raise TypeError(f"{template} is not a template")
    return loaded


class _TemplateLoader(yaml.SafeLoader):
    """YAML as CloudFormation reads it."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Json:
    value: object
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise yaml.YAMLError(f"!{suffix} at {node.start_mark} holds nothing")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_TemplateLoader.add_multi_constructor("!", _long_form)


def _uploaded(emulator: Emulator, artifacts: Mapping[str, Artifact]) -> dict[str, tuple[str, str]]:
    """Put each archive under its digest, so that only a changed one is a change of the stack."""
    s3 = emulator.session().client("s3")
    if ARTIFACT_BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(
            Bucket=ARTIFACT_BUCKET,
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
    stored = {
        entry["Key"] for entry in s3.list_objects_v2(Bucket=ARTIFACT_BUCKET).get("Contents", [])
    }
    addresses = {}
    for name, artifact in artifacts.items():
        key = f"{name}/{artifact.digest}.zip"
        if key not in stored:
            s3.put_object(Bucket=ARTIFACT_BUCKET, Key=key, Body=artifact.archive.read_bytes())
        addresses[name] = (ARTIFACT_BUCKET, key)
    return addresses


def _upload_nested(emulator: Emulator, body: Json, folder: Path) -> None:
    """Put the templates of nested stacks where CloudFormation reads them."""
    s3 = emulator.session().client("s3")
    for resource in body["Resources"].values():
        if isinstance(resource, dict) and resource["Type"] == "AWS::CloudFormation::Stack":
            key = resource["Properties"]["TemplateURL"]
            s3.put_object(Bucket=ARTIFACT_BUCKET, Key=key, Body=(folder / key).read_bytes())
            resource["Properties"]["TemplateURL"] = f"{emulator.url}/{ARTIFACT_BUCKET}/{key}"


def _apply(
    emulator: Emulator,
    client: CloudFormationClient,
    stack_name: str,
    body: Json,
    parameters: Mapping[str, str],
) -> None:
    key = f"{stack_name}/template.json"
    emulator.session().client("s3").put_object(
        Bucket=ARTIFACT_BUCKET, Key=key, Body=json.dumps(body).encode()
    )
    url = f"{emulator.url}/{ARTIFACT_BUCKET}/{key}"
    values: list[ParameterTypeDef] = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
    ]
    exists = _exists(client, stack_name)
    try:
        (client.update_stack if exists else client.create_stack)(
            StackName=stack_name,
            TemplateURL=url,
            Parameters=values,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        _wait(client, stack_name, updating=exists)
    except WaiterError:
        raise DeploymentFailed(_reasons(client, stack_name)) from None
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise


def _exists(client: CloudFormationClient, stack_name: str) -> bool:
    return any(
        stack["StackName"] == stack_name and stack["StackStatus"] != "DELETE_COMPLETE"
        for stack in client.describe_stacks()["Stacks"]
    )


def _wait(client: CloudFormationClient, stack_name: str, *, updating: bool) -> None:
    patience: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 120}
    if updating:
        client.get_waiter("stack_update_complete").wait(StackName=stack_name, WaiterConfig=patience)
    else:
        client.get_waiter("stack_create_complete").wait(StackName=stack_name, WaiterConfig=patience)


def _outputs(emulator: Emulator, client: CloudFormationClient, stack_name: str) -> dict[str, str]:
    stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    outputs["ApiUrl"] = f"{emulator.url}/restapis/{outputs['ApiId']}/live/_user_request_"
    return outputs


def _reasons(client: CloudFormationClient, stack_name: str) -> str:
    events = client.describe_stack_events(StackName=stack_name)["StackEvents"]
    failed = [
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
    ]
    return "\n".join([f"The stack {stack_name} could not be deployed:", *failed])
