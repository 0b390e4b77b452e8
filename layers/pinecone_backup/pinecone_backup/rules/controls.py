"""The audit's controls: each a small function from facts to what is wrong, with figures.

A control says what it saw and what a person can do. Whether that is new is for
``rules.findings`` to say; where the evidence is complete, for ``looked_at`` (rule U1). One
problem of one index is one finding, however many backups show it: the subject is the index
name, but for

- ``orphan``: the id of the deleted index; ``other-owner``: the other deployment's owner;
- ``contradictory-listing``, ``deletion-stuck``: the backup id; ``hold-expired``: the hold id;
- native schedules: the schedule id, or the index name where no schedule is;
- ``quota-near``, ``policy-warned``: the project.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from pinecone_backup.figures import span
from pinecone_backup.model import Severity, words
from pinecone_backup.records import HoldScope
from pinecone_backup.rules.audit_facts import STUCK_AFTER, is_empty
from pinecone_backup.rules.containment import observe_unreadable
from pinecone_backup.rules.findings import PROJECT_SUBJECT, Control, Evidence, Observation
from pinecone_backup.rules.inventory import CLOCK_SKEW, Origin, Worth
from pinecone_backup.rules.pauses import PAUSE_TAG, pause_of, paused_until
from pinecone_backup.rules.policy import POLICY_TAG, AssignedBy
from pinecone_backup.rules.restore_controls import (
    index_not_ready,
    never_restore_tested,
    restore_index_left,
    restore_test_failed,
    restore_test_overdue,
    restored_not_adopted,
)
from pinecone_backup.rules.steady import INTERVALS
from pinecone_backup.rules.temporary import RESTORE_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from pinecone_backup.model import NativeSchedule
    from pinecone_backup.records import Hold
    from pinecone_backup.rules.audit_facts import IndexFacts, ProjectFacts
    from pinecone_backup.rules.inventory import Entry

DELETION_TAKES = timedelta(hours=24)
"""A backup that is still listed this long after its deletion was accepted is stuck (G4)."""
UNREAD_AUDITS = 2
"""An index that so many audits in a row could not read is a finding (rule U1)."""
NATIVE_GRACE = timedelta(hours=12)
"""How late the run of a native schedule may be before it is overdue."""
QUOTA_WARNS, QUOTA_ALARMS = 80, 95
"""Percent of the quota that are used up."""
FORECAST_WARNS = timedelta(days=30)
"""A quota that will be reached within this is near."""

_SHOWN_IDS = 5


def evaluate(facts: ProjectFacts) -> list[Observation]:
    """Everything that is wrong, by every control."""
    found = evaluate_project(facts)
    for index in facts.indexes:
        found += evaluate_index(index, facts.now)
    return found


def evaluate_project(facts: ProjectFacts) -> list[Observation]:
    """What is wrong with the project as a whole."""
    return [seen for control in PROJECT_CONTROLS.values() for seen in control(facts)]


def evaluate_index(index: IndexFacts, now: datetime) -> list[Observation]:
    """What is wrong with one index, as far as it could be read."""
    controls = [*ASSIGNMENT_CONTROLS.values()]
    if not index.problem:
        controls += BACKUP_CONTROLS.values()
    if index.schedules is not None:
        controls += NATIVE_CONTROLS.values()
    return [seen for control in controls for seen in control(index, now)]


def looked_at(facts: ProjectFacts, *, broken: Iterable[str] = ()) -> Evidence:
    """Where what was not seen is not there: findings may resolve (rule U1).

    Args:
        facts: What was judged.
        broken: Names of indexes that could not be judged at all.
    """
    return (
        Evidence.of(PROJECT_CONTROLS, unseen=[item.key for item in facts.unreadable])
        | Evidence.of(ASSIGNMENT_CONTROLS, unseen=broken)
        | Evidence.of(BACKUP_CONTROLS, unseen=_names(facts, lambda index: bool(index.problem)))
        | Evidence.of(NATIVE_CONTROLS, unseen=_names(facts, lambda index: index.schedules is None))
    )


def _names(facts: ProjectFacts, which: Callable[[IndexFacts], bool]) -> list[str]:
    return [index.name for index in facts.indexes if which(index)]


# Which policy an index has: from the list of indexes.


def no_policy(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """Nobody said how the index is to be backed up, or that it is not to be."""
    if index.assigned.by is AssignedBy.NOTHING and not index.index.unsupported:
        known = span(now - index.record.first_seen_at)
        yield Observation.of(
            Control.NO_POLICY,
            index.name,
            title=f"{index.name} has no backup policy",
            diagnosis=f"No assignment of the policy document matches index {index.name}, known "
            f"for {known}, so nothing backs it up and nothing of it is pruned.",
            action=f"Add an assignment, or tag the index {POLICY_TAG}=<policy>; "
            f"{POLICY_TAG}=none says that it needs no backups.",
        )


def opted_out(index: IndexFacts, _now: datetime) -> Iterator[Observation]:
    """Somebody said that the index is not to be backed up: the audit says so too."""
    if index.assigned.by is AssignedBy.OPT_OUT and RESTORE_TAG not in index.index.tags:
        yield Observation.of(
            Control.OPTED_OUT,
            index.name,
            title=f"{index.name} is opted out of backups",
            diagnosis=f"A tag or an assignment says that index {index.name} is not to be backed "
            "up.",
            action="Nothing, if that is still meant.",
        )


def paused(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """Backups are paused until a day (rule C6): said while that lasts, not held to be wrong."""
    pause = pause_of(index.assigned, index.index, now)
    if pause is None or pause.until is None or index.index.unsupported:
        return
    yield Observation.of(
        Control.PAUSED,
        index.name,
        title=f"{index.name} is paused until {pause.until:%Y-%m-%d %H:%M} UTC",
        diagnosis=f"Index {index.name} is {pause.reason}: nothing is created, and no policy "
        "deletes anything.",
        action="Nothing, if that is still meant: backups go on by themselves when it ends.",
        until=pause.until.isoformat(),
    )


def unreadable_pause(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """Somebody meant to pause, and nobody knows until when (rule C6)."""
    pause = pause_of(index.assigned, index.index, now)
    if pause is not None and pause.until is None:
        yield Observation.of(
            Control.UNREADABLE_PAUSE,
            index.name,
            title=f"{index.name}: its tag {PAUSE_TAG} cannot be read",
            diagnosis=f"Index {index.name}: {pause.reason}. Backups go on being created, and no "
            "policy deletes anything while the tag stands.",
            action="Write a day like 2026-12-01 into the tag, or remove it.",
        )


def unknown_policy_tag(index: IndexFacts, _now: datetime) -> Iterator[Observation]:
    """The tag wins over all assignments, and names nothing (rule I3)."""
    if index.assigned.by is AssignedBy.UNKNOWN_TAG:
        tag = index.index.tags.get(POLICY_TAG, "")
        yield Observation.of(
            Control.UNKNOWN_POLICY_TAG,
            index.name,
            title=f"{index.name} asks for a policy that does not exist",
            diagnosis=f"The tag {POLICY_TAG} of index {index.name} says {tag!r}; the policy "
            "document has no such policy, so nothing is created and nothing is deleted.",
            action="Correct the tag, or add the policy to the document.",
        )


def unsupported_index(index: IndexFacts, _now: datetime) -> Iterator[Observation]:
    """Saying that it cannot be done is better than failing at it every night."""
    if index.index.unsupported and index.assigned.by is not AssignedBy.OPT_OUT:
        yield Observation.of(
            Control.UNSUPPORTED_INDEX,
            index.name,
            title=f"{index.name} cannot be backed up",
            diagnosis=f"Pinecone does not back up index {index.name}: {index.index.unsupported}.",
            action="Keep its data elsewhere, move it to a serverless index, or opt it out with "
            f"the tag {POLICY_TAG}=none.",
        )


def index_unknown(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """Two audits in a row could not read the index; what is known may be bad enough (rule U1)."""
    if index.policy is None or not index.problem or index.record.unread_audits < UNREAD_AUDITS:
        return
    known, allowed = index.newest_known_at, index.policy.max_age
    age = now - (known or index.record.first_seen_at)
    if known is not None:
        saw = f"The newest good backup that is known of is {span(age)} old"
    else:
        saw = f"No good backup is known of, {span(age)} after it was first seen"
    since = index.record.unread_since or now
    yield Observation.of(
        Control.INDEX_UNKNOWN,
        index.name,
        severity=Severity.CRITICAL if age > allowed else None,
        title=f"{index.name}: nobody knows whether it is protected",
        diagnosis=f"Index {index.name} could not be read by {index.record.unread_audits} audits, "
        f"since {since:%Y-%m-%d %H:%M} UTC: {index.problem}. {saw}; max_age of policy "
        f"{index.policy.name} is {span(allowed)}.",
        action="See whether Pinecone can list the index's backups in its console; ask their "
        "support if it goes on.",
        age_seconds=int(age.total_seconds()),
        max_age_seconds=int(allowed.total_seconds()),
    )


# Whether its backups are as they should be: from the listings.


def overdue(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """The newest good backup is older than ``max_age``.

    Without any, the time counts from when the index was first seen. While backups are paused it
    is said all the same, since the index is not protected; as a warning, since that is on purpose.
    """
    if index.policy is None or index.age(now) <= index.policy.max_age or index.never_ready:
        return
    good = index.newest_good or index.newest_of_empty
    age, allowed = span(index.age(now)), span(index.policy.max_age)
    if good is not None:
        saw = f"The newest good backup of index {index.name} is {age} old"
    else:
        saw = f"Index {index.name} has no good backup, {age} after it was first seen"
    newer = _counted_by_worth(index.since_good())
    pause = pause_of(index.assigned, index.index, now)
    on_purpose = pause is not None and pause.until is not None
    yield Observation.of(
        Control.OVERDUE,
        index.name,
        severity=Severity.WARNING if on_purpose else None,
        title=f"{index.name}: newest good backup {age} old"
        if good
        else f"{index.name} has no good backup",
        diagnosis=f"{saw}, max_age of policy {index.policy.name} is {allowed}."
        + (f" Since then: {newer}." if newer else " No backup was started since then.")
        + (f" It is {pause.reason}." if pause and on_purpose else ""),
        action="See this index's other findings and the last create run for the cause; a backup "
        "can be made on demand at once.",
        age_seconds=int(index.age(now).total_seconds()),
        max_age_seconds=int(index.policy.max_age.total_seconds()),
        backup_id=good.backup.backup_id if good else None,
    )


def failed(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """Backups failed since the newest good one; a good one settles what failed before it."""
    failures = _of_interest(index.since_good(), Worth.FAILED)
    if failures:
        yield _about_backups(
            Control.FAILED,
            index,
            failures,
            title=f"{index.name}: {_number(failures, 'failed backup')}",
            diagnosis=f"Since the newest good backup of index {index.name}: "
            f"{_number(failures, 'failed one')}, the last {_age(failures[0], now)} ago "
            f"(status {failures[0].backup.status_text}).",
            action="Pinecone does not say why; the next slots try again. If it goes on, ask "
            "Pinecone's support with the backup id.",
        )


def stuck(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """A backup is under way for longer than ``stuck_after``; a planned native run is not (G5)."""
    limit = index.policy.stuck_after if index.policy else STUCK_AFTER
    late = [
        entry
        for entry in _of_interest(index.entries, Worth.UNDER_WAY, Worth.UNKNOWN)
        if entry.at is not None and now - entry.at > limit
    ]
    if late:
        yield _about_backups(
            Control.STUCK,
            index,
            late,
            title=f"{index.name}: {_number(late, 'stuck backup')}",
            diagnosis=f"{_number(late, 'backup')} of index {index.name} did not finish; the "
            f"oldest has been {late[-1].backup.status_text} for {_age(late[-1], now)}, "
            f"stuck_after is {span(limit)}.",
            action="It no longer keeps new backups from starting. If it stays, ask Pinecone's "
            "support with the backup id.",
        )


def empty(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """Backups without a record came after the newest good one (rules G1 and G2)."""
    hollow = [entry for entry in _suspects(index) if is_empty(entry)]
    if not hollow:
        return
    rightly = index.rightly_empty(hollow[0])
    yield _about_backups(
        Control.EMPTY,
        index,
        hollow,
        severity=Severity.INFO if rightly else None,
        title=f"{index.name}: {_number(hollow, 'empty backup')}",
        diagnosis=f"Since the newest good backup of index {index.name}: "
        f"{_number(hollow, 'backup')} without a record, the last {_age(hollow[0], now)} ago"
        + ("; the index itself is empty too." if rightly else "."),
        action="Nothing, while the index is empty on purpose."
        if rightly
        else "Vectors younger than about 15 minutes are left out of a backup. Otherwise find "
        "out who emptied the index; if that was meant, accept the first backup, alone or with all "
        "newer ones.",
    )


def shrunk(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """Backups with far fewer records came after the newest good one (rules G1 and G2)."""
    smaller = [entry for entry in _suspects(index) if not is_empty(entry)]
    if smaller:
        reason = smaller[0].known(now).verdict_reason
        yield _about_backups(
            Control.SHRUNK,
            index,
            smaller,
            title=f"{index.name}: {_number(smaller, 'suspect backup')}",
            diagnosis=f"Since the newest good backup of index {index.name}: "
            f"{_number(smaller, 'suspect one')}, the last {_age(smaller[0], now)} ago "
            f"({reason}).",
            action="Find out whether records were deleted on purpose. If so, accept the first of "
            "them, alone or with all newer ones: it is then good and the new reference. Otherwise "
            "restore from the newest good one.",
        )


def incarnation_changed(index: IndexFacts, _now: datetime) -> Iterator[Observation]:
    """The index was deleted and created again; it starts without protection (rule I1)."""
    if not index.record.previous_ids or index.newest_good is not None:
        return
    earlier = [entry for incarnation in index.namesakes for entry in incarnation.entries]
    yield Observation.of(
        Control.INCARNATION_CHANGED,
        index.name,
        title=f"{index.name} was deleted and created again",
        diagnosis=f"Index {index.name} is a new index of an old name (before: "
        f"{index.record.previous_ids[-1]}) and has no good backup yet. Left of the earlier "
        f"index, and not counted for this one: {_number(earlier, 'backup')}.",
        action="Nothing, if the index was created again on purpose: the next backup settles it. "
        "Otherwise restore the earlier index from its backups.",
        earlier_backups=len(earlier),
    )


# What Pinecone's own schedules do: from the schedule listings.


def native_disabled(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """The policy relies on a native schedule, and none is enabled."""
    policy, schedules = index.policy, index.schedules or ()
    if policy is None or policy.native_schedule is None or _enabled(schedules):
        return
    if paused_until(index.assigned, index.index, now):
        return
    latest = max(schedules, key=lambda schedule: schedule.schedule_id, default=None)
    yield Observation.of(
        Control.NATIVE_DISABLED,
        latest.schedule_id if latest else index.name,
        title=f"{index.name}: no native schedule is enabled",
        diagnosis=f"Policy {policy.name} relies on a native schedule of index {index.name}; "
        + (f"{latest.name} is paused." if latest else "there is none."),
        action="Enable or create it; Pinecone plans the next run from that moment on.",
        index=index.name,
    )


def native_overdue(index: IndexFacts, now: datetime) -> Iterator[Observation]:
    """An enabled native schedule has not made the backup that was due."""
    for schedule in _enabled(index.schedules or ()):
        due = _due(index, schedule)
        if due is not None and now - due > NATIVE_GRACE:
            yield Observation.of(
                Control.NATIVE_OVERDUE,
                schedule.schedule_id,
                title=f"{index.name}: native schedule {schedule.name} is overdue",
                diagnosis=f"The {schedule.frequency} native schedule {schedule.name} of index "
                f"{index.name} should have made a backup {span(now - due)} ago.",
                action="See the schedule's history at Pinecone; pausing and resuming it plans a "
                "new run.",
                index=index.name,
            )


def native_clash(index: IndexFacts, _now: datetime) -> Iterator[Observation]:
    """Our cron and a native schedule both make backups of the index."""
    policy = index.policy
    if policy is None or policy.cron is None or policy.native_satisfies:
        return
    for schedule in _enabled(index.schedules or ())[:1]:
        yield Observation.of(
            Control.NATIVE_CLASH,
            index.name,
            title=f"{index.name} is backed up twice",
            diagnosis=f"Policy {policy.name} creates backups of index {index.name}, and so does "
            f"the {schedule.frequency} native schedule {schedule.name}; both use up the quota.",
            action="Pause the native schedule, or set native_satisfies or native_schedule in "
            "the policy.",
            index=index.name,
            schedule_id=schedule.schedule_id,
        )


def native_drift(index: IndexFacts, _now: datetime) -> Iterator[Observation]:
    """An enabled native schedule is not as its policy says."""
    request = index.policy.native_schedule if index.policy else None
    for schedule in _enabled(index.schedules or ()):
        if request is None or (schedule.frequency, schedule.expire_after_days) == (
            request.frequency,
            request.expire_after_days,
        ):
            continue
        yield Observation.of(
            Control.NATIVE_DRIFT,
            schedule.schedule_id,
            title=f"{index.name}: native schedule {schedule.name} is not as the policy says",
            diagnosis=f"It runs {schedule.frequency} and keeps for {schedule.expire_after_days} "
            f"days; the policy says {request.frequency} and {request.expire_after_days} days.",
            action="Correct the schedule or the policy.",
            index=index.name,
        )


# What concerns the project as a whole.


def quota_near(facts: ProjectFacts) -> Iterator[Observation]:
    """The quota is used up by 80 or 95 percent, or will be used up within a month."""
    percent = 100 * facts.used / facts.quota
    reached = facts.forecast.reached_at
    soon = reached is not None and reached - facts.now <= FORECAST_WARNS
    if percent < QUOTA_WARNS and not soon:
        return
    left = span(reached - facts.now) if reached is not None and reached > facts.now else ""
    yield Observation.of(
        Control.QUOTA_NEAR,
        PROJECT_SUBJECT,
        severity=Severity.ERROR if percent >= QUOTA_ALARMS else Severity.WARNING,
        title=(f"Backup quota reached in {left}: " if soon and left else "")
        + f"{facts.used} of {facts.quota} backups are used",
        diagnosis=f"The project holds {facts.used} of {facts.quota} backups ({percent:.0f} %). "
        f"{facts.forecast.explained()}.",
        action="Shorten a retention, prune (see the mode of the deployment), delete orphans and "
        "manual backups, or have Pinecone raise the quota.",
        used=facts.used,
        quota=facts.quota,
        reached_at=reached.isoformat() if reached else None,
    )


def policy_warned(facts: ProjectFacts) -> Iterator[Observation]:
    """One finding for all that the policy document says and probably does not mean."""
    warnings = facts.warnings
    if not warnings:
        return
    shown = " ".join(f"{each.path}: {each.sentence}" for each in warnings[:_SHOWN_IDS])
    more = len(warnings) - _SHOWN_IDS
    yield Observation.of(
        Control.POLICY_WARNED,
        PROJECT_SUBJECT,
        title=f"The policy document has {_number(warnings, 'warning')}",
        diagnosis=shown + (f" And {more} more." if more > 0 else ""),
        action=f"{warnings[0].action} Validating the document lists every warning.",
        warnings=[f"{each.code} {each.path}" for each in warnings][: 10 * _SHOWN_IDS],
    )


def orphan(facts: ProjectFacts) -> Iterator[Observation]:
    """Backups remain of an index that was deleted (rule D7)."""
    for incarnation in facts.inventory.incarnations.values():
        if incarnation.deleted_at is None:
            continue
        after = facts.orphans.after
        fate = "They are kept until somebody deletes them"
        if after is not None:
            day = incarnation.deleted_at + timedelta(days=after)
            fate = f"Our own go from {day:%Y-%m-%d} on, but for the newest good one"
        left = _number(incarnation.entries, "backup")
        yield Observation.of(
            Control.ORPHAN,
            incarnation.index_id,
            title=f"{left} left of deleted index {incarnation.index_name}",
            diagnosis=f"Left of index {incarnation.index_name}, deleted "
            f"{span(facts.now - incarnation.deleted_at)} ago: {left} "
            f"({_counted_by_worth(incarnation.entries)}). {fate}.",
            action="Restore the index from one of them, or delete what nobody needs.",
            index=incarnation.index_name,
        )


def deletion_stuck(facts: ProjectFacts) -> Iterator[Observation]:
    """A backup is still listed a day after Pinecone accepted its deletion (rule G4)."""
    for entry in facts.inventory.entries.values():
        deletion = entry.record.deletion if entry.record else None
        if deletion is None or not deletion.state.accepted:
            continue
        if facts.now - deletion.at > DELETION_TAKES:
            backup = entry.backup
            yield Observation.of(
                Control.DELETION_STUCK,
                backup.backup_id,
                title=f"{backup.index_name}: the deletion of a backup did not happen",
                diagnosis=f"Pinecone accepted the deletion of backup {backup.backup_id} of index "
                f"{backup.index_name} {span(facts.now - deletion.at)} ago and still lists it.",
                action="It counts for nothing any more. Delete it in the Pinecone console, or "
                "ask Pinecone's support.",
                index=backup.index_name,
            )


def other_owner(facts: ProjectFacts) -> Iterator[Observation]:
    """Another deployment of this product makes backups here (rule I2)."""
    theirs: dict[str, list[Entry]] = {}
    for entry in facts.inventory.entries.values():
        if entry.origin is Origin.OTHER_OWNER and entry.marker is not None:
            theirs.setdefault(entry.marker.owner, []).append(entry)
    for owner, entries in theirs.items():
        names = sorted({entry.backup.index_name for entry in entries})
        yield Observation.of(
            Control.OTHER_OWNER,
            owner,
            title=f"Deployment {owner} backs up this project too",
            diagnosis=f"{_number(entries, 'backup')} of {_some(names)} with the marker of "
            f"deployment {owner}; what is not ours is never pruned here.",
            action="Let one deployment look after a project, or give each its own indexes.",
        )


def contradictory_listing(facts: ProjectFacts) -> Iterator[Observation]:
    """Rows of one backup cannot all be true; nothing of its indexes is deleted (rule I4)."""
    for contradiction in facts.inventory.contradictions:
        yield Observation.of(
            Control.CONTRADICTORY_LISTING,
            contradiction.backup_id,
            title=f"Pinecone contradicts itself about backup {contradiction.backup_id}",
            diagnosis=f"{contradiction.reason[:1].upper()}{contradiction.reason[1:]}. Nothing of "
            f"{' and '.join(contradiction.index_names)} is deleted while this lasts.",
            action="Describe the backup at Pinecone; ask their support if it stays.",
        )


def undated_backup(facts: ProjectFacts) -> Iterator[Observation]:
    """A backup without a usable time is kept and counts for nothing (rule T2)."""
    undated: dict[str, list[Entry]] = {}
    for entry in facts.inventory.entries.values():
        if entry.worth in (Worth.UNDATED, Worth.FUTURE) or entry.at is None:
            undated.setdefault(entry.backup.index_name, []).append(entry)
    for name, entries in undated.items():
        yield Observation.of(
            Control.UNDATED_BACKUP,
            name,
            title=f"{name}: {_number(entries, 'backup')} without a usable time",
            diagnosis=f"Without a creation time, or with one ahead of the clock: "
            f"{_number(entries, 'backup')} of index {name}. Such a backup is kept and counts "
            "for nothing.",
            action="Check the clock first. What is not needed can be deleted by hand.",
            backup_ids=_ids(entries),
        )


def slot_ahead(facts: ProjectFacts) -> Iterator[Observation]:
    """A marker names a slot that its backup's creation contradicts (rule C2)."""
    ahead: dict[str, list[Entry]] = {}
    for entry in facts.inventory.entries.values():
        if entry.slot_ahead:
            ahead.setdefault(entry.backup.index_name, []).append(entry)
    for name, entries in ahead.items():
        slots = [entry.marker.slot for entry in entries if entry.marker]
        yield Observation.of(
            Control.SLOT_AHEAD,
            name,
            title=f"{name}: {_number(entries, 'backup')} with a slot that is not believed",
            diagnosis=f"By its marker, {_number(entries, 'backup')} of index {name} was made more "
            f"than {span(CLOCK_SKEW)} before its slot, the latest for {max(slots):%Y-%m-%d %H:%M} "
            "UTC. The creation time counts instead, and no slot is satisfied. Backup ids: "
            f"{_some(_ids(entries))}.",
            action="Find out who else creates backups with this deployment's marker. What is not "
            "needed can be deleted by hand.",
            backup_ids=_ids(entries),
        )


