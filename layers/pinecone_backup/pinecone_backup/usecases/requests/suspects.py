"""Accepting a suspect: a person says that a backup is good after all (rule G1)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pinecone_backup.errors import RuleForbids, SubjectUnknown
from pinecone_backup.model import DomainEvent
from pinecone_backup.records import Verdict
from pinecone_backup.rules.inventory import counts_as_good

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.ports import Ledger
    from pinecone_backup.records import BackupRecord


class Accepts(StrEnum):
    """What accepting one suspect accepts (rule G2)."""

    THIS = "this"
    THIS_AND_NEWER = "this-and-newer"
    """Also every newer suspect of its index: what shrank it was meant, and lasts."""


def accept_suspects(
    ledger: Ledger, backup_id: str, *, accepts: Accepts, who: str, reason: str, now: datetime
) -> Sequence[BackupRecord]:
    """Make a suspect good, or it and the newer ones of its index.

    Where it is cut off, the same request again accepts the rest.

    Args:
        ledger: The project's ledger.
        backup_id: Which backup.
        accepts: What is accepted with it. A newer one whose restore test failed is not.
        who: Who accepts.
        reason: Why it is good although it looked empty, shrunk or unrestorable.
        now: The actual time, UTC.

    Returns:
        What is accepted now: the backup itself first, then the others, the oldest first.

    Raises:
        SubjectUnknown: The ledger knows no such backup.
        RuleForbids: It is no suspect, its deletion was accepted, or no reason is given.
        LedgerError: The ledger could not be read or written.
    """
    first = accept_suspect(ledger, backup_id, who=who, reason=reason, now=now)
    newer = _newer_suspects(ledger, first) if accepts is Accepts.THIS_AND_NEWER else []
    return [
        first,
        *(
            accept_suspect(ledger, each.backup_id, who=who, reason=reason, now=now)
            for each in newer
        ),
    ]


def _newer_suspects(ledger: Ledger, first: BackupRecord) -> Sequence[BackupRecord]:
    """The suspects of an incarnation that are newer than one backup, the oldest first."""
    if first.created_at is None:
        return []
    found = [
        (record.created_at, record.backup_id, record)
        for record in ledger.backups().values()
        if record.index_id == first.index_id
        and record.verdict is Verdict.SUSPECT
        and record.restore_tested is not False
        and not (record.deletion is not None and record.deletion.state.accepted)
        and record.created_at is not None
        and record.created_at > first.created_at
    ]
    return [record for _, _, record in sorted(found, key=lambda each: each[:2])]


def accept_suspect(
    ledger: Ledger, backup_id: str, *, who: str, reason: str, now: datetime
) -> BackupRecord:
    """Make one suspect good, and the reference for what comes after it.

    A backup whose restore test failed is suspect too; accepting it overrules that test. The same
    person's same words again change nothing.

    Args:
        ledger: The project's ledger.
        backup_id: Which backup.
        who: Who accepts it.
        reason: Why it is good although it seemed empty, shrunk or unrestorable.
        now: The actual time, UTC.

    Raises:
        SubjectUnknown: The ledger knows no such backup.
        RuleForbids: It is no suspect, its deletion was accepted, or no reason is given.
        LedgerError: The ledger could not be read or written.
    """
    if not reason.strip():
        raise RuleForbids("Accepting a suspect needs a reason", rule="reason", next_step="Say why.")
    record = ledger.backups().get(backup_id)
    if record is None:
        raise SubjectUnknown(
            f"Project {ledger.project} has no backup {backup_id!r} with a verdict",
            next_step="A backup gets its verdict from the first audit that sees it Ready.",
        )
    if record.deletion is not None and record.deletion.state.accepted:
        raise RuleForbids(
            f"Backup {backup_id} is being deleted",
            rule="deletion-accepted",
            next_step="Accept another backup; this one cannot be brought back.",
        )
    accepted = record
    if not _accepted_already(record, who, reason.strip()):
        if record.verdict is None or counts_as_good(record):
            raise RuleForbids(
                f"Backup {backup_id} is not suspect",
                rule="not-suspect",
                next_step="Nothing needs to be accepted; the project's suspects can be listed.",
            )
        accepted = ledger.put_backup(
            replace(
                record,
                verdict=Verdict.ACCEPTED,
                accepted_by=who,
                accepted_reason=reason.strip(),
                accepted_at=now,
            ),
            over=record,
            event=DomainEvent.of(
                "backup.accepted",
                f"{backup_id}|{now.isoformat()}",
                project=ledger.project,
                at=now,
                backup_id=backup_id,
                index=record.index_name,
                name=record.name,
                was=str(record.verdict_reason or ""),
                reason=reason.strip(),
                actor=who,
            ),
        )
        said = (accepted.accepted_by, accepted.accepted_reason, accepted.accepted_at)
        if said != (who, reason.strip(), now):  # somebody else was quicker
            return accept_suspect(ledger, backup_id, who=who, reason=reason, now=now)
    return accepted


def _accepted_already(record: BackupRecord, who: str, reason: str) -> bool:
    said = (record.accepted_by, record.accepted_reason)
    return record.verdict is Verdict.ACCEPTED and counts_as_good(record) and said == (who, reason)
