"""Whether an index needs a backup now, and whether it may have one (rules C1 to C6, I1, G5).

Creation is level-triggered: each tick asks, for each index, whether its latest slot is satisfied,
and if not, whether this is the moment to try. ``due`` answers from what is listed; where the slot
is open, ``attempt`` answers from the claim on it, that is, from what earlier runs tried. Slots go
by ``RunTime.scheduled_at``; everything that lasts (leases, waits, ages) goes by
``RunTime.actual`` (rule T2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pinecone_backup.model import words
from pinecone_backup.records import ClaimState
from pinecone_backup.rules.claims import MOST_ATTEMPTS, failed, posted
from pinecone_backup.rules.findings import Control, Evidence, Observation
from pinecone_backup.rules.inventory import CLOCK_SKEW, Origin, Worth, newest_first
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.pauses import last_pause_end, pause_of
from pinecone_backup.rules.policy import AssignedBy
from pinecone_backup.rules.slots import jitter, latest_slot, next_slot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pinecone_backup.model import Index, RunTime
    from pinecone_backup.records import BackupRecord, Claim, IndexRecord
    from pinecone_backup.rules.inventory import Entry, Inventory
    from pinecone_backup.rules.policy import Assigned, Policy

NEW_INDEX_WAIT = timedelta(minutes=30)
"""A first backup sooner than this would miss the newest vectors (rule C5)."""
DELETED_AFTER = timedelta(days=1)
"""An index that is not listed for this long is taken to be deleted."""

_RUNNING = (Worth.UNDER_WAY, Worth.UNKNOWN)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Kind(StrEnum):
    """What is decided about one index."""

    CREATE = "create"
    OPEN = "open"
    """The slot is not satisfied; the claim on it says what to do."""
    MISSING = "missing"
    """A backup that was created is not listed: it is described before anything else (rule N2)."""
    SATISFIED = "satisfied"
    NOT_DUE = "not_due_yet"
    """Satisfied so far; a newer slot waits for the index's jitter (rule C1)."""
    UNDER_WAY = "under_way"
    WAITS = "waits"
    REFUSED = "refused"
    GIVEN_UP = "given_up"
    NO_QUOTA = "no_quota_left"
    TOO_NEW = "too_new"
    PAUSED = "paused"
    """Or the pause has just ended, and the index waits for its turn (rule C6)."""
    NOT_READY = "index_not_ready"
    UNCLEAR = "unclear"
    """Pinecone could not be asked about the index, or an unexpected error arose: the next tick
    tries again."""
    NATIVE = "native_schedule"
    UNSUPPORTED = "unsupported"
    NO_POLICY = "no_policy"
    OPTED_OUT = "opted_out"
    UNKNOWN_TAG = "unknown_policy_tag"


_WELL = frozenset({Kind.SATISFIED, Kind.NOT_DUE})
_NOT_OURS = frozenset(
    {Kind.NATIVE, Kind.UNSUPPORTED, Kind.NO_POLICY, Kind.OPTED_OUT, Kind.UNKNOWN_TAG}
)
_WITHOUT_POLICY = {
    AssignedBy.OPT_OUT: (Kind.OPTED_OUT, "it is opted out of backups"),
    AssignedBy.UNKNOWN_TAG: (Kind.UNKNOWN_TAG, "its backup-policy tag names no policy"),
    AssignedBy.NOTHING: (Kind.NO_POLICY, "no policy is assigned to it"),
}


