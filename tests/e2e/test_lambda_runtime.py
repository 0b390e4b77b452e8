"""The built functions and layers run under the real Lambda runtime, with the events of events/."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from local.build import LAYERS, ROOT, build, host_architecture
from local.lambda_runtime import Runtime, running
from local.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.deployed import Deployed

pytestmark = [pytest.mark.emulator, pytest.mark.lambda_runtime]

EVENTS = sorted((ROOT / "events").glob("*.json"))


def _function(event: Path) -> str:
    return event.stem.split("-")[0]


def _samples(*functions: str) -> list[Path]:
    return [event for event in EVENTS if _function(event) in functions]


@pytest.fixture(scope="module")
def runtime_of(
    stack: Deployed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Runtime]]:
    """The runtime of a function, by its name: with its variables and its role's credentials."""
    artifacts = build(host_architecture())
    folder = tmp_path_factory.mktemp("runtime")
    with ExitStack() as cleanup:

        @cache
        def start(function: str) -> Runtime:
            configuration = stack.aws.client("lambda").get_function_configuration(
                FunctionName=stack.outputs[f"{function.title().replace('_', '')}FunctionName"]
            )
            role = stack.aws.client("sts").assume_role(
                RoleArn=configuration["Role"], RoleSessionName="runtime"
            )["Credentials"]
            environment = configuration["Environment"]["Variables"] | {
                "AWS_ACCESS_KEY_ID": role["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": role["SecretAccessKey"],
                "AWS_SESSION_TOKEN": role["SessionToken"],
            }
            return cleanup.enter_context(
                running(
                    artifacts,
                    f"{function.title().replace('_', '')}Function",
                    environment,
                    folder=folder,
                    timeout=configuration["Timeout"],
                    memory=configuration["MemorySize"],
                )
            )

        yield start


@pytest.fixture(scope="module", autouse=True)
def _something_to_look_after(stack: Deployed) -> None:
    """The samples speak of the project ``main``."""
    stack.seed(Simulator(), "main")


def _fired_now(event: dict[str, Any]) -> dict[str, Any]:
    """The sample as if it had been sent now: one of long ago is refused (rule T1).

    Its times are whole seconds; the next one, for one before the last run is refused, too.
    """
    now = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if "Records" in event:
        (record,) = event["Records"]
        body = json.dumps(json.loads(record["body"]) | {"time": now})
        return {"Records": [record | {"body": body}]}
    return event | {key: now for key in ("time", "scheduled_time") if key in event}


def test_every_function_has_sample_events() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert folders <= {_function(event) for event in EVENTS}


@pytest.mark.parametrize(
    "path", _samples("create", "prune", "audit", "restore_test"), ids=lambda path: path.stem
)
def test_a_sample_trigger_runs_under_the_real_runtime(
    runtime_of: Callable[[str], Runtime], path: Path
) -> None:
    kind = _function(path)
    answer = runtime_of(kind).invoke(_fired_now(json.loads(path.read_text())))
    assert answer.get("kind") == kind, answer
    assert [run["state"] for run in answer["runs"]] == ["succeeded"]


@pytest.mark.parametrize("path", _samples("notify"), ids=lambda path: path.stem)
def test_a_sample_batch_of_messages_is_handled_under_the_real_runtime(
    runtime_of: Callable[[str], Runtime], path: Path
) -> None:
    answer = runtime_of("notify").invoke(json.loads(path.read_text()))
    assert answer == {"batchItemFailures": []}


@pytest.mark.parametrize("path", _samples("api"), ids=lambda path: path.stem)
def test_a_sample_request_is_answered_under_the_real_runtime(
    runtime_of: Callable[[str], Runtime], path: Path
) -> None:
    answer = runtime_of("api").invoke(json.loads(path.read_text()))
    assert answer["statusCode"] < 500, answer


def test_a_sample_schedule_of_long_ago_is_refused_without_harm(
    runtime_of: Callable[[str], Runtime],
) -> None:
    """T1: over an hour old is superseded."""
    event = {"trigger": "schedule", "scheduled_time": "2026-01-01T00:00:00Z"}
    (run,) = runtime_of("create").invoke(event)["runs"]
    assert run["state"] == "refused"


def test_a_malformed_event_is_a_function_error_that_names_the_field(
    runtime_of: Callable[[str], Runtime],
) -> None:
    answer = runtime_of("create").invoke({"projekt": "main"})
    assert answer["errorType"] == "EventMalformed"
    assert "projekt" in answer["errorMessage"]


def test_no_module_of_a_layer_is_compiled_at_a_cold_start() -> None:
    """/opt is read-only in Lambda: a module without its .pyc is compiled every time."""
    artifacts = build(host_architecture())
    for layer in LAYERS:
        folder = artifacts[layer].folder
        compiled = {
            path.parent.parent / f"{path.name.split('.')[0]}.py" for path in folder.rglob("*.pyc")
        }
        assert compiled == set(folder.rglob("*.py"))
