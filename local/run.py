"""The guided run: one day of a Pinecone project under this product, in a minute or so.

``make run`` deploys the real ``template.yaml`` into an embedded AWS emulator beside a simulated
Pinecone, drives a day by events on the bus that carry simulated time, shows what happened, and
checks that the day went as it should. It exits with 1 when it did not.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from local.api import ask
from local.progress import hours, step
from local.receiver import Behaviour
from local.scenario import DAY, EXPECTED_POLICY, POLICY, START, seed
from local.simulator import Damage, Harm, Outcome, Simulator
from local.simulator.faults import Fault
from local.stack import DayFailed, Stack, running, wait_until
from pinecone_backup.model import RunKind
from pinecone_backup.reasons import Reason, ReasonKind, sentence
from pinecone_backup.records import RestoreResult, Run, RunState
from pinecone_backup.rules.marker import Marker, ours
from pinecone_backup.rules.plan import Action, Plan
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup.rules.temporary import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.simulator.state import Backup
    from pinecone_backup.records import Finding

TICK = timedelta(hours=1)
REPORT = Path(".run/report.html")
STACK = "pinecone-backup"


@dataclass(slots=True)
class Day:
    """What happened, as it happened."""

    created: list[tuple[datetime, Backup]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    plans: list[tuple[datetime, Plan]] = field(default_factory=list)
    opened: list[tuple[datetime, Finding]] = field(default_factory=list)
    resolved: list[tuple[datetime, Finding]] = field(default_factory=list)
    asked: list[tuple[datetime, str, int]] = field(default_factory=list)

    def last_plan(self) -> Plan:
        """The plan of the first prune that may delete."""
        return self.plans[1][1]


def main() -> int:
    """Run the day; 0 when it went as it should."""
    console = Console()
    console.print(
        "\n[bold]Pinecone Backup[/bold]: a day of a project with ten indexes, "
        f"{START:%A %-d %B %Y}\n"
    )
    simulator = Simulator(START, frozen=True)
    seed(simulator, STACK)
    try:
        with running(_stepper(console), name=STACK, simulator=simulator, policy=POLICY) as stack:
            day = _drive(stack, console)
            with step(console, "Waiting for the last webhooks"):
                _wait_for_webhooks(stack, day)
            _show(stack, day, console)
            failures = _check(stack, day, console)
    except DayFailed as error:
        console.print(f"\n[bold red]The day broke off:[/bold red] {error}")
        return 1
    if failures:
        console.print(f"\n[bold red]{failures} checks failed.[/bold red]")
        return 1
    console.print(
        f"\nThe day went as it should. Open the audit's report: [bold]{REPORT}[/bold]\n"
        "To play with the stack: [bold]make up[/bold], then see the README.\n"
    )
    return 0


def _stepper(console: Console) -> Callable[[str], Any]:
    return lambda what: step(console, what)


# --- The day ---------------------------------------------------------------------------------


def _drive(stack: Stack, console: Console) -> Day:
    day = Day()
    happenings = _happenings(stack, day)
    moments = [START + number * TICK for number in range(int(DAY / TICK))]
    console.print()
    with hours(console, len(moments)) as begin:
        for now in moments:
            stack.at(now)
            what = happenings.get(now - START)
            begin(f"{now:%H:%M}", what[0] if what else "create")
            if what is not None:
                what[1]()
            _run(stack, day, RunKind.CREATE)
    return day


def _happenings(stack: Stack, day: Day) -> dict[timedelta, tuple[str, Callable[[], None]]]:
    """What happens beside the ticks of create, by time of day."""
    project, hour = stack.simulator.project, timedelta(hours=1)

    def audit() -> None:
        _run(stack, day, RunKind.AUDIT)

    def prune() -> None:
        _run(stack, day, RunKind.PRUNE)

    def lose_an_answer() -> None:
        """Pinecone takes the request for a backup, and its answer never arrives."""
        stack.simulator.faults.add(
            Fault(kind="drop", operation="create_backup", path="*search*", after_effect=True)
        )

    def new_index() -> None:
        project.seed_index(
            "recommendations",
            created_at=stack.simulator.clock.now(),
            records=5_000,
            tags={"tier": "silver"},
        )

    def bulk_delete() -> None:
        """Somebody deletes most of an index by mistake."""
        project.write_records("search", -39_000)

    def finish_the_stuck_one() -> None:
        for backup in project.backups:
            if backup.fixed_status == "Initializing":
                backup.fixed_status = None

    def audit_while_the_receiver_is_busy() -> None:
        stack.receiver.misbehave(Behaviour.RATE_LIMIT, path="/slack", retry_after="1")
        audit()

    return {
        0 * hour: ("the first audit", audit),
        2 * hour: ("the first prune is a dry run", prune),
        5 * hour: ("prune", prune),
        6 * hour: ("an answer of Pinecone gets lost", lose_an_answer),
        8 * hour: ("audit", audit),
        9 * hour: ("a new index appears", new_index),
        11 * hour: ("an index loses most of its records", bulk_delete),
        14 * hour: ("audit, while a receiver is busy", audit_while_the_receiver_is_busy),
        16 * hour: ("a stuck backup comes to life", finish_the_stuck_one),
        17 * hour: ("prune", prune),
        23 * hour: ("the last audit", audit),
        **_requests(stack, day),
        **_restore_tests(stack, day),
    }


def _restore_tests(stack: Stack, day: Day) -> dict[timedelta, tuple[str, Callable[[], None]]]:
    """What happens to restores, by time of day."""
    hour = timedelta(hours=1)

    def move() -> None:
        _run(stack, day, RunKind.RESTORE_TEST)

    def begin() -> None:
        """Two backups are restored; what comes back of invoices, the first, lacks records."""
        damaged = Outcome(damages=(Harm(Damage.RECORDS_LOST, share=0.2),))
        stack.simulator.project.restore_outcomes += [damaged, Outcome()]
        move()

    return {
        1 * hour: ("two restore tests begin", begin),
        3 * hour: ("restore tests are compared", move),
        4 * hour: ("one is damaged, in a second look, too", move),
        20 * hour: ("a restore is compared", move),
    }


def _requests(stack: Stack, day: Day) -> dict[timedelta, tuple[str, Callable[[], None]]]:
    """What people ask the API for, by time of day."""
    project, hour = stack.simulator.project, timedelta(hours=1)

    def asked(what: str, path: Callable[[], str], **body: Any) -> tuple[str, Callable[[], None]]:
        """A request to the API, and a prune and an audit after it; a create run follows."""

        def act() -> None:
            given = {key: value() if callable(value) else value for key, value in body.items()}
            status, answer = ask(
                stack.outputs["ApiUrl"], "POST", f"/v1/projects/main{path()}", given
            )
            day.asked.append((stack.simulator.clock.now(), what, status))
            if status // 100 != 2:  # noqa: PLR2004
                raise DayFailed(f"The API answered {status} to {what}: {answer}")
            _run(stack, day, RunKind.PRUNE)
            _run(stack, day, RunKind.AUDIT)

        return what, act

    def newest(at: datetime = START + DAY) -> str:
        """The newest backup of products that was taken by then; the API's own clock is real."""
        ready = [
            row
            for row in project.backups
            if row.index_name == "products" and not row.deleted_at and row.created_at <= at
        ]
        return max(ready, key=lambda row: row.created_at).backup_id

    def finding() -> str:
        return next(each.finding_id for each in stack.ledger().findings() if each.open)

    def hold() -> str:
        return stack.ledger().holds()[0].hold_id

    held = newest()
    return {
        7 * hour: asked("a backup on demand", lambda: "/indexes/papers/backups"),
        10 * hour: asked(
            "a backup with a name", lambda: "/indexes/experiments/backups", name="before-release"
        ),
        12 * hour: asked(
            "a hold", lambda: "/holds", scope="backup", target=held, reason="The auditors come"
        ),
        13 * hour: asked(
            "the hold's release", lambda: f"/holds/{hold()}/release", reason="They have gone"
        ),
        15 * hour: asked(
            "an acknowledgement", lambda: f"/findings/{finding()}/acknowledge", reason="Known"
        ),
        18 * hour: asked(
            "a restore to 10:00",
            lambda: "/indexes/products/restore",
            name="products-restored",
            backup_id=lambda: newest(START + 10 * hour),
        ),
        19 * hour: asked(
            "a native schedule",
            lambda: "/indexes/experiments/backup-schedules",
            name="daily",
            schedule={"type": "time-based", "frequency": "daily"},
            retention={"expire_after_days": 7},
        ),
        21 * hour: asked("its adoption", lambda: "/indexes/products-restored/adopt", policy="gold"),
    }


