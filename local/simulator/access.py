"""Which role of an API key may do what."""

from __future__ import annotations

from local.simulator import errors

READ_ROLES = frozenset({"ProjectViewer", "ControlPlaneViewer"})
WRITE_ROLES = frozenset({"ProjectEditor", "ControlPlaneEditor"})
DATA_READ_ROLES = frozenset({"ProjectViewer", "DataPlaneViewer"})
DATA_WRITE_ROLES = frozenset({"ProjectEditor", "DataPlaneEditor"})
ROLES = READ_ROLES | WRITE_ROLES | DATA_READ_ROLES | DATA_WRITE_ROLES

CONTROL_PERMISSIONS = {
    "list_indexes": "indexes::list",
    "create_index": "indexes::create",
    "create_index_for_model": "indexes::create",
    "describe_index": "indexes::describe",
    "configure_index": "indexes::update",
    "delete_index": "indexes::delete",
    "create_backup": "backups::create",
    "list_index_backups": "backups::list",
    "list_project_backups": "backups::list",
    "describe_backup": "backups::describe",
    "delete_backup": "backups::delete",
    "create_index_from_backup": "indexes::create",
    "list_restore_jobs": "restore_jobs::list",
    "describe_restore_job": "restore_jobs::describe",
    "convert_index": "indexes::create",
    "list_conversion_jobs": "conversion_jobs::list",
    "describe_conversion_job": "conversion_jobs::describe",
    "create_backup_schedule": "backup_schedules::create",
    "list_backup_schedules": "backup_schedules::list",
    "describe_backup_schedule": "backup_schedules::describe",
    "update_backup_schedule": "backup_schedules::update",
    "delete_backup_schedule": "backup_schedules::delete",
    "list_backup_schedule_history": "backup_schedules::list",
}
DATA_PERMISSIONS = {
    "describe_index_stats": "index::describe_stats",
    "upsert_vectors": "vectors::upsert",
    "update_vector": "vectors::update",
    "delete_vectors": "vectors::delete",
    "list_vectors": "vectors::list",
    "fetch_vectors": "vectors::fetch",
    "fetch_vectors_by_metadata": "vectors::fetch",
    "query_vectors": "vectors::query",
    "list_namespaces": "namespaces::list",
    "create_namespace": "namespaces::create",
    "describe_namespace": "namespaces::describe",
    "delete_namespace": "namespaces::delete",
}
_WRITES = ("create", "update", "delete", "upsert")


def authorize(operation: str, role: str) -> None:
    """Refuse (403) what a role does not allow."""
    if operation in DATA_PERMISSIONS:
        plane, permission = "data", DATA_PERMISSIONS[operation]
        readers, writers = DATA_READ_ROLES, DATA_WRITE_ROLES
    else:
        plane, permission = "control", CONTROL_PERMISSIONS[operation]
        readers, writers = READ_ROLES, WRITE_ROLES
    allowed = writers if permission.endswith(_WRITES) else readers | writers
    if role not in allowed:
        raise errors.permission_denied(
            f"Access denied: Permission {plane}::{permission} is required"
        )
