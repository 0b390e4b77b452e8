"""One fault at any call that leaves the process, in every kind of work, and what comes after it.

The cases are generated: each call of each scene, and each way in which such a call goes wrong.
Afterwards time goes on without a fault, and the deployment must stand as if nothing had happened.
``make test`` takes a slice of the cases, always the same; ``make test-faults`` takes them all.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import PruneMode, RunKind, TriggerKind
from pinecone_backup.records import HoldScope
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup.usecases.approvals import approve_plan
from pinecone_backup.usecases.findings import acknowledge_finding
from pinecone_backup.usecases.project_state import plan_facts, read_project_state
from pinecone_backup.usecases.prune import former_baseline
from pinecone_backup.usecases.requests.delete import LEASE, delete_backup, final_deletion
from pinecone_backup.usecases.requests.holds import place_hold
from pinecone_backup.usecases.requests.on_demand import create_on_demand
from tests.support.creating import document, policy
from tests.support.faulty import EVERY, Deployment, Line, faults_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinecone_backup.model import RunContext
    from pinecone_backup.rules.plan_facts import Facts

SHARE = 1 if os.environ.get("FAULTS") == "all" else 100
"""One of so many cases is taken."""
AFTERWARDS = 2
"""Undisturbed rounds after a fault."""


@cache
def settled() -> Deployment:
    """Two indexes with backups, of which the oldest go with each new one; a third has no policy."""
    standard = policy(cron="0 */6 * * *", retention={"keep_last": 3}, floor=2)
    covered = [{"index": name, "policy": standard["name"]} for name in ("docs", "shop")]
    deployment = Deployment(document(standard, assignments=covered))
    for name in ("docs", "shop", "free"):
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
    with deployment.through(line):
        create_on_demand(
            deployment.context(RunKind.CREATE, actor="alice"),
            deployment.control_plane,
            deployment.ledger(),
            "docs",
            name="before-the-change",
        )


def hold(deployment: Deployment, line: Line) -> None:
    """A program places a hold, and asks again when it gets no answer."""
    for each in (line, Line()):
        with deployment.through(each):
            place_hold(
                deployment.control_plane,
                deployment.ledger(),
                scope=HoldScope.INDEX,
                target="docs",
                who="alice",
                reason="audit",
                now=deployment.now,
            )


def delete(deployment: Deployment, line: Line) -> None:
    """A program deletes a backup that the policy keeps, and asks again when it gets no answer."""
    deployment.pass_(minutes=40)
    oldest = min(row.backup_id for row in deployment.pinecone.index_backups("docs"))
    for each in (line, Line()):
        with deployment.through(each):
            ask_to_delete(deployment, oldest)
        deployment.pass_(minutes=2)


def ask_to_delete(deployment: Deployment, backup_id: str) -> None:
    """What the API does."""
    context = deployment.context(RunKind.DELETE, actor="alice")
    control_plane, ledger = deployment.control_plane, deployment.ledger()
    ledger.acquire_lease("write", holder=context.run_id, now=deployment.now, ttl=LEASE)
    try:
        if final_deletion(ledger, backup_id) is None:
            delete_backup(
                context,
                control_plane,
                ledger,
                facts_of(context, deployment),
                backup_id,
                mode=deployment.mode,
                reason="a person's data",
                override={Safeguard.KEPT_BY_POLICY},
            )
    finally:
        ledger.release_lease("write", holder=context.run_id)


def facts_of(context: RunContext, deployment: Deployment) -> Facts:
    control_plane, ledger = deployment.control_plane, deployment.ledger()
    state = read_project_state(context, control_plane, ledger)
    ((version, written),) = deployment.documents.items()
    baseline = former_baseline(
        ledger,
        ledger.last_completed(RunKind.PRUNE),
        deployment.documents.__getitem__,
        written,
        version,
        now=deployment.now,
    )
    facts, _ = plan_facts(
        context,
        control_plane,
        ledger,
        state,
        document=written,
        policy_version=version,
        baseline=baseline,
    )
    return facts


SCENES: dict[str, Callable[[Deployment, Line], None]] = {
    each.__name__: each for each in (create, prune, approved_prune, audit, on_demand, hold, delete)
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
    return [case for case in found if _number(str(case)) % SHARE == 0]


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


@pytest.mark.parametrize("kind", [RunKind.PRUNE, RunKind.AUDIT])
def test_what_a_killed_create_made_is_announced_though_another_run_saw_it_first(
    kind: RunKind,
) -> None:
    """And though another slot is the latest by the next create."""
    deployment, line = due().copy(), Line()
    due().copy().run(RunKind.CREATE, line)
    posts = line.calls.index("pinecone.create_backup")

    deployment.run(RunKind.CREATE, Line(posts, "killed after"))
    deployment.pass_(minutes=40)
    deployment.run(kind)
    deployment.now += EVERY
    deployment.rounds(AFTERWARDS)

    assert deployment.traces()["creations not announced"] == []
    assert deployment.evidence_wrong() == {"twice": [], "missing": []}


def test_a_deletion_outside_whose_confirmation_is_cut_off_is_evidence_once() -> None:
    def audited(line: Line) -> Deployment:
        deployment = due().copy()
        del deployment.pinecone.rows[min(deployment.pinecone.rows)]
        deployment.run(RunKind.AUDIT, line)
        deployment.rounds(1)
        return deployment

    line = Line()
    audited(line)
    writes = [at for at, call in enumerate(line.calls) if call in WRITES]

    found = {at: audited(Line(at, "killed after")).evidence_wrong()["twice"] for at in writes}

    assert {at: twice for at, twice in found.items() if twice} == {}


# A clock that ran ahead

PERSON = {"trigger": TriggerKind.API, "actor": "alice", "time": None}
"""Who asks for a run gives it no time, so that nothing refuses a wrong one (rule T1)."""
UNTIL_TOMORROWS_SLOT_IS_PAST = 7


@pytest.mark.parametrize("kind", [RunKind.CREATE, RunKind.PRUNE, RunKind.AUDIT])
def test_a_clock_that_ran_ahead_leaves_no_trace(kind: RunKind) -> None:
    """It was a day ahead in one run, which ended or was killed; all goes on as without it."""
    expected = ran_ahead(kind, Line(dead=True))
    line = Line()
    found = {"ended": ran_ahead(kind, line)}
    for at, call in enumerate(line.calls):
        case = f"{kind}-{at}-{call}-killed_after"
        if _number(case) % (SHARE // 3 + 1) == 0:
            found[case] = ran_ahead(kind, Line(at, "killed after"))

    differs = {case: _differences(traces, expected) for case, traces in found.items()}
    assert {case: difference for case, difference in differs.items() if difference} == {}


def ran_ahead(kind: RunKind, line: Line) -> dict[str, Any]:
    """What is left, but for who asked, and for alarms that the wrong time was right to raise."""
    deployment = due().copy()
    deployment.ahead = timedelta(days=1)
    deployment.run(kind, line, **PERSON)
    deployment.ahead = timedelta(0)
    deployment.rounds(UNTIL_TOMORROWS_SLOT_IS_PAST)
    traces = deployment.traces()
    return {name: traces[name] for name in traces if name not in ("people", "alarms")}


# Two functions at a time


def acknowledge(deployment: Deployment, line: Line) -> None:
    """A person acknowledges the finding about the index without a policy."""
    with deployment.through(line):
        ledger = deployment.ledger()
        (known,) = [finding for finding in ledger.findings() if finding.open]
        acknowledge_finding(
            ledger, known.finding_id, who="alice", reason="on purpose", now=deployment.now
        )


def _runs(kind: RunKind) -> Callable[[Deployment, Line], None]:
    return lambda deployment, line: deployment.run(kind, line)


FUNCTIONS: dict[str, Callable[[Deployment, Line], None]] = {
    "create": _runs(RunKind.CREATE),
    "prune": _runs(RunKind.PRUNE),
    "audit": _runs(RunKind.AUDIT),
    "on_demand": on_demand,
    "hold": hold,
    "acknowledge": acknowledge,
    "delete": delete,
}
PAIRS = [
    *[("audit", other) for other in FUNCTIONS],
    *[("prune", other) for other in ("audit", "hold", "on_demand")],
    *[("create", other) for other in ("audit", "on_demand", "create")],
    ("acknowledge", "audit"),
]
STANDING = {"create", "prune", "audit", "hold", "acknowledge"}
AT_ONCE = [pair for pair in PAIRS if set(pair) <= STANDING]
"""Of these nobody moves the time, and each can go on while the other does."""
ENCOUNTERS = 20 if SHARE == 1 else 1
if SHARE > 1:
    PAIRS = [("audit", "acknowledge")]
WRITES = ("dynamodb.put_item", "dynamodb.transact_write_items")
"""Right before these another function's write is lost most easily."""


