"""When the quota will be reached, if the policies go on as they are.

The forecast plays the policies forward, week by week: every slot becomes a good backup, and what
the retention and the floor do not keep goes. Whatever no policy governs stays as it is. Where the
quota is reached it ends: nothing more can be created then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from pinecone_backup.rules.policy import Frequency
from pinecone_backup.rules.retention import keep
from pinecone_backup.rules.slots import slots_between

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.rules.policy import Policy

STEP = timedelta(days=7)
HORIZON = 26
"""Steps that are played forward: half a year."""

INTERVALS: dict[str, timedelta] = {
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(days=7),
    Frequency.MONTHLY: timedelta(days=31),
}
"""The longest time between two runs of a native schedule."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One index in the forecast.

    Attributes:
        held: When its backups that the policy governs were taken; UTC.
    """

    policy: Policy
    held: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many backups the project will hold.

    Attributes:
        points: ``(time, backups)``: now, and the end of each week, up to the one in which the
            quota is reached or the horizon ends.
        reached_at: About when the quota is reached; None when that is not within the horizon.
        pruning: Whether it assumes that backups are pruned.
    """

    points: Sequence[tuple[datetime, int]]
    reached_at: datetime | None
    pruning: bool

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
        when = (
            f"the quota is reached about {self.reached_at:%Y-%m-%d}"
            if self.reached_at
            else f"the quota is not reached within {HORIZON} weeks ({self.steady} backups then)"
        )
        return f"At the pace of the policies, {assumption}, {when}"


def forecast(
    tenants: Sequence[Tenant], *, used: int, quota: int, now: datetime, pruning: bool
) -> Forecast:
    """Play the policies forward from ``now``.

    Args:
        tenants: The indexes with a policy.
        used: Backups that count against the quota today, those of ``tenants`` among them.
        quota: What the project may hold.
        now: Aware.
        pruning: Whether what retention does not keep is really deleted; a deployment that only
            plans deletions fills up.
    """
    policies = {tenant.policy.name: tenant.policy for tenant in tenants}
    held = [list(tenant.held) for tenant in tenants]
    others = used - sum(map(len, held))
    points = [(now, used)]
    for step in range(HORIZON):
        start, end = now + step * STEP, now + (step + 1) * STEP
        coming = {name: _coming(policy, start, end, now) for name, policy in policies.items()}
        held = [
            _left(tenant.policy, [*times, *coming[tenant.policy.name]], end, pruning=pruning)
            for tenant, times in zip(tenants, held, strict=True)
        ]
        points.append((end, others + sum(map(len, held))))
        if points[-1][1] >= quota:
            break
    return Forecast(points, _reached(points, quota), pruning)


def _coming(policy: Policy, start: datetime, end: datetime, now: datetime) -> list[datetime]:
    """When a policy makes backups after ``start``, up to ``end``; native runs count from now."""
    if policy.cron is not None:
        return list(slots_between(policy.cron, policy.zone, start, end))
    if policy.native_schedule is None:  # the policy document allows no such policy
        return []
    interval = INTERVALS[policy.native_schedule.frequency]
    numbers = range((start - now) // interval + 1, (end - now) // interval + 1)
    return [now + number * interval for number in numbers]


def _left(policy: Policy, times: list[datetime], end: datetime, *, pruning: bool) -> list[datetime]:
    """What is left at ``end`` of the backups that were taken at ``times``."""
    if policy.native_schedule is not None:
        expiry = timedelta(days=policy.native_schedule.expire_after_days)
        return [time for time in times if end - time < expiry]
    if not pruning:
        return times
    rows = list(enumerate(sorted(times, reverse=True)))
    kept = keep([(str(n), time) for n, time in rows], policy.retention, policy.zone, end)
    return [time for n, time in rows if str(n) in kept or n < policy.floor]


def _reached(points: Sequence[tuple[datetime, int]], quota: int) -> datetime | None:
    """When the line through the points first touches the quota."""
    if points[0][1] >= quota:
        return points[0][0]
    for (start, before), (end, after) in pairwise(points):
        if after >= quota:
            return start + (end - start) * ((quota - before) / (after - before))
    return None
