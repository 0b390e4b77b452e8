"""The worked examples of ``docs/policy-reference.md``: each function's answer stands there.

Every line is computed by the product's own rules; ``local.docs`` writes the answers into the
page, and a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.model import Backup, Index, IndexKind, RunTime, Status
from pinecone_backup.reasons import sentence
from pinecone_backup.records import BackupRecord, Hold, HoldScope, IndexRecord, Verdict
from pinecone_backup.rules.claims import on_demand_slot
from pinecone_backup.rules.creation import View, due
from pinecone_backup.rules.duration import Duration
from pinecone_backup.rules.inventory import take_inventory
from pinecone_backup.rules.marker import Marker, ours
from pinecone_backup.rules.pauses import PAUSE_TAG, pause_of
from pinecone_backup.rules.plan import digest_of, make_plan
from pinecone_backup.rules.plan_facts import Baseline, Facts
from pinecone_backup.rules.policy import (
    Assigned,
    AssignedBy,
    ExpiryRetention,
    KeepRetention,
    validate_policy,
)
from pinecone_backup.rules.retention import keep
from pinecone_backup.rules.slots import jitter, slots_between
from pinecone_backup.rules.verdict import judge, verdict_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pinecone_backup.rules.policy import PolicyDocument

EXAMPLES: dict[str, Callable[[], str]] = {}
"""Every example by the name that the page uses for it."""

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
SUMMER_STARTS = (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))
SUMMER_ENDS = (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OWNER = "acme-backup"
NO_LIMIT = {"count": 1000, "percent": 100}


def example(function: Callable[[], str]) -> Callable[[], str]:
    """Give the example the name of its function, with hyphens."""
    EXAMPLES[function.__name__.replace("_", "-")] = function
    return function


# --- Retention ------------------------------------------------------------------------------


@example
def overlapping_rules() -> str:
    times = _every(6 * HOUR, "2026-05-04T18:00", 10)
    return _retention(times, KeepRetention(keep_last=2, keep_daily=2))


@example
def all_and_nothing() -> str:
    times = ["2026-05-04", "2025-12-31", "2025-06-01", "2024-06-01", "2023-06-01"]
    return _retention(times, KeepRetention(keep_last=0, keep_yearly=-1))


@example
def the_oldest() -> str:
    times = _every(8 * HOUR, "2026-05-04T20:00", 5)
    return _retention(times, KeepRetention(keep_daily=7))


@example
def backups_have_stopped() -> str:
    times = ["2026-01-20", "2026-01-18", "2026-01-14", "2026-01-13"]
    return _retention(times, KeepRetention.model_validate({"keep_within": "7d"}))


@example
def one_per_day_within() -> str:
    times = _every(8 * HOUR, "2026-05-04T20:00", 8)
    return _retention(times, KeepRetention.model_validate({"keep_within_daily": "2d"}))


@example
def dated_in_the_future() -> str:
    times = ["2026-06-09", "2026-05-04", "2026-05-02", "2026-04-28"]
    retention = KeepRetention.model_validate({"keep_within": "5d"})
    return _retention(times, retention, now=_at("2026-05-04T06:00"))


@example
def month_ends() -> str:
    lines = [("latest", "D", "the window begins after")]
    for latest, text in (
        ("2026-03-31", "1m"),
        ("2024-03-31", "1m"),
        ("2024-02-29", "1y"),
        ("2026-05-31", "3m"),
        ("2026-03-01", "1m1d"),
    ):
        edge = Duration.parse(text).before(_at(latest), UTC_ZONE)
        lines.append((latest, text, f"{edge:%Y-%m-%d}" if edge else ""))
    return _columns(lines)


@example
def windows_over_a_change_of_clocks() -> str:
    lines = [("latest (Berlin)", "D", "the window begins after", "")]
    for latest, text in (
        ("2026-03-29T12:00", "1d"),
        ("2026-03-29T12:00", "24h"),
        ("2026-03-30T02:30", "1d"),
        ("2026-10-26T02:30", "1d"),
    ):
        moment = datetime.fromisoformat(latest).replace(tzinfo=BERLIN)
        edge = Duration.parse(text).before(moment, BERLIN)
        lines.append((_wall(moment), text, _wall(edge), f"{edge:%H:%M} UTC" if edge else ""))
    return _columns(lines)


@example
def days_in_a_zone() -> str:
    times = ["2026-07-02T06:00", "2026-07-01T22:30", "2026-07-01T21:30", "2026-06-30T12:00"]
    retention = KeepRetention(keep_daily=2)
    return (
        "in UTC\n"
        + _retention(times, retention)
        + "\n\nin Europe/Berlin\n"
        + _retention(times, retention, zone=BERLIN)
    )


@example
def the_repeated_hour() -> str:
    times = ["2026-10-25T01:30", "2026-10-25T00:30", "2026-10-24T23:30", "2026-10-24T22:30"]
    return _retention(times, KeepRetention(keep_hourly=3), zone=BERLIN)


@example
def week_53() -> str:
    times = ["2027-01-04", "2027-01-03", "2026-12-28", "2026-12-27", "2026-12-19"]
    return _retention(times, KeepRetention(keep_weekly=3), week=True)


@example
def the_year_of_a_week() -> str:
    times = ["2025-01-01", "2024-12-31", "2024-12-29", "2024-01-01", "2023-12-31", "2023-12-01"]
    return _retention(times, KeepRetention(keep_weekly=4), week=True)


@example
def age_and_count() -> str:
    times = _every(2 * DAY, "2026-05-04T02:00", 7)
    retention = ExpiryRetention(expire_after_days=5, min_count=2, max_count=5)
    return _retention(times, retention, now=_at("2026-05-04T12:00"))


@example
def age_alone_when_backups_have_stopped() -> str:
    times = ["2026-01-03", "2026-01-02", "2026-01-01"]
    retention = ExpiryRetention(expire_after_days=30, min_count=2)
    return _retention(times, retention, now=_at("2026-05-04T12:00"))


# --- Schedules ------------------------------------------------------------------------------


@example
def slots_when_clocks_change() -> str:
    days = (SUMMER_STARTS, SUMMER_ENDS)
    crons = ("30 2 * * *", "0 3 * * *", "*/20 2 * * *", "0 1-4 * * *", "0 * * * *")
    return _columns(
        [
            ("cron, in Europe/Berlin", "29 March 2026", "25 October 2026"),
            *((cron, *(_slots(cron, day) for day in days)) for cron in crons),
        ]
    )


@example
def days_of_a_cron() -> str:
    crons = ("0 2 L * *", "0 2 LW * *", "0 2 * * 5L", "0 2 * * MON#1", "0 2 * * MON-FRI")
    names = ("0 2 * * SUN", "0 2 * * 7", "0 2 1 JAN,JUL *")
    head = ("cron", "the first days from 22 November 2026 on")
    return _columns([head, *((cron, _days(cron)) for cron in (*crons, *names))])


@example
def days_and_weekdays() -> str:
    crons = ("0 2 1,15 * MON", "0 2 */10 * MON", "0 2 1 * */2")
    head = ("cron", "the first days from 22 November 2026 on")
    return _columns([head, *((cron, _days(cron)) for cron in crons)])


@example
def on_demand_beside_a_slot() -> str:
    policy = validate_policy(
        {"projects": [{"name": "main"}], "policies": [_policy("gold")]}
    ).policies[0]
    lines = [("on demand at", "it is", "at", "the slot of 02:00")]
    for made, status, moment in (
        ("01:50", Status.READY, "02:05"),
        ("01:59", Status.UNDER_WAY, "02:05"),
        ("02:01", Status.READY, "02:05"),
        ("02:01", Status.UNDER_WAY, "02:05"),
        ("01:50", Status.READY, "02:01"),
    ):
        at, now = _at(f"2026-05-04T{made}"), _at(f"2026-05-04T{moment}")
        marker = Marker(OWNER, None, at, "run-9", 1)
        name = marker.name_for("catalogue")
        text = {Status.READY: "Ready", Status.UNDER_WAY: "Initializing"}[status]
        row = Backup(
            backup_id="b9",
            index_name="catalogue",
            index_id="ix-1",
            status=status,
            status_text=text,
            created_at=at,
            name=name,
            description=str(marker.named("catalogue", name)),
        )
        inventory = take_inventory([row], records={}, owner=OWNER, now=now)
        view = View(
            "main",
            Index(name="catalogue", kind=IndexKind.SERVERLESS, state="Ready", ready=True),
            Assigned(policy, AssignedBy.ASSIGNMENT),
            IndexRecord("catalogue", at - 9 * DAY, at, "ix-1"),
            inventory.incarnations["ix-1"].entries,
        )
        lines.append((made, text, moment, due(view, RunTime(now, now)).reason))
    return _columns(lines)


@example
def a_stable_jitter() -> str:
    crons = ("0 2 * * *", "*/15 * * * *")
    lines: list[tuple[str, ...]] = [("index", *(f"cron {cron}" for cron in crons))]
    lines += [
        (index, *(f"+{jitter(index, cron)}" for cron in crons))
        for index in ("main/catalogue", "main/users", "main/reviews")
    ]
    return _columns(lines)


# --- The policy document --------------------------------------------------------------------


@example
def which_policy() -> str:
    document = validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [_policy("gold"), _policy("silver")],
            "assignments": [
                {"policy": "none", "index": "scratch-*"},
                {"policy": "gold", "tags": {"env": "prod*"}},
                {"policy": "silver", "index": "[a-m]*"},
            ],
        }
    )
    lines = [("index", "tags", "policy", "by")]
    for index, tags in (
        ("catalogue", {"env": "production"}),
        ("catalogue", {"env": "test"}),
        ("users", {"env": "test"}),
        ("scratch-7", {"env": "prod"}),
        ("scratch-7", {"backup-policy": "gold"}),
        ("catalogue", {"backup-policy": "none"}),
        ("catalogue", {"backup-policy": "platinum"}),
    ):
        found = document.assigned("main", index, tags)
        shown = " ".join(f"{key}={value}" for key, value in tags.items())
        lines.append((index, shown, found.policy.name if found.policy else "-", found.by.value))
    return _columns(lines)


@example
def pauses() -> str:
    document = validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [{**_policy("gold"), "timezone": "Europe/Berlin"}],
            "assignments": [{"policy": "gold", "paused_until": "2026-12-01"}],
        }
    )
    lines = [("tag backup-paused-until", "at", "")]
    for tag, moment in (
        ("", "2026-11-30T22:59"),
        ("", "2026-11-30T23:00"),
        ("2026-12-24", "2026-12-05T12:00"),
        ("2026-11-28", "2026-11-29T12:00"),
        ("soon", "2026-12-05T12:00"),
    ):
        tags = {PAUSE_TAG: tag} if tag else {}
        index = Index("catalogue", IndexKind.SERVERLESS, "Ready", ready=True, tags=tags)
        now = _at(moment)
        pause = pause_of(document.assigned("main", index.name, tags), index, now)
        lines.append((tag or "-", _wall(now), pause.reason if pause else "not paused"))
    return _columns(lines)


@example
def all_errors_at_once() -> str:
    try:
        validate_policy(
            {
                "projects": [{"name": "main", "quota": 0}],
                "policies": [
                    {**_policy("gold"), "cron": "0 25 * * *", "timezone": "Europe/Bonn"},
                    {**_policy("silver"), "retention": {"keep_daily": 7, "max_count": 9}},
                    {**_policy("Bronze"), "max_ege": "1d", "floor": 20_000},
                ],
                "assignments": [{"policy": "platinum"}, {"policy": "sliver"}],
            }
        )
    except PolicyInvalid as error:
        return "\n".join(f"{path}:\n    {reason}" for path, reason in error.errors)
    raise AssertionError("the document is invalid")


@example
def a_marker() -> str:
    marker = Marker(OWNER, "gold", _at("2026-05-04T02:00"), "run-7", 1)
    name = marker.name_for("catalogue")
    lines = [
        ("description", str(marker)),
        ("name", name),
        ("ours, for owner acme-backup", _yes(ours(name, str(marker), "catalogue", OWNER))),
        (
            "ours, for owner acme-staging",
            _yes(ours(name, str(marker), "catalogue", "acme-staging")),
        ),
        ("ours, renamed", _yes(ours("nightly", str(marker), "catalogue", OWNER))),
    ]
    return _columns(lines)


@example
def a_backup_on_demand() -> str:
    slot, expires_at = on_demand_slot(_at("2026-05-04T09:30")), _at("2026-06-03T09:30")
    marker = Marker(OWNER, None, slot, "run-8", 1, expires_at).named("catalogue", "before-import")
    description = marker.described("Before the spring import")
    project = Project({"retention": {"keep_last": 1}}, now=_at("2026-05-04T12:00"))
    project.add("b", 2.5 / 24)
    row = replace(project.rows[0], name="before-import", description=description)
    entries = take_inventory([row], records={}, owner=OWNER, now=project.now).entries
    entry = entries["b"]
    lines = [
        ("name", row.name or ""),
        ("description", description),
        ("whose", entry.origin.value),
        ("satisfies a slot", _yes(entry.slot)),
        ("may go from", f"{entry.expires_at:%Y-%m-%d %H:%M} UTC on"),
    ]
    return _columns(lines)


# --- Plans ----------------------------------------------------------------------------------


@dataclass
class Project:
    """A project with one index, ``catalogue``, from whose listing a plan is made."""

    policy: dict[str, Any]
    now: datetime = field(default_factory=lambda: datetime(2026, 5, 4, 12, tzinfo=UTC))
    more: dict[str, Any] = field(default_factory=dict)
    rows: list[Backup] = field(default_factory=list)
    records: dict[str, BackupRecord] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    deleted_at: datetime | None = None

    def add(
        self,
        backup_id: str,
        days: float,
        *,
        policy: str | None = "gold",
        owner: str = OWNER,
        status: str = "Ready",
        records: int | None = 1000,
        name: str | None = None,
        slot: datetime | None = None,
    ) -> None:
        """A backup made so many days ago; with a name of its own it is nobody's we know."""
        at = self.now - days * DAY
        marker = Marker(owner, policy, slot or at, "run-1", 1)
        if policy is None:
            marker = marker.named("catalogue", marker.name_for("catalogue"))
        kinds = {"Ready": Status.READY, "Initializing": Status.UNDER_WAY, "Failed": Status.FAILED}
        self.rows.append(
            Backup(
                backup_id=backup_id,
                index_name="catalogue",
                index_id="ix-1",
                status=kinds.get(status, Status.UNKNOWN),
                status_text=status,
                created_at=at,
                name=name or marker.name_for("catalogue"),
                description=None if name else str(marker),
                record_count=records,
                index_deleted_at=self.deleted_at,
            )
        )

    def document(self, **changes: Any) -> PolicyDocument:
        """Its policy document."""
        return validate_policy(
            {
                "projects": [{"name": "main"}],
                "policies": [{**_policy("gold"), **self.policy, **changes}],
                "assignments": [{"policy": "gold"}],
                "limits": {"per_run": NO_LIMIT, "per_index": NO_LIMIT},
                **self.more,
            }
        )

    def facts(self) -> Facts:
        """What a prune would go by."""
        inventory = take_inventory(self.rows, records=self.records, owner=OWNER, now=self.now)
        document = self.document()
        limits = {"ix-1": document.policies[0].shrink_percent}
        judged = judge(inventory, shrink_percent=limits, now=self.now).inventory
        living = Index(name="catalogue", kind=IndexKind.SERVERLESS, state="Ready", ready=True)
        return Facts(
            project="main",
            inventory=judged,
            indexes=[] if self.deleted_at else [living],
            document=document,
            policy_version="v1",
            time=RunTime(self.now, self.now),
            holds=self.holds,
        )

    def plan(self) -> str:
        """Its plan, a line for each backup."""
        return _plan(self.facts())


