"""A stack in the emulator, as tests of the deployed product use it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.adapters.ledger import DynamoLedger
from pinecone_backup.records import IndexRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.emulator import Emulator, LocalSession
    from local.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployed stack, and the simulated Pinecone that it speaks to."""

    emulator: Emulator
    name: str
    outputs: Mapping[str, str]
    expose: Callable[[Simulator], str]

    @property
    def aws(self) -> LocalSession:
        """The account's root."""
        return self.emulator.session()

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke a function and wait; a function error comes back as Lambda answers it."""
        answer = self.aws.client("lambda").invoke(
            FunctionName=self.outputs[f"{function.title().replace('_', '')}FunctionName"],
            Payload=json.dumps(event).encode(),
        )
        result = json.loads(answer["Payload"].read())
        assert isinstance(result, dict)
        return result

    def set_policy(self, document: Mapping[str, Any]) -> None:
        self.aws.client("s3").put_object(
            Bucket=self.outputs["BucketName"],
            Key="policy/policy.json",
            Body=json.dumps(document).encode(),
        )

    def ledger(self, project: str) -> DynamoLedger:
        return DynamoLedger(self.aws.client("dynamodb"), self.outputs["TableName"], project)

    def seed(self, simulator: Simulator, project: str) -> None:
        """Give the simulated Pinecone an index that a create run backs up at once.

        The ledger has known it for a day: a first backup waits half an hour (rule C5).
        """
        index = simulator.project.seed_index("products", records=1000)
        known_since = datetime.now(UTC) - timedelta(days=1)
        self.ledger(project).put_index(
            IndexRecord(index.name, known_since, known_since, index_id=index.index_id)
        )
        self.expose(simulator)
        self.set_policy(policy_for(project))

    def set_secret(self, name: str, value: str) -> None:
        self.aws.client("secretsmanager").put_secret_value(
            SecretId=f"{self.name}/{name}", SecretString=value
        )


def policy_for(project: str) -> dict[str, Any]:
    """A policy that backs up every index of one project hourly."""
    return {
        "version": 1,
        "projects": [{"name": project, "secret": "main"}],
        "policies": [
            {
                "name": "hourly",
                "cron": "0 * * * *",
                "timezone": "Europe/Berlin",
                "retention": {"keep_last": 3},
                "max_age": "1d",
            }
        ],
        "assignments": [{"policy": "hourly", "index": "*"}],
    }


def until[T](get: Callable[[], T | None], *, seconds: float, what: str) -> T:
    """Ask again and again for something that must come within some seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = get()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(0.2)
