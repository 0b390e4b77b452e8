"""Pinecone's JSON, read leniently at the edge and turned into the values of ``model``.

Unknown fields and unknown statuses are legal. A field that only informs may be absent or
garbage (it becomes None); a field that a decision rests on must be right, or the whole page is
refused: a backup that cannot be read must not silently drop out of a listing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)

from pinecone_backup.model import (
    Backup,
    Index,
    IndexKind,
    NativeRun,
    NativeSchedule,
    RestoreJob,
    Statistics,
    Status,
    Vector,
    parse_time,
)
from pinecone_backup.ports import Page

if TYPE_CHECKING:
    from pydantic import ValidatorFunctionWrapHandler

_STATUSES = {
    "Ready": Status.READY,
    "Initializing": Status.UNDER_WAY,
    "Scheduled": Status.PLANNED,
    "Failed": Status.FAILED,
    "InitializationFailed": Status.FAILED,
}
_KINDS = {
    "managed": IndexKind.SERVERLESS,
    "serverless": IndexKind.SERVERLESS,
    "pod": IndexKind.POD,
    "byoc": IndexKind.BYOC,
}
DEFAULT_NAMESPACE = "__default__"
"""The name of the namespace that older answers give as an empty text."""
_SHOWN_PROBLEMS = 3


class Malformed(ValueError):
    """The body is not what the API promises; the text names rows and fields, never values."""


def status_of(text: str) -> Status:
    """What a status text means; any text we do not know is ``UNKNOWN`` (rule G3)."""
    return _STATUSES.get(text, Status.UNKNOWN)


def _none_when_garbage(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    try:
        return handler(value)
    except ValidationError:
        return None


def _readable_time(value: object) -> datetime | None:
    moment = parse_time(value)
    if value is not None and moment is None:
        raise ValueError("not a time with an offset")
    return moment


def _without_unset(value: object) -> object:
    """Drop tags whose value is null: Pinecone unsets a tag that way."""
    if not isinstance(value, dict):
        return value
    return {key: text for key, text in value.items() if text is not None}


_LENIENT = WrapValidator(_none_when_garbage)
_Text = Annotated[str, Field(min_length=1)]
_MaybeText = Annotated[str | None, _LENIENT]
_MaybeCount = Annotated[Annotated[int, Field(ge=0)] | None, _LENIENT]
_MaybeTags = Annotated[dict[str, str] | None, BeforeValidator(_without_unset), _LENIENT]
_MaybeTime = Annotated[datetime | None, BeforeValidator(parse_time)]
_Time = Annotated[datetime | None, BeforeValidator(_readable_time)]
_Tags = Annotated[dict[str, str] | None, BeforeValidator(_without_unset)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Field(_Wire):
    dimension: _MaybeCount = None
    metric: _MaybeText = None


class _Schema(_Wire):
    fields: dict[str, Annotated[_Field | None, _LENIENT]] = {}


class _WithSchema(_Wire):
    """What has a schema: 2026-07 sends its fields, the versions before it the two at the top."""

    schema_: Annotated[_Schema | None, _LENIENT] = Field(None, alias="schema")
    dimension: _MaybeCount = None
    metric: _MaybeText = None

    @property
    def vectors(self) -> tuple[int | None, str | None]:
        """The dimension and the metric of its vectors, as far as they are given."""
        fields = [field for field in (self.schema_ or _Schema()).fields.values() if field]
        dimensions = [self.dimension, *(field.dimension for field in fields)]
        metrics = [self.metric, *(field.metric for field in fields)]
        return next(filter(None, dimensions), None), next(filter(None, metrics), None)


class _Backup(_WithSchema):
    backup_id: _Text
    source_index_name: _Text
    source_index_id: _Text
    status: _Text
    created_at: _MaybeTime = None
    # Says that the backup is an orphan (rule D7): never guessed from something unreadable.
    source_index_deleted_at: _Time = None
    name: _MaybeText = None
    description: _MaybeText = None
    record_count: _MaybeCount = None
    namespace_count: _MaybeCount = None
    size_bytes: _MaybeCount = None
    cloud: _MaybeText = None
    region: _MaybeText = None
    tags: _MaybeTags = None

    def value(self) -> Backup:
        dimension, metric = self.vectors
        return Backup(
            backup_id=self.backup_id,
            index_name=self.source_index_name,
            index_id=self.source_index_id,
            status=status_of(self.status),
            status_text=self.status,
            created_at=self.created_at,
            name=self.name,
            description=self.description,
            record_count=self.record_count,
            namespace_count=self.namespace_count,
            size_bytes=self.size_bytes,
            cloud=self.cloud or "",
            region=self.region or "",
            index_deleted_at=self.source_index_deleted_at,
            tags=self.tags,
            dimension=dimension,
            metric=metric,
        )


class _IndexStatus(_Wire):
    ready: bool = False
    state: str = ""


class _Index(_WithSchema):
    name: _Text
    host: _MaybeText = None
    status: _IndexStatus
    # 2026-07 sends ``deployment``, the versions before it ``spec``.
    deployment: Annotated[dict[str, object] | None, _LENIENT] = None
    spec: Annotated[dict[str, object] | None, _LENIENT] = None
    deletion_protection: _MaybeText = None
    # Tags choose the policy and the source guards orphans (I3, D7): wrong ones are refused.
    tags: _Tags = None
    source_backup_id: str | None = None
    cmek_id: _MaybeText = None

    def value(self) -> Index:
        dimension, metric = self.vectors
        return Index(
            name=self.name,
            kind=self._kind(),
            state=self.status.state,
            ready=self.status.ready,
            host=self.host or "",
            tags=self.tags or {},
            deletion_protection=self.deletion_protection == "enabled",
            source_backup_id=self.source_backup_id or None,
            encrypted_with_own_key=bool(self.cmek_id),
            dimension=dimension,
            metric=metric,
        )

    def _kind(self) -> IndexKind:
        if self.deployment is not None:
            return _KINDS.get(str(self.deployment.get("deployment_type")), IndexKind.UNKNOWN)
        named = [kind for key, kind in _KINDS.items() if (self.spec or {}).get(key) is not None]
        return named[0] if len(named) == 1 else IndexKind.UNKNOWN


class _Schedule(_Wire):
    schedule_id: _Text
    name: str
    index_id: _Text
    frequency: _Text
    retention_expire_after_days: int
    enabled: bool
    next_scheduled_run: _MaybeTime = None
    created_at: _MaybeTime = None

    def value(self) -> NativeSchedule:
        return NativeSchedule(
            schedule_id=self.schedule_id,
            name=self.name,
            index_id=self.index_id,
            frequency=self.frequency,
            expire_after_days=self.retention_expire_after_days,
            enabled=self.enabled,
            next_run_at=self.next_scheduled_run,
            created_at=self.created_at,
        )


class _Run(_Wire):
    backup_id: _Text
    source_index_id: _Text
    status: _Text
    name: _MaybeText = None
    created_at: _MaybeTime = None
    scheduled_execution_at: _MaybeTime = None

    def value(self) -> NativeRun:
        return NativeRun(
            backup_id=self.backup_id,
            index_id=self.source_index_id,
            name=self.name,
            status=status_of(self.status),
            status_text=self.status,
            created_at=self.created_at,
            scheduled_at=self.scheduled_execution_at,
        )


class _RestoreJob(_Wire):
    restore_job_id: _Text
    backup_id: _Text
    target_index_name: _Text
    target_index_id: _Text
    status: _Text
    created_at: _MaybeTime = None
    completed_at: _MaybeTime = None
    percent_complete: Annotated[Annotated[float, Field(ge=0, le=100)] | None, _LENIENT] = None

    def value(self) -> RestoreJob:
        percent = self.percent_complete
        return RestoreJob(
            job_id=self.restore_job_id,
            backup_id=self.backup_id,
            target_index_name=self.target_index_name,
            target_index_id=self.target_index_id,
            status=self.status,
            created_at=self.created_at,
            completed_at=self.completed_at,
            percent_complete=int(percent) if percent is not None else None,
        )


class _RestoreStarted(_Wire):
    restore_job_id: _Text
    index_id: _Text


class _Paging(_Wire):
    next: str | None = None


class _Listing(_Wire):
    pagination: _Paging | None = None

    @property
    def next_token(self) -> str | None:
        """The token of the next page; none, null and the empty text all mean the last one."""
        return (self.pagination.next if self.pagination is not None else None) or None


class _MaybeBare(_Listing):
    """A listing that Pinecone may answer without its rows, as ``{}``, when there are none."""

    @model_validator(mode="before")
    @classmethod
    def _only_rows_may_be_missing(cls, value: object) -> object:
        # Some other object without rows must not pass for an empty listing.
        if isinstance(value, dict) and not value.keys() <= {"pagination"}:
            (rows,) = cls.model_fields.keys() - {"pagination"}
            if rows not in value:
                raise ValueError(f"neither {rows} nor an empty listing")
        return value


class _Indexes(_MaybeBare):
    indexes: list[_Index] = []


class _Backups(_MaybeBare):
    data: list[_Backup] = []


class _Schedules(_Listing):
    data: list[_Schedule]


class _Runs(_Listing):
    data: list[_Run]


class _RestoreJobs(_Listing):
    data: list[_RestoreJob]


class _Counted(_Wire):
    count: Annotated[
        int, Field(ge=0, validation_alias=AliasChoices("vectorCount", "vector_count"))
    ] = 0


class _Statistics(_Wire):
    total: Annotated[
        int, Field(ge=0, validation_alias=AliasChoices("totalVectorCount", "total_vector_count"))
    ]
    namespaces: dict[str, _Counted] = {}
    dimension: _MaybeCount = None
    metric: _MaybeText = None


class _Sparse(_Wire):
    indices: list[int]
    values: list[float]


class _Vector(_Wire):
    id: _Text
    values: list[float] = []
    sparse: Annotated[
        _Sparse | None, Field(validation_alias=AliasChoices("sparseValues", "sparse_values"))
    ] = None
    metadata: dict[str, object] | None = None

    def value(self) -> Vector:
        sparse = self.sparse or _Sparse(indices=[], values=[])
        pairs = zip(sparse.indices, sparse.values, strict=False)
        return Vector(self.id, tuple(self.values), tuple(sorted(pairs)), self.metadata or {})


class _Units(_Wire):
    read_units: Annotated[int, Field(validation_alias=AliasChoices("readUnits", "read_units"))] = 0


class _Read(_Listing):
    usage: Annotated[_Units | None, _LENIENT] = None

    @property
    def read_units(self) -> int:
        """What the answer cost; 0 when it does not say."""
        return self.usage.read_units if self.usage is not None else 0


class _Id(_Wire):
    id: _Text


class _Ids(_Read):
    vectors: list[_Id] = []


class _Fetched(_Read):
    vectors: dict[str, _Vector] = {}


class _Matches(_Read):
    matches: list[_Id] = []


class _ErrorDetail(_Wire):
    code: _MaybeText = None
    message: _MaybeText = None


class _ErrorBody(_Wire):
    error: _ErrorDetail


class _RpcStatus(_Wire):
    """How the data plane answers an error; its codes say less than the HTTP status."""

    code: int
    message: _MaybeText = None


def backup(body: bytes) -> Backup:
    """One backup. All readers here raise ``Malformed``."""
    return _read(_Backup, body).value()


def backups(body: bytes) -> Page[Backup]:
    """A page of backups."""
    listing = _read(_Backups, body)
    return Page([row.value() for row in listing.data], listing.next_token)


def index(body: bytes) -> Index:
    """One index, in the shape of any API version."""
    return _read(_Index, body).value()


def indexes(body: bytes) -> list[Index]:
    """All indexes: this listing has no pages, and one that has some would be incomplete."""
    listing = _read(_Indexes, body)
    if listing.next_token is not None:
        raise Malformed("pagination: the list of indexes has no pages")
    return [row.value() for row in listing.indexes]


def schedule(body: bytes) -> NativeSchedule:
    """One native schedule."""
    return _read(_Schedule, body).value()


def schedules(body: bytes) -> Page[NativeSchedule]:
    """A page of native schedules."""
    listing = _read(_Schedules, body)
    return Page([row.value() for row in listing.data], listing.next_token)


def history(body: bytes) -> Page[NativeRun]:
    """A page of a native schedule's history."""
    listing = _read(_Runs, body)
    return Page([row.value() for row in listing.data], listing.next_token)