@dataclass(frozen=True, slots=True)
class View:
    """What a decision about one index goes by.

    Attributes:
        record: The ledger's memory of it; ``first_seen_at`` is that of this incarnation.
        entries: The backups of its active incarnation, newest first (rule I1).
        elsewhere: Backups of the same name that belong to other incarnations: they satisfy
            nothing.
        certain: Whether Pinecone named the active incarnation, or it is only believed.
    """

    project: str
    index: Index
    assigned: Assigned
    record: IndexRecord
    entries: Sequence[Entry]
    elsewhere: Sequence[Entry] = ()
    certain: bool = True

    @property
    def name(self) -> str:
        """The index's name."""
        return self.index.name

    @property
    def jitter_key(self) -> str:
        """What its jitter goes by."""
        return f"{self.project}/{self.name}"

    @property
    def newest_good_at(self) -> datetime | None:
        """When the newest of ours was made that is good, or Ready and not judged yet."""
        good = (Worth.GOOD, Worth.UNJUDGED)
        return next((entry.at for entry in _ours(self.entries) if entry.worth in good), None)


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one index, and why.

    Attributes:
        reason: Follows "index X:" in a sentence.
        slot: The latest slot, UTC; None where no policy of ours applies.
        attempt: The attempt to make, for ``CREATE``.
        until: When that changes, where it is known.
        backup_id: Which backup satisfies the slot, is under way or is missing.
        claim: The claim on the slot as it now stands, which may be newer than the stored one.
    """

    index: str
    kind: Kind
    reason: str
    policy: Policy | None = None
    slot: datetime | None = None
    attempt: int = 0
    until: datetime | None = None
    backup_id: str = ""
    claim: Claim | None = None

    @property
    def candidate(self) -> bool:
        """Whether Pinecone has to be asked about the index before the decision stands."""
        return self.kind in (Kind.CREATE, Kind.MISSING)


def view_by_listing(
    project: str,
    index: Index,
    assigned: Assigned,
    record: IndexRecord,
    entries: Collection[Entry],
    *,
    inventory: Inventory,
) -> View:
    """What the project's listing shows of an index, before its incarnation is asked for.

    The active incarnation is believed to be the only one of the name that is neither deleted
    nor known to be an earlier one. With none, or with several, no backup counts: the slot is
    then open, and the question is put to Pinecone (rule I1).

    Args:
        project: The project's name.
        index: The index as listed.
        assigned: Its policy.
        record: The ledger's record of it.
        entries: The backups of its name, in any order.
        inventory: All backups of the project.
    """
    active = _believed(entries, record, inventory)
    return view_of(project, index, assigned, record, entries, active=active, certain=False)


def view_of(
    project: str,
    index: Index,
    assigned: Assigned,
    record: IndexRecord,
    entries: Iterable[Entry],
    *,
    active: str | None,
    certain: bool = True,
) -> View:
    """What is known of one index whose active incarnation is ``active`` (None: no backup).

    ``entries`` may stand in any order.
    """
    mine: list[Entry] = []
    elsewhere: list[Entry] = []
    for entry in sorted(entries, key=newest_first):
        (mine if entry.backup.index_id == active else elsewhere).append(entry)
    return View(project, index, assigned, record, mine, elsewhere, certain)


def _believed(entries: Collection[Entry], record: IndexRecord, inventory: Inventory) -> str | None:
    live = {
        entry.backup.index_id
        for entry in entries
        if inventory.incarnations[entry.backup.index_id].deleted_at is None
    } - {"", *record.previous_ids}
    return live.pop() if len(live) == 1 else None


def due(view: View, time: RunTime) -> Decision:
    """Whether the index's latest slot is open, by what is listed (rules C1, C2, C5 and C6)."""
    policy = view.assigned.policy
    if policy is None:
        kind, reason = _WITHOUT_POLICY[view.assigned.by]
        return Decision(view.name, kind, reason)
    unfit = _unfit(view, policy) or _paused(view, policy, time.actual)
    if unfit or policy.cron is None:
        return unfit or Decision(
            view.name, Kind.NATIVE, "its policy relies on a native schedule", policy
        )
    slot = latest_slot(policy.cron, policy.zone, view.jitter_key, time.scheduled_at)
    if slot is None:
        return Decision(view.name, Kind.NOT_DUE, "its cron has not come to pass yet", policy)
    return (
        _satisfied(view, policy, slot, time)
        or _running(view, policy, slot, time.actual)
        or _too_new(view, policy, slot, time.actual)
        or _catching_up(view, policy, slot, time.actual)
        or Decision(view.name, Kind.OPEN, f"slot {_utc(slot)} is not satisfied", policy, slot)
    )


