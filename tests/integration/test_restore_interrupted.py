"""Restores that are cut off at any of their calls, and the ticks after that.

The outside is in memory and every call of it can be made to fail in turn: before it took effect,
after it took effect, or together with the whole process. The ticks after that must end where
undisturbed ones end: one index was ever made, and a test's is not left behind.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.errors import BackupError, Conflict, NotFound, OutcomeUnknown
from pinecone_backup.model import (
    Index,
    IndexKind,
    RestoreJob,
    RunContext,
    RunKind,
    RunTime,
    Statistics,
    TriggerKind,
    Usage,
)
from pinecone_backup.records import RestoreResult, RestoreStep
from pinecone_backup.usecases.requests.restore import restore
from pinecone_backup.usecases.restore_test import run_restores
from pinecone_backup.usecases.restores import comparison
from tests.support.backups import NOW, OWNER, MemoryControlPlane, backup, index, record
from tests.support.fuse import Fuse, Fused, Killed, control_plane_error, ledger_error
from tests.support.ledger import MemoryLedger
from tests.support.restores import with_restore_tests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinecone_backup.model import Backup

DOCUMENT = with_restore_tests()
QUARTER = timedelta(minutes=15)


class MemoryDataPlane:
    """A sound index, of which only the number of records is asked."""

    usage = Usage()

    def statistics(self) -> Statistics:
        return Statistics(1000, {"__default__": 1000})


class RestoringControlPlane(MemoryControlPlane):
    """Restores that are over a quarter of an hour after they began."""

    def __init__(self, backups: list[Backup], indexes: list[Index]) -> None:
        super().__init__(backups, indexes)
        self.now = NOW
        self.made: list[str] = []

    def list_indexes(self) -> list[Index]:
        return [self._seen(each) for each in self.indexes]

    def describe_index(self, name: str) -> Index:
        for each in self.list_indexes():
            if each.name == name:
                return each
        raise NotFound(f"Index {name} not found")

    def restore(
        self, backup_id: str, *, name: str, tags: Mapping[str, str], **_: Any
    ) -> RestoreJob:
        self.describe_backup(backup_id)
        if any(each.name == name for each in self.indexes):
            raise Conflict(f"Index {name} exists")
        self.made.append(name)
        self.indexes.append(
            Index(name, IndexKind.SERVERLESS, "", False, tags=tags, source_backup_id=backup_id)
        )
        self.jobs.append(RestoreJob(f"job-{name}", backup_id, name, "id", "Pending", self.now))
        return self.jobs[-1]

    def describe_restore_job(self, job_id: str) -> RestoreJob:
        for job in self.jobs:
            if job.job_id == job_id:
                return self._followed(job)
        raise NotFound(f"Job {job_id} not found")

    def delete_index(self, name: str) -> None:
        self.describe_index(name)
        self.indexes = [each for each in self.indexes if each.name != name]

    def data_plane(self, _: Index) -> MemoryDataPlane:
        return MemoryDataPlane()

    def _followed(self, job: RestoreJob) -> RestoreJob:
        over = (job.created_at or NOW) + QUARTER
        if self.now < over:
            return job
        return replace(job, status="Completed", completed_at=over)

    def _seen(self, each: Index) -> Index:
        if each.source_backup_id is None:
            return each
        job = next(job for job in self.jobs if job.target_index_name == each.name)
        ready = not self._followed(job).unfinished
        return replace(each, state="Ready" if ready else "Initializing", ready=ready)


def error_of(name: str) -> BackupError:
    if name in ("restore", "delete_index"):
        return OutcomeUnknown("The connection was lost")
    return control_plane_error(name)


class World:
    """One index with one good backup."""

    def __init__(self) -> None:
        good = backup("b1", days_ago=1)
        self.control_plane = RestoringControlPlane([good], [index("docs")])
        self.ledger = MemoryLedger()
        self.ledger.put_backup(record(good))
        self.ticks = 0

    def context(self) -> RunContext:
        self.ticks += 1
        now = NOW + self.ticks * QUARTER
        self.control_plane.now = now
        return RunContext(
            f"run-{self.ticks}",
            RunKind.RESTORE_TEST,
            "main",
            OWNER,
            RunTime(now, now),
            TriggerKind.SCHEDULE,
            "alice",
        )

    def tick(self, fuse: Fuse) -> None:
        control_plane = Fused(self.control_plane, fuse, error_of)
        run_restores(
            self.context(),
            control_plane,
            Fused(self.ledger, fuse, ledger_error),
            DOCUMENT,
            look_at=comparison(control_plane, self.ledger, clock=lambda: self.control_plane.now),
            time_left=lambda: 900.0,
        )

    def ask(self, fuse: Fuse) -> None:
        """Somebody asks for a restore."""
        restore(
            self.context(),
            Fused(self.control_plane, fuse, error_of),
            Fused(self.ledger, fuse, ledger_error),
            backup_id="b1",
            name="docs-2",
        )

    def go_on(self, fuse: Fuse, ticks: int) -> None:
        for _ in range(ticks):
            with contextlib.suppress(BackupError):
                self.tick(fuse)


def one_test(world: World, fuse: Fuse) -> None:
    """All calls of a test, from its beginning to its end."""
    world.go_on(fuse, 4)


def one_request(world: World, fuse: Fuse) -> None:
    """All calls of a restore that somebody asks for, of a backup that was tested already."""
    with contextlib.suppress(BackupError):
        world.ask(fuse)
    world.go_on(fuse, 4)


SCENES = {"test": one_test, "request": one_request}


def calls_of(scene: str) -> list[str]:
    fuse = Fuse()
    SCENES[scene](World(), fuse)
    return fuse.calls


CASES = [
    pytest.param(scene, number, after_effect, kill, id=f"{scene}-{number}-{name}-{when}-{how}")
    for scene in SCENES
    for number, name in enumerate(calls_of(scene))
    for after_effect, when in ((False, "before"), (True, "after"))
    for kill, how in ((False, "error"), (True, "killed"))
]


@pytest.mark.parametrize(("scene", "number", "after_effect", "kill"), CASES)
def test_a_restore_cut_off_at_any_call_is_made_good_by_the_next_ticks(
    scene: str, number: int, after_effect: bool, kill: bool
) -> None:
    """R1, R4: one index is ever made for a restore; a test's is deleted, a request's stays."""
    world = World()
    with contextlib.suppress(Killed):
        SCENES[scene](world, Fuse(number, after_effect, kill))
    asked = any(each.target_index_name == "docs-2" for each in world.ledger.restores())

    for _ in range(6):
        world.tick(Fuse())

    assert len(world.control_plane.made) == len(set(world.control_plane.made))
    assert {each.name for each in world.control_plane.indexes} == {"docs", *["docs-2"] * asked}
    records = world.ledger.restores()
    assert sorted(world.control_plane.made) == sorted(each.target_index_name for each in records)
    assert {(each.step, each.result) for each in records} == {
        (RestoreStep.DONE, RestoreResult.SUCCEEDED)
    }
    assert world.ledger.backups()["b1"].restore_tested is True
    events = [(event.type, event.data["restore_id"]) for event in world.ledger.events]
    expected = [
        (kind, each.restore_id)
        for each in records
        for kind in (
            ["restore_test.succeeded"] if each.test else ["restore.started", "restore.completed"]
        )
    ]
    assert sorted(events) == sorted(expected), "each step is announced once"
