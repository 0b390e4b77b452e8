"""The resolver: from an API Gateway event to a route's handler, and back.

Parsing, problems, idempotency, CORS and limits happen here, the same for every route.
"""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from pydantic import ValidationError

from pinecone_backup.api.accept import HTML, prefers
from pinecone_backup.api.idempotency import REPLAYED, once
from pinecone_backup.api.models import Nothing, PageLink
from pinecone_backup.api.problems import (
    MEDIA_TYPE,
    FieldError,
    ProblemError,
    details,
    problem_of,
)
from pinecone_backup.api.resources import all_routes, load
from pinecone_backup.api.routes import ROUTES, Call, Route
from pinecone_backup.api.tables import MEDIA_TYPE as CSV
from pinecone_backup.api.tables import csv_of
from pinecone_backup.errors import BackupError
from pinecone_backup.usecases.runs import announce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.event_handler.exceptions import NotFoundError
    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from pydantic import BaseModel

    from pinecone_backup.api.models import Input, Listing
    from pinecone_backup.api.routes import Container

LARGEST_BODY = 512 * 1024
"""Bytes; a policy document with thousands of assignments is smaller."""
NOBODY = "unidentified caller"
"""The actor where the gateway names none: in front of a local API without IAM."""

PATH_VALUE = "[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
"""What a parameter of a path can be; anything else names nothing."""
PATH_VALUES = {"policy_version": "[A-Za-z0-9._~-]{1,1024}"}
"""The same of parameters whose values are not ours."""
IDEMPOTENCY_KEY = "^[!-~]{1,128}$"

_PARAMETER = re.compile(r"\{(\w+)\}")
_LOG = logging.getLogger(__name__)


