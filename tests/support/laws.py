"""How many cases the laws try that play weeks of a project's life."""

from __future__ import annotations

import os


def simulations(usual: int) -> int:
    """So many cases: ``usual`` of them, or what the environment variable SIMULATIONS says."""
    return int(os.environ.get("SIMULATIONS", usual))
