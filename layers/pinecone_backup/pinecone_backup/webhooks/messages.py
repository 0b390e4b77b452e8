"""What a message says about an event, whichever provider carries it.

It is read for ten seconds at three in the morning: what happened, where, since when, what to do,
and where to look. Producers word the data of their events; this module relies on none of it. A
known key gets its label and its place, an unknown one is shown under its own name, an unknown
type as itself.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.figures import size, span
from pinecone_backup.model import Severity, parse_time
from pinecone_backup.webhooks.fitting import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinecone_backup.model import DomainEvent
    from pinecone_backup.webhooks.links import Link, Pages

NOTHING = "Nothing to do."


@dataclass(frozen=True, slots=True)
class Wording:
    """How an event type reads.

    Attributes:
        titles: Templates, the most specific one first; the first whose fields are all known is
            taken. ``index``, ``backups`` and ``run`` are made of the data, other fields are keys.
        severity: How bad it is, unless the event says so itself.
        action: What to do, unless the event says so itself.
    """

    titles: Sequence[str]
    severity: Severity = Severity.INFO
    action: str = NOTHING


_FINDING = Wording(
    ("{title}", "{control}"), Severity.WARNING, "Open the report: it says what was seen."
)
_ESCALATED = replace(_FINDING, titles=("Worse than before: {title}",))
CATALOGUE: Mapping[str, Wording] = {
    "finding.opened": _FINDING,
    "finding.repeated": replace(_FINDING, titles=("Still open: {title}",)),
    "finding.resolved": replace(_FINDING, titles=("Resolved: {title}",), action=NOTHING),
    "finding.acknowledged": replace(_FINDING, titles=("Acknowledged: {title}",), action=NOTHING),
    "backup.created": Wording(("Backup of {index} started",)),
    "backup.failed": Wording(
        ("Backup of {index} failed",),
        Severity.ERROR,
        "Nothing yet: the next tick tries again. If it repeats, read the log of create.",
    ),
    "backup.suspect": Wording(
        ("Backup of {index} is suspect",),
        Severity.WARNING,
        "Find out whether records were deleted on purpose, then accept the backup, or restore.",
    ),
    "backup.accepted": Wording(("Suspect backup of {index} accepted",)),
    "backup.deleted": Wording(("Backup of {index} deleted",)),
    "plan.awaiting": Wording(
        (
            "Prune plan waits for approval: {backups}, {bytes_freed}",
            "Prune plan waits for approval: {backups}",
        ),
        Severity.WARNING,
        "Read the plan, then approve it or change the policy. Nothing is deleted until then.",
    ),
    "plan.approved": Wording(("Prune plan approved: {backups}",)),
    "policy.changed": Wording(
        ("Policy changed by {actor}", "Policy changed outside the API, in the bucket")
    ),
    "deployment.heartbeat": Wording(
        ("Heartbeat: evidence stands at record {evidence_head}", "Heartbeat: no evidence yet")
    ),
    "run.failed": Wording(
        ("{run} run failed",),
        Severity.ERROR,
        "Read the error and the log. The next scheduled run tries again.",
    ),
    "run.completed": Wording(("{run} run completed",)),
    "restore.started": Wording(("Restore into {index} started",)),
    "restore.completed": Wording(
        ("Restore into {index} completed",),
        action="Check the index, switch the application over, then adopt the index or delete it.",
    ),
    "restore.failed": Wording(
        ("Restore into {index} failed",),
        Severity.ERROR,
        "Restore again, from another backup if it fails again.",
    ),
    "restore.stalled": Wording(
        ("Restore into {index} takes far longer than expected",),
        Severity.WARNING,
        "Ask Pinecone's support with the id of the restore job.",
    ),
    "restore.adopted": Wording(("Restored index {index} belongs to policy {policy} now",)),
    "restore_test.succeeded": Wording(("Restore test of {source_index} succeeded",)),
    "restore_test.failed": Wording(
        ("Restore test of {source_index} failed",),
        Severity.ERROR,
        "See what differs, and restore an older backup to find one that comes back.",
    ),
    "restore_test.timed_out": Wording(
        ("Restore test of {source_index} timed out",),
        Severity.WARNING,
        "Ask Pinecone's support why the restore does not end.",
    ),
    "hold.placed": Wording(("Hold placed on {scope} {target}",)),
    "hold.released": Wording(("Hold released from {scope} {target}",)),
    "schedule.created": Wording(("Native schedule {name} created",)),
    "schedule.updated": Wording(("Native schedule {name} updated",)),
    "schedule.deleted": Wording(("Native schedule {name} deleted", "Native schedule deleted")),
}
"""Every event type that this product emits; the notifications guide lists the same ones."""

_INDEX = ("index_name", "target_index_name", "index")
_TEXT = ("diagnosis", "waits_because", "error", "message", "reason", "release_reason")
_ACTION = ("action", "next_step")
_ELSEWHERE = frozenset({"title", "severity", "escalated", "opened_at", "scope", *_INDEX})
"""Keys that a message shows in a place of their own."""
_PROJECT = "(project)"
_SUBJECTS = {
    "contradictory-listing": "Backup id",
    "deletion-stuck": "Backup id",
    "hold-expired": "Hold id",
    "ledger-unreadable": "Ledger item",
    "native-disabled": "Schedule id",
    "native-drift": "Schedule id",
    "native-overdue": "Schedule id",
    "orphan": "Index id",
    "other-owner": "Deployment",
    "plan-waiting": "Plan",
    "restore-index-left": "Temporary index",
    "run-broken": "Run",
    "run-refused": "Run",
}
"""What the subject of a control is, where it is no index."""
_LABELS = {
    "subject": "Subject",
    "control": "Control",
    "name": "Backup",
    "backup_name": "Backup",
    "target": "Target",
    "policy": "Policy",
    "slot": "Slot",
    "attempt": "Attempt",
    "next_attempt_at": "Next attempt",
    "delete_count": "To delete",
    "keep_count": "To keep",
    "bytes_freed": "Frees",
    "record_count": "Records",
    "size_bytes": "Size",
    "reasons": "Reasons",
    "count": "Times seen",
    "actor": "By",
    "placed_by": "Placed by",
    "expires_at": "Expires",
    "until": "Until",
    "backup_id": "Backup id",
    "digest": "Plan",
    "run_id": "Run id",
    "finding_id": "Finding id",
}
"""Known keys in the order of their importance."""
_MADE = {"backups": "delete_count", "run": "kind"}
"""Fields of titles, and the keys that they are made of."""
_TIMES = re.compile(r".*_at|slot|until")
_MOST_BITS = 1_024
"""As far as the numbers of JSON's receivers go."""
_MOST_SECONDS = 10**11


