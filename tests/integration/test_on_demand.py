"""Backups on demand, through our own client against the simulated Pinecone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Fault, Outcome
from pinecone_backup.errors import (
    Forbidden,
    OutcomeUnknown,
    RequestInvalid,
    RuleForbids,
    SubjectUnknown,
)
from pinecone_backup.records import ClaimState
from pinecone_backup.rules.inventory import Entry, take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.usecases.requests.on_demand import create_on_demand
from tests.support.creating import OWNER, Stack, client, document, policy, slot_of
from tests.support.simulator import START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator
    from local.simulator.state import Backup as Row
    from pinecone_backup.adapters.pinecone.client import PineconeClient
    from pinecone_backup.model import Backup

LOST = Fault(kind="drop", operation="create_backup", after_effect=True)
ASKED = START + timedelta(seconds=1)
"""What stands for the slot: no cron names a second."""
NEVER_SENT = Fault(kind="drop", operation="create_backup")


@pytest.fixture
def control_plane(simulator_url: str) -> Iterator[PineconeClient]:
    with client(simulator_url) as control_plane:
        yield control_plane


@pytest.fixture
def stack(simulator: Simulator, control_plane: PineconeClient) -> Stack:
    simulator.project.seed_index("docs", records=10)
    simulator.clock.advance(timedelta(seconds=42))
    return Stack(simulator, control_plane, document(assignments=[]))


def create(stack: Stack, index: str = "docs", **words: Any) -> Backup:
    return create_on_demand(stack.context(), stack.control_plane, stack.ledger, index, **words)


def test_a_backup_on_demand_is_ours_without_a_policy(
    stack: Stack,
) -> None:
    """I2."""
    made = create(stack)
    (row,) = stack.made()
    assert made.backup_id == row.backup_id
    marker = Marker(OWNER, None, ASKED, "run-1", 1)
    assert row.name == marker.name_for("docs") == "on-demand-20261122t1200z-46b42b-1"
    assert Marker.parse(row.description) == marker.named("docs", row.name)


def test_a_backup_on_demand_has_a_record_and_an_event_with_who_asked(stack: Stack) -> None:
    made = create(stack)
    assert set(stack.ledger.backups()) == {made.backup_id}
    (event,) = stack.events("backup.created")
    assert (event["backup_id"], event["policy"], event["actor"]) == (
        made.backup_id,
        None,
        "schedule",
    )
    claim = stack.ledger.claim("docs", ASKED)
    assert claim is not None
    assert (claim.state, claim.backup_id) == (ClaimState.POSTED, made.backup_id)


def test_a_backup_on_demand_satisfies_no_slot_and_delays_the_one_beside_it_until_it_ends(
    stack: Stack,
) -> None:
    """C2, C3: asked for in the very minute of a slot, it takes nothing from it."""
    stack.document = document(policy())
    stack.tick()
    stack.simulator.clock.advance(timedelta(minutes=59, seconds=18))
    stack.simulator.project.expect("docs", Outcome(seconds=3000))
    made = create(stack)
    assert stack.kinds(stack.later(minutes=45)) == {"docs": "under_way"}
    assert stack.kinds(stack.later(minutes=10)) == {"docs": "under_way"}
    own, slots = stack.made()
    assert own.backup_id == made.backup_id
    assert slot_of(slots) == START + timedelta(hours=1)


def test_asking_twice_makes_one_backup_and_names_it(stack: Stack) -> None:
    """C2."""
    made = create(stack)
    stack.simulator.clock.advance(timedelta(minutes=5))
    with pytest.raises(RuleForbids, match=made.backup_id) as caught:
        create(stack)
    assert caught.value.rule == "under-way"
    assert len(stack.made()) == 1


def test_of_two_that_ask_in_one_minute_one_creates(stack: Stack) -> None:
    """C3: even when the listing does not show the first one yet."""
    create(stack)
    stack.simulator.faults.add(Fault(kind="empty_listing", operation="list_index_backups"))
    with pytest.raises(RuleForbids) as caught:
        create(stack)
    assert caught.value.rule == "under-way"
    assert stack.calls("create_backup") == 1


def test_a_stuck_backup_keeps_nobody_from_asking(stack: Stack) -> None:
    """C2."""
    stack.simulator.project.expect("docs", Outcome(seconds=1e6))
    create(stack)
    stack.simulator.clock.advance(timedelta(hours=12))
    create(stack)
    assert len(stack.made()) == 2


def test_a_finished_backup_keeps_nobody_from_asking(stack: Stack) -> None:
    create(stack)
    stack.simulator.clock.advance(timedelta(minutes=11))
    create(stack)
    assert len(stack.made()) == 2


@pytest.mark.parametrize(
    "words",
    [
        {"name": "before-migration"},
        {"description": "before the migration"},
        {"name": "before-migration", "description": "before the migration\n(Ann)"},
    ],
)
def test_a_backup_in_the_callers_own_words_is_ours_and_has_them(
    stack: Stack, words: dict[str, str]
) -> None:
    """I2: with the marker behind the description."""
    made = create(stack, **words)
    (row,) = stack.made()
    assert row.backup_id == made.backup_id
    assert row.name == words.get("name", "on-demand-20261122t1200z-46b42b-1")
    assert row.description is not None
    assert row.description.startswith(words.get("description", "["))
    record = stack.ledger.backups()[made.backup_id]
    assert record.name == row.name
    (event,) = stack.events("backup.created")
    assert (event["backup_id"], event["name"], event["policy"]) == (made.backup_id, row.name, None)


def test_a_backup_on_demand_keeps_its_expiry_in_its_marker(stack: Stack) -> None:
    """D8: a lost ledger does not lose it."""
    create(stack, name="before-import", expire_after=timedelta(days=30))
    (row,) = stack.made()
    entry = entry_of(stack, row)
    assert entry.on_demand
    assert entry.expires_at == START + timedelta(days=30, seconds=42)


def test_without_an_expiry_a_backup_on_demand_lives_for_ever(stack: Stack) -> None:
    """D8."""
    create(stack, name="before-import")
    (row,) = stack.made()
    assert entry_of(stack, row).expires_at is None


def entry_of(stack: Stack, row: Row) -> Entry:
    """The backup as every run sees it when the ledger is lost."""
    listed = stack.control_plane.describe_backup(row.backup_id)
    inventory = take_inventory([listed], records={}, owner=OWNER, now=stack.now)
    return inventory.entries[row.backup_id]


def test_who_asked_stands_in_the_event_and_not_in_the_backup(stack: Stack) -> None:
    """The principal may be private, and whoever can list backups reads the description."""
    ann = replace(stack.context(), actor="arn:aws:iam::123456789012:user/ann")
    create_on_demand(ann, stack.control_plane, stack.ledger, "docs", name="before-import")
    (row,) = stack.made()
    assert "ann" not in (row.description or "")
    assert [event["actor"] for event in stack.events("backup.created")] == [ann.actor]


def test_a_callers_own_name_is_taken_once_per_index(stack: Stack) -> None:
    create(stack, name="before-migration")
    stack.simulator.clock.advance(timedelta(hours=2))
    with pytest.raises(RuleForbids, match="before-migration") as caught:
        create(stack, name="before-migration")
    assert caught.value.rule == "name-taken"


@pytest.mark.parametrize(
    "description",
    [
        "pinecone-backup/1 owner=x",
        " Pinecone-Backup/ hello",
        "before the import [pinecone-backup/2 owner=x at=",
    ],
)
def test_a_description_that_reads_like_a_marker_is_refused(stack: Stack, description: str) -> None:
    """I2."""
    with pytest.raises(RuleForbids) as caught:
        create(stack, description=description)
    assert caught.value.rule == "marker"
    assert stack.simulator.requests.calls == []


def test_an_unknown_index_is_named(stack: Stack) -> None:
    with pytest.raises(SubjectUnknown, match="nowhere"):
        create(stack, "nowhere")


def test_a_name_that_pinecone_does_not_take_is_refused_by_it(stack: Stack) -> None:
    with pytest.raises(RequestInvalid):
        create(stack, name="Not A Name")


@pytest.mark.parametrize("words", [{}, {"name": "before-migration", "description": "by hand"}])
def test_a_lost_answer_is_made_good_by_looking_for_the_name(
    stack: Stack, words: dict[str, str]
) -> None:
    """C3: one POST."""
    stack.simulator.faults.add(LOST.model_copy())
    made = create(stack, **words)
    assert [row.backup_id for row in stack.simulator.project.backups] == [made.backup_id]
    assert stack.calls("create_backup") == 1
    assert len(stack.events("backup.created")) == 1


def test_what_cannot_be_found_is_said_to_be_unknown_and_what_to_look_for(stack: Stack) -> None:
    """C3."""
    stack.simulator.faults.add(NEVER_SENT.model_copy())
    with pytest.raises(OutcomeUnknown, match="on-demand-20261122t1200z"):
        create(stack)
    claim = stack.ledger.claim("docs", ASKED)
    assert claim is not None
    assert claim.state is ClaimState.AMBIGUOUS


def test_a_lost_answer_stays_unknown_when_the_listing_fails(stack: Stack) -> None:
    stack.simulator.faults.add(LOST.model_copy())
    stack.simulator.faults.add(
        Fault(kind="status", status=503, operation="list_index_backups", skip=1, times=None)
    )
    with pytest.raises(OutcomeUnknown):
        create(stack)
    assert stack.ledger.backups() == {}


@pytest.mark.parametrize("words", [{}, {"name": "before-migration"}])
def test_what_the_request_could_not_record_the_next_create_run_records(
    stack: Stack, words: dict[str, str]
) -> None:
    """C3."""
    stack.document = document(policy())
    stack.simulator.faults.add(LOST.model_copy())
    stack.simulator.faults.add(Fault(kind="empty_listing", operation="list_index_backups", skip=1))
    with pytest.raises(OutcomeUnknown):
        create(stack, **words)
    stack.later(minutes=5)
    (row,) = stack.made()
    assert [event["backup_id"] for event in stack.events("backup.created")] == [row.backup_id]


def test_another_backup_of_that_name_is_not_taken_for_the_lost_one(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C3: somebody makes one of that name in the same moment."""

    def lose(*_: object, **__: object) -> None:
        stack.simulator.project.create_backup("docs", name="before-import", description="Bob's")
        raise OutcomeUnknown("the answer was lost")

    monkeypatch.setattr(stack.control_plane, "create_backup", lose)
    with pytest.raises(OutcomeUnknown):
        create(stack, name="before-import")
    assert stack.ledger.backups() == {}


def test_after_a_refusal_one_can_ask_again_at_once(stack: Stack) -> None:
    stack.simulator.faults.add(Fault(kind="status", status=403, operation="create_backup"))
    with pytest.raises(Forbidden):
        create(stack)
    create(stack)
    assert len(stack.made()) == 1
