"""Whether an index gets a backup now, decision by decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pinecone_backup.model import Backup, Index, IndexKind, RunTime, Status
from pinecone_backup.records import (
    BackupRecord,
    Claim,
    ClaimState,
    Finding,
    IndexRecord,
    Verdict,
)
from pinecone_backup.rules import creation
from pinecone_backup.rules.claims import ambiguous, claimed, failed, posted, refused
from pinecone_backup.rules.creation import (
    NEW_INDEX_WAIT,
    Decision,
    Kind,
    View,
    attempt,
    due,
    evidence_of,
    expected_due,
    in_order,
    marker_of,
    newest_of_index,
    no_quota,
    observed,
    view_by_listing,
    view_of,
)
from pinecone_backup.rules.findings import Control, Evidence, Observation, finding_id
from pinecone_backup.rules.inventory import Entry, Origin, Worth, take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.policy import Assigned, AssignedBy, Policy
from pinecone_backup.rules.slots import jitter
from tests.support.backups import signed

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SLOT = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
AT_NOON = RunTime(scheduled_at=NOW, actual=NOW)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OWNER = "stack-a"


def policy(**settings: Any) -> Policy:
    """Every day at 11:00, an hour before ``NOW``."""
    given = {
        "name": "daily",
        "cron": "0 11 * * *",
        "max_age": "26h",
        "retention": {"keep_last": 3},
        **settings,
    }
    return Policy.model_validate(given)


DAILY = policy()
NATIVE = policy(cron=None, native_schedule={"frequency": "daily", "expire_after_days": 7})


def entry(
    backup_id: str = "b-1",
    *,
    worth: Worth = Worth.GOOD,
    origin: Origin = Origin.OURS,
    slot: datetime = SLOT,
    attempt: int = 1,
    at: datetime | None = SLOT,
    index_id: str = "id-1",
    name: str | None = None,
    policy: str | None = "daily",
) -> Entry:
    marker = Marker(OWNER, policy, slot, "run-0", attempt)
    running = worth in (Worth.UNDER_WAY, Worth.UNKNOWN)
    signature = signed(marker, "docs")
    backup = Backup(
        backup_id=backup_id,
        index_name="docs",
        index_id=index_id,
        status=Status.UNDER_WAY if running else Status.READY,
        status_text="Initializing" if running else "Ready",
        created_at=at,
        name=name or signature["name"],
        description=signature["description"],
    )
    return Entry(backup, origin, worth, at, marker if origin is Origin.OURS else None)


def view(*entries: Entry, policy: Policy | None = DAILY, **changes: Any) -> View:
    index = Index("docs", IndexKind.SERVERLESS, "Ready", ready=True)
    by = AssignedBy.ASSIGNMENT if policy else AssignedBy.NOTHING
    record = IndexRecord("docs", NOW - 30 * DAY, NOW, "id-1")
    return replace(View("main", index, Assigned(policy, by), record, entries), **changes)


def later(actual: datetime) -> RunTime:
    return RunTime(scheduled_at=NOW, actual=actual)


# What can be expected before anything is listed


def recorded(created_at: datetime | None = SLOT - DAY, **changes: Any) -> BackupRecord:
    known = BackupRecord("b1", "docs", "id-1", "daily-1", created_at, NOW, verdict=Verdict.GOOD)
    return replace(known, **changes)


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        (recorded(), True),
        (recorded(SLOT - MINUTE), True),
        (recorded(verdict=Verdict.SUSPECT), True),
        (recorded(SLOT), False),
        (recorded(verdict=None), False),
        (recorded(None), False),
        (None, False),
    ],
)
def test_an_index_whose_newest_known_backup_ended_before_the_slot_is_expected_to_be_due(
    newest: BackupRecord | None, expected: bool
) -> None:
    """N1."""
    assert expected_due(view(), newest, AT_NOON) is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"assigned": Assigned(None, AssignedBy.NOTHING)},
        {"assigned": Assigned(NATIVE, AssignedBy.ASSIGNMENT)},
        {"index": Index("docs", IndexKind.SERVERLESS, "Initializing", ready=False)},
    ],
)
def test_nothing_is_expected_of_an_index_that_gets_no_backup_now(changes: dict[str, Any]) -> None:
    """N1."""
    assert not expected_due(view(**changes), recorded(), AT_NOON)


def test_an_index_first_seen_after_its_newest_backup_is_not_new() -> None:
    """N1, C5."""
    record = IndexRecord("docs", NOW, NOW, "id-1")
    assert expected_due(view(record=record), recorded(), AT_NOON)


def test_nothing_is_expected_of_an_index_that_is_too_new_for_a_backup() -> None:
    """N1, C5: its newest backup is as new as the index."""
    often = policy(cron="*/5 * * * *")
    record = IndexRecord("docs", NOW, NOW, "id-1")
    known = recorded(NOW - NEW_INDEX_WAIT + MINUTE)
    assert not expected_due(view(policy=often, record=record), known, AT_NOON)


@pytest.mark.parametrize(("after", "expected"), [(-1, True), (0, False), (1, False)])
def test_a_slot_of_before_a_change_of_the_schedule_is_not_expected_to_be_due(
    after: int, expected: bool
) -> None:
    """N1, C2: the former schedule may have satisfied it."""
    record = rescheduled(None, since=SLOT + after * timedelta(seconds=1))
    assert expected_due(view(record=record), recorded(), AT_NOON) is expected


def test_the_newest_backup_of_an_index_is_the_one_created_last() -> None:
    old, new = recorded(NOW - 2 * DAY), recorded(NOW - DAY, backup_id="b2")
    other = recorded(NOW - 3 * DAY, index_name="logs")
    undated = recorded(None, index_name="else")
    assert newest_of_index([new, old, other, undated]) == {"docs": new, "logs": other}


# A changed schedule


def rescheduled(former_slot: datetime | None, since: datetime = NOW - HOUR / 2) -> IndexRecord:
    """What the ledger knows of an index whose schedule changed half an hour ago."""
    known = IndexRecord("docs", NOW - 30 * DAY, NOW, "id-1")
    return replace(known, schedule_since=since, former_slot=former_slot)


@pytest.mark.parametrize(
    ("made", "former_slot", "kind"),
    [
        (SLOT - 9 * HOUR, SLOT - 9 * HOUR, Kind.SATISFIED),
        (SLOT - 8 * HOUR, SLOT - 9 * HOUR, Kind.SATISFIED),
        (SLOT - 10 * HOUR, SLOT - 9 * HOUR, Kind.OPEN),
        (SLOT - 9 * HOUR, None, Kind.OPEN),
    ],
)
def test_what_satisfies_the_former_schedules_slot_satisfies_the_new_ones(
    made: datetime, former_slot: datetime | None, kind: Kind
) -> None:
    """C2: the latest slot of the new schedule lies before the change."""
    former = entry(slot=made, at=made)
    assert due(view(former, record=rescheduled(former_slot)), AT_NOON).kind is kind


@pytest.mark.parametrize(("after", "kind"), [(0, Kind.SATISFIED), (-1, Kind.OPEN)])
def test_the_new_schedules_next_slot_is_its_own(after: int, kind: Kind) -> None:
    """C2: what was seen at the slot itself was not in force before it."""
    former = entry(slot=SLOT - 9 * HOUR, at=SLOT - 9 * HOUR)
    record = rescheduled(SLOT - 9 * HOUR, since=SLOT + after * timedelta(seconds=1))
    assert due(view(former, record=record), AT_NOON).kind is kind


def test_an_overdue_index_is_served_at_once_after_a_change_of_schedule() -> None:
    """C2: it was made 21 hours ago."""
    former = entry(slot=SLOT - 20 * HOUR, at=SLOT - 20 * HOUR)
    record = rescheduled(SLOT - 20 * HOUR)

    late = view(former, policy=policy(max_age="20h"), record=record)
    in_time = view(former, policy=policy(max_age="21h"), record=record)

    assert due(late, AT_NOON).kind is Kind.OPEN
    assert due(in_time, AT_NOON).kind is Kind.SATISFIED


def test_a_failed_backup_of_a_former_schedule_satisfies_nothing() -> None:
    """C2."""
    failed_one = entry(worth=Worth.FAILED, slot=SLOT - HOUR)
    older = entry("b-0", slot=SLOT - DAY, at=SLOT - DAY)
    seen = view(failed_one, older, record=rescheduled(SLOT - HOUR))

    assert due(seen, AT_NOON).kind is Kind.OPEN


# Who is looked after


@pytest.mark.parametrize(
    ("by", "kind", "reason"),
    [
        (AssignedBy.NOTHING, Kind.NO_POLICY, "no policy is assigned to it"),
        (AssignedBy.OPT_OUT, Kind.OPTED_OUT, "it is opted out of backups"),
        (AssignedBy.UNKNOWN_TAG, Kind.UNKNOWN_TAG, "its backup-policy tag names no policy"),
    ],
)
def test_without_a_policy_nothing_is_created(by: AssignedBy, kind: Kind, reason: str) -> None:
    """I3."""
    assert due(view(assigned=Assigned(None, by)), AT_NOON) == Decision("docs", kind, reason)


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        (
            {"kind": IndexKind.POD},
            Kind.UNSUPPORTED,
            "Pinecone cannot back it up: it is a pod index",
        ),
        (
            {"encrypted_with_own_key": True},
            Kind.UNSUPPORTED,
            "Pinecone cannot back it up: it is encrypted with a key of yours (CMEK)",
        ),
        (
            {"ready": False, "state": "Initializing"},
            Kind.NOT_READY,
            "its state is Initializing",
        ),
        ({"state": "Terminating"}, Kind.NOT_READY, "its state is Terminating"),
    ],
)
def test_an_index_that_cannot_be_backed_up_now_is_left_alone(
    changes: dict[str, Any], kind: Kind, reason: str
) -> None:
    seen = view()
    decision = due(replace(seen, index=replace(seen.index, **changes)), AT_NOON)
    assert decision == Decision("docs", kind, reason, DAILY)


@pytest.mark.parametrize("kind", [IndexKind.SERVERLESS, IndexKind.BYOC, IndexKind.UNKNOWN])
def test_every_other_kind_of_index_is_backed_up(kind: IndexKind) -> None:
    seen = view()
    assert due(replace(seen, index=replace(seen.index, kind=kind)), AT_NOON).kind is Kind.OPEN


def test_a_policy_with_a_native_schedule_creates_nothing_itself() -> None:
    """G5."""
    assert due(view(policy=NATIVE), AT_NOON) == Decision(
        "docs", Kind.NATIVE, "its policy relies on a native schedule", NATIVE
    )


# Slots


def test_a_slot_without_a_backup_is_open() -> None:
    """C1."""
    assert due(view(), AT_NOON) == Decision(
        "docs", Kind.OPEN, "slot 2026-03-01 11:00 UTC is not satisfied", DAILY, SLOT
    )


def test_the_triggers_time_selects_the_slot() -> None:
    """T1."""
    yesterday = RunTime(scheduled_at=NOW - DAY, actual=NOW)
    assert due(view(), yesterday).slot == SLOT - DAY


def test_a_cron_that_has_not_come_to_pass_yet_makes_nothing_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(creation, "latest_slot", lambda *_: None)
    assert due(view(), AT_NOON) == Decision(
        "docs", Kind.NOT_DUE, "its cron has not come to pass yet", DAILY
    )


def test_slots_are_cut_in_the_policys_zone() -> None:
    """C1."""
    berlin = view(entry(slot=SLOT - HOUR), policy=policy(timezone="Europe/Berlin"))
    assert due(berlin, AT_NOON).slot == SLOT - HOUR
    next_day = SLOT - HOUR + DAY
    assert due(berlin, RunTime(scheduled_at=next_day, actual=next_day)).kind is Kind.NOT_DUE


@pytest.mark.parametrize("worth", [Worth.GOOD, Worth.SUSPECT, Worth.UNJUDGED])
def test_a_ready_backup_of_ours_satisfies_its_slot_suspect_or_not(worth: Worth) -> None:
    """C2, G2."""
    decision = due(view(entry(worth=worth)), AT_NOON)
    assert decision == Decision(
        "docs",
        Kind.SATISFIED,
        "backup b-1 satisfies slot 2026-03-01 11:00 UTC",
        DAILY,
        SLOT,
        backup_id="b-1",
    )


@pytest.mark.parametrize(
    "worth",
    [
        Worth.FAILED,
        Worth.UNDATED,
        Worth.FUTURE,
        Worth.DELETION_ACCEPTED,
        Worth.CONTRADICTORY,
        Worth.PLANNED,
    ],
)
def test_what_counts_for_nothing_satisfies_nothing(worth: Worth) -> None:
    """C2, T2, G4, I4."""
    assert due(view(entry(worth=worth)), AT_NOON).kind is Kind.OPEN


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [(5 * MINUTE, Kind.SATISFIED), (5 * MINUTE + timedelta(seconds=1), Kind.OPEN)],
)
def test_a_slot_long_after_the_creation_is_not_believed_and_satisfies_nothing(
    ahead: timedelta, kind: Kind
) -> None:
    """C2."""
    assert due(view(entry(at=SLOT, slot=SLOT + ahead)), AT_NOON).kind is kind


def test_a_backup_on_demand_satisfies_no_slot() -> None:
    """C2: the retention would miss the slot's backup."""
    assert due(view(entry(policy=None)), AT_NOON).kind is Kind.OPEN


