"""What a policy document would keep and delete: today, on each of the next days, in the long run.

Every day is played by ``rules.projection``, with as many prunes as the deployment's schedule has.
What waits for a person stays, unless the preview is asked to assume that somebody approves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pinecone_backup.model import Index, IndexKind, RunTime
from pinecone_backup.rules.inventory import Inventory, Worth, take_inventory
from pinecone_backup.rules.plan import Action, PlanItem
from pinecone_backup.rules.plan_facts import Facts
from pinecone_backup.rules.projection import (
    Assumptions,
    entry_of,
    newest_size,
    policy_of,
    projected,
    quota_of,
    with_entries,
)
from pinecone_backup.rules.slots import jitter, slots_between
from pinecone_backup.rules.steady import steady_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pinecone_backup.model import Backup
    from pinecone_backup.reasons import Reason
    from pinecone_backup.records import BackupRecord
    from pinecone_backup.rules.policy import Policy, PolicyDocument
    from pinecone_backup.rules.projection import Step

LONGEST = 366
"""So many days ahead a preview can look."""
MOST_WORK = 150_000
"""So many backups are planned about, all prunes together; a preview that comes to more ends early.
"""
NEXT_SLOTS = 3
"""So many of an index's next slots are shown."""

_DAY = timedelta(days=1)
_USUAL = Assumptions()


@dataclass(frozen=True, slots=True)
class PastBackup:
    """A good backup of a history that the caller supplies. ``created_at`` is aware."""

    backup_id: str
    index_name: str
    created_at: datetime
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PreviewDay:
    """One day and its prunes: those after the day before, up to the one at ``at``.

    Attributes:
        at: When its last prune runs, UTC: a whole number of days after the preview's moment.
        created: How many backups were made since the day before.
        expired: How many native backups expired since then, by Pinecone's own schedules.
        refused: How many slots found the quota used up since then.
        kept: What the last prune keeps, with the reasons: by index, newest first. Backups that
            no policy decides about are among them.
        deleted: What the day's prunes delete, with the reasons.
        waiting: What the last prune would delete, and what stays all the same: it waits for a
            person, or the deployment's mode does not allow it.
        waits: Why a person would have to approve of it first (rules D2, D3 and D7), or empty.
    """

    at: datetime
    created: int
    expired: int
    refused: int
    kept: tuple[PlanItem, ...]
    deleted: tuple[PlanItem, ...]
    waiting: tuple[PlanItem, ...]
    waits: tuple[Reason, ...]

    @property
    def left(self) -> tuple[PlanItem, ...]:
        """What there is when the day's last prune is done."""
        return (*self.kept, *self.waiting)

    @property
    def count(self) -> int:
        """Backups left when the day's last prune is done."""
        return len(self.kept) + len(self.waiting)

    @property
    def size_bytes(self) -> int:
        """Their size together, as far as sizes are known."""
        return sum(item.size_bytes or 0 for item in self.left)


@dataclass(frozen=True, slots=True)
class Steady:
    """What an index comes to hold when its policy goes on for ever.

    Attributes:
        native: Whether Pinecone's own schedule makes and expires its backups.
        count: Backups that policy keeps then; None when their number does not settle.
        size_bytes: Their size, if each is as large as the newest one is now; None likewise.
        next_slots: The next slots, UTC; none for a native schedule, which picks its own hours.
    """

    index_name: str
    policy: str
    native: bool
    count: int | None
    size_bytes: int | None
    next_slots: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyNeed:
    """What the indexes of one policy come to hold together; None when they grow for ever."""

    policy: str
    native: bool
    indexes: int
    count: int | None

    def __str__(self) -> str:
        """What they need, as a part of a sentence."""
        one = self.indexes == 1
        who = f"{self.indexes:,} {'index' if one else 'indexes'} of policy {self.policy}"
        if self.native:
            who += " (native schedule)"
        if self.count is None:
            return f"{who} {'grows' if one else 'grow'} for ever"
        return f"{who} {'needs' if one else 'need'} {self.count:,}"


