"""Shows in the terminal what a policy document would keep and delete (``make preview``).

Without a history, each policy of the document is shown with an index that it has looked after
for two years. A history is what Pinecone lists: the answer of ``GET /backups``, or its ``data``;
what was made by hand, or by a native schedule, is treated as a prune treats it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.columns import Columns
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pinecone_backup.adapters.pinecone import payloads
from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.figures import size
from pinecone_backup.model import PruneMode
from pinecone_backup.reasons import ReasonKind, sentence
from pinecone_backup.records import IndexRecord, Verdict
from pinecone_backup.rules.inventory import new_record
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.memory import schedule_of
from pinecone_backup.rules.plan_facts import Baseline
from pinecone_backup.rules.policy import POLICY_TAG, PolicyDocument, parse_policy
from pinecone_backup.rules.policy_warnings import warnings
from pinecone_backup.rules.preview import (
    LONGEST,
    PastBackup,
    difference,
    imagined,
    listed,
    preview,
)
from pinecone_backup.rules.projection import Assumptions
from pinecone_backup.rules.retention import keep
from pinecone_backup.rules.slots import slots_before
from pinecone_backup_cli.documents import read_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinecone_backup.model import Backup
    from pinecone_backup.rules.plan import PlanItem
    from pinecone_backup.rules.plan_facts import Facts
    from pinecone_backup.rules.policy import Policy
    from pinecone_backup.rules.preview import Changed, Difference, Preview, PreviewDay

LETTERS = (
    ("Y", ("yearly",), "bold magenta"),
    ("M", ("monthly",), "bold blue"),
    ("W", ("weekly",), "bold cyan"),
    ("D", ("daily",), "bold green"),
    ("H", ("hourly",), "green"),
    ("T", (ReasonKind.WITHIN, ReasonKind.WITHIN_PERIOD), "green"),
    ("L", (ReasonKind.LAST,), "green"),
    ("A", (ReasonKind.NOT_OLDER,), "green"),
    ("N", (ReasonKind.AMONG_NEWEST,), "green"),
    ("F", (ReasonKind.FLOOR,), "yellow"),
)
"""What a day of the calendar is marked with: the first whose period or kind a reason has."""
MEANINGS = {
    "Y": "yearly",
    "M": "monthly",
    "W": "weekly",
    "D": "daily",
    "H": "hourly",
    "T": "in a time window",
    "L": "among the last",
    "A": "not expired",
    "N": "among the newest",
    "F": "floor",
    "P": "protected or not ours",
    "?": "unwanted, and waits",
    "x": "deleted",
}
PROTECTED = ("P", "yellow")
FORMER = "former"
"""Stands for the version of the document that another one is compared with."""
MOST_CHANGES = 20
WEEKS = 8
"""So many weeks of the past stand in a calendar; what is older is listed below it."""
IMAGINED_SIZE = 10**9
MOST_IMAGINED = 20_000
"""The newest slots of the two years that are imagined: one an hour, and some more."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One index to be shown."""

    name: str
    title: str
    zone: ZoneInfo


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Run the command; returns the exit code."""
    wanted = _parser().parse_args(arguments)
    console = console or Console()
    try:
        reading = wanted.policy
        document = parse_policy(read_policy(reading))
        reading = wanted.against
        against = parse_policy(read_policy(reading)) if reading else None
        facts, subjects = _facts(wanted, document, against or document)
    except PolicyInvalid as error:
        console.print(f"[bold red]{reading} is not a valid policy document.[/]")
        for path, reason in error.errors:
            console.print(f"  {path or 'document'}: {reason}", markup=False, highlight=False)
        return 1
    except (OSError, ValueError) as error:
        console.print(str(error), style="bold red", markup=False, highlight=False)
        return 1
    assumptions = Assumptions(
        PruneMode(wanted.mode),
        every=timedelta(days=1) / wanted.prunes_per_day,
        approved=wanted.approved,
    )
    found = preview(facts, days=wanted.days, assumptions=assumptions)
    show(found, subjects, console)
    if against is not None:
        former = replace(facts, document=against, policy_version=FORMER)
        _changes(
            difference(preview(former, days=wanted.days, assumptions=assumptions), found), console
        )
    _warn(document, facts, console)
    return 0


def _warn(document: PolicyDocument, facts: Facts, console: Console) -> None:
    """What is probably not meant: the indexes of a preview are no evidence of who has which tag."""
    for warning in warnings(document, now=facts.time.actual):
        console.print()
        console.print(Text(f"{warning.path}: {warning.sentence}", "yellow"))
        console.print(Text(f"  {warning.action}"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make preview", description=__doc__)
    parser.add_argument("--policy", type=Path, default=Path("docs/policy.example.json"))
    parser.add_argument("--days", type=_days, default=30, help="how many days ahead")
    parser.add_argument("--policy-name", help="apply this policy of the document to all")
    parser.add_argument("--history", type=Path, help="backups as Pinecone lists them, JSON")
    parser.add_argument("--owner", help="the deployment that the history is of, by its markers")
    parser.add_argument(
        "--against", type=Path, help="the document in force: what does --policy change of it?"
    )
    parser.add_argument("--mode", choices=[each.value for each in PruneMode], default="enforce")
    parser.add_argument("--prunes-per-day", type=int, choices=[1, 2, 3, 4, 6, 8, 12, 24], default=4)
    parser.add_argument(
        "--approved", action="store_true", help="assume that what waits is approved at once"
    )
    parser.add_argument("--project", help="a project of the document; by default its first")
    parser.add_argument("--now", type=_moment, default=None, help="today, ISO 8601")
    return parser


def _days(text: str) -> int:
    days = int(text)
    if not 0 <= days <= LONGEST:
        raise argparse.ArgumentTypeError(f"a preview looks 0 to {LONGEST} days ahead")
    return days


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _facts(
    wanted: argparse.Namespace, document: PolicyDocument, former: PolicyDocument
) -> tuple[Facts, list[Subject]]:
    """What is to be previewed, and how it is called.

    Args:
        wanted: The arguments.
        document: The policy document.
        former: The one in force, which may be the same.
    """
    now = wanted.now or datetime.now(UTC).replace(second=0, microsecond=0)
    project = wanted.project or document.projects[0].name
    if document.project(project) is None:
        raise ValueError(f"{wanted.policy} has no project {project!r}")
    names = [policy.name for policy in document.policies]
    if wanted.policy_name and wanted.policy_name not in names:
        raise ValueError(
            f"{wanted.policy} has no policy {wanted.policy_name!r}; it has {', '.join(names)}"
        )
    if wanted.history:
        rows = _read_history(wanted.history)
        indexes = _indexes_of(rows)
    else:
        chosen = [each.name for each in former.policies if wanted.policy_name in (None, each.name)]
        history, indexes = _imagined_history(former, chosen, now)
    if wanted.policy_name:
        indexes = {name: {POLICY_TAG: wanted.policy_name} for name in indexes}
    if wanted.history:
        facts = listed(
            document,
            project,
            rows,
            {row.backup_id: new_record(row, now, verdict=Verdict.GOOD) for row in rows},
            owner=wanted.owner or _owner_of(rows),
            indexes=indexes,
            now=now,
        )
    else:
        facts = imagined(document, project, history, indexes=indexes, now=now)
    before = replace(facts, document=former).policies()
    assignments = {name: policy.name if policy else None for name, policy in before.items()}
    version = "" if former is document else FORMER
    memory = {
        name: IndexRecord(name, now, now, schedule=schedule_of(policy))
        for name, policy in before.items()
    }
    facts = replace(facts, baseline=Baseline(former, version, assignments), memory=memory)
    subjects = [
        _subject(name, document.assigned(project, name, tags).policy)
        for name, tags in indexes.items()
    ]
    return facts, subjects


def _read_history(path: Path) -> list[Backup]:
    """The backups of a listing."""
    listing = json.loads(path.read_bytes())
    rows = listing["data"] if isinstance(listing, dict) and "data" in listing else listing
    history = []
    for number, row in enumerate(rows):
        try:
            given = {"status": "Ready", "source_index_id": row["source_index_name"], **row}
            history.append(payloads.backup(json.dumps(given).encode()))
        except (KeyError, TypeError, AttributeError, payloads.Malformed) as error:
            raise ValueError(f"{path}: backup {number} is not understood: {error!r}") from None
    return history


def _indexes_of(rows: Iterable[Backup]) -> dict[str, dict[str, str]]:
    """The indexes that a listing's backups were taken from, with their tags; no deleted ones."""
    indexes: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.index_deleted_at is None:
            indexes.setdefault(row.index_name, {}).update(row.tags or {})
    return dict(sorted(indexes.items()))


