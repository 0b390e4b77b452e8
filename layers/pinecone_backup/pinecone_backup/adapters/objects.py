"""Our S3 bucket: the versioned policy document, plans, reports and evidence."""

from __future__ import annotations

import logging
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.adapters.aws import error_code
from pinecone_backup.errors import (
    PolicyConflict,
    PolicyMissing,
    StoreUnavailable,
    SubjectUnknown,
)
from pinecone_backup.ports import PolicyVersion
from pinecone_backup.rules.policy import PolicyDocument, parse_policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from mypy_boto3_s3 import S3Client

    from pinecone_backup.adapters.aws import Kms

_LOG = logging.getLogger(__name__)
_ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}
_OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409"}
_CHANGE = "change"
"""The metadata of a version that name the change of ours by which it was stored."""


class _Condition(TypedDict, total=False):
    IfMatch: str
    IfNoneMatch: str


class _Lock(TypedDict, total=False):
    ObjectLockMode: Literal["GOVERNANCE"]
    ObjectLockRetainUntilDate: datetime


class _Version(TypedDict, total=False):
    VersionId: str


@dataclass(frozen=True, slots=True)
class _Stored:
    """What S3 says of a version; all of it empty where there is none."""

    policy_version: str
    etag: str
    change_id: str


class _Bucket:
    """The objects of one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, key: str) -> bytes:
        """Read an object whole.

        Raises:
            SubjectUnknown: There is no such object.
            StoreUnavailable: S3 did not answer, or refused.
        """
        return _read(self._client, self._bucket, key, None)[0]


class BucketObjects(_Bucket):
    """The ``ObjectStore`` over one bucket."""

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

    def link(self, key: str, *, expires_in: timedelta) -> str:
        """A presigned GET link."""
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=int(expires_in.total_seconds()),
        )


class BucketEvidence(_Bucket):
    """The ``EvidenceStore`` over a prefix of a bucket and, where there is one, a key that signs.

    Args:
        client: S3.
        bucket: The bucket.
        lock: For how long nobody but an administrator can delete an object; None: no lock.
        kms: KMS, with ``key_arn``, an asymmetric key for ECDSA_SHA_256; None: nothing is signed.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        *,
        lock: timedelta | None = None,
        kms: Kms | None = None,
        key_arn: str = "",
    ) -> None:
        super().__init__(client, bucket)
        self._lock = lock
        self._kms = kms
        self._key_arn = key_arn

    def create(self, key: str, body: bytes) -> bool:
        """Write an object where none stands; False where one does.

        Raises:
            StoreUnavailable: S3 did not take it.
        """
        lock: _Lock = {}
        if self._lock is not None:
            until = datetime.now(UTC) + self._lock
            lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType="application/jsonl",
                IfNoneMatch="*",
                **lock,
            )
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in _OVERTAKEN:
                return False
            raise _unavailable(self._bucket, key, error) from error
        return True

    def sign(self, text: bytes) -> str:
        """A signature in base64; empty without a key.

        Without an answer of KMS too: the next signature stands for everything before it.
        """
        if self._kms is None:
            return ""
        try:
            answer = self._kms.sign(
                KeyId=self._key_arn,
                Message=text,
                MessageType="RAW",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        except (ClientError, BotoCoreError) as error:
            _LOG.warning("evidence is not signed", extra={"reason": type(error).__name__})
            return ""
        return b64encode(answer["Signature"]).decode()


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
                next_step="Store one: pinecone-backup policy put policy.json --reason WHY, or "
                f"aws s3 cp policy.json s3://{self._bucket}/{self._key}",
            ) from None
        return parse_policy(body, policy_version=policy_version), policy_version

    def versions(self) -> Sequence[PolicyVersion]:
        """Every stored version, the newest first.

        Raises:
            StoreUnavailable: S3 did not answer, or refused.
        """
        pages = self._client.get_paginator("list_object_versions")
        try:
            return [
                PolicyVersion(each["VersionId"], each["LastModified"], each["IsLatest"])
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._key)
                for each in page.get("Versions", ())
                if each["Key"] == self._key
            ]
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(self._bucket, self._key, error) from error

    def change_id(self, policy_version: str) -> str:
        """By which change a version was stored, as it says itself; empty where it says nothing.

        Raises:
            StoreUnavailable: S3 did not answer, or refused.
        """
        return self._described(policy_version).change_id

    def save(self, body: bytes, *, former: str | None, change_id: str) -> str:
        """Store a document where ``former`` is in force; None: where nothing is.

        S3 compares what stands there once more when it writes, so that of two at once one wins.

        Returns:
            The document's version.

        Raises:
            PolicyConflict: Another version is in force; nothing was stored.
            StoreUnavailable: S3 did not answer, or refused; it may be stored.
        """
        stands = self._described(None)
        if stands.policy_version != (former or ""):
            raise _overtaken(stands.policy_version)
        condition: _Condition = {"IfMatch": stands.etag} if former else {"IfNoneMatch": "*"}
        try:
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=self._key,
                Body=body,
                ContentType="application/json",
                Metadata={_CHANGE: change_id},
                **condition,
            )
        except (ClientError, BotoCoreError) as error:
            if error_code(error) not in _OVERTAKEN:
                raise _unavailable(self._bucket, self._key, error) from error
        else:
            return answer.get("VersionId", "null")
        stands = self._described(None)
        if stands.change_id == change_id:  # the SDK asked again after an answer was lost
            return stands.policy_version
        raise _overtaken(stands.policy_version)

    def _described(self, policy_version: str | None) -> _Stored:
        """What stands there, at a version or now."""
        which: _Version = {"VersionId": policy_version} if policy_version else {}
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=self._key, **which)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in _ABSENT:
                return _Stored("", "", "")
            raise _unavailable(self._bucket, self._key, error) from error
        change_id = answer.get("Metadata", {}).get(_CHANGE, "")
        return _Stored(answer.get("VersionId", "null"), answer["ETag"], change_id)

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
    except (ClientError, BotoCoreError) as error:
        if error_code(error) in _ABSENT:
            raise SubjectUnknown(
                f"There is no object {key!r} in the bucket" + (f" at {version}" if version else "")
            ) from None
        raise _unavailable(bucket, key, error) from error


def _overtaken(policy_version: str) -> PolicyConflict:
    return PolicyConflict(
        f"Version {policy_version} of the policy is in force, not the one that was read"
        if policy_version
        else "No policy is stored, so the version that was read is not in force",
        next_step="Read the policy in force, see what it changes, and send yours on top of it.",
    )


def _unavailable(bucket: str, key: str, error: ClientError | BotoCoreError) -> StoreUnavailable:
    return StoreUnavailable(
        f"The bucket {bucket!r} did not do what was asked with {key!r}: {error_code(error)}",
        next_step="Check the bucket, the function's role and S3's service health.",
    )
