"""The HTTP face of the simulated Pinecone: a thin layer over ``Project``."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from local.simulator import control, errors, shapes
from local.simulator.exchange import Context, PineconeRoute, context_of
from local.simulator.paging import Window
from local.simulator.project import vector_fields
from local.simulator.simulator import Simulator
from local.simulator.state import Fields, Kind

ABOUT = (
    "A simulated Pinecone project for tests and demonstrations. Operations of the control plane, "
    "with its published semantics, and routes under `/_simulator` to set the scene: time, "
    "history, outcomes and faults."
)

Caller = Annotated[Context, Depends(context_of)]
Limit = Annotated[str | None, Query(description="Rows per page")]
Token = Annotated[str | None, Query(description="`pagination.next` of the page before")]

router = APIRouter(
    route_class=PineconeRoute,
    dependencies=[Security(APIKeyHeader(name="Api-Key", auto_error=False))],
)


class _Body(BaseModel):
    """A request body: strict about types, indifferent to unknown fields."""

    model_config = ConfigDict(strict=True)


class CreateBackup(_Body):
    """Body of create_backup; ``{}`` is enough."""

    name: str | None = None
    description: str | None = None


class CreateIndexFromBackup(_Body):
    """Body of create_index_from_backup."""

    name: str
    tags: dict[str, str] | None = None
    deletion_protection: Literal["enabled", "disabled"] | None = None
    read_capacity: dict[str, Any] | None = None


class ScheduleTiming(_Body):
    """When a schedule runs."""

    type: str
    frequency: str


class Retention(_Body):
    """How long a schedule's backups live."""

    expire_after_days: int


class CreateSchedule(_Body):
    """Body of create_backup_schedule."""

    name: str
    schedule: ScheduleTiming
    retention: Retention


class UpdateSchedule(_Body):
    """Body of update_backup_schedule; ``{}`` changes nothing."""

    frequency: str | None = None
    retention: Retention | None = None
    enabled: bool | None = None


class ConfigureIndex(_Body):
    """Body of configure_index."""

    tags: dict[str, str] | None = None
    deletion_protection: Literal["enabled", "disabled"] | None = None
    read_capacity: dict[str, Any] | None = None


class IndexSchema(_Body):
    """The fields of an index."""

    fields: Fields


class CreateIndex(_Body):
    """Body of create_index, in the new form (``schema``) or the old one (``spec``)."""

    name: str
    schema_: IndexSchema | None = None
    deployment: dict[str, Any] | None = None
    dimension: int | None = None
    metric: str = "cosine"
    spec: dict[str, dict[str, Any]] | None = None
    tags: dict[str, str] | None = None
    deletion_protection: Literal["enabled", "disabled"] = "disabled"
    cmek_id: str | None = None

    model_config = ConfigDict(strict=True, alias_generator=lambda name: name.rstrip("_"))


def create_app(simulator: Simulator) -> FastAPI:
    """The application that serves a simulator; swap ``app.state.simulator`` for another."""
    app = FastAPI(title="Pinecone simulator", version="2026-07", description=ABOUT)
    app.state.simulator = simulator
    app.include_router(router)
    app.include_router(control.router)
    return app


def _page[T](rows: Sequence[T], render: Callable[[T], shapes.Json], window: Window) -> JSONResponse:
    page, token = window.page(rows)
    return JSONResponse(shapes.listing([render(row) for row in page], token))


def _window(caller: Context, limit: str | None, token: str | None) -> Window:
    return Window.parse(limit, token, caller.version)


INDEXES: list[str | Enum] = ["Pinecone: indexes"]
BACKUPS: list[str | Enum] = ["Pinecone: backups"]
RESTORES: list[str | Enum] = ["Pinecone: restores"]
SCHEDULES: list[str | Enum] = ["Pinecone: backup schedules"]
DATA: list[str | Enum] = ["Pinecone: data plane"]


# Indexes.


@router.get("/indexes", operation_id="list_indexes", tags=INDEXES)
async def list_indexes(caller: Caller) -> Response:
    """List the indexes of the project; not paged."""
    now = caller.project.settle()
    rows = caller.project.list_indexes()
    shaped = [shapes.index(row, now, caller.base_url, caller.version) for row in rows]
    return JSONResponse({"indexes": shaped})


@router.post("/indexes", operation_id="create_index", tags=INDEXES)
async def create_index(caller: Caller, body: CreateIndex) -> Response:
    """Create an index from a schema, or from dimension, metric and spec."""
    if body.schema_ is None and body.spec is None:
        missing = "schema" if caller.version.modern else "spec"
        raise errors.unprocessable(f"missing field `{missing}` at line 1 column 1")
    kind, place = _placement(body)
    row = caller.project.create_index(
        body.name,
        body.schema_.fields
        if body.schema_ is not None
        else vector_fields(dimension=body.dimension, metric=body.metric),
        kind=kind,
        tags=body.tags or {},
        deletion_protection=body.deletion_protection == "enabled",
        cmek_id=body.cmek_id,
        **place,
    )
    return _index(caller, row.name, status=caller.version.created)


