"""The indexes that restore tests make, and how they are told from every other index (rule R4).

A test's index says three times whose it is: by its name, which is made of the deployment, the
project and the restore; by the tag that names the restore; and by the tag that names the
deployment. Only what says so in all three ways is ours to delete.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from pinecone_backup.rules.policy import OPT_OUT, POLICY_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinecone_backup.model import Index

PREFIX = "restore-test-"
"""How the names of the indexes of tests begin."""
RESTORE_TAG = "backup-restore"
"""The tag that names the restore that made an index."""
OWNER_TAG = "backup-owner"
"""The tag that names the deployment."""
MOST_TAGS = 20
"""Tags that an index may have."""
_LONGEST_VALUE = 120
"""Characters that the value of a tag may have."""


def temporary_name(owner: str, project: str, restore_id: str) -> str:
    """The name of a test's index: always the same one, so that it can exist only once."""
    digest = sha256(f"{owner}|{project}|{restore_id}".encode()).hexdigest()
    return f"{PREFIX}{digest[:16]}"


def restored_tags(owner: str, restore_id: str) -> dict[str, str]:
    """The tags of every index that we restore: no policy has it, and whose it is."""
    return {
        POLICY_TAG: OPT_OUT,
        RESTORE_TAG: restore_id,
        OWNER_TAG: owner[:_LONGEST_VALUE],
    }


def restore_of(index: Index, *, owner: str, project: str) -> str:
    """The id of the test whose index this is; empty for every other index."""
    restore_id = index.tags.get(RESTORE_TAG, "")
    if not restore_id or index.name != temporary_name(owner, project, restore_id):
        return ""
    wanted = restored_tags(owner, restore_id)
    return restore_id if _within(wanted, index.tags) else ""


def made_by(index: Index, restore_id: str, backup_id: str) -> bool:
    """Whether an index was made by this restore of this backup, as far as it says itself."""
    return index.tags.get(RESTORE_TAG) == restore_id and index.source_backup_id in (None, backup_id)


def without_temporary(indexes: Iterable[Index], *, owner: str, project: str) -> Sequence[Index]:
    """The indexes that are people's: what backups, prunes and audits concern."""
    return [index for index in indexes if not restore_of(index, owner=owner, project=project)]


def _within(wanted: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    return all(tags.get(key) == value for key, value in wanted.items())