def newest_of_index(records: Iterable[BackupRecord]) -> Mapping[str, BackupRecord]:
    """By index name, the record of the backup that was created last."""
    dated = [record for record in records if record.created_at is not None]
    return {
        record.index_name: record
        for record in sorted(dated, key=lambda record: record.created_at or _NEVER)
    }


def expected_due(view: View, newest: BackupRecord | None, time: RunTime) -> bool:
    """Whether an index will turn out to be due, as far as the ledger alone can tell.

    It says only what may be asked early: the decision goes by what is listed. Yes means that the
    newest backup the ledger knows has ended, and was created before the latest slot (rule N1).

    Args:
        view: The index without any backups.
        newest: The record of its newest backup; None where the ledger knows of none.
        time: The run's times.
    """
    if newest is None or newest.created_at is None or newest.verdict is None:
        return False
    first_seen = min(view.record.first_seen_at, newest.created_at)  # a backup proves it, too
    bare = due(replace(view, record=replace(view.record, first_seen_at=first_seen)), time)
    if bare.kind is not Kind.OPEN or bare.slot is None:
        return False
    since = view.record.schedule_since  # a slot before it may be satisfied by the former schedule
    return newest.created_at < bare.slot and (since is None or since < bare.slot)


def _unfit(view: View, policy: Policy) -> Decision | None:
    index = view.index
    if index.unsupported:
        reason = f"Pinecone cannot back it up: {index.unsupported}"
        return Decision(view.name, Kind.UNSUPPORTED, reason, policy)
    if not index.ready or index.state == "Terminating":
        return Decision(view.name, Kind.NOT_READY, f"its state is {index.state}", policy)
    return None


def _paused(view: View, policy: Policy, now: datetime) -> Decision | None:
    """Rule C6. A pause that cannot be read keeps nothing from being created."""
    pause = pause_of(view.assigned, view.index, now)
    if pause is None or pause.until is None:
        return None
    return Decision(view.name, Kind.PAUSED, pause.reason, policy, until=pause.until)


def _catching_up(view: View, policy: Policy, slot: datetime, now: datetime) -> Decision | None:
    """Rule C6: what became due during a pause starts after it with the jitter of a slot."""
    ended = last_pause_end(view.assigned, view.index, now)
    if ended is None:
        return None
    until = ended + jitter(view.jitter_key, policy.cron or "")
    if now >= until:
        return None
    reason = f"its pause ended at {_utc(ended)}; slot {_utc(slot)} starts at {_utc(until)}"
    return Decision(view.name, Kind.PAUSED, reason, policy, slot, until=until)


def _satisfied(view: View, policy: Policy, slot: datetime, time: RunTime) -> Decision | None:
    """Rule C2: one of ours for this slot or a later one that is Ready, suspect or not."""
    candidates = [
        *_for_slot(view, policy, slot),
        *by_former_schedule(view, policy, slot, time.actual),
    ]
    by = next((entry for entry in candidates if entry.worth.ready), None)
    if by is None:
        return None
    backup_id = by.backup.backup_id
    kind, until = Kind.SATISFIED, None
    reason = f"backup {backup_id} satisfies slot {_utc(slot)}"
    cron = policy.cron or ""
    newer = next_slot(cron, policy.zone, view.jitter_key, time.scheduled_at)
    if newer is not None and newer <= time.scheduled_at:
        kind, until = Kind.NOT_DUE, newer + jitter(view.jitter_key, cron)
        reason += f"; slot {_utc(newer)} starts at {_utc(until)}"
    return Decision(view.name, kind, reason, policy, slot, until=until, backup_id=backup_id)


