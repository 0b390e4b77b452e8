"""The records of an index, on its own host."""

from typing import Annotated, Any, Self

from fastapi import Depends, Query
from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

from local.simulator import errors, shapes
from local.simulator.contents import DEFAULT_NAMESPACE
from local.simulator.data_plane import READ_UNITS_OF_LIST, DataPlane, read_units_of_fetch
from local.simulator.exchange import Context
from local.simulator.paging import after_of, token_after
from local.simulator.records import Record, Sparse
from local.simulator.routes.common import Body, Caller, Token, new_router
from local.simulator.search import Probe

router = new_router("data plane")

HOST = "/data/{index_id}"
"""Where an index has its host: below the simulator's own address, so that no name must resolve."""


async def _data_plane(caller: Caller, index_id: str) -> DataPlane:
    now = caller.project.settle()
    index = caller.project.index_by_id(index_id)
    if not index.exists(now):
        raise errors.index_not_found(index.name)
    return DataPlane(index, caller.project.behaviour, now)


Served = Annotated[DataPlane, Depends(_data_plane)]
Namespace = Annotated[str, Query(description="The default namespace when empty")]


class DataBody(Body):
    """A request body of the data plane, in camel case; whole numbers are numbers like others."""

    model_config = ConfigDict(strict=False, alias_generator=to_camel)


class SparseValues(DataBody):
    """A sparse vector."""

    indices: list[int]
    values: list[float]

    def value(self) -> Sparse:
        """As records have it."""
        return Sparse(tuple(self.indices), tuple(self.values))


class Vector(DataBody):
    """One record to write."""

    id: str
    values: list[float] = Field([])
    sparse_values: SparseValues | None = None
    metadata: dict[str, Any] | None = None

    def value(self) -> Record:
        """As an index has it."""
        sparse = None if self.sparse_values is None else self.sparse_values.value()
        return Record(self.id, tuple(self.values), sparse, self.metadata or None)


class Upsert(DataBody):
    """Body of upsert_vectors."""

    vectors: list[Vector]
    namespace: str = ""


class Selecting(DataBody):
    """A body that selects records by id, by filter, or all of them."""

    namespace: str = ""
    filter: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _no_empty_filter(self) -> Self:
        if self.filter == {}:
            raise ValueError("an empty filter selects nothing in particular")
        return self


class Update(Selecting):
    """Body of update_vector: one record by its id, or metadata of many by a filter."""

    id: str | None = None
    values: list[float] | None = None
    sparse_values: SparseValues | None = None
    set_metadata: dict[str, Any] | None = None
    dry_run: bool = False


class Delete(Selecting):
    """Body of delete_vectors."""

    ids: list[str] | None = None
    delete_all: bool = False


class FetchByMetadata(Selecting):
    """Body of fetch_vectors_by_metadata."""

    filter: dict[str, Any]
    limit: int = 100
    pagination_token: str | None = None


class QueryVectors(DataBody):
    """Body of query_vectors."""

    top_k: int
    namespace: str = ""
    vector: list[float] | None = None
    sparse_vector: SparseValues | None = None
    id: str | None = None
    filter: dict[str, Any] = Field({})
    include_values: bool = False
    include_metadata: bool = False


class StatsQuery(DataBody):
    """Body of describe_index_stats."""

    filter: dict[str, Any] | None = None


def _name(namespace: str) -> str:
    return namespace or DEFAULT_NAMESPACE


def _read(
    caller: Context, served: DataPlane, namespace: str, body: shapes.Json, units: int
) -> Response:
    """The answer to a read, with what it cost and how fresh it is."""
    caller.call.read_units = units
    newest = served.sequence_number(_name(namespace))
    answer = {**body, "namespace": namespace, "usage": {"readUnits": units}}
    return JSONResponse(answer, headers={"x-pinecone-max-indexed-lsn": str(newest)})


@router.post(f"{HOST}/describe_index_stats", operation_id="describe_index_stats")
async def describe_index_stats(served: Served, body: StatsQuery) -> Response:
    """Count the records of an index."""
    if body.filter:
        raise errors.invalid("Serverless indexes do not support describing stats with a filter.")
    return JSONResponse(shapes.stats(served.index, served.counts()))


@router.post(f"{HOST}/vectors/upsert", operation_id="upsert_vectors")
async def upsert_vectors(served: Served, body: Upsert) -> Response:
    """Write records."""
    served.upsert(_name(body.namespace), [vector.value() for vector in body.vectors])
    return JSONResponse({"upsertedCount": len(body.vectors)})


