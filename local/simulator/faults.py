"""Making the service misbehave, request by request."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Call(BaseModel):
    """One request to a Pinecone operation, as the request log keeps it.

    ``status`` is what was answered, None when the connection was dropped; ``at`` is simulated
    time (RFC 3339); ``offset`` is the first row that a listing was asked for; ``read_units`` is
    what a read of the data plane cost.
    """

    operation: str
    method: str
    path: str
    query: str = ""
    project: str | None = None
    api_version: str | None = None
    offset: int = 0
    status: int | None = None
    read_units: int = 0
    faults: list[str] = []
    at: str = ""


class Fault(BaseModel):
    """One way to misbehave, and the requests that it hits.

    ``operation``, ``method``, ``path`` and ``project`` are globs; a request must match all four,
    and ask for rows at or after ``from_offset``. The first ``skip`` matching requests pass, the
    next ``times`` are hit (None: all). Kinds:

    - ``latency``: wait ``seconds`` before anything else (adds to another fault's effect)
    - ``status``: answer ``status``, with ``Retry-After`` when ``retry_after`` is given
    - ``drop``: close the connection without an answer
    - ``malformed``: a success whose body is no JSON
    - ``truncated``: a success whose body ends, with its connection, half-way
    - ``repeat_token``: the paging token of a page leads to that page again
    - ``lost_write``: answer success and do nothing
    - ``empty_listing``: answer a listing without rows

    With ``after_effect`` a ``status`` or ``drop`` comes after the operation took effect.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal[
        "latency",
        "status",
        "drop",
        "malformed",
        "truncated",
        "repeat_token",
        "lost_write",
        "empty_listing",
    ]
    operation: str = "*"
    method: str = "*"
    path: str = "*"
    project: str = "*"
    from_offset: int = Field(0, ge=0)
    skip: int = Field(0, ge=0)
    times: int | None = Field(1, ge=1)
    seconds: float = Field(0, ge=0, le=60)
    status: int = Field(503, ge=400, le=599)
    retry_after: str | None = None
    message: str | None = None
    after_effect: bool = False
    fault_id: str = ""

    def matches(self, call: Call) -> bool:
        """Whether the fault is about this request, skipped or not."""
        return (
            fnmatchcase(call.operation, self.operation)
            and fnmatchcase(call.method, self.method)
            and fnmatchcase(call.path, self.path)
            and fnmatchcase(call.project or "", self.project)
            and call.offset >= self.from_offset
        )


class Faults:
    """The faults that are waiting for their requests."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._added = 0

    def add(self, fault: Fault) -> Fault:
        """Arm a fault; it gets an id unless it has one."""
        self._added += 1
        armed = fault.model_copy(update={"fault_id": fault.fault_id or f"fault-{self._added}"})
        self._waiting.append(armed)
        return armed

    def list(self) -> list[Fault]:
        """The faults still armed, with what is left of their ``skip`` and ``times``."""
        return list(self._waiting)

    def clear(self, fault_id: str | None = None) -> None:
        """Disarm one fault, or all."""
        self._waiting = [
            fault for fault in self._waiting if fault_id is not None and fault.fault_id != fault_id
        ]

    def take(self, call: Call) -> tuple[float, Fault | None]:
        """How many seconds to wait, and which fault hits this request."""
        seconds, hit = 0.0, None
        for fault in [fault for fault in self._waiting if fault.matches(call)]:
            if hit is not None and fault.kind != "latency":
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            self._use_up(fault)
            call.faults.append(fault.kind)
            if fault.kind == "latency":
                seconds += fault.seconds
            else:
                hit = fault
        return seconds, hit

    def _use_up(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times == 0:
            self._waiting = [waiting for waiting in self._waiting if waiting is not fault]
