"""What a function has loaded when it has started, found in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from local.build import ROOT

_PROGRAM = """
import importlib, importlib.util, json, sys
function, *later = sys.argv[1:]
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("app", f"functions/{function}/app.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))
for module in later:
    importlib.import_module(module)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(function: str, *later: str, **environment: str) -> set[str]:
    """The modules that importing a handler loads, and then some more.

    Args:
        function: The folder below ``functions``.
        later: Modules that the handler itself would import with its first event.
        environment: Variables that Lambda would set.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, function, *later],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "layers" / "pinecone_backup"), "PATH": "", **environment},
        capture_output=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout))
