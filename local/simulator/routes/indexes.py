"""Indexes: creating, describing, changing and deleting them."""

from typing import Any, Literal

from pydantic import ConfigDict, Field
from starlette.responses import JSONResponse, Response

from local.simulator import errors, schema, shapes
from local.simulator.exchange import Context
from local.simulator.routes.common import Body, Caller, ClosedBody, new_router
from local.simulator.settings import ReadCapacity, new_read_capacity
from local.simulator.state import Index, Kind

router = new_router("indexes")

Protection = Literal["enabled", "disabled"]
_OLD_FORM = ("dimension", "metric", "vector_type", "spec")
"""The fields of create_index before 2026-07; ``schema`` and ``deployment`` came for them."""


class IndexSchema(Body):
    """The fields of an index."""

    fields: schema.Fields


class CreateIndex(ClosedBody):
    """Body of create_index: ``schema`` and ``deployment`` from 2026-07 on, ``spec`` before."""

    model_config = ConfigDict(strict=True, extra="allow", validate_by_name=True)

    name: str | None = None
    schema_: IndexSchema | None = Field(None, alias="schema")
    deployment: dict[str, Any] | None = None
    dimension: int | None = None
    metric: str = "cosine"
    vector_type: Literal["dense", "sparse"] = "dense"
    spec: dict[str, dict[str, Any]] | None = None
    read_capacity: ReadCapacity | None = None
    tags: dict[str, str] | None = None
    deletion_protection: Protection = "disabled"
    cmek_id: str | None = None


class Embedding(Body):
    """How a hosted model makes vectors of one text field."""

    model: str
    field_map: dict[str, str]
    metric: str = "cosine"
    dimension: int | None = None
    read_parameters: dict[str, Any] | None = None
    write_parameters: dict[str, Any] | None = None


class CreateIndexForModel(Body):
    """Body of create_index_for_model."""

    name: str
    cloud: str
    region: str
    embed: Embedding
    read_capacity: ReadCapacity | None = None
    tags: dict[str, str] | None = None
    deletion_protection: Protection = "disabled"


class ConfigureIndex(ClosedBody):
    """Body of configure_index; pods and models cannot be changed here."""

    tags: dict[str, str] | None = None
    deletion_protection: Protection | None = None
    read_capacity: ReadCapacity | None = None


@router.get("/indexes", operation_id="list_indexes")
async def list_indexes(caller: Caller) -> Response:
    """List the indexes of the project; not paged."""
    now = caller.project.settle()
    rows = caller.project.list_indexes()
    if not rows and caller.project.behaviour.bare_empty_listings:
        return JSONResponse({})
    shaped = [shapes.index(row, now, caller.base_url, caller.version) for row in rows]
    return JSONResponse({"indexes": shaped})


@router.post("/indexes", operation_id="create_index")
async def create_index(caller: Caller, body: CreateIndex) -> Response:
    """Create an index from a schema or, before 2026-07, from dimension, metric and spec."""
    create = _from_schema if caller.version.modern else _from_spec
    return _shown(caller, create(caller, body), status=201)


def _from_schema(caller: Context, body: CreateIndex) -> Index:
    body.refuse(_OLD_FORM)
    if body.schema_ is None:
        raise errors.unprocessable("missing field `schema` at line 1 column 1")
    schema.check_new(body.schema_.fields)
    deployment = body.deployment or {}
    kinds = {"managed": Kind.SERVERLESS, "byoc": Kind.BYOC}
    kind = kinds.get(deployment.get("deployment_type", "managed"))
    if kind is None:
        raise errors.unprocessable("unknown variant of `deployment_type`, expected managed, byoc")
    return caller.project.create_index(
        body.name,
        body.schema_.fields,
        kind=kind,
        tags=body.tags,
        deletion_protection=body.deletion_protection == "enabled",
        read_capacity=new_read_capacity(body.read_capacity, byoc=kind is Kind.BYOC),
        cmek_id=body.cmek_id,
        **_place(deployment),
    )


def _from_spec(caller: Context, body: CreateIndex) -> Index:
    for name in ("name", "spec"):
        if getattr(body, name) is None:
            raise errors.unprocessable(f"missing field `{name}` at line 1 column 1")
    name, settings = next(iter((body.spec or {}).items()), ("", {}))
    if name not in set(Kind):
        raise errors.invalid()
    kind = Kind(name)
    sparse = body.vector_type == "sparse"
    capacity = settings.get("read_capacity")
    return caller.project.create_index(
        body.name,
        schema.vector_fields(
            dimension=None if sparse else body.dimension or 1536, metric=body.metric
        ),
        kind=kind,
        tags=body.tags,
        deletion_protection=body.deletion_protection == "enabled",
        read_capacity=new_read_capacity(capacity, byoc=kind is Kind.BYOC),
        metadata_fields=list(settings.get("schema", {}).get("fields", {})),
        cmek_id=body.cmek_id,
        **_place(settings),
    )


def _place(settings: dict[str, Any]) -> dict[str, str]:
    return {key: settings[key] for key in ("cloud", "region") if key in settings}


@router.post("/indexes/create-for-model", operation_id="create_index_for_model")
async def create_index_for_model(caller: Caller, body: CreateIndexForModel) -> Response:
    """Create an index whose vectors a hosted model makes."""
    if "text" not in body.embed.field_map:
        raise errors.invalid("embed.field_map must name the field of the text.")
    field: dict[str, Any] = {
        "type": "semantic_text",
        "model": body.embed.model,
        "metric": body.embed.metric,
        "dimension": body.embed.dimension or schema.EMBEDDING_DIMENSION,
    }
    for name in ("read_parameters", "write_parameters"):
        if getattr(body.embed, name) is not None:
            field[name] = getattr(body.embed, name)
    row = caller.project.create_index(
        body.name,
        {body.embed.field_map["text"]: field},
        tags=body.tags,
        deletion_protection=body.deletion_protection == "enabled",
        read_capacity=new_read_capacity(body.read_capacity, byoc=False),
        cloud=body.cloud,
        region=body.region,
    )
    return _shown(caller, row, status=201)


def _shown(caller: Context, row: Index, status: int = 200) -> Response:
    now = caller.project.clock.now()
    return JSONResponse(shapes.index(row, now, caller.base_url, caller.version), status)


@router.get("/indexes/{index_name}", operation_id="describe_index")
async def describe_index(caller: Caller, index_name: str) -> Response:
    """Describe an index."""
    return _shown(caller, caller.project.describe_index(index_name))


@router.patch("/indexes/{index_name}", operation_id="configure_index")
async def configure_index(caller: Caller, index_name: str, body: ConfigureIndex) -> Response:
    """Change tags, deletion protection or read capacity of an index."""
    if caller.version.modern:
        body.refuse()
    protection = body.deletion_protection
    row = caller.project.configure_index(
        index_name,
        tags=body.tags,
        deletion_protection=None if protection is None else protection == "enabled",
        read_capacity=body.read_capacity,
    )
    return _shown(caller, row, status=200 if caller.version.modern else 202)


@router.delete("/indexes/{index_name}", operation_id="delete_index")
async def delete_index(caller: Caller, index_name: str) -> Response:
    """Delete an index; its backups survive."""
    caller.project.delete_index(index_name)
    return Response(status_code=202)