def _running(view: View, policy: Policy, slot: datetime, now: datetime) -> Decision | None:
    """Rule C2: while one of ours is under way for an index, no new one starts there."""
    candidates = [*_ours(view.entries), *_for_slot(view, policy, slot)]
    by = next((entry for entry in candidates if _young(entry, policy, now)), None)
    if by is None:
        return None
    backup_id = by.backup.backup_id
    reason = f"backup {backup_id} is under way ({by.backup.status_text})"
    return Decision(view.name, Kind.UNDER_WAY, reason, policy, slot, backup_id=backup_id)


def _too_new(view: View, policy: Policy, slot: datetime, now: datetime) -> Decision | None:
    """Rule C5. Backups older than the wait prove that the index is not new."""
    seen = min([view.record.first_seen_at, *(entry.at for entry in view.entries if entry.at)])
    until = seen + NEW_INDEX_WAIT
    if now >= until:
        return None
    reason = f"it was first seen at {_utc(seen)}; its first backup waits until {_utc(until)}"
    return Decision(view.name, Kind.TOO_NEW, reason, policy, slot, until=until)


def _ours(entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.origin is Origin.OURS]


def _for_slot(view: View, policy: Policy, slot: datetime) -> list[Entry]:
    """The backups that may satisfy a slot (rules C2 and G5).

    Those that a policy of ours made for it or a later one, and native ones where the policy says
    so.
    """
    return [
        entry
        for entry in view.entries
        if (entry.slot is not None and entry.slot >= slot)
        or (
            policy.native_satisfies
            and entry.origin is Origin.NATIVE
            and entry.at is not None
            and entry.at >= slot
        )
    ]


def by_former_schedule(view: View, policy: Policy, slot: datetime, now: datetime) -> list[Entry]:
    """The backups that satisfy a slot of before a change of the schedule (rule C2).

    What satisfies the former schedule's latest slot satisfies it too. It does not where the index
    is overdue all the same.
    """
    record = view.record
    if record.schedule_since is None or record.former_slot is None or slot > record.schedule_since:
        return []
    if view.newest_good_at is None or now - view.newest_good_at > policy.max_age:
        return []
    return _for_slot(view, policy, record.former_slot)


def _young(entry: Entry, policy: Policy, now: datetime) -> bool:
    """Whether it is under way, and for less than ``stuck_after``.

    One without a time is as old as its slot; one dated ahead of the clock counts for nothing
    (rule T2).
    """
    at = entry.at or (entry.marker.slot if entry.marker else None)
    if entry.worth not in _RUNNING or at is None or at > now + CLOCK_SKEW:
        return False
    return now - at < policy.stuck_after


def attempt(view: View, open_slot: Decision, claim: Claim | None, time: RunTime) -> Decision:
    """Whether an open slot is tried now, by what became of earlier attempts (rule C3).

    Args:
        view: What ``due`` decided on.
        open_slot: A decision of kind ``OPEN``.
        claim: The stored claim on its slot, or None.
        time: The run's times.
    """
    slot, policy = open_slot.slot, open_slot.policy
    if slot is None or policy is None:
        raise ValueError(f"index {view.name} has no open slot")
    made = max(
        (e.marker.attempt for e in view.entries if e.marker and e.slot == slot),
        default=0,
    )
    if claim is None:
        return _next(open_slot, made + 1)
    claim = settled(claim, view, policy, time.actual)
    current = replace(open_slot, claim=claim)
    if claim.state is ClaimState.POSTED:
        return _posted(current, claim, view, time.actual)
    if claim.state is ClaimState.GIVEN_UP:
        return _next(current, MOST_ATTEMPTS + 1)
    kind, until, reason = _obstacle(claim)
    if until is not None and time.actual < until:
        return replace(current, kind=kind, reason=reason, until=until)
    tried = claim.attempt - 1 if claim.state is ClaimState.REFUSED else claim.attempt
    return _next(current, max(tried, made) + 1)