@example
def a_backup_belongs_to_its_slot() -> str:
    project = Project({"retention": {"keep_daily": 3}, "floor": 1}, now=_at("2026-11-20T04:00"))
    for name, slot, late in (
        ("b19", "2026-11-19T22:00", 5),
        ("b18", "2026-11-18T22:00", 160),
        ("b17", "2026-11-17T22:00", 5),
        ("b16", "2026-11-16T22:00", 5),
    ):
        made = _at(slot) + timedelta(minutes=late)
        project.add(name, (project.now - made) / DAY, slot=_at(slot))
    rows = {row.backup_id: row for row in project.rows}
    lines = [("", "slot", "created", "", "")]
    for item in make_plan(project.facts()).items:
        row = rows[item.backup_id]
        marker = ours(row.name, row.description, "catalogue", OWNER)
        lines.append(
            (
                item.backup_id,
                f"{marker.slot:%d %b %H:%M}" if marker else "",
                f"{item.created_at:%d %b %H:%M}",
                item.action.value,
                sentence(item.reasons),
            )
        )
    return _columns(lines)


@example
def the_floor() -> str:
    project = Project({"retention": {"keep_last": 1}, "floor": 3})
    for days in range(5):
        project.add(f"b{days}", days)
    return project.plan()


@example
def verdicts() -> str:
    lines = [("records", "newest older good one", "verdict", "")]
    for count, reference in ((1000, None), (990, 1000), (500, 1000), (499, 1000), (0, 1000)):
        verdict, reason = verdict_on(count, reference=reference, shrink_percent=50)
        lines.append((str(count), str(reference or "-"), verdict.value, str(reason)))
    verdict, reason = verdict_on(None, reference=1000, shrink_percent=50)
    lines.append(("-", "1000", verdict.value, str(reason)))
    verdict, reason = verdict_on(0, reference=1000, shrink_percent=50, index_count=0)
    lines.append(("0", "1000", verdict.value, str(reason)))
    return _columns(lines)


