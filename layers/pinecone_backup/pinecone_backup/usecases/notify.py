"""Notify people and programs: one message per event and target, each delivered once.

Two kinds of records reach ``Notifier``. An event of the bus fans out into one delivery per target
that wants it; a delivery is one attempt to reach one target. Every message ends delivered,
filtered out, or in the dead-letter queue with its reason; what fails for now waits longer and
longer in its queue, for a day.

A target gets an event once: a delivery log knows what was delivered and holds off a second
attempt while one is under way. Where a crash leaves it unknown, the message goes again, under
the same id.
"""

from __future__ import annotations

import logging
import math
import traceback
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pinecone_backup.errors import (
    BackupError,
    DeliveryDeferred,
    DeliveryError,
    DeliveryRefused,
    EventMalformed,
    LedgerError,
    SecretNotSet,
    StoreUnavailable,
    TargetGone,
)
from pinecone_backup.ports import DeliveryStatus
from pinecone_backup.webhooks.inbox import Delivery, read_body
from pinecone_backup.webhooks.messages import build_message
from pinecone_backup.webhooks.targets import PagerDutyTarget, Targets, read_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pinecone_backup.ports import Courier, DeliveryLog, DeliveryQueue, Metrics, TargetsSecret
    from pinecone_backup.webhooks.inbox import Announcement, Record
    from pinecone_backup.webhooks.links import Pages
    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import Target

