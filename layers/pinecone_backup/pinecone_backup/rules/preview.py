"""What a policy document would keep and delete: today, on each of the next days, in the long run.

The prune's own planner decides every day, so that a preview and a prune cannot differ. Between
two days every slot becomes a good backup, as large as the newest one of its index; what a plan
means to delete is gone on the next day, also what would wait for an approval first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pinecone_backup.model import Backup, Index, IndexKind, RunTime, Status
from pinecone_backup.rules.inventory import (
    Entry,
    Incarnation,
    Inventory,
    Origin,
    Worth,
    newest_first,
)
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan import Action, PlanItem, make_plan
from pinecone_backup.rules.plan_facts import Facts
from pinecone_backup.rules.slots import slots_between
from pinecone_backup.rules.steady import steady_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pinecone_backup.reasons import Reason
    from pinecone_backup.rules.policy import Policy, PolicyDocument

LONGEST = 366
"""So many days ahead a preview can look."""
MOST_WORK = 250_000
"""So many backups are planned about, all days together; a preview that comes to more ends early."""

_DAY = timedelta(days=1)
_NOBODY = "preview"


@dataclass(frozen=True, slots=True)
class PastBackup:
    """A good backup of a history that the caller supplies. ``created_at`` is aware."""

    backup_id: str
    index_name: str
    created_at: datetime
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PreviewDay:
    """One day's prune.

    Attributes:
        at: When the prune runs, UTC: the preview's moment, a whole number of days later.
        created: How many backups were made since the day before.
        kept: What stays, with the reasons: by index, newest first. Backups that no policy
            decides about are among them.
        deleted: What goes, with the reasons.
        waits: Why a person would have to approve of it first (rules D2 and D7), or empty.
    """

    at: datetime
    created: int
    kept: tuple[PlanItem, ...]
    deleted: tuple[PlanItem, ...]
    waits: tuple[Reason, ...]

    @property
    def count(self) -> int:
        """Backups left when the prune is done."""
        return len(self.kept)

    @property
    def size_bytes(self) -> int:
        """Their size together, as far as sizes are known."""
        return _size(self.kept)


@dataclass(frozen=True, slots=True)
class Steady:
    """What an index comes to hold when its policy goes on for ever.

    Attributes:
        count: Backups that policy keeps then; None when their number does not settle.
        size_bytes: Their size, if each is as large as the newest one is now; None likewise.
    """

    index_name: str
    policy: str
    count: int | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer: ``days[0]`` is today; ``steady`` has one line for each index with a policy.

    Attributes:
        ended: Why fewer days are shown than were asked for, or empty.
    """

    days: tuple[PreviewDay, ...]
    steady: tuple[Steady, ...]
    ended: str = ""

    @property
    def steady_count(self) -> int | None:
        """Backups of all policies together in the long run; None when some grow for ever."""
        counts = [each.count for each in self.steady]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def steady_bytes(self) -> int | None:
        """Their size together; None when some grow for ever."""
        sizes = [each.size_bytes for each in self.steady]
        return None if None in sizes else sum(size or 0 for size in sizes)


def preview(facts: Facts, *, days: int) -> Preview:
    """Play the prunes of today and of the next days.

    Args:
        facts: What a prune of this moment would go by: the real project's, or ``imagined`` ones.
        days: How many days after today, 0 to ``LONGEST``.
    """
    sizes = {
        index.name: _newest_size(facts.inventory, index.name)
        for index in facts.indexes
        if _policy(facts, index)
    }
    steady = tuple(
        _steady(index.name, policy, sizes[index.name], facts.time.scheduled_at)
        for index in facts.indexes
        if (policy := _policy(facts, index))
    )
    shown = tuple(_days(replace(facts, baseline=None), sizes, days))
    ended = ""
    if len(shown) <= days:
        ended = (
            f"The preview ends after {len(shown) - 1} of {days} days: what is made on the next "
            f"one would make it plan about more than {MOST_WORK:,} backups"
        )
    return Preview(shown, steady, ended)


