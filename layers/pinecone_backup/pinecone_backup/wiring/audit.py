"""The run of a project, or of each, that an event asks audit for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import RunKind
from pinecone_backup.runtime import time_left
from pinecone_backup.settings import AuditSettings
from pinecone_backup.usecases.audit import AuditOutcome, audit_project
from pinecone_backup.wiring.projects import Container
from pinecone_backup.wiring.runs import run

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pinecone_backup.triggers import RunRequest
    from pinecone_backup.usecases.runs import Job


@cache
def _container() -> Container[AuditSettings]:
    return Container(AuditSettings.read())


def answer(event: object, context: LambdaContext) -> dict[str, Any]:
    """Audit the projects of the policy, or the one that is asked for.

    Raises:
        EventMalformed: The event has none of the known shapes.
    """
    container = _container()

    def work(_: RunRequest, job: Job) -> AuditOutcome:
        return audit_project(
            job.context,
            container.control_plane(job.project),
            job.ledger,
            container.objects,
            container.metrics,
            document=job.document,
            policy_version=job.policy_version,
            time_left=time_left(context),
            stack=container.settings.stack_name,
            project_metrics=container.settings.project_metrics,
        )

    return run(container, RunKind.AUDIT, event, work)