@example
def a_suspect_displaces_nothing() -> str:
    project = Project({"retention": {"keep_last": 2}})
    project.add("b0", 0, records=3)
    for days in (1, 2, 3):
        project.add(f"b{days}", days)
    return project.plan()


@example
def an_accepted_suspect() -> str:
    project = Project({"retention": {"keep_last": 2}})
    project.add("b0", 0, records=3)
    for days in (1, 2, 3):
        project.add(f"b{days}", days)
    row = project.rows[0]
    project.records["b0"] = BackupRecord(
        backup_id="b0",
        index_name="catalogue",
        index_id="ix-1",
        name=row.name,
        created_at=row.created_at,
        first_seen_at=project.now,
        verdict=Verdict.ACCEPTED,
        accepted_by="ana",
        accepted_reason="the catalogue was cleaned up",
        accepted_at=project.now,
    )
    return project.plan()


@example
def failed_backups() -> str:
    project = Project({"retention": {"keep_last": 2}})
    project.add("f1", 1, status="Failed", records=None)
    project.add("f9", 9, status="Failed", records=None)
    for days in (10, 11, 12):
        project.add(f"b{days}", days)
    project.add("f13", 13, status="Failed", records=None)
    return project.plan()


@example
def never_deleted() -> str:
    project = Project({"retention": {"keep_last": 1}, "floor": 1})
    project.add("new", 0, status="Initializing", records=None)
    project.add("b1", 1)
    project.add("b2", 2)
    project.add("held", 3)
    project.add("demand", 4, policy=None)
    project.add("other", 5, owner="acme-staging")
    project.add("manual", 6, name="before-migration")
    project.add("native", 7, name="nightly-20260427T120000Z")
    project.add("odd", 8, status="Archiving")
    project.holds.append(
        Hold("h1", HoldScope.BACKUP, "held", "audit of May", "ana", project.now - DAY)
    )
    return project.plan()


