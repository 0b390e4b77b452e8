"""One call to Pinecone: its tries, its time, and what its answer means.

A read is repeated after any failure that may pass. A write whose answer was lost is repeated
only where asking twice does what asking once does (DELETE, PATCH); a POST is repeated only when
it certainly had no effect (no connection, 429, or a 401 that a new key mends), and otherwise
ends in ``OutcomeUnknown``. When one call is answered 429, all calls with that key wait as long
as it does. Keys, URLs and answer bodies stay in here.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from pinecone_backup.adapters.pinecone import payloads
from pinecone_backup.errors import (
    AnswerMalformed,
    BackupError,
    Conflict,
    DeletionProtected,
    Forbidden,
    KeyRejected,
    NotFound,
    OutcomeUnknown,
    PaymentRequired,
    PermissionMissing,
    PineconeError,
    PlanExcludes,
    PreconditionFailed,
    QuotaReached,
    RateLimited,
    RequestInvalid,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

_LOG = logging.getLogger(__name__)

MOST_TRIES = 5
MOST_RETRY_AFTER = 60.0
"""Seconds; a longer ``Retry-After`` counts as this one."""
MOST_BYTES = 32 * 1024 * 1024
"""A longer answer is not one of this API."""
CONNECT_SECONDS, READ_SECONDS, POOL_SECONDS = 5.0, 30.0, 30.0
_SHOWN_MESSAGE = 200
_SHOWN_REASON = 120

_NEVER_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BACKOFF = wait_random_exponential(multiplier=0.5, max=20)

_NEXT_STEPS: dict[type[PineconeError], str] = {
    KeyRejected: "Put a valid key of the project into that secret; it is used at once.",
    PaymentRequired: "Pay the invoices that are due in the Pinecone console.",
    Forbidden: "Look at the project and the API key in the Pinecone console.",
    PlanExcludes: "Upgrade the organisation's plan, or take the project out of the policy.",
    QuotaReached: "Delete what is not needed, or ask Pinecone for a higher quota.",
    PermissionMissing: "Give the API key a role with read and write access to the control plane.",
    DeletionProtected: "Disable the index's deletion protection first, if that is intended.",
    NotFound: "",
    Conflict: "Look at what has that name, or which schedule is enabled.",
    PreconditionFailed: "Settle what Pinecone's answer names, then ask again.",
    RequestInvalid: "Asking again in the same way is useless; correct what was asked.",
    RateLimited: "The next run asks again; fewer runs at a time help.",
    Unavailable: "The next run asks again; see Pinecone's status page if it stays so.",
}
_BY_STATUS: dict[int, type[PineconeError]] = {
    401: KeyRejected,
    402: PaymentRequired,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    412: PreconditionFailed,
    429: RateLimited,
}
_FORBIDDEN: tuple[tuple[re.Pattern[str], type[Forbidden]], ...] = (
    (re.compile(r"\bdeletion protection\b", re.IGNORECASE), DeletionProtected),
    (re.compile(r"\bquota\b|quota_exceeded|resource_exhausted", re.IGNORECASE), QuotaReached),
    (re.compile(r"\bplan\b", re.IGNORECASE), PlanExcludes),
    (re.compile(r"permission|access denied", re.IGNORECASE), PermissionMissing),
)
"""How the meanings of a 403 differ: by the first pattern that its message or code has."""


class KeySource(Protocol):
    """Where the API key comes from; ``secrets.ApiKey`` is one."""

    secret_name: str

    def current(self) -> SecretStr:
        """The key as known."""
        ...

    def refresh(self, rejected: SecretStr) -> SecretStr:
        """The key read anew, after Pinecone rejected one."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request, described so that it can be repeated, judged and named in an error.

    Attributes:
        subject: What it is about, for errors: ``index 'docs'``; may be empty.
        changes: Whether it changes something, so that a lost answer leaves us not knowing.
        repeatable: Whether asking twice does what asking once does.
        renew_key: Whether a 401 is worth reading the key's secret again.
    """

    operation: str
    subject: str
    method: str
    url: str
    api_version: str
    query: Mapping[str, str | list[str]] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    changes: bool = False
    repeatable: bool = True
    renew_key: bool = True

    @property
    def text(self) -> str:
        """The operation and its subject, as errors name them."""
        return f"{self.operation} of {self.subject}" if self.subject else self.operation


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def request_id(self) -> str | None:
        """Pinecone's id of the request, where it has the form of one."""
        for name in ("x-pinecone-request-id", "x-request-id"):
            value = str(self.headers.get(name, ""))
            if re.fullmatch(r"[A-Za-z0-9_.:/=+-]{1,100}", value):
                return value
        return None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the service asks us to wait, from 0 to ``MOST_RETRY_AFTER``."""
        text = self.headers.get("retry-after", "").strip()
        try:
            seconds = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else _seconds_until(text)
        except ValueError:
            return None
        return min(max(seconds, 0.0), MOST_RETRY_AFTER)


class Caller:
    """Makes calls with one project's key; safe to share between threads.

    Args:
        key: Where the API key comes from.
        http: A client that follows no redirects (``http.new_http_client``).
        call_seconds: The most that one call may take, its repetitions and waits included; or
            what tells it as each call begins.
        concurrency: The most calls at a time; one more waits, and its time begins after that.
        clock: Seconds of a clock that never goes back.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        key: KeySource,
        http: httpx.Client,
        *,
        call_seconds: float | Callable[[], float] = 60.0,
        concurrency: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._key = key
        self._http = http
        self._call_seconds = call_seconds if callable(call_seconds) else lambda: call_seconds
        self._clock = clock
        self._sleep = sleep
        self._resume_at = float("-inf")
        self._pausing = threading.Lock()
        self._places = threading.BoundedSemaphore(concurrency)

    def ask[T](self, call: Call, understand: Callable[[bytes], T]) -> T:
        """Send a call and understand its answer.

        Args:
            call: The call.
            understand: Turns a body into a value; raises ``payloads.Malformed``.

        Raises:
            AnswerMalformed: The answer was not understood, and nothing was changed.
            OutcomeUnknown: A write's answer was lost, or not understood.
            PineconeError: Everything else, by its status.
        """
        return self.ask_whole(call, lambda reply: understand(reply.body))

    def ask_whole[T](self, call: Call, understand: Callable[[Reply], T]) -> T:
        """Like ``ask``, where more than the body is to be understood."""
        reply = self.send(call)
        try:
            return understand(reply)
        except payloads.Malformed as problem:
            text = f"{call.text} was answered {reply.status} with a body not understood ({problem})"
            raise _not_understood(call, text, reply) from None

    def send(self, call: Call) -> Reply:
        """Send a call, repeat it where that is safe, and return an answer of the 2xx kind.

        Raises:
            OutcomeUnknown: A write's answer was lost.
            PineconeError: Everything else, by its status.
        """
        with self._places:
            return self._send(call)

    def _send(self, call: Call) -> Reply:
        deadline = self._clock() + self._call_seconds()
        doubtful = False
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            wait=_wait,
            stop=lambda state: (
                state.attempt_number >= MOST_TRIES
                or self._clock() + state.upcoming_sleep >= deadline
            ),
            sleep=self._sleep,
            before_sleep=self._share_wait,
            reraise=True,
        )

        def attempt() -> Reply:
            nonlocal doubtful
            try:
                return self._try(call, deadline)
            except _Again as again:
                doubtful = doubtful or again.doubtful
                raise

        try:
            return retrying(attempt)
        except (NotFound, PreconditionFailed, Conflict):
            raise  # says how things stand now, whatever became of an earlier try
        except _Again as again:
            error = again.error
        except PineconeError as refused:
            error = refused
        raise _unknown(call, error) if doubtful else error

    def _try(self, call: Call, deadline: float) -> Reply:
        """One try: a 2xx answer, a ``PineconeError`` that is final, or ``_Again``."""
        self._wait_for_others(call, deadline)
        started = self._clock()
        try:
            reply, key = self._exchange(call, deadline)
        except httpx.RequestError as error:
            problem = f"{call.text} got no answer from Pinecone ({_reason(error)})"
            lost = Unavailable(
                problem, next_step=_NEXT_STEPS[Unavailable], operation=call.operation
            )
            _LOG.warning("%s", problem, extra={"operation": call.operation})
            raise _verdict(call, lost, had_no_effect=isinstance(error, _NEVER_REACHED)) from None
        _log(call, reply, self._clock() - started)
        if httpx.codes.is_success(reply.status):
            return reply
        failure = self._failure(call, reply, key)
        if isinstance(failure, RateLimited | Unavailable):
            if isinstance(failure, RateLimited):
                self._pause(reply.retry_after or 0.0)
            raise _verdict(
                call,
                failure,
                had_no_effect=isinstance(failure, RateLimited),
                retry_after=reply.retry_after,
            )
        raise failure

    def _pause(self, seconds: float) -> None:
        """Let no call with this key begin for so long."""
        with self._pausing:
            self._resume_at = max(self._resume_at, self._clock() + seconds)

    def _share_wait(self, state: RetryCallState) -> None:
        """Let all calls wait as long as one that was answered 429."""
        again = state.outcome.exception() if state.outcome is not None else None
        if isinstance(again, _Again) and isinstance(again.error, RateLimited):
            self._pause(state.upcoming_sleep)

    def _wait_for_others(self, call: Call, deadline: float) -> None:
        """Wait while Pinecone wants no calls of this project.

        Raises:
            RateLimited: That would take longer than this call may; Pinecone was not asked.
        """
        while (pause := self._resume_at - self._clock()) > 0:
            if self._clock() + pause >= deadline:
                raise RateLimited(
                    f"{call.text} waited for Pinecone, which answered 429 to another call",
                    next_step=_NEXT_STEPS[RateLimited],
                    operation=call.operation,
                    status=httpx.codes.TOO_MANY_REQUESTS,
                )
            self._sleep(pause)

    def _exchange(self, call: Call, deadline: float) -> tuple[Reply, SecretStr]:
        """Ask with the known key, and once more when a 401 finds a newer one.

        Returns:
            The answer, and the key that it was given to.
        """
        key = self._key.current()
        reply = self._request(call, key, deadline)
        if reply.status != httpx.codes.UNAUTHORIZED or not call.renew_key:
            return reply, key
        try:
            newer = self._key.refresh(key)
        except BackupError as error:
            raise KeyRejected(
                f"Pinecone rejected the API key of secret {self._key.secret_name!r}, and it could "
                f"not be read again: {error.problem}",
                next_step=error.next_step,
                operation=call.operation,
                status=reply.status,
                request_id=reply.request_id,
            ) from error
        if newer == key:
            return reply, key
        _LOG.info("The API key was read again after a 401", extra={"operation": call.operation})
        return self._request(call, newer, deadline), newer

    def _failure(self, call: Call, reply: Reply, key: SecretStr) -> PineconeError:
        """The error that a status means, with a short, cleaned message of Pinecone's."""
        if httpx.codes.is_redirect(reply.status):
            text = f"{call.text} was answered {reply.status}, a redirect, and none is followed"
            return _not_understood(call, text, reply)
        code, message = payloads.error(reply.body)
        kind = _kind(reply.status, f"{message} {code}")
        said = _presentable(message, key)
        problem = f"{call.text} was answered {reply.status}" + (f": {said}" if said else "")
        if kind is KeyRejected:
            name = self._key.secret_name
            problem = f"Pinecone rejected the API key of secret {name!r} ({call.text})"
        traced = f" (request {reply.request_id})" if reply.request_id else ""
        return kind(
            problem + traced,
            next_step=_NEXT_STEPS[kind],
            operation=call.operation,
            status=reply.status,
            request_id=reply.request_id,
        )

    def _request(self, call: Call, key: SecretStr, deadline: float) -> Reply:
        left = max(deadline - self._clock(), 0.1)
        headers = {
            "Api-Key": key.get_secret_value(),
            "X-Pinecone-Api-Version": call.api_version,
            "Accept": "application/json",
            "User-Agent": "pinecone-backup",
        }
        content = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(call.body).encode()
        with self._http.stream(
            call.method,
            call.url,
            params=call.query or None,
            headers=headers,
            content=content,
            timeout=httpx.Timeout(
                min(READ_SECONDS, left),
                connect=min(CONNECT_SECONDS, left),
                pool=min(POOL_SECONDS, left),
            ),
            follow_redirects=False,
        ) as response:
            return Reply(response.status_code, response.headers, self._body(response, deadline))

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        """The body, unless it comes too slowly (each piece in time, but no end) or is too long."""
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if self._clock() > deadline:
                raise httpx.ReadTimeout("the answer did not end in time")
            if len(body) > MOST_BYTES:
                raise httpx.ReadError("the answer is too long")
        return bytes(body)


