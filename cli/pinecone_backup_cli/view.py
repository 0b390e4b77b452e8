"""The one place for rendering: an answer as tables for people, or as JSON for programs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pinecone_backup_cli.errors import ApiProblem, CliError, Exit
from pinecone_backup_cli.figures import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import RenderableType

    from pinecone_backup_cli.api import RuleReason

_UNBOUNDED = 10_000
_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_GOOD, _MINDFUL, _BAD, _QUIET = "green", "yellow", "bold red", "dim"
_STYLES = {
    **dict.fromkeys(("healthy", "pass", "protected", "good", "Ready", "succeeded"), _GOOD),
    **dict.fromkeys(("accepted", "approved", "Completed", "keep", "executed"), _GOOD),
    **dict.fromkeys(("attention", "warning", "waiting", "under_way", "running"), _MINDFUL),
    **dict.fromkeys(("awaiting_approval", "wait", "suspect", "partial", "Pending"), _MINDFUL),
    **dict.fromkeys(("requested", "unverified", "Initializing"), _MINDFUL),
    **dict.fromkeys(("failing", "fail", "overdue", "critical", "error", "failed"), _BAD),
    **dict.fromkeys(("stopped", "refused", "unknown", "delete", "Failed", "no_policy"), _BAD),
    **dict.fromkeys(("info", "opted_out", "expired", "planned", "leave_alone"), _QUIET),
    "InitializationFailed": _BAD,
}
"""The style of a word of the API. Colour only repeats what the word says."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answers.

    Attributes:
        data: For programs: models of the API, or lists and dictionaries of them.
        screen: For people, from top to bottom.
        exit: The exit code.
    """

    data: object
    screen: Sequence[RenderableType]
    exit: Exit = Exit.FINE


@dataclass(frozen=True, slots=True)
class Column[T]:
    """A column of a table.

    Attributes:
        title: Its head.
        cell: What a row has there.
        right: Whether it is set to the right, as figures are.
        whole: Whether its texts are never broken, as those that people copy.
    """

    title: str
    cell: Callable[[T], RenderableType]
    right: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Screens:
    """Where to print.

    Attributes:
        out: Answers: what a pipe takes on.
        err: Progress and errors.
        json: Whether to answer in JSON.
    """

    out: Console
    err: Console
    json: bool = False

    @classmethod
    def standard(cls, *, json: bool = False) -> Screens:
        """Standard output and standard error. A pipe gets whole lines, however long."""
        return cls(_console(stderr=False), _console(stderr=True), json)

    def show(self, answer: Answer) -> Exit:
        """Print an answer, and give its exit code."""
        if self.json:
            _print_json(self.out, answer.data)
        else:
            _print(self.out, answer.screen)
        return answer.exit

    def complain(self, error: CliError) -> Exit:
        """Print an error, and give its exit code."""
        if self.json:
            plain = {"title": str(error), "next_step": error.next_step}
            _print_json(self.err, error.problem if isinstance(error, ApiProblem) else plain)
        else:
            _print(self.err, _complaint(error))
        return error.exit


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    if console.is_terminal:
        for part in parts:
            console.print(part)
        return
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    for line in captured.get().splitlines():  # without the blanks that fill a table
        console.file.write(f"{line.rstrip()}\n")


def _print_json(console: Console, data: object) -> None:
    text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    if console.is_terminal:
        console.print(text, highlight=True, soft_wrap=True)
    else:
        console.file.write(f"{text}\n")


def table[T](rows: Iterable[T], *columns: Column[T], empty: str) -> RenderableType:
    """Rows under their heads; without any, the sentence that says so."""
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        grid.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=column.whole,
            overflow="fold",
        )
    for row in rows:
        grid.add_row(*(column.cell(row) for column in columns))
    return grid if grid.row_count else Text(empty, style=_QUIET)


def facts(*pairs: tuple[str, RenderableType]) -> RenderableType:
    """One thing, line by line: what it is called, and what it is. Empty ones are left out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=_QUIET, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in pairs:
        if value not in ("", NOTHING):
            grid.add_row(label, value)
    return grid


def heading(text: str) -> Text:
    """The head of a part, after a blank line."""
    return Text(f"\n{text}", style="bold")


def word(value: str | None) -> Text:
    """A word of the API as people read it."""
    if value is None:
        return Text(NOTHING, style=_QUIET)
    words = _CAPITAL.sub(lambda found: f" {found[0].lower()}", value).replace("_", " ")
    return Text(words, style=_STYLES.get(value, ""))


def hint(text: str) -> Text:
    """What one may do next."""
    return Text(text, style="cyan")


def either(value: str | None) -> str:
    """A text, or a dash."""
    return value or NOTHING


def _console(*, stderr: bool) -> Console:
    """A console that takes texts as they are; in a pipe a line is as long as it needs to be."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _UNBOUNDED
    return console


def _complaint(error: CliError) -> Iterable[RenderableType]:
    yield Text.assemble(("Error: ", "bold red"), str(error))
    pairs: list[tuple[str, str]] = []
    if isinstance(error, ApiProblem):
        problem = error.problem
        pairs += [("field", f"{each.pointer}: {each.detail}") for each in problem.errors or ()]
        pairs.append(("rule", problem.rule or ""))
        if answered := problem.pinecone:
            pairs.append(("Pinecone", f"{answered.operation} {answered.status or ''}".strip()))
        pairs.append(("request", problem.request_id))
    pairs.append(("next", error.next_step))
    yield facts(*((f"  {label}", value) for label, value in pairs))


def because(reasons: Iterable[RuleReason]) -> str:
    """Reasons in one line."""
    return ", ".join(reason.text for reason in reasons)
