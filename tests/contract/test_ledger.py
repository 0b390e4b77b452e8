"""The ledger's promises, kept by the real one (on an emulated DynamoDB) and by the test one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from pinecone_backup.adapters.aws import client, forget_clients
from pinecone_backup.adapters.ledger import DynamoLedger, DynamoProjects
from pinecone_backup.differences import Difference, DifferenceKind
from pinecone_backup.errors import (
    ItemUnreadable,
    LeaseHeld,
    LedgerConflict,
    LedgerUnavailable,
)
from pinecone_backup.model import Depth, DomainEvent, RunKind, Severity, TriggerKind
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import (
    BackupRecord,
    BaselineRecord,
    Claim,
    ClaimState,
    DeletionMark,
    DeletionRecord,
    DeletionState,
    Finding,
    FingerprintRecord,
    Hold,
    HoldScope,
    IndexRecord,
    ItemKind,
    Look,
    LookRecord,
    NamespaceLook,
    Neighbours,
    PlanRecord,
    PlanState,
    RestoreResult,
    Run,
    RunState,
    SampledRecord,
    ScheduleRecord,
    Verdict,
)
from pinecone_backup.settings import ProjectSettings
from pinecone_backup.wiring.projects import Container
from tests.support.ledger import MemoryLedger
from tests.support.restores import restore_record
from tests.support.table import create_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinecone_backup.ports import Ledger

NOW = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTINGS = {
    "stack_name": "backup",
    "owner": "backup",
    "table_name": "ledger",
    "bus_name": "bus",
    "bucket_name": "bucket",
    "project_secret_prefix": "backup/projects/",
}


def _create_table() -> None:
    create_table(boto3.client("dynamodb", region_name="eu-central-1"), "ledger")


def _dynamo(project: str = "main") -> DynamoLedger:
    client = boto3.client("dynamodb", region_name="eu-central-1")
    return DynamoLedger(client, "ledger", project)


@pytest.fixture(params=["dynamodb", "memory"])
def ledger(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        _create_table()
        yield _dynamo()


type Damage = Callable[..., None]


@pytest.fixture
def damage(ledger: Ledger) -> Damage:
    """Changes an item by hand: sets fields of its record, or drops those that are None."""
    client: Any = (
        ledger.table
        if isinstance(ledger, MemoryLedger)
        else boto3.client("dynamodb", region_name="eu-central-1")
    )

    def change(sk: str, **changes: str | None) -> None:
        key = {"pk": {"S": "PROJECT#main"}, "sk": {"S": sk}}
        item = client.get_item(TableName="ledger", Key=key)["Item"]
        record = dict(item["record"]["M"])
        for name, value in changes.items():
            if value is None:
                del record[name]
            else:
                record[name] = {"S": value}
        client.put_item(TableName="ledger", Item=item | {"record": {"M": record}})

    return change


def run(number: int, kind: RunKind = RunKind.CREATE, state: RunState = RunState.SUCCEEDED) -> Run:
    started = NOW + number * HOUR
    return Run(
        run_id=f"{started:%Y%m%dt%H%M%Sz}-{kind}-{number:06x}",
        kind=kind,
        trigger=TriggerKind.SCHEDULE,
        actor="schedule",
        state=state,
        time=started,
        started_at=started,
        summary={"created": number, "ratio": 0.5, "nested": {"names": ["a"], "none": None}},
    )


def claim(version: int = 0) -> Claim:
    return Claim(
        "docs", NOW, ClaimState.CLAIMED, 1, "gold", "name", "run", NOW, NOW, version=version
    )


def deleted(number: int = 1, *, at: datetime = NOW, **changes: Any) -> DeletionRecord:
    made = DeletionRecord(
        f"b{number}", "docs", "i1", DeletionState.ACCEPTED, at, "run", "alice",
        reasons=(Reason.of(ReasonKind.PERIOD, period="daily", oldest=True),),
    )  # fmt: skip
    return replace(made, **changes)


def backup(number: int = 1, deletion: DeletionMark | None = None) -> BackupRecord:
    return BackupRecord(
        f"b{number}", "docs", "i1", "n", NOW, NOW, verdict=Verdict.GOOD, record_count=0,
        deletion=deletion,
    )  # fmt: skip


def test_a_lease_is_refused_while_another_holder_has_it(ledger: Ledger) -> None:
    ledger.acquire_lease("write", holder="a", now=NOW, ttl=HOUR)
    with pytest.raises(LeaseHeld, match="main"):
        ledger.acquire_lease("write", holder="b", now=NOW + HOUR / 2, ttl=HOUR)


def test_a_lease_is_renewed_by_its_holder(ledger: Ledger) -> None:
    ledger.acquire_lease("write", holder="a", now=NOW, ttl=HOUR)
    ledger.acquire_lease("write", holder="a", now=NOW + HOUR / 2, ttl=HOUR)
    with pytest.raises(LeaseHeld):
        ledger.acquire_lease("write", holder="b", now=NOW + HOUR, ttl=HOUR)


def test_an_expired_lease_goes_to_the_next_holder(ledger: Ledger) -> None:
    ledger.acquire_lease("write", holder="a", now=NOW, ttl=HOUR)
    ledger.acquire_lease("write", holder="b", now=NOW + HOUR, ttl=HOUR)
    with pytest.raises(LeaseHeld):
        ledger.acquire_lease("write", holder="a", now=NOW + HOUR, ttl=HOUR)


def test_a_lease_of_a_clock_that_ran_ahead_excludes_nobody(ledger: Ledger) -> None:
    """T1: its holder was killed, and nobody waits a day for its end."""
    ledger.acquire_lease("write", holder="a", now=NOW + 24 * HOUR, ttl=HOUR)
    ledger.acquire_lease("write", holder="b", now=NOW, ttl=HOUR)


def test_a_longer_lease_is_no_reason_to_doubt_its_clock(ledger: Ledger) -> None:
    ledger.acquire_lease("write", holder="a", now=NOW, ttl=HOUR)
    with pytest.raises(LeaseHeld):
        ledger.acquire_lease("write", holder="b", now=NOW, ttl=HOUR / 60)


def test_leases_of_different_names_do_not_meet(ledger: Ledger) -> None:
    ledger.acquire_lease("write", holder="a", now=NOW, ttl=HOUR)
    ledger.acquire_lease("audit", holder="b", now=NOW, ttl=HOUR)


def test_a_released_lease_is_free(ledger: Ledger) -> None:
    ledger.acquire_lease("write", holder="a", now=NOW, ttl=HOUR)
    ledger.release_lease("write", holder="a")
    ledger.acquire_lease("write", holder="b", now=NOW, ttl=HOUR)


def test_releasing_the_lease_of_another_does_nothing(ledger: Ledger) -> None:
    ledger.acquire_lease("write", holder="a", now=NOW, ttl=HOUR)
    ledger.release_lease("write", holder="b")
    with pytest.raises(LeaseHeld):
        ledger.acquire_lease("write", holder="b", now=NOW, ttl=HOUR)


def test_a_run_reads_back_as_it_was_written(ledger: Ledger) -> None:
    ledger.put_run(run(1))
    assert ledger.run(run(1).run_id) == run(1)


def test_an_unknown_run_is_none(ledger: Ledger) -> None:
    assert ledger.run("20260101t000000z-create-000000") is None


def test_runs_come_newest_first_and_only_so_many(ledger: Ledger) -> None:
    for number in (2, 1, 3):
        ledger.put_run(run(number))
    assert list(ledger.runs(limit=2)) == [run(3), run(2)]


def test_runs_can_be_of_one_kind(ledger: Ledger) -> None:
    ledger.put_run(run(1, RunKind.AUDIT))
    ledger.put_run(run(2))
    assert list(ledger.runs(kind=RunKind.AUDIT)) == [run(1, RunKind.AUDIT)]


def test_runs_are_read_downwards_from_an_id_or_a_time_to_another(ledger: Ledger) -> None:
    for number in (2, 1, 4, 3):
        ledger.put_run(run(number))
    ids = [run(number).run_id for number in range(5)]
    time = ids[3].partition("-")[0]
    assert [each.run_id for each in ledger.runs_before("~")] == ids[:0:-1]
    assert [each.run_id for each in ledger.runs_before(ids[3])] == [ids[2], ids[1]]
    assert [each.run_id for each in ledger.runs_before(time, down_to=ids[2])] == [ids[2]]
    assert list(ledger.runs_before(ids[2], down_to=ids[2])) == []
    assert list(ledger.runs_before(ids[1], down_to=ids[3])) == []


def test_the_last_completed_run_has_the_latest_time(ledger: Ledger) -> None:
    """T1: an older run that ends later does not move the mark back."""
    ledger.put_run(run(2, state=RunState.PARTIAL))
    ledger.put_run(run(1))
    assert ledger.last_completed(RunKind.CREATE) == run(2, state=RunState.PARTIAL)


@pytest.mark.parametrize(
    "state", [RunState.RUNNING, RunState.STOPPED, RunState.REFUSED, RunState.FAILED]
)
def test_an_unfinished_run_is_not_the_last_completed(ledger: Ledger, state: RunState) -> None:
    ledger.put_run(run(1, state=state))
    assert ledger.last_completed(RunKind.CREATE) is None


def test_a_claim_is_saved_once_per_version(ledger: Ledger) -> None:
    """C3: of two runs that claim one slot, one loses."""
    ledger.save_claim(claim())
    with pytest.raises(LedgerConflict):
        ledger.save_claim(claim())


def test_a_claim_is_replaced_by_who_read_it_last(ledger: Ledger) -> None:
    saved = ledger.save_claim(claim())
    again = ledger.save_claim(replace(saved, state=ClaimState.POSTED, backup_id="b1"))
    assert ledger.claim("docs", NOW) == again


def test_a_stale_claim_is_refused(ledger: Ledger) -> None:
    first = ledger.save_claim(claim())
    ledger.save_claim(first)
    with pytest.raises(LedgerConflict):
        ledger.save_claim(first)


def test_an_unknown_claim_is_none(ledger: Ledger) -> None:
    assert ledger.claim("docs", NOW) is None


def test_claims_are_read_many_at_a_time(ledger: Ledger) -> None:
    """N1: more than one request of DynamoDB takes; those that are not there are none."""
    saved = ledger.save_claim(claim())
    others = [(f"index-{number}", NOW) for number in range(150)]
    found = ledger.claims([*others, ("docs", NOW)])
    assert found == {("docs", NOW): saved} | dict.fromkeys(others)


def test_no_claims_are_read_without_a_request(ledger: Ledger) -> None:
    assert ledger.claims([]) == {}


def test_a_backup_record_reads_back_as_it_was_written(ledger: Ledger) -> None:
    ledger.put_backup(backup())
    assert ledger.backups() == {"b1": backup()}


def test_an_accepted_deletion_stays_among_the_backups(ledger: Ledger) -> None:
    """G4: until a later listing confirms it."""
    ledger.put_deletion(backup(), deleted())
    assert ledger.backups()["b1"].deletion == DeletionMark(DeletionState.ACCEPTED, NOW)
    assert ledger.deletion("b1") == deleted()


def test_a_confirmed_deletion_leaves_the_backups(ledger: Ledger) -> None:
    ledger.put_backup(backup())
    confirmed = deleted(state=DeletionState.DELETED, confirmed_at=NOW)
    ledger.put_deletion(backup(), confirmed, over=backup())
    assert ledger.backups() == {}
    assert ledger.deletion("b1") == confirmed


def test_a_backup_without_a_deletion_has_none(ledger: Ledger) -> None:
    ledger.put_backup(backup())
    assert ledger.deletion("b1") is None
    assert ledger.deletion("b2") is None


def test_deletions_are_listed_from_a_time_up_to_before_another_newest_first(
    ledger: Ledger,
) -> None:
    for number in range(5):
        ledger.put_deletion(backup(number), deleted(number, at=NOW + number * HOUR))
    found = ledger.deletions(since=NOW + HOUR, until=NOW + 4 * HOUR)
    assert [deletion.backup_id for deletion in found] == ["b3", "b2", "b1"]
    assert len(ledger.deletions(since=NOW)) == 5
    assert ledger.deletions(since=NOW + HOUR, until=NOW) == []


def test_a_deletion_is_not_written_over_by_another_run(ledger: Ledger) -> None:
    known = ledger.put_deletion(backup(), deleted())
    with pytest.raises(LedgerConflict):
        ledger.put_deletion(known, deleted(run_id="other", comment="mine"), over=known)
    assert ledger.deletion("b1") == deleted()


def test_a_deletion_is_kept_for_as_long_as_the_deployment_keeps_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    settings = ProjectSettings.model_validate(SETTINGS | {"history_days": "30"})
    with mock_aws():
        forget_clients()
        _create_table()
        ledger = Container(settings).services.ledger_of("main")
        ledger.put_deletion(backup(), deleted(state=DeletionState.DELETED, confirmed_at=NOW))
        items = client("dynamodb").scan(TableName="ledger")["Items"]
        forget_clients()
    days = {
        item["sk"]["S"].partition("#")[0]: (int(item["expires_at"]["N"]) - NOW.timestamp()) / 86_400
        for item in items
    }
    assert days == {
        "DELETION": pytest.approx(30, abs=0.001),
        "DELETED": pytest.approx(30, abs=0.001),
    }


def test_the_measure_of_a_changed_policy_is_remembered(ledger: Ledger) -> None:
    """D3."""
    assert ledger.baseline() is None
    ledger.put_baseline(BaselineRecord("v1", {"docs": "gold", "shop": None}))
    assert ledger.baseline() == BaselineRecord("v1", {"docs": "gold", "shop": None})


def test_more_backups_than_a_page_are_all_read(ledger: Ledger) -> None:
    long = "x" * 40_000
    for number in range(40):
        ledger.put_backup(replace(backup(number), accepted_reason=long))
    assert len(ledger.backups()) == 40


def test_the_other_records_read_back_as_they_were_written(ledger: Ledger) -> None:
    index = IndexRecord("docs", NOW, NOW, "i2", ("i1",), 10, "gold")
    hold = Hold("h1", HoldScope.INDEX, "docs", "audit", "alice", NOW, NOW + HOUR)
    finding = Finding(
        "f1", "overdue", Severity.ERROR, "docs", "t", "d", "a", NOW, NOW, data={"h": 1.5}
    )
    schedule = ScheduleRecord("s1", "daily", "docs", "i1", NOW, NOW, backup_ids=("b1", "b2"))
    ledger.put_index(index)
    ledger.put_hold(hold)
    ledger.put_finding(finding)
    ledger.put_schedule(schedule)
    assert (
        ledger.indexes(),
        list(ledger.holds()),
        list(ledger.findings()),
        list(ledger.schedules()),
    ) == ({"docs": index}, [hold], [finding], [schedule])


def test_a_restore_reads_back_as_it_was_written(ledger: Ledger) -> None:
    difference = Difference.of(DifferenceKind.TOTAL_LOWER, found=9, expected=10)
    written = restore_record(
        tags={"team": "search"},
        read_capacity={"mode": "Dedicated", "dedicated": {"shards": 2}},
        result=RestoreResult.FAILED,
        differences=(difference,),
    )
    stored = ledger.save_restore(written)
    assert stored == replace(written, version=1)
    assert (ledger.restore("restore-1"), list(ledger.restores())) == (stored, [stored])


def test_of_two_that_move_a_restore_one_wins(ledger: Ledger) -> None:
    stored = ledger.save_restore(restore_record())
    for stale in (restore_record(), replace(stored, version=2)):
        with pytest.raises(LedgerConflict):
            ledger.save_restore(stale)
    assert ledger.save_restore(replace(stored, status="Completed")).version == 2


def test_restores_come_oldest_first(ledger: Ledger) -> None:
    for restore_id, at in (("a", NOW + HOUR), ("b", NOW)):
        ledger.save_restore(restore_record(restore_id, started_at=at))
    assert [each.restore_id for each in ledger.restores()] == ["b", "a"]
    assert ledger.restore("c") is None


def test_a_resolved_finding_is_still_read(ledger: Ledger) -> None:
    finding = Finding(
        "f1", "overdue", Severity.ERROR, "docs", "t", "d", "a", NOW, NOW, resolved_at=NOW
    )
    ledger.put_finding(finding)
    assert list(ledger.findings()) == [finding]


def test_plans_come_newest_first_and_are_found_by_digest(ledger: Ledger) -> None:
    old = PlanRecord("a" * 64, PlanState.PLANNED, "v1", NOW, "run", "key", 1, 2, 3)
    new = replace(old, digest="b" * 64, created_at=NOW + HOUR)
    ledger.put_plan(new)
    ledger.put_plan(old)
    assert (list(ledger.plans()), ledger.plan("a" * 64), ledger.plan("c" * 64)) == (
        [new, old],
        old,
        None,
    )


def event(number: int) -> DomainEvent:
    return DomainEvent.of(
        "backup.created", f"b{number}", project="main", at=NOW + number * HOUR, size=1.5
    )


def test_events_wait_oldest_first_until_announced(ledger: Ledger) -> None:
    ledger.record_event(event(2))
    ledger.record_event(event(1))
    before = list(ledger.unannounced())
    ledger.mark_announced([event(1).event_id])
    assert (before, list(ledger.unannounced())) == ([event(1), event(2)], [event(2)])


def test_an_event_recorded_twice_is_one_event(ledger: Ledger) -> None:
    ledger.record_event(event(1))
    ledger.mark_announced([event(1).event_id])
    ledger.record_event(replace(event(1), occurred_at=NOW + 9 * HOUR))
    assert list(ledger.unannounced()) == []


def test_a_lease_with_one_damaged_end_ends_by_the_other(ledger: Ledger, damage: Damage) -> None:
    ledger.acquire_lease("write", holder="a", now=NOW, ttl=HOUR)
    damage("LEASE#write", until="")
    with pytest.raises(LeaseHeld):
        ledger.acquire_lease("write", holder="b", now=NOW, ttl=HOUR)
    ledger.acquire_lease("write", holder="b", now=NOW + 2 * HOUR, ttl=HOUR)


def test_an_unreadable_item_is_passed_over_and_remembered(ledger: Ledger, damage: Damage) -> None:
    """U2."""
    ledger.put_backup(backup(1))
    ledger.put_backup(backup(2))
    damage("BACKUP#b1", created_at="yesterday")
    assert list(ledger.backups()) == ["b2"]
    (item,) = ledger.unreadable()
    assert (item.key, item.kind, item.backup_id) == ("BACKUP#b1", ItemKind.BACKUP, "b1")
    assert "created_at" in item.reason
    assert "yesterday" not in item.reason


def test_an_unreadable_item_is_not_written_over(ledger: Ledger, damage: Damage) -> None:
    """U2: what somebody may still need is left as it is."""
    ledger.put_backup(backup())
    damage("BACKUP#b1", name=None)
    ledger.backups()
    ledger.put_backup(backup())
    with pytest.raises(ItemUnreadable):
        ledger.put_deletion(backup(), deleted())
    assert [item.key for item in ledger.inspect([ItemKind.BACKUP])] == ["BACKUP#b1"]


def test_an_item_that_is_corrected_is_read_again(ledger: Ledger, damage: Damage) -> None:
    ledger.put_backup(backup())
    damage("BACKUP#b1", index_id="other")
    before = len(ledger.inspect([ItemKind.BACKUP]))
    damage("BACKUP#b1", index_id="i1")
    assert (before, list(ledger.backups()), ledger.unreadable()) == (1, ["b1"], [])


def test_an_item_that_says_it_is_another_is_unreadable(ledger: Ledger, damage: Damage) -> None:
    """U2: a copy made by hand."""
    ledger.put_backup(backup(1))
    ledger.put_backup(backup(2))
    damage("BACKUP#b2", backup_id="b1")
    assert list(ledger.backups()) == ["b1"]


def test_asking_for_an_unreadable_item_alone_names_it(ledger: Ledger, damage: Damage) -> None:
    """C3: nobody creates a backup under a claim that nobody can read."""
    ledger.save_claim(claim())
    damage("CLAIM#docs#2026-03-01T12:00:00.000250Z", policy=None)
    with pytest.raises(ItemUnreadable, match=r"CLAIM#docs#2026.*policy: Field required.*delete it"):
        ledger.claim("docs", NOW)
    with pytest.raises(LedgerConflict):
        ledger.save_claim(claim())


def test_an_unreadable_claim_is_left_out_of_many(ledger: Ledger, damage: Damage) -> None:
    """U2: it is neither there nor absent."""
    ledger.save_claim(claim())
    damage("CLAIM#docs#2026-03-01T12:00:00.000250Z", policy=None)
    assert ledger.claims([("docs", NOW), ("other", NOW)]) == {("other", NOW): None}
    assert [item.index_name for item in ledger.unreadable()] == ["docs"]


def test_the_last_completed_run_is_found_without_its_mark(ledger: Ledger, damage: Damage) -> None:
    """T1: the mark is a copy of a run."""
    ledger.put_run(run(1))
    ledger.put_run(run(2, state=RunState.FAILED))
    damage("LAST#create", time="")
    assert ledger.last_completed(RunKind.CREATE) == run(1)
    ledger.put_run(run(3))
    assert ledger.last_completed(RunKind.CREATE) == run(3)
    assert [item.key for item in ledger.unreadable()] == ["LAST#create"]


def test_an_unreadable_event_waits_beside_the_others(ledger: Ledger, damage: Damage) -> None:
    """U2."""
    ledger.record_event(event(1))
    ledger.record_event(event(2))
    damage(f"OUTBOX#2026-03-01T13:00:00.000250Z#{event(1).event_id}", data="{")
    assert list(ledger.unannounced()) == [event(2)]
    ledger.mark_announced([event(1).event_id, event(2).event_id])
    assert [item.kind for item in ledger.inspect([ItemKind.OUTBOX])] == [ItemKind.OUTBOX]


@pytest.mark.parametrize(
    ("changes", "concerns"),
    [
        ({"reason": None}, ("", "docs")),
        ({"scope": "of a newer version"}, ("docs", "docs")),
        ({"target": ""}, ("", "")),
        ({"target": None}, ("", "")),
    ],
)
def test_what_a_damaged_hold_is_about_is_salvaged(
    ledger: Ledger, damage: Damage, changes: dict[str, str | None], concerns: tuple[str, str]
) -> None:
    """U2: its target where that is left, else the whole project."""
    ledger.put_hold(Hold("h1", HoldScope.INDEX, "docs", "audit", "alice", NOW))
    damage("HOLD#h1", **changes)
    (item,) = ledger.inspect([ItemKind.HOLD])
    assert (item.backup_id, item.index_name) == concerns


def test_single_keys_are_inspected_too(ledger: Ledger, damage: Damage) -> None:
    ledger.put_run(run(1))
    key = f"RUN#{run(1).run_id}"
    damage(key, actor=None)
    asked = [key, "RUN#none", "OF A NEWER VERSION#x", "(project)"]
    assert [item.key for item in ledger.inspect([], keys=asked)] == [key]


def test_of_runs_the_newest_are_inspected(ledger: Ledger, damage: Damage) -> None:
    ledger.put_run(run(1))
    damage(f"RUN#{run(1).run_id}", actor=None)
    found = len(ledger.inspect(ItemKind))
    for number in range(2, 202):
        ledger.put_run(run(number, state=RunState.FAILED))
    assert (found, len(ledger.inspect(ItemKind))) == (2 - 1, 0)


def test_projects_do_not_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        _create_table()
        _dynamo("main").put_backup(backup())
        assert _dynamo("other").backups() == {}


def test_a_missing_table_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws(), pytest.raises(LedgerUnavailable, match=r"ledger.*ResourceNotFound"):
        _dynamo().holds()


def test_a_table_that_does_not_answer_is_an_error_that_names_it() -> None:
    client = boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with pytest.raises(LedgerUnavailable, match="EndpointConnectionError"):
        DynamoLedger(client, "ledger", "main").put_index(IndexRecord("docs", NOW, NOW))


def test_projects_are_remembered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """U1."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        _create_table()
        projects = DynamoProjects(boto3.client("dynamodb", region_name="eu-central-1"), "ledger")
        projects.remember(["search", "main"])
        projects.remember(["main", "shop"])
        assert projects.known() == ["main", "search", "shop"]


