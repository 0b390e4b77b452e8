import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from pinecone_backup.rules.findings import Control
from pinecone_backup.webhooks import links
from pinecone_backup.webhooks.links import LONGEST_LINK, Pages
from pinecone_backup.webhooks.messages import CATALOGUE
from tests.support.webhooks import LOGS, NOON, PAGES

ROOT = Path(__file__).parents[3]
BASE = "https://backups.example.com"


def labelled(
    kind: str, data: dict[str, str] | None = None, *, pages: Pages = PAGES, project: str = "prod"
) -> dict[str, str]:
    found = pages.links(kind, project, data or {}, at=NOON, section="overdue")
    return {link.label: link.url for link in found}


@pytest.mark.parametrize(
    ("kind", "data", "label", "path"),
    [
        ("plan.awaiting", {"digest": "ab"}, "Plan", "plans/ab/page"),
        ("finding.opened", {"control": "plan-waiting", "digest": "ab"}, "Plan", "plans/ab/page"),
        ("run.failed", {"run_id": "r-1"}, "Run", "runs/r-1"),
        ("backup.failed", {"backup_id": "b/1"}, "Backup", "backups/b%2F1"),
        ("restore.started", {"restore_id": "r"}, "Restore", "restores/r"),
        ("hold.placed", {"hold_id": "h"}, "Hold", "holds/h"),
        ("finding.opened", {"control": "overdue"}, "Report", "reports/latest/page"),
    ],
)
def test_the_first_link_leads_to_what_the_event_is_about(
    kind: str, data: dict[str, str], label: str, path: str
) -> None:
    first = next(iter(labelled(kind, data).items()))

    assert first == (label, f"{BASE}/v1/projects/prod/{path}")


def test_every_message_leads_to_the_report_the_log_and_the_runbook() -> None:
    assert list(labelled("finding.opened")) == ["Report", "Log", "Runbook"]
    assert labelled("finding.opened")["Runbook"] == f"{BASE}/docs/findings#overdue"


def test_an_event_that_does_not_say_what_it_is_about_leads_to_the_report_first() -> None:
    assert next(iter(labelled("run.failed"))) == "Report"


def test_the_log_is_opened_around_the_time_of_the_event() -> None:
    url = labelled("finding.opened", {"control": "overdue"})["Log"]

    assert url == (
        "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1"
        "#logsV2:log-groups/log-group/$252Flogs$252Fbackup-audit"
        "/log-events$3Fstart$3D1793706300000$26end$3D1793707500000"
    )


def log_of(kind: str, data: dict[str, str]) -> str:
    url = labelled(kind, data)["Log"]
    return unquote(unquote(url.replace("$", "%"))).partition("log-group/")[2].partition("/log-")[0]


@pytest.mark.parametrize(
    ("kind", "data", "function"),
    [
        ("run.failed", {"kind": "prune"}, "prune"),
        ("run.completed", {"kind": "create"}, "create"),
        ("backup.failed", {}, "create"),
        ("plan.awaiting", {}, "prune"),
        ("hold.placed", {}, "api"),
        ("finding.acknowledged", {"control": "overdue"}, "api"),
        ("finding.opened", {"control": "overdue"}, "audit"),
        ("finding.opened", {"control": "creation-failing"}, "create"),
        ("finding.opened", {"control": "run-broken", "subject": "prune/docs"}, "prune"),
        ("finding.opened", {"control": "run-broken", "subject": "create"}, "create"),
        ("finding.resolved", {"control": "plan-waiting"}, "prune"),
    ],
)
def test_the_log_is_that_of_the_function_that_saw_it(
    kind: str, data: dict[str, str], function: str
) -> None:
    assert log_of(kind, data) == LOGS[function]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_a_console_of_its_own(region: str, host: str) -> None:
    url = labelled("finding.opened", pages=Pages("", region, LOGS))["Log"]

    assert url.startswith(f"https://{host}/cloudwatch/home?region={region}#")


@pytest.mark.parametrize(
    ("pages", "left"),
    [
        (Pages(), []),
        (Pages(base=BASE), ["Report", "Runbook"]),
        (Pages(region="eu-central-1"), []),
        (Pages(logs=LOGS), []),
        (Pages(region="eu-central-1", logs=LOGS), ["Log"]),
    ],
)
def test_what_is_not_known_has_no_link(pages: Pages, left: list[str]) -> None:
    assert list(labelled("finding.opened", pages=pages)) == left


def test_a_run_that_does_not_say_its_kind_has_no_log() -> None:
    assert "Log" not in labelled("run.failed")


def test_what_asks_for_nothing_needs_no_runbook() -> None:
    assert "Runbook" not in {
        link.label for link in PAGES.links("run.completed", "prod", {}, at=NOON, section="")
    }


def test_a_project_cannot_lead_elsewhere() -> None:
    url = labelled("finding.opened", project="../../x?y#z@evil.example.com")["Report"]

    assert url.startswith(f"{BASE}/v1/projects/..%2F..%2Fx%3Fy%23z%40evil.example.com/")


def test_a_link_that_is_too_long_is_left_out() -> None:
    assert list(labelled("finding.opened", project="p" * LONGEST_LINK)) == ["Log", "Runbook"]


def test_every_page_that_a_link_leads_to_is_a_route_of_the_api() -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    routes = [route for _, route in (*links._PAGES.values(), links._REPORT)]

    assert [
        route for route in routes if "get" not in paths[f"/v1/projects/{{project}}/{route}"]
    ] == []


def test_every_log_that_a_link_leads_to_is_that_of_a_function() -> None:
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}

    assert {*links._LOGS.values(), "audit", "api"} <= functions
    assert {*links._LOGS} <= {*CATALOGUE, *Control}
