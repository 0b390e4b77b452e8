"""Secrets: read once, kept for a while, read again on demand, and never shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from pinecone_backup.adapters.secrets import KEEP_SECONDS, ApiKey, SecretReader
from pinecone_backup.errors import SecretMalformed, SecretNotSet, StoreUnavailable
from tests.support.pinecone_transport import Time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from pydantic import SecretStr

NAME = "backup-prod/projects/main"
COMMAND = (
    "aws secretsmanager put-secret-value --secret-id backup-prod/projects/main "
    "--secret-string file://value.txt"
)


@pytest.fixture
def manager() -> Iterator[SecretsManagerClient]:
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-central-1")


class Manager:
    """Answers as Secrets Manager does, from a script; counts what it was asked."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.asked = 0

    def get_secret_value(self, **_: str) -> dict[str, Any]:
        self.asked += 1
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"SecretString": answer}


def reader(manager: object, time: Time | None = None) -> SecretReader:
    return SecretReader(manager, clock=(time or Time()).clock)  # type: ignore[arg-type] # a stand-in


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetSecretValue")


def value(secret: SecretStr) -> str:
    return secret.get_secret_value()


# The value


@pytest.mark.parametrize(
    "stored",
    [
        "pcsk_abc",
        "  pcsk_abc\n",
        '{"api_key": "pcsk_abc"}',
        ' {"api_key": " pcsk_abc\\n", "note": "rotated in May"}\n',
    ],
)
def test_a_key_is_stored_alone_or_in_an_object(manager: SecretsManagerClient, stored: str) -> None:
    manager.create_secret(Name=NAME, SecretString=stored)

    assert value(reader(manager).api_key(NAME).current()) == "pcsk_abc"


def test_a_secret_created_without_a_value_says_the_command_that_sets_it(
    manager: SecretsManagerClient,
) -> None:
    manager.create_secret(Name=NAME)

    with pytest.raises(SecretNotSet, match="has no value yet") as caught:
        reader(manager).api_key(NAME).current()

    assert caught.value.next_step.endswith(COMMAND)


def test_a_secret_that_does_not_exist_is_to_be_created_first(manager: SecretsManagerClient) -> None:
    with pytest.raises(SecretNotSet, match="There is no secret") as caught:
        reader(manager).api_key(NAME).current()

    assert f"create-secret --name {NAME}," in caught.value.next_step
    assert caught.value.next_step.endswith(COMMAND)


def test_a_secret_marked_for_deletion_says_how_to_take_that_back(
    manager: SecretsManagerClient,
) -> None:
    manager.create_secret(Name=NAME, SecretString="pcsk_abc")
    manager.delete_secret(SecretId=NAME)

    with pytest.raises(SecretNotSet, match="marked for deletion") as caught:
        reader(manager).api_key(NAME).current()

    assert caught.value.next_step.endswith(f"restore-secret --secret-id {NAME}")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "  \n",
        "changeme",
        "REPLACE_ME",
        "<your-api-key>",
        "YOUR_API_KEY",
        "placeholder",
        '{"api_key": ""}',
        '{"api_key": "  "}',
        '{"api_key": "<to be set>"}',
    ],
)
def test_an_empty_value_or_a_placeholder_is_not_set(stored: str) -> None:
    with pytest.raises(SecretNotSet) as caught:
        reader(Manager(stored)).api_key(NAME).current()

    assert caught.value.next_step.endswith(COMMAND)


@pytest.mark.parametrize(
    "stored",
    [
        '{"key": "hush-hush"}',
        '{"api_key": null, "x": "hush-hush"}',
        '{"api_key": 5, "x": "hush-hush"}',
        '{"api_key": {"a": "hush-hush"}}',
        '{"api_key": "hush-hush"',
        "hush-hush\x07",
        "hush hush-hush",
        "hush-hush\nhush",
        "hush-hushé",
        "hush-hush\u200b",
    ],
)
def test_a_value_that_cannot_be_a_key_is_malformed_and_not_shown(stored: str) -> None:
    with pytest.raises(SecretMalformed, match=NAME) as caught:
        reader(Manager(stored)).api_key(NAME).current()

    assert "hush" not in str(caught.value)
    assert "hush" not in repr(caught.value.__cause__)
    assert caught.value.next_step.endswith(COMMAND)


@given(st.text())
def test_whatever_is_stored_a_key_is_fit_for_a_header_or_refused(stored: str) -> None:
    try:
        key = value(reader(Manager(stored)).api_key(NAME).current())
    except (SecretNotSet, SecretMalformed):
        return

    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert key


def test_a_binary_value_is_malformed(manager: SecretsManagerClient) -> None:
    manager.create_secret(Name=NAME, SecretBinary=b"pcsk_abc")

    with pytest.raises(SecretMalformed, match="binary"):
        reader(manager).read_text(NAME)


def test_a_name_is_quoted_in_the_command() -> None:
    missing = refusal("ResourceNotFoundException", "the value for staging label: AWSCURRENT")

    with pytest.raises(SecretNotSet, match=r"--secret-id 'a b;c' "):
        reader(Manager(missing)).read_text("a b;c")


# When Secrets Manager refuses


