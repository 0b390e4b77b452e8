"""Pinecone's own backup schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from pinecone_backup.api.cursors import as_listing, cursor_at, read_cursor
from pinecone_backup.api.models import NAME, Input, Listing, Nothing, Output, PageQuery, Reason
from pinecone_backup.api.routes import PINECONE_WRITES, Access, Call, Routes
from pinecone_backup.rules.policy import Frequency
from pinecone_backup.usecases.requests import native_schedules

route = Routes("Native schedules")
_ONE = "/v1/projects/{project}/backup-schedules/{schedule_id}"
_OF_INDEX = "/v1/projects/{project}/indexes/{index_name}/backup-schedules"


class Schedule(Output):
    """One of Pinecone's own backup schedules."""

    schedule_id: str
    name: str
    index_id: str
    schedule_type: Literal["time-based"] = "time-based"
    frequency: str
    retention_expire_after_days: Annotated[int, Field(validation_alias="expire_after_days")]
    enabled: bool
    next_scheduled_run: Annotated[datetime | None, Field(validation_alias="next_run_at")]
    created_at: datetime | None


class ScheduleList(Listing[Schedule]):
    """A page of native schedules."""


class ScheduleTiming(Input):
    """How often."""

    type: Literal["time-based"] = "time-based"
    frequency: Frequency


class ScheduleRetention(Input):
    """How long its backups live."""

    expire_after_days: Annotated[int, Field(ge=1, le=365)]


class CreateSchedule(Input):
    """A native schedule to create; it begins enabled."""

    name: Annotated[str, Field(pattern=NAME)]
    schedule: ScheduleTiming
    retention: ScheduleRetention


class UpdateSchedule(Input):
    """What to change; what is left out stays."""

    frequency: Frequency | None = None
    retention: ScheduleRetention | None = None
    """Not a shorter one: that expires backups."""
    enabled: bool | None = None


class ShortenRetention(Input):
    """A shorter life for a native schedule's backups, also for those that exist."""

    expire_after_days: Annotated[int, Field(ge=1, le=365)]
    reason: Reason


class ScheduleRun(Output):
    """A backup that a native schedule made or plans."""

    backup_id: str
    name: str | None
    source_index_id: Annotated[str, Field(validation_alias="index_id")]
    status: Annotated[str, Field(validation_alias="status_text")]
    created_at: datetime | None
    scheduled_execution_at: Annotated[datetime | None, Field(validation_alias="scheduled_at")]


class ScheduleHistory(Listing[ScheduleRun]):
    """A page of a native schedule's history."""


@route(
    "POST",
    _OF_INDEX,
    access=Access.OPERATE,
    takes=CreateSchedule,
    gives=Schedule,
    status=201,
    problems=("conflict", *PINECONE_WRITES),
)
def create_backup_schedule(call: Call, request: CreateSchedule) -> Schedule:
    """Create a native schedule on an index; an index can have one that is enabled."""
    made = native_schedules.create_schedule(
        call.control_plane(),
        call.ledger(),
        call.path["index_name"],
        name=request.name,
        frequency=request.schedule.frequency,
        expire_after_days=request.retention.expire_after_days,
        who=call.actor,
        now=call.now,
    )
    call.locate("backup-schedules", made.schedule_id)
    return Schedule.model_validate(made)


@route(
    "GET",
    _OF_INDEX,
    access=Access.READ,
    takes=PageQuery,
    gives=ScheduleList,
    problems=("pinecone-plan",),
)
def list_backup_schedules(call: Call, query: PageQuery) -> ScheduleList:
    """List an index's native schedules, the paused ones included."""
    page = call.control_plane().native_schedules_page(
        call.path["index_name"],
        limit=query.limit,
        token=read_cursor(call.listing, query.paginationToken),
    )
    return as_listing(ScheduleList, page.items, cursor_at(call.listing, page.next_token))


@route(
    "GET",
    _ONE,
    access=Access.READ,
    gives=Schedule,
    problems=("pinecone-plan",),
)
def describe_backup_schedule(call: Call, _: Nothing) -> Schedule:
    """Describe a native schedule."""
    found = call.control_plane().describe_native_schedule(call.path["schedule_id"])
    return Schedule.model_validate(found)


@route(
    "PATCH",
    _ONE,
    access=Access.OPERATE,
    takes=UpdateSchedule,
    gives=Schedule,
    problems=("conflict", "rule-forbids", *PINECONE_WRITES),
)
def update_backup_schedule(call: Call, request: UpdateSchedule) -> Schedule:
    """Pause or resume a native schedule, or change its frequency or retention.

    Pinecone applies a shorter retention to backups that exist: that is a deletion, refused here
    and offered under ``shorten-retention``.
    """
    changed = native_schedules.update_schedule(
        call.control_plane(),
        call.ledger(),
        call.path["schedule_id"],
        frequency=request.frequency,
        expire_after_days=request.retention.expire_after_days if request.retention else None,
        enabled=request.enabled,
        who=call.actor,
        now=call.now,
    )
    return Schedule.model_validate(changed)


@route(
    "POST",
    _ONE + "/shorten-retention",
    access=Access.DESTROY,
    takes=ShortenRetention,
    gives=Schedule,
    problems=("conflict", *PINECONE_WRITES),
)
def shorten_retention(call: Call, request: ShortenRetention) -> Schedule:
    """Shorten a native schedule's retention: Pinecone expires its older backups."""
    changed = native_schedules.update_schedule(
        call.control_plane(),
        call.ledger(),
        call.path["schedule_id"],
        expire_after_days=request.expire_after_days,
        may_shorten=True,
        reason=request.reason,
        who=call.actor,
        now=call.now,
    )
    return Schedule.model_validate(changed)


@route(
    "DELETE",
    _ONE,
    access=Access.DESTROY,
    gives=None,
    status=204,
    problems=PINECONE_WRITES,
)
def delete_backup_schedule(call: Call, _: Nothing) -> None:
    """Delete a native schedule; the backups that it made stay, and still expire."""
    native_schedules.delete_schedule(
        call.control_plane(), call.ledger(), call.path["schedule_id"], who=call.actor, now=call.now
    )


@route(
    "GET",
    _ONE + "/history",
    access=Access.READ,
    takes=PageQuery,
    gives=ScheduleHistory,
    problems=("pinecone-plan",),
)
def list_backup_schedule_history(call: Call, query: PageQuery) -> ScheduleHistory:
    """List the backups that a native schedule made, and the one that it plans."""
    page = call.control_plane().native_history_page(
        call.path["schedule_id"],
        limit=query.limit,
        token=read_cursor(call.listing, query.paginationToken),
    )
    return as_listing(ScheduleHistory, page.items, cursor_at(call.listing, page.next_token))
