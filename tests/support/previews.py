"""Projects to be played forward, made of policies and of when their indexes' backups were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinecone_backup.rules.policy import Policy, PolicyDocument, validate_policy
from pinecone_backup.rules.preview import PastBackup, imagined
from tests.support.audits import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.rules.plan_facts import Facts

UNLIMITED = {"count": 10_000, "percent": 100}


def document_of(
    policies: Sequence[Policy | dict[str, Any]], *, quota: int = 10_000, limited: bool = False
) -> PolicyDocument:
    """A document in which policy ``p0`` is that of index ``i0``, and so on."""
    bodies = [
        each.model_dump(mode="json", exclude_none=True) if isinstance(each, Policy) else each
        for each in policies
    ]
    bodies = bodies or [{"cron": "0 2 * * *", "retention": {"keep_last": 1}, "max_age": "26h"}]
    limits = {} if limited else {"limits": {"per_run": UNLIMITED, "per_index": UNLIMITED}}
    return validate_policy(
        {
            "projects": [{"name": "main", "quota": quota}],
            "policies": [{**body, "name": f"p{n}"} for n, body in enumerate(bodies)],
            "assignments": [{"policy": f"p{n}", "index": f"i{n}"} for n in range(len(bodies))],
            **limits,
        }
    )


def project_of(
    *tenants: tuple[Policy | dict[str, Any], Sequence[datetime]],
    quota: int = 10_000,
    limited: bool = False,
    others: int = 0,
    now: datetime = NOW,
) -> Facts:
    """A project whose n-th index has the n-th policy and good backups of those times.

    Args:
        tenants: Policies and times.
        quota: What the project may hold.
        limited: Whether the default limits apply; else nothing ever waits because of them.
        others: Backups of an index without a policy.
        now: The moment.
    """
    history = [
        PastBackup(f"i{number}-{n}", f"i{number}", at)
        for number, (_, times) in enumerate(tenants)
        for n, at in enumerate(times)
    ]
    history += [PastBackup(f"other-{n}", "other", now) for n in range(others)]
    names = [f"i{number}" for number in range(len(tenants))] + ["other"] * bool(others)
    document = document_of([policy for policy, _ in tenants], quota=quota, limited=limited)
    return imagined(document, "main", history, indexes={name: {} for name in names}, now=now)
