"""The commands against the API itself, over HTTP: our handler, a simulated Pinecone, no AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

import pytest

from pinecone_backup.errors import PolicyInvalid
from pinecone_backup.model import Severity
from pinecone_backup_cli.errors import Exit
from tests.support.api import (
    Gateway,
    World,
    audit,
    finding,
    idempotency_table,
    plan_a_prune,
)
from tests.support.audits import NAME, ago, index_facts, inventory, project_facts
from tests.support.audits import backup as backup_of
from tests.support.command_line import CommandLine, gateway
from tests.support.reports import report_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer

    from local.simulator import Simulator


@pytest.fixture(scope="module")
def keys() -> Iterator[BasePersistenceLayer]:
    with idempotency_table() as store:
        yield store


@pytest.fixture
def world(
    simulator: Simulator,
    simulator_url: str,
    keys: BasePersistenceLayer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """An API whose project main has one index, ``products``, and three backups of ours."""
    simulator.project.seed_index("products", records=1000)
    with World(simulator, simulator_url) as world:
        world.container.store = keys
        with gateway(Gateway(world)) as url:
            monkeypatch.setenv("PINECONE_BACKUP_URL", url)
            monkeypatch.setenv("AWS_REGION", "eu-central-1")
            yield world


@pytest.fixture
def backup(world: World) -> str:
    """The newest of three backups."""
    return [world.seed(days_ago=days) for days in (2, 1, 0)][-1]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], world: World) -> CommandLine:
    assert world
    return CommandLine(capsys)


def test_backups_are_listed_the_newest_first(run: CommandLine, backup: str) -> None:
    said = run("backups", "products")
    assert said.code == Exit.FINE
    assert [line.split()[0] for line in said.lines][:2] == ["Backup", backup]
    assert len(said.lines) == 4


def test_for_programs_the_rows_are_those_of_the_api(
    run: CommandLine, world: World, backup: str
) -> None:
    rows = run("backups", "--json").json
    theirs = world.get("/backups")["data"]
    assert sorted(rows, key=lambda row: row["backup_id"]) == sorted(
        theirs, key=lambda row: row["backup_id"]
    )
    assert rows[0]["backup_id"] == backup


def test_indexes_are_listed_with_their_policy(run: CommandLine) -> None:
    (head, row) = run("indexes").lines
    assert head.split()[:2] == ["Index", "Policy"]
    assert row.split()[:3] == ["products", "daily", "assignment"]


def test_why_says_what_keeps_a_backup_and_until_when(run: CommandLine, backup: str) -> None:
    said = run("why", backup)
    assert said.code == Exit.FINE
    assert "a newer good backup of its index" in said.out
    assert "last snapshot" in said.out
    assert "2026-11-25" in said.out, "three days later keep_last 3 is over"


def test_a_hold_is_placed_listed_and_released_with_reasons(run: CommandLine, backup: str) -> None:
    placed = run("hold", backup, "--reason", "[red]Case[/red] 4711", "--json").json
    assert placed["scope"] == "backup"
    listed = run("holds").out
    assert placed["hold_id"] in listed
    assert "[red]Case[/red] 4711" in listed
    released = run("release", placed["hold_id"], "--reason", "Closed")
    assert "released" in released.out
    assert run("holds").out == "Nothing is held.\n"
    assert placed["hold_id"] in run("holds", "--all").out


def test_what_is_held_is_not_deleted_and_the_exit_code_says_so(
    run: CommandLine, world: World, backup: str
) -> None:
    hold = run("hold", "--index", "products", "--reason", "Case", "--json").json["hold_id"]
    said = run("delete", backup, "--reason", "Test data")
    assert said.code == Exit.REFUSED
    assert hold in said.err
    assert len(world.get("/backups")["data"]) == 3


def test_a_safeguard_is_overruled_by_its_name(run: CommandLine, world: World, backup: str) -> None:
    """The refusal names what to overrule; what then goes is in the log of deletions for ever."""
    refused = run("delete", backup, "--reason", "Test data", "--json")
    assert refused.code == Exit.REFUSED
    in_the_way = json.loads(refused.err)["rule"].replace(" ", "")
    deleted = run("delete", backup, "--reason", "Test data", "--override", in_the_way)
    assert deleted.code == Exit.FINE, deleted.err
    (row,) = run("deletions", "--json").json
    assert (row["backup_id"], row["comment"]) == (backup, "Test data")
    assert "newest-good" in run("deletions", "show", backup).out
    assert "Test data" in run("why", backup).out


def test_deletions_are_searched_by_index_and_time(
    run: CommandLine, world: World, backup: str
) -> None:
    everything = "newest-good,floor,kept-by-policy"
    assert run("delete", backup, "--reason", "Test data", "--override", everything).code == 0
    day = f"{world.simulator.clock.now():%Y-%m-%d}T00:00Z"
    assert backup in run("deletions", "--index", "products", "--since", day).out
    assert run("deletions", "--index", "papers", "--since", day).out == "Nothing was deleted.\n"
    assert run("deletions", "--since", "2026-01-01", "--until", day).out == "Nothing was deleted.\n"


def test_a_backup_is_made_with_a_name_and_an_expiry(run: CommandLine, world: World) -> None:
    said = run("backup", "products", "--name", "before-import", "--expire-after", "30d", "--json")
    assert said.code == Exit.FINE
    assert said.json["expires_at"].startswith("2026-12-22")
    assert said.json["name"] == "before-import"
    assert said.json["backup_id"] in str(world.get("/backups")["data"])


def test_a_restore_names_the_job_to_follow(run: CommandLine, backup: str) -> None:
    said = run("restore", backup, "products-restored", "--tag.team", "search")
    assert said.code == Exit.FINE
    assert "pinecone-backup restores show" in said.out
    (job,) = run("restore-jobs", "--json").json
    (followed,) = run("restores", "--json").json
    assert job["target_index_name"] == followed["target_index_name"] == "products-restored"
    assert run("restores", "show", followed["restore_id"]).code == Exit.FINE
    assert run("tests", "--json").json == []


def test_a_restore_point_is_found_and_restored_from(
    run: CommandLine, world: World, backup: str
) -> None:
    audit(world)
    said = run("restore-point", "products")
    assert said.code == Exit.FINE
    assert backup in said.out
    assert run("restore-point", "products", "--at", "2020-01-01T00:00Z").code == Exit.WRONG
    started = run("restore", "products", "copy", "--at", "2026-11-22T12:00Z", "--json").json
    assert started["backup_id"] == backup


def test_what_was_not_restored_is_not_adopted(run: CommandLine, backup: str) -> None:
    assert run("adopt", "products", "daily").code == Exit.REFUSED


def test_what_does_not_exist_is_not_found(run: CommandLine) -> None:
    for command in (["why", "nope"], ["runs", "show", "nope"], ["plan", "show", "nope"], ["plan"]):
        said = run(*command)
        assert said.code == Exit.NOT_FOUND
        assert "next" in said.err


def test_status_without_an_audit_is_not_fine(run: CommandLine) -> None:
    said = run("status")
    assert said.code == Exit.WRONG
    assert "pinecone-backup runs start audit --project main --wait" in said.out


def add_a_project(world: World) -> None:
    projects = list(world.container.document.projects)
    second = projects[0].model_copy(update={"name": "second"})
    world.container.document = world.container.document.model_copy(
        update={"projects": [*projects, second]}
    )


def test_several_projects_are_not_guessed_at(run: CommandLine, world: World) -> None:
    add_a_project(world)
    said = run("backups")
    assert said.code == Exit.USAGE
    assert "main, second" in said.err
    assert "PINECONE_BACKUP_PROJECT" in said.err
    assert run("backups", "--project", "main").code == Exit.FINE


@pytest.mark.parametrize(("name", "code"), [("good.yaml", Exit.FINE), ("bad.yaml", Exit.WRONG)])
def test_a_policy_is_validated_before_anybody_stores_it(
    run: CommandLine, tmp_path: Path, name: str, code: Exit
) -> None:
    policy = tmp_path / name
    floor = 1 if code is Exit.FINE else "many"
    policy.write_text(
        "version: 1\nprojects: [{name: main}]\npolicies:\n"
        f'- {{name: a, cron: "0 3 * * *", max_age: 26h, floor: {floor}, '
        "retention: {keep_last: 3}}\nassignments: [{policy: a, index: '*'}]\n"
    )
    said = run("policy", "validate", str(policy))
    assert said.code == code
    assert ("floor" in said.out) == (code is Exit.WRONG)
    printed = run("policy", "validate", str(policy), "--print")
    assert printed.code == code
    if code is Exit.FINE:
        assert printed.json["policies"][0]["floor"] == 1


def test_a_preview_shows_each_day(run: CommandLine, backup: str) -> None:
    assert backup
    said = run("policy", "preview", "--days", "3")
    assert said.code == Exit.FINE
    assert [line.split()[:3] for line in said.lines[1:5]] == [
        ["Sun", "22", "Nov"],
        ["Mon", "23", "Nov"],
        ["Tue", "24", "Nov"],
        ["Wed", "25", "Nov"],
    ]


def test_a_preview_of_another_document_says_what_it_changes(
    run: CommandLine, backup: str, tmp_path: Path
) -> None:
    assert backup
    given = tmp_path / "policy.yaml"
    given.write_text(
        "version: 1\nprojects: [{name: main}]\npolicies:\n"
        '- {name: a, cron: "0 3 * * *", max_age: 26h, retention: {keep_last: 3}}\n'
        "assignments: [{policy: a, index: '*'}]\n"
    )
    said = run("policy", "preview", str(given), "--days", "3")
    assert said.code == Exit.FINE
    assert "Of what exists, only deleted because of the change: 0" in said.lines
    assert said.lines[-1].startswith("In the long run ")


def policy_file(folder: Path, *, keep_last: int, project: str = "main", floor: int = 1) -> str:
    """The policy in force, but for these."""
    given = folder / "policy.yaml"
    given.write_text(
        f"version: 1\nprojects: [{{name: {project}}}]  # as everybody may write them\npolicies:\n"
        f'- {{name: daily, cron: "0 3 * * *", max_age: 26h, floor: {floor}, '
        f"retention: {{keep_last: {keep_last}}}}}\nassignments: [{{policy: daily, index: '*'}}]\n"
    )
    return str(given)


@pytest.mark.usefixtures("backup")
@pytest.mark.parametrize(
    ("keep_last", "arguments", "code"),
    [
        (1, ["--fail-on-delete"], Exit.WRONG),
        (1, [], Exit.FINE),
        (3, ["--fail-on-delete"], Exit.FINE),
        (9, ["--fail-on-delete"], Exit.FINE),
    ],
)
def test_a_pull_request_is_checked_for_what_its_policy_deletes(
    run: CommandLine, tmp_path: Path, keep_last: int, arguments: list[str], code: Exit
) -> None:
    file = policy_file(tmp_path, keep_last=keep_last)
    said = run("policy", "diff", file, "--days", "0", *arguments)
    assert said.code == code
    going = 2 if keep_last == 1 else 0
    assert f"Of what exists, only deleted because of the change: {going}" in said.lines
    assert f"{going} backups of today would be deleted" in said.lines[-1]
    quota = [line.split("  ")[0] for line in said.lines if line.startswith("quota ")]
    assert quota == ["quota before", "quota after"]
    changes = run("policy", "diff", file, "--days", "0", "--json").json
    assert len(changes["main"]["goes"]) == going


def test_a_document_that_is_not_valid_fails_the_check_with_its_errors(
    run: CommandLine, tmp_path: Path
) -> None:
    said = run("policy", "diff", policy_file(tmp_path, keep_last=3, floor=-1))
    assert said.code == Exit.WRONG
    assert "floor" in said.out


def test_a_project_that_a_document_no_longer_names_is_said_and_compared_with_nothing(
    run: CommandLine, tmp_path: Path
) -> None:
    said = run("policy", "diff", policy_file(tmp_path, keep_last=3, project="other"))
    assert said.code == Exit.FINE
    assert "Not named any more: nothing is created or deleted." in said.lines


def put_report(world: World, **age: float) -> None:
    """The report of an audit that saw one index, whose newest good backup is so old."""
    held = inventory([backup_of(at=ago(**age))])
    report = report_of(project_facts(held, index_facts(held)))
    objects = world.container.objects
    objects.put("reports/main/latest.json", report.to_json(), content_type="application/json")


@pytest.mark.parametrize(
    ("age", "health", "code"),
    [({"hours": 1}, "healthy", Exit.FINE), ({"days": 9}, "failing", Exit.WRONG)],
)
def test_the_exit_code_of_status_is_the_health_of_the_projects(
    run: CommandLine, world: World, age: dict[str, float], health: str, code: Exit
) -> None:
    put_report(world, **age)
    said = run("status")
    assert said.code == code
    assert f"main: {health}" in said.lines
    assert run("status", "--json").json["health"] == health


@pytest.mark.parametrize("named", [[], ["--project", "main"]])
def test_an_audit_of_the_day_before_yesterday_says_nothing_about_today(
    run: CommandLine, world: World, backup: str, named: list[str]
) -> None:
    assert backup
    audit(world)
    assert run("status", *named).code == Exit.FINE
    world.simulator.clock.advance(hours=50)
    said = run("status", *named)
    assert said.code == Exit.WRONG
    assert said.lines[0] == "main: unknown"
    assert said.lines[1].startswith("Not audited for 2 days 2 hours; then: ")
    assert "pinecone-backup runs start audit --project main --wait" in said.lines[2]
    assert any(line.startswith("products") for line in said.lines), "what was known then"


def test_status_of_several_projects_is_the_overview_the_worst_first(
    run: CommandLine, world: World
) -> None:
    add_a_project(world)
    world.container.ledger("second").put_finding(finding(world, 1))
    audit(world)
    said = run("status")
    assert said.code == Exit.WRONG
    assert said.lines[0] == "stack-a: unknown"
    rows = [line.split()[0] for line in said.lines if line.startswith(("main", "second"))]
    assert rows == ["second", "main"]
    overview = run("status", "--json").json
    assert [each["project"] for each in overview["projects"]] == ["second", "main"]
    assert run("status", "--project", "main", "--json").json["project"] == "main"


def test_a_finding_of_the_deployment_is_not_missed_where_there_is_one_project(
    run: CommandLine, world: World
) -> None:
    put_report(world, hours=1)
    serious = finding(world, 1, title="The policy is not valid", severity=Severity.CRITICAL)
    world.container.deployment.put_finding(serious)
    said = run("status")
    assert said.code == Exit.WRONG
    assert "The policy is not valid" in said.out


def test_findings_of_several_projects_name_their_project(run: CommandLine, world: World) -> None:
    add_a_project(world)
    world.container.ledger("second").put_finding(finding(world, 1))
    assert run("findings").lines[1].split()[0] == "second"


def test_status_names_the_backup_to_restore_from(run: CommandLine, world: World) -> None:
    put_report(world, hours=1)
    (row,) = (line for line in run("status").lines if line.startswith(NAME))
    assert row.split() == [NAME, "protected", "b-1", "1", "h"]


def test_without_a_good_backup_a_restore_point_shows_what_else_there_is(
    run: CommandLine, world: World
) -> None:
    manual = world.simulator.project.seed_backup("products", name="by-hand").backup_id
    said = run("restore-point", "products")
    assert said.code == Exit.WRONG
    assert "restore from  no good backup" in said.lines
    assert any(line.startswith(manual) for line in said.lines)
    assert "pinecone-backup restore BACKUP NEW-NAME --wait" in said.lines[-1]
    assert run("tests").out == "No restore test has run yet.\n"


def test_the_link_to_the_report_is_printed_alone(run: CommandLine, world: World) -> None:
    put_report(world, hours=1)
    said = run("open", "--print")
    assert said.out == "https://bucket.example/reports/main/latest.html?expires=900\n"


def test_without_a_project_the_page_of_several_is_the_overview(
    run: CommandLine, world: World
) -> None:
    add_a_project(world)
    said = run("open", "--print")
    assert said.out == "https://bucket.example/reports/latest.html?expires=900\n"


def test_a_plan_is_opened_as_a_page_to_approve_on(
    run: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def show(url: str) -> bool:
        shown.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", show)
    digest = plan_a_prune(world).digest
    link = f"https://bucket.example/plans/main/{digest}.html?expires=900"
    assert run("plan", "show", "--open").out == f"{link}\n"
    assert run("plan", "show", digest[:12], "--open", "--json").json["url"] == link
    assert shown == [link]


def test_where_no_browser_opens_the_link_is_in_the_error(
    run: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    put_report(world, hours=1)
    said = run("open")
    assert said.code == Exit.FAILED
    assert "https://bucket.example/reports/main/latest.html" in said.err


def test_a_run_that_was_asked_for_can_be_followed_later(run: CommandLine) -> None:
    started = run("runs", "start", "audit")
    assert started.code == Exit.FINE
    (row,) = run("runs", "--json").json
    assert f"pinecone-backup runs show {row['run_id']} --wait" in started.out
    assert run("runs", "--kind", "prune").out == "Nothing has run yet.\n"


def test_findings_of_project_and_deployment_are_listed_the_worst_first(
    run: CommandLine, world: World
) -> None:
    world.ledger.put_finding(finding(world, 1, title="late"))
    world.ledger.put_finding(finding(world, 2, title="lost", severity=Severity.CRITICAL))
    world.container.deployment.put_finding(finding(world, 3, severity=Severity.ERROR))
    assert [row["finding_id"] for row in run("findings", "--json").json] == ["f2", "f3", "f1"]
    assert [row["finding_id"] for row in run("findings", "--severity", "critical", "--json").json]
    assert run("findings", "--resolved").out == "No finding is resolved.\n"


@pytest.mark.parametrize("of_deployment", [True, False])
def test_a_finding_is_acknowledged_by_the_beginning_of_its_id(
    run: CommandLine, world: World, of_deployment: bool
) -> None:
    ledger = world.container.deployment if of_deployment else world.ledger
    ledger.put_finding(finding(world, 1, finding_id="1b2c3d4e5f60"))
    assert "do" in run("findings", "show", "1b2c").out
    said = run("findings", "ack", "1b2c", "--reason", "Rebuilt on Monday")
    assert said.code == Exit.FINE, said.err
    assert [each.acknowledged_reason for each in ledger.findings()] == ["Rebuilt on Monday"]
    assert "(known)" in run("findings").out


def test_a_beginning_that_several_share_is_not_guessed_at(run: CommandLine, world: World) -> None:
    for number in (1, 2):
        world.ledger.put_finding(finding(world, number))
    said = run("findings", "ack", "f", "--reason", "x")
    assert said.code == Exit.USAGE
    assert "f1, f2" in said.err
    assert run("findings", "show", "absent").code == Exit.NOT_FOUND


def test_a_plan_is_read_and_approved_by_the_beginning_of_its_digest(
    run: CommandLine, world: World
) -> None:
    plan = plan_a_prune(world)
    short = plan.digest[:12]
    assert run("plan", "list").lines[1].split()[0] == short
    shown = run("plan")
    goes = [line for line in shown.lines if "no rule of policy daily keeps it" in line]
    assert len(goes) == 3
    assert len(run("plan", "show", short, "--all").lines) == len(shown.lines) + 3
    said = run("plan", "approve", short[:6], "--reason", "Read it", "--until", "2026-11-23T12:00Z")
    assert said.code == Exit.FINE, said.err
    assert f"pinecone-backup plan execute {short}" in said.out
    assert [each.approved_reason for each in world.ledger.plans()] == ["Read it"]


def test_a_plan_that_may_not_be_executed_is_refused(run: CommandLine, world: World) -> None:
    """The deployment's mode deletes nothing, whatever was approved."""
    digest = plan_a_prune(world).digest
    assert run("plan", "execute", digest).code == Exit.REFUSED


def test_a_suspect_is_accepted_for_a_reason(run: CommandLine, world: World) -> None:
    for days, records in ((2, 1000), (1, 10)):
        world.seed(days_ago=days, record_count=records)
    audit(world)
    (row,) = run("suspects", "--json").json
    assert row["backup_id"] in run("suspects").out
    said = run("suspects", "accept", row["backup_id"], "--reason", "Cut down on purpose")
    assert said.code == Exit.FINE, said.err
    assert run("suspects").out == "No backup is suspect.\n"


def test_health_without_a_valid_policy_is_not_fine(run: CommandLine, world: World) -> None:
    assert run("health").code == Exit.FINE

    def load() -> NoReturn:
        raise PolicyInvalid([("policies.0.cron", "is no cron")])

    world.container.load = load
    said = run("health")
    assert said.code == Exit.WRONG
    assert "is no cron" in said.out
