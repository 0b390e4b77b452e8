import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from pinecone_backup.errors import (
    BackupError,
    DeliveryDeferred,
    DeliveryRefused,
    SecretMalformed,
    SecretNotSet,
    StoreUnavailable,
    TargetGone,
)
from pinecone_backup.ports import DeliveryStatus
from pinecone_backup.usecases.notify import delay
from pinecone_backup.webhooks.inbox import Record
from tests.support.webhooks import (
    NOON,
    NotifierSetup,
    bus_event,
    delivery,
    detail,
    pager_target,
    slack_target,
)

NOON_Z = NOON.isoformat().replace("+00:00", "Z")
LATER = DeliveryDeferred("Target 'ops' answered 503")
NEVER = DeliveryRefused("Target 'ops' answered 404")
GONE = TargetGone("Target 'ops' answered 410")


# One event, many targets


def test_an_event_becomes_one_delivery_per_target_that_wants_it() -> None:
    setup = NotifierSetup(
        slack_target("a"), slack_target("b", events=["backup.*"]), slack_target("c")
    )

    assert setup.handle(bus_event("finding.opened", error="x")) == []

    assert [json.loads(body) for body in setup.queue.sent] == [
        {"target": name, "event": detail("finding.opened", error="x") | {"occurred_at": NOON_Z}}
        for name in ("a", "c")
    ]


def test_a_queued_delivery_names_its_target_and_carries_no_secret() -> None:
    setup = NotifierSetup(slack_target())

    setup.handle(bus_event())

    assert "verysecret" not in setup.queue.sent[0]


def test_an_event_that_nobody_wants_is_done() -> None:
    setup = NotifierSetup(slack_target())

    assert setup.handle(bus_event("finding.repeated")) == []
    assert setup.queue.sent == []
    assert setup.metric_names == []


@pytest.mark.parametrize("document", [{}, {"targets": []}, SecretNotSet("not set")])
def test_without_targets_an_event_is_done_and_counted(
    document: dict[str, Any] | BackupError, caplog: pytest.LogCaptureFixture
) -> None:
    setup = NotifierSetup()
    setup.secrets.document = document

    assert setup.handle(bus_event()) == []
    assert setup.metrics.gauges == [("EventsWithoutTarget", 1, {})]
    assert "no targets configured" in caplog.text


def test_an_invalid_target_stops_no_other_and_its_deliveries_wait_for_it() -> None:
    setup = NotifierSetup(slack_target("a"), slack_target("b", url="ftp://verysecret"))

    assert setup.handle(bus_event()) == []
    assert [json.loads(body)["target"] for body in setup.queue.sent] == ["a", "b"]


def test_what_is_wrong_with_a_target_is_logged_without_its_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    setup = NotifierSetup(slack_target("b", url="ftp://verysecret"), {"url": "verysecret"})

    setup.handle(bus_event())

    [record] = [record for record in caplog.records if record.message == "invalid targets"]
    problems = vars(record)["problems"]
    assert problems[0] == "b: url: the URL must begin with https://"
    assert "target 2 has no usable name" in problems[1]
    assert "verysecret" not in str(vars(record))


@pytest.mark.parametrize(
    "document", [SecretMalformed("no JSON"), {"target": []}, StoreUnavailable("down")]
)
def test_while_the_targets_cannot_be_read_the_event_stays(
    document: dict[str, Any] | BackupError,
) -> None:
    setup = NotifierSetup()
    setup.secrets.document = document

    assert setup.handle(bus_event()) == ["r1"]
    assert setup.queue.dead_letters == []


def test_an_event_that_could_not_be_queued_stays() -> None:
    setup = NotifierSetup(slack_target())
    setup.queue.broken = {"send"}

    assert setup.handle(bus_event()) == ["r1"]


# One delivery


def test_a_delivery_is_made_once_however_often_it_comes() -> None:
    setup = NotifierSetup(slack_target())

    assert setup.handle(delivery(), delivery(), delivery()) == []
    assert setup.courier.delivered == [("ops", "e-1")]


def test_two_targets_get_the_same_event() -> None:
    setup = NotifierSetup(slack_target("a"), slack_target("b"))

    setup.handle(delivery("a"), delivery("b"))

    assert setup.courier.delivered == [("a", "e-1"), ("b", "e-1")]


