"""What ``sam local`` is given reaches the local stack from outside of loopback's address."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from local.build import FUNCTIONS
from local.deploy import load_template
from local.emulator import ROOT
from local.sam_local import environments, forward, ports

if TYPE_CHECKING:
    from tests.support.deployed import Deployed

pytestmark = pytest.mark.emulator


def test_every_function_gets_all_its_variables_without_loopback(stack: Deployed) -> None:
    variables = environments(stack.aws, stack.name, "172.17.0.1")
    template = load_template(ROOT / "template.yaml")
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    for name in FUNCTIONS:
        own = template["Resources"][name]["Properties"].get("Environment", {"Variables": {}})
        assert set(variables[name]) == set(shared | own["Variables"])
    assert "127.0.0.1" not in json.dumps(variables)


def test_the_ports_of_emulator_simulator_and_receiver_are_forwarded(stack: Deployed) -> None:
    variables = environments(stack.aws, stack.name, "172.17.0.1")
    create, notify = variables["CreateFunction"], variables["NotifyFunction"]
    wanted = {
        create["AWS_ENDPOINT_URL"],
        create["PINECONE_URL"],
        notify["INSECURE_WEBHOOK_HOSTS"],
    }
    assert ports(variables) == sorted(int(address.rsplit(":", 1)[1]) for address in wanted)


def test_another_address_of_this_machine_leads_to_the_emulator(stack: Deployed) -> None:
    port = int(stack.emulator.url.rsplit(":", 1)[1])

    async def reached() -> int:
        (forwarding,) = await forward("127.0.0.2", [port])
        async with forwarding:
            return await asyncio.to_thread(_health, f"http://127.0.0.2:{port}")

    assert asyncio.run(reached()) == 200


def _health(url: str) -> int:
    with urllib.request.urlopen(f"{url}/_ministack/health", timeout=10) as answer:  # noqa: S310
        return int(answer.status)
