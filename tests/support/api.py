"""The API in tests: its handler over a simulated Pinecone, spoken to with API Gateway events."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from moto import mock_aws

from local.simulator import DEFAULT_KEY
from pinecone_backup.adapters.aws import client, forget_clients
from pinecone_backup.adapters.http import new_http_client
from pinecone_backup.adapters.pinecone.client import PineconeClient
from pinecone_backup.api.app import Api
from pinecone_backup.model import PruneMode, RunContext, RunKind, RunTime, Severity, TriggerKind
from pinecone_backup.records import Finding, PlanRecord
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from pinecone_backup.settings import ApiSettings
from pinecone_backup.usecases.audit import audit_project
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import prune
from pinecone_backup.usecases.restore_test import run_restores
from pinecone_backup.usecases.restores import comparison
from pinecone_backup.usecases.runs import DEPLOYMENT, RunServices
from pinecone_backup.wiring.projects import CALL_SECONDS, Container
from tests.support.container import (
    MemoryBus,
    MemoryMetrics,
    MemoryObjects,
    MemoryPolicies,
    MemoryProjects,
)
from tests.support.ledger import MemoryLedger
from tests.support.pinecone_transport import Key
from tests.support.table import create_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from httpx import Client

    from local.simulator import Simulator
    from pinecone_backup.ports import ControlPlane
    from pinecone_backup.rules.policy import Project

ACTOR = "arn:aws:sts::123456789012:assumed-role/operator/ada"
REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
OWNER = "stack-a"
SETTINGS = {
    "stack_name": "stack-a",
    "owner": OWNER,
    "table_name": "table",
    "bus_name": "bus",
    "bucket_name": "bucket",
    "project_secret_prefix": "stack-a/projects/",
    "prune_mode": "enforce",
}
POLICY: dict[str, Any] = {
    "version": 1,
    "projects": [{"name": "main"}],
    "policies": [
        {"name": "daily", "cron": "0 3 * * *", "max_age": "26h", "retention": {"keep_last": 3}}
    ],
    "assignments": [{"policy": "daily", "index": "*"}],
}


def api_event(
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    actor: str | None = ACTOR,
    stage: str = "live",
) -> dict[str, Any]:
    """The event of a REST API with a proxy integration.

    Args:
        path: With a query, percent-encoded.
        body: None: no body; a text or bytes as they are; everything else as JSON.
    """
    parts = urlsplit(path)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    raw = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
    given = {"Host": "api.example", **(headers or {})}
    if raw is not None:
        given.setdefault("Content-Type", "application/json")
    return {
        "resource": "/{proxy+}",
        "path": parts.path,
        "httpMethod": method,
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": parts.path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc1234567",
            "httpMethod": method,
            "identity": {
                "accountId": "123456789012",
                "caller": "AROAEXAMPLE:ada" if actor else None,
                "sourceIp": "127.0.0.1",
                "user": "AROAEXAMPLE:ada" if actor else None,
                "userAgent": "tests",
                "userArn": actor,
            },
            "path": f"/{stage}{parts.path}",
            "protocol": "HTTP/1.1",
            "requestId": REQUEST_ID,
            "requestTime": "22/Nov/2026:12:00:00 +0000",
            "requestTimeEpoch": 1795348800000,
            "resourceId": "abc123",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
        "body": b64encode(raw).decode() if isinstance(raw, bytes) else raw,
        "isBase64Encoded": isinstance(raw, bytes),
    }


class Context:
    """What the handler reads of a Lambda context."""

    function_name = "api"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:api"
    aws_request_id = "7b1f1b6e-5b1e-4b6e-8b1e-1b6e5b1e4b6e"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


CONTEXT = cast("LambdaContext", Context())


@dataclass(slots=True)
class Answer:
    """What the API answered to a request for ``path``."""

    path: str
    status: int
    headers: dict[str, str]
    text: str

    @property
    def location(self) -> str:
        """Where ``Location`` leads, below the API's root."""
        return urljoin(self.path, self.headers["Location"])

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        """The slug of the problem that this is."""
        assert self.headers["Content-Type"] == "application/problem+json", self.text
        return str(self.json["type"]).removeprefix("urn:pinecone-backup:problem:")


@dataclass
class MemoryContainer:
    """A container over memory and a simulated Pinecone."""

    url: str
    settings: ApiSettings
    ledgers: dict[str, MemoryLedger] = field(default_factory=dict)
    bus: MemoryBus = field(default_factory=MemoryBus)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    projects: MemoryProjects = field(default_factory=MemoryProjects)
    document: PolicyDocument = field(default_factory=lambda: validate_policy(POLICY))
    version: str = "v1"
    control_planes: dict[str, ControlPlane] = field(default_factory=dict)
    load: Callable[[], tuple[PolicyDocument, str]] | None = None
    versions: dict[str, PolicyDocument] = field(default_factory=dict)
    clock: Callable[[], Any] | None = None
    store: BasePersistenceLayer | None = None
    http: Client = field(default_factory=new_http_client)
    policies: MemoryPolicies = field(init=False)

    def __post_init__(self) -> None:
        self.policies = MemoryPolicies(
            lambda: self.load() if self.load else (self.document, self.version), self.versions
        )

    @property
    def idempotency_store(self) -> BasePersistenceLayer:
        assert self.store is not None, "this test has no table for idempotency keys"
        return self.store

    @property
    def services(self) -> RunServices:
        assert self.clock is not None
        return RunServices(
            owner=self.settings.owner,
            clock=self.clock,
            ledger_of=self.ledger,
            projects=self.projects,
            policies=self.policies,
            bus=self.bus,
            metrics=MemoryMetrics(),
        )

    def ledger(self, project: str = "main") -> MemoryLedger:
        return self.ledgers.setdefault(project, MemoryLedger(project))

    @property
    def deployment(self) -> MemoryLedger:
        return self.ledger(DEPLOYMENT)

    def control_plane(self, project: Project) -> ControlPlane:
        if project.name not in self.control_planes:
            self.control_planes[project.name] = PineconeClient(
                Key(DEFAULT_KEY),
                base_url=self.url,
                http=self.http,
                call_seconds=CALL_SECONDS,
                sleep=lambda _: None,
            )
        return self.control_planes[project.name]


