"""Plays a project forward: slots become backups, prunes delete, natives expire, the quota fills.

This is the one engine behind previews and the forecast. It knows no rule of its own: what a prune
does is ``rules.plan``'s to say, which slots there are ``rules.slots``'s. Every slot becomes a good
backup, as large as the newest one of its index, when its index's jitter has passed (rule C1);
while the quota is used up none does, and later the latest slot of each index catches up (rule C4).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pinecone_backup.model import Backup, PruneMode, RunTime, Status
from pinecone_backup.rules.creation import (
    Decision,
    Kind,
    View,
    by_former_schedule,
    due,
    in_order,
)
from pinecone_backup.rules.inventory import (
    Entry,
    Incarnation,
    Inventory,
    Origin,
    Worth,
    newest_first,
)
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.memory import mark_seen
from pinecone_backup.rules.pauses import last_pause_end, paused_until
from pinecone_backup.rules.plan import Action, make_plan, next_baseline
from pinecone_backup.rules.plan_facts import Baseline
from pinecone_backup.rules.policy import KeepRetention
from pinecone_backup.rules.retention import keep
from pinecone_backup.rules.slots import (
    MOST_JITTER,
    jitter,
    last_of_each_day,
    shortest_interval,
    slots_before,
    slots_between,
)
from pinecone_backup.rules.steady import INTERVALS, PRUNE_EVERY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pinecone_backup.model import Index
    from pinecone_backup.rules.plan import Plan, PlanItem
    from pinecone_backup.rules.plan_facts import Facts
    from pinecone_backup.rules.policy import Assigned, Policy

OWNER = "projection"
"""Whose the backups are that a projection makes."""
WORK_OF_INDEX = 5
"""To plan about an index is as much work as to plan about so many backups, those that it has aside.
"""
_SECOND = timedelta(seconds=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a projection takes for granted of the deployment.

    Attributes:
        mode: What its prunes may delete.
        every: The time between two prunes; the first one is at the beginning.
        first: Whether the first prune is the deployment's first, which only makes a plan.
        approved: Whether somebody approves at once of whatever waits. Nobody does in real life.
        most_made: None: the quota ends creating, as rule C4 has it. Else it does not, and of
            what is made between two prunes so many are played at most, and the others counted
            as staying. What the prune after them deletes anyway is left out before.
    """

    mode: PruneMode = PruneMode.ENFORCE
    every: timedelta = PRUNE_EVERY
    first: bool = False
    approved: bool = False
    most_made: int | None = None

    @property
    def pruning(self) -> bool:
        """Whether anything is deleted at all."""
        return self.mode is not PruneMode.DRY_RUN and (
            self.mode is PruneMode.ENFORCE or self.approved
        )

    def goes(self, action: Action) -> bool:
        """Whether a prune deletes what its plan means to do this with."""
        if action is Action.DELETE:
            return self.pruning
        return action is Action.WAIT and self.pruning and self.approved


@dataclass(frozen=True, slots=True)
class Step:
    """One prune and what came before it.

    Attributes:
        at: When the prune runs, UTC.
        created: How many backups were made since the step before.
        expired: How many native ones expired since then.
        refused: How many slots found the quota used up since then.
        plan: What the prune planned.
        deleted: What it deleted.
        waiting: What it would have deleted, and what stays: it waits for a person, or the mode
            does not allow it.
        left: How many backups count against the quota when the prune is done, by index name.
    """

    at: datetime
    created: int
    expired: int
    refused: int
    plan: Plan
    deleted: tuple[PlanItem, ...]
    waiting: tuple[PlanItem, ...]
    left: Counter[str]


def policy_of(facts: Facts, index: Index) -> Policy | None:
    """By what an index is backed up; by nothing where Pinecone cannot do it."""
    return None if index.unsupported else _assigned(facts, index).policy


def _assigned(facts: Facts, index: Index) -> Assigned:
    return facts.document.assigned(facts.project, index.name, index.tags)


def newest_size(inventory: Inventory, index_name: str) -> int:
    """The size in bytes of an index's newest backup that has one; 0 where none has."""
    sized = [
        entry
        for incarnation in inventory.incarnations.values()
        if incarnation.index_name == index_name
        for entry in incarnation.entries
        if entry.backup.size_bytes
    ]
    return min(sized, key=newest_first).backup.size_bytes or 0 if sized else 0


