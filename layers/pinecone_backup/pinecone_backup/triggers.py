"""Every shape that reaches a scheduled function, read into one request.

Five shapes reach them: a Scheduler payload (the ``Input`` of a schedule, with
the scheduled time substituted), a classic scheduled-rule event, an event of our bus with
``detail``, a plain JSON object from ``sam local invoke``, and a batch of one SQS message, whose
body is a request that a tick has made for one project.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    ValidationError,
)

from pinecone_backup.errors import EventMalformed
from pinecone_backup.model import RunKind, TriggerKind

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_SOURCE = "pinecone-backup.request"
"""The ``source`` of bus events that ask for a run."""


class RunRequest(BaseModel):
    """What a trigger asks for, whatever its shape was.

    Attributes:
        project: One project, or None for all of the policy.
        run_id: The id under which somebody already follows the run, or None.
        time: The trigger's own time (rule T1), UTC; None when it has none.
        now: Local stack only: the clock itself; ignored unless ``LocalClock`` is on.
        digest: For prune: the approved plan to execute.
        queued: Whether a tick put it into the queue for one project.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    trigger: TriggerKind
    actor: str
    project: str | None = None
    run_id: str | None = None
    time: datetime | None = None
    now: datetime | None = None
    dry_run: bool = False
    digest: str | None = None
    queued: bool = False


def _unsubstituted(value: object) -> object:
    """A Scheduler placeholder that nothing replaced counts as absent."""
    return None if isinstance(value, str) and value.startswith("<aws.scheduler.") else value


class _Request(BaseModel):
    """What people, programs and schedules may ask for."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    project: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    dry_run: bool = False
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    now: AwareDatetime | None = None


class _BusRequest(_Request):
    run_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None


class _Schedule(_Request):
    """The ``Input`` of our EventBridge Scheduler schedules."""

    trigger: Literal["schedule"]
    scheduled_time: Annotated[AwareDatetime | None, BeforeValidator(_unsubstituted)] = None


class _Rule(BaseModel):
    """A classic scheduled rule's event."""

    source: Literal["aws.events"]
    time: AwareDatetime


class _Queued(RunRequest):
    """The body of a message: it names its project and its run."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    project: str
    run_id: str


class _Message(BaseModel):
    body: Json[_Queued]


class _Batch(BaseModel):
    """What Lambda hands over from the queue, one message at a time."""

    messages: Annotated[list[_Message], Field(alias="Records", min_length=1, max_length=1)]


class _Bus(BaseModel):
    """An event of our bus that asks for a run."""

    source: Literal["pinecone-backup.request"]
    detail: _BusRequest


def read_trigger(event: object, kind: RunKind) -> RunRequest:
    """Read the event of a scheduled function.

    Raises:
        EventMalformed: Naming each field that is wrong, never its value.
    """
    if not isinstance(event, dict):
        raise EventMalformed(
            f"The event is {type(event).__name__}, not a JSON object",
            next_step="Send one of the shapes in events/.",
        )
    try:
        request = _read(event)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise EventMalformed(
            f"The event is malformed: {wrong}", next_step="Compare it with the samples in events/."
        ) from None
    if kind is not RunKind.PRUNE and (request.dry_run or request.digest):
        raise EventMalformed(
            f"A {kind} run takes neither dry_run nor digest",
            next_step="Send them to prune, or leave them out.",
        )
    return request


def answer_to(request: RunRequest, result: dict[str, Any]) -> dict[str, Any]:
    """What the handler returns: to a message, a partial batch response by which it is deleted."""
    return {"batchItemFailures": [], **result} if request.queued else result


def _read(event: Mapping[str, Any]) -> RunRequest:
    if "Records" in event:
        (message,) = _Batch.model_validate(event).messages
        return RunRequest.model_validate(message.body.model_dump() | {"queued": True})
    if "detail" in event or "detail-type" in event:
        if event.get("source") == "aws.events":
            time = _Rule.model_validate(event).time
            return RunRequest(trigger=TriggerKind.SCHEDULE, actor="schedule", time=_utc(time))
        request = _Bus.model_validate(event).detail
        actor = f"bus:{event.get('account', 'unknown')}"
        return _request(request, TriggerKind.BUS, actor, run_id=request.run_id)
    if event.get("trigger") == "schedule":
        schedule = _Schedule.model_validate(event)
        return _request(
            schedule, TriggerKind.SCHEDULE, "schedule", time=_utc(schedule.scheduled_time)
        )
    return _request(_Request.model_validate(event), TriggerKind.DIRECT, "direct invocation")


def _request(
    request: _Request,
    trigger: TriggerKind,
    actor: str,
    *,
    time: datetime | None = None,
    run_id: str | None = None,
) -> RunRequest:
    return RunRequest(
        trigger=trigger,
        actor=actor,
        project=request.project,
        run_id=run_id,
        time=time,
        now=_utc(request.now),
        dry_run=request.dry_run,
        digest=request.digest,
    )


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)