def test_while_a_backup_on_demand_is_under_way_no_new_one_starts() -> None:
    """C2."""
    assert due(view(entry(policy=None, worth=Worth.UNDER_WAY)), AT_NOON).kind is Kind.UNDER_WAY


def test_a_backup_on_demand_is_no_attempt_for_a_slot() -> None:
    """C3."""
    assert tried(None, entry(policy=None, worth=Worth.FAILED)).attempt == 1


def test_a_backup_of_a_later_slot_satisfies_and_one_of_an_earlier_slot_does_not() -> None:
    """C2."""
    assert due(view(entry(slot=SLOT + MINUTE)), AT_NOON).kind is Kind.SATISFIED
    assert due(view(entry(slot=SLOT - DAY)), AT_NOON).kind is Kind.OPEN


@pytest.mark.parametrize("origin", [Origin.FOREIGN, Origin.OTHER_OWNER, Origin.NATIVE])
def test_what_is_not_ours_satisfies_nothing(origin: Origin) -> None:
    """C2, I2, G5."""
    assert due(view(entry(origin=origin)), AT_NOON).kind is Kind.OPEN


@pytest.mark.parametrize(
    ("at", "kind"),
    [(SLOT, Kind.SATISFIED), (SLOT - MINUTE, Kind.OPEN), (None, Kind.OPEN)],
)
def test_a_native_backup_satisfies_by_its_time_where_the_policy_says_so(
    at: datetime | None, kind: Kind
) -> None:
    """G5."""
    native = entry(origin=Origin.NATIVE, at=at)
    assert due(view(native, policy=policy(native_satisfies=True)), AT_NOON).kind is kind


