"""restore_test: proves that backups come back, and follows restores that people asked for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from pinecone_backup.model import RunKind
from pinecone_backup.settings import ProjectSettings
from pinecone_backup.triggers import answer_to, read_trigger
from pinecone_backup.usecases.restore_test import RestoreOutcome, run_restores
from pinecone_backup.usecases.restores import comparison
from pinecone_backup.usecases.runs import Job, run_projects
from pinecone_backup.wiring.projects import Container, share_logging, time_left

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="restore_test")
share_logging(logger)


@cache
def _container() -> Container[ProjectSettings]:
    return Container(ProjectSettings.read())


@logger.inject_lambda_context
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Move the restores of the projects of the policy, or of the one that is asked for."""
    container = _container()
    request = read_trigger(event, RunKind.RESTORE_TEST)

    def work(job: Job) -> RestoreOutcome:
        control_plane = container.control_plane(job.project)
        return run_restores(
            job.context,
            control_plane,
            job.ledger,
            job.document,
            look_at=comparison(control_plane, job.ledger, clock=container.services.clock),
            time_left=time_left(context),
        )

    return answer_to(request, run_projects(container.services, RunKind.RESTORE_TEST, request, work))
