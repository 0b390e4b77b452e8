"""Serving the simulator."""

import socket

import httpx
import pytest

from local.simulator import DEFAULT_KEY, Simulator, serve_simulator
from local.simulator.demo import seed_demo
from tests.support.simulator import START


def ask(url: str, path: str = "/indexes") -> httpx.Response:
    """One request with the default key."""
    return httpx.get(
        url + path, headers={"Api-Key": DEFAULT_KEY, "X-Pinecone-Api-Version": "2026-07"}
    )


def test_a_simulator_is_served_until_its_block_ends() -> None:
    simulator = Simulator(START, frozen=True)

    with serve_simulator(simulator) as url:
        assert ask(url).json() == {"indexes": []}

    with pytest.raises(httpx.ConnectError):
        ask(url)


def test_a_simulator_is_served_on_a_chosen_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with serve_simulator(Simulator(), port) as url:
        assert url == f"http://127.0.0.1:{port}"
        assert ask(url).status_code == 200


def test_two_simulators_are_served_side_by_side() -> None:
    first, second = Simulator(), Simulator()
    first.project.seed_index("docs")

    with serve_simulator(first) as one, serve_simulator(second) as two:
        assert len(ask(one).json()["indexes"]) == 1
        assert ask(two).json() == {"indexes": []}


def test_an_open_connection_does_not_delay_the_end() -> None:
    with httpx.Client() as client:
        with serve_simulator(Simulator()) as url:
            assert client.get(f"{url}/_simulator/clock").status_code == 200
        with pytest.raises(httpx.TransportError):
            client.get(f"{url}/_simulator/clock")


def test_the_server_ends_when_the_block_fails() -> None:
    block = serve_simulator(Simulator())
    url = block.__enter__()

    assert not block.__exit__(KeyError, KeyError("the block failed"), None)

    with pytest.raises(httpx.ConnectError):
        ask(url)


def test_the_demonstration_has_something_to_show(simulator: Simulator, simulator_url: str) -> None:
    seed_demo(simulator)

    backups = ask(simulator_url, "/backups").json()["data"]

    assert {b["source_index_name"] for b in backups} == {"products", "articles", "old-catalog"}
    assert any("source_index_deleted_at" in backup for backup in backups)
    assert {"Ready", "InitializationFailed", "Initializing"} == {b["status"] for b in backups}