def _obstacle(claim: Claim) -> tuple[Kind, datetime | None, str]:
    """Why the next attempt waits, and until when."""
    if claim.state is ClaimState.CLAIMED:
        reason = f"run {claim.run_id} is creating attempt {claim.attempt}"
        return Kind.WAITS, claim.lease_until, reason
    if claim.state is ClaimState.REFUSED:
        return Kind.REFUSED, claim.next_attempt_at, claim.error
    return Kind.WAITS, claim.next_attempt_at, f"attempt {claim.attempt} failed: {claim.error}"


def settled(claim: Claim, view: View, policy: Policy, now: datetime) -> Claim:
    """The claim as it stands now that the listing shows what became of its backup (C3)."""
    if claim.state not in (ClaimState.CLAIMED, ClaimState.AMBIGUOUS, ClaimState.POSTED):
        return claim
    entry = _entry_of(claim, view.entries)
    if entry is None:
        return _unlisted(claim, view, now)
    backup_id = entry.backup.backup_id
    found = replace(claim, backup_id=backup_id)
    if entry.worth is Worth.FAILED:
        return failed(found, f"backup {backup_id} failed", now)
    if entry.worth is Worth.DELETION_ACCEPTED:
        deleted = replace(claim, backup_id=None)
        return failed(deleted, f"backup {backup_id} was deleted", now)
    if entry.worth in _RUNNING and not _young(entry, policy, now):
        return failed(found, f"backup {backup_id} is stuck ({entry.backup.status_text})", now)
    return posted(claim, backup_id)


def _unlisted(claim: Claim, view: View, now: datetime) -> Claim:
    """A claim whose backup the active incarnation does not have."""
    earlier = claim.backup_id is not None and _entry_of(claim, view.elsewhere) is not None
    if earlier and view.certain:
        reason = f"backup {claim.backup_id} is of an earlier incarnation"
        other = failed(replace(claim, backup_id=None), reason, now)
        return replace(other, next_attempt_at=other.next_attempt_at and now)
    if claim.state is ClaimState.CLAIMED and now >= claim.lease_until:
        return failed(claim, f"run {claim.run_id} ended without a result", claim.lease_until)
    return claim


def _entry_of(claim: Claim, entries: Iterable[Entry]) -> Entry | None:
    """Its backup, by id, or by name when the answer was lost."""
    return next(
        (
            entry
            for entry in entries
            if (
                entry.backup.backup_id == claim.backup_id
                if claim.backup_id is not None
                else entry.origin is Origin.OURS and entry.backup.name == claim.backup_name
            )
        ),
        None,
    )


def _posted(current: Decision, claim: Claim, view: View, now: datetime) -> Decision:
    """A backup was created, does not satisfy the slot, and has not failed either."""
    backup_id = claim.backup_id or ""
    entry = _entry_of(claim, view.entries)
    if entry is not None:
        reason = f"backup {backup_id} is listed and counts for nothing ({words(entry.worth)})"
    elif now < claim.lease_until:
        reason = f"backup {backup_id} was created and is not listed yet"
    else:
        reason = f"backup {backup_id} was created and is not listed"
        return replace(current, kind=Kind.MISSING, reason=reason, backup_id=backup_id)
    return replace(current, kind=Kind.UNDER_WAY, reason=reason, backup_id=backup_id)


def _next(current: Decision, number: int) -> Decision:
    if number > MOST_ATTEMPTS:
        reason = _gave_up(current.claim) if current.claim else f"{number - 1} attempts failed"
        return replace(current, kind=Kind.GIVEN_UP, reason=reason)
    return replace(current, kind=Kind.CREATE, attempt=number)


def _gave_up(claim: Claim) -> str:
    return f"all {claim.attempt} attempts for slot {_utc(claim.slot)} failed, last: {claim.error}"


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


# Whose turn it is.


