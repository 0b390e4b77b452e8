"""``make up`` and ``make down``: the local stack, left running to play with.

The same stack as in the guided run, on the real clock: a simulated Pinecone with the demo
project, a webhook receiver, the emulator with the product deployed, its schedules switched on.
``.run/up.json`` remembers what was started; logs lie beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rich.console import Console

from local import emulator as emulators
from local.deploy import deploy
from local.emulator import REGION, ROOT, RUN
from local.simulator import DEFAULT_KEY
from local.stack import SIGNING_SECRET, DayFailed, targets_at, wait_until

if TYPE_CHECKING:
    from pathlib import Path

STACK = "pinecone-backup"
EMULATOR_PORT, SIMULATOR_PORT, RECEIVER_PORT, SWAGGER_PORT = 4566, 8080, 8090, 8084
STATE = RUN / "up.json"
ENVIRONMENT = RUN / "up.env"
POLICY: dict[str, Any] = {
    "version": 1,
    "projects": [{"name": "main"}],
    "policies": [
        {
            "name": "often",
            "cron": "*/10 * * * *",
            "timezone": "Europe/Berlin",
            "retention": {"keep_last": 6, "keep_hourly": 6, "keep_daily": 7, "keep_weekly": 4},
            "max_age": "1h",
        }
    ],
    "assignments": [{"index": "*", "policy": "often"}],
}
"""Often enough to see something happen."""


def main() -> int:
    """Start or stop; 0 when that worked."""
    parser = argparse.ArgumentParser(prog="python -m local.up", description=__doc__)
    parser.add_argument("what", choices=("up", "down"), nargs="?", default="up")
    console = Console()
    if parser.parse_args().what == "down":
        return _down(console)
    if STATE.exists():
        console.print("The local stack is up already; [bold]make down[/bold] stops it.")
        return 0
    try:
        outputs = _up(console)
    except (DayFailed, RuntimeError) as error:
        console.print(f"[bold red]The local stack did not come up:[/bold red] {error}")
        _down(console)
        return 1
    _explain(console, outputs)
    return 0


def _up(console: Console) -> dict[str, str]:
    RUN.mkdir(exist_ok=True)
    simulator = _serve("simulator", SIMULATOR_PORT, "/_simulator/clock", "--seed", "demo")
    _quicken(simulator)
    receiver = _serve("receiver", RECEIVER_PORT, "/received", "--secret", SIGNING_SECRET)
    with console.status("Starting the AWS emulator"):
        emulator = emulators.start("up", port=EMULATOR_PORT)
    _remember({"emulator": emulator.pid})
    with console.status("Building the layers and deploying template.yaml"):
        outputs = deploy(
            emulator,
            STACK,
            {
                "PruneMode": "approve",
                "CreateSchedule": "rate(1 minute)",
                "AuditSchedule": "rate(5 minutes)",
                "PruneSchedule": "rate(10 minutes)",
                "FlexibleWindowMinutes": "0",
                "PineconeUrl": simulator,
                "InsecureWebhookHosts": receiver.removeprefix("http://"),
            },
        )
    _serve("swagger", SWAGGER_PORT, "/docs", "--api", outputs["ApiUrl"])
    session = emulator.session()
    secrets = session.client("secretsmanager")
    secrets.put_secret_value(SecretId=f"{STACK}/projects/main", SecretString=DEFAULT_KEY)
    secrets.put_secret_value(
        SecretId=f"{STACK}/targets", SecretString=json.dumps(targets_at(receiver))
    )
    session.client("s3").put_object(
        Bucket=outputs["BucketName"], Key="policy/policy.json", Body=json.dumps(POLICY).encode()
    )
    ENVIRONMENT.write_text(
        f"export AWS_ENDPOINT_URL={emulator.url}\n"
        f"export AWS_DEFAULT_REGION={REGION}\n"
        "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n"
        f"export API={outputs['ApiUrl']}\n"
        f"export BUCKET={outputs['BucketName']} BUS={outputs['BusName']}\n"
    )
    return outputs


def _quicken(simulator: str) -> None:
    """Let backups take seconds, so that one sees them end."""
    change = urllib.request.Request(  # noqa: S310 - loopback
        f"{simulator}/_simulator/behaviour",
        data=json.dumps({"backup_seconds": 15}).encode(),
        headers={"Content-Type": "application/json"},
        method="PATCH",
    )
    with urllib.request.urlopen(change, timeout=5):  # noqa: S310 - loopback
        pass


def _serve(name: str, port: int, path: str, *options: str) -> str:
    """Start a module of ours in the background and wait until it answers; its address."""
    log = RUN / f"{name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", f"local.{name}", "--port", str(port), *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _remember({name: process.pid})
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool | None:
        if process.poll() is not None:
            raise DayFailed(f"The {name} ended: {_last_line(log)}")
        try:
            with urllib.request.urlopen(url + path, timeout=2):  # noqa: S310 - loopback
                return True
        except (urllib.error.URLError, OSError):
            return None

    wait_until(answers, f"the {name} to answer on port {port}", seconds=20)
    return url


def _last_line(log: Path) -> str:
    lines = log.read_text().strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _remember(started: dict[str, int]) -> None:
    known: dict[str, int] = json.loads(STATE.read_text()) if STATE.exists() else {}
    STATE.write_text(json.dumps(known | started))


def _down(console: Console) -> int:
    started: dict[str, int] = json.loads(STATE.read_text()) if STATE.exists() else {}
    if not started:
        console.print("Nothing is up.")
        return 0
    emulator = emulators.Emulator.find("up")
    if emulator is not None:
        emulators.stop(emulator)
    for name in ("simulator", "receiver", "swagger"):
        if name in started and f"local.{name}" in _command(started[name]):
            _end(started[name])
    STATE.unlink()
    ENVIRONMENT.unlink(missing_ok=True)
    console.print("The local stack is down.")
    return 0


def _command(pid: int) -> str:
    """What a process runs; a process id may have gone to another one meanwhile."""
    listed = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(50):
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)


def _explain(console: Console, outputs: dict[str, str]) -> None:
    console.print(
        f"""
[bold]The local stack is up.[/bold]

  Simulated Pinecone   http://127.0.0.1:{SIMULATOR_PORT}/docs   (API key {DEFAULT_KEY})
  Webhooks received    http://127.0.0.1:{RECEIVER_PORT}/received
  AWS emulator         http://127.0.0.1:{EMULATOR_PORT}
  Our API              {outputs["ApiUrl"]}
                       http://127.0.0.1:{SWAGGER_PORT}/docs shows it, and asks it for you

The schedules run: a create tick every minute, an audit every five, a prune plan every ten.

  source {ENVIRONMENT.relative_to(ROOT)}      sets what the commands of the README need
  make down               stops all of it
""",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(main())