def _placement(body: CreateIndex) -> tuple[Kind, dict[str, Any]]:
    if body.spec is not None:
        name, settings = next(iter(body.spec.items()))
    else:
        settings = body.deployment or {}
        name = {"pod": "pod", "byoc": "byoc"}.get(settings.get("deployment_type", ""), "serverless")
    if name not in set(Kind):
        raise errors.invalid()
    return Kind(name), {key: settings[key] for key in ("cloud", "region") if key in settings}


def _index(caller: Context, name: str, status: int = 200) -> Response:
    row = caller.project.describe_index(name)
    now = caller.project.clock.now()
    return JSONResponse(shapes.index(row, now, caller.base_url, caller.version), status)


@router.get("/indexes/{index_name}", operation_id="describe_index", tags=INDEXES)
async def describe_index(caller: Caller, index_name: str) -> Response:
    """Describe an index."""
    return _index(caller, index_name)


@router.patch("/indexes/{index_name}", operation_id="configure_index", tags=INDEXES)
async def configure_index(caller: Caller, index_name: str, body: ConfigureIndex) -> Response:
    """Change tags, deletion protection or read capacity of an index."""
    protection = body.deletion_protection
    caller.project.configure_index(
        index_name,
        tags=body.tags,
        deletion_protection=None if protection is None else protection == "enabled",
        read_capacity=body.read_capacity,
    )
    return _index(caller, index_name, status=200 if caller.version.modern else 202)


@router.delete("/indexes/{index_name}", operation_id="delete_index", tags=INDEXES)
async def delete_index(caller: Caller, index_name: str) -> Response:
    """Delete an index; its backups survive."""
    caller.project.delete_index(index_name)
    return Response(status_code=202)


# Backups.


@router.post("/indexes/{index_name}/backups", operation_id="create_backup", tags=BACKUPS)
async def create_backup(caller: Caller, index_name: str, body: CreateBackup) -> Response:
    """Start a backup of an index."""
    row = caller.project.create_backup(index_name, name=body.name, description=body.description)
    shaped = shapes.backup(row, caller.project, caller.version, created=True)
    return JSONResponse(shaped, caller.version.created)


@router.get("/indexes/{index_name}/backups", operation_id="list_index_backups", tags=BACKUPS)
async def list_index_backups(
    caller: Caller,
    index_name: str,
    limit: Limit = None,
    paginationToken: Token = None,  # noqa: N803 - the wire's spelling
    include_deleted: bool = False,  # noqa: FBT001, FBT002, RUF100 - a query parameter
) -> Response:
    """List the backups of an index, or of every index that ever had the name."""
    window = _window(caller, limit, paginationToken)
    rows = caller.project.index_backups(index_name, include_deleted=include_deleted)
    return _page(rows, lambda row: shapes.backup(row, caller.project, caller.version), window)


@router.get("/backups", operation_id="list_project_backups", tags=BACKUPS)
async def list_project_backups(
    caller: Caller,
    limit: Limit = None,
    paginationToken: Token = None,  # noqa: N803 - the wire's spelling
) -> Response:
    """List the backups of the project, those of deleted indexes included."""
    window = _window(caller, limit, paginationToken)
    rows = caller.project.project_backups()
    return _page(rows, lambda row: shapes.backup(row, caller.project, caller.version), window)


@router.get("/backups/{backup_id}", operation_id="describe_backup", tags=BACKUPS)
async def describe_backup(caller: Caller, backup_id: str) -> Response:
    """Describe a backup."""
    row = caller.project.describe_backup(backup_id)
    return JSONResponse(shapes.backup(row, caller.project, caller.version))


@router.delete("/backups/{backup_id}", operation_id="delete_backup", tags=BACKUPS)
async def delete_backup(caller: Caller, backup_id: str) -> Response:
    """Accept the deletion of a backup, which takes effect later."""
    caller.project.delete_backup(backup_id)
    return Response(status_code=202)


# Restores.


@router.post(
    "/backups/{backup_id}/create-index", operation_id="create_index_from_backup", tags=RESTORES
)
async def create_index_from_backup(
    caller: Caller, backup_id: str, body: CreateIndexFromBackup
) -> Response:
    """Start restoring a backup into a new index."""
    job = caller.project.create_index_from_backup(
        backup_id,
        body.name,
        tags=body.tags,
        deletion_protection=body.deletion_protection == "enabled",
        read_capacity=body.read_capacity,
    )
    return JSONResponse({"restore_job_id": job.job_id, "index_id": job.index_id}, 202)


