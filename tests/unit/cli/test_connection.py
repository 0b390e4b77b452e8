"""From a stack's name to its API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from pinecone_backup_cli.connection import SignatureV4, Target, connect
from pinecone_backup_cli.errors import CliError, Exit
from tests.support.command_line import REGION, CommandLine, problem, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "https://abcde12345.execute-api.eu-west-1.amazonaws.com/live"


@pytest.fixture
def cloudformation() -> Iterator[None]:
    """An account with one stack of ours and one of somebody else's."""
    nothing = {"Type": "AWS::SQS::Queue"}
    with mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
        client = boto3.client("cloudformation", region_name=REGION)
        for name, outputs in {"ours": {"ApiUrl": {"Value": URL}}, "theirs": {}}.items():
            body = {"Resources": {"Nothing": nothing}, "Outputs": outputs}
            client.create_stack(StackName=name, TemplateBody=json.dumps(body))
        yield


@pytest.mark.usefixtures("cloudformation")
def test_a_stack_is_found_by_its_name() -> None:
    api = connect(Target(stack="ours", region=REGION))
    assert api.url == URL
    api.close()


@pytest.mark.usefixtures("cloudformation")
@pytest.mark.parametrize(
    ("stack", "said"), [("none", "There is no stack none"), ("theirs", "has no output ApiUrl")]
)
def test_a_stack_that_is_not_ours_ends_with_what_to_give(stack: str, said: str) -> None:
    with pytest.raises(CliError, match=said) as raised:
        connect(Target(stack=stack, region=REGION))
    assert raised.value.exit is Exit.UNREACHABLE
    assert "PINECONE_BACKUP_STACK" in raised.value.next_step


def test_the_region_of_a_url_signs_whatever_the_environment_says() -> None:
    api = connect(Target(stack="", region="us-east-1", url=URL))
    assert isinstance(api.auth, SignatureV4)
    assert api.auth.region == "eu-west-1"
    api.close()


def test_the_profile_gives_region_and_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text("[profile ops]\nregion = eu-north-1\n")
    (tmp_path / "credentials").write_text(
        "[ops]\naws_access_key_id = AKIDOPS\naws_secret_access_key = s\n"
    )
    with scripted(problem("not-found", 404)) as server:
        api = connect(Target(stack="", profile="ops", url=server.url))
        with pytest.raises(CliError):
            api.health()
        api.close()
    assert "Credential=AKIDOPS/" in server.requests[0].headers["authorization"]
    assert "/eu-north-1/execute-api/" in server.requests[0].headers["authorization"]


def test_without_credentials_nothing_is_asked(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with scripted(problem("not-found", 404)) as server:
        said = run("health", "--url", server.url)
    assert (said.code, server.requests) == (Exit.UNREACHABLE, [])
    assert "No AWS credentials were found" in said.err
    assert "--profile" in said.err


def test_without_a_region_the_command_says_how_to_give_one(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    said = run("health")
    assert said.code == Exit.UNREACHABLE
    assert "--region" in said.err


def test_a_profile_that_does_not_exist_is_named(run: CommandLine) -> None:
    said = run("health", "--profile", "nobody")
    assert said.code == Exit.UNREACHABLE
    assert "nobody" in said.err
    assert "aws configure list-profiles" in said.err


@pytest.mark.parametrize("url", ["http://example.com/live", "ftp://127.0.0.1/live", "live"])
def test_no_token_travels_in_the_clear(run: CommandLine, url: str) -> None:
    said = run("health", "--url", url)
    assert said.code == Exit.USAGE
    assert "no https URL" in said.err


def test_an_sso_session_that_is_over_names_the_command_that_signs_in(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text(
        "[profile ops]\nregion = eu-north-1\nsso_start_url = https://example.awsapps.com/start\n"
        "sso_region = eu-north-1\nsso_account_id = 123456789012\nsso_role_name = Operator\n"
    )
    with scripted(problem("not-found", 404)) as server:
        said = run("health", "--profile", "ops", "--url", server.url)
    assert (said.code, server.requests) == (Exit.UNREACHABLE, [])
    assert "aws sso login --profile ops" in said.err
