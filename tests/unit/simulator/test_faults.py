"""Which requests a fault hits."""

import asyncio

import httpx
import pytest
from pydantic import ValidationError

from local.simulator import DEFAULT_KEY, Call, Fault, Simulator
from local.simulator.app import create_app
from local.simulator.faults import Faults

LISTING = Call(
    operation="list_project_backups", method="GET", path="/backups", project="default", offset=100
)


def hits(fault: Fault, calls: int, call: Call = LISTING) -> list[bool]:
    """Which of so many equal requests the fault hits."""
    faults = Faults()
    faults.add(fault)
    return [faults.take(call.model_copy(deep=True))[1] is not None for _ in range(calls)]


def test_a_fault_hits_once_unless_set_otherwise() -> None:
    assert hits(Fault(kind="drop"), 3) == [True, False, False]


def test_a_fault_can_skip_and_repeat() -> None:
    assert hits(Fault(kind="drop", skip=1, times=2), 5) == [False, True, True, False, False]


def test_a_fault_can_last_for_ever() -> None:
    assert hits(Fault(kind="drop", times=None), 4) == [True] * 4


@pytest.mark.parametrize(
    ("fault", "hit"),
    [
        (Fault(kind="drop", operation="list_*"), True),
        (Fault(kind="drop", operation="create_backup"), False),
        (Fault(kind="drop", method="GET", path="/back*"), True),
        (Fault(kind="drop", method="POST"), False),
        (Fault(kind="drop", path="/indexes*"), False),
        (Fault(kind="drop", project="default"), True),
        (Fault(kind="drop", project="other"), False),
        (Fault(kind="drop", from_offset=100), True),
        (Fault(kind="drop", from_offset=101), False),
    ],
)
def test_a_fault_hits_the_requests_it_names(fault: Fault, hit: bool) -> None:  # noqa: FBT001, RUF100 - a case
    assert hits(fault, 1) == [hit]


def test_a_request_that_does_not_match_is_not_counted_as_skipped() -> None:
    faults = Faults()
    faults.add(Fault(kind="drop", operation="create_backup", skip=1))
    create = LISTING.model_copy(update={"operation": "create_backup"})

    taken = [faults.take(call)[1] for call in (LISTING, create, LISTING, create)]

    assert [fault is not None for fault in taken] == [False, False, False, True]


def test_faults_are_used_up_one_request_at_a_time() -> None:
    faults = Faults()
    for status in (429, 503):
        faults.add(Fault(kind="status", status=status))

    taken = [faults.take(LISTING)[1] for _ in range(3)]

    assert [fault and fault.status for fault in taken] == [429, 503, None]


def test_one_fault_can_be_cleared() -> None:
    faults = Faults()
    first, second = faults.add(Fault(kind="drop")), faults.add(Fault(kind="drop"))

    faults.clear(first.fault_id)
    assert [fault.fault_id for fault in faults.list()] == [second.fault_id]
    faults.clear()
    assert faults.list() == []


@pytest.mark.parametrize("order", [{"seconds": 61}, {"status": 200}, {"times": 0}, {"colour": 1}])
def test_a_senseless_fault_is_refused(order: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate({"kind": "status"} | order)


@pytest.mark.parametrize("kind", ["drop", "truncated"])
def test_a_broken_connection_needs_a_connection(simulator: Simulator, kind: str) -> None:
    simulator.faults.add(Fault.model_validate({"kind": kind}))

    async def ask() -> None:
        transport = httpx.ASGITransport(create_app(simulator))
        async with httpx.AsyncClient(transport=transport, base_url="http://in-process") as client:
            await client.get("/backups", headers={"Api-Key": DEFAULT_KEY})

    with pytest.raises(ConnectionResetError, match="over a socket"):
        asyncio.run(ask())
