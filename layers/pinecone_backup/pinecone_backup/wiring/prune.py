"""The run of a project, or of each, that an event asks prune for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import PruneMode, RunKind
from pinecone_backup.runtime import time_left
from pinecone_backup.settings import PruneSettings
from pinecone_backup.usecases.approvals import rule_of
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import PruneOutcome, prune
from pinecone_backup.wiring.projects import Container
from pinecone_backup.wiring.runs import run

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pinecone_backup.triggers import RunRequest
    from pinecone_backup.usecases.runs import Job


@cache
def _container() -> Container[PruneSettings]:
    return Container(PruneSettings.read())


def answer(event: object, context: LambdaContext) -> dict[str, Any]:
    """Prune the projects of the policy, or the one that is asked for.

    Raises:
        EventMalformed: The event has none of the known shapes.
    """
    container = _container()

    def work(request: RunRequest, job: Job) -> PruneOutcome:
        services = PruneServices(
            control_plane=container.control_plane(job.project),
            ledger=job.ledger,
            store=container.objects,
            policy_version=container.policies.load_version,
            time_left=time_left(context),
            approvals=rule_of(container.settings),
        )
        mode = PruneMode.DRY_RUN if request.dry_run else container.settings.prune_mode
        return prune(
            job.context,
            services,
            document=job.document,
            policy_version=job.policy_version,
            mode=mode,
            digest=request.digest,
        )

    return run(container, RunKind.PRUNE, event, work)
