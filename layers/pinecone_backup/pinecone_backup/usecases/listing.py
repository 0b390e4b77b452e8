"""Walks over Pinecone's listings that can be trusted, or that refuse (rules N1, N2 and I1).

Paging goes by offset: while backups come and go, later pages lose and repeat rows. A walk
without a repeated id and without a write of ours in between is trusted at once. Otherwise it is
walked again. A repeated id can also be a lasting property of the data (the service has listed
one id under two index names): when two walks in a row show exactly the same rows, the repeat is
data, and ``rules.inventory`` decides what it means (rule I4). A repeat that paging caused comes
and goes with the change that caused it.

Lost rows leave no trace in a walk. Where a listing lacks much of what the ledger knows, it is read
again, and believed when it says the same twice. Single ones are caught elsewhere: a backup that the
ledger knows and the listing misses is described before it is called deleted, and what is not listed
is not deleted.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from pinecone_backup.errors import ListingIncomplete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence, Set
    from datetime import datetime

    from pinecone_backup.model import Backup, Index
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import BackupRecord, DeletionState, IndexRecord

    type _Written = tuple[str, tuple[DeletionState, datetime] | None]

REPEATS = 3
"""How often a walk that cannot be trusted is walked again before it is refused (rule N2)."""


def list_indexes(control_plane: ControlPlane, known: Iterable[IndexRecord]) -> Sequence[Index]:
    """The active indexes; an answer that lacks one that was there is asked for again (rule N2).

    Args:
        control_plane: The project.
        known: What the ledger knows of its indexes.

    Raises:
        ListingIncomplete: No two answers in a row said the same.
        PineconeError: Pinecone refused the listing.
    """
    expected = {record.name for record in known if record.missing_since is None}
    previous: set[str] | None = None
    for _ in range(1 + REPEATS):
        indexes = control_plane.list_indexes()
        names = {index.name for index in indexes}
        if names >= expected or names == previous:
            return indexes
        previous = names
    raise _changing("The list of indexes")


def list_project(
    control_plane: ControlPlane,
    *,
    known: Iterable[BackupRecord] = (),
    writes: Callable[[], Set[_Written]] | None = None,
) -> Sequence[Backup]:
    """Every backup of the project, in the order listed; one id may stand there repeatedly (I4).

    A stable project of N backups costs floor(N/100) + 1 calls, twice that when it has repeats.

    Args:
        control_plane: The project to walk.
        known: What the ledger knows of its backups, where ``writes`` does not tell it: a walk that
            lacks more than a tenth of them, and more than one, is walked again.
        writes: Tells our own writes to the project, as ``own_writes`` does; a walk during which
            its answer changed is walked again (rule N2).

    Raises:
        ListingIncomplete: The walk broke off, or no walk could be trusted.
        PineconeError: Pinecone refused the listing.
    """
    expected = {record.backup_id for record in known if record.deletion is None}
    return _trusted(control_plane.project_backups, "The project's backups", writes, expected)


def list_index(control_plane: ControlPlane, name: str) -> Sequence[Backup]:
    """Every backup of the active index of that name; like ``list_project``.

    Raises:
        ListingIncomplete: The walk broke off, or no walk could be trusted.
        NotFound: There is no (active) index of that name.
    """
    walk = partial(control_plane.index_backups, name)
    return _trusted(walk, f"The backups of index {name}")


def active_incarnation(control_plane: ControlPlane, name: str) -> str | None:
    """The id of the active index of that name, in one call (rule I1).

    Returns:
        The incarnation's id, or None when it has no backup yet: a new incarnation.

    Raises:
        ListingIncomplete: The rows name more than one incarnation: none is known to be active.
        NotFound: There is no active index of that name.
    """
    return only_incarnation(
        name, control_plane.index_backups_page(name, limit=100, token=None).items
    )


def only_incarnation(name: str, rows: Iterable[Backup]) -> str | None:
    """The id that all of an active index's backups name; None when there are none (rule I1).

    Raises:
        ListingIncomplete: They name more than one.
    """
    ids = {row.index_id for row in rows}
    if len(ids) > 1:
        raise ListingIncomplete(
            f"The backups of index {name} name {len(ids)} incarnations of it",
            next_step="Nothing is done about this index until the listing names one.",
        )
    return next(iter(ids), None)


def own_writes(ledger: Ledger) -> Set[_Written]:
    """What changes in the ledger whenever we create or delete a backup of its project (N2)."""
    return frozenset(
        (record.backup_id, (record.deletion.state, record.deletion.at) if record.deletion else None)
        for record in ledger.backups().values()
    )


def _trusted(
    walk: Callable[[], Iterator[Backup]],
    what: str,
    writes: Callable[[], Set[_Written]] | None = None,
    expected: Set[str] = frozenset(),
) -> Sequence[Backup]:
    previous: Counter[tuple[str, str, str]] | None = None
    before = writes() if writes else None
    if before is not None:
        expected = {backup_id for backup_id, deletion in before if deletion is None}
    for _ in range(1 + REPEATS):
        rows = list(walk())
        after = writes() if writes else None
        seen = Counter((row.backup_id, row.index_id, row.index_name) for row in rows)
        ids = {backup_id for backup_id, _, _ in seen}
        repeats = len(ids) < len(rows)
        shrunk = len(expected - ids) > max(1, len(expected) // 10)
        if after == before and (not (repeats or shrunk) or seen == previous):
            return rows
        previous, before = seen, after
    raise _changing(what)


def _changing(what: str) -> ListingIncomplete:
    return ListingIncomplete(
        f"{what} changed during each of {1 + REPEATS} walks",
        next_step="Nothing was deleted; the next run walks again.",
    )
