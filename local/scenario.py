"""The project that the guided day looks after, and its policy.

One Pinecone project with a year behind it: healthy indexes and troubled ones, backups of ours
that nobody has pruned yet, and some that are none of our business.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.simulator.state import Kind
from pinecone_backup.rules.marker import Marker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.simulator import Simulator
    from local.simulator.seeding import SeedableProject
    from local.simulator.state import Backup

START = datetime(2030, 6, 20, tzinfo=UTC)
"""The simulated day, a Thursday. It lies ahead of real time because the ledger's items expire by
the real clock."""
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RECORDS = 120_000

POLICY: dict[str, Any] = {
    "version": 1,
    "projects": [{"name": "main", "quota": 150}],
    "policies": [
        {
            "name": "gold",
            "cron": "0 3 * * *",
            "timezone": "Europe/Berlin",
            "retention": {
                "keep_within": "2d",
                "keep_daily": 7,
                "keep_weekly": 4,
                "keep_monthly": 12,
            },
            "floor": 3,
            "max_age": "26h",
            "priority": 10,
            "restore_test": {"every": "7d", "depth": "counts", "at_once": 2},
        },
        {
            "name": "silver",
            "cron": "30 */6 * * *",
            "timezone": "UTC",
            "retention": {"keep_last": 4, "keep_daily": 5},
            "floor": 2,
            "max_age": "8h",
        },
        {
            "name": "archive",
            "cron": "0 5 1 * *",
            "timezone": "UTC",
            "retention": {"expire_after_days": 180, "min_count": 3},
            "floor": 3,
            "max_age": "35d",
        },
    ],
    "assignments": [
        {"index": "products*", "policy": "gold"},
        {"tags": {"tier": "silver"}, "policy": "silver"},
        {"index": "papers", "policy": "archive"},
    ],
    "limits": {
        "per_run": {"count": 60, "percent": 60},
        "per_index": {"count": 40, "percent": 70},
    },
}

EXPECTED_POLICY = {
    "articles": "silver",
    "invoices": "gold",
    "papers": "archive",
    "products": "gold",
    "search": "silver",
}
"""The indexes that the day begins with and that are backed up."""


def seed(simulator: Simulator, owner: str) -> None:
    """Fill the project ``default``; the clock stands at ``START`` afterwards.

    Args:
        simulator: An empty one.
        owner: The deployment that made the earlier backups.
    """
    simulator.clock.set(START)
    simulator.clock.freeze()
    simulator.behaviour.backup_seconds = 20 * 60
    project = simulator.project
    year = START - 365 * DAY

    project.seed_index("products", created_at=year, records=RECORDS, tags={"team": "shop"})
    ours(project, owner, "products", "gold", _thinned(START - DAY + HOUR))

    project.seed_index("search", created_at=year, records=40_000, tags={"tier": "silver"})
    every_six_hours = (START - number * 6 * HOUR - HOUR * 5.5 for number in range(20))
    ours(project, owner, "search", "silver", every_six_hours, records=40_000)
    project.seed_backup(
        "search",
        name="before-migration",
        description="Taken by hand before the March migration",
        created_at=START - 100 * DAY,
        record_count=38_000,
    )
    ours(project, "staging-backup", "search", "silver", [START - 3 * DAY], records=40_000)

    project.seed_index(
        "invoices", created_at=year, records=9_000, tags={"backup-policy": "gold", "team": "money"}
    )
    nights = [START - number * DAY + HOUR for number in range(3, 10)]
    ours(project, owner, "invoices", "gold", nights, records=9_000)
    ours(project, owner, "invoices", "gold", [START - 2 * DAY + HOUR], status="Failed")
    ours(project, owner, "invoices", "gold", [START - DAY + HOUR], status="Initializing")

    project.seed_index("papers", created_at=year, records=3_000)
    months = [START.replace(month=month, day=1) + 5 * HOUR for month in range(1, 7)]
    months += [datetime(2029, month, 1, 5, tzinfo=UTC) for month in (9, 10, 11, 12)]
    ours(project, owner, "papers", "archive", sorted(months), records=3_000)

    reborn = START - DAY
    project.seed_index("articles", created_at=year, deleted_at=reborn, records=8_000)
    past = [reborn - number * 6 * HOUR for number in range(1, 5)]
    ours(project, owner, "articles", "silver", past, records=8_000)
    project.seed_index("articles", created_at=reborn, records=8_200, tags={"tier": "silver"})

    deleted = START - 40 * DAY
    project.seed_index("old-catalog", created_at=year, deleted_at=deleted, records=900)
    ours(project, owner, "old-catalog", "gold", [deleted - DAY, deleted - 2 * DAY], records=900)

    project.seed_index("sessions", created_at=year, records=500, tags={"backup-policy": "none"})
    project.seed_index("experiments", created_at=year, records=70)
    project.seed_index("legacy-pods", created_at=year, kind=Kind.POD, tags={"tier": "silver"})


def ours(
    project: SeedableProject,
    owner: str,
    index: str,
    policy: str,
    slots: Iterable[datetime],
    *,
    records: int | None = RECORDS,
    status: str = "Ready",
) -> list[Backup]:
    """Backups as a deployment of ours would have made them, a few minutes after their slots."""
    made = []
    for slot in slots:
        marker = Marker(owner, policy, slot, f"{slot:%Y%m%dt%H%M%Sz}-create-5eed00", 1)
        ready = status == "Ready"
        made.append(
            project.seed_backup(
                index,
                name=marker.name_for(index),
                description=str(marker),
                created_at=slot + timedelta(minutes=7),
                status=status,
                record_count=records if ready else None,
            )
        )
    return made


def _thinned(newest: datetime) -> list[datetime]:
    """Daily for a month, weekly for a quarter, monthly for a year: what nobody has pruned."""
    days = [newest - number * DAY for number in range(30)]
    weeks = [newest - number * 7 * DAY for number in range(5, 13)]
    months = [newest - number * 30 * DAY for number in range(4, 12)]
    return [*days, *weeks, *months]
