"""The bucket: plans and reports, and the versioned policy document."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from pinecone_backup.adapters.objects import BucketObjects, BucketPolicyStore
from pinecone_backup.errors import PolicyInvalid, PolicyMissing, StoreUnavailable, SubjectUnknown

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
