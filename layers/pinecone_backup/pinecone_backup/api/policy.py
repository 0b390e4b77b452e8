"""The policy document: read it, look one over, try one on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.api import models
from pinecone_backup.api.problems import FieldError, ProblemError
from pinecone_backup.api.routes import Access, Call, route
from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.model import RunTime
from pinecone_backup.rules.policy import validate_policy as validated
from pinecone_backup.usecases.present import present_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pinecone_backup.rules.plan import PlanItem
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.rules.preview import PreviewDay

_TAG = "Policy"


@route("GET", "/v1/policy", access=Access.READ, tag=_TAG, gives=models.CurrentPolicy)
def describe_policy(call: Call, _: models.Nothing) -> models.CurrentPolicy:
    """Give the policy document in force, and its version."""
    document, policy_version = call.policy()
    return models.CurrentPolicy(policy_version=policy_version, document=document)


@route(
    "POST",
    "/v1/policy/validate",
    access=Access.OPERATE,
    tag=_TAG,
    takes=models.ValidatePolicy,
    gives=models.PolicyValidity,
    changes=False,
)
def validate_policy(call: Call, request: models.ValidatePolicy) -> models.PolicyValidity:
    """Look a policy document over: every error at once. Nothing is stored."""
    del call
    try:
        validated(request.document)
    except PolicyInvalid as error:
        return models.PolicyValidity(
            valid=False,
            errors=[models.PolicyError(path=path, detail=said) for path, said in error.errors],
        )
    return models.PolicyValidity(valid=True, errors=[])


@route(
    "POST",
    "/v1/projects/{project}/policy/preview",
    access=Access.OPERATE,
    tag=_TAG,
    takes=models.PreviewPolicy,
    gives=models.PolicyPreview,
    changes=False,
    problems=("not-found",),
)
def preview_policy(call: Call, request: models.PreviewPolicy) -> models.PolicyPreview:
    """Tell what a policy document would keep and delete of the project, day by day.

    Nothing is stored and nothing is deleted.
    """
    from pinecone_backup.rules.preview import preview  # noqa: PLC0415 - cron, only here

    document, policy_version = call.policy()
    if request.document is not None:
        document, policy_version = _given(request.document), "preview"
    facts = present_facts(
        call.control_plane(),
        call.ledger(),
        document=document,
        policy_version=policy_version,
        owner=call.container.services.owner,
        time=RunTime(scheduled_at=call.now, actual=call.now),
    )
    seen = preview(facts, days=request.days)
    return models.PolicyPreview(
        days=[_day(day) for day in seen.days],
        kept_today=_items(seen.days[0].kept),
        steady=[
            models.SteadyState(
                index_name=each.index_name,
                policy=each.policy,
                count=each.count,
                size_bytes=each.size_bytes,
            )
            for each in seen.steady
        ],
    )


def _given(document: Mapping[str, object]) -> PolicyDocument:
    try:
        return validated(document)
    except PolicyInvalid as error:
        raise ProblemError(
            "invalid-request",
            "The policy document is not valid",
            next_step="Correct what errors names.",
            errors=[
                FieldError("/".join(["#/document", *filter(None, path.split("."))]), said)
                for path, said in error.errors
            ],
        ) from None


def _day(day: PreviewDay) -> models.PreviewedDay:
    return models.PreviewedDay(
        at=day.at,
        created=day.created,
        kept=day.count,
        size_bytes=day.size_bytes,
        deleted=_items(day.deleted),
        waits=day.waits,
    )


def _items(items: Iterable[PlanItem]) -> list[models.PreviewedBackup]:
    return [
        models.PreviewedBackup(
            backup_id=item.backup_id,
            index_name=item.index_name,
            name=item.name,
            created_at=item.created_at,
            reasons=list(item.reasons),
        )
        for item in items
    ]
