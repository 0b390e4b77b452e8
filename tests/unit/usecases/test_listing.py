"""Walks that can be trusted, or that refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from pinecone_backup.errors import ListingIncomplete, NotFound
from pinecone_backup.model import Status
from pinecone_backup.records import DeletionState, IndexRecord
from pinecone_backup.usecases.listing import (
    REPEATS,
    active_incarnation,
    list_index,
    list_indexes,
    list_project,
    own_writes,
)
from tests.support.backups import NOW, MemoryControlPlane, backup, deletion, index, record
from tests.support.ledger import MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinecone_backup.model import Backup, Index
    from pinecone_backup.ports import ControlPlane

A, B, C = (backup(name) for name in "abc")


class Walks:
    """A control plane whose walks are scripted; the last one repeats."""

    def __init__(self, *walks: list[Backup]) -> None:
        self._walks = list(walks)
        self.count = 0
        self.names: list[tuple[str, bool]] = []

    def project_backups(self) -> Iterator[Backup]:
        self.count += 1
        return iter(self._walks.pop(0) if len(self._walks) > 1 else self._walks[0])

    def index_backups(self, name: str, *, include_deleted: bool = False) -> Iterator[Backup]:
        self.names.append((name, include_deleted))
        return self.project_backups()


def control_plane(walks: Walks | MemoryControlPlane) -> ControlPlane:
    return cast("ControlPlane", walks)


def test_a_walk_without_repeats_is_trusted_at_once() -> None:
    """N1."""
    walks = Walks([A, B])

    assert list_project(control_plane(walks)) == [A, B]
    assert walks.count == 1


def test_an_empty_project_is_walked_once() -> None:
    walks = Walks([])

    assert list_project(control_plane(walks)) == []
    assert walks.count == 1


def test_a_repeated_id_means_walk_again() -> None:
    """N2: paging repeated a row; the next walk is clean."""
    walks = Walks([A, B, B], [A, B, C])

    assert list_project(control_plane(walks)) == [A, B, C]
    assert walks.count == 2


def test_a_repeat_that_two_walks_in_a_row_show_alike_is_data() -> None:
    """N2, I4: one id under two indexes is a lasting property; rules.inventory judges it."""
    twin = replace(A, index_name="shop")
    walks = Walks([A, twin, B])

    assert list_project(control_plane(walks)) == [A, twin, B]
    assert walks.count == 2


def test_a_status_that_advances_between_two_walks_is_no_difference() -> None:
    """N2: who is listed under what counts, not how far it is."""
    twin, ready = replace(A, index_name="shop"), replace(A, status=Status.UNDER_WAY)

    assert list_project(control_plane(Walks([ready, twin], [A, twin]))) == [A, twin]


def test_repeats_that_come_and_go_are_refused_in_the_end() -> None:
    """N2: three times again, then no more."""
    walks = Walks([A, A], [A, A, B], [A, B, B], [A, A])

    with pytest.raises(ListingIncomplete, match="changed during each of 4 walks"):
        list_project(control_plane(walks))

    assert walks.count == 1 + REPEATS == 4


def test_the_last_walk_may_still_be_good() -> None:
    """N2."""
    walks = Walks([A, A], [A, A, B], [A, B, B], [A, B])

    assert list_project(control_plane(walks)) == [A, B]


def test_a_write_of_ours_during_the_walk_means_walk_again() -> None:
    """N2."""
    written = iter([frozenset(), *[frozenset({("a", None)})] * 2])
    walks = Walks([A, B])

    assert list_project(control_plane(walks), writes=lambda: next(written)) == [A, B]
    assert walks.count == 2


def test_writes_that_never_end_are_refused() -> None:
    """N2."""
    written = (frozenset({(str(number), None)}) for number in range(99))
    walks = Walks([A])

    with pytest.raises(ListingIncomplete, match="project"):
        list_project(control_plane(walks), writes=lambda: next(written))


def test_the_walk_of_one_index_is_as_careful() -> None:
    walks = Walks([A, A], [A, B])

    assert list_index(control_plane(walks), "docs") == [A, B]
    assert walks.names == [("docs", False)] * 2
    with pytest.raises(ListingIncomplete, match="index docs"):
        list_index(control_plane(Walks([A, A], [A, A, B], [A, B, B], [A, A])), "docs")


def test_deletions_and_new_backups_are_writes_of_ours() -> None:
    """N2."""
    ledger = MemoryLedger()
    seen = [own_writes(ledger)]

    ledger.put_backup(record(A))
    seen.append(own_writes(ledger))
    known = ledger.put_backup(replace(record(A), record_count=7), over=record(A))
    assert own_writes(ledger) == seen[-1]
    for state in (DeletionState.UNKNOWN, DeletionState.ACCEPTED):
        known = ledger.put_backup(replace(known, deletion=deletion(state)), over=known)
        seen.append(own_writes(ledger))

    assert len(set(seen)) == 4


def test_the_active_incarnation_is_what_the_names_listing_says() -> None:
    """I1."""
    rows = [backup("a", index_id="new"), backup("b", index_id="new"), backup("c", index="shop")]
    stored = MemoryControlPlane(rows, [index("docs"), index("empty")])

    assert active_incarnation(control_plane(stored), "docs") == "new"
    assert active_incarnation(control_plane(stored), "empty") is None
    with pytest.raises(NotFound):
        active_incarnation(control_plane(stored), "gone")


def test_a_listing_that_names_two_incarnations_determines_none() -> None:
    """I1."""
    stored = MemoryControlPlane([backup("a", index_id="1"), backup("b", index_id="2")], [index()])

    with pytest.raises(ListingIncomplete, match="2 incarnations"):
        active_incarnation(control_plane(stored), "docs")


class IndexLists:
    """A control plane whose lists of indexes are scripted; the last one repeats."""

    def __init__(self, *lists: list[str]) -> None:
        self._lists = list(lists)
        self.count = 0

    def list_indexes(self) -> list[Index]:
        self.count += 1
        names = self._lists.pop(0) if len(self._lists) > 1 else self._lists[0]
        return [index(name) for name in names]


def _listed(lists: IndexLists, known: list[IndexRecord]) -> list[str]:
    return [each.name for each in list_indexes(cast("ControlPlane", lists), known)]


KNOWN = [IndexRecord(name, NOW, NOW) for name in ("docs", "shop")]


@pytest.mark.parametrize("short", [[], ["docs"]])
def test_one_short_list_of_indexes_is_not_believed(short: list[str]) -> None:
    """N2."""
    lists = IndexLists(short, ["docs", "shop"])
    assert _listed(lists, KNOWN) == ["docs", "shop"]
    assert lists.count == 2


def test_an_index_that_two_lists_lack_is_deleted_and_then_not_asked_for_again() -> None:
    lists = IndexLists(["docs"])
    assert _listed(lists, KNOWN) == ["docs"]
    assert lists.count == 2
    assert _listed(lists, [KNOWN[0], replace(KNOWN[1], missing_since=NOW)]) == ["docs"]
    assert lists.count == 3


def test_a_list_of_indexes_that_always_changes_is_refused() -> None:
    with pytest.raises(ListingIncomplete):
        _listed(IndexLists(["docs"], [], ["docs"], [], ["docs"]), KNOWN)


@pytest.mark.parametrize("short", [[], [A]])
def test_one_short_listing_of_backups_is_not_believed(short: list[Backup]) -> None:
    """N2."""
    walks = Walks(short, [A, B, C])
    known = [record(row) for row in (A, B, C)]
    assert list_project(control_plane(walks), known=known) == [A, B, C]
    assert walks.count == 2


def test_a_single_missing_backup_is_left_to_its_description() -> None:
    """N1."""
    walks = Walks([A, B])
    assert list_project(control_plane(walks), known=[record(row) for row in (A, B, C)]) == [A, B]
    assert walks.count == 1


def test_backups_whose_deletion_is_under_way_are_not_expected() -> None:
    walks = Walks([A])
    going = [replace(record(row), deletion=deletion(DeletionState.ACCEPTED)) for row in (B, C)]
    assert list_project(control_plane(walks), known=[record(A), *going]) == [A]
    assert walks.count == 1
