"""What the simulator's README shows works."""

import dataclasses
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import local.simulator
from local.simulator import Behaviour, Damage, Simulator
from local.simulator.demo import seed_demo

README = Path(local.simulator.__file__).with_name("README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_every_command_works(simulator: Simulator, simulator_url: str) -> None:
    seed_demo(simulator)
    (script,) = blocks("sh")

    done = subprocess.run(
        ["bash", "-euc", script.replace(ADDRESS, simulator_url)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert '"record_count":50' in done.stdout
    assert '"source_index_deleted_at"' in done.stdout


@pytest.mark.parametrize("script", blocks("python"))
def test_every_example_runs(simulator: Simulator, simulator_url: str, script: str) -> None:
    seed_demo(simulator)

    exec(script.replace(ADDRESS, simulator_url), {})  # noqa: S102 - the examples are ours


@pytest.mark.parametrize("damage", Damage)
def test_every_damage_is_explained(damage: Damage) -> None:
    assert f"| `{damage}` |" in README


@pytest.mark.parametrize("switch", [field.name for field in dataclasses.fields(Behaviour)])
def test_every_switch_is_named(switch: str) -> None:
    assert f"`{switch}`" in README


def test_the_command_line_serves_what_it_says() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "local.simulator", "--port", "0", "--seed", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stderr is not None
        running = any("running on" in line for line in server.stderr)
        server.terminate()
        said, _ = server.communicate(timeout=10)

    assert running
    assert "Simulated Pinecone on" in said
    assert server.returncode == -signal.SIGTERM
