"""What is valid in a policy document and probably not meant.

An error makes a document worth nothing; a warning stops nothing. It says what will come of the
document as it is written, and what to change.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pinecone_backup.figures import span
from pinecone_backup.model import Depth
from pinecone_backup.rules.pauses import begins
from pinecone_backup.rules.policy import OPT_OUT, POLICY_TAG, ExpiryRetention
from pinecone_backup.rules.protection import allowance
from pinecone_backup.rules.slots import longest_gap, shortest_interval, skipped_day
from pinecone_backup.rules.steady import INTERVALS, PRUNE_EVERY, excesses, steady_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from pinecone_backup.model import Index
    from pinecone_backup.rules.policy import Assignment, Policy, PolicyDocument

CREATE_TICK = timedelta(minutes=15)
"""How often the template lets create runs start, unless its parameter says otherwise."""
QUICKEST = timedelta(hours=1)
"""Large backups take minutes; one that is called stuck sooner than this may be well."""

MOST_PLAYED_TOGETHER = 10_000
"""Prunes are played forward for the first policies of a document that hold so many in all."""

_COUNTS = ("keep_weekly", "keep_monthly", "keep_yearly")
_WINDOWS = ("keep_within_weekly", "keep_within_monthly", "keep_within_yearly")
_BRACKETS = re.compile(r"\[!?\]?[^\]]*\]")


class WarningCode(StrEnum):
    """What a warning is about."""

    SHADOWED_ASSIGNMENT = "shadowed-assignment"
    UNREACHABLE_POLICY = "unreachable-policy"
    MAX_AGE_BELOW_GAP = "max-age-below-gap"
    RETENTION_BELOW_GAP = "retention-below-gap"
    CRON_BELOW_TICK = "cron-below-tick"
    BEYOND_QUOTA = "beyond-quota"
    BEYOND_LIMITS = "beyond-limits"
    STUCK_TOO_SOON = "stuck-too-soon"
    SKIPPED_DAY = "skipped-day"
    PAUSE_OVER = "pause-over"
    COUNTS_ONLY = "counts-only"
    TEST_TOO_SHORT = "test-too-short"


@dataclass(frozen=True, slots=True)
class PolicyWarning:
    """One thing that is probably not meant.

    Attributes:
        path: Where in the document, as in an error: ``policies.0.max_age``.
        parameters: JSON-ready figures and names.
        sentence: What will come of it.
        action: What to change.
    """

    code: WarningCode
    path: str
    parameters: Mapping[str, str | int]
    sentence: str
    action: str


@dataclass(frozen=True, slots=True)
class KnownProject:
    """What is known of a project for which a document is meant."""

    name: str
    indexes: Sequence[Index]


def warnings(
    document: PolicyDocument, *, now: datetime, known: KnownProject | None = None
) -> list[PolicyWarning]:
    """Everything that is valid in a document and probably not meant.

    Args:
        document: Any valid document.
        now: Aware; slots and the long run are counted from here.
        known: A project with its indexes: what concerns quotas and tags is said for it.
    """
    shadows = _shadows(document.assignments)
    found = [*_shadowed(document, shadows), *_unreachable(document, shadows, known)]
    counts: dict[str, int | None] = {}
    together = 0
    for number, policy in enumerate(document.policies):
        path = f"policies.{number}"
        found += _of_schedule(policy, path, now)
        count = counts[policy.name] = steady_count(policy, now)
        together += count or 0
        found += _of_long_run(
            document, policy, count, path, now, play=together <= MOST_PLAYED_TOGETHER
        )
        found += _of_pause(policy.paused_until, policy, path, now)
        found += _of_restore_test(policy, f"{path}.restore_test")
    for number, assignment in enumerate(document.assignments):
        assigned = document.policy(assignment.policy)
        if assigned is not None:
            found += _of_pause(assignment.paused_until, assigned, f"assignments.{number}", now)
    if known is not None:
        found += _of_quota(document, known, counts)
    return found


# Who gets which policy


def _shadows(assignments: Sequence[Assignment]) -> dict[int, int]:
    """The assignments that never decide anything, each with the earlier one that does."""
    shadows = {}
    for number, assignment in enumerate(assignments):
        earlier = (
            n for n in range(number) if n not in shadows and _covers(assignments[n], assignment)
        )
        first = next(earlier, None)
        if first is not None:
            shadows[number] = first
    return shadows


def _covers(wide: Assignment, narrow: Assignment) -> bool:
    """Whether every index that the one speaks of, the other does as well."""
    return (
        wide.project in (None, narrow.project)
        and _glob_covers(wide.index, narrow.index)
        and all(
            key in narrow.tags and _glob_covers(glob, narrow.tags[key])
            for key, glob in wide.tags.items()
        )
    )


def _glob_covers(wide: str | None, narrow: str | None) -> bool:
    """Whether whatever matches one glob matches another; False where that is not plain to see.

    Where only stars are wild in ``wide``, they have to take in what is wild in ``narrow``.
    """
    if wide is None or set(wide) == {"*"} or wide == narrow:
        return True
    if narrow is None or set(wide) & set("?[]"):
        return False
    return fnmatchcase(_BRACKETS.sub("?", narrow), wide)


def _shadowed(document: PolicyDocument, shadows: Mapping[int, int]) -> Iterator[PolicyWarning]:
    for number, first in shadows.items():
        yield PolicyWarning(
            WarningCode.SHADOWED_ASSIGNMENT,
            f"assignments.{number}",
            {"policy": document.assignments[number].policy, "by": f"assignments.{first}"},
            f"assignments.{first} comes first and matches every index that this one matches, so "
            "this one never decides.",
            "Put the narrower assignment first, or remove it.",
        )


def _unreachable(
    document: PolicyDocument, shadows: Mapping[int, int], known: KnownProject | None
) -> Iterator[PolicyWarning]:
    """Policies to which no assignment leads, and no tag of a known index either."""
    reached = {
        assignment.policy
        for number, assignment in enumerate(document.assignments)
        if number not in shadows
    }
    if known is not None:
        reached |= {index.tags.get(POLICY_TAG, OPT_OUT) for index in known.indexes}
    for number, policy in enumerate(document.policies):
        if policy.name in reached:
            continue
        rest = f"no index of project {known.name} has that tag" if known else "nothing else does"
        yield PolicyWarning(
            WarningCode.UNREACHABLE_POLICY,
            f"policies.{number}",
            {"policy": policy.name},
            f"No assignment leads to policy {policy.name}; the index tag "
            f"{POLICY_TAG}={policy.name} would, and {rest}.",
            "Add an assignment, tag the indexes that are meant, or remove the policy.",
        )


# When backups are made


def _of_schedule(policy: Policy, path: str, now: datetime) -> Iterator[PolicyWarning]:
    if policy.stuck_after < QUICKEST:
        yield PolicyWarning(
            WarningCode.STUCK_TOO_SOON,
            f"{path}.stuck_after",
            {"policy": policy.name, "stuck_after": span(policy.stuck_after)},
            f"A backup that has been under way for {span(policy.stuck_after)} is called stuck and "
            "made again; large ones take longer than that.",
            f"Give {span(QUICKEST)} or more.",
        )
    gap = _gap(policy, now)
    if policy.max_age <= gap:
        yield PolicyWarning(
            WarningCode.MAX_AGE_BELOW_GAP,
            f"{path}.max_age",
            {"policy": policy.name, "max_age": span(policy.max_age), "gap": span(gap)},
            f"Two backups are up to {span(gap)} apart, and after {span(policy.max_age)} the "
            "index is overdue: it will be every time.",
            f"Give more than {span(gap)}, and the time that a backup takes, or make backups more "
            "often.",
        )
    if policy.cron is None:
        return
    reach = _reach(policy, now)
    if reach is not None and reach <= gap:
        yield PolicyWarning(
            WarningCode.RETENTION_BELOW_GAP,
            f"{path}.retention",
            {"policy": policy.name, "reach": span(reach), "gap": span(gap), "floor": policy.floor},
            f"The retention reaches back {span(reach)}, and two backups are up to {span(gap)} "
            f"apart: it is the floor of {policy.floor} that keeps them.",
            "Keep for longer, keep a number of backups, or make them more often.",
        )
    shortest = shortest_interval(policy.cron)
    if shortest < CREATE_TICK:
        yield PolicyWarning(
            WarningCode.CRON_BELOW_TICK,
            f"{path}.cron",
            {"policy": policy.name, "interval": span(shortest), "tick": span(CREATE_TICK)},
            f"Slots follow each other after {span(shortest)}, and create runs start every "
            f"{span(CREATE_TICK)}: of several slots only the latest gets a backup.",
            f"Let {span(CREATE_TICK)} or more lie between two slots, or let create runs start "
            "more often (parameter CreateSchedule).",
        )
    skipped = skipped_day(policy.cron, policy.zone, now)
    if skipped is not None:
        yield PolicyWarning(
            WarningCode.SKIPPED_DAY,
            f"{path}.cron",
            {"policy": policy.name, "timezone": policy.timezone, "day": skipped.isoformat()},
            f"On {skipped.isoformat()} the clocks of {policy.timezone} skip every slot of the "
            "day, because an hour field that begins with * names no fixed time.",
            "Write the hour as a number: a fixed time that is skipped runs after the gap.",
        )


def _gap(policy: Policy, now: datetime) -> timedelta:
    """The longest time between two backups of the policy."""
    if policy.cron is not None:
        return longest_gap(policy.cron, policy.zone, now.year)
    request = policy.native_schedule
    return INTERVALS[request.frequency] if request else timedelta()


def _reach(policy: Policy, now: datetime) -> timedelta | None:
    """How far back a retention reaches that goes by time alone; None where a count keeps."""
    retention = policy.retention
    if isinstance(retention, ExpiryRetention):
        days = retention.expire_after_days
        return timedelta(days=days) if days and retention.min_count == 1 else None
    values = [value for _, value in retention if value]
    if any(isinstance(value, int) for value in values):
        return None
    edges = [edge for value in values if (edge := value.before(now, policy.zone))]
    return now - min(edges, default=now)


def _of_pause(
    day: date | None, policy: Policy, path: str, now: datetime
) -> Iterator[PolicyWarning]:
    if day is not None and begins(day, policy.zone) <= now:
        yield PolicyWarning(
            WarningCode.PAUSE_OVER,
            f"{path}.paused_until",
            {"policy": policy.name, "paused_until": day.isoformat()},
            f"The pause until {day.isoformat()} is over and pauses nothing.",
            "Remove it, or give a day to come.",
        )


def _of_restore_test(policy: Policy, path: str) -> Iterator[PolicyWarning]:
    test = policy.restore_test
    if test is None:
        return
    if policy.cron is None and test.depth is not Depth.COUNTS:
        yield PolicyWarning(
            WarningCode.COUNTS_ONLY,
            f"{path}.depth",
            {"policy": policy.name, "depth": test.depth.value},
            "What a backup should contain is noted while this product creates it; Pinecone's own "
            "schedule creates these, so that their restore tests compare counts only.",
            "Use cron instead of native_schedule, or write counts here.",
        )
    if test.timeout < QUICKEST:
        yield PolicyWarning(
            WarningCode.TEST_TOO_SHORT,
            f"{path}.timeout",
            {"policy": policy.name, "timeout": span(test.timeout)},
            f"A restore test that has taken {span(test.timeout)} has timed out; restores of large "
            "indexes take hours.",
            f"Give {span(QUICKEST)} or more.",
        )


# What it comes to


def _of_long_run(
    document: PolicyDocument,
    policy: Policy,
    count: int | None,
    path: str,
    now: datetime,
    *,
    play: bool,
) -> Iterator[PolicyWarning]:
    quota = max(project.quota for project in document.projects)
    if count is None and _grows_slowly(policy, now):
        return
    if count is None or count > quota:
        many = "more backups than can be counted" if count is None else f"{count:,} backups"
        yield PolicyWarning(
            WarningCode.BEYOND_QUOTA,
            f"{path}.retention",
            {"policy": policy.name, "count": count or "unbounded", "quota": quota},
            f"In the long run one index of policy {policy.name} holds {many}, and the quota is "
            f"{quota:,}: when it is used up, no backup can be created any more.",
            "Keep fewer, or make backups less often.",
        )
        return
    played = list(excesses(policy, now, every=PRUNE_EVERY)) if play else []
    whose = {"per_index": "", "per_run": ", in a project whose indexes all follow this policy"}
    for setting, limit in document.limits:
        beyond = [
            (excess, allowed)
            for excess, ready in played
            if excess > (allowed := max(1, allowance(limit, ready)))
        ]
        if beyond:
            excess, allowed = max(beyond)
            yield PolicyWarning(
                WarningCode.BEYOND_LIMITS,
                f"{path}.retention",
                {
                    "policy": policy.name,
                    "excess": excess,
                    "allowed": allowed,
                    "setting": f"limits.{setting}",
                },
                f"In the long run a prune comes to delete {excess} backups of an index more than "
                f"were made since the one before, where limits.{setting} allows {allowed}"
                f"{whose[setting]}: it waits for an approval each time.",
                f"Raise limits.{setting}, or let the retention thin out more evenly.",
            )


def _grows_slowly(policy: Policy, now: datetime) -> bool:
    """Whether a count that does not settle is due to one backup a week, month or year alone."""
    if isinstance(policy.retention, ExpiryRetention):
        return False
    rest = policy.retention.model_copy(update=dict.fromkeys(_COUNTS, 0) | dict.fromkeys(_WINDOWS))
    return steady_count(policy.model_copy(update={"retention": rest}), now) is not None


def _of_quota(
    document: PolicyDocument, known: KnownProject, steady: Mapping[str, int | None]
) -> Iterator[PolicyWarning]:
    """All indexes of a known project together, against its quota."""
    counts: Counter[str] = Counter()
    for index in known.indexes:
        policy = document.assigned(known.name, index.name, index.tags).policy
        if policy is not None and not index.unsupported:
            counts[policy.name] += 1
    each = {name: steady[name] or 0 for name in counts}
    needed = sum(number * each[name] for name, number in counts.items())
    for number, project in enumerate(document.projects):
        if project.name != known.name or needed <= project.quota:
            continue
        most, indexes = max(counts.items(), key=lambda item: (item[1] * each[item[0]], item[0]))
        yield PolicyWarning(
            WarningCode.BEYOND_QUOTA,
            f"projects.{number}.quota",
            {
                "project": project.name,
                "count": needed,
                "quota": project.quota,
                "policy": most,
                "indexes": indexes,
            },
            f"In the long run the indexes of project {project.name} hold {needed:,} backups, and "
            f"the quota is {project.quota:,}; {indexes * each[most]:,} are of the {indexes} "
            f"{'index' if indexes == 1 else 'indexes'} of policy {most}.",
            "Keep fewer, make backups less often, or have Pinecone raise the quota and write it "
            "here.",
        )
