"""The house stands as it was designed: floors, no import upwards, no circle, rules without I/O.

Everything is read from the sources. Imports for the type checker count as well: what a module
names in a signature, it depends on.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "pinecone_backup"
PACKAGE = "pinecone_backup"
FLOORS = [
    ["rules"],
    ["webhooks", "report"],
    ["ports"],
    ["usecases", "adapters"],
    ["api"],
    ["wiring"],
    ["functions"],
]
"""From the ground up; a module imports only from its own folder and from the floors below it.
What lies beside the folders (values, errors, settings) is the ground under all of them."""
PURE = ["rules", "webhooks"]
OUTSIDE = {
    *("asyncio", "concurrent", "multiprocessing", "subprocess", "threading"),
    *("io", "os", "pathlib", "shutil", "tempfile"),
    *("http", "select", "selectors", "socket", "ssl", "urllib.request"),
    *("logging", "random", "secrets", "time", "uuid", "warnings"),
    *("aws_lambda_powertools", "boto3", "botocore", "httpcore", "httpx", "urllib3"),
}
"""Modules that reach the world, or give another answer each time."""
READINGS = {"now", "today", "utcnow", "open", "print", "input"}
"""Calls that do so without an import of their own; ``datetime.now()`` is one."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the layer and of the functions, by its dotted name."""
    files = [*LAYER.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    return {_name(path): path for path in files}


def _name(path: Path) -> str:
    base = LAYER if path.is_relative_to(LAYER) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text())


@cache
def imports(module: str) -> frozenset[str]:
    """The modules that a module imports, wherever in it; ``from a import b`` may mean ``a.b``."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if names <= modules().keys() else names | {str(node.module)}
    return frozenset(found)


def folder(module: str) -> str:
    """The part of the house that a module belongs to; empty for what lies beside the folders."""
    first, *rest = module.split(".")
    name = rest[0] if first == PACKAGE and rest else first
    return name if any(name in floor for floor in FLOORS) else ""


def height(module: str) -> int:
    return next((n for n, floor in enumerate(FLOORS, 1) if folder(module) in floor), 0)


def reached(module: str) -> set[str]:
    """The module and all of ours that it imports, directly or not."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += imports(current) & modules().keys()
    return seen


def outside(module: str) -> set[str]:
    """What a module imports or calls that reaches the world."""
    imported = {name for name in imports(module) if _parents(name) & OUTSIDE}
    calls = [node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    called = {
        name.attr if isinstance(name, ast.Attribute) else name.id
        for name in calls
        if isinstance(name, ast.Attribute | ast.Name)
    }
    return imported | (called & READINGS)


def _parents(module: str) -> set[str]:
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


def within(*folders: str) -> list[str]:
    return sorted(module for module in modules() if folder(module) in folders)


@pytest.mark.parametrize("module", within(*PURE))
def test_a_pure_module_reaches_nothing_outside(module: str) -> None:
    """Through none of our modules either."""
    found = {name: outside(name) for name in reached(module)}

    assert {name: reasons for name, reasons in found.items() if reasons} == {}


def test_every_floor_has_modules_and_adapters_reach_outside() -> None:
    """The claims of this file are about something, and would be seen to fail."""
    assert all(within(name) for floor in FLOORS for name in floor)
    assert {"socket", "httpcore", "botocore.exceptions", "now"} <= {
        reason for module in within("adapters") for reason in outside(module)
    }


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_from_its_own_folder_and_the_floors_below(module: str) -> None:
    upwards = {
        name
        for name in imports(module) & modules().keys()
        if folder(name) != folder(module) and height(name) >= height(module)
    }

    assert upwards == set()


def test_no_imports_go_in_a_circle() -> None:
    graph = {module: imports(module) & modules().keys() for module in modules()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "tests").rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT / "tests")),
)
def test_tests_share_only_what_lies_in_support(path: Path) -> None:
    imported = {
        str(node.module)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }

    assert [name for name in imported if re.match(r"tests\.(?!support\b)", name)] == []
