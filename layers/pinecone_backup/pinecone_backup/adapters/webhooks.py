"""From a message to a delivered message: format, send, judge, each as the target's kind asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pinecone_backup.webhooks import pagerduty, slack, standard, teams
from pinecone_backup.webhooks.targets import (
    PagerDutyTarget,
    SlackTarget,
    StandardTarget,
    TeamsTarget,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinecone_backup.adapters.webhook_sender import WebhookSender
    from pinecone_backup.webhooks.messages import Message
    from pinecone_backup.webhooks.targets import Target


class WebhookCourier:
    """The ``Courier`` over HTTP.

    Args:
        sender: The guarded sender.
        clock: The real time; signatures carry it.
    """

    def __init__(
        self, sender: WebhookSender, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._sender = sender
        self._clock = clock

    def deliver(self, target: Target, message: Message) -> None:
        """Deliver once.

        Raises:
            TargetGone: The target wants no messages any more.
            DeliveryRefused: The target, or our guard, will never let this message through.
            DeliveryDeferred: Later it may go through.
        """
        match target:
            case StandardTarget():
                outgoing = standard.compose(target, message, at=self._clock())
                standard.require_success(self._sender.post(outgoing), target=target.name)
            case SlackTarget():
                outgoing = slack.compose(target, message)
                slack.require_success(self._sender.post(outgoing), target=target.name)
            case TeamsTarget():
                outgoing = teams.compose(target, message)
                teams.require_success(self._sender.post(outgoing), target=target.name)
            case PagerDutyTarget():
                outgoing = pagerduty.compose(target, message)
                pagerduty.require_success(self._sender.post(outgoing), target=target.name)
