"""The simulated Pinecone as an object: its state, for tests and for what serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.simulator.clock import Clock
from local.simulator.faults import Faults
from local.simulator.requests import RequestLog
from local.simulator.seeding import SeedableProject
from local.simulator.state import Behaviour

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DEFAULT_PROJECT = "default"
DEFAULT_KEY = "simulator-key"


class Simulator:
    """A simulated Pinecone with one project to begin with.

    The project ``default`` is on the Standard plan; its key is ``simulator-key``.

    Args:
        now: The simulated time, aware; real time when None.
        frozen: Whether the clock stands still until it is moved.

    Attributes:
        clock: The simulated time.
        behaviour: Durations and switches, for all projects.
        projects: By name.
        faults: What shall go wrong.
        requests: What was asked.
    """

    def __init__(self, now: datetime | None = None, *, frozen: bool = False) -> None:
        self.clock = Clock(now, frozen=frozen)
        self.reset()

    def reset(self) -> None:
        """Back to one empty project; the clock stays as it is."""
        self.behaviour = Behaviour()
        self.faults = Faults()
        self.requests = RequestLog()
        self.projects: dict[str, SeedableProject] = {}
        self.add_project(DEFAULT_PROJECT, keys={DEFAULT_KEY: "ProjectEditor"})

    def add_project(
        self,
        name: str,
        *,
        keys: Mapping[str, str],
        plan: str = "standard",
        backup_quota: int | None = None,
        index_quota: int | None = None,
    ) -> SeedableProject:
        """Add a project, or replace the one of that name; ``keys`` is API key to role."""
        project = SeedableProject(
            name,
            self.clock,
            self.behaviour,
            keys=keys,
            plan=plan,
            backup_quota=backup_quota,
            index_quota=index_quota,
        )
        self.projects[name] = project
        return project

    @property
    def project(self) -> SeedableProject:
        """The project ``default``."""
        return self.projects[DEFAULT_PROJECT]

    def project_of_key(self, key: str | None) -> SeedableProject | None:
        """The project that an API key belongs to."""
        owners = (p for p in self.projects.values() if key is not None and key in p.keys)
        return next(owners, None)
