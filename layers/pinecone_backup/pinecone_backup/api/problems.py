"""Problem details (RFC 9457): the shape of every error of the API.

``PROBLEMS`` is the whole list: a slug is stable, and ends the URN that stands as ``type``.
``problem_of`` turns any of our errors into one. No problem carries a secret, an upstream URL or
an upstream body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pinecone_backup.api.models import Output
from pinecone_backup.errors import (
    AnswerMalformed,
    ApprovalRefused,
    BackupError,
    ConfigurationError,
    Conflict,
    DeletionProtected,
    Forbidden,
    KeyRejected,
    LeaseHeld,
    LedgerConflict,
    LedgerError,
    ListingIncomplete,
    NotFound,
    OutcomeUnknown,
    PaymentRequired,
    PermissionMissing,
    PineconeError,
    PlanExcludes,
    PolicyConflict,
    PreconditionFailed,
    QuotaReached,
    RateLimited,
    RequestInvalid,
    RequestRejected,
    RuleForbids,
    StoreUnavailable,
    SubjectUnknown,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPE_PREFIX = "urn:pinecone-backup:problem:"
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem.

    Attributes:
        next_step: What to do about it, where the problem itself knows nothing better.
        retry_after: Seconds after which asking again may help; None where it does not.
    """

    slug: str
    status: int
    title: str
    next_step: str
    retry_after: int | None = None

    @property
    def type(self) -> str:
        """The URN that names it for ever."""
        return TYPE_PREFIX + self.slug


_KINDS = (
    Kind("invalid-request", 400, "The request is not valid", "Correct what errors names."),
    Kind(
        "pinecone-refused",
        400,
        "Pinecone finds the request invalid",
        "Correct what detail says, and ask again.",
    ),
    Kind(
        "pinecone-payment",
        402,
        "Pinecone wants due invoices paid",
        "Pay the invoices in Pinecone's console.",
    ),
    Kind(
        "forbidden",
        403,
        "The caller may not do this",
        "Use a role that one of the stack's managed policies lets do it.",
    ),
    Kind(
        "pinecone-plan",
        403,
        "The Pinecone organisation's plan does not include this",
        "Choose a Pinecone plan that includes it.",
    ),
    Kind(
        "pinecone-quota",
        403,
        "The Pinecone project's quota is used up",
        "Delete what is not needed, or ask Pinecone for a higher quota.",
    ),
    Kind(
        "pinecone-protected",
        403,
        "The index is protected against deletion",
        "Take the index's deletion protection off first.",
    ),
    Kind(
        "pinecone-forbids",
        403,
        "Pinecone forbids this",
        "Check what the API key may do in Pinecone's console.",
    ),
    Kind(
        "not-found",
        404,
        "There is no such thing",
        "The listing of the same kind shows what there is.",
    ),
    Kind(
        "no-such-route",
        404,
        "The API has no such path",
        "docs/openapi.json lists all paths; they begin with /v1.",
    ),
    Kind(
        "method-not-allowed",
        405,
        "The path does not take this method",
        "Use a method that the header Allow names.",
    ),
    Kind("rule-forbids", 409, "A rule forbids this", "See rule in docs/rules.md."),
    Kind(
        "approval-refused",
        409,
        "The plan cannot be approved or executed",
        "Start a new prune run, read its plan, and approve that one.",
    ),
    Kind(
        "conflict",
        409,
        "Something else stands in the way",
        "Look at what stands there, then ask again.",
    ),
    Kind(
        "busy", 409, "Another run is at work", "Ask again when that run has ended.", retry_after=30
    ),
    Kind(
        "in-progress",
        409,
        "The same request is being served already",
        "Ask again with the same key to get its answer.",
        retry_after=10,
    ),
    Kind(
        "not-ready",
        412,
        "The backup is not in a state that allows this",
        "Wait until the backup is Ready, or the restore has ended.",
    ),
    Kind(
        "policy-changed",
        412,
        "Somebody else has changed the policy since it was read",
        "Read the policy in force, see what it changes, and send yours on top of it.",
    ),
    Kind("too-large", 413, "The request's body is too large", "Send a smaller body."),
    Kind(
        "unsupported-media-type",
        415,
        "The body must be JSON",
        "Send Content-Type: application/json.",
    ),
    Kind(
        "key-reused",
        422,
        "The Idempotency-Key was used for another request",
        "Send a new Idempotency-Key with each new request.",
    ),
    Kind(
        "precondition-required",
        428,
        "The request does not say on top of which version it is meant",
        "Send If-Match with the ETag of GET /v1/policy.",
    ),
    Kind("throttled", 429, "Too many requests", "Ask again later, and less often.", retry_after=5),
    Kind(
        "internal", 500, "Something went wrong here", "Find request_id in the api function's log."
    ),
    Kind(
        "pinecone-key",
        502,
        "Pinecone does not take this deployment's API key",
        "Store a valid API key with the needed role in the project's secret.",
    ),
    Kind(
        "pinecone-answer",
        502,
        "Pinecone's answer was not understood",
        "Look before asking again, and report it with request_id.",
    ),
    Kind(
        "pinecone-unavailable",
        503,
        "Pinecone cannot be reached",
        "Ask again later; status.pinecone.io says what is known.",
        retry_after=30,
    ),
    Kind(
        "storage-unavailable",
        503,
        "The deployment's storage cannot be reached",
        "Ask again later.",
        retry_after=10,
    ),
    Kind(
        "not-configured",
        503,
        "The deployment is not configured",
        "GET /v1/health says what is missing.",
    ),
    Kind(
        "outcome-unknown",
        504,
        "It may or may not have happened: look before asking again",
        "Read the listing to see whether it happened, then ask again.",
    ),
)
PROBLEMS: dict[str, Kind] = {kind.slug: kind for kind in _KINDS}
"""Every kind by its slug."""

