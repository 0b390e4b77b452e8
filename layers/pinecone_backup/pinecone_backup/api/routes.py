"""The route table: each route says once what it takes, what it gives and who may call it.

The resolver, the OpenAPI document, the tests of the IAM policies and of the examples all read
``ROUTES``. Each resource's module adds its routes with a decorator of its own, ``Routes``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from posixpath import dirname, relpath
from typing import TYPE_CHECKING, Any, Protocol

from pinecone_backup.api.models import LINK_LIVES, Input, Nothing, PageLink
from pinecone_backup.errors import PolicyInvalid, SubjectUnknown
from pinecone_backup.model import RunContext, RunTime, TriggerKind
from pinecone_backup.usecases.runs import DEPLOYMENT, new_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
    from pydantic import BaseModel

    from pinecone_backup.model import RunKind
    from pinecone_backup.ports import ControlPlane, Ledger, ObjectStore
    from pinecone_backup.report.html import Deployment
    from pinecone_backup.rules.policy import PolicyDocument, Project
    from pinecone_backup.settings import ApiSettings
    from pinecone_backup.usecases.runs import RunServices


PINECONE_WRITES = (
    "pinecone-refused",
    "pinecone-payment",
    "pinecone-plan",
    "pinecone-quota",
    "pinecone-forbids",
    "outcome-unknown",
)
"""What a route that writes at Pinecone may answer."""


class Access(StrEnum):
    """Which of the managed policies a route needs.

    Operate and configure include read, destroy includes all of them.
    """

    READ = "read"
    OPERATE = "operate"
    CONFIGURE = "configure"
    DESTROY = "destroy"


class Container(Protocol):
    """What the routes need; ``wiring.projects.Container`` is one."""

    @property
    def settings(self) -> ApiSettings:
        """The function's settings."""
        ...

    @property
    def services(self) -> RunServices:
        """Ledger, policies, bus and clock."""
        ...

    @property
    def objects(self) -> ObjectStore:
        """Plans and reports."""
        ...

    @property
    def idempotency_store(self) -> BasePersistenceLayer:
        """Where idempotency keys and answers are kept."""
        ...

    def control_plane(self, project: Project) -> ControlPlane:
        """Pinecone, as one project's API key sees it."""
        ...


