"""From a stack's name to its API: the region, the credentials, the address, the signature."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.session import Session as AwsSession

from pinecone_backup_cli.client import HttpApi
from pinecone_backup_cli.errors import CliError, Exit

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from botocore.credentials import Credentials
    from mypy_boto3_cloudformation import CloudFormationClient

SERVICE = "execute-api"
_REGION = re.compile(r"\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Target:
    """The deployment that is meant.

    Attributes:
        stack: The CloudFormation stack's name.
        region: Its region; None is the profile's. A URL that names a region wins.
        profile: Of the AWS configuration; None is the environment's.
        url: The API's, which makes the stack's name needless.
    """

    stack: str
    region: str | None = None
    profile: str | None = None
    url: str | None = None


def connect(target: Target) -> HttpApi:
    """The API of a deployment.

    Raises:
        CliError: There are no credentials, no region, no such stack, or no way to it.
    """
    with _explained(target):
        aws = AwsSession(profile=target.profile)
        region = _region_of(target.url) or target.region or aws.get_config_variable("region")
        if not region:
            raise CliError(
                "No region is given",
                exit=Exit.UNREACHABLE,
                next_step="Give --region, or set AWS_REGION or the profile's region.",
            )
        credentials = aws.get_credentials()
        if credentials is None:
            raise CliError(
                "No AWS credentials were found",
                exit=Exit.UNREACHABLE,
                next_step="Give --profile, or set AWS_PROFILE; `aws configure sso` makes one.",
            )
        url = target.url or _find_url(aws, target.stack, region)
    return HttpApi(_safe(url), SignatureV4(credentials, region, target))


class SignatureV4(httpx.Auth):
    """Signs each request; credentials that run out are renewed in between.

    Attributes:
        region: Whose signature it is.
    """

    requires_request_body = True

    def __init__(self, credentials: Credentials, region: str, target: Target) -> None:
        """``target`` is named when renewing fails."""
        self._credentials = credentials
        self.region = region
        self._target = target

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Sign what is about to be sent, exactly as it is sent."""
        signed = AWSRequest(request.method, str(request.url), data=request.content)
        with _explained(self._target):
            credentials = self._credentials.get_frozen_credentials()
        SigV4Auth(credentials, SERVICE, self.region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


def _find_url(aws: AwsSession, stack: str, region: str) -> str:
    client = aws.create_client("cloudformation", region_name=region)
    cloudformation = cast("CloudFormationClient", client)
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())}
    if "ApiUrl" not in outputs:
        raise CliError(
            f"Stack {stack} in {region} has no output ApiUrl: it is none of Pinecone Backup, or "
            f"not deployed yet ({described['StackStatus']})",
            exit=Exit.UNREACHABLE,
            next_step="Give --stack or PINECONE_BACKUP_STACK.",
        )
    return str(outputs["ApiUrl"])


def _region_of(url: str | None) -> str | None:
    found = _REGION.search(urlsplit(url or "").hostname or "")
    return found[1] if found else None


def _safe(url: str) -> str:
    """The URL, unless a session token would travel in the clear."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise CliError(
        f"{url} is no https URL",
        exit=Exit.USAGE,
        next_step="Give --url as the stack's output ApiUrl has it.",
    )


@contextmanager
def _explained(target: Target) -> Iterator[None]:
    """What botocore raises, as people can act on it."""
    profile = f" --profile {target.profile}" if target.profile else ""
    login = (
        f"`aws sso login{profile}` signs in again; `aws sts get-caller-identity{profile}` tests."
    )
    try:
        yield
    except ProfileNotFound as error:
        raise _cannot(error, "`aws configure list-profiles` lists those that exist.") from error
    except (SSOError, TokenRetrievalError, CredentialRetrievalError) as error:
        raise _cannot(error, login) from error
    except ClientError as error:
        details = error.response.get("Error", {})
        if details.get("Code") == "ValidationError" and "does not exist" in details["Message"]:
            where = target.region or "this region"
            message = f"There is no stack {target.stack} in {where}"
            raise CliError(
                message,
                exit=Exit.UNREACHABLE,
                next_step="Give --stack and --region, or PINECONE_BACKUP_STACK and AWS_REGION.",
            ) from error
        raise _cannot(
            error, "May these credentials call it? --url spares cloudformation:DescribeStacks."
        ) from error
    except BotoCoreError as error:
        raise _cannot(error, login) from error


def _cannot(error: Exception, next_step: str) -> CliError:
    return CliError(str(error), exit=Exit.UNREACHABLE, next_step=next_step)