def _run(stack: Stack, day: Day, kind: RunKind) -> None:
    """One run, by an event on the bus, and what became different by it."""
    known = {backup.backup_id for backup in stack.simulator.project.backups}
    before = {finding.finding_id: finding for finding in stack.ledger().findings()}
    run = stack.ask(kind)
    now = stack.simulator.clock.now()
    day.runs.append(run)
    if run.state in (RunState.FAILED, RunState.REFUSED):
        raise DayFailed(f"The {kind} run at {now:%H:%M} is {run.state}: {run.error}")
    day.created += [
        (now, backup) for backup in stack.simulator.project.backups if backup.backup_id not in known
    ]
    if kind is RunKind.PRUNE:
        key = f"plans/main/{run.summary['digest']}.json"
        day.plans.append((now, Plan.from_json(stack.read_object(key))))
    for finding in stack.ledger().findings():
        old = before.get(finding.finding_id)
        if finding.open and (old is None or not old.open):
            day.opened.append((now, finding))
        if not finding.open and old is not None and old.open:
            day.resolved.append((now, finding))


def _wait_for_webhooks(stack: Stack, day: Day) -> None:
    """Every opened and resolved finding reaches both targets, the deferred message too."""
    expected = len(day.opened) + len(day.resolved)

    def arrived() -> bool | None:
        done = [got for got in stack.receiver.received if got.status // 100 == 2]  # noqa: PLR2004
        signed = sum(
            "finding.opened" in got.body or "finding.resolved" in got.body
            for got in done
            if got.path.startswith("/standard")
        )
        slack = sum(got.path.startswith("/slack") for got in done)
        return True if signed >= expected and slack >= expected else None

    wait_until(arrived, f"{expected} findings to reach both webhook targets", seconds=90)


# --- What one sees ---------------------------------------------------------------------------


def _show(stack: Stack, day: Day, console: Console) -> None:
    _show_created(day, console)
    _show_pruned(day, console)
    _show_left_alone(day, console)
    _show_findings(day, console)
    _show_asked(day, console)
    _show_restores(stack, console)
    _show_webhooks(stack, console)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_bytes(stack.read_object("reports/main/latest.html"))


def _show_created(day: Day, console: Console) -> None:
    table = _table("Created", "Index", "Policy", "Backups", "At (UTC)")
    times: dict[str, list[str]] = {}
    policies: dict[str, str] = {}
    for at, backup in day.created:
        name = backup.index_name
        times.setdefault(name, []).append(f"{at:%H:%M}")
        marker = Marker.parse(backup.description)
        policies[name] = (marker and marker.policy) or "?"
    for name in sorted(times):
        table.add_row(name, policies[name], str(len(times[name])), "  ".join(times[name]))
    _print(
        console,
        table,
        f"{len(day.created)} backups, each once: "
        "96 ticks would do as well as 24; a doubled or missed one changes nothing.",
    )


def _show_pruned(day: Day, console: Console) -> None:
    plan = day.last_plan()
    table = _table("Pruned", "Index", "Deleted", "Kept", "Freed", "Why a backup was kept")
    for index in dict.fromkeys(item.index_name for item in plan.items):
        mine = [item for item in plan.items if item.index_name == index]
        deleted = [item for item in mine if item.action is Action.DELETE]
        kept = [item for item in mine if item.action is Action.KEEP]
        if not deleted:
            continue
        reasons = Counter(str(reason) for item in kept for reason in item.reasons)
        words = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(5))
        freed = sum(item.size_bytes or 0 for item in deleted)
        table.add_row(index, str(len(deleted)), str(len(kept)), _size(freed), words)
    first, dry = day.plans[0]
    _print(
        console,
        table,
        f"The first prune ({first:%H:%M}) was a dry run and named "
        f"{len(dry.to_go)} backups; nothing goes before somebody could have read that.",
    )


