import ast
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pinecone_backup.model import DomainEvent, Severity
from pinecone_backup.rules.findings import Control
from pinecone_backup.webhooks import messages
from pinecone_backup.webhooks.messages import CATALOGUE, NOTHING, Message, build_message
from tests.support.webhooks import NOON, PAGES

PACKAGE = Path(__file__).parents[3] / "layers" / "pinecone_backup" / "pinecone_backup"
FINDING = {
    "finding_id": "f-1",
    "control": "overdue",
    "severity": "error",
    "subject": "products",
    "title": "Backups of products are overdue",
    "diagnosis": "The newest good backup is 31 hours old.",
    "action": "Look at the last create run.",
    "opened_at": "2026-11-03T10:00:00+00:00",
    "count": 3,
    "escalated": False,
}
PLAN = {"digest": "ab12", "delete_count": 12, "bytes_freed": 748_900_000}


def message(
    kind: str, data: dict[str, Any] | None = None, *, event_id: str = "e-1", now: datetime = NOON
) -> Message:
    event = DomainEvent(event_id, kind, "prod", NOON, data or {})
    return build_message(event, owner="backup", pages=PAGES, now=now)


def facts(kind: str, data: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts after where and when."""
    return list(message(kind, data).facts[2:])


# What, where, since when, what to do


def test_a_finding_says_what_was_seen_where_since_when_and_what_to_do() -> None:
    shown = message("finding.opened", FINDING)

    assert shown.title == "Backups of products are overdue"
    assert shown.severity is Severity.ERROR
    assert shown.text == "The newest good backup is 31 hours old."
    assert shown.action == "Look at the last create run."
    assert shown.facts == [
        ("Where", "project prod, index products"),
        ("Since", "2026-11-03 10:00 UTC, 2 hours ago"),
        ("Control", "overdue"),
        ("Times seen", "3"),
        ("Finding id", "f-1"),
    ]
    assert not shown.resolved


def test_the_end_of_a_finding_says_how_long_it_was_open_and_asks_for_nothing() -> None:
    shown = message("finding.resolved", FINDING)

    assert shown.title == "Resolved: Backups of products are overdue"
    assert shown.resolved
    assert shown.action == NOTHING
    assert shown.facts[1] == ("Was open", "2 hours, since 2026-11-03 10:00 UTC")


def test_any_other_event_says_when_it_happened() -> None:
    shown = message("run.failed", {"kind": "create"}, now=NOON + timedelta(days=3, hours=1))

    assert list(shown.facts) == [
        ("Where", "project prod"),
        ("When", "2026-11-03 12:00 UTC, 3 days 1 hour ago"),
    ]


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (NOON, "just now"),
        (NOON + timedelta(seconds=59), "just now"),
        (NOON + timedelta(minutes=1), "1 minute ago"),
        (NOON - timedelta(minutes=5), "in 5 minutes"),
    ],
)
def test_a_time_says_how_far_it_is_from_now(now: datetime, text: str) -> None:
    assert message("run.failed", now=now).facts[1] == ("When", f"2026-11-03 12:00 UTC, {text}")


def test_a_finding_about_the_project_names_no_index() -> None:
    shown = message("finding.opened", FINDING | {"control": "quota-near", "subject": "(project)"})

    assert shown.facts[0] == ("Where", "project prod")
    assert "Subject" not in dict(shown.facts)


@pytest.mark.parametrize(
    ("control", "label"),
    [("orphan", "Index id"), ("run-broken", "Run"), ("ledger-unreadable", "Ledger item")],
)
def test_a_subject_that_is_no_index_is_labelled_by_what_it_is(control: str, label: str) -> None:
    shown = message("finding.opened", FINDING | {"control": control, "subject": "x"})

    assert shown.facts[0] == ("Where", "project prod")
    assert dict(shown.facts)[label] == "x"


def test_every_control_that_has_a_label_for_its_subject_exists() -> None:
    assert set(messages._SUBJECTS) <= {*Control}


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_event_says_what_to_do(kind: str) -> None:
    assert message(kind).action


def test_what_the_event_says_to_do_wins() -> None:
    assert message("run.failed", {"next_step": "Set the key."}).action == "Set the key."
    assert message("index.moved", {"action": "Look."}).action == "Look."


@pytest.mark.parametrize("kind", ["finding.resolved", "finding.acknowledged"])
def test_what_is_settled_asks_for_nothing_whatever_the_finding_asked_for(kind: str) -> None:
    assert message(kind, FINDING).action == NOTHING


# Titles


@pytest.mark.parametrize(
    ("kind", "data", "title", "severity"),
    [
        ("finding.repeated", FINDING, "Still open: Backups of products are overdue", "error"),
        (
            *("finding.acknowledged", FINDING | {"reason": "r"}),
            *("Acknowledged: Backups of products are overdue", "error"),
        ),
        ("finding.opened", {"control": "overdue"}, "overdue", "warning"),
        ("backup.created", {"index_name": "products"}, "Backup of products started", "info"),
        ("backup.failed", {"index": "products"}, "Backup of products failed", "error"),
        ("backup.deleted", {"index": "products"}, "Backup of products deleted", "info"),
        ("backup.suspect", {"name": "n", "index": "i"}, "Backup of i is suspect", "warning"),
        ("plan.awaiting", PLAN, "Prune plan waits for approval: 12 backups, 749 MB", "warning"),
        (
            *("plan.awaiting", {"delete_count": 1}),
            *("Prune plan waits for approval: 1 backup", "warning"),
        ),
        ("plan.awaiting", {"digest": "ab12"}, "Plan awaiting", "warning"),
        ("plan.approved", PLAN, "Prune plan approved: 12 backups", "info"),
        ("run.failed", {"kind": "prune"}, "Prune run failed", "error"),
        ("run.completed", {"kind": "audit"}, "Audit run completed", "info"),
        ("restore.started", {"index": "copy"}, "Restore into copy started", "info"),
        ("backup.accepted", {"index": "i"}, "Suspect backup of i accepted", "info"),
        (
            *("hold.placed", {"scope": "backup", "target": "b-1"}),
            *("Hold placed on backup b-1", "info"),
        ),
        (
            *("hold.released", {"scope": "index", "target": "products"}),
            *("Hold released from index products", "info"),
        ),
        ("schedule.created", {"name": "nightly"}, "Native schedule nightly created", "info"),
        ("schedule.updated", {"name": "nightly"}, "Native schedule nightly updated", "info"),
        ("schedule.deleted", {}, "Native schedule deleted", "info"),
        ("index.moved", {"index": "products"}, "Index moved: products", "info"),
        ("index.moved", {}, "Index moved", "info"),
        ("index{title}", {"index": "{x}"}, "Index title: {x}", "info"),
        ("backup.failed", {}, "Backup failed", "error"),
        ("\x00", {}, "Event", "info"),
    ],
)
def test_each_event_has_its_title_and_severity(
    kind: str, data: dict[str, Any], title: str, severity: str
) -> None:
    shown = message(kind, data)

    assert (shown.title, shown.severity) == (title, severity)


@pytest.mark.parametrize("severity", [None, "", "urgent", 3, ["error"], {"is": "error"}])
def test_a_severity_that_is_none_counts_as_not_said(severity: object) -> None:
    assert message("run.failed", {"severity": severity}).severity is Severity.ERROR


def test_the_catalogue_holds_every_event_type_that_the_code_emits_and_no_other() -> None:
    """Whoever announces an event of a new type adds it to the catalogue and to the guide."""
    emitted = {
        node.value
        for folder in ("usecases", "rules")
        for path in (PACKAGE / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z_]+\.[a-z_]+", node.value)
    }

    assert emitted == set(CATALOGUE)


# Topics


def test_all_events_of_a_finding_share_a_topic_that_names_the_deployment() -> None:
    kinds = ("finding.opened", "finding.repeated", "finding.acknowledged", "finding.resolved")

    assert {message(kind, FINDING).topic for kind in kinds} == {"backup/f-1"}


@pytest.mark.parametrize("kind", ["backup.failed", "run.failed", "plan.awaiting"])
def test_other_events_have_no_topic(kind: str) -> None:
    assert message(kind, FINDING).topic is None


def test_a_finding_without_an_id_has_no_topic() -> None:
    assert message("finding.opened", {"title": "x"}).topic is None


# Facts


def test_known_facts_come_first_in_their_order_and_unknown_ones_after() -> None:
    data = {"zone_offset": 2, "run_id": "r-1", "policy": "daily", "backup_id": "b-1"}

    assert facts("index.moved", data) == [
        ("Policy", "daily"),
        ("Backup id", "b-1"),
        ("Run id", "r-1"),
        ("Zone offset", "2"),
    ]


def test_facts_are_written_as_people_read_them_and_never_as_json() -> None:
    data = {
        "yes": True,
        "no": False,
        "nothing": None,
        "empty": "",
        "none": [],
        "list": ["a", 1, 2.5],
        "nested": {"a_b": [1, {"c": None, "d": 2}], "e": {}},
        "number": 1234567.5,
        "record_count": 12000,
        "size_bytes": 748_900_000,
        "age_seconds": 111_600,
        "until": "2026-11-03T14:30:00+00:00",
        "next_attempt_at": "2026-11-03T13:30:00+02:00",
    }

    assert dict(facts("index.moved", data)) == {
        "Next attempt": "2026-11-03 11:30 UTC, 30 minutes ago",
        "Records": "12,000",
        "Size": "749 MB",
        "Until": "2026-11-03 14:30 UTC, in 2 hours 30 minutes",
        "Yes": "yes",
        "No": "no",
        "List": "a, 1, 2.5",
        "Nested": "a b (1, (d 2))",
        "Number": "1,234,567.5",
        "Age": "31 hours",
    }


@pytest.mark.parametrize("value", ["yesterday", "2026-11-03T12:00:00", "0001-01-01T00:00+23:00"])
def test_what_is_no_time_is_shown_as_it_is(value: str) -> None:
    assert facts("index.moved", {"moved_at": value}) == [("Moved at", value)]


@pytest.mark.parametrize(("key", "value"), [("spent_bytes", -5), ("age_seconds", 10**300)])
def test_what_is_no_size_or_span_is_shown_as_a_number(key: str, value: int) -> None:
    assert dict(facts("index.moved", {key: value})).popitem()[1] == f"{value:,}"


def test_what_the_title_says_is_not_repeated() -> None:
    assert facts("plan.awaiting", PLAN) == [("Plan", "ab12")]
    assert facts("run.completed", {"kind": "audit", "state": "partial"}) == [("State", "partial")]


def test_what_was_seen_once_is_not_counted() -> None:
    assert "Times seen" not in dict(message("finding.opened", FINDING | {"count": 1}).facts)


def test_no_reason_is_lost_when_there_are_two() -> None:
    shown = message("backup.failed", {"error": "timed out", "reason": "second attempt"})

    assert shown.text == "timed out"
    assert ("Reason", "second attempt") in shown.facts


def test_a_link_that_an_event_carries_is_not_followed() -> None:
    """Events come from anywhere on the bus, and a presigned link is as good as a password."""
    shown = message("run.completed", {"link": "https://example.com/?X-Amz-Signature=1"})

    assert all(link.url.startswith(PAGES.base) or link.label == "Log" for link in shown.links)


def test_what_no_receiver_can_read_is_cleaned_from_the_data() -> None:
    data = {
        "a\ud800": "b\udfff",
        "nan": float("nan"),
        "infinite": [float("inf")],
        "giant": 10**5000,
        "tuple": (1, "\x07"),
        "deep": {1: True},
        "turned": "\u202egpj.exe",
    }

    assert message("index.moved", data, event_id="\ud800").data == {
        "a?": "b?",
        "nan": None,
        "infinite": [None],
        "giant": None,
        "tuple": [1, ""],
        "deep": {"1": True},
        "turned": "gpj.exe",
    }