def _owner_of(rows: Iterable[Backup]) -> str:
    """The deployment that made most of the backups; empty where none did."""
    markers = (Marker.parse(row.description) for row in rows)
    owners = Counter(marker.owner for marker in markers if marker)
    return max(owners, key=lambda owner: (owners[owner], owner), default="")


def _imagined_history(
    document: PolicyDocument, names: Iterable[str], now: datetime
) -> tuple[list[PastBackup], dict[str, dict[str, str]]]:
    """One index for each policy, with what two years under that policy have left of it."""
    history = []
    indexes = {}
    for policy in (document.policy(name) for name in names):
        if policy is None:
            continue
        indexes[policy.name] = {POLICY_TAG: policy.name}
        if policy.cron is None:
            continue
        start = now - timedelta(days=731)
        slots = islice(slots_before(policy.cron, policy.zone, now), MOST_IMAGINED)
        rows = [
            (f"{policy.name}-{slot:%Y%m%dt%H%M}z", slot) for slot in takewhile(start.__lt__, slots)
        ]
        left = keep(rows, policy.retention, policy.zone, now)
        history += [
            PastBackup(name, policy.name, at, IMAGINED_SIZE) for name, at in rows if name in left
        ]
    return history, indexes


def _subject(name: str, policy: Policy | None) -> Subject:
    if policy is None:
        return Subject(name, f"{name}: no policy, nothing is deleted", ZoneInfo("UTC"))
    if policy.native_schedule is not None:
        request = policy.native_schedule
        when = f"{request.frequency}, kept {request.expire_after_days} days"
        title = f"{name}: policy {policy.name} · native schedule: Pinecone backs up {when}"
        return Subject(name, title, policy.zone)
    when = f"{policy.cron} in {policy.timezone}"
    kept = policy.retention.model_dump(mode="json", exclude_defaults=True)
    rules = ", ".join(f"{rule} {value}" for rule, value in kept.items())
    return Subject(
        name, f"{name}: policy {policy.name} · {when} · {rules} · floor {policy.floor}", policy.zone
    )


