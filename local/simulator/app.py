"""The application that serves a simulator: Pinecone's routes, and those that set the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException

from local.simulator import control, errors
from local.simulator.exchange import refusal
from local.simulator.routes import (
    backups,
    conversions,
    indexes,
    namespaces,
    schedules,
    vectors,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from local.simulator.simulator import Simulator

ABOUT = (
    "A simulated Pinecone project for tests and demonstrations. Operations of the control plane "
    "and of each index's data plane, with their published semantics, and routes under "
    "`/_simulator` to set the scene: time, history, outcomes and faults."
)


def create_app(simulator: Simulator) -> FastAPI:
    """The application that serves a simulator; swap ``app.state.simulator`` for another."""
    app = FastAPI(title="Pinecone simulator", version="2026-07", description=ABOUT)
    app.state.simulator = simulator
    for router in (
        indexes.router,
        backups.router,
        backups.restores,
        schedules.router,
        conversions.router,
        vectors.router,
        namespaces.router,
        control.router,
    ):
        app.include_router(router)
    app.add_exception_handler(HTTPException, _no_such_route)
    return app


async def _no_such_route(request: Request, failure: Exception) -> Response:
    """An unknown path or method of Pinecone's is answered as Pinecone answers errors."""
    problem = cast("HTTPException", failure)
    if request.url.path.startswith(control.PREFIX):
        return await http_exception_handler(request, problem)
    return refusal(errors.no_such_route(problem.status_code, request.method), request)