@example
def a_limit() -> str:
    limits = {"per_run": NO_LIMIT, "per_index": {"count": 2, "percent": 100}}
    project = Project({"retention": {"keep_last": 2}}, more={"limits": limits})
    for days in range(6):
        project.add(f"b{days}", days)
    return project.plan()


@example
def a_changed_policy() -> str:
    project = Project({"retention": {"keep_last": 3}})
    for days in range(10):
        project.add(f"b{days}", days)
    facts = project.facts()
    before = project.document(retention={"keep_last": 9})
    plan = make_plan(replace(facts, baseline=Baseline(before, "v0", {"catalogue": "gold"})))
    counts = ", ".join(f"{count} {action.value}" for action, count in plan.counts.items() if count)
    return f"{counts}\nwaits: {', '.join(map(str, plan.waits_because))}"


@example
def a_digest() -> str:
    lines = [("policy version", "backups to go", "digest")]
    for version, ids in (("v1", "b4 b5"), ("v1", "b5 b4"), ("v1", "b4"), ("v2", "b4 b5")):
        lines.append((version, ids, digest_of(version, ids.split())[:16] + "..."))
    return _columns(lines)


@example
def orphans() -> str:
    days_of = "deleted {} days ago, orphans.after {}"
    parts = []
    for ago, after in ((40, None), (20, 30), (40, 30)):
        now = _at("2026-05-04T12:00")
        project = Project(
            {"retention": {"keep_last": 1}},
            now=now,
            more={"orphans": {"after": after}},
            deleted_at=now - ago * DAY,
        )
        for days in (41, 42, 43):
            project.add(f"b{days}", days)
        parts.append(days_of.format(ago, after or "not set") + "\n" + project.plan())
    return "\n\n".join(parts)