class _Again(Exception):
    """A try failed in a way that allows another one.

    Attributes:
        doubtful: Whether the try may have changed something.
    """

    def __init__(self, error: PineconeError, *, doubtful: bool, retry_after: float | None) -> None:
        super().__init__()
        self.error = error
        self.doubtful = doubtful
        self.retry_after = retry_after


def _verdict(
    call: Call, error: PineconeError, *, had_no_effect: bool, retry_after: float | None = None
) -> _Again | OutcomeUnknown:
    """What a passing failure means for this call: ask again, or we cannot know."""
    doubtful = call.changes and not had_no_effect
    if doubtful and not call.repeatable:
        return _unknown(call, error)
    return _Again(error, doubtful=doubtful, retry_after=retry_after)


def _wait(state: RetryCallState) -> float:
    """Jittered exponential backoff; what the service asks for comes on top of nothing less."""
    jitter = _BACKOFF(state)
    again = state.outcome.exception() if state.outcome is not None else None
    if isinstance(again, _Again) and again.retry_after is not None:
        return again.retry_after + min(jitter, 1.0)
    return jitter


def _kind(status: int, text: str) -> type[PineconeError]:
    if status == httpx.codes.FORBIDDEN:
        return next((kind for pattern, kind in _FORBIDDEN if pattern.search(text)), Forbidden)
    if httpx.codes.is_server_error(status):
        return Unavailable
    return _BY_STATUS.get(status, RequestInvalid)