def _show_left_alone(day: Day, console: Console) -> None:
    plan = day.last_plan()
    table = _table("Left alone", "Index", "Backups", "Why")
    counted = Counter(
        (item.index_name, sentence(item.reasons))
        for item in plan.items
        if item.action is Action.LEAVE_ALONE
    )
    frozen = Counter(
        (index.index_name, str(index.frozen or Reason.of(ReasonKind.ORPHAN_KEPT)))
        for index in plan.indexes
        if index.frozen or index.orphan
        for item in plan.items
        if item.index_id == index.index_id
    )
    for (name, reason), count in sorted((counted + frozen).items()):
        table.add_row(name, str(count), reason)
    _print(console, table, "Not ours, another deployment's, or of an index that was deleted.")


def _show_findings(day: Day, console: Console) -> None:
    table = _table("Found", "At", "Severity", "What", "Resolved")
    deleted = {finding.finding_id: at for at, finding in day.resolved}
    for at, finding in sorted(day.opened, key=lambda pair: (pair[0], pair[1].severity.rank)):
        resolved = deleted.get(finding.finding_id)
        table.add_row(
            f"{at:%H:%M}",
            str(finding.severity),
            finding.title,
            f"{resolved:%H:%M}" if resolved else "open",
            style="" if resolved is None else "dim",
        )
    _print(console, table, f"{len(day.opened)} findings opened, {len(day.resolved)} resolved.")