# --- The picture ----------------------------------------------------------------------------


def show(found: Preview, subjects: Sequence[Subject], console: Console) -> None:
    """Print the preview: a calendar for each index, the days, and the long run."""
    for subject in subjects:
        console.print()
        console.print(Text(subject.title, style="bold"))
        for each in found.steady:
            if each.index_name == subject.name and each.next_slots:
                slots = ", ".join(
                    f"{slot.astimezone(subject.zone):%a %d %b %H:%M}" for slot in each.next_slots
                )
                console.print(Text(f"Next slots: {slots}", "dim"))
        console.print(_calendars(found, subject))
    console.print(_legend(found))
    console.print()
    console.print(_day_by_day(found))
    if found.ended:
        console.print(Text(f"{found.ended}.", "yellow"))
    console.print()
    console.print(_long_run(found, subjects))
    console.print(Text(str(found.quota), "" if found.quota.fits else "bold yellow"))
    console.print(Text(_assumed(found.assumptions), "dim"))


def _assumed(assumptions: Assumptions) -> str:
    a_day = timedelta(days=1) // assumptions.every
    prunes = f"{a_day} {'prune' if a_day == 1 else 'prunes'} a day, mode {assumptions.mode}"
    if assumptions.approved:
        return f"Assumed: {prunes}; whatever waits is approved at once."
    return f"Assumed: {prunes}; nobody approves of what waits."