def entry_of(
    index_name: str,
    backup_id: str,
    at: datetime,
    size_bytes: int,
    *,
    index_id: str = "",
    policy: str = OWNER,
    slot: datetime | None = None,
) -> Entry:
    """A good backup that a policy made at ``at`` for its slot, by default of that time."""
    marker = Marker(OWNER, policy, slot or at, OWNER, 1)
    backup = Backup(
        backup_id=backup_id,
        index_name=index_name,
        index_id=index_id or index_name,
        status=Status.READY,
        status_text="Ready",
        created_at=at,
        name=marker.name_for(index_name),
        description=str(marker),
        size_bytes=size_bytes,
    )
    return Entry(backup, Origin.OURS, Worth.GOOD, at, marker)


def with_entries(inventory: Inventory, entries: Iterable[Entry]) -> Inventory:
    """The inventory with more backups in it, of indexes that are not deleted."""
    more: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        more[entry.backup.index_id].append(entry)
    incarnations = dict(inventory.incarnations)
    for index_id, added in more.items():
        known = incarnations.get(index_id) or Incarnation(index_id, added[0].backup.index_name, ())
        together = sorted([*known.entries, *added], key=newest_first)
        incarnations[index_id] = replace(known, entries=together)
    listed = {entry.backup.backup_id: entry for added in more.values() for entry in added}
    return replace(inventory, entries={**inventory.entries, **listed}, incarnations=incarnations)


def without_entries(inventory: Inventory, ids: set[str]) -> Inventory:
    """The inventory without some backups."""
    if not ids:
        return inventory
    concerned = {
        inventory.entries[each].backup.index_id for each in ids if each in inventory.entries
    }
    return replace(
        inventory,
        entries={key: entry for key, entry in inventory.entries.items() if key not in ids},
        incarnations={
            index_id: replace(
                incarnation,
                entries=[each for each in incarnation.entries if each.backup.backup_id not in ids],
            )
            if index_id in concerned
            else incarnation
            for index_id, incarnation in inventory.incarnations.items()
        },
    )


def quota_of(facts: Facts) -> int | None:
    """How many backups the project may hold; None where the document does not name it."""
    project = facts.document.project(facts.project)
    return project.quota if project else None


def counted_by(inventory: Inventory) -> Counter[str]:
    """What counts against the quota, by index name; a planned run takes no room yet (rule G5)."""
    return Counter(
        entry.backup.index_name
        for entry in inventory.entries.values()
        if entry.worth is not Worth.PLANNED
    )


def projected(facts: Facts, assumptions: Assumptions, *, most: int | None = None) -> Iterator[Step]:
    """Play on from the facts, prune by prune; the first is at ``facts.time``.

    Args:
        facts: The project, as a prune of that time would see it.
        assumptions: What the deployment is taken to do.
        most: So many backups are planned about, all prunes after the first together, an index
            counting as ``WORK_OF_INDEX`` more; where the next one would come to more, it ends.
            None: it goes on without end.
    """
    projection = _Projection(facts, assumptions)
    yield projection.prune(_Moved())
    projection.settle()
    left = most
    while True:
        coming = projection.coming(left)
        if left is not None:
            inventory = projection.facts.inventory
            left -= len(inventory.entries) + projection.at_most(len(coming))
            left -= WORK_OF_INDEX * len(inventory.incarnations)
            if left < 0:
                return
        yield projection.prune(projection.advance(coming))


@dataclass(slots=True)
class _Moved:
    """What happened between two prunes."""

    created: int = 0
    expired: int = 0
    refused: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    """Made, and only counted, by index name."""