@dataclass(frozen=True, slots=True)
class QuotaVerdict:
    """How the quota ends, all policies together.

    Attributes:
        quota: What the project may hold; None where the document does not name it.
        used: Backups that count against it today.
        others: Of these, what no policy decides about; it is taken to stay.
        needs: What each policy comes to, the most first.
        reached_at: The prune before which the quota was first used up within the preview, UTC.
        refused: Slots that found it used up within the preview.
        pruning: Whether anything was pruned in the preview; the long run takes it for granted.
    """

    quota: int | None
    used: int
    others: int
    needs: tuple[PolicyNeed, ...]
    reached_at: datetime | None
    refused: int
    pruning: bool = True

    @property
    def needed(self) -> int | None:
        """Backups in the long run; None when some policy's grow for ever."""
        counts = [need.count for need in self.needs]
        return None if None in counts else self.others + sum(count or 0 for count in counts)

    @property
    def fits(self) -> bool:
        """Whether the quota is enough, in the preview and in the long run."""
        enough = self.quota is None or (self.needed is not None and self.needed <= self.quota)
        return enough and not self.refused

    def __str__(self) -> str:
        """The verdict in sentences for people."""
        parts = [str(need) for need in self.needs]
        if self.others:
            parts.append(f"{self.others:,} {'is' if self.others == 1 else 'are'} no policy's")
        quota = "no quota" if self.quota is None else f"the quota of {self.quota:,}"
        needed = "more and more" if self.needed is None else f"{self.needed:,}"
        text = f"In the long run {needed} backups of {quota}"
        text += f": {'; '.join(parts)}." if parts else "."
        if self.refused:
            when = f" from {self.reached_at:%Y-%m-%d} on" if self.reached_at else ""
            unpruned = "" if self.pruning else ", with nothing pruned"
            slots = "1 slot finds" if self.refused == 1 else f"{self.refused:,} slots find"
            text += f" {slots} it used up{when}{unpruned}."
        return text


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer: ``days[0]`` is today; ``steady`` has one line for each index with a policy.

    Attributes:
        ended: Why fewer days are shown than were asked for, or empty.
    """

    days: tuple[PreviewDay, ...]
    steady: tuple[Steady, ...]
    quota: QuotaVerdict
    assumptions: Assumptions
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


@dataclass(frozen=True, slots=True)
class Changed:
    """A backup of today whose fate another document changes.

    Attributes:
        at: The day on which it goes by the one document and not by the other.
        waits: Whether that waits for a person, or is not allowed, until the end of the preview.
    """

    item: PlanItem
    at: datetime
    waits: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What another document changes, among the backups of today and within both previews.

    Attributes:
        goes: What only the new document wants deleted, by day, then by index, newest first.
        stays: What only the former document wants deleted.
        quota_before: How the quota ends by the former document.
        quota_after: How it ends by the new one.
    """

    goes: tuple[Changed, ...]
    stays: tuple[Changed, ...]
    quota_before: QuotaVerdict
    quota_after: QuotaVerdict


def preview(facts: Facts, *, days: int, assumptions: Assumptions = _USUAL) -> Preview:
    """Play the prunes of today and of the next days.

    Args:
        facts: What a prune of this moment would go by: the real project's, or ``imagined`` ones.
        days: How many days after today, 0 to ``LONGEST``.
        assumptions: What the deployment does; a day is a whole number of times ``every``.
    """
    steps = projected(facts, assumptions, most=MOST_WORK)
    per_day = max(1, round(_DAY / assumptions.every))
    played = list(islice(steps, 1 + days * per_day))
    shown = tuple(_days(played, per_day))
    governed = [(index, policy) for index in facts.indexes if (policy := policy_of(facts, index))]
    counts = {
        policy.name: steady_count(policy, facts.time.scheduled_at)
        for policy in {policy.name: policy for _, policy in governed}.values()
    }
    steady = tuple(_steady(facts, index, policy, counts[policy.name]) for index, policy in governed)
    ended = ""
    if len(shown) <= days:
        ended = (
            f"The preview ends after {len(shown) - 1} of {days} days: what is made on the next "
            f"one would make it plan about more than {MOST_WORK:,} backups"
        )
    return Preview(shown, steady, _quota(facts, steady, played, assumptions), assumptions, ended)


def difference(before: Preview, after: Preview) -> Difference:
    """What the document of ``after`` changes: two previews of the same facts but for it."""
    days = min(len(before.days), len(after.days))
    today = {item.backup_id for item in (*before.days[0].left, *before.days[0].deleted)}
    former, new = (_unwanted(each.days[:days], today) for each in (before, after))
    return Difference(
        goes=tuple(new[key] for key in new if key not in former),
        stays=tuple(former[key] for key in former if key not in new),
        quota_before=before.quota,
        quota_after=after.quota,
    )


