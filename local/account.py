"""``make deploy`` and ``make deploy-ci``: into an AWS account with the SAM CLI.

The first asks for what accounts differ in, and before it changes anything; the second asks nothing
and prints the stack's outputs as JSON. Both take a stage's settings from ``samconfig.toml``, which
they never write, and leave a parameter that nobody names at what the stack has.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from local.build import ARCHITECTURES, ROOT
from local.deploy import load_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ASKED = ("ProjectName", "AlarmEmail", "ScheduleTimezone", "PruneMode")
"""The parameters that accounts differ in."""

type Json = dict[str, Any]


def stage_settings(stage: str) -> tuple[str, dict[str, str]]:
    """The stack's name and the parameters of a stage of ``samconfig.toml``.

    Raises:
        KeyError: There is no such stage.
    """
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[stage]
    overrides = settings["deploy"]["parameters"].get("parameter_overrides", [])
    return settings["global"]["parameters"]["stack_name"], pairs(overrides)


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """``name=value`` texts as a mapping.

    Raises:
        ValueError: One has no ``=``.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is not of the form name=value")
        found[name] = value
    return found


def command(
    stage: str, parameters: Mapping[str, str], tags: Mapping[str, str], *, confirm: bool
) -> list[str]:
    """The call of the SAM CLI.

    Args:
        stage: A section of ``samconfig.toml``.
        parameters: All that are to be set; the others stay as they are.
        tags: Of the stack, and so of everything in it that takes tags.
        confirm: Whether the SAM CLI shows the changes and asks.
    """
    call = [str(ROOT / ".venv-sam" / "bin" / "sam"), "deploy", "--config-env", stage]
    call += ["--confirm-changeset"] if confirm else ["--no-confirm-changeset"]
    # A first deployment that fails leaves no stack behind that would refuse the next one.
    call += ["--no-fail-on-empty-changeset", "--on-failure", "DELETE"]
    call += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    if tags:
        call += ["--tags", *(f"{name}={value}" for name, value in tags.items())]
    return call


def ask(current: Mapping[str, str], read: Callable[[str], str] = input) -> dict[str, str]:
    """Ask a person for the parameters that accounts differ in.

    Args:
        current: What an empty answer means, by parameter.
        read: Shows a prompt and returns the answer.
    """
    described = load_template(ROOT / "template.yaml")["Parameters"]
    answers = {}
    for name in ASKED:
        default = current.get(name, str(described[name]["Default"]))
        choices = described[name].get("AllowedValues")
        print(f"\n{described[name]['Description']}", file=sys.stderr)
        hint = f" ({', '.join(choices)})" if choices else ""
        answers[name] = read(f"{name}{hint} [{default}]: ").strip() or default
    return answers


def _stack(name: str) -> Json | None:
    try:
        stacks = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return dict(stacks[0])


def main() -> int:
    """Deploy; the exit status is the SAM CLI's."""
    parser = argparse.ArgumentParser(prog="python -m local.account", description=__doc__)
    parser.add_argument("how", choices=("guided", "ci"))
    parser.add_argument("--stage", default="default")
    parser.add_argument("--arch", choices=ARCHITECTURES, default="arm64")
    parser.add_argument("--parameters", default="", help='"Name=value Other=value"')
    parser.add_argument("--tags", default="", help='"name=value other=value"')
    given = parser.parse_args()
    stack_name, parameters = stage_settings(given.stage)
    guided = given.how == "guided"
    if guided:
        stack = _stack(stack_name) or {}
        deployed = {
            one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])
        }
        parameters |= ask(parameters | deployed)
    parameters |= pairs(shlex.split(given.parameters)) | {"Architecture": given.arch}
    call = command(given.stage, parameters, pairs(shlex.split(given.tags)), confirm=guided)
    status = subprocess.run(
        call,
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0"},
        stdout=sys.stderr,  # standard output is for the outputs
        check=False,
    ).returncode
    if status == 0 and (done := _stack(stack_name)):
        outputs = {one["OutputKey"]: one["OutputValue"] for one in done.get("Outputs", [])}
        print(json.dumps(outputs, indent=2))
    return status


if __name__ == "__main__":
    sys.exit(main())
