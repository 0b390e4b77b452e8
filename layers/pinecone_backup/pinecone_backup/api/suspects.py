"""Suspects: backups that seem empty or shrunk, until a person accepts them (rule G1)."""

from __future__ import annotations

from datetime import UTC, datetime

from pinecone_backup.api.cursors import page_for
from pinecone_backup.api.models import Listing, Output, PageQuery, ReasonText, WithReason
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.records import Verdict
from pinecone_backup.rules.inventory import counts_as_good
from pinecone_backup.usecases.requests.suspects import Accepts, accept_suspects

route = Routes("Suspects")
_NEVER = datetime.min.replace(tzinfo=UTC)


class Suspect(Output):
    """A backup that is suspect, or was until somebody accepted it."""

    backup_id: str
    index_name: str
    name: str | None
    created_at: datetime | None
    record_count: int | None
    verdict: Verdict | None
    verdict_reason: ReasonText
    verdict_at: datetime | None
    accepted_by: str
    accepted_reason: str
    accepted_at: datetime | None


class SuspectList(Listing[Suspect]):
    """A page of suspects, the newest first."""


class Acceptance(WithReason):
    """Which suspects are good after all, and why."""

    accepts: Accepts = Accepts.THIS
    """``this-and-newer`` also accepts every newer suspect of the index."""


class AcceptedSuspect(Suspect):
    """The suspect that was accepted, and the newer ones that were accepted with it."""

    newer: list[str]
    """Their backup ids, the oldest first."""


@route(
    "GET",
    "/v1/projects/{project}/suspects",
    access=Access.READ,
    takes=PageQuery,
    gives=SuspectList,
)
def list_suspects(call: Call, query: PageQuery) -> SuspectList:
    """List the suspect backups, the newest first."""
    found = [
        record
        for record in call.ledger().backups().values()
        if record.verdict is not None and not counts_as_good(record)
    ]
    found.sort(key=lambda record: (record.created_at or _NEVER, record.backup_id), reverse=True)
    return page_for(query, SuspectList, found, call.listing)


@route(
    "POST",
    "/v1/projects/{project}/suspects/{backup_id}/accept",
    access=Access.DESTROY,
    takes=Acceptance,
    gives=AcceptedSuspect,
    problems=("rule-forbids",),
)
def accept_suspect(call: Call, request: Acceptance) -> AcceptedSuspect:
    """Accept a suspect, or it and the newer ones: they are good, and what later ones meet.

    Older good backups may be deleted then: this needs the permission to destroy.
    """
    first, *newer = accept_suspects(
        call.ledger(),
        call.path["backup_id"],
        accepts=request.accepts,
        who=call.actor,
        reason=request.reason,
        now=call.now,
    )
    return AcceptedSuspect(
        **dict(Suspect.model_validate(first)), newer=[record.backup_id for record in newer]
    )
