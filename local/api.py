"""Signed requests to the API of the local stack, as people and programs send them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.emulator import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping


def ask(
    api_url: str,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """Send one request as the account's root; the status and the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    given = ({"Content-Type": "application/json"} if data else {}) | dict(headers or {})
    request = AWSRequest(method, api_url + path, headers=given, data=data)
    SigV4Auth(Credentials("test", "test"), "execute-api", REGION).add_auth(request)
    signed = urllib.request.Request(  # noqa: S310 - loopback
        str(request.url), data=data, headers=dict(request.headers.items()), method=method
    )
    try:
        with urllib.request.urlopen(signed, timeout=60) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
