import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pinecone_backup.errors import DeliveryDeferred, DeliveryError, DeliveryRefused, TargetGone
from pinecone_backup.model import DomainEvent
from pinecone_backup.webhooks import pagerduty, slack, standard, teams
from pinecone_backup.webhooks.exchange import Answer, require_accepted
from pinecone_backup.webhooks.links import Pages
from pinecone_backup.webhooks.messages import Message, build_message
from pinecone_backup.webhooks.targets import (
    PagerDutyTarget,
    SlackTarget,
    StandardTarget,
    TeamsTarget,
    read_targets,
)

BASE = "https://backups.example.com"
REPORT = f"{BASE}/v1/projects/prod/reports/latest/page"
RUNBOOK = f"{BASE}/docs/findings#orphan"
NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
FINDING = {
    "finding_id": "f-1",
    "control": "orphan",
    "severity": "critical",
    "subject": "products & <more>",
    "title": "Backups of <products> & co are overdue",
    "diagnosis": "The newest good backup is 31 h old.",
    "action": "Look at the last create run.",
}


def of(kind: str, **more: object) -> Any:
    entry = {"name": "it", "kind": kind, "url": "https://hooks.example.com/x"} | more
    return read_targets({"targets": [entry]}).valid["it"]


STANDARD: StandardTarget = of("standard", secrets=[OLD, NEW])
SLACK: SlackTarget = of("slack")
TEAMS: TeamsTarget = of("teams")
PAGER: PagerDutyTarget = of("pagerduty", routing_key="R" * 32)


def message(
    kind: str = "finding.opened", data: dict[str, Any] | None = None, *, event_id: str = "e-1"
) -> Message:
    event = DomainEvent(event_id, kind, "prod", NOON, FINDING if data is None else data)
    return build_message(event, owner="backup", pages=Pages(BASE), now=NOON)


# Standard Webhooks


def signed(shown: Message, target: StandardTarget = STANDARD) -> tuple[bytes, dict[str, str]]:
    outgoing = standard.compose(target, shown, at=datetime.now(UTC))
    return outgoing.body, dict(outgoing.headers)


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_the_reference_library_verifies_the_signature_of_either_secret(secret: str) -> None:
    body, headers = signed(message())

    verified = Webhook(secret).verify(body, headers)

    assert verified["type"] == "finding.opened"


def test_one_secret_makes_one_signature() -> None:
    _, headers = signed(message(), of("standard", secrets=[OLD]))

    assert len(headers["webhook-signature"].split(" ")) == 1


def test_another_secret_does_not_verify() -> None:
    body, headers = signed(message())
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()

    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)


def test_a_changed_body_does_not_verify() -> None:
    body, headers = signed(message())

    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body.replace(b"prod", b"test"), headers)


def test_the_timestamp_is_the_attempts_in_whole_seconds_whatever_its_zone() -> None:
    at = datetime(2026, 11, 3, 14, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))

    outgoing = standard.compose(STANDARD, message(), at=at)

    assert outgoing.headers["webhook-timestamp"] == "1793707200"


def test_the_id_stays_the_same_across_attempts() -> None:
    first = standard.compose(STANDARD, message(), at=NOON)
    later = standard.compose(STANDARD, message(), at=NOON + timedelta(hours=5))

    assert first.headers["webhook-id"] == later.headers["webhook-id"] == "e-1"
    assert first.body == later.body
    assert first.headers["webhook-signature"] != later.headers["webhook-signature"]


@pytest.mark.parametrize("event_id", ["a.b", "x" * 65, "ä", "a b", "a\nb", ""])
def test_an_id_that_the_header_may_not_carry_becomes_a_stable_digest(event_id: str) -> None:
    identifier = standard.message_id(event_id)

    assert identifier.startswith("evt_")
    assert identifier.isascii()
    assert "." not in identifier
    assert identifier == standard.message_id(event_id) != standard.message_id(event_id + "x")


