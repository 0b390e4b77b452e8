"""Native backup schedules."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import JSONResponse, Response

from local.simulator import errors, shapes
from local.simulator.exchange import Context
from local.simulator.routes.common import Body, Caller, Limit, Token, new_router, page, window

router = new_router("backup schedules")


class ScheduleTiming(Body):
    """When a schedule runs."""

    type: str
    frequency: str


class Retention(Body):
    """How long a schedule's backups live."""

    expire_after_days: int


class CreateSchedule(Body):
    """Body of create_backup_schedule."""

    name: str
    schedule: ScheduleTiming
    retention: Retention


class UpdateSchedule(Body):
    """Body of update_backup_schedule; ``{}`` changes nothing."""

    frequency: str | None = None
    retention: Retention | None = None
    enabled: bool | None = None


async def _with_schedules(caller: Caller) -> Context:
    behaviour = caller.project.behaviour
    if not caller.version.at_least(behaviour.schedules_since):
        raise errors.not_found("Not found.")
    if behaviour.plan_gates_all_schedule_operations:
        caller.project.check_schedule_plan()
    return caller


Scheduler = Annotated[Context, Depends(_with_schedules)]


@router.post("/indexes/{index_name}/backup-schedules", operation_id="create_backup_schedule")
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
    return JSONResponse(shapes.schedule(row, caller.project), caller.version.backup_created)


@router.get("/indexes/{index_name}/backup-schedules", operation_id="list_backup_schedules")
async def list_backup_schedules(
    caller: Scheduler,
    index_name: str,
    limit: Limit = None,
    token: Token = None,
) -> Response:
    """List the schedules of an index, disabled ones included."""
    asked = window(caller, limit, token)
    rows = caller.project.list_schedules(index_name)
    return page(caller, rows, lambda row: shapes.schedule(row, caller.project), asked)


@router.get("/backup-schedules/{schedule_id}", operation_id="describe_backup_schedule")
async def describe_backup_schedule(caller: Scheduler, schedule_id: str) -> Response:
    """Describe a schedule."""
    row = caller.project.describe_schedule(schedule_id)
    return JSONResponse(shapes.schedule(row, caller.project))


@router.patch("/backup-schedules/{schedule_id}", operation_id="update_backup_schedule")
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


@router.delete("/backup-schedules/{schedule_id}", operation_id="delete_backup_schedule")
async def delete_backup_schedule(caller: Scheduler, schedule_id: str) -> Response:
    """Delete a schedule; the backups it made stay."""
    caller.project.delete_schedule(schedule_id)
    return Response(status_code=204)


@router.get("/backup-schedules/{schedule_id}/history", operation_id="list_backup_schedule_history")
async def list_backup_schedule_history(
    caller: Scheduler,
    schedule_id: str,
    limit: Limit = None,
    token: Token = None,
) -> Response:
    """List what a schedule made and plans."""
    asked = window(caller, limit, token)
    rows = caller.project.schedule_history(schedule_id)
    return page(
        caller, rows, lambda row: shapes.history_item(row, caller.project, caller.version), asked
    )