@dataclass(frozen=True, slots=True)
class Message:
    """One event, ready for every provider's format.

    Attributes:
        event_id: Stable across announcements and retries.
        owner: The deployment that speaks.
        severity: The finding's own, or by the type of the event.
        title: What happened, in one line.
        text: What was seen; may be empty.
        action: What to do; never empty.
        facts: (label, value): where, since when, then the most important first.
        links: Where to look, the most useful first; may be empty.
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
    links: Sequence[Link]
    topic: str | None
    resolved: bool
    escalated: bool
    data: Mapping[str, Any]

    @property
    def origin(self) -> Sequence[str]:
        """Who sends this, for a footer: the deployment, the type and the id of the event."""
        return (f"deployment {self.owner}", self.type, f"event {self.event_id}")


def build_message(event: DomainEvent, *, owner: str, pages: Pages, now: datetime) -> Message:
    """Say what an event means; never fails, whatever its data are.

    Args:
        event: The event.
        owner: The deployment that announced it.
        pages: Where links lead.
        now: Aware; what "2 hours ago" counts from.
    """
    data = clean_json(event.data)
    kind, project = clean(event.type), clean(event.project)
    escalated = data.get("escalated") is True
    unknown = Wording((f"{_bare(kind)}: {{index}}", f"{_bare(kind)}: {{name}}"))
    wording = _ESCALATED if escalated else CATALOGUE.get(kind, unknown)
    shown = {key: text for key, value in data.items() if (text := _shown(key, value, now))}
    index = _index(shown)
    text_key = _first(shown, _TEXT)
    resolved = kind == "finding.resolved"
    settled = kind in CATALOGUE and wording.action == NOTHING
    own_action = "" if settled else shown.get(_first(shown, _ACTION), "")
    title, used = _title(wording, kind, shown | _made(shown, data, index))
    facts = [
        ("Where", f"project {project}" + (f", index {index}" if index else "")),
        _since(event.occurred_at, data, now, finding=kind.startswith("finding."), over=resolved),
        *_facts(shown, hidden={*used, text_key, *_ACTION}),
    ]
    section = "" if wording.action == NOTHING else shown.get("control", kind.replace(".", "-"))
    return Message(
        event_id=clean(event.event_id),
        type=kind,
        project=project,
        owner=clean(owner),
        occurred_at=event.occurred_at,
        severity=_severity(data.get("severity"), wording.severity),
        title=title,
        text=shown.get(text_key, ""),
        action=own_action or wording.action,
        facts=facts,
        links=pages.links(kind, project, shown, at=event.occurred_at, section=section),
        topic=_topic(kind, shown, owner),
        resolved=resolved,
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


def _title(wording: Wording, kind: str, fields: Mapping[str, str]) -> tuple[str, set[str]]:
    """The title, and the keys that it shows."""
    for template in wording.titles:
        names = set(re.findall(r"\{(\w+)\}", template))
        if all(fields.get(name) for name in names):
            return template.format_map(fields), names | {_MADE.get(name, name) for name in names}
    return _bare(kind), set()


def _bare(kind: str) -> str:
    """The title of an event that does not say what it is about."""
    words = re.sub(r"[._{}]+", " ", kind).strip()
    return words[:1].upper() + words[1:] or "Event"


def _made(shown: Mapping[str, str], data: Mapping[str, Any], index: str) -> dict[str, str]:
    """What titles say that no key says as it is."""
    count = data.get("delete_count")
    one = "backup" if count == 1 else "backups"
    return {
        "index": index,
        "backups": f"{shown['delete_count']} {one}" if isinstance(count, int) else "",
        "run": shown.get("kind", "").capitalize(),
    }


def _index(shown: Mapping[str, str]) -> str:
    """The index that an event is about, where it says so."""
    if shown.get("scope") == "index":
        return shown.get("target", "")
    subject = shown.get("subject", "")
    named = "" if subject == _PROJECT or shown.get("control") in _SUBJECTS else subject
    return shown.get(_first(shown, _INDEX), named)


def _first(shown: Mapping[str, str], keys: Sequence[str]) -> str:
    """The first of these keys that says something; empty if none does."""
    return next((key for key in keys if key in shown), "")


def _severity(given: object, otherwise: Severity) -> Severity:
    return Severity(given) if isinstance(given, str) and given in Severity else otherwise


def _topic(kind: str, shown: Mapping[str, str], owner: str) -> str | None:
    if not kind.startswith("finding."):
        return None
    finding = shown.get("finding_id")
    return f"{clean(owner)}/{finding}" if finding else None


def _since(
    happened: datetime, data: Mapping[str, Any], now: datetime, *, finding: bool, over: bool
) -> tuple[str, str]:
    opened = parse_time(data.get("opened_at")) if finding else None
    if opened is not None and over:
        return "Was open", f"{span(happened - opened)}, since {_written(opened)}"
    return ("Since" if finding else "When"), _moment(opened or happened, now)


def _facts(shown: Mapping[str, str], *, hidden: set[str]) -> Iterator[tuple[str, str]]:
    subject = shown.get("subject")
    whole = subject == _PROJECT or shown.get("control") not in _SUBJECTS
    left_out = hidden | _ELSEWHERE | ({"subject"} if whole else set())
    if shown.get("count") == "1":
        left_out = left_out | {"count"}
    known = (key for key in _LABELS if key in shown)
    others = (key for key in shown if key not in _LABELS)
    for key in (*known, *others):
        if key not in left_out:
            label = _SUBJECTS.get(shown.get("control", "")) if key == "subject" else None
            yield label or _label(key), shown[key]


def _label(key: str) -> str:
    return _LABELS.get(key) or key.removesuffix("_seconds").replace("_", " ").capitalize()


def _shown(key: str, value: object, now: datetime) -> str:
    """A value as people write it; empty when it says nothing."""
    match value:
        case bool():
            return _words(value)
        case int() | float() if "bytes" in key and value >= 0:
            return size(value)
        case int() | float() if key.endswith("_seconds") and 0 <= value < _MOST_SECONDS:
            return span(timedelta(seconds=value))
        case str() if _TIMES.fullmatch(key) and (time := parse_time(value)):
            return _moment(time, now)
        case _:
            return _words(value)


def _words(value: object) -> str:
    match value:
        case None:
            words = ""
        case bool():
            words = "yes" if value else "no"
        case int():
            words = f"{value:,}"
        case float():
            words = f"{value:,.10g}"
        case dict():
            pairs = ((str(key).replace("_", " "), _nested(item)) for key, item in value.items())
            words = ", ".join(f"{key} {item}" for key, item in pairs if item)
        case list():
            words = ", ".join(item for item in map(_nested, value) if item)
        case _:
            words = str(value).strip()
    return words


def _nested(value: object) -> str:
    words = _words(value)
    return f"({words})" if words and isinstance(value, dict | list) else words


def _moment(at: datetime, now: datetime) -> str:
    """A time and how far it is from now: ``2026-11-03 10:00 UTC, 2 hours ago``."""
    distance = now - at
    if abs(distance) < timedelta(minutes=1):
        return f"{_written(at)}, just now"
    ahead = distance < timedelta()
    return f"{_written(at)}, {f'in {span(-distance)}' if ahead else f'{span(distance)} ago'}"


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
