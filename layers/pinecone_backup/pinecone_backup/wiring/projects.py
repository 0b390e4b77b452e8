"""The adapters of a process that speaks to Pinecone about projects of the policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from pinecone_backup.adapters.aws import client
from pinecone_backup.adapters.bus import EventBridgeBus
from pinecone_backup.adapters.ledger import DynamoLedger, DynamoProjects
from pinecone_backup.adapters.metrics import EmfMetrics
from pinecone_backup.adapters.objects import BucketEvidence, BucketObjects, BucketPolicyStore
from pinecone_backup.adapters.run_queue import SqsRunQueue
from pinecone_backup.adapters.secrets import SecretReader
from pinecone_backup.usecases.runs import RunServices

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
    from httpx import Client

    from pinecone_backup.adapters.pinecone.client import PineconeClient
    from pinecone_backup.rules.policy import Project
    from pinecone_backup.settings import ProjectSettings

CALL_SECONDS = 20.0
"""The most that one call to Pinecone may take in a run, its repetitions and waits included: a
project that does not answer is given up soon, and the next tick asks again."""

LEDGER_CONCURRENCY = 16
"""So many writes to the ledger at a time; the client keeps twenty connections. A function's share
of a processor keeps it below the thousand writes a second that DynamoDB takes for one project."""


class Container[S: ProjectSettings]:
    """The adapters of one process, for functions that speak to Pinecone.

    Args:
        settings: What the deployment configures.
        call_seconds: Tells the most that one call to Pinecone may take now.
    """

    def __init__(
        self, settings: S, *, call_seconds: Callable[[], float] = lambda: CALL_SECONDS
    ) -> None:
        self.settings = settings
        self._call_seconds = call_seconds
        self._planes: dict[str, PineconeClient] = {}

    @cached_property
    def services(self) -> RunServices:
        """What every run works with."""
        settings = self.settings
        dynamodb, history = client("dynamodb"), timedelta(days=settings.history_days)
        findings = timedelta(days=settings.finding_days)
        return RunServices(
            owner=settings.owner,
            clock=lambda: datetime.now(UTC),
            ledger_of=lambda project: DynamoLedger(
                dynamodb,
                settings.table_name,
                project,
                concurrency=LEDGER_CONCURRENCY,
                history=history,
                findings=findings,
            ),
            projects=DynamoProjects(dynamodb, settings.table_name),
            policies=self.policies,
            bus=EventBridgeBus(client("events"), settings.bus_name, settings.owner),
            metrics=self.metrics,
            evidence=self._evidence,
            local_clock=settings.local_clock,
            queue=self._queue,
        )

    @cached_property
    def policies(self) -> BucketPolicyStore:
        """Where the policy document lies."""
        return BucketPolicyStore(client("s3"), self.settings.bucket_name, self.settings.policy_key)

    @cached_property
    def objects(self) -> BucketObjects:
        """Where plans and reports lie."""
        return BucketObjects(client("s3"), self.settings.bucket_name)

    @cached_property
    def metrics(self) -> EmfMetrics:
        """Where numbers go."""
        return EmfMetrics(stack=self.settings.stack_name)

    def control_plane(self, project: Project) -> PineconeClient:
        """Pinecone, as one project's API key sees it; one client per project and process."""
        from pinecone_backup.adapters.pinecone.client import (  # noqa: PLC0415 - not by all requests
            PineconeClient,
        )

        secret = f"{self.settings.project_secret_prefix}{project.secret_name}"
        if secret not in self._planes:
            self._planes[secret] = PineconeClient(
                self._secrets.api_key(secret),
                base_url=self.settings.pinecone_url,
                api_version=self.settings.pinecone_api_version,
                schedules_api_version=self.settings.schedules_api_version,
                http=self._http,
                call_seconds=self._call_seconds,
                concurrency=self.settings.pinecone_concurrency,
            )
        return self._planes[secret]

    @cached_property
    def idempotency_store(self) -> BasePersistenceLayer:
        """Where the API keeps idempotency keys: a partition of the ledger's table."""
        from aws_lambda_powertools.utilities.idempotency import (  # noqa: PLC0415 - rarely needed
            DynamoDBPersistenceLayer,
        )

        return DynamoDBPersistenceLayer(
            self.settings.table_name,
            key_attr="pk",
            sort_key_attr="sk",
            static_pk_value="IDEMPOTENCY",
            expiry_attr="expires_at",
            boto3_client=client("dynamodb"),
        )

    @property
    def _queue(self) -> SqsRunQueue | None:
        url = self.settings.run_queue_url
        return SqsRunQueue(client("sqs"), url) if url else None

    @cached_property
    def _evidence(self) -> BucketEvidence:
        settings = self.settings
        days, key = settings.evidence_lock_days, settings.evidence_key_arn
        return BucketEvidence(
            client("s3"),
            settings.bucket_name,
            lock=timedelta(days=days) if days else None,
            kms=client("kms") if key else None,
            key_arn=key,
        )

    @cached_property
    def _http(self) -> Client:
        from pinecone_backup.adapters.http import new_http_client  # noqa: PLC0415 - nor this

        return new_http_client(max_connections=self.settings.pinecone_concurrency)

    @cached_property
    def _secrets(self) -> SecretReader:
        return SecretReader(client("secretsmanager"))