# Looks at indexes


def first_look(index: str = "docs", at: datetime = NOW) -> LookRecord:
    seen = NamespaceLook(
        "tenant", 9, 4, (SampledRecord("r1", "v", 8, "", "m"),), (Neighbours("r1", ("a", "b")),)
    )
    look = Look("00ff", Depth.QUERIES, at, at, 8, "cosine", 9, (seen,), complete=True)
    return LookRecord(index, "i1", at, look)


def test_a_first_look_waits_until_what_it_came_to_is_written(ledger: Ledger) -> None:
    """F3"""
    ledger.put_look(first_look())
    ledger.put_look(first_look("notes"))
    ledger.put_look(first_look(at=NOW + HOUR))
    assert ledger.looks() == {"docs": first_look(at=NOW + HOUR), "notes": first_look("notes")}
    sure = FingerprintRecord("b1", "docs", "i1", NOW, first_look().look)
    ledger.put_fingerprints("docs", [sure, replace(sure, backup_id="b2", problem="denied")])
    assert list(ledger.looks()) == ["notes"]
    assert ledger.fingerprint("b1") == sure
    assert ledger.fingerprint("b3") is None


def test_evidence_is_removed_with_its_backup(ledger: Ledger) -> None:
    """F3"""
    ledger.put_fingerprints("docs", [FingerprintRecord("b1", "docs", "i1", NOW)])
    known = backup()
    ledger.put_backup(known)
    marked = ledger.put_deletion(known, deleted(), over=known)
    assert ledger.fingerprint("b1") is not None
    ledger.put_deletion(marked, deleted(confirmed_at=NOW), over=marked)
    assert ledger.fingerprint("b1") is None


def test_what_was_seen_and_cannot_be_read_is_about_one_backup_or_one_index(
    ledger: Ledger, damage: Damage
) -> None:
    """U2"""
    ledger.put_look(first_look())
    ledger.put_fingerprints("notes", [FingerprintRecord("b1", "notes", "i1", NOW)])
    damage("LOOK#docs", at="soon")
    damage("FINGERPRINT#b1", taken_at="soon")
    assert ledger.looks() == {}
    assert ledger.fingerprint("b1") is None
    items = ledger.inspect([ItemKind.LOOK, ItemKind.FINGERPRINT])
    assert {(item.backup_id, item.index_name) for item in items} == {("b1", ""), ("", "docs")}
