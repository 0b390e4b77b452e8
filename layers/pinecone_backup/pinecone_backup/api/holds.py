"""Holds: what nothing may delete."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, Field

from pinecone_backup.api.cursors import page_for
from pinecone_backup.api.models import (
    Input,
    Listing,
    Nothing,
    Output,
    PageQuery,
    Reason,
    WithReason,
)
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.errors import SubjectUnknown
from pinecone_backup.records import HoldScope
from pinecone_backup.usecases.requests import holds

if TYPE_CHECKING:
    from pinecone_backup import records

route = Routes("Holds")


class Hold(Output):
    """Protects a backup, or every backup of an index, from deletion."""

    hold_id: str
    scope: HoldScope
    target: str
    reason: str
    placed_by: str
    created_at: datetime
    expires_at: datetime | None
    released_at: datetime | None
    released_by: str
    release_reason: str
    active: bool


class PlaceHold(Input):
    """What to protect, for which reason, and until when."""

    scope: HoldScope
    target: Annotated[str, Field(min_length=1, max_length=128)]
    """A backup id, or an index name: then every backup of every index of that name."""
    reason: Reason
    expires_at: AwareDatetime | None = None


class HoldsQuery(PageQuery):
    """Which holds."""

    active: bool = False
    """Only those in force."""


class HoldList(Listing[Hold]):
    """A page of holds, the newest first."""


@route(
    "POST",
    "/v1/projects/{project}/holds",
    access=Access.OPERATE,
    takes=PlaceHold,
    gives=Hold,
    status=201,
    problems=("rule-forbids",),
)
def place_hold(call: Call, request: PlaceHold) -> Hold:
    """Hold a backup, or every backup of an index: nothing deletes it until the hold ends."""
    hold = holds.place_hold(
        call.control_plane(),
        call.ledger(),
        scope=request.scope,
        target=request.target,
        who=call.actor,
        reason=request.reason,
        now=call.now,
        expires_at=request.expires_at,
    )
    call.locate("holds", hold.hold_id)
    return hold_view(hold, call.now)


@route(
    "GET",
    "/v1/projects/{project}/holds",
    access=Access.READ,
    takes=HoldsQuery,
    gives=HoldList,
)
def list_holds(call: Call, query: HoldsQuery) -> HoldList:
    """List holds, the newest first; those that ended too, unless ``active``."""
    found = holds.list_holds(call.ledger(), now=call.now, active_only=query.active)
    rows = [hold_view(hold, call.now) for hold in found]
    return page_for(query, HoldList, rows, f"{call.listing}?active={query.active}")


@route(
    "GET",
    "/v1/projects/{project}/holds/{hold_id}",
    access=Access.READ,
    gives=Hold,
)
def describe_hold(call: Call, _: Nothing) -> Hold:
    """Describe a hold."""
    for hold in call.ledger().holds():
        if hold.hold_id == call.path["hold_id"]:
            return hold_view(hold, call.now)
    raise SubjectUnknown(f"Project {call.path['project']} has no hold {call.path['hold_id']!r}")


@route(
    "POST",
    "/v1/projects/{project}/holds/{hold_id}/release",
    access=Access.DESTROY,
    takes=WithReason,
    gives=Hold,
    problems=("rule-forbids",),
)
def release_hold(call: Call, request: WithReason) -> Hold:
    """Release a hold: what it protected may be deleted again."""
    hold = holds.release_hold(
        call.ledger(), call.path["hold_id"], who=call.actor, reason=request.reason, now=call.now
    )
    return hold_view(hold, call.now)


def hold_view(hold: records.Hold, now: datetime) -> Hold:
    """A hold, and whether it protects now."""
    return Hold.of(hold, active=hold.active(now))
