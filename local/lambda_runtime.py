"""Run a built function under the real Lambda Runtime Interface Emulator, without Docker.

The SAM CLI carries the emulator's program, and ``awslambdaric`` is the client that AWS's own
Python runtime uses. The function sees what it would see in Lambda: its own folder, the two layers
and the standard library; nothing of the environment that starts it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import site
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.build import LAYERS, ROOT
from local.emulator import REGION, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.build import Artifact

_START_SECONDS = 20.0
_INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")
_EVENT = re.compile(r"INVOKE RTDONE\(.*duration: ([0-9.]+)ms\)")
_CLIENT = ("awslambdaric", "simplejson", "snapshot_restore_py.py", "runtime_client*.so")
"""What ``awslambdaric`` consists of, in the environment that this runs in."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One function, running."""

    url: str
    log: Path

    def invoke(self, event: object) -> Any:
        """Invoke the function and return its JSON answer; never from two threads at once."""
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.url}/2015-03-31/functions/function/invocations",
            data=json.dumps(event).encode(),
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=900) as answer:  # noqa: S310
            return json.loads(answer.read())

    def init_milliseconds(self) -> list[float]:
        """How long each cold start took, so far."""
        return [float(found) for found in _INIT.findall(self.log.read_text())]

    def event_milliseconds(self) -> list[float]:
        """How long each event took, so far, without the start."""
        return [float(found) for found in _EVENT.findall(self.log.read_text())]


@contextmanager
def running(
    artifacts: Mapping[str, Artifact],
    function: str,
    environment: Mapping[str, str],
    *,
    folder: Path,
    timeout: int = 60,
    memory: int = 512,
) -> Iterator[Runtime]:
    """A built function under the runtime, for the length of a ``with`` block.

    Args:
        artifacts: What ``local.build.build`` returned, for this machine's architecture.
        function: The logical id in ``template.yaml``.
        environment: The function's variables, and credentials where it needs some.
        folder: For the log and the runtime's client.
        timeout: Seconds per invocation; enforced.
        memory: Megabytes; the function is given the number, nothing limits it.
    """
    program = _program()
    port = free_port()
    log = folder / f"{function}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                str(program),
                "--log-level=info",
                f"--runtime-interface-emulator-address=127.0.0.1:{port}",
                f"--runtime-api-address=127.0.0.1:{free_port()}",
                str(Path(sys.executable).resolve()),  # the one below the virtual environment
                "-S",
                "-m",
                "awslambdaric",
                "app.handler",
            ],
            cwd=artifacts[function].folder,
            env={**_environment(artifacts, function, folder, timeout, memory), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        yield Runtime(url, log)
    finally:
        process.terminate()
        process.wait(10)


def _environment(
    artifacts: Mapping[str, Artifact], function: str, folder: Path, timeout: int, memory: int
) -> dict[str, str]:
    layers = [artifacts[name].folder / "python" for name in LAYERS]
    path = [_client(folder), artifacts[function].folder, *layers]
    return {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
        "AWS_REGION": REGION,
        "LAMBDA_TASK_ROOT": str(artifacts[function].folder),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",  # task root and /opt are read-only in Lambda
        "PYTHONPATH": os.pathsep.join(str(part) for part in path),
        "PYTHONTZPATH": "",  # no more than the layers bring, for Lambda's image may bring none
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
    }


def _client(folder: Path) -> Path:
    """A folder with the runtime's client and nothing else."""
    target = folder / "runtime"
    if not target.exists():
        target.mkdir()
        packages = Path(site.getsitepackages()[0])
        for pattern in _CLIENT:
            for part in packages.glob(pattern):
                if part.is_dir():
                    shutil.copytree(part, target / part.name)
                else:
                    shutil.copy(part, target)
    return target


def _program() -> Path:
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    found = [
        *ROOT.glob(
            f".venv-sam/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
        )
    ]
    if not found:
        raise RuntimeError("The SAM CLI is not installed: run `make setup`")
    return found[0]


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - our own loopback address
        except urllib.error.HTTPError:
            return  # it listens, and knows no such path
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"The Lambda runtime did not come up:\n{log.read_text()}"
                ) from None
            time.sleep(0.05)
        else:
            return