_OF_ERRORS: tuple[tuple[type[BackupError], str], ...] = (
    (ConfigurationError, "not-configured"),
    (SubjectUnknown, "not-found"),
    (PolicyConflict, "policy-changed"),
    (RuleForbids, "rule-forbids"),
    (ApprovalRefused, "approval-refused"),
    (RequestRejected, "invalid-request"),
    (KeyRejected, "pinecone-key"),
    (PermissionMissing, "pinecone-key"),
    (PaymentRequired, "pinecone-payment"),
    (PlanExcludes, "pinecone-plan"),
    (QuotaReached, "pinecone-quota"),
    (DeletionProtected, "pinecone-protected"),
    (Forbidden, "pinecone-forbids"),
    (NotFound, "not-found"),
    (Conflict, "conflict"),
    (PreconditionFailed, "not-ready"),
    (RequestInvalid, "pinecone-refused"),
    (RateLimited, "pinecone-unavailable"),
    (Unavailable, "pinecone-unavailable"),
    (OutcomeUnknown, "outcome-unknown"),
    (AnswerMalformed, "pinecone-answer"),
    (ListingIncomplete, "pinecone-unavailable"),
    (LeaseHeld, "busy"),
    (LedgerConflict, "busy"),
    (LedgerError, "storage-unavailable"),
    (StoreUnavailable, "storage-unavailable"),
)
"""The first branch that an error belongs to decides."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with a request.

    Attributes:
        pointer: Where: ``#/retention/expire_after_days`` in the body (a JSON pointer as a URI
            fragment), ``query:limit``, ``path:project`` or ``header:Idempotency-Key``.
        detail: What is wrong; never the value.
    """

    pointer: str
    detail: str


class ProblemError(Exception):
    """A problem that the API itself finds, before or instead of a use case.

    Attributes:
        headers: To send beside it.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        *,
        next_step: str = "",
        errors: Sequence[FieldError] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = PROBLEMS[slug]
        self.detail = detail
        self.next_step = next_step
        self.errors = tuple(errors)
        self.headers = headers or {}


class ProblemField(Output):
    """One thing wrong with a request."""

    pointer: str
    """``#/name`` in the body, ``query:limit``, ``path:project`` or ``header:Idempotency-Key``."""
    detail: str


class PineconeAnswer(Output):
    """What Pinecone said, where it was Pinecone."""

    operation: str
    status: int | None
    request_id: str | None


class Problem(Output):
    """What went wrong (RFC 9457)."""

    type: str
    """A URN that never changes its meaning."""
    title: str
    status: int
    detail: str
    instance: str
    """The request's path."""
    request_id: str
    next_step: str
    """What to do about it."""
    errors: list[ProblemField] | None = None
    rule: str | None = None
    """The rule that forbids it."""
    pinecone: PineconeAnswer | None = None


def problem_of(error: BackupError) -> ProblemError:
    """The problem that one of our errors is."""
    slug = next((slug for branch, slug in _OF_ERRORS if isinstance(error, branch)), "internal")
    return ProblemError(slug, error.problem, next_step=error.next_step)


def details(
    problem: ProblemError, *, request_id: str, instance: str, cause: BaseException | None = None
) -> dict[str, Any]:
    """The body of a problem's answer, JSON-ready.

    Args:
        problem: The problem.
        request_id: API Gateway's id of the request.
        instance: The request's path.
        cause: The error of ours behind it, for the rule's and Pinecone's part.
    """
    body: dict[str, Any] = {
        "type": problem.kind.type,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": instance,
        "request_id": request_id,
        "next_step": problem.next_step or problem.kind.next_step,
    }
    if problem.errors:
        body["errors"] = [{"pointer": at.pointer, "detail": at.detail} for at in problem.errors]
    if isinstance(cause, RuleForbids):
        body["rule"] = cause.rule
    if isinstance(cause, PineconeError):
        body["pinecone"] = {
            "operation": cause.operation,
            "status": cause.status,
            "request_id": cause.request_id,
        }
    return body
