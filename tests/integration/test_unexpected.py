"""A fault that nobody expected at one index: it is reported, the others go on (rule U2)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from pinecone_backup.model import RunKind
from pinecone_backup.rules import controls
from pinecone_backup.rules.findings import Control
from tests.support.deployment import Deployment
from tests.support.simulator import START, client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.simulator import Simulator


class Faulty:
    """A control plane in which some calls about the index docs meet a bug of ours."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.calls: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            if name in self.calls and arguments[:1] == ("docs",):
                raise ZeroDivisionError("secret detail")
            return attribute(*arguments, **named)

        return call


@pytest.fixture
def deployment(simulator: Simulator, simulator_url: str) -> Iterator[Deployment]:
    with client(simulator_url) as control_plane:
        deployment = Deployment(simulator, cast("Any", Faulty(control_plane)))
        for index in ("docs", "notes"):
            simulator.project.seed_index(index, created_at=START - timedelta(days=9), records=9)
            for hour in range(2, 9):
                deployment.seed(index, hours_ago=hour)
        deployment.all_runs()
        deployment.later(hours=1)
        yield deployment


def break_docs(deployment: Deployment, *calls: str) -> None:
    cast("Faulty", deployment.control_plane).calls = set(calls)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (RunKind.CREATE, "index_backups"),
        (RunKind.CREATE, "create_backup"),
        (RunKind.PRUNE, "index_backups_page"),
        (RunKind.AUDIT, "index_backups_page"),
        (RunKind.AUDIT, "native_schedules"),
    ],
)
def test_a_fault_at_one_index_is_reported_and_leaves_the_others_their_run(
    deployment: Deployment, kind: RunKind, call: str
) -> None:
    break_docs(deployment, call)
    run = deployment.run(kind)
    reported = deployment.open_findings().get(("run-broken", f"{kind}/docs"))
    assert (str(run.state), reported) == (
        "partial",
        "error" if kind is RunKind.PRUNE else "critical",
    )
    assert "secret detail" not in str(deployment.ledger.findings())
    records = deployment.ledger.backups()
    done: dict[RunKind, Any] = {
        RunKind.CREATE: lambda: list(run.summary["created"]),
        RunKind.PRUNE: lambda: sorted(
            {records[each].index_name for each in run.summary["deleted"]}
        ),
        RunKind.AUDIT: lambda: ["notes"] * run.summary["protected"],
    }
    assert done[kind]() == ["notes"]


def test_a_fault_at_one_index_is_over_with_the_next_run_of_its_kind(
    deployment: Deployment,
) -> None:
    break_docs(deployment, "create_backup")
    deployment.run(RunKind.CREATE)
    break_docs(deployment)
    deployment.later(hours=1)
    deployment.run(RunKind.AUDIT)
    before = ("run-broken", "create/docs") in deployment.open_findings()
    deployment.run(RunKind.CREATE)
    assert (before, ("run-broken", "create/docs") in deployment.open_findings()) == (True, False)


def test_a_fault_while_posting_may_have_used_the_quota(deployment: Deployment) -> None:
    """C4: whoever comes after it does not count on its place."""
    project = deployment.simulator.project
    used = len(project.project_backups())
    deployment.document = deployment.document.model_copy(
        update={
            "projects": [deployment.document.projects[0].model_copy(update={"quota": used + 1})]
        }
    )
    break_docs(deployment, "create_backup")
    assert deployment.run(RunKind.CREATE).summary["created"] == {}


def test_an_index_whose_judging_breaks_is_unknown_and_resolves_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U1."""
    honest = controls.overdue

    def overdue(index: Any, now: Any) -> Any:
        if index.name == "docs":
            raise ZeroDivisionError
        return honest(index, now)

    deployment.later(hours=24)
    deployment.run(RunKind.AUDIT)
    before = deployment.open_findings()
    monkeypatch.setitem(controls.BACKUP_CONTROLS, Control.OVERDUE, overdue)
    run = deployment.run(RunKind.AUDIT)
    assert (("overdue", "docs") in before, str(run.state)) == (True, "partial")
    assert before.keys() | {("run-broken", "audit/docs")} == deployment.open_findings().keys()


def test_a_native_schedule_that_breaks_leaves_the_other_indexes(deployment: Deployment) -> None:
    document = deployment.document.model_dump(mode="json", exclude_none=True)
    policy = document["policies"][0]
    del policy["cron"]
    policy["native_schedule"] = {"frequency": "daily", "expire_after_days": 7}
    policy["max_age"] = "2d"
    deployment.document = type(deployment.document).model_validate(document)
    break_docs(deployment, "native_schedules")
    run = deployment.run(RunKind.CREATE)
    assert list(run.summary["native_schedules"]) == ["notes"]
    assert ("run-broken", "create/docs") in deployment.open_findings()
