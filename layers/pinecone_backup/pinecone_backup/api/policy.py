"""The policy document: read it, validate one, preview one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from pinecone_backup.api.backups import read_facts
from pinecone_backup.api.models import Input, Nothing, Output, RuleReason
from pinecone_backup.api.problems import FieldError, ProblemError
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.model import PruneMode, RunKind
from pinecone_backup.rules.policy import PolicyDocument
from pinecone_backup.rules.policy import validate_policy as validated
from pinecone_backup.rules.policy_warnings import KnownProject, WarningCode, warnings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pinecone_backup.rules.plan import PlanItem
    from pinecone_backup.rules.preview import Changed, Difference, QuotaVerdict

route = Routes("Policy")
PROPOSED = "preview"
"""Stands for the version of a document that is not stored."""
MOST_BYTES = 4_000_000
"""Of the backups that an answer lists; Lambda answers with 6 MB at most."""


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
    detail: Annotated[str, Field(validation_alias="sentence")]
    """What will come of it."""
    next_step: Annotated[str, Field(validation_alias="action")]
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
    mode: PruneMode | None = None
    """What prunes may delete; the deployment's own mode unless given."""
    prunes_per_day: Annotated[int, Field(ge=1, le=24)] = 4
    """As many as the deployment's schedule has; the first is now."""
    approvals: bool = False
    """Whether to assume that somebody approves at once of whatever waits. Nobody does by itself:
    what waits is shown as staying."""


class PreviewedBackup(Output):
    """A backup with its reasons."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    reasons: list[RuleReason]


class PreviewedDay(Output):
    """What one day's prunes would do."""

    at: datetime
    """When its last prune runs."""
    created: int
    expired: int
    """Native backups that expired."""
    refused: int
    """Slots that found the quota used up."""
    left: Annotated[int, Field(validation_alias="count")]
    """Backups that there are when the last prune is done."""
    size_bytes: int
    deleted_count: int
    deleted: list[PreviewedBackup]
    waiting_count: int
    waiting: list[PreviewedBackup]
    """What the last prune would delete, and what stays: it waits for a person, or the mode does
    not allow it."""
    waits: list[RuleReason]


class SteadyState(Output):
    """What an index comes to hold in the long run; null: it grows for ever."""

    index_name: str
    policy: str
    native: bool
    """Whether Pinecone's own schedule makes and expires its backups."""
    count: int | None
    size_bytes: int | None
    next_slots: list[datetime]
    """None for a native schedule, which picks its own hours."""


class QuotaNeed(Output):
    """What the indexes of one policy come to hold together; null: they grow for ever."""

    policy: str
    native: bool
    indexes: int
    count: int | None


class QuotaOutlook(Output):
    """How the quota ends, all policies together."""

    quota: int | None
    used: int
    needed: int | None
    """Backups in the long run; null: they grow for ever."""
    others: int
    """Backups that no policy decides about."""
    needs: list[QuotaNeed]
    fits: bool
    reached_at: datetime | None
    """The first prune before which it was used up within the preview."""
    refused: int
    detail: str


class ChangedBackup(PreviewedBackup):
    """A backup of today whose fate the given document changes."""

    at: datetime
    """The day on which it goes by the one document, and not by the other."""
    waits: bool
    """Whether it stays until the end of the preview: it waits, or the mode does not allow it."""


class PolicyDifference(Output):
    """What the given document changes against the one in force."""

    goes_count: int
    goes: list[ChangedBackup]
    """Backups of today that only the given document wants deleted."""
    stays_count: int
    stays: list[ChangedBackup]
    """Backups of today that only the document in force wants deleted."""
    quota_before: QuotaOutlook
    quota_after: QuotaOutlook


class PolicyPreview(Output):
    """What a policy document would keep and delete."""

    mode: PruneMode
    prunes_per_day: int
    approvals: bool
    days: list[PreviewedDay]
    kept_today: list[PreviewedBackup]
    steady: list[SteadyState]
    quota: QuotaOutlook
    changes: PolicyDifference | None
    """Against the document in force; null when that one is previewed."""
    ended: str
    """Why fewer days are shown than were asked for; empty when all are."""
    listed_all: bool
    """Whether the lists of backups are whole. Where they come to more than 4 MB they are cut, and
    the counts say how many there are."""
    warnings: list[PolicyWarning]
    """What is probably not meant, as far as this project goes."""


