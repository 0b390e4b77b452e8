"""Carrying out a plan, so that it can be cut off at any call and the next run makes it good.

- Before each call that deletes, the ledger says ``unknown``; after it, what came of it. In
  between the ledger says the truth: it may have happened (rule D6).
- Before the first deletion in an index, its incarnation is asked for (I1), its newest good
  backup is described (D5), and the holds are read once more (D1).
- Within an index the newest goes first, so what an interrupted run leaves is what the next plan
  deletes anyway (rule D5).
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import BackupError, NotFound, OutcomeUnknown, PreconditionFailed
from pinecone_backup.model import Status
from pinecone_backup.records import Deletion, DeletionState
from pinecone_backup.rules.containment import protects
from pinecone_backup.usecases.findings import unexpected_problem
from pinecone_backup.usecases.gone import deleted_event
from pinecone_backup.usecases.listing import active_incarnation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import ControlPlane, Ledger, ObjectStore
    from pinecone_backup.rules.plan import Facts, Plan, PlanItem, PlannedIndex
    from pinecone_backup.rules.policy import PolicyDocument

_LOG = logging.getLogger(__name__)
STOP_BEFORE = 75.0
"""Seconds before the function's end at which no further call is begun; one call with all its
repetitions takes up to a minute."""
WORKERS = 4
"""Indexes pruned at a time."""


@dataclass(frozen=True, slots=True)
class PruneServices:
    """What a prune works with.

    Attributes:
        policy_version: Reads an earlier version of the policy document (rule D3).
        time_left: Seconds until the function must have ended.
        workers: Indexes pruned at a time.
    """

    control_plane: ControlPlane
    ledger: Ledger
    store: ObjectStore
    policy_version: Callable[[str], PolicyDocument]
    time_left: Callable[[], float]
    workers: int = WORKERS


class Deletions:
    """Carries out the chosen part of a plan: several indexes at a time, each in order.

    Attributes:
        deleted: Ids accepted by Pinecone, or gone already.
        skipped: Ids that a restore reads (412).
        failed: Why each of these could not be deleted, by id.
        deferred: Ids left to the next run because time ran out.
        skipped_indexes: Why an index was left out, by name.
        changed: Names whose active incarnation is not the planned one, with what was found (I1).
        unexpected: What broke at an index, by its name; the other indexes went on.
    """

    def __init__(
        self,
        context: RunContext,
        services: PruneServices,
        facts: Facts,
        plan: Plan,
        chosen: frozenset[str],
    ) -> None:
        self._plan = plan
        self.deleted: list[str] = []
        self.skipped: list[str] = []
        self.failed: dict[str, str] = {}
        self.deferred: list[str] = []
        self.skipped_indexes: dict[str, str] = {}
        self.changed: dict[str, str] = {}
        self.unexpected: dict[str, str] = {}
        self._context = context
        self._services = services
        self._facts = facts
        self._chosen = chosen
        self._broken = threading.Event()

    @property
    def complete(self) -> bool:
        """Whether something was to go and all of it is deleted: nothing waits, nothing failed."""
        to_go = {item.backup_id for item in self._plan.to_go}
        return bool(to_go) and to_go == set(self.deleted)

    def carry_out(self) -> None:
        """Delete; the first error of the ledger stops everything and is raised."""
        work: dict[str, list[PlanItem]] = {}
        for item in self._plan.to_go:
            if item.backup_id in self._chosen:
                work.setdefault(item.index_id, []).append(item)
        if not work:
            return
        indexes = {index.index_id: index for index in self._plan.indexes}
        with ThreadPoolExecutor(min(self._services.workers, len(work))) as pool:
            running = [
                pool.submit(self._index, indexes[index_id], items)
                for index_id, items in work.items()
            ]
        for future in running:
            future.result()

    def _index(self, index: PlannedIndex, items: Sequence[PlanItem]) -> None:
        try:
            if self._out_of_time():
                self.deferred.extend(item.backup_id for item in items)
                return
            doubt = self._doubt(index)
            if doubt:
                self.skipped_indexes[index.index_name] = doubt
                return
            self._delete_in_order(items)
        except BackupError:
            self._broken.set()
            raise
        except Exception as error:  # a fault at one index must not stop the others
            _LOG.exception("unexpected error", extra={"index": index.index_name})
            self.unexpected[index.index_name] = unexpected_problem(error)
            self.skipped_indexes[index.index_name] = unexpected_problem(error)
        except BaseException:
            self._broken.set()
            raise

    def _delete_in_order(self, items: Sequence[PlanItem]) -> None:
        held = self._held_now()
        for item in items:
            if self._broken.is_set() or self._out_of_time():
                self.deferred.append(item.backup_id)
            elif held & {item.backup_id, item.index_name}:
                self.failed[item.backup_id] = "a hold was placed while this run was planning"
            elif unreadable := protects(
                self._services.ledger.unreadable(),
                backup_id=item.backup_id,
                index_name=item.index_name,
            ):
                self.failed[item.backup_id] = unreadable
            else:
                self._delete(item)

    def _out_of_time(self) -> bool:
        return self._services.time_left() < STOP_BEFORE

    def _held_now(self) -> frozenset[str]:
        """What is held now: a hold may be younger than the plan (rule D1)."""
        now = self._context.time.actual
        return frozenset(hold.target for hold in self._services.ledger.holds() if hold.active(now))

    def _doubt(self, index: PlannedIndex) -> str:
        """Why nothing of the index may be deleted just now (rules I1 and D5), or empty."""
        try:
            return self._wrong_incarnation(index) or self._anchor_lost(index)
        except BackupError as error:
            return f"it could not be looked at before its first deletion: {error.problem}"

    def _wrong_incarnation(self, index: PlannedIndex) -> str:
        name = index.index_name
        if all(listed.name != name for listed in self._facts.indexes):
            return ""  # a deleted index whose name is free; a living one is always listed
        control_plane, asked = self._services.control_plane, self._facts.active
        active = asked[name] if name in asked else active_incarnation(control_plane, name)
        if index.orphan == (active != index.index_id):
            return ""
        self.changed[name] = active or "an incarnation without backups"
        return f"the plan is about {index.index_id}, and the active index is {self.changed[name]}"

    def _anchor_lost(self, index: PlannedIndex) -> str:
        if index.anchor is None:
            return ""
        try:
            anchor = self._services.control_plane.describe_backup(index.anchor)
        except NotFound:
            return f"its newest good backup {index.anchor} is gone"
        if anchor.status is Status.READY and anchor.index_id == index.index_id:
            return ""
        return f"its newest good backup {index.anchor} is {anchor.status_text}"

    def _delete(self, item: PlanItem) -> None:
        entry = self._facts.inventory.entries[item.backup_id]
        record = entry.known(self._context.time.actual)
        intent = Deletion(
            DeletionState.UNKNOWN,
            self._context.time.actual,
            self._context.run_id,
            self._context.actor,
            item.reasons,
        )
        self._services.ledger.put_backup(replace(record, deletion=intent))
        outcome = self._ask(intent, item.backup_id)
        self._services.ledger.put_backup(replace(record, deletion=outcome))
        if outcome.state.accepted:
            self._services.ledger.record_event(deleted_event(self._context, record, outcome))
            self.deleted.append(item.backup_id)
        elif outcome.state is DeletionState.SKIPPED:
            self.skipped.append(item.backup_id)
        else:
            self.failed[item.backup_id] = outcome.error

    def _ask(self, intent: Deletion, backup_id: str) -> Deletion:
        """Rule D6."""
        try:
            self._services.control_plane.delete_backup(backup_id)
        except NotFound:
            return replace(intent, state=DeletionState.DELETED)
        except PreconditionFailed as error:
            return replace(intent, state=DeletionState.SKIPPED, error=error.problem)
        except OutcomeUnknown as error:
            return replace(intent, error=error.problem)
        except BackupError as error:
            return replace(intent, state=DeletionState.FAILED, error=error.problem)
        return replace(intent, state=DeletionState.ACCEPTED)
