"""The JSON that each API version answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.simulator.schema import dense_dimension, metric, reported, vector_type
from local.simulator.state import Backup, ConversionJob, Index, Kind, RestoreJob, Schedule

if TYPE_CHECKING:
    from local.simulator.data_plane import Summary
    from local.simulator.errors import ApiError
    from local.simulator.project import Project
    from local.simulator.records import Record, Sparse
    from local.simulator.search import Match
    from local.simulator.versions import ApiVersion

type Json = dict[str, Any]

DIVERGENCE = timedelta(microseconds=49)
"""How much later describe dates a backup than its create did, when the two diverge."""


def error(failure: ApiError) -> Json:
    """An error answer."""
    return {"error": {"code": failure.code, "message": failure.message}, "status": failure.status}


RPC_CODES = {400: 3, 404: 5, 409: 6, 412: 9, 413: 8, 422: 3, 500: 13, 503: 14, 504: 4}
"""The gRPC codes that the data plane answers beside an HTTP status; 2 is unknown."""


def rpc_status(failure: ApiError) -> Json:
    """An error answer of the data plane."""
    code = RPC_CODES.get(failure.status, 2)
    return {"code": code, "message": failure.message, "details": []}


def listing(rows: list[Json], next_token: str | None, version: ApiVersion) -> Json:
    """One page; before 2026-07 the last one has no ``pagination``, since then it is null."""
    following = None if next_token is None else {"next": next_token}
    return {"data": rows, **version.nullable("pagination", following)}


def backup(row: Backup, project: Project, version: ApiVersion, *, created: bool = False) -> Json:
    """A BackupModel; ``created`` for the answer to a create."""
    now = project.clock.now()
    body: Json = {
        "backup_id": row.backup_id,
        "source_index_name": row.index_name,
        "source_index_id": row.index_id,
        "status": _spelt(row.status(now), version),
        "cloud": row.cloud,
        "region": row.region,
        "name": row.name,
        "description": row.description,
        "source_index_deleted_at": zulu(project.deleted_at(row, now)),
        "created_at": _created_at(row, project, created=created),
        **(_counts(row, now) or {}),
    }
    body = {key: value for key, value in body.items() if value is not None}
    return body | _captured(row, project, version)


def _captured(row: Backup, project: Project, version: ApiVersion) -> Json:
    if version.modern and not project.behaviour.legacy_shape:
        fields = reported(row.fields, row.metadata_fields)
        return {"schema": {"fields": fields}, "tags": row.tags or None}
    body = version.nullable("tags", row.tags or None)
    dimension = dense_dimension(row.fields)
    if dimension is not None:
        body["dimension"] = dimension
    if not version.modern:
        body["metric"] = metric(row.fields)
    if row.metadata_fields:
        body["schema"] = metadata_schema(row.metadata_fields)
    return body


def _counts(row: Backup, now: datetime) -> Json | None:
    if row.status(now) != "Ready" or row.namespaces is None:
        return None
    return {
        "record_count": sum(row.namespaces.values()),
        "namespace_count": len(row.namespaces),
        "size_bytes": row.size_bytes,
    }


def _spelt(status: str, version: ApiVersion) -> str:
    renamed = status == "InitializationFailed" and not version.modern
    return "Failed" if renamed else status


def _created_at(row: Backup, project: Project, *, created: bool) -> str | None:
    if not project.behaviour.divergent_created_at:
        return zulu(row.created_at)
    if created:
        # Nanoseconds do not fit into a datetime; any three digits do.
        return f"{row.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}882Z"
    return zulu(row.created_at + DIVERGENCE)


def history_item(row: Backup, project: Project, version: ApiVersion) -> Json:
    """A BackupScheduleHistoryItem: a planned or finished run of a schedule."""
    now = project.clock.now()
    planned = row.planned(now)
    status = project.behaviour.planned_status if planned else _spelt(row.status(now), version)
    counts = _counts(row, now) or dict.fromkeys(("record_count", "namespace_count", "size_bytes"))
    body: Json = {
        "backup_id": row.backup_id,
        "source_index_id": row.index_id,
        "source_index_name": row.index_name,
        "name": row.name,
        "description": row.description,
        "status": status,
        "cloud": row.cloud,
        "region": row.region,
        "tags": row.tags or None,
        "schema": {"fields": reported(row.fields, row.metadata_fields)},
        "created_at": offset(row.created_at),
        **counts,
    }
    if status == "Scheduled":
        body["scheduled_execution_at"] = offset(row.starts_at)
    return body


def schedule(row: Schedule, project: Project) -> Json:
    """A BackupScheduleResponse."""
    return {
        "schedule_id": row.schedule_id,
        "name": row.name,
        "index_id": row.index_id,
        "project_id": project.project_id,
        "schedule_type": "time-based",
        "frequency": row.frequency,
        "retention_expire_after_days": row.retention_days,
        "enabled": row.enabled,
        "next_scheduled_run": None if row.next_run is None else offset(row.next_run),
        "created_at": offset(row.created_at),
    }


def restore_job(job: RestoreJob, now: datetime, version: ApiVersion) -> Json:
    """A RestoreJobModel."""
    status = job.status(now)
    body: Json = {
        "restore_job_id": job.job_id,
        "backup_id": job.backup_id,
        "target_index_name": job.index_name,
        "target_index_id": job.index_id,
        "status": status,
        "created_at": zulu(job.created_at),
        **version.nullable("completed_at", zulu(job.ends_at) if status == "Completed" else None),
    }
    if status == "Completed":
        body["percent_complete"] = 100
    return body


def conversion_job(job: ConversionJob, now: datetime) -> Json:
    """A conversion job; it counts no records before it has ended."""
    status = job.status(now)
    done = status == "Completed"
    return {
        "conversion_job_id": job.job_id,
        "source_index_id": job.source_index_id,
        "source_index_name": job.source_index_name,
        "target_index_id": job.target_index_id,
        "target_index_name": job.target_index_name,
        "status": status,
        "error_mode": {"on_error": job.on_error},
        "percent_complete": 100 if done else 0,
        "records_converted": job.records if done else 0,
        "records_skipped": 0,
        "created_at": zulu(job.created_at),
        "completed_at": None if status == "InProgress" else zulu(job.ends_at),
    }


def index(row: Index, now: datetime, base_url: str, version: ApiVersion) -> Json:
    """An IndexModel; ``base_url`` is where the simulator is reached."""
    state = row.state(now)
    body: Json = {
        "name": row.name,
        "host": f"{base_url}/data/{row.index_id}",
        "status": {"ready": state == "Ready", "state": state},
        "deletion_protection": "enabled" if row.deletion_protection else "disabled",
        **version.nullable("tags", row.tags or None),
    }
    return body | (_modern_index(row) if version.modern else _legacy_index(row))


def _read_capacity(row: Index) -> Json:
    return {**row.read_capacity, "status": {"state": "Ready"}}


def _modern_index(row: Index) -> Json:
    deployments: dict[Kind, Json] = {
        Kind.SERVERLESS: {
            "deployment_type": "managed",
            "cloud": row.cloud,
            "region": row.region,
            "environment": f"{row.cloud}-{row.region}-sim",
        },
        Kind.POD: {
            "deployment_type": "pod",
            "environment": f"{row.region}-{row.cloud}",
            "pod_type": "p1.x1",
            "replicas": 1,
            "shards": 1,
        },
        Kind.BYOC: {"deployment_type": "byoc", "environment": f"{row.cloud}-{row.region}-b921"},
    }
    fields = reported(row.fields, row.metadata_fields)
    body: Json = {"deployment": deployments[row.kind], "schema": {"fields": fields}}
    if row.kind is not Kind.POD:
        body["read_capacity"] = _read_capacity(row)
    if row.source_backup_id is not None:
        body["source_backup_id"] = row.source_backup_id
    if row.cmek_id is not None:
        body["cmek_id"] = row.cmek_id
    return body


def _legacy_index(row: Index) -> Json:
    specs: dict[Kind, Json] = {
        Kind.SERVERLESS: {
            "cloud": row.cloud,
            "region": row.region,
            "read_capacity": _read_capacity(row),
        },
        Kind.POD: {
            "environment": f"{row.region}-{row.cloud}",
            "pod_type": "p1.x1",
            "pods": 1,
            "replicas": 1,
            "shards": 1,
        },
        Kind.BYOC: {
            "environment": f"{row.cloud}-{row.region}-b921",
            "read_capacity": _read_capacity(row),
        },
    }
    spec = specs[row.kind]
    if row.metadata_fields and row.kind is not Kind.POD:
        spec["schema"] = metadata_schema(row.metadata_fields)
    body: Json = {
        "metric": metric(row.fields),
        "vector_type": vector_type(row.fields),
        "spec": {row.kind.value: spec},
    }
    dimension = dense_dimension(row.fields)
    if dimension is not None:
        body["dimension"] = dimension
    for name, field in row.fields.items():
        if field.get("type") == "semantic_text":
            body["embed"] = {"model": field["model"], "field_map": {"text": name}}
    return body


def stats(row: Index, counts: dict[str, int]) -> Json:
    """The answer of describe_index_stats."""
    body: Json = {
        "namespaces": {name: {"vectorCount": count} for name, count in counts.items()},
        "indexFullness": 0.0,
        "totalVectorCount": sum(counts.values()),
        "metric": metric(row.fields),
        "vectorType": vector_type(row.fields),
        "memoryFullness": 0.0,
        "storageFullness": 0.0,
    }
    dimension = dense_dimension(row.fields)
    if dimension is not None:
        body["dimension"] = dimension
    return body


def record(row: Record) -> Json:
    """A Vector, whole."""
    body: Json = {"id": row.record_id, "values": list(row.values)}
    if row.sparse is not None:
        body["sparseValues"] = _sparse(row.sparse)
    if row.metadata is not None:
        body["metadata"] = dict(row.metadata)
    return body


def match(found: Match, *, values: bool, metadata: bool) -> Json:
    """A ScoredVector, with what was asked for."""
    body = {**record(found.record), "score": found.score}
    if not values:
        body["values"] = []
        body.pop("sparseValues", None)
    if not metadata:
        body.pop("metadata", None)
    return body


def _sparse(row: Sparse) -> Json:
    return {"indices": list(row.indices), "values": list(row.values)}


def namespace(row: Summary) -> Json:
    """A NamespaceDescription: its numbers are texts."""
    return {"name": row.name, "record_count": str(row.records), "size_bytes": str(row.size_bytes)}


def metadata_schema(names: list[str]) -> Json:
    """The old metadata schema."""
    return {"fields": {name: {"filterable": True} for name in names}}


def zulu(instant: datetime | None) -> str | None:
    """RFC 3339 with six digits and a ``Z``, as backups and restore jobs carry it."""
    return None if instant is None else f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def offset(instant: datetime) -> str:
    """RFC 3339 with ``+00:00``, as schedules and their history carry it."""
    return instant.astimezone(UTC).isoformat()