def _unwanted(days: Sequence[PreviewDay], today: set[str]) -> dict[str, Changed]:
    """The backups of today that prunes delete or would, with the day on which they first would."""
    found: dict[str, Changed] = {}
    for day in days:
        for item in (*day.deleted, *day.waiting):
            known = found.get(item.backup_id)
            if item.backup_id in today:
                at = known.at if known else day.at
                found[item.backup_id] = Changed(item, at, waits=item in day.waiting)
    return found


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
    inventory = with_entries(
        Inventory({}, {}),
        [
            entry_of(past.index_name, past.backup_id, past.created_at, past.size_bytes)
            for past in history
        ],
    )
    return _facts(document, project, inventory, indexes, now)


def listed(
    document: PolicyDocument,
    project: str,
    rows: Sequence[Backup],
    records: Mapping[str, BackupRecord],
    *,
    owner: str,
    indexes: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> Facts:
    """The facts of a project of which only a listing is at hand.

    Args:
        document: Any valid policy document.
        project: A project that it names.
        rows: Its backups as Pinecone lists them.
        records: The verdicts that they are taken to have, by backup id.
        owner: The id of the deployment whose backups count as ours (rule I2).
        indexes: The active indexes with their tags.
        now: The moment of the first prune, aware.
    """
    inventory = take_inventory(rows, records=records, owner=owner, now=now)
    return _facts(document, project, inventory, indexes, now)


def _facts(
    document: PolicyDocument,
    project: str,
    inventory: Inventory,
    indexes: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> Facts:
    active = [
        Index(name=name, kind=IndexKind.SERVERLESS, state="Ready", ready=True, tags=tags)
        for name, tags in sorted(indexes.items())
    ]
    return Facts(project, inventory, active, document, "", RunTime(now, now))


def _steady(facts: Facts, index: Index, policy: Policy, count: int | None) -> Steady:
    now = facts.time.scheduled_at
    size = newest_size(facts.inventory, index.name)
    slots: tuple[datetime, ...] = ()
    if policy.cron is not None:
        delay = jitter(f"{facts.project}/{index.name}", policy.cron)
        # Looked for within ten years: a cron may never come to pass again.
        coming = slots_between(policy.cron, policy.zone, now - delay, now + 3660 * _DAY)
        slots = tuple(islice(coming, NEXT_SLOTS))
    return Steady(
        index.name,
        policy.name,
        policy.native_schedule is not None,
        count,
        None if count is None else count * size,
        slots,
    )


def _quota(
    facts: Facts, steady: Sequence[Steady], steps: Sequence[Step], assumptions: Assumptions
) -> QuotaVerdict:
    """How the quota ends, by the long run and by what was played."""
    indexes = Counter(each.policy for each in steady)
    counts: dict[str, int | None] = {}
    native = {each.policy: each.native for each in steady}
    for each in steady:
        before = counts.get(each.policy, 0)
        counts[each.policy] = None if before is None or each.count is None else before + each.count
    needs = sorted(
        (PolicyNeed(name, native[name], indexes[name], counts[name]) for name in indexes),
        key=lambda need: (need.count is not None, -(need.count or 0), need.policy),
    )
    governed = {each.index_name: each.native for each in steady}
    others = sum(
        entry.worth not in (Worth.PLANNED, Worth.DELETION_ACCEPTED)
        and not (
            entry.backup.index_name in governed
            and entry.backup.index_deleted_at is None
            and (entry.by_policy or (governed[entry.backup.index_name] and entry.schedule))
        )
        for entry in facts.inventory.entries.values()
    )
    refusals = [step for step in steps if step.refused]
    return QuotaVerdict(
        quota=quota_of(facts),
        used=sum(entry.worth is not Worth.PLANNED for entry in facts.inventory.entries.values()),
        others=others,
        needs=tuple(needs),
        reached_at=refusals[0].at if refusals else None,
        refused=sum(step.refused for step in refusals),
        pruning=assumptions.pruning,
    )


def _days(steps: Iterable[Step], per_day: int) -> Iterator[PreviewDay]:
    """The steps day by day; a day of which not all was played is left out."""
    some: list[Step] = []
    for number, step in enumerate(steps):
        some.append(step)
        if number % per_day:
            continue
        yield PreviewDay(
            at=step.at,
            created=sum(each.created for each in some),
            expired=sum(each.expired for each in some),
            refused=sum(each.refused for each in some),
            kept=tuple(
                item for item in step.plan.items if item.action in (Action.KEEP, Action.LEAVE_ALONE)
            ),
            deleted=tuple(item for each in some for item in each.deleted),
            waiting=step.waiting,
            waits=(step.plan.stopped,) if step.plan.stopped else step.plan.waits_because,
        )
        some.clear()
