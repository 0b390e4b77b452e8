"""Changes of the policy document: made through us, or noticed because they were not.

A change is written down before it is stored and completed after it, and the stored version names
it. A run that finds a version without a record completes the record where the version names one,
and otherwise writes down that it was made outside, that is: in the bucket directly.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pinecone_backup.errors import PolicyConflict, StoreUnavailable
from pinecone_backup.model import DomainEvent
from pinecone_backup.records import PolicyChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.ports import Ledger, PolicyStore, PolicyVersion

_LOG = logging.getLogger(__name__)


def change_policy(
    ledger: Ledger,
    policies: PolicyStore,
    document: Mapping[str, Any],
    *,
    former: str | None,
    who: str,
    reason: str,
    now: datetime,
) -> PolicyChange:
    """Store a valid policy document in place of the version that its author read.

    Asking again after an answer was lost finds the change made, and makes no second one.

    Args:
        ledger: The deployment's ledger.
        policies: Where the document lies.
        document: What to store.
        former: The version that it takes the place of; None where there is none.
        who: Who changes it.
        reason: Why.
        now: The actual time, UTC.

    Raises:
        PolicyConflict: Another version is in force; nothing was stored.
        StoreUnavailable: It may be stored; the next run finds out.
        LedgerError: Nothing was stored; or it was, and the next run completes the record.
    """
    notice_changes(ledger, policies, now)
    body = json.dumps(document, indent=2, ensure_ascii=False).encode()
    key = sha256(b"|".join([body, who.encode(), reason.encode(), (former or "").encode()]))
    last = _last(ledger.policy_changes())
    if last is not None and last.change_id.partition("-")[0] == key.hexdigest()[:16]:
        return last
    change = PolicyChange(
        change_id=f"{key.hexdigest()[:16]}-{uuid4().hex[:8]}",
        at=_after(last, now),
        policy_version="",
        former_version=former or "",
        actor=who,
        reason=reason,
    )
    ledger.put_policy_change(change)
    try:
        version = policies.save(body, former=former, change_id=change.change_id)
    except PolicyConflict:
        ledger.drop_policy_change(change)
        raise
    return _made(ledger, replace(change, policy_version=version))


def notice_changes(
    ledger: Ledger, policies: PolicyStore, now: datetime, *, policy_version: str | None = None
) -> None:
    """Write down and announce which versions were stored since the last one that is known.

    What the store does not say now, a later run finds out.

    Args:
        ledger: The deployment's ledger.
        policies: Where the document lies.
        now: The actual time, UTC.
        policy_version: The version in force, where it was read already.

    Raises:
        LedgerError: The ledger could not be read or written.
    """
    changes = ledger.policy_changes()
    last = _last(changes)
    if last is not None and policy_version == last.policy_version:
        return
    try:
        versions = policies.versions()
        current = next((each for each in versions if each.current), None)
        if current is None or (last is not None and current.policy_version == last.policy_version):
            return
        for change in _missing(policies, versions, current, changes, now):
            if last is None and not change.actor:  # where we begin to look is no change
                ledger.put_policy_change(change)
            else:
                _made(ledger, change)
    except StoreUnavailable as error:
        _LOG.warning("changes of the policy were not looked for", extra={"reason": str(error)})


def _missing(
    policies: PolicyStore,
    versions: Sequence[PolicyVersion],
    current: PolicyVersion,
    changes: Sequence[PolicyChange],
    now: datetime,
) -> Iterator[PolicyChange]:
    """The changes that led from the last known version to the one in force, the oldest first."""
    last = _last(changes)
    known = last.policy_version if last else ""
    newer = list(takewhile(lambda each: each.policy_version != known, versions))
    if len(newer) == len(versions):  # where to begin is not known
        newer = [current]
    elif current not in newer:  # a newer version was deleted, and this one is in force again
        newer = [replace(current, stored_at=now)]
    waiting = {each.change_id: each for each in changes if not each.policy_version}
    for each in reversed(newer):
        ours = waiting.get(policies.change_id(each.policy_version))
        if ours is None:
            salt = last.change_id if last else ""
            text = f"{each.policy_version}|{salt}"
            ours = PolicyChange(
                f"outside-{sha256(text.encode()).hexdigest()[:16]}",
                _after(last, each.stored_at),
                each.policy_version,
                last.policy_version if last else "",
            )
        last = replace(ours, policy_version=each.policy_version)
        yield last


def _last(changes: Sequence[PolicyChange]) -> PolicyChange | None:
    """The newest change that is known to be stored."""
    return next((each for each in changes if each.policy_version), None)


def _after(last: PolicyChange | None, at: datetime) -> datetime:
    """A time behind the last change's: the store's clock counts seconds, and may go its own way."""
    return at if last is None else max(at, last.at + timedelta(microseconds=1))


def _made(ledger: Ledger, change: PolicyChange) -> PolicyChange:
    """Complete the record of a change, and leave its event: the event first."""
    ledger.record_event(
        DomainEvent.of(
            "policy.changed",
            change.change_id,
            project=ledger.project,
            at=change.at,
            policy_version=change.policy_version,
            former_version=change.former_version,
            actor=change.actor,
            reason=change.reason,
            outside=not change.actor,
        )
    )
    ledger.put_policy_change(change)
    return change