@cache
def due() -> Deployment:
    """Something to create, to delete, to confirm and to judge."""
    deployment = settled().copy()
    deployment.now += EVERY
    deployment.run(RunKind.CREATE)
    deployment.now += EVERY
    return deployment


def one_after_the_other(*functions: str) -> tuple[dict[str, Any], list[str]]:
    """What is left, and which calls the first one made."""
    deployment, line = due().copy(), Line()
    for number, function in enumerate(functions):
        FUNCTIONS[function](deployment, Line() if number else line)
    deployment.rounds(AFTERWARDS)
    return deployment.traces(), line.calls


def interleaved(outer: str, inner: str, at: int) -> dict[str, Any]:
    """The inner function runs as a whole right before a call of the outer one."""
    deployment = due().copy()

    def meanwhile() -> None:
        FUNCTIONS[inner](deployment, Line())

    FUNCTIONS[outer](deployment, Line(at, meanwhile=meanwhile))
    deployment.rounds(AFTERWARDS)
    return deployment.traces()


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_two_functions_at_a_time_end_as_one_after_the_other(outer: str, inner: str) -> None:
    before, calls = one_after_the_other(outer, inner)
    after, _ = one_after_the_other(inner, outer)
    chosen = [at for at, call in enumerate(calls) if SHARE == 1 or call in WRITES]

    found = {at: interleaved(outer, inner, at) for at in chosen}

    assert {
        at: (_differences(traces, before), _differences(traces, after))
        for at, traces in found.items()
        if traces not in (before, after)
    } == {}


@pytest.mark.parametrize(("one", "other"), AT_ONCE)
def test_two_functions_that_really_run_at_once_end_as_one_after_the_other(
    one: str, other: str
) -> None:
    expected = one_after_the_other(one, other)[0], one_after_the_other(other, one)[0]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # another thread goes on after almost every step
    try:
        found = [at_once(one, other) for _ in range(ENCOUNTERS)]
    finally:
        sys.setswitchinterval(before)

    assert [
        tuple(_differences(traces, each) for each in expected)
        for traces in found
        if traces not in expected
    ] == []


def at_once(*functions: str) -> dict[str, Any]:
    deployment = due().copy()
    begin = Barrier(len(functions))

    def run(function: str) -> None:
        begin.wait()
        FUNCTIONS[function](deployment, Line())

    with ThreadPoolExecutor(len(functions)) as pool:
        list(pool.map(run, functions))
    deployment.rounds(AFTERWARDS)
    return deployment.traces()


def _number(*case: object) -> int:
    """A number that is the same in every run."""
    return int(sha256(str(case).encode()).hexdigest(), 16)
