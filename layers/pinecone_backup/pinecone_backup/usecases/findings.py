"""Findings in the ledger: write what a run found, and note that somebody knows of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import RuleForbids, SubjectUnknown
from pinecone_backup.model import DomainEvent
from pinecone_backup.rules.containment import observe_unreadable
from pinecone_backup.rules.findings import Evidence, reconcile
from pinecone_backup.usecases.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from logging import Logger

    from pinecone_backup.ports import Ledger
    from pinecone_backup.records import Finding
    from pinecone_backup.rules.findings import Change, Changes, Observation


def record_findings(
    ledger: Ledger,
    observations: Iterable[Observation],
    evidence: Evidence,
    at: datetime,
) -> Changes:
    """Open, repeat and resolve findings in the ledger, each with its event where it has one.

    Args:
        ledger: The project's ledger.
        observations: What is wrong now.
        evidence: Where the run's evidence is complete (rule U1).
        at: The time of the observations, UTC.

    Raises:
        LedgerError: The ledger could not be read or written; what was written stands.
    """
    changes = reconcile(
        ledger.findings(), observations, project=ledger.project, evidence=evidence, at=at
    )

    def write(change: Change) -> None:
        event = change.event(ledger.project) if change.announced else None
        ledger.put_finding(change.finding, over=change.previous, event=event)

    in_parallel(write, changes.all, at_most=ledger.concurrency)
    return changes


def record_unreadable(ledger: Ledger, at: datetime) -> None:
    """Open a finding for each item that this ledger object has found unreadable (rule U2).

    Whether an older one is over is for runs with complete evidence to say.

    Raises:
        LedgerError: The ledger could not be read or written.
    """
    items = ledger.unreadable()
    if items:
        record_findings(ledger, observe_unreadable(items), Evidence(), at)


def unexpected_problem(error: Exception) -> str:
    """What people are shown of an error that nobody expected: no text of it, no secret."""
    return f"Unexpected {type(error).__name__}; the function's log has the traceback"


def log_unexpected(log: Logger, error: Exception, **where: str) -> str:
    """Log an error that nobody expected, with its traceback; returns what people are shown."""
    log.error("unexpected error", exc_info=error, extra=where)
    return unexpected_problem(error)


def acknowledge_finding(
    ledger: Ledger, finding_id: str, *, who: str, reason: str, now: datetime
) -> Finding:
    """Note that somebody knows of an open finding; it stays open, and says so.

    The same person's same words again change nothing.

    Raises:
        SubjectUnknown: There is no such finding.
        RuleForbids: It has resolved, or no reason is given.
        LedgerError: The ledger could not be read or written.
    """
    if not reason.strip():
        raise RuleForbids("Acknowledging needs a reason", rule="reason", next_step="Say why.")
    known = {finding.finding_id: finding for finding in ledger.findings()}
    finding = known.get(finding_id)
    if finding is None:
        raise SubjectUnknown(f"There is no finding {finding_id!r} here")
    if not finding.open:
        raise RuleForbids(
            f"Finding {finding_id} has resolved already",
            rule="resolved",
            next_step="Nothing is left to do; if it comes back, it opens anew.",
        )
    event = DomainEvent.of(
        "finding.acknowledged",
        f"{finding_id}|{now.isoformat()}",
        project=ledger.project,
        at=now,
        finding_id=finding_id,
        control=finding.control,
        severity=str(finding.severity),
        subject=finding.subject,
        title=finding.title,
        reason=reason.strip(),
        actor=who,
    )
    while (finding.acknowledged_by, finding.acknowledged_reason) != (who, reason.strip()):
        acknowledged = replace(
            finding, acknowledged_by=who, acknowledged_reason=reason.strip(), acknowledged_at=now
        )
        finding = ledger.put_finding(acknowledged, over=finding, event=event)
    return finding
