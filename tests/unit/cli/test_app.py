"""The command line as a whole: its commands, their help, and how it ends."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from local.docs import DOCS
from pinecone_backup_cli.app import INTERRUPTED, app
from pinecone_backup_cli.errors import Exit
from tests.support.command_line import CommandLine, problem, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclopts import App

_EXAMPLE = re.compile(r"Example: `(pinecone-backup .*)`")


def commands(place: App = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command by its words, with the function that it calls."""
    if path and place.default_command is not None:
        yield " ".join(path), place.default_command
    for name in place:
        if not name.startswith("-"):
            yield from commands(place[name], (*path, name))


COMMANDS = dict(commands())


def example(command: str) -> list[str]:
    (line,) = _EXAMPLE.findall(COMMANDS[command].__doc__ or "")
    words = shlex.split(line.partition(" > ")[0])
    assert words[0] == "pinecone-backup"
    return words[1:]


def test_there_are_the_commands_that_are_documented() -> None:
    assert {"status", "why", "plan approve", "runs start", "policy validate"} <= set(COMMANDS)
    assert len(COMMANDS) >= 26


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_a_command_is_one_of_that_command(command: str) -> None:
    called, _, _ = app.parse_args(example(command), exit_on_error=False, print_error=False)
    assert called is COMMANDS[command]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_needs_no_deployment_and_no_more_than_80_columns(
    run: CommandLine, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = run(*command.split(), "--help")
    assert said.code == Exit.FINE
    assert f"Usage: pinecone-backup {command}".strip() in said.out
    assert max(map(len, said.lines)) <= 80


@pytest.mark.parametrize("command", sorted({*COMMANDS, *(name for name in app if name[0] != "-")}))
def test_every_help_has_an_example(run: CommandLine, command: str) -> None:
    said = run(*command.split(), "--help")
    assert "Example: pinecone-backup " in said.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["holdd", "x"], 'Did you mean "hold"'),
        (["hold", "b-1"], "--reason"),
        (["hold", "--reason", "Case"], "on a backup or on an index"),
        (["hold", "b-1", "--index", "i", "--reason", "Case"], "on a backup or on an index"),
        (["hold", "b-1", "--reason", "Case", "--until", "soon"], "is no time"),
        (["runs", "start", "everything"], '"create", "prune", "audit"'),
        (["runs", "--limit", "0"], "limit"),
        (["--project"], "--project"),
        (["policy", "validate", "nothing.json"], "nothing.json"),
    ],
)
def test_what_is_not_valid_asks_nothing(run: CommandLine, arguments: list[str], said: str) -> None:
    with scripted(problem("internal", 500)) as server:
        ended = run("--url", server.url, *arguments)
    assert (ended.code, ended.out, server.requests) == (Exit.USAGE, "", [])
    assert said in ended.err
    assert "next" in ended.err


def test_an_error_says_what_which_rule_and_what_next(run: CommandLine) -> None:
    refusal = problem("rule-forbids", 409, rule="held", errors=[{"pointer": "#/a", "detail": "x"}])
    with scripted(refusal) as server:
        said = run("health", "--url", server.url)
    assert said.code == Exit.REFUSED
    assert said.out == ""
    assert said.err.splitlines() == [
        "Error: The detail",
        "  field    #/a: x",
        "  rule     held",
        "  request  c6af9ac6",
        "  next     The next step.",
    ]


def test_for_programs_an_error_is_the_problem_itself(run: CommandLine) -> None:
    with scripted(problem("rule-forbids", 409, rule="held")) as server:
        said = run("health", "--json", "--url", server.url)
    assert said.out == ""
    told = json.loads(said.err)
    assert (told["type"], told["rule"]) == ("urn:pinecone-backup:problem:rule-forbids", "held")


def test_markup_in_an_answer_is_shown_and_not_obeyed(run: CommandLine) -> None:
    with scripted(problem("not-found", 404, detail="[red]no[/red] [x]")) as server:
        said = run("health", "--url", server.url)
    assert "[red]no[/red] [x]" in said.err


def test_completion_knows_commands_options_and_choices() -> None:
    script = app.meta.generate_completion(shell="bash")  # noqa: S604 - prints a script
    for word in ("restore-jobs", "approve", "--project", "audit"):
        assert word in script


def test_every_exit_code_is_documented() -> None:
    table = (DOCS.parent / "cli" / "README.md").read_text().partition("<!-- exit codes -->")[2]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert documented == {*Exit, INTERRUPTED}
