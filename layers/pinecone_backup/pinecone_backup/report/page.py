"""The report as one self-contained page: text, inline styles and inline pictures.

Geometry is worked out here, in the units of each picture's view box; ``page.html.j2`` only
places it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from math import log1p
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pinecone_backup.figures import span
from pinecone_backup.model import Severity
from pinecone_backup.reasons import PERIODS
from pinecone_backup.report.groups import (
    FEW,
    MOST_RUNS,
    deletion_groups,
    finding_groups,
    index_groups,
)
from pinecone_backup.report.html import ICONS, TONES, day, render, seconds, time
from pinecone_backup.rules.audit_facts import Protection
from pinecone_backup.rules.controls import QUOTA_ALARMS, QUOTA_WARNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinecone_backup.report.model import BackupPoint, IndexReport, QuotaReport, Report

WIDTH = 300
"""Of every picture, so that one unit is about a pixel on a phone."""
_PICTURES = 24
"""So many indexes are pictured, the worst first; the backups of the others are told in words."""
_LABELS = 52
"""What lane names take of it, on the left."""
_LANE = 15
_TICKS = (
    (timedelta(days=1), "1 d"),
    (timedelta(days=3), "3 d"),
    (timedelta(days=7), "1 w"),
    (timedelta(days=30), "1 m"),
    (timedelta(days=91), "3 m"),
    (timedelta(days=365), "1 y"),
    (timedelta(days=3 * 365), "3 y"),
)
_TICK_ROOM = 24
_NEAR = timedelta(hours=12)
"""Ages up to this are drawn to scale; older ones closer and closer together."""
_MARKS = {"good": "dot", "suspect": "diamond", "failed": "cross", "unjudged": "ring"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One backup in a picture; ``mark`` is its shape, ``tone`` its class, ``title`` its story."""

    x: float
    y: float
    mark: str
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, with its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The backups of an index by age: now is on the right.

    Attributes:
        lanes: One per retention tier, the coarsest on top.
        limit: Where ``max_age`` lies; None without a policy.
        summary: The picture in words.
    """

    height: float
    left: float
    lanes: Sequence[Tick]
    ticks: Sequence[Tick]
    marks: Sequence[Mark]
    limit: float | None
    summary: str


@dataclass(frozen=True, slots=True)
class Gauge:
    """A bar: how much is used, and where the limits lie, in percent of its length."""

    filled: float
    limits: Sequence[Tick]
    tone: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The forecast: a line of points, the height of the quota, and where the two meet."""

    line: str
    area: str
    quota_y: float
    ticks: Sequence[Tick]
    meets: Tick | None
    now: Tick
    end: Tick
    summary: str


def render_page(report: Report, json_body: bytes) -> str:
    """The page of a report.

    Args:
        report: What to show.
        json_body: The report's JSON as it is stored; the page states its digest.
    """
    zone = _zone(report)
    pictured = [index for index in report.indexes if index.policy or index.backups]
    deletions = deletion_groups(report.deletions)
    serious = [f for f in report.findings if f.severity is not Severity.INFO]
    notes = [f for f in report.findings if f.severity is Severity.INFO]
    return render(
        "page.html.j2",
        report=report,
        width=WIDTH,
        few=FEW,
        pictures=_PICTURES,
        digest=sha256(json_body).hexdigest(),
        icon=ICONS[report.health],
        zone=zone,
        local_time=report.at.astimezone(ZoneInfo(zone)),
        serious=finding_groups(serious, report.indexes),
        serious_count=len(serious),
        notes=finding_groups(notes, report.indexes),
        note_count=len(notes),
        groups=index_groups(report),
        longest=_longest_without(report),
        pictured=pictured,
        pictured_names={index.name for index in pictured},
        timelines={index.name: timeline(index, report.at) for index in pictured},
        ages={index.name: age_gauge(index) for index in pictured},
        quota=quota_gauge(report.quota) if report.quota else None,
        curve=curve(report.quota) if report.quota else None,
        deletions=deletions[:MOST_RUNS],
        runs_left=len(deletions[MOST_RUNS:]),
    )


def _longest_without(report: Report) -> IndexReport | None:
    """The index under a policy that is longest without a good backup, as the totals count it."""
    most = report.totals.newest_good_age_max_seconds if report.totals else None
    return next(
        (
            index
            for index in report.indexes
            if index.max_age_seconds is not None
            and index.protection is not Protection.UNKNOWN
            and index.age_seconds == most
        ),
        None,
    )


# Pictures


def timeline(index: IndexReport, now: datetime) -> Timeline:
    """The picture of an index's backups."""
    dated = [(point, point.at) for point in index.backups if point.at is not None]
    ages = [max(now - at, timedelta()) for _, at in dated]
    limit = None if index.max_age_seconds is None else timedelta(seconds=index.max_age_seconds)
    longest = max([*ages, limit or _NEAR, timedelta(days=2)]) * 1.15
    lanes = [tier for tier in reversed(PERIODS) if any(point.tier == tier for point, _ in dated)]
    if not lanes or any(not point.tier for point, _ in dated):
        lanes.append("")
    marks = [
        Mark(
            x=_x(age, longest),
            y=_lane_y(lanes.index(point.tier)),
            mark=_MARKS.get(point.worth, "ring"),
            tone=_tone_of(point),
            title=_story(point, at, age),
        )
        for (point, at), age in zip(dated, ages, strict=True)
    ]
    return Timeline(
        height=_lane_y(len(lanes)) + 8,
        left=_LABELS,
        lanes=[
            Tick(_lane_y(n), lane or ("other" if len(lanes) > 1 else "backups"))
            for n, lane in enumerate(lanes)
        ],
        ticks=list(_age_ticks(longest)),
        marks=sorted(marks, key=lambda mark: mark.tone == "bad"),
        limit=None if limit is None else _x(limit, longest),
        summary=_in_words(index, ages),
    )


