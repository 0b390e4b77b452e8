"""``make deploy-ci``: the real SAM CLI builds and deploys, without a person."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from local.build import ROOT, host_architecture

if TYPE_CHECKING:
    from local.emulator import Emulator

pytestmark = pytest.mark.emulator


def test_a_stage_is_deployed_without_a_question_and_its_outputs_are_json(
    emulator: Emulator,
) -> None:
    settings = (ROOT / "samconfig.toml").read_text()
    inherited = ("AWS_", "MAKE", "MFLAGS", "SAM_")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(inherited)
    }
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "deploy-ci",
            "STAGE=staging",
            f"ARCH={host_architecture()}",
            f"PARAMS=AwsEndpointUrl={emulator.url} SchedulesState=DISABLED Dashboard=true",
            "TAGS=team=search",
        ],
        cwd=ROOT,
        env=environment
        | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": emulator.url,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outputs = json.loads(done.stdout)
    assert outputs["BusName"] == "pinecone-backup-staging"
    described = (
        emulator.session()
        .client("cloudformation")
        .describe_stacks(StackName="pinecone-backup-staging")
    )
    (stack,) = described["Stacks"]
    values = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    assert (values["LogRetentionDays"], values["SchedulesState"]) == ("30", "DISABLED")
    assert values["Architecture"] == host_architecture()
    assert stack["Tags"] == [{"Key": "team", "Value": "search"}]
    assert (ROOT / "samconfig.toml").read_text() == settings
