"""How long planning takes and how much memory it needs, by number of backups.

``python -m benchmarks.plan [COUNT ...]`` plans 1,000, 10,000 and 100,000 backups, each in a
process of its own. Timed is everything between a listing and a ledger in memory and a finished
plan: the inventory, the verdicts that are due, the plan and its digest. The peak is the whole
process's: the interpreter, the listing and the ledger's records included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pinecone_backup.model import Backup, Index, IndexKind, RunTime, Status
from pinecone_backup.rules.inventory import take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan import make_plan
from pinecone_backup.rules.plan_facts import Facts
from pinecone_backup.rules.policy import validate_policy
from pinecone_backup.rules.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinecone_backup.records import BackupRecord

OWNER = "benchmark"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PER_INDEX = 500
DOCUMENT = validate_policy(
    {
        "projects": [{"name": "main"}],
        "policies": [
            {
                "name": "standard",
                "cron": "0 */6 * * *",
                "timezone": "Europe/Berlin",
                "retention": {
                    "keep_hourly": 24,
                    "keep_daily": 14,
                    "keep_weekly": 8,
                    "keep_monthly": 12,
                    "keep_within": "2m",
                },
                "max_age": "12h",
            }
        ],
        "assignments": [{"policy": "standard"}],
    }
)


def rows(count: int) -> list[Backup]:
    made = []
    for number in range(count):
        index, age = divmod(number, PER_INDEX)
        name = f"index-{index:04}"
        created = NOW - timedelta(hours=6 * age, minutes=index % 60)
        marker = Marker(OWNER, "standard", created, f"run-{age:05}", 1)
        made.append(
            Backup(
                backup_id=f"{index:08x}-0000-4000-8000-{age:012x}",
                index_name=name,
                index_id=f"id-{index:04}",
                status=Status.READY,
                status_text="Ready",
                created_at=created,
                name=marker.name_for(name),
                description=str(marker),
                record_count=1000 + age % 7,
                size_bytes=1_000_000,
            )
        )
    return made


def measured(count: int) -> dict[str, float]:
    """Plan twice, before and after the verdicts are known; CPU seconds, and peaks in MiB."""
    listing = rows(count)
    indexes = [
        Index(name, IndexKind.SERVERLESS, "Ready", ready=True)
        for name in sorted({row.index_name for row in listing})
    ]
    first, records = planned(listing, {}, indexes)
    del first["peak_mib"]
    again, _ = planned(listing, records, indexes)
    return again | {"first": first["seconds"]}


def planned(
    listing: list[Backup], records: Mapping[str, BackupRecord], indexes: list[Index]
) -> tuple[dict[str, float], Mapping[str, BackupRecord]]:
    start = time.process_time()
    inventory = take_inventory(listing, records=records, owner=OWNER, now=NOW)
    taken = time.process_time()
    judged = judge(inventory, shrink_percent={}, now=NOW)
    made = make_plan(
        Facts(
            "main", judged.inventory, indexes, DOCUMENT, "v1", RunTime(scheduled_at=NOW, actual=NOW)
        )
    )
    end = time.process_time()
    assert len(made.items) == len(listing)
    figures = {
        "seconds": end - start,
        "inventory": taken - start,
        "plan": end - taken,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    return figures, {record.backup_id: record for record in judged.records}


def main(counts: list[int]) -> None:
    print("  backups  CPU s  inventory   plan  us/backup  peak MiB  CPU s with all verdicts new")
    for count in counts:
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.plan", "--one", str(count)],
            check=True,
            capture_output=True,
            text=True,
        )
        figures = json.loads(answer.stdout)
        print(
            f"{count:9,} {figures['seconds']:6.3f} {figures['inventory']:10.3f} "
            f"{figures['plan']:6.3f} {figures['seconds'] / count * 1e6:10.2f} "
            f"{figures['peak_mib']:9.0f} {figures['first']:28.3f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(int(sys.argv[2]))))
    else:
        main([int(argument) for argument in sys.argv[1:]] or [1_000, 10_000, 100_000])