def _show_asked(day: Day, console: Console) -> None:
    table = _table("Asked for", "At", "What people asked the API for", "Answer")
    for at, what, status in day.asked:
        table.add_row(f"{at:%H:%M}", what, str(status))
    failed = sum(run.state is RunState.FAILED for run in day.runs)
    _print(
        console,
        table,
        f"After each a prune, an audit and a create run; {failed} of the day's {len(day.runs)} "
        "runs failed.",
    )


def _show_restores(stack: Stack, console: Console) -> None:
    table = _table("Restored", "Index", "For", "Began (UTC)", "Took", "Result", "What differs")
    for record in stack.ledger().restores():
        table.add_row(
            record.index_name,
            "a test" if record.test else record.target_index_name,
            f"{record.started_at:%H:%M}",
            f"{record.took_seconds} s" if record.took_seconds is not None else "",
            str(record.result or record.step),
            "; ".join(map(str, record.differences)),
        )
    _print(console, table, "What a test restores is deleted; what a person restores stays.")


def _show_webhooks(stack: Stack, console: Console) -> None:
    table = _table("Notified", "Target", "Messages", "Verified", "Asked to wait", "The last one")
    received = stack.receiver.received
    for path in sorted({got.path for got in received}):
        mine = [got for got in received if got.path == path]
        fine = [got for got in mine if got.status // 100 == 2]  # noqa: PLR2004
        verified = sum(bool(got.verified) for got in fine)
        busy = sum(got.status == 429 for got in mine)  # noqa: PLR2004
        table.add_row(
            path.rpartition("/")[2],
            str(len(fine)),
            f"{verified} of {len(fine)}" if path.startswith("/standard") else "not signed",
            str(busy),
            _headline(fine[-1].json),
        )
    _print(
        console, table, "A message that had to wait kept its id, so its receiver counts it once."
    )


def _headline(body: Any) -> str:
    return str(body.get("text") or body.get("type"))[:60]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_style="bold", title_justify="left", expand=False)
    for name in columns:
        numeric = name in {"Backups", "Deleted", "Kept", "Freed", "Messages", "Asked to wait"}
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    return table


def _print(console: Console, table: Table, caption: str) -> None:
    console.print()
    console.print(table)
    console.print(f"[dim]{caption}[/dim]", soft_wrap=True)


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"  # noqa: PLR2004


# --- Did the day go as it should? --------------------------------------------------------------


def _check(stack: Stack, day: Day, console: Console) -> int:
    """Print what should be so and whether it is; the number of failures."""
    results = list(_claims(stack, day))
    table = _table("Checked", "", "Claim")
    for claim, holds in results:
        table.add_row("ok" if holds else "FAILED", claim, style="" if holds else "bold red")
    _print(console, table, "")
    return sum(not holds for _, holds in results)


