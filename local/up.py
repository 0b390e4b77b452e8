"""``make up``, ``make down`` and ``make clean``: the local stack, left running to play with.

The same stack as in the guided run, on the real clock: a simulated Pinecone with the demo
project, a webhook receiver, the emulator with the product deployed, its schedules switched on.
``local.keeper`` is the process that keeps all of it; ``.run/up.log`` is its log.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich.console import Console

from local import emulator as emulators
from local.emulator import ROOT, RUN
from local.progress import step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

STACK = "pinecone-backup"
FOLDER = "up"
STATE = RUN / "up.json"
ENVIRONMENT = RUN / "up.env"
LOG = RUN / "up.log"
_END_SECONDS = 10.0


class NotUp(RuntimeError):
    """The local stack did not come up, and why."""


@dataclass(frozen=True, slots=True)
class Up:
    """Where the local stack of this checkout listens: URLs without a trailing slash.

    Attributes:
        emulator: The AWS emulator.
        simulator: The simulated Pinecone.
        receiver: The webhook receiver.
        page: The page that shows the API.
        api: The API.
        key: The simulated Pinecone's API key.
    """

    emulator: str
    simulator: str
    receiver: str
    page: str
    api: str
    key: str

    @classmethod
    def find(cls) -> Self | None:
        """The local stack of this checkout, or None when it is not up."""
        if emulators.user_of(FOLDER) is None:
            return None
        try:
            return cls(**json.loads(STATE.read_text()))
        except (FileNotFoundError, ValueError, TypeError):  # not yet, or of another version
            return None


def main() -> int:
    """Start or stop; 0 when that worked."""
    parser = argparse.ArgumentParser(prog="python -m local.up", description=__doc__)
    parser.add_argument("what", choices=("up", "down", "clean"))
    commands: dict[str, Callable[[Console], int]] = {"up": _up, "down": _down, "clean": _clean}
    return commands[parser.parse_args().what](Console())


def _up(console: Console) -> int:
    if up := Up.find():
        console.print("The local stack of this checkout is up already.")
        _explain(console, up)
        return 0
    if (pid := emulators.user_of(FOLDER)) is not None:
        console.print(
            f"Process {pid} of this checkout is starting or ending the local stack: wait for it, "
            "or [bold]make down[/bold]",
            soft_wrap=True,
        )
        return 1
    try:
        _start(console)
    except NotUp as error:
        console.print("[bold red]The local stack did not come up.[/bold red]")
        console.print(f"{error}\nThe log is {_shown(LOG)}.", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted: nothing is left running.")
        return 130
    if up := Up.find():
        _explain(console, up)
    return 0


def _start(console: Console) -> None:
    """Start the keeper and follow it until the stack is up; it ends when this does.

    Raises:
        NotUp: The stack did not come up.
    """
    RUN.mkdir(exist_ok=True)
    with LOG.open("w") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "local.keeper"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    is_up = False
    try:
        _follow(keeper.stdout or (), console)
        is_up = True
    finally:
        if keeper.stdin:
            keeper.stdin.close()
        if not is_up:
            keeper.wait()


def _follow(said: Iterable[str], console: Console) -> None:
    with ExitStack() as current:
        for line in said:
            message: dict[str, str] = json.loads(line)
            if "failed" in message:
                raise NotUp(message["failed"])
            current.close()
            if "up" in message:
                return
            current.enter_context(step(console, message["step"]))
        raise NotUp("It was stopped before it was up, or broke.")


def _down(console: Console) -> int:
    pid = emulators.user_of(FOLDER)
    if pid is not None and not (_ended(pid, signal.SIGTERM) or _ended(pid, signal.SIGKILL)):
        console.print(f"Process {pid}, which keeps the local stack, does not end.")
        return 1
    for left in (STATE, ENVIRONMENT):
        left.unlink(missing_ok=True)
    console.print("Nothing is up in this checkout." if pid is None else "The local stack is down.")
    return 0


def _ended(pid: int, by: signal.Signals) -> bool:
    """Whether the keeper ended in time; what it kept ends with it, in whatever way it does."""
    with suppress(ProcessLookupError):
        os.kill(pid, by)
    deadline = time.monotonic() + _END_SECONDS
    while emulators.user_of(FOLDER) == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _clean(console: Console) -> int:
    """Make sure that nothing uses what ``make clean`` is about to remove."""
    for name, pid in emulators.in_use().items():
        if name != FOLDER:
            console.print(
                f"Nothing was removed: process {pid} of this checkout (make run, or a test) uses "
                f".run/{name}. Wait for its end, or end it.",
                soft_wrap=True,
            )
            return 1
    return 0 if emulators.user_of(FOLDER) is None else _down(console)


def _explain(console: Console, up: Up) -> None:
    console.print(
        f"""
[bold]The local stack is up.[/bold]

  Simulated Pinecone   {up.simulator}/docs   (API key {up.key})
  Webhooks received    {up.receiver}/received
  AWS emulator         {up.emulator}
  Our API              {up.api}
                       {up.page}/docs shows it, and asks it for you

The schedules run: a create tick every minute, an audit every five minutes, and
a prune plan every ten.

  source {_shown(ENVIRONMENT)}      sets what the commands of the README need
  make down               stops all of it
""",
        highlight=False,
        soft_wrap=True,
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
