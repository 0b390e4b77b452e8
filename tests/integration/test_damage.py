"""Every field of every item of the ledger, dropped or blanked by hand: the runs go on (rule U2)."""

from __future__ import annotations

import contextlib
import copy
from collections import defaultdict
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Simulator
from local.simulator.state import Kind
from pinecone_backup.errors import LedgerError, RuleForbids
from pinecone_backup.model import TICKED, PruneMode, RunKind
from pinecone_backup.records import (
    BackupRecord,
    BaselineRecord,
    Claim,
    DeletionRecord,
    Finding,
    FingerprintRecord,
    Hold,
    HoldScope,
    IndexRecord,
    ItemKind,
    LeaseRecord,
    LookRecord,
    OutboxRecord,
    PlanRecord,
    RestoreRecord,
    Run,
    ScheduleRecord,
)
from pinecone_backup.rules.containment import PROTECTING
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup.usecases.findings import acknowledge_finding
from pinecone_backup.usecases.project_state import plan_facts, read_project_state
from pinecone_backup.usecases.requests.delete import delete_backup
from pinecone_backup.usecases.requests.holds import place_hold, release_hold
from pinecone_backup.usecases.requests.native_schedules import create_schedule
from pinecone_backup.usecases.requests.on_demand import create_on_demand
from pinecone_backup.usecases.requests.restore import restore
from tests.support.deployment import Deployment
from tests.support.simulator import START, client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS: dict[ItemKind, Any] = {
    ItemKind.LEASE: LeaseRecord,
    ItemKind.RUN: Run,
    ItemKind.LAST_RUN: Run,
    ItemKind.CLAIM: Claim,
    ItemKind.BACKUP: BackupRecord,
    ItemKind.DELETED: BackupRecord,
    ItemKind.DELETION: DeletionRecord,
    ItemKind.BASELINE: BaselineRecord,
    ItemKind.INDEX: IndexRecord,
    ItemKind.HOLD: Hold,
    ItemKind.FINDING: Finding,
    ItemKind.PLAN: PlanRecord,
    ItemKind.RESTORE: RestoreRecord,
    ItemKind.SCHEDULE: ScheduleRecord,
    ItemKind.OUTBOX: OutboxRecord,
    ItemKind.LOOK: LookRecord,
    ItemKind.FINGERPRINT: FingerprintRecord,
}
CONTROL = "ledger-unreadable"
FIELDS = [(kind, field.name) for kind, record in KINDS.items() for field in fields(record)]
STATE = ("indexes", "backups", "schedules", "jobs")
WHO: dict[str, Any] = {"who": "alice", "reason": "audit"}


class World:
    """A day in which everything happened that leaves an item; each test gets a copy of it."""

    def __init__(self, expose: Callable[[Simulator], str]) -> None:
        self._expose = expose
        self._simulator = Simulator(START, frozen=True)
        with client(expose(self._simulator)) as control_plane:
            deployment = Deployment(self._simulator, control_plane)
            _live_a_day(deployment)
            self._items = copy.deepcopy(deployment.ledger.table.items)
            self._objects = dict(deployment.objects.objects)

    @contextlib.contextmanager
    def copied(self) -> Iterator[Deployment]:
        simulator = Simulator(self._simulator.clock.now(), frozen=True)
        project = self._simulator.project
        simulator.project.__dict__.update(
            copy.deepcopy(
                {
                    name: getattr(project, name)
                    for name in ("indexes", "backups", "schedules", "jobs")
                }
            )
        )
        for _ in range(1_000):  # ids that the day has used
            simulator.project.new_id()
        with client(self._expose(simulator)) as control_plane:
            deployment = Deployment(simulator, control_plane)
            deployment.ledger.table.items = copy.deepcopy(self._items)
            deployment.objects.objects = dict(self._objects)
            yield deployment


