"""Paging: by offset on the control plane, by the last name on the data plane.

Tokens are base64 JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.simulator import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.simulator.versions import ApiVersion


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows a request asks for."""

    limit: int
    offset: int = 0

    @classmethod
    def parse(cls, limit: str | None, token: str | None, version: ApiVersion) -> Window:
        """The window of a request; raises a 400 for a malformed token or limit.

        A limit sent together with a token changes the page size and keeps the token's offset:
        that is how the service behaves, and why nobody should send both.
        """
        window = cls(version.default_limit) if token is None else cls.from_token(token)
        if limit is None:
            return window
        try:
            rows = int(limit)
        except ValueError:
            raise errors.invalid(f"limit must be a number, got {limit!r}.") from None
        if rows < 1 or (version.max_limit is not None and rows > version.max_limit):
            upper = "" if version.max_limit is None else f" and at most {version.max_limit}"
            raise errors.invalid(f"limit must be at least 1{upper}, got {rows}.")
        return cls(rows, window.offset)

    @classmethod
    def from_token(cls, token: str) -> Window:
        """The window that a token stands for; raises a 400 for a malformed one."""
        try:
            fields = json.loads(base64.b64decode(token, validate=True))
            limit, offset = fields["limit"], fields["offset"]
            sound = type(limit) is int and type(offset) is int and limit > 0 and offset >= 0
        except (binascii.Error, ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            raise errors.invalid("Malformed pagination token.")
        return cls(limit, offset)

    @property
    def token(self) -> str:
        """The token that stands for this window."""
        fields = json.dumps({"limit": self.limit, "offset": self.offset}, separators=(",", ":"))
        return base64.b64encode(fields.encode()).decode()

    @property
    def following(self) -> Window:
        """The window after this one."""
        return Window(self.limit, self.offset + self.limit)

    def page[T](self, rows: Sequence[T]) -> tuple[Sequence[T], str | None]:
        """The rows inside the window, and the next token.

        An exactly full page carries a token, also when it is the last one.
        """
        inside = rows[self.offset : self.offset + self.limit]
        return inside, self.following.token if len(inside) == self.limit else None


def token_after(name: str) -> str:
    """The data plane's token: the next page begins after this id or namespace."""
    return base64.urlsafe_b64encode(json.dumps({"after": name}).encode()).decode()


def after_of(token: str | None) -> str:
    """What a token of the data plane says, "" for none; raises a 400 for a malformed one."""
    if token is None:
        return ""
    try:
        return str(json.loads(base64.urlsafe_b64decode(token))["after"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise errors.invalid("Malformed pagination token.") from None
