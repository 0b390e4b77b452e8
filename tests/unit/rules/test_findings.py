"""Findings open, repeat and resolve; what is unknown is not healthy."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.model import Severity
from pinecone_backup.records import Finding
from pinecone_backup.rules.findings import (
    ANNOUNCED_EVERY,
    PROJECT_SUBJECT,
    Change,
    ChangeKind,
    Changes,
    Control,
    Evidence,
    Observation,
    finding_id,
    reconcile,
)
from pinecone_backup.usecases.findings import record_findings
from tests.support.ledger import MemoryLedger

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)
EVERYWHERE = Evidence.of(Control)
NOWHERE = Evidence()


def seen(
    subject: str = "idx",
    control: Control = Control.OVERDUE,
    severity: Severity | None = None,
    **data: str,
) -> Observation:
    return Observation.of(
        control,
        subject,
        title=f"{subject} is overdue",
        diagnosis="The newest good backup is 30 hours old",
        action="Look at the last create run",
        severity=severity,
        **data,
    )


def changes(
    known: list[Finding],
    *observed: Observation,
    evidence: Evidence = EVERYWHERE,
    at: datetime = NOW,
) -> Changes:
    return reconcile(known, observed, project="main", evidence=evidence, at=at)


def opened(*observed: Observation) -> list[Finding]:
    return list(changes([], *observed).opened)


def test_a_problem_seen_for_the_first_time_opens_a_finding_that_says_all_of_it() -> None:
    (finding,) = opened(seen(age="30h"))
    assert finding == Finding(
        finding_id=finding_id("overdue", "main", "idx"),
        control="overdue",
        severity=Severity.CRITICAL,
        subject="idx",
        title="idx is overdue",
        diagnosis="The newest good backup is 30 hours old",
        action="Look at the last create run",
        opened_at=NOW,
        last_seen_at=NOW,
        data={"age": "30h"},
    )


def test_the_control_of_a_finding_is_a_plain_text_for_the_ledger() -> None:
    (finding,) = opened(seen())
    assert type(finding.control) is str


def test_the_same_problem_seen_again_is_the_same_finding_counted_once_more() -> None:
    (finding,) = changes(opened(seen()), seen(), at=LATER).repeated
    assert finding == replace(opened(seen())[0], last_seen_at=LATER, count=2, announced_at=NOW)


def test_a_finding_that_stays_open_is_announced_once_a_day() -> None:
    """However often runs see it."""
    ledger = MemoryLedger()
    for hour in range(72):
        record_findings(ledger, [seen()], EVERYWHERE, NOW + timedelta(hours=hour))
    types = [event.type for event in ledger.events]
    assert types == ["finding.opened", "finding.repeated", "finding.repeated"]
    assert [finding.count for finding in ledger.findings()] == [72]


def test_a_finding_that_becomes_worse_is_announced_at_once() -> None:
    ledger = MemoryLedger()
    for severity in (Severity.WARNING, Severity.CRITICAL):
        record_findings(ledger, [replace(seen(), severity=severity)], EVERYWHERE, NOW)
    assert [event.data["escalated"] for event in ledger.events] == [False, True]


def test_a_day_later_is_counted_from_when_it_became_worse() -> None:
    ledger = MemoryLedger()
    severities = [Severity.WARNING] * 12 + [Severity.CRITICAL] * 30
    for hour, severity in enumerate(severities):
        record_findings(
            ledger,
            [replace(seen(), severity=severity)],
            EVERYWHERE,
            NOW + timedelta(hours=hour),
        )
    hours = [(event.occurred_at - NOW) / timedelta(hours=1) for event in ledger.events]
    assert hours == [0, 12, 36]


def test_a_repeated_finding_has_the_newest_figures() -> None:
    (finding,) = changes(opened(seen(age="30h")), seen(age="31h"), at=LATER).repeated
    assert finding.data == {"age": "31h"}


def test_an_acknowledged_finding_stays_acknowledged_while_it_repeats() -> None:
    known = replace(
        opened(seen())[0],
        acknowledged_by="kim",
        acknowledged_reason="migration until Friday",
        acknowledged_at=NOW,
    )
    (finding,) = changes([known], seen(), at=LATER).repeated
    assert (finding.acknowledged_by, finding.acknowledged_reason, finding.acknowledged_at) == (
        "kim",
        "migration until Friday",
        NOW,
    )


def test_a_run_with_an_older_time_does_not_move_the_last_sighting_back() -> None:
    (finding,) = changes(opened(seen()), seen(), at=NOW - timedelta(hours=1)).repeated
    assert finding.last_seen_at == NOW


def test_a_problem_that_is_not_observed_resolves_on_complete_evidence() -> None:
    """U1."""
    (finding,) = changes(opened(seen()), at=LATER).resolved
    assert finding == replace(opened(seen())[0], resolved_at=LATER)


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param(NOWHERE, id="nothing was looked at"),
        pytest.param(Evidence.of([Control.FAILED]), id="another control was looked at"),
        pytest.param(Evidence.of(Control, unseen=["idx"]), id="this subject was not looked at"),
        pytest.param(Evidence.of(Control, only=["other"]), id="only others were looked at"),
    ],
)
def test_a_finding_stays_open_without_complete_evidence(evidence: Evidence) -> None:
    """U1."""
    known = opened(seen())
    left = changes(known, evidence=evidence, at=LATER)
    assert (left.resolved, left.unchanged) == ([], known)


def test_a_finding_about_a_backup_stays_open_when_its_index_was_not_examined() -> None:
    """U1."""
    known = opened(seen("backup-1", Control.STUCK, index="idx"))
    evidence = Evidence.of([Control.STUCK], unseen=["idx"])
    assert changes(known, evidence=evidence).unchanged == known


def test_a_finding_about_a_backup_resolves_when_only_its_index_was_examined() -> None:
    """U1."""
    known = opened(seen("backup-1", Control.STUCK, index="idx"))
    evidence = Evidence.of([Control.STUCK], only=["idx"])
    assert [finding.subject for finding in changes(known, evidence=evidence).resolved] == [
        "backup-1"
    ]


def test_two_pieces_of_evidence_cover_what_either_covers() -> None:
    """U1."""
    known = opened(seen("a"), seen("b"), seen("c"))
    evidence = Evidence.of([Control.OVERDUE], only=["a"]) | Evidence.of(
        [Control.OVERDUE], only=["b"]
    )
    assert {finding.subject for finding in changes(known, evidence=evidence).resolved} == {"a", "b"}


def test_a_resolved_problem_that_comes_back_opens_anew_under_its_old_id() -> None:
    known = replace(
        opened(seen())[0], count=7, resolved_at=LATER, acknowledged_by="kim", acknowledged_at=NOW
    )
    again = LATER + timedelta(days=1)
    (finding,) = changes([known], seen(), at=again).opened
    assert finding == replace(opened(seen())[0], opened_at=again, last_seen_at=again)


def test_a_resolved_finding_does_not_resolve_twice() -> None:
    known = replace(opened(seen())[0], resolved_at=LATER)
    left = changes([known], at=LATER + timedelta(days=1))
    assert (left.all, left.unchanged) == ([], [known])


def test_a_problem_that_got_worse_repeats_with_its_new_severity_and_says_so() -> None:
    known = opened(seen(severity=Severity.WARNING))
    (change,) = changes(known, seen(severity=Severity.ERROR), at=LATER).all
    assert (change.kind, change.finding.severity, change.escalated) == (
        ChangeKind.REPEATED,
        Severity.ERROR,
        True,
    )


def test_a_problem_that_got_milder_is_not_escalated() -> None:
    known = opened(seen(severity=Severity.ERROR))
    (change,) = changes(known, seen(severity=Severity.WARNING), at=LATER).all
    assert (change.finding.severity, change.escalated) == (Severity.WARNING, False)


def test_of_two_observations_of_one_problem_the_most_severe_is_taken() -> None:
    mild, bad = seen(severity=Severity.INFO), seen(severity=Severity.ERROR)
    assert [finding.severity for finding in opened(mild, bad)] == [Severity.ERROR]
    assert [finding.severity for finding in opened(bad, mild)] == [Severity.ERROR]


def test_of_two_observations_that_are_as_severe_the_first_is_taken() -> None:
    first, second = seen(age="30h"), seen(age="31h")
    assert [finding.data["age"] for finding in opened(first, second)] == ["30h"]


def test_the_same_subject_in_another_project_or_control_is_another_finding() -> None:
    ids = {
        finding_id("overdue", "main", "idx"),
        finding_id("overdue", "other", "idx"),
        finding_id("failed", "main", "idx"),
        finding_id("overdue", "main", "idx2"),
    }
    assert len(ids) == 4


def test_the_id_of_a_finding_is_24_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{24}", finding_id("overdue", "main", "idx"))


def test_changes_come_in_the_order_of_their_ids_whatever_the_order_of_observations() -> None:
    a, b, c = seen("a"), seen("b"), seen("c")
    assert changes([], a, b, c) == changes([], c, a, b)


def event_id(change: Change) -> str:
    return change.event("main").event_id


def test_a_change_is_announced_with_everything_that_a_message_needs() -> None:
    (change,) = changes([], seen()).all
    event = change.event("main")
    assert (event.type, event.project, event.occurred_at) == ("finding.opened", "main", NOW)
    assert event.data == {
        "finding_id": finding_id("overdue", "main", "idx"),
        "control": "overdue",
        "severity": "critical",
        "subject": "idx",
        "title": "idx is overdue",
        "diagnosis": "The newest good backup is 30 hours old",
        "action": "Look at the last create run",
        "opened_at": NOW.isoformat(),
        "count": 1,
        "escalated": False,
    }


def test_an_announcement_is_json_ready() -> None:
    (change,) = changes(opened(seen()), at=LATER).all
    data = dict(change.event("main").data)
    assert json.loads(json.dumps(data)) == data


def test_the_announcement_of_a_plan_that_waits_names_it() -> None:
    """Whoever approves needs the digest, and finds it in the message."""
    (change,) = changes([], replace(seen(), data={"digest": "d" * 64, "other": 1})).all
    data = change.event("main").data
    assert data["digest"] == "d" * 64
    assert "other" not in data


def test_a_resolution_is_announced_at_the_time_it_happened() -> None:
    (change,) = changes(opened(seen()), at=LATER).all
    assert (change.event("main").type, change.event("main").occurred_at) == (
        "finding.resolved",
        LATER,
    )


def test_a_change_announced_before_a_crash_is_announced_again_under_the_same_event_id() -> None:
    known = opened(seen())
    for observed in ([seen()], []):
        (before,) = changes(known, *observed, at=NOW + timedelta(minutes=1)).all
        (after,) = changes(known, *observed, at=LATER).all
        assert event_id(before) == event_id(after)
    (first,) = changes([], seen(), at=NOW).all
    (second,) = changes([], seen(), at=LATER).all
    assert event_id(first) == event_id(second)


@pytest.mark.parametrize("days", [7, 90, 365])
def test_a_finding_that_opens_again_when_it_was_forgotten_is_another_event(days: int) -> None:
    """A resolved one is forgotten after a week at the earliest; evidence has an event once."""
    (first,) = changes([], seen(), at=NOW).all
    (again,) = changes([], seen(), at=NOW + timedelta(days=days)).all
    assert event_id(first) != event_id(again)


@pytest.mark.parametrize(
    ("at", "same"),
    [(NOW.replace(hour=23, minute=59), True), (NOW.replace(day=2, hour=0), False)],
)
def test_the_week_that_tells_two_openings_apart_ends_at_midnight_utc(
    at: datetime, same: bool
) -> None:
    """Two runs that open it at once announce one event, on whatever machines: NOW is a Sunday."""
    (first,) = changes([], seen(), at=NOW).all
    (other,) = changes([], seen(), at=at).all
    assert (event_id(first) == event_id(other)) is same


def test_every_change_in_the_lives_of_a_finding_has_an_event_id_of_its_own() -> None:
    ids: list[str] = []
    known: list[Finding] = []
    at = NOW
    for observed in (True, True, True, False, True, True, False, True):
        at += timedelta(minutes=15)
        result = changes(known, *([seen()] if observed else []), at=at)
        ids += [event_id(change) for change in result.all]
        known = [change.finding for change in result.all]
    assert len(set(ids)) == len(ids) == 8


@given(
    observed=st.lists(st.sets(st.sampled_from("abc")), max_size=8),
    completeness=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_open_findings_are_what_was_seen_since_the_last_complete_audit(
    observed: list[set[str]], completeness: list[bool]
) -> None:
    """U1, for any sequence of runs."""
    known: dict[str, Finding] = {}
    expected: set[str] = set()
    for number, (subjects, complete) in enumerate(zip(observed, completeness, strict=False)):
        result = changes(
            list(known.values()),
            *(seen(subject) for subject in subjects),
            evidence=EVERYWHERE if complete else NOWHERE,
            at=NOW + timedelta(minutes=number),
        )
        known |= {change.finding.finding_id: change.finding for change in result.all}
        expected = subjects if complete else expected | subjects
        assert {finding.subject for finding in known.values() if finding.open} == expected


def test_every_control_has_a_kebab_case_id_and_a_one_line_description() -> None:
    for control in Control:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", control.value)
        assert control.description
        assert "\n" not in control.description
        assert isinstance(control.severity, Severity)
    assert len({control.description for control in Control}) == len(Control)


def test_no_index_can_be_named_like_the_project_subject() -> None:
    assert not re.fullmatch(r"[a-z0-9-]{1,45}", PROJECT_SUBJECT)


def test_recording_writes_each_finding_and_leaves_one_event_per_change() -> None:
    ledger = MemoryLedger()
    record_findings(ledger, [seen("a"), seen("b")], EVERYWHERE, NOW)
    record_findings(ledger, [seen("b")], EVERYWHERE, NOW + ANNOUNCED_EVERY)
    stored = {finding.subject: (finding.open, finding.count) for finding in ledger.findings()}
    assert stored == {"a": (False, 1), "b": (True, 2)}
    assert sorted((event.type, event.data["subject"]) for event in ledger.events) == [
        ("finding.opened", "a"),
        ("finding.opened", "b"),
        ("finding.repeated", "b"),
        ("finding.resolved", "a"),
    ]
