"""A schedule of EventBridge Scheduler fires by itself and creates a backup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from local.deploy import delete, deploy
from local.simulator import DEFAULT_KEY, Simulator
from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.records import RunState
from tests.support.deployed import Deployed, policy_for, until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.emulator


def test_a_schedule_fires_by_itself_and_creates_a_backup(
    stack: Deployed, pinecone: tuple[Callable[[Simulator], str], str]
) -> None:
    """T1: the scheduled time reaches the run, which nobody asked for."""
    expose, url = pinecone
    parameters = {
        "PineconeUrl": url,
        "CreateSchedule": "rate(1 minute)",
        "PruneSchedule": "rate(30 days)",
        "AuditSchedule": "rate(30 days)",
        "RestoreTestSchedule": "rate(30 days)",
    }
    outputs = deploy(stack.emulator, "ticking", parameters)
    ticking = Deployed(stack.emulator, "ticking", outputs, expose)
    ticking.set_secret("projects/main", DEFAULT_KEY)
    simulator = Simulator()
    ticking.seed(simulator, "main")
    try:
        (backup,) = until(lambda: simulator.project.backups, seconds=90, what="a backup")
        (run,) = until(lambda: ticking.ledger("main").runs(), seconds=10, what="the run's record")
    finally:
        delete(stack.emulator, "ticking")
    assert backup.index_name == "products"
    assert (run.kind, run.trigger) == (RunKind.CREATE, TriggerKind.SCHEDULE)
    assert datetime.now(UTC) - run.time < timedelta(minutes=3)


def test_a_tick_over_two_projects_gives_each_a_run_of_its_own(stack: Deployed) -> None:
    """One message per project, which the deployed queue hands to the same function."""
    simulator = Simulator()
    names = [f"p-{uuid4().hex[:8]}" for _ in range(2)]
    stack.seed(simulator, names[0])
    document = policy_for(names[0])
    document["projects"] = [{"name": name, "secret": "main"} for name in names]
    stack.set_policy(document)
    at = datetime.now(UTC).replace(microsecond=0)
    tick = {"trigger": "schedule", "scheduled_time": at.isoformat()}

    answers = [stack.invoke("audit", tick) for _ in range(2)]  # the Scheduler may send one twice

    assert sorted(answers[0].get("queued", ())) == sorted(names), answers
    assert answers[1] == answers[0]

    def ended() -> bool:
        runs = [run for name in names for run in stack.ledger(name).runs()]
        return len(runs) == len(names) and all(run.state is RunState.SUCCEEDED for run in runs)

    until(ended, seconds=60, what="a run of each project")
    assert [run.time for name in names for run in stack.ledger(name).runs()] == [at, at]
    url = stack.aws.client("sqs").get_queue_url(QueueName=_queue(stack))["QueueUrl"]
    until(lambda: _left(stack, url) == 0, seconds=20, what="an empty queue")


def _queue(stack: Deployed) -> str:
    queues = stack.aws.client("sqs").list_queues()["QueueUrls"]
    return next(url.rsplit("/", 1)[1] for url in queues if f"{stack.name}-AuditQueue" in url)


def _left(stack: Deployed, url: str) -> int:
    """Messages in the queue, waiting or taken."""
    found = stack.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    waiting = found["Attributes"]["ApproximateNumberOfMessages"]
    return int(waiting) + int(found["Attributes"]["ApproximateNumberOfMessagesNotVisible"])
