"""The one place that asks: sends a signed request, asks again where that is safe, reads errors."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
import msgspec

from pinecone_backup_cli.api import Api, Problem
from pinecone_backup_cli.errors import ApiProblem, CliError, Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinecone_backup_cli.wire import Model, Parameter

PAUSES = (0.5, 2.0, 5.0)
"""Seconds before asking again when no answer came, or too many were asked for."""
_TIMEOUT = httpx.Timeout(35, connect=10)  # API Gateway gives up after 29 seconds
_OTHER_VERSION = "Is this command line older than the deployment? Install it again."


class HttpApi(Api):
    """The API behind a URL.

    A POST carries an Idempotency-Key, so that asking again does not do it twice. What may have
    changed something is asked again under that key only, or where it surely did not arrive.

    Attributes:
        url: With the stage, without a slash at its end.
        auth: Signs the requests.
    """

    def __init__(
        self, url: str, auth: httpx.Auth | None, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """``pause`` waits for so many seconds."""
        self.url = url.rstrip("/")
        self.auth = auth
        self._client = httpx.Client(auth=auth, timeout=_TIMEOUT)
        self._pause = pause

    def ask[T](
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Mapping[str, Parameter] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Model | None = None,
    ) -> T:
        """Ask, and again while there is no answer and asking again is safe."""
        request = self._client.build_request(
            method,
            self.url + path + _encoded(query or {}),
            content=None if body is None else msgspec.json.encode(body),
            headers=_headers(method, with_body=body is not None)
            | {name: value for name, value in (headers or {}).items() if value is not None},
        )
        response = self._answered(request)
        if response.is_error:
            raise _refusal(response)
        return _read(response, answer)

    def close(self) -> None:
        """Let go of every connection."""
        self._client.close()

    def _answered(self, request: httpx.Request) -> httpx.Response:
        repeatable = request.method in ("GET", "POST")
        for pause in (*PAUSES, None):
            try:
                response = self._client.send(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if pause is None:
                    raise _unreachable(request, error) from error
            except httpx.TransportError as error:
                if pause is None or not repeatable:
                    raise _no_answer(request, error) from error
            else:
                if pause is None or response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    return response
            self._pause(pause)
        raise AssertionError("the last round returns or raises")


def _encoded(query: Mapping[str, Parameter]) -> str:
    """The query as Signature Version 4 wants it: sorted, and blanks as ``%20``."""
    given = {name: _text(value) for name, value in sorted(query.items()) if value is not None}
    return "?" + urlencode(given, quote_via=quote, safe="") if given else ""


def _text(value: Parameter) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _headers(method: str, *, with_body: bool) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if with_body:
        headers["Content-Type"] = "application/json"
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid4())
    return headers


def _read[T](response: httpx.Response, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content or b"null", type=answer)
    except msgspec.DecodeError as error:
        raise CliError(
            f"The answer of {response.url.path} was not understood: {error}",
            exit=Exit.FAILED,
            next_step=_OTHER_VERSION,
        ) from error


def _refusal(response: httpx.Response) -> CliError:
    try:
        return ApiProblem(msgspec.json.decode(response.content, type=Problem))
    except msgspec.DecodeError:
        return CliError(
            f"{response.url.host} answered {response.status_code} {response.reason_phrase}, "
            "and not as this API does",
            exit=Exit.UNREACHABLE,
            next_step="Is the URL that of the stack's output ApiUrl?",
        )


def _unreachable(request: httpx.Request, error: Exception) -> CliError:
    return CliError(
        f"{request.url.host} cannot be reached: {error}",
        exit=Exit.UNREACHABLE,
        next_step="Is the network up, and does the stack still exist?",
    )


def _no_answer(request: httpx.Request, error: Exception) -> CliError:
    if request.method == "GET":
        return _unreachable(request, error)
    return CliError(
        f"No answer came from {request.url.host}: it may or may not have happened",
        exit=Exit.UNKNOWN,
        next_step="Look before you ask again: `pinecone-backup runs`, `backups` or `deletions`.",
    )