def hold_expired(facts: ProjectFacts) -> Iterator[Observation]:
    """A hold has run out without a word; what it protected is open to pruning (rule T2)."""
    names = {entry.backup.index_name for entry in facts.inventory.entries.values()}
    for hold in facts.holds:
        present = hold.target in (
            facts.inventory.entries if hold.scope is HoldScope.BACKUP else names
        )
        if present and _ran_out(hold, facts.now):
            yield Observation.of(
                Control.HOLD_EXPIRED,
                hold.hold_id,
                title=f"The hold on {hold.scope} {hold.target} has expired",
                diagnosis=f"{hold.placed_by} held {hold.scope} {hold.target} ({hold.reason}) until "
                f"{hold.expires_at:%Y-%m-%d %H:%M} UTC; the policy decides about it again.",
                action="Release the hold to close this, or place a new one.",
            )


def _ran_out(hold: Hold, now: datetime) -> bool:
    return hold.released_at is None and not hold.active(now)


def ledger_unreadable(facts: ProjectFacts) -> Iterator[Observation]:
    """Items of the ledger that cannot be read (rule U2)."""
    return observe_unreadable(facts.unreadable)


type OfIndex = Callable[[IndexFacts, datetime], Iterator[Observation]]

ASSIGNMENT_CONTROLS: dict[Control, OfIndex] = {
    Control.NO_POLICY: no_policy,
    Control.OPTED_OUT: opted_out,
    Control.PAUSED: paused,
    Control.UNREADABLE_PAUSE: unreadable_pause,
    Control.UNKNOWN_POLICY_TAG: unknown_policy_tag,
    Control.UNSUPPORTED_INDEX: unsupported_index,
    Control.INDEX_UNKNOWN: index_unknown,
    Control.INDEX_NOT_READY: index_not_ready,
    Control.RESTORED_NOT_ADOPTED: restored_not_adopted,
}
BACKUP_CONTROLS: dict[Control, OfIndex] = {
    Control.OVERDUE: overdue,
    Control.FAILED: failed,
    Control.STUCK: stuck,
    Control.EMPTY: empty,
    Control.SHRUNK: shrunk,
    Control.INCARNATION_CHANGED: incarnation_changed,
    Control.NEVER_RESTORE_TESTED: never_restore_tested,
    Control.RESTORE_TEST_OVERDUE: restore_test_overdue,
    Control.RESTORE_TEST_FAILED: restore_test_failed,
}
NATIVE_CONTROLS: dict[Control, OfIndex] = {
    Control.NATIVE_DISABLED: native_disabled,
    Control.NATIVE_OVERDUE: native_overdue,
    Control.NATIVE_CLASH: native_clash,
    Control.NATIVE_DRIFT: native_drift,
}
PROJECT_CONTROLS: dict[Control, Callable[[ProjectFacts], Iterator[Observation]]] = {
    Control.POLICY_WARNED: policy_warned,
    Control.QUOTA_NEAR: quota_near,
    Control.ORPHAN: orphan,
    Control.DELETION_STUCK: deletion_stuck,
    Control.RESTORE_INDEX_LEFT: restore_index_left,
    Control.OTHER_OWNER: other_owner,
    Control.CONTRADICTORY_LISTING: contradictory_listing,
    Control.UNDATED_BACKUP: undated_backup,
    Control.SLOT_AHEAD: slot_ahead,
    Control.HOLD_EXPIRED: hold_expired,
    Control.LEDGER_UNREADABLE: ledger_unreadable,
}


