"""Secrets from Secrets Manager: read once, kept for a while, read again when Pinecone says 401.

A secret's value never appears in an error, a log or a ``repr``.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from pinecone_backup.errors import SecretMalformed, SecretNotSet, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_LOG = logging.getLogger(__name__)

KEEP_SECONDS = 300.0
"""A value is read again after this; a changed key is found at once by its 401."""

_PLACEHOLDERS = frozenset(
    {"apikey", "changeme", "notset", "placeholder", "replaceme", "tobeset", "todo", "yourapikey"}
)


@dataclass(frozen=True, slots=True)
class _Kept:
    value: SecretStr
    read_at: float


class SecretReader:
    """Reads secrets by name; one per process, safe to share between threads.

    Args:
        client: A Secrets Manager client.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self, client: SecretsManagerClient, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._lock = Lock()

    def api_key(self, secret_name: str) -> ApiKey:
        """The Pinecone API key that a secret holds; nothing is read before it is used."""
        return ApiKey(self, secret_name)

    def read_text(self, secret_name: str, *, fresh: bool = False) -> SecretStr:
        """A secret's text, at most ``KEEP_SECONDS`` old, or read now when ``fresh``.

        While Secrets Manager does not answer, the last value known serves on: a wrong one
        would be found by whoever uses it.

        Raises:
            SecretNotSet: There is no such secret, or it has no value, or an empty one.
            SecretMalformed: The value is binary.
            StoreUnavailable: Secrets Manager refused or did not answer, and no value is known.
        """
        with self._lock:
            kept = self._kept.get(secret_name)
            now = self._clock()
            if kept is not None and not fresh and now - kept.read_at < KEEP_SECONDS:
                return kept.value
            try:
                value = self._fetch(secret_name)
            except StoreUnavailable as error:
                if kept is None:
                    raise
                _LOG.warning("A known value of a secret serves on: %s", error)
                return kept.value
            self._kept[secret_name] = _Kept(value, now)
            return value

    def read_json(self, secret_name: str, *, fresh: bool = False) -> dict[str, Any]:
        """A secret's JSON object; raises as ``read_text`` does, and when it is no such object.

        When ``fresh``, it is as it stands now, or ``StoreUnavailable`` is raised: no value known
        from before serves on.
        """
        text = self._read_now(secret_name) if fresh else self.read_text(secret_name)
        return _json_object(secret_name, text.get_secret_value())

    def _read_now(self, secret_name: str) -> SecretStr:
        with self._lock:
            value = self._fetch(secret_name)
            self._kept[secret_name] = _Kept(value, self._clock())
            return value

    def _fetch(self, secret_name: str) -> SecretStr:
        try:
            answer = self._client.get_secret_value(SecretId=secret_name)
        except ClientError as error:
            raise _refusal(secret_name, error) from None
        except BotoCoreError as error:
            raise StoreUnavailable(
                f"Secrets Manager did not answer for secret {secret_name!r} "
                f"({type(error).__name__})",
                next_step="The next run asks again; check the function's region and network.",
            ) from None
        if "SecretString" not in answer:
            raise SecretMalformed(
                f"The secret {secret_name!r} holds a binary value, not a text",
                next_step=f"Store it again as a text: {_put_command(secret_name)}",
            )
        text = answer["SecretString"].strip()
        if not text:
            raise _not_set(secret_name, "has an empty value")
        return SecretStr(text)


class ApiKey:
    """The Pinecone API key of one project, by the name of its secret.

    The value is the key itself, or a JSON object with ``api_key``.
    """

    def __init__(self, reader: SecretReader, secret_name: str) -> None:
        self._reader = reader
        self.secret_name = secret_name

    def __repr__(self) -> str:
        return f"ApiKey({self.secret_name!r})"

    def current(self) -> SecretStr:
        """The key as known; raises ``SecretNotSet``, ``SecretMalformed``, ``StoreUnavailable``."""
        return self._key(self._reader.read_text(self.secret_name))

    def refresh(self, rejected: SecretStr) -> SecretStr:
        """The key after Pinecone rejected one: read again unless another thread has done so.

        Raises as ``current`` does.
        """
        known = self.current()
        if known != rejected:
            return known
        return self._key(self._reader.read_text(self.secret_name, fresh=True))

    def _key(self, text: SecretStr) -> SecretStr:
        value = text.get_secret_value()
        if value.startswith("{"):
            value = self._field(value)
        if not value or re.sub(r"[^a-z]", "", value.lower()) in _PLACEHOLDERS:
            raise _not_set(self.secret_name, "holds no API key yet")
        if not re.fullmatch(r"[\x21-\x7e]+", value):
            raise SecretMalformed(
                f"The secret {self.secret_name!r} holds characters that no API key has",
                next_step=f"Store the key again: {_put_command(self.secret_name)}",
            )
        return SecretStr(value)

    def _field(self, text: str) -> str:
        value = _json_object(self.secret_name, text).get("api_key")
        if not isinstance(value, str):
            raise SecretMalformed(
                f"The secret {self.secret_name!r} is a JSON object without a text 'api_key'",
                next_step='Store the key alone, or an object {"api_key": "..."}: '
                f"{_put_command(self.secret_name)}",
            )
        return value.strip()


def _json_object(secret_name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SecretMalformed(
            f"The secret {secret_name!r} does not hold a JSON object",
            next_step=f"Store one: {_put_command(secret_name)}",
        )
    return value


def _put_command(secret_name: str) -> str:
    """The command that sets the value; a file keeps it out of the shell's history."""
    return (
        f"aws secretsmanager put-secret-value --secret-id {shlex.quote(secret_name)} "
        "--secret-string file://value.txt"
    )


def _not_set(secret_name: str, what: str) -> SecretNotSet:
    return SecretNotSet(
        f"The secret {secret_name!r} {what}",
        next_step=f"Write the value to value.txt, then: {_put_command(secret_name)}",
    )


def _refusal(secret_name: str, error: ClientError) -> SecretNotSet | StoreUnavailable:
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    if code == "ResourceNotFoundException":
        if "staging label" in message:
            return _not_set(secret_name, "has no value yet")
        return SecretNotSet(
            f"There is no secret {secret_name!r}",
            next_step="Create it with aws secretsmanager create-secret --name "
            f"{shlex.quote(secret_name)}, write the value to value.txt, then: "
            f"{_put_command(secret_name)}",
        )
    if code == "InvalidRequestException" and "marked" in message:
        return SecretNotSet(
            f"The secret {secret_name!r} is marked for deletion",
            next_step="Take that back: aws secretsmanager restore-secret --secret-id "
            f"{shlex.quote(secret_name)}",
        )
    return StoreUnavailable(
        f"Secrets Manager refused to give the secret {secret_name!r} ({code or 'no code'})",
        next_step="If it says access denied, the function's role lacks the permission for this "
        "name or its key; else the next run asks again.",
    )
