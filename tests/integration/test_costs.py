"""What README says that a stack costs is computed from what is deployed, emitted and called."""

from __future__ import annotations

import ast
import json
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from local.build import ROOT
from local.costs import (
    MEASURED,
    METRICS,
    PROJECT_METRICS,
    Day,
    dashboard,
    monthly,
    runs_a_day,
    table,
)
from pinecone_backup.model import RunKind
from pinecone_backup.rules.policy import validate_policy
from tests.support.container import MemoryEvidence, MemoryObjects
from tests.support.deployment import Deployment
from tests.support.simulator import START, client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.simulator import Simulator
    from tests.support.table import MemoryTable

POLICY = {
    "projects": [{"name": "main"}],
    "policies": [
        {
            "name": "six-hourly",
            "cron": "0 */6 * * *",
            "max_age": "9h",
            "retention": {"keep_last": 12},
        }
    ],
    "assignments": [{"policy": "six-hourly"}],
}


class CountedObjects(MemoryObjects):
    """A bucket that counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        self.count["s3_writes"] += 1
        self.count["s3_bytes"] += 0 if "latest" in key or "summary" in key else len(body)
        super().put(key, body, content_type=content_type)

    def get(self, key: str) -> bytes:
        self.count["s3_reads"] += 1
        return super().get(key)


class CountedEvidence(MemoryEvidence):
    """Segments of evidence, counted as they are written and read."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def create(self, key: str, body: bytes) -> bool:
        self.count["s3_writes"] += 1
        return super().create(key, body)

    def get(self, key: str) -> bytes:
        self.count["s3_reads"] += 1
        return super().get(key)


def _units(item: Mapping[str, Any], size: int) -> int:
    return max(1, ceil(len(json.dumps(item)) / size))


def _bytes(deployment: Deployment) -> int:
    return sum(
        len(json.dumps(item))
        for ledger in (deployment.ledger, deployment.whole)
        for item in ledger.table.items.values()
    )


def counted(table: MemoryTable) -> Counter[str]:
    """From now on the calls to a table are counted, in DynamoDB's units."""
    count: Counter[str] = Counter()
    get, query, put = table.get_item, table.query, table.put_item
    delete, transact = table.delete_item, table.transact_write_items

    def get_item(**request: Any) -> dict[str, Any]:
        answer = get(**request)
        count.update(table_calls=1, read_units=_units(answer, 4096))
        return answer

    def query_items(**request: Any) -> dict[str, Any]:
        answer = query(**request)
        count.update(table_calls=1, read_units=_units(answer, 4096))
        return answer

    def put_item(**request: Any) -> dict[str, Any]:
        count.update(table_calls=1, write_units=_units(request["Item"], 1024))
        return put(**request)

    def delete_item(**request: Any) -> dict[str, Any]:
        count.update(table_calls=1, write_units=1)
        return delete(**request)

    def transact_write_items(**request: Any) -> dict[str, Any]:
        for write in request["TransactItems"]:
            count["write_units"] += 2 * _units(write.get("Put", {}).get("Item", {}), 1024)
        count["table_calls"] += 1
        return transact(**request)

    vars(table).update(
        get_item=get_item,
        query=query_items,
        put_item=put_item,
        delete_item=delete_item,
        transact_write_items=transact_write_items,
    )
    return count


EVERY = {RunKind.CREATE: 1, RunKind.AUDIT: 4, RunKind.PRUNE: 24, RunKind.RESTORE_TEST: 1}
"""Each kind of run in quarters of an hour, as the template schedules them."""


def a_day(simulator: Simulator, url: str) -> Day:
    """Four times the calls of six hours, in which each of ten indexes gains and loses a backup."""
    with client(url) as control_plane:
        deployment = Deployment(simulator, control_plane, document=validate_policy(POLICY))
        for number in range(10):
            name = f"index-{number}"
            simulator.project.seed_index(name, created_at=START - timedelta(days=9), records=9)
            for slot in range(13):
                deployment.seed(name, hours_ago=6 * slot)
        deployment.all_runs()
        deployment.later(hours=3)
        objects = deployment.objects = CountedObjects()
        evidence = deployment.evidence = CountedEvidence()
        tables = [counted(ledger.table) for ledger in (deployment.ledger, deployment.whole)]
        bytes_before = _bytes(deployment)
        known, calls, runs = len(deployment.bus.published), Counter[str](), 0
        for tick in range(24):
            deployment.later(minutes=15)
            for kind, every in EVERY.items():
                if tick % every == 0:
                    simulator.requests.clear()
                    assert deployment.run(kind).state == "succeeded"
                    calls[f"{kind}_calls"] += len(simulator.requests.calls)
                    runs += 1
    objects.count["s3_reads"] += runs  # of the policy document
    count = sum([*tables, objects.count, evidence.count, calls], Counter[str]())
    count["table_bytes"] = _bytes(deployment) - bytes_before
    count["events"] = len(deployment.bus.published) - known
    return Day(**{name: 4 * number for name, number in count.items()})


def test_the_calls_of_a_day_are_those_that_the_costs_are_computed_from(
    simulator: Simulator, simulator_url: str
) -> None:
    assert asdict(a_day(simulator, simulator_url)) == pytest.approx(asdict(MEASURED), rel=0.2)


def test_readme_shows_the_costs_as_they_are_computed() -> None:
    assert table() in (ROOT / "README.md").read_text()


def test_the_metrics_that_are_counted_are_those_that_the_code_emits() -> None:
    emitted = set()
    for path in (ROOT / "layers" / "pinecone_backup" / "pinecone_backup").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(ast.Attribute(attr="gauge"), [ast.Constant(str(name)), *_]):
                    emitted.add(name)
    assert emitted == {*METRICS, *PROJECT_METRICS}


def test_every_metric_that_is_emitted_is_read_by_an_alarm_or_the_dashboard() -> None:
    read = "".join((ROOT / name).read_text() for name in ("template.yaml", "dashboard.yaml"))
    assert [name for name in (*METRICS, *PROJECT_METRICS) if name not in read] == []


def test_another_project_costs_its_secret_and_its_calls_but_no_alarm() -> None:
    one, two = monthly(1), monthly(2)
    assert two["Alarms"] == one["Alarms"]
    assert two["Metrics"] == one["Metrics"]
    assert two["Secrets"] - one["Secrets"] >= 0.40
    assert dashboard(2) - dashboard(1) == pytest.approx(0.30 * len(PROJECT_METRICS))


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("rate(15 minutes)", 96),
        ("rate(1 hour)", 24),
        ("cron(5 * * * ? *)", 24),
        ("cron(35 3/6 * * ? *)", 4),
        ("cron(0,30 8 * * ? *)", 2),
        ("cron(*/10 * * * ? *)", 144),
    ],
)
def test_a_schedule_starts_so_many_runs_a_day(schedule: str, runs: int) -> None:
    assert runs_a_day(schedule) == runs


def test_a_schedule_of_some_days_only_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="every day"):
        runs_a_day("cron(0 3 ? * MON *)")
