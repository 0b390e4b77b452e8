"""PagerDuty Events API v2: one incident per finding, from its opening to its end.

All events of one finding share one ``dedup_key``: the first triggers the incident, a repeated one
adds to it, an acknowledged one acknowledges it, a resolved one resolves it. Any other event is an
incident of its own.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import DeliveryRefused
from pinecone_backup.webhooks.addresses import Endpoint
from pinecone_backup.webhooks.exchange import Answer, Outgoing, require_accepted
from pinecone_backup.webhooks.fitting import cut, fit_json, units

if TYPE_CHECKING:
    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import PagerDutyTarget

MOST_BYTES = 512_000
DEDUP_KEY = 255
SUMMARY = 1_024
_SHORT_FIELD = 255
_DETAILS = (200, 40, 10, 0)
_ACCEPTED = 202
_COMPONENT = "pinecone-backup"
_ACTIONS = {"finding.acknowledged": "acknowledge", "finding.resolved": "resolve"}
"""Of event types; any other triggers."""


def compose(target: PagerDutyTarget, message: Message) -> Outgoing:
    """The request that triggers, acknowledges or resolves."""
    body = fit_json(partial(_payload, target, message), most_bytes=MOST_BYTES, details=_DETAILS)
    return Outgoing(endpoint=Endpoint.parse(target.url.get_secret_value()), body=body)


def require_success(answer: Answer, *, target: str) -> None:
    """Success is 202.

    Raises:
        DeliveryRefused: Also for another 2xx: whoever answered, it was not PagerDuty.
    """
    require_accepted(answer, target=target)
    if answer.status != _ACCEPTED:
        raise DeliveryRefused(
            f"Target {target!r} answered {answer.status} instead of PagerDuty's 202",
            next_step="Check the target's URL in the targets secret, then replay the message.",
        )


def dedup_key(message: Message) -> str:
    """The same for all events of one finding; a key that is too long becomes a digest."""
    key = message.topic or message.event_id
    return key if units(key) <= DEDUP_KEY else hashlib.sha256(key.encode()).hexdigest()


def _payload(
    target: PagerDutyTarget, message: Message, details: int, length: int
) -> dict[str, Any]:
    action = _ACTIONS.get(message.type, "trigger")
    event = {
        "routing_key": target.routing_key.get_secret_value(),
        "event_action": action,
        "dedup_key": dedup_key(message),
    }
    if action != "trigger":
        return event
    fields = [
        ("What", message.text),
        ("What to do", message.action),
        ("Event id", message.event_id),
        *message.facts[:details],
    ]
    custom: dict[str, str] = {}
    for label, value in fields:
        if value:  # of two facts with one label the more important one stays
            custom.setdefault(cut(label, min(length, _SHORT_FIELD)), cut(value, length))
    payload = {
        "summary": cut(f"{message.title} ({message.project})", min(length, SUMMARY)),
        "source": cut(message.project or _COMPONENT, min(length, _SHORT_FIELD)),
        "severity": message.severity,
        "timestamp": message.occurred_at.isoformat(),
        "component": _COMPONENT,
        "group": cut(message.owner, min(length, _SHORT_FIELD)),
        "class": cut(message.type, min(length, _SHORT_FIELD)),
        "custom_details": custom,
    }
    links = [{"href": link.url, "text": link.label} for link in message.links]
    return event | {"payload": payload, "links": links, "client": "Pinecone Backup"}