def restore_job(body: bytes) -> RestoreJob:
    """One restore job."""
    return _read(_RestoreJob, body).value()


def restore_jobs(body: bytes) -> Page[RestoreJob]:
    """A page of restore jobs."""
    listing = _read(_RestoreJobs, body)
    return Page([row.value() for row in listing.data], listing.next_token)


def restore_started(body: bytes, *, backup_id: str, name: str) -> RestoreJob:
    """The job that a restore's answer names; it is pending and carries no time."""
    answer = _read(_RestoreStarted, body)
    return RestoreJob(
        job_id=answer.restore_job_id,
        backup_id=backup_id,
        target_index_name=name,
        target_index_id=answer.index_id,
        status="Pending",
        created_at=None,
    )


def statistics(body: bytes) -> Statistics:
    """What an index says of its contents."""
    answer = _read(_Statistics, body)
    counts = {name or DEFAULT_NAMESPACE: each.count for name, each in answer.namespaces.items()}
    return Statistics(answer.total, counts, answer.dimension, answer.metric)


def ids(body: bytes) -> tuple[Page[str], int]:
    """A page of ids, and the read units that it cost; likewise the two readers below."""
    answer = _read(_Ids, body)
    return Page([row.id for row in answer.vectors], answer.next_token), answer.read_units


