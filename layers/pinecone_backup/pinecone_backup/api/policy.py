"""The policy document: read it, validate one, preview one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from pinecone_backup.api.backups import read_facts
from pinecone_backup.api.models import Input, Nothing, Output, RuleReason
from pinecone_backup.api.problems import FieldError, ProblemError
from pinecone_backup.api.routes import Access, Call, route
from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.model import RunKind
from pinecone_backup.rules.policy import PolicyDocument
from pinecone_backup.rules.policy import validate_policy as validated
from pinecone_backup.rules.policy_warnings import KnownProject, WarningCode, warnings
from pinecone_backup.usecases.runs import new_run_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pinecone_backup.rules.plan import PlanItem
    from pinecone_backup.rules.preview import PreviewDay

_TAG = "Policy"


class CurrentPolicy(Output):
    """The policy document in force."""

    policy_version: str
    document: PolicyDocument


class ValidatePolicy(Input):
    """A policy document to validate."""

    document: dict[str, Any]


class PolicyError(Output):
    """One thing wrong in a policy document."""

    path: str
    detail: str


class PolicyWarning(Output):
    """One thing in a valid policy document that is probably not meant."""

    code: WarningCode
    path: str
    detail: str
    """What will come of it."""
    next_step: str
    parameters: dict[str, str | int]


class PolicyValidity(Output):
    """Whether a policy document could be stored as it is."""

    valid: bool
    errors: list[PolicyError]
    warnings: list[PolicyWarning]
    """Of a valid document; they keep nothing from being stored."""


class PreviewPolicy(Input):
    """A policy document to preview on the project."""

    document: dict[str, Any] | None = None
    """The one in force unless given."""
    days: Annotated[int, Field(ge=0, le=90)] = 7
    """How many days after today."""


class PreviewedBackup(Output):
    """A backup with its reasons."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    reasons: list[RuleReason]


class PreviewedDay(Output):
    """What one day's prune would do."""

    at: datetime
    created: int
    kept: int
    size_bytes: int
    deleted: list[PreviewedBackup]
    waits: list[RuleReason]


class SteadyState(Output):
    """What an index comes to hold in the long run; null: it grows for ever."""

    index_name: str
    policy: str
    count: int | None
    size_bytes: int | None


class PolicyPreview(Output):
    """What a policy document would keep and delete."""

    days: list[PreviewedDay]
    kept_today: list[PreviewedBackup]
    steady: list[SteadyState]
    ended: str
    """Why fewer days are shown than were asked for; empty when all are."""
    warnings: list[PolicyWarning]
    """What is probably not meant, as far as this project goes."""


@route("GET", "/v1/policy", access=Access.READ, tag=_TAG, gives=CurrentPolicy)
def describe_policy(call: Call, _: Nothing) -> CurrentPolicy:
    """Give the policy document in force, and its version."""
    document, policy_version = call.policy()
    call.headers["ETag"] = f'"{policy_version}"'
    return CurrentPolicy(policy_version=policy_version, document=document)


@route(
    "POST",
    "/v1/policy/validate",
    access=Access.OPERATE,
    tag=_TAG,
    takes=ValidatePolicy,
    gives=PolicyValidity,
    changes=False,
)
def validate_policy(call: Call, request: ValidatePolicy) -> PolicyValidity:
    """Validate a policy document: every error at once, or every warning. Nothing is stored."""
    try:
        document = validated(request.document)
    except PolicyInvalid as error:
        return PolicyValidity(
            valid=False,
            errors=[PolicyError(path=path, detail=said) for path, said in error.errors],
            warnings=[],
        )
    return PolicyValidity(valid=True, errors=[], warnings=policy_warnings(document, call.now))


@route(
    "POST",
    "/v1/projects/{project}/policy/preview",
    access=Access.OPERATE,
    tag=_TAG,
    takes=PreviewPolicy,
    gives=PolicyPreview,
    changes=False,
    problems=("not-found",),
)
def preview_policy(call: Call, request: PreviewPolicy) -> PolicyPreview:
    """Preview what a policy document would keep and delete of the project, day by day.

    Nothing is stored and nothing is deleted.
    """
    from pinecone_backup.rules.preview import preview  # noqa: PLC0415 - cron, only here

    document, policy_version = call.policy()
    if request.document is not None:
        document, policy_version = given_document(request.document), "preview"
    context = call.context(RunKind.AUDIT, new_run_id(RunKind.AUDIT, call.now))
    facts = read_facts(call, context, document, policy_version)
    seen = preview(facts, days=request.days)
    return PolicyPreview(
        days=[_day(day) for day in seen.days],
        kept_today=_items(seen.days[0].kept),
        steady=[
            SteadyState(
                index_name=each.index_name,
                policy=each.policy,
                count=each.count,
                size_bytes=each.size_bytes,
            )
            for each in seen.steady
        ],
        ended=seen.ended,
        warnings=policy_warnings(document, call.now, KnownProject(facts.project, facts.indexes)),
    )


def policy_warnings(
    document: PolicyDocument, now: datetime, known: KnownProject | None = None
) -> list[PolicyWarning]:
    """What is probably not meant in a valid document."""
    return [
        PolicyWarning(
            code=warning.code,
            path=warning.path,
            detail=warning.sentence,
            next_step=warning.action,
            parameters=dict(warning.parameters),
        )
        for warning in warnings(document, now=now, known=known)
    ]


def given_document(document: Mapping[str, object]) -> PolicyDocument:
    """A valid policy document; raises ``ProblemError`` with every error."""
    try:
        return validated(document)
    except PolicyInvalid as error:
        raise ProblemError(
            "invalid-request",
            "The policy document is not valid",
            errors=[
                FieldError("/".join(["#/document", *filter(None, path.split("."))]), said)
                for path, said in error.errors
            ],
        ) from None


def _day(day: PreviewDay) -> PreviewedDay:
    return PreviewedDay(
        at=day.at,
        created=day.created,
        kept=day.count,
        size_bytes=day.size_bytes,
        deleted=_items(day.deleted),
        waits=[RuleReason.model_validate(reason) for reason in day.waits],
    )


def _items(items: Iterable[PlanItem]) -> list[PreviewedBackup]:
    return [
        PreviewedBackup(
            backup_id=item.backup_id,
            index_name=item.index_name,
            name=item.name,
            created_at=item.created_at,
            reasons=[RuleReason.model_validate(reason) for reason in item.reasons],
        )
        for item in items
    ]