def _changes(found: Difference, console: Console) -> None:
    """What the document changes against the one in force."""
    console.print()
    console.print(Text("Against the document in force", "bold"))
    for title, changed in (
        ("Only the new one deletes", found.goes),
        ("Only the former one deletes", found.stays),
    ):
        console.print(f"{title}: {len(changed) or 'nothing'}", highlight=False)
        for each in changed[:MOST_CHANGES]:
            console.print(Text(f"  {_changed(each)}"))
        if len(changed) > MOST_CHANGES:
            console.print(f"  and {len(changed) - MOST_CHANGES} more", highlight=False)
    for when, quota in (("before", found.quota_before), ("after", found.quota_after)):
        console.print(Text(f"Quota {when}: {quota}"))


def _changed(changed: Changed) -> str:
    item = changed.item
    made = f", made {item.created_at:%Y-%m-%d %H:%M}" if item.created_at else ""
    when = "waits for approval from" if changed.waits else "on"
    return f"{item.index_name}: {item.backup_id}{made}, {when} {changed.at:%Y-%m-%d}"


def _calendars(found: Preview, subject: Subject) -> Columns:
    today, last = found.days[0], found.days[-1]
    pictures = [_calendar(today, today.deleted, "Today", subject)]
    if last is not today:
        since = [item for day in found.days[1:] for item in day.deleted]
        pictures.append(_calendar(last, since, f"In {_ahead(found)}", subject))
    return Columns(pictures, padding=(1, 4))


def _ahead(found: Preview) -> str:
    days = len(found.days) - 1
    return f"{days} day{'' if days == 1 else 's'}"


def _calendar(day: PreviewDay, items: Iterable[PlanItem], title: str, subject: Subject) -> Group:
    """Eight weeks up to the day, each date marked with why a backup of it stays, or goes."""
    local = _local_date(subject.zone)
    kept = _by_date((item for item in day.kept if item.index_name == subject.name), local)
    waiting = _by_date((item for item in day.waiting if item.index_name == subject.name), local)
    deleted = _by_date((item for item in items if item.index_name == subject.name), local)
    end = day.at.astimezone(subject.zone).date()
    first = end - timedelta(days=end.weekday(), weeks=WEEKS - 1)
    table = Table(box=None, padding=(0, 1), title=f"{title}, {end:%d %b %Y}", title_justify="left")
    table.add_column("", style="dim")
    for name in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"):
        table.add_column(name, min_width=4)
    for week in range(WEEKS):
        monday = first + timedelta(weeks=week)
        dates = [monday + timedelta(days=number) for number in range(7)]
        new_month = week == 0 or any(each.day == 1 for each in dates)
        cells = [_cell(each, kept, waiting, deleted) if each <= end else Text() for each in dates]
        table.add_row(f"{dates[-1]:%b}" if new_month else "", *cells)
    older = [each for each in sorted(kept, reverse=True) if each < first]
    stays, waits, going = (sum(map(len, each.values())) for each in (kept, waiting, deleted))
    return Group(
        table,
        _older(older, kept),
        Text(f"{stays} kept ({size(_size(kept))}), ")
        + Text(f"{waits} wait ({size(_size(waiting))}), " if waits else "")
        + Text(f"{going} deleted"),
    )


def _older(dates: Sequence[date], kept: Mapping[date, Sequence[PlanItem]]) -> Text:
    text = Text("Older: ", style="dim") if dates else Text("Nothing older", style="dim")
    shown = dates[:18]
    for number, each in enumerate(shown):
        letter, style = _mark(kept[each])
        text.append(", " if number else "").append(f"{each:%d %b %y} ").append(letter, style)
    if len(dates) > len(shown):
        text.append(f" and {len(dates) - len(shown)} more days")
    return _wrapped(text)


def _wrapped(text: Text, width: int = 46) -> Text:
    lines = text.wrap(Console(width=width, file=sys.stderr), width)
    return Text("\n").join(lines)