def test_a_foreign_backup_satisfies_nothing_even_where_native_ones_do() -> None:
    """G5."""
    foreign = entry(origin=Origin.FOREIGN)
    assert due(view(foreign, policy=policy(native_satisfies=True)), AT_NOON).kind is Kind.OPEN


def test_a_newer_slot_waits_for_the_indexs_jitter() -> None:
    """C1."""
    waits = jitter("main/docs", "0 11 * * *")
    assert waits > MINUTE
    next_day = SLOT + DAY
    decision = due(view(entry()), RunTime(scheduled_at=next_day, actual=next_day))
    assert (decision.kind, decision.slot, decision.until) == (
        Kind.NOT_DUE,
        SLOT,
        next_day + waits,
    )
    assert decision.reason == (
        "backup b-1 satisfies slot 2026-03-01 11:00 UTC; slot 2026-03-02 11:00 UTC starts at "
        f"{next_day + waits:%Y-%m-%d %H:%M} UTC"
    )


# Under way


@pytest.mark.parametrize("worth", [Worth.UNDER_WAY, Worth.UNKNOWN])
@pytest.mark.parametrize("slot", [SLOT, SLOT - 9 * DAY])
def test_while_one_of_ours_is_under_way_no_new_one_starts(worth: Worth, slot: datetime) -> None:
    """C2, G3: for whichever slot it was made."""
    decision = due(view(entry(worth=worth, slot=slot)), AT_NOON)
    assert decision == Decision(
        "docs",
        Kind.UNDER_WAY,
        "backup b-1 is under way (Initializing)",
        DAILY,
        SLOT,
        backup_id="b-1",
    )


