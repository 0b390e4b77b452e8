"""Every shape that reaches a scheduled function is read into one request."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pinecone_backup.errors import EventMalformed
from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.triggers import RunRequest, answer_to, read_trigger

TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
BUS: dict[str, Any] = {
    "version": "0",
    "id": "e1",
    "detail-type": "prune.requested",
    "source": "pinecone-backup.request",
    "account": "123456789012",
    "time": "2026-03-01T12:00:00Z",
    "region": "eu-central-1",
    "resources": [],
    "detail": {},
}


def test_a_scheduler_payload_brings_its_scheduled_time() -> None:
    """T1."""
    event = {"trigger": "schedule", "scheduled_time": "2026-03-01T13:00:00+01:00"}
    assert read_trigger(event, RunKind.CREATE) == RunRequest(
        trigger=TriggerKind.SCHEDULE, actor="schedule", time=TIME
    )


def test_an_unsubstituted_scheduler_placeholder_counts_as_absent() -> None:
    """T1."""
    event = {"trigger": "schedule", "scheduled_time": "<aws.scheduler.scheduled-time>"}
    assert read_trigger(event, RunKind.CREATE).time is None


def test_a_classic_rule_brings_its_time() -> None:
    """T1."""
    event = BUS | {"source": "aws.events", "detail-type": "Scheduled Event"}
    assert read_trigger(event, RunKind.CREATE) == RunRequest(
        trigger=TriggerKind.SCHEDULE, actor="schedule", time=TIME
    )


def test_a_bus_event_asks_for_a_run_and_cannot_set_its_time() -> None:
    """T1: the time of an event that anybody may put on the bus is no trigger's time."""
    event = BUS | {"detail": {"project": "main", "run_id": "r-1"}}
    assert read_trigger(event, RunKind.AUDIT) == RunRequest(
        trigger=TriggerKind.BUS,
        actor="bus:123456789012",
        project="main",
        run_id="r-1",
    )


def test_an_event_cannot_say_who_asked() -> None:
    with pytest.raises(EventMalformed, match="actor"):
        read_trigger(BUS | {"detail": {"actor": "somebody else"}}, RunKind.AUDIT)


def test_a_plain_object_is_a_direct_invocation() -> None:
    assert read_trigger({"project": "main"}, RunKind.CREATE) == RunRequest(
        trigger=TriggerKind.DIRECT, actor="direct invocation", project="main"
    )


def test_an_empty_object_asks_for_every_project() -> None:
    assert read_trigger({}, RunKind.CREATE).project is None


def test_prune_takes_a_dry_run_and_the_digest_of_a_plan() -> None:
    event = BUS | {"detail": {"dry_run": True, "digest": "a" * 64}}
    request = read_trigger(event, RunKind.PRUNE)
    assert (request.dry_run, request.digest) == (True, "a" * 64)


@pytest.mark.parametrize("kind", [RunKind.CREATE, RunKind.AUDIT])
@pytest.mark.parametrize("detail", [{"dry_run": True}, {"digest": "a" * 64}])
def test_only_prune_takes_them(kind: RunKind, detail: dict[str, Any]) -> None:
    with pytest.raises(EventMalformed, match="neither dry_run nor digest"):
        read_trigger(detail, kind)


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (None, "NoneType"),
        ([], "list"),
        ("text", "str"),
        ({"projekt": "main"}, "projekt"),
        ({"project": ""}, "project"),
        ({"project": 7}, "project"),
        ({"now": "yesterday"}, "now"),
        ({"now": "2026-03-01T12:00:00"}, "now"),
        ({"digest": "short"}, "digest"),
        ({"trigger": "schedule", "scheduled_time": "soon"}, "scheduled_time"),
        ({"trigger": "clockwork"}, "trigger"),
        (BUS | {"source": "somebody.else"}, "source"),
        (BUS | {"detail": "text"}, "detail"),
        (BUS | {"detail": {"when": 1}}, "when"),
        (BUS | {"source": "aws.events", "time": "noon"}, "time"),
        ({"detail-type": "prune.requested"}, "source"),
    ],
)
def test_a_malformed_event_is_refused_naming_what_is_wrong(event: object, named: str) -> None:
    with pytest.raises(EventMalformed, match=named):
        read_trigger(event, RunKind.PRUNE)


def test_a_malformed_events_values_are_not_repeated() -> None:
    with pytest.raises(EventMalformed) as caught:
        read_trigger({"project": {"api_key": "pcsk_secret"}}, RunKind.CREATE)
    assert "pcsk_secret" not in str(caught.value)


def queued(body: object, count: int = 1) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"Records": [{"messageId": f"m-{n}", "body": text} for n in range(count)]}


BODY = {"trigger": "schedule", "actor": "schedule", "project": "main", "run_id": "r-1"}


def test_a_message_of_the_queue_is_a_request_for_one_project() -> None:
    """T1: it brings the time of its tick."""
    event = queued(BODY | {"time": "2026-03-01T12:00:00Z"})
    assert read_trigger(event, RunKind.CREATE) == RunRequest(
        trigger=TriggerKind.SCHEDULE,
        actor="schedule",
        project="main",
        run_id="r-1",
        time=TIME,
        queued=True,
    )


@pytest.mark.parametrize(
    "event",
    [
        queued(BODY, count=2),
        queued(BODY, count=0),
        queued("no JSON"),
        queued({**BODY, "project": None}),
        queued({key: value for key, value in BODY.items() if key != "run_id"}),
        queued({**BODY, "more": 1}),
        {"Records": [{"messageId": "m-1"}]},
    ],
)
def test_a_message_that_names_no_run_of_one_project_is_malformed(event: dict[str, Any]) -> None:
    with pytest.raises(EventMalformed):
        read_trigger(event, RunKind.CREATE)


def test_a_message_is_answered_with_a_batch_of_which_nothing_failed() -> None:
    request = read_trigger(queued(BODY), RunKind.CREATE)
    assert answer_to(request, {"runs": []}) == {"batchItemFailures": [], "runs": []}


def test_any_other_trigger_is_answered_with_the_result_alone() -> None:
    assert answer_to(read_trigger({}, RunKind.CREATE), {"runs": []}) == {"runs": []}
