"""Delete one backup because somebody asks for it, within the safeguards of prune (rule D1).

A safeguard that a person may overrule needs to be named, with a reason, and both are recorded.
Holds, restores and contradictions are never overruled: a hold is released first, the others end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pinecone_backup.errors import (
    NotFound,
    OutcomeUnknown,
    PineconeError,
    PreconditionFailed,
    RuleForbids,
    SubjectUnknown,
)
from pinecone_backup.model import Status
from pinecone_backup.records import Deletion, DeletionState
from pinecone_backup.rules.containment import protects
from pinecone_backup.rules.inventory import Entry, Origin, Worth
from pinecone_backup.rules.plan import DEFAULT_FLOOR
from pinecone_backup.usecases.gone import deleted_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import BackupRecord
    from pinecone_backup.rules.plan import Facts

LEASE = timedelta(minutes=1)
"""Longer than the API function can live."""


class Safeguard(StrEnum):
    """Why a backup is not simply deleted, as far as a person may overrule it."""

    NOT_OURS = "not-ours"
    """Somebody made it by hand, or another deployment did."""
    NATIVE = "native"
    """One of Pinecone's own schedules made it, and expires it."""
    UNFINISHED = "unfinished"
    """It is under way or planned, or its status is unknown."""
    UNDATED = "undated"
    """Nobody knows when it was made, or it is dated in the future."""
    NEWEST_GOOD = "newest-good"
    """It is the newest good one of its index."""
    RESTORE_TESTED = "newest-restore-tested"
    FLOOR = "floor"
    """It is among the newest good ones that the policy's floor keeps."""


def delete_backup(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    facts: Facts,
    backup_id: str,
    *,
    overrule: Set[Safeguard] = frozenset(),
    reason: str = "",
) -> BackupRecord:
    """Ask Pinecone to delete one backup.

    Args:
        context: Who asks, and when.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        facts: How the project stands (``present.present_facts``), read under the lease "write".
        backup_id: Which backup.
        overrule: The safeguards to overrule.
        reason: Why; needed when a safeguard is overruled.

    Returns:
        The backup's record with its deletion: accepted, or gone already (rule D6).

    Raises:
        SubjectUnknown: There is no such backup.
        RuleForbids: A safeguard keeps it; ``rule`` names every safeguard in its way.
        PreconditionFailed: A restore reads it; that is recorded.
        OutcomeUnknown: It may have been deleted; that is recorded.
        PineconeError: Pinecone refused; that is recorded.
        LedgerError: The ledger could not be read or written.
    """
    entry = facts.inventory.entries.get(backup_id)
    if entry is None:
        raise SubjectUnknown(
            f"Project {context.project} has no backup {backup_id!r}",
            next_step="It may be deleted already; list the project's backups.",
        )
    _refuse_always(facts, entry)
    met = list(safeguards_of(facts, entry))
    _refuse_unless_overruled(entry, met, overrule, reason)
    _refuse_without_anchor(control_plane, facts, entry)
    words = [f"asked for by {context.actor}"]
    if met:
        words.append(f"overruling {', '.join(met)}: {reason.strip()}")
    elif reason.strip():
        words.append(reason.strip())
    return _delete(context, control_plane, ledger, entry, tuple(words))


def safeguards_of(facts: Facts, entry: Entry) -> Iterator[Safeguard]:
    """The safeguards in the way of a backup, in the order of ``Safeguard`` (rule D1)."""
    if entry.worth is Worth.DELETION_ACCEPTED:
        return
    if entry.origin in (Origin.FOREIGN, Origin.OTHER_OWNER):
        yield Safeguard.NOT_OURS
    if entry.origin is Origin.NATIVE:
        yield Safeguard.NATIVE
    if entry.worth in (Worth.UNDER_WAY, Worth.PLANNED, Worth.UNKNOWN):
        yield Safeguard.UNFINISHED
    if entry.worth in (Worth.UNDATED, Worth.FUTURE):
        yield Safeguard.UNDATED
    yield from _needed(facts, entry)


def _needed(facts: Facts, entry: Entry) -> Iterator[Safeguard]:
    """Whether its index needs it: by place among the good ones, as prune counts them."""
    incarnation = facts.inventory.incarnations[entry.backup.index_id]
    good = [each for each in incarnation.entries if each.good_and_ours and not _doubtful(each)]
    by_policy = [each for each in good if each.marker and each.marker.policy]
    if entry in (good[:1] + by_policy[:1]):
        yield Safeguard.NEWEST_GOOD
    tested = [each for each in good if each.record and each.record.restore_tested]
    if entry in tested[:1]:
        yield Safeguard.RESTORE_TESTED
    if entry in by_policy[: _floor(facts, incarnation.index_name)]:
        yield Safeguard.FLOOR


