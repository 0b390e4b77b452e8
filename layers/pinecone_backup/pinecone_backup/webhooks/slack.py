"""Slack incoming webhooks: one message of blocks, within Slack's limits.

Slack counts what is escaped (``&amp;`` is five characters), and beside the limits of each block
it refuses messages whose blocks have more than about 13,200 characters together.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import DeliveryRefused
from pinecone_backup.model import Severity
from pinecone_backup.webhooks.addresses import Endpoint
from pinecone_backup.webhooks.exchange import Answer, Outgoing, require_accepted
from pinecone_backup.webhooks.fitting import cut, fit, units, without_links

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import SlackTarget

MOST_CHARACTERS = 13_000
HEADER = 150
SECTION = 3_000
FIELD = 2_000
FIELDS = 10
BLOCKS = 50
_DETAILS = (40, 20, 10, 0)
_SIGNS = {
    Severity.CRITICAL: ":rotating_light:",
    Severity.ERROR: ":red_circle:",
    Severity.WARNING: ":warning:",
    Severity.INFO: ":information_source:",
}

type Block = dict[str, Any]


def compose(target: SlackTarget, message: Message) -> Outgoing:
    """The request for a channel."""
    payload = fit(
        partial(_payload, message),
        lambda payload: _characters(payload) <= MOST_CHARACTERS,
        details=_DETAILS,
    )
    return Outgoing(
        endpoint=Endpoint.parse(target.url.get_secret_value()),
        body=json.dumps(payload, ensure_ascii=False).encode(),
    )


def require_success(answer: Answer, *, target: str) -> None:
    """Success is 2xx and the word ``ok``.

    Raises:
        DeliveryRefused: Also for a 2xx without ``ok``: whoever answered, it was no channel.
    """
    require_accepted(answer, target=target)
    if answer.body.strip() != b"ok":
        raise DeliveryRefused(
            f"Target {target!r} answered {answer.status} without Slack's 'ok'",
            next_step="Check that its URL is a Slack incoming webhook, then replay the message.",
        )


def escape(text: str) -> str:
    """Slack's three escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _size(text: str) -> int:
    return units(escape(text))


def _fitted(text: str, limit: int) -> str:
    return escape(cut(without_links(text), limit, size=_size))


def _payload(message: Message, details: int, length: int) -> dict[str, Any]:
    sign = ":white_check_mark:" if message.resolved else _SIGNS[message.severity]
    title = f"{sign} {_fitted(message.title, min(length, HEADER - len(sign) - 1))}"
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": True}}
    ]
    if message.text:
        blocks.append(_section(_fitted(message.text, min(length, SECTION))))
    action = _fitted(message.action, min(length, SECTION - 50))
    blocks.append(_section(f"*What to do:* {action}"))
    blocks += _fields(message.facts[:details], length)
    if message.links:
        shown = (f"<{escape(link.url)}|{link.label}>" for link in message.links)
        blocks.append(_section(" · ".join(shown)))
    origin = " · ".join(_fitted(part, min(length, FIELD // 4)) for part in message.origin)
    context = {"type": "mrkdwn", "text": origin}
    blocks.append({"type": "context", "elements": [context]})
    return {"text": title, "blocks": blocks}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _fields(facts: Sequence[tuple[str, str]], length: int) -> list[Block]:
    fields = [
        {
            "type": "mrkdwn",
            "text": f"*{_fitted(label, 100)}*\n{_fitted(value, min(length, FIELD - 110))}",
        }
        for label, value in facts
    ]
    return [
        {"type": "section", "fields": fields[start : start + FIELDS]}
        for start in range(0, len(fields), FIELDS)
    ]


def _characters(value: object) -> int:
    """The characters of all texts of a payload together."""
    match value:
        case str():
            return units(value)
        case dict():
            return sum(_characters(item) for item in value.values())
        case list():
            return sum(_characters(item) for item in value)
        case _:
            return 0