def _cell(
    each: date,
    kept: Mapping[date, Sequence[PlanItem]],
    waiting: Mapping[date, Sequence[PlanItem]],
    deleted: Mapping[date, Sequence[PlanItem]],
) -> Text:
    """The day of the month, why it stays, and how many when there are several."""
    text = Text(f"{each.day:>2}", style="" if each in kept else "dim")
    if each in kept:
        letter, style = _mark(kept[each])
        count = len(kept[each])
        return text.append(letter, style).append(str(count) if count > 1 else "", "dim")
    if each in waiting:
        return text.append("?", "yellow")
    return text.append("x", "red") if each in deleted else text


def _mark(items: Sequence[PlanItem]) -> tuple[str, str]:
    """The letter that stands for the rule which keeps the longest, and its style."""
    found = {
        mark for item in items for reason in item.reasons for mark in (reason.period, reason.kind)
    }
    marks = ((letter, style) for letter, any_of, style in LETTERS if found & set(any_of))
    return next(marks, PROTECTED)


def _legend(found: Preview) -> Text:
    shown = (found.days[0], found.days[-1])
    used = {_mark([item])[0] for day in shown for item in day.kept}
    used |= {"?" for day in shown if day.waiting}
    text = Text("\nA letter says why a backup of that day stays, the rule that reaches back ")
    text.append("furthest first; a number says how many there are. ")
    return text.append(
        " · ".join(f"{key} {word}" for key, word in MEANINGS.items() if key in used or key == "x"),
        "bold",
    )


def _day_by_day(found: Preview) -> Table:
    most = max(1, *(day.count for day in found.days))
    table = Table(title="Day by day, all indexes", title_justify="left", box=None, padding=(0, 1))
    table.add_column("Day")
    for name in ("made", "deleted", "waiting", "left", "size"):
        table.add_column(name, justify="right")
    table.add_column("")
    for day in found.days:
        bar = "█" * round(24 * day.count / most)
        table.add_row(
            f"{day.at:%a %d %b}",
            f"+{day.created}" if day.created else "",
            f"-{len(day.deleted) + day.expired}" if day.deleted or day.expired else "",
            str(len(day.waiting)) if day.waiting else "",
            str(day.count),
            size(day.size_bytes),
            Text(bar, "blue").append(
                f" waits: {sentence(day.waits)}" if day.waits else "", "yellow"
            ),
        )
    return table


def _long_run(found: Preview, subjects: Sequence[Subject]) -> Table:
    """What each index holds today, at the end of the preview, and when all has settled."""
    table = Table(title="In the long run", title_justify="left", box=None, padding=(0, 1))
    table.add_column("Index")
    for name in ("today", f"in {_ahead(found)}", "settles at", "size"):
        table.add_column(name, justify="right")
    steady = {each.index_name: each for each in found.steady}
    for subject in subjects:
        each = steady.get(subject.name)
        table.add_row(
            subject.name,
            *(
                str(sum(item.index_name == subject.name for item in day.left))
                for day in (found.days[0], found.days[-1])
            ),
            *(_settled(each.count, each.size_bytes) if each else ("-", "-")),
        )
    if len(subjects) > 1:
        table.add_row(
            Text("together", "bold"),
            str(found.days[0].count),
            str(found.days[-1].count),
            *_settled(found.steady_count, found.steady_bytes),
        )
    return table


def _settled(count: int | None, size_bytes: int | None) -> tuple[str, str]:
    grows = count is None or size_bytes is None
    return ("grows", "grows") if grows else (str(count), size(size_bytes or 0))


def _local_date(zone: ZoneInfo) -> Callable[[datetime], date]:
    return lambda moment: moment.astimezone(zone).date()


def _by_date(
    items: Iterable[PlanItem], local: Callable[[datetime], date]
) -> dict[date, list[PlanItem]]:
    found: dict[date, list[PlanItem]] = defaultdict(list)
    for item in items:
        if item.created_at is not None:
            found[local(item.created_at)].append(item)
    return found


def _size(kept: Mapping[date, Sequence[PlanItem]]) -> int:
    return sum(item.size_bytes or 0 for items in kept.values() for item in items)


if __name__ == "__main__":
    raise SystemExit(main())
