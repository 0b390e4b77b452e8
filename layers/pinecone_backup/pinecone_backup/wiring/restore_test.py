"""The run of a project, or of each, that an event asks restore_test for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import RunKind
from pinecone_backup.runtime import time_left
from pinecone_backup.settings import ProjectSettings
from pinecone_backup.usecases.restore_test import RestoreOutcome, run_restores
from pinecone_backup.usecases.restores import comparison
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
    """Move the restores of the projects of the policy, or of the one that is asked for.

    Raises:
        EventMalformed: The event has none of the known shapes.
    """
    container = _container()

    def work(_: RunRequest, job: Job) -> RestoreOutcome:
        control_plane = container.control_plane(job.project)
        return run_restores(
            job.context,
            control_plane,
            job.ledger,
            job.document,
            look_at=comparison(control_plane, job.ledger, clock=container.services.clock),
            time_left=time_left(context),
        )

    return run(container, RunKind.RESTORE_TEST, event, work)