# --- How answers are written ----------------------------------------------------------------


def _retention(
    times: Sequence[str],
    retention: KeepRetention | ExpiryRetention,
    *,
    zone: ZoneInfo = UTC_ZONE,
    now: datetime | None = None,
    week: bool = False,
) -> str:
    rows = [(time, _at(time)) for time in times]
    kept = keep(rows, retention, zone, now or _at("2030-01-01"))
    lines = []
    for time, moment in sorted(rows, key=lambda row: row[1], reverse=True):
        local = moment.astimezone(zone)
        shown = f"{local:%Y-%m-%d %H:%M %Z}" if "T" in time else f"{local:%Y-%m-%d}"
        if week:
            shown = f"{local:%a %d %b %Y, ISO week %V of %G}"
        fate = "stays" if time in kept else "goes"
        lines.append((shown, fate, sentence(kept.get(time, ()))))
    return _columns(lines)


def _plan(facts: Facts) -> str:
    plan = make_plan(facts)
    now = facts.time.scheduled_at
    lines = [
        (
            item.backup_id,
            f"{(now - item.created_at) / DAY:.0f} d" if item.created_at else "undated",
            item.action.value,
            sentence(item.reasons),
        )
        for item in plan.items
    ]
    return _columns(lines)


def _policy(name: str) -> dict[str, Any]:
    return {"name": name, "cron": "0 2 * * *", "retention": {"keep_last": 3}, "max_age": "26h"}


def _slots(cron: str, day: tuple[datetime, datetime]) -> str:
    found = slots_between(cron, BERLIN, day[0] - HOUR / 60, day[1] - HOUR / 60)
    times = [f"{slot.astimezone(BERLIN):%H:%M}" for slot in found]
    return ", ".join(times if len(times) < 10 else [*times[:5], "..."])  # noqa: PLR2004


def _days(cron: str) -> str:
    start = _at("2026-11-22")
    found = islice(slots_between(cron, UTC_ZONE, start, start + 900 * DAY), 5)
    return ", ".join(f"{slot:%a %d %b}" for slot in found)


def _every(step: timedelta, newest: str, count: int) -> list[str]:
    return [f"{_at(newest) - number * step:%Y-%m-%dT%H:%M}" for number in range(count)]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _wall(moment: datetime | None) -> str:
    return f"{moment.astimezone(BERLIN):%Y-%m-%d %H:%M %Z}" if moment else ""


def _yes(found: object) -> str:
    return "yes" if found else "no"


def _columns(lines: Iterable[tuple[str, ...]]) -> str:
    rows = list(lines)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
