"""Restores for tests: their records, and policies that test them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinecone_backup.records import RestoreKind, RestoreRecord, RestoreStep
from pinecone_backup.rules.policy import PolicyDocument, validate_policy
from tests.support.backups import NOW

if TYPE_CHECKING:
    from collections.abc import Mapping


def restore_record(restore_id: str = "restore-1", **properties: Any) -> RestoreRecord:
    """A restore of backup ``b1`` into ``docs-2``, which Pinecone has just begun."""
    begun = RestoreRecord(
        restore_id=restore_id,
        kind=RestoreKind.REQUEST,
        step=RestoreStep.RESTORING,
        backup_id="b1",
        index_name="docs",
        index_id="id-of-docs",
        target_index_name="docs-2",
        started_by="alice",
        started_at=NOW,
        job_id="job-1",
        status="Pending",
        accepted_at=NOW,
    )
    return replace(begun, **properties)


def with_restore_tests(
    restore_test: Mapping[str, Any] | None = None, **policy: Any
) -> PolicyDocument:
    """A document whose one policy tests restores every week, by counts unless told otherwise."""
    loose = {"count": 10_000, "percent": 100}
    return validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [
                {
                    "name": "hourly",
                    "cron": "0 * * * *",
                    "max_age": "9h",
                    "retention": {"keep_last": 3},
                    "restore_test": {"every": "7d", "depth": "counts", **(restore_test or {})},
                    **policy,
                }
            ],
            "assignments": [{"policy": "hourly"}],
            "limits": {"per_run": loose, "per_index": loose},
        }
    )
