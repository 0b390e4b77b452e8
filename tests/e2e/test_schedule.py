"""A schedule of EventBridge Scheduler fires by itself and creates a backup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from local.deploy import delete, deploy
from local.simulator import DEFAULT_KEY, Simulator
from pinecone_backup.model import RunKind, TriggerKind
from tests.support.deployed import Deployed, until

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
        "FlexibleWindowMinutes": "0",
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
