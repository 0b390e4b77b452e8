"""Microsoft Teams workflows: one adaptive card, within 27,000 bytes (Teams refuses about 28 KB)."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import Severity
from pinecone_backup.webhooks.addresses import Endpoint
from pinecone_backup.webhooks.exchange import Answer, Outgoing, require_accepted
from pinecone_backup.webhooks.fitting import cut, fit_json, without_links

if TYPE_CHECKING:
    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import TeamsTarget

MOST_BYTES = 27_000
_DETAILS = (40, 20, 10, 0)
_COLOURS = {
    Severity.CRITICAL: "Attention",
    Severity.ERROR: "Attention",
    Severity.WARNING: "Warning",
    Severity.INFO: "Default",
}
_HIDDEN_STATUS = re.compile(rb"HTTP error (\d{3})")
"""Teams answers 200 when it throttles, and names the real status in the body."""


def compose(target: TeamsTarget, message: Message) -> Outgoing:
    """The request for a channel's or a chat's workflow."""
    body = fit_json(partial(_payload, message), most_bytes=MOST_BYTES, details=_DETAILS)
    return Outgoing(endpoint=Endpoint.parse(target.url.get_secret_value()), body=body)


def require_success(answer: Answer, *, target: str) -> None:
    """Success is 2xx without an error in the body; raises as ``require_accepted`` does."""
    require_accepted(answer, target=target)
    hidden = _HIDDEN_STATUS.search(answer.body)
    if hidden:
        require_accepted(
            Answer(status=int(hidden[1]), retry_after=answer.retry_after), target=target
        )


def _cut(text: str, limit: int) -> str:
    return cut(without_links(text), limit)


def _payload(message: Message, details: int, length: int) -> dict[str, Any]:
    colour = "Good" if message.resolved else _COLOURS[message.severity]
    title = {"weight": "Bolder", "size": "Medium", "color": colour}
    facts = [
        {"title": _cut(label, min(length, 100)), "value": _cut(value, length)}
        for label, value in message.facts[:details]
    ]
    origin = " · ".join(_cut(part, min(length, 500)) for part in message.origin)
    body: list[dict[str, Any]] = [
        _text(_cut(message.title, min(length, 500))) | title,
        *([_text(_cut(message.text, length))] if message.text else []),
        _text(f"**What to do:** {_cut(message.action, length)}"),
        *([{"type": "FactSet", "facts": facts}] if facts else []),
        _text(origin) | {"isSubtle": True, "size": "Small"},
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
        "msteams": {"width": "full"},
    }
    if message.links:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": link.label, "url": link.url}
            for link in message.links
        ]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _text(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True}
