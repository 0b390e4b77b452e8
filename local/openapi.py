"""Builds ``docs/openapi.json`` from the API's route table and models.

The document is made here and not by the function: validation and documents cost a cold start
nothing that way. A test fails while the committed file is not what the code says.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from pinecone_backup.api import app
from pinecone_backup.api.models import Nothing, PageLink
from pinecone_backup.api.problems import MEDIA_TYPE, PROBLEMS, TYPE_PREFIX, Problem
from pinecone_backup.api.resources import all_routes
from pinecone_backup.api.routes import Access
from pinecone_backup.api.tables import MEDIA_TYPE as CSV

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pinecone_backup.api.routes import Route

type Json = dict[str, Any]  # an OpenAPI document is free-form JSON

TAGS = {
    "Health": "Can everything be reached that a run needs?",
    "Projects and indexes": "What the policy document names, and what Pinecone holds.",
    "Backups": "Named as in Pinecone's own API; deleting goes by the safeguards of prune.",
    "Deletions": "What was deleted: by whom, why, by what approval, and what was left.",
    "Native schedules": "Pinecone's own scheduler.",
    "Restores": "What to restore from, restores and restore tests, and adoption.",
    "Runs": "Executions of create, prune, audit and restore_test.",
    "Plans": "What a prune would delete, with the reasons.",
    "Findings": "What is wrong.",
    "Reports": "What the last audit saw.",
    "Holds": "What nothing may delete.",
    "Suspects": "Backups that seem empty or shrunk.",
    "Policy": "The document that says what is protected, and how.",
}
EXAMPLES: dict[str, Json] = {
    "create_backup": {"name": "before-migration", "description": "Ada, before the migration"},
    "create_index_from_backup": {"name": "products-restored", "tags": {"team": "search"}},
    "restore_index": {"at": "2026-11-22T11:00:00Z", "name": "products-restored"},
    "adopt_index": {"policy": "daily"},
    "create_backup_schedule": {
        "name": "nightly",
        "schedule": {"type": "time-based", "frequency": "daily"},
        "retention": {"expire_after_days": 14},
    },
    "update_backup_schedule": {"enabled": False},
    "shorten_retention": {"expire_after_days": 7, "reason": "Seven days are enough here"},
    "start_run": {"kind": "audit"},
    "approve_plan": {"reason": "Read it: only last year's nightly ones"},
    "execute_plan": {},
    "acknowledge_finding": {"reason": "Known; the index is rebuilt on Monday"},
    "acknowledge_deployment_finding": {"reason": "The project was given up"},
    "place_hold": {
        "scope": "index",
        "target": "products",
        "reason": "Case 4711: nothing may go until it is closed",
        "expires_at": "2027-06-30T00:00:00Z",
    },
    "release_hold": {"reason": "Case 4711 is closed"},
    "accept_suspect": {"reason": "The catalogue was cut down on purpose"},
    "validate_policy": {"document": {"version": 1, "projects": [{"name": "main"}]}},
    "put_policy": {
        "document": {"version": 1, "projects": [{"name": "main"}]},
        "reason": "The catalogue is rebuilt nightly now",
    },
    "preview_policy": {
        "document": {
            "version": 1,
            "projects": [{"name": "main"}],
            "policies": [
                {
                    "name": "daily",
                    "cron": "0 3 * * *",
                    "max_age": "26h",
                    "retention": {"keep_daily": 7, "keep_weekly": 4},
                }
            ],
            "assignments": [{"policy": "daily", "index": "*"}],
        },
        "days": 14,
    },
}
"""The body of one request for each operation that takes one; a test sends them all."""

_PATH_EXAMPLES = {
    "project": "main",
    "index_name": "products",
    "backup_id": "670e8400-e29b-41d4-a716-446655440000",
    "schedule_id": "a1b2c3d4-0000-4000-8000-000000000001",
    "job_id": "670e8400-e29b-41d4-a716-446655440001",
    "restore_id": "restore-20261122t120000z-restore-test-4f1c2a",
    "run_id": "20261122t120000z-audit-4f1c2a",
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "policy_version": "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH",
    "finding_id": "1b2c3d4e5f60718293a4b5c6",
    "hold_id": "hold-0a1b2c3d4e5f",
}
_ACCESS = {
    Access.READ: "Needs the managed policy *read*.",
    Access.OPERATE: "Needs the managed policy *operate*.",
    Access.CONFIGURE: "Needs the managed policy *configure*.",
    Access.DESTROY: "Needs the managed policy *destroy*.",
}
_EVERYWHERE = (
    "invalid-request",
    "forbidden",
    "throttled",
    "internal",
    "pinecone-key",
    "pinecone-answer",
    "pinecone-unavailable",
    "storage-unavailable",
    "not-configured",
)
_WITH_BODY = ("too-large", "unsupported-media-type")
_POST = ("in-progress", "key-reused")
_REF = "#/components/schemas/"
_PARAMETER = re.compile(r"\{(\w+)\}")
_TABLE = re.compile(r"(<!-- problems -->\n).*?(<!-- end of problems -->)", re.DOTALL)


def document() -> Json:
    """The OpenAPI 3.1 document."""
    schemas = _schemas()
    paths: dict[str, Json] = {}
    order = {tag: place for place, tag in enumerate(TAGS)}
    for route in sorted(all_routes(), key=lambda each: order[each.tag]):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    queries = {(route.query if route.in_body else route.takes).__name__ for route in all_routes()}
    for query in queries:
        schemas.pop(query, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pinecone Backup",
            "version": "1",
            "description": "Backups of Pinecone indexes: everything that Pinecone's own backup "
            "API does, with policies, plans, runs, findings, reports and holds. docs/api.md "
            "explains it.",
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/live",
                "variables": {
                    "api": {"default": "abcde12345", "description": "The output ApiId."},
                    "region": {"default": "eu-central-1"},
                },
            }
        ],
        "security": [{"sigv4": []}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4, service execute-api.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def openapi_text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2) + "\n"


def with_problems(page: str) -> str:
    """A page of ``docs/`` with the table of all problems in its place."""
    rows = "".join(
        f"| `{kind.slug}` | {kind.status} | {kind.title} |\n" for kind in PROBLEMS.values()
    )
    head = f"| after `{TYPE_PREFIX}` | status | |\n|---|---|---|\n"
    return _TABLE.sub(lambda found: f"{found[1]}{head}{rows}{found[2]}", page)


def _schemas() -> Json:
    wanted: dict[type[BaseModel], JsonSchemaMode] = {Problem: "serialization"}
    for route in all_routes():
        wanted[route.takes] = wanted[route.query] = "validation"
        if route.gives is not None:
            wanted[route.gives] = "serialization"
    _, schema = models_json_schema(list(wanted.items()), ref_template=_REF + "{model}")
    schemas: Json = schema["$defs"]
    kinds = [kind.type for kind in PROBLEMS.values()]
    schemas["Problem"]["properties"]["type"] |= {"enum": kinds}
    for optional in ("errors", "rule", "pinecone"):
        schemas["Problem"]["required"].remove(optional)
        choices = schemas["Problem"]["properties"][optional].pop("anyOf")
        schemas["Problem"]["properties"][optional] |= choices[0]
        schemas["Problem"]["properties"][optional].pop("default", None)
    return schemas


def _operation(route: Route, schemas: Json) -> Json:
    description = " ".join(filter(None, [route.description, _ACCESS[route.access]]))
    operation: Json = {
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
        "description": description,
        "parameters": _parameters(route, schemas),
    }
    if route.in_body and route.takes is not Nothing:
        operation["requestBody"] = {
            "required": bool(schemas[route.takes.__name__].get("required")),
            "content": {
                "application/json": {
                    "schema": {"$ref": _REF + route.takes.__name__},
                    "example": EXAMPLES[route.operation],
                }
            },
        }
    operation["responses"] = {str(route.status): _success(route), **_refusals(route)}
    if route.gives is PageLink:
        operation["responses"]["303"] = {
            "description": "Where `Accept` prefers text/html, as a browser's does.",
            "headers": {
                "Location": {
                    "description": "The page itself.",
                    "schema": {"type": "string", "format": "uri"},
                }
            },
        }
    return operation


def _parameters(route: Route, schemas: Json) -> list[Json]:
    parameters: list[Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {
                "type": "string",
                "pattern": f"^{app.PATH_VALUES.get(name, app.PATH_VALUE)}$",
            },
            "example": _PATH_EXAMPLES[name],
        }
        for name in _PARAMETER.findall(route.path)
    ]
    shape = schemas[(route.query if route.in_body else route.takes).__name__]
    for name, schema in shape.get("properties", {}).items():
        asked = {key: value for key, value in schema.items() if key != "title"}
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in shape.get("required", ()),
                "description": asked.pop("description", ""),
                "schema": _without_null(asked),
            }
        )
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": meaning,
            "schema": {"type": "string"},
        }
        for name, meaning in route.takes_headers
    ]
    if route.method == "POST":
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Any text of your own: the same request with the same key is done "
                "once within a day, and answered alike.",
                "schema": {"type": "string", "pattern": app.IDEMPOTENCY_KEY},
            }
        )
    return parameters


def _without_null(schema: Json) -> Json:
    """A query parameter is given or left out; it is never null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    if isinstance(schema.get("default"), str | int):
        rest["default"] = schema["default"]
    if not choices:
        return rest
    return {**rest, **choices[0]} if len(choices) == 1 else {**rest, "anyOf": choices}


def _success(route: Route) -> Json:
    answer: Json = {"description": route.summary}
    if route.gives is not None:
        answer["content"] = {"application/json": {"schema": {"$ref": _REF + route.gives.__name__}}}
        if route.csv is not None:
            answer["content"][CSV] = {"schema": {"type": "string"}}
    if route.locates:
        answer["headers"] = {
            "Location": {
                "description": "What was made or started, relative to the address of the "
                "request (RFC 9110).",
                "schema": {"type": "string", "format": "uri-reference"},
            }
        }
    return answer


def _refusals(route: Route) -> dict[str, Json]:
    slugs = [*_EVERYWHERE, *route.problems]
    if "{" in route.path:
        slugs.append("not-found")
    if route.in_body:
        slugs += _WITH_BODY
    if route.method == "POST":
        slugs += _POST
    by_status: dict[int, list[str]] = {}
    for slug, kind in PROBLEMS.items():
        if slug in slugs:
            by_status.setdefault(kind.status, []).append(f"`{slug}`: {kind.title}.")
    return {
        str(status): {
            "description": " ".join(said),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}}},
        }
        for status, said in sorted(by_status.items())
    }
