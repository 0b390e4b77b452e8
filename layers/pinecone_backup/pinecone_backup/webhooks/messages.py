"""What a message says about an event, whichever provider carries it.

Producers word the data of their events; this module relies on none of it. A known key gets its
label and its place, an unknown one is shown under its own name, an unknown type as itself.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pinecone_backup.records import Severity
from pinecone_backup.webhooks.fitting import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import DomainEvent

_INDEX = ("index_name", "index", "subject")
_BACKUP = ("name", "backup_name", "backup_id", *_INDEX)


@dataclass(frozen=True, slots=True)
class _Wording:
    """How an event type reads: its title, what it is about, how bad it is if nobody says."""

    title: str
    about: tuple[str, ...]
    severity: Severity = Severity.INFO


_FINDING = _Wording("{title}", ("title", "control"), Severity.WARNING)
_ESCALATED = replace(_FINDING, title="Worse than before: {title}")
_WORDINGS = {
    "finding.opened": _FINDING,
    "finding.repeated": _Wording("Still open: {title}", _FINDING.about, Severity.WARNING),
    "finding.resolved": _Wording("Resolved: {title}", _FINDING.about, Severity.WARNING),
    "backup.created": _Wording("Backup started: {title}", _INDEX),
    "backup.failed": _Wording("Backup failed: {title}", _INDEX, Severity.ERROR),
    "backup.suspect": _Wording("Backup is suspect: {title}", _BACKUP, Severity.WARNING),
    "backup.accepted": _Wording("Suspect backup accepted: {title}", _BACKUP),
    "backup.deleted": _Wording("Backup deleted: {title}", _BACKUP),
    "plan.awaiting": _Wording(
        "Prune plan waits for approval: {title}", ("digest",), Severity.WARNING
    ),
    "plan.approved": _Wording("Prune plan approved: {title}", ("digest",)),
    "run.failed": _Wording("Run failed: {title}", ("kind",), Severity.ERROR),
    "run.completed": _Wording("Run completed: {title}", ("kind",)),
    "restore.started": _Wording("Restore started: {title}", ("target_index_name", "index")),
    "hold.placed": _Wording("Hold placed: {title}", ("target", *_BACKUP)),
    "hold.released": _Wording("Hold released: {title}", ("target", *_BACKUP)),
}
_TEXT = ("diagnosis", "waits_because", "error", "message", "reason", "release_reason")
_ACTION = ("action", "next_step")
_ELSEWHERE = ("severity", "escalated")
_LINK = ("link", "report_url", "url")
_LABELS = {
    "subject": "Subject",
    "control": "Control",
    "index_name": "Index",
    "index": "Index",
    "name": "Backup",
    "backup_name": "Backup",
    "backup_id": "Backup id",
    "target": "Target",
    "target_index_name": "Target index",
    "policy": "Policy",
    "slot": "Slot",
    "attempt": "Attempt",
    "delete_count": "To delete",
    "keep_count": "To keep",
    "bytes_freed": "Bytes freed",
    "digest": "Digest",
    "record_count": "Records",
    "size_bytes": "Bytes",
    "reasons": "Reasons",
    "opened_at": "Opened",
    "count": "Times seen",
    "actor": "By",
    "owner": "By",
    "run_id": "Run",
    "finding_id": "Finding",
}
"""Known keys in the order of their importance."""
_MOST_BITS = 1_024
"""As far as the numbers of JSON's receivers go."""
_WEB_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,2000}")


@dataclass(frozen=True, slots=True)
class Message:
    """One event, ready for every provider's format.

    Attributes:
        event_id: Stable across announcements and retries.
        owner: The deployment that speaks.
        severity: The finding's own, or by the type of the event.
        text: What was seen; may be empty, as ``action`` may.
        facts: (label, value), the most important first.
        topic: What the events of one finding have in common, across its whole life.
        resolved: Whether it ends what an earlier message began.
        escalated: Whether something known has become worse, which a mere repetition is not.
        data: The event's own data, clean JSON.
    """

    event_id: str
    type: str
    project: str
    owner: str
    occurred_at: datetime
    severity: Severity
    title: str
    text: str
    action: str
    facts: Sequence[tuple[str, str]]
    link: str | None
    topic: str | None
    resolved: bool
    escalated: bool
    data: Mapping[str, Any]


def build_message(event: DomainEvent, *, owner: str) -> Message:
    """Say what an event means; never fails, whatever its data are."""
    data = clean_json(event.data)
    kind = clean(event.type)
    escalated = data.get("escalated") is True
    known = _WORDINGS.get(kind, _Wording(f"{kind}: {{title}}", _BACKUP))
    wording = _ESCALATED if escalated else known
    about = _first(data, wording.about)
    text, action = _first(data, _TEXT), _first(data, _ACTION)
    link = _first(data, _LINK)
    shown_elsewhere = {about, text, action, link}
    return Message(
        event_id=clean(event.event_id),
        type=kind,
        project=clean(event.project),
        owner=clean(owner),
        occurred_at=event.occurred_at,
        severity=_severity(data.get("severity"), wording.severity),
        title=wording.title.replace("{title}", about).removesuffix(": ") if about else _bare(kind),
        text=text,
        action=action,
        facts=[(label, value) for label, value in _facts(data) if value not in shown_elsewhere],
        link=link if _WEB_LINK.fullmatch(link) else None,
        topic=_topic(kind, data, owner),
        resolved=kind == "finding.resolved",
        escalated=escalated,
        data=data,
    )


def clean_json(value: Any) -> Any:  # JSON has no narrower type
    """The same JSON without what receivers cannot read: stray surrogates, NaN, giant numbers."""
    match value:
        case str():
            return clean(value)
        case float() if not math.isfinite(value):
            return None
        case int() if value.bit_length() > _MOST_BITS:
            return None
        case dict():
            return {clean(str(key)): clean_json(item) for key, item in value.items()}
        case list() | tuple():
            return [clean_json(item) for item in value]
        case _:
            return value


def _bare(kind: str) -> str:
    """The title of an event that does not say what it is about."""
    return kind.replace(".", " ").replace("_", " ").capitalize() or "Event"


def _first(data: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The first of these values that says something, as text."""
    return next((shown for key in keys if (shown := _shown(data.get(key)))), "")


def _severity(given: object, otherwise: Severity) -> Severity:
    return Severity(given) if isinstance(given, str) and given in Severity else otherwise


def _topic(kind: str, data: Mapping[str, Any], owner: str) -> str | None:
    if not kind.startswith("finding."):
        return None
    finding = _shown(data.get("finding_id"))
    return f"{clean(owner)}/{finding}" if finding else None


def _facts(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    others = [key for key in data if key not in _LABELS and key not in _ELSEWHERE]
    for key in (*(key for key in _LABELS if key in data), *others):
        shown = _shown(data[key])
        if shown:
            yield _LABELS.get(key, key.replace("_", " ").capitalize()), shown


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case list() | dict() if not value:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value.strip()
        case list() if all(isinstance(item, str | int | float) for item in value):
            return ", ".join(_shown(item) for item in value)
        case _:
            return json.dumps(value, ensure_ascii=False)
