"""Whatever an event says, every provider can take the message."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pinecone_backup.model import DomainEvent
from pinecone_backup.webhooks import pagerduty, slack, standard, teams
from pinecone_backup.webhooks.fitting import clean, cut, units
from pinecone_backup.webhooks.messages import Message, build_message
from pinecone_backup.webhooks.targets import (
    PagerDutyTarget,
    SlackTarget,
    StandardTarget,
    TeamsTarget,
    read_targets,
)
from tests.support.webhooks import NOON, PAGES

KINDS = ["finding.opened", "finding.repeated", "finding.resolved", "backup.failed", "run.failed"]
KEYS = ["title", "diagnosis", "action", "finding_id", "severity", "link", "index_name", "error"]

characters = st.characters(exclude_categories=())  # half surrogates and controls included
texts = st.text(characters, max_size=30)
# Long texts by repetition: what an event of 256 KB may hold.
long_texts = st.builds(
    lambda text, times: text * times,
    st.text(characters, min_size=1, max_size=4),
    st.integers(1, 6_000),
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | long_texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=12,
)
many_facts = st.builds(
    lambda count, value: {f"fact {number}": value for number in range(count)},
    st.integers(1, 400),
    texts,
)
data = st.dictionaries(st.sampled_from(KEYS) | texts, values, max_size=8) | many_facts
events = st.builds(
    DomainEvent,
    event_id=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=500),
    type=st.sampled_from(KINDS) | texts,
    project=texts | long_texts,
    occurred_at=st.datetimes(timezones=st.just(UTC)),
    data=data,
)


def target(kind: str, **more: object) -> Any:
    entry = {"name": "it", "kind": kind, "url": "https://hooks.example.com/x"} | more
    return read_targets({"targets": [entry]}).valid["it"]


STANDARD: StandardTarget = target("standard", secrets=["whsec_" + "A" * 32])
SLACK: SlackTarget = target("slack")
TEAMS: TeamsTarget = target("teams")
PAGER: PagerDutyTarget = target("pagerduty", routing_key="R" * 32)
WORST = DomainEvent(
    "e" * 500,
    "backup.failed",
    '"\\' * 50_000,
    datetime(1, 1, 1, tzinfo=UTC),
    {f'{number:03}"&<é' * 9: "\n\\&<" * 90 for number in range(500)},
)


def built(event: DomainEvent) -> Message:
    return build_message(event, owner="backup" * 20, pages=PAGES, now=NOON)


@given(events)
@example(WORST)
def test_every_event_fits_into_a_standard_webhook(event: DomainEvent) -> None:
    outgoing = standard.compose(STANDARD, built(event), at=event.occurred_at)
    body = json.loads(outgoing.body, parse_constant=pytest.fail)

    assert len(outgoing.body) <= 20_000
    assert set(body) == {"type", "timestamp", "data"}
    assert "." not in outgoing.headers["webhook-id"]


@given(events)
@example(WORST)
def test_every_event_fits_into_slacks_blocks(event: DomainEvent) -> None:
    payload = json.loads(slack.compose(SLACK, built(event)).body)
    blocks = payload["blocks"]

    assert len(blocks) <= 50
    assert sum(units(text) for block in blocks for text in slack_texts(block)) <= 13_200
    for block in blocks:
        [most] = {"header": [150], "section": [3_000], "context": [3_000]}[block["type"]]
        assert len(block.get("fields", [])) <= 10
        assert all(1 <= units(text) <= most for text in slack_texts(block))
        assert all(units(field["text"]) <= 2_000 for field in block.get("fields", []))


@given(events)
@example(WORST)
def test_no_escape_of_slacks_is_cut_in_two(event: DomainEvent) -> None:
    for block in json.loads(slack.compose(SLACK, built(event)).body)["blocks"]:
        for text in slack_texts(block):
            unescaped = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
            assert "&" not in unescaped
            assert "<" not in re.sub(r"<https://[^<>|]+\|[A-Z][a-z]+>", "", unescaped)


@given(events)
@example(WORST)
def test_every_event_fits_into_a_teams_card(event: DomainEvent) -> None:
    outgoing = teams.compose(TEAMS, built(event))
    content = json.loads(outgoing.body)["attachments"][0]["content"]

    assert len(outgoing.body) <= 27_000
    assert all(block["text"] for block in content["body"] if block["type"] == "TextBlock")


@given(events)
@example(WORST)
def test_every_event_fits_into_a_pagerduty_event(event: DomainEvent) -> None:
    outgoing = pagerduty.compose(PAGER, built(event))
    body = json.loads(outgoing.body)

    assert len(outgoing.body) <= 512_000
    assert 1 <= units(body["dedup_key"]) <= 255
    if body["event_action"] == "trigger":
        payload = body["payload"]
        assert 1 <= units(payload["summary"]) <= 1_024
        assert payload["severity"] in {"critical", "error", "warning", "info"}
        assert payload["source"]


@given(texts | long_texts, st.integers(1, 300))
def test_a_cut_text_keeps_its_beginning_and_its_limit(text: str, limit: int) -> None:
    shown = cut(text, limit)

    assert units(shown) <= limit
    assert shown == text or text.startswith(shown.removesuffix("…").rstrip())
    assert (shown == text) == (units(text) <= limit)


@given(texts)
def test_a_clean_text_can_be_sent_and_cleaning_it_again_changes_nothing(text: str) -> None:
    assert clean(text).encode().decode() == clean(clean(text))


@given(events)
def test_the_end_of_a_finding_names_the_incident_that_its_beginning_opened(
    event: DomainEvent,
) -> None:
    ids = {"finding_id": "f-1"}
    kinds = ("finding.opened", "finding.repeated", "finding.resolved")
    keys = {
        pagerduty.dedup_key(
            built(
                DomainEvent(
                    event.event_id + kind, kind, "p", event.occurred_at, dict(event.data) | ids
                )
            )
        )
        for kind in kinds
    }

    assert len(keys) == 1


def slack_texts(block: dict[str, Any]) -> list[str]:
    parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
    return [part["text"] for part in parts if part]
