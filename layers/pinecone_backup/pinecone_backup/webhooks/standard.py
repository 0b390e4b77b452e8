"""Standard Webhooks: a signed JSON body for programs.

The signature covers the exact bytes sent, the message's id and the time of the attempt. The id
stays the same across retries: receivers drop what they have seen.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any

from pinecone_backup.webhooks.addresses import Endpoint
from pinecone_backup.webhooks.exchange import Answer, Outgoing, require_accepted
from pinecone_backup.webhooks.fitting import cut, fit_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import StandardTarget

MOST_BYTES = 20_000
"""The size that the specification advises; receivers may refuse more."""
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DETAILS = (1_000, 40, 20, 10, 5, 2, 0)


def compose(target: StandardTarget, message: Message, *, at: datetime) -> Outgoing:
    """The signed request.

    Args:
        target: Its one or two secrets sign, both in one header.
        message: What it says.
        at: The time of this attempt, aware.
    """
    body = _body(message)
    identifier = message_id(message.event_id)
    timestamp = int(at.timestamp())
    return Outgoing(
        endpoint=Endpoint.parse(target.url.get_secret_value()),
        body=body,
        headers={
            "webhook-id": identifier,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(target.signing_keys, identifier, timestamp, body),
        },
    )


def require_success(answer: Answer, *, target: str) -> None:
    """Any 2xx is success; raises as ``require_accepted`` does."""
    require_accepted(answer, target=target)


def message_id(event_id: str) -> str:
    """The ``webhook-id``: the event's id, or a digest of one that the header may not carry."""
    if _PLAIN_ID.fullmatch(event_id):
        return event_id
    return f"evt_{hashlib.sha256(event_id.encode()).hexdigest()[:40]}"


def sign(keys: Iterable[bytes], identifier: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one ``v1`` signature per key."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys
    )


def _body(message: Message) -> bytes:
    def payload(details: int, length: int) -> dict[str, Any]:
        trimmed = _trimmed(message.data, details, length)
        data = {
            "id": cut(message.event_id, length),
            "project": cut(message.project, length),
            "owner": cut(message.owner, length),
            "severity": message.severity,
            "title": cut(message.title, length),
            "links": {link.label.lower(): link.url for link in message.links},
            "details": trimmed,
        }
        if trimmed != message.data:
            data["truncated"] = True
        return {
            "type": cut(re.sub(r"[^A-Za-z0-9_.]", "_", message.type), length).rstrip("…"),
            "timestamp": message.occurred_at.isoformat().replace("+00:00", "Z"),
            "data": data,
        }

    return fit_json(payload, most_bytes=MOST_BYTES, details=_DETAILS)


def _trimmed(value: Any, most: int, length: int) -> Any:  # JSON has no narrower type
    match value:
        case str():
            return cut(value, length)
        case dict():
            kept = list(value.items())[:most]
            return {cut(key, length): _trimmed(item, most, length) for key, item in kept}
        case list():
            return [_trimmed(item, most, length) for item in value[:most]]
        case _:
            return value