def _x(age: timedelta, longest: timedelta) -> float:
    """Where an age lies: recent ones have more room, as they matter more."""
    share = log1p(age / _NEAR) / log1p(longest / _NEAR)
    return round(WIDTH - 8 - share * (WIDTH - _LABELS - 16), 1)


def _lane_y(lane: int) -> float:
    return 10 + lane * _LANE


def _age_ticks(longest: timedelta) -> Iterator[Tick]:
    yield Tick(WIDTH - 8, "now")
    last: float = WIDTH - 8
    for age, label in _TICKS:
        x = _x(age, longest)
        if age < longest and last - x >= _TICK_ROOM:
            last = x
            yield Tick(x, label)


def _tone_of(point: BackupPoint) -> str:
    if point.worth in ("failed", "suspect"):
        return "bad" if point.worth == "failed" else "warn"
    if point.worth != "good":
        return "calm"
    return "going" if point.goes else "held" if point.held else "good"


def _story(point: BackupPoint, at: datetime, age: timedelta) -> str:
    origin = "by hand" if point.by_hand else point.origin
    parts = [f"{time(at)}, {span(age)} ago", f"{point.worth}, {origin}".replace("_", " ")]
    if point.record_count is not None:
        parts.append(f"{point.record_count:,} records")
    if point.by_hand:
        until = f"until {time(point.expires_at)}" if point.expires_at else "for ever"
        parts.append(f"kept {until}")
    if point.held:
        parts.append("held")
    if point.goes:
        parts.append("goes at the next prune")
    parts += [", ".join(point.reasons)] if point.reasons else []
    return f"{point.name or point.backup_id}: " + "; ".join(parts)


def _in_words(index: IndexReport, ages: Sequence[timedelta]) -> str:
    if not ages:
        return f"{index.name} has no backup."
    tiers = Counter(point.tier for point in index.backups if point.tier)
    kept = ", ".join(f"{tiers[tier]} {tier}" for tier in PERIODS if tiers[tier])
    gap = max((later - sooner for sooner, later in pairwise(sorted(ages))), default=timedelta())
    return (
        f"{len(ages)} backups of {index.name}, the newest {span(min(ages))} old, the oldest "
        f"{span(max(ages))}"
        + (f"; kept as {kept}" if kept else "")
        + (f"; the longest gap is {span(gap)}." if gap else ".")
    )


def age_gauge(index: IndexReport) -> Gauge | None:
    """The age of the newest good backup against ``max_age``."""
    if index.max_age_seconds is None:
        return None
    whole = max(index.age_seconds, index.max_age_seconds) * 1.12
    limit = Tick(round(100 * index.max_age_seconds / whole, 1), seconds(index.max_age_seconds))
    return Gauge(round(100 * index.age_seconds / whole, 1), [limit], TONES[index.protection])


def quota_gauge(quota: QuotaReport) -> Gauge:
    """How much of the quota is used."""
    tone = "bad" if quota.percent >= QUOTA_ALARMS else "good"
    if QUOTA_WARNS <= quota.percent < QUOTA_ALARMS:
        tone = "warn"
    limits = [Tick(QUOTA_WARNS, f"{QUOTA_WARNS} %"), Tick(QUOTA_ALARMS, f"{QUOTA_ALARMS} %")]
    return Gauge(min(quota.percent, 100.0), limits, tone)


_CURVE_HEIGHT, _CURVE_TOP = 96, 14


def curve(quota: QuotaReport) -> Curve:
    """The forecast of the quota."""
    first, last = quota.points[0], quota.points[-1]
    most = max(quota.limit, *(point.backups for point in quota.points)) * 1.05

    def x(at: datetime) -> float:
        whole = (last.at - first.at) or timedelta(1)
        return round(8 + (at - first.at) / whole * (WIDTH - 16), 1)

    def y(count: float) -> float:
        return round(_CURVE_HEIGHT - count / most * (_CURVE_HEIGHT - _CURVE_TOP), 1)

    line = " ".join(f"{x(point.at)},{y(point.backups)}" for point in quota.points)
    meets = None
    if quota.reached_at is not None:
        meets = Tick(x(quota.reached_at), day(quota.reached_at))
    return Curve(
        line=line,
        area=f"{x(first.at)},{_CURVE_HEIGHT} {line} {x(last.at)},{_CURVE_HEIGHT}",
        quota_y=y(quota.limit),
        ticks=[Tick(x(point.at), f"{point.at:%b %Y}") for point in quota.points[:: 26 // 2]],
        meets=meets,
        now=Tick(_beside(y(first.backups)), f"{first.backups} now"),
        end=Tick(_beside(y(last.backups)), str(last.backups)),
        summary=quota.explained,
    )


def _beside(y: float) -> float:
    """Where a figure stands clear of the line at ``y``: below it while there is room."""
    return y + 14 if y < _CURVE_HEIGHT - 18 else y - 10


# Words


def _zone(report: Report) -> str:
    """The zone that most policies of the report are cut in."""
    zones = Counter(index.timezone for index in report.indexes)
    return zones.most_common(1)[0][0] if zones else "UTC"
