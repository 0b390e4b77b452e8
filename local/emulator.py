"""The embedded AWS emulator: MiniStack, on a loopback port, in an environment of its own.

MiniStack pins its own botocore, so it lives in ``.venv-emulator``; ``make setup`` makes that. It
runs our functions under its own interpreter, hence Python 3.13 there too.

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
* Dead-letter settings of rules and schedules are dropped; flexible windows and memory limits count
  for nothing; an alarm changes its state but e-mails nobody.
* The table's encryption, recovery and deletion protection are recorded only.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import boto3
import botocore.session

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / ".run"
REGION: Final = "eu-central-1"
ACCOUNT = "000000000000"

_START_SECONDS = 60.0
_STOP_SECONDS = 2.0
"""It has nothing to save."""
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
def _root_session(url: str) -> LocalSession:
    return LocalSession(url, key="test", secret="test")  # noqa: S106 - what MiniStack calls root


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Attributes:
        name: Under which it is remembered in ``.run/<name>/``.
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
        """Its log, its state and its temporary files."""
        return RUN / self.name

    def session(self) -> LocalSession:
        """The session of the account's root, who may do everything; not for several threads."""
        return _root_session(self.url)

    def healthy(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:  # noqa: S310 - our own loopback address
                return bool(answer.status == 200)  # noqa: PLR2004
        except (urllib.error.URLError, OSError):
            return False

    def remember(self) -> None:
        """Write the state file that ``find`` reads."""
        (self.folder / "emulator.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def find(cls, name: str = "emulator") -> Self | None:
        """The running emulator of that name, or None; a stale state file is no emulator."""
        try:
            known = cls(**json.loads((RUN / name / "emulator.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return known if known.healthy() else None


def start(name: str = "emulator", *, auth: bool = False, port: int | None = None) -> Emulator:
    """Start an emulator and wait until it answers.

    Args:
        name: The folder in ``.run/`` for its state.
        auth: Enforce IAM permissions.
        port: A loopback port; by default a free one.

    Raises:
        EmulatorFailed: When it is not installed, ends at once, or does not answer in a minute.
    """
    folder = RUN / name
    _discard(folder / "tmp")
    (folder / "tmp").mkdir(parents=True)
    program = ROOT / ".venv-emulator" / "bin" / "ministack"
    if not program.exists():
        raise EmulatorFailed("The emulator is not installed: run `make setup`")
    port = port or free_port()
    log = folder / "emulator.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(program)],
            env=_environment(port, folder / "tmp", auth=auth),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    emulator = Emulator(name, process.pid, f"http://127.0.0.1:{port}", auth)
    deadline = time.monotonic() + _START_SECONDS
    while not emulator.healthy():
        if process.poll() is not None or time.monotonic() > deadline:
            stop(emulator)
            tail = "\n".join(log.read_text().splitlines()[-15:])
            raise EmulatorFailed(f"The emulator did not come up:\n{tail}")
        time.sleep(0.1)
    emulator.remember()
    return emulator


def stop(emulator: Emulator) -> None:
    """End an emulator and its Lambda workers, and remove its temporary files."""
    with suppress(ProcessLookupError):
        os.killpg(emulator.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _alive(emulator.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(emulator.pid, signal.SIGKILL)  # workers that outlived it
    if child := _children.pop(emulator.pid, None):
        child.wait()
    (emulator.folder / "emulator.json").unlink(missing_ok=True)
    _discard(emulator.folder / "tmp")


@contextmanager
def running(
    name: str = "emulator", *, auth: bool = False, port: int | None = None
) -> Iterator[Emulator]:
    """An emulator for the length of a ``with`` block."""
    emulator = start(name, auth=auth, port=port)
    try:
        yield emulator
    finally:
        stop(emulator)


def _discard(folder: Path) -> None:
    """Put a folder out of the way at once; its thousands of unpacked files go in the background."""
    if folder.exists():
        gone = folder.rename(folder.with_name(f"gone-{time.time_ns()}"))
        os.posix_spawnp("rm", ["rm", "-rf", str(gone)], os.environ)


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def _alive(pid: int) -> bool:
    if child := _children.get(pid):
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
