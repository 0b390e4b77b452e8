"""Conversions of indexes into document indexes; from 2026-07 on."""

from typing import Annotated, Literal

from fastapi import Depends
from pydantic import Field
from starlette.responses import JSONResponse, Response

from local.simulator import errors, schema, shapes
from local.simulator.exchange import Context
from local.simulator.routes.common import Body, Caller, Limit, Token, new_router, page, window
from local.simulator.routes.indexes import IndexSchema

router = new_router("conversions")


class ErrorMode(Body):
    """What a conversion does with a record that the new index cannot take."""

    on_error: Literal["abort", "continue"] = "abort"


class ConvertIndex(Body):
    """Body of convert_index."""

    name: str
    schema_: IndexSchema = Field(alias="schema")
    error_mode: ErrorMode = ErrorMode()
    tags: dict[str, str] | None = None
    deletion_protection: Literal["enabled", "disabled"] = "disabled"


async def _with_conversions(caller: Caller) -> Context:
    if not caller.version.modern:
        raise errors.not_found("Not found.")
    return caller


Converter = Annotated[Context, Depends(_with_conversions)]


@router.post("/indexes/{index_name}/convert", operation_id="convert_index")
async def convert_index(caller: Converter, index_name: str, body: ConvertIndex) -> Response:
    """Start converting an index into a new one, which is there at once, ``Initializing``."""
    schema.check_new(body.schema_.fields)
    job = caller.project.convert_index(
        index_name,
        body.name,
        body.schema_.fields,
        on_error=body.error_mode.on_error,
        tags=body.tags,
        deletion_protection=body.deletion_protection == "enabled",
    )
    answer = {"conversion_job_id": job.job_id, "index_id": job.target_index_id}
    return JSONResponse(answer, 202)


@router.get("/conversion-jobs", operation_id="list_conversion_jobs")
async def list_conversion_jobs(
    caller: Converter,
    limit: Limit = None,
    token: Token = None,
) -> Response:
    """List the conversions of the project, the newest first."""
    now = caller.project.clock.now()
    rows = caller.project.conversion_jobs()
    asked = window(caller, limit, token)
    return page(caller, rows, lambda job: shapes.conversion_job(job, now), asked)


@router.get("/conversion-jobs/{job_id}", operation_id="describe_conversion_job")
async def describe_conversion_job(caller: Converter, job_id: str) -> Response:
    """Describe a conversion."""
    job = caller.project.describe_conversion_job(job_id)
    return JSONResponse(shapes.conversion_job(job, caller.project.clock.now()))
