"""One fault at any call that leaves the process, in every kind of work, and what comes after it.

The cases are generated: each call of each scene, and each way in which such a call goes wrong.
Afterwards time goes on without a fault, and the deployment must stand as if nothing had happened.
``make test`` takes a slice of the cases, always the same; ``make test-faults`` takes them all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import PruneMode, RunKind
from pinecone_backup.records import HoldScope
from pinecone_backup.usecases.approvals import approve_plan
from pinecone_backup.usecases.requests.holds import place_hold
from pinecone_backup.usecases.requests.on_demand import create_on_demand
from tests.support.creating import document, policy
from tests.support.faulty import BREAKS, EVERY, Deployment, Line, faults_of

if TYPE_CHECKING:
    from collections.abc import Callable

SHARE = 1 if os.environ.get("FAULTS") == "all" else 40
"""One of so many cases is taken."""
AFTERWARDS = 2
"""Undisturbed rounds after a fault."""


@cache
def settled() -> Deployment:
    """Two indexes with backups of their own, of which the oldest go with each new one."""
    standard = policy(cron="0 */6 * * *", retention={"keep_last": 3}, floor=2)
    deployment = Deployment(document(standard))
    for name in ("docs", "shop"):
        deployment.pinecone.add_index(name)
    deployment.rounds(5)
    return deployment


def create(deployment: Deployment, line: Line) -> None:
    deployment.now += EVERY
    deployment.run(RunKind.CREATE, line)


def prune(deployment: Deployment, line: Line) -> None:
    deployment.now += EVERY
    deployment.run(RunKind.CREATE)
    deployment.pass_(minutes=40)
    deployment.run(RunKind.PRUNE, line)


def approved_prune(deployment: Deployment, line: Line) -> None:
    """A person approves what waits, and the prune after it is disturbed."""
    deployment.mode = PruneMode.APPROVE
    deployment.now += EVERY
    deployment.run(RunKind.CREATE)
    deployment.pass_(minutes=40)
    deployment.run(RunKind.PRUNE)
    approve(deployment)
    deployment.run(RunKind.PRUNE, line)
    deployment.mode = PruneMode.ENFORCE


def approve(deployment: Deployment) -> None:
    ledger = deployment.ledger()
    approve_plan(
        ledger,
        ledger.plans()[0].digest,
        policy_version="v1",
        who="alice",
        reason="read it",
        until=deployment.now + EVERY,
        now=deployment.now,
    )


def audit(deployment: Deployment, line: Line) -> None:
    """After a prune, so that there are deletions to confirm and verdicts to take."""
    deployment.now += EVERY
    deployment.run(RunKind.CREATE)
    deployment.pass_(minutes=40)
    deployment.run(RunKind.PRUNE)
    deployment.run(RunKind.AUDIT, line)


def on_demand(deployment: Deployment, line: Line) -> None:
    """A person asks for a backup by name, once."""
    deployment.pass_(minutes=40)
    deployment.line = line
    with suppress(*BREAKS):
        create_on_demand(
            deployment.context(RunKind.CREATE, actor="alice"),
            deployment.control_plane,
            deployment.ledger(),
            "docs",
            name="before-the-change",
        )
    deployment.line = Line()


def hold(deployment: Deployment, line: Line) -> None:
    """A program places a hold, and asks again when it gets no answer."""
    for each in (line, Line()):
        deployment.line = each
        with suppress(*BREAKS):
            place_hold(
                deployment.control_plane,
                deployment.ledger(),
                scope=HoldScope.INDEX,
                target="docs",
                who="alice",
                reason="audit",
                now=deployment.now,
            )
    deployment.line = Line()


SCENES: dict[str, Callable[[Deployment, Line], None]] = {
    each.__name__: each for each in (create, prune, approved_prune, audit, on_demand, hold)
}

ONCE = ("on_demand",)
"""What people ask for, and may not ask for again: it is done, or it is not."""


@dataclass(frozen=True)
class Case:
    scene: str
    at: int
    call: str
    fault: str

    def __str__(self) -> str:
        return f"{self.scene}-{self.at}-{self.call}-{self.fault}".replace(" ", "_")

    def disturbed(self) -> Deployment:
        deployment = settled().copy()
        SCENES[self.scene](deployment, Line(self.at, self.fault))
        deployment.rounds(AFTERWARDS)
        return deployment


@cache
def undisturbed(scene: str, *, asked: bool = True) -> tuple[Deployment, tuple[str, ...]]:
    """How the scene ends, or how it ends without what it asks for; and the calls that it makes."""
    deployment, line = settled().copy(), Line(dead=not asked)
    SCENES[scene](deployment, line)
    deployment.rounds(AFTERWARDS)
    return deployment, tuple(line.calls)


def cases(scene: str) -> list[Case]:
    found = [
        Case(scene, at, call, fault)
        for at, call in enumerate(undisturbed(scene)[1])
        for fault in faults_of(call)
    ]
    return [case for case in found if int(sha256(str(case).encode()).hexdigest(), 16) % SHARE == 0]


@pytest.mark.parametrize("scene", SCENES)
def test_one_fault_at_any_call_leaves_no_trace(scene: str) -> None:
    """No slot twice, no wrong deletion, no record without who, no event lost, nothing lasting."""
    done, not_asked = undisturbed(scene)[0].traces(), undisturbed(scene, asked=False)[0].traces()

    found = {case: case.disturbed().traces() for case in cases(scene)}

    differs = {
        str(case): _differences(traces, done)
        for case, traces in found.items()
        if not (scene in ONCE and traces == not_asked)
    }
    assert {case: difference for case, difference in differs.items() if difference} == {}


def _differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {
        name: (value, expected[name]) for name, value in found.items() if value != expected[name]
    }