def test_a_delivery_that_somebody_else_makes_waits_for_them() -> None:
    setup = NotifierSetup(slack_target())
    setup.log.begin("e-1", "ops", now=NOON)

    assert setup.handle(delivery()) == ["r1"]
    assert setup.courier.delivered == []
    assert setup.queue.postponed == [("receipt-1", 60)]


def test_a_delivery_that_broke_off_is_made_again_when_its_time_is_over() -> None:
    setup = NotifierSetup(slack_target())
    setup.log.begin("e-1", "ops", now=NOON)
    setup.now = NOON + timedelta(minutes=3)

    assert setup.handle(delivery()) == []
    assert setup.courier.delivered == [("ops", "e-1")]


def test_a_deferred_delivery_stays_and_hides_for_a_while() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [LATER]

    assert setup.handle(delivery(), received=3) == ["r1"]
    assert setup.queue.postponed == [("receipt-1", 45)]


def test_a_deferred_delivery_is_free_for_the_next_attempt() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [LATER]

    setup.handle(delivery())

    assert setup.handle(delivery()) == []
    assert setup.courier.delivered == [("ops", "e-1")]


def test_a_provider_may_ask_for_more_time() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [DeliveryDeferred("429", retry_after=3_600.5)]

    setup.handle(delivery())

    assert setup.queue.postponed == [("receipt-1", 3_601)]


def test_a_refused_delivery_becomes_a_dead_letter_at_once() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [NEVER]

    assert setup.handle(delivery()) == []
    assert setup.queue.dead_letters == [(delivery(), str(NEVER))]


def test_a_dead_letter_that_is_replayed_is_delivered() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [NEVER]
    setup.handle(delivery())
    [(body, _)] = setup.queue.dead_letters

    assert setup.handle(body) == []
    assert setup.courier.delivered == [("ops", "e-1")]


def test_a_delivery_is_given_up_after_a_day() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [LATER]

    assert setup.handle(delivery(), age=timedelta(hours=24)) == []
    [(_, reason)] = setup.queue.dead_letters
    assert reason == "Given up after 1 day, 0:00:00: Target 'ops' answered 503"


def test_a_delivery_is_not_given_up_before() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [LATER]

    assert setup.handle(delivery(), age=timedelta(hours=24, seconds=-1)) == ["r1"]
    assert setup.queue.dead_letters == []


def test_a_target_that_is_disabled_is_not_asked_again() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [GONE]

    assert setup.handle(delivery(), delivery(event_id="e-2")) == []
    assert setup.courier.delivered == []
    assert [reason.split(".")[0] for _, reason in setup.queue.dead_letters] == [
        "Target 'ops' answered 410",
        "Target 'ops' answered 410 before and is not tried again",
    ]


def test_a_target_that_is_disabled_is_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [GONE]

    setup.handle(delivery())

    assert ("ERROR", "target disabled") in [(r.levelname, r.message) for r in caplog.records]


def test_a_disabled_target_is_asked_again_when_its_definition_changes() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [GONE]
    setup.handle(delivery())
    setup.secrets.document = {"targets": [slack_target(url="https://hooks.example.com/new")]}

    assert setup.handle(delivery()) == []
    assert setup.courier.delivered == [("ops", "e-1")]


def test_another_targets_deliveries_go_on_when_one_is_disabled() -> None:
    setup = NotifierSetup(slack_target("ops"), slack_target("b"))
    setup.courier.failures = [GONE]

    setup.handle(delivery("ops"), delivery("b"))

    assert setup.courier.delivered == [("b", "e-1")]


def test_a_delivery_to_a_removed_target_becomes_a_dead_letter() -> None:
    setup = NotifierSetup(slack_target("other"))

    assert setup.handle(delivery()) == []
    [(_, reason)] = setup.queue.dead_letters
    assert "There is no target 'ops' in the targets secret any more" in reason


def test_a_target_that_was_added_a_moment_ago_gets_its_message() -> None:
    setup = NotifierSetup(slack_target("other"), slack_target("ops"))
    setup.secrets.known = {"targets": [slack_target("other")]}

    assert setup.handle(delivery("ops")) == []
    assert setup.courier.delivered == [("ops", "e-1")]


