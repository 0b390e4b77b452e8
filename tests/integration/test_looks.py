"""Create runs look at an index before and after its backup, over HTTP (rules F1 to F3)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Fault
from local.simulator.damages import Damage, Harm
from local.simulator.data_plane import DataPlane
from local.simulator.records import Record
from local.simulator.schema import vector_fields
from local.simulator.state import Outcome
from pinecone_backup.errors import LedgerUnavailable, NotFound
from pinecone_backup.model import Depth
from pinecone_backup.records import DeletionRecord, DeletionState
from pinecone_backup.rules.fingerprint import compare
from pinecone_backup.usecases.fingerprint import first_look, look_again
from tests.support.creating import Stack, document, policy
from tests.support.simulator import START

if TYPE_CHECKING:
    from local.simulator import Simulator
    from pinecone_backup.adapters.pinecone.client import PineconeClient
    from pinecone_backup.model import Index
    from pinecone_backup.ports import DataPlane as DataPlanePort
    from pinecone_backup.records import FingerprintRecord

SECRET = "a word that stands in metadata"


def with_tests(depth: str = "sample", **changes: Any) -> dict[str, Any]:
    """A policy with one slot a day, at 15:00, three hours after the clock begins."""
    return policy(
        "daily", cron="0 15 * * *", restore_test={"every": "7d", "depth": depth} | changes
    )


@pytest.fixture
def stack(simulator: Simulator, control_plane: PineconeClient) -> Stack:
    """A stack whose index ``docs`` has its backup for today, and three tenants."""
    stack = Stack(simulator, control_plane, document(with_tests("queries")))
    seeded(stack, "docs")
    return stack


def seeded(stack: Stack, *names: str) -> None:
    project = stack.simulator.project
    for name in names:
        project.seed_index(name, fields=vector_fields(dimension=4), seed=name)
        for tenant, records in {"a": 150, "b": 50, "c": 1}.items():
            at = START - timedelta(days=9)
            project.write_records(name, records, namespace=tenant, at=at)


def fingerprint(stack: Stack, index: str = "docs") -> FingerprintRecord:
    """What is noted of the newest backup."""
    found = stack.ledger.fingerprint(stack.made(index)[-1].backup_id)
    assert found is not None
    return found


def test_two_looks_around_a_slot_become_evidence_beside_the_backup(stack: Stack) -> None:
    """F1, F3"""
    stack.tick()
    stack.day(hours=6)

    found = fingerprint(stack)

    backup = stack.made()[-1]
    assert found.problem == ""
    assert found.evidence is not None
    assert found.evidence.began_at <= backup.created_at - timedelta(minutes=20)
    assert found.taken_at >= backup.created_at + timedelta(minutes=15)
    seen = {each.namespace: (each.count, len(each.records)) for each in found.evidence.namespaces}
    assert seen == {"a": (150, 150), "b": (50, 50), "c": (1, 1)}
    assert stack.ledger.looks() == {}


def test_a_tested_backup_that_comes_back_damaged_is_found_out(stack: Stack) -> None:
    """F4: from the evidence of create runs, and over HTTP."""
    stack.tick()
    stack.day(hours=6)
    found, made = fingerprint(stack), stack.made()[-1]
    harm = Harm(Damage.METADATA_SWAPPED)
    stack.simulator.project.restore_outcomes.append(Outcome(damages=(harm,)))
    for name in ("damaged", "sound"):
        stack.control_plane.restore(made.backup_id, name=name)
    stack.simulator.clock.advance(timedelta(hours=1))
    described = stack.control_plane.describe_backup(made.backup_id)

    kinds = {}
    for name in ("damaged", "sound"):
        index = stack.control_plane.describe_index(name)
        look = look_again(
            stack.control_plane.data_plane(index),
            found.evidence,
            depth=Depth.QUERIES,
            clock=stack.simulator.clock.now,
        )
        comparison = compare(found.evidence, described, index, look)
        kinds[name] = {str(each.kind) for each in comparison.differences}
        assert comparison.depth is Depth.QUERIES

    assert kinds == {"damaged": {"metadata_changed"}, "sound": set()}


def test_nothing_of_a_record_is_stored_but_its_id(stack: Stack) -> None:
    """F3: and no more than fits into an item."""
    project = stack.simulator.project
    served = DataPlane(
        project.describe_index("docs"), stack.simulator.behaviour, START - timedelta(days=1)
    )
    served.upsert("c", [Record("rec-1", (0.123456, 1.0, 1.0, 1.0), None, {"text": SECRET})])
    stack.tick()
    kinds = ("LOOK", "FINGERPRINT")
    items: dict[str, dict[str, Any]] = {}
    for _ in range(24):
        stack.later(minutes=15)
        items |= {
            key: stack.ledger.stored(key) for kind in kinds for key in stack.ledger.keys(kind)
        }
    assert {key.partition("#")[0] for key in items} == {"LOOK", "FINGERPRINT"}
    for item in items.values():
        text = json.dumps(item, default=str)
        assert "rec-1" in text
        assert SECRET not in text
        assert "123456" not in text
        assert len(text) < 100_000


def test_what_changed_between_the_looks_is_no_evidence(stack: Stack) -> None:
    """F3"""
    stack.tick()
    while not stack.ledger.looks():
        stack.later(minutes=15)
    stack.simulator.project.write_records("docs", 1, namespace="b")
    stack.day(hours=3)
    evidence = fingerprint(stack).evidence
    assert evidence is not None
    assert {each.namespace: each.count for each in evidence.namespaces} == {
        "a": 150,
        "b": None,
        "c": 1,
    }


@pytest.mark.parametrize("depth", ["counts", None])
def test_who_does_not_compare_records_is_not_looked_at(stack: Stack, depth: str | None) -> None:
    """F1"""
    stack.document = document(with_tests(depth) if depth else policy("daily", cron="0 15 * * *"))
    stack.tick()
    stack.day(hours=6)
    assert stack.made()
    assert stack.ledger.fingerprint(stack.made()[-1].backup_id) is None
    asked = stack.simulator.requests.counts()
    assert not {"describe_index_stats", "list_vectors", "fetch_vectors"} & asked.keys()


def test_a_key_without_access_to_records_is_noted_and_backups_are_made_all_the_same(
    stack: Stack,
) -> None:
    """F1: one call for the whole project."""
    seeded(stack, "notes", "users")
    stack.tick()
    stack.simulator.project.keys = dict.fromkeys(stack.simulator.project.keys, "ControlPlaneEditor")
    stack.simulator.requests.clear()
    stack.day(hours=6)
    for name in ("docs", "notes", "users"):
        found = fingerprint(stack, name)
        assert found.evidence is None
        assert found.problem.startswith("the API key may not read records (")
    assert stack.calls("describe_index_stats") <= 3


@pytest.mark.parametrize("status", [500, 429])
def test_a_data_plane_that_is_down_delays_no_backup(stack: Stack, status: int) -> None:
    """F1: the looks are missing, and the run says so."""
    seeded(stack, "notes")
    stack.tick()
    for operation in ("describe_index_stats", "list_vectors", "fetch_vectors", "query_vectors"):
        stack.simulator.faults.add(
            Fault(kind="status", operation=operation, status=status, times=None)
        )
    outcomes = [stack.later(minutes=15) for _ in range(16)]
    assert stack.made()
    assert stack.made("notes")
    problems = [each.summary["looks"]["problems"] for each in outcomes]
    assert any(problems)
    assert stack.ledger.keys("FINGERPRINT") == []


def test_no_look_begins_without_time(stack: Stack) -> None:
    """F1"""
    for _ in range(16):
        stack.simulator.clock.advance(timedelta(minutes=15))
        stack.tick(time_left=lambda: 129.0)
    assert stack.calls("describe_index_stats") == 0


def test_evidence_goes_with_its_backup(stack: Stack) -> None:
    """D6: once the deletion is confirmed."""
    stack.tick()
    stack.day(hours=6)
    found = fingerprint(stack)
    record = stack.ledger.backups()[found.backup_id]
    deletion = DeletionRecord(
        found.backup_id, "docs", found.index_id, DeletionState.ACCEPTED, stack.now, "run", "alice"
    )
    marked = stack.ledger.put_deletion(record, deletion, over=record)
    assert stack.ledger.fingerprint(found.backup_id) == found
    confirmed = replace(deletion, state=DeletionState.DELETED, confirmed_at=stack.now)
    stack.ledger.put_deletion(marked, confirmed, over=marked)
    assert stack.ledger.fingerprint(found.backup_id) is None


def test_an_index_of_a_million_records_takes_a_bounded_number_of_calls(stack: Stack) -> None:
    """F2: and its sample does not stand at the beginning alone."""
    project = stack.simulator.project
    project.seed_index("large", fields=vector_fields(dimension=4), records=1_000_000)
    index = stack.control_plane.describe_index("large")
    plane = stack.control_plane.data_plane(index)
    first = first_look(plane, depth=Depth.SAMPLE, secret=bytes(16), clock=stack.simulator.clock.now)
    assert sum(len(each.records) for each in first.namespaces) == 300
    assert plane.usage.calls == 1 + 30 + 5 + 3
    again = stack.control_plane.data_plane(index)
    look_again(again, first, depth=Depth.SAMPLE, clock=stack.simulator.clock.now)
    assert again.usage.calls == 1 + 3
    ids = [record.record_id for each in first.namespaces for record in each.records]
    assert sum(record_id > "rec-000003000" for record_id in ids) > 100


def test_an_index_that_is_deleted_between_the_looks_has_no_evidence(stack: Stack) -> None:
    """F1"""
    stack.tick()
    while not stack.made():
        stack.later(minutes=15)
    stack.simulator.project.delete_index("docs")
    stack.day(hours=2)
    assert stack.ledger.keys("FINGERPRINT") == []
    with pytest.raises(NotFound):
        stack.control_plane.describe_index("docs")


def test_an_error_that_nobody_expected_is_noted_and_stops_no_other_look(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U2"""
    seeded(stack, "notes")
    whole = stack.control_plane.data_plane

    def broken(index: Index) -> DataPlanePort:
        if index.name == "docs":
            raise ZeroDivisionError
        return whole(index)

    monkeypatch.setattr(stack.control_plane, "data_plane", broken)
    stack.tick()
    stack.day(hours=6)
    assert fingerprint(stack, "docs").evidence is None
    assert "ZeroDivisionError" in fingerprint(stack, "docs").problem
    assert fingerprint(stack, "notes").evidence is not None


def test_first_looks_that_cannot_be_read_fail_no_run(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F1: what was created stands."""

    def unreadable() -> None:
        raise LedgerUnavailable("The ledger did not answer")

    stack.tick()
    monkeypatch.setattr(stack.ledger, "looks", unreadable)
    outcome = stack.later(hours=4)
    assert stack.made()
    assert outcome.summary["looks"]["problems"] == {"ledger": "The ledger did not answer"}
