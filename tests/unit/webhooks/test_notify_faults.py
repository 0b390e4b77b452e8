"""One fault at any call of notify: every event still reaches every target, by its one id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from pinecone_backup.errors import DeliveryDeferred, LedgerUnavailable, StoreUnavailable
from pinecone_backup.usecases.notify import Notifier
from pinecone_backup.webhooks.inbox import Record
from tests.support.fuse import Killed
from tests.support.webhooks import PAGES, NotifierSetup, bus_event, slack_target

HOUR = timedelta(hours=1)
ERRORS = {
    "courier": DeliveryDeferred("Target 'ops' answered 503"),
    "log": LedgerUnavailable("The delivery log did not answer"),
    "queue": StoreUnavailable("The queue did not answer"),
    "secrets": StoreUnavailable("Secrets Manager did not answer"),
}
FAULTS = ("before", "after", "killed before", "killed after")


@dataclass
class Disturbed:
    """Notify with two targets, whose call of a number goes wrong; SQS gives records again."""

    at: int | None = None
    fault: str = ""
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.setup = NotifierSetup(slack_target("a"), slack_target("b"))
        parts: dict[str, Any] = {
            name: _Part(self, name, getattr(self.setup, name)) for name in ERRORS
        }
        self.notifier = Notifier(
            secret_name="stack/targets",
            metrics=self.setup.metrics,
            clock=lambda: self.setup.now,
            jitter=lambda: 0.0,
            pages=PAGES,
            **parts,
        )

    def call(self, name: str, effect: Any) -> Any:
        number = len(self.calls)
        self.calls.append(name)
        if number != self.at:
            return effect()
        if self.fault.endswith("after"):
            effect()
        raise Killed if self.fault.startswith("killed") else ERRORS[name.partition(".")[0]]

    def settle(self, body: str) -> None:
        """What SQS does with one message, and with those that come of it."""
        for received in range(1, 6):
            sent = len(self.setup.queue.sent)
            record = Record("r", body, "receipt", received, self.setup.now)
            try:
                left = self.notifier.handle([record])
            except Killed:
                left = ["r"]
            for each in self.setup.queue.sent[sent:]:
                self.settle(each)
            self.setup.now += HOUR
            if not left:
                return


class _Part:
    def __init__(self, owner: Disturbed, name: str, inner: Any) -> None:
        self._owner, self._name, self._inner = owner, name, inner

    def __getattr__(self, method: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            effect = getattr(self._inner, method)
            return self._owner.call(f"{self._name}.{method}", lambda: effect(*arguments, **named))

        return call


def _calls() -> list[str]:
    undisturbed = Disturbed()
    undisturbed.settle(bus_event())
    return undisturbed.calls


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", range(len(_calls())))
def test_a_fault_at_any_call_loses_no_event(at: int, fault: str) -> None:
    disturbed = Disturbed(at, fault)

    disturbed.settle(bus_event())

    assert set(disturbed.setup.courier.delivered) == {("a", "e-1"), ("b", "e-1")}
    assert disturbed.setup.queue.dead_letters == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [at for at, call in enumerate(_calls()) if "courier" not in call])
def test_an_event_is_delivered_twice_only_where_nobody_can_know(at: int, fault: str) -> None:
    """That is, where the note of the delivery was lost after it."""
    disturbed = Disturbed(at, fault)

    disturbed.settle(bus_event())

    often = len(disturbed.setup.courier.delivered) > 2
    assert not often or (disturbed.calls[at], fault) == ("log.mark_delivered", "killed before")
