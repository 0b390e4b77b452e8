"""Makes any one call that leaves the process fail: before or after its effect, or by a crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    BackupError,
    LedgerUnavailable,
    OutcomeUnknown,
    StoreUnavailable,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Killed(BaseException):
    """The process is killed: nothing catches it, and nothing is called after it."""


@dataclass
class Fuse:
    """Counts calls that leave the process and fails one of them."""

    at: int | None = None
    after_effect: bool = False
    kill: bool = False
    calls: list[str] = field(default_factory=list)
    blown: bool = False

    def call(self, name: str, function: Callable[..., Any], error: BackupError) -> Any:
        if self.kill and self.blown:
            raise Killed
        self.calls.append(name)
        if len(self.calls) - 1 != self.at:
            return function()
        self.blown = True
        if self.after_effect:
            function()
        raise Killed if self.kill else error


class Fused:
    """An outside system, whose methods go through the fuse."""

    def __init__(self, inner: Any, fuse: Fuse, error: Callable[[str], BackupError]) -> None:
        self._inner, self._fuse, self._error = inner, fuse, error

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            def function() -> Any:
                return attribute(*arguments, **named)

            return self._fuse.call(name, function, self._error(name))

        return call


def control_plane_error(name: str) -> BackupError:
    if name == "delete_backup":
        return OutcomeUnknown("The connection was lost")
    return Unavailable("Pinecone does not answer")


def ledger_error(name: str) -> BackupError:
    return LedgerUnavailable(f"DynamoDB does not answer {name}")


def store_error(name: str) -> BackupError:
    return StoreUnavailable(f"S3 does not answer {name}")