def test_a_delivery_is_not_given_up_while_the_secret_cannot_be_read_again() -> None:
    setup = NotifierSetup()
    setup.secrets.known = {"targets": [slack_target("other")]}
    setup.secrets.document = StoreUnavailable("down")

    assert setup.handle(delivery("ops")) == ["r1"]
    assert setup.queue.dead_letters == []


@pytest.mark.parametrize(
    "document", [{"targets": []}, SecretNotSet("marked for deletion"), StoreUnavailable("down")]
)
def test_while_there_are_no_targets_at_all_a_delivery_waits(
    document: dict[str, Any] | BackupError,
) -> None:
    setup = NotifierSetup()
    setup.secrets.document = document

    assert setup.handle(delivery()) == ["r1"]
    assert setup.queue.postponed == [("receipt-1", 5)]


def test_a_delivery_to_an_invalid_target_waits_until_it_is_mended() -> None:
    setup = NotifierSetup(slack_target(url="ftp://x"))

    assert setup.handle(delivery()) == ["r1"]
    setup.secrets.document = {"targets": [slack_target()]}
    assert setup.handle(delivery()) == []
    assert setup.courier.delivered == [("ops", "e-1")]


def test_a_filter_that_changed_since_counts() -> None:
    setup = NotifierSetup(slack_target(events=["backup.*"]))

    assert setup.handle(delivery()) == []
    assert setup.courier.delivered == []


# When the log or the queues fail


def test_nothing_is_sent_while_the_log_cannot_say_whether_it_was_sent() -> None:
    setup = NotifierSetup(slack_target())
    setup.log.broken = {"begin"}

    assert setup.handle(delivery()) == ["r1"]
    assert setup.courier.delivered == []


def test_what_was_delivered_is_not_sent_again_because_the_log_failed() -> None:
    setup = NotifierSetup(slack_target())
    setup.log.broken = {"mark_delivered"}

    assert setup.handle(delivery()) == []
    setup.log.broken = set()
    assert setup.log.begin("e-1", "ops", now=NOON) is DeliveryStatus.IN_FLIGHT


def test_a_refusal_counts_also_when_the_log_fails() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [GONE]
    setup.log.broken = {"mark_disabled", "release"}

    assert setup.handle(delivery()) == []
    assert len(setup.queue.dead_letters) == 1


def test_a_message_that_could_not_be_postponed_stays_all_the_same() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [LATER]
    setup.queue.broken = {"postpone"}

    assert setup.handle(delivery()) == ["r1"]


def test_a_message_that_the_dead_letter_queue_did_not_take_stays() -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [NEVER]
    setup.queue.broken = {"dead_letter"}

    assert setup.handle(delivery()) == ["r1"]


# One record and the others


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"detail": {}}',
        '{"detail": null}',
        '{"target": "ops"}',
        '{"target": 7, "event": {}}',
        bus_event().replace('"id": "e-1"', '"id": "e 1"'),
        bus_event().replace('"id": "e-1", ', ""),
        bus_event().replace("2026-11-03T12:00:00+00:00", "yesterday"),
        bus_event().replace("2026-11-03T12:00:00+00:00", "2026-11-03T12:00:00"),
        bus_event().replace('"data": {}', '"data": []'),
        "[" * 100_000,
    ],
)
def test_a_malformed_record_becomes_a_dead_letter_and_stops_no_other(body: str) -> None:
    setup = NotifierSetup(slack_target())

    assert setup.handle(body, delivery()) == []
    assert setup.courier.delivered == [("ops", "e-1")]
    [(body_kept, reason)] = setup.queue.dead_letters
    assert body_kept == body
    assert "neither an event of the bus nor a delivery" in reason
    assert setup.metric_names == []


def test_the_reason_names_the_field_and_quotes_no_value() -> None:
    setup = NotifierSetup()

    setup.handle(bus_event().replace('"id": "e-1"', '"id": "very secret"'))

    [(_, reason)] = setup.queue.dead_letters
    assert "detail.id: string_pattern_mismatch" in reason
    assert "very secret" not in reason