def vectors(body: bytes) -> tuple[list[Vector], int]:
    """Records, whole."""
    answer = _read(_Fetched, body)
    return [row.value() for row in answer.vectors.values()], answer.read_units


def matches(body: bytes) -> tuple[list[str], int]:
    """The ids that a query found, the most alike first."""
    answer = _read(_Matches, body)
    return [row.id for row in answer.matches], answer.read_units


def error(body: bytes) -> tuple[str, str]:
    """The code and the message of an error answer; empty where it is not one (plain text ...)."""
    try:
        detail = _ErrorBody.model_validate_json(body).error
    except ValidationError:
        return "", _rpc_message(body)
    return detail.code or "", detail.message or ""


def _rpc_message(body: bytes) -> str:
    try:
        return _RpcStatus.model_validate_json(body).message or ""
    except ValidationError:
        return ""


def _read[W: BaseModel](shape: type[W], body: bytes) -> W:
    try:
        return shape.model_validate_json(body)
    except ValidationError as problem:
        found = problem.errors(include_url=False, include_input=False, include_context=False)
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}"
            for item in found[:_SHOWN_PROBLEMS]
        )
        more = f" and {len(found) - _SHOWN_PROBLEMS} more" if len(found) > _SHOWN_PROBLEMS else ""
        raise Malformed(problems + more) from None
