"""A prune that is cut off at any of its calls, and the run after it.

The outside is in memory and every call of it can be made to fail in turn: before it took effect,
after it took effect, or together with the whole process. The run after that must end where an
uninterrupted one ends, and in between the ledger must not say anything that is not so.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pinecone_backup.errors import BackupError
from pinecone_backup.model import (
    PruneMode,
    RestoreJob,
    RunContext,
    RunKind,
    RunTime,
    Status,
    TriggerKind,
)
from pinecone_backup.records import (
    DeletionRecord,
    DeletionState,
    Hold,
    HoldScope,
    PlanApproval,
    PlanState,
    Run,
    RunState,
)
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import prune
from tests.support.backups import NOW, OWNER, MemoryControlPlane, backup, index
from tests.support.container import MemoryObjects
from tests.support.fuse import Fuse, Fused, Killed, control_plane_error, ledger_error, store_error
from tests.support.ledger import MemoryLedger
from tests.support.pruning import document

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = document(retention={"keep_daily": 3}, orphans={"after": 30})


class World:
    """A project with something of everything, after its first (dry) run."""

    def __init__(self) -> None:
        rows = [
            *(backup(f"docs-{day:02}", days_ago=day) for day in range(8)),
            *(backup(f"shop-{day:02}", days_ago=day, index="shop") for day in range(6)),
            backup("docs-empty", days_ago=0.5, record_count=0),
            backup("docs-failed", days_ago=20, status=Status.FAILED),
            backup("docs-manual", days_ago=100, owner=None, name="by-hand"),
            *(
                backup(
                    f"old-{day:02}",
                    days_ago=100 + day,
                    index="old",
                    index_deleted_at=NOW - timedelta(days=90),
                )
                for day in range(3)
            ),
        ]
        self.control_plane = MemoryControlPlane(rows, [index("docs"), index("shop")])
        self.control_plane.jobs.append(
            RestoreJob("job-1", "shop-04", "restored", "id-restored", "Pending", NOW)
        )
        self.ledger = MemoryLedger()
        self.ledger.put_hold(
            Hold("hold-1", HoldScope.BACKUP, "docs-06", "quarterly audit", "alice", NOW)
        )
        self.objects = MemoryObjects()
        self.runs = 0
        self.run(mode=PruneMode.DRY_RUN)
        # An earlier run was cut off right after a deletion took effect.
        known = self.ledger.backups()["docs-07"]
        self.control_plane.delete_backup("docs-07")
        self.control_plane.deletes.clear()
        intended = DeletionRecord(
            "docs-07", "docs", known.index_id, DeletionState.UNKNOWN, NOW, "run-0", "schedule"
        )
        self.ledger.put_deletion(known, intended, over=known)

    def run(self, fuse: Fuse | None = None, *, mode: PruneMode = PruneMode.ENFORCE) -> None:
        fuse = fuse or Fuse()
        self.runs += 1
        actual = NOW + timedelta(minutes=self.runs)
        context = RunContext(
            f"run-{self.runs}",
            RunKind.PRUNE,
            "main",
            OWNER,
            RunTime(scheduled_at=NOW, actual=actual),
            TriggerKind.SCHEDULE,
            "schedule",
        )
        outcome = prune(
            context,
            PruneServices(
                control_plane=Fused(self.control_plane, fuse, control_plane_error),
                ledger=Fused(self.ledger, fuse, ledger_error),
                store=Fused(self.objects, fuse, store_error),
                policy_version=lambda _: DOCUMENT,
                time_left=lambda: 900.0,
            ),
            document=DOCUMENT,
            policy_version="v1",
            mode=mode,
        )
        self.ledger.put_run(
            Run(
                context.run_id,
                RunKind.PRUNE,
                TriggerKind.SCHEDULE,
                "schedule",
                outcome.state,
                NOW,
                actual,
                policy_version="v1",
                summary=outcome.summary,
            )
        )

    def approve_everything(self) -> None:
        """A person approves what the last plan had to go."""
        plan = self.ledger.plans()[0]
        approval = PlanApproval("ada", "read it", NOW, NOW + timedelta(days=30))
        approved = replace(plan, state=PlanState.APPROVED, approvals=(approval,))
        self.ledger.put_plan(approved, over=plan)


def calls_of(prepare: Callable[[World], None], mode: PruneMode) -> list[str]:
    fuse = Fuse()
    world = World()
    prepare(world)
    world.run(fuse, mode=mode)
    return fuse.calls


def nothing(world: World) -> None:
    """No approval."""


def approved(world: World) -> None:
    world.run(mode=PruneMode.APPROVE)
    world.approve_everything()


SCENES = {
    "enforced": (nothing, PruneMode.ENFORCE),
    "approved": (approved, PruneMode.APPROVE),
}
CASES = [
    pytest.param(scene, number, after_effect, kill, id=f"{scene}-{number}-{name}-{when}-{how}")
    for scene, (prepare, mode) in SCENES.items()
    for number, name in enumerate(calls_of(prepare, mode))
    for after_effect, when in ((False, "before"), (True, "after"))
    for kill, how in ((False, "error"), (True, "killed"))
]


def undisturbed(scene: str) -> set[str]:
    prepare, mode = SCENES[scene]
    world = World()
    prepare(world)
    world.run(mode=mode)
    return set(world.control_plane.backups)


ENDS = {scene: undisturbed(scene) for scene in SCENES}


def test_the_undisturbed_runs_end_as_the_rules_say() -> None:
    docs = {"docs-00", "docs-01", "docs-02", "docs-06", "docs-empty", "docs-manual"}
    shop = {"shop-00", "shop-01", "shop-02", "shop-04"}

    assert ENDS["enforced"] == docs | shop | {"old-00"}
    assert ENDS["approved"] == docs | shop


@pytest.mark.parametrize(("scene", "number", "after_effect", "kill"), CASES)
def test_a_run_cut_off_at_any_call_is_made_good_by_the_next(
    scene: str, number: int, after_effect: bool, kill: bool
) -> None:
    """D5, D6: the next run ends as an uninterrupted one; in between the ledger says the truth."""
    prepare, mode = SCENES[scene]
    world = World()
    prepare(world)
    before = set(world.control_plane.backups)

    with contextlib.suppress(BackupError, Killed):
        world.run(Fuse(number, after_effect, kill), mode=mode)

    there = set(world.control_plane.backups)
    assert there >= ENDS[scene], "an interrupted run must not delete what a whole one keeps"
    assert len(world.control_plane.deletes) == len(set(world.control_plane.deletes)), (
        "nothing is asked twice"
    )
    for backup_id, known in world.ledger.backups().items():
        state = known.deletion.state if known.deletion else None
        if state in (DeletionState.ACCEPTED, DeletionState.DELETED):
            assert backup_id not in there
        if backup_id in before - there:
            assert state in (DeletionState.UNKNOWN, DeletionState.ACCEPTED)

    world.run(mode=mode)

    assert set(world.control_plane.backups) == ENDS[scene]
    world.run(mode=mode)
    deleted = sorted(
        event.data["backup_id"] for event in world.ledger.events if event.type == "backup.deleted"
    )
    assert deleted == sorted({*before, "docs-07"} - ENDS[scene]), "each deletion is announced once"
    assert set(world.ledger.backups()) <= ENDS[scene]
    last = world.ledger.last_completed(RunKind.PRUNE)
    assert last is not None
    assert last.state is RunState.SUCCEEDED
