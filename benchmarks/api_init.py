"""How long the api function takes to start, beside a handler that only imports its libraries.

Both run, built, under the Lambda Runtime Interface Emulator: layers with ``.pyc``, the runtime's
own client. The times are this machine's; the ratio is what counts.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from local.build import ROOT, build, host_architecture
from local.lambda_runtime import running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.build import Artifact

STARTS = 7
_LIBRARIES = """\
import boto3, httpx, pydantic
from aws_lambda_powertools import Logger

def handler(event, context):
    return {}
"""
_ENVIRONMENT = {
    "STACK_NAME": "bench",
    "OWNER": "bench",
    "TABLE_NAME": "table",
    "BUS_NAME": "bus",
    "BUCKET_NAME": "bucket",
    "PROJECT_SECRET_PREFIX": "bench/projects/",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}


def main() -> None:
    event = json.loads((ROOT / "events" / "api-get.json").read_text()) | {"path": "/nothing"}
    artifacts = dict(build(host_architecture()))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "libraries").mkdir()
        (folder / "libraries" / "app.py").write_text(_LIBRARIES)
        api = artifacts["ApiFunction"]
        artifacts["Libraries"] = replace(api, folder=folder / "libraries")
        times: dict[str, list[float]] = {"Libraries": [], "ApiFunction": []}
        for _ in range(STARTS):
            for name, found in times.items():
                found.append(_start(artifacts, name, event, folder))
    libraries, ours = (median(found) for found in times.values())
    print(f"init, boto3 + httpx + pydantic + Logger: {libraries:6.0f} ms (median of {STARTS})")
    print(f"init, the api function:                  {ours:6.0f} ms")
    print(f"ratio:                                   {ours / libraries:6.2f}")


def _start(artifacts: Mapping[str, Artifact], name: str, event: object, folder: Path) -> float:
    with running(artifacts, name, _ENVIRONMENT, folder=folder, timeout=29, memory=1024) as runtime:
        runtime.invoke(event)
        return runtime.init_milliseconds()[0]


if __name__ == "__main__":
    main()
