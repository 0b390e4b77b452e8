"""The run of a project, or of each, that an event asks create for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import RunKind
from pinecone_backup.runtime import time_left
from pinecone_backup.settings import ProjectSettings
from pinecone_backup.usecases.create import CreateOutcome, create_backups
from pinecone_backup.wiring.projects import Container
from pinecone_backup.wiring.runs import run

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pinecone_backup.triggers import RunRequest
    from pinecone_backup.usecases.runs import Job


@cache
def _container() -> Container[ProjectSettings]:
    return Container(ProjectSettings.read())


def answer(event: object, context: LambdaContext) -> dict[str, Any]:
    """Start what is due in the projects of the policy, or in the one that is asked for.

    Raises:
        EventMalformed: The event has none of the known shapes.
    """
    container = _container()

    def work(_: RunRequest, job: Job) -> CreateOutcome:
        return create_backups(
            job.context,
            container.control_plane(job.project),
            job.ledger,
            job.document,
            job.policy_version,
            time_left=time_left(context),
        )

    return run(container, RunKind.CREATE, event, work)