def imagined(
    document: PolicyDocument,
    project: str,
    history: Iterable[PastBackup],
    *,
    indexes: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> Facts:
    """The facts of a project that exists in thought only.

    Args:
        document: Any valid policy document.
        project: A project that it names.
        history: Its good backups, all made by policies.
        indexes: The active indexes with their tags; without backups, or with some of ``history``.
        now: The moment of the first prune, aware.
    """
    inventory = _with(
        Inventory({}, {}),
        [
            _entry(past.index_name, past.backup_id, past.created_at, past.size_bytes)
            for past in history
        ],
    )
    active = [
        Index(name=name, kind=IndexKind.SERVERLESS, state="Ready", ready=True, tags=tags)
        for name, tags in sorted(indexes.items())
    ]
    return Facts(project, inventory, active, document, "", RunTime(now, now))


def _steady(index_name: str, policy: Policy, size: int, now: datetime) -> Steady:
    count = steady_count(policy, now)
    return Steady(index_name, policy.name, count, None if count is None else count * size)


def _days(facts: Facts, sizes: Mapping[str, int], days: int) -> Iterator[PreviewDay]:
    """Today and the days after, each with what the one before left, while the work is bounded."""
    created = 0
    left = MOST_WORK
    for number in range(days + 1):
        plan = make_plan(facts)
        to_go = {item.backup_id for item in plan.to_go}
        yield PreviewDay(
            at=facts.time.scheduled_at,
            created=created,
            kept=tuple(
                item for item in plan.items if item.action in (Action.KEEP, Action.LEAVE_ALONE)
            ),
            deleted=plan.to_go,
            waits=(plan.stopped,) if plan.stopped else plan.waits_because,
        )
        if number < days:
            coming = list(islice(_coming(facts), max(left, 0) + 1))
            left -= len(facts.inventory.entries) + len(coming)
            if left < 0:
                return
            deleted = to_go | {
                i.backup_id for i in plan.items if i.action is Action.DELETION_PENDING
            }
            facts, created = _next_day(facts, deleted, coming, sizes), len(coming)


def _coming(facts: Facts) -> Iterator[tuple[str, datetime]]:
    """The index and the slot of every backup that is made until the next day."""
    before = facts.time.scheduled_at
    for index in facts.indexes:
        policy = _policy(facts, index)
        if policy and policy.cron:
            for slot in slots_between(policy.cron, policy.zone, before, before + _DAY):
                yield index.name, slot


def _next_day(
    facts: Facts,
    deleted: set[str],
    coming: Iterable[tuple[str, datetime]],
    sizes: Mapping[str, int],
) -> Facts:
    """The facts a day later."""
    after = facts.time.scheduled_at + _DAY
    created = [
        _entry(name, f"{name}-{slot:%Y%m%dt%H%M}z", slot, sizes[name]) for name, slot in coming
    ]
    inventory = _with(_without(facts.inventory, deleted), _of_active(created, facts))
    return replace(facts, inventory=inventory, time=RunTime(after, after))


def _policy(facts: Facts, index: Index) -> Policy | None:
    """By what the index is backed up; by nothing where Pinecone cannot do it."""
    if index.unsupported:
        return None
    return facts.document.assigned(facts.project, index.name, index.tags).policy


def _of_active(entries: Iterable[Entry], facts: Facts) -> Iterator[Entry]:
    """The entries as backups of the incarnation that is active now (rule I1)."""
    ids = {
        incarnation.index_name: incarnation.index_id
        for incarnation in facts.inventory.incarnations.values()
        if incarnation.deleted_at is None
    } | {name: index_id for name, index_id in facts.active.items() if index_id}
    for entry in entries:
        name = entry.backup.index_name
        yield replace(entry, backup=replace(entry.backup, index_id=ids.get(name, name)))


def _entry(index_name: str, backup_id: str, at: datetime, size_bytes: int) -> Entry:
    """A good backup that a policy made; its incarnation has the index's name for an id."""
    marker = Marker(_NOBODY, _NOBODY, at, _NOBODY, 1)
    backup = Backup(
        backup_id=backup_id,
        index_name=index_name,
        index_id=index_name,
        status=Status.READY,
        status_text="Ready",
        created_at=at,
        name=marker.name_for(index_name),
        description=str(marker),
        size_bytes=size_bytes,
    )
    return Entry(backup, Origin.OURS, Worth.GOOD, at, marker)


def _with(inventory: Inventory, entries: Iterable[Entry]) -> Inventory:
    """The inventory with more backups of active indexes in it."""
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


def _without(inventory: Inventory, deleted: set[str]) -> Inventory:
    return replace(
        inventory,
        entries={
            backup_id: entry
            for backup_id, entry in inventory.entries.items()
            if backup_id not in deleted
        },
        incarnations={
            index_id: replace(
                incarnation,
                entries=[
                    entry for entry in incarnation.entries if entry.backup.backup_id not in deleted
                ],
            )
            for index_id, incarnation in inventory.incarnations.items()
        },
    )


def _newest_size(inventory: Inventory, index_name: str) -> int:
    """The size of an index's newest backup that has one."""
    sizes = (
        entry.backup.size_bytes
        for incarnation in inventory.incarnations.values()
        if incarnation.index_name == index_name
        for entry in incarnation.entries
        if entry.backup.size_bytes
    )
    return next(sizes, 0)


def _size(items: Iterable[PlanItem]) -> int:
    return sum(item.size_bytes or 0 for item in items)
