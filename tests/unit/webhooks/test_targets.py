import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pinecone_backup.errors import SecretMalformed
from pinecone_backup.model import DomainEvent
from pinecone_backup.webhooks.addresses import Endpoint
from pinecone_backup.webhooks.messages import Message, build_message
from pinecone_backup.webhooks.targets import StandardTarget, Target, read_targets
from tests.support.webhooks import PAGES

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
SLACK_URL = "https://hooks.slack.com/services/T000/B000/verysecret"
SLACK = {"name": "ops", "kind": "slack", "url": SLACK_URL}
STANDARD = {
    "name": "siem",
    "kind": "standard",
    "url": "https://siem.example.com/in?key=verysecret",
    "secrets": [SECRET],
}
PAGER = {"name": "pager", "kind": "pagerduty", "routing_key": "R" * 32}
TEAMS = {"name": "chat", "kind": "teams", "url": "https://logic.azure.com/w?sig=verysecret"}


def message(kind: str, **data: object) -> Message:
    event = DomainEvent("e-1", kind, "prod", datetime(2026, 11, 3, tzinfo=UTC), data)
    return build_message(event, owner="backup", pages=PAGES, now=event.occurred_at)


def target(**more: object) -> Target:
    return read_targets({"targets": [SLACK | more]}).valid["ops"]


def problem(entry: dict[str, Any]) -> str:
    targets = read_targets({"targets": [entry]})
    assert not targets.valid
    return targets.invalid[entry["name"]]


def test_every_kind_of_target_is_read() -> None:
    targets = read_targets({"targets": [SLACK, STANDARD, PAGER, TEAMS]})

    assert {name: one.kind for name, one in targets.valid.items()} == {
        "ops": "slack",
        "siem": "standard",
        "pager": "pagerduty",
        "chat": "teams",
    }
    assert not targets.invalid
    assert not targets.nameless


def test_an_invalid_target_stops_no_other() -> None:
    targets = read_targets({"targets": [STANDARD | {"secrets": []}, SLACK]})

    assert list(targets.valid) == ["ops"]
    assert list(targets.invalid) == ["siem"]


@pytest.mark.parametrize("document", [{}, {"targets": []}])
def test_a_document_may_be_empty(document: dict[str, Any]) -> None:
    assert not read_targets(document).valid


@pytest.mark.parametrize(
    "document", [{"targets": {}}, {"target": []}, {"targets": [], "url": SLACK_URL}]
)
def test_a_document_of_another_shape_is_malformed(document: dict[str, Any]) -> None:
    with pytest.raises(SecretMalformed) as caught:
        read_targets(document)
    assert "verysecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        (SLACK | {"kind": "pigeon"}, "kind must be one of standard, slack, teams, pagerduty"),
        (SLACK | {"kind": ["slack"]}, "kind must be one of"),
        (SLACK | {"url": "ftp://verysecret.example.com/"}, "url: the URL must begin with https://"),
        (SLACK | {"url": 7}, "url: Input should be a valid string"),
        (SLACK | {"secrets": ["verysecret"]}, "secrets: Extra inputs are not permitted"),
        (SLACK | {SLACK_URL: "x"}, "a field with an unknown name"),
        (SLACK | {"events": []}, "events"),
        (SLACK | {"events": ["finding verysecret"]}, "events.0"),
        (SLACK | {"minimum_severity": "verysecret"}, "minimum_severity"),
        (STANDARD | {"secrets": [SECRET] * 3}, "secrets"),
        (STANDARD | {"secrets": ["verysecret"]}, "secrets.0: a signing secret is whsec_"),
        (STANDARD | {"secrets": ["whsec_verysecret"]}, "secrets.0: a signing secret is whsec_"),
        (STANDARD | {"secrets": ["whsec_" + "A" * 30]}, "secrets.0"),
        (STANDARD | {"secrets": ["whsec_" + "A" * 88]}, "secrets.0"),
        (STANDARD | {"secrets": ["whsec_!" + "A" * 40]}, "secrets.0"),
        (PAGER | {"routing_key": "verysecret"}, "routing_key: a routing key is 32"),
        ({"name": "pager", "kind": "pagerduty"}, "routing_key: Field required"),
    ],
)
def test_a_mistake_is_named_and_no_value_is_quoted(entry: dict[str, Any], where: str) -> None:
    shown = problem(entry)

    assert where in shown
    assert "verysecret" not in shown


@pytest.mark.parametrize("entry", [7, {}, {"name": "A B", "kind": "slack"}, {"name": "x" * 41}])
def test_an_entry_without_a_usable_name_is_counted(entry: object) -> None:
    targets = read_targets({"targets": [SLACK, entry]})

    assert targets.nameless == ("target 2 has no usable name (lower case, digits, hyphens)",)
    assert list(targets.valid) == ["ops"]


