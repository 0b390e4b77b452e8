"""Pruning keeps the laws of planning, however often and wherever it is cut off."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.errors import BackupError
from pinecone_backup.model import PruneMode, RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.records import Run, RunState
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import prune
from tests.support.backups import NOW, OWNER, MemoryControlPlane, index
from tests.support.container import MemoryObjects
from tests.support.fuse import Fuse, Fused, Killed, control_plane_error, ledger_error, store_error
from tests.support.histories import (
    HISTORIES,
    POLICIES,
    SOME_IDS,
    History,
    goes,
    holds_on,
)
from tests.support.ledger import MemoryLedger

if TYPE_CHECKING:
    from pinecone_backup.rules.policy import PolicyDocument

FUSES = st.builds(Fuse, st.integers(0, 60), st.booleans(), st.booleans())


class Pruned:
    """A history in a project of its own, after its first (dry) run."""

    def __init__(self, past: History, policy: PolicyDocument, held: set[str]) -> None:
        self.policy = policy
        self.control_plane = MemoryControlPlane(past.rows, [index("docs")])
        self.ledger = MemoryLedger()
        for known in past.records:
            self.ledger.put_backup(known)
        for hold in holds_on(held):
            self.ledger.put_hold(hold)
        self.runs = 0
        self.run(Fuse(), PruneMode.DRY_RUN)

    def run(self, fuse: Fuse, mode: PruneMode = PruneMode.ENFORCE) -> None:
        self.runs += 1
        context = RunContext(
            f"run-{self.runs}",
            RunKind.PRUNE,
            "main",
            OWNER,
            RunTime(scheduled_at=NOW, actual=NOW + timedelta(seconds=self.runs)),
            TriggerKind.SCHEDULE,
            "schedule",
        )
        services = PruneServices(
            control_plane=Fused(self.control_plane, fuse, control_plane_error),
            ledger=Fused(self.ledger, fuse, ledger_error),
            store=Fused(MemoryObjects(), fuse, store_error),
            policy_version=lambda _: self.policy,
            time_left=lambda: 900.0,
        )
        with contextlib.suppress(BackupError, Killed):
            outcome = prune(context, services, document=self.policy, policy_version="v1", mode=mode)
            self.ledger.put_run(
                Run(
                    context.run_id,
                    RunKind.PRUNE,
                    TriggerKind.SCHEDULE,
                    "schedule",
                    RunState.SUCCEEDED,
                    NOW,
                    NOW,
                    policy_version="v1",
                    summary=outcome.summary,
                )
            )

    @property
    def left(self) -> set[str]:
        return set(self.control_plane.backups)


@given(HISTORIES, POLICIES, SOME_IDS, st.lists(FUSES, max_size=3))
def test_however_often_it_is_cut_off_a_prune_ends_as_if_it_had_not_been(
    past: History, policy: PolicyDocument, held: set[str], fuses: list[Fuse]
) -> None:
    """D5, D6; and so never breaks the floor or a safeguard in between."""
    undisturbed, disturbed = Pruned(past, policy, held), Pruned(past, policy, held)
    undisturbed.run(Fuse())

    for fuse in fuses:
        disturbed.run(fuse)
        assert disturbed.left >= undisturbed.left
    disturbed.run(Fuse())

    assert disturbed.left == undisturbed.left


@given(HISTORIES, POLICIES, SOME_IDS)
def test_a_prune_deletes_what_its_plan_says_and_nothing_else(
    past: History, policy: PolicyDocument, held: set[str]
) -> None:
    """The preview is the execution; and a second run finds nothing more to do."""
    pruned = Pruned(past, policy, held)
    before = pruned.left
    planned = past.plan(policy, holds=holds_on(held))

    pruned.run(Fuse())

    judged = {key for key, kind in past.kinds.items() if kind == "unjudged"}
    deleted = before - pruned.left
    if not judged:
        assert deleted == (set() if planned.waits_because else goes(planned))
    assert not deleted & held
    left = pruned.left
    pruned.run(Fuse())
    assert pruned.left == left
