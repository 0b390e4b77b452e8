"""The package that people install: it stands alone, and declares what it needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from local.docs import DOCS
from pinecone_backup_cli.app import main
from tests.support.command_line import fine, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

CLI = DOCS.parent / "cli"
PROJECT = tomllib.loads((CLI / "pyproject.toml").read_text())["project"]
OWN = "pinecone_backup_cli"
DISTRIBUTIONS = {"yaml": "pyyaml"}
"""The distributions whose modules are called otherwise."""


def imported() -> Iterator[str]:
    """The top names of everything that runs, without what only the type checker reads."""
    for path in CLI.rglob("*.py"):
        todo: list[ast.AST] = [ast.parse(path.read_text())]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                yield (node.module or "").partition(".")[0]
            todo += ast.iter_child_nodes(node)


def test_it_imports_what_it_declares_and_nothing_of_the_repository() -> None:
    foreign = {name for name in imported() if name not in sys.stdlib_module_names} - {OWN}
    needed = {DISTRIBUTIONS.get(name, name) for name in foreign}
    declared = {re.split(r"[<>=]", each)[0] for each in PROJECT["dependencies"]}
    assert needed == declared


def test_the_command_is_the_one_that_is_installed() -> None:
    ((name, value),) = PROJECT["scripts"].items()
    assert name == "pinecone-backup"
    assert EntryPoint(name, value, "console_scripts").load() is main


def test_help_loads_neither_the_http_client_nor_the_aws_library() -> None:
    """They cost most of a second, and completion and help need none of them."""
    asked = "import sys; from pinecone_backup_cli.app import main; main(['--help']);"
    said = "print([m for m in ('httpx', 'botocore', 'yaml') if m in sys.modules], file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", asked + said], cwd=CLI, capture_output=True, text=True, check=True
    )
    assert ended.stderr.strip() == "[]"


def test_a_reader_that_goes_away_is_no_error() -> None:
    """As with ``pinecone-backup policy show | head -1``."""
    document = {"text": "x" * 200_000}  # more than a pipe holds
    policy = fine({"policy_version": "v1", "document": document})
    with scripted(policy) as server:
        command = [sys.executable, "-m", OWN, "policy", "show", "--url", server.url]
        with subprocess.Popen(
            command, cwd=CLI, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "version  v1\n"
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == ""
            assert process.wait() == 0
