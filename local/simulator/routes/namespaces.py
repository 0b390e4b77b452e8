"""The namespaces of an index, on its own host."""

from starlette.responses import JSONResponse, Response

from local.simulator import errors, shapes
from local.simulator.data_plane import MOST_LISTED
from local.simulator.paging import after_of, token_after
from local.simulator.routes.common import Body, Token, new_router
from local.simulator.routes.vectors import HOST, Served

router = new_router("namespaces")


class CreateNamespace(Body):
    """Body of create_namespace."""

    name: str


@router.get(f"{HOST}/namespaces", operation_id="list_namespaces")
async def list_namespaces(
    served: Served,
    limit: int = 100,
    token: Token = None,
    prefix: str = "",
) -> Response:
    """List the namespaces of an index, by name."""
    if not 1 <= limit <= MOST_LISTED:
        raise errors.invalid(f"limit must be between 1 and {MOST_LISTED}, got {limit}.")
    matching = [one for one in served.namespaces() if one.name.startswith(prefix)]
    after = after_of(token)
    rows = [one for one in matching if one.name > after][:limit]
    body: shapes.Json = {
        "namespaces": [shapes.namespace(row) for row in rows],
        "total_count": len(matching),
    }
    if len(rows) == limit:
        body["pagination"] = {"next": token_after(rows[-1].name)}
    return JSONResponse(body)


@router.post(f"{HOST}/namespaces", operation_id="create_namespace")
async def create_namespace(served: Served, body: CreateNamespace) -> Response:
    """Create an empty namespace."""
    return JSONResponse(shapes.namespace(served.create_namespace(body.name)))


@router.get(f"{HOST}/namespaces/{{namespace}}", operation_id="describe_namespace")
async def describe_namespace(served: Served, namespace: str) -> Response:
    """Describe a namespace."""
    return JSONResponse(shapes.namespace(served.describe_namespace(namespace)))


@router.delete(f"{HOST}/namespaces/{{namespace}}", operation_id="delete_namespace")
async def delete_namespace(served: Served, namespace: str) -> Response:
    """Delete a namespace and all its records."""
    served.delete_namespace(namespace)
    return JSONResponse({})