def in_order(candidates: Iterable[tuple[View, Decision]]) -> list[tuple[View, Decision]]:
    """Who is served first while the quota lasts (rule C4).

    By policy priority, then the index whose newest good backup is oldest (one without any
    first), then by name.
    """

    def rank(candidate: tuple[View, Decision]) -> tuple[int, datetime, str]:
        view, decision = candidate
        priority = decision.policy.priority if decision.policy else 0
        return (-priority, view.newest_good_at or _NEVER, view.name)

    return sorted(candidates, key=rank)


def no_quota(decision: Decision, quota: int) -> Decision:
    """The decision about an index for which no quota remains (rule C4)."""
    reason = f"slot {_utc(decision.slot or _NEVER)} waits: all {quota} backups are used"
    return replace(decision, kind=Kind.NO_QUOTA, reason=reason)


def marker_of(decision: Decision, *, owner: str, run_id: str) -> Marker:
    """The marker of the backup that a ``CREATE`` decision makes (rule I2).

    Raises:
        ValueError: The decision is not about a slot of a policy.
    """
    if decision.policy is None or decision.slot is None:
        raise ValueError(f"index {decision.index} has no slot to create a backup for")
    return Marker(owner, decision.policy.name, decision.slot, run_id, decision.attempt)


# What is wrong.


def observed(decisions: Iterable[Decision]) -> list[Observation]:
    """What the decisions say is wrong (rules C3 and C4)."""
    observation_of = {
        Kind.GIVEN_UP: _failing,
        Kind.REFUSED: _refusal,
        Kind.NO_QUOTA: _short_of_quota,
    }
    return [
        observation_of[decision.kind](decision)
        for decision in decisions
        if decision.kind in observation_of
    ]


def evidence_of(
    decisions: Collection[Decision], records: Iterable[IndexRecord], now: datetime
) -> Evidence:
    """Where the decisions are complete evidence that nothing is wrong any more (rule U1).

    That creating fails is over when the slot is satisfied; that Pinecone refuses, or that no
    quota remains, is over when a backup is under way. Nothing is wrong with an index that
    we do not back up, nor with one that has not been listed for a day.
    """
    names = {decision.index for decision in decisions}
    deleted = {
        record.name
        for record in records
        if record.name not in names and now - record.last_seen_at > DELETED_AFTER
    }
    well = {decision.index for decision in decisions if decision.kind in _WELL | _NOT_OURS}
    accepted = {decision.index for decision in decisions if decision.kind is Kind.UNDER_WAY}
    return Evidence.of([Control.CREATION_FAILING], only=well | deleted) | Evidence.of(
        [Control.CREATION_REFUSED, Control.QUOTA_REACHED], only=well | deleted | accepted
    )


def _failing(decision: Decision) -> Observation:
    return _wrong(
        Control.CREATION_FAILING,
        decision,
        "no backup could be created",
        "Nothing more is tried before the next slot",
        "See the run's log and Pinecone's status; create a backup on demand when the cause is "
        "mended.",
    )


def _refusal(decision: Decision) -> Observation:
    return _wrong(
        Control.CREATION_REFUSED,
        decision,
        "Pinecone refuses to create a backup",
        "It is asked again hourly",
        "Correct what Pinecone names: the plan, the key's role, the quota, the invoices or the "
        "index; or opt the index out.",
    )


def _short_of_quota(decision: Decision) -> Observation:
    return _wrong(
        Control.QUOTA_REACHED,
        decision,
        "no quota remains for its backup",
        "Indexes of higher priority, and those whose newest good backup is older, go first",
        "Shorten a retention, prune, delete orphans, or have Pinecone raise the quota and write "
        "it into the policy document.",
    )


def _wrong(control: Control, decision: Decision, what: str, then: str, action: str) -> Observation:
    return Observation.of(
        control,
        decision.index,
        title=f"{decision.index}: {what}",
        diagnosis=f"Index {decision.index}: {decision.reason}. {then}.",
        action=action,
        index=decision.index,
        slot=decision.slot.isoformat() if decision.slot else "",
        policy=decision.policy.name if decision.policy else "",
    )
