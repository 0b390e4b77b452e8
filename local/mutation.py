"""Changes the rules one expression at a time, and counts what the tests notice (``make mutate``).

Works in copies under ``.build/mutation`` with mutmut: first by the rules' own tests, which take a
second per change, then what they let through by the properties too. Arguments are names of mutants,
as in ``pinecone_backup.rules.retention*``; without any, all rules are changed. Exits non-zero when
the tests notice fewer than ``ENOUGH`` of the changes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".build" / "mutation"
MUTMUT = Path(sys.executable).parent / "mutmut"
ENOUGH = 0.98
NOTICED = ("killed", "timeout", "caught by type check")
"""A test failed, or mutmut's own time limit ended it; death by a signal proves nothing."""
SELECTION = 'pytest_add_cli_args_test_selection = ["tests/unit/rules", "tests/property"]'
RULES_ONLY = 'pytest_add_cli_args_test_selection = ["tests/unit/rules"]'


def main(mutants: list[str]) -> int:
    """Run mutmut on fresh copies; returns the exit code."""
    found = _run(PLACE / "rules", mutants, by_properties=False)
    left = [name for name, state in found.items() if state not in NOTICED]
    if left:
        found |= _run(PLACE / "properties", left, by_properties=True)
    return score(found)


def score(found: Mapping[str, str]) -> int:
    """Print what was noticed, by module; returns 1 when that is not enough."""
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    for name, state in sorted(found.items()):
        modules[name.split(".")[2]][state] += 1
        if state not in NOTICED:
            print(f"{state}: {name}")
    for module, states in sorted(modules.items()):
        print(f"{module:<16} {_share(states):>7.1%} of {states.total()}")
    together = sum(modules.values(), Counter[str]())
    print(f"{'together':<16} {_share(together):>7.1%} of {together.total()}")
    return int(_share(together) < ENOUGH)


def _run(place: Path, mutants: Iterable[str], *, by_properties: bool) -> dict[str, str]:
    """What became of each mutant, by its name."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    package = ROOT / "layers" / "pinecone_backup" / "pinecone_backup"
    beside = [ROOT / name for name in ("cli", "docs", "functions", "local", "tests")]
    for folder in (package, *beside):
        shutil.copytree(
            folder, place / folder.name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis")
        )
    shutil.copy(ROOT / "template.yaml", place)
    settings = (ROOT / "pyproject.toml").read_text()
    if SELECTION not in settings:
        raise ValueError(f"pyproject.toml selects other tests than {SELECTION}")
    (place / "pyproject.toml").write_text(
        settings if by_properties else settings.replace(SELECTION, RULES_ONLY)
    )
    subprocess.run([MUTMUT, "run", *mutants], cwd=place, check=True)
    listed = subprocess.run(
        [MUTMUT, "results", "--all", "true"], cwd=place, check=True, capture_output=True, text=True
    )
    lines = (line.strip().rpartition(": ") for line in listed.stdout.splitlines() if line.strip())
    return {name: state for name, _, state in lines if state != "not checked"}


def _share(states: Counter[str]) -> float:
    """Which part of the changes was noticed; one that no test reaches was not."""
    return sum(states[state] for state in NOTICED) / max(states.total(), 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