@dataclass(slots=True)
class _Subject:
    """One active index with a policy.

    Attributes:
        index_id: The incarnation that its new backups belong to.
        delay: How long after a slot its backup starts (rule C1).
        satisfied: The newest slot that has its backup, or None.
        pause_end: When its pause ends, or the last one ended (rule C6); None where none is known.
        blocked_until: How long a backup of unknown status counts as under way (rules C2 and G3).
        excused: What satisfies a former schedule's latest slot, ``former_slot``, satisfies the
            slots up to then as well (rule C2) ...
        excused_until: ... until the index is overdue all the same; long ago where nothing does.
        next_native: When its native schedule runs next.
    """

    index: Index
    assigned: Assigned
    policy: Policy
    index_id: str
    size_bytes: int
    delay: timedelta
    satisfied: datetime | None
    pause_end: datetime | None
    blocked_until: datetime
    next_native: datetime | None
    former_slot: datetime | None = None
    excused: datetime = _LONG_AGO
    excused_until: datetime = _LONG_AGO

    def excuse(self, slot: datetime, at: datetime) -> None:
        """A backup of this slot was made: it may satisfy the former schedule."""
        if self.former_slot is not None and self.former_slot <= slot:
            self.excused_until = at + self.policy.max_age

    def slots(self, slots: Iterable[datetime], start: datetime, end: datetime) -> Iterator[_Event]:
        """Its backups that start after ``start`` and up to ``end``."""
        pause = self.pause_end
        for slot in slots:
            at = slot + self.delay
            blocked = at <= self.blocked_until or not self.unsatisfied(slot, at)
            if start < at <= end and not blocked and (pause is None or slot >= pause):
                yield _Event(at, self.index.name, slot)
        overdue = self.excused_until + _SECOND
        for at in (self.blocked_until, overdue):
            if start < at <= end and (pause is None or pause + self.delay <= at):
                missed = self._latest(at)
                waited = at == self.blocked_until or (
                    at > self.blocked_until and missed is not None and missed <= self.excused
                )
                if missed is not None and waited and self.unsatisfied(missed, at):
                    yield _Event(at, self.index.name, missed)
        if pause is not None and max(start, self.blocked_until) < pause + self.delay <= end:
            missed = self._latest(pause + self.delay)
            if (
                missed is not None
                and missed < pause
                and self.unsatisfied(missed, pause + self.delay)
            ):
                yield _Event(pause + self.delay, self.index.name, missed)

    def natives(self, end: datetime) -> Iterator[_Event]:
        """Its native runs up to ``end``; each is given once."""
        request = self.policy.native_schedule
        while request and self.next_native is not None and self.next_native <= end:
            yield _Event(self.next_native, self.index.name)
            self.next_native += INTERVALS[request.frequency]

    def _latest(self, at: datetime) -> datetime | None:
        """The latest slot whose turn has come."""
        return next(slots_before(self.policy.cron or "", self.policy.zone, at - self.delay), None)

    def unsatisfied(self, slot: datetime, at: datetime) -> bool:
        """Whether nothing satisfies the slot at that time."""
        if slot <= self.excused and at <= self.excused_until:
            return False
        return self.satisfied is None or slot > self.satisfied


@dataclass(frozen=True, slots=True, order=True)
class _Event:
    """A slot or a native run whose turn comes, or (with ``expires``) a native backup's end.

    In order of time; of one moment the ends come first, as they name no index.
    """

    at: datetime
    index_name: str
    slot: datetime | None = None
    expires: str = ""


