"""Laws of the audit: evidence, order, namesakes, planned runs, the forecast, the page."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.model import PruneMode, Status
from pinecone_backup.records import Verdict
from pinecone_backup.report.model import Health
from pinecone_backup.report.page import WIDTH, render_page, timeline
from pinecone_backup.rules.audit_facts import Protection
from pinecone_backup.rules.controls import evaluate, looked_at
from pinecone_backup.rules.findings import Control, reconcile
from pinecone_backup.rules.forecast import forecast
from pinecone_backup.rules.inventory import NativeMark
from pinecone_backup.rules.policy import KeepRetention
from tests.support import previews
from tests.support.audits import (
    NOW,
    POLICY,
    ago,
    backup,
    index_facts,
    inventory,
    project_facts,
    record_of,
)
from tests.support.reports import report_of

if TYPE_CHECKING:
    from collections.abc import Set
    from datetime import datetime
    from random import Random

    from pinecone_backup.model import Backup
    from pinecone_backup.records import BackupRecord
    from pinecone_backup.rules.audit_facts import ProjectFacts

NAMES = ("docs", "notes", "shop")
AGES = st.integers(-10, 24 * 60).map(lambda hours: ago(hours=hours))


@st.composite
def rows(draw: st.DrawFn, names: tuple[str, ...] = NAMES) -> list[Backup]:
    """Backups of a few indexes and of their namesakes, with verdicts; ids are distinct."""
    found = []
    for number in range(draw(st.integers(0, 12))):
        name = draw(st.sampled_from(names))
        found.append(
            backup(
                f"b-{number:02}",
                at=draw(st.none() | AGES),
                status=draw(st.sampled_from(list(Status))),
                index=name,
                index_id=f"id-{name}" if draw(st.booleans()) else f"id-0-{name}",
                owner=draw(st.sampled_from(["stack-a", "stack-b", None])),
                records=draw(st.sampled_from([0, 10, None])),
            )
        )
    return found


def judged(found: list[Backup]) -> list[BackupRecord]:
    return [record_of(row, verdict=Verdict.GOOD) for row in found if row.status is Status.READY]


def project_of(
    found: list[Backup],
    *,
    blind: Set[str] = frozenset(),
    blind_schedules: Set[str] = frozenset(),
    names: tuple[str, ...] = NAMES,
) -> ProjectFacts:
    held = inventory(found, records=judged(found))
    return project_facts(
        held,
        *(
            index_facts(
                held,
                name=name,
                index_id=f"id-{name}",
                problem="503" if name in blind else "",
                schedules=None if name in blind_schedules else (),
            )
            for name in names
        ),
    )


@settings(max_examples=25)
@given(rows(), rows(), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_no_finding_of_an_index_resolves_without_complete_evidence(
    before: list[Backup], after: list[Backup], blind: set[str], deaf: set[str]
) -> None:
    """U1."""
    first, second = project_of(before), project_of(after, blind=blind, blind_schedules=deaf)
    known = reconcile(
        [], evaluate(first), project="main", evidence=looked_at(first), at=ago(hours=1)
    ).opened
    changes = reconcile(known, evaluate(second), project="main", evidence=looked_at(second), at=NOW)
    by_listing = {Control.OVERDUE, Control.FAILED, Control.STUCK, Control.EMPTY, Control.SHRUNK}
    resolved = {(f.control, f.subject) for f in changes.resolved}
    assert not {(c, s) for c, s in resolved if s in blind and c in by_listing}


@settings(max_examples=25)
@given(rows(), rows())
def test_with_complete_evidence_what_is_not_seen_any_more_resolves(
    before: list[Backup], after: list[Backup]
) -> None:
    """U1: the open findings after an audit are exactly what it observed."""
    first, second = project_of(before), project_of(after)
    known = reconcile(
        [], evaluate(first), project="main", evidence=looked_at(first), at=ago(hours=1)
    ).opened
    changes = reconcile(known, evaluate(second), project="main", evidence=looked_at(second), at=NOW)
    still_open = {(f.control, f.subject) for f in (*changes.opened, *changes.repeated)}
    assert still_open == {(o.control.value, o.subject) for o in evaluate(second)}
    assert not changes.unchanged


@settings(max_examples=25)
@given(rows(), st.randoms(use_true_random=False))
def test_the_order_of_a_listing_changes_no_finding(found: list[Backup], random: Random) -> None:
    """I4: the result is independent of the order."""
    shuffled = list(found)
    random.shuffle(shuffled)
    assert evaluate(project_of(shuffled)) == evaluate(project_of(found))


@settings(max_examples=25)
@given(rows(names=("docs",)))
def test_backups_of_a_namesake_never_protect(found: list[Backup]) -> None:
    """I1."""
    namesakes = [row for row in found if row.index_id != "id-docs"]
    alone = project_of(namesakes, names=("docs",))
    assert Control.OVERDUE in {seen.control for seen in evaluate(alone)}
    whole = project_of(found, names=("docs",)).indexes[0]
    without = project_of([r for r in found if r not in namesakes], names=("docs",)).indexes[0]
    assert whole.protection(NOW) is without.protection(NOW)


@given(rows(names=("docs",)))
def test_an_index_is_overdue_exactly_when_the_control_says_so(found: list[Backup]) -> None:
    """The report and the finding never disagree."""
    facts = project_of(found, names=("docs",))
    seen = {observation.control for observation in evaluate(facts)}
    stands = facts.indexes[0].protection(NOW)
    assert (Control.OVERDUE in seen) == (stands is Protection.OVERDUE)


@given(rows(names=("docs",)), st.integers(0, 26))
def test_a_fresh_good_backup_always_protects(found: list[Backup], hours: int) -> None:
    """Nothing else that is listed can take protection away."""
    fresh = backup("fresh", at=ago(hours=hours), index_id="id-docs")
    facts = project_of([*found, fresh], names=("docs",))
    assert facts.indexes[0].protection(NOW) is Protection.PROTECTED


@given(
    st.integers(1, 60 * 24),
    st.integers(1, 60 * 24),
    st.sampled_from([Status.UNDER_WAY, Status.PLANNED]),
)
def test_a_planned_native_run_is_never_stuck(
    planned_hours_ago: int, runs_in_hours: int, status: Status
) -> None:
    """G5."""
    row = backup(at=ago(hours=planned_hours_ago), status=status, owner=None, records=None)
    mark = {"b-1": NativeMark("nightly", NOW + timedelta(hours=runs_in_hours))}
    held = inventory([row], records=[], native=mark)
    facts = project_facts(held, index_facts(held, first_seen=NOW))
    assert evaluate(facts) == []
    assert facts.used == 0


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, 20), st.lists(AGES, max_size=20)), max_size=4),
    st.integers(1, 300),
    st.integers(0, 50),
)
def test_a_greater_quota_is_never_reached_sooner(
    tenants: list[tuple[int, list[datetime]]], quota: int, more: int
) -> None:
    """The forecast is monotone in the quota, and pruning never makes it fuller."""
    facts = previews.project_of(
        *(
            (POLICY.model_copy(update={"retention": KeepRetention(keep_daily=keep)}), held)
            for keep, held in tenants
        )
    )
    small, great = (
        forecast(facts, quota=limit, mode=PruneMode.ENFORCE) for limit in (quota, quota + more)
    )
    if great.reached_at is not None:
        assert small.reached_at is not None
        assert small.reached_at <= great.reached_at
    unpruned = forecast(facts, quota=quota, mode=PruneMode.DRY_RUN)
    assert all(
        kept <= grown for (_, kept), (_, grown) in zip(small.points, unpruned.points, strict=False)
    )


@given(rows(), st.sets(st.sampled_from(NAMES)))
def test_a_project_is_healthy_only_when_all_of_it_was_seen_and_nothing_is_wrong(
    found: list[Backup], blind: set[str]
) -> None:
    """U1: unknown is not healthy."""
    facts = project_of(found, blind=blind)
    report = report_of(facts)
    if report.health is Health.HEALTHY:
        assert not blind
        assert all(index.protection is Protection.PROTECTED for index in report.indexes)


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag not in {"meta", "br", "input"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@settings(max_examples=25)
@given(rows(), st.text(max_size=80))
def test_no_text_breaks_the_page(found: list[Backup], text: str) -> None:
    """Whatever people call their things, the page stays well formed and runs its own script."""
    facts = project_of(found)
    report = report_of(facts)
    report = report.model_copy(
        update={
            "project": text,
            "headline": text,
            "indexes": tuple(
                index.model_copy(update={"name": f"{text}{n}"})
                for n, index in enumerate(report.indexes)
            ),
            "findings": tuple(
                line.model_copy(update={"title": text, "diagnosis": text})
                for line in report.findings
            ),
        }
    )
    reader = _Balance()
    reader.feed(render_page(report, b"{}"))
    reader.close()
    assert reader.open == []
    assert reader.tags["script"] <= 1


@settings(max_examples=25)
@given(rows(names=("docs",)))
def test_every_mark_lies_inside_its_picture(found: list[Backup]) -> None:
    (index,) = report_of(project_of(found, names=("docs",))).indexes
    line = timeline(index, NOW)
    assert len(line.marks) == sum(point.at is not None for point in index.backups)
    assert all(line.left < mark.x <= WIDTH - 8 for mark in line.marks)
    assert all(0 < mark.y < line.height for mark in line.marks)