@pytest.mark.parametrize(
    "failure",
    [
        refusal("AccessDeniedException"),
        refusal("ThrottlingException"),
        refusal("DecryptionFailure"),
        refusal("InternalServiceError"),
        refusal("InvalidRequestException", "something else"),
        ClientError({}, "GetSecretValue"),
        EndpointConnectionError(endpoint_url="https://secretsmanager.example"),
        ReadTimeoutError(endpoint_url="https://secretsmanager.example"),
        NoCredentialsError(),
    ],
)
def test_a_refusal_is_unavailable_and_names_the_secret(failure: Exception) -> None:
    with pytest.raises(StoreUnavailable, match=NAME) as caught:
        reader(Manager(failure)).read_text(NAME)

    assert caught.value.next_step
    assert "https://" not in str(caught.value)


def test_a_known_value_serves_on_while_secrets_manager_does_not_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = Time()
    manager = Manager("pcsk_abc", refusal("ThrottlingException"))
    key = reader(manager, time).api_key(NAME)
    key.current()
    time.now += KEEP_SECONDS

    assert value(key.current()) == "pcsk_abc"
    assert manager.asked == 2
    assert "serves on" in caplog.text
    assert "pcsk_abc" not in caplog.text


def test_a_known_value_does_not_serve_on_once_it_was_withdrawn() -> None:
    time = Time()
    deleted = refusal("ResourceNotFoundException", "can't find the specified secret")
    key = reader(Manager("pcsk_abc", deleted), time).api_key(NAME)
    key.current()
    time.now += KEEP_SECONDS

    with pytest.raises(SecretNotSet):
        key.current()


# How long it is kept


def test_a_value_is_read_once_and_again_when_it_is_old() -> None:
    time = Time()
    manager = Manager("first", "second")
    key = reader(manager, time).api_key(NAME)

    assert value(key.current()) == "first"
    time.now += KEEP_SECONDS - 1
    assert value(key.current()) == "first"
    assert manager.asked == 1
    time.now += 1
    assert value(key.current()) == "second"


def test_secrets_are_kept_apart(manager: SecretsManagerClient) -> None:
    manager.create_secret(Name="a", SecretString="pcsk_a")
    manager.create_secret(Name="b", SecretString="pcsk_b")
    secrets = reader(manager)

    assert [value(secrets.api_key(name).current()) for name in "aba"] == [
        "pcsk_a",
        "pcsk_b",
        "pcsk_a",
    ]


def test_a_rotated_key_is_found_when_the_old_one_was_rejected(
    manager: SecretsManagerClient,
) -> None:
    manager.create_secret(Name=NAME, SecretString="old")
    key = reader(manager).api_key(NAME)
    old = key.current()
    manager.put_secret_value(SecretId=NAME, SecretString='{"api_key": "new"}')

    assert value(key.current()) == "old"
    assert value(key.refresh(old)) == "new"
    assert value(key.current()) == "new"


def test_a_key_that_another_thread_has_renewed_is_not_read_again() -> None:
    manager = Manager("old", "new", "newest")
    key = reader(manager).api_key(NAME)
    old = key.current()

    assert value(key.refresh(old)) == "new"
    assert value(key.refresh(old)) == "new"
    assert manager.asked == 2


def test_a_key_that_did_not_change_is_the_same_when_read_again() -> None:
    key = reader(Manager("same")).api_key(NAME)

    assert key.refresh(key.current()) == key.current()


# Other secrets


def test_a_json_object_is_read_whole(manager: SecretsManagerClient) -> None:
    targets = {"targets": [{"name": "ops", "url": "https://hooks.example/x"}]}
    manager.create_secret(Name="targets", SecretString=json.dumps(targets))

    assert reader(manager).read_json("targets") == targets


def test_a_json_object_can_be_read_anew_within_its_time() -> None:
    secrets = reader(Manager('{"a": 1}', '{"a": 2}', '{"a": 3}'))

    read = [secrets.read_json("targets", fresh=fresh) for fresh in (False, True, False)]

    assert read == [{"a": 1}, {"a": 2}, {"a": 2}]


def test_what_must_be_read_anew_is_not_replaced_by_what_is_known() -> None:
    secrets = reader(Manager('{"a": 1}', refusal("InternalServiceError")))
    secrets.read_json("targets")

    with pytest.raises(StoreUnavailable):
        secrets.read_json("targets", fresh=True)
    assert secrets.read_json("targets") == {"a": 1}


@pytest.mark.parametrize("stored", ["[]", "5", '"hush"', "hush", "{"])
def test_a_secret_that_must_be_an_object_and_is_none_is_malformed(stored: str) -> None:
    with pytest.raises(SecretMalformed, match="JSON object") as caught:
        reader(Manager(stored)).read_json("targets")

    assert "hush" not in str(caught.value)


def test_neither_a_key_nor_its_reader_shows_the_value() -> None:
    secrets = reader(Manager("hush-hush"))
    key = secrets.api_key(NAME)

    shown = f"{key!r} {key.current()!r} {key.current()} {secrets!r} {vars(secrets)}"

    assert isinstance(key, ApiKey)
    assert NAME in repr(key)
    assert "hush" not in shown