@router.post(f"{HOST}/vectors/update", operation_id="update_vector")
async def update_vector(served: Served, body: Update) -> Response:
    """Change a record by its id, or the metadata of all that a filter selects."""
    namespace, metadata = _name(body.namespace), body.set_metadata or {}
    if (body.id is None) == (body.filter is None):
        raise errors.invalid("Update takes either an id or a filter.")
    if body.filter is not None:
        if body.values is not None or body.sparse_values is not None:
            raise errors.invalid("An update by filter changes metadata only.")
        matched = served.update_matching(namespace, body.filter, metadata, pretend=body.dry_run)
        return JSONResponse({"matchedRecords": matched})
    served.update(
        namespace,
        body.id or "",
        values=None if body.values is None else tuple(body.values),
        sparse=None if body.sparse_values is None else body.sparse_values.value(),
        metadata=metadata,
    )
    return JSONResponse({})


@router.post(f"{HOST}/vectors/delete", operation_id="delete_vectors")
async def delete_vectors(served: Served, body: Delete) -> Response:
    """Delete records by id, by filter, or all of a namespace."""
    namespace = _name(body.namespace)
    if sum((body.ids is not None, body.filter is not None, body.delete_all)) != 1:
        raise errors.invalid("Delete takes one of ids, filter and deleteAll.")
    if body.delete_all:
        served.empty(namespace)
    elif body.filter is not None:
        served.delete_matching(namespace, body.filter)
    else:
        served.delete(namespace, body.ids or [])
    return JSONResponse({})


@router.get(f"{HOST}/vectors/list", operation_id="list_vectors")
async def list_vectors(
    caller: Caller,
    served: Served,
    *,
    namespace: Namespace = "",
    prefix: str = "",
    limit: int = 100,
    token: Token = None,
) -> Response:
    """List the ids of a namespace, in the order of their bytes."""
    after = after_of(token)
    ids = served.list_ids(_name(namespace), prefix=prefix, after=after, limit=limit)
    body: shapes.Json = {"vectors": [{"id": record_id} for record_id in ids]}
    if len(ids) == limit:
        body["pagination"] = {"next": token_after(ids[-1])}
    return _read(caller, served, namespace, body, READ_UNITS_OF_LIST)


@router.get(f"{HOST}/vectors/fetch", operation_id="fetch_vectors")
async def fetch_vectors(
    caller: Caller,
    served: Served,
    ids: Annotated[list[str], Query()],
    namespace: Namespace = "",
) -> Response:
    """Read records by id."""
    found = served.fetch(_name(namespace), ids)
    body = {"vectors": {record.record_id: shapes.record(record) for record in found}}
    return _read(caller, served, namespace, body, read_units_of_fetch(len(found)))


@router.post(f"{HOST}/vectors/fetch_by_metadata", operation_id="fetch_vectors_by_metadata")
async def fetch_vectors_by_metadata(
    caller: Caller, served: Served, body: FetchByMetadata
) -> Response:
    """Read the records that a filter selects, page by page."""
    found = served.fetch_matching(
        _name(body.namespace), body.filter, after=after_of(body.pagination_token), limit=body.limit
    )
    answer: shapes.Json = {"vectors": {record.record_id: shapes.record(record) for record in found}}
    if len(found) == body.limit:
        answer["pagination"] = {"next": token_after(found[-1].record_id)}
    return _read(caller, served, body.namespace, answer, read_units_of_fetch(len(found)))


@router.post(f"{HOST}/query", operation_id="query_vectors")
async def query_vectors(caller: Caller, served: Served, body: QueryVectors) -> Response:
    """Find the records most like a vector, or like a record."""
    namespace = _name(body.namespace)
    by_vector = body.vector is not None or body.sparse_vector is not None
    if by_vector == (body.id is not None):
        raise errors.invalid("Query takes either an id or a vector.")
    if body.id is not None:
        probe = served.probe_of(namespace, body.id)
    else:
        sparse = None if body.sparse_vector is None else body.sparse_vector.value()
        probe = Probe(tuple(body.vector or ()), sparse)
    found = (
        [] if probe is None else served.query(namespace, probe, limit=body.top_k, only=body.filter)
    )
    included = {"values": body.include_values, "metadata": body.include_metadata}
    rows = [shapes.match(one, **included) for one in found]
    units = served.read_units_of_query(namespace)
    return _read(caller, served, body.namespace, {"matches": rows}, units)
