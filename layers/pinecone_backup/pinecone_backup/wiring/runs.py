"""What a scheduled function does with an event, whatever its kind of run is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinecone_backup.triggers import answer_to, read_trigger
from pinecone_backup.usecases.runs import run_projects

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinecone_backup.model import RunKind
    from pinecone_backup.settings import ProjectSettings
    from pinecone_backup.triggers import RunRequest
    from pinecone_backup.usecases.runs import Job, Result
    from pinecone_backup.wiring.projects import Container


def run[S: ProjectSettings](
    container: Container[S],
    kind: RunKind,
    event: object,
    work: Callable[[RunRequest, Job], Result],
) -> dict[str, Any]:
    """Run for the project that the event names, or for each of the policy.

    Args:
        container: The adapters of the process.
        kind: The kind of run.
        event: What reached the function, in any of the shapes that ``triggers`` knows.
        work: Does the work for one project.

    Returns:
        What the function answers.

    Raises:
        EventMalformed: The event has none of those shapes.
    """
    request = read_trigger(event, kind)
    result = run_projects(container.services, kind, request, lambda job: work(request, job))
    return answer_to(request, result)
