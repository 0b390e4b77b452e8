"""Our S3 bucket: the versioned policy document, plans and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.errors import PolicyMissing, StoreUnavailable, SubjectUnknown
from pinecone_backup.rules.policy import PolicyDocument, parse_policy

if TYPE_CHECKING:
    from datetime import timedelta

    from mypy_boto3_s3 import S3Client

_ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}


class BucketObjects:
    """The ``ObjectStore`` over one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object.

        Raises:
            StoreUnavailable: S3 did not take it.
        """
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type
            )
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(self._bucket, key, error) from error

    def get(self, key: str) -> bytes:
        """Read an object whole.

        Raises:
            SubjectUnknown: There is no such object.
            StoreUnavailable: S3 did not answer, or refused.
        """
        return _read(self._client, self._bucket, key, None)[0]

    def link(self, key: str, *, expires_in: timedelta) -> str:
        """A presigned GET link."""
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=int(expires_in.total_seconds()),
        )


class BucketPolicyStore:
    """The ``PolicyStore`` over one versioned object."""

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key

    def load(self) -> tuple[PolicyDocument, str]:
        """The current document and its version.

        Raises:
            PolicyMissing: No document has been stored yet.
            PolicyInvalid: It does not validate.
            StoreUnavailable: S3 did not answer, or refused.
        """
        try:
            body, policy_version = _read(self._client, self._bucket, self._key, None)
        except SubjectUnknown:
            raise PolicyMissing(
                "No policy has been stored yet, so nothing is created and nothing is deleted",
                next_step=f"Store one: aws s3 cp policy.json s3://{self._bucket}/{self._key}",
            ) from None
        return parse_policy(body, policy_version=policy_version), policy_version

    def load_version(self, policy_version: str) -> PolicyDocument:
        """An earlier version of the document.

        Raises:
            SubjectUnknown: There is no such version (any more).
            PolicyInvalid: It does not validate by today's rules.
            StoreUnavailable: S3 did not answer, or refused.
        """
        body, _ = _read(self._client, self._bucket, self._key, policy_version)
        return parse_policy(body, policy_version=policy_version)


def _read(client: S3Client, bucket: str, key: str, version: str | None) -> tuple[bytes, str]:
    try:
        if version is None:
            answer = client.get_object(Bucket=bucket, Key=key)
        else:
            answer = client.get_object(Bucket=bucket, Key=key, VersionId=version)
        return answer["Body"].read(), answer.get("VersionId", "")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            raise SubjectUnknown(
                f"There is no object {key!r} in the bucket" + (f" at {version}" if version else "")
            ) from None
        raise _unavailable(bucket, key, error) from error
    except BotoCoreError as error:
        raise _unavailable(bucket, key, error) from error


def _unavailable(bucket: str, key: str, error: ClientError | BotoCoreError) -> StoreUnavailable:
    reason = type(error).__name__
    if isinstance(error, ClientError):
        reason = error.response.get("Error", {}).get("Code", "unknown")
    return StoreUnavailable(
        f"The bucket {bucket!r} did not do what was asked with {key!r}: {reason}",
        next_step="Check the bucket, the function's role and S3's service health.",
    )