def _live_a_day(deployment: Deployment) -> None:
    project, ledger = deployment.simulator.project, deployment.ledger
    control_plane, now = deployment.control_plane, deployment.simulator.clock.now
    for index in ("products", "docs", "notes"):
        project.seed_index(index, created_at=START - timedelta(days=9), records=1000)
    for hour in range(2, 9):
        deployment.seed("products", hours_ago=hour)
        deployment.seed("docs", hours_ago=hour)
    project.seed_index("unassigned-pod", kind=Kind.POD)
    lost = deployment.seed("notes", hours_ago=9)
    deployment.mode = PruneMode.DRY_RUN
    deployment.all_runs()
    project.delete_backup(lost)
    deployment.later(hours=1)
    deployment.all_runs()
    deployment.later(minutes=30)
    (old, *_, source) = sorted(
        (row for row in project.backups if row.index_name == "products"),
        key=lambda row: row.created_at,
    )[:3]
    create_on_demand(deployment.context(), control_plane, ledger, "docs")
    create_on_demand(deployment.context(), control_plane, ledger, "notes", name="by-alice")
    deployment.bus.refuse = {"hold.placed"}
    for _ in range(2):
        hold = place_hold(
            control_plane,
            ledger,
            scope=HoldScope.BACKUP,
            target=old.backup_id,
            now=now(),
            **WHO,
        )
    release_hold(ledger, hold.hold_id, now=now(), **WHO)
    for name in ("docs", "notes"):
        ledger.put_look(LookRecord(name, None, now()))
    proven = FingerprintRecord(source.backup_id, "products", source.index_id, now())
    ledger.put_fingerprints("notes", [proven])
    restore(
        deployment.context(), control_plane, ledger, backup_id=source.backup_id, name="products-2"
    )
    create_schedule(
        control_plane,
        ledger,
        "notes",
        name="daily",
        frequency="daily",
        expire_after_days=7,
        who="alice",
        now=now(),
    )
    finding = next(finding for finding in ledger.findings() if finding.open)
    acknowledge_finding(ledger, finding.finding_id, now=now(), **WHO)
    for name in ("write", "audit"):  # of a run that died
        ledger.acquire_lease(name, holder="dead", now=now(), ttl=timedelta(minutes=16))
    deployment.later(hours=1)
    deployment.mode = PruneMode.ENFORCE


@pytest.fixture(scope="module")
def world(_expose_simulator: Callable[[Simulator], str]) -> World:
    return World(_expose_simulator)


@pytest.fixture
def deployment(world: World) -> Iterator[Deployment]:
    with world.copied() as deployment:
        yield deployment


@pytest.fixture(scope="module")
def undamaged(world: World) -> set[str]:
    """The backups that are left when nothing is damaged."""
    with world.copied() as deployment:
        before = deployment.listed()
        states = deployment.all_runs()
        assert set(states.values()) == {"succeeded"}, states
        assert CONTROL not in {control for control, _ in deployment.open_findings()}
        after = deployment.listed() & before
        assert len(after) < len(before), "nothing was to be deleted"
        return after


EMPTY: dict[str, dict[str, Any]] = {"S": {"S": ""}, "L": {"L": []}, "M": {"M": {}}}


def blank(value: dict[str, Any]) -> dict[str, Any]:
    """An empty value of the same type, as one leaves in a console."""
    (type_,) = value
    return EMPTY.get(type_, {"NULL": True})


def damage(deployment: Deployment, key: str, name: str, *, drop: bool) -> bool:
    """Drop or blank one field of an item; False when that changes nothing."""
    record = deployment.ledger.table.items[key]["record"]["M"]
    if drop:
        del record[name]
        return True
    before = record[name]
    record[name] = blank(before)
    return bool(record[name] != before)


@pytest.mark.parametrize(
    ("kind", "name"), [each for each in FIELDS if each[0] in PROTECTING], ids=str
)
def test_a_damaged_item_protects_what_it_is_about(
    deployment: Deployment, kind: ItemKind, name: str
) -> None:
    """U2: whichever of its fields is lost, and though a prune would delete what it is about."""
    before = deployment.listed()
    key = _interesting(deployment.ledger.keys(kind), deployment)
    damage(deployment, key, name, drop=True)
    deployment.run(RunKind.PRUNE)
    assert _concerned(deployment, key, name, before) <= deployment.listed()


