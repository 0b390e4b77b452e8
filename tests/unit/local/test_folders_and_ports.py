"""Two stacks on one machine: who uses a folder of ``.run/``, and which port is still free."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local import emulator
from local.emulator import EmulatorFailed, at_free_port, in_use, user_of

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, pathlib
from local.emulator import _held
with _held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``.run`` with a folder ``up`` in it."""
    monkeypatch.setattr(emulator, "RUN", tmp_path)
    (tmp_path / "up").mkdir()
    return tmp_path


def holder_of(folder: Path) -> subprocess.Popen[str]:
    """Another process that uses a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder / "lock"],
        cwd=emulator.ROOT,
        env=os.environ | {"PYTHONPATH": "layers/pinecone_backup:."},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_folder_is_used_by_the_process_that_holds_it(run: Path) -> None:
    with holder_of(run / "up") as process:
        assert user_of("up") == process.pid
        assert in_use() == {"up": process.pid}


def test_a_process_that_was_killed_uses_nothing_whoever_has_its_id_now(run: Path) -> None:
    with holder_of(run / "up") as process:
        process.kill()
    (run / "up" / "lock").write_text(str(os.getpid()))
    assert user_of("up") is None
    assert in_use() == {}


def test_a_folder_that_never_was_is_used_by_nobody(run: Path) -> None:
    assert user_of("emulator") is None
    assert not (run / "emulator").exists()


def test_a_second_emulator_in_one_folder_is_refused_and_the_first_one_named(run: Path) -> None:
    with holder_of(run / "up") as process:
        refusal = rf"Process {process.pid} of this checkout uses \.run/up already"
        with pytest.raises(EmulatorFailed, match=refusal), emulator.running("up"):
            pass


def listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def test_a_taken_port_is_left_alone_and_the_next_one_used() -> None:
    with listen(0) as taken:
        preferred = taken.getsockname()[1]
        with at_free_port(preferred, listen) as listener:
            assert preferred < listener.getsockname()[1] < preferred + 20


def test_a_free_port_is_used_as_it_was_preferred() -> None:
    with at_free_port(0, listen) as listener:
        preferred = listener.getsockname()[1]
    with at_free_port(preferred, listen) as listener:
        assert listener.getsockname()[1] == preferred


def test_an_error_that_no_other_port_would_mend_is_raised_at_once() -> None:
    tried = []

    def forbidden(port: int) -> None:
        tried.append(port)
        raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        at_free_port(80, forbidden)
    assert tried == [80]


def test_when_every_port_is_taken_the_error_says_so() -> None:
    def taken(port: int) -> None:
        raise OSError(errno.EADDRINUSE, f"{port} is taken")

    with pytest.raises(OSError, match="is taken"):
        at_free_port(8080, taken)
