"""Setting the scene over HTTP: time, history, outcomes, faults. Everything under ``/_simulator``.

In process the same is done with the attributes of ``Simulator``.
"""

import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from local.simulator.access import ROLES
from local.simulator.damages import Damage, Harm
from local.simulator.errors import ApiError
from local.simulator.exchange import simulator_dependency
from local.simulator.faults import Call, Fault
from local.simulator.project_state import BACKUP_QUOTAS
from local.simulator.schema import Fields, vector_fields
from local.simulator.seeding import SeedableProject
from local.simulator.simulator import Simulator
from local.simulator.state import Backup, Behaviour, Index, Kind, Outcome, Result

PREFIX = "/_simulator"

router = APIRouter(prefix=PREFIX, tags=["Simulator"])

Simulated = Annotated[Simulator, Depends(simulator_dependency)]


async def _project(
    simulator: Simulated, project: str = "default"
) -> AsyncIterator[SeedableProject]:
    """The project named by the query parameter ``project``."""
    if project not in simulator.projects:
        raise HTTPException(404, f"There is no project {project!r}; PUT /_simulator/projects first")
    try:
        yield simulator.projects[project]
    except ApiError as refusal:
        raise HTTPException(refusal.status, refusal.message) from refusal


InProject = Annotated[SeedableProject, Depends(_project)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


# State and time.


@router.post("/reset", status_code=204)
async def reset(simulator: Simulated) -> None:
    """Forget everything but the time: one empty project ``default`` remains."""
    simulator.reset()


@router.get("/state")
async def state(simulator: Simulated) -> dict[str, Any]:
    """Everything the simulator holds, API keys left out."""
    for project in simulator.projects.values():
        project.settle()
    return {
        "now": simulator.clock.now(),
        "frozen": simulator.clock.frozen,
        "behaviour": simulator.behaviour,
        "projects": {name: _contents(p) for name, p in simulator.projects.items()},
        "faults": simulator.faults.list(),
        "requests": simulator.requests.counts(),
    }


def _contents(project: SeedableProject) -> dict[str, Any]:
    now = project.clock.now()
    return {
        "project_id": project.project_id,
        "plan": project.plan,
        "roles": sorted(project.keys.values()),
        "backup_quota": project.backup_quota,
        "index_quota": project.index_quota,
        "past_due": project.past_due,
        "indexes": [_index(index, now) for index in project.indexes],
        "backups": [_backup(backup, now) for backup in project.backups],
        "schedules": list(project.schedules.values()),
        "restore_jobs": [
            {**dataclasses.asdict(job), "status": job.status(now)} for job in project.jobs.values()
        ],
        "conversion_jobs": [
            {**dataclasses.asdict(job), "status": job.status(now)}
            for job in project.conversions.values()
        ],
    }


def _index(index: Index, now: datetime) -> dict[str, Any]:
    return {
        **_without_contents(index),
        "state": index.state(now),
        "namespaces": index.records(now),
    }


def _backup(backup: Backup, now: datetime) -> dict[str, Any]:
    return {**_without_contents(backup), "status": backup.status(now)}


def _without_contents(row: Index | Backup) -> dict[str, Any]:
    """The fields of a row; its records stay where they are."""
    names = [field.name for field in dataclasses.fields(row) if field.name != "contents"]
    return {name: getattr(row, name) for name in names}


class ClockOrder(_Order):
    """What to do with the clock: any of these, applied in this order."""

    now: AwareDatetime | None = Field(None, description="Set the time")
    advance_seconds: float | None = Field(None, description="Move on")
    frozen: bool | None = Field(None, description="Stand still, or run")


@router.get("/clock")
async def read_clock(simulator: Simulated) -> dict[str, Any]:
    """The simulated time."""
    return {"now": simulator.clock.now(), "frozen": simulator.clock.frozen}


@router.post("/clock")
async def set_clock(simulator: Simulated, order: ClockOrder) -> dict[str, Any]:
    """Set, advance, freeze or resume the clock."""
    if order.now is not None:
        simulator.clock.set(order.now)
    if order.advance_seconds is not None:
        simulator.clock.advance(timedelta(seconds=order.advance_seconds))
    if order.frozen is not None:
        (simulator.clock.freeze if order.frozen else simulator.clock.resume)()
    return {"now": simulator.clock.now(), "frozen": simulator.clock.frozen}


_BEHAVIOUR = TypeAdapter(Behaviour)


@router.patch("/behaviour")
async def change_behaviour(simulator: Simulated, changes: dict[str, Any]) -> Behaviour:
    """Change durations and switches; the fields are those of the answer."""
    current = dataclasses.asdict(simulator.behaviour)
    unknown = sorted(changes.keys() - current.keys())
    if unknown:
        raise HTTPException(422, f"Unknown: {', '.join(unknown)}")
    try:
        changed = _BEHAVIOUR.validate_python(current | changes)
    except ValidationError as invalid:
        raise HTTPException(422, str(invalid)) from invalid
    for name, value in dataclasses.asdict(changed).items():
        setattr(simulator.behaviour, name, value)
    return changed


# Projects and their history.


class ProjectOrder(_Order):
    """A project to add or to change; what is left out keeps its value."""

    keys: dict[str, str] | None = Field(None, description=f"API key to role: {sorted(ROLES)}")
    plan: str | None = Field(None, description=f"One of {sorted(BACKUP_QUOTAS)}")
    backup_quota: int | None = Field(None, description="Null: what the plan allows")
    index_quota: int | None = Field(None, description="Null: what the plan allows")
    past_due: bool | None = Field(None, description="Whether creates are answered with 402")


@router.put("/projects/{name}")
async def put_project(simulator: Simulated, name: str, order: ProjectOrder) -> dict[str, Any]:
    """Add a project with its API keys, or change its keys, plan or quotas."""
    if not set((order.keys or {}).values()) <= ROLES:
        raise HTTPException(422, f"Roles are {', '.join(sorted(ROLES))}")
    if order.plan is not None and order.plan not in BACKUP_QUOTAS:
        raise HTTPException(422, f"Plans are {', '.join(BACKUP_QUOTAS)}")
    if name not in simulator.projects:
        simulator.add_project(name, keys=order.keys or {})
    project = simulator.projects[name]
    for field in order.model_fields_set:
        value = getattr(order, field)
        if value is not None or field.endswith("_quota"):
            setattr(project, field, value)
    return _contents(project)


class IndexOrder(_Order):
    """An index that shall have been there all along."""

    name: str
    created_at: AwareDatetime | None = Field(None, description="30 days ago by default")
    deleted_at: AwareDatetime | None = Field(None, description="For a past incarnation")
    records: int = Field(0, ge=0)
    kind: Kind = Kind.SERVERLESS
    dimension: int | None = Field(1536, description="Null: sparse vectors")
    metric: str = "cosine"
    embed_model: str | None = None
    full_text: bool = False
    fields: Fields | None = Field(None, description="A whole schema, in place of the four above")
    metadata_fields: list[str] = []
    tags: dict[str, str] = {}
    cloud: str = "aws"
    region: str = "us-east-1"
    deletion_protection: bool = False
    cmek_id: str | None = None
    seed: str = Field("", description="Equal texts make equal records; its id by default")


@router.post("/indexes", status_code=201)
async def seed_index(project: InProject, order: IndexOrder) -> dict[str, Any]:
    """Add an index, or a past incarnation of one."""
    values = order.model_dump(exclude={"dimension", "metric", "embed_model", "full_text"})
    values["fields"] = order.fields or vector_fields(
        dimension=order.dimension,
        metric=order.metric,
        embed_model=order.embed_model,
        full_text=order.full_text,
    )
    return _index(project.seed_index(**values), project.clock.now())


@router.post("/indexes/{index_name}/recreate")
async def recreate_index(project: InProject, index_name: str, records: int = 0) -> dict[str, Any]:
    """Delete an index and create it anew under its name."""
    return _index(project.recreate_index(index_name, records=records), project.clock.now())


class RecordsOrder(_Order):
    """Records to write."""

    records: int = Field(description="A negative number deletes")
    namespace: str = "__default__"
    at: AwareDatetime | None = Field(None, description="Now by default")


@router.post("/indexes/{index_name}/records", status_code=204)
async def write_records(project: InProject, index_name: str, order: RecordsOrder) -> None:
    """Write records into an index."""
    project.write_records(index_name, order.records, namespace=order.namespace, at=order.at)


class HarmOrder(_Order):
    """One damage to a restore."""

    damage: Damage
    share: float = Field(0.01, ge=0, le=1, description="Of how many records")
    namespace: str | None = Field(None, description="The last by name, by default")


class OutcomeOrder(_Order):
    """How things shall turn out."""

    result: Result
    seconds: float | None = Field(None, ge=0, description="Null: the usual duration")
    times: int | None = Field(1, ge=1, description="Null: for ever")
    share: float = Field(0.5, ge=0, le=1, description="What a shrink leaves")


class RestoreOrder(OutcomeOrder):
    """How restores shall turn out."""

    damages: list[HarmOrder] = Field([], description="What else is wrong, one after the other")


def _outcome(order: OutcomeOrder) -> Outcome:
    values = order.model_dump(exclude={"damages"})
    harms = order.damages if isinstance(order, RestoreOrder) else []
    return Outcome(**values, damages=tuple(Harm(**harm.model_dump()) for harm in harms))


@router.post("/indexes/{index_name}/outcomes", status_code=204)
async def expect_backups(project: InProject, index_name: str, order: OutcomeOrder) -> None:
    """Decide how the next backups of an index turn out."""
    project.expect(index_name, _outcome(order))


@router.post("/restore-outcomes", status_code=204)
async def expect_restores(project: InProject, order: RestoreOrder) -> None:
    """Decide how the next restores of the project turn out."""
    project.restore_outcomes.append(_outcome(order))


@router.post("/conversion-outcomes", status_code=204)
async def expect_conversions(project: InProject, order: OutcomeOrder) -> None:
    """Decide how the next conversions of the project turn out: ready, fail or stick."""
    project.conversion_outcomes.append(_outcome(order))


class BackupOrder(_Order):
    """A backup that shall have been taken."""

    index_name: str
    index_id: str | None = Field(None, description="Null: the newest incarnation")
    backup_id: str | None = Field(None, description="One that exists makes a second row with it")
    name: str | None = None
    description: str | None = None
    created_at: AwareDatetime | None = Field(None, description="Now by default")
    status: str | None = Field("Ready", description="Any text; null: follows from the time")
    record_count: int | None = Field(1000, ge=0, description="Null: the service does not say")
    namespace_count: int = Field(1, ge=1)
    tags: dict[str, str] | None = Field(None, description="Null: the index's")


@router.post("/backups", status_code=201)
async def seed_backup(project: InProject, order: BackupOrder) -> dict[str, Any]:
    """Add a backup with any date, name and status."""
    return _backup(project.seed_backup(**order.model_dump()), project.clock.now())


# Faults and requests.


@router.get("/faults")
async def list_faults(simulator: Simulated) -> list[Fault]:
    """The faults still armed."""
    return simulator.faults.list()


@router.post("/faults", status_code=201)
async def add_fault(simulator: Simulated, fault: Fault) -> Fault:
    """Arm a fault."""
    return simulator.faults.add(fault)


@router.delete("/faults", status_code=204)
async def clear_faults(simulator: Simulated, fault_id: str | None = None) -> None:
    """Disarm one fault, or all."""
    simulator.faults.clear(fault_id)


class RequestsAnswer(BaseModel):
    """What was asked of the Pinecone operations."""

    counts: dict[str, int]
    read_units: int
    calls: list[Call]


@router.get("/requests")
async def list_requests(simulator: Simulated, project: str | None = None) -> RequestsAnswer:
    """Every request since the log was cleared, and how often each operation was asked."""
    calls = [c for c in simulator.requests.calls if project is None or c.project == project]
    return RequestsAnswer(
        counts=simulator.requests.counts(project=project),
        read_units=sum(call.read_units for call in calls),
        calls=calls,
    )


@router.delete("/requests", status_code=204)
async def clear_requests(simulator: Simulated) -> None:
    """Clear the request log."""
    simulator.requests.clear()
