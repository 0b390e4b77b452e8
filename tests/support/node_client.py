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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.simulator import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

AVAILABLE = shutil.which("node") is not None and shutil.which("npm") is not None
"""Whether this machine has node and npm."""

_PINS = Path(__file__).parents[1] / "contract" / "node"
_BUILD = Path(__file__).parents[2] / ".build"
_INSTALLED = _BUILD / "node-client"
_SECONDS = 120


class NodeFailure(RuntimeError):
    """npm or the script ended badly; the text is what it wrote."""


def installed() -> Path:
    """The folder with the client and the script that drives it, installed by the first caller."""
    lock = (_PINS / "package-lock.json").read_text(encoding="utf-8")
    present = _INSTALLED / "package-lock.json"
    if not present.exists() or present.read_text(encoding="utf-8") != lock:
        _BUILD.mkdir(exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="node-client-", dir=_BUILD))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_PINS / name, fresh)
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], fresh)
        shutil.rmtree(_INSTALLED, ignore_errors=True)
        try:
            fresh.rename(_INSTALLED)
        except OSError:  # another test process was faster
            shutil.rmtree(fresh)
    shutil.copy(_PINS / "drive.mjs", _INSTALLED)
    return _INSTALLED


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
