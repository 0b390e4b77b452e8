"""The process that keeps the local stack running between ``make up`` and ``make down``.

``local.up`` starts it and follows what it says, one JSON object a line. Whatever it keeps lives in
it or ends with it, so there is one process to stop and nothing can stay behind. Until the stack is
up it ends when ``make up`` does; from then on when it is told to, or when the emulator ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from botocore.credentials import Credentials

from local import emulator as emulators
from local.emulator import REGION, at_free_port
from local.simulator import DEFAULT_KEY, Simulator, serve
from local.simulator.demo import seed_demo
from local.stack import DayFailed, Ports, running
from local.swagger import create_app
from local.up import ENVIRONMENT, FOLDER, STACK, STATE, Up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

PORTS = Ports(simulator=8080, receiver=8090, emulator=4566)
SWAGGER_PORT = 8084
BACKUP_SECONDS = 15.0
"""So that one sees backups end."""
PARAMETERS = {
    "PruneMode": "approve",
    "CreateSchedule": "rate(1 minute)",
    "AuditSchedule": "rate(5 minutes)",
    "PruneSchedule": "rate(10 minutes)",
    "RestoreTestSchedule": "rate(1 minute)",
}
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
    """Keep the stack until told to end; 1 when it did not come up."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the build prints belongs into the log

    def say(**message: str) -> None:
        print(json.dumps(message), file=channel, flush=True)

    @contextmanager
    def step(what: str) -> Iterator[None]:
        say(step=what)
        yield

    is_up = threading.Event()
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with_the_starter, args=(is_up,), daemon=True).start()
    simulator = Simulator()
    seed_demo(simulator)
    simulator.behaviour.backup_seconds = BACKUP_SECONDS
    try:
        with (
            running(
                step,
                name=STACK,
                simulator=simulator,
                policy=POLICY,
                parameters=PARAMETERS,
                folder=FOLDER,
                ports=PORTS,
            ) as stack,
            _page(stack) as page,
            _written_down(stack, page),
        ):
            is_up.set()
            say(up=stack.outputs["ApiUrl"])
            emulators.wait(stack.emulator)
            print("The emulator ended by itself: .run/up/emulator.log may say why", file=sys.stderr)
    except DayFailed as error:
        say(failed=str(error))
        return 1
    return 0


def _end(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut the end short
    sys.exit(0)


def _end_with_the_starter(is_up: threading.Event) -> None:
    os.read(0, 1)  # sys.stdin has a lock, which the end of the interpreter would wait for
    if not is_up.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _page(stack: Stack) -> Iterator[str]:
    """Serve the API's page; its URL."""
    app = create_app(stack.outputs["ApiUrl"], Credentials("test", "test"))
    with ExitStack() as ending:
        yield at_free_port(SWAGGER_PORT, lambda port: ending.enter_context(serve(app, port)))


@contextmanager
def _written_down(stack: Stack, page: str) -> Iterator[None]:
    """Leave word of the stack in ``.run/`` as long as it is up."""
    outputs = stack.outputs
    up = Up(
        emulator=stack.emulator.url,
        simulator=stack.simulator_url,
        receiver=stack.receiver.url(""),
        page=page,
        api=outputs["ApiUrl"],
        key=DEFAULT_KEY,
    )
    ENVIRONMENT.write_text(
        f"export AWS_ENDPOINT_URL={up.emulator}\n"
        f"export AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}\n"
        "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n"
        f"export API={up.api} PINECONE_BACKUP_URL={up.api}\n"
        f"export BUCKET={outputs['BucketName']} BUS={outputs['BusName']}\n"
    )
    STATE.write_text(json.dumps(asdict(up)))
    try:
        yield
    finally:
        STATE.unlink(missing_ok=True)
        ENVIRONMENT.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
