"""One request to a provider, its answer, and what the answer's status means."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pinecone_backup.errors import DeliveryDeferred, DeliveryRefused, TargetGone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinecone_backup.webhooks.addresses import Endpoint

_GONE = 410
_THROTTLED = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request, ready to send; its body and headers are never shown."""

    endpoint: Endpoint
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered.

    Attributes:
        retry_after: Seconds the provider asks us to wait, or None.
        body: The beginning of it, for judging only; it is never shown or stored.
    """

    status: int
    retry_after: float | None = None
    body: bytes = field(default=b"", repr=False)


def require_accepted(answer: Answer, *, target: str) -> None:
    """Judge an answer by its status, as all providers mean it.

    Args:
        answer: What came back.
        target: The target's name, for the error.

    Raises:
        TargetGone: 410.
        DeliveryDeferred: 408, 425, 429 and 5xx, with the provider's delay.
        DeliveryRefused: Any other status that is not 2xx; redirects are not followed.
    """
    status = answer.status
    problem = f"Target {target!r} answered {status}"
    if 200 <= status < 300:  # noqa: PLR2004 - what success means in HTTP
        return
    if status in _THROTTLED or status >= 500:  # noqa: PLR2004 - the server's own trouble
        raise DeliveryDeferred(
            problem,
            next_step="Nothing to do: it is sent again later.",
            retry_after=answer.retry_after,
        )
    if status == _GONE:
        raise TargetGone(
            f"{problem}: it wants no messages any more",
            next_step="Remove the target from the targets secret, or give it its new URL.",
        )
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        raise DeliveryRefused(
            f"{problem}, a redirect, which is not followed",
            next_step="Give the target its final URL, then replay the message.",
        )
    raise DeliveryRefused(
        problem,
        next_step="Check the target's URL and keys in the targets secret, then replay the message.",
    )


def seconds_until(retry_after: bytes, now: datetime) -> float | None:
    """The value of ``Retry-After`` in seconds from ``now``, never negative.

    Args:
        retry_after: Seconds, or a date of HTTP; one without a zone is UTC.
        now: Aware.

    Returns:
        None when there is no value, or none that can be read.
    """
    text = retry_after.decode("ascii", "replace").strip()
    if text.isdecimal():
        return float(text[:10])
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
