"""What the generated ``api.py`` stands on: how its models read, and who carries its requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

type Parameter = str | int | bool | datetime | None


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """A JSON object of the API. Fields that this version does not know are dropped."""


class Word(StrEnum):
    """One of a list of words. A word that this version does not know stays itself."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word


def path(template: str, *parts: str) -> str:
    """A path with each ``{}`` replaced by a part, percent-encoded."""
    return template.format(*(quote(part, safe="") for part in parts))


class Transport(ABC):
    """Carries requests."""

    @abstractmethod
    def ask[T](
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, Parameter] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Model | None = None,
    ) -> T:
        """Ask once for one thing, and wait for the answer.

        Args:
            method: The HTTP method.
            path: Below the API's URL, each part percent-encoded (see ``path``).
            answer: What the answer is read as.
            query: Parameters; those that are None are left out.
            headers: To be sent beside those of every request; likewise.
            body: Sent as JSON.

        Raises:
            CliError: Whatever keeps the answer from coming.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection."""
