"""The command line as people run it, against the deployed stack: found, signed, asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from local.emulator import REGION, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.simulator import Simulator
    from tests.support.deployed import Deployed

pytestmark = pytest.mark.emulator


@dataclass(frozen=True, slots=True)
class Terminal:
    """Runs the command line as a process."""

    environment: Mapping[str, str]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pinecone_backup_cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """What a command that must succeed answers to programs."""
        ended = self(*arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
def terminal(stack: Deployed, project: tuple[str, Simulator]) -> Terminal:
    """In an environment like that which ``make up`` leaves."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return Terminal(
        kept
        | {
            "PYTHONPATH": str(ROOT / "cli"),
            "AWS_ENDPOINT_URL": stack.emulator.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PINECONE_BACKUP_URL": stack.outputs["ApiUrl"],
            "PINECONE_BACKUP_PROJECT": project[0],
        }
    )


@pytest.fixture
def backup(project: tuple[str, Simulator]) -> str:
    """The id of a backup that is Ready, made by hand."""
    return str(project[1].project.seed_backup("products").backup_id)


def test_an_on_call_engineers_first_quarter_of_an_hour(terminal: Terminal) -> None:
    """What is wrong, back it up, audit, look again: all of it by the command line."""
    assert terminal("status").returncode == 1, "no audit has run"
    made = terminal.json("backup", "products", "--name", "by-hand")
    assert made["backup_id"] in terminal("backups", "products").stdout
    assert terminal("runs", "start", "create", "--wait").returncode == 0
    audited = terminal("runs", "start", "audit", "--wait")
    assert audited.returncode == 0, audited.stderr
    assert "succeeded" in audited.stdout
    report = json.loads(terminal("status", "--json").stdout)
    assert [index["name"] for index in report["indexes"]] == ["products"]
    link = terminal("open", "--print").stdout
    assert "latest.html" in link


def test_a_backup_is_held_and_so_not_deleted(terminal: Terminal, backup: str) -> None:
    hold = terminal.json("hold", backup, "--reason", "Case 4711")["hold_id"]
    refused = terminal("delete", backup, "--reason", "Test data")
    assert refused.returncode == 3
    assert hold in refused.stderr
    assert "Case 4711" in terminal("why", backup).stdout
    terminal.json("release", hold, "--reason", "Closed")
    assert terminal.json("holds") == []


def test_a_prune_is_planned_and_its_plan_read(terminal: Terminal) -> None:
    ended = terminal("runs", "start", "prune", "--wait")
    assert ended.returncode == 0, ended.stderr
    (plan,) = terminal.json("plan", "list")
    shown = terminal("plan", "show", plan["digest"][:8])
    assert shown.returncode == 0
    assert plan["digest"] in shown.stdout
    assert terminal.json("plan")["digest"] == plan["digest"]


def test_a_backup_is_restored_into_a_new_index(terminal: Terminal, backup: str) -> None:
    job = terminal.json("restore", backup, "products-restored")["restore_job_id"]
    assert terminal.json("restore-jobs", job)["target_index_name"] == "products-restored"


def test_the_stack_is_found_by_its_name(stack: Deployed, terminal: Terminal) -> None:
    """The emulator's own CloudFormation answers; the address in its outputs is one of AWS's."""
    by_name = {
        name: value for name, value in terminal.environment.items() if name != "PINECONE_BACKUP_URL"
    }
    absent = Terminal(by_name)("health", "--stack", "absent")
    assert absent.returncode == 5
    assert "There is no stack absent" in absent.stderr
    assert terminal("health", "--stack", stack.name).returncode == 0


def test_what_goes_into_a_pipe_is_plain(terminal: Terminal) -> None:
    coloured = Terminal({**terminal.environment, "TERM": "xterm-256color"})
    shown = coloured("indexes").stdout
    assert "\x1b" not in shown
    assert all(line == line.rstrip() for line in shown.splitlines())
    assert shown.splitlines()[1].split()[:2] == ["products", "hourly"]