@pytest.mark.parametrize(
    ("age", "kind"),
    [(12 * HOUR - timedelta(seconds=1), Kind.UNDER_WAY), (12 * HOUR, Kind.OPEN)],
)
def test_a_backup_is_under_way_until_it_is_stuck(age: timedelta, kind: Kind) -> None:
    """C2."""
    assert due(view(entry(worth=Worth.UNDER_WAY, at=NOW - age)), AT_NOON).kind is kind


def test_what_is_stuck_goes_by_the_policy_and_the_real_clock() -> None:
    """C2, T2."""
    running = entry(worth=Worth.UNDER_WAY, at=NOW)
    patient = view(running, policy=policy(stuck_after="13h"))
    assert due(patient, later(NOW + 12 * HOUR)).kind is Kind.UNDER_WAY
    assert due(patient, later(NOW + 13 * HOUR)).kind is Kind.OPEN


@pytest.mark.parametrize(
    ("slot", "kind"),
    [(NOW - 12 * HOUR + MINUTE, Kind.UNDER_WAY), (NOW - 12 * HOUR, Kind.OPEN)],
)
def test_an_undated_backup_under_way_is_as_old_as_its_slot(slot: datetime, kind: Kind) -> None:
    """T2."""
    assert due(view(entry(worth=Worth.UNDER_WAY, at=None, slot=slot)), AT_NOON).kind is kind


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [(5 * MINUTE, Kind.UNDER_WAY), (5 * MINUTE + timedelta(seconds=1), Kind.OPEN)],
)
def test_a_backup_dated_ahead_of_the_clock_holds_nothing_up(ahead: timedelta, kind: Kind) -> None:
    """T2."""
    assert due(view(entry(worth=Worth.UNDER_WAY, at=NOW + ahead)), AT_NOON).kind is kind


@pytest.mark.parametrize("origin", [Origin.FOREIGN, Origin.OTHER_OWNER, Origin.NATIVE])
def test_other_peoples_backups_hold_nothing_up(origin: Origin) -> None:
    """C2."""
    assert due(view(entry(worth=Worth.UNDER_WAY, origin=origin)), AT_NOON).kind is Kind.OPEN


def test_a_native_backup_under_way_is_waited_for_where_it_will_satisfy() -> None:
    """C2, G5."""
    trusting = policy(native_satisfies=True)
    running = entry(worth=Worth.UNDER_WAY, origin=Origin.NATIVE)
    assert due(view(running, policy=trusting), AT_NOON).kind is Kind.UNDER_WAY
    undated = entry(worth=Worth.UNKNOWN, origin=Origin.NATIVE, at=None)
    assert due(view(undated, policy=trusting), AT_NOON).kind is Kind.OPEN
    planned = entry(worth=Worth.PLANNED, origin=Origin.NATIVE, at=NOW + HOUR)
    assert due(view(planned, policy=trusting), AT_NOON).kind is Kind.OPEN


def test_a_satisfied_slot_is_satisfied_whatever_else_is_under_way() -> None:
    """C2."""
    decision = due(view(entry("b-2", worth=Worth.UNDER_WAY), entry("b-1")), AT_NOON)
    assert (decision.kind, decision.backup_id) == (Kind.SATISFIED, "b-1")


# New indexes


@pytest.mark.parametrize(
    ("age", "kind"), [(30 * MINUTE - timedelta(seconds=1), Kind.TOO_NEW), (30 * MINUTE, Kind.OPEN)]
)
def test_a_new_index_waits_half_an_hour_from_when_it_was_first_seen(
    age: timedelta, kind: Kind
) -> None:
    """C5."""
    record = IndexRecord("docs", NOW - age, NOW)
    assert due(view(record=record), AT_NOON).kind is kind


