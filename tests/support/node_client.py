"""The official Pinecone client for Node, pointed at the simulator.

It is installed once, into ``.build/``, from the pins in ``tests/contract/node``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.simulator import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

AVAILABLE = shutil.which("node") is not None and shutil.which("npm") is not None
"""Whether this machine has node and npm."""

_PINS = Path(__file__).parents[1] / "contract" / "node"
_BUILD = Path(__file__).parents[2] / ".build"
_FILES = ("package.json", "package-lock.json", "drive.mjs")
_SECONDS = 120


class NodeFailure(RuntimeError):
    """npm or the script ended badly; the text is what it wrote."""


def installed() -> Path:
    """The folder with the client and the script that drives it, made by the first who needs it.

    It is named after what it is made from, appears whole, and is never changed: test processes
    do not get into each other's way.
    """
    made_from = b"".join((_PINS / name).read_bytes() for name in _FILES)
    folder = _BUILD / f"node-client-{sha256(made_from).hexdigest()[:12]}"
    if folder.exists():
        return folder
    _BUILD.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="node-client-new-", dir=_BUILD))
    for name in _FILES:
        shutil.copy(_PINS / name, fresh)
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], fresh)
    try:
        fresh.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)
    return folder


@dataclass(frozen=True, slots=True)
class Call:
    """One call: of a method of the client or, with ``index``, of that index's client."""

    method: str
    args: tuple[object, ...] = ()
    index: str | None = None
    namespace: str = ""


def node_calls(url: str, *calls: Call, key: str = DEFAULT_KEY) -> list[Mapping[str, Any]]:
    """What came of each call: ``{"value": ...}``, or ``{"error": class, "message": ...}``."""
    asked = [
        {"index": c.index, "namespace": c.namespace, "method": c.method, "args": c.args}
        for c in calls
    ]
    order = json.dumps({"url": url, "key": key, "calls": asked})
    folder = installed()
    outcomes: list[Mapping[str, Any]] = json.loads(_run(["node", "drive.mjs"], folder, order))
    return outcomes


def _run(command: list[str], folder: Path, given: str = "") -> str:
    environment = {name: text for name, text in os.environ.items() if "PINECONE" not in name}
    done = subprocess.run(
        command,
        cwd=folder,
        input=given,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise NodeFailure(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout
