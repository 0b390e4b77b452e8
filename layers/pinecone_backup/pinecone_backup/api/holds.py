"""Holds: what must stay."""

from __future__ import annotations

from pinecone_backup.api import models, views
from pinecone_backup.api.cursors import page_of
from pinecone_backup.api.routes import Access, Call, route
from pinecone_backup.errors import SubjectUnknown
from pinecone_backup.usecases.requests import holds

_TAG = "Holds"


@route(
    "POST",
    "/v1/projects/{project}/holds",
    access=Access.OPERATE,
    tag=_TAG,
    takes=models.PlaceHold,
    gives=models.Hold,
    status=201,
    problems=("not-found", "rule-forbids"),
)
def place_hold(call: Call, request: models.PlaceHold) -> models.Hold:
    """Hold a backup, or every backup of an index: nothing deletes it until the hold ends."""
    hold = holds.place_hold(
        call.ledger(),
        call.control_plane(),
        scope=request.scope,
        target=request.target,
        who=call.actor,
        reason=request.reason,
        now=call.now,
        expires_at=request.expires_at,
    )
    call.locate("holds", hold.hold_id)
    return views.hold_view(hold, call.now)


@route(
    "GET",
    "/v1/projects/{project}/holds",
    access=Access.READ,
    tag=_TAG,
    takes=models.HoldsQuery,
    gives=models.HoldList,
    problems=("not-found",),
)
def list_holds(call: Call, query: models.HoldsQuery) -> models.HoldList:
    """List holds, the newest first; those that ended too, unless ``active``."""
    rows, cursor = page_of(
        holds.list_holds(call.ledger(), now=call.now, active_only=query.active),
        listing=f"{call.listing}?active={query.active}",
        limit=query.limit,
        cursor=query.paginationToken,
    )
    return models.HoldList(
        data=[views.hold_view(hold, call.now) for hold in rows],
        pagination=views.pagination(cursor),
    )


@route(
    "GET",
    "/v1/projects/{project}/holds/{hold_id}",
    access=Access.READ,
    tag=_TAG,
    gives=models.Hold,
    problems=("not-found",),
)
def describe_hold(call: Call, _: models.Nothing) -> models.Hold:
    """Describe a hold."""
    for hold in call.ledger().holds():
        if hold.hold_id == call.path["hold_id"]:
            return views.hold_view(hold, call.now)
    raise SubjectUnknown(f"Project {call.path['project']} has no hold {call.path['hold_id']!r}")


@route(
    "POST",
    "/v1/projects/{project}/holds/{hold_id}/release",
    access=Access.DESTROY,
    tag=_TAG,
    takes=models.WithReason,
    gives=models.Hold,
    problems=("not-found", "rule-forbids"),
)
def release_hold(call: Call, request: models.WithReason) -> models.Hold:
    """Release a hold: what it protected may go again."""
    hold = holds.release_hold(
        call.ledger(), call.path["hold_id"], who=call.actor, reason=request.reason, now=call.now
    )
    return views.hold_view(hold, call.now)
