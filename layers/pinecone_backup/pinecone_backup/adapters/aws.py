"""AWS clients: one per service and process, built when first asked for.

Region, credentials and (in the local stack) the endpoint come from where botocore always looks.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.exceptions import BotoCoreError
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sqs.client import SQSClient

    type Client = (
        CloudWatchClient
        | DynamoDBClient
        | EventBridgeClient
        | S3Client
        | SecretsManagerClient
        | SQSClient
        | Kms
    )

Service = Literal["cloudwatch", "dynamodb", "events", "s3", "secretsmanager", "sqs", "kms"]

for _chatty in ("botocore", "urllib3"):  # at DEBUG they log answers, secrets among them
    logging.getLogger(_chatty).setLevel(logging.WARNING)

_LOCK = Lock()


class Kms(Protocol):
    """What we use of KMS; boto3's client is one."""

    def sign(self, **request: str | bytes) -> Mapping[str, Any]:
        """Sign a message."""
        ...


@overload
def client(service: Literal["cloudwatch"]) -> CloudWatchClient: ...
@overload
def client(service: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service: Literal["events"]) -> EventBridgeClient: ...
@overload
def client(service: Literal["kms"]) -> Kms: ...
@overload
def client(service: Literal["s3"]) -> S3Client: ...
@overload
def client(service: Literal["secretsmanager"]) -> SecretsManagerClient: ...
@overload
def client(service: Literal["sqs"]) -> SQSClient: ...
def client(service: Service) -> Client:
    """The process's client of an AWS service; safe to call and to share between threads.

    At most four tries of 3 s to connect and 10 s to read each, with botocore's backoff.
    """
    with _LOCK:  # creating a client is not thread-safe, using one is
        return _build(service)


def forget_clients() -> None:
    """Build every client anew from now on (a test changed the endpoint or the credentials)."""
    with _LOCK:
        _build.cache_clear()


def error_code(error: ClientError | BotoCoreError) -> str:
    """What AWS calls an error; of a call without an answer, the kind of failure."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "unknown")
    return type(error).__name__


@cache
def _build(service: Service) -> Client:
    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=20,
        signature_version="s3v4" if service == "s3" else None,  # presigned links of encrypted data
        # The region's own host: a redirect would break a link. An emulator's host has no buckets.
        s3={"addressing_style": "path" if os.environ.get("AWS_ENDPOINT_URL") else "virtual"},
    )
    return boto3.session.Session().client(service, config=config)
