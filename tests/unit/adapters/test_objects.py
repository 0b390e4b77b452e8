"""The bucket: plans, reports, evidence, and the versioned policy document."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from moto import mock_aws

from pinecone_backup.adapters.objects import BucketEvidence, BucketObjects, BucketPolicyStore
from pinecone_backup.errors import (
    PolicyConflict,
    PolicyInvalid,
    PolicyMissing,
    StoreUnavailable,
    SubjectUnknown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

KEY = "policy/policy.json"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        config = Config(signature_version="s3v4")  # as adapters.aws builds it
        client = boto3.client("s3", region_name="us-east-1", config=config)
        client.create_bucket(Bucket="bucket")
        client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        yield client


def store_policy(s3: S3Client, *projects: str) -> str:
    document = {"projects": [{"name": name} for name in projects]}
    return s3.put_object(Bucket="bucket", Key=KEY, Body=json.dumps(document))["VersionId"]


def test_an_object_reads_back_as_it_was_written(s3: S3Client) -> None:
    objects = BucketObjects(s3, "bucket")
    objects.put("plans/main/a.json", b"{}", content_type="application/json")
    assert objects.get("plans/main/a.json") == b"{}"


def test_an_object_keeps_its_type(s3: S3Client) -> None:
    BucketObjects(s3, "bucket").put("latest.html", b"<p>", content_type="text/html")
    assert s3.head_object(Bucket="bucket", Key="latest.html")["ContentType"] == "text/html"


def test_a_missing_object_is_unknown(s3: S3Client) -> None:
    with pytest.raises(SubjectUnknown, match="nothing-here"):
        BucketObjects(s3, "bucket").get("nothing-here")


def test_a_missing_bucket_is_an_error_that_names_it(s3: S3Client) -> None:
    with pytest.raises(StoreUnavailable, match=r"'other'.*NoSuchBucket"):
        BucketObjects(s3, "other").get("key")


def test_a_bucket_that_does_not_take_an_object_is_an_error(s3: S3Client) -> None:
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        BucketObjects(s3, "other").put("key", b"", content_type="text/plain")


def test_a_link_names_the_object_and_lives_as_long_as_asked(s3: S3Client) -> None:
    link = BucketObjects(s3, "bucket").link("reports/x.html", expires_in=timedelta(minutes=15))
    assert "reports/x.html" in link
    assert "900" in link


def test_a_bucket_out_of_reach_is_an_error() -> None:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with pytest.raises(StoreUnavailable, match="EndpointConnectionError"):
        BucketPolicyStore(client, "bucket", KEY).load()


def test_the_policy_comes_with_its_version(s3: S3Client) -> None:
    version = store_policy(s3, "main")
    document, loaded = BucketPolicyStore(s3, "bucket", KEY).load()
    assert ([project.name for project in document.projects], loaded) == (["main"], version)


def test_an_earlier_version_can_be_read(s3: S3Client) -> None:
    earlier = store_policy(s3, "main")
    store_policy(s3, "other")
    document = BucketPolicyStore(s3, "bucket", KEY).load_version(earlier)
    assert [project.name for project in document.projects] == ["main"]


def test_no_policy_yet_says_how_to_store_one(s3: S3Client) -> None:
    with pytest.raises(PolicyMissing, match=r"aws s3 cp policy\.json s3://bucket/policy"):
        BucketPolicyStore(s3, "bucket", KEY).load()


def test_an_invalid_policy_names_its_version(s3: S3Client) -> None:
    version = s3.put_object(Bucket="bucket", Key=KEY, Body=b"{}")["VersionId"]
    with pytest.raises(PolicyInvalid, match=f"version {version}.*projects"):
        BucketPolicyStore(s3, "bucket", KEY).load()


# --- Changing the policy --------------------------------------------------------------------

BODY = json.dumps({"projects": [{"name": "main"}, {"name": "more"}]}).encode()


def test_the_first_policy_is_stored_where_there_is_none(s3: S3Client) -> None:
    policies = BucketPolicyStore(s3, "bucket", KEY)
    version = policies.save(BODY, former=None, change_id="c-1")
    assert (policies.load()[1], policies.change_id(version)) == (version, "c-1")
    with pytest.raises(PolicyConflict, match=f"Version {version}"):
        policies.save(BODY, former=None, change_id="c-2")


def test_a_policy_is_stored_on_top_of_the_version_that_was_read_only(s3: S3Client) -> None:
    policies = BucketPolicyStore(s3, "bucket", KEY)
    first = store_policy(s3, "main")
    second = policies.save(BODY, former=first, change_id="c-1")
    with pytest.raises(PolicyConflict, match=f"Version {second}"):
        policies.save(BODY, former=first, change_id="c-2")
    assert [(each.policy_version, each.current) for each in policies.versions()] == [
        (second, True),
        (first, False),
    ]


def test_who_writes_between_the_look_and_the_write_wins(s3: S3Client) -> None:
    """S3 itself compares: the other change comes after our look."""
    first = store_policy(s3, "main")
    before = s3.head_object(Bucket="bucket", Key=KEY)
    store_policy(s3, "other")
    policies = BucketPolicyStore(Stale(s3, before), "bucket", KEY)  # type: ignore[arg-type]
    with pytest.raises(PolicyConflict):
        policies.save(BODY, former=first, change_id="c-1")
    assert [project.name for project in policies.load()[0].projects] == ["other"]


def test_a_write_whose_answer_was_lost_is_ours_all_the_same(s3: S3Client) -> None:
    """The SDK asks again, and meets its own write."""
    first = store_policy(s3, "main")
    before = s3.head_object(Bucket="bucket", Key=KEY)
    ours = BucketPolicyStore(s3, "bucket", KEY).save(BODY, former=first, change_id="c-1")
    again = BucketPolicyStore(Stale(s3, before), "bucket", KEY)  # type: ignore[arg-type]
    assert again.save(BODY, former=first, change_id="c-1") == ours


def test_a_version_stored_in_the_bucket_directly_names_no_change(s3: S3Client) -> None:
    version = store_policy(s3, "main")
    policies = BucketPolicyStore(s3, "bucket", KEY)
    assert (policies.change_id(version), policies.change_id("none")) == ("", "")


class Stale:
    """A client whose first look at an object is an older one."""

    def __init__(self, s3: S3Client, before: Any) -> None:
        self._s3, self._before = s3, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def head_object(self, **request: Any) -> Any:
        before, self._before = self._before, None
        return before or self._s3.head_object(**request)


# --- Evidence -------------------------------------------------------------------------------


def test_evidence_is_created_once_and_never_written_over(s3: S3Client) -> None:
    evidence = BucketEvidence(s3, "bucket")
    assert evidence.create("evidence/1.jsonl", b"first") is True
    assert evidence.create("evidence/1.jsonl", b"second") is False
    assert evidence.get("evidence/1.jsonl") == b"first"


def test_evidence_is_locked_where_the_deployment_says_so(s3: S3Client) -> None:
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    BucketEvidence(s3, "locked", lock=timedelta(days=30)).create("evidence/1.jsonl", b"x")
    head = s3.head_object(Bucket="locked", Key="evidence/1.jsonl")
    assert head["ObjectLockMode"] == "GOVERNANCE"
    left = head["ObjectLockRetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)


def test_a_bucket_that_takes_no_evidence_is_an_error(s3: S3Client) -> None:
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        BucketEvidence(s3, "other").create("evidence/1.jsonl", b"x")


def test_a_key_of_kms_signs_evidence(s3: S3Client) -> None:
    kms = boto3.client("kms", region_name="us-east-1")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    evidence = BucketEvidence(s3, "bucket", kms=kms, key_arn=made["Arn"])
    key = load_der_public_key(kms.get_public_key(KeyId=made["Arn"])["PublicKey"])
    assert isinstance(key, EllipticCurvePublicKey)
    key.verify(b64decode(evidence.sign(b"head")), b"head", ECDSA(SHA256()))


def test_without_a_key_or_its_answer_evidence_is_not_signed(s3: S3Client) -> None:
    kms = boto3.client("kms", region_name="us-east-1")
    arn = "arn:aws:kms:us-east-1:123456789012:key/none"
    assert BucketEvidence(s3, "bucket").sign(b"head") == ""
    assert BucketEvidence(s3, "bucket", kms=kms, key_arn=arn).sign(b"head") == ""
