import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from pinecone_backup.adapters.metrics import NAMESPACE, UNITS, EmfMetrics

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def written(name: str, value: float, **more: str) -> dict[str, Any]:
    lines: list[str] = []
    EmfMetrics(stack="prod", clock=lambda: NOON, write=lines.append).gauge(name, value, **more)
    [line] = lines
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_a_number_is_written_as_the_library_of_aws_writes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with single_metric(
        name="WebhookDelivered",
        unit=MetricUnit.Count,
        value=1,
        namespace=NAMESPACE,
        default_dimensions={"stack": "prod", "target": "ops"},
    ):
        pass
    theirs = json.loads(capsys.readouterr().out)
    ours = written("WebhookDelivered", 1, target="ops")

    assert ours["_aws"]["CloudWatchMetrics"] == theirs["_aws"]["CloudWatchMetrics"]
    assert {key: ours[key] for key in ("stack", "target")} == {"stack": "prod", "target": "ops"}
    assert [ours["WebhookDelivered"]] == theirs["WebhookDelivered"]


def test_no_environment_variable_adds_a_dimension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "notify")

    [definition] = written("X", 1, target="ops")["_aws"]["CloudWatchMetrics"]

    assert definition["Dimensions"] == [["stack", "target"]]


def test_the_time_is_written_in_milliseconds() -> None:
    assert written("X", 1)["_aws"]["Timestamp"] == 1793707200000


def test_a_dimension_without_a_value_is_left_out() -> None:
    line = written("X", 1, target="")

    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stack"]]
    assert "target" not in line


def test_a_unit_that_cloudwatch_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="'Furlongs' is not one of the units"):
        written("X", 1, unit="Furlongs")


@pytest.mark.parametrize("unit", sorted(UNITS - {"None"}))
def test_every_unit_of_ours_is_one_of_cloudwatch(unit: str) -> None:
    assert MetricUnit(unit).value == unit


def test_metrics_go_to_standard_output_at_the_present_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = datetime.now(UTC).timestamp()
    EmfMetrics(stack="prod").gauge("Backups", 3.5, unit="Bytes")
    line = json.loads(capsys.readouterr().out)

    assert line["Backups"] == 3.5
    assert line["_aws"]["Timestamp"] / 1000 == pytest.approx(before, abs=60)
