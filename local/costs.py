"""What a stack costs in AWS a month: ``make costs`` prints the table that README shows.

Counted are what ``template.yaml`` deploys, the metrics that the code emits, and the calls of one
simulated day of a project (``Day``), which a test measures again. Free tiers are not deducted. API
requests, deliveries to targets and everything that Pinecone bills are not counted: they depend on
people and data.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.build import ROOT
from local.deploy import load_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PRICES_FROM = "July 2025"
"""When the newest of the sources was written that the prices are from."""
PRICES = {
    "alarm": 0.10,
    "metric": 0.30,
    "dashboard": 3.00,
    "secret": 0.40,
    "read of a secret": 0.05 / 10_000,
    "log GB": 0.50 + 0.03 * 3,
    "Lambda GB-second, arm64": 0.0000133334,
    "Lambda request": 0.20 / 1e6,
    "SQS request": 0.40 / 1e6,
    "event": 1.00 / 1e6,
    "DynamoDB read unit": 0.125 / 1e6,
    "DynamoDB write unit": 0.625 / 1e6,
    "DynamoDB GB-month": 0.25 + 0.20,
    "S3 write": 0.005 / 1_000,
    "S3 read": 0.0004 / 1_000,
    "S3 GB-month": 0.023,
}
"""US dollars in us-east-1, as published by others and as remembered; unverified.

