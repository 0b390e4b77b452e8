"""Backups, and restoring them."""

from typing import Any, Literal

from starlette.responses import JSONResponse, Response

from local.simulator import shapes
from local.simulator.paging import Window
from local.simulator.routes.common import Body, Caller, Limit, Token, new_router, page, window

router = new_router("backups")
restores = new_router("restores")


class CreateBackup(Body):
    """Body of create_backup; ``{}`` is enough."""

    name: str | None = None
    description: str | None = None


class CreateIndexFromBackup(Body):
    """Body of create_index_from_backup."""

    name: str
    tags: dict[str, str] | None = None
    deletion_protection: Literal["enabled", "disabled"] | None = None
    read_capacity: dict[str, Any] | None = None


# Backups.


@router.post("/indexes/{index_name}/backups", operation_id="create_backup")
async def create_backup(caller: Caller, index_name: str, body: CreateBackup) -> Response:
    """Start a backup of an index."""
    row = caller.project.create_backup(index_name, name=body.name, description=body.description)
    shaped = shapes.backup(row, caller.project, caller.version, created=True)
    return JSONResponse(shaped, caller.version.backup_created)


@router.get("/indexes/{index_name}/backups", operation_id="list_index_backups")
async def list_index_backups(
    caller: Caller,
    index_name: str,
    limit: Limit = None,
    token: Token = None,
    include_deleted: bool = False,  # noqa: FBT001, FBT002, RUF100 - a query parameter
) -> Response:
    """List the backups of an index, or of every index that ever had the name."""
    asked = window(caller, limit, token)
    rows = caller.project.index_backups(index_name, include_deleted=include_deleted)
    bare = caller.project.behaviour.bare_empty_listings
    return page(
        caller,
        rows,
        lambda row: shapes.backup(row, caller.project, caller.version),
        asked,
        bare=bare,
    )


@router.get("/backups", operation_id="list_project_backups")
async def list_project_backups(
    caller: Caller,
    limit: Limit = None,
    token: Token = None,
) -> Response:
    """List the backups of the project, those of deleted indexes included."""
    asked = window(caller, limit, token)
    rows = caller.project.project_backups()
    bare = caller.project.behaviour.bare_empty_listings
    return page(
        caller,
        rows,
        lambda row: shapes.backup(row, caller.project, caller.version),
        asked,
        bare=bare,
    )


@router.get("/backups/{backup_id}", operation_id="describe_backup")
async def describe_backup(caller: Caller, backup_id: str) -> Response:
    """Describe a backup."""
    row = caller.project.describe_backup(backup_id)
    return JSONResponse(shapes.backup(row, caller.project, caller.version))


@router.delete("/backups/{backup_id}", operation_id="delete_backup")
async def delete_backup(caller: Caller, backup_id: str) -> Response:
    """Accept the deletion of a backup, which takes effect later."""
    caller.project.delete_backup(backup_id)
    return Response(status_code=202)


# Restores.


@restores.post("/backups/{backup_id}/create-index", operation_id="create_index_from_backup")
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


@restores.get("/restore-jobs", operation_id="list_restore_jobs")
async def list_restore_jobs(
    caller: Caller,
    limit: Limit = None,
    token: Token = None,
) -> Response:
    """List the restore jobs of the project."""
    asked = window(caller, limit, token)
    jobs = caller.project.restore_jobs()
    now = caller.project.clock.now()
    if not caller.project.behaviour.restore_listing_exhaustive:
        jobs = jobs[:-1]
        overlap = 1 if asked.offset > 0 and asked.limit > 1 else 0
        asked = Window(asked.limit, asked.offset - overlap)
    return page(caller, jobs, lambda job: shapes.restore_job(job, now, caller.version), asked)


@restores.get("/restore-jobs/{job_id}", operation_id="describe_restore_job")
async def describe_restore_job(caller: Caller, job_id: str) -> Response:
    """Describe a restore job."""
    job = caller.project.describe_restore_job(job_id)
    return JSONResponse(shapes.restore_job(job, caller.project.clock.now(), caller.version))