class Api:
    """The API.

    Args:
        container: What the routes need.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        cors_origin = container.settings.cors_origin
        cors = (
            CORSConfig(
                allow_origin=cors_origin,
                # Signers send the last.
                allow_headers=[
                    "Accept",
                    "Idempotency-Key",
                    "If-Match",
                    "If-None-Match",
                    "X-Amz-Content-Sha256",
                ],
                expose_headers=["ETag", "Link", "Location", "Retry-After", REPLAYED],
                max_age=600,
            )
            if cors_origin
            else None
        )
        self._resolver = APIGatewayRestResolver(cors=cors, debug=False)
        self._added = 0
        self._resolver.not_found(self._no_route)

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request.

        Its path is what lies below the stage, or below the base path of a custom domain.
        """
        path = _path(event)
        load(path)
        for each in ROUTES[self._added :]:
            self._add(each)
        self._added = len(ROUTES)
        return self._resolver.resolve({**event, "path": path}, context)

    def _add(self, each: Route) -> None:
        def answer(**path: str) -> Response[str]:
            return self._answered(each, path)

        rule = _PARAMETER.sub(r"<\1>", each.path)
        self._resolver.route(rule, method=each.method)(answer)

    def _answered(self, each: Route, path: Mapping[str, str]) -> Response[str]:
        event = self._resolver.current_event
        answer = self._safely(each, path, event)
        _LOG.info(
            "%s answered %d",
            each.operation,
            answer.status_code,
            extra={"method": each.method, "path": event.path, "actor": _actor(event)},
        )
        return answer

    def _safely(
        self, each: Route, path: Mapping[str, str], event: APIGatewayProxyEvent
    ) -> Response[str]:
        try:
            return self._served(each, path, event)
        except ProblemError as problem:
            return _refusal(event, problem)
        except BackupError as error:
            _LOG.warning("request failed", extra={"reason": str(error)})
            return _refusal(event, problem_of(error), cause=error)
        except Exception:  # the API's edge: whatever went wrong, the caller gets a problem
            _LOG.exception("unexpected error")
            text = "An unexpected error; the function's log has it under the request id"
            return _refusal(event, ProblemError("internal", text))

    def _served(
        self, each: Route, path: Mapping[str, str], event: APIGatewayProxyEvent
    ) -> Response[str]:
        for name, value in path.items():
            if not re.fullmatch(PATH_VALUES.get(name, PATH_VALUE), value):
                raise ProblemError(
                    "not-found",
                    f"Nothing is named like the {name} in this path",
                    errors=[FieldError(f"path:{name}", "is no name")],
                )
        given = _body(event) if each.in_body else _query(event)
        takes = _validated(each.takes, given, in_body=each.in_body)
        beside = _query(event) if each.in_body and each.query is not Nothing else {}
        call = Call(
            container=self._container,
            path=path,
            listing=each.path.format(**path),
            address=event.path,
            actor=_actor(event),
            request_id=event.request_context.request_id or "",
            now=self._container.services.clock(),
            asked={name.lower(): value for name, value in event.headers.items()},
            query=_validated(each.query, beside, in_body=False),
        )

        def do() -> dict[str, Any]:
            return self._done(each, call, takes)

        key = _idempotency_key(event) if each.method == "POST" else None
        if key is None:
            answer = do()
        else:
            answer = once(
                self._container.idempotency_store,
                self._resolver.lambda_context,
                key=json.dumps([call.actor, call.listing, key]),
                payload=given,
                do=do,
            )
        return Response(
            status_code=answer.get("status", each.status),
            content_type=None if answer["body"] is None else answer.get("type", "application/json"),
            headers=answer["headers"],
            body=answer["body"],
        )

    def _done(self, each: Route, call: Call, takes: Input) -> dict[str, Any]:
        result: BaseModel | None = each.handler(call, takes)
        if each.changes:
            announce(call.ledger(), self._container.services.bus)
        accept = call.asked.get("accept", "")
        if each.csv is not None:
            call.headers["Vary"] = "Accept"
            if prefers(accept, CSV):
                return _as_csv(each.csv, call, takes, cast("Listing[Any]", result))
        if isinstance(result, PageLink):
            call.headers |= {"Vary": "Accept", "Cache-Control": "no-store"}
            if prefers(accept, HTML):
                call.headers["Location"] = result.url
                return {"headers": call.headers, "body": None, "status": HTTPStatus.SEE_OTHER}
        return {
            "headers": call.headers,
            "body": None if result is None else result.model_dump_json(),
        }

    def _no_route(self, _: NotFoundError) -> Response[str]:
        event = self._resolver.current_event
        path = event.path.rstrip("/")
        allowed = sorted({each.method for each in all_routes() if _pattern(each).fullmatch(path)})
        if allowed:
            problem = ProblemError(
                "method-not-allowed",
                f"{event.path} takes {', '.join(allowed)}, not {event.http_method}",
                headers={"Allow": ", ".join(allowed)},
            )
        else:
            problem = ProblemError(
                "no-such-route",
                "The API has no such path",
            )
        return _refusal(event, problem)


def _as_csv(
    kind: type[BaseModel], call: Call, takes: Input, listing: Listing[Any]
) -> dict[str, Any]:
    """A page as CSV; where there is another one, ``Link`` leads to it (RFC 8288)."""
    if listing.pagination:
        query = takes.model_dump(mode="json", by_alias=True, exclude_none=True)
        query["paginationToken"] = listing.pagination.next
        call.headers["Link"] = f'<?{urlencode(query, quote_via=quote)}>; rel="next"'
    return {
        "headers": call.headers,
        "body": csv_of(kind, listing.data),
        "type": f"{CSV}; charset=utf-8",
    }


def _pattern(each: Route) -> re.Pattern[str]:
    values = {name: PATH_VALUES.get(name, PATH_VALUE) for name in _PARAMETER.findall(each.path)}
    return re.compile(_PARAMETER.sub(lambda found: values[found[1]], each.path))


def _validated[T: Input](takes: type[T], given: Mapping[str, Any], *, in_body: bool) -> T:
    """A body by its JSON types, to the letter; a query's texts as what they spell."""
    try:
        if in_body:
            return takes.model_validate_json(json.dumps(given), strict=True)
        return takes.model_validate(given)
    except ValidationError as error:
        raise ProblemError(
            "invalid-request",
            "The request's " + ("body" if in_body else "query") + " is not valid",
            errors=[
                FieldError(
                    _pointer(item["loc"], in_body=in_body),
                    item["msg"].removeprefix("Value error, "),
                )
                for item in error.errors(include_url=False, include_input=False)
            ],
        ) from None