def test_the_first_of_two_targets_of_one_name_counts() -> None:
    targets = read_targets({"targets": [SLACK, TEAMS | {"name": "ops"}]})

    assert targets.valid["ops"].kind == "slack"
    assert targets.nameless == ("target 2 has the name of an earlier one, 'ops'",)


def test_nothing_secret_shows_in_a_target() -> None:
    shown = repr(read_targets({"targets": [SLACK, STANDARD, PAGER, TEAMS]}))

    assert "verysecret" not in shown
    assert SECRET not in shown
    assert "RRRR" not in shown


@pytest.mark.parametrize("size", [24, 64])
def test_a_signing_secret_has_24_to_64_bytes(size: int) -> None:
    secret = "whsec_" + base64.b64encode(b"x" * size).decode()
    read = read_targets({"targets": [STANDARD | {"secrets": [secret]}]}).valid["siem"]

    assert isinstance(read, StandardTarget)
    assert read.signing_keys == (b"x" * size,)


def test_a_target_gets_by_default_what_somebody_should_look_at() -> None:
    kinds = [
        *("finding.opened", "finding.repeated", "finding.resolved", "plan.awaiting", "run.failed"),
        *("run.completed", "backup.created", "backup.failed", "backup.deleted", "backup.suspect"),
        *("restore.started", "hold.placed", "something.new"),
    ]

    assert [kind for kind in kinds if target().wants(message(kind))] == [
        *("finding.opened", "finding.resolved"),
    ]


def test_a_repeated_finding_is_sent_to_whoever_asks_for_it() -> None:
    assert target(events=["finding.*"]).wants(message("finding.repeated"))


def test_a_finding_that_became_worse_is_sent_like_a_new_one() -> None:
    worse = message("finding.repeated", escalated=True, severity="critical", title="Overdue")

    assert target().wants(worse)
    assert worse.title == "Worse than before: Overdue"


def test_what_is_milder_than_the_minimum_is_not_sent() -> None:
    wary = target(minimum_severity="error")

    assert wary.wants(message("finding.opened", severity="critical"))
    assert wary.wants(message("finding.opened", severity="error"))
    assert not wary.wants(message("finding.opened", severity="warning"))


def test_the_end_of_a_finding_is_sent_to_whoever_got_its_beginning() -> None:
    assert target(minimum_severity="error").wants(message("finding.resolved", severity="error"))


def test_the_fingerprint_changes_with_the_definition_and_reveals_nothing() -> None:
    one, same, other = target(), target(), target(url=SLACK_URL + "2")

    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.fingerprint.isalnum()


def test_the_fingerprint_knows_the_secrets_of_a_standard_target() -> None:
    more = "whsec_" + base64.b64encode(b"n" * 32).decode()
    [one] = read_targets({"targets": [STANDARD]}).valid.values()
    [other] = read_targets({"targets": [STANDARD | {"secrets": [SECRET, more]}]}).valid.values()

    assert one.fingerprint != other.fingerprint


def test_the_secret_of_the_guide_is_valid() -> None:
    document = json.loads(json.dumps({"targets": [SLACK, STANDARD, PAGER, TEAMS]}))

    assert len(read_targets(document).valid) == 4


@pytest.mark.parametrize(
    ("url", "parts", "authority"),
    [
        ("https://Example.com", ("https", "example.com", 443, "/"), "example.com"),
        (
            "https://example.com:8443/a?b=c",
            ("https", "example.com", 8443, "/a?b=c"),
            "example.com:8443",
        ),
        ("http://127.0.0.1:8090/x", ("http", "127.0.0.1", 8090, "/x"), "127.0.0.1:8090"),
        (
            "https://[2606:4700::1]:8443/",
            ("https", "2606:4700::1", 8443, "/"),
            "[2606:4700::1]:8443",
        ),
        ("https://example.com:443/x", ("https", "example.com", 443, "/x"), "example.com"),
    ],
)
def test_a_url_is_taken_apart(url: str, parts: tuple[str, str, int, str], authority: str) -> None:
    endpoint = Endpoint.parse(url)

    assert (endpoint.scheme, endpoint.host, endpoint.port, endpoint.path) == parts
    assert endpoint.authority == authority
    assert endpoint.place == f"{parts[1]}:{parts[2]}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///path",
        "https://exa mple.com/",
        "https://example.com/\n",
        "https://user:password@example.com/",
        "https://good.example.com\\@evil.example.com/",
        "https://evil\\.example.com/",
        "https://example.com/#fragment",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://exämple.com/",
        "https://exa%6dple.com/",
        "ftp://example.com/",
        "file://localhost/hook",
        "//example.com/",
        "https://example.com/" + "x" * 4096,
    ],
)
def test_a_url_that_is_not_plain_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="the URL") as caught:
        Endpoint.parse(url)
    assert caught.value.__cause__ is None
    assert url == "" or url not in str(caught.value)


def test_the_path_of_an_endpoint_is_never_shown() -> None:
    assert "verysecret" not in repr(Endpoint.parse(SLACK_URL))