def test_the_body_is_type_timestamp_and_data() -> None:
    body = json.loads(signed(message())[0])

    assert body == {
        "type": "finding.opened",
        "timestamp": "2026-11-03T12:00:00Z",
        "data": {
            "id": "e-1",
            "project": "prod",
            "owner": "backup",
            "severity": "critical",
            "title": "Backups of <products> & co are overdue",
            "links": {"report": REPORT, "runbook": RUNBOOK},
            "details": FINDING,
        },
    }


def test_the_type_has_only_the_characters_of_the_specification() -> None:
    assert json.loads(signed(message("index-moved!now"))[0])["type"] == "index_moved_now"


def test_a_body_that_was_shortened_says_so_and_fits() -> None:
    body, _ = signed(message(data=FINDING | {"diagnosis": "x" * 50_000, "subject": "products"}))
    data = json.loads(body)["data"]

    assert data["truncated"] is True
    assert data["details"]["subject"] == "products"
    assert 19_000 < len(body) <= standard.MOST_BYTES


# Slack


def blocks(shown: Message) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(slack.compose(SLACK, shown).body)["blocks"]
    return found


def test_a_slack_message_has_its_parts_in_order_and_escaped() -> None:
    header, seen, action, facts, links, context = blocks(message())

    assert header["text"] == {
        "type": "plain_text",
        "text": ":rotating_light: Backups of &lt;products&gt; &amp; co are overdue",
        "emoji": True,
    }
    assert seen["text"]["text"] == "The newest good backup is 31 h old."
    assert action["text"]["text"] == "*What to do:* Look at the last create run."
    assert [field["text"] for field in facts["fields"]] == [
        "*Where*\nproject prod",
        "*Since*\n2026-11-03 12:00 UTC, just now",
        "*Index id*\nproducts &amp; &lt;more&gt;",
        "*Control*\norphan",
        "*Finding id*\nf-1",
    ]
    assert links["text"]["text"] == f"<{REPORT}|Report> · <{RUNBOOK}|Runbook>"
    assert context["elements"][0]["text"] == "deployment backup · finding.opened · event e-1"


def test_nobody_can_shout_through_a_slack_message() -> None:
    data = {"title": "<!channel>", "diagnosis": "<@U1> <!here>", "subject": "<!everyone>"}

    assert b"<!" not in slack.compose(SLACK, message(data=data)).body
    assert b"<@" not in slack.compose(SLACK, message(data=data)).body


def test_a_resolved_finding_has_a_sign_of_its_own() -> None:
    assert blocks(message("finding.resolved"))[0]["text"]["text"].startswith(":white_check_mark: ")


def test_a_slack_message_has_a_text_for_the_notification() -> None:
    payload = json.loads(slack.compose(SLACK, message()).body)

    assert payload["text"] == payload["blocks"][0]["text"]["text"]


def test_an_event_without_a_word_has_no_empty_block() -> None:
    texts = [block["text"]["text"] for block in blocks(message("run.completed", {}))[:2]]

    assert texts == [":information_source: Run completed", "*What to do:* Nothing to do."]


def test_a_header_is_cut_to_150_characters_and_no_escape_in_two() -> None:
    text = blocks(message(data={"title": "&" * 200}))[0]["text"]["text"]

    assert 145 < len(text) <= 150
    assert text.removeprefix(":warning: ").removesuffix("…").replace("&amp;", "") == ""


def test_facts_come_ten_to_a_section() -> None:
    data = {f"fact_{number}": number for number in range(23)}

    sections = [block for block in blocks(message(data=data)) if "fields" in block]

    assert [len(section["fields"]) for section in sections] == [10, 10, 5]


def test_slack_says_ok() -> None:
    slack.require_success(Answer(200, body=b"ok"), target="it")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"ok":true}'])
