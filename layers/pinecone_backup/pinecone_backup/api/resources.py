"""Which module has the routes of a path; it is loaded with the first request for such a path."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pinecone_backup.api.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinecone_backup.api.routes import Route

_MODULES = {
    "backups": ["backups"],
    "deletions": ["deletions"],
    "findings": ["findings"],
    "health": ["health"],
    "holds": ["holds"],
    "plans": ["plans"],
    "policy": ["policy", "policy_versions"],
    "projects": ["projects"],
    "reports": ["reports"],
    "restore": ["restores"],
    "restore-jobs": ["restores"],
    "restore-point": ["restores"],
    "restores": ["restores"],
    "adopt": ["restores"],
    "create-index": ["restores"],
    "runs": ["runs"],
    "backup-schedules": ["schedules"],
    "suspects": ["suspects"],
}
"""The modules by a segment of the path, in the order of the OpenAPI document."""


def modules_of(path: str) -> Sequence[str]:
    """The modules that may have a route of that path."""
    return [name for segment in path.split("/") for name in _MODULES.get(segment, ())]


def load(path: str) -> None:
    """Load the routes of that path into ``ROUTES``."""
    for name in modules_of(path):
        import_module(f"pinecone_backup.api.{name}")


def all_routes() -> Sequence[Route]:
    """Every route of the API."""
    load("/".join(_MODULES))
    return ROUTES
