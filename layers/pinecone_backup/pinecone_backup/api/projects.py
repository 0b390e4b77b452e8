"""Projects and their indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.api.models import Nothing, Output
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.model import IndexKind
from pinecone_backup.rules.policy import AssignedBy

if TYPE_CHECKING:
    from pinecone_backup import model
    from pinecone_backup.rules.policy import Project

route = Routes("Projects and indexes")


class KnownProject(Output):
    """A Pinecone project of the policy document."""

    name: str
    secret: str
    """The name of the secret that holds its API key."""
    quota: int


class ProjectList(Output):
    """The projects of the policy document."""

    data: list[KnownProject]
    unnamed: list[str]
    """Projects that the ledger knows and the policy does not name any more."""


class Index(Output):
    """An active index."""

    name: str
    kind: IndexKind
    state: str
    ready: bool
    tags: dict[str, str]
    deletion_protection: bool
    source_backup_id: str | None
    policy: str | None
    """The policy that decides about it, by name."""
    assigned_by: AssignedBy


class IndexList(Output):
    """The project's indexes; this listing has no pages."""

    data: list[Index]


@route("GET", "/v1/projects", access=Access.READ, gives=ProjectList)
def list_projects(call: Call, _: Nothing) -> ProjectList:
    """List the projects that the policy document names."""
    document, _version = call.policy()
    named = {project.name for project in document.projects}
    return ProjectList(
        data=[_project(call, project) for project in document.projects],
        unnamed=[name for name in call.container.services.projects.known() if name not in named],
    )


@route(
    "GET",
    "/v1/projects/{project}",
    access=Access.READ,
    gives=KnownProject,
)
def describe_project(call: Call, _: Nothing) -> KnownProject:
    """Describe a project."""
    return _project(call, call.project())


@route(
    "GET",
    "/v1/projects/{project}/indexes",
    access=Access.READ,
    gives=IndexList,
)
def list_indexes(call: Call, _: Nothing) -> IndexList:
    """List the project's active indexes, each with the policy that decides about it."""
    return IndexList(data=[index_of(call, index) for index in call.control_plane().list_indexes()])


@route(
    "GET",
    "/v1/projects/{project}/indexes/{index_name}",
    access=Access.READ,
    gives=Index,
)
def describe_index(call: Call, _: Nothing) -> Index:
    """Describe an index, with the policy that decides about it."""
    return index_of(call, call.control_plane().describe_index(call.path["index_name"]))


def _project(call: Call, project: Project) -> KnownProject:
    prefix = call.container.settings.project_secret_prefix
    return KnownProject(
        name=project.name, secret=f"{prefix}{project.secret_name}", quota=project.quota
    )


def index_of(call: Call, index: model.Index) -> Index:
    """An index with the policy that decides about it."""
    document, _version = call.policy()
    assigned = document.assigned(call.path["project"], index.name, index.tags)
    policy = assigned.policy.name if assigned.policy else None
    return Index.of(index, policy=policy, assigned_by=assigned.by)