def _doubtful(entry: Entry) -> bool:
    deletion = entry.record.deletion if entry.record else None
    return deletion is not None and deletion.state is DeletionState.UNKNOWN


def _floor(facts: Facts, index_name: str) -> int:
    for index in facts.indexes:
        if index.name == index_name:
            policy = facts.document.assigned(facts.project, index.name, index.tags).policy
            return policy.floor if policy else DEFAULT_FLOOR
    return 1  # of a deleted index the newest good one is kept (rule D7)


def _refuse_always(facts: Facts, entry: Entry) -> None:
    backup = entry.backup
    incarnation = facts.inventory.incarnations[backup.index_id]
    if entry.worth is Worth.CONTRADICTORY or incarnation.frozen:
        raise RuleForbids(
            f"Backup {backup.backup_id} is listed in ways that contradict each other: "
            f"{incarnation.frozen}",
            rule="contradictory",
            next_step="Delete it in the Pinecone console, once it is clear what it is.",
        )
    for hold in facts.holds or ():
        if hold.target in (backup.backup_id, backup.index_name) and hold.active(facts.time.actual):
            raise RuleForbids(
                f"Backup {backup.backup_id} is held by {hold.placed_by}: {hold.reason}",
                rule="held",
                next_step=f"Release hold {hold.hold_id} first, if that is right.",
            )
    unreadable = protects(
        facts.unreadable, backup_id=backup.backup_id, index_name=backup.index_name
    )
    if unreadable:
        raise RuleForbids(
            f"Backup {backup.backup_id} is not deleted: {unreadable}",
            rule="unreadable",
            next_step="See the findings about the ledger; correct that item, or delete it.",
        )
    job = (facts.restoring or {}).get(backup.backup_id)
    if job is not None:
        raise RuleForbids(
            f"Restore job {job} reads backup {backup.backup_id}",
            rule="restoring",
            next_step="Wait for the restore to end.",
        )


def _refuse_unless_overruled(
    entry: Entry, met: list[Safeguard], overrule: Set[Safeguard], reason: str
) -> None:
    standing = [safeguard for safeguard in met if safeguard not in overrule]
    if standing:
        raise RuleForbids(
            f"Backup {entry.backup.backup_id} is kept by: {', '.join(standing)}",
            rule=", ".join(standing),
            next_step=f"To delete it all the same, send override={','.join(met)} and a reason.",
        )
    if met and not reason.strip():
        raise RuleForbids(
            f"Overruling {', '.join(met)} needs a reason", rule="reason", next_step="Say why."
        )


def _refuse_without_anchor(control_plane: ControlPlane, facts: Facts, entry: Entry) -> None:
    """Rule D5: what stays as the index's newest good backup must be there, and Ready."""
    newest = facts.inventory.incarnations[entry.backup.index_id].newest_good
    if newest is None or newest is entry:
        return
    try:
        anchor = control_plane.describe_backup(newest.backup.backup_id)
        state = anchor.status_text if anchor.status is not Status.READY else ""
    except NotFound:
        state = "gone"
    if state:
        raise RuleForbids(
            f"The newest good backup of its index, {newest.backup.backup_id}, is {state}",
            rule="newest-good-not-ready",
            next_step="Run an audit, and look at the index's backups.",
        )


def _delete(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    entry: Entry,
    reasons: tuple[str, ...],
) -> BackupRecord:
    """Rule D6: the ledger says what may happen before it does, and what happened after."""
    now = context.time.actual
    record = entry.known(now)
    intent = Deletion(DeletionState.UNKNOWN, now, context.run_id, context.actor, reasons)
    ledger.put_backup(replace(record, deletion=intent))
    try:
        control_plane.delete_backup(record.backup_id)
        outcome = replace(intent, state=DeletionState.ACCEPTED)
    except NotFound:
        outcome = replace(intent, state=DeletionState.DELETED)
    except PineconeError as error:
        ledger.put_backup(replace(record, deletion=_failed(intent, error)))
        raise
    deleted = replace(record, deletion=outcome)
    ledger.put_backup(deleted)
    ledger.record_event(deleted_event(context, record, outcome))
    return deleted


def _failed(intent: Deletion, error: PineconeError) -> Deletion:
    if isinstance(error, OutcomeUnknown):
        return replace(intent, error=error.problem)
    skipped = isinstance(error, PreconditionFailed)
    state = DeletionState.SKIPPED if skipped else DeletionState.FAILED
    return replace(intent, state=state, error=error.problem)
