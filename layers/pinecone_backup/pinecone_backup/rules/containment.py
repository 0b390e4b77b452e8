"""What follows from items of the ledger that cannot be read (rule U2).

One such item stops nothing. It is left as it is, a finding names it, and until somebody has
corrected it, nothing that it may protect is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.records import ItemKind
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control, Observation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pinecone_backup.records import UnreadableItem

PROTECTING = (ItemKind.BACKUP, ItemKind.INDEX, ItemKind.HOLD, ItemKind.RESTORE)
"""The kinds of items that may keep a backup from being deleted."""
NAMED_AT_MOST = 20
"""So many unreadable items are findings of their own; the others are counted in one more."""

_MEANWHILE = {
    ItemKind.BACKUP: "Backup {backup_id} is not deleted, not judged anew and counts for nothing.",
    ItemKind.INDEX: "No backup of index {index_name} is deleted, and audits call it unknown.",
    ItemKind.HOLD: "It holds {target}, whether or not it was released.",
    ItemKind.RESTORE: "It keeps {target} from being deleted, as if the restore were still running.",
    ItemKind.CLAIM: "No backup of index {index_name} is created for that slot.",
    ItemKind.LAST_RUN: "The newest completed run of that kind is looked up among the runs.",
    ItemKind.FINDING: "That finding is not shown, repeated or resolved.",
    ItemKind.LOOK: "That look proves nothing of what backups contain.",
    ItemKind.FINGERPRINT: "What was proved of that backup's contents is not used.",
    ItemKind.DELETED: "What became of backup {backup_id} is not shown.",
    ItemKind.DELETION: "That deletion of backup {backup_id} is not shown.",
    ItemKind.BASELINE: "A policy that changed since is measured against nothing.",
    ItemKind.PLAN: "That plan can be neither read nor approved nor carried out.",
    ItemKind.SCHEDULE: "What is known of that native schedule is not used.",
    ItemKind.OUTBOX: "That event is not announced.",
    ItemKind.EVIDENCE: "That event is not in the evidence.",
    ItemKind.EVIDENCE_HEAD: "Nothing is appended to the evidence; it waits.",
    ItemKind.POLICY: "That change of the policy is not shown.",
    ItemKind.RUN: "That run is not shown.",
    ItemKind.LEASE: "Runs that need that lease are refused.",
}


def protects(items: Iterable[UnreadableItem], *, backup_id: str, index_name: str) -> str:
    """The key of an unreadable item that may keep a backup from being deleted, or empty.

    Args:
        items: What cannot be read.
        backup_id: The backup.
        index_name: The name of its index.
    """
    for item in items:
        if item.kind not in PROTECTING:
            continue
        project = not item.backup_id and not item.index_name
        if project or item.backup_id == backup_id or item.index_name == index_name:
            return item.key
    return ""


def observe_unreadable(items: Iterable[UnreadableItem]) -> Iterator[Observation]:
    """What is wrong: a finding for each, up to 20."""
    ordered = sorted(items, key=lambda item: item.key)
    for item in ordered[:NAMED_AT_MOST]:
        yield Observation.of(
            Control.LEDGER_UNREADABLE,
            item.key,
            title=f"Ledger item {item.key} cannot be read",
            diagnosis=f"It is set aside: {item.reason}. {_meanwhile(item)}",
            action="Correct its fields in the table and remove its attribute checksum, or delete "
            "the item. If a newer version of this product wrote it, deploy that version again.",
            index=item.index_name,
        )
    rest = ordered[NAMED_AT_MOST:]
    if rest:
        yield Observation.of(
            Control.LEDGER_UNREADABLE,
            PROJECT_SUBJECT,
            title=f"{len(rest)} more ledger items cannot be read",
            diagnosis=f"From {rest[0].key} to {rest[-1].key}; all are set aside.",
            action="See the findings about the first ones.",
        )


def _meanwhile(item: UnreadableItem) -> str:
    target = " or ".join(
        [f"backup {item.backup_id}"] * bool(item.backup_id)
        + [f"index {item.index_name}"] * bool(item.index_name)
    )
    return _MEANWHILE[item.kind].format(
        backup_id=item.backup_id,
        index_name=item.index_name,
        target=target or "every backup of the project",
    )
