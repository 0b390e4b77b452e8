"""How long each function takes to start, beside a handler that only imports their libraries.

All run, built, under the Lambda Runtime Interface Emulator: layers with ``.pyc``, the runtime's
own client. Beside the start stands the first event, with which our own code is loaded: one that
is refused before anything is asked of AWS or Pinecone. The times are this machine's, the least of
several for what else it does; the ratio is what counts.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError

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
_NOWHERE = json.loads((ROOT / "events" / "api-get.json").read_text()) | {
    "path": "/nowhere",
    "pathParameters": {"proxy": "nowhere"},
}


def main() -> None:
    artifacts = dict(build(host_architecture()))
    functions = sorted(name for name in artifacts if name.endswith("Function"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "libraries").mkdir()
        (folder / "libraries" / "app.py").write_text(_LIBRARIES)
        artifacts["Libraries"] = replace(artifacts["ApiFunction"], folder=folder / "libraries")
        times: dict[str, list[tuple[float, float]]] = {n: [] for n in ["Libraries", *functions]}
        for _ in range(STARTS):
            for name, found in times.items():
                found.append(_start(artifacts, name, folder))
    libraries = min(init for init, _ in times["Libraries"])
    print(f"the least of {STARTS} starts        ratio to boto3, httpx, pydantic and Logger alone")
    print(f"{'':20} {'init':>9} {'':6} {'first event':>12} {'both':>9}")
    for name, found in times.items():
        init, first = (min(each) for each in zip(*found, strict=True))
        both = min(sum(each) for each in found)
        print(f"{name:20} {init:6.0f} ms {init / libraries:6.2f} {first:9.0f} ms {both:6.0f} ms")


def _start(artifacts: Mapping[str, Artifact], name: str, folder: Path) -> tuple[float, float]:
    with running(artifacts, name, _ENVIRONMENT, folder=folder, timeout=29, memory=1024) as runtime:
        with suppress(HTTPError):  # the report of the start comes with the first answer
            runtime.invoke(_NOWHERE if name == "ApiFunction" else "no event of any kind")
        return runtime.init_milliseconds()[0], runtime.event_milliseconds()[0]


if __name__ == "__main__":
    main()
