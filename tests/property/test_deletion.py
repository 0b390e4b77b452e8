"""A deletion is written once: whatever comes later, who, when and why stay what they were."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.api.app import Api
from pinecone_backup.errors import (
    BackupError,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    Unavailable,
)
from pinecone_backup.model import PruneMode, RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.records import BaselineRecord, DeletionState, Run, RunState
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup.settings import ApiSettings
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.project_state import read_project_state
from pinecone_backup.usecases.prune import prune
from tests.support.api import CONTEXT, SETTINGS, MemoryContainer, api_event
from tests.support.backups import NOW, OWNER, MemoryControlPlane, backup, index, record
from tests.support.pruning import Objects, document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx import Client

    from pinecone_backup.model import Backup
    from pinecone_backup.ports import ControlPlane
    from pinecone_backup.records import DeletionRecord

COUNT = 6
POLICY = document(retention={"keep_last": 2}, floor=1)
OVERRULED = ",".join(safeguard for safeguard in Safeguard if safeguard.overrulable)
ANSWERS = ["202", "202 and slow", "404", "404 falsely", "412", "500", "lost", "lost and done"]


class Pinecone(MemoryControlPlane):
    """Answers its next deletions as ``answers`` says, and then as it should."""

    def __init__(self, backups: list[Backup]) -> None:
        super().__init__(backups, [index("docs")])
        self.answers: list[str] = []
        self.slow: set[str] = set()

    def settle(self) -> None:
        """What was accepted takes effect."""
        for backup_id in self.slow:
            self.backups.pop(backup_id, None)

    def delete_backup(self, backup_id: str) -> None:
        answer = self.answers.pop(0) if self.answers else "202"
        self.deletes.append(backup_id)
        self.describe_backup(backup_id)
        if answer == "412":
            raise PreconditionFailed("It is being restored")
        if answer == "500":
            raise Unavailable("Pinecone answered 500")
        if answer == "202 and slow":
            self.slow.add(backup_id)
        elif answer not in ("lost", "404 falsely"):
            del self.backups[backup_id]
        if answer.startswith("lost"):
            raise OutcomeUnknown("The connection was lost")
        if answer.startswith("404"):
            raise NotFound(f"Backup {backup_id} not found")


class World:
    """A project of one index with a backup a day, and all that is done to it."""

    def __init__(self) -> None:
        rows = [backup(f"b{day}", days_ago=day) for day in range(COUNT)]
        self.pinecone = Pinecone(rows)
        self.control_plane = cast("ControlPlane", self.pinecone)
        self.now = NOW
        self.runs = 0
        self.container = MemoryContainer(
            "http://127.0.0.1:9",
            ApiSettings.model_validate({**SETTINGS, "owner": OWNER}),
            document=POLICY,
            control_planes={"main": self.control_plane},
            clock=lambda: self.now,
            http=cast("Client", None),
        )
        self.api = Api(self.container)
        self.ledger = self.container.ledger()
        for row in rows:
            self.ledger.put_backup(record(row))
        self.ledger.put_run(
            Run(
                run_id="run-0",
                kind=RunKind.PRUNE,
                trigger=TriggerKind.SCHEDULE,
                actor="schedule",
                state=RunState.SUCCEEDED,
                time=NOW,
                started_at=NOW,
                policy_version="v1",
            )
        )
        self.ledger.put_baseline(BaselineRecord("v1", {"docs": "standard"}))

    def ask(self, method: str, path: str, **event: Any) -> tuple[int, Any]:
        answer = self.api(api_event(method, f"/v1/projects/main{path}", **event), CONTEXT)
        return answer["statusCode"], json.loads(answer["body"])

    def delete(self, backup_id: str, reason: str, actor: str, override: str) -> tuple[int, Any]:
        query = f"reason={reason}&override={override}"
        return self.ask("DELETE", f"/backups/{backup_id}?{query}", actor=f"arn:aws:{actor}")

    def prune(self, *meanwhile: tuple[str, str, str, str]) -> None:
        """A prune; ``meanwhile`` are DELETEs between its plan and its first deletion."""
        deletes, store = list(meanwhile), Objects()

        def when_planned() -> None:
            while deletes:
                self.now += timedelta(seconds=1)
                self.delete(*deletes.pop())

        store.before_put = when_planned
        services = PruneServices(
            control_plane=self.control_plane,
            ledger=self.ledger,
            store=store,
            policy_version=lambda _: POLICY,
            time_left=lambda: 900.0,
        )
        with suppress(BackupError):
            prune(
                self._context(RunKind.PRUNE),
                services,
                document=POLICY,
                policy_version="v1",
                mode=PruneMode.ENFORCE,
            )

    def confirm(self) -> None:
        """The reading of an audit, after all that was accepted took effect."""
        self.pinecone.settle()
        read_project_state(
            self._context(RunKind.AUDIT), self.control_plane, self.ledger, enough_time=lambda: True
        )

    def _context(self, kind: RunKind) -> RunContext:
        self.runs += 1
        time = RunTime(scheduled_at=self.now, actual=self.now)
        actor = f"schedule-{self.runs}"
        run_id = f"run-{self.runs}"
        return RunContext(run_id, kind, "main", OWNER, time, TriggerKind.SCHEDULE, actor)

    @property
    def final(self) -> dict[str, DeletionRecord]:
        """The deletions that happened, as the ledger gives them by id."""
        found = (self.ledger.deletion(f"b{day}") for day in range(COUNT))
        return {each.backup_id: each for each in found if each is not None and each.final}


IDS = st.integers(0, COUNT - 1).map("b{}".format)
DELETES = st.tuples(
    IDS,
    st.sampled_from(["first", "second", "third"]),
    st.sampled_from(["alice", "bob"]),
    st.sampled_from([OVERRULED, OVERRULED, "floor"]),
)
STEPS = st.one_of(
    st.tuples(st.just("delete"), DELETES),
    st.tuples(st.just("delete"), DELETES),
    st.tuples(st.just("prune"), st.lists(DELETES, max_size=1)),
    st.tuples(st.just("confirm"), st.none()),
)
FEWER = settings(max_examples=25)
"""A story is a whole deployment at work."""
STORIES = st.lists(
    st.tuples(STEPS, st.lists(st.sampled_from(ANSWERS), max_size=3), st.sampled_from([0, 1, 400])),
    max_size=5,
)
"""What is done, what Pinecone answers to the deletions of it, and the minutes until the next."""


def played(story: list[Any]) -> Iterator[World]:
    """The world before a story, and after each step of it; the same one."""
    world = World()
    yield world
    for (step, what), answers, minutes in story:
        world.pinecone.answers = list(answers)
        if step == "delete":
            world.delete(*what)
        elif step == "prune":
            world.prune(*what)
        else:
            world.confirm()
        yield world
        world.now += timedelta(minutes=minutes)


def at_the_end_of(story: list[Any]) -> World:
    return [*played(story)][-1]


def kept(world: World) -> dict[str, Any]:
    """The items about backups, deletions and runs."""
    kinds = ("BACKUP#", "DELETED#", "DELETION#", "RUN#")
    items = world.ledger.table.items
    return {key: item for key, item in items.items() if key.startswith(kinds)}


def written(deletion: DeletionRecord) -> DeletionRecord:
    """What is written once of a deletion."""
    return replace(deletion, state=DeletionState.UNKNOWN, error="", confirmed_at=None)


@FEWER
@given(STORIES)
def test_once_a_deletion_happened_only_its_state_error_and_confirmation_change(
    story: list[Any],
) -> None:
    before: dict[str, DeletionRecord] = {}
    confirmed: dict[str, datetime] = {}

    for world in played(story):
        now = world.final
        assert before.keys() <= now.keys()
        assert {key: written(now[key]) for key in before} == {
            key: written(each) for key, each in before.items()
        }
        assert {key: now[key].confirmed_at for key in confirmed} == confirmed
        before = now
        confirmed = {key: at for key, each in now.items() if (at := each.confirmed_at) is not None}


@FEWER
@given(STORIES, DELETES)
def test_a_repeated_delete_answers_with_the_record_and_changes_nothing(
    story: list[Any], again: tuple[str, str, str, str]
) -> None:
    world = at_the_end_of(story)
    for backup_id, deletion in world.final.items():
        before, calls = kept(world), list(world.pinecone.deletes)

        status, answer = world.delete(backup_id, *again[1:])

        assert status == 202
        assert (answer["run_id"], answer["comment"]) == (deletion.run_id, deletion.comment)
        assert answer == world.ask("GET", f"/deletions/{backup_id}")[1]
        assert world.pinecone.deletes == calls
        assert kept(world) == before


@FEWER
@given(STORIES)
def test_every_way_to_ask_for_a_deletion_says_the_same(story: list[Any]) -> None:
    world = at_the_end_of(story)
    listed = world.ledger.deletions(since=NOW)
    happened = {each.backup_id: each for each in listed if each.final}
    assert happened == world.final
    assert sum(each.final for each in listed) == len(happened)
    shown = {each["backup_id"]: each for each in world.ask("GET", "/deletions")[1]["data"][::-1]}
    for backup_id, deletion in happened.items():
        status, described = world.ask("GET", f"/deletions/{backup_id}")
        assert status == 200
        assert described == shown[backup_id]
        assert described["actor"] == deletion.actor
        assert described["comment"] == deletion.comment


@FEWER
@given(STORIES)
def test_the_run_of_a_persons_deletion_is_found(story: list[Any]) -> None:
    world = at_the_end_of(story)
    for deletion in world.ledger.deletions(since=NOW):
        if deletion.by_person:
            run = world.ledger.run(deletion.run_id)
            assert run is not None
            assert (run.kind, run.actor) == (RunKind.DELETE, deletion.actor)
            assert world.ask("GET", f"/runs/{deletion.run_id}")[0] == 200


@FEWER
@given(STORIES)
def test_every_backup_that_is_not_there_any_more_is_told_by_its_deletion(story: list[Any]) -> None:
    world = at_the_end_of(story)

    world.confirm()

    missing = {f"b{day}" for day in range(COUNT)} - world.pinecone.backups.keys()
    assert missing == world.final.keys()
    assert all(each.confirmed_at is not None for each in world.final.values())
