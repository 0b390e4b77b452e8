"""What a decision about a backup leaves to be written, as values: deciding itself does not write.

``usecases.create.carry_out`` is the one place that writes them, in their order. The order counts:
the event goes first, then the record, then the claim. A crash in between leaves the claim as it
was, and the next tick does the same again under the same event id (rule C3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pinecone_backup.model import DomainEvent
from pinecone_backup.records import BackupRecord, Claim, ClaimState, IndexRecord
from pinecone_backup.rules.claims import posted
from pinecone_backup.rules.creation import Decision, Kind, View, attempt
from pinecone_backup.rules.inventory import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup, RunContext
    from pinecone_backup.rules.inventory import Entry


UNKNOWN_ACTOR = "unknown"
"""Who asked for a backup on demand whose claim is lost."""


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Put an event into the outbox; the same id twice is one event."""

    event: DomainEvent


@dataclass(frozen=True, slots=True)
class PutBackup:
    """Write the record of a backup over the one that was read."""

    record: BackupRecord
    over: BackupRecord | None = None


@dataclass(frozen=True, slots=True)
class PutIndex:
    """Write the record of an index over the one that was read."""

    record: IndexRecord
    over: IndexRecord | None


@dataclass(frozen=True, slots=True)
class SaveClaim:
    """Write a claim, unless another run has changed it since it was read."""

    claim: Claim


type Effect = RecordEvent | PutBackup | PutIndex | SaveClaim


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about one index, and what it leaves to be written, in order."""

    decision: Decision
    effects: Sequence[Effect] = ()


def slots_in_question(view: View, decision: Decision) -> frozenset[datetime]:
    """The slots whose claims ``decide`` goes by: the open one, and those of unrecorded backups."""
    slots = {entry.marker.slot for entry in _to_record(view, decision) if entry.marker}
    if decision.kind is Kind.OPEN and decision.slot is not None:
        slots.add(decision.slot)
    return frozenset(slots)


def decide(
    context: RunContext, view: View, by_listing: Decision, claims: Mapping[datetime, Claim | None]
) -> Decided:
    """What happens to an index by its listing and its claims (rules C2 and C3).

    Backups of ours that a run created and could not record are recorded now. A claim of which the
    listing shows what became of its backup is settled.

    Args:
        context: The run.
        view: What is known of the index.
        by_listing: What ``rules.creation.due`` says.
        claims: The stored claims, by slot, for ``slots_in_question``.
    """
    decision, stored = by_listing, None
    if by_listing.kind is Kind.OPEN and by_listing.slot is not None:
        stored = claims[by_listing.slot]
        decision = attempt(view, by_listing, stored, context.time)
    settled = decision.claim if decision.claim != stored else None
    effects: list[Effect] = []
    for entry in _to_record(view, decision):
        claim = claims.get(entry.marker.slot) if entry.marker else None
        backup = entry.backup
        if claim and claim.backup_id is None and claim.backup_name == backup.name:
            effects += created(context, claim, backup, known=entry.record)
            if settled is None or claim != stored:  # else the settled claim follows below
                effects.append(SaveClaim(posted(claim, backup.backup_id)))
        elif _nobody_known(entry):
            known = entry.known(context.time.actual)
            asked_by = claim.actor if claim and claim.backup_id == backup.backup_id else ""
            named = replace(known, asked_by=asked_by or UNKNOWN_ACTOR)
            effects.append(PutBackup(named, entry.record))
        elif entry.record is None:
            effects.append(PutBackup(entry.known(context.time.actual)))
    if settled is not None:
        effects += ended(context, settled)
    return Decided(decision, effects)


def _to_record(view: View, decision: Decision) -> list[Entry]:
    """Backups of ours that the ledger does not know, or whose claim may not know them.

    The one that the decision is about may have its record from an audit, while the run that
    created it could not write its event. So may one on demand, whose claim knows who asked for it.
    """
    about = {decision.backup_id, (decision.claim.backup_id if decision.claim else None) or ""}
    return [
        entry
        for entry in view.entries
        if entry.origin is Origin.OURS
        and (entry.record is None or entry.backup.backup_id in about or _nobody_known(entry))
    ]


def _nobody_known(entry: Entry) -> bool:
    """Whether it was made on demand and no record says who asked."""
    return entry.on_demand and (entry.record is None or not entry.record.asked_by)


def created(
    context: RunContext, claim: Claim, backup: Backup, *, known: BackupRecord | None = None
) -> list[Effect]:
    """Record a backup that Pinecone has, before its claim is saved as posted.

    Args:
        context: The run.
        claim: The claim under which it was created.
        backup: The backup as Pinecone answered or listed it.
        known: Its record, where another run has written one: it stays, and gains who asked.
    """
    event = created_event(context, claim, backup)
    if known is not None:
        named = replace(known, asked_by=claim.actor)
        return [RecordEvent(event), *([PutBackup(named, known)] if named != known else [])]
    record = BackupRecord(
        backup_id=backup.backup_id,
        index_name=claim.index_name,
        index_id=backup.index_id,
        name=claim.backup_name,
        created_at=backup.created_at,
        first_seen_at=context.time.actual,
        asked_by=claim.actor,
    )
    return [RecordEvent(event), PutBackup(record)]


def created_event(context: RunContext, claim: Claim, backup: Backup) -> DomainEvent:
    """The event of a backup started under a claim; recorded repeatedly, it is one event."""
    return DomainEvent.of(
        "backup.created",
        backup.backup_id,
        project=context.project,
        at=context.time.actual,
        backup_id=backup.backup_id,
        name=claim.backup_name,
        index=backup.index_name,
        index_id=backup.index_id,
        run_id=claim.run_id,
        actor=claim.actor or context.actor,
        policy=claim.policy or None,
        slot=claim.slot.isoformat(),
        attempt=claim.attempt,
    )


def ended(context: RunContext, claim: Claim) -> list[Effect]:
    """Save how an attempt ended, with an event when its backup failed."""
    save = SaveClaim(claim)
    if claim.backup_id is None or claim.state not in (ClaimState.FAILED, ClaimState.GIVEN_UP):
        return [save]
    return [RecordEvent(_failed_event(context, claim, claim.backup_id)), save]


def _failed_event(context: RunContext, claim: Claim, backup_id: str) -> DomainEvent:
    return DomainEvent.of(
        "backup.failed",
        backup_id,
        project=context.project,
        at=context.time.actual,
        backup_id=backup_id,
        name=claim.backup_name,
        index=claim.index_name,
        policy=claim.policy or None,
        slot=claim.slot.isoformat(),
        attempt=claim.attempt,
        reason=claim.error,
        next_attempt_at=claim.next_attempt_at.isoformat() if claim.next_attempt_at else None,
    )