def test_the_decision_says_until_when_a_new_index_waits() -> None:
    """C5."""
    decision = due(view(record=IndexRecord("docs", NOW, NOW)), AT_NOON)
    assert decision == Decision(
        "docs",
        Kind.TOO_NEW,
        "it was first seen at 2026-03-01 12:00 UTC; its first backup waits until "
        "2026-03-01 12:30 UTC",
        DAILY,
        SLOT,
        until=NOW + 30 * MINUTE,
    )


def test_an_old_backup_proves_that_the_index_is_not_new() -> None:
    """C5: whoever made it."""
    record = IndexRecord("docs", NOW, NOW)
    old = entry(origin=Origin.FOREIGN, at=NOW - 30 * MINUTE)
    undated = entry("b-2", origin=Origin.FOREIGN, at=None)
    assert due(view(old, undated, record=record), AT_NOON).kind is Kind.OPEN
    assert due(view(undated, record=record), AT_NOON).kind is Kind.TOO_NEW


# Attempts


def tried(claim: Claim | None, *entries: Entry, now: datetime = NOW, **changes: Any) -> Decision:
    seen = view(*entries, **changes)
    open_slot = Decision("docs", Kind.OPEN, "open", seen.assigned.policy, SLOT)
    return attempt(seen, open_slot, claim, later(now))


def claim(number: int = 1, *, at: datetime = NOW, slot: datetime = SLOT) -> Claim:
    marker = Marker(OWNER, "daily", slot, "run-9", number)
    return replace(claimed("docs", marker, previous=None, now=at), version=3)


def test_the_first_attempt_is_made_at_once() -> None:
    """C3."""
    assert tried(None) == Decision("docs", Kind.CREATE, "open", DAILY, SLOT, attempt=1)


def test_an_attempt_that_the_ledger_forgot_is_counted_by_what_is_listed() -> None:
    """C3."""
    failed_ = entry(worth=Worth.FAILED, attempt=2)
    other = entry("b-2", worth=Worth.FAILED, attempt=4, slot=SLOT - DAY)
    theirs = entry("b-3", origin=Origin.OTHER_OWNER, attempt=4)
    assert tried(None, failed_, other, theirs).attempt == 3
    given_up = tried(None, entry(worth=Worth.FAILED, attempt=4))
    assert (given_up.kind, given_up.reason) == (Kind.GIVEN_UP, "4 attempts failed")


def test_a_claim_keeps_everybody_else_away_while_its_lease_lasts() -> None:
    """C3."""
    mine = claim()
    decision = tried(mine, now=NOW + 20 * MINUTE - timedelta(seconds=1))
    assert (decision.kind, decision.reason, decision.until, decision.claim) == (
        Kind.WAITS,
        "run run-9 is creating attempt 1",
        NOW + 20 * MINUTE,
        mine,
    )


def test_an_expired_lease_is_a_failed_attempt_that_ended_with_the_lease() -> None:
    """C3."""
    decision = tried(claim(), now=NOW + 20 * MINUTE)
    assert decision.claim == failed(claim(), "run run-9 ended without a result", NOW + 20 * MINUTE)
    assert (decision.kind, decision.until) == (Kind.WAITS, NOW + 50 * MINUTE)
    assert decision.reason == "attempt 1 failed: run run-9 ended without a result"
    again = tried(claim(), now=NOW + 50 * MINUTE)
    assert (again.kind, again.attempt) == (Kind.CREATE, 2)


@pytest.mark.parametrize("state", [failed, ambiguous])
def test_the_next_attempt_comes_when_its_wait_is_over(state: Any) -> None:
    """C3."""
    lost = state(claim(2), "it broke", NOW)
    waiting = tried(lost, now=NOW + 2 * HOUR - timedelta(seconds=1))
    assert (waiting.kind, waiting.until, waiting.reason) == (
        Kind.WAITS,
        NOW + 2 * HOUR,
        "attempt 2 failed: it broke",
    )
    again = tried(lost, now=NOW + 2 * HOUR)
    assert (again.kind, again.attempt, again.claim) == (Kind.CREATE, 3, lost)


def test_the_fourth_attempt_is_made() -> None:
    """C3."""
    decision = tried(failed(claim(3), "it broke", NOW), now=NOW + 6 * HOUR)
    assert (decision.kind, decision.attempt) == (Kind.CREATE, 4)


def test_an_attempt_number_is_never_used_twice() -> None:
    """I5: what is listed may be ahead of the claim."""
    lost = failed(claim(1), "it broke", NOW)
    ahead = entry(worth=Worth.FAILED, attempt=2)
    assert tried(lost, ahead, now=NOW + HOUR).attempt == 3


def test_after_four_attempts_the_slot_is_given_up() -> None:
    """C3."""
    for last in (failed(claim(4), "it broke", NOW), ambiguous(claim(4), "it broke", NOW)):
        decision = tried(last, now=NOW + 7 * HOUR)
        assert (decision.kind, decision.reason, decision.claim) == (
            Kind.GIVEN_UP,
            "all 4 attempts for slot 2026-03-01 11:00 UTC failed, last: it broke",
            last,
        )


