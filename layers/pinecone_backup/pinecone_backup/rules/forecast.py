"""When the quota will be reached, if the policies go on as they are.

The forecast plays the project forward by ``rules.projection``, week by week: every slot becomes a
good backup, and what a prune may not delete stays, waiting plans included. Where the quota is
reached it ends: nothing more can be created then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from pinecone_backup.rules.projection import Assumptions, projected, used_by

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.model import PruneMode
    from pinecone_backup.rules.plan_facts import Facts

STEP = timedelta(days=7)
HORIZON = 26
"""Steps that are played forward: half a year."""

MOST_WORK = 60_000
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
        weeks = f"{played} week{'' if played == 1 else 's'}"
        when = (
            f"the quota is reached about {self.reached_at:%Y-%m-%d}"
            if self.reached_at
            else f"the quota is not reached within {weeks} ({self.steady} backups then)"
        )
        text = f"At the pace of the policies, {assumption}, {when}"
        if self.waiting:
            text += f"; what waits for approval ({self.waiting} backups) is taken to stay"
        return text


def forecast(facts: Facts, *, quota: int, mode: PruneMode) -> Forecast:
    """Play the policies forward from ``facts.time``.

    Args:
        facts: The project, as a prune of that time would see it.
        quota: What the project may hold.
        mode: What prunes may delete. Nobody is taken to approve of anything: a deployment that
            only plans deletions fills up.
    """
    assumptions = Assumptions(mode, every=STEP, most_made=quota)
    points = [(facts.time.scheduled_at, used_by(facts.inventory))]
    waiting = 0
    for number, step in enumerate(projected(facts, assumptions, most=MOST_WORK)):
        waiting = len(step.waiting) if assumptions.pruning else 0
        if number:
            points.append((step.at, step.used))
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