class World:
    """The API, and everything around it; a context manager."""

    def __init__(self, simulator: Simulator, url: str, **settings: Any) -> None:
        given = {**SETTINGS, "pinecone_url": url, **settings}
        self.simulator = simulator
        self.container = MemoryContainer(
            url, ApiSettings.model_validate(given), clock=simulator.clock.now
        )
        self.api = Api(self.container)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.http.close()

    @property
    def ledger(self) -> MemoryLedger:
        return self.container.ledger()

    def ask(self, method: str, path: str, body: object = None, **event: Any) -> Answer:
        """Send a request; a path without ``/v1`` is one of project main."""
        if not path.startswith("/v1"):
            path = f"/v1/projects/main{path}"
        answer = self.api(api_event(method, path, body, **event), CONTEXT)
        headers = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
        return Answer(path, answer["statusCode"], headers, answer["body"] or "")

    def seed(self, index: str = "products", *, days_ago: float = 0, **properties: Any) -> str:
        """A backup that policy ``daily`` made, Ready; its id."""
        at = self.simulator.clock.now() - timedelta(days=days_ago)
        marker = Marker(OWNER, "daily", at, "run-0", 1)
        given = {
            "name": marker.name_for(index),
            "description": str(marker),
            "created_at": at,
            **properties,
        }
        return str(self.simulator.project.seed_backup(index, **given).backup_id)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.text
        return answer.json


def context(world: World, kind: RunKind) -> RunContext:
    now = world.simulator.clock.now()
    return RunContext(
        run_id="run-1",
        kind=kind,
        project="main",
        owner=OWNER,
        time=RunTime(now, now),
        trigger=TriggerKind.SCHEDULE,
        actor="schedule",
    )


def plan_a_prune(world: World) -> PlanRecord:
    """A first prune: a dry run, whose plan would delete what ``keep_last`` 3 leaves out."""
    for day in range(6):
        world.seed(days_ago=day)
    prune(
        context(world, RunKind.PRUNE),
        PruneServices(
            control_plane=world.container.control_plane(world.container.document.projects[0]),
            ledger=world.ledger,
            store=world.container.objects,
            policy_version=lambda _: world.container.document,
            time_left=lambda: 900,
        ),
        document=world.container.document,
        policy_version="v1",
        mode=PruneMode.ENFORCE,
    )
    (plan,) = world.ledger.plans()
    return plan


def audit(world: World) -> None:
    audit_project(
        context(world, RunKind.AUDIT),
        world.container.control_plane(world.container.document.projects[0]),
        world.ledger,
        world.container.objects,
        MemoryMetrics(),
        document=world.container.document,
        policy_version="v1",
        time_left=lambda: 900,
        stack="stack-a",
    )


def move_restores(world: World) -> None:
    """One tick of restore tests."""
    control_plane = world.container.control_plane(world.container.document.projects[0])
    run_restores(
        context(world, RunKind.RESTORE_TEST),
        control_plane,
        world.ledger,
        world.container.document,
        look_at=comparison(control_plane, world.ledger, clock=world.simulator.clock.now),
        time_left=lambda: 900,
    )


def finding(world: World, number: int, **properties: Any) -> Finding:
    now = world.simulator.clock.now()
    given: dict[str, Any] = {
        "finding_id": f"f{number}",
        "control": "overdue",
        "severity": Severity.WARNING,
        "subject": "products",
        "title": "t",
        "diagnosis": "d",
        "action": "a",
        "opened_at": now,
        "last_seen_at": now,
        **properties,
    }
    return Finding(**given)


class Gateway:
    """API Gateway as a WSGI application, in front of one world's API."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        answer = self._world.api(self._event(path, environ), CONTEXT)
        headers = [
            (name, value)
            for name, values in answer["multiValueHeaders"].items()
            for value in values
        ]
        start_response(f"{answer['statusCode']} answered", headers)
        return [(answer["body"] or "").encode()]

    def _event(self, path: str, environ: dict[str, Any]) -> dict[str, Any]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").title(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        event = api_event(
            environ["REQUEST_METHOD"],
            f"/?{environ.get('QUERY_STRING', '')}",
            body or None,
            headers=headers,
        )
        event["requestContext"]["path"] = f"/live{path}"
        return event | {"path": path, "pathParameters": {"proxy": path.removeprefix("/")}}


@contextmanager
def idempotency_table() -> Iterator[BasePersistenceLayer]:
    """A store of idempotency keys in an emulated DynamoDB table, as ``wiring`` builds it."""
    credentials = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test")
    with (
        pytest.MonkeyPatch.context() as environment,
        mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}),
    ):
        for name, value in {"AWS_DEFAULT_REGION": "eu-central-1", **credentials}.items():
            environment.setenv(name, value)
        forget_clients()
        settings = ApiSettings.model_validate(SETTINGS)
        create_table(client("dynamodb"), settings.table_name)
        yield Container(settings).idempotency_store
        forget_clients()