def test_a_refused_attempt_is_made_again_after_an_hour_under_its_number() -> None:
    """C3."""
    no_plan = refused(claim(2), "no plan", NOW)
    waiting = tried(no_plan, now=NOW + HOUR - timedelta(seconds=1))
    assert (waiting.kind, waiting.reason, waiting.until) == (
        Kind.REFUSED,
        "no plan",
        NOW + HOUR,
    )
    again = tried(no_plan, now=NOW + HOUR)
    assert (again.kind, again.attempt) == (Kind.CREATE, 2)


def test_a_lost_answer_is_found_by_the_backups_name() -> None:
    """C3: and its claim is then posted."""
    lost = ambiguous(claim(), "no answer", NOW)
    decision = tried(lost, entry(worth=Worth.UNDATED, name=lost.backup_name), now=NOW + HOUR)
    assert decision.claim == posted(lost, "b-1")
    assert (decision.kind, decision.backup_id, decision.reason) == (
        Kind.UNDER_WAY,
        "b-1",
        "backup b-1 is listed and counts for nothing (undated)",
    )


def test_a_name_alone_is_not_ours() -> None:
    """I2."""
    lost = ambiguous(claim(), "no answer", NOW)
    theirs = entry(origin=Origin.FOREIGN, worth=Worth.UNDATED, name=lost.backup_name)
    assert tried(lost, theirs).claim == lost


@pytest.mark.parametrize("state", [ClaimState.CLAIMED, ClaimState.AMBIGUOUS, ClaimState.POSTED])
def test_a_failed_backup_is_a_failed_attempt_however_far_the_run_came(state: ClaimState) -> None:
    """C3."""
    made = replace(claim(), state=state, backup_id="b-1" if state is ClaimState.POSTED else None)
    decision = tried(made, entry(worth=Worth.FAILED), now=NOW + 5 * MINUTE)
    assert decision.claim == failed(
        replace(made, backup_id="b-1"), "backup b-1 failed", NOW + 5 * MINUTE
    )
    assert decision.kind is Kind.WAITS


def test_a_stuck_backup_is_a_failed_attempt() -> None:
    """C3."""
    made = posted(claim(), "b-1")
    stuck = entry(worth=Worth.UNDER_WAY, at=NOW)
    decision = tried(made, stuck, now=NOW + 12 * HOUR)
    assert decision.claim == failed(made, "backup b-1 is stuck (Initializing)", NOW + 12 * HOUR)


def test_a_deleted_backup_is_a_failed_attempt_and_no_failed_backup() -> None:
    """C3, G4: the claim names it no more."""
    made = posted(claim(), "b-1")
    decision = tried(made, entry(worth=Worth.DELETION_ACCEPTED))
    assert decision.claim == failed(replace(made, backup_id=None), "backup b-1 was deleted", NOW)


def test_what_was_already_decided_about_a_claim_is_not_decided_again() -> None:
    for decided in (
        failed(replace(claim(), backup_id="b-1"), "it broke", NOW),
        refused(claim(), "no plan", NOW),
        failed(claim(4), "it broke", NOW),
    ):
        assert tried(decided, entry(worth=Worth.FAILED)).claim == decided


def test_a_posted_backup_that_is_not_listed_is_waited_for_until_the_lease_is_over() -> None:
    """N2."""
    made = posted(claim(), "b-1")
    decision = tried(made, now=NOW + 20 * MINUTE - timedelta(seconds=1))
    assert (decision.kind, decision.backup_id, decision.reason) == (
        Kind.UNDER_WAY,
        "b-1",
        "backup b-1 was created and is not listed yet",
    )
    missing = tried(made, now=NOW + 20 * MINUTE)
    assert (missing.kind, missing.backup_id, missing.claim, missing.reason) == (
        Kind.MISSING,
        "b-1",
        made,
        "backup b-1 was created and is not listed",
    )
    assert missing.candidate


def test_a_posted_backup_goes_by_its_id_and_not_by_its_name() -> None:
    made = posted(claim(), "b-2")
    assert tried(made, entry("b-1", worth=Worth.UNDATED), now=NOW + HOUR).kind is Kind.MISSING


def test_a_backup_of_an_earlier_incarnation_leaves_the_slot_to_the_new_index_at_once() -> None:
    """I1, C3."""
    made = posted(claim(), "b-1")
    old = entry(index_id="id-0")
    decision = tried(made, elsewhere=(old,))
    assert (decision.kind, decision.attempt) == (Kind.CREATE, 2)
    assert decision.claim == replace(
        failed(replace(made, backup_id=None), "backup b-1 is of an earlier incarnation", NOW),
        next_attempt_at=NOW,
    )
    last = tried(posted(claim(4), "b-1"), elsewhere=(old,))
    assert (last.kind, last.claim and last.claim.next_attempt_at) == (Kind.GIVEN_UP, None)


def test_nothing_is_written_off_on_a_mere_belief_about_the_incarnation() -> None:
    """I1."""
    made = posted(claim(), "b-1")
    decision = tried(made, elsewhere=(entry(index_id="id-0"),), certain=False, now=NOW + HOUR)
    assert (decision.kind, decision.claim) == (Kind.MISSING, made)