Of Lambda, DynamoDB, Secrets Manager and metrics, pages of third parties say the same; the others
are from memory. A log is kept for three months, a table with its point-in-time recovery.
"""

METRICS = {"ProjectsFailed": 3, "FindingsOpen": 1, "EventsWithoutTarget": 0}
"""Series of each metric. The last has one only while no target is set."""
PROJECT_METRICS = (
    "BackupsTotal",
    "QuotaUsedPercent",
    "IndexesUnprotected",
    "NewestGoodBackupAgeMax",
)
"""One series per project, where the dashboard shows them."""

DAYS = 365 / 12
_POLLS = 5 * 3 * 60 * 24
"""Requests of Lambda to an idle queue a day: five pollers that wait for 20 s."""
_PINECONE_SECONDS, _AWS_SECONDS, _START_SECONDS = 0.15, 0.008, 0.3
"""Assumed for a call to Pinecone, for one to AWS, and for the rest of an invocation."""
_NOTIFY_SECONDS = 0.2
_LOG_BYTES = 4_000
"""Assumed for the log of an invocation."""
_SECRET_READS = 12 * 24
"""Of a secret a day, at most, by each function: a value is kept for five minutes."""


@dataclass(frozen=True, slots=True)
class Day:
    """The calls of one project in a day, at the default schedules.

    Attributes:
        create_calls: Calls to Pinecone of all create runs.
        prune_calls: Of all prune runs.
        audit_calls: Of all audits.
        restore_test_calls: Of all restore test runs, while no restore is under way.
        read_units: Read from the table (4 kB each, consistent).
        write_units: Written to it (1 kB each, twice in a transaction).
        table_calls: Requests to the table.
        table_bytes: By how much the table grows.
        events: Announced on the bus.
        s3_writes: Objects written.
        s3_reads: Objects read.
        s3_bytes: Bytes of the objects that stay.
    """

    create_calls: int
    prune_calls: int
    audit_calls: int
    restore_test_calls: int
    read_units: int
    write_units: int
    table_calls: int
    table_bytes: int
    events: int
    s3_writes: int
    s3_reads: int
    s3_bytes: int


MEASURED = Day(
    create_calls=370,
    prune_calls=140,
    audit_calls=620,
    restore_test_calls=96,
    read_units=14_800,
    write_units=7_100,
    table_calls=10_800,
    table_bytes=370_000,
    events=390,
    s3_writes=345,
    s3_reads=460,
    s3_bytes=3_400_000,
)
"""Of ten indexes, each backed up every six hours, of which the last twelve backups stay."""


def monthly(projects: int) -> dict[str, float]:
    """US dollars a month by what they are for.

    Args:
        projects: Pinecone projects, each with a secret of its own and a day as ``MEASURED``.
    """
    template = load_template(ROOT / "template.yaml")
    types = list(_types(template["Resources"]))
    parameters, day = template["Parameters"], MEASURED
    ticks = {
        kind: runs_a_day(parameters[f"{kind}Schedule"]["Default"])
        for kind in ("Create", "Prune", "Audit", "RestoreTest")
    }
    calls = {
        "Create": day.create_calls,
        "Prune": day.prune_calls,
        "Audit": day.audit_calls,
        "RestoreTest": day.restore_test_calls,
    }
    all_ticks = sum(ticks.values())
    queued = projects if projects > 1 else 0  # messages of one tick
    seconds = {
        kind: ticks[kind] * (1 + queued) * _START_SECONDS
        + projects * calls[kind] * _PINECONE_SECONDS
        + projects * day.table_calls * _AWS_SECONDS * ticks[kind] / all_ticks
        for kind in ticks
    }
    events = projects * day.events
    seconds["Notify"] = events * _NOTIFY_SECONDS
    gigabytes = {kind: _memory(template, f"{kind}Function") / 1024 for kind in seconds}
    invocations = all_ticks * (1 + queued) + events
    queues = types.count("AWS::Lambda::EventSourceMapping") + sum(
        event["Type"] == "SQS"
        for resource in template["Resources"].values()
        if isinstance(resource, dict)
        for event in resource["Properties"].get("Events", {}).values()
    )
    history = parameters["HistoryDays"]["Default"]
    kept = parameters["ReportRetentionDays"]["Default"]
    secrets = types.count("AWS::SecretsManager::Secret") + projects - 1
    daily = {
        "Lambda": PRICES["Lambda GB-second, arm64"]
        * sum(seconds[kind] * gigabytes[kind] for kind in seconds)
        + PRICES["Lambda request"] * invocations,
        "SQS, most of it Lambda's polling": PRICES["SQS request"]
        * (queues * _POLLS + 3 * events + 3 * queued * all_ticks),
        "DynamoDB, with all of its history": PRICES["DynamoDB read unit"]
        * projects
        * day.read_units
        + PRICES["DynamoDB write unit"] * projects * day.write_units
        + PRICES["DynamoDB GB-month"] * projects * day.table_bytes * history / 1e9 / DAYS,
        "S3, with reports of a year": PRICES["S3 write"] * projects * day.s3_writes
        + PRICES["S3 read"] * projects * day.s3_reads
        + PRICES["S3 GB-month"] * projects * day.s3_bytes * kept / 1e9 / DAYS,
        "Logs": PRICES["log GB"] * invocations * _LOG_BYTES / 1e9,
        "Events": PRICES["event"] * events,
    }
    reads = projects * sum(min(runs, _SECRET_READS) for runs in ticks.values()) + _SECRET_READS
    return {
        "Alarms": PRICES["alarm"] * types.count("AWS::CloudWatch::Alarm"),
        "Secrets": PRICES["secret"] * secrets + PRICES["read of a secret"] * reads * DAYS,
        "Metrics": PRICES["metric"] * sum(METRICS.values()),
        **{name: price * DAYS for name, price in daily.items()},
    }


def dashboard(projects: int) -> float:
    """US dollars a month for the dashboard and the metrics of projects that it shows."""
    return PRICES["dashboard"] + PRICES["metric"] * len(PROJECT_METRICS) * projects


def table(sizes: tuple[int, ...] = (1, 10, 100)) -> str:
    """The costs as a table in Markdown, one column per number of projects."""
    columns = [monthly(size) for size in sizes]
    rows: dict[str, list[float]] = {
        name: [column[name] for column in columns] for name in columns[0]
    }
    rows["**Together**"] = [sum(column.values()) for column in columns]
    rows["`Dashboard=true`, in addition"] = [dashboard(size) for size in sizes]
    heads = [f"{size} project{'s' if size > 1 else ''}" for size in sizes]
    lines = ["| US dollars a month | " + " | ".join(heads) + " |", "|---|" + "--:|" * len(sizes)]
    lines += [
        f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |"
        for name, values in rows.items()
    ]
    return "\n".join(lines) + "\n"


def runs_a_day(schedule: str) -> float:
    """How often a schedule of the template starts a run in a day.

    Raises:
        ValueError: It is neither a rate nor a cron of every day.
    """
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule):
        return {"minute": 1440, "hour": 24, "day": 1}[rate[2]] / int(rate[1])
    if cron := re.fullmatch(r"cron\((\S+) (\S+) \* \* \? \*\)", schedule):
        return _values(cron[1], 60) * _values(cron[2], 24)
    raise ValueError(f"{schedule!r} is neither a rate nor a cron of every day")


def _values(field: str, end: int) -> int:
    """How many values a field of a cron expression names."""
    if "/" in field:
        first, step = field.split("/")
        return len(range(0 if first == "*" else int(first), end, int(step)))
    return end if field == "*" else len(field.split(","))


def _types(resources: Mapping[str, Any]) -> Iterator[str]:
    """The type of every resource, in loops as often as they make it."""
    for name, resource in resources.items():
        if name.startswith("Fn::ForEach::"):
            _, values, members = resource
            for _ in values:
                yield from _types(members)
        else:
            yield resource["Type"]


def _memory(template: Mapping[str, Any], function: str) -> int:
    own = template["Resources"][function]["Properties"].get("MemorySize")
    return int(own or template["Globals"]["Function"]["MemorySize"])


if __name__ == "__main__":
    sys.stdout.write(table())
