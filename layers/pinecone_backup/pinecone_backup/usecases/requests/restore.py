"""Restore an index because somebody asks for it, and adopt the index that comes of it.

What was asked for is written down first, then Pinecone is asked once, and the ticks follow it to
its end (``usecases.restore_test``). Until a person adopts the new index, no policy has it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import NotFound, RuleForbids, SubjectUnknown
from pinecone_backup.model import Depth, DomainEvent
from pinecone_backup.records import RestoreKind, RestoreRecord, RestoreResult, RestoreStep
from pinecone_backup.rules.policy import OPT_OUT, POLICY_TAG
from pinecone_backup.rules.restore_time import expected_seconds, measured
from pinecone_backup.rules.temporary import MOST_TAGS, PREFIX, RESTORE_TAG, restored_tags
from pinecone_backup.usecases.restores import Mover, comparison

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinecone_backup.model import Index, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.rules.policy import PolicyDocument


def restore(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    *,
    backup_id: str,
    name: str,
    tags: Mapping[str, str] | None = None,
    deletion_protection: bool = False,
    read_capacity: Mapping[str, Any] | None = None,
    depth: Depth = Depth.SAMPLE,
) -> RestoreRecord:
    """Start restoring a backup into a new index.

    Args:
        context: The request.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        backup_id: A Ready backup.
        name: The new index's name; no index may have it.
        tags: The new index's tags; None copies the backup's. What says that no policy has the
            index is added to them.
        deletion_protection: Whether the new index is protected against deletion.
        read_capacity: As Pinecone's API takes it; None for on demand.
        depth: How thoroughly it is compared when it is there.

    Returns:
        The restore as recorded. While it is ``selected``, Pinecone's answer was lost or it could
        not answer: the ticks find out, and ask again where nothing happened.

    Raises:
        RuleForbids: An index of that name exists, the tags name a policy or are too many; nothing
            was done.
        PineconeError: Pinecone refused, or could not be asked; nothing was restored.
        LedgerError: It could not be written down; nothing was restored. Or, after that, the
            restore may have begun: the ticks find it.
    """
    if POLICY_TAG in (tags or {}):
        raise RuleForbids(
            f"The tags name a policy ({POLICY_TAG}), and a restored index has none at first",
            rule="adopt-later",
            next_step="Leave that tag out, and adopt the index when you have checked it.",
        )
    if name.startswith(PREFIX):
        raise RuleForbids(
            f"Names that begin with {PREFIX!r} belong to restore tests",
            rule="name-reserved",
            next_step="Choose another name.",
        )
    indexes = {index.name: index for index in control_plane.list_indexes()}
    known = ledger.restores()
    if name in indexes or any(_wants(record, name) for record in known):
        raise RuleForbids(
            f"An index named {name!r} exists already or is being restored, and a restore never "
            "overwrites one",
            rule="index-exists",
            next_step="Choose another name, or delete that index first if that is intended.",
        )
    backup = control_plane.describe_backup(backup_id)
    restore_id = f"restore-{context.run_id}"
    given = (backup.tags if tags is None else tags) or {}
    wanted = {**given, **restored_tags(context.owner, restore_id)}
    if len(wanted) > MOST_TAGS:
        raise RuleForbids(
            f"The new index would have {len(wanted)} tags, with those that say whose it is, and "
            f"Pinecone allows {MOST_TAGS}",
            rule="too-many-tags",
            next_step="Name the tags that the new index should have, some fewer.",
        )
    mover = Mover(
        context,
        control_plane,
        ledger,
        indexes,
        comparison(control_plane, ledger, clock=lambda: context.time.actual),
    )
    record = mover.save(
        None,
        RestoreRecord(
            restore_id=restore_id,
            kind=RestoreKind.REQUEST,
            step=RestoreStep.SELECTED,
            backup_id=backup_id,
            index_name=backup.index_name,
            index_id=backup.index_id,
            target_index_name=name,
            started_by=context.actor,
            started_at=context.time.actual,
            size_bytes=backup.size_bytes,
            record_count=backup.record_count,
            depth=depth,
            tags=wanted,
            deletion_protection=deletion_protection,
            read_capacity=read_capacity or {},
            expected_seconds=expected_seconds(measured(known), backup.size_bytes),
        ),
    )
    record = mover.advance(record, fresh=True)
    if record.result is RestoreResult.ABANDONED and restore_id in mover.errors:
        raise mover.errors[restore_id]
    return record


def adopt(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    document: PolicyDocument,
    *,
    name: str,
    policy: str,
) -> Index:
    """Give a restored index to a policy: from then on it is backed up like any other.

    Asking again changes nothing more. The tag that says which restore made the index stays.

    Raises:
        SubjectUnknown: There is no such index, or no such policy.
        RuleForbids: The index was not restored through this deployment, or has a policy already.
        PineconeError: Pinecone refused, or could not be asked.
        LedgerError: The ledger could not be read or written; asking again completes it.
    """
    if policy != OPT_OUT and document.policy(policy) is None:
        raise SubjectUnknown(
            f"The policy document has no policy {policy!r}",
            next_step="It has: " + ", ".join(each.name for each in document.policies),
        )
    try:
        index = control_plane.describe_index(name)
    except NotFound:
        raise SubjectUnknown(f"There is no index {name!r} in this project") from None
    restore_id = index.tags.get(RESTORE_TAG, "")
    record = ledger.restore(restore_id) if restore_id else None
    if not restore_id or (record is not None and record.test):
        raise RuleForbids(
            f"Index {name!r} was not restored for anybody through this deployment",
            rule="not-restored",
            next_step=f"Give it a policy with the tag {POLICY_TAG} or an assignment.",
        )
    if record is not None and record.step is not RestoreStep.DONE:
        raise RuleForbids(
            f"Index {name!r} is still being restored ({record.step})",
            rule="still-restoring",
            next_step="Adopt it when the restore is over.",
        )
    current = index.tags.get(POLICY_TAG, OPT_OUT)
    if current not in (OPT_OUT, policy):
        raise RuleForbids(
            f"Index {name!r} has policy {current!r} already",
            rule="has-policy",
            next_step=f"Change its tag {POLICY_TAG} to give it another one.",
        )
    if current != policy:
        index = control_plane.tag_index(name, {POLICY_TAG: policy})
    at = context.time.actual
    if record is not None and record.adopted_policy != policy:
        adopted = replace(record, adopted_policy=policy, adopted_by=context.actor, adopted_at=at)
        ledger.record_event(
            DomainEvent.of(
                "restore.adopted",
                f"{restore_id}|{policy}",
                project=context.project,
                at=at,
                restore_id=restore_id,
                index=name,
                policy=policy,
                actor=context.actor,
            )
        )
        ledger.save_restore(adopted)
    return index


def _wants(record: RestoreRecord, name: str) -> bool:
    return record.target_index_name == name and record.step is not RestoreStep.DONE