@router.get("/restore-jobs", operation_id="list_restore_jobs", tags=RESTORES)
async def list_restore_jobs(
    caller: Caller,
    limit: Limit = None,
    paginationToken: Token = None,  # noqa: N803 - the wire's spelling
) -> Response:
    """List the restore jobs of the project."""
    window = _window(caller, limit, paginationToken)
    jobs = caller.project.restore_jobs()
    now = caller.project.clock.now()
    if not caller.project.behaviour.restore_listing_exhaustive:
        jobs = jobs[:-1]
        overlap = 1 if window.offset > 0 and window.limit > 1 else 0
        window = Window(window.limit, window.offset - overlap)
    return _page(jobs, lambda job: shapes.restore_job(job, now), window)


@router.get("/restore-jobs/{job_id}", operation_id="describe_restore_job", tags=RESTORES)
async def describe_restore_job(caller: Caller, job_id: str) -> Response:
    """Describe a restore job."""
    job = caller.project.describe_restore_job(job_id)
    return JSONResponse(shapes.restore_job(job, caller.project.clock.now()))


# Native schedules.


async def _with_schedules(caller: Caller) -> Context:
    behaviour = caller.project.behaviour
    if not caller.version.at_least(behaviour.schedules_since):
        raise errors.not_found("Not found.")
    if behaviour.plan_gates_all_schedule_operations:
        caller.project.check_schedule_plan()
    return caller


Scheduler = Annotated[Context, Depends(_with_schedules)]


@router.post(
    "/indexes/{index_name}/backup-schedules",
    operation_id="create_backup_schedule",
    tags=SCHEDULES,
)
async def create_backup_schedule(
    caller: Scheduler, index_name: str, body: CreateSchedule
) -> Response:
    """Create an enabled schedule for an index."""
    if body.schedule.type != "time-based":
        raise errors.invalid(f"schedule.type must be time-based, got {body.schedule.type}.")
    row = caller.project.create_schedule(
        index_name,
        name=body.name,
        frequency=body.schedule.frequency,
        retention_days=body.retention.expire_after_days,
    )
    return JSONResponse(shapes.schedule(row, caller.project), caller.version.created)


@router.get(
    "/indexes/{index_name}/backup-schedules", operation_id="list_backup_schedules", tags=SCHEDULES
)
async def list_backup_schedules(
    caller: Scheduler,
    index_name: str,
    limit: Limit = None,
    paginationToken: Token = None,  # noqa: N803 - the wire's spelling
) -> Response:
    """List the schedules of an index, disabled ones included."""
    window = _window(caller, limit, paginationToken)
    rows = caller.project.list_schedules(index_name)
    return _page(rows, lambda row: shapes.schedule(row, caller.project), window)


@router.get(
    "/backup-schedules/{schedule_id}", operation_id="describe_backup_schedule", tags=SCHEDULES
)
async def describe_backup_schedule(caller: Scheduler, schedule_id: str) -> Response:
    """Describe a schedule."""
    row = caller.project.describe_schedule(schedule_id)
    return JSONResponse(shapes.schedule(row, caller.project))


@router.patch(
    "/backup-schedules/{schedule_id}", operation_id="update_backup_schedule", tags=SCHEDULES
)
async def update_backup_schedule(
    caller: Scheduler, schedule_id: str, body: UpdateSchedule
) -> Response:
    """Change, pause or resume a schedule."""
    row = caller.project.update_schedule(
        schedule_id,
        frequency=body.frequency,
        retention_days=None if body.retention is None else body.retention.expire_after_days,
        enabled=body.enabled,
    )
    return JSONResponse(shapes.schedule(row, caller.project))


@router.delete(
    "/backup-schedules/{schedule_id}", operation_id="delete_backup_schedule", tags=SCHEDULES
)
async def delete_backup_schedule(caller: Scheduler, schedule_id: str) -> Response:
    """Delete a schedule; the backups it made stay."""
    caller.project.delete_schedule(schedule_id)
    return Response(status_code=204)


@router.get(
    "/backup-schedules/{schedule_id}/history",
    operation_id="list_backup_schedule_history",
    tags=SCHEDULES,
)
async def list_backup_schedule_history(
    caller: Scheduler,
    schedule_id: str,
    limit: Limit = None,
    paginationToken: Token = None,  # noqa: N803 - the wire's spelling
) -> Response:
    """List what a schedule made and plans."""
    window = _window(caller, limit, paginationToken)
    rows = caller.project.schedule_history(schedule_id)
    return _page(rows, lambda row: shapes.history_item(row, caller.project, caller.version), window)


# Data plane.


class StatsQuery(_Body):
    """Body of describe_index_stats."""

    filter: dict[str, Any] | None = None


@router.post(
    "/data/{index_id}/describe_index_stats", operation_id="describe_index_stats", tags=DATA
)
async def describe_index_stats(caller: Caller, index_id: str, body: StatsQuery) -> Response:
    """Count the records of an index."""
    if body.filter:
        raise errors.invalid("Serverless indexes do not support describing stats with a filter.")
    now = caller.project.settle()
    row = caller.project.index_by_id(index_id)
    if not row.exists(now):
        raise errors.index_not_found(row.name)
    return JSONResponse(shapes.stats(row, now))
