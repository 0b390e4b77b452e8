"""How long planning takes and how much memory it needs, by number of backups.

``python -m benchmarks.plan [COUNT ...]`` plans 1,000, 10,000 and 100,000 backups, each in a
process of its own. Timed is everything between a listing in memory and a finished plan: the
inventory, the verdicts, the plan and its digest. The peak is the process's own, rows included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from pinecone_backup.model import Backup, Index, IndexKind, Moment, Status
from pinecone_backup.rules.inventory import take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan import Facts, make_plan
from pinecone_backup.rules.policy import validate_policy
from pinecone_backup.rules.verdict import judge

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


def plan(count: int) -> dict[str, float]:
    """Plan once; seconds, and the process's peak in MiB."""
    listing = rows(count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    indexes = [
        Index(name, IndexKind.SERVERLESS, "Ready", ready=True)
        for name in sorted({row.index_name for row in listing})
    ]
    start = time.perf_counter()
    inventory = take_inventory(listing, records={}, owner=OWNER, clock=NOW)
    taken = time.perf_counter()
    judged = judge(inventory, shrink_percent={}, clock=NOW)
    decided = time.perf_counter()
    made = make_plan(
        Facts("main", judged.inventory, indexes, DOCUMENT, "v1", Moment(now=NOW, clock=NOW))
    )
    end = time.perf_counter()
    assert len(made.items) == count
    return {
        "seconds": end - start,
        "inventory": taken - start,
        "verdicts": decided - taken,
        "plan": end - decided,
        "listing_mib": before,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(counts: list[int]) -> None:
    print("  backups   seconds  inventory  verdicts     plan   us/backup    peak   of it listing")
    for count in counts:
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.plan", "--one", str(count)],
            check=True,
            capture_output=True,
            text=True,
        )
        figures = json.loads(answer.stdout)
        print(
            f"{count:9,} {figures['seconds']:9.3f} {figures['inventory']:10.3f} "
            f"{figures['verdicts']:9.3f} {figures['plan']:8.3f} "
            f"{figures['seconds'] / count * 1e6:11.2f} {figures['peak_mib']:6.0f}M "
            f"{figures['listing_mib']:10.0f}M"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(plan(int(sys.argv[2]))))
    else:
        main([int(argument) for argument in sys.argv[1:]] or [1_000, 10_000, 100_000])