def test_whoever_does_not_say_ok_is_not_slack(body: bytes) -> None:
    with pytest.raises(DeliveryRefused, match="without Slack's 'ok'"):
        slack.require_success(Answer(200, body=body), target="it")


# Microsoft Teams


def card(shown: Message) -> dict[str, Any]:
    payload = json.loads(teams.compose(TEAMS, shown).body)
    [attachment] = payload["attachments"]
    assert payload["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    content: dict[str, Any] = attachment["content"]
    return content


def test_a_teams_message_is_one_adaptive_card() -> None:
    content = card(message())
    title, diagnosis, action, facts, origin = content["body"]

    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.2")
    assert (title["text"], title["color"]) == (
        *("Backups of <products> & co are overdue", "Attention"),
    )
    assert diagnosis["text"] == "The newest good backup is 31 h old."
    assert action["text"] == "**What to do:** Look at the last create run."
    assert facts["facts"][2] == {"title": "Index id", "value": "products & <more>"}
    assert origin["text"] == "deployment backup · finding.opened · event e-1"
    assert [button["url"] for button in content["actions"]] == [REPORT, RUNBOOK]


@pytest.mark.parametrize(
    ("kind", "severity", "colour"),
    [
        ("finding.opened", "error", "Attention"),
        ("finding.opened", "warning", "Warning"),
        ("finding.opened", "info", "Default"),
        ("finding.resolved", "critical", "Good"),
    ],
)
def test_a_card_has_the_colour_of_its_severity(kind: str, severity: str, colour: str) -> None:
    assert card(message(kind, {"severity": severity}))["body"][0]["color"] == colour


def test_a_card_without_links_has_no_buttons() -> None:
    event = DomainEvent("e-1", "run.completed", "prod", NOON, {})

    assert "actions" not in card(build_message(event, owner="o", pages=Pages(), now=NOON))


def test_teams_accepts_with_202() -> None:
    teams.require_success(Answer(202), target="it")


def test_a_429_in_the_body_of_a_200_defers() -> None:
    body = b"... Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0."

    with pytest.raises(DeliveryDeferred, match="'it' answered 429") as caught:
        teams.require_success(Answer(200, retry_after=9.0, body=body), target="it")
    assert caught.value.retry_after == 9.0


def test_a_413_in_the_body_of_a_200_refuses() -> None:
    body = b"Microsoft Teams endpoint returned HTTP error 413 with ContextId tcid=0."

    with pytest.raises(DeliveryRefused, match="'it' answered 413"):
        teams.require_success(Answer(200, body=body), target="it")


# What both kinds of cards must not do


def texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from texts(item)
        case list():
            for item in value:
                yield from texts(item)


@pytest.mark.parametrize("text", ["[here](https://evil.example)", "[here][x]\n[x]: https://evil"])
@pytest.mark.parametrize(("module", "target"), [(teams, TEAMS), (slack, SLACK)])
def test_no_words_of_a_card_hide_an_address(module: Any, target: object, text: str) -> None:
    data = {"title": text, "diagnosis": text, "action": text, "subject": text, text: text}
    for kind in ("finding.opened", text):
        shown = "\n".join(texts(json.loads(module.compose(target, message(kind, data)).body)))

        assert "here" in shown
        assert not re.search(r"\][(:]", shown)


# PagerDuty


def event(shown: Message) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(pagerduty.compose(PAGER, shown).body)
    return parsed


def test_a_finding_triggers_an_incident() -> None:
    assert event(message()) == {
        "routing_key": "R" * 32,
        "event_action": "trigger",
        "dedup_key": "backup/f-1",
        "payload": {
            "summary": "Backups of <products> & co are overdue (prod)",
            "source": "prod",
            "severity": "critical",
            "timestamp": "2026-11-03T12:00:00+00:00",
            "component": "pinecone-backup",
            "group": "backup",
            "class": "finding.opened",
            "custom_details": {
                "What": "The newest good backup is 31 h old.",
                "What to do": "Look at the last create run.",
                "Event id": "e-1",
                "Where": "project prod",
                "Since": "2026-11-03 12:00 UTC, just now",
                "Index id": "products & <more>",
                "Control": "orphan",
                "Finding id": "f-1",
            },
        },
        "links": [{"href": REPORT, "text": "Report"}, {"href": RUNBOOK, "text": "Runbook"}],
        "client": "Pinecone Backup",
    }


def test_the_end_of_a_finding_resolves_its_incident() -> None:
    assert event(message("finding.resolved", event_id="e-2")) == {
        "routing_key": "R" * 32,
        "event_action": "resolve",
        "dedup_key": "backup/f-1",
    }


def test_a_finding_that_somebody_acknowledged_acknowledges_its_incident() -> None:
    assert event(message("finding.acknowledged", event_id="e-2")) == {
        "routing_key": "R" * 32,
        "event_action": "acknowledge",
        "dedup_key": "backup/f-1",
    }


def test_any_other_event_is_an_incident_of_its_own() -> None:
    assert event(message("run.failed", {"kind": "create"}))["dedup_key"] == "e-1"


def test_a_dedup_key_that_is_too_long_becomes_a_digest() -> None:
    key = pagerduty.dedup_key(message(data={"finding_id": "f" * 256}))

    assert len(key) == 64
    assert key != pagerduty.dedup_key(message(data={"finding_id": "f" * 257}))


def test_a_dedup_key_of_255_characters_is_kept() -> None:
    longest = "f" * (255 - len("backup/"))

    assert pagerduty.dedup_key(message(data={"finding_id": longest})) == f"backup/{longest}"
    assert len(pagerduty.dedup_key(message(data={"finding_id": longest + "f"}))) == 64


def test_of_two_facts_with_one_label_the_more_important_one_stays() -> None:
    shown = message("backup.suspect", {"backup_name": "second", "name": "first"})

    assert event(shown)["payload"]["custom_details"]["Backup"] == "first"


def test_pagerduty_accepts_with_202() -> None:
    pagerduty.require_success(Answer(202), target="it")


def test_whoever_answers_200_is_not_pagerduty() -> None:
    with pytest.raises(DeliveryRefused, match="instead of PagerDuty's 202"):
        pagerduty.require_success(Answer(200), target="it")


# What a status means to all of them


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(status: int) -> None:
    require_accepted(Answer(status), target="it")
    standard.require_success(Answer(status), target="it")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_deferred_with_the_delay_asked_for(status: int) -> None:
    with pytest.raises(DeliveryDeferred, match=f"'it' answered {status}") as caught:
        require_accepted(Answer(status, retry_after=17.0), target="it")
    assert caught.value.retry_after == 17.0


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 399])
def test_a_redirect_is_refused(status: int) -> None:
    with pytest.raises(DeliveryRefused, match="a redirect, which is not followed"):
        require_accepted(Answer(status), target="it")


@pytest.mark.parametrize("status", [199, 400, 401, 403, 404, 405, 411, 413, 422, 499])
def test_what_will_not_change_is_refused(status: int) -> None:
    with pytest.raises(DeliveryRefused, match=f"'it' answered {status}") as caught:
        require_accepted(Answer(status), target="it")
    assert not isinstance(caught.value, TargetGone)


def test_410_disables_the_target() -> None:
    with pytest.raises(TargetGone, match="it wants no messages any more"):
        require_accepted(Answer(410), target="it")


@pytest.mark.parametrize("module", [standard, slack, teams, pagerduty])
@pytest.mark.parametrize("status", [302, 410, 429, 500])
def test_no_provider_takes_a_failure_for_success(module: Any, status: int) -> None:
    with pytest.raises(DeliveryError) as caught:
        module.require_success(Answer(status, body=b"ok secret of the receiver"), target="it")
    assert "secret of the receiver" not in str(caught.value)