@pytest.mark.parametrize("drop", [True, False], ids=["dropped", "blanked"])
@pytest.mark.parametrize("place", range(max(len(fields(record)) for record in KINDS.values())))
def test_damaged_fields_stop_nothing_and_are_named(
    deployment: Deployment, undamaged: set[str], place: int, *, drop: bool
) -> None:
    """U2: the same place in one item of every kind that has so many fields."""
    ledger, before = deployment.ledger, deployment.listed()
    damaged: dict[str, Any] = {}
    for kind, record in KINDS.items():
        names = [field.name for field in fields(record)][place : place + 1]
        key = _interesting(ledger.keys(kind), deployment)
        if names and damage(deployment, key, names[0], drop=drop) and kind is not ItemKind.LEASE:
            damaged[key] = copy.deepcopy(ledger.table.items[key])
    states = deployment.all_runs()
    assert set(states.values()) <= {"succeeded", "partial", "stopped"}, states
    assert undamaged <= deployment.listed() & before
    named = [subject for control, subject in deployment.open_findings() if control == CONTROL]
    assert sorted(damaged) == sorted(named)
    assert damaged == {key: ledger.table.items[key] for key in damaged}


def _interesting(keys: list[str], deployment: Deployment) -> str:
    """Of the items of a kind one that matters: of what a prune would delete, where there is one."""
    project = deployment.simulator.project
    oldest = {
        min(
            (row for row in project.backups if row.index_name == index),
            key=lambda row: row.created_at,
        ).backup_id
        for index in ("docs",)
    }
    return next((key for key in keys if key.partition("#")[2] in {*oldest, "docs"}), keys[-1])


def _concerned(deployment: Deployment, key: str, name: str, before: set[str]) -> set[str]:
    """The backups that the damaged item may be about."""
    kind, _, rest = key.partition("#")
    rows = [row for row in deployment.simulator.project.backups if row.backup_id in before]
    if kind in ("HOLD", "RESTORE") and name in ("target", "backup_id"):
        return before
    if kind == "INDEX":
        return {row.backup_id for row in rows if row.index_name == rest}
    return {rest} & before


def test_the_day_leaves_items_of_every_kind(deployment: Deployment) -> None:
    kinds: dict[str, int] = defaultdict(int)
    for key in deployment.ledger.table.items:
        kinds[key.partition("#")[0]] += 1
    assert set(KINDS) <= set(kinds)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_damage_that_is_mended_is_resolved(deployment: Deployment, kind: ItemKind) -> None:
    """U1, U2: on the evidence of the item itself."""
    ledger = deployment.ledger
    key = ledger.keys(kind)[0]
    whole = copy.deepcopy(ledger.table.items[key])
    del ledger.table.items[key]["record"]
    deployment.run(RunKind.AUDIT)
    named = (CONTROL, key) in deployment.open_findings()
    ledger.table.items[key] = whole
    deployment.later(minutes=1)
    deployment.run(RunKind.AUDIT)
    assert (named, (CONTROL, key) in deployment.open_findings()) == (
        key != "LEASE#audit",  # the audit's own, which it has taken by then
        False,
    )


def test_an_item_that_is_deleted_is_resolved(deployment: Deployment) -> None:
    ledger = deployment.ledger
    key = ledger.keys("RUN")[0]
    del ledger.table.items[key]["record"]
    deployment.run(RunKind.AUDIT)
    named = (CONTROL, key) in deployment.open_findings()
    del ledger.table.items[key]
    deployment.run(RunKind.AUDIT)
    assert (named, (CONTROL, key) in deployment.open_findings()) == (True, False)


def test_everything_damaged_at_once_stops_nothing(deployment: Deployment) -> None:
    """U2: nothing is deleted, everything goes on, and findings say so."""
    before = deployment.listed()
    for key, item in deployment.ledger.table.items.items():
        if key.partition("#")[0] in set(ItemKind) - {"LEASE"}:
            item["record"] = {"S": "of a newer version"}
    states = deployment.all_runs()
    assert set(states.values()) <= {"succeeded", "partial", "stopped"}
    assert before <= deployment.listed()
    reported = [
        subject for control, subject in deployment.open_findings() if control == "ledger-unreadable"
    ]
    assert len(reported) >= 20


