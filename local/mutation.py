"""Changes the rules one expression at a time, and counts what the tests notice (``make mutate``).

Works in a copy, ``.build/mutation``, with mutmut. Arguments are names of mutants, as in
``pinecone_backup.rules.retention*``; without any, all rules are changed. Exits non-zero when the
tests notice fewer than ``ENOUGH`` of the changes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".build" / "mutation"
MUTMUT = Path(sys.executable).parent / "mutmut"
ENOUGH = 0.9
NOTICED = ("killed", "timeout", "caught by type check")
"""A test failed, or mutmut's own time limit ended it; death by a signal proves nothing."""


def main(mutants: list[str]) -> int:
    """Run mutmut on a fresh copy; returns the exit code."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    package = ROOT / "layers" / "pinecone_backup" / "pinecone_backup"
    beside = [ROOT / name for name in ("cli", "docs", "functions", "local", "tests")]
    for folder in (package, *beside):
        shutil.copytree(
            folder, PLACE / folder.name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis")
        )
    for name in ("pyproject.toml", "template.yaml"):
        shutil.copy(ROOT / name, PLACE)
    ran = subprocess.run([MUTMUT, "run", *mutants], cwd=PLACE, check=False)
    return score() or ran.returncode


def score() -> int:
    """Print what was noticed, by module; returns 1 when that is not enough."""
    listed = subprocess.run(
        [MUTMUT, "results", "--all", "true"], cwd=PLACE, check=True, capture_output=True, text=True
    )
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for line in listed.stdout.splitlines():
        name, _, state = line.strip().rpartition(": ")
        if state != "not checked":
            found[name.split(".")[2]][state] += 1
            if state not in NOTICED:
                print(f"{state}: {name}")
    for module, states in sorted(found.items()):
        print(f"{module:<12} {_share(states):>7.1%} of {states.total()}")
    together = sum(found.values(), Counter[str]())
    print(f"{'together':<12} {_share(together):>7.1%} of {together.total()}")
    return int(_share(together) < ENOUGH)


def _share(states: Counter[str]) -> float:
    """Which part of the changes was noticed; one that no test reaches was not."""
    return sum(states[state] for state in NOTICED) / max(states.total(), 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
