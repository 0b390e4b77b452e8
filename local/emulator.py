"""The embedded AWS emulator: MiniStack, on a loopback port, in an environment of its own.

MiniStack pins its own botocore, so it lives in ``.venv-emulator``; ``make setup`` makes that. It
runs our functions under its own interpreter, hence Python 3.13 there too. It lives no longer than
the process that started it, however that one ends.

What it does not do as AWS does, and where that is made good (never in ``template.yaml``):

* It speaks plain http, which our bucket refuses: where permissions are enforced, ``local.deploy``
  takes the bucket's policy away.
* ``!Ref`` of a secret gives its name, not its ARN: the template names secrets by ARN patterns.
* A secret without a value holds an empty text instead of no version: both mean "not set yet".
* Functions run as the user that started the emulator, not in a sandbox, and an error's type is
  always ``Runtime.HandlerError``: ``tests/e2e`` runs the real runtime beside it.
* A table's partition keys are no condition key (``dynamodb:LeadingKeys``) of permissions, and
  a role's permissions boundary is dropped.
* A stack may create a secret whose name is taken, which AWS refuses.
* Importing an OpenAPI document drops the responses of mock integrations: our API has none.
* An answer without a body (204) breaks its API Gateway: ``local.emulator_process`` mends that.
* Dead-letter settings of rules and schedules are dropped; flexible windows and memory limits count
  for nothing; an alarm changes its state but e-mails nobody.
* The table's encryption, recovery and deletion protection are recorded only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import botocore.session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / ".run"
REGION: Final = "eu-central-1"
ACCOUNT = "000000000000"

_START_SECONDS = 60.0
_STOP_SECONDS = 2.0
"""It has nothing to save."""
_PORTS_TRIED = 20
_children: dict[int, subprocess.Popen[bytes]] = {}
"""Emulators that this process has started, by pid."""


class EmulatorFailed(RuntimeError):
    """The emulator did not come up; the message ends with what it said last."""


class LocalSession(boto3.Session):
    """A boto3 session whose clients all speak to the emulator, whatever the environment says."""

    def __init__(self, url: str, *, key: str, secret: str, token: str | None = None) -> None:
        nothing_outside = {
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
        super().__init__(
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            region_name=REGION,
            botocore_session=botocore.session.Session(session_vars=nothing_outside),
        )
        self._url = url

    if not TYPE_CHECKING:  # the overloads of boto3's own signature stay visible to the type checker

        def client(self, *args, **kwargs):
            """Make a client whose endpoint is the emulator."""
            return super().client(*args, **kwargs, endpoint_url=self._url)


@cache
def root_session(url: str) -> LocalSession:
    """The session of an account's root at an emulator's address."""
    return LocalSession(url, key="test", secret="test")  # noqa: S106 - what MiniStack calls root


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Attributes:
        name: Of its folder ``.run/<name>/``.
        pid: Its process, which leads a process group with its Lambda workers.
        url: Where it listens, without a trailing slash.
        auth: Whether permissions are enforced.
    """

    name: str
    pid: int
    url: str
    auth: bool = False

    @property
    def folder(self) -> Path:
        """Its log and its temporary files."""
        return RUN / self.name

    def session(self) -> LocalSession:
        """The session of the account's root, who may do everything; not for several threads."""
        return root_session(self.url)

    def healthy(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:  # noqa: S310 - our own loopback address
                return bool(answer.status == 200)  # noqa: PLR2004
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def running(name: str = "emulator", *, auth: bool = False, port: int = 0) -> Iterator[Emulator]:
    """An emulator for the length of a ``with`` block.

    Args:
        name: Its folder in ``.run/``; one process at a time uses that.
        auth: Enforce IAM permissions.
        port: A loopback port; if that is taken, one of the next; 0 takes any free one.

    Raises:
        EmulatorFailed: When it is not installed, ends at once, does not answer in a minute, or
            another process uses the folder.
    """
    folder = RUN / name
    folder.mkdir(parents=True, exist_ok=True)
    with _held(folder / "lock"):
        _discard(folder / "tmp")
        (folder / "tmp").mkdir()
        emulator = _start(name, auth=auth, port=port)
        try:
            _wait_until_healthy(emulator)
            yield emulator
        finally:
            _stop(emulator)


def wait(emulator: Emulator) -> None:
    """Wait until an emulator that this process started has ended."""
    _children[emulator.pid].wait()


def user_of(name: str) -> int | None:
    """The process that uses ``.run/<name>`` now, or None.

    It holds a lock, which no process that only got its id later does.
    """
    try:
        with (RUN / name / "lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
    except FileNotFoundError:
        pass
    return None


def in_use() -> dict[str, int]:
    """The processes that use a folder in ``.run/`` now, by its name."""
    names = sorted(lock.parent.name for lock in RUN.glob("*/lock"))
    return {name: pid for name in names if (pid := user_of(name)) is not None}


def at_free_port[T](preferred: int, listen: Callable[[int], T]) -> T:
    """What ``listen`` gives at the preferred port or, as long as that is taken, at the next.

    Args:
        preferred: A port; 0 takes any free one.
        listen: Opens a socket at a port.

    Raises:
        OSError: From ``listen``; ``EADDRINUSE`` when the next ports are taken too.
    """
    for port in range(preferred, preferred + _PORTS_TRIED - 1):
        try:
            return listen(port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return listen(preferred + _PORTS_TRIED - 1)


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Keep a folder for this process, whose id the lock's file says."""
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise EmulatorFailed(
                f"Process {file.read()} of this checkout uses .run/{lock.parent.name} already: "
                "wait for its end, or end it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _start(name: str, *, auth: bool, port: int) -> Emulator:
    python = ROOT / ".venv-emulator" / "bin" / "python"
    if not python.exists():
        raise EmulatorFailed("The emulator is not installed: run `make setup`")
    folder = RUN / name
    with (
        (folder / "emulator.log").open("w") as log,
        at_free_port(port, lambda each: socket.create_server(("127.0.0.1", each))) as listener,
    ):
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [python, "-P", ROOT / "local" / "emulator_process.py", str(listener.fileno())],
            env=_environment(port, folder / "tmp", auth=auth),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    _children[process.pid] = process
    return Emulator(name, process.pid, f"http://127.0.0.1:{port}", auth)


def _wait_until_healthy(emulator: Emulator) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not emulator.healthy():
        if _children[emulator.pid].poll() is not None or time.monotonic() > deadline:
            tail = "\n".join((emulator.folder / "emulator.log").read_text().splitlines()[-15:])
            raise EmulatorFailed(f"The emulator did not come up:\n{tail}")
        time.sleep(0.1)


def _stop(emulator: Emulator) -> None:
    """End an emulator and its Lambda workers, and remove its temporary files."""
    process = _children.pop(emulator.pid)
    with suppress(ProcessLookupError, PermissionError):  # macOS has the second for what has ended
        os.killpg(emulator.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        os.killpg(emulator.pid, signal.SIGKILL)  # workers that outlived it
    process.wait()
    if process.stdin:
        process.stdin.close()
    _discard(emulator.folder / "tmp")


def _discard(folder: Path) -> None:
    """Put a folder out of the way at once; its thousands of unpacked files go in the background."""
    if folder.exists():
        gone = folder.rename(folder.with_name(f"gone-{time.time_ns()}"))
        os.posix_spawnp("rm", ["rm", "-rf", str(gone)], os.environ)


def _environment(port: int, temporary: Path, *, auth: bool) -> dict[str, str]:
    """Everything on loopback, in UTC, and nothing of the caller's own settings or proxies."""
    kept = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH")
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    return inherited | {
        "AUTH": "true" if auth else "false",
        "BIND_HOST": "127.0.0.1",
        "EDGE_PORT": str(port),
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "60",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "INFO",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "SFTP_ENABLED": "0",
        "TMPDIR": str(temporary),
        "TZ": "UTC",
    }