GIVE_UP_AFTER = timedelta(hours=24)
"""A message that could not be delivered for so long goes to the dead-letter queue."""
FIRST_DELAY_SECONDS = 5.0
MOST_DELAY_SECONDS = 4 * 3600.0
MOST_HIDDEN_SECONDS = 42_000
"""A little under the 12 hours for which SQS can hide a message after it was received."""
NEEDED_SECONDS = 30.0
"""What one delivery may take; with less time left, a record stays for the next invocation."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Handles batches of records, one record at a time.

    Attributes:
        secret_name: The targets secret's name.
        secrets: Reads it, and keeps it for a while.
        courier: Delivers.
        log: Knows what was delivered.
        queue: Takes deliveries, hides them for later, and takes dead letters.
        metrics: Takes ``EventsWithoutTarget``, which an alarm reads.
        clock: The real clock, aware.
        jitter: A random number in [0, 1).
        pages: Where the links of messages lead.
    """

    secret_name: str
    secrets: TargetsSecret
    courier: Courier
    log: DeliveryLog
    queue: DeliveryQueue
    metrics: Metrics
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    pages: Pages

    def handle(
        self, records: Sequence[Record], *, seconds_left: Callable[[], float] = lambda: math.inf
    ) -> list[str]:
        """Handle a batch; no record stops another.

        Args:
            records: The batch.
            seconds_left: Until the invocation is stopped.

        Returns:
            The ids of the records that must stay in their queue.
        """
        return [
            record.record_id
            for record in records
            if seconds_left() < NEEDED_SECONDS or not self._settled(record)
        ]

    def _settled(self, record: Record) -> bool:
        """Whether the record may leave its queue."""
        try:
            arrived = read_body(record.body)
            if isinstance(arrived, Delivery):
                return self._deliver(arrived, record)
            self._fan_out(arrived)
        except EventMalformed as error:
            return self._dead_letter(record, str(error))
        except BackupError as error:
            _LOG.warning("the record stays in its queue", extra={"reason": str(error)})
            return False
        except Exception as error:  # one record's defect must not stop the others
            _log_unexpected(error)
            return False
        return True

    # One event: which targets get it

    def _fan_out(self, announced: Announcement) -> None:
        targets = self._targets()
        if not targets.valid and not targets.invalid:
            self.metrics.gauge("EventsWithoutTarget", 1)
            _LOG.warning("no targets configured", extra=_fields(announced))
            return
        message = self._message(announced)
        wanting = [name for name, target in targets.valid.items() if target.wants(message)]
        # A target with a mistake gets its deliveries, too: they wait until it is mended.
        for name in (*wanting, *targets.invalid):
            self.queue.send(Delivery(target=name, event=announced).model_dump_json())
        _LOG.info("event fanned out", extra=_fields(announced) | {"targets": wanting})

    def _message(self, announced: Announcement) -> Message:
        return build_message(
            announced.event, owner=announced.owner, pages=self.pages, now=self.clock()
        )

    def _targets(self, *, fresh: bool = False) -> Targets:
        try:
            targets = read_targets(self.secrets.read_json(self.secret_name, fresh=fresh))
        except SecretNotSet:
            return Targets()
        if targets.invalid or targets.nameless:
            problems = [f"{name}: {problem}" for name, problem in targets.invalid.items()]
            _LOG.error("invalid targets", extra={"problems": [*problems, *targets.nameless]})
        return targets

    # One delivery: one event to one target

    def _deliver(self, delivery: Delivery, record: Record) -> bool:
        fields = _fields(delivery.event) | {"target": delivery.target}
        try:
            self._attempt(delivery, fields)
        except DeliveryRefused as error:
            _LOG.warning("delivery refused", extra=fields | {"reason": str(error)})
            return self._dead_letter(record, str(error))
        except BackupError as error:  # of the log and the secret as well: only time can help
            _LOG.warning("delivery deferred", extra=fields | {"reason": str(error)})
            return self._defer(record, error)
        return True

    def _attempt(self, delivery: Delivery, fields: dict[str, object]) -> None:
        target = self._target(delivery.target)
        message = self._message(delivery.event)
        if not target.wants(message) or self._overtaken(target, message):
            _LOG.info("the target does not want the event (any more)", extra=fields)
            return
        if self.log.is_disabled(target.name, target.fingerprint):
            raise TargetGone(
                f"Target {target.name!r} answered 410 before and is not tried again",
                next_step="Remove it from the targets secret, or give it its new URL.",
            )
        status = self.log.begin(message.event_id, target.name, now=self.clock())
        if status is DeliveryStatus.DELIVERED:
            _LOG.info("delivered before", extra=fields)
        elif status is DeliveryStatus.IN_FLIGHT:
            raise DeliveryDeferred("Another attempt is under way, or broke off", retry_after=60)
        else:
            self._send(target, message)
            _LOG.info("delivered", extra=fields)

    def _send(self, target: Target, message: Message) -> None:
        event, name = message.event_id, target.name
        try:
            self.courier.deliver(target, message)
        except DeliveryError as error:
            if isinstance(error, TargetGone):
                self._disable(target, error)
            self._try_to(lambda: self.log.release(event, name))
            raise
        self._try_to(lambda: self.log.mark_delivered(event, name, now=self.clock()))

    def _disable(self, target: Target, error: TargetGone) -> None:
        _LOG.error("target disabled", extra={"target": target.name, "reason": str(error)})
        self._try_to(
            lambda: self.log.mark_disabled(target.name, target.fingerprint, now=self.clock())
        )

    def _target(self, name: str) -> Target:
        targets = self._targets()
        if name not in targets.valid and name not in targets.invalid:
            targets = self._targets(fresh=True)  # it may have been added a moment ago
        if name in targets.valid:
            return targets.valid[name]
        if name in targets.invalid:
            raise DeliveryDeferred(f"Target {name!r} is invalid: {targets.invalid[name]}")
        if not targets.valid and not targets.invalid:
            raise DeliveryDeferred("The targets secret holds no targets at the moment")
        raise DeliveryRefused(
            f"There is no target {name!r} in the targets secret any more",
            next_step="Nothing to do if it was removed on purpose.",
        )

    def _overtaken(self, target: Target, message: Message) -> bool:
        """Whether the finding has ended since: the incident that this opens would stay open."""
        if not isinstance(target, PagerDutyTarget) or message.topic is None:
            return False
        if message.resolved:
            self.log.mark_resolved(
                message.topic, target.name, at=message.occurred_at, now=self.clock()
            )
            return False
        ended = self.log.resolved_at(message.topic, target.name)
        return ended is not None and message.occurred_at < ended

    # What cannot be settled now, or ever

    def _defer(self, record: Record, error: BackupError) -> bool:
        age = self.clock() - record.sent_at
        if age >= GIVE_UP_AFTER:
            return self._dead_letter(record, f"Given up after {age}: {error.problem}")
        asked = error.retry_after if isinstance(error, DeliveryDeferred) else None
        seconds = delay(record.received, asked, self.jitter())
        try:
            self.queue.postpone(record.receipt, seconds=seconds)
        except StoreUnavailable as unavailable:
            # It comes back when the queue's own visibility timeout ends.
            _LOG.warning("the record was not postponed", extra={"reason": str(unavailable)})
        return False

    def _dead_letter(self, record: Record, reason: str) -> bool:
        try:
            self.queue.dead_letter(record.body, reason=reason)
        except StoreUnavailable as unavailable:
            _LOG.warning("the record is no dead letter yet", extra={"reason": str(unavailable)})
            return False
        _LOG.error("dead letter", extra={"record": record.record_id, "reason": reason})
        return True

    def _try_to(self, write: Callable[[], None]) -> None:
        """Write to the delivery log; a failure changes nothing about what was delivered."""
        try:
            write()
        except LedgerError as error:
            _LOG.warning("the delivery log was not written", extra={"reason": str(error)})


def delay(received: int, retry_after: float | None, jitter: float) -> int:
    """Seconds until the next attempt: 5 s, then three times as long each time, up to 4 hours.

    Args:
        received: How often the message was received so far, from 1.
        retry_after: What the provider asked for: never less than that.
        jitter: In [0, 1): adds up to half.
    """
    exponent = min(max(received, 1) - 1, 20)
    own = min(FIRST_DELAY_SECONDS * 3.0**exponent, MOST_DELAY_SECONDS) * (1 + jitter / 2)
    return min(math.ceil(max(own, retry_after or 0)), MOST_HIDDEN_SECONDS)


def _fields(announced: Announcement) -> dict[str, object]:
    return {"event_id": announced.id, "event_type": announced.type, "project": announced.project}


def _log_unexpected(error: Exception) -> None:
    """Log where an unexpected error arose; its text might quote what must not be logged."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-5:]]
    _LOG.error("unexpected error", extra={"error": type(error).__name__, "where": where})
