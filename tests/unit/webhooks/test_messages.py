from datetime import UTC, datetime
from typing import Any

import pytest

from pinecone_backup.model import DomainEvent
from pinecone_backup.records import Severity
from pinecone_backup.webhooks.messages import Message, build_message

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
FINDING = {
    "finding_id": "f-1",
    "control": "overdue",
    "severity": "error",
    "subject": "products",
    "title": "Backups of products are overdue",
    "diagnosis": "The newest good backup is 31 h old.",
    "action": "Look at the last create run.",
    "count": 3,
    "escalated": False,
}


def message(kind: str, data: dict[str, Any] | None = None, *, event_id: str = "e-1") -> Message:
    return build_message(DomainEvent(event_id, kind, "prod", NOON, data or {}), owner="backup")


def test_a_finding_says_what_was_seen_and_what_to_do() -> None:
    shown = message("finding.opened", FINDING)

    assert shown.title == "Backups of products are overdue"
    assert shown.severity is Severity.ERROR
    assert shown.text == "The newest good backup is 31 h old."
    assert shown.action == "Look at the last create run."
    assert shown.facts == [
        ("Subject", "products"),
        ("Control", "overdue"),
        ("Times seen", "3"),
        ("Finding", "f-1"),
    ]
    assert not shown.resolved


def test_all_events_of_a_finding_share_a_topic_that_names_the_deployment() -> None:
    kinds = ("finding.opened", "finding.repeated", "finding.resolved")

    assert {message(kind, FINDING).topic for kind in kinds} == {"backup/f-1"}


@pytest.mark.parametrize("kind", ["backup.failed", "run.failed", "plan.awaiting"])
def test_other_events_have_no_topic(kind: str) -> None:
    assert message(kind, FINDING).topic is None


def test_a_finding_without_an_id_has_no_topic() -> None:
    assert message("finding.opened", {"title": "x"}).topic is None


def test_the_end_of_a_finding_says_so() -> None:
    shown = message("finding.resolved", FINDING)

    assert shown.title == "Resolved: Backups of products are overdue"
    assert shown.resolved


@pytest.mark.parametrize(
    ("kind", "data", "title", "severity"),
    [
        ("finding.repeated", FINDING, "Still open: Backups of products are overdue", "error"),
        ("backup.created", {"index_name": "products"}, "Backup started: products", "info"),
        ("backup.failed", {"index": "products"}, "Backup failed: products", "error"),
        ("backup.deleted", {"backup_id": "b-1"}, "Backup deleted: b-1", "info"),
        ("backup.suspect", {"name": "n", "index": "i"}, "Backup is suspect: n", "warning"),
        (
            *("plan.awaiting", {"digest": "ab12"}),
            *("Prune plan waits for approval: ab12", "warning"),
        ),
        ("run.failed", {"kind": "prune"}, "Run failed: prune", "error"),
        ("run.completed", {"kind": "audit"}, "Run completed: audit", "info"),
        ("restore.started", {"backup_id": "b", "index": "copy"}, "Restore started: copy", "info"),
        ("backup.accepted", {"name": "n", "reason": "r"}, "Suspect backup accepted: n", "info"),
        ("plan.approved", {"digest": "ab12"}, "Prune plan approved: ab12", "info"),
        ("hold.placed", {"target": "b-1"}, "Hold placed: b-1", "info"),
        ("hold.released", {"target": "b-1"}, "Hold released: b-1", "info"),
        ("index.moved", {"index": "products"}, "index.moved: products", "info"),
        ("index.moved", {}, "Index moved", "info"),
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


def test_known_facts_come_first_in_their_order_and_unknown_ones_after() -> None:
    data = {"zone_offset": 2, "run_id": "r-1", "policy": "daily", "index_name": "products"}

    assert message("index.moved", data | {"backup_id": "b-1"}).facts == [
        ("Index", "products"),
        ("Policy", "daily"),
        ("Run", "r-1"),
        ("Zone offset", "2"),
    ]


def test_facts_are_written_as_people_read_them() -> None:
    data = {
        "yes": True,
        "no": False,
        "nothing": None,
        "empty": "",
        "none": [],
        "list": ["a", 1, 2.5],
        "nested": {"a": [1, {"b": None}]},
        "number": 1.5,
    }

    assert dict(message("index.moved", data).facts) == {
        "Yes": "yes",
        "No": "no",
        "List": "a, 1, 2.5",
        "Nested": '{"a": [1, {"b": null}]}',
        "Number": "1.5",
    }


def test_no_reason_is_lost_when_there_are_two() -> None:
    shown = message("backup.failed", {"error": "timed out", "reason": "second attempt"})

    assert shown.text == "timed out"
    assert ("Reason", "second attempt") in shown.facts


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "ftp://example.com/",
        "https://example.com/a b",
        "https://example.com/>|x",
        "https://example.com/" + "x" * 2001,
        7,
    ],
)
def test_only_a_plain_web_link_becomes_a_link(link: object) -> None:
    assert message("run.completed", {"link": link}).link is None


def test_a_link_is_no_fact() -> None:
    shown = message("run.completed", {"report_url": "https://example.com/r?a=1&b=2"})

    assert shown.link == "https://example.com/r?a=1&b=2"
    assert shown.facts == []


def test_what_no_receiver_can_read_is_cleaned_from_the_data() -> None:
    data = {
        "a\ud800": "b\udfff",
        "nan": float("nan"),
        "infinite": [float("inf")],
        "giant": 10**5000,
        "tuple": (1, "\x07"),
        "deep": {1: True},
    }

    assert message("index.moved", data, event_id="\ud800").data == {
        "a?": "b?",
        "nan": None,
        "infinite": [None],
        "giant": None,
        "tuple": [1, ""],
        "deep": {"1": True},
    }