@pytest.mark.parametrize("kind", [ItemKind.HOLD, ItemKind.BACKUP, ItemKind.INDEX, ItemKind.RESTORE])
def test_nobody_deletes_what_an_unreadable_item_is_about(
    deployment: Deployment, kind: ItemKind
) -> None:
    """U2: D1 for people, too."""
    ledger = deployment.ledger
    key = _interesting(ledger.keys(kind), deployment)
    backup_id = min(
        (row for row in deployment.simulator.project.backups if row.index_name == "docs"),
        key=lambda row: row.created_at,
    ).backup_id
    del ledger.table.items[key]["record"]
    context = deployment.context()
    state = read_project_state(context, deployment.control_plane, ledger)
    facts, _ = plan_facts(
        context,
        deployment.control_plane,
        ledger,
        state,
        document=deployment.document,
        policy_version="v1",
    )
    with pytest.raises(RuleForbids, match=f"{key} cannot be read") as refused:
        delete_backup(
            context,
            deployment.control_plane,
            ledger,
            facts,
            backup_id,
            mode=PruneMode.ENFORCE,
            reason="costs too much",
            override=frozenset(Safeguard),
        )
    assert refused.value.rule == "unreadable"
    assert backup_id in deployment.listed()


def test_a_deletion_that_cannot_be_read_stops_no_other_from_being_confirmed(
    deployment: Deployment,
) -> None:
    """U2: neither the prune nor the audit that looks for it breaks off."""
    ledger = deployment.ledger
    deployment.run(RunKind.PRUNE)
    pending = [record for record in ledger.backups().values() if record.deletion is not None]
    lost, *others = sorted(pending, key=lambda record: record.backup_id)
    (key,) = (key for key in ledger.keys("DELETION") if key.endswith(lost.backup_id))
    del ledger.table.items[key]["record"]
    deployment.later(hours=1)
    assert "failed" not in deployment.all_runs().values()
    assert (CONTROL, key) in deployment.open_findings()
    assert others
    assert set(ledger.backups()) & {record.backup_id for record in pending} == {lost.backup_id}


def test_a_hold_that_is_damaged_while_a_prune_plans_still_holds(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U2: the holds are read once more before the first deletion of an index (D1)."""
    before, ledger = deployment.listed(), deployment.ledger
    honest = deployment.objects.put

    def put(key: str, body: bytes, *, content_type: str) -> None:
        del ledger.table.items[ledger.keys("HOLD")[0]]["record"]
        honest(key, body, content_type=content_type)

    monkeypatch.setattr(deployment.objects, "put", put)
    deployment.run(RunKind.PRUNE)
    assert before <= deployment.listed()


def test_a_claim_that_cannot_be_read_costs_its_slot_and_no_other(deployment: Deployment) -> None:
    """C3: nobody knows whether its backup was created."""
    project = deployment.simulator.project
    deployment.later(hours=1)
    rows = [row for row in project.backups if row.index_name == "products"]
    deployment.run(RunKind.CREATE)
    (made,) = [row for row in project.backups if row.index_name == "products" and row not in rows]
    project.backups.remove(made)
    key = next(key for key in reversed(deployment.ledger.keys("CLAIM")) if "#products#" in key)
    damage(deployment, key, "state", drop=False)
    run = deployment.run(RunKind.CREATE)
    assert key in run.summary["waiting"]["products"]
    assert [row for row in project.backups if row.index_name == "products"] == rows
    deployment.later(hours=1)
    assert list(deployment.run(RunKind.CREATE).summary["created"]) == [
        "docs",
        "notes",
        "products",
    ]


def test_an_index_that_is_new_to_nobody_is_backed_up_without_its_record(
    deployment: Deployment,
) -> None:
    """C5 goes by when it was first seen; there is a record, so that was before."""
    deployment.ledger.table.items["INDEX#notes"]["record"] = {"S": ""}
    project = deployment.simulator.project
    project.backups[:] = [row for row in project.backups if row.index_name != "notes"]
    deployment.later(hours=1)
    assert "notes" in deployment.run(RunKind.CREATE).summary["created"]


def test_a_ledger_that_is_away_is_not_an_item_that_cannot_be_read(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise LedgerError("The ledger did not answer")

    for listing in ("backups", "restores"):
        monkeypatch.setattr(deployment.ledger, listing, away)
    assert deployment.all_runs() == dict.fromkeys(TICKED, "failed")