def _of_interest(entries: Iterable[Entry], *worths: Worth) -> list[Entry]:
    """Another deployment audits its own backups."""
    return [
        entry
        for entry in entries
        if entry.worth in worths and entry.origin is not Origin.OTHER_OWNER
    ]


def _suspects(index: IndexFacts) -> list[Entry]:
    """Those that their record count made suspect; what a restore test found is said of it."""
    return [
        entry
        for entry in _of_interest(index.since_good(), Worth.SUSPECT)
        if entry.record is None or entry.record.restore_tested is not False
    ]


def _enabled(schedules: Sequence[NativeSchedule]) -> list[NativeSchedule]:
    return [schedule for schedule in schedules if schedule.enabled]


def _due(index: IndexFacts, schedule: NativeSchedule) -> datetime | None:
    """When the schedule's backup was or will be due: its next run, or one interval on."""
    runs = [
        entry.at
        for entry in index.entries
        if entry.schedule == schedule.name and entry.at and entry.worth is not Worth.PLANNED
    ]
    last = max([*runs, *([schedule.created_at] if schedule.created_at else [])], default=None)
    interval = INTERVALS.get(schedule.frequency)
    after_last = last + interval if last and interval else None
    return min((time for time in (schedule.next_run_at, after_last) if time), default=None)


def _about_backups(
    control: Control,
    index: IndexFacts,
    entries: Sequence[Entry],
    *,
    title: str,
    diagnosis: str,
    action: str,
    severity: Severity | None = None,
) -> Observation:
    ids = _ids(entries)
    return Observation.of(
        control,
        index.name,
        title=title,
        diagnosis=f"{diagnosis} Backup ids: {_some(ids)}.",
        action=action,
        severity=severity,
        backup_ids=ids,
    )


def _ids(entries: Iterable[Entry]) -> list[str]:
    return [entry.backup.backup_id for entry in entries][: 10 * _SHOWN_IDS]


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    return ", ".join(ids[:_SHOWN_IDS]) + more


def _age(entry: Entry, now: datetime) -> str:
    return span(now - (entry.at or now))


def _number(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _counted_by_worth(entries: Iterable[Entry]) -> str:
    counts = Counter(entry.worth for entry in entries)
    return ", ".join(f"{count} {words(worth)}" for worth, count in counts.items())
