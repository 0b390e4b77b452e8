"""What goes in and out over the API, named as in Pinecone's own where that has a name for it.

Times are UTC, ISO 8601. Texts have bounds, so that no request fills the ledger.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pinecone_backup.records import HoldScope

MOST_ROWS = 100


class Input(BaseModel):
    """What a caller may send: nothing beyond the named fields."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True
    )


class Nothing(Input):
    """A request without parameters."""


class Output(BaseModel):
    """What the API answers."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,
        use_attribute_docstrings=True,
        from_attributes=True,
        serialize_by_alias=True,
        json_schema_serialization_defaults_required=True,
    )


Limit = Annotated[int, Field(ge=1, le=MOST_ROWS)]
Token = Annotated[str, Field(min_length=1, max_length=2000)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class PageQuery(Input):
    """Which page of a listing."""

    limit: Limit = MOST_ROWS
    """Rows per page. A paginationToken continues with the size that its listing began with."""
    paginationToken: Token | None = None  # noqa: N815 - Pinecone's name
    """``pagination.next`` of the page before."""


class Pagination(Output):
    """Where a listing goes on."""

    next: str
    """Send it as ``paginationToken``."""


class IndexBackupsQuery(PageQuery):
    """Which backups of an index."""

    include_deleted: bool = False
    """Whether backups of deleted indexes of that name count too."""


class Backup(Output):
    """A backup as Pinecone lists it, and whose it is."""

    backup_id: str
    source_index_name: str
    source_index_id: str
    source_index_deleted_at: datetime | None
    status: str
    name: str | None
    description: str | None
    record_count: int | None
    namespace_count: int | None
    size_bytes: int | None
    cloud: str
    region: str
    tags: dict[str, str] | None
    created_at: datetime | None
    origin: str
    """``ours``, ``other owner``, ``native`` or ``foreign``."""
    policy: str | None
    """The policy that made it, when it is ours."""


class BackupList(Output):
    """A page of backups."""

    data: list[Backup]
    pagination: Pagination | None


class Hold(Output):
    """Somebody's word that a backup, or all of an index, must stay."""

    hold_id: str
    scope: HoldScope
    target: str
    reason: str
    owner: str
    created_at: datetime
    expires_at: datetime | None
    released_at: datetime | None
    released_by: str
    release_reason: str
    active: bool


class Deletion(Output):
    """How far a backup's deletion has come."""

    state: str
    at: datetime
    run_id: str
    actor: str
    reasons: list[str]
    error: str
    confirmed_at: datetime | None


class BackupDetails(Backup):
    """A backup, and everything that we know of it."""

    worth: str
    """What it counts for: ``good``, ``suspect``, ``under way`` ..."""
    verdict: str | None
    """``good``, ``unverified``, ``suspect`` or ``accepted``; null until an audit saw it Ready."""
    verdict_reason: str
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    restore_tested: bool | None
    holds: list[Hold]
    """Those in force, on the backup or on its index."""
    deletion: Deletion | None


class Index(Output):
    """An active index."""

    name: str
    kind: str
    state: str
    ready: bool
    tags: dict[str, str]
    deletion_protection: bool
    source_backup_id: str | None
    policy: str | None
    """The policy that decides about it, by name."""
    assigned_by: str
    """``tag``, ``assignment``, ``opt-out``, ``unknown tag`` or ``nothing``."""


class IndexList(Output):
    """The project's indexes; this listing has no pages."""

    data: list[Index]


class Project(Output):
    """A Pinecone project of the policy document."""

    name: str
    secret: str
    """The name of the secret that holds its API key."""
    quota: int


class ProjectList(Output):
    """The projects of the policy document."""

    data: list[Project]
    unnamed: list[str]
    """Projects that the ledger knows and the policy does not name any more."""


class LastRun(Output):
    """The last completed run of a kind."""

    run_id: str
    state: str
    time: datetime
    finished_at: datetime | None


class ProjectHealth(Output):
    """Whether one project can be looked after."""

    name: str
    secret: Literal["pass", "fail", "unknown"]
    """Whether the secret could be read and holds something like a key."""
    pinecone: Literal["pass", "fail", "unknown"]
    """Whether Pinecone answered with that key."""
    ledger: Literal["pass", "fail"]
    """Whether the ledger could be written."""
    problems: list[str]
    last_runs: dict[str, LastRun | None]
    """By kind: create, prune and audit."""


class Health(Output):
    """Whether everything can be reached."""

    status: Literal["pass", "fail"]
    at: datetime
    stack: str
    owner: str
    prune_mode: str
    policy: Literal["pass", "fail"]
    policy_version: str
    problems: list[str]
    projects: list[ProjectHealth]
