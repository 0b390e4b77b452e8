"""When the quota will be reached, if the policies go on as they are.

The forecast plays the project forward by ``rules.projection``, week by week: every slot becomes a
good backup, and what a prune may not delete stays, waiting plans included. Of indexes that have
one policy, and backups of the same days, one is played for all. Where the quota is reached it
ends: nothing more can be created then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from pinecone_backup.rules.projection import Assumptions, counted_by, projected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import PruneMode
    from pinecone_backup.rules.inventory import Incarnation
    from pinecone_backup.rules.plan_facts import Facts

STEP = timedelta(days=7)
HORIZON = 26
"""Steps that are played forward: half a year."""

MOST_WORK = 80_000
"""So many backups are planned about; a forecast that comes to more ends with an earlier week."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many backups the project will hold.

    Attributes:
        points: ``(time, backups)``: now, and the end of each week, up to the one in which the
            quota is reached or the horizon ends.
        reached_at: About when the quota is reached; None when that is not within the horizon.
        pruning: Whether it assumes that backups are pruned.
        waiting: Backups that a prune wants deleted and that wait for approval at the end: they
            are counted as staying.
    """

    points: Sequence[tuple[datetime, int]]
    reached_at: datetime | None
    pruning: bool
    waiting: int = 0

    @property
    def steady(self) -> int:
        """How many backups there are at the end."""
        return self.points[-1][1]

    def explained(self) -> str:
        """The figures and what they rest on, in one sentence without its period."""
        if self.reached_at == self.points[0][0]:
            return "The quota is used up"
        assumption = (
            "with the retention of each policy applied"
            if self.pruning
            else "with nothing pruned, as is the case today"
        )
        played = len(self.points) - 1
        within = f"{_several(played, 'week')} ({_several(self.steady, 'backup')} then)"
        when = (
            f"the quota is reached about {self.reached_at:%Y-%m-%d}"
            if self.reached_at
            else f"the quota is not reached within {within}"
        )
        text = f"At the pace of the policies, {assumption}, {when}"
        if self.waiting:
            waiting = _several(self.waiting, "backup")
            text += f"; what waits for approval ({waiting}) is taken to stay"
        return text


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def forecast(facts: Facts, *, quota: int, mode: PruneMode) -> Forecast:
    """Play the policies forward from ``facts.time``.

    Args:
        facts: The project, as a prune of that time would see it.
        quota: What the project may hold.
        mode: What prunes may delete. Nobody is taken to approve of anything: a deployment that
            only plans deletions fills up.
    """
    assumptions = Assumptions(mode, every=STEP, most_made=quota)
    points = [(facts.time.scheduled_at, counted_by(facts.inventory).total())]
    played, times = _one_for_all(facts)
    waiting = 0
    for number, step in enumerate(projected(played, assumptions, most=MOST_WORK)):
        if assumptions.pruning:
            waiting = sum(times.get(item.index_name, 1) for item in step.waiting)
        if number:
            left = sum(count * times.get(name, 1) for name, count in step.left.items())
            points.append((step.at, left))
        if points[-1][1] >= quota or number == HORIZON:
            break
    return Forecast(points, _reached(points, quota), assumptions.pruning, waiting)


def _reached(points: Sequence[tuple[datetime, int]], quota: int) -> datetime | None:
    """When the line through the points first touches the quota."""
    if points[0][1] >= quota:
        return points[0][0]
    for (start, before), (end, after) in pairwise(points):
        if after >= quota:
            return start + (end - start) * ((quota - before) / (after - before))
    return None


def _one_for_all(facts: Facts) -> tuple[Facts, Mapping[str, int]]:
    """The facts with one of each kind of index, and how many of its kind there are, by its name.

    The limit of a run becomes smaller with what it is about.
    """
    inventory = facts.inventory
    incarnations: dict[str, list[Incarnation]] = defaultdict(list)
    for incarnation in inventory.incarnations.values():
        incarnations[incarnation.index_name].append(incarnation)
    times: Counter[str] = Counter()
    of_kind: dict[object, str] = {}
    policies, marked = facts.policies(), _marked(facts)
    for index in facts.indexes:
        policy, mine = policies[index.name], incarnations[index.name]
        kind: object = index.name
        alone = index.unsupported or index.name in marked or len(mine) > 1
        if policy is not None and not alone:
            kind = (policy.name, frozenset(index.tags.items()), *map(_days, mine))
        times[of_kind.setdefault(kind, index.name)] += 1
    dropped = {index.name for index in facts.indexes} - times.keys()
    if not dropped:
        return facts, times
    left = {
        key: entry
        for key, entry in inventory.entries.items()
        if entry.backup.index_name not in dropped
    }
    limits = facts.document.limits
    count = limits.per_run.count * len(times) // len(facts.indexes)
    per_run = limits.per_run.model_copy(update={"count": count})
    played = replace(
        facts,
        indexes=[index for index in facts.indexes if index.name not in dropped],
        inventory=replace(
            inventory,
            entries=left,
            incarnations={
                key: each
                for key, each in inventory.incarnations.items()
                if each.index_name not in dropped
            },
        ),
        document=facts.document.model_copy(
            update={"limits": limits.model_copy(update={"per_run": per_run})}
        ),
    )
    return played, times


def _marked(facts: Facts) -> frozenset[str]:
    """The indexes of which something is known that is not so of others of their kind."""
    ids = {hold.target for hold in facts.holds or ()} | set(facts.restoring or ())
    ids |= {item.backup_id for item in facts.unreadable}
    return frozenset(
        {hold.target for hold in facts.holds or ()}
        | {item.index_name for item in facts.unreadable}
        | {index.name for index in facts.indexes if index.source_backup_id}
        | {entry.backup.index_name for key in ids if (entry := facts.inventory.entries.get(key))}
        | {
            incarnation.index_name
            for key in facts.unlisted
            if (incarnation := facts.inventory.incarnations.get(key))
        }
    )


def _days(incarnation: Incarnation) -> object:
    """What a forecast tells backups of an index by: from which day they are, and their worth."""
    return (
        tuple(
            sorted(
                (
                    str(entry.retention_at and entry.retention_at.date()),
                    entry.worth,
                    entry.origin,
                    entry.by_policy,
                    str(entry.expires_at),
                )
                for entry in incarnation.entries
            )
        ),
        incarnation.frozen,
        incarnation.deleted_at is None,
    )
