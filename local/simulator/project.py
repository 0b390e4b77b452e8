"""One simulated Pinecone project: its state, and everything that can be done with it."""

from __future__ import annotations

from local.simulator.conversions import ConversionOperations
from local.simulator.native_schedules import ScheduleOperations
from local.simulator.restores import RestoreOperations


class Project(RestoreOperations, ConversionOperations, ScheduleOperations):
    """A project; each subject has a module of its own, and what it holds is ``ProjectState``."""
