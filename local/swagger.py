"""The API's document as a page to read and to try, beside the local stack.

The page asks this server, which signs what it forwards as the emulator's root: a browser cannot
sign. It is for the local stack alone, listens on 127.0.0.1, and loads nothing from elsewhere.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from local.build import ROOT
from local.emulator import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.credentials import Credentials

_FORWARDED = ("content-type", "idempotency-key", "accept")
_RETURNED = ("content-type", "location", "retry-after", "allow", "idempotency-replayed")


def create_app(api: str, credentials: Credentials, region: str = REGION) -> FastAPI:
    """The page, and the door to the API behind it.

    Args:
        api: The API's address, as the output ``ApiUrl`` gives it.
        credentials: What requests are signed with.
        region: Where the API is.
    """
    app = FastAPIOffline(title="Pinecone Backup", redoc_url=None, openapi_url="/openapi.json")
    app.openapi = _document  # type: ignore[method-assign] # how FastAPI wants it replaced

    @app.api_route("/v1/{path:path}", methods=["GET", "POST", "PATCH", "DELETE"])
    async def forward(path: str, request: Request) -> Response:
        body = await request.body()
        url = f"{api}/v1/{quote(path)}"
        if request.url.query:
            url += f"?{request.url.query}"
        headers = {name: value for name in _FORWARDED if (value := request.headers.get(name))}
        signed = AWSRequest(request.method, url, headers=headers, data=body or None)
        SigV4Auth(credentials, "execute-api", region).add_auth(signed)
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            answer = await client.request(
                request.method, url, headers=dict(signed.headers.items()), content=body
            )
        return Response(answer.content, answer.status_code, _kept(answer.headers))

    return app


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in _RETURNED if name in headers}


def _document() -> dict[str, Any]:
    """The committed document, with this server for the API."""
    document: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
    del document["security"], document["components"]["securitySchemes"]
    return document | {"servers": [{"url": "/"}]}
