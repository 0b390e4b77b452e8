"""Pauses (rule C6): from when to when, by what, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.model import Index, IndexKind, RunTime, Severity
from pinecone_backup.records import IndexRecord
from pinecone_backup.rules import controls
from pinecone_backup.rules.creation import Decision, Kind, View, due
from pinecone_backup.rules.findings import Control
from pinecone_backup.rules.pauses import (
    PAUSE_TAG,
    Pause,
    last_pause_end,
    pause_of,
    paused_until,
)
from pinecone_backup.rules.policy import Assigned, AssignedBy, Policy, validate_policy
from pinecone_backup.rules.slots import jitter
from tests.support import audits

SECOND = timedelta(seconds=1)
POLICY: dict[str, Any] = {
    "name": "gold",
    "cron": "0 2 * * *",
    "timezone": "Europe/Berlin",
    "retention": {"keep_last": 3},
    "max_age": "26h",
}
# Midnight in Berlin.
DECEMBER = datetime(2026, 11, 30, 23, tzinfo=UTC)


def assigned(*, by_assignment: str | None = None, **changes: Any) -> Assigned:
    """How the index ``docs`` comes to its policy."""
    assignment = {"policy": "gold", "paused_until": by_assignment}
    document = validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [{**POLICY, **changes}],
            "assignments": [{key: value for key, value in assignment.items() if value}],
        }
    )
    return document.assigned("main", "docs", {})


def index(tag: str | None = None) -> Index:
    tags = {} if tag is None else {PAUSE_TAG: tag}
    return Index("docs", IndexKind.SERVERLESS, "Ready", ready=True, tags=tags)


def view(given: Assigned, tag: str | None = None) -> View:
    seen = DECEMBER - timedelta(days=90)
    return View("main", index(tag), given, IndexRecord("docs", seen, DECEMBER, "id-1"), ())


def decided(given: View, now: datetime) -> Decision:
    return due(given, RunTime(scheduled_at=now, actual=now))


@pytest.mark.parametrize(
    ("given", "tag", "by"),
    [
        (assigned(paused_until="2026-12-01"), None, "policy gold"),
        (assigned(by_assignment="2026-12-01"), None, "its assignment"),
        (assigned(), "2026-12-01", "its tag backup-paused-until"),
    ],
)
def test_a_pause_lasts_until_its_day_begins_in_the_policys_zone(
    given: Assigned, tag: str | None, by: str
) -> None:
    reason = f"paused until 2026-12-01 00:00 Europe/Berlin by {by}"
    assert pause_of(given, index(tag), DECEMBER - SECOND) == Pause(DECEMBER, reason)
    assert paused_until(given, index(tag), DECEMBER - SECOND) == DECEMBER
    assert last_pause_end(given, index(tag), DECEMBER - SECOND) is None
    assert pause_of(given, index(tag), DECEMBER) is None
    assert paused_until(given, index(tag), DECEMBER) is None
    assert last_pause_end(given, index(tag), DECEMBER) == DECEMBER


def test_without_any_there_is_no_pause() -> None:
    assert pause_of(assigned(), index(), DECEMBER) is None
    assert last_pause_end(assigned(), index(), DECEMBER) is None


def test_of_several_pauses_the_one_that_ends_last_counts() -> None:
    given = assigned(paused_until="2026-12-03", by_assignment="2026-12-01")
    assert paused_until(given, index("2026-12-02"), DECEMBER) == DECEMBER + timedelta(days=2)
    after = DECEMBER + timedelta(days=2)
    assert last_pause_end(given, index("2026-12-02"), after) == after


def test_an_index_without_a_policy_has_nothing_to_pause() -> None:
    for by in (AssignedBy.NOTHING, AssignedBy.OPT_OUT, AssignedBy.UNKNOWN_TAG):
        assert pause_of(Assigned(None, by), index("2026-12-09"), DECEMBER) is None
        assert pause_of(Assigned(None, by), index("soon"), DECEMBER) is None
        assert last_pause_end(Assigned(None, by), index("2026-01-01"), DECEMBER) is None


@pytest.mark.parametrize("tag", ["", "soon", "2026-13-01", "20261201", "1926-12-01", "2026-12-01 "])
def test_a_tag_that_names_no_day_pauses_deletions_alone(tag: str) -> None:
    """Nothing is deleted on doubt, and nothing is left without a backup on doubt."""
    pause = pause_of(assigned(), index(tag), DECEMBER)
    assert pause is not None
    assert (pause.until, repr(tag) in pause.reason) == (None, True)
    assert paused_until(assigned(), index(tag), DECEMBER) is None
    assert decided(view(assigned(), tag), DECEMBER).kind is Kind.OPEN


def test_a_pause_that_can_be_read_counts_before_a_tag_that_cannot() -> None:
    given = assigned(paused_until="2026-12-03")
    assert paused_until(given, index("soon"), DECEMBER) == DECEMBER + timedelta(days=2)


def test_the_document_takes_days_of_this_century_alone() -> None:
    with pytest.raises(
        PolicyInvalid, match="'2026-12-32' is not a day of this century like 2026-12"
    ):
        assigned(paused_until="2026-12-32")
    with pytest.raises(PolicyInvalid, match="'7' is not a day"):
        assigned(paused_until=7)
    with pytest.raises(PolicyInvalid, match="is not a day"):
        assigned(paused_until=DECEMBER)
    assert (
        assigned(paused_until=date(2026, 12, 1)).policy
        == assigned(paused_until="2026-12-01").policy
    )


def test_a_pause_is_written_as_it_is_read() -> None:
    policy = assigned(paused_until="2026-12-01").policy
    assert policy is not None
    written = policy.model_dump(mode="json", exclude_none=True)
    assert written["paused_until"] == "2026-12-01"
    assert Policy.model_validate(written) == policy


# Creating


def test_while_an_index_is_paused_nothing_is_created() -> None:
    given = assigned(paused_until="2026-12-01")
    found = decided(view(given), DECEMBER - SECOND)
    reason = "paused until 2026-12-01 00:00 Europe/Berlin by policy gold"
    assert found == Decision("docs", Kind.PAUSED, reason, given.policy, until=DECEMBER)


def test_a_native_schedule_is_paused_too() -> None:
    native = {"frequency": "daily", "expire_after_days": 7}
    given = assigned(cron=None, native_schedule=native, paused_until="2026-12-01")
    assert decided(view(given), DECEMBER - SECOND).kind is Kind.PAUSED
    assert decided(view(given), DECEMBER).kind is Kind.NATIVE


def test_after_a_pause_the_catch_up_starts_as_much_later_as_after_a_slot() -> None:
    """Not all indexes at once: each after its own jitter."""
    given = view(assigned(paused_until="2026-12-01"))
    turn = DECEMBER + jitter("main/docs", "0 2 * * *")
    waits = decided(given, turn - SECOND)
    slot = DECEMBER - timedelta(hours=22)
    reason = (
        "its pause ended at 2026-11-30 23:00 UTC; slot 2026-11-30 01:00 UTC starts at "
        f"{turn:%Y-%m-%d %H:%M} UTC"
    )
    assert waits == Decision("docs", Kind.PAUSED, reason, given.assigned.policy, slot, until=turn)
    starts = decided(given, turn)
    assert (starts.kind, starts.slot) == (Kind.OPEN, slot)


def test_a_slot_after_the_pause_starts_as_ever() -> None:
    """The jitter of an hour is under half an hour: the slot of midnight waits for nothing else."""
    given = view(assigned(cron="0 0 * * *", paused_until="2026-12-01"))
    found = decided(given, DECEMBER + jitter("main/docs", "0 0 * * *"))
    assert (found.kind, found.slot) == (Kind.OPEN, DECEMBER)


# The audit


def paused_index(**changes: Any) -> Any:
    return audits.index_facts(paused_until=date(2026, 12, 1), **changes)


def test_a_pause_is_said_as_information_and_until_when() -> None:
    (found,) = controls.paused(paused_index(), audits.NOW)
    assert (found.severity, found.data["until"]) == (Severity.INFO, "2026-12-01T00:00:00+00:00")
    assert "until 2026-12-01 00:00 UTC" in found.title


def test_a_pause_that_is_over_is_not_said() -> None:
    index = paused_index()
    end = datetime(2026, 12, 1, tzinfo=UTC)
    assert list(controls.paused(index, end - SECOND))
    assert not list(controls.paused(index, end))
    assert not list(controls.paused(audits.index_facts(), audits.NOW))


def test_an_index_that_cannot_be_backed_up_is_not_called_paused() -> None:
    assert not list(controls.paused(paused_index(kind=IndexKind.POD), audits.NOW))


def test_a_tag_that_cannot_be_read_is_an_error() -> None:
    index = audits.index_facts(tags={PAUSE_TAG: "soon"})
    (found,) = controls.unreadable_pause(index, audits.NOW)
    assert (found.control, found.severity) == (Control.UNREADABLE_PAUSE, Severity.ERROR)
    assert not list(controls.paused(index, audits.NOW))
    assert not list(controls.unreadable_pause(paused_index(), audits.NOW))


def test_an_index_that_is_overdue_while_it_is_paused_is_a_warning() -> None:
    """It is not protected, and that is on purpose."""
    (found,) = controls.overdue(paused_index(), audits.NOW)
    assert found.severity is Severity.WARNING
    assert found.diagnosis.endswith("It is paused until 2026-12-01 00:00 UTC by its assignment.")


@pytest.mark.parametrize(
    "index",
    [
        audits.index_facts(),
        audits.index_facts(paused_until=date(2026, 11, 22)),
        audits.index_facts(tags={PAUSE_TAG: "soon"}),
    ],
)
def test_an_index_that_is_overdue_and_not_paused_is_critical(index: Any) -> None:
    (found,) = controls.overdue(index, audits.NOW)
    assert found.severity is Severity.CRITICAL
    assert "paused" not in found.diagnosis


def test_a_native_schedule_that_rests_during_a_pause_is_no_finding() -> None:
    given = paused_index(policy=audits.NATIVE_POLICY)
    assert not list(controls.native_disabled(given, audits.NOW))
    over = replace(given, assigned=Assigned(audits.NATIVE_POLICY, AssignedBy.ASSIGNMENT))
    assert list(controls.native_disabled(over, audits.NOW))