@route("GET", "/v1/policy", access=Access.READ, gives=CurrentPolicy)
def describe_policy(call: Call, _: Nothing) -> CurrentPolicy:
    """Give the policy document in force, and its version."""
    document, policy_version = call.policy()
    call.headers["ETag"] = f'"{policy_version}"'
    return CurrentPolicy(policy_version=policy_version, document=document)


@route(
    "POST",
    "/v1/policy/validate",
    access=Access.READ,
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
    access=Access.READ,
    takes=PreviewPolicy,
    gives=PolicyPreview,
    changes=False,
)
def preview_policy(call: Call, request: PreviewPolicy) -> PolicyPreview:
    """Preview what a policy document would keep and delete of the project, day by day.

    Days are played as this deployment would: its mode, its limits, and nobody who approves. A
    given document is compared with the one in force. Nothing is stored and nothing is deleted.
    """
    from pinecone_backup.rules.preview import difference, preview  # noqa: PLC0415 - only here
    from pinecone_backup.rules.projection import Assumptions  # noqa: PLC0415 - only here

    document, policy_version = call.policy()
    given = None if request.document is None else given_document(request.document)
    context = call.context(RunKind.AUDIT)
    facts = read_facts(call, context, document, policy_version)
    mode = request.mode or call.container.settings.prune_mode
    assumptions = Assumptions(
        mode,
        every=timedelta(days=1) / request.prunes_per_day,
        first=facts.baseline is None,
        approved=request.approvals,
    )
    seen = preview(facts, days=request.days, assumptions=assumptions)
    found = None
    if given is not None:
        before, document = seen, given
        proposed = replace(facts, document=given, policy_version=PROPOSED)
        seen = preview(proposed, days=request.days, assumptions=assumptions)
        found = difference(before, seen)
    listed = Listed()
    kept_today = listed(seen.days[0].kept)
    changes = difference_view(found, listed) if found else None
    deleted = [listed(day.deleted) for day in seen.days]
    days = [
        PreviewedDay.of(
            day,
            deleted=gone,
            deleted_count=len(day.deleted),
            waiting=listed(day.waiting),
            waiting_count=len(day.waiting),
        )
        for day, gone in zip(seen.days, deleted, strict=True)
    ]
    return PolicyPreview(
        mode=mode,
        prunes_per_day=request.prunes_per_day,
        approvals=request.approvals,
        days=days,
        kept_today=kept_today,
        steady=[SteadyState.model_validate(each) for each in seen.steady],
        quota=_outlook(seen.quota),
        changes=changes,
        ended=seen.ended,
        listed_all=not listed.full,
        warnings=policy_warnings(document, call.now, KnownProject(facts.project, facts.indexes)),
    )


def policy_warnings(
    document: PolicyDocument, now: datetime, known: KnownProject | None = None
) -> list[PolicyWarning]:
    """What is probably not meant in a valid document."""
    return [
        PolicyWarning.model_validate(warning)
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


class Listed:
    """Lists backups until an answer has ``MOST_BYTES`` of them."""

    def __init__(self) -> None:
        """Begin with an empty answer."""
        self._left = MOST_BYTES

    @property
    def full(self) -> bool:
        """Whether anything was left out."""
        return self._left < 0

    def __call__(self, items: Iterable[PlanItem]) -> list[PreviewedBackup]:
        """The first of them, as many as find room."""
        return self._room_for(PreviewedBackup.model_validate(item) for item in items)

    def changed(self, items: Iterable[Changed]) -> list[ChangedBackup]:
        """The same of backups whose fate a document changes."""
        return self._room_for(
            ChangedBackup.of(each.item, at=each.at, waits=each.waits) for each in items
        )

    def _room_for[T: PreviewedBackup](self, rows: Iterable[T]) -> list[T]:
        listed: list[T] = []
        for row in rows:
            self._left -= 0 if self.full else len(row.model_dump_json())
            if self.full:
                break
            listed.append(row)
        return listed


def difference_view(found: Difference, listed: Listed) -> PolicyDifference:
    """What a document changes, as the API shows it."""
    return PolicyDifference(
        goes_count=len(found.goes),
        goes=listed.changed(found.goes),
        stays_count=len(found.stays),
        stays=listed.changed(found.stays),
        quota_before=_outlook(found.quota_before),
        quota_after=_outlook(found.quota_after),
    )


def _outlook(verdict: QuotaVerdict) -> QuotaOutlook:
    return QuotaOutlook.of(verdict, detail=str(verdict))