def _claims(stack: Stack, day: Day) -> Iterable[tuple[str, bool]]:
    project = stack.simulator.project
    made = Counter((backup.index_name, backup.name) for _, backup in day.created)
    names = {backup.index_name for _, backup in day.created}
    yield (
        "no slot got two backups, the one whose answer got lost included",
        (bool(made) and max(made.values()) == 1 and _one_per_slot(day)),
    )
    yield (
        "every index with a policy got its backups, the new and the re-created one too",
        (names == {*EXPECTED_POLICY, "recommendations", "products-restored"} - {"papers"}),
    )
    yield (
        "every backup of the day is ours by marker and name",
        all(
            ours(backup.name, backup.description, backup.index_name, STACK)
            for _, backup in day.created
        ),
    )
    yield from _claims_about_pruning(day)
    deleted = {backup.backup_id for backup in project.backups if backup.deleted_at}
    planned = {item.backup_id for _, plan in day.plans[1:] for item in plan.to_go}
    yield (
        "nothing that people asked for kept a run from its work",
        not {"run-broken", "ledger-unreadable", "project-unknown"}
        & {finding.control for _, finding in day.opened},
    )
    yield "exactly what the plans named was deleted", bool(deleted) and deleted == planned
    yield from _claims_about_restores(stack)
    yield from _claims_about_findings(day)
    signed = [got for got in stack.receiver.received if got.path.startswith("/standard")]
    yield "every signed webhook verifies", bool(signed) and all(got.verified for got in signed)
    ids = Counter(got.message_id for got in signed if got.status // 100 == 2)  # noqa: PLR2004
    yield "no signed webhook came twice", max(ids.values(), default=0) == 1


def _one_per_slot(day: Day) -> bool:
    markers = [(backup.index_name, Marker.parse(backup.description)) for _, backup in day.created]
    slots = Counter((name, marker.slot) for name, marker in markers if marker)
    return max(slots.values(), default=0) == 1


def _claims_about_pruning(day: Day) -> Iterable[tuple[str, bool]]:
    (_, dry), (_, first), *later = day.plans
    yield "the first prune was a dry run that named what would go", bool(dry.to_go)
    yield (
        "only backups that this deployment made were deleted",
        all(Safeguard.NOT_OURS not in item.safeguards for item in first.to_go),
    )
    kept = {item.backup_id: item for item in first.items if item.action is Action.LEAVE_ALONE}
    yield (
        "the manual backup and the other deployment's were left alone",
        (
            {ReasonKind.MANUAL, ReasonKind.OTHER_OWNER}
            <= {reason.kind for item in kept.values() for reason in item.reasons}
        ),
    )
    yield (
        "a later prune found little more to do",
        all(len(plan.to_go) <= len(first.to_go) / 4 for _, plan in later),
    )


def _claims_about_restores(stack: Stack) -> Iterable[tuple[str, bool]]:
    ledger, project = stack.ledger(), stack.simulator.project
    restores = ledger.restores()
    tests = {record.index_name: record for record in restores if record.test}
    sound, damaged = tests.get("products"), tests.get("invoices")
    yield (
        "a backup of products came back whole in a restore test",
        sound is not None and sound.result is RestoreResult.SUCCEEDED,
    )
    yield (
        "the damaged backup of invoices was found, and counts for nothing since",
        damaged is not None
        and damaged.result is RestoreResult.FAILED
        and ledger.backups()[damaged.backup_id].restore_tested is False,
    )
    yield (
        "the indexes of both tests were deleted",
        not any(index.name.startswith(PREFIX) for index in project.list_indexes()),
    )
    asked = [record for record in restores if not record.test]
    yield (
        "the restore to 10:00 was followed to its end, compared and adopted",
        [(each.result, each.adopted_policy) for each in asked]
        == [(RestoreResult.SUCCEEDED, "gold")],
    )


def _claims_about_findings(day: Day) -> Iterable[tuple[str, bool]]:
    opened = {
        (finding.control, finding.data.get("index", finding.subject)) for _, finding in day.opened
    }
    resolved = {
        (finding.control, finding.data.get("index", finding.subject)) for _, finding in day.resolved
    }
    yield (
        "the audit found the overdue index, and saw it protected again",
        (("overdue", "invoices") in opened & resolved),
    )
    yield (
        "the audit found the stuck backup, and saw it come to life",
        (("stuck", "invoices") in opened & resolved),
    )
    yield "the audit found the failed backup", ("failed", "invoices") in opened
    yield "the audit found the index without a policy", ("no-policy", "experiments") in opened
    yield (
        "the audit found the index that cannot be backed up",
        (("unsupported-index", "legacy-pods") in opened),
    )
    yield "the audit found the backup that shrank", ("shrunk", "search") in opened
    controls = {control for control, _ in opened}
    yield (
        "the audit found orphans and another deployment's backups",
        ({"orphan", "other-owner"} <= controls),
    )


if __name__ == "__main__":
    sys.exit(main())
