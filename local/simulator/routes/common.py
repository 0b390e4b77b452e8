"""What the routes of the Pinecone API share: the caller, paging, and bodies."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse

from local.simulator import errors, shapes
from local.simulator.exchange import Context, PineconeRoute, context_of
from local.simulator.paging import Window

Caller = Annotated[Context, Depends(context_of)]
Limit = Annotated[str | None, Query(description="Rows per page")]
Token = Annotated[
    str | None,
    Query(alias="paginationToken", description="`pagination.next` of the page before"),
]


class Body(BaseModel):
    """A request body: strict about types, indifferent to unknown fields."""

    model_config = ConfigDict(strict=True)


class ClosedBody(Body):
    """A request body whose unknown fields are kept, for 2026-07 to refuse them."""

    model_config = ConfigDict(strict=True, extra="allow")

    def refuse(self, foreign: Iterable[str] = ()) -> None:
        """Refuse (422) unknown fields, and those of another API version."""
        unknown = sorted({*(self.model_extra or {}), *(self.model_fields_set & {*foreign})})
        if unknown:
            raise errors.unprocessable(f"unknown field `{unknown[0]}` at line 1 column 1")


def new_router(tag: str) -> APIRouter:
    """A router of Pinecone operations, under one heading of the OpenAPI page."""
    return APIRouter(
        route_class=PineconeRoute,
        dependencies=[Security(APIKeyHeader(name="Api-Key", auto_error=False))],
        tags=[f"Pinecone: {tag}"],
    )


def window(caller: Context, limit: str | None, token: str | None) -> Window:
    """The rows that a listing is asked for."""
    return Window.parse(limit, token, caller.version)


def page[T](
    caller: Context,
    rows: Sequence[T],
    render: Callable[[T], shapes.Json],
    asked: Window,
    *,
    bare: bool = False,
) -> JSONResponse:
    """One page of a listing; ``bare`` where one without rows may be ``{}``."""
    shown, token = asked.page(rows)
    if bare and not shown and token is None:
        return JSONResponse({})
    body = shapes.listing([render(row) for row in shown], token, caller.version)
    return JSONResponse(body)