@pytest.mark.parametrize("half", [{}, {"policy": DAILY}, {"slot": SLOT}])
def test_an_attempt_needs_an_open_slot(half: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="index docs has no open slot"):
        attempt(view(), Decision("docs", Kind.NO_POLICY, "", **half), None, AT_NOON)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.CREATE, Kind.MISSING)])
def test_only_what_may_be_created_is_asked_about(kind: Kind) -> None:
    """N1."""
    assert not Decision("docs", kind, "").candidate
    assert Decision("docs", Kind.CREATE, "").candidate


def test_the_marker_says_policy_slot_run_and_attempt() -> None:
    """I2."""
    decision = Decision("docs", Kind.CREATE, "", DAILY, SLOT, attempt=3)
    assert marker_of(decision, owner="me", run_id="r-1") == Marker("me", "daily", SLOT, "r-1", 3)
    for half in (replace(decision, policy=None), replace(decision, slot=None)):
        with pytest.raises(ValueError, match="index docs has no slot"):
            marker_of(half, owner="me", run_id="r-1")


# Which incarnation


def row(backup_id: str, index_id: str, **changes: Any) -> Backup:
    marker = Marker(OWNER, "daily", SLOT, "run-0", 1)
    return replace(
        Backup(
            backup_id=backup_id,
            index_name="docs",
            index_id=index_id,
            status=Status.READY,
            status_text="Ready",
            created_at=SLOT,
            name=marker.name_for("docs"),
            description=str(marker),
        ),
        **changes,
    )


def believed(*rows: Backup, record: IndexRecord | None = None) -> tuple[set[str], set[str]]:
    index = Index("docs", IndexKind.SERVERLESS, "Ready", ready=True)
    assigned, known = (
        Assigned(DAILY, AssignedBy.ASSIGNMENT),
        record or IndexRecord("docs", NOW, NOW),
    )
    inventory = take_inventory(rows, records={}, owner=OWNER, now=NOW)
    seen = view_by_listing(
        "main",
        index,
        assigned,
        known,
        [entry for entry in inventory.entries.values() if entry.backup.index_name == "docs"],
        inventory=inventory,
    )
    assert (seen.project, seen.index, seen.certain) == ("main", index, False)
    assert (seen.assigned, seen.record) == (assigned, known)
    return (
        {entry.backup.backup_id for entry in seen.entries},
        {entry.backup.backup_id for entry in seen.elsewhere},
    )


def test_the_only_incarnation_that_is_alive_is_believed_to_be_the_active_one() -> None:
    """I1."""
    dead = row("b-0", "id-0", index_deleted_at=NOW)
    assert believed(row("b-1", "id-1"), dead) == ({"b-1"}, {"b-0"})


def test_of_two_that_seem_alive_none_is_believed() -> None:
    """I1."""
    assert believed(row("b-1", "id-1"), row("b-2", "id-2")) == (set(), {"b-1", "b-2"})


def test_one_that_is_known_to_be_earlier_is_not_believed() -> None:
    """I1."""
    record = IndexRecord("docs", NOW, NOW, previous_ids=("id-1",))
    assert believed(row("b-1", "id-1"), record=record) == (set(), {"b-1"})


def test_backups_without_an_index_id_belong_to_nobody() -> None:
    """I1."""
    assert believed(row("b-1", "")) == (set(), {"b-1"})
    assert believed(row("b-1", ""), row("b-2", "id-2")) == ({"b-2"}, {"b-1"})


def test_an_index_without_backups_has_no_entries() -> None:
    assert believed(row("b-1", "id-1", index_name="other")) == (set(), set())


def test_the_incarnation_that_pinecone_named_is_certain() -> None:
    """I1."""
    index = Index("docs", IndexKind.SERVERLESS, "Ready", ready=True)
    mine, old = entry(), entry("b-0", index_id="id-0")
    record = IndexRecord("docs", NOW, NOW)
    assigned = Assigned(DAILY, AssignedBy.ASSIGNMENT)
    seen = view_of("main", index, assigned, record, [mine, old], active="id-1")
    assert (seen.entries, seen.elsewhere, seen.certain) == ([mine], [old], True)
    assert (seen.project, seen.index, seen.assigned, seen.record) == (
        "main",
        index,
        assigned,
        record,
    )


# Whose turn


def candidate(
    name: str, *, priority: int = 0, good: datetime | None = None, worth: Worth = Worth.GOOD
) -> tuple[View, Decision]:
    chosen = policy(priority=priority)
    entries = [] if good is None else [entry(worth=worth, at=good)]
    seen = view(*entries, policy=chosen)
    named = replace(seen, index=replace(seen.index, name=name))
    return named, Decision(name, Kind.CREATE, "", chosen, SLOT)


def order(*candidates: tuple[View, Decision]) -> list[str]:
    forwards = [view.name for view, _ in in_order(candidates)]
    assert forwards == [view.name for view, _ in in_order(candidates[::-1])]
    return forwards


def test_what_is_left_of_the_quota_goes_by_priority_first() -> None:
    """C4."""
    assert order(
        candidate("a", priority=1, good=NOW - 9 * DAY),
        candidate("b", priority=2, good=NOW),
        candidate("c", priority=0),
    ) == ["b", "a", "c"]


