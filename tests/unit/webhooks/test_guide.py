"""The operators' guide says what the code does."""

import json
import re
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.receiver import Behaviour
from pinecone_backup.model import DomainEvent, Severity
from pinecone_backup.rules.findings import Control
from pinecone_backup.webhooks import standard
from pinecone_backup.webhooks.messages import CATALOGUE, NOTHING, build_message
from pinecone_backup.webhooks.targets import DEFAULT_EVENTS, StandardTarget, Targets, read_targets
from tests.support.webhooks import NOON, PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "notifications.md").read_text()
FINDINGS = (DOCS / "findings.md").read_text()


def block(language: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return str(code)


def targets() -> Targets:
    return read_targets(json.loads(block("json")))


def test_the_example_of_the_secret_is_valid() -> None:
    read = targets()

    assert len(read.valid) == 4
    assert not read.invalid
    assert not read.nameless


def test_the_example_for_pagerduty_does_not_match_repetitions() -> None:
    globs = targets().valid["on-call"].events

    assert not any(fnmatchcase("finding.repeated", glob) for glob in globs)


def test_the_example_of_a_receiver_verifies_what_we_send() -> None:
    namespace: dict[str, Any] = {}
    exec(compile(block("python"), "docs/notifications.md", "exec"), namespace)  # noqa: S102 - ours
    receive: Callable[[bytes, dict[str, str], str], dict[str, Any] | None] = namespace["receive"]
    target = targets().valid["audit-trail"]
    assert isinstance(target, StandardTarget)
    event = DomainEvent("e-1", "run.failed", "prod", datetime.now(UTC), {})
    outgoing = standard.compose(
        target, build_message(event, owner="o", pages=PAGES, now=NOON), at=datetime.now(UTC)
    )
    secret = target.secrets[0].get_secret_value()

    received = receive(outgoing.body, dict(outgoing.headers), secret)

    assert received is not None
    assert received["type"] == "run.failed"
    assert receive(outgoing.body + b" ", dict(outgoing.headers), secret) is None


def test_the_guide_names_the_default_events() -> None:
    [row] = re.findall(r"^\| `events` \|.*$", GUIDE, re.MULTILINE)

    assert tuple(re.findall(r"`([a-z]+\.[a-z]+)`", row)) == DEFAULT_EVENTS


def test_the_guide_lists_every_event_and_its_severity() -> None:
    shown: dict[str, str] = {}
    for row in re.findall(r"^\| `[a-z_]+\..*$", GUIDE, re.MULTILINE):
        names, severity, *_ = (cell.strip() for cell in row.strip("|").split("|"))
        shown |= dict.fromkeys(re.findall(r"`([a-z_.]+)`", names), severity)

    assert shown == {
        kind: "the finding's" if kind.startswith("finding.") else str(Severity(wording.severity))
        for kind, wording in CATALOGUE.items()
    }


def test_there_is_a_section_for_all_that_a_message_can_ask_for() -> None:
    sections = re.findall(r"^### (.*)$", FINDINGS, re.MULTILINE)
    asking = {
        kind.replace(".", "-")
        for kind, wording in CATALOGUE.items()
        if wording.action != NOTHING and not kind.startswith("finding.")
    }

    assert set(sections) == {*Control, *asking}
    assert len(sections) == len(set(sections))


def test_the_guide_names_ways_to_misbehave_that_exist() -> None:
    [line] = re.findall(r"`PUT /behaviour`.*?\)", GUIDE, re.DOTALL)
    named = set(re.findall(r"`([a-z-]+)`", line)) | {"rate-limit"}

    assert named <= set(Behaviour)
