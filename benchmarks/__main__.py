"""``make bench``: every benchmark in turn; ``docs/performance.md`` keeps the ratios."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run each module of this folder; the number of those that failed."""
    failures = 0
    for path in sorted(HERE.glob("[a-z]*.py")):
        print(f"\n=== {path.stem}\n", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{path.stem}"]
        failures += subprocess.run(command, check=False).returncode != 0
    return failures


if __name__ == "__main__":
    sys.exit(main())