def test_an_unexpected_error_in_one_record_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [RuntimeError("https://hooks.example.com/verysecret")]

    assert setup.handle(delivery(), delivery(event_id="e-2")) == ["r1"]
    assert setup.courier.delivered == [("ops", "e-2")]
    [record] = [record for record in caplog.records if record.message == "unexpected error"]
    assert vars(record)["error"] == "RuntimeError"
    assert "deliver" in vars(record)["where"][-1]
    assert "verysecret" not in str(vars(record))


def test_what_does_not_fit_into_the_time_left_stays_untouched() -> None:
    setup = NotifierSetup(slack_target())
    left = iter([100.0, 29.9, 29.9])
    records = _records(setup, *(delivery(event_id=f"e-{number}") for number in (1, 2, 3)))

    kept = setup.notifier.handle(records, seconds_left=lambda: next(left))

    assert kept == ["r2", "r3"]
    assert setup.courier.delivered == [("ops", "e-1")]


def _records(setup: NotifierSetup, *bodies: str) -> list[Record]:
    return [Record(f"r{n}", body, f"receipt-{n}", 1, setup.now) for n, body in enumerate(bodies, 1)]


def test_logs_name_the_event_and_never_its_data(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    setup = NotifierSetup(slack_target())
    setup.courier.failures = [LATER]

    setup.handle(bus_event(error="inner workings"), delivery(error="inner workings"))

    assert all("inner workings" not in str(vars(record)) for record in caplog.records)
    assert any(vars(record).get("event_id") == "e-1" for record in caplog.records)


# The order of things


def test_an_incident_is_not_opened_after_its_end_was_delivered() -> None:
    setup = NotifierSetup(pager_target())
    opened = delivery("pager", type_="finding.opened", finding_id="f-1", at=NOON)
    resolved = delivery(
        "pager",
        type_="finding.resolved",
        event_id="e-2",
        finding_id="f-1",
        at=NOON + timedelta(hours=1),
    )

    assert setup.handle(resolved, opened) == []
    assert setup.courier.delivered == [("pager", "e-2")]


def test_an_incident_that_opens_anew_is_delivered() -> None:
    setup = NotifierSetup(pager_target())
    ended = anew = NOON  # of two events of one moment, neither is older

    setup.handle(delivery("pager", type_="finding.resolved", finding_id="f-1", at=ended))
    setup.handle(
        delivery("pager", type_="finding.opened", event_id="e-2", finding_id="f-1", at=anew)
    )

    assert setup.courier.delivered == [("pager", "e-1"), ("pager", "e-2")]


def test_another_finding_is_delivered() -> None:
    setup = NotifierSetup(pager_target())

    setup.handle(
        delivery("pager", type_="finding.resolved", finding_id="f-1"),
        delivery("pager", type_="finding.opened", event_id="e-2", finding_id="f-2"),
    )

    assert setup.courier.delivered == [("pager", "e-1"), ("pager", "e-2")]


def test_people_in_a_channel_get_both_in_any_order() -> None:
    setup = NotifierSetup(slack_target())

    setup.handle(
        delivery(type_="finding.resolved", finding_id="f-1"),
        delivery(type_="finding.opened", event_id="e-2", finding_id="f-1"),
    )

    assert len(setup.courier.delivered) == 2


# Delays


def test_delays_grow_from_seconds_to_hours() -> None:
    assert [delay(received, None, 0.0) for received in range(1, 12)] == [
        *(5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 14_400, 14_400, 14_400),
    ]


def test_a_day_of_delays_stays_below_the_queues_own_limit_of_20() -> None:
    waited, received = 0, 1
    while waited < 24 * 3600:
        waited += delay(received, None, 0.0)
        received += 1

    assert received < 20


def test_jitter_adds_up_to_half() -> None:
    assert (delay(5, None, 0.0), delay(5, None, 0.999_999)) == (405, 608)


@pytest.mark.parametrize(
    ("asked", "seconds"), [(0.0, 5), (4.0, 5), (90.2, 91), (10.0**9, 42_000), (None, 5)]
)
def test_a_delay_that_was_asked_for_is_kept_as_far_as_the_queue_can(
    asked: float | None, seconds: int
) -> None:
    assert delay(1, asked, 0.0) == seconds


@pytest.mark.parametrize("received", [0, -1, 10**6])
def test_a_strange_count_makes_no_strange_delay(received: int) -> None:
    assert 5 <= delay(received, None, 0.0) <= 14_400
