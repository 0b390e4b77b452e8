"""Judging requests and answers by Pinecone's published OpenAPI documents.

Stricter than the documents ask for: a query parameter, or a property of a request's or an answer's
body, that the document does not name is refused too.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, override
from urllib.parse import parse_qsl, urlsplit

import yaml
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

SPECIFICATIONS = {
    "2026-04": "db_control_2026-04.oas.yaml",
    "2026-07": "db_control_2026-07.subset.oas.yaml",
}
TRANSCRIBED = "transcribed_2026-07.oas.yaml"
"""What the subset of 2026-07 leaves out, for answers."""
_FOLDER = Path(__file__).parents[1] / "contract" / "specifications"
_SERVER = "https://api.pinecone.io"

BACKUP = {
    "backup_id": "bkp-1",
    "source_index_name": "docs-example",
    "source_index_id": "idx-1",
    "status": "Ready",
    "cloud": "aws",
    "region": "us-east-1",
}
SCHEDULE = {
    "schedule_id": "sch-1",
    "name": "native",
    "index_id": "idx-1",
    "project_id": "prj-1",
    "schedule_type": "time-based",
    "frequency": "daily",
    "retention_expire_after_days": 7,
    "enabled": True,
    "next_scheduled_run": None,
    "created_at": "2026-11-20T03:00:00Z",
}
JOB = {
    "restore_job_id": "job-1",
    "backup_id": "bkp-1",
    "target_index_name": "copy",
    "target_index_id": "idx-2",
    "status": "Pending",
    "created_at": "2026-11-20T03:00:00Z",
}
INDEX = {
    "name": "docs-example",
    "host": "docs-example.svc.pinecone.io",
    "status": {"ready": True, "state": "Ready"},
    "deletion_protection": "disabled",
}


def _listing(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"data": [item], "pagination": None}


_ANSWERS: dict[str, tuple[int, object]] = {
    "create_backup": (200, BACKUP),
    "list_index_backups": (200, _listing(BACKUP)),
    "list_project_backups": (200, _listing(BACKUP)),
    "describe_backup": (200, BACKUP),
    "delete_backup": (202, None),
    "create_index_from_backup": (202, {"restore_job_id": "job-1", "index_id": "idx-2"}),
    "list_restore_jobs": (200, _listing(JOB)),
    "describe_restore_job": (200, JOB),
    "create_backup_schedule": (200, SCHEDULE),
    "list_backup_schedules": (200, _listing(SCHEDULE)),
    "describe_backup_schedule": (200, SCHEDULE),
    "update_backup_schedule": (200, SCHEDULE),
    "delete_backup_schedule": (204, None),
    "list_backup_schedule_history": (200, _listing(BACKUP)),
    "list_indexes": (200, {"indexes": [INDEX]}),
    "describe_index": (200, INDEX),
}


class Judge:
    """Judges requests by one version of the document.

    Attributes:
        accepted: The operation ids of the requests that the document allows, in order.
        refused: What was wrong with the others.
    """

    def __init__(self, version: str) -> None:
        self.document = _document(version)
        self._version = version
        self._openapi = OpenAPI.from_dict(self.document)
        self.accepted: list[str] = []
        self.refused: list[str] = []

    def judge(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, object]:
        """The status and JSON to answer a request with."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        request = MockRequest(
            _SERVER,
            method,
            url.path,
            args=query,
            headers=dict(headers),
            data=body,
            content_type=headers.get("content-type", ""),
        )
        operation = operation_at(self.document, method, url.path)
        problems = [*self._undeclared(operation, query, body)]
        if headers.get("x-pinecone-api-version") != self._version:
            problems.append("wrong API version")
        try:
            self._openapi.validate_request(request)
        except OpenAPIError as error:
            problems.append(f"{error} ({error.__cause__})")
        if problems:
            self.refused.append(f"{method} {target}: {'; '.join(problems)}")
            return 400, {"error": {"code": "INVALID_ARGUMENT", "message": "refused"}, "status": 400}
        name = _name(operation)
        self.accepted.append(name)
        return _ANSWERS[name]

    @property
    def operations(self) -> set[str]:
        """The operation ids of the document."""
        return {
            _name(operation)
            for operations in self.document["paths"].values()
            for operation in operations.values()
        }

    def _undeclared(
        self, operation: Mapping[str, Any], query: Mapping[str, str], body: bytes
    ) -> Iterator[str]:
        declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
        for name in query.keys() - declared:
            yield f"undeclared query parameter {name}"
        if not body:
            return
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for name in json.loads(body).keys() - schema.get("properties", {}).keys():
            yield f"undeclared property {name}"


class Answers:
    """Judges answers by one version of the documents.

    Attributes:
        document: What they are judged by.
    """

    def __init__(self, version: str) -> None:
        self.document = _document(version)
        schemas = self.document["components"]["schemas"]
        if version == "2026-07":
            _extend(self.document, _load(TRANSCRIBED))
        else:
            # A later revision of that version has it, and its listings with deleted indexes.
            schemas["BackupModel"]["properties"]["source_index_deleted_at"] = {"type": "string"}
        for schema in schemas.values():
            _close(schema)
        self._openapi = OpenAPI.from_dict(self.document)

    def problems(self, answer: httpx.Response) -> list[str]:
        """What is wrong with an answer, the document's view of its status included."""
        path = _without_host(answer.request.url.path)
        method = answer.request.method
        request = MockRequest(_SERVER, method, path)
        response = MockResponse(
            answer.content,
            status_code=answer.status_code,
            content_type=answer.headers.get("content-type", "").partition(";")[0],
        )
        errors = self._openapi.iter_response_errors(request, response)
        return [f"{error} ({error.__cause__})" for error in errors]

    def operation(self, method: str, path: str) -> str | None:
        """The id of the operation behind a path of the simulator; None where there is none."""
        found = operation_at(self.document, method, _without_host(path))
        return _name(found) if found else None


def _without_host(path: str) -> str:
    """A path of the simulator, which serves the hosts of its indexes below ``/data``."""
    return re.sub(r"^/data/[^/]+", "", path)


def _extend(document: dict[str, Any], more: Mapping[str, Any]) -> None:
    for path, operations in more["paths"].items():
        document["paths"].setdefault(path, {}).update(operations)
    for kind, parts in more["components"].items():
        document["components"].setdefault(kind, {}).update(parts)


def _close(schema: dict[str, Any]) -> None:
    """Let an object have no other properties than those that its schema names."""
    if "properties" in schema and not {"allOf", "anyOf", "oneOf"} & schema.keys():
        schema.setdefault("additionalProperties", False)
        for part in schema["properties"].values():
            _close(part)
    if "items" in schema:
        _close(schema["items"])


def operation_at(document: Mapping[str, Any], method: str, path: str) -> Mapping[str, Any]:
    """The operation behind a path; a path without parameters goes first."""
    templates = sorted(document["paths"], key=lambda template: template.count("{"))
    for template in templates:
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in document["paths"][template]:
            found: Mapping[str, Any] = document["paths"][template][method.lower()]
            return found
    return {}


def _name(operation: Mapping[str, Any]) -> str:
    return str(operation["operationId"]).removesuffix("_operation")


def _document(version: str) -> dict[str, Any]:
    return _load(SPECIFICATIONS[version])


def _load(name: str) -> dict[str, Any]:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return document


@contextmanager
def judged_by(judge: Judge) -> Iterator[str]:
    """Serve a judge on loopback until the block ends; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = judge.judge(self.command, self.path, headers, body)
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's names

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