def test_then_it_goes_to_the_index_whose_newest_good_backup_is_oldest() -> None:
    """C4: one without any is worse off than all."""
    assert order(
        candidate("a", good=NOW - DAY), candidate("b", good=NOW - 2 * DAY), candidate("c")
    ) == ["c", "b", "a"]


def test_a_suspect_or_foreign_backup_makes_no_index_better_off() -> None:
    """C4, G2: and one that was not judged yet counts."""
    assert order(
        candidate("a", good=NOW - DAY),
        candidate("b", good=NOW, worth=Worth.SUSPECT),
        candidate("c", good=NOW - HOUR, worth=Worth.UNJUDGED),
    ) == ["b", "a", "c"]


def test_in_the_end_it_goes_by_name() -> None:
    assert order(candidate("b"), candidate("a")) == ["a", "b"]


def test_the_decision_says_why_an_index_gets_none() -> None:
    """C4."""
    decision = Decision("docs", Kind.CREATE, "", DAILY, SLOT, attempt=1)
    assert no_quota(decision, 500) == replace(
        decision,
        kind=Kind.NO_QUOTA,
        reason="slot 2026-03-01 11:00 UTC waits: all 500 backups are used",
    )


# Findings


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            Kind.GIVEN_UP,
            Observation.of(
                Control.CREATION_FAILING,
                "docs",
                title="docs: no backup could be created",
                diagnosis="Index docs: because of this. Nothing more is tried before the next "
                "slot.",
                action="See the run's log and Pinecone's status; create a backup on demand when "
                "the cause is mended.",
            ),
        ),
        (
            Kind.REFUSED,
            Observation.of(
                Control.CREATION_REFUSED,
                "docs",
                title="docs: Pinecone refuses to create a backup",
                diagnosis="Index docs: because of this. It is asked again hourly.",
                action="Correct what Pinecone names: the plan, the key's role, the quota, the "
                "invoices or the index; or opt the index out.",
            ),
        ),
        (
            Kind.NO_QUOTA,
            Observation.of(
                Control.QUOTA_REACHED,
                "docs",
                title="docs: no quota remains for its backup",
                diagnosis="Index docs: because of this. Indexes of higher priority, and those "
                "whose newest good backup is older, go first.",
                action="Shorten a retention, prune, delete orphans, or have Pinecone raise the "
                "quota and write it into the policy document.",
            ),
        ),
    ],
)
def test_what_keeps_an_index_from_its_backup_is_a_finding(
    kind: Kind, expected: Observation
) -> None:
    """C3, C4."""
    data = {"index": "docs", "slot": SLOT.isoformat(), "policy": "daily"}
    decision = Decision("docs", kind, "because of this", DAILY, SLOT)
    assert observed([decision]) == [replace(expected, data=data)]


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.GIVEN_UP, Kind.REFUSED, Kind.NO_QUOTA}))
def test_everything_else_is_no_finding_of_a_create_run(kind: Kind) -> None:
    assert observed([Decision("docs", kind, "")]) == []


def test_a_finding_about_no_slot_says_so_with_empty_texts() -> None:
    (found,) = observed([Decision("docs", Kind.REFUSED, "")])
    assert found.data == {"index": "docs", "slot": "", "policy": ""}


def covered(evidence: Evidence, control: Control, subject: str = "docs") -> bool:
    return evidence.covers(
        Finding(
            finding_id(control, "main", subject),
            control.value,
            control.severity,
            subject,
            "",
            "",
            "",
            NOW,
            NOW,
        )
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_that_creating_fails_is_over_when_the_slot_is_satisfied_or_the_index_not_ours(
    kind: Kind,
) -> None:
    """U1."""
    over = {
        Kind.SATISFIED,
        Kind.NOT_DUE,
        Kind.NATIVE,
        Kind.UNSUPPORTED,
        Kind.NO_POLICY,
        Kind.OPTED_OUT,
        Kind.UNKNOWN_TAG,
    }
    evidence = evidence_of([Decision("docs", kind, "")], [], NOW)
    assert covered(evidence, Control.CREATION_FAILING) is (kind in over)
    for control in (Control.CREATION_REFUSED, Control.QUOTA_REACHED):
        assert covered(evidence, control) is (kind in over | {Kind.UNDER_WAY})
    assert not covered(evidence, Control.OVERDUE)


@pytest.mark.parametrize(("unseen", "over"), [(DAY, False), (DAY + MINUTE, True)])
def test_an_index_that_is_not_listed_for_a_day_has_no_findings_any_more(
    unseen: timedelta, over: bool
) -> None:
    """U1: an index list that comes back short resolves nothing."""
    record = IndexRecord("docs", NOW - 9 * DAY, NOW - unseen)
    evidence = evidence_of([], [record], NOW)
    for control in (Control.CREATION_FAILING, Control.CREATION_REFUSED, Control.QUOTA_REACHED):
        assert covered(evidence, control) is over


def test_an_index_that_is_listed_is_not_deleted_however_old_its_record() -> None:
    """U1."""
    record = IndexRecord("docs", NOW - 9 * DAY, NOW - 9 * DAY)
    evidence = evidence_of([Decision("docs", Kind.WAITS, "")], [record], NOW)
    assert not covered(evidence, Control.CREATION_FAILING)
