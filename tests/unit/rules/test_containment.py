"""What follows from items of the ledger that cannot be read."""

from __future__ import annotations

import pytest

from pinecone_backup.records import ItemKind, UnreadableItem
from pinecone_backup.rules.containment import PROTECTING, observe_unreadable, protects
from pinecone_backup.rules.controls import evaluate, looked_at
from pinecone_backup.rules.findings import Evidence, reconcile
from tests.support.audits import NOW, project_facts


def item(kind: ItemKind, backup_id: str = "", index_name: str = "") -> UnreadableItem:
    return UnreadableItem(f"{kind}#x", kind, "attempt: Field required", backup_id, index_name)


@pytest.mark.parametrize(
    ("kind", "backup_id", "index_name"),
    [
        (ItemKind.BACKUP, "b1", ""),
        (ItemKind.INDEX, "", "docs"),
        (ItemKind.HOLD, "b1", ""),
        (ItemKind.HOLD, "", "docs"),
        (ItemKind.HOLD, "docs", "docs"),
        (ItemKind.RESTORE, "b1", ""),
    ],
)
def test_what_an_unreadable_item_is_about_is_protected_and_nothing_else(
    kind: ItemKind, backup_id: str, index_name: str
) -> None:
    """U2."""
    items = [item(kind, backup_id, index_name)]
    assert protects(items, backup_id="b1", index_name="docs") == f"{kind}#x"
    assert protects(items, backup_id="b2", index_name="notes") == ""


@pytest.mark.parametrize("kind", [ItemKind.HOLD, ItemKind.RESTORE])
def test_an_item_that_says_nothing_protects_the_whole_project(kind: ItemKind) -> None:
    """U2."""
    assert protects([item(kind)], backup_id="b9", index_name="any")


@pytest.mark.parametrize("kind", sorted(set(ItemKind) - set(PROTECTING)))
def test_other_items_protect_nothing(kind: ItemKind) -> None:
    assert protects([item(kind, "b1", "docs")], backup_id="b1", index_name="docs") == ""


def test_an_item_that_protects_nothing_hides_no_other() -> None:
    """U2."""
    items = [item(ItemKind.RUN), item(ItemKind.BACKUP, "b2"), item(ItemKind.HOLD, "b1")]
    assert protects(items, backup_id="b1", index_name="docs") == f"{ItemKind.HOLD}#x"


def runs(count: int) -> list[UnreadableItem]:
    return [UnreadableItem(f"RUN#{n:02}", ItemKind.RUN, "x") for n in range(count)]


def test_many_unreadable_items_are_not_many_findings() -> None:
    seen = list(observe_unreadable(reversed(runs(23))))
    assert [each.subject for each in seen] == [*(f"RUN#{n:02}" for n in range(20)), "(project)"]
    assert seen[-1].title == "3 more ledger items cannot be read"
    assert seen[-1].diagnosis == "From RUN#20 to RUN#22; all are set aside."


def test_twenty_unreadable_items_are_twenty_findings() -> None:
    assert len(list(observe_unreadable(runs(20)))) == 20


def test_an_item_beyond_the_twenty_does_not_resolve_its_finding() -> None:
    """U1: it is as unreadable as before."""
    known = reconcile(
        [], observe_unreadable(runs(23)[20:]), project="main", evidence=Evidence(), at=NOW
    ).opened
    facts = project_facts(unreadable=runs(22))
    changes = reconcile(known, evaluate(facts), project="main", evidence=looked_at(facts), at=NOW)
    assert [finding.subject for finding in changes.resolved] == ["RUN#22"]
