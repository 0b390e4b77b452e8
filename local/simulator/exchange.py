"""One request and its answer: log, faults, key, role, and the shape of errors."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotation
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, PlainTextResponse, Response

from local.simulator import errors, shapes
from local.simulator.access import DATA_PERMISSIONS, authorize
from local.simulator.errors import ApiError
from local.simulator.faults import Call, Fault
from local.simulator.paging import Window
from local.simulator.simulator import Simulator  # noqa: TC001 - FastAPI reads the annotation
from local.simulator.versions import VERSIONS, ApiVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.types import Receive, Scope, Send

    from local.simulator.project import Project

    type Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation knows about its caller."""

    project: Project
    version: ApiVersion
    base_url: str
    call: Call


async def context_of(request: Request) -> Context:
    """The context of an authenticated request."""
    return cast("Context", request.state.context)


async def simulator_dependency(request: Request) -> Simulator:
    """The simulator that this application serves, for routes."""
    return simulator_of(request)


def simulator_of(request: Request) -> Simulator:
    """The simulator that this application serves."""
    return cast("Simulator", request.app.state.simulator)


class PineconeRoute(APIRoute):
    """A route of the Pinecone API: everything around the operation happens here."""

    def get_route_handler(self) -> Handler:
        """The operation, wrapped."""
        perform = super().get_route_handler()
        operation = self.operation_id or self.name

        async def handle(request: Request) -> Response:
            return await _exchange(request, operation, perform)

        return handle


async def _exchange(request: Request, operation: str, perform: Handler) -> Response:
    simulator = simulator_of(request)
    project = simulator.project_of_key(request.headers.get("api-key"))
    call = Call(
        operation=operation,
        method=request.method,
        path=request.url.path,
        query=request.url.query,
        project=None if project is None else project.name,
        api_version=request.headers.get("x-pinecone-api-version"),
        offset=_offset(request),
        at=shapes.offset(simulator.clock.now()),
    )
    simulator.requests.add(call)
    # Read now, so that nothing is awaited between an operation's begin and end.
    await request.body()
    seconds, fault = simulator.faults.take(call)
    if seconds:
        await asyncio.sleep(seconds)
    response = await _answer(request, call, project, perform, fault)
    call.status = None if isinstance(response, Dropped) else response.status_code
    response.headers["x-pinecone-request-id"] = str(uuid.uuid4())
    return response


async def _answer(
    request: Request, call: Call, project: Project | None, perform: Handler, fault: Fault | None
) -> Response:
    if fault is not None and not fault.after_effect and fault.kind in {"status", "drop"}:
        return _misbehave(fault, Response(), call, request)
    if fault is not None and fault.kind == "lost_write" and project is not None:
        with project.pretending():
            return await _perform(request, call, project, perform)
    response = await _perform(request, call, project, perform)
    return response if fault is None else _misbehave(fault, response, call, request)


async def _perform(
    request: Request, call: Call, project: Project | None, perform: Handler
) -> Response:
    try:
        if project is None:
            raise errors.unauthenticated()
        version = ApiVersion.parse(_version(request))
        authorize(call.operation, project.keys[request.headers["api-key"]])
        base_url = str(request.base_url).rstrip("/")
        request.state.context = Context(project, version, base_url, call)
        return await perform(request)
    except RequestValidationError as invalid:
        return refusal(_not_understood(invalid, data=call.operation in DATA_PERMISSIONS), request)
    except ApiError as failure:
        return refusal(failure, request)


def _version(request: Request) -> str | None:
    return request.headers.get("x-pinecone-api-version")


def refusal(failure: ApiError, request: Request) -> Response:
    """An error answer, in the shape of the plane and the version that was asked.

    What a gateway refuses in front of the data plane is plain text, and so is a 401 of the
    control plane from 2026-07 on.
    """
    if request.url.path.startswith("/data/"):
        if failure.status in _GATEWAY_STATUSES:
            unauthorized = failure.status == HTTPStatus.UNAUTHORIZED
            text = "Unauthorized" if unauthorized else failure.message
            return PlainTextResponse(text, failure.status)
        return JSONResponse(shapes.rpc_status(failure), failure.status)
    version = _version(request)
    old = version is None or version in VERSIONS[: VERSIONS.index("2026-07")]
    if failure.status == HTTPStatus.UNAUTHORIZED and not old:
        return PlainTextResponse("Invalid API key", failure.status)
    return JSONResponse(shapes.error(failure), failure.status)


def _not_understood(invalid: RequestValidationError, *, data: bool) -> ApiError:
    first = invalid.errors()[0]
    place = [str(part) for part in first["loc"]]
    if data or place[0] != "body":
        return errors.invalid(f"{place[-1]}: {first['msg']}")
    if first["type"] == "missing" and len(place) > 1:
        return errors.unprocessable(f"missing field `{place[-1]}` at line 1 column 1")
    return errors.unprocessable(f"{'.'.join(place[1:])}: {first['msg']} at line 1 column 1")


def _offset(request: Request) -> int:
    try:
        return Window.from_token(request.query_params["paginationToken"]).offset
    except (KeyError, ApiError):
        return 0


def _misbehave(fault: Fault, response: Response, call: Call, request: Request) -> Response:
    answers: dict[str, Callable[[], Response]] = {
        "status": lambda: _refusal(fault, request),
        "drop": Dropped,
        "malformed": lambda: Response(b'{"data": [{"backup_id": ', media_type="application/json"),
        "truncated": lambda: Truncated(bytes(response.body), media_type="application/json"),
        "empty_listing": lambda: _emptied(response),
        "repeat_token": lambda: _repeating(response, call, request),
    }
    return answers[fault.kind]()


_GATEWAY_STATUSES = (401, 403, 429)
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "PAYMENT_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    413: "PAYLOAD_TOO_LARGE",
    422: "UNPROCESSABLE_ENTITY",
    429: "RESOURCE_EXHAUSTED",
    503: "SERVICE_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _refusal(fault: Fault, request: Request) -> Response:
    failure = ApiError(
        fault.status,
        _CODES.get(fault.status, "UNKNOWN"),
        fault.message or ("Internal server error" if fault.status >= 500 else "Refused"),  # noqa: PLR2004 - server errors
    )
    answer = refusal(failure, request)
    if fault.retry_after is not None:
        answer.headers["Retry-After"] = fault.retry_after
    return answer


def _rows(response: Response) -> dict[str, Any]:
    """The body of a listing; empty when the answer is none."""
    if response.status_code != HTTPStatus.OK or not response.body:
        return {}
    body: dict[str, Any] = json.loads(bytes(response.body))
    return body if {"data", "indexes"} & body.keys() else {}


def _emptied(response: Response) -> Response:
    body = _rows(response)
    if not body:
        return response
    if "indexes" in body:
        return JSONResponse({"indexes": []})
    return JSONResponse({name: [] if name == "data" else None for name in body})


def _repeating(response: Response, call: Call, request: Request) -> Response:
    body = _rows(response)
    if "data" not in body:
        return response
    rows = max(len(body["data"]), 1)
    token = request.query_params.get("paginationToken") or Window(rows, call.offset + rows).token
    return JSONResponse({**body, "pagination": {"next": token}})


class Dropped(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the connection and wait until it is gone."""
        transport = scope.get("state", {}).get("transport")
        if transport is None:
            raise ConnectionResetError("A dropped connection can only be simulated over a socket")
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class Truncated(Response):
    """The head and half of the body, then the end of the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is sent and close."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport = scope.get("state", {}).get("transport")
        if transport is None:
            raise ConnectionResetError("A truncated answer can only be simulated over a socket")
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass
