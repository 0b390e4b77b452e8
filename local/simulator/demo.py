"""A project with a little history, for trying things out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from local.simulator.schema import vector_fields
from local.simulator.state import Kind

if TYPE_CHECKING:
    from local.simulator.simulator import Simulator


def seed_demo(simulator: Simulator) -> None:
    """Fill the project ``default``: healthy, troubled, orphaned and unsupported indexes."""
    project, now = simulator.project, simulator.clock.now()
    year = now - timedelta(days=365)
    project.seed_index("products", created_at=year, records=120_000, tags={"tier": "gold"})
    project.seed_index(
        "articles",
        created_at=year,
        records=8_000,
        fields=vector_fields(embed_model="multilingual-e5-large"),
    )
    project.seed_index("legacy-pods", created_at=year, kind=Kind.POD, records=500)
    for days in range(14, 0, -1):
        at = now - timedelta(days=days)
        project.seed_backup(
            "products", name=f"nightly-{at:%Y%m%d}", created_at=at, record_count=120_000 - days
        )
    project.seed_backup("articles", name="before-import", created_at=now - timedelta(days=3))
    project.seed_backup(
        "articles", created_at=now - timedelta(days=2), status="InitializationFailed"
    )
    deleted_at = now - timedelta(days=40)
    project.seed_index("old-catalog", created_at=year, deleted_at=deleted_at, records=900)
    project.seed_backup("old-catalog", name="final", created_at=deleted_at - timedelta(days=1))
    project.create_schedule("articles", name="weekly", frequency="weekly", retention_days=30)