@dataclass(slots=True)
class Call:
    """One request, as a route's handler sees it.

    Attributes:
        path: The path's parameters, checked.
        listing: Names what a listing lists, for its cursors: the path.
        address: The path as it was asked for.
        actor: Who calls: the IAM principal's ARN.
        now: The real clock at the request's begin, UTC.
        asked: The request's headers, by their names in lower case.
        query: What the route's ``query`` took, of a route that takes a body.
        headers: To be sent with the answer.
    """

    container: Container
    path: Mapping[str, str]
    listing: str
    address: str
    actor: str
    request_id: str
    now: datetime
    asked: Mapping[str, str] = field(default_factory=dict)
    query: Input = field(default_factory=Nothing)
    headers: dict[str, str] = field(default_factory=dict)
    _policy: tuple[PolicyDocument, str] | None = None

    def policy(self) -> tuple[PolicyDocument, str]:
        """The policy document and its version; read once per request.

        Raises:
            PolicyMissing, PolicyInvalid, StoreUnavailable: As the store does.
        """
        if self._policy is None:
            self._policy = self.container.services.policies.load()
        return self._policy

    def project(self) -> Project:
        """The path's project.

        A document that became invalid must not stand between people and their backups: the
        project is then as the version said that its last run used.

        Raises:
            SubjectUnknown: The policy names no such project.
        """
        name = self.path["project"]
        try:
            document, _ = self.policy()
        except PolicyInvalid:
            used = self._last_used(name)
            if used is None:
                raise
            document = used
        found = document.project(name)
        if found is None:
            raise SubjectUnknown(
                f"The policy names no project {name!r}",
                next_step="It names: " + ", ".join(each.name for each in document.projects),
            )
        return found

    def _last_used(self, project: str) -> PolicyDocument | None:
        """The newest version of the policy that a run of the project went by."""
        services = self.container.services
        runs = services.ledger_of(project).runs(limit=20)
        policy_version = next((run.policy_version for run in runs if run.policy_version), None)
        try:
            return services.policies.load_version(policy_version) if policy_version else None
        except (SubjectUnknown, PolicyInvalid):
            return None

    def control_plane(self) -> ControlPlane:
        """Pinecone, as the path's project sees it; raises as ``project`` does."""
        return self.container.control_plane(self.project())

    def ledger(self) -> Ledger:
        """The ledger of the path's project, or of the deployment; raises as ``project`` does."""
        name = self.project().name if "project" in self.path else DEPLOYMENT
        return self.container.services.ledger_of(name)

    def locate(self, *segments: str) -> None:
        """Set ``Location`` to something in the project, relative to the request's own address.

        What stands before our paths differs: a stage, a custom domain's base path, an emulator's.
        """
        target = "/".join(["/v1/projects", self.path["project"], *segments])
        self.headers["Location"] = relpath(target, dirname(self.address))

    def deployment(self) -> Deployment:
        """Whom the commands on a page are for."""
        from pinecone_backup.report.html import Deployment  # noqa: PLC0415 - rarely needed

        settings = self.container.settings
        return Deployment(settings.stack_name, settings.aws_region)

    def link_page(self, key: str, page: str | None = None) -> PageLink:
        """A link to a page in the bucket, after storing it there where it is given."""
        objects = self.container.objects
        if page is not None:
            objects.put(key, page.encode(), content_type="text/html; charset=utf-8")
        link = objects.link(key, expires_in=LINK_LIVES)
        return PageLink(url=link, expires_at=self.now + LINK_LIVES)

    def context(self, kind: RunKind, *, project: str = "") -> RunContext:
        """For a use case that acts for the caller: on the path's project, or the one named."""
        return RunContext(
            run_id=new_run_id(kind, self.now),
            kind=kind,
            project=project or self.project().name,
            owner=self.container.services.owner,
            time=RunTime(scheduled_at=self.now, actual=self.now),
            trigger=TriggerKind.API,
            actor=self.actor,
        )


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Attributes:
        path: With ``{parameters}``, as OpenAPI writes it.
        takes: The query of a GET or DELETE, the body of a POST, PUT or PATCH.
        query: What may stand in the query beside a body.
        csv: The rows that its listing has as CSV, where it has them; asked for by ``Accept``.
        takes_headers: The names of request headers that the handler reads, each with its meaning.
        gives: The answer's body, or None when it has none.
        status: Of success.
        problems: Slugs that it may answer beyond those that every route may; ``not-found`` is
            understood where the path has parameters.
        changes: Whether it may record events, which are announced before the answer.
    """

    method: str
    path: str
    access: Access
    tag: str
    handler: Callable[[Call, Any], BaseModel | None]
    takes: type[Input]
    gives: type[BaseModel] | None
    status: int
    problems: tuple[str, ...]
    changes: bool
    query: type[Input] = Nothing
    takes_headers: tuple[tuple[str, str], ...] = ()
    csv: type[BaseModel] | None = None

    @property
    def operation(self) -> str:
        """The operation's id."""
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().split("\n", 1)[0].rstrip(".")

    @property
    def description(self) -> str:
        """The rest of the handler's docstring."""
        text = (self.handler.__doc__ or "").partition("\n")[2]
        return "\n".join(line.strip() for line in text.splitlines()).strip()

    @property
    def locates(self) -> bool:
        """Whether a successful answer carries a ``Location``."""
        return self.status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED) and self.method == "POST"

    @property
    def lists(self) -> bool:
        """Whether it lists the things of one kind."""
        return self.operation.startswith("list_")

    @property
    def in_body(self) -> bool:
        """Whether ``takes`` is the body."""
        return self.method in ("POST", "PUT", "PATCH")


ROUTES: list[Route] = []
"""Every route, in the order of the document."""


class Routes:
    """Adds the routes of one resource to the table, as a decorator of their handlers.

    Args:
        tag: Its chapter of the OpenAPI document.
    """

    def __init__(self, tag: str) -> None:
        self._tag = tag

    def __call__[T: Input, G: BaseModel](
        self,
        method: str,
        path: str,
        *,
        access: Access,
        takes: type[T] = Nothing,  # type: ignore[assignment]  # T is Nothing when left out
        gives: type[G] | None,
        status: int = 200,
        problems: tuple[str, ...] = (),
        changes: bool | None = None,
        query: type[Input] = Nothing,
        takes_headers: tuple[tuple[str, str], ...] = (),
        csv: type[BaseModel] | None = None,
    ) -> Callable[[Callable[[Call, T], G | None]], Callable[[Call, T], G | None]]:
        """Add a handler to the table."""

        def add(handler: Callable[[Call, T], G | None]) -> Callable[[Call, T], G | None]:
            writes = method != "GET" if changes is None else changes
            ROUTES.append(
                Route(
                    method,
                    path,
                    access,
                    self._tag,
                    handler,
                    takes,
                    gives,
                    status,
                    problems,
                    writes,
                    query,
                    takes_headers,
                    csv,
                )
            )
            return handler

        return add