def _presentable(message: str, key: SecretStr) -> str:
    """A message as an operator may see it: one short line without links, and never the key."""
    if key.get_secret_value() in message:
        return ""
    line = " ".join(re.sub(r"\w+://\S+", "(link)", message).split())
    line = "".join(letter for letter in line if letter.isprintable())
    return (line[:_SHOWN_MESSAGE] + "…" if len(line) > _SHOWN_MESSAGE else line).rstrip(".")


def _not_understood(call: Call, text: str, reply: Reply) -> AnswerMalformed | OutcomeUnknown:
    error = AnswerMalformed(
        text,
        next_step="Pinecone's API may have changed, or something stands between; see whether a "
        "newer release knows it.",
        operation=call.operation,
        status=reply.status,
        request_id=reply.request_id,
    )
    return _unknown(call, error) if call.changes else error


def _unknown(call: Call, error: PineconeError) -> OutcomeUnknown:
    if isinstance(error, OutcomeUnknown):
        return error
    return OutcomeUnknown(
        f"{error.problem}; it may have taken effect all the same",
        next_step="Nothing is repeated blindly: the next run checks first.",
        operation=call.operation,
        status=error.status,
        request_id=error.request_id,
    )


def _reason(error: httpx.RequestError) -> str:
    """The kind of failure; why no connection came about is worth saying, the rest may leak."""
    name = type(error).__name__
    return f"{name}: {error}"[:_SHOWN_REASON] if isinstance(error, httpx.ConnectError) else name


def _seconds_until(http_date: str) -> float:
    moment = parsedate_to_datetime(http_date)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()


def _log(call: Call, reply: Reply, seconds: float) -> None:
    level = logging.INFO if httpx.codes.is_success(reply.status) else logging.WARNING
    _LOG.log(
        level,
        "Pinecone answered %s with %d",
        call.text,
        reply.status,
        extra={
            "operation": call.operation,
            "status": reply.status,
            "request_id": reply.request_id,
            "duration_ms": round(seconds * 1000),
        },
    )
