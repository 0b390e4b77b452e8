"""The page: safe, self-contained, well formed, legible."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import Status
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import DeletionRecord, DeletionState, Verdict
from pinecone_backup.report.build import build_unknown_report
from pinecone_backup.report.model import Gap
from pinecone_backup.report.page import WIDTH, age_gauge, curve, quota_gauge, render_page, timeline
from pinecone_backup.rules.forecast import Forecast
from pinecone_backup.rules.policy import AssignedBy
from tests.support.audits import (
    EMPTY,
    NOW,
    POLICY,
    ago,
    backup,
    hold,
    index_facts,
    inventory,
    project_facts,
    record_of,
    schedule,
)
from tests.support.pages import HOSTILE, read, words_of
from tests.support.reports import material, report_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup
    from pinecone_backup.records import BackupRecord
    from pinecone_backup.report.model import IndexReport, Report
    from pinecone_backup.report.page import Curve


def page_of(report: Report) -> str:
    return render_page(report, report.to_json())


def rich_report(name: str = "docs", **changes: Any) -> Report:
    """A report in which every section has something to show."""
    rows = [backup(f"b-{n}", at=ago(days=n), index=name) for n in range(2, 40)]
    rows += [
        backup("s-1", at=ago(hours=9), index=name, records=3),
        backup("f-1", at=ago(hours=8), index=name, status=Status.FAILED, records=None),
        backup("u-1", at=ago(hours=7), index=name, status=Status.UNDER_WAY, records=None),
        backup("n-1", at=None, index=name, owner=None, name=name),
        backup("o-1", at=ago(days=9), index="old", index_id="id-old", deleted_at=ago(days=2)),
        backup("e-1", at=ago(days=90), index=name, index_id="id-0"),
    ]
    records = [record_of(row) for row in rows if row.status is Status.READY]
    records = [
        record_of(row, verdict=Verdict.SUSPECT, reason=EMPTY) if row.backup_id == "s-1" else record
        for row, record in zip(
            [row for row in rows if row.status is Status.READY], records, strict=True
        )
    ]
    held = inventory(rows, records=records)
    facts = project_facts(
        held,
        index_facts(held, name=name, schedules=[schedule(name=name)], previous_ids=("id-0",)),
        index_facts(name="bare", policy=None),
        index_facts(name="opted", policy=None, by=AssignedBy.OPT_OUT),
        index_facts(name="blind", problem=name),
        quota=45,
        coming=Forecast([(NOW, 43), (NOW + timedelta(days=7), 50)], ago(days=-3), pruning=True),
        holds=[hold("b-2", reason=name, placed_by=name), hold("b-3", expires_at=ago(days=1))],
    )
    deletion = DeletionRecord(
        "g-1",
        name,
        "id-0",
        DeletionState.ACCEPTED,
        ago(days=1),
        "run-1",
        name,
        reasons=(Reason.of(ReasonKind.ASKED_FOR, actor=name, reason=name),),
    )
    return report_of(
        facts, deletions=[deletion], gaps=[Gap(subject="blind", reason=name)], **changes
    )


def report_many(count: int, *, late: int = 0, deletions: Sequence[DeletionRecord] = ()) -> Report:
    """A report of so many indexes with fourteen backups each, of which some are overdue."""
    names = [f"index-{n:03}" for n in range(count)]
    rows = [
        backup(
            f"3f0c9a52-7d1e-4b8a-9c55-{n:06}{age:06}",
            at=ago(days=age + (3 if n < late else 0), hours=3),
            index=name,
            index_id=f"id-{name}",
        )
        for n, name in enumerate(names)
        for age in range(14)
    ]
    held = inventory(rows)
    facts = [index_facts(held, name=name, index_id=f"id-{name}") for name in names]
    return report_of(project_facts(held, *facts, quota=20 * count), deletions=deletions)


def deleted(backup_id: str, **changes: Any) -> DeletionRecord:
    """A backup of sixty days that a prune deleted yesterday."""
    record = DeletionRecord(
        backup_id,
        "docs",
        "id-docs",
        DeletionState.DELETED,
        ago(days=1),
        "prune-1",
        "schedule",
        created_at=ago(days=61),
        size_bytes=2_000_000,
        good_left="b-good",
        good_left_at=ago(days=2),
    )
    return replace(record, **changes)


def test_a_page_is_well_formed() -> None:
    reader = read(page_of(rich_report()))
    assert {"main", "header", "svg", "table", "article"} <= set(reader.tags)
    assert len(reader.ids) == len(set(reader.ids))


def test_the_smallest_page_is_well_formed() -> None:
    read(page_of(report_of(project_facts())))
    read(page_of(build_unknown_report(material(), "401")))


def test_a_page_needs_nothing_from_outside() -> None:
    """Self-contained: no address, nothing to fetch."""
    page = page_of(rich_report())
    reader = read(page)
    names = {name for name, _ in reader.attributes}
    assert not names & {"src", "srcset", "action", "data", "background", "poster", "xlink:href"}
    assert not [name for name in names if name.startswith("on")]
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(reader.tags)
    links = [value for name, value in reader.attributes if name == "href"]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"https?:|//|@import|url\(", page)


def test_links_within_the_page_lead_somewhere() -> None:
    reader = read(page_of(rich_report()))
    links = {value[1:] for name, value in reader.attributes if name == "href"}
    assert links <= set(reader.ids)


def test_the_page_forbids_itself_everything_but_its_styles_and_its_one_script() -> None:
    page = page_of(report_of(project_facts()))
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'\"" in page


def test_the_script_writes_text_and_never_markup() -> None:
    page = page_of(report_of(project_facts()))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|eval|document\.write", page)


def test_everything_can_be_read_without_the_script() -> None:
    """What only the script can do is hidden until it runs."""
    page = page_of(report_many(30))
    assert re.search(r'<div class="tools" id="tools" hidden>', page)
    assert page[: page.index("<script>")].count(" hidden>") == 1


def test_what_comes_from_outside_is_shown_and_never_run() -> None:
    """Escaping: names, descriptions, reasons, owners, problems."""
    page = page_of(rich_report(HOSTILE))
    reader = read(page)
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert HOSTILE in "".join(reader.text)
    plain = read(page_of(rich_report()))
    assert reader.tags == plain.tags


def test_an_unreadable_project_shows_its_reason_escaped() -> None:
    page = page_of(build_unknown_report(material(), HOSTILE))
    reader = read(page)
    assert reader.tags.count("script") == 1
    assert "Nobody knows." in page


def test_the_two_questions_are_answered_before_anything_else() -> None:
    page = page_of(rich_report())
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert headings[:3] == ["Is anything wrong?", "What do I restore from?", "Findings"]
    assert headings[-1] == "Proof"
    assert page.index("failing</div>") < page.index("<h2")


def test_a_healthy_page_says_no() -> None:
    held = inventory([backup(at=ago(hours=1))])
    page = page_of(report_of(project_facts(held, index_facts(held))))
    assert "No. Everything was looked at" in page


def test_incomplete_evidence_is_never_a_plain_no() -> None:
    """U1."""
    held = inventory([backup(at=ago(hours=1))])
    facts = project_facts(held, index_facts(held))
    page = page_of(report_of(facts, gaps=[Gap(subject="docs", reason="schedules: 403")]))
    assert "Everything was looked at" not in page
    assert "not everything could be seen" in page
    assert "Incomplete evidence" in page


def test_the_page_states_the_digest_of_its_json() -> None:
    report = report_of(project_facts())
    body = report.to_json()
    assert sha256(body).hexdigest() in render_page(report, body)


def test_the_time_is_told_in_utc_and_in_the_zone_of_the_policies() -> None:
    """T3."""
    berlin = POLICY.model_copy(update={"timezone": "Europe/Berlin"})
    held = inventory([backup(at=ago(hours=1))])
    page = page_of(report_of(project_facts(held, index_facts(held, policy=berlin))))
    assert "22 Nov 2026, 12:00 UTC" in page
    assert "22 Nov 2026, 13:00 Europe/Berlin" in page


def test_colour_is_never_alone() -> None:
    """Every pill says its word, and every picture has words."""
    page = page_of(rich_report())
    assert re.findall(r'<span class="pill \w+">([^<]*)</span>', page)
    assert "" not in re.findall(r'<span class="pill \w+">([^<]*)</span>', page)
    pictures = re.findall(r"<svg[^>]*>", page)
    assert all('aria-label="' in svg or 'aria-hidden="true"' in svg for svg in pictures)


def luminance(colour: str) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[n : n + 2], 16) / 255) for n in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_stands_out_from_its_ground_in_both_schemes(scheme: int) -> None:
    """WCAG AA: 4.5 to 1."""
    page = page_of(report_of(project_facts()))
    blocks = re.findall(r":root \{([^}]*)\}", page)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    pairs = [(text, ground) for text in ("ink", "soft") for ground in ("page", "card")]
    pairs += [(tone, f"{tone}-bg") for tone in ("good", "warn", "bad", "info", "calm")]
    pairs += [("ink", f"{tone}-bg") for tone in ("good", "warn", "bad")]
    for text, ground in pairs:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


# Pictures


def indexed(*rows: Backup, records: list[BackupRecord] | None = None, **facts: Any) -> IndexReport:
    held = inventory(rows, records=records)
    (index,) = report_of(project_facts(held, index_facts(held, **facts))).indexes
    return index


def test_a_timeline_runs_to_now_on_the_right_and_older_is_further_left() -> None:
    rows = [backup(f"b-{n:03}", at=ago(days=n)) for n in range(0, 200, 3)]
    marks = timeline(indexed(*rows), NOW).marks
    xs = [mark.x for mark in marks]
    assert xs == sorted(xs, reverse=True)
    assert len(set(xs)) > len(rows) * 0.8
    assert all(52 <= x <= WIDTH - 8 for x in xs)
    assert xs[0] == WIDTH - 8


def test_recent_days_have_more_room() -> None:
    line = timeline(indexed(*(backup(f"b-{n}", at=ago(days=n)) for n in (0, 1, 100, 101))), NOW)
    zero, one, hundred, more = (mark.x for mark in line.marks)
    assert zero - one > 10 * (hundred - more)


def test_lanes_are_the_tiers_from_coarse_to_fine() -> None:
    rows = [backup(f"b-{n:03}", at=ago(days=n)) for n in range(40)]
    line = timeline(indexed(*rows), NOW)
    assert [lane.label for lane in line.lanes] == ["weekly", "daily", "other"]
    assert line.height > line.lanes[-1].at


def test_an_index_without_tiers_has_one_lane() -> None:
    line = timeline(indexed(backup(at=ago(hours=1), owner=None)), NOW)
    assert [lane.label for lane in line.lanes] == ["backups"]


def test_the_dashed_line_is_max_age() -> None:
    line = timeline(indexed(backup(at=NOW - POLICY.max_age)), NOW)
    assert line.limit == line.marks[0].x
    assert timeline(indexed(policy=None), NOW).limit is None


def test_each_worth_has_its_own_shape() -> None:
    rows = [
        backup("good", at=ago(days=2)),
        backup("bad", at=ago(hours=9), records=1),
        backup("failed", at=ago(hours=8), status=Status.FAILED, records=None),
        backup("running", at=ago(hours=7), status=Status.UNDER_WAY, records=None),
    ]
    records = [record_of(rows[0]), record_of(rows[1], verdict=Verdict.SUSPECT)]
    marks = timeline(indexed(*rows, records=records), NOW).marks
    shapes = {mark.title.split(":")[0]: (mark.mark, mark.tone) for mark in marks}
    assert sorted(shapes.values()) == [
        ("cross", "bad"),
        ("diamond", "warn"),
        ("dot", "good"),
        ("ring", "calm"),
    ]


def test_a_mark_tells_its_story() -> None:
    (mark,) = timeline(indexed(backup(at=ago(hours=3))), NOW).marks
    assert "22 Nov 2026, 09:00 UTC, 3 hours ago; good, ours; 1,000 records" in mark.title
    assert "daily snapshot" in mark.title


def test_a_mark_says_that_a_backup_was_made_by_hand() -> None:
    (mark,) = timeline(indexed(backup(at=ago(hours=3), policy=None)), NOW).marks
    assert "3 hours ago; good, by hand; 1,000 records" in mark.title


def test_what_goes_at_the_next_prune_is_told_apart() -> None:
    rows = [backup(f"b-{n:03}", at=ago(days=n)) for n in range(40)]
    marks = timeline(indexed(*rows), NOW).marks
    going = [mark for mark in marks if mark.tone == "going"]
    assert going
    assert all("goes at the next prune" in mark.title for mark in going)


def test_a_backup_ahead_of_the_clock_lies_at_now() -> None:
    """T2."""
    (mark,) = timeline(indexed(backup(at=NOW + timedelta(hours=9))), NOW).marks
    assert mark.x == WIDTH - 8


def test_a_timeline_says_in_words_what_it_shows() -> None:
    rows = [backup("a", at=ago(days=1)), backup("b", at=ago(days=9))]
    words = timeline(indexed(*rows), NOW).summary
    assert "2 backups of docs, the newest 1 day old, the oldest 9 days" in words
    assert "kept as 2 daily" in words
    assert "the longest gap is 8 days" in words
    assert timeline(indexed(), NOW).summary == "docs has no backup."


def test_the_age_bar_passes_its_limit_only_when_overdue() -> None:
    late, fine = indexed(backup(at=ago(days=3))), indexed(backup(at=ago(hours=3)))
    bar = age_gauge(late)
    assert bar is not None
    assert bar.filled > bar.limits[0].at
    assert bar.tone == "bad"
    bar = age_gauge(fine)
    assert bar is not None
    assert bar.filled < bar.limits[0].at
    assert bar.tone == "good"
    assert age_gauge(indexed(policy=None)) is None


@pytest.mark.parametrize(
    ("used", "tone"), [(79, "good"), (80, "warn"), (94, "warn"), (95, "bad"), (130, "bad")]
)
def test_the_quota_bar_changes_its_tone_with_the_limits(used: int, tone: str) -> None:
    rows = [backup(f"b-{n}", at=ago(hours=n)) for n in range(used)]
    quota = report_of(project_facts(inventory(rows), quota=100), findings=[]).quota
    assert quota is not None
    bar = quota_gauge(quota)
    assert bar.tone == tone
    assert bar.filled == min(used, 100)


def curve_of(
    points: list[tuple[datetime, int]], reached: datetime | None, limit: int = 100
) -> Curve:
    coming = Forecast(points, reached, pruning=True)
    quota = report_of(project_facts(quota=limit, coming=coming)).quota
    assert quota is not None
    return curve(quota)


def test_the_curve_meets_the_quota_where_the_forecast_does() -> None:
    end = NOW + timedelta(days=100)
    picture = curve_of([(NOW, 50), (end, 150)], NOW + timedelta(days=50))
    assert picture.meets is not None
    assert picture.meets.at == WIDTH / 2
    assert picture.meets.label == "11 Jan 2027"
    (_, first_y), (_, last_y) = (map(float, point.split(",")) for point in picture.line.split(" "))
    assert last_y < picture.quota_y < first_y


def test_a_quota_that_is_not_reached_lies_above_the_curve() -> None:
    picture = curve_of([(NOW, 1), (NOW + timedelta(days=100), 20)], None)
    assert picture.meets is None
    ys = [float(point.split(",")[1]) for point in picture.line.split(" ")]
    assert picture.quota_y < min(ys)


def test_a_forecast_of_one_point_is_drawn_too() -> None:
    assert curve_of([(NOW, 1)], None).line.startswith("8")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (56_500_000_000, "56.5 GB"), (2e15, "2,000 TB")],
)
def test_sizes_are_told_in_round_units(size: float, text: str) -> None:
    rows = [backup(at=ago(hours=1))]
    held = inventory(rows)
    report = report_of(project_facts(held, index_facts(held)))
    assert report.totals is not None
    totals = report.totals.model_copy(update={"size_bytes": int(size)})
    page = page_of(report.model_copy(update={"totals": totals}))
    assert f"of 1 · {text}</span>" in page


def test_a_page_of_a_thousand_backups_stays_small() -> None:
    rows = [backup(f"b-{n:04}", at=ago(hours=n)) for n in range(1000)]
    held = inventory(rows)
    page = page_of(report_of(project_facts(held, index_facts(held), quota=2000)))
    assert len(page) < 600_000


# At any size


def test_every_column_of_the_restore_points_has_its_width_and_on_a_phone_its_label() -> None:
    page = page_of(report_many(3))
    table = page.partition('<table class="restore">')[2].partition("</thead>")[0]
    columns = range(1, table.count("<th ") + 1)
    widths = [re.search(rf"\.restore th:nth-child\({n}\) {{ width: (\d+)%", page) for n in columns]
    assert sum(int(width[1]) for width in widths if width) == 100
    assert all(widths)
    for n in columns[3:]:
        assert f".restore td:nth-child({n})::before" in page


@pytest.mark.parametrize("late", [0, 12, 150])
def test_a_page_of_three_hundred_indexes_stays_small(late: int) -> None:
    runs = [deleted(f"g-{run}-{n}", run_id=f"prune-{run}") for run in range(7) for n in range(300)]
    assert len(page_of(report_many(300, late=late, deletions=runs)).encode()) < 500_000


def test_indexes_stand_by_state_worst_first_and_then_by_name() -> None:
    page = page_of(report_many(20, late=2))
    states = re.findall(r'<details class="group rows print" data-state="(\w+)"', page)
    assert states == ["overdue", "protected"]
    names = re.findall(r'<td class="who"><a href="#i-([\w-]+)">', page)
    assert names == sorted(names)


def test_of_many_indexes_only_those_that_need_somebody_are_unfolded() -> None:
    page = page_of(report_many(20, late=2))
    assert 'data-state="overdue" open>' in page
    assert 'data-state="protected">' in page


def test_few_indexes_are_all_unfolded() -> None:
    assert 'data-state="protected" open>' in page_of(report_many(3))


def test_every_index_has_an_anchor_with_a_picture_or_without() -> None:
    ids = read(page_of(rich_report())).ids
    assert {"i-docs", "i-bare", "i-opted", "i-blind"} <= set(ids)
    assert len([name for name in read(page_of(report_many(60))).ids if name[:2] == "i-"]) == 60


def test_what_is_not_pictured_is_told_in_words() -> None:
    page = page_of(report_many(60))
    assert page.count("14 backups of index-") == 60
    assert page.count("<svg") < 40


def test_findings_of_one_kind_are_shown_as_one() -> None:
    page = page_of(report_many(20, late=5))
    assert page.count('href="#k-overdue-critical"') == 1
    assert "5 indexes: overdue" in page
    assert "index-000, index-001, index-002 and 2 more" in page
    assert page.count("What to do:") == 1


def test_two_findings_of_a_kind_keep_their_own_titles() -> None:
    page = page_of(report_many(20, late=2))
    assert "2 indexes: overdue" not in page
    assert "index-000: newest good backup" in page


def test_findings_that_are_not_of_indexes_are_counted_as_findings() -> None:
    rows = [
        backup(f"o-{n}", at=ago(days=9), index=f"x-{n}", index_id=f"id-{n}", deleted_at=ago(days=2))
        for n in range(4)
    ]
    assert "4 findings: orphan" in page_of(report_of(project_facts(inventory(rows))))


def test_each_finding_of_a_kind_keeps_its_anchor() -> None:
    report = report_many(20, late=5)
    ids = read(page_of(report)).ids
    assert {f"f-{finding.finding_id}" for finding in report.findings} <= set(ids)


def test_the_longest_time_without_a_good_backup_names_its_index() -> None:
    text = words_of(page_of(report_many(3, late=1)))
    assert "Longest without a good backup 3 days 3 hours index-000" in text


# Deletions


def deletions_text(*records: DeletionRecord) -> str:
    text = words_of(page_of(report_of(project_facts(), deletions=records)))
    return text[text.index("Deleted in the last seven days") : text.rindex("Proof")]


def test_deletions_of_one_run_are_one_entry_with_their_size_and_approval() -> None:
    text = deletions_text(*(deleted(f"g-{n}", approved_by="ann@example.com") for n in range(46)))
    assert "46 backups, 92 MB" in text
    assert "schedule, approved by ann@example.com · 46 deleted · run prune-1" in text
    assert text.count("prune-1") == 1


def test_a_deletion_says_how_old_and_large_it_was_and_what_was_left() -> None:
    text = deletions_text(deleted("g-1"))
    assert "g-1 60 days 2 MB 20 Nov 2026, 12:00 UTC b-good deleted" in text


def test_a_deletion_of_which_little_is_known_says_so() -> None:
    text = deletions_text(
        deleted("g-1", created_at=None, size_bytes=None, good_left=None, good_left_at=None)
    )
    assert "g-1 unknown unknown none known" in text


def test_the_runs_come_newest_first() -> None:
    text = deletions_text(
        deleted("g-1", run_id="older", at=ago(days=3)), deleted("g-2", run_id="newer")
    )
    assert text.index("run newer") < text.index("run older")


def test_what_did_not_succeed_is_shown_before_the_many_that_did() -> None:
    fine = [deleted(f"g-{n:02}") for n in range(40)]
    text = deletions_text(*fine, deleted("z-1", state=DeletionState.FAILED, error="boom"))
    assert "40 deleted, 1 failed" in text
    assert text.index("z-1") < text.index("g-00")
    assert "And 29 more, in the report's JSON." in text


def test_reasons_that_differ_are_told_apart() -> None:
    one = Reason.of(ReasonKind.ASKED_FOR, actor="ann", reason="test")
    same = deletions_text(deleted("g-1", reasons=(one,)), deleted("g-2", reasons=(one,)))
    assert same.count(str(one)) == 1
    apart = deletions_text(deleted("g-1", reasons=(one,)), deleted("g-2"))
    assert "Why:" not in apart
    assert str(one) in apart


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        ("", "outside this deployment"),
        ("bus:000000000000", "an event of account 000000000000"),
        ("arn:aws:iam::1:user/ann", "arn:aws:iam::1:user/ann"),
    ],
)
def test_who_deleted_is_said_in_words(actor: str, words: str) -> None:
    assert f"{words} · 1 deleted" in deletions_text(deleted("g-1", actor=actor))


def test_many_runs_are_counted_once_there_are_more_than_fit() -> None:
    text = deletions_text(*(deleted(f"g-{n}", run_id=f"r-{n}") for n in range(43)))
    assert "Deletions of 3 earlier runs are in the report's JSON." in text


# By hand


def test_what_was_made_by_hand_is_told_against_the_quota() -> None:
    rows = [
        backup("h-1", policy=None, at=ago(hours=1)),
        backup("h-2", policy=None, at=ago(hours=2), expires_at=ago(days=-9)),
        backup("p-1", at=ago(hours=3)),
    ]
    held = inventory(rows)
    page = page_of(report_of(project_facts(held, index_facts(held), quota=20)))
    assert "2 were made by hand; 1 of them stays for ever, 5 % of the quota" in page
    assert "kept for ever" in page
    assert "kept until 1 Dec 2026, 12:00 UTC" in page


def test_a_share_that_is_small_is_not_told_as_nothing() -> None:
    held = inventory([backup(policy=None)])
    page = page_of(report_of(project_facts(held, index_facts(held), quota=1000)))
    assert "stays for ever, less than 1 % of the quota" in page


# For everybody


def test_every_table_can_be_scrolled_by_keyboard() -> None:
    page = page_of(rich_report())
    scrolling = re.findall(r'<div class="scroll"[^>]*>', page)
    assert len(scrolling) == page.count("<table")
    assert all('tabindex="0" role="region" aria-label="' in tag for tag in scrolling)


def test_long_tables_are_folded() -> None:
    holds = [hold(f"b-{n}") for n in range(30)]
    assert "<summary>All 30</summary>" in page_of(report_of(project_facts(holds=holds)))
