"""The local stack: simulated Pinecone, AWS emulator and webhook receiver, with the product on it.

``make run`` keeps it for the length of a ``with`` block, and so does the process that ``make up``
leaves running (``local.keeper``).
"""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64encode
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local import emulator as emulators
from local.deploy import DeploymentFailed, deploy
from local.emulator import EmulatorFailed, at_free_port
from local.receiver import Receiver
from local.simulator import DEFAULT_KEY, serve_simulator
from pinecone_backup.adapters.ledger import DynamoLedger
from pinecone_backup.records import Run, RunState
from pinecone_backup.triggers import REQUEST_SOURCE
from pinecone_backup.usecases.runs import new_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from local.emulator import Emulator
    from local.simulator import Simulator
    from pinecone_backup.model import RunKind

RUN_SECONDS = 60.0
"""How long one run may take in the local stack before something is wrong."""


class DayFailed(RuntimeError):
    """Something did not go as the day should have gone."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The product, deployed, between a simulated Pinecone and a webhook receiver."""

    name: str
    emulator: Emulator
    simulator: Simulator
    simulator_url: str
    receiver: Receiver
    outputs: Mapping[str, str]

    def ledger(self, project: str = "main") -> DynamoLedger:
        """The ledger of the deployed stack."""
        client = self.emulator.session().client("dynamodb")
        return DynamoLedger(client, self.outputs["TableName"], project)

    def store_policy(self, document: Mapping[str, Any]) -> None:
        """Store a policy document, as the README says to."""
        self.emulator.session().client("s3").put_object(
            Bucket=self.outputs["BucketName"],
            Key="policy/policy.json",
            Body=json.dumps(document).encode(),
        )

    def read_object(self, key: str) -> bytes:
        """An object of the stack's bucket."""
        s3 = self.emulator.session().client("s3")
        return s3.get_object(Bucket=self.outputs["BucketName"], Key=key)["Body"].read()

    def set_secret(self, name: str, value: str) -> None:
        """Give a secret of the stack its value."""
        self.emulator.session().client("secretsmanager").put_secret_value(
            SecretId=f"{self.name}/{name}", SecretString=value
        )

    def at(self, now: datetime) -> None:
        """Move the simulated clock."""
        self.simulator.clock.set(now)

    def ask(self, kind: RunKind, *, project: str = "main", **detail: Any) -> Run:
        """Ask for a run by an event on the bus, at the simulated time, and wait for its end."""
        now = self.simulator.clock.now()
        run_id = new_run_id(kind, now)
        entry = {"project": project, "run_id": run_id, "now": now.isoformat(), **detail}
        answer = (
            self.emulator.session()
            .client("events")
            .put_events(
                Entries=[
                    {
                        "EventBusName": self.outputs["BusName"],
                        "Source": REQUEST_SOURCE,
                        "DetailType": f"{kind}.requested",
                        "Detail": json.dumps(entry),
                    }
                ]
            )
        )
        if answer["FailedEntryCount"]:
            raise DayFailed(f"The bus did not take the request for a {kind} run: {answer}")
        return self.wait_for(run_id, project)

    def wait_for(self, run_id: str, project: str = "main") -> Run:
        """A run, when it has ended."""
        ledger = self.ledger(project)
        ended = wait_until(lambda: _ended(ledger.run(run_id)), f"run {run_id} to end")
        assert ended is not None  # noqa: S101 - wait_until returns what is there
        return ended


SIGNING_SECRET = "whsec_" + b64encode(b"the guided day signs with this!!").decode()
"""Signs the messages of the local stack; it protects nothing."""
PARAMETERS = {"PruneMode": "enforce", "LocalClock": "true", "SchedulesState": "DISABLED"}
"""How the local stack differs from a fresh deployment."""

type Step = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen on loopback: at these, or the next if one is taken; 0 is any free one."""

    simulator: int = 0
    receiver: int = 0
    emulator: int = 0


@contextmanager
def running(
    step: Step,
    *,
    name: str = "pinecone-backup",
    simulator: Simulator,
    policy: Mapping[str, Any],
    parameters: Mapping[str, str] = PARAMETERS,
    folder: str = "emulator",
    ports: Ports = Ports(),
) -> Iterator[Stack]:
    """Everything up and the product deployed, until the block ends.

    Args:
        step: Tells people what is going on while a part of it goes on.
        name: The stack's name, and the deployment's owner.
        simulator: The simulated Pinecone, seeded or not.
        policy: The policy document to store.
        parameters: Of the template.
        folder: The emulator's in ``.run/``.
        ports: Where to listen.

    Raises:
        DayFailed: It did not come up.
    """
    with ExitStack() as ending:
        with step("Starting a simulated Pinecone and a webhook receiver"):
            secrets = [SIGNING_SECRET]
            simulator_url = at_free_port(
                ports.simulator,
                lambda port: ending.enter_context(serve_simulator(simulator, port)),
            )
            receiver = at_free_port(
                ports.receiver,
                lambda port: ending.enter_context(Receiver(secrets=secrets, port=port)),
            )
        with step("Starting an AWS emulator"), _day_failed():
            emulator = ending.enter_context(emulators.running(folder, port=ports.emulator))
        with step("Building the layers and deploying template.yaml"), _day_failed():
            given = {
                **parameters,
                "PineconeUrl": simulator_url,
                "InsecureWebhookHosts": receiver.host,
            }
            outputs = deploy(emulator, name, given)
        stack = Stack(name, emulator, simulator, simulator_url, receiver, outputs)
        with step("Writing the secrets and the policy"):
            stack.set_secret("projects/main", DEFAULT_KEY)
            stack.set_secret("targets", json.dumps(targets_at(receiver.url(""))))
            stack.store_policy(policy)
        yield stack


@contextmanager
def _day_failed() -> Iterator[None]:
    try:
        yield
    except (EmulatorFailed, DeploymentFailed, subprocess.CalledProcessError) as error:
        raise DayFailed(str(error)) from error


def targets_at(receiver: str) -> dict[str, Any]:
    """The targets secret of the local stack: a signed webhook and a Slack channel.

    Args:
        receiver: The receiver's address, without a trailing slash.
    """
    return {
        "targets": [
            {
                "name": "operations",
                "kind": "standard",
                "url": f"{receiver}/standard/operations",
                "secrets": [SIGNING_SECRET],
                "events": ["*"],
            },
            {"name": "on-call", "kind": "slack", "url": f"{receiver}/slack/on-call"},
        ]
    }


def wait_until[T](look: Callable[[], T | None], what: str, *, seconds: float = RUN_SECONDS) -> T:
    """What ``look`` finds, as soon as it finds something.

    Raises:
        DayFailed: It found nothing in time.
    """
    deadline = time.monotonic() + seconds
    pause = 0.01
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    raise DayFailed(f"Waited {seconds:.0f} s for {what}, in vain")


def _ended(run: Run | None) -> Run | None:
    under_way = run is None or run.state in (RunState.RUNNING, RunState.REQUESTED)
    return None if under_way else run