class _Projection:
    """A project as it moves on from one prune to the next."""

    def __init__(self, facts: Facts, assumptions: Assumptions) -> None:
        """Stand just before the first prune, at ``facts.time``."""
        self.facts = facts
        self._assumptions = assumptions
        self._dry = assumptions.first
        self._memory = facts.memory
        self._quota = quota_of(facts) if assumptions.most_made is None else None
        found = [
            _subject(facts, index, spread=assumptions.most_made is None) for index in facts.indexes
        ]
        self._subjects = {each.index.name: each for each in found if each is not None}
        self._pending: dict[str, datetime] = {}
        self._expiries = dict(self._native_expiries(facts.inventory.entries.values()))
        for each in self._subjects.values():
            view = self._view(each)
            since, good = view.record.schedule_since, view.newest_good_at
            if since is not None:
                each.former_slot, each.excused = view.record.former_slot, since
                former = by_former_schedule(view, each.policy, since, facts.time.actual)
                if good is not None and any(entry.worth.ready for entry in former):
                    each.excused_until = good + each.policy.max_age
            decision = due(view, facts.time)
            if decision.kind is Kind.OPEN and decision.slot is not None:
                self._pending[each.index.name] = decision.slot

    def prune(self, moved: _Moved) -> Step:
        """Prune as the assumptions say, and stand just after it."""
        facts, assumed = self.facts, self._assumptions
        plan = make_plan(facts)
        dry, self._dry = self._dry, False
        deleted = [item for item in plan.to_go if not dry and assumed.goes(item.action)]
        deleted_ids = {item.backup_id for item in deleted}
        self.facts = replace(
            facts,
            inventory=without_entries(facts.inventory, deleted_ids),
            baseline=_next_baseline(
                facts,
                plan,
                deleted_ids,
                in_full=not dry
                and (assumed.mode is PruneMode.ENFORCE or len(deleted_ids) == len(plan.to_go)),
            ),
        )
        return Step(
            at=facts.time.scheduled_at,
            created=moved.created + moved.counted.total(),
            expired=moved.expired,
            refused=moved.refused,
            plan=plan,
            deleted=tuple(deleted),
            waiting=tuple(item for item in plan.to_go if item.backup_id not in deleted_ids),
            left=counted_by(self.facts.inventory) + moved.counted,
        )

    def at_most(self, count: int) -> int:
        """How many of so many new backups are played."""
        most = self._assumptions.most_made
        return count if most is None else min(count, most)

    def coming(self, left: int | None) -> list[_Event]:
        """What happens until the next prune, in order of time; one more than ``left`` at most."""
        start = self.facts.time.scheduled_at
        end = start + self._assumptions.every
        most = left + 1 if left is not None and self._assumptions.most_made is None else None
        found = list(islice(self._starts(start, end), most))
        found += [
            _Event(at, "", expires=backup_id)
            for backup_id, at in self._expiries.items()
            if at <= end
        ]
        return sorted(found)

    def advance(self, coming: Sequence[_Event]) -> _Moved:
        """Move to just before the next prune."""
        moved = _Moved()
        start = self.facts.time.scheduled_at
        used = counted_by(self.facts.inventory).total()
        made: list[Entry] = []
        expired: set[str] = set()

        def serve(at: datetime) -> None:
            nonlocal used
            for name in self._in_order(made, room=self._room(used)):
                entry = self._made(name, at, self._pending.pop(name))
                made.append(entry)
                used += 1

        serve(start)
        for event in coming:
            if event.expires:
                if event.expires in self._expiries:
                    del self._expiries[event.expires]
                    expired.add(event.expires)
                    used -= 1
                    serve(event.at)
            elif event.slot and not self._subjects[event.index_name].unsatisfied(
                event.slot, event.at
            ):
                continue  # what was made at the start of this step satisfies it, too
            elif len(made) == self._assumptions.most_made:
                moved.counted[event.index_name] += 1
            elif self._room(used) <= 0:
                moved.refused += 1
                if event.slot is not None:
                    self._pending[event.index_name] = event.slot
            else:
                made.append(self._made(event.index_name, event.at, event.slot))
                used += 1
        end = start + self._assumptions.every
        late = dict(self._native_expiries(made))
        expired |= {key for key, at in late.items() if at <= end}
        self._expiries |= {key: at for key, at in late.items() if at > end}
        moved.created, moved.expired = len(made), len(expired)
        inventory = with_entries(self.facts.inventory, made)
        self.facts = replace(
            self.facts,
            inventory=without_entries(inventory, expired),
            time=RunTime(end, end),
        )
        return moved

    def _room(self, used: int) -> int:
        return 2**31 if self._quota is None else self._quota - used

    def _starts(self, start: datetime, end: datetime) -> Iterator[_Event]:
        """The slots and native runs of all indexes; those of a policy are worked out once."""
        facts = self.facts
        of_policy: dict[tuple[str, bool], Sequence[datetime]] = {}
        baseline = facts.baseline
        former = baseline.policies(facts.project, facts.indexes) if baseline else None
        for subject in self._subjects.values():
            policy = subject.policy
            if policy.cron is None:
                yield from subject.natives(end)
                continue
            changed = former is not None and former.get(subject.index.name) != policy
            key = policy.name, changed
            if key not in of_policy:
                of_policy[key] = self._slots(policy, start, end, changed=changed)
            yield from subject.slots(of_policy[key], start, end)

    def _slots(
        self, policy: Policy, start: datetime, end: datetime, *, changed: bool
    ) -> Sequence[datetime]:
        """The slots to be played; nothing is sure to go where the policy has changed (D3)."""
        cron = policy.cron or ""
        if self._assumptions.most_made is None:
            return list(slots_between(cron, policy.zone, start - MOST_JITTER, end))
        if changed or not self._assumptions.pruning:
            return list(slots_between(cron, policy.zone, start, end))
        slots = sorted(_that_may_stay(policy, start, end))
        rows = [(slot.isoformat(), slot) for slot in reversed(slots)]
        kept = keep(rows, policy.retention, policy.zone, end).keys()
        return [
            slot
            for key, slot in reversed(
                rows[: policy.floor] + [row for row in rows[policy.floor :] if row[0] in kept]
            )
        ]

    def settle(self) -> None:
        """What is under way at the beginning ends: deletions, backups, planned runs."""
        now = self.facts.time.actual
        over, ready = set(), []
        for backup_id, entry in self.facts.inventory.entries.items():
            subject = self._subjects.get(entry.backup.index_name)
            if entry.worth is Worth.DELETION_ACCEPTED:
                over.add(backup_id)
            elif subject is None or entry.backup.index_id != subject.index_id:
                continue
            elif entry.worth is Worth.PLANNED and subject.policy.native_schedule:
                over.add(backup_id)  # it is made when its time comes
            elif (
                entry.worth is Worth.UNDER_WAY
                and entry.by_policy
                and entry.at is not None
                and now - entry.at < subject.policy.stuck_after
            ):
                over.add(backup_id)
                ready.append(replace(entry, worth=Worth.GOOD))
        inventory = without_entries(self.facts.inventory, over)
        self.facts = replace(self.facts, inventory=with_entries(inventory, ready))

    def _native_expiries(self, entries: Iterable[Entry]) -> Iterator[tuple[str, datetime]]:
        """When native backups of indexes that policies leave to Pinecone expire."""
        for entry in entries:
            subject = self._subjects.get(entry.backup.index_name)
            request = subject.policy.native_schedule if subject else None
            if subject is None or request is None or entry.at is None:
                continue
            mine = entry.backup.index_id == subject.index_id and entry.origin is Origin.NATIVE
            if mine and entry.worth is not Worth.PLANNED:
                expiry = timedelta(days=request.expire_after_days)
                yield entry.backup.backup_id, entry.at + expiry

    def _made(self, index_name: str, at: datetime, slot: datetime | None) -> Entry:
        subject = self._subjects[index_name]
        time = slot or at
        made = entry_of(
            index_name,
            f"{index_name}-{time:%Y%m%dt%H%M}z",
            at,
            subject.size_bytes,
            index_id=subject.index_id,
            policy=subject.policy.name,
            slot=slot,
        )
        if slot is None:
            return replace(made, origin=Origin.NATIVE, marker=None, schedule=subject.policy.name)
        subject.satisfied = slot
        subject.excuse(slot, at)
        return made

    def _in_order(self, made: Sequence[Entry], *, room: int) -> Sequence[str]:
        """Whose pending slots are served now (rule C4)."""
        names = list(self._pending)
        if len(names) <= room:
            return names
        if room <= 0:
            return []
        decided = [
            (self._view(subject, made), Decision(name, Kind.OPEN, "", subject.policy))
            for name, subject in self._subjects.items()
            if name in self._pending
        ]
        return [view.name for view, _ in in_order(decided)[:room]]

    def _view(self, subject: _Subject, made: Sequence[Entry] = ()) -> View:
        incarnation = self.facts.inventory.incarnations.get(subject.index_id)
        entries = [entry for entry in made if entry.backup.index_id == subject.index_id]
        entries += incarnation.entries if incarnation else ()
        now, name = self.facts.time.actual, subject.index.name
        record = mark_seen(self._memory.get(name), name, policy=subject.policy, now=now)
        return View(
            self.facts.project,
            subject.index,
            subject.assigned,
            replace(record, first_seen_at=_LONG_AGO),
            sorted(entries, key=newest_first),
        )


