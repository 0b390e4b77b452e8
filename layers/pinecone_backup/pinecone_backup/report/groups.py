"""What the page shows together: indexes of one state, findings of one kind, deletions of one run.

A page of three hundred indexes answers as fast as one of three: what needs somebody is open, the
rest is folded, and nothing is said three hundred times.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from pinecone_backup.rules.audit_facts import Protection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.model import Severity
    from pinecone_backup.report.model import DeletionLine, FindingLine, IndexReport, Report

FEW = 12
"""Up to so many indexes, or rows of a table, are shown unfolded."""
TOGETHER = 3
"""From so many on, findings of one kind are shown as one."""
NAMED = 3
"""So many subjects of a kind are named before "and 9 more"."""
MOST_RUNS, MOST_ROWS = 40, 12
"""So many runs with deletions are shown, each with so many of its deletions."""

_CALM = (Protection.PROTECTED, Protection.OPTED_OUT, Protection.UNSUPPORTED)
"""States that need nobody at three in the morning."""


@dataclass(frozen=True, slots=True)
class IndexGroup:
    """The indexes of one state, by name; ``open`` when it is shown unfolded."""

    protection: Protection
    indexes: Sequence[IndexReport]
    open: bool


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one control and severity.

    Attributes:
        title: One finding's own; of several, how many there are and of what kind.
        subjects: Of several, the first ones in words.
        action: What to do, when it is the same for all of several; else empty.
    """

    key: str
    severity: Severity
    title: str
    subjects: str
    action: str
    items: Sequence[FindingLine]
    new: int


@dataclass(frozen=True, slots=True)
class DeletionGroup:
    """The deletions of one run.

    Attributes:
        at: When the first of them was decided, UTC.
        by: Who caused them, in words.
        outcome: How many are in which state, in words.
        reasons: Why, when it is the same for all; else empty.
        rows: Those that are shown: what did not succeed first, then by index.
    """

    at: datetime
    run_id: str
    by: str
    approved_by: str
    outcome: str
    reasons: str
    count: int
    size_bytes: int
    rows: Sequence[DeletionLine]
    open: bool


def index_groups(report: Report) -> Sequence[IndexGroup]:
    """By state, worst first, as the report has them; in a long report the calm ones are folded."""
    few = len(report.indexes) <= FEW
    return [
        IndexGroup(protection, list(indexes), few or protection not in _CALM)
        for protection, indexes in groupby(report.indexes, lambda index: index.protection)
    ]


def finding_groups(
    findings: Sequence[FindingLine], indexes: Sequence[IndexReport]
) -> Sequence[FindingGroup]:
    """Findings of one kind together, in the order of each kind's first."""
    kinds: dict[tuple[str, Severity], list[FindingLine]] = {}
    for finding in findings:
        kinds.setdefault((finding.control, finding.severity), []).append(finding)
    names = {index.name for index in indexes}
    groups: list[FindingGroup] = []
    for items in kinds.values():
        if len(items) < TOGETHER:
            groups += [_alone(item) for item in items]
        else:
            groups.append(_together(items, names))
    return groups


def _alone(item: FindingLine) -> FindingGroup:
    return FindingGroup(
        key=f"f-{item.finding_id}",
        severity=item.severity,
        title=item.title,
        subjects="",
        action=item.action,
        items=[item],
        new=int(item.new),
    )


def _together(items: Sequence[FindingLine], names: set[str]) -> FindingGroup:
    first = items[0]
    subjects = sorted({item.subject for item in items})
    of_indexes = names.issuperset(subjects)
    count = len(subjects) if of_indexes else len(items)
    shown = ", ".join(subjects[:NAMED]) if of_indexes else ""
    more = f" and {count - NAMED:,} more" if shown and count > NAMED else ""
    return FindingGroup(
        key=f"k-{first.control}-{first.severity}",
        severity=first.severity,
        title=f"{count:,} {'indexes' if of_indexes else 'findings'}: "
        + first.control.replace("-", " "),
        subjects=shown + more,
        action=first.action if len({item.action for item in items}) == 1 else "",
        items=sorted(items, key=lambda item: item.subject),
        new=sum(item.new for item in items),
    )


def deletion_groups(deletions: Sequence[DeletionLine]) -> Sequence[DeletionGroup]:
    """By run, the last run first."""
    runs: dict[tuple[str, str], list[DeletionLine]] = {}
    for line in deletions:
        runs.setdefault((line.run_id, line.actor), []).append(line)
    groups = [_run(lines) for lines in runs.values()]
    return sorted(groups, key=lambda group: group.at, reverse=True)


def _run(lines: Sequence[DeletionLine]) -> DeletionGroup:
    first = lines[0]
    reasons = {line.reasons for line in lines}
    states = Counter(line.state for line in lines)
    rows = sorted(lines, key=lambda line: (line.state.accepted, line.index, line.at))
    return DeletionGroup(
        at=min(line.at for line in lines),
        run_id=first.run_id,
        by=who(first.actor),
        approved_by=", ".join(sorted({line.approved_by for line in lines if line.approved_by})),
        outcome=", ".join(f"{count:,} {state}" for state, count in states.most_common()),
        reasons=", ".join(first.reasons) if len(reasons) == 1 else "",
        count=len(lines),
        size_bytes=sum(line.size_bytes or 0 for line in lines),
        rows=rows[:MOST_ROWS],
        open=len(lines) <= TOGETHER,
    )


def who(actor: str) -> str:
    """Who caused something, as people say it."""
    if not actor:
        return "outside this deployment"
    kind, _, account = actor.partition(":")
    if kind == "bus" and account:
        return f"an event of account {account}"
    return actor