def _pointer(place: tuple[int | str, ...], *, in_body: bool) -> str:
    if not in_body:
        return "query:" + ".".join(str(part) for part in place)
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in place)
    return "".join(["#", *(f"/{part}" for part in escaped)])


def _query(event: APIGatewayProxyEvent) -> dict[str, str]:
    given = event.resolved_query_string_parameters
    twice = [name for name, values in given.items() if len(values) > 1]
    if twice:
        raise ProblemError(
            "invalid-request",
            "A query parameter is given more than once",
            next_step="Send each parameter once; separate several values with commas.",
            errors=[FieldError(f"query:{name}", "is given more than once") for name in twice],
        )
    return {name: values[0] for name, values in given.items()}


def _body(event: APIGatewayProxyEvent) -> Mapping[str, Any]:
    text = event.raw_event.get("body") or ""
    raw = b64decode(text) if event.raw_event.get("isBase64Encoded") else text.encode()
    if len(raw) > LARGEST_BODY:
        raise ProblemError("too-large", f"The body is over {LARGEST_BODY // 1024} KiB")
    if not raw.strip():
        return {}
    kind = (event.headers.get("content-type") or "").partition(";")[0].strip()
    if kind.lower() != "application/json" and not kind.lower().endswith("+json"):
        raise ProblemError(
            "unsupported-media-type",
            "The body must be JSON",
        )
    try:
        given = json.loads(raw, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise ProblemError(
            "invalid-request",
            "The body is not a JSON object that gives each key once",
            errors=[FieldError("#", "is not a JSON object that gives each key once")],
        )
    return given


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON lets the last of two equal keys win: half of what was meant would vanish unseen."""
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError("a key is given twice")
    return given


def _idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    key = event.headers.get("idempotency-key")
    if key is not None and not re.fullmatch(IDEMPOTENCY_KEY, key):
        raise ProblemError(
            "invalid-request",
            "The Idempotency-Key is not usable",
            next_step="Send up to 128 visible characters, such as a UUID.",
            errors=[FieldError("header:Idempotency-Key", "is not 1 to 128 visible characters")],
        )
    return key


def _path(event: Mapping[str, Any]) -> str:
    """The path below the stage, or below the base path that a custom domain maps to it."""
    proxy = (event.get("pathParameters") or {}).get("proxy")
    if not proxy:
        return str(event["path"])
    closing = "/" if event["path"].endswith("/") and not proxy.endswith("/") else ""
    return f"/{proxy}{closing}"


def _actor(event: APIGatewayProxyEvent) -> str:
    identity = event.request_context.identity
    return identity.user_arn or identity.caller or NOBODY


def _listing_hint(path: str) -> str:
    """The nearest listing that would have what a path names."""
    listings = [each for each in all_routes() if each.lists]
    above = path.rstrip("/").rpartition("/")[0]
    while above:
        if any(_pattern(each).fullmatch(above) for each in listings):
            return f"GET {above} lists what there is."
        kind = above[above.rindex("/") :]
        for each in listings:
            if each.path.endswith(kind):  # native schedules are listed by index only
                return f"GET {each.path} lists what there is."
        above = above.rpartition("/")[0]
    return "GET /v1/projects lists the projects."


def _refusal(
    event: APIGatewayProxyEvent, problem: ProblemError, *, cause: BackupError | None = None
) -> Response[str]:
    if problem.kind.slug == "not-found" and not problem.next_step:
        problem.next_step = _listing_hint(event.path)
    body = details(
        problem,
        request_id=event.request_context.request_id or "",
        instance=event.path,
        cause=cause,
    )
    headers: dict[str, str | list[str]] = {**problem.headers}
    if problem.kind.retry_after is not None:
        headers["Retry-After"] = str(problem.kind.retry_after)
    return Response(
        status_code=problem.kind.status,
        content_type=MEDIA_TYPE,
        headers=headers,
        body=json.dumps(body),
    )
