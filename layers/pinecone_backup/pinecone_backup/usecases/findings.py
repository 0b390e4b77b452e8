"""Write what a run found into the ledger, and leave the news of it to be announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.rules.findings import reconcile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pinecone_backup.ports import Ledger
    from pinecone_backup.rules.findings import Changes, Evidence, Observation


def record_findings(
    ledger: Ledger,
    observations: Iterable[Observation],
    evidence: Evidence,
    at: datetime,
) -> Changes:
    """Open, repeat and resolve findings in the ledger, with one event per change.

    The event goes first: a crash between the two writes is told again under the same event id,
    while the other order would lose the news.

    Args:
        ledger: The project's ledger.
        observations: What is wrong now.
        evidence: Where the run looked completely (rule U1).
        at: The time of the observations, UTC.

    Raises:
        LedgerError: The ledger could not be read or written; what was written stands.
    """
    changes = reconcile(
        ledger.findings(), observations, project=ledger.project, evidence=evidence, at=at
    )
    for change in changes.all:
        ledger.record_event(change.event(ledger.project))
        ledger.put_finding(change.finding)
    return changes
