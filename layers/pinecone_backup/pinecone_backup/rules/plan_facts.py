"""All that a plan, a preview or a person's deletion depends on: one value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import Index, RunTime
    from pinecone_backup.records import Hold, IndexRecord, UnreadableItem
    from pinecone_backup.rules.inventory import Inventory
    from pinecone_backup.rules.policy import Policy, PolicyDocument


@dataclass(frozen=True, slots=True)
class Baseline:
    """What earlier prunes left behind as a measure (rules D2 and D3).

    Attributes:
        document: The policy document that the last accepted prune went by, or None when that
            version can no longer be read.
        assignments: Its policy name by index name.
        carried_out_at: When the last prune that was carried out in full began, UTC; None where
            that is not known.
        deleted: How many older backups prunes have deleted since without an approval, by index id.
    """

    document: PolicyDocument | None
    policy_version: str
    assignments: Mapping[str, str | None]
    carried_out_at: datetime | None = None
    deleted: Mapping[str, int] = field(default_factory=dict)

    def policies(self, project: str, indexes: Iterable[Index]) -> dict[str, Policy | None]:
        """The policy that each index had by name; None where it had none.

        An index that was not there then has the policy that the former document gives it.
        """
        document = self.document
        if document is None:
            return {}
        return {
            index.name: document.policy(self.assignments[index.name] or "")
            if index.name in self.assignments
            else document.assigned(project, index.name, index.tags).policy
            for index in indexes
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan depends on.

    Attributes:
        inventory: With verdicts (``rules.verdict``).
        indexes: The active indexes.
        active: The active incarnation's id by name, where it was asked (rule I1); needed only
            for names with several incarnations that are not deleted.
        holds: None when they could not be read: nothing is deleted (rule D2).
        restoring: Unfinished restore jobs, job id by backup id; None when unreadable.
        sources: The incarnation of backups that are no longer listed, by backup id (rule D7).
        baseline: None before the first prune.
        unreadable: Items of the ledger that cannot be read (rule U2).
        unlisted: How many backups the listing lacks that the ledger takes to exist, by index id.
        memory: What the ledger remembers of index names; what is played forward goes by the
            schedules in it (rule C2).
    """

    project: str
    inventory: Inventory
    indexes: Sequence[Index]
    document: PolicyDocument
    policy_version: str
    time: RunTime
    holds: Sequence[Hold] | None = ()
    restoring: Mapping[str, str] | None = field(default_factory=dict)
    active: Mapping[str, str | None] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    baseline: Baseline | None = None
    unreadable: Sequence[UnreadableItem] = ()
    unlisted: Mapping[str, int] = field(default_factory=dict)
    memory: Mapping[str, IndexRecord] = field(default_factory=dict)

    def policies(self) -> dict[str, Policy | None]:
        """The policy of each active index, by name (rule I3)."""
        return {
            index.name: self.document.assigned(self.project, index.name, index.tags).policy
            for index in self.indexes
        }


def ambiguous_names(inventory: Inventory, indexes: Iterable[Index]) -> Sequence[str]:
    """Active indexes of whose name several incarnations are not deleted: ask which is (I1)."""
    living = Counter(
        incarnation.index_name
        for incarnation in inventory.incarnations.values()
        if incarnation.deleted_at is None
    )
    return sorted(index.name for index in indexes if living[index.name] > 1)
