"""What the tests of the Pinecone client share: a scripted server, a key, and time that obeys."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from pinecone_backup.adapters.pinecone.client import PineconeClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEY = "pcsk_test_0123456789"
BASE_URL = "https://api.pinecone.io"

type Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Key:
    """A key source that gives its keys one after the other, each refresh the next one."""

    secret_name = "stack/projects/main"

    def __init__(self, *keys: str) -> None:
        self._keys = [SecretStr(key) for key in keys or (KEY,)]
        self.refreshed = 0

    def current(self) -> SecretStr:
        return self._keys[0]

    def refresh(self, rejected: SecretStr) -> SecretStr:
        self.refreshed += 1
        if len(self._keys) > 1 and self._keys[0] == rejected:
            self._keys.pop(0)
        return self._keys[0]


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Script:
    """A transport that gives the answers of a script, in order, and keeps the requests.

    The last answer is given again and again when ``repeat_last`` is set; else a request beyond
    the script fails the test.
    """

    def __init__(self, *answers: Answer, repeat_last: bool = False) -> None:
        self._answers = list(answers)
        self._repeat_last = repeat_last
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert self._answers, f"one request too many: {request.method} {request.url}"
        again = self._repeat_last and len(self._answers) == 1
        answer = self._answers[0] if again else self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        return answer

    @property
    def calls(self) -> list[str]:
        """Method and target of each request, as sent."""
        return [f"{sent.method} {sent.url.raw_path.decode()}" for sent in self.requests]

    def sent(self, number: int = 0) -> Any:
        """The JSON body of a request."""
        return json.loads(self.requests[number].content)


def client_of(
    script: Callable[[httpx.Request], httpx.Response],
    *,
    key: Key | None = None,
    time: Time | None = None,
    base_url: str = BASE_URL,
    call_seconds: float | Callable[[], float] = 60.0,
    concurrency: int = 1,
    api_version: str = "2026-07",
    schedules_api_version: str = "2026-07",
) -> PineconeClient:
    """Our client over a scripted server."""
    time = time or Time()
    return PineconeClient(
        key or Key(),
        base_url=base_url,
        http=httpx.Client(transport=httpx.MockTransport(script)),
        call_seconds=call_seconds,
        concurrency=concurrency,
        clock=time.clock,
        sleep=time.sleep,
        api_version=api_version,
        schedules_api_version=schedules_api_version,
    )


def answer(body: object = None, status: int = 200, **headers: str) -> httpx.Response:
    """A JSON answer; ``retry_after="1"`` becomes the header ``retry-after``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        return httpx.Response(status, headers=named)
    return httpx.Response(status, json=body, headers=named)


def error(status: int, code: str = "UNKNOWN", message: str = "", **headers: str) -> httpx.Response:
    """An error answer in Pinecone's shape."""
    body = {"error": {"code": code, "message": message}, "status": status}
    return answer(body, status, **headers)


def row(backup_id: str = "bkp-1", /, **fields: object) -> dict[str, object]:
    """A backup as Pinecone lists it."""
    return {
        "backup_id": backup_id,
        "source_index_name": "docs",
        "source_index_id": "11111111-2222-3333-4444-555555555555",
        "status": "Ready",
        "cloud": "aws",
        "region": "us-east-1",
        "name": f"name-of-{backup_id}",
        "created_at": "2026-11-20T03:00:00Z",
        **fields,
    }


def page(*rows: Mapping[str, object], token: str | None = None) -> httpx.Response:
    """A page of a listing."""
    return answer({"data": list(rows), "pagination": {"next": token} if token else None})
