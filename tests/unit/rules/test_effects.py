"""What a decision leaves to be written, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import (
    Backup,
    DomainEvent,
    Index,
    IndexKind,
    RunContext,
    RunKind,
    RunTime,
    Status,
    TriggerKind,
)
from pinecone_backup.records import BackupRecord, Claim, ClaimState, IndexRecord
from pinecone_backup.rules.claims import ambiguous, claimed, failed, posted
from pinecone_backup.rules.creation import Decision, Kind, View, due
from pinecone_backup.rules.effects import (
    Decided,
    PutBackup,
    RecordEvent,
    SaveClaim,
    created,
    decide,
    slots_in_question,
)
from pinecone_backup.rules.inventory import Entry, Origin, Worth
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import Assigned, AssignedBy, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SLOT = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MARKER = Marker("stack-a", "daily", SLOT, "run-0", 1)
CLAIM = replace(claimed("docs", MARKER, previous=None, now=SLOT), version=1)
LOST = ambiguous(CLAIM, "the answer was lost", SLOT)
CONTEXT = RunContext(
    "run-1", RunKind.CREATE, "main", "stack-a", RunTime(NOW, NOW), TriggerKind.SCHEDULE, "schedule"
)
DAILY = Policy.model_validate(
    {"name": "daily", "cron": "0 11 * * *", "max_age": "26h", "retention": {"keep_last": 3}}
)


def entry(
    worth: Worth = Worth.UNDER_WAY,
    *,
    marker: Marker = MARKER,
    recorded: bool = False,
    origin: Origin = Origin.OURS,
) -> Entry:
    name = marker.name_for("docs")
    backup = Backup(
        "b-1", "docs", "id-1", Status.READY, "Ready", marker.slot, name, description=str(marker)
    )
    record = BackupRecord("b-1", "docs", "id-1", name, marker.slot, NOW) if recorded else None
    return Entry(backup, origin, worth, marker.slot, marker, record=record)


def decided(*entries: Entry, claim: Claim | None = None, more: Sequence[Claim] = ()) -> Decided:
    """What a tick decides, when the ledger has no other claims than these."""
    index = Index("docs", IndexKind.SERVERLESS, "Ready", ready=True)
    record = IndexRecord("docs", NOW - 30 * DAY, NOW, "id-1")
    view = View("main", index, Assigned(DAILY, AssignedBy.ASSIGNMENT), record, entries)
    by_listing = due(view, CONTEXT.time)
    claims: dict[datetime, Claim | None] = dict.fromkeys(slots_in_question(view, by_listing))
    stored = {known.slot: known for known in [*more, *([claim] if claim else [])]}
    claims |= {slot: known for slot, known in stored.items() if slot in claims}
    return decide(CONTEXT, view, by_listing, claims)


def written(result: Decided) -> list[Any]:
    """The effects, in order: types of events, ids of records, and claims."""
    shown: list[Any] = []
    for effect in result.effects:
        match effect:
            case RecordEvent(event):
                shown.append(event.type)
            case PutBackup(record):
                shown.append(record.backup_id)
            case SaveClaim(claim):
                shown.append(claim)
    return shown


def test_where_nothing_is_known_nothing_is_written_before_the_claim() -> None:
    assert written(decided()) == []


@pytest.mark.parametrize("claim", [CLAIM, LOST])
@pytest.mark.parametrize("worth", [Worth.UNDER_WAY, Worth.GOOD])
def test_a_backup_that_could_not_be_recorded_is_recorded_event_first_and_claim_last(
    claim: Claim, worth: Worth
) -> None:
    """C3."""
    result = decided(entry(worth), claim=claim)
    assert written(result) == ["backup.created", "b-1", posted(claim, "b-1")]


def test_the_event_and_the_record_say_what_the_claim_and_pinecone_say() -> None:
    event, record = decided(entry(), claim=LOST).effects[:2]
    assert isinstance(event, RecordEvent)
    assert event.event.data == {
        "backup_id": "b-1",
        "name": CLAIM.backup_name,
        "index": "docs",
        "index_id": "id-1",
        "run_id": "run-0",
        "actor": "schedule",
        "policy": "daily",
        "slot": SLOT.isoformat(),
        "attempt": 1,
    }
    assert record == PutBackup(
        BackupRecord("b-1", "docs", "id-1", CLAIM.backup_name, SLOT, first_seen_at=NOW)
    )


def test_an_event_is_the_projects_of_the_actual_time_and_one_however_often_it_is_recorded() -> None:
    made = decided(entry(), claim=LOST).effects[0]
    broke = decided(entry(Worth.FAILED, recorded=True), claim=posted(CLAIM, "b-1")).effects[0]
    assert isinstance(made, RecordEvent)
    assert isinstance(broke, RecordEvent)
    for event, other in ((made.event, broke.event), (broke.event, made.event)):
        again = DomainEvent.of(event.type, "b-1", project="main", at=NOW)
        assert (event.event_id, event.project, event.occurred_at) == (again.event_id, "main", NOW)
        assert event.event_id != other.event_id


def test_the_event_of_a_failed_backup_says_which_attempt_of_what_failed_and_when_it_goes_on() -> (
    None
):
    after = failed(posted(CLAIM, "b-1"), "backup b-1 failed", NOW)
    said = decided(entry(Worth.FAILED, recorded=True), claim=posted(CLAIM, "b-1")).effects[0]
    assert isinstance(said, RecordEvent)
    assert after.next_attempt_at is not None
    assert said.event.data == {
        "backup_id": "b-1",
        "name": CLAIM.backup_name,
        "index": "docs",
        "policy": "daily",
        "slot": SLOT.isoformat(),
        "attempt": 1,
        "reason": "backup b-1 failed",
        "next_attempt_at": after.next_attempt_at.isoformat(),
    }


def test_the_event_of_the_last_attempts_failed_backup_says_that_none_follows() -> None:
    """C3."""
    last = replace(MARKER, attempt=4)
    claim = posted(claimed("docs", last, previous=None, now=SLOT), "b-1")
    said = decided(entry(Worth.FAILED, marker=last, recorded=True), claim=claim).effects[0]
    assert isinstance(said, RecordEvent)
    assert (said.event.data["attempt"], said.event.data["next_attempt_at"]) == (4, None)


def on_demand(asked_by: str | None) -> Entry:
    """A backup that somebody asked for, and the record that names whom; None: no record."""
    known = entry(Worth.GOOD, marker=ON_DEMAND, recorded=asked_by is not None)
    return (
        known
        if known.record is None
        else replace(known, record=replace(known.record, asked_by=asked_by or ""))
    )


_UNNAMED = replace(MARKER, policy=None, slot=SLOT - DAY)
ON_DEMAND = _UNNAMED.named("docs", _UNNAMED.name_for("docs"))
ASKED = replace(claimed("docs", ON_DEMAND, previous=None, now=SLOT - DAY), actor="alice", version=1)


@pytest.mark.parametrize(
    ("recorded", "claim", "asked_by"),
    [
        pytest.param(None, posted(ASKED, "b-1"), "alice", id="its claim knows who asked"),
        pytest.param("", posted(ASKED, "b-1"), "alice", id="so it does when an audit came first"),
        pytest.param(None, posted(ASKED, "b-2"), "unknown", id="the claim of another backup"),
        pytest.param("", None, "unknown", id="the claim is lost"),
    ],
)
def test_a_backup_on_demand_gets_the_name_of_who_asked(
    recorded: str | None, claim: Claim | None, asked_by: str
) -> None:
    puts = [
        effect
        for effect in decided(on_demand(recorded), more=[claim] if claim else []).effects
        if isinstance(effect, PutBackup)
    ]
    [put] = puts
    assert (put.record.asked_by, put.record.first_seen_at) == (asked_by, NOW)
    assert put.over == on_demand(recorded).record


def test_a_record_that_names_who_asked_is_not_written_again() -> None:
    said = decided(on_demand("alice"), more=[posted(ASKED, "b-1")]).effects
    assert not [effect for effect in said if isinstance(effect, PutBackup)]


@pytest.mark.parametrize(("recorded", "over"), [(None, False), ("", True), ("alice", None)])
def test_a_backup_on_demand_that_could_not_be_recorded_gains_who_asked(
    recorded: str | None, over: bool | None
) -> None:
    """C3; ``over``: whether a record was there that did not say so, None: it did."""
    known = on_demand(recorded)
    event, *more = created(CONTEXT, ASKED, known.backup, known=known.record)
    assert isinstance(event, RecordEvent)
    assert event.event.data["actor"] == "alice"
    if over is None:
        assert more == []
        return
    [put] = more
    assert isinstance(put, PutBackup)
    assert put.record.asked_by == "alice"
    assert put.over == (known.record if over else None)


@pytest.mark.parametrize("worth", [Worth.UNDER_WAY, Worth.FAILED])
def test_the_record_that_an_audit_wrote_first_stays(worth: Worth) -> None:
    """C3: the event is missing all the same."""
    result = written(decided(entry(worth, recorded=True), claim=LOST))
    assert result[0] == "backup.created"
    assert "b-1" not in result


@pytest.mark.parametrize("recorded", [False, True])
def test_a_lost_backup_that_failed_meanwhile_was_created_first_and_its_claim_saved_once(
    recorded: bool,
) -> None:
    """C3."""
    result = decided(entry(Worth.FAILED, recorded=recorded), claim=LOST)
    after = failed(replace(LOST, backup_id="b-1"), "backup b-1 failed", NOW)
    record = [] if recorded else ["b-1"]
    assert written(result) == ["backup.created", *record, "backup.failed", after]
    assert result.decision.claim == after


def test_what_is_recorded_and_settled_is_not_written_again() -> None:
    done = posted(CLAIM, "b-1")
    assert written(decided(entry(recorded=True), claim=done)) == []
    over = failed(done, "backup b-1 failed", SLOT)
    assert written(decided(entry(Worth.FAILED, recorded=True), claim=over)) == []


def test_a_posted_backup_that_failed_is_a_failed_event_and_a_failed_claim() -> None:
    """C3."""
    done = posted(CLAIM, "b-1")
    after = failed(done, "backup b-1 failed", NOW)
    assert written(decided(entry(Worth.FAILED, recorded=True), claim=done)) == [
        "backup.failed",
        after,
    ]


def test_an_attempt_that_ended_without_a_backup_is_a_claim_without_an_event() -> None:
    """C3."""
    (after,) = written(decided(claim=CLAIM))
    assert (after.state, after.backup_id) == (ClaimState.FAILED, None)


@pytest.mark.parametrize(
    "claim", [None, replace(CLAIM, backup_name="daily-of-another-attempt")], ids=["none", "other"]
)
def test_a_backup_whose_claim_is_not_there_gets_its_record_only(claim: Claim | None) -> None:
    """A ledger that was lost does not announce anew what exists."""
    said = decided(entry(), claim=claim)
    assert written(said) == ["b-1"]
    [put] = said.effects
    assert isinstance(put, PutBackup)
    assert put.record.first_seen_at == NOW


def test_a_backup_of_an_earlier_slot_is_recorded_by_its_own_claim() -> None:
    earlier = replace(MARKER, slot=SLOT - DAY)
    claim = ambiguous(claimed("docs", earlier, previous=None, now=SLOT - DAY), "lost", SLOT - DAY)
    result = decided(entry(Worth.GOOD, marker=earlier), claim=claim)
    assert result.decision.kind is Kind.CREATE
    assert written(result) == ["backup.created", "b-1", posted(claim, "b-1")]


def test_a_lost_backup_of_an_earlier_slot_is_recorded_while_another_attempt_ends() -> None:
    earlier = replace(MARKER, slot=SLOT - DAY)
    lost = ambiguous(claimed("docs", earlier, previous=None, now=SLOT - DAY), "lost", SLOT - DAY)
    result = decided(entry(Worth.GOOD, marker=earlier), claim=CLAIM, more=[lost])
    assert written(result)[:3] == ["backup.created", "b-1", posted(lost, "b-1")]
    (ended,) = written(result)[3:]
    assert (ended.slot, ended.state) == (SLOT, ClaimState.FAILED)


@pytest.mark.parametrize("origin", sorted(set(Origin) - {Origin.OURS}))
def test_other_peoples_backups_are_not_recorded(origin: Origin) -> None:
    """I2."""
    assert written(decided(entry(origin=origin))) == []


def test_the_claims_to_read_are_those_of_the_open_slot_and_of_unrecorded_backups() -> None:
    index = Index("docs", IndexKind.SERVERLESS, "Ready", ready=True)
    record = IndexRecord("docs", NOW - 30 * DAY, NOW, "id-1")
    earlier = replace(MARKER, slot=SLOT - DAY)
    view = View(
        "main",
        index,
        Assigned(DAILY, AssignedBy.ASSIGNMENT),
        record,
        [entry(Worth.GOOD, marker=earlier)],
    )
    opened = Decision("docs", Kind.OPEN, "", DAILY, SLOT)
    assert slots_in_question(view, opened) == {SLOT, SLOT - DAY}
    assert slots_in_question(view, replace(opened, kind=Kind.WAITS)) == {SLOT - DAY}
    known = replace(view, entries=[entry(Worth.GOOD, marker=earlier, recorded=True)])
    assert slots_in_question(known, opened) == {SLOT}


def test_each_of_several_backups_that_could_not_be_recorded_is_recorded() -> None:
    """C3: in the order of the listing."""
    earlier = replace(MARKER, slot=SLOT - DAY)
    lost = ambiguous(claimed("docs", earlier, previous=None, now=SLOT - DAY), "lost", SLOT - DAY)
    old = entry(Worth.GOOD, marker=earlier)
    other = replace(old, backup=replace(old.backup, backup_id="b-0"))
    said = written(decided(entry(), other, claim=LOST, more=[lost]))
    assert [each for each in said if isinstance(each, str)] == [
        "backup.created",
        "b-1",
        "backup.created",
        "b-0",
    ]
