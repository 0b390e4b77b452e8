"""Projects and their indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.api import models
from pinecone_backup.api.routes import Access, Call, route

if TYPE_CHECKING:
    from pinecone_backup.model import Index
    from pinecone_backup.rules.policy import Project

_TAG = "Projects and indexes"


@route("GET", "/v1/projects", access=Access.READ, tag=_TAG, gives=models.ProjectList)
def list_projects(call: Call, _: models.Nothing) -> models.ProjectList:
    """List the projects that the policy document names."""
    document, _version = call.policy()
    named = {project.name for project in document.projects}
    return models.ProjectList(
        data=[_project(call, project) for project in document.projects],
        unnamed=[name for name in call.container.services.projects.known() if name not in named],
    )


@route(
    "GET",
    "/v1/projects/{project}",
    access=Access.READ,
    tag=_TAG,
    gives=models.KnownProject,
    problems=("not-found",),
)
def describe_project(call: Call, _: models.Nothing) -> models.KnownProject:
    """Describe a project."""
    return _project(call, call.project())


@route(
    "GET",
    "/v1/projects/{project}/indexes",
    access=Access.READ,
    tag=_TAG,
    gives=models.IndexList,
    problems=("not-found",),
)
def list_indexes(call: Call, _: models.Nothing) -> models.IndexList:
    """List the project's active indexes, each with the policy that decides about it."""
    return models.IndexList(
        data=[_index(call, index) for index in call.control_plane().list_indexes()]
    )


@route(
    "GET",
    "/v1/projects/{project}/indexes/{index_name}",
    access=Access.READ,
    tag=_TAG,
    gives=models.Index,
    problems=("not-found",),
)
def describe_index(call: Call, _: models.Nothing) -> models.Index:
    """Describe an index, with the policy that decides about it."""
    return _index(call, call.control_plane().describe_index(call.path["index_name"]))


def _project(call: Call, project: Project) -> models.KnownProject:
    prefix = call.container.settings.project_secret_prefix
    return models.KnownProject(
        name=project.name, secret=f"{prefix}{project.secret_name}", quota=project.quota
    )


def _index(call: Call, index: Index) -> models.Index:
    document, _version = call.policy()
    assigned = document.assigned(call.path["project"], index.name, index.tags)
    return models.Index(
        name=index.name,
        kind=index.kind,
        state=index.state,
        ready=index.ready,
        tags=dict(index.tags),
        deletion_protection=index.deletion_protection,
        source_backup_id=index.source_backup_id,
        policy=assigned.policy.name if assigned.policy else None,
        assigned_by=assigned.by,
    )
