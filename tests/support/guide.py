"""The examples of Pinecone's guide "Create a backup", as data.

They hold the traps that a reader of this API meets: nine digits of a second's fraction, two
``created_at`` for one backup, and one ``backup_id`` under two indexes.
"""

from __future__ import annotations

from typing import Any

DOCS_EXAMPLE = "docs-example"
BACKUP_ID = "8c85e612-ed1c-4f97-9f8c-8194e07bcf71"
INDEX_ID = "f73b36c9-faf5-4a2c-b1d6-4013d8b1cc74"
DESCRIPTION = "Monthly backup of production index"


def _example(**changed: object) -> dict[str, Any]:
    return {
        "backup_id": BACKUP_ID,
        "source_index_name": DOCS_EXAMPLE,
        "source_index_id": INDEX_ID,
        "status": "Ready",
        "cloud": "aws",
        "region": "us-east-1",
        "tags": {},
        "name": "example-backup",
        "description": DESCRIPTION,
        "dimension": 1024,
        "record_count": 98,
        "namespace_count": 3,
        "size_bytes": 1069169,
        **changed,
    }


CREATED = _example(created_at="2025-05-15T00:52:10.809305882Z")
DESCRIBED = _example(created_at="2025-05-15T00:52:10.809354Z")
LISTED_FOR_INDEX = [_example(created_at="2025-05-15T00:52:10.809305882Z")]
LISTED_FOR_PROJECT = [
    _example(created_at="2025-05-15T20:26:21.248515Z"),
    _example(
        backup_id="95707edb-e482-49cf-b5a5-312219a51a97",
        source_index_name="docs-example2",
        source_index_id="b49f27d1-1bf3-49c6-82b5-4ae46f00f0e6",
        name="example-backup2",
        record_count=97,
        namespace_count=2,
        created_at="2025-05-15T00:52:10.809354Z",
    ),
    _example(
        source_index_name="docs-example3",
        name="example-backup3",
        created_at="2025-05-14T16:37:25.625540Z",
    ),
]
DELETED_ID = "9947520e-d5a1-4418-a78d-9f464c9969da"
SCHEDULE_REQUEST = {
    "name": "my-nightly-backup",
    "schedule": {"type": "time-based", "frequency": "daily"},
    "retention": {"expire_after_days": 7},
}
SCHEDULE_VERSION = "unstable"
