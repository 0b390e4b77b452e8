"""What differs between the versions of the control-plane API."""

from __future__ import annotations

from dataclasses import dataclass

from local.simulator import errors

UNSTABLE = "unstable"
VERSIONS = ("2025-04", "2025-10", "2026-04", "2026-07", UNSTABLE)
"""Oldest first: a request without the header gets the first."""


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One version of the API, as named by the ``X-Pinecone-Api-Version`` header."""

    name: str

    @classmethod
    def parse(cls, header: str | None) -> ApiVersion:
        """The version a request asks for; raises a 400 for a version that does not exist."""
        name = VERSIONS[0] if header is None else header.strip()
        if name not in VERSIONS:
            raise errors.invalid(
                f"Invalid API version {name!r}. Supported versions: {', '.join(VERSIONS)}"
            )
        return cls(name)

    @property
    def modern(self) -> bool:
        """2026-07 and later: 200 for a new backup, 401 as plain text, schemas, nulls."""
        return self.at_least("2026-07")

    def at_least(self, name: str) -> bool:
        """Whether this version is the named one or a later one."""
        return VERSIONS.index(self.name) >= VERSIONS.index(name)

    @property
    def backup_created(self) -> int:
        """The status of a successful create_backup or create_backup_schedule."""
        return 200 if self.modern else 201

    def nullable(self, name: str, value: object) -> dict[str, object]:
        """A field that may be missing: null since 2026-07, left out before."""
        return {} if value is None and not self.modern else {name: value}

    @property
    def default_limit(self) -> int:
        """Rows per page when the request names no limit."""
        return 100 if self.modern else 10

    @property
    def max_limit(self) -> int | None:
        """The largest limit accepted; None when no bound is known."""
        return None if self.modern else 100
