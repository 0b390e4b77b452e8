"""How many messages a day brings to a target that asks for nothing special, and how they read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from local.simulator import Fault
from pinecone_backup.model import RunKind
from pinecone_backup.rules.policy import validate_policy
from pinecone_backup.webhooks.messages import build_message
from pinecone_backup.webhooks.targets import read_targets
from tests.support.deployment import OWNER, Deployment
from tests.support.simulator import START, client
from tests.support.webhooks import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator
    from pinecone_backup.webhooks.messages import Message

MOST = 5
"""Messages of an ordinary day, per target."""
POLICY = {
    "projects": [{"name": "main"}],
    "policies": [
        {
            "name": "hourly",
            "cron": "0 */6 * * *",
            "max_age": "9h",
            "retention": {"keep_last": 12},
        }
    ],
    "assignments": [{"policy": "hourly"}],
}


@pytest.fixture
def deployment(simulator: Simulator, simulator_url: str) -> Iterator[Deployment]:
    """Two indexes, backed up every six hours for three days, and looked at since."""
    with client(simulator_url) as control_plane:
        deployment = Deployment(simulator, control_plane, document=validate_policy(POLICY))
        for name in ("articles", "products"):
            simulator.project.seed_index(name, created_at=START - timedelta(days=9), records=1000)
            for slot in range(13):
                deployment.seed(name, hours_ago=6 * slot)
        for _ in range(2):  # the first prune only plans
            deployment.all_runs()
            deployment.later(hours=3)
        deployment.bus.published.clear()
        yield deployment


def messages_of(deployment: Deployment, *, hours: int) -> list[Message]:
    """Some hours at the default schedules; what a target with the default filters gets."""
    target = read_targets(
        {"targets": [{"name": "chat", "kind": "slack", "url": "https://hooks.example/T/B/X"}]}
    ).valid["chat"]
    for tick in range(4 * hours):
        deployment.later(minutes=15)
        for kind, every in ((RunKind.CREATE, 1), (RunKind.AUDIT, 4), (RunKind.PRUNE, 24)):
            if tick % every == 0:
                deployment.run(kind)
    messages = (
        build_message(event, owner=OWNER, pages=PAGES, now=event.occurred_at)
        for event in deployment.bus.published
    )
    return [message for message in messages if target.wants(message)]


def test_hours_in_which_all_goes_well_bring_no_message(deployment: Deployment) -> None:
    assert [message.title for message in messages_of(deployment, hours=3)] == []


def test_a_day_with_its_usual_hiccups_brings_five_messages_at_most_and_each_is_complete(
    deployment: Deployment,
) -> None:
    """A new index, creations refused for a while, an outage of minutes, answers that get lost."""
    simulator = deployment.simulator
    simulator.project.seed_index("newcomer", created_at=START, records=5)
    for fault in (
        Fault(kind="status", status=503, operation="create_backup", times=3),
        Fault(kind="status", status=503, operation="list_project_backups", times=8),
        Fault(kind="drop", operation="describe_backup", times=3),
    ):
        simulator.faults.add(fault)
    messages = messages_of(deployment, hours=24)
    assert 1 <= len(messages) <= MOST, [message.title for message in messages]
    for message in messages:
        facts = dict(message.facts)
        assert message.title
        assert facts["Where"].startswith("project main")
        assert "UTC" in (facts.get("Since") or facts["Was open"])
        assert message.action
        assert {link.label for link in message.links} >= {"Report", "Log"}
        assert not set("{}") & set(message.title + message.text + message.action)
