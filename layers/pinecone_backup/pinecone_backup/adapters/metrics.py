"""Numbers for CloudWatch: one line in its embedded metric format (EMF) per number.

CloudWatch tells metrics apart by their exact set of dimensions, and alarms name that set. The
lines are therefore written here and not by a library that adds dimensions of its own (powertools
adds ``service`` where its environment variable is set).
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE = "PineconeBackup"
UNITS = frozenset({"Count", "Bytes", "Seconds", "Milliseconds", "Percent", "None"})
"""The units of CloudWatch that we use."""


def _clock() -> datetime:
    return datetime.now(UTC)


def _standard_output(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class EmfMetrics:
    """Writes metrics to the function's log, where CloudWatch picks them up.

    Args:
        stack: The value of the dimension ``stack``, which every metric has.
        clock: The time of a number, aware; the real clock by default.
        write: Takes one line without its end; standard output by default.
    """

    def __init__(
        self,
        *,
        stack: str,
        clock: Callable[[], datetime] = _clock,
        write: Callable[[str], None] = _standard_output,
    ) -> None:
        self._stack = stack
        self._clock = clock
        self._write = write

    def gauge(self, name: str, value: float, *, unit: str = "Count", **dimensions: str) -> None:
        """Write one number.

        Args:
            name: The metric's name, for example ``ProjectsFailed``.
            value: The number, in ``unit``.
            unit: One of ``UNITS``.
            dimensions: Besides ``stack``; one with an empty value is left out, for CloudWatch
                refuses it.

        Raises:
            ValueError: For a unit that CloudWatch does not know.
        """
        if unit not in UNITS:
            raise ValueError(f"{unit!r} is not one of the units {', '.join(sorted(UNITS))}")
        given = {"stack": self._stack} | {key: text for key, text in dimensions.items() if text}
        definition = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(given)],
            "Metrics": [{"Name": name, "Unit": unit}],
        }
        time = int(self._clock().timestamp() * 1000)
        line = {
            "_aws": {"Timestamp": time, "CloudWatchMetrics": [definition]},
            **given,
            name: value,
        }
        self._write(json.dumps(line, separators=(",", ":")))
