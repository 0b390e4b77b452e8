"""The AWS clients of a process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from pinecone_backup.adapters import aws

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    aws.forget_clients()
    yield
    aws.forget_clients()


def test_a_client_is_built_once_per_service_until_it_is_forgotten() -> None:
    first = aws.client("sqs")

    assert aws.client("sqs") is first
    aws.forget_clients()
    assert aws.client("sqs") is not first


def test_every_client_gives_up_in_time_and_tries_four_times_at_most() -> None:
    config = aws.client("secretsmanager").meta.config

    assert (config.connect_timeout, config.read_timeout) == (3, 10)  # type: ignore[attr-defined] # set by botocore
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}  # type: ignore[attr-defined] # as above


def test_links_to_objects_are_signed_with_version_four() -> None:
    """Links to objects encrypted with a managed key need it."""
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in _link()


@pytest.mark.parametrize("region", ["us-west-2", "eu-central-1", "eu-south-1"])
def test_a_link_names_the_buckets_host_in_its_region(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere the global host, which is us-east-1's, redirects, and the signature is wrong."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    assert _link().startswith(f"https://bucket.s3.{region}.amazonaws.com/key?")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "host.docker.internal"])
def test_a_link_of_an_emulator_names_the_bucket_in_its_path(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:4566")

    assert _link().startswith(f"http://{host}:4566/bucket/key?")


def _link() -> str:
    return aws.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": "key"}, ExpiresIn=60
    )


def test_a_secret_stays_out_of_the_log_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG botocore would log the whole answer."""
    caplog.set_level(logging.DEBUG)
    with mock_aws():
        client = aws.client("secretsmanager")
        client.create_secret(Name="stack/projects/main", SecretString="pcsk_not_for_logs")
        client.get_secret_value(SecretId="stack/projects/main")

    assert "pcsk_not_for_logs" not in caplog.text