def _that_may_stay(policy: Policy, start: datetime, end: datetime) -> set[datetime]:
    """The slots of which a retention may keep some: where it only counts, the newest ones.

    Of a day that is over no rule but those of hours keeps more than the last slot.
    """
    cron, retention = policy.cron or "", policy.retention
    if isinstance(retention, KeepRetention):
        finest = (retention.keep_last, retention.keep_hourly)
        if min(finest) >= 0 and not (retention.keep_within or retention.keep_within_hourly):
            hours = max(retention.keep_hourly * timedelta(hours=1) // shortest_interval(cron), 0)
            newest = islice(slots_before(cron, policy.zone, end), max(*finest, hours, policy.floor))
            days = slots_between(last_of_each_day(cron), policy.zone, start, end)
            return {slot for slot in newest if slot > start} | set(days)
    return set(slots_between(cron, policy.zone, start, end))


def _next_baseline(facts: Facts, plan: Plan, deleted_ids: set[str], *, in_full: bool) -> Baseline:
    """What the next prune is measured by (rule D2); none here deletes only part of what it may."""
    before = facts.baseline or Baseline(None, "", {}, _beginning(facts))
    return next_baseline(
        before,
        plan,
        facts.document,
        left={item.backup_id for item in plan.to_go} - deleted_ids,
        in_full=in_full,
        now=facts.time.actual,
    )


def _beginning(facts: Facts) -> datetime:
    """From when on churn is measured without an earlier prune: the oldest backup (rule D2)."""
    times = [entry.at for entry in facts.inventory.entries.values() if entry.at is not None]
    return min([*times, facts.time.actual])


def _subject(facts: Facts, index: Index, *, spread: bool) -> _Subject | None:
    """What is known of an index at the beginning; None where nothing backs it up."""
    policy = policy_of(facts, index)
    if policy is None:
        return None
    now = facts.time.scheduled_at
    index_id = _active_id(facts, index)
    incarnation = facts.inventory.incarnations.get(index_id)
    entries = incarnation.entries if incarnation else ()
    counting = [each.slot for each in entries if each.worth.ready or each.worth is Worth.UNDER_WAY]
    assigned = _assigned(facts, index)
    delay = timedelta()
    if policy.cron is not None and spread:
        delay = jitter(f"{facts.project}/{index.name}", policy.cron)
    return _Subject(
        index=index,
        assigned=assigned,
        policy=policy,
        index_id=index_id,
        size_bytes=newest_size(facts.inventory, index.name),
        delay=delay,
        satisfied=max((slot for slot in counting if slot is not None), default=None),
        pause_end=paused_until(assigned, index, now) or last_pause_end(assigned, index, now),
        blocked_until=max(
            (
                at + policy.stuck_after
                for each in entries
                if each.worth is Worth.UNKNOWN and each.origin is Origin.OURS
                if (at := each.at or (each.marker and each.marker.slot))
            ),
            default=_LONG_AGO,
        ),
        next_native=_next_native(policy, entries, now),
    )


def _next_native(policy: Policy, entries: Iterable[Entry], now: datetime) -> datetime | None:
    """When a native schedule runs next: as planned, or one interval after its last run."""
    if policy.native_schedule is None:
        return None
    interval = INTERVALS[policy.native_schedule.frequency]
    runs = [entry for entry in entries if entry.origin is Origin.NATIVE and entry.at is not None]
    planned = [entry.at for entry in runs if entry.worth is Worth.PLANNED and entry.at]
    coming = [*planned, *(entry.at + interval for entry in runs if entry.at)]
    return min((at for at in coming if at > now), default=now + interval)


def _active_id(facts: Facts, index: Index) -> str:
    """The incarnation that new backups of an index belong to (rule I1)."""
    asked = facts.active.get(index.name)
    if asked:
        return asked
    living = [
        incarnation.index_id
        for incarnation in facts.inventory.incarnations.values()
        if incarnation.index_name == index.name and incarnation.deleted_at is None
    ]
    return living[-1] if living else index.name
