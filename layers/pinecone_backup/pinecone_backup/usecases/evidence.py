"""Append what happened to the evidence: whoever runs next does.

Each event is written down as waiting evidence in the same transaction as itself. From there it goes
into the chain in three steps: a segment is created where none stands yet, the head in the ledger
moves behind it, and the events wait no more. Of two at once one creates the segment. After a crash
the next one finds the segment and moves the head, or finds the events in the last segment and lets
them wait no more. Nothing here stops a run.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from pinecone_backup.errors import BackupError, LedgerConflict, LedgerError
from pinecone_backup.model import DomainEvent
from pinecone_backup.records import EvidenceHead
from pinecone_backup.rules.evidence import (
    Position,
    canonical,
    chained,
    read_segment,
    seal_of,
    sealed,
    segment_key,
)
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control, Observation
from pinecone_backup.rules.findings import Evidence as Seen
from pinecone_backup.usecases.findings import record_findings, unexpected_problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.ports import EvidenceStore, Ledger

MOST_RECORDS = 1_000
"""Of a segment."""
MOST_SEGMENTS = 20
"""Appended, or found, by one run; the rest waits for the next one."""
_LOG = logging.getLogger(__name__)


def append_evidence(
    owner: str,
    store: EvidenceStore,
    deployment: Ledger,
    ledgers: Sequence[Ledger],
    now: datetime,
    *,
    resolve: bool = True,
) -> None:
    """Append what waits in some ledgers; what fails becomes a finding, and waits.

    Args:
        owner: The deployment's id, which each record bears.
        store: Where segments lie.
        deployment: The deployment's own ledger, which keeps the head.
        ledgers: Whose events to append, that one among them.
        now: The actual time, UTC.
        resolve: Whether to look if such a finding is over.
    """
    observed: list[Observation] = []
    try:
        for _ in range(MOST_SEGMENTS):
            if not _append(owner, store, deployment, ledgers, now):
                break
    except Exception as error:  # evidence waits; backups must not
        problem = str(error) if isinstance(error, BackupError) else unexpected_problem(error)
        _LOG.warning("evidence waits", exc_info=error, extra={"reason": problem})
        observed = [
            Observation.of(
                Control.EVIDENCE_WAITING,
                PROJECT_SUBJECT,
                title="Evidence could not be appended",
                diagnosis=problem,
                action="Nothing is lost: it waits in the ledger. Mend what it names; the next run "
                "appends it.",
            )
        ]
    if observed or resolve:
        with suppress(LedgerError):
            record_findings(deployment, observed, Seen.of([Control.EVIDENCE_WAITING]), now)


def record_heartbeat(deployment: Ledger, now: datetime) -> None:
    """Once a day say to the outside that we live, and where the chain stands.

    Raises:
        LedgerError: The ledger could not be read or written.
    """
    head = deployment.evidence_head()
    deployment.record_event(
        DomainEvent.of(
            "deployment.heartbeat",
            f"{now:%Y-%m-%d}",
            project=deployment.project,
            at=now,
            evidence_head=f"{head.sequence}:{head.hash}" if head else "",
        )
    )


def _append(
    owner: str, store: EvidenceStore, deployment: Ledger, ledgers: Sequence[Ledger], now: datetime
) -> bool:
    """Append one segment; whether there may be more to append."""
    head = deployment.evidence_head()  # before what waits: see the filter below
    start = Position(head.sequence, head.hash) if head else Position()
    found = {ledger.project: ledger.waiting_evidence(limit=MOST_RECORDS) for ledger in ledgers}
    if not any(found.values()):
        return False
    stored = _event_ids(store, head)
    waiting = []
    for ledger in ledgers:
        events = found[ledger.project]
        # A crash after the head moved leaves them waiting; they are in the last segment then, since
        # nothing is appended before they are dropped.
        ledger.drop_evidence([event for event in events if event.event_id in stored])
        waiting += [event for event in events if event.event_id not in stored]
    waiting.sort(key=lambda event: (event.occurred_at, event.event_id))
    if not waiting:
        return False
    unsealed = chained(owner, start, waiting[:MOST_RECORDS])
    seal = seal_of(owner, unsealed.end, now)
    segment, body = sealed(unsealed, seal, store.sign(canonical(seal)))
    key = segment_key(start.sequence + 1)
    if not store.create(key, body):
        segment = read_segment(store.get(key), start)
    try:
        deployment.save_evidence_head(
            EvidenceHead(
                segment.end.sequence, segment.end.hash, key, now, head.version if head else 0
            )
        )
    except LedgerConflict:
        return True
    appended = set(segment.event_ids)
    for ledger in ledgers:
        ledger.drop_evidence(
            [
                event
                for event in waiting
                if event.project == ledger.project and event.event_id in appended
            ]
        )
    return len(appended) >= MOST_RECORDS or not appended >= {each.event_id for each in waiting}


def _event_ids(store: EvidenceStore, head: EvidenceHead | None) -> frozenset[str]:
    """What the last segment records."""
    if head is None:
        return frozenset()
    first = int(head.key.removesuffix(".jsonl").rpartition("/")[2])
    body = store.get(head.key)
    previous = body.split(b'"previous":"', 1)[1][:64].decode()
    segment = read_segment(body, Position(first - 1, previous))
    return frozenset(segment.event_ids)
