"""What the README offers people, and after each of it a create, a prune and an audit run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.api import ask
from pinecone_backup.model import TICKED

if TYPE_CHECKING:
    from local.simulator import Simulator
    from tests.support.deployed import Deployed

pytestmark = pytest.mark.emulator


@pytest.fixture
def project(stack: Deployed, project: tuple[str, Simulator]) -> tuple[str, Simulator]:
    """The same, with an old backup to act on and an index that nobody backs up."""
    name, simulator = project
    simulator.behaviour.backup_seconds = 0  # Ready at once
    simulator.project.seed_backup("products", name="by-hand")
    simulator.project.seed_index("scratch", records=10, tags={"backup-policy": "gold"})
    runs(stack, name)
    return name, simulator


def runs(stack: Deployed, project: str) -> list[str]:
    """One run of each kind; how each ended."""
    ended = []
    for kind in TICKED:
        answer = stack.invoke(kind, {"project": project})
        assert "runs" in answer, answer
        ended += [str(run["state"]) for run in answer["runs"]]
    return ended


def test_whatever_people_ask_for_the_runs_that_follow_end_well(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    name, simulator = project
    api = stack.outputs["ApiUrl"]
    finding = next(
        each
        for each in stack.ledger(name).findings()
        if each.control == "unknown-policy-tag" and each.open
    )
    backup_id = simulator.project.backups[0].backup_id
    of_project = f"/v1/projects/{name}"
    schedule = {
        "name": "daily",
        "schedule": {"type": "time-based", "frequency": "daily"},
        "retention": {"expire_after_days": 7},
    }
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("/indexes/products/backups", {}),
        ("/indexes/scratch/backups", {"name": "before-release"}),
        ("/holds", {"scope": "backup", "target": backup_id, "reason": "audit"}),
        (f"/findings/{finding.finding_id}/acknowledge", {"reason": "known"}),
        (f"/backups/{backup_id}/create-index", {"name": "copy"}),
        ("/indexes/scratch/backup-schedules", schedule),
    ]
    for path, body in wanted:
        status, answer = ask(api, "POST", of_project + path, body)
        assert status // 100 == 2, (path, answer)
        if path == "/holds":
            release = f"{of_project}/holds/{answer['hold_id']}/release"
            assert ask(api, "POST", release, {"reason": "over"})[0] == 200
        assert not {"failed", "refused"} & set(runs(stack, name)), path
    broken = {"run-broken", "ledger-unreadable", "project-unknown"}
    assert not broken & {each.control for each in stack.ledger(name).findings()}


def test_an_item_damaged_in_the_table_stops_no_run_and_is_named(
    stack: Deployed, project: tuple[str, Simulator]
) -> None:
    """U2."""
    name, _ = project
    assert ask(stack.outputs["ApiUrl"], "POST", f"/v1/projects/{name}/indexes/products/backups", {})
    runs(stack, name)
    dynamodb, table = stack.aws.client("dynamodb"), stack.outputs["TableName"]
    items = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"PROJECT#{name}"}},
    )["Items"]
    damaged: dict[str, Any] = {}
    for item in items:
        key, record = item["sk"]["S"], dict(item.get("record", {}).get("M", {}))
        if record and key.partition("#")[0] in ("BACKUP", "CLAIM", "INDEX", "LAST", "FINDING"):
            record.pop(sorted(record)[len(damaged) % len(record)])
            damaged[key] = item | {"record": {"M": record}}
            dynamodb.put_item(TableName=table, Item=damaged[key])
    assert not {"failed", "refused"} & set(runs(stack, name))
    named = {each.subject for each in stack.ledger(name).findings() if each.open}
    assert damaged.keys() <= named
