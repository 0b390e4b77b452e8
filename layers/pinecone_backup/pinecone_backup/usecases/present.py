"""How a project stands right now, as prune would see it, without changing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup.rules.containment import PROTECTING
from pinecone_backup.rules.inventory import native_marks, take_inventory
from pinecone_backup.rules.plan import Facts, ambiguous_names
from pinecone_backup.rules.verdict import judge
from pinecone_backup.usecases.listing import list_project, own_writes
from pinecone_backup.usecases.prune import active_or_none, restoring

if TYPE_CHECKING:
    from pinecone_backup.model import RunTime
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.rules.policy import PolicyDocument


def present_facts(
    control_plane: ControlPlane,
    ledger: Ledger,
    *,
    document: PolicyDocument,
    policy_version: str,
    owner: str,
    time: RunTime,
) -> Facts:
    """The facts of this moment; verdicts that are due are taken and not stored.

    Costs one walk of the project, the listing of its indexes and of its restore jobs.

    Raises:
        ListingIncomplete: The backups could not be listed to the end.
        PineconeError: Pinecone refused, or could not be asked.
        LedgerError: The ledger could not be read.
    """
    rows = list_project(control_plane, writes=lambda: own_writes(ledger))
    indexes = control_plane.list_indexes()
    records = ledger.backups()
    inventory = take_inventory(
        rows,
        records=records,
        owner=owner,
        now=time.actual,
        native=native_marks(ledger.schedules(), {}),
    )
    policies = {
        index.name: document.assigned(ledger.project, index.name, index.tags).policy
        for index in indexes
    }
    limits = {
        incarnation.index_id: policy.shrink_percent
        for incarnation in inventory.incarnations.values()
        if (policy := policies.get(incarnation.index_name))
    }
    unreadable = ledger.inspect(PROTECTING)
    inventory = judge(
        inventory,
        shrink_percent=limits,
        now=time.actual,
        unreadable={item.backup_id for item in unreadable},
    ).inventory
    return Facts(
        project=ledger.project,
        inventory=inventory,
        indexes=indexes,
        document=document,
        policy_version=policy_version,
        time=time,
        holds=ledger.holds(),
        restoring=restoring(control_plane, ledger),
        unreadable=unreadable,
        active={
            name: active_or_none(control_plane, name)
            for name in ambiguous_names(inventory, indexes)
        },
        sources={record.backup_id: record.index_id for record in records.values()},
    )
