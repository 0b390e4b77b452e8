"""What a simulated project is and holds, before anything is done with it.

Pure but for the clock that it is given: no HTTP, no threads, no waiting. Refusals are ``ApiError``.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import uuid
from typing import TYPE_CHECKING

from local.simulator import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from local.simulator.clock import Clock
    from local.simulator.state import (
        Backup,
        Behaviour,
        ConversionJob,
        Index,
        Outcome,
        RestoreJob,
        Schedule,
    )

PLANS_WITH_BACKUPS = ("standard", "enterprise")
BACKUP_QUOTAS = {"starter": 0, "builder": 0, "standard": 500, "enterprise": 1000}
INDEX_QUOTAS = {"starter": 5, "builder": 10, "standard": 20, "enterprise": 200}
_CONTENTS = (
    "indexes",
    "backups",
    "schedules",
    "jobs",
    "conversions",
    "restore_outcomes",
    "conversion_outcomes",
)


class ProjectState:
    """One project with its API keys, plan, quota, indexes, backups, schedules and restores.

    Attributes:
        keys: API key to role.
        plan: ``starter``, ``builder``, ``standard`` or ``enterprise``.
        backup_quota: How many backups it may hold; None for what the plan allows.
        index_quota: How many indexes it may hold; None for what the plan allows.
        past_due: Whether invoices are unpaid: every create is then answered with 402.
        backups: Rows, not ids: one id may stand under two indexes, as the service once showed.
        restore_outcomes: What shall come of the next restores.
        conversion_outcomes: What shall come of the next conversions.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        behaviour: Behaviour,
        *,
        keys: Mapping[str, str],
        plan: str = "standard",
        backup_quota: int | None = None,
        index_quota: int | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.behaviour = behaviour
        self.keys = dict(keys)
        self.plan = plan
        self.backup_quota = backup_quota
        self.index_quota = index_quota
        self.past_due = False
        self.indexes: list[Index] = []
        self.backups: list[Backup] = []
        self.schedules: dict[str, Schedule] = {}
        self.jobs: dict[str, RestoreJob] = {}
        self.conversions: dict[str, ConversionJob] = {}
        self.restore_outcomes: list[Outcome] = []
        self.conversion_outcomes: list[Outcome] = []
        self._numbers = itertools.count(1)
        self.project_id = self.new_id()

    def new_id(self) -> str:
        """A fresh UUID; the same sequence in every simulator, so that runs can be repeated."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"simulator:{self.name}:{next(self._numbers)}"))

    def settle(self) -> datetime:
        """Let everything happen that is due; returns the time. Every operation begins with it."""
        return self.clock.now()

    @contextlib.contextmanager
    def pretending(self) -> Iterator[None]:
        """Whatever happens inside the block has not happened after it; ids given stay given."""
        real = {name: getattr(self, name) for name in _CONTENTS}
        vars(self).update(copy.deepcopy(real))
        try:
            yield
        finally:
            vars(self).update(real)

    def _refuse_unpaid(self) -> None:
        if self.past_due:
            raise errors.payment_required()
